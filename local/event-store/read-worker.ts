/** Reads pages of the log, in a thread of its own so that a long replay stands in nobody's way. */
import { once } from 'node:events';
import type { StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { keptOf, openForReads, streamLookup, type NotFound } from './database.ts';
import { LinkReader } from './link-reader.ts';
import { linksOf } from './links.ts';
import { frame } from './protobuf.ts';
import { checkpointAnswer, eventAnswer } from './wire.ts';

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
};

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
    }
  | { found: false; reason: NotFound };

export type ReadRequest = { id: number; query: Query };
export type ReadReply = { id: number; page: Page } | { id: number; error: string };

const PAGE_EVENTS = 512;
const PAGE_BYTES = 256 * 1024;

const port = parentPort!;
// The appender makes the file, and mends it after a crash.
await once(port, 'message');
const db = openForReads((workerData as { dir: string }).dir);
const findStream = streamLookup(db);
const links = new LinkReader(db, findStream);

/** `at` is its place in what is read. */
export type Row = {
  at: number;
  position: number;
  type: string;
  record: Uint8Array;
  name?: string;
};
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

function rows(query: Query, limit: number): Iterable<Row> | NotFound {
  const way = query.forwards ? 'forwards' : 'backwards';
  if (query.stream === undefined) {
    const statement = query.filter?.on === 'stream' ? ofAllWithNames[way] : ofAll[way];
    return statement.iterate(query.from, limit) as Iterable<Row>;
  }
  const computed = linksOf(query.stream);
  if (computed) return links.rows(query, computed, limit);
  const state = findStream(query.stream);
  const kept = keptOf(state);
  if (typeof kept === 'string') return kept;
  const { from } = query;
  return ofStream[way].iterate(state!.id, from, kept.first, kept.oldestMs, limit) as Iterable<Row>;
}

function matcher(filter: Filter | undefined): (row: Row) => boolean {
  if (!filter) return () => true;
  const subject = (row: Row): string => (filter.on === 'stream' ? row.name! : row.type);
  if ('prefixes' in filter)
    return (row) => filter.prefixes.some((prefix) => subject(row).startsWith(prefix));
  const regex = new RegExp(filter.regex);
  return (row) => regex.test(subject(row));
}

const plainAnswer = ({ record, position }: Row): Buffer => eventAnswer(record, position);

function readPage(query: Query): Page {
  const limit = Math.min(query.limit, PAGE_EVENTS);
  const found = rows(query, limit);
  if (typeof found === 'string') return { found: false, reason: found };
  const { every, considered: before } = query.checkpoints ?? { every: Infinity, considered: 0 };
  const matches = matcher(query.filter);
  const answer = query.resolveLinks ? links.resolver() : plainAnswer;
  const answers: Uint8Array[] = [];
  let [seen, events, bytes, next, considered] = [0, 0, 0, query.from, before];
  for (const row of found) {
    seen += 1;
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
  return { found: true, frames: frame(answers), events, next, end, considered };
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
