import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasFallback, isVariable } from '../platform/env.ts';
import {
  READY_PATH,
  PORT,
  PROCESSES,
  processOf,
  variablesOf,
  type ProcessName,
  type ServerName,
} from '../platform/system.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const compose = read('docker-compose.yml');

const PROCESS_NAMES = Object.keys(PROCESSES) as ProcessName[];
/** Which service is the server that a process needs, and which network leads to it alone. */
const SERVERS: Record<ServerName, { service: string; network: string }> = {
  'event-store': { service: 'eventstore', network: 'events' },
  postgres: { service: 'postgres', network: 'rows' },
  vault: { service: 'vault', network: 'keys' },
};
/** What ops/room.sh reads. */
const OF_THE_CONTAINER = ['ROOM', 'LOG_DIR'];
/** What the operators' commands may be given: the variables of any process, or of the shipper. */
const isKnown = (name: string) => isVariable(name) || OF_THE_CONTAINER.includes(name);

/** The indented lines below each line that `heading` matches, by its first group. */
function blocks(text: string, heading: RegExp): Map<string, string> {
  const found = new Map<string, string>();
  let name: string | undefined;
  for (const line of text.split('\n')) {
    const begun = heading.exec(line)?.[1];
    if (begun !== undefined) name = begun;
    else if (/^ {0,2}\S/.test(line)) name = undefined;
    if (name !== undefined) found.set(name, `${found.get(name) ?? ''}${line}\n`);
  }
  return found;
}

const section = (name: string) => compose.split(`\n${name}:\n`)[1]!.split(/\n(?=\S)/)[0]!;
const services = blocks(section('services'), /^ {2}([\w-]+):$/);
const anchors = new Map(
  [...compose.matchAll(/^x-[\w-]+: &([\w-]+)\n((?:(?: .*|\s*)\n)+)/gm)].map((found) => [
    found[1]!,
    found[2]!,
  ]),
);

/** A service with what it takes from anchors. */
const whole = (name: string): string =>
  services.get(name)! +
  [...services.get(name)!.matchAll(/<<: \*([\w-]+)/g)].map(([, at]) => anchors.get(at!)!).join('');

/** What is under `environment:` of a service itself. */
function variables(name: string): Map<string, string> {
  const own = /^ {4}environment:\n((?: {6}.*\n)+)/m.exec(services.get(name)!)?.[1] ?? '';
  return new Map(
    [...own.matchAll(/^ {6}([A-Z_]+): (.*)$/gm)].map(([, key, value]) => [key!, value!]),
  );
}

/** What a service has under a key of its own, in brackets or one a line. */
function listOf(name: string, key: string): string[] {
  const found = new RegExp(`^ {4}${key}:(?: \\[(.*)\\]|\\n((?: {6}.*\\n)+))`, 'm');
  const [, inline, lines] = found.exec(services.get(name)!) ?? [];
  if (inline !== undefined) return inline.split(', ');
  return [...(lines ?? '').matchAll(/^ {6}([\w-]+):/gm)].map(([, each]) => each!);
}

test('each process of the system is one service, with its entry and its memory', () => {
  const rooms = [...services.keys()].filter(
    (name) =>
      /<<: \*room/.test(services.get(name)!) && !/^ {4}profiles:/m.test(services.get(name)!),
  );
  assert.equal(rooms.toSorted(), PROCESS_NAMES.toSorted());
  for (const name of PROCESS_NAMES) {
    const { entry, heapMiB } = processOf(name);
    assert.equal(listOf(name, 'command'), [`--max-old-space-size=${heapMiB}`, entry], name);
    assert.is(variables(name).get('ROOM'), name);
  }
});

test('each process gets exactly the variables that it reads', () => {
  for (const name of PROCESS_NAMES) {
    const given = [...variables(name).keys()].filter((each) => !OF_THE_CONTAINER.includes(each));
    const known = variablesOf(name);
    assert.equal(
      given.filter((each) => !known.includes(each)),
      [],
      `${name} is given what it does not read`,
    );
    const canDoWithout = processOf(name).variables.filter(hasFallback);
    assert.equal(
      known.filter((each) => !given.includes(each) && !canDoWithout.some((one) => one === each)),
      [],
      `${name} lacks what it reads`,
    );
    for (const [constant, value] of Object.entries(processOf(name).constants ?? {})) {
      assert.is(variables(name).get(constant), value);
    }
  }
});

