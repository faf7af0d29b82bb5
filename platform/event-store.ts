import { createRequire } from 'node:module';
import {
  BACKWARDS,
  END,
  EventStoreDBClient,
  NO_STREAM,
  StreamNotFoundError,
  WrongExpectedVersionError,
  jsonEvent,
  type AllStreamRecordedEvent,
  type RecordedEvent,
} from '@eventstore/db-client';

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
  schemaVersion: number;
};

export type NewEvent = { id: string; type: string; data: object; metadata: EventMetadata };

export type StoredEvent = {
  stream: string;
  id: string;
  type: string;
  data: unknown;
  metadata: EventMetadata;
  /** Place in the stream, from 0. */
  revision: bigint;
  /** Place in the whole log. */
  position: bigint;
};

/** How far the reactor is in the log. */
export const REACTOR_CHECKPOINT = 'reactor-checkpoint';

/** Who of several reactors works. */
export const REACTOR_LEASE = 'reactor-lease';

/** `inventory-{id}` → `inventorysnapshot-{id}`: a category of its own. */
export const snapshotStreamOf = (stream: string): string => stream.replace('-', 'snapshot-');

/**
 * Whether a stream says who is where in this very log: the engine's own streams. They mean nothing in
 * a copy, where whoever wrote them begins anew.
 */
export const holdsPositions = (stream: string): boolean =>
  stream === REACTOR_CHECKPOINT || stream === REACTOR_LEASE || /^[a-z]+snapshot-/.test(stream);

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

/**
 * The client turns every payload into base64 and google-protobuf turns that back byte by byte in
 * JavaScript, which is two thirds of what an append costs. Node's own decoder gives the same bytes.
 */
function speedUpBase64(): void {
  const fromClient = createRequire(createRequire(import.meta.url).resolve('@eventstore/db-client'));
  const { Message } = fromClient('google-protobuf') as {
    Message: { bytesAsU8: (value: string | Uint8Array) => Uint8Array };
  };
  const original = Message.bytesAsU8;
  Message.bytesAsU8 = (value) =>
    typeof value === 'string' ? Buffer.from(value, 'base64') : original(value);
}

speedUpBase64();

export type EventStore = EventStoreDBClient;

/** One for each process: a second appending client in it would crash when either loses its server. */
export const connectEventStore = (url: string): EventStore =>
  EventStoreDBClient.connectionString(url);

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

/** The client's record in our words; undefined for what the event store wrote for itself. */
export function storedEvent(
  event: RecordedEvent | AllStreamRecordedEvent | undefined,
): StoredEvent | undefined {
  if (!event || event.type.startsWith('$')) return undefined;
  return {
    stream: event.streamId,
    id: event.id,
    type: event.type,
    data: event.data,
    metadata: event.metadata as EventMetadata,
    revision: event.revision,
    position: event.position?.commit ?? 0n,
  };
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
    for await (const { event } of events) {
      const stored = storedEvent(event);
      if (stored) yield stored;
    }
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
    for await (const { event } of newest) found = storedEvent(event);
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
