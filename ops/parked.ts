import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { DECIDERS } from '../domain/deciders.ts';
import { emptyOf, foldNext } from '../engine/commands/folded.ts';
import type { AnyDecider } from '../engine/decider.ts';
import { noteDropped, noteRetried, type EventRef } from '../engine/parking.ts';
import { RebuildRunning } from '../engine/projections/checkpoint.ts';
import type { Projection } from '../engine/projections/projection.ts';
import { rebuild } from '../engine/projections/run.ts';
import { upcasterOf } from '../engine/upcast.ts';
import {
  connectEventStore,
  headOfLog,
  readStream,
  type EventStore,
} from '../platform/event-store.ts';
import { createPool, type Pool } from '../platform/postgres.ts';
import { readRawEventAt } from '../platform/raw-events.ts';
import { splitStream } from '../platform/stream-name.ts';
import { PROJECTIONS } from '../projector/app.ts';
import { FAILED, OK, OperatorError, printJson } from './command.ts';
import { required } from './environment.ts';
import { counted } from './format.ts';
import { operatorLog } from './log.ts';
import { parkedRows, readParkedEvents, type AllParked, type ParkedItem } from './parked-events.ts';
import { Progress } from './progress.ts';

/** One holds the lock, one writes. */
const POOL_SIZE = 2;
/** What an operator asks for may go through all rows. */
const STATEMENT_MS = 5 * 60_000;
const MAX_REASON_LENGTH = 500;

export const name = 'parked';
export const summary = 'events that could not be read: what they are, try them again, or drop them';
export const usage = `Usage: npm run ops -- parked [list] [--json]
       npm run ops -- parked retry [EVENT …] [--json]
       npm run ops -- parked drop EVENT --reason TEXT [--json]

An event that a read model, the reactor or its own stream cannot read is parked: its rows are
missing, nothing follows from it, and commands to its stream are answered with 503 STREAM_DAMAGED.
Everything else goes on.

  list    every parked event, by whom and why, and what was dropped
  retry   tries them again, all or those that are named: after a release that can read them, or when
          whatever was in their way is gone. The read models that parked them are built anew beside
          the live ones, so that their rows are what a fresh fold gives
  drop    nobody waits for the event any more: read models are built without it, now and whenever
          they are built again, and its stream goes on as if it had never been. It stays in the log,
          and the reason with it

EVENT is the event's id, or its place as list shows it: STREAM@REVISION.

  --reason TEXT   why, for whoever looks later
  --json          the result as JSON on stdout

Examples:
  npm run ops -- parked
  npm run ops -- parked retry
  npm run ops -- parked drop order-5e1d2c4b@0 --reason 'appended by hand, by mistake'

Exit code 1: list found parked events; or what was tried again is parked still.
Needs EVENT_STORE_URL and DATABASE_URL.`;

type Tools = { client: EventStore; pool: Pool; json: boolean };

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { json: { type: 'boolean' }, reason: { type: 'string' } },
  });
  const [what = 'list', ...events] = positionals;
  const isRight = { list: events.length === 0, retry: true, drop: events.length === 1 }[what];
  if (!isRight) throw new OperatorError(`Not so. See: npm run ops -- help ${name}`);
  const env = required('EVENT_STORE_URL', 'DATABASE_URL');
  const client = connectEventStore(env.EVENT_STORE_URL, upcasterOf(DECIDERS));
  const pool = createPool(env.DATABASE_URL, operatorLog(), {
    max: POOL_SIZE,
    answerWithinMs: STATEMENT_MS,
  });
  const tools = { client, pool, json: values.json ?? false };
  try {
    if (what === 'retry') return await retry(tools, events);
    if (what === 'drop') return await drop(tools, events[0]!, values.reason);
    return await list(tools);
  } catch (error) {
    if (!(error instanceof RebuildRunning)) throw error;
    throw new OperatorError(
      'The read models are being rebuilt or proved just now: let that finish, then repeat this.',
    );
  } finally {
    await Promise.all([client.dispose(), pool.end()]);
  }
}

const look = async ({ client, pool }: Tools): Promise<AllParked> =>
  readParkedEvents(client, await parkedRows(pool));

async function list(tools: Tools): Promise<number> {
  const all = await look(tools);
  if (tools.json) printJson(all);
  else console.log(render(all).join('\n'));
  return all.parked.length === 0 ? OK : FAILED;
}

