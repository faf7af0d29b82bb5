import { parseArgs } from 'node:util';
import type { Cheat } from './cheat.ts';
import type { Drill, Report } from './drill.ts';

const usageOf = (
  drills: Drill[],
): string => `Usage: npm run drill -- NAME … [--short] [--json] [--cheat CHEAT]
       npm run drill -- --list

${drills.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join('\n')}

  all              every drill
  --short          seconds instead of minutes, as npm test runs them
  --cheat CHEAT    against a store that breaks its promise; the drill has to fail:
${drills
  .filter(({ cheats }) => cheats.length > 0)
  .map(({ name, cheats }) => `                   ${name}: ${cheats.join(', ')}`)
  .join('\n')}
  --json           the reports as JSON on stdout

Exit code 0: what was promised held, or could not be tried here. 1: it did not hold.`;

function print(name: string, report: Report, tookMs: number): void {
  console.log(`${name} (${(tookMs / 1000).toFixed(1)} s)`);
  if ('skipped' in report) return console.log(`  skipped: ${report.skipped}`);
  for (const [key, value] of Object.entries(report.numbers))
    console.log(`  ${key.padEnd(22)} ${value}`);
  for (const fault of report.faults) console.log(`  NOT HELD: ${fault}`);
}

const OPTIONS = {
  help: { type: 'boolean' },
  list: { type: 'boolean' },
  short: { type: 'boolean' },
  json: { type: 'boolean' },
  cheat: { type: 'string' },
} as const;

type Asked = { names: string[]; cheat: string | undefined };

function chosen(all: Drill[], { names, cheat }: Asked): Drill[] | string {
  if (names.length === 0) return 'Which drill?';
  const drills = names.includes('all') ? all : all.filter(({ name }) => names.includes(name));
  const unknown = names.find((name) => name !== 'all' && !all.some((drill) => drill.name === name));
  if (unknown !== undefined) return `There is no drill "${unknown}".`;
  const deaf = drills.find(({ cheats }) => cheat !== undefined && !cheats.includes(cheat as Cheat));
  return deaf ? `"${cheat}" is no cheat that ${deaf.name} is about.` : drills;
}

/** Runs the drills that the command line names. Resolves to the exit code. */
export async function drillCommand(all: Drill[]): Promise<number> {
  const { values, positionals: names } = parseArgs({ allowPositionals: true, options: OPTIONS });
  const usage = usageOf(all);
  if (values.help || values.list) {
    console.log(usage);
    return 0;
  }
  const drills = chosen(all, { names, cheat: values.cheat });
  if (typeof drills === 'string') {
    console.error(`${drills}\n\n${usage}`);
    return 1;
  }
  const reports: Record<string, Report> = {};
  for (const { name, run } of drills) {
    const beganMs = performance.now();
    const extent = values.short ? 'short' : 'long';
    reports[name] = await run({ extent, cheat: values.cheat as Cheat | undefined });
    if (!values.json) print(name, reports[name], performance.now() - beganMs);
  }
  if (values.json) console.log(JSON.stringify(reports, null, 2));
  return Object.values(reports).every((each) => 'skipped' in each || each.faults.length === 0)
    ? 0
    : 1;
}
