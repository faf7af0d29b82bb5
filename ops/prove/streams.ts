import { LRUCache } from 'lru-cache';
import { DECIDERS } from '../../domain/deciders.ts';
import { evolve, type AnyDecider, type Message } from '../../engine/decider.ts';
import {
  readStream,
  snapshotStreamOf,
  type EventStore,
  type StoredEvent,
} from '../../platform/event-store.ts';
import { RememberedCommands } from '../../engine/commands/remembered.ts';
import { eventId } from '../../engine/commands/handle.ts';
import { MalformedEvent } from '../../engine/shape.ts';
import { splitStream } from '../../platform/stream-name.ts';
import { newestSnapshot, openSnapshot } from '../../engine/commands/snapshot.ts';
import { reasonOf } from '../command.ts';
import { placeText, type Report } from './check.ts';

const RULES = new Map<string, AnyDecider>(
  DECIDERS.map((decider) => [decider.category, decider as unknown as AnyDecider]),
);

/** Short streams whose state is held; what comes to another one has it read anew. */
const MAX_HELD_STREAMS = 50_000;

/** Also of an event that its stream cannot fold, since it is not what it should be. */
export const READABLE = 'every event says what its name promises';
const FOLDS = 'every stream folds';
const ONCE = 'a command takes effect once';
const SNAPSHOTS = 'a snapshot is what its stream folds to';

type Folded = {
  decider: AnyDecider;
  state: unknown;
  revision: bigint;
  commands: RememberedCommands;
  /** Of the last event: its command, and its place among that command's events. */
  commandId: string | undefined;
  index: number;
};

const nothing = (decider: AnyDecider): Folded => ({
  decider,
  state: decider.initial,
  revision: -1n,
  commands: new RememberedCommands(decider.snapshot !== undefined),
  commandId: undefined,
  index: 0,
});

/** Folds every stream with its rules, as write-api does, event by event through the whole log. */
export class Streams {
  readonly #client: EventStore;
  readonly #report: Report;
  readonly #dropped: ReadonlySet<string>;
  readonly #short = new LRUCache<string, Folded>({ max: MAX_HELD_STREAMS });
  /** Those that have snapshots, a few for each shop. */
  readonly #long = new Map<string, Folded>();

  /** `dropped` are ids of events that are passed over. */
  constructor(client: EventStore, report: Report, dropped: ReadonlySet<string> = new Set()) {
    this.#client = client;
    this.#report = report;
    this.#dropped = dropped;
  }

