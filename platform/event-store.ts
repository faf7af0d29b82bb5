import { createRequire } from 'node:module';
import {
  BACKWARDS,
  END,
  EventStoreDBClient,
  NO_STREAM,
  StreamNotFoundError,
  WrongExpectedVersionError,
  jsonEvent,
  type RecordedEvent,
} from '@eventstore/db-client';
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

/** The revision of a stream that has no event. */
export const NO_REVISION = -1n;

/** An append that is not answered by then may or may not have happened. */
const APPEND_TIMEOUT_MS = 5_000;
const READ_TIMEOUT_MS = 10_000;

/** Nobody knows whether the events were appended: the caller repeats with the same event ids. */
export class AppendOutcomeUnknown extends Error {
  constructor(cause: unknown) {
    super('the event store did not answer', { cause });
    this.name = 'AppendOutcomeUnknown';
  }
}

/** What google-protobuf takes for bytes: they themselves, or base64. */
type Protobuf = { Message: { bytesAsU8: (value: string | Uint8Array) => Uint8Array } };

/** The client's own copy of google-protobuf. */
export function protobufOfClient(): Protobuf {
  const fromClient = createRequire(createRequire(import.meta.url).resolve('@eventstore/db-client'));
  return fromClient('google-protobuf') as Protobuf;
}

let isBase64Fast = false;

/**
 * The client turns every payload into base64 and google-protobuf turns that back byte by byte in
 * JavaScript, which is two thirds of what an append costs. Node's own decoder gives the same bytes.
 * Changes the client's copy of the library for the whole process, once.
 */
function speedUpBase64(): void {
  if (isBase64Fast) return;
  isBase64Fast = true;
  const { Message } = protobufOfClient();
  const original = Message.bytesAsU8;
  Message.bytesAsU8 = (value) =>
    typeof value === 'string' ? Buffer.from(value, 'base64') : original(value);
}

/** What an event of a version says, in the shape that this release works with. */
export type Upcast = (
  event: Pick<StoredEvent, 'type' | 'stream'>,
  version: number,
  data: unknown,
) => unknown;

/** For whoever does not look into events, or wrote them itself. */
export const asStored: Upcast = (_event, _version, data) => data;

/** A client; `upcast` is what every event comes through that is read by it. */
export type EventStore = EventStoreDBClient & { readonly upcast: Upcast };

/** One for each process: a second appending client in it would crash when either loses its server. */
export function connectEventStore(url: string, upcast: Upcast): EventStore {
  speedUpBase64();
  return Object.assign(EventStoreDBClient.connectionString(url), { upcast });
}

const isWrongVersion = (error: unknown): boolean => error instanceof WrongExpectedVersionError;

/** The first error of a lost server has a class of its own, later ones only gRPC's code. */
export function isEventStoreUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { type, code } = error as { type?: string; code?: number };
  const DEADLINE_EXCEEDED = 4;
  const UNAVAILABLE = 14;
  return (
    type === 'unavailable' ||
    type === 'timeout' ||
    type === 'deadline-exceeded' ||
    type === 'cancelled' ||
    code === UNAVAILABLE ||
    code === DEADLINE_EXCEEDED
  );
}

/** Rejects when the client stays silent, which it does for ever when its server is stopped. */
export async function answered<T>(appending: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AppendOutcomeUnknown('timed out')), APPEND_TIMEOUT_MS);
  });
  try {
    return await Promise.race([appending, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Appends events at exactly `expected`, the revision of the stream's last event. Resolves when
 * they are on disk, with the position of the last of them, or to undefined when the stream has
 * moved on. Throws `AppendOutcomeUnknown`.
 */
export async function append(
  client: EventStore,
  stream: string,
  events: NewEvent[],
  expected: bigint,
): Promise<bigint | undefined> {
  const expectedRevision = expected === NO_REVISION ? NO_STREAM : expected;
  const data = events.map((event) => jsonEvent(event as Parameters<typeof jsonEvent>[0]));
  try {
    const appended = client.appendToStream(stream, data, { expectedRevision });
    const { position } = await answered(appended);
    if (!position) throw new Error('the event store answered without a position');
    return position.commit;
  } catch (error) {
    if (isWrongVersion(error)) return undefined;
    if (isEventStoreUnavailable(error)) throw new AppendOutcomeUnknown(error);
    throw error;
  }
}

/** Of an event that does not say it, as whatever is no message of the domain's. */
export const FIRST_VERSION = 1;

/** The client's record in our words. */
function storedEvent({ upcast }: EventStore, event: RecordedEvent): StoredEvent {
  const { streamId: stream, id, type, revision } = event;
  const metadata = event.metadata as EventMetadata;
  const version = (metadata as EventMetadata | undefined)?.schemaVersion ?? FIRST_VERSION;
  const data = upcast({ type, stream }, version, event.data);
  return { stream, id, type, data, metadata, revision, position: event.position?.commit ?? 0n };
}

/**
 * A stream's events from a revision on, oldest first; none where there is no such stream. Whoever
 * wants a few says how many: a read that is left half way stays open in the client for ever.
 */
export async function* readStream(
  client: EventStore,
  stream: string,
  fromRevision: bigint = 0n,
  maxCount?: number,
): AsyncGenerator<StoredEvent> {
  try {
    const events = client.readStream(stream, {
      fromRevision,
      deadline: READ_TIMEOUT_MS,
      ...(maxCount !== undefined && { maxCount }),
    });
    let failed: { error: unknown } | undefined;
    for await (const { event } of events) {
      // What cannot be read is told at the end, lest the read stay open.
      if (failed || !event || isSystemEvent(event)) continue;
      let stored: StoredEvent;
      try {
        stored = storedEvent(client, event);
      } catch (error) {
        failed = { error };
        continue;
      }
      yield stored;
    }
    if (failed) throw failed.error;
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
  }
}

/** The newest event of a stream; undefined where there is none. */
export async function newestEvent(
  client: EventStore,
  stream: string,
  timeoutMs = READ_TIMEOUT_MS,
): Promise<StoredEvent | undefined> {
  const newest = client.readStream(stream, {
    direction: BACKWARDS,
    fromRevision: END,
    maxCount: 1,
    deadline: timeoutMs,
  });
  let found: StoredEvent | undefined;
  try {
    for await (const { event } of newest) {
      if (event && !isSystemEvent(event)) found = storedEvent(client, event);
    }
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
  }
  return found;
}

/** The position of the newest event of the log; 0 of an empty one. */
export async function headOfLog(client: EventStore): Promise<bigint> {
  const newest = client.readAll({
    direction: BACKWARDS,
    fromPosition: END,
    maxCount: 1,
    deadline: READ_TIMEOUT_MS,
  });
  let head = 0n;
  // Read to its end: a read that is left half way stays open in the client for ever, and then
  // `dispose` never resolves.
  for await (const { event } of newest) head = event?.position.commit ?? head;
  return head;
}
