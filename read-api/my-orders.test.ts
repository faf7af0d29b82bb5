import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newKey, openStore, quoteCart, recipient, startShop, type Shop } from '../test/shop.ts';
import type { Order, OwnOrders } from './my-orders.ts';

const test = suite<{ shop: Shop }>('my-orders');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

type Headers = Record<string, string>;

/** Orders one of each, as a shopper. */
async function order(shop: Shop, listingIds: string[], headers: Headers) {
  const { body: opened } = await shop.write<{ cartId: string }>('POST', '/carts', {}, headers);
  const path = `/carts/${opened.cartId}`;
  for (const listingId of listingIds) {
    await shop.write('PUT', `${path}/items/${listingId}`, { quantity: 1 }, headers);
  }
  const quote = await quoteCart(shop, opened.cartId, {}, headers);
  const wanted = { ...recipient, payment: 'cash-on-delivery', cartId: opened.cartId, quote };
  const { body, position } = await shop.write<Order>('POST', '/orders', wanted, headers);
  return { orderId: body.orderId, cartId: opened.cartId, position };
}

test('a shopper’s orders are theirs on every page, newest first, and nobody else’s', async ({
  shop,
}) => {
  const near = await openStore(shop);
  const far = await openStore(shop, ['Ghee,650']);
  const asha = shop.newShopper();
  const first = await order(shop, [near.listingIds[0]!], asha);
  const second = await order(shop, [near.listingIds[1]!, far.listingIds[0]!], asha);
  await order(shop, [near.listingIds[0]!], shop.newShopper());
  const third = await order(shop, [far.listingIds[0]!], asha);

  const { body: page } = await shop.read<OwnOrders>('/me/orders?limit=2', third.position, asha);
  assert.equal(
    page.orders.map(({ orderId, cartId }) => ({ orderId, cartId })),
    [third, second].map(({ orderId, cartId }) => ({ orderId, cartId })),
  );
  const [, two] = page.orders;
  assert.equal([two!.status, two!.totalPaise], ['confirmed', 9_550 + 65_000]);
  assert.equal(two!.stores, ['Test Kirana', 'Test Kirana']);
  const { body: rest } = await shop.read<OwnOrders>(
    `/me/orders?limit=2&after=${page.next}`,
    null,
    asha,
  );
  assert.equal([rest.orders.map(({ orderId }) => orderId), rest.next], [[first.orderId], null]);

  const nobody = await shop.read<OwnOrders>('/me/orders', null, shop.newShopper());
  assert.equal(nobody.body, { orders: [], next: null });
  assert.is(nobody.headers.get('cache-control'), 'private, no-store');
});

test('an order is answered to its shopper alone, at once, live, as it was and why', async ({
  shop,
}) => {
  const { listingIds } = await openStore(shop);
  const asha = shop.newShopper();
  const { orderId, position } = await order(shop, listingIds, asha);
  const asOf = encodeURIComponent(new Date(shop.now().getTime() + 60_000).toISOString());
  for (const path of ['', '/why', `?asOf=${asOf}`]) {
    const own = await shop.read(`/orders/${orderId}${path}`, position, asha);
    assert.is(own.status, 200, path);
    assert.not.ok(JSON.stringify(own.body).includes('guest:'), 'and nobody’s session is told');
    const other = await shop.read(`/orders/${orderId}${path}`, position, shop.newShopper());
    const none = await shop.read(`/orders/${newKey()}${path}`, position, asha);
    assert.equal(other.body, none.body);
    assert.equal([other.status, other.body.code], [404, 'ORDER_NOT_FOUND']);
  }
  const live = `${shop.readUrl}/orders/${orderId}/live`;
  assert.is((await fetch(live, { headers: shop.newShopper() })).status, 404);
});

test('an odd page is refused', async ({ shop }) => {
  for (const query of ['after=x', `after=${Buffer.from('["2026","x"]').toString('base64url')}`]) {
    const { status, body } = await shop.read(`/me/orders?${query}`);
    assert.equal([status, body.code], [400, 'INVALID_CURSOR']);
  }
  assert.is((await shop.read('/me/orders?limit=0')).status, 400);
});

test.run();
