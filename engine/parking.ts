/**
 * Events that somebody met and could not read, and what people decided about them: a stream of the
 * log itself, so that it is known wherever the log is, a copy or a restored backup included. Read
 * models note their own in Postgres, where they are made anew with the rows.
 */
import { randomUUID } from 'node:crypto';
import {
  PARKED_EVENTS,
  readStream,
  type EventMetadata,
  type EventStore,
  type StoredEvent,
} from '../platform/event-store.ts';
import type { Logger } from '../platform/log.ts';

const MAX_ERROR_LENGTH = 1_000;

/** An event by its place, and by the id that it keeps in a copy. */
export type EventRef = { eventId: string; stream: string; revision: string; type: string };

/** `by` is who could not read it: `commands` (its stream takes none), `reactor`. */
export type ParkedEvent = EventRef & { by: string; error: string };

/**
 * People decided that nobody waits for it. `isFolded` says that its stream's rules take it, so that
 * it is left out of read models only; else it is as if it had never been appended.
 */
export type DroppedEvent = EventRef & { reason: string; isFolded: boolean };

/** It is to be tried again: the reactor does so, and whoever meets it again says so again. */
export const RETRIED = 'ParkedEventRetried';
export const DROPPED = 'ParkedEventDropped';
const PARKED = 'EventParked';

export type Parking = {
  /** Each of them once for each `by`; none that was dropped. */
  parked: ParkedEvent[];
  /** By the event's id. */
  dropped: ReadonlyMap<string, DroppedEvent>;
};

/** What is parked now, and all that was ever dropped. */
export async function readParking(client: EventStore): Promise<Parking> {
  const parked = new Map<string, ParkedEvent>();
  const dropped = new Map<string, DroppedEvent>();
  for await (const { type, data } of readStream(client, PARKED_EVENTS)) {
    // Here too may stand what nobody can read.
    const said = data as Partial<ParkedEvent & DroppedEvent> | null;
    if (typeof said?.eventId !== 'string') continue;
    const { eventId } = said;
    if (type === PARKED) parked.set(`${said.by} ${eventId}`, said as ParkedEvent);
    if (type === DROPPED) dropped.set(eventId, said as DroppedEvent);
    if (type !== RETRIED) continue;
    for (const [key, { eventId: id }] of parked) if (id === eventId) parked.delete(key);
  }
  return { parked: [...parked.values()].filter(({ eventId }) => !dropped.has(eventId)), dropped };
}

export const refOf = ({ id, stream, revision, type }: StoredEvent): EventRef => ({
  eventId: id,
  stream,
  revision: String(revision),
  type,
});

const textOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, MAX_ERROR_LENGTH);

/** Notes a decision of an operator's, in whose name it is. */
export const noteRetried = (client: EventStore, ref: EventRef, actor: string): Promise<void> =>
  note(client, RETRIED, ref, actor);
export const noteDropped = (client: EventStore, drop: DroppedEvent, actor: string): Promise<void> =>
  note(client, DROPPED, drop, actor);

async function note(
  client: EventStore,
  type: string,
  data: EventRef,
  actor: string,
): Promise<void> {
  const metadata: EventMetadata = {
    $correlationId: data.eventId,
    $causationId: data.eventId,
    commandId: randomUUID(),
    actor,
    at: new Date().toISOString(),
    schemaVersion: 1,
  };
  await client.appendEvents(PARKED_EVENTS, 'any', [{ type, data, metadata }]);
}

/** What one process knows of parked events, and how it adds to them. */
export class ParkedEvents {
  readonly #client: EventStore;
  readonly #log: Logger;
  readonly #by: string;
  #dropped: Parking['dropped'] = new Map();

  constructor(client: EventStore, log: Logger, by: string) {
    this.#client = client;
    this.#log = log;
    this.#by = by;
  }

  /**
   * Reads what was decided so far; whoever does so as it begins passes over what was dropped, whatever
   * its release makes of that.
   */
  async read(): Promise<void> {
    this.#dropped = (await readParking(this.#client)).dropped;
  }

  /** As far as it was read. */
  isDropped(eventId: string): boolean {
    return this.#dropped.has(eventId);
  }

  /** Whether nobody is to read it any more, whatever a later release makes of it. */
  isLeftOut(eventId: string): boolean {
    return this.#dropped.get(eventId)?.isFolded === false;
  }

  /**
   * Parks an event that could not be read, unless people decided meanwhile that it is to be left
   * out: resolves to whether they did.
   */
  async park(event: EventRef, error: unknown): Promise<boolean> {
    await this.parkAll([{ event, error }]);
    return this.isDropped(event.eventId);
  }

  /** Takes each off the list once it is noted, or was dropped. Throws what the event store does. */
  async parkAll(met: { event: EventRef; error: unknown }[]): Promise<void> {
    if (met.length === 0) return;
    const parking = await readParking(this.#client);
    this.#dropped = parking.dropped;
    for (let first = met[0]; first; first = met[0]) {
      await this.#note(first.event, first.error, parking.parked);
      met.shift();
    }
  }

  async #note(event: EventRef, error: unknown, parked: ParkedEvent[]): Promise<void> {
    if (this.isDropped(event.eventId)) return;
    const mine = { ...event, by: this.#by, error: textOf(error) };
    const isKnown = parked.some(({ by, eventId }) => by === mine.by && eventId === mine.eventId);
    if (isKnown) return;
    const { stream, revision, type } = mine;
    this.#log.error({ err: error, stream, revision, type }, 'an event was parked');
    await note(this.#client, PARKED, mine, this.#by);
  }
}

/**
 * For commands, with what was dropped before this process began. Where the event store is not there
 * yet nothing is known: what cannot be read is looked up when it is met.
 */
export async function knownParking(client: EventStore, log: Logger): Promise<ParkedEvents> {
  const parked = new ParkedEvents(client, log, 'commands');
  try {
    await parked.read();
  } catch (error) {
    log.warn({ err: error }, 'what was dropped is not known yet');
  }
  return parked;
}
