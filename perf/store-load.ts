/**
 * What is asked of the event store at EVENT_STORE_URL, in a process of its own so that nothing else
 * takes its time: `node perf/store-load.ts MEASURE [number …]`. Says one line of JSON. Several
 * addresses, separated by spaces, are measured beside each other, with a rate for each.
 */
import { once } from 'node:events';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { END } from '@eventstore/db-client';
import {
  append,
  asStored,
  connectEventStore,
  type EventStore,
  type NewEvent,
} from '../platform/event-store.ts';
import { appendRaw, readAllRaw } from './raw.ts';
import { takeTurns } from './turns.ts';
import { NO_REVISION } from '../platform/appends.ts';

const urls = process.env.EVENT_STORE_URL!.split(' ');
const url = urls[0]!;
/** Work before the clock starts, so that it runs compiled. */
const WARM_UP_MS = 1_000;
const TURN_MS = 1_000;

type Rate = { perSecond: number; events: number };
type Taken = { events: number; ms: number };

const rateOf = ({ events, ms }: Taken): Rate => ({
  perSecond: Math.round((events / ms) * 1000),
  events,
});
const takenSince = (sinceMs: number, events: number): Taken => ({
  events,
  ms: performance.now() - sinceMs,
});

/** Counts what comes; the clock starts with the first. */
function counter(): { count: () => void; taken: () => Taken } {
  let [events, sinceMs] = [0, 0];
  return {
    count: () => {
      sinceMs ||= performance.now();
      events += 1;
    },
    taken: () => takenSince(sinceMs, events),
  };
}

/** An item that is put in a cart, as write-api appends it. */
function newEvent(): NewEvent {
  const id = randomUUID();
  const at = new Date().toISOString();
  const metadata = { $correlationId: id, $causationId: id, commandId: id, actor: 'anonymous', at };
  const data = { listingId: `${id}.s1`, quantity: 1 };
  return { id, type: 'ItemAddedToCart', data, metadata: { ...metadata, schemaVersion: 1 } };
}

/** With a client for each server. */
async function withClients<T>(use: (clients: EventStore[]) => Promise<T>): Promise<T> {
  const clients = urls.map((each) => connectEventStore(each, asStored));
  const result = await use(clients);
  for (const client of clients) await client.dispose();
  return result;
}

/** Of turns of a second or two, in one process that has run before. */
async function ratesInTurn(rounds: number, turns: (() => Promise<Taken>)[]): Promise<Rate[]> {
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return (await takeTurns(rounds, ...turns)).map((taken) =>
    rateOf({ events: sum(taken.map(({ events }) => events)), ms: sum(taken.map(({ ms }) => ms)) }),
  );
}

const appendThroughClient = (inFlight: number, seconds: number): Promise<Rate[]> =>
  withClients((clients) => {
    const turns = clients.map((client) => appendingTurn(client, inFlight));
    return ratesInTurn((seconds * 1000) / TURN_MS, turns);
  });

/** Each writer appends to a stream of its own, at its exact revision. */
function appendingTurn(client: EventStore, inFlight: number): () => Promise<Taken> {
  const writers = Array.from({ length: inFlight }, () => ({
    stream: `cart-${randomUUID()}`,
    revision: NO_REVISION,
  }));
  return async () => {
    const sinceMs = performance.now();
    let events = 0;
    const write = async (writer: (typeof writers)[number]) => {
      for (; performance.now() < sinceMs + TURN_MS; writer.revision += 1n, events += 1) {
        if ((await append(client, writer.stream, [newEvent()], writer.revision)) === undefined)
          throw new Error('an append was refused');
      }
    };
    await Promise.all(writers.map(write));
    return takenSince(sinceMs, events);
  };
}

async function appendThin(inFlight: number, seconds: number): Promise<Rate> {
  let [sinceMs, before] = [0, 0];
  const startedMs = performance.now();
  const isOver = (events: number) => {
    const nowMs = performance.now();
    if (sinceMs === 0 && nowMs > startedMs + WARM_UP_MS) [sinceMs, before] = [nowMs, events];
    return nowMs > startedMs + WARM_UP_MS + seconds * 1000;
  };
  const events = await appendRaw(url, { inFlight, eventsPerAppend: 1, isOver });
  return rateOf(takenSince(sinceMs, events - before));
}

