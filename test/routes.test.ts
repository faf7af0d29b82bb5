import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { whoOf } from '../platform/route.ts';
import { Edge } from '../local/edge/app.ts';
import { readDistribution } from '../local/edge/distribution.ts';
import { DISTRIBUTION, listen } from './edge.ts';
import { assertGuarded } from './security-headers.ts';
import { headersOfGuest, OTHER_SECRET } from './session.ts';
import {
  headOfCommands,
  newKey,
  openStore,
  quoteCart,
  recipient,
  startShop,
  STRANGER,
  type Shop,
} from './shop.ts';

type Route = { method: string; url: string; who: string };

type Context = { shop: Shop; routes: Route[] };
const test = suite<Context>('routes');

/** Reads the routes of both APIs as Fastify registers them: the hidden ones and HEAD's too. */
test.before(async (context) => {
  const apps: Route[][] = [];
  const onApp = (message: unknown) => {
    const { fastify: app } = message as { fastify: FastifyInstance };
    const routes: Route[] = [];
    apps.push(routes);
    app.addHook('onRoute', (route) => {
      const who = whoOf(route) ?? 'NOBODY SAID';
      for (const method of [route.method].flat()) routes.push({ method, url: route.url, who });
    });
  };
  subscribe('fastify.initialization', onApp);
  context.shop = await startShop();
  unsubscribe('fastify.initialization', onApp);
  // What stands in for the payment gateway is none of our APIs.
  context.routes = apps
    .filter((routes) => routes.some(({ url }) => url.startsWith('/api/')))
    .flat();
});
test.after(({ shop }) => shop.stop());

/** A line for each address and who may call it, with the methods that they may use. */
function tableOf(routes: Route[]): string[] {
  const lines = Map.groupBy(routes, ({ url, who }) => `${url}: ${who}`);
  return [...lines]
    .map(([line, all]) => `${[...new Set(all.map(({ method }) => method))].join(' ')} ${line}`)
    .toSorted();
}

test('whoever may call a route of the APIs is written here, and no other route is there', ({
  routes,
}) => {
  assert.equal(tableOf(routes), [
    'GET HEAD /api/read/carts/:cartId: a shopper',
    'GET HEAD /api/read/listings/:listingId: anybody',
    'GET HEAD /api/read/me/orders: a shopper',
    'GET HEAD /api/read/openapi.json: anybody',
    'GET HEAD /api/read/orders/:orderId/live: the shopper of the order',
    'GET HEAD /api/read/orders/:orderId/why: the shopper of the order',
    'GET HEAD /api/read/orders/:orderId: the shopper of the order',
    'GET HEAD /api/read/store-orders/:storeOrderId/invoice: the shop of the store order, the shopper of the order',
    'GET HEAD /api/read/store-orders/:storeOrderId/why: the shop of the store order',
    'GET HEAD /api/read/stores/:storeId/board/:storeOrderId/live: the shop',
    'GET HEAD /api/read/stores/:storeId/board/:storeOrderId: the shop',
    'GET HEAD /api/read/stores/:storeId/board/live: the shop',
    'GET HEAD /api/read/stores/:storeId/board: the shop',
    'GET HEAD /api/read/stores/:storeId/catalogue: anybody',
    'GET HEAD /api/read/stores/:storeId/invoices: the shop',
    'GET HEAD /api/read/stores/:storeId/price-list: the shop',
    'GET HEAD /api/read/stores/:storeId/slots: anybody',
    'GET HEAD /api/read/stores/:storeId/stock: the shop',
    'GET HEAD /api/read/stores/:storeId/till/:date: the shop',
    'GET HEAD /api/read/stores/:storeId: anybody',
    'GET HEAD /api/read/stores: anybody',
    'GET HEAD /api/write/openapi.json: anybody',
    'GET HEAD /api/write/payments/:paymentId/pay: the shopper of the payment; a page for anybody else',
    'GET HEAD /livez: whoever reaches the port',
    'GET HEAD /readyz: whoever reaches the port',
    'POST /api/write/carts/:cartId/quotes: the shopper of the cart',
    'POST /api/write/carts: a shopper',
    'POST /api/write/orders/:orderId/cancel: the shopper of the order',
    'POST /api/write/orders/:orderId/store-orders/:storeOrderId/cancel: the shopper of the order',
    'POST /api/write/orders/:orderId/store-orders/:storeOrderId/lines: the shopper of the order',
    'POST /api/write/orders/:orderId/store-orders/:storeOrderId/substitutions: the shopper of the order',
    'POST /api/write/orders: a shopper',
    'POST /api/write/payments/:paymentId/razorpay-return: anybody',
    'POST /api/write/payments/:paymentId/receipts: the shop of the payment',
    'POST /api/write/payments/:paymentId/refunds/:refundNumber/given: the shop of the payment',
    'POST /api/write/razorpay/webhooks: Razorpay',
    'POST /api/write/session: anybody',
    'POST /api/write/store-orders/:storeOrderId/accept: the shop of the store order',
    'POST /api/write/store-orders/:storeOrderId/cancel: the shop of the store order',
    'POST /api/write/store-orders/:storeOrderId/deliver: the shop of the store order',
    'POST /api/write/store-orders/:storeOrderId/dispatch: the shop of the store order',
    'POST /api/write/store-orders/:storeOrderId/pack: the shop of the store order',
    'POST /api/write/store-orders/:storeOrderId/picks: the shop of the store order',
    'POST /api/write/store-orders/:storeOrderId/reject: the shop of the store order',
    'POST /api/write/store-orders/:storeOrderId/returns: the shop of the store order',
    'POST /api/write/store-orders/:storeOrderId/shorts: the shop of the store order',
    'POST /api/write/store-orders/:storeOrderId/substitutes: the shop of the store order',
    'POST /api/write/stores/:storeId/imports: the shop',
    'POST /api/write/stores/:storeId/stock/buffer: the shop',
    'POST /api/write/stores/:storeId/stock/count: the shop',
    'POST /api/write/stores/:storeId/stock/receive: the shop',
    'POST /api/write/stores/:storeId/stock/sell: the shop',
    'POST /api/write/stores/:storeId/till/:date/close: the shop',
    'POST /api/write/stores: anybody',
    'POST /api/write/upi/webhooks: the notice service',
    'PUT /api/write/carts/:cartId/items/:listingId: the shopper of the cart',
    'PUT /api/write/stores/:storeId/area: the shop',
    'PUT /api/write/stores/:storeId/fee: the shop',
    'PUT /api/write/stores/:storeId/hours: the shop',
    'PUT /api/write/stores/:storeId/linked-account: the shop',
    'PUT /api/write/stores/:storeId/listings/:sku/withdrawn: the shop',
    'PUT /api/write/stores/:storeId/minimum: the shop',
    'PUT /api/write/stores/:storeId/pause: the shop',
    'PUT /api/write/stores/:storeId/slot-closing: the shop',
    'PUT /api/write/stores/:storeId/slots/:date: the shop',
    'PUT /api/write/stores/:storeId/tax-registration: the shop',
    'PUT /api/write/stores/:storeId/till/:date/opening: the shop',
    'PUT /api/write/stores/:storeId/upi: the shop',
  ]);
});

