import { eventTypes, type Decider, type Message } from '../../engine/decider.ts';
import type { StoredEvent } from '../../platform/event-store.ts';

/** An event of a stream: `revision` is its number there, from 0. */
export type Place = Pick<StoredEvent, 'stream' | 'revision'>;

/** What a check sees of an event, and what its stream folded to before and after it. */
export type Seen<Data = unknown, State = unknown> = Place & {
  /** The stream's name without its category. */
  id: string;
  data: Data;
  before: State;
  after: State;
  /** When it was stored, in ms since 1970. */
  atMs: number;
};

/**
 * Says what cannot be true, and where to look. It is counted under `kind`, which is what should
 * hold, with `more` others of which nothing is said.
 */
export type Report = (kind: string, where: string, text: string, more?: number) => void;

/** One thing that always holds, as a fold of the whole log. */
export type Check = {
  /** By event name. */
  on: Record<string, (seen: Seen<never, never>) => void>;
  /** What shows only at the end of the log: what did not happen in time. */
  end?: (nowMs: number) => void;
};

type Of<E extends Message, Type extends E['type']> = Extract<E, { type: Type }>['data'];
type On<E extends Message, State> = {
  [Type in E['type']]: (seen: Seen<Of<E, Type>, State>) => void;
};

/** Looks at every event of a decider alike: at those too that are yet to be thought of. */
export const everyEvent = <State, C extends Message, E extends Message>(
  decider: Decider<State, C, E>,
  look: (seen: Seen<E['data'], State>) => void,
): On<E, State> =>
  Object.fromEntries(eventTypes(decider).map((type) => [type, look])) as unknown as On<E, State>;

/** A check of streams of one kind. */
export const check = <E extends Message, State>(definition: {
  on: Partial<On<E, State>>;
  end?: (nowMs: number) => void;
}): Check => definition as unknown as Check;

export const placeText = ({ stream, revision }: Place): string => `event ${revision} of ${stream}`;

/** What the reactor gets for a step that follows from another; it waits at most half as long. */
const GRACE_MS = 60_000;

/** Whether what follows from something that happened at `sinceMs` should have happened by now. */
export const isLate = (sinceMs: number, nowMs: number): boolean => nowMs - sinceMs > GRACE_MS;

/** What is kept of each kind; the rest is counted. */
const MAX_KEPT_OF_A_KIND = 10;

export type Violations = { kind: string; count: number; first: { where: string; text: string }[] };

/** Collects what was told, by kind, in the order in which the kinds came up. */
export function collectViolations(): { report: Report; violations: Violations[] } {
  const violations: Violations[] = [];
  return {
    violations,
    report(kind, where, text, more = 0) {
      let known = violations.find((each) => each.kind === kind);
      if (!known) violations.push((known = { kind, count: 0, first: [] }));
      known.count += 1 + more;
      if (known.first.length < MAX_KEPT_OF_A_KIND) known.first.push({ where, text });
    },
  };
}
