import type { StoredEvent, Upcast } from '../platform/event-store.ts';
import type { EventShapes, Message } from './decider.ts';

type Upcasters = readonly ((data: unknown) => unknown)[];
type Downcaster = (data: unknown) => object;

/** An event stands in the log in a version that this release does not know. */
export class UnknownEventVersion extends Error {
  constructor(event: Pick<StoredEvent, 'type' | 'stream'>, version: number, newest: number) {
    super(
      `${event.type} of ${event.stream} has version ${version}, and this release reads up to ` +
        `version ${newest}: a newer release wrote it. Start that one or a later one again.`,
    );
    this.name = 'UnknownEventVersion';
  }
}

// The maps are keyed by message type, which the compiler cannot follow through a lookup.
const upcastersOf = ({ upcast }: EventShapes, type: string): Upcasters =>
  (upcast as Record<string, Upcasters> | undefined)?.[type] ?? [];

const downcasterOf = ({ heldBack }: EventShapes, type: string): Downcaster | undefined =>
  (heldBack as Record<string, Downcaster> | undefined)?.[type];

const raise = (upcasters: Upcasters, version: number, data: unknown): unknown =>
  upcasters.slice(version - 1).reduce((older, next) => next(older), data);

/**
 * What turns an event of whatever version into the newest that its decider knows: whoever connects
 * to the event store gives it along, and every event that is read comes through it. Throws
 * `UnknownEventVersion`, and at once where two deciders have events of one name.
 */
export function upcasterOf(deciders: readonly EventShapes[]): Upcast {
  const known = new Map<string, Upcasters>();
  for (const decider of deciders) {
    for (const type of Object.keys(decider.evolve)) {
      if (known.has(type)) throw new Error(`two kinds of streams have an event ${type}`);
      known.set(type, upcastersOf(decider, type));
    }
  }
  return (event, version, data) => {
    const upcasters = known.get(event.type) ?? [];
    const newest = upcasters.length + 1;
    if (version === newest) return data;
    // It comes out of the log, where it may be anything.
    if (!(version >= 1 && version < newest)) throw new UnknownEventVersion(event, version, newest);
    return raise(upcasters, version, data);
  };
}

/** An event as it is written, and as it will be read. */
export type Written = { data: object; schemaVersion: number; read: Message };

/** Written in its newest version, or in the one before where the newest is held back. */
export function writtenAs(decider: EventShapes, event: Message): Written {
  const { type } = event;
  const upcasters = upcastersOf(decider, type);
  const schemaVersion = upcasters.length + 1;
  const downcast = downcasterOf(decider, type);
  if (!downcast) return { data: event.data as object, schemaVersion, read: event };
  const data = downcast(event.data);
  const before = schemaVersion - 1;
  return { data, schemaVersion: before, read: { type, data: raise(upcasters, before, data) } };
}
