import { DECIDERS } from '../domain/deciders.ts';
import { upcasterOf } from '../engine/upcast.ts';
import { connectEventStore } from '../platform/event-store.ts';
import { serve } from '../platform/http.ts';
import { createLog } from '../platform/log.ts';
import { createPool } from '../platform/postgres.ts';
import { Sessions } from '../platform/session.ts';
import { environmentOf } from '../platform/system.ts';
import { openVault } from '../platform/vault.ts';
import { createWriteApi } from './app.ts';
import { createHandler } from '../engine/commands/handle.ts';
import { knownParking } from '../engine/parking.ts';
import { paymentPorts } from './payment-ports.ts';
import { razorpayFrom } from './razorpay-gateway.ts';

const env = environmentOf('write-api');
const log = createLog('write-api', env.LOG_LEVEL);
const client = connectEventStore(env.EVENT_STORE_URL, upcasterOf(DECIDERS));
const now = () => new Date();
const handler = createHandler(client, log, now, await knownParking(client, log));
const pool = createPool(env.VAULT_URL, log);
const vault = await openVault(pool, env.VAULT_SECRET);
const quoteSecret = env.QUOTE_SECRET;
const storePassSecret = env.STORE_PASS_SECRET;
const deliveryCodeSecret = env.DELIVERY_CODE_SECRET;
const upiWebhookSecret = env.UPI_WEBHOOK_SECRET;
const razorpay = razorpayFrom(env);
const payments = paymentPorts(handler, razorpay);

const sessions = new Sessions(env.SESSION_SECRETS, now);

const keys = { quoteSecret, storePassSecret, deliveryCodeSecret, upiWebhookSecret, sessions };
const readApiUrl = () => env.READ_API_URL;
const publicUrl = env.PUBLIC_URL;
const services = {
  client,
  handler,
  vault,
  ...keys,
  readApiUrl,
  publicUrl,
  payments,
  razorpay,
  log,
  now,
};
await serve(await createWriteApi(services), {
  host: env.HOST,
  port: env.PORT,
  log,
  onClose: async () => {
    await Promise.all([pool.end(), client.dispose()]);
  },
});
