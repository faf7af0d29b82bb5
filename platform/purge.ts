import { randomUUID } from 'node:crypto';
import { CloudFrontClient, CreateInvalidationCommand } from '@aws-sdk/client-cloudfront';
import type { Logger } from './log.ts';

/** CloudFront takes 3,000 paths at once and bills by the path: what changes meanwhile goes together. */
const PURGE_EVERY_MS = 500;
/** Beyond this many tags everything goes, as one path. */
const MAX_TAGS = 100;
const MAX_TRIES = 4;

export type Purger = { purge(tags: Iterable<string>): void; close(): Promise<void> };

/** Where no cache stands in front there is nothing to purge. */
export const noPurger: Purger = { purge: () => {}, close: async () => {} };

/**
 * Purges what changed from the edge, by cache tag, batched. A purge that fails after its tries is
 * logged and dropped: the answer's `s-maxage` bounds how long it stays stale.
 */
export function createPurger(options: {
  distributionId: string;
  endpoint: string;
  /** Whether what is known by a tag is ever cached. */
  isPublic: (tag: string) => boolean;
  log: Logger;
}): Purger {
  const { distributionId, endpoint, isPublic, log } = options;
  // CloudFront is a global service whose API lives in this region.
  const region = 'us-east-1';
  const client = new CloudFrontClient({
    region,
    maxAttempts: MAX_TRIES,
    ...(endpoint && { endpoint }),
  });
  const waiting = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> = Promise.resolve();

  async function send(): Promise<void> {
    const items = waiting.size > MAX_TAGS ? ['/*'] : [...waiting].map((tag) => `#${tag}`);
    waiting.clear();
    if (items.length === 0) return;
    const batch = {
      CallerReference: randomUUID(),
      Paths: { Quantity: items.length, Items: items },
    };
    try {
      await client.send(
        new CreateInvalidationCommand({ DistributionId: distributionId, InvalidationBatch: batch }),
      );
    } catch (error) {
      log.error({ err: error, items }, 'the edge was not purged: it is stale until s-maxage');
    }
  }

  return {
    purge(tags) {
      for (const tag of tags) if (isPublic(tag)) waiting.add(tag);
      if (waiting.size === 0 || timer) return;
      timer = setTimeout(() => {
        timer = undefined;
        sending = sending.then(send);
      }, PURGE_EVERY_MS);
    },
    async close() {
      clearTimeout(timer);
      sending = sending.then(send);
      await sending;
      client.destroy();
    },
  };
}
