import type { StoredEvent, Upcast } from '../platform/event-store.ts';
import { streamOf } from '../platform/stream-name.ts';
import type { EventShapes, Message, Shape } from './decider.ts';
import { checkOf, MalformedEvent } from './shape.ts';

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

/** What is known of the events of a type. */
type Known = {
  prefix: string;
  upcasters: Upcasters;
  check: ReturnType<typeof checkOf>;
};

/** Of a decider that does not say how its events look, they are objects. */
const shapeOf = ({ shapes }: EventShapes, type: string): Shape =>
  (shapes as Record<string, Shape> | undefined)?.[type] ?? {};

/**
 * What turns an event of whatever version into the newest that its decider knows: whoever connects
 * to the event store gives it along, and every event that is read comes through it. Throws
 * `UnknownEventVersion`, `MalformedEvent` for what no release ever wrote, and at once where two
 * deciders have events of one name.
 */
export function upcasterOf(deciders: readonly EventShapes[]): Upcast {
  const known = new Map<string, Known>();
  for (const decider of deciders) {
    for (const type of Object.keys(decider.evolve)) {
      if (known.has(type)) throw new Error(`two kinds of streams have an event ${type}`);
      known.set(type, {
        prefix: streamOf(decider, ''),
        upcasters: upcastersOf(decider, type),
        check: checkOf(shapeOf(decider, type)),
      });
    }
  }
  return (event, version, data) => {
    const { prefix, upcasters, check } = known.get(event.type) ?? UNKNOWN;
    const newest = upcasters.length + 1;
    // It comes out of the log, where it may be anything.
    if (!Number.isSafeInteger(version) || version < 1) {
      const what = `version ${String(version)} is none`;
      throw new MalformedEvent(event, `${what}, and neither this nor a newer release wrote it`);
    }
    if (!event.stream.startsWith(prefix)) {
      throw new MalformedEvent(event, `it belongs into a stream ${prefix}…`);
    }
    if (version > newest) throw new UnknownEventVersion(event, version, newest);
    const raised = version === newest ? data : raiseOrRefuse(event, upcasters, version, data);
    const problem = check(raised);
    if (problem !== undefined) throw new MalformedEvent(event, `its data${problem}`);
    return raised;
  };
}

/** Of no decider: it is read as it stands. */
const UNKNOWN: Known = { prefix: '', upcasters: [], check: () => undefined };

/** An upcaster takes for granted what its version promised. */
function raiseOrRefuse(
  event: Pick<StoredEvent, 'type' | 'stream'>,
  upcasters: Upcasters,
  version: number,
  data: unknown,
): unknown {
  try {
    return raise(upcasters, version, data);
  } catch (error) {
    throw new MalformedEvent(event, `of version ${version}, ${String(error)}`);
  }
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
