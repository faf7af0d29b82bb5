import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BranchCoverage, coverageLine, MEASURE_ITSELF, openBranches } from './coverage.ts';

const ROOT = join(import.meta.dirname, '..');

/** `npm test -- …`: how it ends, and what it says. */
function runMain(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, 'main.ts'), ...args],
    { cwd: ROOT, encoding: 'utf8' },
  );
  return { status, lines: stdout.trimEnd().split('\n'), stderr };
}

const test = suite<{ dir: string }>('test runner');
test.before.each((context) => {
  context.dir = fs.mkdtempSync(join(tmpdir(), 'doorstep-runner-'));
});
test.after.each(({ dir }) => fs.rmSync(dir, { recursive: true, force: true }));

test('a file that is named runs alone, and the last line counts', () => {
  const { status, lines } = runMain('./domain/stores/gstin.test.ts');
  assert.is(status, 0);
  assert.match(lines[0]!, /^✓ domain\/stores\/gstin\.test\.ts \(/);
  assert.match(lines.at(-1)!, /^\d+ passed, 0 failed$/);
  assert.is(lines.length, 3, 'no checks, no coverage');
});

test('a file that does not exist, or is no test, is named and nothing runs', () => {
  for (const name of ['domain/nothing.test.ts', 'domain/stores/gstin.ts']) {
    const { status, lines, stderr } = runMain('domain/stores/gstin.test.ts', name);
    assert.is(status, 1);
    assert.equal(lines, ['']);
    assert.match(stderr, `${name} is no test file. Name it from here: npm test -- `);
  }
});

/** A test that fails as often as it is told, until it is told `passes` times. */
const flakyTest = (file: string, passes: number) => `
import * as fs from 'node:fs';
import { test } from '${import.meta.resolve('uvu')}';
const times = (fs.existsSync('${file}.told') ? fs.readFileSync('${file}.told', 'utf8').length : 0) + 1;
fs.writeFileSync('${file}.told', '.'.repeat(times));
test('flaky', () => { if (times < ${passes}) throw new Error('this time it failed'); });
test.run();
`;

test('what fails is told once more, and named if it passes then', ({ dir }) => {
  const runFlaky = (passes: number) => {
    const file = join(dir, `${passes}.test.ts`);
    fs.writeFileSync(file, flakyTest(file, passes));
    return { name: relative(ROOT, file), ...runMain(file) };
  };
  const second = runFlaky(2);
  assert.equal([second.status, second.lines.at(-1)], [0, '1 passed, 0 failed']);
  assert.ok(second.lines.includes(`had to be told twice: ${second.name}`));
  const third = runFlaky(3);
  assert.equal([third.status, third.lines.at(-1)], [1, '0 passed, 1 failed']);
  assert.ok(third.lines.includes(`failed: ${third.name}`));
});

const RULES = `export function price(kind: string): number {
  if (kind === 'rice') return 60;
  if (kind === 'ghee') {
    return 600;
  }
  return 0;
}
export const never = () => 1;
`;

/** Runs some code with the rules of a made-up room, and measures it. */
function measure({ dir }: { dir: string }, coverage: BranchCoverage, code: string): void {
  const rules = pathToFileURL(join(dir, 'rules/price.ts')).href;
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      ...MEASURE_ITSELF,
      '--input-type=module-typescript',
      '--eval',
      `import { spawnSync } from 'node:child_process';
       import { price } from '${rules}';
       const inChild = (code: string) =>
         spawnSync(process.execPath, ['--eval', \`import('${rules}').then(\${code})\`]);
       ${code}`,
    ],
    { env: { ...process.env, NODE_V8_COVERAGE: join(dir, 'out') }, encoding: 'utf8' },
  );
  assert.is(status, 0, stderr);
  coverage.add(join(dir, 'out'));
}

test('a branch is open until some process takes it, and none that a test starts counts', (context) => {
  fs.mkdirSync(join(context.dir, 'rules'));
  fs.writeFileSync(join(context.dir, 'rules/price.ts'), RULES);
  const dir = fs.realpathSync(context.dir);
  const coverage = new BranchCoverage(dir, ['rules']);

  measure({ dir }, coverage, `price('rice'); inChild('({ never }) => never()');`);
  assert.equal(openBranches(coverage, ['rules']).split('\n'), [
    'rules/price.ts:2',
    'rules/price.ts:8',
    '',
  ]);
  measure({ dir }, coverage, `price('oil');`);
  assert.equal(openBranches(coverage, ['rules']).split('\n'), [
    'rules/price.ts:3',
    'rules/price.ts:8',
    '',
  ]);
  measure({ dir }, coverage, `price('ghee');`);
  assert.match(coverageLine(coverage, 'rules'), /^branches of rules: .* open: price\.ts 1$/);
  assert.not.ok(fs.existsSync(join(dir, 'out')), 'what was taken in is gone');
});

test.run();
