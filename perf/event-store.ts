import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { median } from './load.ts';
import type { Result, ScenarioOptions } from './scenario.ts';
import { readProfiles } from './profile.ts';
import { startProgram, type Program } from './system.ts';

export const summary = 'the local event store alone, beside the limits of the client and the disk';

const ROOT = resolve(import.meta.dirname, '..');
const MANY = 256;
const DURABLE = 'durable appends/s through the client';
/** Enough that no start counts, few enough for turns of a second or two. */
const READ_EVENTS = 100_000;
const READ_TURNS = 10;
const EVENTS_PER_SECOND = 200;
const LIMIT_MS = 5 * 60_000;

type Rate = { perSecond: number };
type Latency = { p50Ms: number; p99Ms: number };

/** An event store of its own, empty or on a folder that is there; `--no-sync` leaves out the disk. */
const startStore = (
  dir: string,
  options: { args?: string[]; nodeArgs?: string[] } = {},
): Promise<Program> =>
  startProgram('event-store/main.ts', {
    ...options,
    env: { DATA_DIR: dir, PORT: '0', HOST: '127.0.0.1', PERF: 'event-store' },
    ready: /"url":"([^"]+)"/,
  });

/** What `perf/store-load.ts` says of the servers. */
async function measure<T>(
  servers: { url: string }[],
  name: string,
  ...numbers: number[]
): Promise<T> {
  const args = ['perf/store-load.ts', name, ...numbers.map(String)];
  const env = { ...process.env, EVENT_STORE_URL: servers.map(({ url }) => url).join(' ') };
  const options = { cwd: ROOT, env, timeout: LIMIT_MS };
  return JSON.parse((await promisify(execFile)(process.execPath, args, options)).stdout) as T;
}

/** Events/s, or writes/s, of each server, in each of the ways that the measure has. */
async function rates(...of: Parameters<typeof measure>): Promise<number[]> {
  return [await measure<Rate | Rate[]>(...of)].flat().map(({ perSecond }) => perSecond);
}

async function medians(runs: number, figures: () => Promise<number[]>): Promise<number[]> {
  const all: number[][] = [];
  for (let i = 0; i < runs; i++) all.push(await figures());
  return all[0]!.map((_, index) => median(all.map((figure) => figure[index]!)));
}

