import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { lackOfData } from './baskets.ts';
import * as browse from './browse.ts';
import * as cart from './cart.ts';
import * as checkout from './checkout.ts';
import * as eventStore from './event-store.ts';
import * as replay from './replay.ts';
import { profileLines } from './profile.ts';
import type { Result, ScenarioOptions } from './scenario.ts';
import { startSystem, type Usage } from './system.ts';
import * as workload from './workload.ts';

const SCENARIOS = { cart, checkout, browse, workload, replay, 'event-store': eventStore };
type ScenarioName = keyof typeof SCENARIOS;
const isScenario = (name: string): name is ScenarioName => name in SCENARIOS;

const DATA = resolve(import.meta.dirname, '../../shared/data');
/** Fewer have no rate to speak of. */
const LEAST_ORDERS = 100;
const README = join(import.meta.dirname, 'README.md');
const MARKS = ['<!-- results -->', '<!-- end of results -->'] as const;

const USAGE = `Usage: npm run perf -- [SCENARIO …] [--json] [--save] [--seconds N] [--runs N] [--events N,…]
                       [--orders N] [--data DIR]

${Object.entries(SCENARIOS)
  .map(([name, { summary }]) => `  ${name.padEnd(11)} ${summary}`)
  .join('\n')}

Starts the product as npm start does, empty and in a folder of its own, measures each scenario
beside its ceiling, and stops it. All scenarios when none is named.

  --runs N       runs of which the median counts (3)
  --seconds N    length of a run (6)
  --events N,…   lengths of the log for replay (100000,1000000)
  --orders N     orders of workload (5000)
  --data DIR     where workload finds the real orders (WORKLOAD_DATA, else ../shared/data)
  --json         the results as JSON on stdout
  --save         put the table into perf/README.md

Exit code 1 when a figure is below its budget.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean' },
    json: { type: 'boolean' },
    save: { type: 'boolean' },
    seconds: { type: 'string', default: '6' },
    runs: { type: 'string', default: '3' },
    events: { type: 'string', default: '100000,1000000' },
    orders: { type: 'string', default: '5000' },
    data: { type: 'string', default: process.env.WORKLOAD_DATA ?? DATA },
  },
});

const unknown = positionals.filter((name) => !isScenario(name));
if (values.help || unknown.length > 0) {
  console.log(unknown.length > 0 ? `There is no scenario "${unknown[0]}".\n\n${USAGE}` : USAGE);
  process.exit(unknown.length > 0 ? 1 : 0);
}

const chosen = positionals.length > 0 ? positionals.filter(isScenario) : Object.keys(SCENARIOS);
const options: ScenarioOptions = {
  seconds: atLeast(1, 'seconds', values.seconds),
  runs: atLeast(1, 'runs', values.runs),
  events: values.events.split(',').map((text) => atLeast(1, 'events', text)),
  orders: atLeast(LEAST_ORDERS, 'orders', values.orders),
  data: values.data,
};
const lack = chosen.includes('workload') ? lackOfData(options.data) : undefined;
if (lack) refuse(lack);

const results: Result[] = [];
for (const name of chosen.filter(isScenario)) {
  console.error(`${name}: ${SCENARIOS[name].summary} …`);
  results.push(...(await SCENARIOS[name].run(options)));
}
// Only the whole product has services that idle.
const idle = chosen.some((name) => name !== 'event-store') ? await idleMemory() : [];
const table = tableOf(results, idle);
if (values.json) console.log(JSON.stringify({ machine: machine(), idle, results }, null, 2));
else console.log(table);
if (values.save) await save(table);
process.exitCode = results.every(inBudget) ? 0 : 1;

function atLeast(least: number, name: string, text: string): number {
  const value = Number(text);
  if (value >= least) return value;
  return refuse(`--${name} takes a number from ${least} on, not "${text}".`);
}

function refuse(reason: string): never {
  console.error(reason);
  process.exit(1);
}

/** Of every service, when nobody asks anything of it. */
async function idleMemory(): Promise<Usage[]> {
  const system = await startSystem();
  const usage = system.usage();
  await system.stop();
  return usage;
}

function inBudget({ value, ceiling, budget, atMost }: Result): boolean {
  return atMost ? value <= ceiling : value >= ceiling * budget;
}

function machine(): string {
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  const date = new Date().toISOString().slice(0, 10);
  return `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${memory}, Node ${process.version}, ${date}`;
}

function tableOf(all: Result[], idleUsage: Usage[]): string {
  const count = (value: number) => value.toLocaleString('en');
  const rows = all.map((result) => {
    const { name, what, value, ceiling, ceilingWhat, budget, atMost } = result;
    const wanted = atMost ? 'at most 100 %' : `budget ${budget * 100} %`;
    const share = `${Math.round((100 * value) / ceiling)} %${budget > 0 ? ` (${wanted})` : ''}`;
    const verdict = budget === 0 ? '' : inBudget(result) ? 'reached' : '**short**';
    return `| ${name} | ${what} | ${count(value)} | ${count(ceiling)}: ${ceilingWhat} | ${share} | ${verdict} |`;
  });
  const services = [
    ...new Set([...idleUsage, ...all.flatMap(({ memory = [] }) => memory)].map(({ name }) => name)),
  ];
  const memoryRow = (label: string, usage: Usage[]) => {
    const of = new Map(usage.map(({ name, memoryMiB }) => [name, Math.round(memoryMiB)]));
    return `| ${label} | ${services.map((name) => of.get(name) ?? '–').join(' | ')} |`;
  };
  return [
    `Measured on ${machine()} with \`npm run perf\`.`,
    '',
    '| scenario | what | median | ceiling, same run | share | |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    'Memory in MiB (proportional set size):',
    '',
    `| | ${services.join(' | ')} |`,
    `|---|${services.map(() => '---').join('|')}|`,
    ...(idleUsage.length > 0 ? [memoryRow('idle', idleUsage)] : []),
    ...all.flatMap(({ name, memory }) => (memory ? [memoryRow(`after ${name}`, memory)] : [])),
    '',
    ...coresTable(all),
    ...latencyTable(all),
    ...all.flatMap(({ profile }) =>
      profile
        ? ['', 'Where the event store’s time goes, by thread:', '', ...profileLines(profile)]
        : [],
    ),
  ].join('\n');
}

