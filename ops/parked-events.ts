import { readParking, type DroppedEvent } from '../engine/parking.ts';
import type { EventStore } from '../platform/event-store.ts';
import type { Pool } from '../platform/postgres.ts';

/** An event that somebody could not read or apply, whoever that was. */
export type ParkedItem = {
  eventId: string;
  stream: string;
  type: string;
  /** Of the read models, by their names; `reactor`; `commands`, where its stream takes none. */
  by: string[];
  /** Of the first of them. */
  error: string;
  /** In the log; null where no read model parked it. */
  position: number | null;
  /** In its stream; null where only read models parked it. */
  revision: string | null;
  /** When a read model parked it. */
  at: string | null;
};

export type AllParked = { parked: ParkedItem[]; dropped: DroppedEvent[] };

type Row = {
  projection: string;
  event_id: string;
  stream: string;
  type: string;
  position: number;
  error: string;
  at: string;
};

/** What read models parked, newest first. */
export async function parkedRows(pool: Pool): Promise<Row[]> {
  const { rows: prepared } = await pool.query<{ ready: boolean }>(
    `select to_regclass('projector.parked') is not null as ready`,
  );
  if (!prepared[0]!.ready) return [];
  const { rows } = await pool.query<Row>(
    `select projection, event_id, stream, type, position, parked_at as at,
       split_part(error, e'\\n', 1) as error
     from projector.parked where projection not like '%\\_next'
     order by parked_at desc, position desc, projection`,
  );
  return rows;
}

/** Every event that is parked, whoever parked it; none that was dropped. Newest first. */
export async function readParkedEvents(client: EventStore, rows: Row[]): Promise<AllParked> {
  const parking = await readParking(client);
  const items = new Map<string, ParkedItem>();
  for (const { projection, event_id: eventId, ...row } of rows) {
    const known = items.get(eventId);
    if (known) known.by.push(projection);
    else items.set(eventId, { ...row, eventId, by: [projection], revision: null });
  }
  for (const { by, eventId, stream, type, revision, error } of parking.parked) {
    const known = items.get(eventId);
    if (known) Object.assign(known, { revision, by: [...known.by, by] });
    else {
      const item = { eventId, stream, type, revision, error, by: [by], position: null, at: null };
      items.set(eventId, item);
    }
  }
  return {
    parked: [...items.values()].filter(({ eventId }) => !parking.dropped.has(eventId)),
    dropped: [...parking.dropped.values()],
  };
}
