import type { ClientReadableStream } from '@grpc/grpc-js';
import { isOnNewestConnection } from './connection.ts';
import { headOfLog, isSystemEvent, type EventStore, type StoredEvent } from './event-store.ts';
import type { Logger } from './log.ts';
import { NO_SYSTEM_EVENTS, subscribeToLog, type ReadAnswer } from './raw-events.ts';
import { RETRY_MS } from './time.ts';
import { parsedLater } from './event-store.ts';

/** How often a subscription's server is asked whether it is there. */
const PULSE_MS = 1_000;
/** Full batches that wait while one is consumed; the subscription is paused beyond. */
const MAX_QUEUED_BATCHES = 2;

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
 * hand is done; rejects with what `consume` or `beforeResuming` throws.
 */
export async function followLog(options: {
  client: EventStore;
  after: bigint | undefined;
  maxBatch: number;
  /**
   * Beginnings of the event types that are wanted; all when undefined, but for what the event store
   * writes for itself. The server sorts out.
   */
  typePrefixes?: string[];
  log: Logger;
  signal: AbortSignal;
  /** Before a subscription that was lost is taken up again. What it throws ends it all. */
  beforeResuming?: () => Promise<void>;
  consume: (batch: Batch) => Promise<void>;
}): Promise<void> {
  const { client, maxBatch, log, signal, typePrefixes } = options;
  const filter = typePrefixes ? { typePrefixes } : NO_SYSTEM_EVENTS;
  let after = options.after;
  while (!signal.aborted) {
    const consume = async (batch: Batch) => {
      await options.consume(batch);
      after = batch.events.at(-1)?.position ?? after;
    };
    const lost = await subscribeToLog(client, after, filter).then(
      (source) => drain(source, { client, maxBatch, signal, consume }),
      (error: unknown) => error,
    );
    if (signal.aborted) return;
    log.warn({ err: lost }, 'the subscription was lost: taking it up again');
    await waitUnlessAborted(RETRY_MS, signal);
    if (!signal.aborted) await options.beforeResuming?.();
  }
}

/** Consumes one subscription until it is lost (resolves to why) or aborted; see `followLog`. */
async function drain(
  source: ClientReadableStream<ReadAnswer>,
  options: {
    client: EventStore;
    maxBatch: number;
    signal: AbortSignal;
    consume: (batch: Batch) => Promise<void>;
  },
): Promise<unknown> {
  const { client, maxBatch, signal, consume } = options;
  const { upcast } = client;
  const maxQueued = MAX_QUEUED_BATCHES * maxBatch;
  let queue: StoredEvent[] = [];
  let caughtUp = false;
  let announced = false;
  let lost: { error: unknown } | undefined;
  let wake = () => {};
  // Until it has caught up more is on its way, and full batches cost far less an event.
  const isDue = () => queue.length >= maxBatch || caughtUp || lost !== undefined;
  source.on('data', (answer: ReadAnswer) => {
    if (typeof answer === 'object') {
      if (isSystemEvent(answer)) return;
      queue.push(parsedLater(answer, upcast));
      if (queue.length >= maxQueued) source.pause();
    } else if (answer === 'caught-up') caughtUp = true;
    else if (answer === 'fell-behind') caughtUp = false;
    if (isDue()) wake();
  });
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
  // A server that is gone ends no subscription, and none to which nothing happens says anything:
  // one that does not answer this either is given up, and the subscription with it. Where another
  // server answers by now, nobody would hear that the old one does not.
  const beat = async (): Promise<void> => {
    await headOfLog(client);
    if (!(await isOnNewestConnection(client, source))) source.cancel();
  };
  const pulse = setInterval(() => void beat().catch(() => {}), PULSE_MS);
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
    clearInterval(pulse);
    signal.removeEventListener('abort', onAbort);
    source.cancel();
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
