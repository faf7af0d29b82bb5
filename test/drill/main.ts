/** `npm run drill`: what can go wrong, done on purpose. */
import { parseArgs } from 'node:util';
import type { Cheat } from '../../event-store/drill/cheat.ts';
import type { Drill, Report } from '../../event-store/drill/drill.ts';
import { DRILLS } from './drills.ts';

const USAGE = `Usage: npm run drill -- NAME … [--short] [--json] [--cheat CHEAT]
       npm run drill -- --list

${DRILLS.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join('\n')}

  all              every drill
  --short          seconds instead of minutes, as npm test runs them
  --cheat CHEAT    against a store that breaks its promise; the drill has to fail:
${DRILLS.filter(({ cheats }) => cheats.length > 0)
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

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean' },
    list: { type: 'boolean' },
    short: { type: 'boolean' },
    json: { type: 'boolean' },
    cheat: { type: 'string' },
  },
});

function chosen(): Drill[] | string {
  if (positionals.length === 0) return 'Which drill?';
  const drills = positionals.includes('all')
    ? DRILLS
    : DRILLS.filter(({ name }) => positionals.includes(name));
  const unknown = positionals.find(
    (name) => name !== 'all' && !DRILLS.some((drill) => drill.name === name),
  );
  if (unknown !== undefined) return `There is no drill "${unknown}".`;
  const { cheat } = values;
  const deaf = drills.find(({ cheats }) => cheat !== undefined && !cheats.includes(cheat as Cheat));
  return deaf ? `"${cheat}" is no cheat that ${deaf.name} is about.` : drills;
}

async function main(): Promise<number> {
  if (values.help || values.list) {
    console.log(USAGE);
    return 0;
  }
  const drills = chosen();
  if (typeof drills === 'string') {
    console.error(`${drills}\n\n${USAGE}`);
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

process.exitCode = await main();
