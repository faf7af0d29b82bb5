import { parseArgs } from 'node:util';
import { DECIDERS } from '../domain/deciders.ts';
import { upcasterOf } from '../engine/upcast.ts';
import { connectEventStore, headOfLog } from '../platform/event-store.ts';
import { createPool } from '../platform/postgres.ts';
import { PROJECTIONS, isOurs } from '../projector/app.ts';
import { RebuildRunning } from '../engine/projections/checkpoint.ts';
import type { Projection } from '../engine/projections/projection.ts';
import { rebuild } from '../engine/projections/run.ts';
import { FAILED, OK, OperatorError, printJson } from './command.ts';
import { required } from './environment.ts';
import { counted, duration } from './format.ts';
import { operatorLog } from './log.ts';
import { Progress } from './progress.ts';

/** One holds the lock, one writes. */
const POOL_SIZE = 2;
/** What an operator asks for may go through all rows. */
const STATEMENT_MS = 5 * 60_000;

const NAMES = PROJECTIONS.map((each) => each.name).join(', ');

export const name = 'replay';
export const summary = 'build the read models anew from the event log, beside the live ones';
export const usage = `Usage: npm run ops -- replay [--projection NAME] [--json]

Reads the whole event log into new tables beside the live ones and swaps them in once they have
caught up. Reads and writes go on meanwhile. Until the swap nothing live is touched: Ctrl-C is safe.

  --projection NAME   only this one of: ${NAMES}
  --json              the result as JSON on stdout

Examples:
  npm run ops -- replay
  npm run ops -- replay --projection catalogue

Needs EVENT_STORE_URL and DATABASE_URL.`;

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { projection: { type: 'string' }, json: { type: 'boolean' } },
  });
  const projections = chosen(values.projection);
  const env = required('EVENT_STORE_URL', 'DATABASE_URL');
  const progress = new Progress('rebuilding', 'events');
  const log = operatorLog((line) => progress.say(line));
  const client = connectEventStore(env.EVENT_STORE_URL, upcasterOf(DECIDERS));
  const pool = createPool(env.DATABASE_URL, log, { max: POOL_SIZE, answerWithinMs: STATEMENT_MS });
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    const head = await headOfLog(client);
    let events = 0;
    let first: { events: number; atMs: number } | undefined;
    let lastMs = 0;
    const { signal } = stopping;
    const projector = { client, pool, log, signal, projections, isOurs };
    const swapped = await rebuild(projector, (position, more) => {
      events += more;
      lastMs = performance.now();
      first ??= { events, atMs: lastMs };
      progress.update({ done: events, fraction: Number(position) / Number(head) });
    });
    // What the event store writes for itself may be its last, and is not seen here.
    if (swapped) progress.update({ done: events, fraction: 1 });
    progress.end();
    if (!swapped) throw new OperatorError('Stopped. The live read models are untouched.');
    // The pace of the work itself: connecting and swapping take the same for any log.
    const paced = first && lastMs > first.atMs;
    const eventsPerSecond = paced
      ? Math.round(((events - first!.events) / (lastMs - first!.atMs)) * 1000)
      : null;
    report({ projections, events, tookMs: progress.elapsedMs, eventsPerSecond }, values.json);
    return OK;
  } catch (error) {
    progress.end();
    if (!(error instanceof RebuildRunning)) throw error;
    console.error('A rebuild is already under way: let it finish (see: npm run ops -- status).');
    return FAILED;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await Promise.all([client.dispose(), pool.end()]);
  }
}

function chosen(asked: string | undefined): Projection[] {
  if (asked === undefined) return PROJECTIONS;
  const found = PROJECTIONS.filter((each) => each.name === asked);
  if (found.length > 0) return found;
  throw new OperatorError(`There is no projection "${asked}". There are ${NAMES}.`);
}

type Replay = {
  projections: Projection[];
  events: number;
  tookMs: number;
  /** Null for a log that fits one batch. */
  eventsPerSecond: number | null;
};

function report({ projections, ...figures }: Replay, json: boolean | undefined): void {
  const { events, tookMs } = figures;
  const names = projections.map((each) => each.name);
  if (json) return printJson({ projections: names, ...figures });
  const from = `from ${counted(events, 'event')} in ${duration(tookMs)}`;
  console.log(`${names.join(', ')}: rebuilt ${from} and swapped in.`);
}
