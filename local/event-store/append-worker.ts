/**
 * The one writer of the log, in a thread of its own so that waiting for the disk stops nobody. A
 * message is a group of writes; it is one transaction, and is answered after the commit is on disk.
 */
import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import {
  isMetadataStream,
  isSoftDeleted,
  isTombstoned,
  metadataStreamOf,
  openForAppends,
  streamLookup,
  streamOfMetadata,
  type StreamState,
} from './database.ts';
import { categoryOf } from './links.ts';
import {
  dataOfRecord,
  EXPECT,
  LARGEST_INT64,
  ownBody,
  recordedEvent,
  TOMBSTONE_REVISION,
} from './wire.ts';
import type { Outcome } from './wire.ts';

/** In `bytes` an event's 16 bytes of id end where its body begins. */
export type Group = {
  writes: {
    kind: 'append' | 'delete' | 'tombstone';
    stream: string;
    expected: number;
    events: { type: string; body: number; end: number }[];
  }[];
  bytes: Uint8Array;
};
/** `head` is the last position on disk. A group with an `error` changed nothing. */
export type GroupResult = { outcomes: Outcome[]; head: number } | { error: string };

type Event = { id: Uint8Array; type: string; body: Uint8Array };
type Place = { revision: number; position: number };

const LOCK_WAIT_MS = 500;
/**
 * SQLite's codes for a disk that cannot be trusted any more: SQLITE_IOERR, SQLITE_CORRUPT,
 * SQLITE_NOTADB.
 */
const FATAL_SQLITE_CODES = [10, 11, 26];

const port = parentPort!;
const { dir } = workerData as { dir: string };

// Held until the process ends, however it ends: two writers would give two events the same
// position.
const lock = new DatabaseSync(join(dir, 'lock.sqlite'), { timeout: LOCK_WAIT_MS });
lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');