function coresTable(all: Result[]): string[] {
  const measured = all.filter(({ cores }) => cores);
  if (measured.length === 0) return [];
  const names = [...new Set(measured.flatMap(({ cores }) => Object.keys(cores!)))];
  return [
    'Cores in use during the measured run:',
    '',
    `| | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---').join('|')}|`,
    ...measured.map(
      ({ name, cores }) => `| ${name} | ${names.map((each) => cores![each] ?? '–').join(' | ')} |`,
    ),
  ];
}

function latencyTable(all: Result[]): string[] {
  const rows = all.flatMap(({ name, latencies = [] }) =>
    latencies.map(
      ({ command, count, p50Ms, p99Ms }) =>
        `| ${name} | ${command} | ${count.toLocaleString('en')} | ${p50Ms} | ${p99Ms} |`,
    ),
  );
  if (rows.length === 0) return [];
  return [
    '',
    'Milliseconds by command, as its sender saw them:',
    '',
    '| | command | sent | p50 | p99 |',
    '|---|---|---|---|---|',
    ...rows,
  ];
}

/** As prettier has it, which the project's checks ask for. */
async function save(text: string): Promise<void> {
  const readme = readFileSync(README, 'utf8');
  const [start, end] = MARKS.map((mark) => readme.indexOf(mark));
  if (start! < 0 || end! < start!) throw new Error(`${README} lacks ${MARKS.join(' … ')}`);
  const head = readme.slice(0, start! + MARKS[0].length);
  const whole = `${head}\n\n${text}\n\n${readme.slice(end)}`;
  const style = { ...(await resolveConfig(README)), filepath: README };
  writeFileSync(README, await format(whole, style));
}
