/**
 * The one writer of the log, in a thread of its own so that waiting for the disk stops nobody. A
 * message is a group of writes; it is one transaction, and is answered after the commit is on disk.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import {
  checksumOfStream,
  eventLookup,
  headOf,
  isMetadataStream,
  isSoftDeleted,
  isTombstoned,
  keptOf,
  metadataStreamOf,
  openForAppends,
  rowLookup,
  streamLookup,
  streamOfMetadata,
  sumOfName,
  type StreamState,
} from './database.ts';
import { categoryOf } from './links.ts';
import { limitsOf, objectOf } from './metadata.ts';
import {
  Acknowledged,
  asDamage,
  checksumOfEvent,
  databaseFile,
  DAMAGE_SQLITE_CODES,
  DamagedLog,
  type EventRow,
} from './integrity.ts';
import type { Group, GroupResult, LogFolder } from './messages.ts';
import {
  dataOfRecord,
  EXPECT,
  idOfRecord,
  isJsonRecord,
  LARGEST_INT64,
  ownBody,
  recordedEvent,
  TOMBSTONE_REVISION,
} from './wire.ts';
import type { Outcome } from './wire.ts';

type Event = { id: Uint8Array; type: string; body: Uint8Array };
type Place = { revision: number; position: number };

const LOCK_WAIT_MS = 500;
/** Streams whose row need not be read again for the next append, some 200 bytes each. */
const KEPT_ROWS = 10_000;
/**
 * So many events before the end of its stream an append is recognised that comes again at any
 * revision: 50 µs. At a revision of its own it always is.
 */
const RECOGNISED_EVENTS = 1_000;
/** Ids of which it is known which stream had them first: twice so many, some 100 bytes each. */
const KEPT_IDS = 25_000;
/** Pages in the write-ahead log from which on it is folded into the database. */
const CHECKPOINT_PAGES = 1_000;
/** SQLite's codes for a disk that cannot be trusted any more: damage, and SQLITE_IOERR. */
const FATAL_SQLITE_CODES = [...DAMAGE_SQLITE_CODES, 10];
/** SQLITE_FULL, and SQLITE_IOERR_SHMSIZE: the index of the write-ahead log found no room to grow. */
const DISK_FULL_SQLITE_CODES = [13, 4_874];
const DISK_FULL = 'the disk is full. Appends go on by themselves when there is room on it again';

const port = parentPort!;
const { dir, noSync } = workerData as LogFolder;

// Held until the process ends, however it ends: two writers would give two events the same
// position.
const lock = new DatabaseSync(join(dir, 'lock.sqlite'), { timeout: LOCK_WAIT_MS });
try {
  lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
} catch (cause) {
  throw new Error(`another process is using it (${(cause as Error).message})`, { cause });
}

