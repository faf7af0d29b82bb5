import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  headOfCommands,
  newKey,
  openStore,
  quoteCart,
  recipient,
  startShop,
  takeAsShop,
  work,
  type Answer,
  type Shop,
} from '../test/shop.ts';
import { within } from '../test/promised-time.ts';

const SHOPPERS = 64;
const P99_MS = 500;

type Standing = { sku: string; onHand: number | null; reserved: number; available: number | null };
type Stock = { items: Standing[] };
type Problem = { code: string; detail: string; shortages: object[]; stale: object[] };
type Placed = { orderId: string; storeOrders: { storeOrderId: string; storeId: string }[] };
type Cart = {
  status: string;
  stores: { lines: { stock: number | null; available: boolean }[] }[];
};

const test = suite<{ shop: Shop }>('inventory');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

const operation = <T = { lines: Standing[] }>(
  shop: Shop,
  storeId: string,
  name: string,
  body: object,
  key = newKey(),
): Promise<Answer<T>> =>
  shop.write<T>('POST', `/stores/${storeId}/stock/${name}`, body, { 'idempotency-key': key });

const receive = (shop: Shop, storeId: string, sku: string, quantity: number) =>
  operation(shop, storeId, 'receive', { lines: [{ sku, quantity }] });

async function standing(shop: Shop, storeId: string, position: string | null, sku = 's1') {
  const { body } = await shop.read<Stock>(`/stores/${storeId}/stock`, position);
  const { onHand, reserved, available } = body.items.find((item) => item.sku === sku)!;
  return { onHand, reserved, available };
}

async function fillCart(shop: Shop, lines: Record<string, number>): Promise<string> {
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const [listingId, quantity] of Object.entries(lines)) {
    await shop.write('PUT', `/carts/${body.cartId}/items/${listingId}`, { quantity });
  }
  return body.cartId;
}

/** Orders a cart under a quote of it; asks for one first where none is given. */
const order = async <T = Placed>(
  shop: Shop,
  cartId: string,
  { key = newKey(), quote }: { key?: string; quote?: string } = {},
): Promise<Answer<T>> =>
  shop.write<T>(
    'POST',
    '/orders',
    {
      cartId,
      quote: quote ?? (await quoteCart(shop, cartId)),
      ...recipient,
      payment: 'cash-on-delivery',
    },
    { 'idempotency-key': key },
  );

/** Waits until the reactor has moved the goods. */
async function untilStanding(shop: Shop, storeId: string, wanted: Partial<Standing>) {
  const fits = (item: object) =>
    Object.entries(wanted).every(([name, value]) => Reflect.get(item, name) === value);
  for await (const { event } of shop.client.subscribeToStream(`inventory-${storeId}`)) {
    const position = event?.position?.commit.toString() ?? null;
    if (event && fits(await standing(shop, storeId, position))) return;
  }
}

test('received, counted, sold and kept back: the shelf and the shop page agree', async ({
  shop,
}) => {
  const { storeId, listingIds } = await openStore(shop);
  const lines = [{ sku: 's1', quantity: 10 }];
  const key = newKey();
  const first = await operation(shop, storeId, 'receive', { lines }, key);
  assert.equal(await operation(shop, storeId, 'receive', { lines }, key), first);
  assert.is((await operation(shop, storeId, 'receive', { lines: [] }, newKey())).status, 400);
  assert.is((await receiveAs(shop, storeId, key, 11)).status, 422);
  assert.equal(await standing(shop, storeId, first.position), {
    onHand: 10,
    reserved: 0,
    available: 10,
  });

  const buffer = { lines: [{ sku: 's1', quantity: 2 }] };
  await operation(shop, storeId, 'buffer', buffer);
  assert.is((await operation(shop, storeId, 'buffer', buffer)).status, 200);
  const sale = newKey();
  await operation(shop, storeId, 'sell', { lines: [{ sku: 's1', quantity: 3 }] }, sale);
  await operation(shop, storeId, 'sell', { lines: [{ sku: 's1', quantity: 3 }] }, sale);
  const counting = { lines: [{ sku: 's1', quantity: 6, expected: 7 }], reason: 'damaged' };
  const counted = await operation(shop, storeId, 'count', counting, key.toUpperCase());
  assert.equal(await operation(shop, storeId, 'count', counting, key.toUpperCase()), counted);
  assert.equal(await standing(shop, storeId, counted.position), {
    onHand: 6,
    reserved: 0,
    available: 4,
  });
  const page = await shop.read<{ stock: number }>(`/listings/${listingIds[0]}`, counted.position);
  assert.is(page.body.stock, 4);
});

