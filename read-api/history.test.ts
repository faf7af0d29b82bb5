import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { START } from '@eventstore/db-client';
import {
  newKey,
  openStore,
  quoteCart,
  startShop,
  type Answer,
  type Shop,
} from '../local/testing.ts';
import { idFrom } from '../platform/ids.ts';
import type { StoreOrderWhy, Why, WhyEntry } from './history.ts';
import type { Order } from './my-orders.ts';

const EVENT_TIMEOUT_MS = 20_000;
const MAX_READS = 15;

const test = suite<{ shop: Shop }>('history');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

const recipient = {
  contact: { name: 'Asha Rao', phone: '+91 98765 43210' },
  address: { line1: '12, 4th Cross', city: 'Bengaluru', pincode: '560001' },
};

type Placed = { orderId: string; storeOrders: { storeOrderId: string; storeId: string }[] };

/** A shop that has so many of its only article, which costs 12 rupees. */
async function openShelf(shop: Shop, article: string, quantity: number): Promise<string> {
  const { storeId } = await openStore(shop, [`${article},12`]);
  const lines = [{ sku: 's1', quantity }];
  await shop.write('POST', `/stores/${storeId}/stock/receive`, { lines });
  return storeId;
}

/** Orders two pieces of each shop's article; `meanwhile` comes between the quote and the order. */
async function order(shop: Shop, storeIds: string[], meanwhile = async () => {}) {
  const { body: cart } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const storeId of storeIds) {
    await shop.write('PUT', `/carts/${cart.cartId}/items/${storeId}.s1`, { quantity: 2 });
  }
  const quote = await quoteCart(shop, cart.cartId);
  await meanwhile();
  const body = { cartId: cart.cartId, quote, ...recipient, payment: 'cash-on-delivery' };
  const key = newKey();
  const answer = await shop.write<Placed>('POST', '/orders', body, { 'idempotency-key': key });
  return { ...answer, orderId: idFrom('order', key) };
}

/** Reads what shows a position: on a busy machine it is not projected in the second that it waits. */
async function readAt<T>(
  shop: Shop,
  path: string,
  position: string | null,
  headers: Record<string, string> = {},
): Promise<Answer<T>> {
  for (let tries = 1; ; tries++) {
    const answer = await shop.read<T>(path, position, headers);
    if (answer.status !== 503 || tries === MAX_READS) return answer;
  }
}

/** The position of the newest event that a stream has once it has one of this type. */
async function untilEvent({ client }: Shop, stream: string, type: string): Promise<string> {
  const events = client.subscribeToStream(stream, { fromRevision: START });
  const tooLong = setTimeout(() => void events.unsubscribe(), EVENT_TIMEOUT_MS);
  try {
    for await (const { event } of events) {
      if (event?.type === type) return String(event.position!.commit);
    }
  } finally {
    clearTimeout(tooLong);
  }
  throw new Error(`no ${type} came in ${stream}`);
}

const step = (shop: Shop, storeOrderId: string, name: string, body?: object) =>
  shop.write('POST', `/store-orders/${storeOrderId}/${name}`, body);

/** Who did what, and what that was because of; in whatever order. */
const reasons = ({ entries }: Why): Set<string> =>
  new Set(
    entries.map(({ by, what, becauseOf }) => {
      const cause = becauseOf === null ? 'asked for' : entries[becauseOf - 1]?.what;
      return `${by}: ${what} ← ${cause}`;
    }),
  );

const textOf = (entries: WhyEntry[]): string => entries.map(({ what }) => what).join('\n');

