/**
 * What `npm test` runs: types, lint, format, then every test file in a process of its own, beside
 * one Postgres for all; at the end, which branches of the rules and of the engine their own tests and
 * the generated histories did not take (with THOROUGH=1: no test at all). The last line is "N passed,
 * N failed". A file that fails is told once more, alone, when the others are done, and named at the
 * end if it passes then: the machine may have been busy, or the test is flaky. With `--only-checks`:
 * no tests. Names of test files as arguments (`npm test -- write-api/cart.test.ts`) run only those,
 * without the checks.
 */
import { spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { startPostgres } from '../local/postgres.ts';
import { COMPILED } from '../local/service.ts';
import { BranchCoverage, coverageLine, MEASURE_ITSELF, openBranches } from './coverage.ts';
import { TEST_POSTGRES_URL } from './shop.ts';
import { IS_THOROUGH } from './thorough.ts';

const ROOT = resolve(import.meta.dirname, '..');
const PARALLEL_FILES = 2;
/** What takes longest begins first, or it would run alone at the end. */
const LONGEST = ['test/walk.', 'event-store/drill/', 'ops/', 'write-api/', 'test/'];
const FILE_TIMEOUT_MS = 10 * 60_000;
/** More failures than this are no accident: they are not tried again. */
const MAX_TOLD_TWICE = 5;
const MEASURED_ROOMS = ['domain', 'engine'];
/** A process that is measured takes a fifth longer: those that say most of these rooms are. */
const isMeasured = (file: string): boolean =>
  IS_THOROUGH || /^(?:domain|engine)\/|\.property\.test\.ts$/.test(file);
/** Each place that no test took, for whoever looks at the gaps. */
const OPEN_BRANCHES = 'node_modules/.cache/open-branches.txt';

const CHECKS: [name: string, command: string, ...args: string[]][] = [
  ['types', 'tsc', '-p', '.'],
  // Makes the types that Kit derives from the routes, which the next two read.
  ['web sync', 'svelte-kit', 'sync', '--config', 'web/vite.config.ts'],
  [
    'web types',
    'svelte-check',
    '--workspace',
    'web',
    '--tsconfig',
    './tsconfig.json',
    '--fail-on-warnings',
  ],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings', '.'],
  ['format', 'prettier', '--check', '--log-level', 'warn', '.'],
];

type Result = { name: string; ok: boolean; passed: number; failed: number; toldTwice?: true };

/** Runs a program to its end and prints what it said in one piece. */
async function run(
  name: string,
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; output: string }> {
  const startedMs = performance.now();
  const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), FILE_TIMEOUT_MS);
  let output = '';
  const keep = (chunk: Buffer) => (output += chunk.toString());
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | null>((done, failed) => {
    child.on('close', done);
    child.on('error', failed);
  });
  clearTimeout(timer);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`${code === 0 ? '✓' : '✗'} ${name} (${seconds} s)`);
  if (code !== 0) console.log(output.trimEnd());
  return { code, output };
}

async function check(): Promise<Result[]> {
  const results: Result[] = [];
  for (const [name, command, ...args] of CHECKS) {
    const { code } = await run(name, command, args, process.env);
    results.push({ name, ok: code === 0, passed: Number(code === 0), failed: Number(code !== 0) });
  }
  return results;
}

/** uvu prints `Total: N`, `Passed: N` and `Skipped: N` when a file has run to its end. */
async function runFile(
  file: string,
  env: NodeJS.ProcessEnv,
  measured: { coverage: BranchCoverage; dir: string } | undefined,
): Promise<Result> {
  const flags = measured ? MEASURE_ITSELF : [];
  const { code, output } = await run(file, process.execPath, [...flags, file], {
    ...env,
    ...(measured ? { NODE_V8_COVERAGE: measured.dir } : { NODE_COMPILE_CACHE: COMPILED }),
  });
  measured?.coverage.add(measured.dir);
  const count = (label: string) =>
    Number(new RegExp(`${label}:\\s+(\\d+)`).exec(output)?.[1] ?? Number.NaN);
  const total = count('Total');
  const passed = count('Passed');
  const skipped = count('Skipped');
  for (const line of output.match(/^skipped: .*$/gm) ?? []) console.log(`  ${line}`);
  if (Number.isNaN(total)) return { name: file, ok: false, passed: 0, failed: 1 };
  const failed = Math.max(total - passed - skipped, code === 0 ? 0 : 1);
  return { name: file, ok: failed === 0, passed, failed };
}

