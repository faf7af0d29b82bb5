import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jsonEvent } from '@eventstore/db-client';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startEventStore } from '../event-store/server.ts';
import { asStored, connectEventStore } from '../platform/event-store.ts';
import { ops } from '../test/ops.ts';
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
      const values = [...services.keys()].map((other) => variables(other).get(variable));
      const addresses = new Set(values.filter((each) => each !== undefined));
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

/** What a service keeps in a volume and may write to. */
const volumesOf = (name: string): string[] =>
  [...services.get(name)!.matchAll(/^ {6}- ([\w-]+):(?!.*:ro$)/gm)].map(([, volume]) => volume!);

const STORES = [...services.keys()].filter((name) => /<<: \*eventstore$/m.test(whole(name)));
const NODES = STORES.filter((name) => services.get(name)!.includes('profiles: [cluster]'));
const atPort = (names: string[]) => names.map((name) => `${name}:2113`).join(',');
/** What a service says to EventStoreDB, with what it takes from anchors. */
const said = (name: string, option: string): string[] =>
  [...whole(name).matchAll(new RegExp(`^ +EVENTSTORE_${option}: (.*)$`, 'gm'))].map(
    ([, value]) => value!,
  );

test('the single node never joins others, whatever is set', () => {
  const single = STORES.filter((name) => !NODES.includes(name));
  assert.equal(single, [SERVERS['event-store'].service]);
  for (const name of single) {
    assert.equal(said(name, 'CLUSTER_SIZE'), [`'1'`]);
    assert.equal(said(name, 'DISCOVER_VIA_DNS'), [`'false'`]);
    assert.equal(said(name, 'GOSSIP_SEED'), []);
  }
});

test('the nodes of the cluster know each other and nobody else, and keep their logs apart', () => {
  assert.is(NODES.length, 3);
  const sizes = anchors.get('cluster-environment')!.match(/EVENTSTORE_CLUSTER_SIZE: .*/g);
  assert.equal(sizes, [`EVENTSTORE_CLUSTER_SIZE: '3'`]);
  for (const name of NODES) {
    assert.match(services.get(name)!, '<<: *cluster-environment');
    assert.is(variables(name).get('EVENTSTORE_CLUSTER_SIZE'), undefined);
    const others = NODES.filter((each) => each !== name);
    assert.is(variables(name).get('EVENTSTORE_GOSSIP_SEED'), atPort(others));
  }
  for (const name of STORES) {
    for (const advertised of ['NODE_HOST_ADVERTISE_AS', 'REPLICATION_HOST_ADVERTISE_AS']) {
      assert.is(variables(name).get(`EVENTSTORE_${advertised}`), name);
    }
    assert.equal(volumesOf(name), [name]);
    const users = [...services.keys()].filter((each) => volumesOf(each).includes(name));
    assert.equal(users, [name]);
    const named = [...compose.matchAll(/^ +node \w+ (\S+)$/gm)].flatMap(([, names]) =>
      names!.split(','),
    );
    assert.ok(named.includes(name), `no certificate is made for ${name}`);
  }
});

test('a log gets from the single node into the cluster by a command that does it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'doorstep-ops-'));
  const testing = join(ROOT, 'event-store/testing');
  const [certificate, key] = ['certificate.pem', 'key.pem'].map((file) =>
    readFileSync(join(testing, file)),
  );
  const open = (name: string) =>
    startEventStore({
      dir: join(dir, name),
      // The client's TLS takes no bare IP address.
      host: 'localhost',
      tls: { certificate: certificate!, key: key! },
      users: { admin: 'secret' },
    });
  const [single, cluster] = [await open('single'), await open('cluster')];
  const asComposed = [...services.get('copy-to-cluster')!.matchAll(/^ {6}- (\S.*)$/gm)]
    .map(([, argument]) => argument!)
    .filter((argument) => !argument.includes('/certificates/ca:ro'));
  const args = asComposed.map((argument) =>
    argument
      .replace(/\$\{EVENTSTORE_PASSWORD:\?.*?\}/, 'secret')
      .replace('/certificates/ca/ca.crt', join(testing, 'certificate.pem'))
      .replace(`@${atPort(NODES)}?`, `@localhost:${cluster.port}?`)
      .replace('@eventstore:2113?', `@localhost:${single.port}?`),
  );
  assert.is(args[0], 'ops/main.ts');
  const copy = async () => {
    const { code, stdout, stderr } = await ops(args.slice(1), {});
    assert.is(code, 0, stderr);
    return stdout;
  };
  const client = connectEventStore(args[3]!, asStored);
  try {
    const happen = (...types: string[]) =>
      client.appendToStream(
        'lamp-1',
        types.map((type) => jsonEvent({ type, data: {} })),
      );
    await happen('LampHung', 'LampTurnedOn');
    assert.match(await copy(), '2 events compared, 2 of them appended now');
    await happen('LampTurnedOff');
    assert.match(await copy(), '3 events compared, 1 of them appended now');
    assert.match(await copy(), '3 events compared, 0 of them appended now');
  } finally {
    await client.dispose();
    await Promise.all([single.close(), cluster.close()]);
    rmSync(dir, { recursive: true });
  }
});

test('no command of the operators gets a variable that nobody knows', () => {
  for (const name of ['ops', 'ship-logs', 'copy-to-cluster']) {
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
