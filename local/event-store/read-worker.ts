/** Reads pages of the log, in a thread of its own so that a long replay stands in nobody's way. */
import { once } from 'node:events';
import type { StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import {
  isSoftDeleted,
  isTombstoned,
  openForReads,
  streamLookup,
  type StreamState,
} from './database.ts';
import { linkRecord, linksOf, parseLink, type Linked, type Links } from './links.ts';
import { frame } from './protobuf.ts';
import { checkpointAnswer, eventAnswer, LINK_TYPE, resolvedAnswer } from './wire.ts';

/**
 * Matches if the name of the stream (or the type of the event) fits the expression, or begins with
 * one of the prefixes.
 */
export type Filter =
  { on: 'stream' | 'type'; regex: string } | { on: 'stream' | 'type'; prefixes: string[] };

/**
 * What to read: of one stream by revision, or of $all by position. `from` is the first that may be
 * sent, in the direction of reading; `limit` is how many events may be. A checkpoint is sent
 * whenever `every` events were considered since the last one.
 */
export type Query = {
  stream: string | undefined;
  from: number;
  forwards: boolean;
  limit: number;
  resolveLinks?: boolean;
  filter?: Filter | undefined;
  checkpoints?: { every: number; considered: number };
  place?: Place | undefined;
};

/**
 * Where a computed stream is read on: the event at or behind `position` is linked to at `revision`.
 * Counting up to it takes long, so that only the first page of a read does it.
 */
type Place = { revision: number; position: number };

/**
 * `frames` hold `events` events, and checkpoints, as ReadResp messages. `next` is where to read on,
 * unless this is the `end`; `considered` counts the events since the last checkpoint.
 */
export type Page =
  | {
      found: true;
      frames: Uint8Array;
      events: number;
      next: number;
      end: boolean;
      considered: number;
      place?: Place | undefined;
    }
  | { found: false; reason: 'stream-not-found' | 'stream-deleted' };

export type ReadRequest = { id: number; query: Query };
export type ReadReply = { id: number; page: Page } | { id: number; error: string };

const PAGE_EVENTS = 512;
const PAGE_BYTES = 256 * 1024;

const port = parentPort!;
// The appender makes the file, and mends it after a crash.
await once(port, 'message');
const db = openForReads((workerData as { dir: string }).dir);
const findStream = streamLookup(db);

type Row = { at: number; position: number; type: string; record: Uint8Array; name?: string };
type Both = { forwards: StatementSync; backwards: StatementSync };

const bothWays = (sql: (compare: '>=' | '<=', order: 'ASC' | 'DESC') => string): Both => ({
  forwards: db.prepare(sql('>=', 'ASC')),
  backwards: db.prepare(sql('<=', 'DESC')),
});
const ofAll = bothWays(
  (compare, order) =>
    `SELECT position AS at, position, type, record FROM event
      WHERE position ${compare} ? ORDER BY position ${order} LIMIT ?`,
);
const ofAllWithNames = bothWays(
  (compare, order) =>
    `SELECT position AS at, position, type, record, name
       FROM event JOIN stream ON stream.id = event.stream
      WHERE position ${compare} ? ORDER BY position ${order} LIMIT ?`,
);
const ofStream = bothWays(
  (compare, order) =>
    `SELECT revision AS at, position, type, record FROM event
      WHERE stream = ? AND revision ${compare} ? AND revision >= ? AND createdMs >= ?
      ORDER BY revision ${order} LIMIT ?`,
);

const ofLinks = (column: Links['column']) => ({
  at: db.prepare(
    `SELECT position FROM event WHERE ${column} = ? ORDER BY position LIMIT 1 OFFSET ?`,
  ),
  size: db.prepare(
    `SELECT count(*) AS count, max(position) AS last FROM event WHERE ${column} = ?`,
  ),
  rows: bothWays(
    (compare, order) =>
      `SELECT name AS stream, revision, position, type, createdMs,
              CASE type WHEN '${LINK_TYPE}' THEN record END AS record
         FROM event JOIN stream ON stream.id = event.stream
        WHERE event.${column} = ? AND position ${compare} ? ORDER BY position ${order} LIMIT ?`,
  ),
});
const linked = { category: ofLinks('category'), type: ofLinks('type') };
const findEvent = db.prepare(
  'SELECT record FROM event WHERE stream = ? AND revision = ? AND createdMs >= ?',
);

type NotFound = 'stream-not-found' | 'stream-deleted';

function rows(query: Query, limit: number): Iterable<Row> | NotFound {
  const way = query.forwards ? 'forwards' : 'backwards';
  if (query.stream === undefined) {
    const statement = query.filter?.on === 'stream' ? ofAllWithNames[way] : ofAll[way];
    return statement.iterate(query.from, limit) as Iterable<Row>;
  }
  const links = linksOf(query.stream);
  if (links) return query.place ? linkRows(query, links, query.place, limit) : 'stream-not-found';
  const state = findStream(query.stream);
  const kept = keptOf(state);
  if (typeof kept === 'string') return kept;
  const { from } = query;
  return ofStream[way].iterate(state!.id, from, kept.first, kept.oldestMs, limit) as Iterable<Row>;
}

/** What deletion and metadata leave of a stream: events from a revision and from a time on. */
function keptOf(state: StreamState | undefined): { first: number; oldestMs: number } | NotFound {
  if (isTombstoned(state)) return 'stream-deleted';
  if (!state || state.head < 0 || isSoftDeleted(state)) return 'stream-not-found';
  const counted = state.maxCount === null ? 0 : state.head - state.maxCount + 1;
  return {
    first: Math.max(state.truncateBefore, counted),
    oldestMs: state.maxAgeS === null ? 0 : Date.now() - state.maxAgeS * 1000,
  };
}

/** Where a computed stream has the revision, or else its end; undefined if it has no event. */
function placeOf({ column, value }: Links, { from, forwards }: Query): Place | undefined {
  if (column === 'type' && value === LINK_TYPE) return undefined;
  const found = linked[column].at.get(value, from) as { position: number } | undefined;
  if (found) return { revision: from, position: found.position };
  const { count, last } = linked[column].size.get(value) as { count: number; last: number | null };
  if (last === null) return undefined;
  return forwards
    ? { revision: count, position: last + 1 }
    : { revision: count - 1, position: last };
}

/** Moves `place` behind each row that it gives. */
function* linkRows(
  { stream, forwards }: Query,
  { column, value }: Links,
  place: Place,
  limit: number,
): Iterable<Row> {
  const statement = linked[column].rows[forwards ? 'forwards' : 'backwards'];
  const step = forwards ? 1 : -1;
  for (const event of statement.iterate(value, place.position, limit) as Iterable<Linked>) {
    const at = place.revision;
    place.revision += step;
    place.position = event.position + step;
    const record = linkRecord(stream!, at, event);
    yield { at, position: event.position, type: LINK_TYPE, record };
  }
}

/** A row as it is sent: a link with the event that it names, if that is asked for. */
function answerer({ resolveLinks }: Query): (row: Row) => Buffer {
  const plain = ({ record, position }: Row): Buffer => eventAnswer(record, position);
  if (!resolveLinks) return plain;
  const streams = new Map<string, StreamState | undefined>();
  return (row) => {
    const target = row.type === LINK_TYPE ? parseLink(row.record) : undefined;
    if (!target) return plain(row);
    const { stream, revision } = target;
    if (!streams.has(stream)) streams.set(stream, findStream(stream));
    const state = streams.get(stream);
    const kept = keptOf(state);
    const isKept = typeof kept === 'object' && revision >= kept.first;
    const event = isKept ? findEvent.get(state!.id, revision, kept.oldestMs) : undefined;
    return resolvedAnswer((event as Row | undefined)?.record, row.record, row.position);
  };
}

function matcher(filter: Filter | undefined): (row: Row) => boolean {
  if (!filter) return () => true;
  const subject = (row: Row): string => (filter.on === 'stream' ? row.name! : row.type);
  if ('prefixes' in filter)
    return (row) => filter.prefixes.some((prefix) => subject(row).startsWith(prefix));
  const regex = new RegExp(filter.regex);
  return (row) => regex.test(subject(row));
}

function readPage(query: Query): Page {
  const limit = Math.min(query.limit, PAGE_EVENTS);
  const links = query.stream === undefined ? undefined : linksOf(query.stream);
  if (links) query.place ??= placeOf(links, query);
  const found = rows(query, limit);
  if (typeof found === 'string') return { found: false, reason: found };
  const { every, considered: before } = query.checkpoints ?? { every: Infinity, considered: 0 };
  const matches = matcher(query.filter);
  const answer = answerer(query);
  const answers: Uint8Array[] = [];
  let [seen, events, bytes, next, considered] = [0, 0, 0, query.from, before];
  for (const row of found) {
    seen += 1;
    // A subscription to a computed stream may begin behind its end.
    if (query.forwards && row.at < query.from) continue;
    next = query.forwards ? row.at + 1 : row.at - 1;
    if (matches(row)) {
      const message = answer(row);
      answers.push(message);
      events += 1;
      bytes += message.length;
    }
    considered += 1;
    if (considered >= every) {
      answers.push(checkpointAnswer(row.position));
      considered = 0;
    }
    if (bytes >= PAGE_BYTES) break;
  }
  const end = seen < limit && bytes < PAGE_BYTES;
  const { place } = query;
  return { found: true, frames: frame(answers), events, next, end, considered, place };
}

port.on('message', ({ id, query }: ReadRequest) => {
  try {
    const page = readPage(query);
    const transfer = page.found ? [page.frames.buffer as ArrayBuffer] : [];
    port.postMessage({ id, page } satisfies ReadReply, transfer);
  } catch (error) {
    port.postMessage({ id, error: (error as Error).message } satisfies ReadReply);
  }
});
port.postMessage('ready');
