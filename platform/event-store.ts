import { randomUUID } from 'node:crypto';
import { WrongExpectedVersionError, type EventStoreDBClient } from '@eventstore/db-client';
import {
  Appender,
  NO_REVISION,
  type Appended,
  type Expected,
  type ProposedEvent,
} from './appends.ts';
import { connect } from './connection.ts';
import { newestRawEvents, readRawStream, type RawEvent } from './raw-events.ts';
import { splitStream, streamOf } from './stream-name.ts';

/** What every event says about itself besides its data. */
export type EventMetadata = {
  $correlationId: string;
  $causationId: string;
  commandId: string;
  /** Digest of the request behind the command: tells a repeat from another use of the same id. */
  fingerprint?: string;
  actor: string;
  /** RFC 3339, UTC. */
  at: string;
  /** Of what the event's data looks like, from 1. */
  schemaVersion: number;
};

/**
 * An event of the log. A message (what happened) becomes one when it is appended; whoever reads
 * the log sees this, or less of it.
 */
export type StoredEvent<Data = unknown> = {
  stream: string;
  id: string;
  type: string;
  data: Data;
  metadata: EventMetadata;
  /** Place in the stream, from 0. */
  revision: bigint;
  /** Place in the whole log. */
  position: bigint;
};

/** An event as it is appended: its stream and its place come of that. */
export type NewEvent = Pick<StoredEvent<object>, 'id' | 'type' | 'data' | 'metadata'>;

/** What the event store writes for itself, which is nobody's business. */
export const isSystemEvent = ({ type }: Pick<StoredEvent, 'type'>): boolean => type.startsWith('$');

/** How far the reactor is in the log. */
export const REACTOR_CHECKPOINT = 'reactor-checkpoint';

/** Who of several reactors works. */
export const REACTOR_LEASE = 'reactor-lease';

/** Which log this is: `platform/log-identity.ts`. */
export const LOG_IDENTITY = 'log-identity';

/** `inventory-{id}` → `inventorysnapshot-{id}`: a category of its own. */
export function snapshotStreamOf(stream: string): string {
  const { category, id } = splitStream(stream);
  return streamOf({ category: `${category}snapshot` }, id);
}

/**
 * Whether a stream says who is where in this very log, or which it is: the engine's own streams. They
 * mean nothing in a copy, where whoever wrote them begins anew.
 */
export const holdsPositions = (stream: string): boolean =>
  OF_THIS_LOG.has(stream) || /^[a-z]+snapshot-/.test(stream);

const OF_THIS_LOG = new Set([REACTOR_CHECKPOINT, REACTOR_LEASE, LOG_IDENTITY]);

/** Events that cannot be read, and what people decided about them: see `engine/parking.ts`. */
export const PARKED_EVENTS = 'parked-events';

/** Whether a stream is the engine's own, and none of the domain's. */
export const isEnginesOwn = (stream: string): boolean =>
  holdsPositions(stream) || stream === PARKED_EVENTS;

/** Far longer than an append takes: who waits so long looks whether it happened. */
const LOOK_AFTER_MS = 700;

/** What an event of a version says, in the shape that this release works with. */
export type Upcast = (
  event: Pick<StoredEvent, 'type' | 'stream'>,
  version: number,
  data: unknown,
) => unknown;

/** For whoever does not look into events, or wrote them itself. */
export const asStored: Upcast = (_event, _version, data) => data;

/** A client; `upcast` is what every event comes through that is read by it. */
export type EventStore = EventStoreDBClient & {
  readonly upcast: Upcast;
  /** As `Appender.append`, of events that are not bytes yet. */
  readonly appendEvents: (
    stream: string,
    expected: Expected,
    events: UnplacedEvent[],
  ) => Promise<Appended>;
  /** As `newestEvent`, also of the event store's own. */
  readonly readNewest: (stream: string) => Promise<StoredEvent | undefined>;
  /** As `readStream`. */
  readonly readEvents: (
    stream: string,
    from: bigint,
    maxCount?: number,
  ) => AsyncIterable<StoredEvent>;
};

/** Any event, of ours or of the engine's own: JSON, or bytes as they are. */
export type UnplacedEvent = {
  id?: string;
  type: string;
  data: object | Uint8Array;
  metadata?: object;
};

export function connectEventStore(url: string, upcast: Upcast): EventStore {
  const client = connect(url);
  const appender = new Appender(client);
  return Object.assign(client, {
    upcast,
    appendEvents: (stream: string, expected: Expected, events: UnplacedEvent[]) =>
      appender.append(stream, expected, events.map(proposed)),
    async readNewest(stream: string) {
      const [newest] = await Array.fromAsync(newestRawEvents(client, stream, 1));
      return newest && parsedLater(newest, upcast);
    },
    async *readEvents(stream: string, from: bigint, maxCount?: number) {
      for await (const raw of readRawStream(client, stream, from, maxCount)) {
        if (!isSystemEvent(raw)) yield parsedLater(raw, upcast);
      }
    },
  });
}

/** Of an event that does not say it, as whatever is no message of the domain's. */
export const FIRST_VERSION = 1;