const FOR_SHOPS = new Set(['the shop', 'the shop of the store order']);

/** A shop with an order that it has to pack. */
async function handedOver(shop: Shop) {
  const { storeId, listingIds } = await openStore(shop);
  const { body: opened } = await shop.write<{ cartId: string }>('POST', '/carts');
  const { cartId } = opened;
  await shop.write('PUT', `/carts/${cartId}/items/${listingIds[0]!}`, { quantity: 1 });
  const quote = await quoteCart(shop, cartId);
  const wanted = { ...recipient, payment: 'cash-on-delivery', cartId, quote };
  type Placed = { orderId: string; storeOrders: { storeOrderId: string }[] };
  const { body, position } = await shop.write<Placed>('POST', '/orders', wanted);
  const { storeOrderId } = body.storeOrders[0]!;
  return { storeId, storeOrderId, cartId, orderId: body.orderId, position };
}

test('what is for a shop is refused to whoever comes without its pass', async ({
  shop,
  routes,
}) => {
  const stranger = { authorization: `Bearer ${shop.passOf(newKey())}` };
  const forShop = routes.filter(({ who }) => FOR_SHOPS.has(who));
  assert.is.not(forShop.length, 0);
  const { storeId, storeOrderId, position } = await handedOver(shop);
  // It is there to be read.
  await shop.read(`/stores/${storeId}/board`, position);
  for (const { method, url } of forShop) {
    const path = addressOf(url, { storeId, storeOrderId });
    const base = new URL(url.startsWith('/api/read') ? shop.readUrl : shop.writeUrl);
    for (const headers of [{}, stranger]) {
      const answer = await fetch(new URL(path, base), { method, headers });
      assert.is(answer.status, 401, `${method} ${url}`);
      assert.is(answer.headers.get('www-authenticate'), 'Bearer');
      if (method === 'HEAD') continue;
      const { code, detail } = (await answer.json()) as { code: string; detail: string };
      assert.is(code, 'STORE_PASS_REQUIRED', `${method} ${url}`);
      assert.is(detail, 'Only the shop can do this: sign in with its pass.', `${method} ${url}`);
    }
  }
});

const FOR_SHOPPERS = new Set(['a shopper', 'the shopper of the cart', 'the shopper of the order']);