const db = openForAppends(dir, noSync);
const writeAheadLog = openSync(`${databaseFile(dir)}-wal`, 'r+');
const readRow = rowLookup(db, dir);
/** What was read or written of streams: nobody else writes. Begins anew when it is full. */
const rows = new Map<string, StreamState>();
const findReadable = streamLookup(findRow);
/** Which stream had an id first, of those that were written of late. The older half is dropped. */
let firstStreams = { newer: new Map<string, number>(), older: new Map<string, number>() };
const addStream = db.prepare(
  `INSERT INTO stream (name, nameSum, head, truncateBefore, maxCount, maxAgeS, checksum)
   VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id`,
);
const setStream = db.prepare(
  `UPDATE stream SET head = ?, truncateBefore = ?, maxCount = ?, maxAgeS = ?, checksum = ?
    WHERE id = ? AND head = ?`,
);
const addEvent = db.prepare(
  `INSERT INTO event
     (position, stream, revision, id, type, createdMs, record, category, inCategory, inType,
      checksum)
   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
);
const findLastIn = {
  category: db.prepare('SELECT max(inCategory) AS last FROM event WHERE category = ?'),
  type: db.prepare('SELECT max(inType) AS last FROM event WHERE type = ?'),
};
/** What this transaction's next event of a category or a type will be. */
const nextIn = { category: new Map<string, number>(), type: new Map<string, number>() };
const isAmong = db.prepare(
  'SELECT 1 FROM event WHERE stream = ? AND revision > ? AND id = ? LIMIT 1',
);
const idsAfter = db.prepare(
  `SELECT revision, lower(hex(id)) AS id FROM event WHERE stream = ? AND revision > ?
    ORDER BY revision DESC`,
);
const eventAt = eventLookup(db, dir);
const walLength = db.prepare('PRAGMA wal_checkpoint(NOOP)');
const checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
let head = headOf(db, dir);
const acknowledged = new Acknowledged(dir, head);

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
    ? placesOf(ids, (id, at) => repeated(state, expected + 1 + at, id))
    : placesOf(ids, firstOf(state, ids));
  if (typeof before === 'object') return answerToRepeat(state, before);
  const mayBegin = !isExact || (expected === EXPECT.noStream && isSoftDeleted(state));
  return before === 'new' && mayBegin ? 'write' : wrong;
}

type Ends = { first: EventRow; last: EventRow };

/** The ends if all were found, 'new' if the first was not: what is in between is no repeat. */
function placesOf(
  ids: Uint8Array[],
  find: (id: Uint8Array, at: number) => EventRow | undefined,
): Ends | 'new' | 'mixed' {
  let ends: Ends | undefined;
  for (const [at, id] of ids.entries()) {
    const last = find(id, at);
    if (!last) return at === 0 ? 'new' : 'mixed';
    ends = { first: ends?.first ?? last, last };
  }
  return ends ?? 'new';
}

/**
 * A repeat of what is not shown any more is told its revision, and no position. EventStoreDB never
 * answers one that ends two or more events before where it begins; this says at once what the
 * client makes of that.
 */
function answerToRepeat(state: StreamState, { first, last }: Ends): Outcome {
  const { revision, position, createdMs } = last;
  if (revision < first.revision - 1) return { ok: false, reason: 'timeout' };
  const kept = keptOf(state);
  const isShown = typeof kept === 'object' && revision >= kept.first && createdMs >= kept.oldestMs;
  return { ok: true, revision, position: isShown ? position : undefined };
}

const textOfId = (id: Uint8Array): string =>
  Buffer.from(id.buffer, id.byteOffset, id.length).toString('hex');

/**
 * How to find the first event of each id. An id belongs to the stream that had it first: in another
 * it is new each time. What is new costs one search, however many come.
 */
function firstOf(state: StreamState, ids: Uint8Array[]): (id: Uint8Array) => EventRow | undefined {
  const after = state.head - RECOGNISED_EVENTS - ids.length;
  const [first] = ids;
  if (!first || !isAmong.get(state.id, after, first)) return () => undefined;
  const revisions = new Map<unknown, unknown>();
  for (const { id, revision } of idsAfter.iterate(state.id, after)) revisions.set(id, revision);
  return (bytes) => {
    const id = textOfId(bytes);
    const revision = revisions.get(id);
    if (revision === undefined || (firstStreamOf(id) ?? state.id) !== state.id) return undefined;
    return eventAt(state, revision as number);
  };
}

const firstStreamOf = (id: string): number | undefined =>
  firstStreams.newer.get(id) ?? firstStreams.older.get(id);

function keepId(bytes: Uint8Array, stream: number): void {
  const id = textOfId(bytes);
  if (firstStreamOf(id) !== undefined) return;
  if (firstStreams.newer.size >= KEPT_IDS)
    firstStreams = { newer: new Map(), older: firstStreams.newer };
  firstStreams.newer.set(id, stream);
}

/** The same event if it has this id. */
function repeated(state: StreamState, revision: number, id: Uint8Array): EventRow | undefined {
  if (revision > state.head) return undefined;
  const row = eventAt(state, revision);
  return idOfRecord(Buffer.from(row.record)).equals(id) ? row : undefined;
}

const hasMetadata = (stream: string): boolean =>
  (findStream(metadataStreamOf(stream))?.head ?? -1) >= 0;

/** A tombstone closes the metadata too; but what there was of it before may still be replaced. */
function findStream(stream: string): StreamState | undefined {
  const own = isMetadataStream(stream) ? findRow(stream) : undefined;
  return own && own.head >= 0 ? { ...own, maxCount: 1 } : findReadable(stream);
}

function findRow(stream: string): StreamState | undefined {
  const kept = rows.get(stream);
  if (kept) return kept;
  const row = readRow(stream);
  if (row) keepRow(stream, row);
  return row;
}

function keepRow(stream: string, row: StreamState): void {
  if (rows.size >= KEPT_ROWS) rows.clear();
  rows.set(stream, row);
}

/** A stream's row as it is stored, which is made where there is none. */
function rowOf(stream: string): StreamState {
  const found = findRow(stream);
  if (found) return found;
  const state = { head: -1, truncateBefore: 0, maxCount: null, maxAgeS: null };
  const checksum = checksumOfStream(stream, state);
  const { id } = addStream.get(stream, sumOfName(stream), -1, 0, null, null, checksum) as {
    id: number;
  };
  return { id, ...state };
}

/** Changes a stream's row. Throws where the stream does not end where the row says that it does. */
function saveRow(stream: string, row: StreamState, change: Partial<StreamState>): void {
  const state = { ...row, ...change };
  const { id, head: last, truncateBefore, maxCount, maxAgeS } = state;
  const checksum = checksumOfStream(stream, state);
  const saved = setStream.run(last, truncateBefore, maxCount, maxAgeS, checksum, id, row.head);
  if (saved.changes !== 1) throw new Error(`'${stream}' does not end at revision ${row.head}`);
  keepRow(stream, state);
}

/**
 * Adds events that were checked behind the stream's last one, or from another revision on, and
 * applies what they say if the stream holds metadata.
 */
function add(stream: string, events: Event[], from?: number): Place {
  const row = rowOf(stream);
  let revision = (from ?? row.head + 1) - 1;
  const createdMs = Date.now();
  const category = categoryOf(stream);
  for (const { id, type, body } of events) {
    revision += 1;
    head += 1;
    const record = recordedEvent(body, { revision, position: head, createdMs });
    const checksum = checksumOfEvent({
      position: head,
      stream: row.id,
      revision,
      createdMs,
      type,
      record,
    });
    const inCategory = category === null ? null : numberIn('category', category);
    const inType = numberIn('type', type);
    addEvent.run(
      head,
      row.id,
      revision,
      id,
      type,
      createdMs,
      record,
      category,
      inCategory,
      inType,
      checksum,
    );
    keepId(id, row.id);
  }
  saveRow(stream, row, { head: revision });
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

/** What the newest event of a metadata stream says; undefined where there is none, or no JSON. */
function newestMetadata(stream: string): string | undefined {
  const state = findRow(metadataStreamOf(stream));
  if (!state || state.head < 0) return undefined;
  const record = Buffer.from(eventAt(state, state.head).record);
  return isJsonRecord(record) ? dataOfRecord(record).toString() : undefined;
}

function applyMetadata(stream: string): void {
  const { truncateBefore, maxCount, maxAgeS } = limitsOf(newestMetadata(stream));
  saveRow(stream, rowOf(stream), {
    truncateBefore: truncateBefore ?? 0,
    maxCount: maxCount ?? null,
    maxAgeS: maxAgeS ?? null,
  });
}

function ownEvent(stream: string, type: string, json?: string): Event {
  const id = Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
  return { id, type, body: ownBody(id, stream, type, json) };
}

function addMetadata(stream: string, json: string): Place {
  const metadataStream = metadataStreamOf(stream);
  return add(metadataStream, [ownEvent(metadataStream, '$metadata', json)]);
}

/**
 * A soft-deleted stream that is written to again keeps its metadata, and shows only what came after
 * the deletion. Metadata that is no object stays as it is, and says nothing.
 */
function recreate(stream: string, from: number): void {
  const metadata = objectOf(newestMetadata(stream));
  if (metadata) addMetadata(stream, JSON.stringify({ ...metadata, $tb: from }));
}

function append(stream: string, state: StreamState | undefined, events: Event[]): Outcome {
  if (events.length === 0) {
    if (state && isSoftDeleted(state)) recreate(stream, state.head + 1);
    return { ok: true, revision: state?.head ?? -1, position: head };
  }
  const described = isMetadataStream(stream) ? streamOfMetadata(stream) : undefined;
  const before = described === undefined ? undefined : findStream(described);
  const place = add(stream, events);
  if (state && isSoftDeleted(state)) recreate(stream, state.head + 1);
  // Setting metadata of a soft-deleted stream recreates it too, and must not bring its old events
  // back.
  if (before && isSoftDeleted(before) && !isTombstoned(before))
    recreate(described!, before.head + 1);
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

function tombstone(stream: string): Outcome {
  const events = [ownEvent(stream, '$streamDeleted')];
  return { ok: true, ...add(stream, events, TOMBSTONE_REVISION) };
}

/** Decides about a write, and applies it. Damage that is seen before anything is written refuses it. */
function execute(
  { kind, stream, expected, events }: Group['writes'][number],
  bytes: Uint8Array,
): Outcome {
  const proposed = events.map(({ type, body, end }) => ({
    id: bytes.subarray(body - 16, body),
    type,
    body: bytes.subarray(body, end),
  }));
  let state: StreamState | undefined;
  try {
    state = findStream(stream);
    const ids = proposed.map(({ id }) => id);
    const verdict = check(stream, state, expected, ids);
    if (verdict !== 'write') return verdict;
  } catch (error) {
    if (error instanceof DamagedLog)
      return { ok: false, reason: 'damaged', message: error.message };
    throw error;
  }
  if (kind === 'append') return append(stream, state, proposed);
  return kind === 'delete' ? softDelete(stream, state) : tombstone(stream);
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
    const isFull = DISK_FULL_SQLITE_CODES.includes(errcode);
    // Nobody can tell what such a disk holds, so nothing is answered any more: the thread ends, and
    // the process with it.
    if (FATAL_SQLITE_CODES.includes(errcode & 0xff) && !isFull) throw asDamage(error, dir);
    if (db.isTransaction) db.exec('ROLLBACK');
    rows.clear();
    firstStreams = { newer: new Map(), older: new Map() };
    head = headOf(db, dir);
    return { error: isFull ? DISK_FULL : message };
  }
}

/**
 * Folds the write-ahead log into the database when it has grown long. On a full disk that waits
 * until there is room; any other failure ends the thread, since it says that the disk fails.
 */
function foldWhenLong(): void {
  const { log, checkpointed } = walLength.get() as { log: number; checkpointed: number };
  if (log - checkpointed < CHECKPOINT_PAGES) return;
  try {
    checkpoint.get();
  } catch (error) {
    if (!DISK_FULL_SQLITE_CODES.includes((error as { errcode?: number }).errcode ?? 0)) throw error;
  }
}

/**
 * Waits until the disk has what was written. SQLite would use fsync, which waits for the file's
 * times as well, two writes more. When it fails, nobody can tell what such a disk holds: the thread
 * ends, and the process with it.
 */
function sync(): void {
  if (!noSync) fdatasyncSync(writeAheadLog);
  acknowledged.set(head);
}

function close(): void {
  closeSync(writeAheadLog);
  db.close();
  acknowledged.close();
  lock.close();
  port.close();
}

port.on('message', (message: Group | 'close') => {
  if (message === 'close') return close();
  const result = commit(message);
  sync();
  port.postMessage(result);
  foldWhenLong();
});
port.postMessage({ head });