/**
 * A raw event whose data and metadata are parsed, and brought to the newest version, when somebody
 * asks for them: asking may throw what `upcast` throws.
 */
export const parsedLater = (raw: RawEvent, upcast: Upcast): StoredEvent =>
  new LazyEvent(raw, upcast);

class LazyEvent implements StoredEvent {
  readonly #raw: RawEvent;
  readonly #upcast: Upcast;
  #data: unknown;
  #metadata: EventMetadata | undefined;

  constructor(raw: RawEvent, upcast: Upcast) {
    this.#raw = raw;
    this.#upcast = upcast;
  }

  get stream(): string {
    return this.#raw.stream;
  }
  get id(): string {
    return this.#raw.id;
  }
  get type(): string {
    return this.#raw.type;
  }
  get revision(): bigint {
    return this.#raw.revision;
  }
  get position(): bigint {
    return this.#raw.position;
  }
  get data(): unknown {
    return (this.#data ??= this.#parse());
  }
  get metadata(): EventMetadata {
    return (this.#metadata ??= JSON.parse(textOf(this.#raw.metadata)) as EventMetadata);
  }

  #parse(): unknown {
    const { isJson, data, metadata } = this.#raw;
    return this.#upcast(this, versionIn(metadata), isJson ? JSON.parse(textOf(data)) : data);
  }
}

const VERSION_KEY = '"schemaVersion":';
const MAX_VERSION_BYTES = 8;

/** Found without parsing: metadata takes as long as data, and few who ask for data need it. */
function versionIn(metadata: Uint8Array): number {
  const bytes = Buffer.from(metadata.buffer, metadata.byteOffset, metadata.length);
  const at = bytes.lastIndexOf(VERSION_KEY);
  if (at < 0) return FIRST_VERSION;
  const from = at + VERSION_KEY.length;
  return Number.parseInt(bytes.toString('latin1', from, from + MAX_VERSION_BYTES), 10);
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();

function proposed({ id = randomUUID(), type, data, metadata }: UnplacedEvent): ProposedEvent {
  const isJson = !(data instanceof Uint8Array);
  return {
    id,
    type,
    isJson,
    data: isJson ? Buffer.from(JSON.stringify(data)) : data,
    metadata: metadata ? Buffer.from(JSON.stringify(metadata)) : NOTHING,
  };
}

const NOTHING = Buffer.alloc(0);

/** That a stream keeps no more than its newest event. */
export const keepNewestOnly = (client: EventStore, stream: string): Promise<unknown> =>
  client.appendEvents(`$$${stream}`, 'any', [{ type: '$metadata', data: { $maxCount: 1 } }]);

/**
 * Appends events at exactly `expected`, the revision of the stream's last event. Resolves when
 * they are on disk, with the position of the last of them, or to undefined when the stream has
 * moved on: also where these very events have, which another sent. Throws `AppendOutcomeUnknown`.
 */
export async function append(
  client: EventStore,
  stream: string,
  events: NewEvent[],
  expected: bigint,
): Promise<bigint | undefined> {
  const appending = client.appendEvents(stream, expected, events);
  let look: NodeJS.Timeout | undefined;
  // A server that has the same events in hand drops a repeat, and says so only seconds later.
  const movedOn = new Promise<undefined>((resolve) => {
    look = setTimeout(() => {
      client.readNewest(stream).then(
        (newest) => (newest?.revision ?? NO_REVISION) > expected && resolve(undefined),
        // The append will be answered, or not.
        () => {},
      );
    }, LOOK_AFTER_MS);
  });
  try {
    return (await Promise.race([appending, movedOn]))?.position;
  } catch (error) {
    if (error instanceof WrongExpectedVersionError) return undefined;
    throw error;
  } finally {
    clearTimeout(look);
  }
}

/**
 * A stream's events from a revision on, oldest first; none where there is no such stream. What an
 * event says is looked at when it is asked for, which may throw what `upcast` throws. Throws where a
 * read of the event store's is lost.
 */
export const readStream = (
  client: EventStore,
  stream: string,
  from: bigint = 0n,
  maxCount?: number,
): AsyncIterable<StoredEvent> => client.readEvents(stream, from, maxCount);

/** The newest event of a stream; undefined where there is none. */
export async function newestEvent(
  client: EventStore,
  stream: string,
): Promise<StoredEvent | undefined> {
  const newest = await client.readNewest(stream);
  return newest && !isSystemEvent(newest) ? newest : undefined;
}

/** The position of the newest event of the log; 0 of an empty one. */
export const headOfLog = (client: EventStore): Promise<bigint> =>
  newestWhere(client, 1, () => true);

/** Events of the event store's own that can follow each other at the end of the log. */
const NEWEST_EVENTS = 50;

/** The position of the newest event but for the event store's own: projections come as far. */
export const headOfEvents = (client: EventStore): Promise<bigint> =>
  newestWhere(client, NEWEST_EVENTS, (event) => !isSystemEvent(event));

async function newestWhere(
  client: EventStore,
  maxCount: number,
  isMeant: (event: RawEvent) => boolean,
): Promise<bigint> {
  for await (const event of newestRawEvents(client, '$all', maxCount)) {
    if (isMeant(event)) return event.position;
  }
  return 0n;
}