async function retry(tools: Tools, wanted: string[]): Promise<number> {
  const { parked } = await look(tools);
  const items = wanted.length === 0 ? parked : wanted.map((event) => find(parked, event));
  for (const item of items) await noteRetried(tools.client, await refOf(tools, item), actor());
  const names = new Set(items.flatMap(({ by }) => by));
  await rebuildAll(
    tools,
    PROJECTIONS.filter((each) => names.has(each.name)),
  );
  const ids = new Set(items.map(({ eventId }) => eventId));
  const left = (await look(tools)).parked.filter(({ eventId }) => ids.has(eventId));
  if (tools.json) printJson({ retried: items.length, parked: left });
  else {
    const lines = [`${counted(items.length, 'event')} tried again; parked still: ${left.length}.`];
    console.log([...lines, ...left.flatMap(renderItem)].join('\n'));
  }
  return left.length === 0 ? OK : FAILED;
}

async function drop(tools: Tools, wanted: string, reason: string | undefined): Promise<number> {
  if (!reason?.trim() || reason.length > MAX_REASON_LENGTH) {
    throw new OperatorError(
      `Say why, in up to ${MAX_REASON_LENGTH} characters: --reason 'what is wrong with it'.`,
    );
  }
  const item = find((await look(tools)).parked, wanted);
  const ref = await refOf(tools, item);
  const isFolded = await folds(tools.client, ref);
  await noteDropped(tools.client, { ...ref, reason, isFolded }, actor());
  await rebuildAll(
    tools,
    PROJECTIONS.filter(({ on }) => Object.hasOwn(on, ref.type)),
  );
  if (tools.json) printJson({ dropped: { ...ref, reason, isFolded } });
  else console.log(`Dropped: ${addressOf(ref)} (${ref.type}), since: ${reason}`);
  return OK;
}

/** Who decides, as far as this machine knows. */
const actor = (): string => `operator ${userInfo().username}`;

function find(parked: ParkedItem[], wanted: string): ParkedItem {
  const found = parked.find((item) => wanted === item.eventId || wanted === addressOf(item));
  if (found) return found;
  throw new OperatorError(`No parked event is "${wanted}". See: npm run ops -- ${name} list`);
}

/** Its place in its stream, which read models do not note. */
async function refOf(
  { client }: Tools,
  { eventId, stream, type, revision, position }: ParkedItem,
): Promise<EventRef> {
  if (revision !== null) return { eventId, stream, type, revision };
  const event = await readRawEventAt(client, BigInt(position!));
  if (event?.id !== eventId) {
    throw new OperatorError(
      `The log has no longer ${type} of ${stream} where a read model saw it: ` +
        'rebuild the read models with npm run ops -- replay.',
    );
  }
  return { eventId, stream, type, revision: String(event.revision) };
}

/** Whether the rules of an event's stream take it. */
async function folds(client: EventStore, { stream, revision }: EventRef): Promise<boolean> {
  const { category } = splitStream(stream);
  const decider = DECIDERS.find((each) => each.category === category) as AnyDecider | undefined;
  if (!decider) return false;
  const folded = emptyOf(decider);
  let isTaken = true;
  const count = Number(revision) + 1;
  for await (const event of readStream(client, stream, 0n, count)) {
    try {
      foldNext(decider, folded, event, Date.now());
      isTaken = true;
    } catch {
      // Of those before it the last word was spoken, or will be.
      isTaken = false;
    }
  }
  return isTaken;
}

/** Fills read models anew beside the live ones, and swaps them in. */
async function rebuildAll({ client, pool }: Tools, projections: Projection[]): Promise<void> {
  if (projections.length === 0) return;
  const progress = new Progress('rebuilding', 'events');
  const log = operatorLog((line) => progress.say(line));
  const head = await headOfLog(client);
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  let done = 0;
  try {
    const { signal } = stopping;
    const swapped = await rebuild({ client, pool, log, signal, projections }, (position, more) => {
      done += more;
      progress.update({ done, fraction: Number(position) / Number(head) });
    });
    if (!swapped) {
      throw new OperatorError(
        'Stopped. What was decided is noted; npm run ops -- replay brings it to the read models.',
      );
    }
  } finally {
    progress.end();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

const addressOf = ({ stream, revision }: Pick<ParkedItem, 'stream' | 'revision'>): string =>
  revision === null ? stream : `${stream}@${revision}`;

const renderItem = (item: ParkedItem): string[] => [
  `  ${item.type} of ${addressOf(item)}, event ${item.eventId}`,
  `    parked by ${item.by.join(', ')}: ${item.error}`,
];

function render({ parked, dropped }: AllParked): string[] {
  return [
    parked.length === 0 ? 'No event is parked.' : `${counted(parked.length, 'event')} PARKED:`,
    ...parked.flatMap(renderItem),
    ...(dropped.length > 0 ? ['', `Dropped: ${counted(dropped.length, 'event')}`] : []),
    ...dropped.map(({ reason, ...ref }) => `  ${ref.type} of ${addressOf(ref)}: ${reason}`),
  ];
}
