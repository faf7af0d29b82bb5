/** Reads computed streams from their indexes, and what links name. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  EVENT_COLUMNS,
  eventLookup,
  eventQuery,
  keptOf,
  type EventQuery,
  type StreamState,
} from './database.ts';
import type { EventRow } from './integrity.ts';
import { linkRecord, parseLink, type Links } from './links.ts';
import type { Missing, Query, Rows, Sent } from './messages.ts';
import { dataOfRecord, eventAnswer, LINK_TYPE, resolvedAnswer } from './wire.ts';

/** An event with its stream's name, and its place in a computed stream. */
type Linked = { name: string; at: number };
type LinkedRow = EventRow & Linked;

export class LinkReader {
  private readonly findStream: (name: string) => StreamState | undefined;
  private readonly eventAt: ReturnType<typeof eventLookup>;
  private readonly linked: Record<Links['column'], ReturnType<typeof statements>>;

  constructor(
    db: DatabaseSync,
    dir: string,
    findStream: (name: string) => StreamState | undefined,
  ) {
    this.findStream = findStream;
    this.eventAt = eventLookup(db, dir);
    this.linked = { category: statements(db, dir, 'category'), type: statements(db, dir, 'type') };
  }

  /** The links of a computed stream. */
  find({ stream, from, forwards }: Query, links: Links, limit: number): Rows | Missing {
    const { column, value } = links;
    const statement = this.linked[column];
    const { last } = statement.last.get(value) as { last: number | null };
    const isServed = column === 'category' || value !== LINK_TYPE;
    if (!isServed || last === null) return { missing: 'stream-not-found', highest: -1 };
    const way = forwards ? 'forwards' : 'backwards';
    return {
      rows: statement[way].iterate(value, from, limit),
      placeOf: (row) => (row as LinkedRow).at,
      sentAs: (row) => {
        const linked = row as LinkedRow;
        const record = linkRecord(stream!, { ...linked, stream: linked.name });
        return { position: row.position, type: LINK_TYPE, record };
      },
      lowest: 0,
      highest: last,
      oldestMs: 0,
    };
  }

  /** A row as it is sent by a read that resolves links: a link with its event, if that is kept. */
  resolver(): (row: Sent) => Buffer {
    const streams = new Map<string, StreamState | undefined>();
    return ({ type, record, position }) => {
      const target = type === LINK_TYPE ? parseLink(dataOfRecord(Buffer.from(record))) : undefined;
      if (!target) return eventAnswer(record, position);
      const { stream, revision } = target;
      if (!streams.has(stream)) streams.set(stream, this.findStream(stream));
      const state = streams.get(stream);
      const event = this.keptEvent(state, revision === -1n ? state?.head : Number(revision));
      return resolvedAnswer(event?.record, record, position);
    };
  }

  /** The event of a stream if it has it and shows it. Throws DamagedLog. */
  private keptEvent(state: StreamState | undefined, revision = -1): EventRow | undefined {
    const kept = keptOf(state);
    const isKept = typeof kept === 'object' && revision >= kept.first && revision <= state!.head;
    if (!isKept) return undefined;
    const row = this.eventAt(state!, revision);
    return row.createdMs >= kept.oldestMs ? row : undefined;
  }
}

function statements(
  db: DatabaseSync,
  dir: string,
  column: Links['column'],
): { last: StatementSync; forwards: EventQuery<Linked>; backwards: EventQuery<Linked> } {
  const at = column === 'category' ? 'inCategory' : 'inType';
  const columns = EVENT_COLUMNS.split(', ').map((name) => `event.${name}`);
  const rows = (compare: '>=' | '<=', order: 'ASC' | 'DESC'): EventQuery<Linked> =>
    eventQuery(
      db,
      dir,
      `SELECT ${columns.join(', ')}, ${at} AS at, name
         FROM event JOIN stream ON stream.id = event.stream
        WHERE ${column} = ? AND ${at} ${compare} ? ORDER BY ${at} ${order} LIMIT ?`,
      (found) => {
        const [place, name] = found.slice(-2);
        return { at: place, name } as Linked;
      },
    );
  return {
    last: db.prepare(`SELECT max(${at}) AS last FROM event WHERE ${column} = ?`),
    forwards: rows('>=', 'ASC'),
    backwards: rows('<=', 'DESC'),
  };
}
