/** Reads computed streams from their indexes, and what links name. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { keptOf, type NotFound, type StreamState } from './database.ts';
import { linkRecord, parseLink, type Linked, type Links } from './links.ts';
import type { Query, Row } from './read-worker.ts';
import { dataOfRecord, eventAnswer, LINK_TYPE, resolvedAnswer } from './wire.ts';

export class LinkReader {
  private readonly findStream: (name: string) => StreamState | undefined;
  private readonly findEvent: StatementSync;
  private readonly linked: Record<Links['column'], ReturnType<typeof statements>>;

  constructor(db: DatabaseSync, findStream: (name: string) => StreamState | undefined) {
    this.findStream = findStream;
    this.findEvent = db.prepare(
      'SELECT record FROM event WHERE stream = ? AND revision = ? AND createdMs >= ?',
    );
    this.linked = { category: statements(db, 'category'), type: statements(db, 'type') };
  }

  /** The links of a computed stream. */
  rows(query: Query, links: Links, limit: number): Iterable<Row> | NotFound {
    const { column, value } = links;
    const { exists, forwards, backwards } = this.linked[column];
    const isServed = column === 'category' || value !== LINK_TYPE;
    if (!isServed || !exists.get(value)) return 'stream-not-found';
    const statement = query.forwards ? forwards : backwards;
    return linkRows(query, statement.iterate(value, query.from, limit) as Iterable<Linked>);
  }

  /** A row as it is sent by a read that resolves links: a link with its event, if that is kept. */
  resolver(): (row: Row) => Buffer {
    const streams = new Map<string, StreamState | undefined>();
    return ({ type, record, position }) => {
      const target = type === LINK_TYPE ? parseLink(dataOfRecord(Buffer.from(record))) : undefined;
      if (!target) return eventAnswer(record, position);
      const { stream, revision } = target;
      if (!streams.has(stream)) streams.set(stream, this.findStream(stream));
      const state = streams.get(stream);
      const kept = keptOf(state);
      const isKept = typeof kept === 'object' && revision >= kept.first;
      const event = isKept ? this.findEvent.get(state!.id, revision, kept.oldestMs) : undefined;
      return resolvedAnswer((event as Row | undefined)?.record, record, position);
    };
  }
}

function* linkRows({ stream }: Query, found: Iterable<Linked>): Iterable<Row> {
  for (const linked of found) {
    const { at, position } = linked;
    yield { at, position, type: LINK_TYPE, record: linkRecord(stream!, linked) };
  }
}

function statements(
  db: DatabaseSync,
  column: Links['column'],
): Record<'exists' | 'forwards' | 'backwards', StatementSync> {
  const at = column === 'category' ? 'inCategory' : 'inType';
  const rows = (compare: '>=' | '<=', order: 'ASC' | 'DESC'): StatementSync =>
    db.prepare(
      `SELECT ${at} AS at, name AS stream, revision, position, type, createdMs,
              CASE type WHEN '${LINK_TYPE}' THEN record END AS record
         FROM event JOIN stream ON stream.id = event.stream
        WHERE ${column} = ? AND ${at} ${compare} ? ORDER BY ${at} ${order} LIMIT ?`,
    );
  return {
    exists: db.prepare(`SELECT 1 FROM event WHERE ${column} = ? LIMIT 1`),
    forwards: rows('>=', 'ASC'),
    backwards: rows('<=', 'DESC'),
  };
}