export async function run(options: ScenarioOptions): Promise<Result[]> {
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-perf-'));
  try {
    return [
      ...(await appends(dir, options)),
      ...(await reads(join(dir, 'reads'), options)),
      ...(await longLog(join(dir, 'long'), Math.max(...options.events))),
      await profiled(join(dir, 'profiled'), options),
    ];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Appends to a store whose disk counts, and to the same without; and the latency to a subscriber. */
async function appends(dir: string, { runs, seconds }: ScenarioOptions): Promise<Result[]> {
  const durable = await startStore(join(dir, 'durable'));
  const noSync = await startStore(join(dir, 'no-sync'), { args: ['--no-sync'] });
  try {
    const results: Result[] = [];
    const [one, disk] = await medians(runs, async () => [
      ...(await rates([durable], 'append', 1, seconds)),
      ...(await rates([durable], 'sync-file', seconds)),
    ]);
    results.push({
      name: 'appends, 1 in flight',
      what: DURABLE,
      value: one!,
      ceiling: disk!,
      ceilingWhat: 'the disk alone: 4 KiB written and waited for',
      budget: 0,
    });
    for (const inFlight of [32, MANY]) {
      const beside = () => rates([durable, noSync], 'append', inFlight, seconds);
      const [value, ceiling] = await medians(runs, beside);
      results.push({
        name: `appends, ${inFlight} in flight`,
        what: DURABLE,
        value: value!,
        ceiling: ceiling!,
        ceilingWhat: 'the same without waiting for the disk',
        // With fewer in flight it is the disk that is waited for, which is what durable means.
        budget: inFlight === MANY ? 0.9 : 0,
      });
    }
    const [thin] = await medians(runs, () => rates([durable], 'append-thin', MANY, seconds));
    results.push(
      asked('appends, thin writer', `durable appends/s, ${MANY} in flight`, thin!, 8_000),
      ...(await subscriberLatency(durable, runs, seconds)),
    );
    results.at(-1)!.memory = durable.usage();
    return results;
  } finally {
    await durable.stop();
    await noSync.stop();
  }
}

async function subscriberLatency(store: Program, runs: number, seconds: number): Promise<Result[]> {
  const all: Latency[] = [];
  for (let i = 0; i < runs; i++) {
    all.push(await measure<Latency>([store], 'latency', EVENTS_PER_SECOND, seconds));
  }
  const what = `ms from the call to the subscriber, ${EVENTS_PER_SECOND} appends/s`;
  const p50 = median(all.map(({ p50Ms }) => p50Ms));
  const p99 = median(all.map(({ p99Ms }) => p99Ms));
  return [atMost('latency, p50', what, p50, 3), atMost('latency, p99', what, p99, 15)];
}

/** Reads of `$all` by the client, beside the same bytes out of memory; and without the client. */
async function reads(dir: string, { runs }: ScenarioOptions): Promise<Result[]> {
  const store = await startStore(dir);
  try {
    await measure([store], 'fill', READ_EVENTS);
    const memory = await startProgram('perf/store-memory.ts', {
      env: { EVENT_STORE_URL: store.url },
    });
    try {
      const [all, ceiling, caughtUp, thin] = await medians(runs, async () => [
        ...(await rates([store, memory], 'reads', READ_TURNS)),
        ...(await rates([store], 'read-thin')),
      ]);
      const outOfMemory = 'the client from a server that answers out of memory';
      return [
        {
          name: 'reads of $all',
          what: 'events/s that the client reads',
          value: all!,
          ceiling: ceiling!,
          ceilingWhat: outOfMemory,
          budget: 0.9,
        },
        {
          name: 'catch-up subscription',
          what: 'events/s until it has caught up',
          value: caughtUp!,
          ceiling: ceiling!,
          ceilingWhat: `${outOfMemory}, by a read`,
          budget: 0,
        },
        asked('reads of $all, thin', 'events/s that a raw HTTP/2 reader gets', thin!, 60_000),
      ];
    } finally {
      await memory.stop();
    }
  } finally {
    await store.stop();
  }
}

/** A log of a million: how fast it opens, and what memory it takes once it was read. */
async function longLog(dir: string, events: number): Promise<Result[]> {
  const filled = await startStore(dir);
  await measure([filled], 'fill', events);
  await filled.stop();
  const sinceMs = performance.now();
  const store = await startStore(dir);
  const openedMs = performance.now() - sinceMs;
  try {
    await measure([store], 'read');
    const memory = store.usage();
    const peakMiB = store.peakMemoryMiB();
    const log = `a log of ${events.toLocaleString('en')} events`;
    return [
      atMost('opening', `ms until ${log} is served`, openedMs, 1_000),
      { ...atMost('memory', `peak MiB while ${log} is read`, peakMiB, 200), memory },
    ];
  } finally {
    await store.stop();
  }
}

/** A durable append through the thin writer again, for where the server's time goes. */
async function profiled(dir: string, { seconds }: ScenarioOptions): Promise<Result> {
  const profiles = join(dir, 'profiles');
  const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
  const store = await startStore(join(dir, 'log'), { nodeArgs });
  try {
    const { perSecond } = await measure<Rate>([store], 'append-thin', MANY, seconds);
    await store.stop();
    const what = 'durable appends/s, thin writer, while it is profiled';
    return { ...asked('profile', what, perSecond, 8_000), profile: readProfiles(profiles) };
  } finally {
    await store.stop();
  }
}

const asked = (name: string, what: string, value: number, figure: number): Result => ({
  name,
  what,
  value,
  ceiling: figure,
  ceilingWhat: 'asked for',
  budget: 1,
});

const atMost = (name: string, what: string, value: number, figure: number): Result => ({
  ...asked(name, what, Math.round(value * 10) / 10, figure),
  atMost: true,
});
