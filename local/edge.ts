import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createLog } from '../platform/log.ts';
import { environmentOf } from '../platform/system.ts';
import { Edge } from './edge/app.ts';
import { readDistribution } from './edge/distribution.ts';

const DISTRIBUTION_FILE = fileURLToPath(new URL('../ops/edge/distribution.json', import.meta.url));

const env = environmentOf('edge');
const log = createLog('edge', env.LOG_LEVEL);

const distribution = readDistribution(DISTRIBUTION_FILE, {
  'session-secrets': env.SESSION_SECRETS,
});
const addresses: Record<string, string> = env;
const edge = new Edge({
  distribution,
  origins: Object.fromEntries(
    distribution.origins.map(({ id, variable }) => [id, addresses[variable]!]),
  ),
  distributionId: env.CLOUDFRONT_DISTRIBUTION_ID,
  purgeKeyId: env.AWS_ACCESS_KEY_ID,
  publicUrl: env.PUBLIC_URL,
  onFailure: (err, { method, url }) => log.warn({ err, method, url }, 'no answer from the origin'),
});
edge.server.listen(Number(env.PORT), env.HOST);
await once(edge.server, 'listening');
log.info({ address: edge.server.address() }, 'listening');

let closing = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (closing) return;
    closing = true;
    log.info('closing');
    void edge.close().then(() => process.exit(0));
  });
}
