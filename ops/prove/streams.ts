import { LRUCache } from 'lru-cache';
import { DECIDERS } from '../../domain/deciders.ts';
import { evolve, type AnyDecider, type Message } from '../../engine/decider.ts';
import {
  readStream,
  snapshotStreamOf,
  type EventStore,
  type StoredEvent,
} from '../../platform/event-store.ts';
import { MAX_REMEMBERED_COMMANDS } from '../../engine/commands/folded.ts';
import { idFrom } from '../../platform/ids.ts';
import { splitStream } from '../../platform/stream-name.ts';
import { newestSnapshot, openSnapshot } from '../../engine/commands/snapshot.ts';
import { reasonOf } from '../command.ts';
import { placeText, type Report } from './check.ts';

const RULES = new Map<string, AnyDecider>(
  DECIDERS.map((decider) => [decider.category, decider as unknown as AnyDecider]),
);

/** Short streams whose state is held; what comes to another one has it read anew. */
const MAX_HELD_STREAMS = 50_000;

const FOLDS = 'every stream folds';
const ONCE = 'a command takes effect once';
const SNAPSHOTS = 'a snapshot is what its stream folds to';

type Folded = {
  decider: AnyDecider;
  state: unknown;
  revision: bigint;
  /** Ids of the newest commands, oldest first. */
  commands: Set<string>;
  /** Of the last event: its command, and its place among that command's events. */
  commandId: string | undefined;
  index: number;
};

const nothing = (decider: AnyDecider): Folded => ({
  decider,
  state: decider.initial,
  revision: -1n,
  commands: new Set(),
  commandId: undefined,
  index: 0,
});

/** Folds every stream with its rules, as write-api does, event by event through the whole log. */
export class Streams {
  readonly #client: EventStore;
  readonly #report: Report;
  readonly #short = new LRUCache<string, Folded>({ max: MAX_HELD_STREAMS });
  /** Those that have snapshots, a few for each shop. */
  readonly #long = new Map<string, Folded>();

  constructor(client: EventStore, report: Report) {
    this.#client = client;
    this.#report = report;
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
    this.#report(FOLDS, placeText(event), problem);
    return undefined;
  }

  /** What a stream folds to before an event. What is wrong there was told when it came up. */
  async #before(decider: AnyDecider, { stream, revision }: StoredEvent): Promise<Folded> {
    const folded = nothing(decider);
    if (revision === 0n) return folded;
    for await (const event of readStream(this.#client, stream, 0n, Number(revision))) {
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
      advance(folded, event);
    }
    return folded;
  }

  /** Undefined where there is none, or none that can be read, which servers pass over. */
  async #openSnapshot(decider: AnyDecider, stream: string) {
    const bytes = await newestSnapshot(this.#client, stream);
    try {
      return bytes && (await openSnapshot(decider.snapshot!, bytes));
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
function advance(folded: Folded, event: StoredEvent): string | undefined {
  folded.revision = event.revision;
  try {
    folded.state = evolve(folded.decider, folded.state, event as Message);
    return undefined;
  } catch (error) {
    return `it does not fold: ${reasonOf(error)}`;
  }
}

/** Remembers an event's command; says so where the event's id is not the one that it gives it. */
function remember(folded: Folded, event: StoredEvent): string | undefined {
  const { commands } = folded;
  const commandId = commandOf(event);
  if (commandId === undefined) return 'its metadata does not say of which command it is';
  folded.index = commandId === folded.commandId ? folded.index + 1 : 0;
  const isRepeat = folded.index === 0 && commands.has(commandId);
  folded.commandId = commandId;
  commands.add(commandId);
  if (commands.size > MAX_REMEMBERED_COMMANDS) commands.delete(commands.values().next().value!);
  if (isRepeat) return `command ${commandId} took effect before, and other events came between`;
  return event.id === idFrom(event.stream, commandId, folded.index)
    ? undefined
    : `its id is not that of event ${folded.index} of command ${commandId}`;
}

function commandOf(event: StoredEvent): string | undefined {
  try {
    const { commandId } = event.metadata;
    return typeof commandId === 'string' ? commandId : undefined;
  } catch {
    return undefined;
  }
}
