import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/**
 * Files of the domain that say how a thing is written down and decide nothing: what reads rows takes
 * their values too.
 */
const TABLES_OF_DOMAIN = ['domain/schema.ts', 'domain/limits.ts', 'domain/catalogue/price-list.ts'];

/**
 * From which rooms, or single files, a room takes values, and from which only types. The table is in
 * DESIGN's words.
 */
const ROOMS: Record<string, { values: string[]; types: string[] }> = {
  domain: { values: ['engine/decider.ts', 'engine/process.ts'], types: [] },
  wording: { values: [], types: ['domain'] },
  engine: { values: ['platform'], types: [] },
  platform: { values: [], types: [] },
  'write-api': { values: ['domain', 'engine', 'platform', 'wording'], types: [] },
  projector: { values: ['domain', 'engine', 'platform'], types: [] },
  'read-api': {
    values: [...TABLES_OF_DOMAIN, 'projector/tags.ts', 'engine', 'platform', 'wording'],
    types: ['projector', 'domain'],
  },
  web: { values: ['domain', 'wording'], types: ['read-api'] },
  ops: { values: ['domain', 'engine', 'platform', 'projector', 'wording'], types: [] },
  perf: { values: ['engine', 'platform'], types: [] },
  'event-store': { values: ['platform/protobuf.ts'], types: [] },
  local: { values: ['platform'], types: [] },
  test: {
    values: ['domain', 'platform', 'write-api', 'projector', 'read-api', 'ops', 'perf', 'local'],
    types: ['web'],
  },
};

/** What only tests run may know every room. */
const isTest = (file: string) =>
  /\.test\.ts$|^test\//.test(file) || /^event-store\/(?:conformance|drill)(?:\/|\.ts$)/.test(file);

/** Files that git tracks or would track. */
const listFiles = (...patterns: string[]): string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', ...patterns], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && existsSync(join(import.meta.dirname, file)));

const sources = listFiles('*.ts', '*.svelte').filter((file) => file.includes('/'));
const textOf = (file: string) => readFileSync(join(import.meta.dirname, file), 'utf8');

type Import = { file: string; room: string; from: string; onlyTypes: boolean };

