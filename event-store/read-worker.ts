/** Reads pages of the log, in a thread of its own so that a long replay stands in nobody's way. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import {
  EVENT_COLUMNS,
  eventQuery,
  isMetadataStream,
  isTombstoned,
  keptOf,
  openForReads,
  rowLookup,
  streamLookup,
  type EventQuery,
  type StreamState,
} from './database.ts';
import { asDamage, damaged, databaseFile, DamagedLog, type EventRow } from './integrity.ts';
import { filterExpression } from './filter-expression.ts';
import { LinkReader } from './link-reader.ts';
import { linksOf } from './links.ts';
import type {
  Filter,
  LogFolder,
  Missing,
  Page,
  Query,
  ReadReply,
  ReadRequest,
  Rows,
  Sent,
} from './messages.ts';
import { frame } from './protobuf.ts';
import { checkpointAnswer, eventAnswer, streamOfRecord, TOMBSTONE_REVISION } from './wire.ts';

const PAGE_EVENTS = 512;
/** The next page is made while this one is sent: both should stay in a core's cache. */
const PAGE_BYTES = 128 * 1024;

const port = parentPort!;
// The appender makes the file, and mends it after a crash.
await once(port, 'message');
const { dir } = workerData as LogFolder;
const db = openForReads(dir);
const findStream = streamLookup(rowLookup(db, dir));

const links = new LinkReader(db, dir, findStream);

type Both = { forwards: EventQuery; backwards: EventQuery };

const bothWays = (sql: (compare: '>=' | '<=', order: 'ASC' | 'DESC') => string): Both => ({
  forwards: eventQuery(db, dir, sql('>=', 'ASC')),
  backwards: eventQuery(db, dir, sql('<=', 'DESC')),
});
const ofAll = bothWays(
  (compare, order) =>
    `SELECT ${EVENT_COLUMNS} FROM event
      WHERE position ${compare} ? ORDER BY position ${order} LIMIT ?`,
);
const findLastOpen = db.prepare(
  'SELECT max(revision) AS last FROM event WHERE stream = ? AND revision < ?',
);
const ofStream = bothWays(
  (compare, order) =>
    `SELECT ${EVENT_COLUMNS} FROM event
      WHERE stream = ? AND revision ${compare} ? AND revision >= ?
      ORDER BY revision ${order} LIMIT ?`,
);

function find(query: Query, head: number, limit: number): Rows | Missing {
  const way = query.forwards ? 'forwards' : 'backwards';
  if (query.stream === undefined) {
    const rows = ofAll[way].iterate(query.from, limit);
    return { rows, placeOf: (row) => row.position, lowest: 1, highest: head, oldestMs: 0 };
  }
  const computed = linksOf(query.stream);
  if (computed) return links.find(query, computed, limit);
  const state = findStream(query.stream);
  const live = state && query.live ? findLive(state, query, limit) : undefined;
  if (live) return live;
  const kept = keptOf(state);
  if (kept === 'stream-deleted') return { missing: kept, highest: -1 };
  if (kept === 'stream-not-found') return { missing: kept, highest: state?.head ?? -1 };
  return {
    rows: ofStream[way].iterate(state!.id, query.from, kept.first, limit),
    placeOf: (row) => row.revision,
    lowest: kept.first,
    highest: state!.head,
    oldestMs: kept.oldestMs,
  };
}

/** What there is for somebody who waited for it; undefined for one who is behind, or is done. */
function findLive(
  state: StreamState,
  { stream, from, live = 0 }: Query,
  limit: number,
): Rows | undefined {
  const isClosed = isTombstoned(state);
  // A tombstone is not in the stream of the metadata.
  if (isClosed && isMetadataStream(stream!)) return undefined;
  const { last } = isClosed
    ? (findLastOpen.get(state.id, TOMBSTONE_REVISION) as { last: number | null })
    : { last: state.head };
  // A tombstone comes behind the last event, whatever its revision says.
  const highest = (last ?? -1) + Number(isClosed);
  const left = highest - from + 1;
  if (left > live || (isClosed && left <= 0)) return undefined;
  return {
    rows: ofStream.forwards.iterate(state.id, from, 0, limit),
    placeOf: ({ revision }) => Math.min(revision, isClosed ? highest : revision),
    lowest: 0,
    highest,
    isClosed,
    oldestMs: 0,
  };
}

