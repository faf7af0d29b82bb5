import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Drill, Report } from '../../event-store/drill/drill.ts';
import { PROMISED_TIME, TIMES_ARE_HELD } from '../promised-time.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The test files that promise times. */
const promisingFiles = (): string[] =>
  globSync('**/*.test.ts', { cwd: ROOT, exclude: ['node_modules', '**/node_modules'] })
    .filter((file) => readFileSync(join(ROOT, file), 'utf8').includes('promised-time.ts'))
    .toSorted();

/** Runs one test file alone, and holds it to its times. */
async function runAlone(file: string): Promise<{ ok: boolean; output: string }> {
  const child = spawn(process.execPath, ['--import', './local/leash.ts', file], {
    cwd: ROOT,
    env: { ...process.env, [TIMES_ARE_HELD]: '1' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const output = await text(child.stdout!);
  const [code] = await exited;
  return { ok: code === 0, output };
}

export const times: Drill = {
  name: 'times',
  summary: 'deaths, cold starts, a frozen reactor, contention, one at a time: in the promised time',
  cheats: [],
  async run({ extent }): Promise<Report> {
    if (extent === 'short') return { skipped: 'times are promised of a machine that does no more' };
    const numbers: Record<string, string> = {};
    const faults: string[] = [];
    for (const file of promisingFiles()) {
      const { ok, output } = await runAlone(file);
      const promised = [...output.matchAll(PROMISED_TIME)];
      if (ok && promised.length === 0) faults.push(`${file} told no time`);
      for (const [, what, tookMs, limitMs] of promised) {
        numbers[what!] = `${tookMs} of ${limitMs} ms`;
        if (Number(tookMs) > Number(limitMs)) faults.push(`${what}: ${tookMs} of ${limitMs} ms`);
      }
      if (!ok) faults.push(`${file} failed: run it alone`);
    }
    return { numbers, faults };
  },
};
