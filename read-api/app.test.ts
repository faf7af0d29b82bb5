import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newKey, openStore, quoteCart, recipient, startShop, type Shop } from '../test/shop.ts';

const MAX_READS = 30;

type Context = { shop: Shop; storeId: string; cartId: string; orderId: string; partId: string };
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
  const partId = body.storeOrders[0]!.storeOrderId;
  Object.assign(context, { storeId, cartId: cart.cartId, orderId: body.orderId, partId });
});
test.after(({ shop }) => shop.stop());

const read = ({ shop, storeId }: Context, path: string) =>
  shop.read(path, null, { authorization: `Bearer ${shop.passOf(storeId)}` });

/** What is read where; none of it is kept in memory. */
const readsOf = ({
  storeId,
  cartId,
  orderId,
  partId,
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
    ['order_board.card.fee_paise', `/stores/${storeId}/board/${partId}`],
    ['invoices.invoice.fees', `/store-orders/${partId}/invoice`],
    ['invoices.invoice.fees', `/stores/${storeId}/invoices`],
    ['invoices.credit_note.reason', `/store-orders/${partId}/invoice`],
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

test.run();
