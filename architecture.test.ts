import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/** From which rooms a room takes values, and from which only types. The table is in DESIGN's words. */
const ROOMS: Record<string, { values: string[]; types: string[] }> = {
  domain: { values: [], types: [] },
  platform: { values: [], types: [] },
  'write-api': { values: ['domain', 'platform'], types: [] },
  projector: { values: ['domain', 'platform'], types: [] },
  'read-api': { values: ['platform'], types: ['projector'] },
  web: { values: ['domain'], types: ['read-api'] },
  ops: { values: ['domain', 'platform', 'projector'], types: [] },
  perf: { values: ['platform'], types: [] },
  local: { values: ['platform'], types: [] },
};

const isTest = (file: string) => /\.test\.ts$|(?:^|\/)test(?:ing)?\.ts$/.test(file);

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

function importsOf(file: string): Import[] {
  const pattern =
    /(?:import|export)\s+(type\s)?[^'";]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)/g;
  const room = file.split('/')[0]!;
  return [...textOf(file).matchAll(pattern)].flatMap(([, type, named, dynamic]) => {
    const path = (named ?? dynamic)!;
    if (!path.startsWith('.')) return [{ file, room, from: path, onlyTypes: Boolean(type) }];
    const from = join(file, '..', path).split('/')[0]!;
    return from === room ? [] : [{ file, room, from, onlyTypes: Boolean(type) }];
  });
}

test('a room imports only from the rooms that it may know', () => {
  const broken = sources
    .filter((file) => !isTest(file))
    .flatMap(importsOf)
    .filter(({ room, from, onlyTypes }) => {
      if (!(from in ROOMS)) return false;
      const { values, types } = ROOMS[room]!;
      return !values.includes(from) && !(onlyTypes && types.includes(from));
    })
    .map(({ file, from }) => `${file} imports ${from}`);
  assert.equal(broken, []);
});

test('every room is in the table', () => {
  const rooms = new Set(sources.map((file) => file.split('/')[0]!));
  assert.equal(
    [...rooms].filter((room) => !(room in ROOMS)),
    [],
  );
});

test('the domain is pure: no package, no clock, no randomness', () => {
  const files = sources.filter((file) => file.startsWith('domain/') && !isTest(file));
  assert.equal(
    files.flatMap(importsOf).map(({ file, from }) => `${file} imports ${from}`),
    [],
  );
  const impure = /Date\.now|new Date\(|Math\.random|process\.|setTimeout|console\./;
  assert.equal(
    files.filter((file) => impure.test(textOf(file))),
    [],
  );
});

test('the environment is read in one place', () => {
  const allowed = /^(?:platform\/env\.ts|local\/.*|web\/.*|perf\/.*|ops\/.*)$/;
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
