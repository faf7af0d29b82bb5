import { parseArgs } from 'node:util';
import { store } from '../domain/stores/store.ts';
import { asStored, connectEventStore, readStream } from '../platform/event-store.ts';
import { sign } from '../platform/signature.ts';
import { OK, OperatorError } from './command.ts';
import { required } from './environment.ts';

export const name = 'pass';
export const summary = "print a shop's pass, which lets its staff in";
export const usage = `Usage: npm run ops -- pass --store ID

Prints the pass that was answered when the shop was registered, for who has lost it. With it anybody
is the shop: it shows whom orders are for, moves money and ends orders. It is the same for ever, as
long as STORE_PASS_SECRET is.

  --store ID   the shop, as in the address of its page: /stores/ID

Examples:
  npm run -s ops -- pass --store 8c9b5f0e-…
  echo "https://shop.example/console/$ID#pass=$(npm run -s ops -- pass --store "$ID")"

Needs EVENT_STORE_URL, which knows the shop, and the STORE_PASS_SECRET of the APIs.`;

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { store: { type: 'string' } } });
  const { store: storeId } = values;
  if (!storeId) throw new OperatorError('--store ID is needed. See: npm run ops -- help pass');
  const env = required('EVENT_STORE_URL', 'STORE_PASS_SECRET');
  if (!(await isRegistered(env.EVENT_STORE_URL, storeId))) {
    throw new OperatorError(
      `There is no shop "${storeId}". Its id is in the address of its page: /stores/ID`,
    );
  }
  console.log(sign(env.STORE_PASS_SECRET, storeId));
  return OK;
}

/** Asks the log itself: read models may be behind, or away. */
async function isRegistered(eventStoreUrl: string, storeId: string): Promise<boolean> {
  const client = connectEventStore(eventStoreUrl, asStored);
  try {
    const first = readStream(client, `${store.category}-${storeId}`, 0n, 1);
    return (await Array.fromAsync(first)).length > 0;
  } finally {
    await client.dispose();
  }
}
