import { DECIDERS } from '../domain/deciders.ts';
import { upcasterOf } from '../engine/upcast.ts';
import { connectEventStore, headOfLog } from '../platform/event-store.ts';
import { serveHealth } from '../platform/health.ts';
import { createLog } from '../platform/log.ts';
import { createPool } from '../platform/postgres.ts';
import { PROJECTIONS, isOurs } from './app.ts';
import { isPublicTag } from './tags.ts';
import { createPurger, noPurger } from '../platform/purge.ts';
import { environmentOf } from '../platform/system.ts';
import { ALL_TAGS, purgeQueue } from '../engine/projections/purges.ts';
import { runProjector } from '../engine/projections/run.ts';

/** Far more than the largest batch takes. */
const BATCH_WITHIN_MS = 8_000;

const env = environmentOf('projector');
const log = createLog('projector', env.LOG_LEVEL);
const client = connectEventStore(env.EVENT_STORE_URL, upcasterOf(DECIDERS));
const pool = createPool(env.DATABASE_URL, log, { answerWithinMs: BATCH_WITHIN_MS });
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

/** Rows follow the log as long as both ends answer. */
const ready = async () => {
  await Promise.all([headOfLog(client), pool.query('select 1 from projector.checkpoint limit 1')]);
};
const closeHealth = serveHealth({ host: env.HOST, port: env.PORT, log }, ready);

const stop = () => stopping.abort();
process.on('SIGTERM', stop).on('SIGINT', stop);
const { signal } = stopping;
try {
  await runProjector(
    { client, pool, log, signal, projections: PROJECTIONS, isOurs, ...(isCached && { isPurged }) },
    () => purger.wake(),
  );
} catch (error) {
  log.fatal({ err: error }, 'the projector failed');
  process.exitCode = 1;
}
closeHealth();
// It takes what is left from Postgres.
await purger.close();
await Promise.all([client.dispose(), pool.end()]);
process.exit();