async function runFiles(files: string[], coverage: BranchCoverage | undefined): Promise<Result[]> {
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-test-'));
  const postgres = await startPostgres({ dir, disposable: true });
  const env = { ...process.env, [TEST_POSTGRES_URL]: postgres.url('postgres') };
  const queue = [...files];
  const results: Result[] = [];
  const worker = async (_: unknown, i: number) => {
    const measured = coverage && { coverage, dir: join(dir, `coverage-${i}`) };
    for (let file = queue.shift(); file; file = queue.shift()) {
      results.push(await runFile(file, env, isMeasured(file) ? measured : undefined));
    }
  };
  try {
    await Promise.all(Array.from({ length: PARALLEL_FILES }, (_, i) => worker(_, i)));
    return await tellAgain(results, env);
  } finally {
    await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Runs what failed once more, each file alone. */
async function tellAgain(results: Result[], env: NodeJS.ProcessEnv): Promise<Result[]> {
  const failures = results.filter(({ ok }) => !ok).length;
  if (failures > MAX_TOLD_TWICE) return results;
  const final: Result[] = [];
  for (const result of results) {
    if (result.ok) final.push(result);
    else final.push({ ...(await runFile(result.name, env, undefined)), toldTwice: true });
  }
  return final;
}

/** The files that were named, from the root; throws for one that is none. */
function namedFiles(names: string[]): string[] {
  return names.map((name) => {
    const file = relative(ROOT, resolve(name));
    if (file.endsWith('.test.ts') && existsSync(join(ROOT, file))) return file;
    throw new Error(
      `${name} is no test file. Name it from here: npm test -- write-api/cart.test.ts`,
    );
  });
}

function rankOf(file: string): number {
  const rank = LONGEST.findIndex((beginning) => file.startsWith(beginning));
  return rank < 0 ? LONGEST.length : rank;
}

async function printCoverage(coverage: BranchCoverage): Promise<void> {
  console.log('');
  for (const room of MEASURED_ROOMS) console.log(coverageLine(coverage, room));
  await mkdir(join(ROOT, OPEN_BRANCHES, '..'), { recursive: true });
  await writeFile(join(ROOT, OPEN_BRANCHES), openBranches(coverage, MEASURED_ROOMS));
  console.log(`where they begin: ${OPEN_BRANCHES}`);
}

async function main(args: string[]): Promise<void> {
  const onlyChecks = args.includes('--only-checks');
  const named = namedFiles(args.filter((arg) => !arg.startsWith('-')));
  const files = globSync('**/*.test.ts', {
    cwd: ROOT,
    exclude: ['node_modules', '**/node_modules', 'web/build', 'web/.svelte-kit'],
  }).toSorted((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1));
  const results = named.length > 0 ? [] : await check();
  // A few files say nothing of what all of them leave open.
  const coverage =
    named.length > 0 || onlyChecks ? undefined : new BranchCoverage(ROOT, MEASURED_ROOMS);
  if (!onlyChecks) results.push(...(await runFiles(named.length > 0 ? named : files, coverage)));
  if (coverage) await printCoverage(coverage);
  const failures = results.filter(({ ok }) => !ok);
  const flaky = results.filter(({ ok, toldTwice }) => ok && toldTwice);
  const namesOf = (some: Result[]) => some.map(({ name }) => name).join(', ');
  if (flaky.length > 0) console.log(`\nhad to be told twice: ${namesOf(flaky)}`);
  if (failures.length > 0) console.log(`\nfailed: ${namesOf(failures)}`);
  const sum = (key: 'passed' | 'failed') =>
    results.reduce((total, result) => total + result[key], 0);
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode = failures.length > 0 ? 1 : 0;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
