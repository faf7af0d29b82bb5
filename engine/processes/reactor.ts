import { isDeepStrictEqual } from 'node:util';
import {
  REACTOR_CHECKPOINT,
  keepNewestOnly,
  newestEvent,
  readStream,
  type EventStore,
} from '../../platform/event-store.ts';
import type { Logger } from '../../platform/log.ts';
import { followLog, waitUnlessAborted } from '../../platform/subscription.ts';
import { ParkedEvents, refOf, RETRIED, type EventRef } from '../parking.ts';
import { UnknownEventVersion } from '../upcast.ts';
import type { Reaction, SetAsideTask } from './task-list.ts';
import { Tasks } from './tasks.ts';
import type { StoredEvent } from '../../platform/event-store.ts';

const ROOM_EVERY_MS = 200;
const MAX_BATCH_EVENTS = 1_000;
/** An order that waits to be paid has some five of them for a quarter of an hour. */
const MAX_PENDING_TASKS = 100_000;
const CHECKPOINT_EVERY_MS = 5_000;

/** Which events ask for what, and what that is done with. */
export type Reactions<Services> = {
  services: Services;
  /** Types of the events that are asked about. */
  subscribedTypes: string[];
  reactionTo: (event: StoredEvent) => Reaction<Services>;
  /** The time by which tasks are due. */
  now: () => Date;
  /** Whether what a task failed with ends by itself, such as an outage. */
  passes: (error: unknown) => boolean;
};

/**
 * Event → command, for what spans several streams: does what `reactions` ask for, each task at its
 * time and until it succeeds. Of several processes one does so at a time: `isHeld` says whether this
 * one still may (see `underLease`). Every task is idempotent, so that one which is under way when
 * another process takes over does no harm. Resolves when `signal` aborts.
 */
export async function runReactor<Services>(options: {
  client: EventStore;
  reactions: Reactions<Services>;
  log: Logger;
  signal: AbortSignal;
  isHeld?: () => boolean;
}): Promise<void> {
  const { client, reactions, log, signal, isHeld = () => true } = options;
  const { reactionTo, subscribedTypes } = reactions;
  const { services, now, passes } = reactions;
  const tasks = new Tasks(services, log, signal, now, isHeld, passes);
  const poison = new Poison(client, log);
  const start = await loadCheckpoint(client, log);
  let seen = start.position;
  let saved = dataOf(start);
  const reactSafely = (event: StoredEvent) => poison.reactionTo(event, reactionTo);

  /** What an event asks for, and shows to be done. One that cannot be read is parked. */
  function react(event: StoredEvent): void {
    const reaction = reactSafely(event);
    const { stream, revision } = event;
    for (const done of reaction.done ?? []) tasks.done(done);
    for (const task of reaction.tasks ?? []) tasks.add(task, { stream, revision, after: seen });
  }

  async function saveCheckpoints(): Promise<void> {
    while (!signal.aborted) {
      await waitUnlessAborted(CHECKPOINT_EVERY_MS, signal);
      if (!isHeld()) return;
      const checkpoint = tasks.settled(seen);
      const data = dataOf(checkpoint);
      try {
        // First, or nobody would hear of an event that lies before the checkpoint.
        await poison.park();
        if (checkpoint.position === undefined || isDeepStrictEqual(data, saved)) continue;
        await saveCheckpoint(client, data);
        saved = data;
      } catch (error) {
        log.warn({ err: error }, 'could not save the checkpoint: a restart reads more again');
      }
    }
  }

  await poison.readDropped();
  await takeUpSetAside(client, reactSafely, tasks, start, log);

  const follow = followLog({
    client,
    after: seen,
    maxBatch: MAX_BATCH_EVENTS,
    typePrefixes: [...subscribedTypes, RETRIED],
    log,
    signal,
    consume: async ({ events }) => {
      for (const event of events) {
        const again = event.type === RETRIED ? await retried(client, event) : event;
        if (again) react(again);
        seen = event.position;
      }
      while (tasks.size > MAX_PENDING_TASKS && !signal.aborted) {
        await waitUnlessAborted(ROOM_EVERY_MS, signal);
      }
    },
  });
  await Promise.all([follow, saveCheckpoints()]);
}