test('each process listens where it is looked for, and is asked for its health there', () => {
  const asked = `fetch('http://127.0.0.1:${PORT}${READY_PATH}')`;
  assert.ok(anchors.get('room')!.includes(asked));
  for (const name of PROCESS_NAMES) {
    assert.is(variables(name).get('PORT'), `'${PORT}'`, name);
    assert.is(variables(name).get('HOST'), '0.0.0.0', name);
    assert.not.match(services.get(name)!, /healthcheck:/);
    for (const variable of processOf(name).address) {
      // Of the edge people type another.
      if (variable === 'PUBLIC_URL') continue;
      const told = [...services.keys()].map((other) => variables(other).get(variable));
      const addresses = new Set(told.filter((each) => each !== undefined));
      assert.equal([...addresses], [`http://${name}:${PORT}`], variable);
    }
  }
  assert.is(variables('projector').get('CLOUDFRONT_ENDPOINT'), `http://edge:${PORT}`);
});

test('each process waits for whom it needs, and reaches no other server', () => {
  for (const name of PROCESS_NAMES) {
    const { needs } = processOf(name);
    const waitsFor = listOf(name, 'depends_on');
    const isServer = (need: string): need is ServerName => need in SERVERS;
    const needed = needs.map((need) => (isServer(need) ? SERVERS[need].service : need));
    assert.equal(
      needed.filter((each) => !waitsFor.includes(each)),
      [],
      name,
    );
    const networks = listOf(name, 'networks');
    for (const [server, { network }] of Object.entries(SERVERS)) {
      const isNeeded = needs.some((need) => need === server);
      assert.is(networks.includes(network), isNeeded, `${name}: ${network}`);
    }
  }
});

test('no command of the operators gets a variable that nobody knows', () => {
  for (const name of ['ops', 'ship-logs']) {
    assert.equal(
      [...variables(name).keys()].filter((each) => !isKnown(each)),
      [],
      name,
    );
  }
});

test('every image has an exact version', () => {
  const composed = [...compose.matchAll(/^ +image: (\S+)$/gm)].map(([, image]) => image!);
  const built = [...read('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image!);
  const others = [...composed, ...built].filter((image) => image !== 'doorstep-groceries:local');
  assert.ok(others.length > 5);
  assert.equal(
    others.filter((image) => !/:\d+\.\d+(?:\.\d+)?(?:-[\w.-]+)?$/.test(image)),
    [],
  );
});

test('no secret is in the file', () => {
  const secrets = [...compose.matchAll(/^ +\w*(?:PASSWORD|SECRET|KEY|KEY_ID): (.*)$/gm)];
  assert.ok(secrets.length > 10);
  assert.equal(
    secrets.map(([, value]) => value!).filter((value) => !/^\$\{[A-Z_]+:(?:\?|-\})/.test(value)),
    [],
  );
  const inAddresses = [...compose.matchAll(/:\/\/[\w-]+:([^@\n]+)@/g)].map(([, value]) => value!);
  assert.ok(inAddresses.length > 5);
  assert.equal(
    inAddresses.filter((value) => !value.startsWith('${')),
    [],
  );
});

test('every service that goes on is asked for its health', () => {
  const goesOn = [...services.keys()].filter((name) => !/restart: 'no'/.test(services.get(name)!));
  assert.ok(goesOn.length > 10);
  assert.equal(
    goesOn.filter((name) => !/^ +healthcheck:\n +(?:#.*\n +)?test:/m.test(whole(name))),
    [],
  );
});

test('only the edge is open to other machines', () => {
  const open = [...services.keys()].filter((name) =>
    /^ {4}ports: \['(?!127\.0\.0\.1:)/m.test(services.get(name)!),
  );
  assert.equal(open, ['edge']);
  const networks = section('networks').match(/^ {2}\w+:.*$/gm)!;
  assert.equal(
    networks.filter((line) => !line.includes('internal: true')),
    ['  outside:'],
  );
});

test('secrets.sh makes every secret once, for its owner alone', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doorstep-ops-'));
  try {
    for (const file of ['docker-compose.yml', 'ops/secrets.sh']) {
      cpSync(join(ROOT, file), join(dir, file));
    }
    const file = join(dir, '.env');
    writeFileSync(file, 'VAULT_SECRET=kept');
    const run = () => execFileSync('sh', [join(dir, 'ops/secrets.sh')], { encoding: 'utf8' });
    run();
    const made = readFileSync(file, 'utf8');
    const needed = new Set([...compose.matchAll(/\$\{([A-Z_]+):\?/g)].map(([, name]) => name!));
    for (const name of needed) {
      const value = new RegExp(`^${name}=(.*)$`, 'm').exec(made)?.[1];
      if (name === 'VAULT_SECRET') assert.is(value, 'kept');
      else assert.match(value!, /^[0-9a-f]{48}$/, name);
    }
    assert.is(statSync(file).mode & 0o777, 0o600);
    assert.is(run(), '');
    assert.is(readFileSync(file, 'utf8'), made);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test.run();