/** What a specifier names: a file of ours from the root, or a package. */
function pathOf(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return join(file, '..', specifier);
  return specifier.replace(/^#(domain|wording)\//, '$1/').replace(/^#lib\//, 'web/src/lib/');
}

const roomOf = (path: string): string => path.split('/')[0]!;

function importsOf(file: string): Import[] {
  const pattern =
    /(?:import|export)\s+(type\s)?[^'";]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)/g;
  const room = roomOf(file);
  return [...textOf(file).matchAll(pattern)].flatMap(([, type, named, dynamic]) => {
    const from = pathOf(file, (named ?? dynamic)!);
    return [{ file, room, from, onlyTypes: Boolean(type) }];
  });
}

test('a room imports only from the rooms that it may know', () => {
  const broken = sources
    .filter((file) => !isTest(file))
    .flatMap(importsOf)
    .filter(({ room, from, onlyTypes }) => {
      if (!(roomOf(from) in ROOMS) || roomOf(from) === room) return false;
      const { values, types } = ROOMS[room]!;
      const known = onlyTypes ? [...values, ...types] : values;
      return !known.includes(roomOf(from)) && !known.includes(from);
    })
    .map(({ file, from }) => `${file} imports ${from}`);
  assert.equal(broken, []);
});

/** Groups of files that import each other, directly or by way of others; types count as well. */
function circlesIn(files: string[]): string[][] {
  const known = new Set(files);
  const importsByFile = new Map(
    files.map((file) => [
      file,
      importsOf(file).flatMap(({ from }) => (known.has(from) ? [from] : [])),
    ]),
  );
  const reachableFrom = (start: string): Set<string> => {
    const reached = new Set<string>();
    const waiting = [...importsByFile.get(start)!];
    for (let file = waiting.pop(); file; file = waiting.pop()) {
      if (reached.has(file)) continue;
      reached.add(file);
      waiting.push(...importsByFile.get(file)!);
    }
    return reached;
  };
  const reach = new Map(files.map((file) => [file, reachableFrom(file)]));
  const inCircle = files.filter((file) => reach.get(file)!.has(file));
  const circles = Map.groupBy(inCircle, (file) =>
    inCircle
      .filter((other) => reach.get(file)!.has(other) && reach.get(other)!.has(file))
      .join(' '),
  );
  return [...circles.values()];
}

test('no files import each other in a circle, not even types', () => {
  assert.equal(circlesIn(sources.filter((file) => !isTest(file))), []);
});

/** Words of the trade: what runs rules, and the doors to the outside, know none of it. */
const GROCERIES =
  /cart|listing|grocer|shopper|paise|rupee|pincode|inventory|invoice|checkout|delivery|storeOrder|store order|razorpay|\bupi\b|\bgst|pickup|kirana/i;

test('the engine and the platform know no groceries', () => {
  // Variables of the environment (platform/env.ts is their table) are named after what they are for.
  const code = (file: string) =>
    textOf(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$|\b[A-Z][A-Z0-9_]+\b/gm, '');
  const wrong = sources
    .filter((file) => /^(?:engine|platform)\//.test(file) && !isTest(file))
    .filter((file) => file !== 'platform/env.ts')
    .flatMap((file) => {
      const word = GROCERIES.exec(code(file));
      return word ? [`${file}: ${word[0]}`] : [];
    });
  assert.equal(wrong, []);
});

test('every room is in the table', () => {
  const rooms = new Set(sources.map(roomOf));
  assert.equal(
    [...rooms].filter((room) => !(room in ROOMS) && room !== 'test'),
    [],
  );
});

test('the domain is pure: no package, no clock, no randomness', () => {
  const files = sources.filter(
    (file) => /^domain\/|^engine\/(?:decider|process)\.ts$/.test(file) && !isTest(file),
  );
  const foreign = files.flatMap(importsOf).filter(({ from }) => roomOf(from) !== 'domain');
  assert.equal(
    foreign
      .filter(({ from }) => from !== 'engine/decider.ts' && from !== 'engine/process.ts')
      .map(({ from }) => from),
    [],
  );
  const impure = /Date\.now|new Date\(\)|Math\.random|process\.(?!ts)|setTimeout|console\./;
  assert.equal(
    files.filter((file) => impure.test(textOf(file))),
    [],
  );
});

test('what read-api takes of the domain are tables: no rule decides on rows', () => {
  const code = (file: string) => textOf(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  const deciding = TABLES_OF_DOMAIN.filter((file) => /=>|\bfunction\b|\bclass\b/.test(code(file)));
  assert.equal(deciding, []);
});

/** A note in the log says when it was written, and nothing decides by it. */
const STAMPS = ['engine/parking.ts'];

test('nobody but a main.ts asks for the time: it is passed in', () => {
  const clock = /Date\.now\(|new Date\(\)/;
  const asking = sources
    .filter((file) => /^(?:domain|engine|write-api|projector|read-api)\//.test(file))
    .filter((file) => !isTest(file) && basename(file) !== 'main.ts' && !STAMPS.includes(file))
    .filter((file) => clock.test(textOf(file)));
  assert.equal(asking, []);
});

test('wording is pure: no package, no clock, nothing but itself', () => {
  const files = sources.filter((file) => file.startsWith('wording/') && !isTest(file));
  const foreign = files
    .flatMap(importsOf)
    .filter(({ from, onlyTypes }) => roomOf(from) !== 'wording' && !onlyTypes);
  assert.equal(foreign, []);
  const impure = /Date\.now|new Date\(\)|Math\.random|process\.|setTimeout|console\./;
  assert.equal(
    files.filter((file) => impure.test(textOf(file))),
    [],
  );
});

test('the environment is read in one place', () => {
  const allowed = /^(?:platform\/env\.ts|(?:local|event-store|web|perf|ops|test)\/.*)$/;
  const readers = sources.filter(
    (file) => !allowed.test(file) && /process\.env/.test(textOf(file)),
  );
  assert.equal(readers, []);
});

test('a test file runs: it ends with its suite run', () => {
  const silent = listFiles('*.test.ts').filter(
    (file) =>
      !/^[\w]*(?:test|suite)?\.run\(\);?\s*$/im.test(textOf(file).trimEnd().split('\n').at(-1)!),
  );
  assert.equal(silent, []);
});

test('no test listens on a fixed port or waits for time to pass', () => {
  const bad = listFiles('*.test.ts')
    .filter((file) => basename(file) !== 'architecture.test.ts')
    .filter((file) => /localhost:\d{4}|127\.0\.0\.1:\d{4}|\.(?:only|skip)\(/.test(textOf(file)));
  assert.equal(bad, []);
});

test.run();
