import { serve } from '../platform/http.ts';
import { createLog } from '../platform/log.ts';
import { createPool } from '../platform/postgres.ts';
import { Sessions } from '../platform/session.ts';
import { environmentOf } from '../platform/system.ts';
import { openVault } from '../platform/vault.ts';
import { createReadApi } from './app.ts';
import { Projected } from '../engine/reading/projected.ts';

const env = environmentOf('read-api');
const log = createLog('read-api', env.LOG_LEVEL);
const pool = createPool(env.DATABASE_URL, log);
const vaultPool = createPool(env.VAULT_URL, log);
const vault = await openVault(vaultPool, env.VAULT_SECRET);
const projected = new Projected(env.DATABASE_URL, pool, log);
await projected.start();
const storePassSecret = env.STORE_PASS_SECRET;
const deliveryCodeSecret = env.DELIVERY_CODE_SECRET;
const now = () => new Date();
const sessions = new Sessions(env.SESSION_SECRETS, now);
const secrets = { storePassSecret, deliveryCodeSecret, sessions };
const services = { pool, projected, vault, ...secrets, log, now };

await serve(await createReadApi(services), {
  host: env.HOST,
  port: env.PORT,
  log,
  onClose: async () => {
    await projected.stop();
    await Promise.all([pool.end(), vaultPool.end()]);
  },
});
