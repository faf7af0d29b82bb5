import { START, eventTypeFilter, type AllStreamSubscription } from '@eventstore/db-client';
import { storedEvent, type EventStore, type StoredEvent } from './event-store.ts';
import type { Logger } from './log.ts';

/** Full batches that wait while one is consumed; the subscription is paused beyond. */
const MAX_QUEUED_BATCHES = 2;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

export type Batch = {
  /** Oldest first; empty when only `caughtUp` became true. */
  events: StoredEvent[];
  /** Whether the subscription had read to the end of the log when it delivered the last event. */
  caughtUp: boolean;
};

/**
 * Follows the whole log after a position, for ever: `consume` gets every event once, in order, as
 * many together as have arrived while it worked, at most `maxBatch`. A lost connection is taken up
 * again after the last event that was consumed. Resolves when `signal` aborts, once the batch in
 * hand is done; rejects with what `consume` throws.
 */
export async function followLog(options: {
  client: EventStore;
  after: bigint | undefined;
  maxBatch: number;
  /** Beginnings of the event types that are wanted; all when undefined. The server sorts out. */
  typePrefixes?: string[];
  log: Logger;
  signal: AbortSignal;
  consume: (batch: Batch) => Promise<void>;
}): Promise<void> {
  const { client, log, signal, typePrefixes } = options;
  let after = options.after;
  let retryMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    const source = client.subscribeToAll({
      fromPosition: after === undefined ? START : { commit: after, prepare: after },
      ...(typePrefixes && { filter: eventTypeFilter({ prefixes: typePrefixes }) }),
    });
    const consume = async (batch: Batch) => {
      await options.consume(batch);
      after = batch.events.at(-1)?.position ?? after;
      retryMs = FIRST_RETRY_MS;
    };
    const lost = await drain(source, { maxBatch: options.maxBatch, signal, consume });
    if (signal.aborted) return;
    log.warn({ err: lost, retryMs }, 'the subscription was lost: taking it up again');
    await waitUnlessAborted(retryMs, signal);
    retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
  }
}

/** Consumes one subscription until it is lost (resolves to why) or aborted; see `followLog`. */
async function drain(
  source: AllStreamSubscription,
  options: { maxBatch: number; signal: AbortSignal; consume: (batch: Batch) => Promise<void> },
): Promise<unknown> {
  const { maxBatch, signal, consume } = options;
  const maxQueued = MAX_QUEUED_BATCHES * maxBatch;
  let queue: StoredEvent[] = [];
  let caughtUp = false;
  let announced = false;
  let lost: { error: unknown } | undefined;
  let wake = () => {};
  // Until it has caught up more is on its way, and full batches cost far less an event.
  const isDue = () => queue.length >= maxBatch || caughtUp || lost !== undefined;
  source.on('data', ({ event }) => {
    const stored = storedEvent(event);
    if (!stored) return;
    queue.push(stored);
    if (queue.length >= maxQueued) source.pause();
    if (isDue()) wake();
  });
  source.on('caughtUp', () => {
    caughtUp = true;
    wake();
  });
  source.on('fellBehind', () => (caughtUp = false));
  source.on('error', (error: unknown) => {
    lost ??= { error };
    wake();
  });
  source.on('end', () => {
    lost ??= { error: new Error('the event store ended the subscription') };
    wake();
  });
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      if (isDue() && (queue.length > 0 || (caughtUp && !announced))) {
        const events = queue.slice(0, maxBatch);
        queue = queue.slice(maxBatch);
        if (queue.length < maxQueued) source.resume();
        announced = caughtUp && queue.length === 0;
        await consume({ events, caughtUp: announced });
      } else if (lost) {
        return lost.error;
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
    return undefined;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await source.unsubscribe();
  }
}

export async function waitUnlessAborted(timeoutMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, timeoutMs);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
