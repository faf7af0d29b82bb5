/**
 * What is asked of the event store at EVENTSTORE_URL, in a process of its own so that nothing else
 * takes its time: `node perf/store-load.ts MEASURE [number …]`. Says one line of JSON.
 */
import { once } from 'node:events';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { END } from '@eventstore/db-client';
import { NO_REVISION, append, connectEventStore, type NewEvent } from '../platform/event-store.ts';
import { appendRaw, readAllRaw } from './raw.ts';

const url = process.env.EVENTSTORE_URL!;
/** Work before the clock starts, so that it runs compiled. */
const WARM_UP_MS = 1_000;

type Rate = { perSecond: number; events: number };

const rate = (events: number, sinceMs: number): Rate => ({
  perSecond: Math.round((events / (performance.now() - sinceMs)) * 1000),
  events,
});

/** An item that is put in a cart, as write-api appends it. */
function newEvent(): NewEvent {
  const id = randomUUID();
  const at = new Date().toISOString();
  const metadata = { $correlationId: id, $causationId: id, commandId: id, actor: 'anonymous', at };
  const data = { listingId: `${id}.s1`, quantity: 1 };
  return { id, type: 'ItemAddedToCart', data, metadata: { ...metadata, schemaVersion: 1 } };
}

/** Each append to a stream of its own, at its exact revision. */
async function appendThroughClient(inFlight: number, seconds: number): Promise<Rate> {
  const client = connectEventStore(url);
  const endsMs = performance.now() + WARM_UP_MS + seconds * 1000;
  let [events, sinceMs] = [0, 0];
  const isWarm = () => performance.now() > endsMs - seconds * 1000;
  const writer = async () => {
    const stream = `cart-${randomUUID()}`;
    for (let revision = NO_REVISION; performance.now() < endsMs; revision += 1n) {
      if ((await append(client, stream, [newEvent()], revision)) === undefined) {
        throw new Error('an append was refused');
      }
      if (sinceMs > 0) events += 1;
      else if (isWarm()) sinceMs = performance.now();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, writer));
  const result = rate(events, sinceMs);
  await client.dispose();
  return result;
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
  return rate(events - before, sinceMs);
}

/** Makes the log as long as asked, in large appends. */
async function fill(events: number): Promise<Rate> {
  const sinceMs = performance.now();
  const isOver = (acknowledged: number) => acknowledged >= events;
  return rate(await appendRaw(url, { inFlight: 8, eventsPerAppend: 100, isOver }), sinceMs);
}

/** Counts what comes; the clock starts with the first. */
function counter(): { count: () => void; rate: () => Rate } {
  let [events, sinceMs] = [0, 0];
  return {
    count: () => {
      sinceMs ||= performance.now();
      events += 1;
    },
    rate: () => rate(events, sinceMs),
  };
}

/** What the client alone makes of `$all`. */
async function read(): Promise<Rate> {
  const client = connectEventStore(url);
  const all = client.readAll();
  const counted = counter();
  all.on('data', counted.count);
  await once(all, 'end');
  const result = counted.rate();
  await client.dispose();
  return result;
}

async function readThin(): Promise<Rate> {
  const counted = counter();
  await readAllRaw(url, counted.count);
  return counted.rate();
}

/** A subscription from the beginning until it has caught up. */
async function catchUp(): Promise<Rate> {
  const client = connectEventStore(url);
  const subscription = client.subscribeToAll();
  const counted = counter();
  subscription.on('data', counted.count);
  await once(subscription, 'caughtUp');
  const result = counted.rate();
  await subscription.unsubscribe();
  await client.dispose();
  return result;
}

/** From the call of an append until a subscriber has its event, in milliseconds. */
async function latency(perSecond: number, seconds: number) {
  const client = connectEventStore(url);
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
  return rate(writes, sinceMs);
}

const MEASURES: Record<string, (...numbers: number[]) => unknown> = {
  append: appendThroughClient,
  'append-thin': appendThin,
  fill,
  read,
  'read-thin': readThin,
  'catch-up': catchUp,
  latency,
  'sync-file': syncFile,
};
const [name, ...numbers] = process.argv.slice(2);
const measure = MEASURES[name ?? ''];
if (!measure) throw new Error(`a measure is one of ${Object.keys(MEASURES).join(', ')}`);
console.log(JSON.stringify(await measure(...numbers.map(Number))));
