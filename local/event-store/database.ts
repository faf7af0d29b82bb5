/** The log's tables, and what both workers ask of them in the same words. */
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { TOMBSTONE_REVISION } from './wire.ts';

const FORMAT_VERSION = 2;
const CACHE_KIB = 16 * 1024;

/**
 * `event.position` orders $all, and its gaps mean nothing. `record` is the RecordedEvent as every
 * read sends it; the other columns are what queries need of it. `stream` also holds what the
 * stream's newest metadata says, so that a read need not look for the metadata stream. A stream
 * with metadata and no events has a row too. An event is the `inCategory`th of its category, if it
 * has one, and the `inType`th of its type, from 0 and without gaps.
 */
const SCHEMA = `
  CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    truncateBefore INTEGER NOT NULL DEFAULT 0,
    maxCount INTEGER,
    maxAgeS INTEGER
  ) STRICT;
  CREATE TABLE event (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    id BLOB NOT NULL,
    type TEXT NOT NULL,
    createdMs INTEGER NOT NULL,
    record BLOB NOT NULL,
    category TEXT,
    inCategory INTEGER,
    inType INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX eventOfStream ON event (stream, revision);
  CREATE INDEX eventById ON event (stream, id);
  CREATE UNIQUE INDEX eventOfCategory ON event (category, inCategory) WHERE category IS NOT NULL;
  CREATE UNIQUE INDEX eventOfType ON event (type, inType);
  PRAGMA user_version = ${FORMAT_VERSION};
`;

export const databaseFile = (dir: string): string => join(dir, 'log.sqlite');

/** Opens the log for the one worker that writes it, and makes it where there is none. */
export function openForAppends(dir: string): DatabaseSync {
  const db = new DatabaseSync(databaseFile(dir));
  // FULL makes a commit wait until the disk has it; WAL makes that one sequential write, and lets
  // reads go on meanwhile.
  db.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -${CACHE_KIB}`,
  );
  const version = db.prepare('PRAGMA user_version').get()?.['user_version'];
  if (version === 0) db.exec(`BEGIN; ${SCHEMA} COMMIT`);
  else if (version !== FORMAT_VERSION)
    throw new Error(
      `${databaseFile(dir)} has format ${String(version)}, and this program reads ${FORMAT_VERSION}. ` +
        'Start the version that made it and copy the log into an empty folder that this one ' +
        'serves: npm run ops -- log copy FROM TO.',
    );
  return db;
}

export function openForReads(dir: string): DatabaseSync {
  const db = new DatabaseSync(databaseFile(dir), { readOnly: true });
  db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
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

/**
 * A function that looks a stream up by its name; undefined where nothing was ever written to it or
 * about it.
 */
export function streamLookup(db: DatabaseSync): (name: string) => StreamState | undefined {
  const find = db.prepare(
    `SELECT id, truncateBefore, maxCount, maxAgeS,
            coalesce((SELECT max(revision) FROM event WHERE event.stream = stream.id), -1) AS head
       FROM stream WHERE name = ?`,
  );
  return (name) => {
    const state = find.get(name) as StreamState | undefined;
    if (!isMetadataStream(name)) return state;
    // A tombstone closes the metadata stream with its stream, and of metadata only the newest is
    // ever shown.
    const original = find.get(streamOfMetadata(name)) as StreamState | undefined;
    if (isTombstoned(original)) return original;
    return state && { ...state, maxCount: 1 };
  };
}
