import { hostname } from 'node:os';
import { DECIDERS } from '../../domain/deciders.ts';
import { createHandler } from '../../engine/commands/handle.ts';
import { knownParking } from '../../engine/parking.ts';
import { underLease } from '../../engine/processes/lease.ts';
import { runReactor } from '../../engine/processes/reactor.ts';
import { upcasterOf } from '../../engine/upcast.ts';
import { connectEventStore, headOfLog } from '../../platform/event-store.ts';
import { serveHealth } from '../../platform/health.ts';
import { createLog } from '../../platform/log.ts';
import { environmentOf } from '../../platform/system.ts';
import { paymentPorts } from '../payment-ports.ts';
import { razorpayPortFrom } from '../razorpay-gateway.ts';
import { reactions } from '../reactions.ts';

const env = environmentOf('reactor');
const log = createLog('reactor', env.LOG_LEVEL);
const client = connectEventStore(env.EVENT_STORE_URL, upcasterOf(DECIDERS));
const now = () => new Date();
const handler = createHandler(client, log, now, await knownParking(client, log));
const payments = paymentPorts(handler, razorpayPortFrom(env));
const stopping = new AbortController();
const { signal } = stopping;

/** Whether it works or waits for the lease: it does so by the log. */
const ready = async () => void (await headOfLog(client));
const closeHealth = serveHealth({ host: env.HOST, port: env.PORT, log }, ready);

const stop = () => stopping.abort();
process.on('SIGTERM', stop).on('SIGINT', stop);
try {
  await underLease({
    client,
    // A container has a name of its own, and no two reactors at a time.
    holder: env.REACTOR_ID || hostname(),
    log,
    signal,
    work: (term) =>
      runReactor({
        client,
        reactions: reactions({ client, drivers: { handler, payments, now } }),
        log,
        ...term,
      }),
  });
} catch (error) {
  // Without it orders would stay half done: better to be restarted.
  log.fatal({ err: error }, 'the reactor failed');
  process.exitCode = 1;
}
closeHealth();
await client.dispose();
process.exit();
