import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isVariable } from '../platform/env.ts';
import { READY_PATH } from '../platform/system.ts';
import { whenPatienceEnds, type Running, type Service } from './supervisor.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Beside what `npm ci` replaces: another version of a package never meets the code of this one. */
export const COMPILED = fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url));
const COMMON_PRELOADS = ['leash.ts', 'warm.ts'].map((file) =>
  fileURLToPath(new URL(file, import.meta.url)),
);
const preloadsOf = (...files: string[]) => files.flatMap((file) => ['--import', file]);

/** A room drains for about a second and closes within ten; then it is ended. */
const STOP_TIMEOUT_MS = 12_000;
const PROBE_TIMEOUT_MS = 2_000;
/** A log that grew beyond is set aside, one generation of it. */
const LOG_LIMIT_BYTES = 8 * 1024 * 1024;
const SHOWN_LINES = 12;

export type NodeProcess = {
  name: string;
  needs: string[];
  /** The module to run, from the root of the repository. */
  entry: string;
  /** What the module is told on its command line. */
  args?: string[];
  /** What it is given beside what is set for programs in general. */
  env: () => Record<string, string>;
  heapMiB: number;
  logFile: string;
  ready: () => Promise<boolean>;
  /** What must be done once before the first launch. */
  prepare?: () => Promise<void>;
};

/** A service that is one Node process, on a leash (`leash.ts`), its output in a file. */
export function nodeService(options: NodeProcess): Service {
  const { name, needs, ready } = options;
  let prepared: Promise<void> | undefined;
  return {
    name,
    needs,
    ready,
    async launch() {
      await (prepared ??= options.prepare?.());
      return launchNode(options);
    },
  };
}

export type Launch = {
  /** Modules that are loaded before it, besides those that every process gets. */
  preloads?: string[];
  onMessage?: (message: unknown) => void;
};

/** Starts the process; `kill` ends it without asking. */
export function launchNode(
  { entry, args = [], env, heapMiB, logFile }: NodeProcess,
  { preloads = [], onMessage = () => {} }: Launch = {},
): Running & { kill(): void } {
  const log = fs.openSync(logFile, 'a');
  const flags = [`--max-old-space-size=${heapMiB}`, ...preloadsOf(...COMMON_PRELOADS, ...preloads)];
  const child = spawn(process.execPath, [...flags, entry, ...args], {
    cwd: ROOT,
    env: { ...inherited(), NODE_COMPILE_CACHE: COMPILED, ...env() },
    stdio: ['ignore', log, log, 'ipc'],
    // In a group of its own, so that a Ctrl-C in the terminal reaches us alone: we keep the order.
    detached: true,
  });
  fs.closeSync(log);
  child.on('message', onMessage);
  const exited = endOf(child);
  return {
    exited,
    kill: () => child.kill('SIGKILL'),
    async stop(now) {
      child.kill('SIGTERM');
      const callOff = whenPatienceEnds(STOP_TIMEOUT_MS, now, () => child.kill('SIGKILL'));
      await exited;
      callOff();
    },
  };
}

/** What whoever starts us has set for programs in general: no process gets another's secrets. */
const inherited = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !isVariable(name)));

/** Resolves with how a process ended. */
export const endOf = (child: ChildProcess): Promise<string> =>
  once(child, 'exit').then(
    ([code, signal]) => (signal === null ? `exit code ${code}` : String(signal)),
    (error: Error) => error.message,
  );

/** Whether `GET /readyz` on this port answers 200. */
export function healthy(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = get(
      { host, port, path: READY_PATH, agent: false, timeout: PROBE_TIMEOUT_MS },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      },
    );
    probe.on('timeout', () => probe.destroy());
    probe.on('error', () => resolve(false));
  });
}

/** Whether something accepts connections on this port. */
export function accepting(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: PROBE_TIMEOUT_MS });
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.on('connect', () => answer(true));
    socket.on('timeout', () => answer(false));
    socket.on('error', () => answer(false));
  });
}

/**
 * Sets aside what has grown too long. The processes append to files that they hold open, so the
 * text is copied and the file is cut: the few lines between the two are the price.
 */
export function boundLogs(files: string[]): void {
  for (const file of files) {
    const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= LOG_LIMIT_BYTES) continue;
    fs.copyFileSync(file, `${file}.old`);
    fs.truncateSync(file);
  }
}

/** The end of a log, for somebody who wants to know why. */
export const lastLines = (file: string): string =>
  fs.existsSync(file)
    ? fs.readFileSync(file, 'utf8').trimEnd().split('\n').slice(-SHOWN_LINES).join('\n')
    : '';
