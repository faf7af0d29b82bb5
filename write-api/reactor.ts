import { isDeepStrictEqual } from 'node:util';
import { ANY, BACKWARDS, END, StreamNotFoundError, jsonEvent } from '@eventstore/db-client';
import {
  REACTOR_CHECKPOINT,
  answered,
  readStream,
  type EventStore,
} from '../platform/event-store.ts';
import type { Logger } from '../platform/log.ts';
import { followLog, waitUnlessAborted } from '../platform/subscription.ts';
import type { Handler } from './handle.ts';
import type { PaymentPorts } from './payment.ts';
import { HEARD, reactionTo, type NewTask } from './reactions.ts';
import { Tasks, type SetAsideTask } from './tasks.ts';

const ROOM_EVERY_MS = 200;
const MAX_BATCH_EVENTS = 1_000;
/** An order that waits to be paid has some five of them for a quarter of an hour. */
const MAX_PENDING_TASKS = 100_000;
const CHECKPOINT_EVERY_MS = 5_000;

/**
 * Event → command, for what spans several streams: finishes the checkouts that their request did
 * not, moves the stock of what was packed or given up, lets wishes decide where nobody answered for
 * a substitute, bills what was delivered, credits what came back, gives back what is not owed, puts
 * cash into the till, and ends orders whose parts have. Every task is idempotent, so that any
 * number of write-apis may run a reactor each. Resolves when `signal` aborts.
 */
export async function runReactor(options: {
  client: EventStore;
  handler: Handler;
  payments: PaymentPorts;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { client, handler, payments, log, signal } = options;
  const tasks = new Tasks({ client, drivers: { handler, payments } }, log, signal);
  const start = await loadCheckpoint(client);
  let seen = start.position;
  let saved = dataOf(start);
  await takeUpSetAside(client, tasks, start, log);

  async function saveCheckpoints(): Promise<void> {
    while (!signal.aborted) {
      await waitUnlessAborted(CHECKPOINT_EVERY_MS, signal);
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
    typePrefixes: HEARD,
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

type Checkpoint = ReturnType<Tasks['settled']>;

/** A checkpoint as it is stored; `setAside` is absent where no task was set aside yet. */
type CheckpointData = { position: string; setAside?: SetAsideTask[] };

const dataOf = ({ position, setAside }: Checkpoint): CheckpointData => ({
  position: String(position),
  setAside,
});

async function loadCheckpoint(client: EventStore): Promise<Checkpoint> {
  const checkpoint: Checkpoint = { position: undefined, setAside: [] };
  try {
    const newest = client.readStream(REACTOR_CHECKPOINT, {
      direction: BACKWARDS,
      fromRevision: END,
      maxCount: 1,
    });
    for await (const { event } of newest) {
      if (!event) continue;
      const { position, setAside = [] } = event.data as CheckpointData;
      Object.assign(checkpoint, { position: BigInt(position), setAside });
    }
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
    await answered(client.setStreamMetadata(REACTOR_CHECKPOINT, { maxCount: 1 }));
  }
  return checkpoint;
}

async function saveCheckpoint(client: EventStore, data: CheckpointData): Promise<void> {
  const event = jsonEvent({ type: 'ReactorReachedPosition', data });
  await answered(client.appendToStream(REACTOR_CHECKPOINT, event, { expectedRevision: ANY }));
}

/** Tasks that were set aside before a restart are made again from the events that ask for them. */
async function takeUpSetAside(
  client: EventStore,
  tasks: Tasks,
  { position: after, setAside }: Checkpoint,
  log: Logger,
): Promise<void> {
  for (const { key, stream, revision } of setAside) {
    let task: NewTask | undefined;
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