test('an order changes a shop’s public pages only where what is left gets scarce', async ({
  shop,
}) => {
  const { storeId, listingIds } = await openStore(shop);
  await receive(shop, storeId, 's1', 13);
  const path = `/listings/${listingIds[0]}`;
  const shownAfter = async (quantity: number) => {
    const placed = await order(shop, await fillCart(shop, { [listingIds[0]!]: quantity }));
    const page = await shop.read<{ stock: number }>(path, placed.position);
    return [page.body.stock, page.headers.get('cache-tag')];
  };
  await shop.read(path, (await shop.write('POST', '/carts')).position);
  assert.equal(await shownAfter(2), [13, `store-${storeId}`]);
  assert.equal(await shownAfter(2), [9, `store-${storeId}`]);
  assert.equal(await shownAfter(9), [0, `store-${storeId}`]);
});

const receiveAs = (shop: Shop, storeId: string, key: string, quantity: number) =>
  operation(shop, storeId, 'receive', { lines: [{ sku: 's1', quantity }] }, key);

test('a stale count is refused with what the books say now, and changes nothing', async ({
  shop,
}) => {
  const { storeId } = await openStore(shop);
  await receive(shop, storeId, 's1', 5);
  await operation(shop, storeId, 'sell', { lines: [{ sku: 's1', quantity: 1 }] });
  const head = await headOfCommands(shop.client);
  const count = (lines: object, reason: string | null) =>
    operation<Problem>(shop, storeId, 'count', { lines, reason });
  const stale = await count([{ sku: 's1', quantity: 3, expected: 5 }], 'found');
  assert.equal([stale.status, stale.body.code], [409, 'STALE_COUNT']);
  assert.equal(stale.body.stale, [{ sku: 's1', expected: 5, onHand: 4 }]);
  const silent = await count([{ sku: 's1', quantity: 3, expected: 4 }], null);
  assert.equal([silent.status, silent.body.code], [422, 'REASON_REQUIRED']);
  const bad: [number, object, string][] = [
    [400, [{ sku: 's1', quantity: 3 }], 'found'],
    [400, [{ sku: 's1', quantity: -1, expected: 4 }], 'found'],
    [400, [{ sku: 's1', quantity: 3, expected: 4 }], 'because'],
    [404, [{ sku: 'nothing', quantity: 3, expected: null }], 'found'],
  ];
  const twice = { sku: 's1', quantity: 3, expected: 4 };
  for (const [status, lines, reason] of [...bad, [422, [twice, twice], 'found'] as const]) {
    assert.is((await count(lines, reason)).status, status, JSON.stringify(lines));
  }
  assert.is(await headOfCommands(shop.client), head);
});

test('what is short at any shop is said, nothing is held, and the cart stays open', async ({
  shop,
}) => {
  const [near, far] = [await openStore(shop), await openStore(shop, ['Ghee,650', 'Salt,20'])];
  await receive(shop, near.storeId, 's1', 5);
  await receive(shop, far.storeId, 's1', 1);
  await operation(shop, far.storeId, 'count', {
    lines: [{ sku: 's2', quantity: 0, expected: null }],
    reason: 'first-count',
  });
  const [dal, ghee, salt] = [near.listingIds[0]!, far.listingIds[0]!, far.listingIds[1]!];
  const cartId = await fillCart(shop, { [dal]: 3, [ghee]: 2, [salt]: 1 });
  const same = { key: newKey(), quote: await quoteCart(shop, cartId) };
  const refused = await order<Problem>(shop, cartId, same);
  assert.equal([refused.status, refused.body.code], [409, 'INSUFFICIENT_STOCK']);
  assert.is(
    refused.body.detail,
    'Only 1 of Ghee left; Salt is sold out. Change the cart to order.',
  );
  assert.equal(refused.body.shortages, [
    { listingId: ghee, wanted: 2, left: 1 },
    { listingId: salt, wanted: 1, left: 0 },
  ]);
  assert.equal((await order<Problem>(shop, cartId, same)).body, refused.body);

  await shop.write('PUT', `/carts/${cartId}/items/${salt}`, { quantity: 0 });
  const changed = await shop.write('PUT', `/carts/${cartId}/items/${ghee}`, { quantity: 1 });
  const { body } = await shop.read<Cart>(`/carts/${cartId}`, changed.position);
  assert.is(body.status, 'open');
  assert.is((await standing(shop, near.storeId, changed.position)).reserved, 0);
  const placed = await order(shop, cartId);
  assert.is(placed.status, 201);
  assert.equal(await standing(shop, near.storeId, placed.position), {
    onHand: 5,
    reserved: 3,
    available: 2,
  });
});