/** Makes the log as long as asked, in large appends. */
async function fill(events: number): Promise<Rate> {
  const sinceMs = performance.now();
  const isOver = (acknowledged: number) => acknowledged >= events;
  const appended = await appendRaw(url, { inFlight: 8, eventsPerAppend: 100, isOver });
  return rateOf(takenSince(sinceMs, appended));
}

/** What the client alone makes of `$all`. */
const read = (): Promise<Rate> => withClients(async ([client]) => rateOf(await readAll(client!)));

/** The same of each server in turn, and a subscription of the first one. */
const reads = (rounds: number): Promise<Rate[]> =>
  withClients((clients) => {
    const turns = clients.map((client) => () => readAll(client));
    return ratesInTurn(rounds, [...turns, () => catchUp(clients[0]!)]);
  });

async function readAll(client: EventStore): Promise<Taken> {
  const all = client.readAll();
  const { count, taken } = counter();
  all.on('data', count);
  await once(all, 'end');
  return taken();
}

/** A subscription from the beginning until it has caught up. */
async function catchUp(client: EventStore): Promise<Taken> {
  const subscription = client.subscribeToAll();
  const { count, taken } = counter();
  subscription.on('data', count);
  await once(subscription, 'caughtUp');
  const result = taken();
  await subscription.unsubscribe();
  return result;
}

async function readThin(): Promise<Rate> {
  const { count, taken } = counter();
  await readAllRaw(url, count);
  return rateOf(taken());
}

/** From the call of an append until a subscriber has its event, in milliseconds. */
async function latency(perSecond: number, seconds: number) {
  const client = connectEventStore(url, asStored);
  const subscription = client.subscribeToAll({ fromPosition: END });
  const sentMs = new Map<string, number>();
  const tookMs: number[] = [];
  subscription.on('data', ({ event }) => {
    const sent = event && sentMs.get(event.id);
    if (sent !== undefined) tookMs.push(performance.now() - sent);
  });
  await once(subscription, 'caughtUp');
  const appends: Promise<unknown>[] = [];
  const startedMs = performance.now();
  for (let i = 0; i < perSecond * seconds; i++) {
    const event = newEvent();
    sentMs.set(event.id, performance.now());
    appends.push(append(client, `cart-${event.id}`, [event], NO_REVISION));
    const dueMs = startedMs + ((i + 1) * 1000) / perSecond - performance.now();
    if (dueMs > 0) await setTimeout(dueMs);
  }
  await Promise.all(appends);
  while (tookMs.length < sentMs.size) await once(subscription, 'data');
  await subscription.unsubscribe();
  await client.dispose();
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)]!;
  return { p50Ms: at(0.5), p99Ms: at(0.99), events: sorted.length };
}

/** The disk alone: a small append to a file, and a wait until it is on disk, one after the other. */
function syncFile(seconds: number): Rate {
  const dir = mkdtempSync(join(tmpdir(), 'doorstep-perf-'));
  const file = openSync(join(dir, 'file'), 'w');
  const bytes = Buffer.alloc(4096);
  const sinceMs = performance.now();
  let writes = 0;
  for (; performance.now() < sinceMs + seconds * 1000; writes++) {
    writeSync(file, bytes);
    fdatasyncSync(file);
  }
  closeSync(file);
  rmSync(dir, { recursive: true });
  return rateOf(takenSince(sinceMs, writes));
}

const MEASURES: Record<string, (...numbers: number[]) => unknown> = {
  append: appendThroughClient,
  'append-thin': appendThin,
  fill,
  read,
  reads,
  'read-thin': readThin,
  latency,
  'sync-file': syncFile,
};
const [name, ...numbers] = process.argv.slice(2);
const measure = MEASURES[name ?? ''];
if (!measure) throw new Error(`a measure is one of ${Object.keys(MEASURES).join(', ')}`);
console.log(JSON.stringify(await measure(...numbers.map(Number))));
