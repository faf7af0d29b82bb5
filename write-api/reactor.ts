import { ANY, BACKWARDS, END, StreamNotFoundError, jsonEvent } from '@eventstore/db-client';
import { REACTOR_CHECKPOINT, type EventStore } from '../platform/event-store.ts';
import type { Logger } from '../platform/log.ts';
import { followLog, waitUnlessAborted } from '../platform/subscription.ts';
import type { Handler } from './handle.ts';
import type { PaymentPorts } from './payment.ts';
import { reactionTo, type DoneTask, type NewTask } from './reactions.ts';

const TICK_MS = 200;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/** Tries after which a task counts as stuck and is logged as an error, for somebody to look. */
const STUCK_AFTER_TRIES = 10;
const MAX_BATCH_EVENTS = 1_000;
/** An order that waits to be paid has some five of them for a quarter of an hour. */
const MAX_PENDING_TASKS = 100_000;
const MAX_RUNNING_TASKS = 16;
const CHECKPOINT_EVERY_MS = 5_000;

type Task = Pick<NewTask, 'run' | 'dueMs'> & {
  /** Log position of the event before the one that asks for it: from where it would be seen anew. */
  after: bigint | undefined;
  tries: number;
  running: boolean;
  lacks: Set<string>;
};

/**
 * Event → command, for what spans several streams: finishes the checkouts that their request did
 * not, moves the stock of what was packed or given up, lets wishes decide where nobody answered for
 * a substitute, bills what was delivered, credits what came back, gives back what is not owed, and
 * ends orders whose parts have. Every task is idempotent, so that any number of write-apis may run a
 * reactor each. Resolves when `signal` aborts.
 */
export async function runReactor(options: {
  client: EventStore;
  handler: Handler;
  payments: PaymentPorts;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { client, handler, payments, log, signal } = options;
  const services = { client, drivers: { handler, payments } };
  const pending = new Map<string, Task>();
  let seen = await loadCheckpoint(client);
  let saved = seen;
  let running = 0;

  const enqueue = ({ key, lacks = [], ...task }: NewTask) =>
    pending.set(key, { ...task, after: seen, tries: 0, running: false, lacks: new Set(lacks) });

  function letGo({ key, step }: DoneTask): void {
    const lacks = pending.get(key)?.lacks;
    if (step) lacks?.delete(step);
    if (!step || lacks?.size === 0) pending.delete(key);
  }

  async function runTask(key: string, task: Task): Promise<void> {
    task.running = true;
    try {
      const againMs = await task.run(services);
      if (typeof againMs !== 'number') return void pending.delete(key);
      task.dueMs = Date.now() + againMs;
      task.running = false;
    } catch (error) {
      task.tries += 1;
      const retryMs = Math.min(FIRST_RETRY_MS * 2 ** task.tries, MAX_RETRY_MS);
      task.dueMs = Date.now() + retryMs;
      task.running = false;
      const level = task.tries < STUCK_AFTER_TRIES ? 'warn' : 'error';
      log[level]({ err: error, task: key, tries: task.tries, retryMs }, 'a task failed');
    }
  }

  /** As many at once as may run; each that ends makes room for the next. */
  function startDueTasks(): void {
    const nowMs = Date.now();
    for (const [key, task] of pending) {
      if (signal.aborted || running >= MAX_RUNNING_TASKS) return;
      if (task.running || task.dueMs > nowMs) continue;
      running += 1;
      void runTask(key, task).then(() => {
        running -= 1;
        startDueTasks();
      });
    }
  }

  async function runDueTasks(): Promise<void> {
    while (!signal.aborted) {
      startDueTasks();
      await waitUnlessAborted(TICK_MS, signal);
    }
  }

  /** Everything up to this position needs nothing more: tasks are kept in the order of the log. */
  function settled(): bigint | undefined {
    const [oldest] = pending.values();
    return oldest ? oldest.after : seen;
  }

  async function saveCheckpoints(): Promise<void> {
    while (!signal.aborted) {
      await waitUnlessAborted(CHECKPOINT_EVERY_MS, signal);
      const position = settled();
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
    typePrefixes: [
      'Order',
      'StoreOrder',
      'Line',
      'Substitution',
      'StockReserved',
      'ReservationReleased',
      'Slot',
      'Payment',
      'LatePayment',
      'Refund',
      'CartCheckedOut',
      'CartReopened',
    ],
    log,
    signal,
    consume: async ({ events }) => {
      for (const event of events) {
        const { done = [], tasks = [] } = reactionTo(event);
        done.forEach(letGo);
        tasks.forEach(enqueue);
        seen = event.position;
      }
      while (pending.size > MAX_PENDING_TASKS && !signal.aborted) {
        await waitUnlessAborted(TICK_MS, signal);
      }
    },
  });
  await Promise.all([follow, runDueTasks(), saveCheckpoints()]);
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
    await client.setStreamMetadata(REACTOR_CHECKPOINT, { maxCount: 1 });
    return undefined;
  }
}

async function saveCheckpoint(client: EventStore, position: bigint): Promise<void> {
  const event = jsonEvent({
    type: 'ReactorReachedPosition',
    data: { position: position.toString() },
  });
  await client.appendToStream(REACTOR_CHECKPOINT, event, { expectedRevision: ANY });
}