test('what is a shopper’s is answered to nobody else, and not even that it is there', async ({
  shop,
  routes,
}) => {
  const { storeId, storeOrderId, cartId, orderId, position } = await handedOver(shop);
  await shop.read(`/orders/${orderId}`, position);
  const forShoppers = routes.filter(({ who }) => FOR_SHOPPERS.has(who));
  assert.is.not(forShoppers.length, 0);
  const before = await headOfCommands(shop.client);
  const others = [STRANGER, shop.asShop(storeId), headersOfGuest('asha', OTHER_SECRET)];
  for (const { method, url, who } of forShoppers) {
    const path = addressOf(url, { cartId, orderId, storeOrderId });
    const base = new URL(url.startsWith('/api/read') ? shop.readUrl : shop.writeUrl);
    for (const headers of others) {
      const answer = await fetch(new URL(path, base), { method, headers });
      assert.is(answer.status, 401, `${method} ${url}`);
    }
    if (who === 'a shopper') continue;
    const answer = await fetch(new URL(path, base), { method, headers: shop.newShopper() });
    assert.is(answer.status, 404, `${method} ${url}`);
  }
  assert.is(await headOfCommands(shop.client), before);
});

/** An address with ids that are right, but for what is given. */
const addressOf = (url: string, ids: Record<string, string> = {}): string =>
  url.replace(/:(\w+)/g, (_, name: string) => {
    const others: Record<string, string> = { date: '2026-11-21', refundNumber: '1', sku: 's1' };
    return encodeURIComponent(ids[name] ?? others[name] ?? newKey());
  });

test('an id in an address is a bare UUID, and nothing that begins like one', async ({
  shop,
  routes,
}) => {
  const { storeId } = await openStore(shop);
  const bad = ['nobody', `${storeId}.prefix`, `urn:uuid:${storeId}`, `URN:UUID:${storeId}`];
  for (const { method, url } of routes.filter((route) => route.method !== 'HEAD')) {
    const names = [...url.matchAll(/:(\w+Id)\b/g)].map(([, name]) => name!);
    for (const name of names.filter((each) => each !== 'listingId')) {
      for (const id of bad) {
        const path = addressOf(url, { storeId, [name]: id });
        const base = new URL(url.startsWith('/api/read') ? shop.readUrl : shop.writeUrl);
        const answer = await fetch(new URL(path, base), { method });
        const { code } = (await answer.json()) as { code: string };
        assert.equal([answer.status, code], [400, 'INVALID_REQUEST'], `${method} ${path}`);
      }
    }
  }
});

test('a path that encodes what it need not is refused, and counted as no other', async ({
  shop,
}) => {
  const { storeId, cartId } = await handedOver(shop);
  const encoded = (id: string) => `%${id.charCodeAt(0).toString(16)}${id.slice(1)}`;
  for (const url of [
    `${shop.readUrl}/stores/${encoded(storeId)}`,
    `${shop.readUrl}/%73tores/${storeId}`,
    `${shop.readUrl}/carts/${encoded(cartId)}`,
  ]) {
    const answer = await fetch(url, { headers: shop.shopper });
    const { code } = (await answer.json()) as { code: string };
    assert.equal([answer.status, code], [400, 'MALFORMED_URL'], url);
  }
});

/** An edge before the APIs of a shop. What is for web is not asked here. */
const edgeBefore = ({ readUrl, writeUrl }: Shop) =>
  new Edge({
    distribution: readDistribution(DISTRIBUTION),
    origins: { 'read-api': readUrl, 'write-api': writeUrl, web: readUrl },
    distributionId: 'ETEST',
    purgeKeyId: 'the-key',
    publicUrl: 'http://shop.test',
  });

test('each route answers with the security headers, whoever asks', async ({ shop, routes }) => {
  const edge = edgeBefore(shop);
  const url = `http://127.0.0.1:${await listen(edge.server)}`;
  try {
    const { position, ...ids } = await handedOver(shop);
    await shop.read(`/orders/${ids.orderId}`, position);
    for (const route of routes) {
      const { method } = route;
      for (const headers of [{}, shop.asShop(ids.storeId), shop.shopper]) {
        const answer = await fetch(url + addressOf(route.url, ids), { method, headers });
        assertGuarded(answer.headers, `${answer.status}: ${method} ${route.url}`);
        await answer.body?.cancel();
      }
    }
  } finally {
    await edge.close();
  }
});

test('no route takes text/plain', async ({ shop, routes }) => {
  const { storeId } = await openStore(shop);
  const base = new URL(shop.writeUrl);
  const headers = { 'content-type': 'text/plain', 'idempotency-key': newKey() };
  for (const { method, url, who } of routes) {
    if (method !== 'POST' && method !== 'PUT') continue;
    const path = addressOf(url, { storeId });
    const answer = await fetch(new URL(path, base), { method, headers, body: 'hello' });
    // Whoever is not the shop, or knows no such order, is sent away before the body is looked at.
    const before = /the shop\b|shopper/.test(who) ? [401, 404] : [];
    assert.ok([415, ...before].includes(answer.status), `${answer.status}: ${method} ${url}`);
    assert.is(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8');
  }
});

test.run();