test('a cart says how many are left', async ({ shop }) => {
  const { storeId, listingIds } = await openStore(shop);
  await receive(shop, storeId, 's1', 2);
  const cartId = await fillCart(shop, { [listingIds[0]!]: 3, [listingIds[1]!]: 9 });
  const { position } = await shop.write('POST', '/carts');
  const { body } = await shop.read<Cart>(`/carts/${cartId}`, position);
  const shown = body.stores[0]?.lines.map(({ stock, available }) => ({ stock, available }));
  assert.equal(shown, [
    { stock: 2, available: false },
    { stock: null, available: true },
  ]);
});

test('goods leave the shelf when packed, and are for sale again when the shop gives up', async ({
  shop,
}) => {
  const { storeId, listingIds } = await openStore(shop);
  await receive(shop, storeId, 's1', 5);
  const placeOne = async () => {
    const { body } = await order(shop, await fillCart(shop, { [listingIds[0]!]: 2 }));
    return body.storeOrders[0]!.storeOrderId;
  };
  const [packed, unpacked] = [await placeOne(), await placeOne()];
  await work(shop, packed, ['accept', 'pick', 'pack']);
  await untilStanding(shop, storeId, { onHand: 3, reserved: 2, available: 1 });
  await takeAsShop(shop, unpacked, 'reject');
  await untilStanding(shop, storeId, { onHand: 3, reserved: 0, available: 3 });
  await takeAsShop(shop, packed, 'cancel', { reason: 'not-reachable' });
  await untilStanding(shop, storeId, { onHand: 5, reserved: 0, available: 5 });
});

test('what a shop never counted is ordered freely, and adds up once it is counted', async ({
  shop,
}) => {
  const { storeId, listingIds } = await openStore(shop);
  const placed = await order(shop, await fillCart(shop, { [listingIds[0]!]: 3 }));
  assert.equal(await standing(shop, storeId, placed.position), {
    onHand: null,
    reserved: 3,
    available: null,
  });
  const lines = [{ sku: 's1', quantity: 4, expected: null }];
  const counted = await operation(shop, storeId, 'count', { lines, reason: 'first-count' });
  assert.equal(await standing(shop, storeId, counted.position), {
    onHand: 4,
    reserved: 3,
    available: 1,
  });
});

/**
 * Has every shopper order one of eight items, of each of which one is left. Resolves to what the
 * slowest of them took, in ms.
 */
async function contend(shop: Shop): Promise<number> {
  const items = 8;
  const names = Array.from({ length: items }, (_, i) => `Item ${i},${10 + i}`);
  const { storeId, listingIds } = await openStore(shop, names);
  const left = listingIds.map((_, i) => ({ sku: `s${i + 1}`, quantity: 1 }));
  await operation(shop, storeId, 'receive', { lines: left });
  const carts = await Promise.all(
    Array.from({ length: SHOPPERS }, (_, i) => fillCart(shop, { [listingIds[i % items]!]: 1 })),
  );
  const quotes = await Promise.all(carts.map((cartId) => quoteCart(shop, cartId)));
  const tookMs: number[] = [];
  const answers = await Promise.all(
    carts.map(async (cartId, i) => {
      const startedMs = performance.now();
      const answer = await order<Problem>(shop, cartId, { quote: quotes[i]! });
      tookMs.push(performance.now() - startedMs);
      return answer;
    }),
  );
  const count = (status: number) => answers.filter((answer) => answer.status === status).length;
  assert.equal([count(201), count(409)], [items, SHOPPERS - items]);
  const codes = new Set(answers.map(({ body }) => body.code));
  assert.equal(codes, new Set([undefined, 'INSUFFICIENT_STOCK']));
  const { position } = await shop.write('POST', '/carts');
  const { body } = await shop.read<Stock>(`/stores/${storeId}/stock`, position);
  for (const { onHand, reserved, available } of body.items) {
    assert.equal({ onHand, reserved, available }, { onHand: 1, reserved: 1, available: 0 });
  }
  return Math.max(...tookMs);
}

test('64 shoppers, one item left of each: as many orders', async ({ shop }) => {
  within(P99_MS, await contend(shop), `the slowest of ${SHOPPERS} shoppers`);
});

test('more pieces than a 32-bit number holds are shown to the piece', async ({ shop }) => {
  const { storeId } = await openStore(shop);
  const [times, quantity] = [216, 9_999_999];
  const answers = await Promise.all(
    Array.from({ length: times }, () => receive(shop, storeId, 's1', quantity)),
  );
  assert.ok(answers.every(({ status }) => status === 200));
  const { onHand } = await standing(shop, storeId, `${await headOfCommands(shop.client)}`);
  assert.is(onHand, times * quantity);
  assert.ok(onHand! > 2 ** 31);
});

test.run();
