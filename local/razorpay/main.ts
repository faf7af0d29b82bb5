import { join } from 'node:path';
import { environment } from '../../platform/env.ts';
import { createLog } from '../../platform/log.ts';
import { STAND_INS } from '../stand-ins.ts';
import { startRazorpay } from './server.ts';

const env = environment(...STAND_INS.razorpay.variables);
const log = createLog('razorpay', env.LOG_LEVEL);

const server = await startRazorpay({
  keyId: env.RAZORPAY_KEY_ID,
  keySecret: env.RAZORPAY_KEY_SECRET,
  webhookSecret: env.RAZORPAY_WEBHOOK_SECRET,
  webhookUrl: () => `${env.ORIGIN_WRITE_API}/api/write/razorpay/webhooks`,
  host: env.HOST,
  port: Number(env.PORT),
  file: join(process.env.DATA_DIR!, 'razorpay.sqlite'),
});
log.info({ address: server.url }, 'listening');

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void server.close().then(() => process.exit(0)));
}
