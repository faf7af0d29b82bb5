/** A command or an event: what it is called and what it says. */
export type Message<Type extends string = string, Data = unknown> = { type: Type; data: Data };

type Of<M extends Message, Type extends M['type']> = Extract<M, { type: Type }>['data'];

/**
 * The rules of one kind of stream: commands in, events out, and how events make up the state.
 * Pure: no clock, no randomness, no I/O. What a decision needs arrives in the command.
 * Source: Jérémie Chassaing, "Functional Event Sourcing Decider" (2021).
 */
export type Decider<State, Command extends Message, Event extends Message> = {
  /** First part of the stream's name. Never holds a hyphen: the rest of the name begins there. */
  category: string;
  initial: State;
  /** The events that a command causes; none when it changes nothing. Throws `Rejected`. */
  decide: { [Type in Command['type']]: (state: State, data: Of<Command, Type>) => Event[] };
  /** The state after an event. Returns a new value and leaves the old one as it was. */
  evolve: { [Type in Event['type']]: (state: State, data: Of<Event, Type>) => State };
  /**
   * How older versions of an event are read: entry n turns what version n + 1 says into what version
   * n + 2 says, and the last one gives what `evolve` takes. An event without an entry is of version 1.
   */
  upcast?: { [Type in Event['type']]?: Upcasters<Of<Event, Type>> };
  /**
   * Events whose newest version is read and not written yet, since servers of the release before,
   * which run beside this one, do not read it: how the version before says them. An entry stays for
   * one release.
   */
  heldBack?: { [Type in Event['type']]?: (data: Of<Event, Type>) => object };
  /** How each event's data looks in its newest version: one that looks otherwise is damaged. */
  shapes?: { [Type in Event['type']]: ShapeOf<Of<Event, Type>> };
  /** For streams too long to be read from their beginning by each server that starts. */
  snapshot?: SnapshotRules<State>;
};

type Leaf = 'text' | 'time' | 'integer' | 'number' | 'boolean';

/**
 * How JSON looks that comes out of a log, where it may be anything. `…?` and `['?', …]` may be null
 * or missing, `[…]` is a list. Of an object the members that are named are looked at: one that a
 * later release adds is let through. A `time` is RFC 3339, an `integer` one that a number holds.
 *
 *     { doorId: 'text', opened: 'time', keys: [{ name: 'text', age: 'integer?' }] }
 */
export type Shape =
  Leaf | `${Leaf}?` | readonly [Shape] | readonly ['?', Shape] | { readonly [name: string]: Shape };

/** The shapes by which an event's data may be told: the compiler asks for each of its members. */
export type ShapeOf<T> = [Extract<T, null | undefined>] extends [never]
  ? WholeShape<T>
  : MaybeShape<WholeShape<Exclude<T, null | undefined>>>;
type WholeShape<T> = [T] extends [string]
  ? 'text' | 'time'
  : [T] extends [number]
    ? 'integer' | 'number'
    : [T] extends [boolean]
      ? 'boolean'
      : [T] extends [readonly (infer Item)[]]
        ? readonly [ShapeOf<Item>]
        : { readonly [Name in NamesIn<T>]: ShapeOf<MemberOf<T, Name>> };
type MaybeShape<S> = S extends string ? `${S}?` : readonly ['?', S];
/** Of each type of a union. */
type NamesIn<T> = T extends unknown ? keyof T : never;
type MemberOf<T, Name> = T extends unknown ? (Name extends keyof T ? T[Name] : undefined) : never;

/** What is read of old versions has no type any more but the one that an upcaster gives it. */
type Upcasters<Data> = readonly [...((data: never) => object)[], (data: never) => Data];

/** Data of which some members may be missing, as in the versions of an event before they were there. */
export type Optional<Data, Member extends keyof Data> = Omit<Data, Member> &
  Partial<Pick<Data, Member>>;

/** A decider of which only the state is known. */
export type AnyDecider<State = unknown> = Decider<State, never, never>;

/** Which events a decider has, and in which versions. */
export type EventShapes = Pick<
  AnyDecider,
  'category' | 'evolve' | 'upcast' | 'heldBack' | 'shapes'
>;

/**
 * The one event of a command that changed nothing, by which its stream still remembers that it came:
 * a repeat of it, however late, undoes nothing that was changed meanwhile.
 */
export const NOTHING_CHANGED = 'NothingChanged';

/** The state after any event that a stream can hold. Throws where there is no rule for it. */
export function evolve<State>(
  decider: AnyDecider<State>,
  state: State,
  { type, data }: Message,
): State {
  if (type === NOTHING_CHANGED) return state;
  // The map is keyed by message type, which the compiler cannot follow through a lookup.
  const rules = decider.evolve as Record<string, (state: State, data: unknown) => State>;
  // What every object inherits is no rule: a type comes out of a log, where it may be anything.
  if (!Object.hasOwn(rules, type)) throw new Error(`there is no rule for ${type}`);
  return rules[type]!(state, data);
}

/** Every type of event that a decider's streams hold, but for the one that changes nothing. */
export const eventTypes = <State, C extends Message, E extends Message>(
  decider: Decider<State, C, E>,
): E['type'][] => Object.keys(decider.evolve);

/** How a folded state is written down as JSON, and read back. */
export type SnapshotRules<State> = {
  /** Raised whenever the same events fold or pack to something else: older snapshots are ignored. */
  version: number;
  /** Events from one snapshot to the next. */
  every: number;
  pack: (state: State) => object;
  unpack: (packed: unknown) => State;
};

/**
 * The rules said no: a stable code that clients match on, and facts of which of the things that were
 * asked for is wrong. What a person reads is made of both, elsewhere.
 */
export class Refusal<Code extends string = string> extends Error {
  readonly code: Code;
  readonly facts: Readonly<Record<string, unknown>>;
  constructor(code: Code, facts: object = {}) {
    super(code);
    this.name = 'Refusal';
    this.code = code;
    this.facts = { ...facts };
  }
}