function matcher(filter: Filter | undefined): (row: EventRow) => boolean {
  if (!filter) return () => true;
  const subject = (row: EventRow): string =>
    filter.on === 'stream' ? streamOfRecord(Buffer.from(row.record)) : row.type;
  if ('prefixes' in filter)
    return (row) => filter.prefixes.some((prefix) => subject(row).startsWith(prefix));
  const regex = filterExpression(filter.regex);
  return (row) => regex.test(subject(row));
}

const plainAnswer = ({ record, position }: Sent): Buffer => eventAnswer(record, position);

/** Passes rows on. Throws DamagedLog at one that has changed and where one is missing. */
function* whole(
  { rows, placeOf, lowest, highest }: Rows,
  { stream, from, forwards }: Query,
  limit: number,
): Generator<EventRow> {
  const missing = (place: number): DamagedLog =>
    damaged(
      databaseFile(dir),
      stream === undefined
        ? `the event at position ${place} is missing`
        : `event ${place} of the stream '${stream}' is missing`,
    );
  let expected = forwards ? Math.max(from, lowest) : Math.min(from, highest);
  let seen = 0;
  for (const row of rows) {
    const place = placeOf(row);
    // Backwards from the end begins with what came last.
    const mayBeNewer = seen === 0 && !forwards && from > highest && place > highest;
    if (place !== expected && !mayBeNewer) throw missing(expected);
    yield row;
    seen += 1;
    expected = forwards ? place + 1 : place - 1;
  }
  const isAll = forwards ? expected > highest : expected < lowest;
  if (seen < limit && !isAll) throw missing(expected);
}

function readPage(query: Query, head: number): Page {
  // What is too old for its stream is skipped here, and does not count.
  const maySkip = query.stream !== undefined && query.limit > 0;
  const limit = maySkip ? PAGE_EVENTS : Math.min(query.limit, PAGE_EVENTS);
  const found = find(query, head, limit);
  const { highest } = found;
  const behind = Math.max(query.from, highest + 1);
  if ('missing' in found)
    return { found: false, reason: found.missing, next: behind, head: highest };
  const { every, considered: before } = query.checkpoints ?? { every: Infinity, considered: 0 };
  const matches = matcher(query.filter);
  const answer = query.resolveLinks ? links.resolver() : plainAnswer;
  const answers: Uint8Array[] = [];
  let [seen, events, bytes, next, considered, newest] = [0, 0, 0, query.from, before, 0];
  for (const row of whole(found, query, limit)) {
    seen += 1;
    newest = Math.max(newest, row.position);
    const place = found.placeOf(row);
    next = query.forwards ? place + 1 : place - 1;
    if (row.createdMs >= found.oldestMs && matches(row)) {
      const message = answer(found.sentAs?.(row) ?? row);
      answers.push(message);
      events += 1;
      bytes += message.length;
    }
    considered += 1;
    if (considered >= every) {
      answers.push(checkpointAnswer(row.position));
      considered = 0;
    }
    if (bytes >= PAGE_BYTES || events >= query.limit) break;
  }
  const isAll = seen < limit && !found.isClosed;
  const end = isAll && bytes < PAGE_BYTES && events < query.limit;
  // What is hidden at the end has been passed too.
  if (end && query.forwards) next = Math.max(next, behind);
  const place = { next, end, considered, newest, head: highest };
  return { found: true, frames: frame(answers), events, ...place };
}

port.on('message', ({ id, query, head }: ReadRequest) => {
  try {
    const page = readPage(query, head);
    const transfer = page.found ? [page.frames.buffer] : [];
    port.postMessage({ id, page } satisfies ReadReply, transfer);
  } catch (error) {
    const reason = asDamage(error, dir);
    const isDamage = reason instanceof DamagedLog;
    port.postMessage({ id, error: reason.message, isDamage } satisfies ReadReply);
  }
});
port.postMessage('ready');