const db = openForAppends(dir);
const findStream = streamLookup(db);
const addStream = db.prepare('INSERT INTO stream (name) VALUES (?) RETURNING id');
const addEvent = db.prepare(
  `INSERT INTO event
     (position, stream, revision, id, type, createdMs, record, category, inCategory, inType)
   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
);
const findLastIn = {
  category: db.prepare('SELECT max(inCategory) AS last FROM event WHERE category = ?'),
  type: db.prepare('SELECT max(inType) AS last FROM event WHERE type = ?'),
};
/** What this transaction's next event of a category or a type will be. */
const nextIn = { category: new Map<string, number>(), type: new Map<string, number>() };
const findId = db.prepare(
  'SELECT revision, position FROM event WHERE stream = ? AND id = ? ORDER BY position DESC LIMIT 1',
);
const findIdAt = db.prepare(
  'SELECT revision, position FROM event WHERE stream = ? AND revision = ? AND id = ?',
);
const findNewest = db.prepare(
  'SELECT record FROM event WHERE stream = ? ORDER BY revision DESC LIMIT 1',
);
const setMetadata = db.prepare(
  `INSERT INTO stream (name, truncateBefore, maxCount, maxAgeS) VALUES (?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET truncateBefore = excluded.truncateBefore,
          maxCount = excluded.maxCount, maxAgeS = excluded.maxAgeS`,
);
const findHead = db.prepare('SELECT coalesce(max(position), 0) AS head FROM event');
const readHead = (): number => (findHead.get() as { head: number }).head;
let head = readHead();

/**
 * Whether events with these ids may be written, were written before, or are refused. These are
 * EventStoreDB's rules (IndexWriter.CheckCommit), with its answers to repeated ids.
 */
function check(
  stream: string,
  state: StreamState | undefined,
  expected: number,
  ids: Uint8Array[],
): 'write' | Outcome {
  const current = state?.head ?? -1;
  const deleted = { ok: false, reason: 'stream-deleted' } as const;
  const wrong = { ok: false, reason: 'wrong-expected-version', current } as const;
  if (isTombstoned(state)) return deleted;
  if (expected === EXPECT.streamExists) {
    if (isSoftDeleted(state)) return deleted;
    if (current < 0 && !hasMetadata(stream)) return wrong;
  }
  if (expected === current) return 'write';
  const isExact = expected !== EXPECT.any && expected !== EXPECT.streamExists;
  if (!state || expected > current) return isExact ? wrong : 'write';
  const before = isExact
    ? placeOf(ids, (id, at) => findIdAt.get(state.id, expected + 1 + at, id))
    : placeOf(ids, (id) => findId.get(state.id, id));
  if (typeof before === 'object') return { ok: true, ...before };
  const mayBegin = !isExact || (expected === EXPECT.noStream && isSoftDeleted(state));
  return before === 'new' && mayBegin ? 'write' : wrong;
}

/**
 * The place of the last one if all were found, 'new' if the first was not: what is in between is no
 * repeat.
 */
function placeOf(
  ids: Uint8Array[],
  find: (id: Uint8Array, at: number) => unknown,
): Place | 'new' | 'mixed' {
  let place: Place | undefined;
  for (const [at, id] of ids.entries()) {
    const found = find(id, at) as Place | undefined;
    if (!found) return at === 0 ? 'new' : 'mixed';
    place = found;
  }
  return place ?? 'new';
}

const hasMetadata = (stream: string): boolean =>
  (findStream(metadataStreamOf(stream))?.head ?? -1) >= 0;

/**
 * Adds events that were checked behind `state.head`, and applies what they say if the stream holds
 * metadata.
 */
function add(stream: string, state: StreamState | undefined, events: Event[]): Place {
  const streamId = state?.id ?? (addStream.get(stream) as { id: number }).id;
  let revision = state?.head ?? -1;
  const createdMs = Date.now();
  const category = categoryOf(stream);
  for (const { id, type, body } of events) {
    revision += 1;
    head += 1;
    const record = recordedEvent(body, { revision, position: head, createdMs });
    const inCategory = category === null ? null : numberIn('category', category);
    const inType = numberIn('type', type);
    addEvent.run(
      head,
      streamId,
      revision,
      id,
      type,
      createdMs,
      record,
      category,
      inCategory,
      inType,
    );
  }
  if (isMetadataStream(stream)) applyMetadata(streamOfMetadata(stream));
  return { revision, position: head };
}

/** Which event of its category or type the next one is. */
function numberIn(column: keyof typeof nextIn, value: string): number {
  const next =
    nextIn[column].get(value) ??
    ((findLastIn[column].get(value) as { last: number | null }).last ?? -1) + 1;
  nextIn[column].set(value, next + 1);
  return next;
}

function newestMetadata(stream: string): Record<string, unknown> {
  const state = findStream(metadataStreamOf(stream));
  const newest = state && (findNewest.get(state.id) as { record: Uint8Array } | undefined);
  try {
    const metadata: unknown = JSON.parse(
      newest ? dataOfRecord(Buffer.from(newest.record)).toString() : '{}',
    );
    return metadata !== null && typeof metadata === 'object' ? { ...metadata } : {};
  } catch {
    // Anybody may append anything to a metadata stream. What is not JSON says nothing about the
    // stream.
    return {};
  }
}

function applyMetadata(stream: string): void {
  const metadata = newestMetadata(stream);
  const [truncateBefore, maxCount, maxAgeS] = ['$tb', '$maxCount', '$maxAge'].map((key) => {
    const value = metadata[key];
    return typeof value === 'number' && value > 0
      ? Math.trunc(Math.min(value, TOMBSTONE_REVISION))
      : null;
  });
  setMetadata.run(stream, truncateBefore ?? 0, maxCount ?? null, maxAgeS ?? null);
}

function ownEvent(stream: string, type: string, json: string): Event {
  const id = Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
  return { id, type, body: ownBody(id, stream, type, json) };
}

function addMetadata(stream: string, json: string): Place {
  const metadataStream = metadataStreamOf(stream);
  return add(metadataStream, findStream(metadataStream), [
    ownEvent(metadataStream, '$metadata', json),
  ]);
}

/**
 * A soft-deleted stream that is written to again keeps its metadata, and shows only what came after
 * the deletion.
 */
function recreate(stream: string, from: number): void {
  addMetadata(stream, JSON.stringify({ ...newestMetadata(stream), $tb: from }));
}

function append(stream: string, state: StreamState | undefined, events: Event[]): Outcome {
  if (events.length === 0) return { ok: true, revision: state?.head ?? -1, position: undefined };
  const described = isMetadataStream(stream) ? streamOfMetadata(stream) : undefined;
  const before = described === undefined ? undefined : findStream(described);
  const place = add(stream, state, events);
  if (state && isSoftDeleted(state)) recreate(stream, state.head + 1);
  // Setting metadata of a soft-deleted stream recreates it too, and must not bring its old events
  // back.
  if (before && isSoftDeleted(before)) recreate(described!, before.head + 1);
  return { ok: true, ...place };
}

/**
 * Soft: the stream's metadata says that everything is truncated. EventStoreDB refuses it for what
 * never was.
 */
function softDelete(stream: string, state: StreamState | undefined): Outcome {
  if ((state?.head ?? -1) < 0 && !hasMetadata(stream))
    return { ok: false, reason: 'wrong-expected-version', current: -1 };
  return { ok: true, ...addMetadata(stream, `{"$tb":${LARGEST_INT64}}`) };
}

function tombstone(stream: string, state: StreamState | undefined): Outcome {
  const id = state?.id ?? (addStream.get(stream) as { id: number }).id;
  const last = {
    id,
    head: TOMBSTONE_REVISION - 1,
    truncateBefore: 0,
    maxCount: null,
    maxAgeS: null,
  };
  return { ok: true, ...add(stream, last, [ownEvent(stream, '$streamDeleted', '{}')]) };
}

function execute(
  { kind, stream, expected, events }: Group['writes'][number],
  bytes: Uint8Array,
): Outcome {
  const state = findStream(stream);
  const proposed = events.map(({ type, body, end }) => ({
    id: bytes.subarray(body - 16, body),
    type,
    body: bytes.subarray(body, end),
  }));
  const verdict = check(
    stream,
    state,
    expected,
    proposed.map(({ id }) => id),
  );
  if (verdict !== 'write') return verdict;
  if (kind === 'append') return append(stream, state, proposed);
  return kind === 'delete' ? softDelete(stream, state) : tombstone(stream, state);
}

function commit({ writes, bytes }: Group): GroupResult {
  try {
    db.exec('BEGIN IMMEDIATE');
    nextIn.category.clear();
    nextIn.type.clear();
    const outcomes = writes.map((write) => execute(write, bytes));
    db.exec('COMMIT');
    return { outcomes, head };
  } catch (error) {
    const { message, errcode = 0 } = error as Error & { errcode?: number };
    // Nobody can tell what such a disk holds, so nothing is answered any more: the thread ends, and
    // the process with it.
    if (FATAL_SQLITE_CODES.includes(errcode & 0xff)) throw error;
    if (db.isTransaction) db.exec('ROLLBACK');
    head = readHead();
    return { error: message };
  }
}

port.on('message', (message: Group | 'close') => {
  if (message !== 'close') return port.postMessage(commit(message));
  db.close();
  lock.close();
  port.close();
});
port.postMessage({ head });
