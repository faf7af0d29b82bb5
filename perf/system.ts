import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseEnv } from 'node:util';
import { freePort } from '../platform/free-port.ts';

const ROOT = resolve(import.meta.dirname, '..');
/** None of them outlives what measures them, however that ends. */
const ON_LEASH = ['--import', join(ROOT, 'local/leash.ts')];
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;
/** Kernel ticks are hundredths of a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The whole product as `npm start` runs it, empty, in a folder of its own. */
export type System = {
  env: Record<string, string>;
  url: string;
  /** What each service's processes have used so far. */
  usage(): Usage[];
  stop(): Promise<void>;
};

export type Usage = { name: string; cpuSeconds: number; memoryMiB: number };

export type Program = {
  url: string;
  usage(): Usage[];
  /** The largest resident size that it had. */
  peakMemoryMiB(): number;
  stop(): Promise<void>;
};

/** A program of ours that is a process of its own; `ready` finds its address in what it says. */
export async function startProgram(
  file: string,
  options: { env: Record<string, string>; args?: string[]; nodeArgs?: string[]; ready?: RegExp },
): Promise<Program> {
  const { env, args = [], nodeArgs = [], ready = /"listening":"([^"]+)"/ } = options;
  const child = spawn(process.execPath, [...ON_LEASH, ...nodeArgs, join(ROOT, file), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  return {
    url: await firstLine(child, ready),
    usage: () => usageOf(child.pid!),
    peakMemoryMiB: () =>
      Number(/^VmHWM:\s+(\d+) kB/m.exec(readProc(child.pid!, 'status'))![1]) / 1024,
    stop: () => end(child),
  };
}

export async function startSystem(): Promise<System> {
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-perf-'));
  const port = await freePort();
  const child = spawn(process.execPath, [...ON_LEASH, join(ROOT, 'local/main.ts'), '--no-demo'], {
    cwd: ROOT,
    env: { ...process.env, PORT: `${port}`, DATA_DIR: dir, EVENT_STORE_URL: '', LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  await firstLine(child, /(is open)/);
  const env = parseEnv(readFileSync(join(dir, 'doorstep.env'), 'utf8')) as Record<string, string>;
  return {
    env,
    url: env.PUBLIC_URL!,
    usage: () => usageOf(child.pid!),
    async stop() {
      await end(child);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function firstLine(child: ChildProcess, pattern: RegExp): Promise<string> {
  const lines = createInterface({ input: child.stdout! });
  const timer = setTimeout(() => child.kill('SIGTERM'), START_TIMEOUT_MS);
  try {
    for await (const line of lines) {
      const found = pattern.exec(line)?.[1];
      if (found) return found;
    }
  } finally {
    clearTimeout(timer);
    // Whatever it says later is of no interest, but has to go somewhere.
    child.stdout!.resume();
  }
  throw new Error('a program ended before it served');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  child.kill('SIGTERM');
  await once(child, 'exit');
  clearTimeout(timer);
}

/** Every process below one, from /proc. */
function usageOf(root: number): Usage[] {
  const parents = new Map<number, number[]>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = readProc(entry, 'stat');
    if (!stat) continue;
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    parents.set(parent, [...(parents.get(parent) ?? []), Number(entry)]);
  }
  const below = (pid: number): number[] =>
    (parents.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  const processes = [root, ...below(root)].map((pid) => ({ name: nameOf(pid), ...used(pid) }));
  return [...Map.groupBy(processes, ({ name }) => name)].map(([name, group]) => ({
    name,
    cpuSeconds: group.reduce((sum, one) => sum + one.cpuSeconds, 0),
    memoryMiB: group.reduce((sum, one) => sum + one.memoryMiB, 0),
  }));
}

function nameOf(pid: number): string {
  const command = readProc(pid, 'cmdline').replaceAll('\0', ' ');
  if (command.includes('postgres')) return 'postgres';
  const room = /(?:^|[ /])([a-z-]+)\/(?:main|build\/index)\.[jt]s/.exec(command)?.[1];
  if (command.includes('local/main.ts')) return 'supervisor';
  return /local\/(edge)/.exec(command)?.[1] ?? room ?? 'other';
}

function used(pid: number): { cpuSeconds: number; memoryMiB: number } {
  const stat = readProc(pid, 'stat');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  // Pss counts what Postgres's processes share once; for the others it is the resident size.
  const pss = /^Pss:\s+(\d+) kB/m.exec(readProc(pid, 'smaps_rollup'))?.[1];
  return { cpuSeconds: ticks / TICKS_PER_SECOND, memoryMiB: Number(pss ?? 0) / 1024 };
}

/** Empty when the process has gone meanwhile. */
function readProc(pid: number | string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
