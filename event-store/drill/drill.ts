/** What a drill is, and what several of them do. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cheat } from './cheat.ts';
import { endAll } from './processes.ts';

/** `short` takes seconds and is part of `npm test`; `long` takes minutes. */
export type Options = { extent: 'short' | 'long'; cheat?: Cheat | undefined };

/** What was measured and what was wrong; or what this machine lacks to find out. */
export type Report =
  { numbers: Record<string, number | string>; faults: string[] } | { skipped: string };

export type Drill = {
  name: string;
  /** One line: what is done, and what must hold. */
  summary: string;
  /** A store that breaks what this drill is about. */
  cheats: Cheat[];
  run: (options: Options) => Promise<Report>;
};

/** Runs `use` in an empty folder, which is removed afterwards with all processes. */
export async function inFolder<T>(use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-drill-'));
  try {
    return await use(dir);
  } finally {
    await endAll();
    await rm(dir, { recursive: true, force: true });
  }
}

/** The first of these programs that is not on this machine. */
export const missingTool = (...tools: string[]): string | undefined =>
  tools.find((tool) => spawnSync('which', [tool]).status !== 0);

/** Runs a program. Throws with what it said when it fails. */
export const sh = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(Math.ceil(share * sorted.length) - 1, sorted.length - 1)] ?? 0);
}
