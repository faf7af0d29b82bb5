/** Reads computed streams from their indexes, and what links name. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { keptOf, type NotFound, type StreamState } from './database.ts';
import { linkRecord, linksOf, parseLink, type Linked, type Links } from './links.ts';
import type { Query, Row } from './read-worker.ts';
import { eventAnswer, LINK_TYPE, resolvedAnswer } from './wire.ts';

/**
 * Where a computed stream is read on: the event at or behind `position` is linked to at `revision`.
 * Counting up to it takes long, so that only the first page of a read does it.
 */
export type Place = { revision: number; position: number };

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

  /** The links of the computed stream that is asked for. Moves the query's place along. */
  rows(query: Query, limit: number): Iterable<Row> | NotFound {
    const links = linksOf(query.stream!)!;
    query.place ??= this.placeOf(links, query);
    return query.place ? this.linkRows(query, links, query.place, limit) : 'stream-not-found';
  }

  /** A row as it is sent by a read that resolves links: a link with its event, if that is kept. */
  resolver(): (row: Row) => Buffer {
    const streams = new Map<string, StreamState | undefined>();
    return ({ type, record, position }) => {
      const target = type === LINK_TYPE ? parseLink(record) : undefined;
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

  /** Where the stream has the revision, or else its end; undefined if it has no event. */
  private placeOf({ column, value }: Links, { from, forwards }: Query): Place | undefined {
    if (column === 'type' && value === LINK_TYPE) return undefined;
    const { at, size } = this.linked[column];
    const found = at.get(value, from) as { position: number } | undefined;
    if (found) return { revision: from, position: found.position };
    const { count, last } = size.get(value) as { count: number; last: number | null };
    if (last === null) return undefined;
    return forwards
      ? { revision: count, position: last + 1 }
      : { revision: count - 1, position: last };
  }

  private *linkRows(
    { stream, forwards }: Query,
    { column, value }: Links,
    place: Place,
    limit: number,
  ): Iterable<Row> {
    const statement = this.linked[column][forwards ? 'forwards' : 'backwards'];
    const step = forwards ? 1 : -1;
    for (const event of statement.iterate(value, place.position, limit) as Iterable<Linked>) {
      const at = place.revision;
      place.revision += step;
      place.position = event.position + step;
      const record = linkRecord(stream!, at, event);
      yield { at, position: event.position, type: LINK_TYPE, record };
    }
  }
}

function statements(
  db: DatabaseSync,
  column: Links['column'],
): Record<'at' | 'size' | 'forwards' | 'backwards', StatementSync> {
  const rows = (compare: '>=' | '<=', order: 'ASC' | 'DESC'): StatementSync =>
    db.prepare(
      `SELECT name AS stream, revision, position, type, createdMs,
              CASE type WHEN '${LINK_TYPE}' THEN record END AS record
         FROM event JOIN stream ON stream.id = event.stream
        WHERE event.${column} = ? AND position ${compare} ? ORDER BY position ${order} LIMIT ?`,
    );
  return {
    at: db.prepare(
      `SELECT position FROM event WHERE ${column} = ? ORDER BY position LIMIT 1 OFFSET ?`,
    ),
    size: db.prepare(
      `SELECT count(*) AS count, max(position) AS last FROM event WHERE ${column} = ?`,
    ),
    forwards: rows('>=', 'ASC'),
    backwards: rows('<=', 'DESC'),
  };
}
