import { createServer } from 'node:http';
import { DECIDERS } from '../domain/deciders.ts';
import { upcasterOf } from '../engine/upcast.ts';
import { connectEventStore } from '../platform/event-store.ts';
import { createLog } from '../platform/log.ts';
import { createPool } from '../platform/postgres.ts';
import { PROJECTIONS } from './app.ts';
import { isPublicTag } from './tags.ts';
import { createPurger, noPurger } from '../platform/purge.ts';
import { environmentOf } from '../platform/system.ts';
import { ALL_TAGS, purgeQueue } from '../engine/projections/purges.ts';
import { runProjector } from '../engine/projections/run.ts';

const env = environmentOf('projector');
const log = createLog('projector', env.LOG_LEVEL);
const client = connectEventStore(env.EVENTSTORE_URL, upcasterOf(DECIDERS));
const pool = createPool(env.DATABASE_URL, log);
const isCached = env.CLOUDFRONT_DISTRIBUTION_ID !== '';
const isPurged = isPublicTag;
const purger = isCached
  ? createPurger({
      distributionId: env.CLOUDFRONT_DISTRIBUTION_ID,
      endpoint: env.CLOUDFRONT_ENDPOINT,
      queue: purgeQueue(pool),
      everything: ALL_TAGS,
      log,
    })
  : noPurger;
const stopping = new AbortController();

/** It serves nobody: this only tells whoever watches the process that it lives. */
const health = createServer((_request, response) => response.end('{"ok":true}'));
health.listen(Number(env.PORT), env.HOST);

const stop = () => stopping.abort();
process.on('SIGTERM', stop).on('SIGINT', stop);
const { signal } = stopping;
try {
  await runProjector(
    { client, pool, log, signal, projections: PROJECTIONS, ...(isCached && { isPurged }) },
    () => purger.wake(),
  );
} catch (error) {
  log.fatal({ err: error }, 'the projector failed');
  process.exitCode = 1;
}
health.close();
// It takes what is left from Postgres.
await purger.close();
await Promise.all([client.dispose(), pool.end()]);
process.exit();
