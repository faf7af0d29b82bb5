/**
 * What is asked of the event store at EVENTSTORE_URL, in a process of its own so that nothing else
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
  NO_REVISION,
  append,
  connectEventStore,
  type EventStore,
  type NewEvent,
} from '../platform/event-store.ts';
import { appendRaw, readAllRaw } from './raw.ts';

const urls = process.env.EVENTSTORE_URL!.split(' ');
const url = urls[0]!;
/** Work before the clock starts, so that it runs compiled. */
const WARM_UP_MS = 1_000;
const TURN_MS = 1_000;

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

/**
 * What is held against each other takes short turns in one process, forth and back, since a virtual
 * machine's speed swings by a fifth from one second to the next. A turn says how many events it was;
 * the first of each is not counted.
 */
async function takeTurns(rounds: number, ...turns: (() => Promise<number>)[]): Promise<Rate[]> {
  for (const turn of turns) await turn();
  const totals = turns.map((turn) => ({ turn, events: 0, ms: 0 }));
  for (let round = 0; round < rounds; round++) {
    for (const total of round % 2 === 0 ? totals : totals.toReversed()) {
      const sinceMs = performance.now();
      total.events += await total.turn();
      total.ms += performance.now() - sinceMs;
    }
  }
  return totals.map(({ events, ms }) => ({ perSecond: Math.round((events / ms) * 1000), events }));
}

/** Each writer appends to a stream of its own, at its exact revision. */
async function appendThroughClient(inFlight: number, seconds: number): Promise<Rate[]> {
  const clients = urls.map(connectEventStore);
  const turns = clients.map((client) => {
    const writers = Array.from({ length: inFlight }, () => ({
      stream: `cart-${randomUUID()}`,
      revision: NO_REVISION,
    }));
    return async () => {
      const endsMs = performance.now() + TURN_MS;
      let events = 0;
      const write = async (writer: (typeof writers)[number]) => {
        for (; performance.now() < endsMs; writer.revision += 1n, events += 1) {
          if ((await append(client, writer.stream, [newEvent()], writer.revision)) === undefined)
            throw new Error('an append was refused');
        }
      };
      await Promise.all(writers.map(write));
      return events;
    };
  });
  const rates = await takeTurns((seconds * 1000) / TURN_MS, ...turns);
  for (const client of clients) await client.dispose();
  return rates;
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

/** What the client alone makes of `$all`, once and from its start. */
async function read(): Promise<Rate> {
  const client = connectEventStore(url);
  const sinceMs = performance.now();
  const result = rate(await readAll(client), sinceMs);
  await client.dispose();
  return result;
}

/** The same of each server in turn, and a subscription of the first one. */
async function reads(rounds: number): Promise<Rate[]> {
  const clients = urls.map(connectEventStore);
  const rates = await takeTurns(rounds, ...clients.map((client) => () => readAll(client)), () =>
    catchUp(clients[0]!),
  );
  for (const client of clients) await client.dispose();
  return rates;
}

async function readAll(client: EventStore): Promise<number> {
  const all = client.readAll();
  let events = 0;
  all.on('data', () => (events += 1));
  await once(all, 'end');
  return events;
}

/** A subscription from the beginning until it has caught up. */
async function catchUp(client: EventStore): Promise<number> {
  const subscription = client.subscribeToAll();
  let events = 0;
  subscription.on('data', () => (events += 1));
  await once(subscription, 'caughtUp');
  await subscription.unsubscribe();
  return events;
}

/** The clock starts with the first. */
async function readThin(): Promise<Rate> {
  let [events, sinceMs] = [0, 0];
  await readAllRaw(url, () => {
    sinceMs ||= performance.now();
    events += 1;
  });
  return rate(events, sinceMs);
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
  reads,
  'read-thin': readThin,
  latency,
  'sync-file': syncFile,
};
const [name, ...numbers] = process.argv.slice(2);
const measure = MEASURES[name ?? ''];
if (!measure) throw new Error(`a measure is one of ${Object.keys(MEASURES).join(', ')}`);
console.log(JSON.stringify(await measure(...numbers.map(Number))));