test('why says who did what because of what, across all streams of an order', async ({ shop }) => {
  const storeId = await openShelf(shop, 'Toor dal', 5);
  const { body: placed } = await order(shop, [storeId]);
  const [part] = placed.storeOrders;
  for (const name of ['accept', 'pack', 'dispatch', 'deliver']) {
    assert.is((await step(shop, part!.storeOrderId, name)).status, 200);
  }
  await untilEvent(shop, `order-${placed.orderId}`, 'OrderCompleted');
  const picked = await untilEvent(shop, `inventory-${storeId}`, 'StockPicked');
  const path = `/orders/${placed.orderId}`;
  await readAt(shop, path, picked);
  await shop.untilLive<Order>(
    path,
    ({ status, storeOrders }) => status === 'completed' && storeOrders[0]!.invoiceNumber !== null,
  );
  const { body } = await shop.read<Why>(`${path}/why`);
  const ordered = 'Ordered: 2 pieces of Toor dal at Test Kirana';
  const bill = body.entries.find(({ what }) => what.includes('billed'))!.what;
  assert.match(bill, /^Test Kirana billed ₹24\.00 as \d\d-\d\d\/000001$/);
  assert.equal(
    reasons(body),
    new Set([
      `the shopper: ${ordered} ← asked for`,
      `checkout, by itself: 2 pieces of Toor dal were put aside at Test Kirana ← ${ordered}`,
      `checkout, by itself: The cart was closed ← ${ordered}`,
      `checkout, by itself: The order was confirmed ← ${ordered}`,
      `checkout, by itself: Test Kirana was handed its part ← ${ordered}`,
      'the shop’s staff: Test Kirana took its part ← asked for',
      'the shop’s staff: Test Kirana packed its part ← asked for',
      'checkout, by itself: 2 pieces of Toor dal were taken off the books at Test Kirana ← ' +
        'Test Kirana packed its part',
      'the shop’s staff: Test Kirana sent its part out ← asked for',
      'the shop’s staff: Test Kirana delivered its part ← asked for',
      `billing, by itself: ${bill} ← Test Kirana delivered its part`,
      'checkout, by itself: The order was closed: every shop was done with its part ← ' +
        'Test Kirana delivered its part',
    ]),
  );
  assert.equal(
    body.entries.map(({ number }) => number),
    body.entries.map((_, index) => index + 1),
  );
  const [first, second] = body.entries;
  assert.is(second!.requestId, first!.requestId);
  assert.ok(body.entries.every(({ becauseOf, number }) => (becauseOf ?? 0) < number));
});

test('why tells what was short, and that everything was given back', async ({ shop }) => {
  const storeIds = [await openShelf(shop, 'Toor dal', 5), await openShelf(shop, 'Ghee', 2)];
  const { status, orderId } = await order(shop, storeIds, async () => {
    const lines = [{ sku: 's1', quantity: 1 }];
    await shop.write('POST', `/stores/${storeIds[1]!}/stock/sell`, { lines });
  });
  assert.is(status, 409);
  const released = await untilEvent(shop, `inventory-${storeIds[0]!}`, 'ReservationReleased');
  const { body } = await readAt<Why>(shop, `/orders/${orderId}/why`, released);
  const text = textOf(body.entries);
  assert.match(text, 'The order was given up: not enough was left (of Ghee 2 wanted, 1 left)');
  assert.match(text, '2 pieces of Toor dal went back on sale at Test Kirana: the order was given');
});

test('a shop is told why of its own part only, and only with its pass', async ({ shop }) => {
  const storeIds = [await openShelf(shop, 'Toor dal', 5), await openShelf(shop, 'Ghee', 5)];
  const { body: placed } = await order(shop, storeIds);
  const [near, far] = storeIds as [string, string];
  const partOf = (storeId: string) =>
    placed.storeOrders.find((part) => part.storeId === storeId)!.storeOrderId;
  const { position } = await step(shop, partOf(far), 'reject', { reason: 'closed' });
  const read = (storeOrderId: string, pass?: string) =>
    readAt<StoreOrderWhy>(
      shop,
      `/store-orders/${storeOrderId}/why`,
      position,
      pass ? { authorization: `Bearer ${pass}` } : {},
    );
  const { status, headers, body } = await read(partOf(near), shop.passOf(near));
  assert.is(status, 200);
  assert.is(headers.get('cache-control'), 'private, no-store');
  assert.is(body.orderNumber, placed.orderId.slice(-6).toUpperCase());
  assert.match(textOf(body.entries), 'Ordered: 2 pieces of Toor dal at Test Kirana');
  assert.not.match(JSON.stringify(body), new RegExp(`Ghee|refused|${far}|${placed.orderId}`));
  assert.match(
    textOf((await read(partOf(far), shop.passOf(far))).body.entries),
    'Test Kirana refused its part: it is closed',
  );
  assert.is((await read(partOf(near))).status, 401);
  assert.is((await read(partOf(near), shop.passOf(far))).status, 401);
  assert.is((await read(newKey(), shop.passOf(near))).status, 404);
  assert.is((await shop.read(`/orders/${newKey()}/why`)).status, 404);
});