/** Events that the reactor met and could not read: it goes on without them, by name. */
class Poison {
  readonly #parked: ParkedEvents;
  readonly #log: Logger;
  /** Met, and not noted yet. */
  readonly #met: { event: EventRef; error: unknown }[] = [];

  constructor(client: EventStore, log: Logger) {
    this.#parked = new ParkedEvents(client, log, 'reactor');
    this.#log = log;
  }

  readDropped(): Promise<void> {
    return this.#parked.read();
  }

  /**
   * Nothing, for an event that cannot be read. Throws `UnknownEventVersion`: a release that knows it
   * shall react.
   */
  reactionTo<Services>(
    event: StoredEvent,
    reactionTo: Reactions<Services>['reactionTo'],
  ): Reaction<Services> {
    if (this.#parked.isLeftOut(event.id)) return {};
    try {
      const reaction = reactionTo(event);
      for (const { key, dueMs } of reaction.tasks ?? []) {
        if (Number.isNaN(dueMs)) throw new Error(`it does not say when "${key}" is due`);
      }
      return reaction;
    } catch (error) {
      if (error instanceof UnknownEventVersion) throw error;
      const { stream, revision, type } = event;
      this.#log.error({ err: error, stream, revision, type }, 'an event asks for nothing readable');
      this.#met.push({ event: refOf(event), error });
      return {};
    }
  }

  /** Notes in the log what was met. Throws what the event store does: the rest is noted next time. */
  park(): Promise<void> {
    return this.#parked.parkAll(this.#met);
  }
}

/** The event that somebody wants to be tried again; undefined where there is none. */
async function retried(
  client: EventStore,
  { data }: StoredEvent,
): Promise<StoredEvent | undefined> {
  const { stream, revision } = data as Partial<EventRef>;
  if (typeof stream !== 'string' || !/^\d+$/.test(String(revision))) return undefined;
  const [event] = await Array.fromAsync(readStream(client, stream, BigInt(revision!), 1));
  return event;
}

type Checkpoint = ReturnType<Tasks<unknown>['settled']>;

/** A checkpoint as it is stored; `setAside` is absent where no task was set aside yet. */
type CheckpointData = { position: string; setAside?: SetAsideTask[] };

const dataOf = ({ position, setAside }: Checkpoint): CheckpointData => ({
  position: String(position),
  setAside,
});

/** Where there is none, its stream is made so that it keeps the newest only. */
async function loadCheckpoint(client: EventStore, log: Logger): Promise<Checkpoint> {
  const newest = await newestEvent(client, REACTOR_CHECKPOINT);
  if (newest) {
    try {
      const { position, setAside = [] } = newest.data as CheckpointData;
      return { position: BigInt(position), setAside };
    } catch (error) {
      log.error(
        { err: error },
        'the checkpoint cannot be read: the log is read from its beginning',
      );
      return { position: undefined, setAside: [] };
    }
  }
  await keepNewestOnly(client, REACTOR_CHECKPOINT);
  return { position: undefined, setAside: [] };
}

async function saveCheckpoint(client: EventStore, data: CheckpointData): Promise<void> {
  await client.appendEvents(REACTOR_CHECKPOINT, 'any', [{ type: 'ReactorReachedPosition', data }]);
}

/** Tasks that were set aside before a restart are made again from the events that ask for them. */
async function takeUpSetAside<Services>(
  client: EventStore,
  react: (event: StoredEvent) => Reaction<Services>,
  tasks: Tasks<Services>,
  { position: after, setAside }: Checkpoint,
  log: Logger,
): Promise<void> {
  for (const { key, stream, revision } of setAside) {
    const [event] = await Array.fromAsync(readStream(client, stream, BigInt(revision), 1));
    const task = event && react(event).tasks?.find((one) => one.key === key);
    if (task) tasks.add(task, { stream, revision: BigInt(revision), after }, true);
    else
      log.error(
        { task: key, stream, revision },
        'nothing asks for a task any more that was set aside',
      );
  }
}
