import { randomUUID } from 'node:crypto';
import { CloudFrontClient, CreateInvalidationCommand } from '@aws-sdk/client-cloudfront';
import type { Logger } from './log.ts';
import { waitUnlessAborted } from './subscription.ts';

/** CloudFront takes 3,000 paths at once and bills by the path: what changes meanwhile goes together. */
const PURGE_EVERY_MS = 500;
/** How often somebody looks for what others left to be purged: a rebuild's swap, a process that died. */
const LOOK_EVERY_MS = 5_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
/** Beyond this many tags everything goes, as one path. */
const MAX_TAGS = 100;
const MAX_TRIES = 4;
const EVERYTHING = '/*';
/** What a cache tag may look like: by any other no answer can be known, and no batch is to fail for it. */
const TAG = /^[\x21-\x2b\x2d-\x7e]{1,256}$/;

/** Which tags wait to be purged; what is noted there outlives a process. */
export type PurgeQueue<Noted extends { tag: string }> = {
  /** The oldest of them. */
  read(): Promise<Noted[]>;
  /** These are purged; one that was noted again meanwhile stays. */
  done(purged: Noted[]): Promise<void>;
};

export type Purger = {
  /** Something may wait to be purged. */
  wake(): void;
  close(): Promise<void>;
};

/** Where no cache stands in front there is nothing to purge. */
export const noPurger: Purger = { wake: () => {}, close: async () => {} };

/**
 * Purges from the edge what waits in a queue, by cache tag, batched: from the start on, whenever it
 * is woken, and again where it failed, until it is done.
 */
export function createPurger<Noted extends { tag: string }>(options: {
  distributionId: string;
  endpoint: string;
  queue: PurgeQueue<Noted>;
  /** The tag that stands for everything. */
  everything: string;
  log: Logger;
}): Purger {
  const { distributionId, endpoint, queue, everything, log } = options;
  // CloudFront is a global service whose API lives in this region.
  const region = 'us-east-1';
  const client = new CloudFrontClient({
    region,
    maxAttempts: MAX_TRIES,
    ...(endpoint && { endpoint }),
  });
  const closing = new AbortController();
  let wake = () => {};
  let isWoken = true;

  async function purgeWaiting(): Promise<void> {
    for (;;) {
      const waiting = await queue.read();
      if (waiting.length === 0) return;
      const items = itemsOf(new Set(waiting.map(({ tag }) => tag)), everything);
      const batch = {
        CallerReference: randomUUID(),
        Paths: { Quantity: items.length, Items: items },
      };
      await client.send(
        new CreateInvalidationCommand({ DistributionId: distributionId, InvalidationBatch: batch }),
      );
      await queue.done(waiting);
    }
  }

  async function untilWoken(): Promise<void> {
    if (isWoken || closing.signal.aborted) return;
    const woken = new AbortController();
    wake = () => woken.abort();
    await waitUnlessAborted(LOOK_EVERY_MS, AbortSignal.any([woken.signal, closing.signal]));
  }

  async function work(): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    while (!closing.signal.aborted) {
      isWoken = false;
      try {
        await purgeWaiting();
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        log.error({ err: error, retryMs }, 'the edge was not purged yet: it is tried again');
        await waitUnlessAborted(retryMs, closing.signal);
        retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
        continue;
      }
      await untilWoken();
      await waitUnlessAborted(PURGE_EVERY_MS, closing.signal);
    }
  }

  const working = work();
  return {
    wake() {
      isWoken = true;
      wake();
    },
    async close() {
      closing.abort();
      await working;
      await purgeWaiting().catch((error: unknown) =>
        log.warn({ err: error }, 'the edge was not purged yet: the next start does it'),
      );
      client.destroy();
    },
  };
}

/** As CloudFront takes them. */
function itemsOf(tags: Set<string>, everything: string): string[] {
  const all = [...tags];
  const isMuch = all.length > MAX_TAGS || all.some((tag) => tag === everything || !TAG.test(tag));
  return isMuch ? [EVERYTHING] : all.map((tag) => `#${tag}`);
}
