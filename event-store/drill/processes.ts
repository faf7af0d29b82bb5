/** The processes of a drill. None outlives the drill, however that ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Cheat } from './cheat.ts';

const LEASH = join(import.meta.dirname, '../../local/leash.ts');
const STORE = join(import.meta.dirname, '../main.ts');
const CHEAT = join(import.meta.dirname, 'cheat.ts');
const START_TIMEOUT_MS = 20_000;

const alive = new Set<ChildProcess>();

/** Kills what a drill that failed has left running. */
export async function endAll(): Promise<void> {
  await Promise.all([...alive].map((child) => end(child, 'SIGKILL')));
}

/** A child on a leash, whose lines of output go to `onLine`. */
export function launch(
  entry: string,
  options: { args?: string[]; env?: NodeJS.ProcessEnv; imports?: string[]; quiet?: boolean },
  onLine: (line: string) => void,
): ChildProcess {
  const imports = [LEASH, ...(options.imports ?? [])].flatMap((file) => ['--import', file]);
  const child = spawn(process.execPath, [...imports, entry, ...(options.args ?? [])], {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', options.quiet ? 'ignore' : 'inherit', 'ipc'],
  });
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  createInterface({ input: child.stdout! }).on('line', onLine);
  return child;
}

/** Ends the process if it has not ended, and resolves to its exit code or signal. */
export async function end(
  child: ChildProcess,
  signal: NodeJS.Signals,
): Promise<number | NodeJS.Signals | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
  return child.exitCode ?? child.signalCode;
}

export type StoreProcess = { child: ChildProcess; url: string; port: number };

/**
 * Starts the event store as `npm start` does. With a cheat it is the same program with one promise
 * broken. Rejects when it ends before it listens.
 */
export async function startStore(
  dir: string,
  options: { port?: number; cheat?: Cheat | undefined; quiet?: boolean } = {},
): Promise<StoreProcess> {
  const { port = 0, cheat, quiet = false } = options;
  let listening: (line: string) => void;
  const firstLine = new Promise<string>((resolve) => (listening = resolve));
  const child = launch(
    STORE,
    {
      env: { DATA_DIR: dir, PORT: String(port), HOST: '127.0.0.1', ...(cheat && { CHEAT: cheat }) },
      imports: cheat ? [CHEAT] : [],
      quiet,
    },
    (line) => listening(line),
  );
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`The event store ended with ${String(code)} before it listened.`);
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  try {
    const { url, port: actual } = JSON.parse(await Promise.race([firstLine, ended])) as {
      url: string;
      port: number;
    };
    // From here on its end is what a drill is about.
    ended.catch(() => {});
    return { child, url, port: actual };
  } finally {
    clearTimeout(timer);
  }
}
