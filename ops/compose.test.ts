import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const compose = read('docker-compose.yml');

/** The services of the rooms, and where each says which variables it needs. */
const ROOMS: Record<string, string> = {
  edge: 'local/edge.ts',
  'read-api': 'read-api/main.ts',
  'write-api': 'write-api/main.ts',
  projector: 'projector/main.ts',
};
/** Known to the SDK, to SvelteKit's server, or to ops/room.sh. */
const OTHER_VARIABLES = /^(?:AWS_\w+|PROTOCOL_HEADER|HOST_HEADER|ROOM|LOG_DIR)$/;

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

test('every room gets the variables that it does not start without', () => {
  const rules = read('platform/env.ts');
  const hasFallback = (variable: string) =>
    new RegExp(`^ {2}${variable}: \\{[^}]*fallback:`, 'm').test(rules);
  for (const [name, file] of Object.entries(ROOMS)) {
    const asked = /= environment\(([^)]*)\)/.exec(read(file))![1]!;
    const needed = [...asked.matchAll(/'(\w+)'/g)].map(([, variable]) => variable!);
    assert.ok(needed.includes('PORT'), `${file} was read`);
    const missing = needed.filter((each) => !hasFallback(each) && !variables(name).has(each));
    assert.equal(missing, [], name);
  }
  const web = [...read('web/src/env.ts').matchAll(/^ {2}([A-Z_]+): \{ schema/gm)];
  assert.ok(web.length > 0);
  for (const [, variable] of web) assert.ok(variables('web').has(variable!), variable);
});

test('no room gets a variable that nobody knows', () => {
  const known = [...read('platform/env.ts').matchAll(/^ {2}([A-Z_]+): \{/gm)].map(([, one]) => one);
  for (const name of [...Object.keys(ROOMS), 'web', 'ops', 'ship-logs']) {
    const unknown = [...variables(name).keys()].filter(
      (variable) => !known.includes(variable) && !OTHER_VARIABLES.test(variable),
    );
    assert.equal(unknown, [], name);
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
