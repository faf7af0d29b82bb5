import { isSystemEvent, type EventStore, type StoredEvent } from '../../platform/event-store.ts';
import type { RawEvent } from '../../platform/raw-events.ts';
import { isOurs } from '../../projector/app.ts';
import { splitStream } from '../../platform/stream-name.ts';
import { reasonOf } from '../command.ts';
import type { Book } from './book.ts';
import { placeText, type Check, type Report } from './check.ts';
import { CHECKS } from './checks.ts';
import { shopLedgers, type ShopLedger } from './payment.ts';
import { READABLE, Streams } from './streams.ts';
import { parsedLater } from '../../platform/event-store.ts';

/** `created` counts in units of 100 ns. */
const UNITS_OF_A_MS = 10_000n;

export type Proved = {
  events: number;
  streams: number;
  orders: number;
  /** What each shop got by card. */
  shops: ShopLedger[];
};

/** An event, and when it was stored, in ms since 1970. */
export type DatedEvent = { event: StoredEvent; atMs: number };

/**
 * Folds a log once, from its beginning, and tells what in it cannot be true by `nowMs`; `client`
 * reads streams of it again whose state is no longer held, and snapshots.
 * `onEvent` gets every event that projections get, in order; those that were `dropped` count nowhere. Holds the state of 50,000 streams and
 * of every shop's stock and registers, and some 3 KB for each order.
 */
export async function proveLog(
  client: EventStore,
  log: AsyncIterable<RawEvent> | Iterable<RawEvent>,
  nowMs: number,
  report: Report,
  onEvent: (event: StoredEvent) => Promise<void> | void = () => {},
  dropped: ReadonlySet<string> = new Set(),
): Promise<Proved> {
  async function* dated(): AsyncGenerator<DatedEvent> {
    for await (const raw of log) {
      if (isSystemEvent(raw) || !isOurs(raw.stream)) continue;
      const event = parsedLater(raw, client.upcast);
      await onEvent(event);
      yield { event, atMs: Number(raw.created / UNITS_OF_A_MS) };
    }
  }
  return proveEvents(client, dated(), nowMs, report, dropped);
}

/** The same of events that are in hand. */
export async function proveEvents(
  client: EventStore,
  events: AsyncIterable<DatedEvent> | Iterable<DatedEvent>,
  nowMs: number,
  report: Report,
  dropped: ReadonlySet<string> = new Set(),
): Promise<Proved> {
  const book: Book = { orders: new Map(), storeOrders: new Map(), payments: new Map() };
  const checks = CHECKS.map((begin) => begin(book, report));
  const streams = new Streams(client, report, dropped);
  const seen = { events: 0, streams: 0 };
  for await (const { event, atMs } of events) {
    if (!isOurs(event.stream) || dropped.has(event.id)) continue;
    seen.events += 1;
    if (event.revision === 0n) seen.streams += 1;
    const states = await streams.take(event);
    if (states) show(checks, event, states, atMs, report);
  }
  await streams.checkSnapshots();
  for (const { end } of checks) {
    try {
      end?.(nowMs);
    } catch (error) {
      report(READABLE, 'the log as a whole', `it cannot be checked: ${reasonOf(error)}`);
    }
  }
  return { ...seen, orders: book.orders.size, shops: shopLedgers(book) };
}

function show(
  checks: Check[],
  event: StoredEvent,
  states: { before: unknown; after: unknown },
  atMs: number,
  report: Report,
): void {
  const { stream, revision, type, data } = event;
  const { id } = splitStream(stream);
  const seen = { stream, revision, id, data, ...states, atMs };
  for (const { on } of checks) {
    try {
      on[type]?.(seen as never);
    } catch (error) {
      report(READABLE, placeText(event), `${type} cannot be checked: ${reasonOf(error)}`);
    }
  }
}
