import { randomUUID } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Projected } from '../engine/reading/projected.ts';
import { createLog } from '../platform/log.ts';
import { createPool } from '../platform/postgres.ts';
import { Sessions } from '../platform/session.ts';
import { openVault } from '../platform/vault.ts';
import { wallClock } from '../test/clock.ts';
import { headersOfGuest, SESSION_SECRET } from '../test/session.ts';
import {
  newKey,
  openStore,
  quoteCart,
  recipient,
  startParts,
  startShop,
  type Shop,
} from '../test/shop.ts';
import { createReadApi } from './app.ts';

const MAX_READS = 30;

type Context = {
  shop: Shop;
  storeId: string;
  cartId: string;
  orderId: string;
  storeOrderId: string;
};
const test = suite<Context>('app');

test.before(async (context) => {
  const shop = (context.shop = await startShop());
  const { storeId, listingIds } = await openStore(shop);
  const { body: cart } = await shop.write<{ cartId: string }>('POST', '/carts');
  await shop.write('PUT', `/carts/${cart.cartId}/items/${listingIds[0]!}`, { quantity: 1 });
  const quote = await quoteCart(shop, cart.cartId);
  const wish = { cartId: cart.cartId, quote, ...recipient, payment: 'cash-on-delivery' };
  const { body, position } = await shop.write<{
    orderId: string;
    storeOrders: { storeOrderId: string }[];
  }>('POST', '/orders', wish, { 'idempotency-key': newKey() });
  await shop.read('/stores', position);
  const storeOrderId = body.storeOrders[0]!.storeOrderId;
  Object.assign(context, { storeId, cartId: cart.cartId, orderId: body.orderId, storeOrderId });
});
test.after(({ shop }) => shop.stop());

const read = ({ shop, storeId }: Context, path: string) =>
  shop.read(path, null, { authorization: `Bearer ${shop.passOf(storeId)}` });

/** What is read where; none of it is kept in memory. */
const readsOf = ({
  storeId,
  cartId,
  orderId,
  storeOrderId,
}: Context): [column: string, path: string][] => {
  const then = `/orders/${orderId}?asOf=${new Date().toISOString()}`;
  return [
    ['cart.cart.lines', `/carts/${cartId}`],
    ['catalogue.store.upi', `/stores/${storeId}/board`],
    ['my_orders.placed.left_out', `/orders/${orderId}`],
    ['my_orders.placed_version.left_out', then],
    ['my_orders.part.slot', `/orders/${orderId}`],
    ['my_orders.part_version.slot', then],
    ['my_orders.timeline.reason', `/orders/${orderId}`],
    ['payments.payment.state', `/orders/${orderId}`],
    ['payments.payment.order_number', `/stores/${storeId}/board`],
    ['payments.payment_version.state', then],
    ['history.event.actor', `/orders/${orderId}/why`],
    ['order_board.card.fee_paise', `/stores/${storeId}/board`],
    ['order_board.card.fee_paise', `/stores/${storeId}/board/${storeOrderId}`],
    ['invoices.invoice.fees', `/store-orders/${storeOrderId}/invoice`],
    ['invoices.invoice.fees', `/stores/${storeId}/invoices`],
    ['invoices.credit_note.reason', `/store-orders/${storeOrderId}/invoice`],
    ['invoices.registration.gstin', `/stores/${storeId}/invoices`],
    ['slots.day.slots', `/stores/${storeId}/slots?date=2099-11-21`],
    ['till.opening.opening_paise', `/stores/${storeId}/till/2099-11-21`],
    ['till.movement.moved_at', `/stores/${storeId}/till/2099-11-21`],
    ['till.closing.reason', `/stores/${storeId}/till/2099-11-21`],
  ];
};

test('what needs a column that is yet to be built is read later, not wrongly', async (context) => {
  const { pool } = context.shop;
  for (const [name, path] of readsOf(context)) {
    const [schema, table, column] = name.split('.');
    assert.not.match(String((await read(context, path)).status), /^5/, path);
    await pool.query(`alter table ${schema}.${table} rename column ${column} to not_yet`);
    const { status, headers, body } = await read(context, path);
    assert.equal([status, body.code], [503, 'UNAVAILABLE'], `${name} ${path}`);
    assert.ok(headers.get('retry-after'));
    await pool.query(`alter table ${schema}.${table} rename column not_yet to ${column}`);
  }
});

test('a column of another type is read anew after a moment', async (context) => {
  const path = `/carts/${context.cartId}`;
  assert.is((await read(context, path)).status, 200);
  await context.shop.pool.query('alter table cart.cart alter column status type varchar');
  const statuses: number[] = [];
  while (statuses.at(-1) !== 200 && statuses.length < MAX_READS) {
    statuses.push((await read(context, path)).status);
  }
  assert.equal(new Set(statuses), new Set([503, 200]));
});

test('before the projector has ever run, everything is "not now"', async () => {
  const parts = await startParts();
  const log = createLog('test', 'silent');
  const pool = createPool(parts.databaseUrl, log);
  const projected = new Projected(parts.databaseUrl, pool, log);
  const vault = await openVault(pool, 'a secret of the tests, 32 or more');
  const app = await createReadApi({
    pool,
    projected,
    vault,
    storePassSecret: 'another-secret-of-the-tests-32-or-more',
    deliveryCodeSecret: 'a fourth secret of the tests, 32 or more',
    sessions: new Sessions(SESSION_SECRET, wallClock),
    log,
    now: wallClock,
  });
  try {
    await projected.start();
    const id = randomUUID();
    const addresses = ['/stores', `/stores/${id}`, `/carts/${id}`, `/orders/${id}`];
    for (const url of ['/readyz', ...addresses.map((address) => `/api/read${address}`)]) {
      const answer = await app.inject({ url, headers: headersOfGuest('asha') });
      assert.is(answer.statusCode, 503, `${url}: ${answer.body}`);
      assert.is(answer.headers['retry-after'], '1');
    }
    const far = await app.inject({
      url: '/api/read/stores',
      headers: { 'doorstep-position': '7f3a90bc.1' },
    });
    assert.is(far.statusCode, 503);
  } finally {
    await app.close();
    await projected.stop();
    await pool.end();
    await parts.stop();
  }
});

test.run();
