import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { inFolder, missingTool, type Drill, type Options, type Report } from './drill.ts';
import { end, startStore, type StoreProcess } from './processes.ts';
import { compare, faultsOf, Writer } from './record.ts';

const ROUNDS = { short: 1, long: 10 };
const STREAMS = 16;
const BEFORE = 300;
/** A store that acknowledges so many more has not noticed: it folds its log several times meanwhile. */
const NOTICED_WITHIN = 10_000;

/**
 * From now on every fsync of the process fails with EIO, or those of one file. Resolves to how to
 * stop that when the system call is being intercepted.
 */
async function failFsyncs({ child }: StoreProcess, file?: string): Promise<() => Promise<unknown>> {
  const calls = 'fsync,fdatasync';
  const strace = spawn(
    'strace',
    ['-f', '-p', String(child.pid), ...(file ? ['-P', file] : [])].concat([
      '-e',
      `trace=${calls}`,
      '-e',
      `inject=${calls}:error=EIO`,
    ]),
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const [said] = (await once(strace.stderr, 'data')) as [Buffer];
  if (!said.includes('attached')) throw new Error(`strace: ${said.toString()}`);
  strace.stderr.resume();
  const ended = once(strace, 'exit');
  return async () => {
    strace.kill('SIGINT');
    await ended;
  };
}

/** How the store ended by itself, or undefined when it went on for so many acknowledgements. */
async function endOf(
  { child }: StoreProcess,
  writer: Writer,
  acknowledgements: number,
): Promise<number | undefined> {
  const enough = writer.acknowledged.length + acknowledgements;
  await writer.until(
    ({ acknowledged }) => child.exitCode !== null || acknowledged.length >= enough,
    'the store to stop',
  );
  return child.exitCode ?? undefined;
}

/**
 * Nobody appends while the failure is put in place, so every later acknowledgement is a false one.
 */
async function failCommits(dir: string, { cheat }: Options): Promise<Report & object> {
  const store = await startStore(dir, { cheat });
  const before = new Writer(store.url, { streams: STREAMS });
  await before.until(({ acknowledged }) => acknowledged.length > BEFORE, 'its first appends');
  await before.stop();
  const stopFailing = await failFsyncs(store);
  const during = new Writer(store.url, { streams: STREAMS });
  const code = await endOf(store, during, 1);
  const falsely = during.acknowledged.length;
  await end(store.child, 'SIGKILL');
  await stopFailing();
  const again = await startStore(dir, { port: store.port, cheat });
  await during.until(({ acknowledged }) => acknowledged.length > falsely, 'the restarted store');
  await during.stop();
  const tally = await compare(again.url, [before, during]);
  await end(again.child, 'SIGTERM');
  return {
    numbers: { ...tally, falselyAcknowledged: falsely, exitCode: code ?? 'none' },
    faults: [
      ...faultsOf(tally),
      ...(falsely > 0 ? [`${falsely} appends were acknowledged without an fsync`] : []),
      ...(code === 1 ? [] : ['the store did not stop when its fsync failed']),
    ],
  };
}

/**
 * Commits reach the write-ahead log, but not the database: what was acknowledged is safe, and the
 * store must not go on as if it could still fold one into the other.
 */
async function failFolding(dir: string, { cheat }: Options): Promise<Report & object> {
  const store = await startStore(dir, { cheat });
  const writer = new Writer(store.url, { streams: STREAMS });
  await writer.until(({ acknowledged }) => acknowledged.length > 0, 'its first append');
  const stopFailing = await failFsyncs(store, `${dir}/log.sqlite`);
  const code = await endOf(store, writer, NOTICED_WITHIN);
  await end(store.child, 'SIGKILL');
  await stopFailing();
  const again = await startStore(dir, { port: store.port, cheat });
  await writer.nextAcknowledgement(performance.timeOrigin + performance.now());
  await writer.stop();
  const tally = await compare(again.url, [writer]);
  await end(again.child, 'SIGTERM');
  return {
    numbers: { foldedAcknowledged: tally.acknowledged, foldedLost: tally.lost },
    faults: [
      ...faultsOf(tally),
      ...(code === 1 ? [] : ['the store went on when the database could not be synced']),
    ],
  };
}

export const failingFsync: Drill = {
  name: 'failing-fsync',
  summary: 'every fsync fails with EIO: nothing is acknowledged any more, and the store stops',
  cheats: ['skips-fsync'],
  async run(options: Options): Promise<Report> {
    const missing = missingTool('strace');
    if (missing)
      return { skipped: `it makes system calls fail with ${missing}, which is not here` };
    const numbers: Record<string, number | string> = { rounds: ROUNDS[options.extent] };
    const faults: string[] = [];
    for (let round = 0; round < ROUNDS[options.extent]; round += 1)
      for (const fail of [failCommits, failFolding]) {
        const report = await inFolder((dir) => fail(dir, options));
        if ('skipped' in report) return report;
        for (const [name, value] of Object.entries(report.numbers))
          numbers[name] =
            typeof value === 'number' && name !== 'exitCode'
              ? Number(numbers[name] ?? 0) + value
              : value;
        faults.push(...report.faults);
        if (faults.length > 0) return { numbers, faults };
      }
    return { numbers, faults };
  },
};
