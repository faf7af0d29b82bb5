import type { Message } from '../decider.ts';
import type { StoredEvent } from '../../platform/event-store.ts';
import { splitStream } from '../../platform/stream-name.ts';
import type { Rows, Table } from './rows.ts';

/** What an event of a type says. */
export type DataOf<E extends Message, Type extends E['type']> = Extract<E, { type: Type }>['data'];

/** What a handler gets to see of an event. */
export type Fact<Data> = Pick<StoredEvent<Data>, 'type' | 'data' | 'metadata' | 'position'> & {
  /** The stream's name without its category: a cart's id, a listing's id, … */
  id: string;
  /** The event's own: what others name as their cause. */
  eventId: string;
  /** When it happened, RFC 3339, UTC. */
  at: string;
};

/** What an event makes of the rows. */
export type Handler<Data> = (fact: Fact<Data>, rows: Rows) => void;

/** A handler for each type of event, by its name. */
export type Handlers<E extends Message> = { [Type in E['type']]: Handler<DataOf<E, Type>> };

/**
 * A read model: events in, rows out. Lives in a Postgres schema of its name. A changed table or
 * handler is a new `version`, which is built from the log beside the old one; nothing is migrated.
 */
export type Projection = {
  name: string;
  version: number;
  tables: Table[];
  /** Its events, by their types: it hears of no others. */
  on: Record<string, Handler<never>>;
};

export const projection = <E extends Message>(definition: {
  name: string;
  version: number;
  tables: Table[];
  on: Partial<Handlers<E>>;
}): Projection => definition as unknown as Projection;

export const factOf = (event: StoredEvent): Fact<never> => ({
  id: splitStream(event.stream).id,
  type: event.type,
  eventId: event.id,
  data: event.data as never,
  position: event.position,
  // Few ask when and by whom it was, and the metadata is parsed for that.
  get at() {
    return event.metadata.at;
  },
  get metadata() {
    return event.metadata;
  },
});
