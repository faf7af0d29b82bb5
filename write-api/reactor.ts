import { ANY, BACKWARDS, END, StreamNotFoundError, jsonEvent } from '@eventstore/db-client';
import { REACTOR_CHECKPOINT, answered, type EventStore } from '../platform/event-store.ts';
import type { Logger } from '../platform/log.ts';
import { followLog, waitUnlessAborted } from '../platform/subscription.ts';
import type { Handler } from './handle.ts';
import type { PaymentPorts } from './payment.ts';
import { HEARD, reactionTo } from './reactions.ts';
import { Tasks } from './tasks.ts';

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
  let seen = await loadCheckpoint(client);
  let saved = seen;

  async function saveCheckpoints(): Promise<void> {
    while (!signal.aborted) {
      await waitUnlessAborted(CHECKPOINT_EVERY_MS, signal);
      const position = tasks.settled(seen);
      if (position === undefined || position === saved) continue;
      try {
        await saveCheckpoint(client, position);
        saved = position;
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
        for (const task of reaction.tasks ?? []) tasks.add(task, seen);
        seen = event.position;
      }
      while (tasks.size > MAX_PENDING_TASKS && !signal.aborted) {
        await waitUnlessAborted(ROOM_EVERY_MS, signal);
      }
    },
  });
  await Promise.all([follow, saveCheckpoints()]);
}

async function loadCheckpoint(client: EventStore): Promise<bigint | undefined> {
  try {
    const newest = client.readStream(REACTOR_CHECKPOINT, {
      direction: BACKWARDS,
      fromRevision: END,
      maxCount: 1,
    });
    let position: bigint | undefined;
    for await (const { event } of newest) {
      position = event && BigInt((event.data as { position: string }).position);
    }
    return position;
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
    await answered(client.setStreamMetadata(REACTOR_CHECKPOINT, { maxCount: 1 }));
    return undefined;
  }
}

async function saveCheckpoint(client: EventStore, position: bigint): Promise<void> {
  const event = jsonEvent({
    type: 'ReactorReachedPosition',
    data: { position: position.toString() },
  });
  await answered(client.appendToStream(REACTOR_CHECKPOINT, event, { expectedRevision: ANY }));
}
