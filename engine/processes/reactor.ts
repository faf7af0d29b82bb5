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
import type { NewTask, Reaction, SetAsideTask } from './task-list.ts';
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
  const start = await loadCheckpoint(client);
  let seen = start.position;
  let saved = dataOf(start);
  await takeUpSetAside(client, reactionTo, tasks, start, log);

  async function saveCheckpoints(): Promise<void> {
    while (!signal.aborted) {
      await waitUnlessAborted(CHECKPOINT_EVERY_MS, signal);
      if (!isHeld()) return;
      const checkpoint = tasks.settled(seen);
      const data = dataOf(checkpoint);
      if (checkpoint.position === undefined || isDeepStrictEqual(data, saved)) continue;
      try {
        await saveCheckpoint(client, data);
        saved = data;
      } catch (error) {
        log.warn({ err: error }, 'could not save the checkpoint: a restart reads more again');
      }
    }
  }

  const follow = followLog({
    client,
    after: seen,
    maxBatch: MAX_BATCH_EVENTS,
    typePrefixes: subscribedTypes,
    log,
    signal,
    consume: async ({ events }) => {
      for (const event of events) {
        const reaction = reactionTo(event);
        for (const done of reaction.done ?? []) tasks.done(done);
        const { stream, revision } = event;
        for (const task of reaction.tasks ?? []) tasks.add(task, { stream, revision, after: seen });
        seen = event.position;
      }
      while (tasks.size > MAX_PENDING_TASKS && !signal.aborted) {
        await waitUnlessAborted(ROOM_EVERY_MS, signal);
      }
    },
  });
  await Promise.all([follow, saveCheckpoints()]);
}

type Checkpoint = ReturnType<Tasks<unknown>['settled']>;

/** A checkpoint as it is stored; `setAside` is absent where no task was set aside yet. */
type CheckpointData = { position: string; setAside?: SetAsideTask[] };

const dataOf = ({ position, setAside }: Checkpoint): CheckpointData => ({
  position: String(position),
  setAside,
});

/** Where there is none, its stream is made so that it keeps the newest only. */
async function loadCheckpoint(client: EventStore): Promise<Checkpoint> {
  const newest = await newestEvent(client, REACTOR_CHECKPOINT);
  if (newest) {
    const { position, setAside = [] } = newest.data as CheckpointData;
    return { position: BigInt(position), setAside };
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
  reactionTo: Reactions<Services>['reactionTo'],
  tasks: Tasks<Services>,
  { position: after, setAside }: Checkpoint,
  log: Logger,
): Promise<void> {
  for (const { key, stream, revision } of setAside) {
    let task: NewTask<Services> | undefined;
    for await (const event of readStream(client, stream, BigInt(revision), 1)) {
      task = reactionTo(event).tasks?.find((one) => one.key === key);
    }
    if (task) tasks.add(task, { stream, revision: BigInt(revision), after }, true);
    else
      log.error(
        { task: key, stream, revision },
        'nothing asks for a task any more that was set aside',
      );
  }
}
