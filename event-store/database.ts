/** The log's tables, and what both workers ask of them in the same words. */
import { existsSync, statSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import {
  acknowledgedFile,
  asDamage,
  checksumOfEvent,
  damaged,
  databaseFile,
  readAcknowledged,
  type EventRow,
} from './integrity.ts';
import { TOMBSTONE_REVISION } from './wire.ts';

const FORMAT_VERSION = 3;
const CACHE_KIB = 8 * 1024;

/**
 * `event.position` orders $all; positions and revisions have no gaps. `record` is the RecordedEvent
 * as every read sends it; the other columns are what queries need of it. `stream` says where each
 * stream ends, and what its newest metadata says, so that a read need look for neither. A stream
 * with metadata and no events has a row too. `nameSum` is a second way to a stream: that there is
 * none of a name is believed only if both ways say so. An event is the `inCategory`th of its category,
 * if it has one, and the `inType`th of its type, from 0 and without gaps. The ids beside the
 * revisions are for appends that name no revision: an index of ids would be as many pages to write as
 * there are streams in a group, a third of all.
 */
const SCHEMA = [
  `CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    nameSum INTEGER NOT NULL,
    head INTEGER NOT NULL,
    truncateBefore INTEGER NOT NULL,
    maxCount INTEGER,
    maxAgeS INTEGER,
    checksum INTEGER NOT NULL
  ) STRICT`,
  'CREATE INDEX streamByNameSum ON stream (nameSum)',
  `CREATE TABLE event (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    id BLOB NOT NULL,
    type TEXT NOT NULL,
    createdMs INTEGER NOT NULL,
    record BLOB NOT NULL,
    category TEXT,
    inCategory INTEGER,
    inType INTEGER NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT`,
  'CREATE INDEX eventOfStream ON event (stream, revision, id)',
  `CREATE UNIQUE INDEX eventOfCategory ON event (category, inCategory)
    WHERE category IS NOT NULL`,
  'CREATE UNIQUE INDEX eventOfType ON event (type, inType)',
];

/** What a query for events selects first. */
export const EVENT_COLUMNS = 'position, stream, revision, createdMs, type, record, checksum';

/** Its events are as they were written: it throws DamagedLog otherwise. */
export type EventQuery<More = unknown> = {
  get: (...parameters: SQLInputValue[]) => (EventRow & More) | undefined;
  iterate: (...parameters: SQLInputValue[]) => Iterable<EventRow & More>;
};

/**
 * A query for events, and for what `more` makes of the columns behind EVENT_COLUMNS. It reads rows
 * as arrays: of the objects that node:sqlite makes each has a shape of its own, and that takes V8 a
 * third of a read's time.
 */
export function eventQuery<More = unknown>(
  db: DatabaseSync,
  dir: string,
  sql: string,
  more?: (columns: SQLOutputValue[]) => More,
): EventQuery<More> {
  const query = db.prepare(sql);
  query.setReturnArrays(true);
  const rowOf = (found: unknown): EventRow & More => {
    const columns = found as SQLOutputValue[];
    const event = eventOf(columns, dir);
    return (more ? { ...event, ...more(columns) } : event) as EventRow & More;
  };
  return {
    get: (...parameters) => {
      const found = query.get(...parameters);
      return found && rowOf(found);
    },
    iterate: (...parameters) => query.iterate(...parameters).map(rowOf),
  };
}

function eventOf(columns: SQLOutputValue[], dir: string): EventRow {
  const [position, stream, revision, createdMs, type, record, checksum] = columns;
  const event = { position, stream, revision, createdMs, type, record } as EventRow;
  // A damaged page can hold nothing where the table says that there is something.
  if (!ArrayBuffer.isView(record) || checksum !== checksumOfEvent(event))
    throw damaged(databaseFile(dir), `the event at position ${event.position} has changed`);
  return event;
}

/** A function that finds an event which its stream has. Throws DamagedLog. */
export function eventLookup(
  db: DatabaseSync,
  dir: string,
): (state: StreamState, revision: number) => EventRow {
  const sql = `SELECT ${EVENT_COLUMNS} FROM event WHERE stream = ? AND revision = ?`;
  const find = eventQuery(db, dir, sql);
  return ({ id }, revision) => {
    const event = find.get(id, revision);
    if (!event) throw damaged(databaseFile(dir), `event ${revision} of a stream is missing`);
    return event;
  };
}

/**
 * Opens the log for the one worker that writes it, and makes it where there is none. Throws, and
 * changes nothing, if it is not as it was left.
 */
export function openForAppends(dir: string, noSync: boolean): DatabaseSync {
  if (mustExist(dir)) inspect(dir);
  const db = new DatabaseSync(databaseFile(dir));
  // WAL makes a commit one sequential write, and lets reads go on meanwhile; the appender waits until
  // the disk has it, before it answers. NORMAL syncs whatever has to be on disk before something
  // else is written. The appender folds the write-ahead log in when nobody waits for it.
  db.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${noSync ? 'OFF' : 'NORMAL'}; PRAGMA cache_size = -${CACHE_KIB};
     PRAGMA cell_size_check = ON; PRAGMA wal_autocheckpoint = 0`,
  );
  if (versionOf(db) === 0)
    db.exec(`BEGIN; ${SCHEMA.join(';')}; PRAGMA user_version = ${FORMAT_VERSION}; COMMIT`);
  // What a killed process wrote may be in the kernel's memory only, or not even there to be written
  // again where its fsync failed. Nobody was told of it, but a client that repeats its append would
  // be told now. So what was found is written and synced once more before anything is answered.
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  return db;
}

/** Whether there is a log. Throws DamagedLog where there was one. */
function mustExist(dir: string): boolean {
  const file = databaseFile(dir);
  if (existsSync(file) && statSync(file).size > 0) return true;
  const acknowledged = readAcknowledged(dir);
  if (acknowledged > 0)
    throw damaged(file, `it is empty, and held ${acknowledged} acknowledged events`);
  return false;
}

/**
 * Throws unless the log can be gone on with. Looks without changing anything, since opening for
 * writing would make SQLite drop what it cannot read.
 */
function inspect(dir: string): void {
  const file = databaseFile(dir);
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const version = versionOf(db);
    // A process that was killed while it made the file left nothing in it.
    if (version === 0 && readAcknowledged(dir) === 0) return;
    if (version === 0) throw damaged(file, 'it holds no log');
    if (version !== FORMAT_VERSION)
      throw new Error(
        `${file} has format ${String(version)}, and this program reads ${FORMAT_VERSION}. ` +
          'Start the version that made it and copy the log into an empty folder that this one ' +
          'serves: npm run ops -- log copy FROM TO.',
      );
    const found = db.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL').all();
    if (found.map(({ sql }) => sql).join() !== SCHEMA.join())
      throw damaged(file, 'its tables are not those that were made');
    const [head, acknowledged] = [headOf(db, dir), readAcknowledged(dir)];
    if (head < acknowledged)
      throw damaged(
        file,
        `it ends at position ${head}, and ${acknowledgedFile(dir)} says that events up to ` +
          `${acknowledged} were acknowledged`,
      );
  } catch (error) {
    throw asDamage(error, dir);
  } finally {
    db.close();
  }
}

const versionOf = (db: DatabaseSync): unknown =>
  db.prepare('PRAGMA user_version').get()?.['user_version'];

/** The position of the newest event, 0 where there is none. Throws DamagedLog. */
export function headOf(db: DatabaseSync, dir: string): number {
  const sql = `SELECT ${EVENT_COLUMNS} FROM event ORDER BY position DESC LIMIT 1`;
  return eventQuery(db, dir, sql).get()?.position ?? 0;
}

export function openForReads(dir: string): DatabaseSync {
  const db = new DatabaseSync(databaseFile(dir), { readOnly: true });
  db.exec(`PRAGMA cache_size = -${CACHE_KIB}; PRAGMA cell_size_check = ON`);
  return db;
}

/** What the log knows of a stream. `head` is its last revision, -1 before the first event. */
export type StreamState = {
  id: number;
  head: number;
  truncateBefore: number;
  maxCount: number | null;
  maxAgeS: number | null;
};

export const isTombstoned = (state: StreamState | undefined): boolean =>
  state?.head === TOMBSTONE_REVISION;

/** A soft delete truncates before the largest revision that there can be. */
export const isSoftDeleted = (state: StreamState | undefined): boolean =>
  state?.truncateBefore === TOMBSTONE_REVISION;

export type NotFound = 'stream-not-found' | 'stream-deleted';

/** What deletion and metadata leave of a stream: events from a revision and from a time on. */
export function keptOf(
  state: StreamState | undefined,
): { first: number; oldestMs: number } | NotFound {
  if (isTombstoned(state)) return 'stream-deleted';
  if (!state || state.head < 0 || isSoftDeleted(state)) return 'stream-not-found';
  const counted = state.maxCount === null ? 0 : state.head - state.maxCount + 1;
  return {
    first: Math.max(state.truncateBefore, counted),
    oldestMs: state.maxAgeS === null ? 0 : Date.now() - state.maxAgeS * 1000,
  };
}

export const isMetadataStream = (name: string): boolean => name.startsWith('$$');
export const metadataStreamOf = (name: string): string => `$$${name}`;
export const streamOfMetadata = (name: string): string => name.slice(2);

export const sumOfName = (name: string): number => crc32(name);

export const checksumOfStream = (name: string, state: Omit<StreamState, 'id'>): number =>
  crc32(`${state.head} ${state.truncateBefore} ${state.maxCount} ${state.maxAgeS} ${name}`);

/**
 * A function that finds a stream's row by its name; undefined where nothing was ever written to it
 * or about it. Throws DamagedLog.
 */
export function rowLookup(
  db: DatabaseSync,
  dir: string,
): (name: string) => StreamState | undefined {
  const find = db.prepare(
    `SELECT name, id, head, truncateBefore, maxCount, maxAgeS, checksum FROM stream
      WHERE name = ?`,
  );
  const findOtherwise = db.prepare('SELECT name FROM stream WHERE nameSum = ?');
  return (name) => {
    const byName = find.get(name);
    const isHidden =
      !byName && findOtherwise.all(sumOfName(name)).some((other) => other['name'] === name);
    // A commit may have come between the two: then it is found by now.
    const found = isHidden ? find.get(name) : byName;
    const row = found as (StreamState & { name: string; checksum: number }) | undefined;
    const isSound = row
      ? row.name === name && row.checksum === checksumOfStream(name, row)
      : !isHidden;
    if (!isSound)
      throw damaged(databaseFile(dir), `what it says of the stream '${name}' has changed`);
    return row;
  };
}

/** As `find`, which finds a stream's row by its name, with the rules of metadata streams applied. */
export function streamLookup(
  find: (name: string) => StreamState | undefined,
): (name: string) => StreamState | undefined {
  return (name) => {
    const state = find(name);
    if (!isMetadataStream(name)) return state;
    // A tombstone closes the metadata stream with its stream, and of metadata only the newest is
    // ever shown.
    const original = find(streamOfMetadata(name));
    if (isTombstoned(original)) return original;
    return state && { ...state, maxCount: 1 };
  };
}