test('an event that no words are kept for is told by its name', async ({ shop }) => {
  const { body: placed, position } = await order(shop, [await openShelf(shop, 'Toor dal', 5)]);
  const path = `/orders/${placed.orderId}/why`;
  await readAt(shop, path, position);
  await shop.pool.query(
    `update history.event set type = 'ParcelLost', actor = 'settlement'
     where order_id = $1 and type = 'OrderConfirmed'`,
    [placed.orderId],
  );
  const { body } = await shop.read<Why>(path);
  const told = body.entries.find(({ what }) => what === 'Parcel lost');
  assert.is(told?.by, 'settlement');
});

test('asOf gives an order as it stood then: status, parts, timeline and bill', async ({ shop }) => {
  const storeIds = [await openShelf(shop, 'Toor dal', 5), await openShelf(shop, 'Ghee', 5)];
  const { body: placed, position } = await order(shop, storeIds);
  const path = `/orders/${placed.orderId}`;
  const [first, second] = placed.storeOrders;
  const stood = [(await readAt<Order>(shop, path, position)).body];
  for (const name of ['accept', 'pack', 'dispatch']) {
    const { position: at } = await step(shop, first!.storeOrderId, name);
    stood.push((await readAt<Order>(shop, path, at)).body);
  }
  const rejected = await step(shop, second!.storeOrderId, 'reject', { reason: 'closed' });
  stood.push((await readAt<Order>(shop, path, rejected.position)).body);
  await step(shop, first!.storeOrderId, 'deliver');
  const ended = await shop.untilLive<Order>(
    path,
    ({ status, storeOrders }) =>
      status === 'completed' && storeOrders.some(({ invoiceNumber }) => invoiceNumber !== null),
  );
  const asOf = (at: string) =>
    shop.read<Order>(`${path}?${new URLSearchParams({ asOf: at }).toString()}`);
  for (const then of stood) {
    assert.equal((await asOf(then.timeline.at(-1)!.at)).body, then);
  }
  assert.equal((await asOf(new Date().toISOString())).body, ended);
  assert.is(stood[0]!.status, 'confirmed');
  assert.equal(stood[0]!.contact, recipient.contact);
  const { headers, body } = await asOf(stood[0]!.placedAt.replace('Z', '+00:00'));
  assert.is(headers.get('cache-control'), 'private, no-store');
  assert.is(body.timeline[0]?.event, 'OrderPlaced');
});

test('an asOf that is no time, or before the order, is refused with what to do', async ({
  shop,
}) => {
  const { body, position } = await order(shop, [await openShelf(shop, 'Toor dal', 5)]);
  const { body: placed } = await readAt<Order>(shop, `/orders/${body.orderId}`, position);
  const before = new Date(Date.parse(placed.placedAt) - 1).toISOString();
  const bad: [string, number, string][] = [
    ['yesterday', 400, 'INVALID_TIME'],
    ['', 400, 'INVALID_TIME'],
    ['2026-11-21', 400, 'INVALID_TIME'],
    ['2026-11-21T10:00:00', 400, 'INVALID_TIME'],
    ['2026-13-21T10:00:00Z', 400, 'INVALID_TIME'],
    ['0000-01-01T00:00:00Z', 404, 'ORDER_NOT_PLACED_YET'],
    [before, 404, 'ORDER_NOT_PLACED_YET'],
  ];
  for (const [asOf, status, code] of bad) {
    const answer = await shop.read(`/orders/${body.orderId}?asOf=${asOf}`);
    assert.equal([answer.status, answer.body.code], [status, code], asOf);
  }
  const unknown = await shop.read(`/orders/${newKey()}?asOf=${placed.placedAt}`);
  assert.equal([unknown.status, unknown.body.code], [404, 'ORDER_NOT_FOUND']);
});

test.run();