  /** A stream's state before and after its next event; undefined where it does not fold. */
  async take(event: StoredEvent): Promise<{ before: unknown; after: unknown } | undefined> {
    const { stream } = event;
    const decider = RULES.get(splitStream(stream).category);
    if (!decider) {
      this.#report(FOLDS, placeText(event), 'there are no rules for streams of that name');
      return undefined;
    }
    const held = decider.snapshot ? this.#long : this.#short;
    let folded = held.get(stream);
    if (!folded) held.set(stream, (folded = await this.#before(decider, event)));
    const notItsId = remember(folded, event);
    if (notItsId !== undefined) this.#report(ONCE, placeText(event), notItsId);
    const { state: before } = folded;
    const problem = advance(folded, event);
    if (problem === undefined) return { before, after: folded.state };
    if (problem instanceof MalformedEvent) {
      this.#report(READABLE, placeText(event), `${event.type} cannot be read: ${problem.problem}`);
    } else this.#report(FOLDS, placeText(event), `it does not fold: ${reasonOf(problem)}`);
    return undefined;
  }

  /** What a stream folds to before an event. What is wrong there was told when it came up. */
  async #before(decider: AnyDecider, { stream, revision }: StoredEvent): Promise<Folded> {
    const folded = nothing(decider);
    if (revision === 0n) return folded;
    for await (const event of readStream(this.#client, stream, 0n, Number(revision))) {
      if (this.#dropped.has(event.id)) continue;
      remember(folded, event);
      advance(folded, event);
    }
    return folded;
  }

  /** Replaying from a snapshot, as servers do when they start, gives what replaying all does. */
  async checkSnapshots(): Promise<void> {
    for (const [stream, { decider, state, revision }] of this.#long) {
      const started = await this.#fromSnapshot(decider, stream, revision);
      const { pack } = decider.snapshot!;
      if (!started || inAnyOrder(pack(started.state)) === inAnyOrder(pack(state))) continue;
      const name = snapshotStreamOf(stream);
      this.#report(
        SNAPSHOTS,
        name,
        `from it, ${stream} does not fold to what it folds to in whole`,
      );
    }
  }

  /** A stream's fold up to a revision, from its snapshot; undefined where servers take none. */
  async #fromSnapshot(
    decider: AnyDecider,
    stream: string,
    until: bigint,
  ): Promise<Folded | undefined> {
    const kept = await this.#openSnapshot(decider, stream);
    if (!kept) return undefined;
    const behind = Number(until - kept.revision);
    // One that was taken meanwhile sums up more than was folded here.
    if (behind < 0) return undefined;
    const folded = { ...nothing(decider), state: kept.state };
    if (behind === 0) return folded;
    const from = kept.revision + 1n;
    for await (const event of readStream(this.#client, stream, from, behind)) {
      if (this.#dropped.has(event.id)) continue;
      advance(folded, event);
    }
    return folded;
  }

  /** Undefined where there is none, or none that can be read, which servers pass over. */
  async #openSnapshot(decider: AnyDecider, stream: string) {
    const bytes = await newestSnapshot(this.#client, stream);
    try {
      return bytes && (await openSnapshot(decider.snapshot!, bytes, Date.now()));
    } catch {
      return undefined;
    }
  }
}

/** A packed state as text; its lists are sorted, for how a map is walked depends on its past. */
const inAnyOrder = (packed: object): string =>
  JSON.stringify(packed, (_, value: unknown) =>
    Array.isArray(value) ? value.map((item) => JSON.stringify(item)).toSorted() : value,
  );

/** Folds an event. Where it does not fold, says why and leaves the state as it was. */
function advance(folded: Folded, event: StoredEvent): unknown {
  folded.revision = event.revision;
  try {
    folded.state = evolve(folded.decider, folded.state, event as Message);
    return undefined;
  } catch (error) {
    return error ?? new Error('its rule failed without a reason');
  }
}

type CommandOfEvent = Pick<StoredEvent['metadata'], 'commandId' | 'fingerprint'> & { at?: string };

/** Remembers an event's command; says so where the event's id is not the one that it gives it. */
function remember(folded: Folded, event: StoredEvent): string | undefined {
  const { commands } = folded;
  const command = commandOf(event);
  if (command === undefined) return 'its metadata does not say of which command it is';
  const { commandId, fingerprint, at = '' } = command;
  folded.index = commandId === folded.commandId ? folded.index + 1 : 0;
  const atMs = Date.parse(at) || 0;
  const isRepeat = folded.index === 0 && commands.find(commandId, atMs) !== undefined;
  folded.commandId = commandId;
  commands.add(commandId, fingerprint, atMs, atMs);
  if (isRepeat) return `command ${commandId} took effect before, and other events came between`;
  // Where keys are forgotten after their day, the id has the day; in older logs it never has.
  const ids = [[], [at.slice(0, 10)]].map((day) =>
    eventId(event.stream, commandId, folded.index, ...day),
  );
  return ids.includes(event.id)
    ? undefined
    : `its id is not that of event ${folded.index} of command ${commandId}`;
}

function commandOf(event: StoredEvent): CommandOfEvent | undefined {
  try {
    const { metadata } = event;
    return typeof metadata.commandId === 'string' ? metadata : undefined;
  } catch {
    return undefined;
  }
}
