import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { START } from '@eventstore/db-client';
import {
  STRANGER,
  newKey,
  openStore,
  quoteCart,
  recipient,
  startShop,
  takeAsShop,
  work,
  type Shop,
} from '../test/shop.ts';
import { parsePosition } from '../engine/position.ts';
import { historyText } from '../wording/en/history.ts';
import { paymentIdOf } from '../write-api/payment.ts';
import type { StoreOrderWhy, Why, WhyEntry } from './history.ts';
import type { Order } from './my-orders.ts';
import { STUCK_MS } from '../test/until-so.ts';

const test = suite<{ shop: Shop }>('history');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

type Placed = { orderId: string; storeOrders: { storeOrderId: string; storeId: string }[] };

/** A shop that has so many of its only article, which costs 12 rupees. */
async function openShelf(shop: Shop, article: string, quantity: number): Promise<string> {
  const { storeId } = await openStore(shop, [`${article},12`]);
  const lines = [{ sku: 's1', quantity }];
  await shop.write('POST', `/stores/${storeId}/stock/receive`, { lines });
  return storeId;
}

/** Orders two pieces of each shop's article; `meanwhile` comes between the quote and the order. */
async function order(shop: Shop, storeIds: string[], meanwhile = async () => {}, how = {}) {
  const { body: cart } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const storeId of storeIds) {
    await shop.write('PUT', `/carts/${cart.cartId}/items/${storeId}.s1`, { quantity: 2 });
  }
  const quote = await quoteCart(shop, cart.cartId);
  await meanwhile();
  const body = { cartId: cart.cartId, quote, ...recipient, payment: 'cash-on-delivery', ...how };
  const key = newKey();
  const answer = await shop.write<Placed>('POST', '/orders', body, { 'idempotency-key': key });
  return { ...answer, orderId: shop.orderIdOf(key) };
}

/** The position of the newest event that a stream has once it has one of this type. */
async function untilEvent({ client }: Shop, stream: string, type: string): Promise<string> {
  const events = client.subscribeToStream(stream, { fromRevision: START });
  const tooLong = setTimeout(() => void events.unsubscribe(), STUCK_MS);
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
  takeAsShop(shop, storeOrderId, name, body);

/** Who did what, and what that was because of; in whatever order. */
const reasons = ({ entries }: Why): string[] =>
  entries
    .map((entry) => {
      const { by, what } = historyText(entry);
      const cause = entry.becauseOf === null ? undefined : entries[entry.becauseOf - 1];
      return `${by}: ${what} ← ${cause ? historyText(cause).what : 'asked for'}`;
    })
    .toSorted();

const textOf = (entries: WhyEntry[]): string =>
  entries.map((entry) => historyText(entry).what).join('\n');

test('why says who did what because of what, across all streams of an order', async ({ shop }) => {
  const storeId = await openShelf(shop, 'Toor dal', 5);
  const { body: placed } = await order(shop, [storeId]);
  const { storeOrderId } = placed.storeOrders[0]!;
  await work(shop, storeOrderId);
  const paid = await untilEvent(shop, `payment-${paymentIdOf(storeOrderId)}`, 'CashCollected');
  await untilEvent(shop, `order-${placed.orderId}`, 'OrderCompleted');
  const picked = await untilEvent(shop, `inventory-${storeId}`, 'StockPicked');
  const path = `/orders/${placed.orderId}`;
  await shop.read(path, Number(paid) > Number(picked) ? paid : picked);
  await shop.untilLive<Order>(
    path,
    ({ status, storeOrders }) => status === 'completed' && storeOrders[0]!.invoiceNumber !== null,
  );
  const { body } = await shop.read<Why>(`${path}/why`);
  const ordered = 'Ordered: 2 pieces of Toor dal at Test Kirana';
  const bill = textOf(body.entries.filter(({ event }) => event === 'InvoiceIssued'));
  assert.match(bill, /^Test Kirana billed ₹24\.00 as \d\d-\d\d\/000001$/);
  assert.equal(
    reasons(body),
    [
      `the shopper: ${ordered} ← asked for`,
      `checkout, by itself: 2 pieces of Toor dal were put aside at Test Kirana ← ${ordered}`,
      `checkout, by itself: The cart was closed ← ${ordered}`,
      `checkout, by itself: The order was confirmed ← ${ordered}`,
      `checkout, by itself: Test Kirana was handed its part ← ${ordered}`,
      `checkout, by itself: ₹24.00 was to be paid at the door ← ${ordered}`,
      'the shop’s staff: Test Kirana took its part ← asked for',
      'the shop’s staff: Test Kirana put 2 pieces of Toor dal in the basket ← asked for',
      'the shop’s staff: Test Kirana packed its part ← asked for',
      'fulfilment, by itself: 2 pieces of Toor dal were taken off the books at Test Kirana ← ' +
        'Test Kirana packed its part',
      'the shop’s staff: Test Kirana sent its part out ← asked for',
      'the shop’s staff: Test Kirana delivered its part on the shopper’s code ← asked for',
      `billing, by itself: ${bill} ← Test Kirana delivered its part on the shopper’s code`,
      'settlement, by itself: Test Kirana took ₹24.00 in cash ← Test Kirana delivered its part on the shopper’s code',
      'checkout, by itself: The order was closed: every shop was done with its part ← ' +
        'Test Kirana delivered its part on the shopper’s code',
    ].toSorted(),
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
  const { body } = await shop.read<Why>(`/orders/${orderId}/why`, released);
  const text = textOf(body.entries);
  assert.match(text, 'The order was given up: not enough was left (of Ghee 2 wanted, 1 left)');
  assert.match(text, '2 pieces of Toor dal went back on sale at Test Kirana: the order was given');
});

/** Orders what three shops can serve of it: all at the first, half at the second, none at the third. */
async function orderWhatIsLeft(shop: Shop, payment: string) {
  const storeIds = [
    await openShelf(shop, 'Toor dal', 5),
    await openShelf(shop, 'Ghee', 2),
    await openShelf(shop, 'Poha', 2),
  ] as const;
  const sell = async () => {
    for (const quantity of [1, 2]) {
      const path = `/stores/${storeIds[quantity]!}/stock/sell`;
      await shop.write('POST', path, { lines: [{ sku: 's1', quantity }] });
    }
  };
  const how = { onShortage: 'whatever-each-shop-can', payment };
  const placed = await order(shop, [...storeIds], sell, how);
  const why = await shop.read<Why>(`/orders/${placed.orderId}/why`, placed.position);
  return { ...placed, storeIds, text: textOf(why.body.entries) };
}

const LEFT_OUT =
  'without 1 of 2 pieces of Ghee at Test Kirana, since not enough was left; ' +
  '2 of 2 pieces of Poha at Test Kirana, since not enough was left. ' +
  'What stayed: 2 pieces of Toor dal at Test Kirana; 1 piece of Ghee at Test Kirana';

test('why tells what was left out of an order, and what stayed', async ({ shop }) => {
  const paidAtTheDoor = await orderWhatIsLeft(shop, 'cash-on-delivery');
  assert.match(paidAtTheDoor.text, `The order was confirmed ${LEFT_OUT}`);
  const paidBefore = await orderWhatIsLeft(shop, 'razorpay');
  assert.match(paidBefore.text, `Held until it is paid, ${LEFT_OUT}`);
  assert.not.match(paidBefore.text, 'All of it was held');
});

test('a shop is told only what was left out of its own store order', async ({ shop }) => {
  const { storeIds, body: placed, position } = await orderWhatIsLeft(shop, 'cash-on-delivery');
  const confirmedTo = async (storeId: string) => {
    const storeOrder = placed.storeOrders.find((one) => one.storeId === storeId)!;
    const path = `/store-orders/${storeOrder.storeOrderId}/why`;
    const pass = { authorization: `Bearer ${shop.passOf(storeId)}` };
    const { entries } = (await shop.read<StoreOrderWhy>(path, position, pass)).body;
    return entries
      .map((entry) => historyText(entry).what)
      .find((what) => what.startsWith('The order was'));
  };
  assert.is(await confirmedTo(storeIds[0]), 'The order was confirmed');
  assert.is(
    await confirmedTo(storeIds[1]),
    'The order was confirmed without 1 of 2 pieces of Ghee at Test Kirana, ' +
      'since not enough was left. What stayed: 1 piece of Ghee at Test Kirana',
  );
});

test('a shop is told why of its own store order only, and only with its pass', async ({ shop }) => {
  const storeIds = [await openShelf(shop, 'Toor dal', 5), await openShelf(shop, 'Ghee', 5)];
  const { body: placed } = await order(shop, storeIds);
  const [near, far] = storeIds as [string, string];
  const storeOrderOf = (storeId: string) =>
    placed.storeOrders.find((one) => one.storeId === storeId)!.storeOrderId;
  const { position } = await step(shop, storeOrderOf(far), 'reject', { reason: 'closed' });
  const read = (storeOrderId: string, pass?: string) =>
    shop.read<StoreOrderWhy>(
      `/store-orders/${storeOrderId}/why`,
      position,
      pass ? { authorization: `Bearer ${pass}` } : STRANGER,
    );
  const { status, headers, body } = await read(storeOrderOf(near), shop.passOf(near));
  assert.is(status, 200);
  assert.is(headers.get('cache-control'), 'private, no-store');
  assert.is(body.orderNumber, placed.orderId.slice(-6).toUpperCase());
  assert.match(textOf(body.entries), 'Ordered: 2 pieces of Toor dal at Test Kirana');
  assert.not.match(JSON.stringify(body), new RegExp(`Ghee|refused|${far}|${placed.orderId}`));
  assert.match(
    textOf((await read(storeOrderOf(far), shop.passOf(far))).body.entries),
    'Test Kirana refused its part: it is closed',
  );
  for (const pass of [undefined, shop.passOf(far)]) {
    const refused = await read(storeOrderOf(near), pass);
    assert.equal([refused.status, Reflect.get(refused.body, 'code')], [401, 'STORE_PASS_REQUIRED']);
    assert.is(refused.headers.get('www-authenticate'), 'Bearer');
  }
  assert.is((await read(newKey(), shop.passOf(near))).status, 404);
  assert.is((await shop.read(`/orders/${newKey()}/why`)).status, 404);
});

test('an event that no words are kept for is told by its name', async ({ shop }) => {
  const { body: placed, position } = await order(shop, [await openShelf(shop, 'Toor dal', 5)]);
  const path = `/orders/${placed.orderId}/why`;
  await shop.read(path, position);
  await shop.pool.query(
    `update history.event set type = 'ParcelLost', actor = 'robot'
     where order_id = $1 and type = 'OrderConfirmed'`,
    [placed.orderId],
  );
  const { body } = await shop.read<Why>(path);
  const lost = body.entries.map(historyText).find(({ what }) => what === 'Parcel lost');
  assert.is(lost?.by, 'robot');
});

/** An order once the log has come to a position, and when that was. */
async function standing(shop: Shop, path: string, position: string | null) {
  const { body: stood } = await shop.read<Order>(path, position);
  const { rows } = await shop.pool.query<{ at: string }>(
    'select at from history.event where position = $1',
    [parsePosition(position!)!.position],
  );
  return { at: rows[0]!.at, stood };
}

test('asOf gives an order as it stood then: status, store orders, timeline and bill', async ({
  shop,
}) => {
  const storeIds = [await openShelf(shop, 'Toor dal', 5), await openShelf(shop, 'Ghee', 5)];
  const { body: placed, position } = await order(shop, storeIds);
  const path = `/orders/${placed.orderId}`;
  const [first, second] = placed.storeOrders;
  const seen = [await standing(shop, path, position)];
  for (const name of ['accept', 'pick', 'pack', 'dispatch'] as const) {
    const at = await work(shop, first!.storeOrderId, [name]);
    seen.push(await standing(shop, path, at));
  }
  const rejected = await step(shop, second!.storeOrderId, 'reject', { reason: 'closed' });
  seen.push(await standing(shop, path, rejected.position));
  await work(shop, first!.storeOrderId, ['deliver']);
  const ended = await shop.untilLive<Order>(
    path,
    ({ status, storeOrders }) =>
      status === 'completed' && storeOrders.some(({ invoiceNumber }) => invoiceNumber !== null),
  );
  const asOf = (at: string) =>
    shop.read<Order>(`${path}?${new URLSearchParams({ asOf: at }).toString()}`);
  for (const { at, stood } of seen) assert.equal((await asOf(at)).body, stood);
  assert.equal((await asOf(new Date().toISOString())).body, ended);
  assert.is(seen[0]!.stood.status, 'confirmed');
  assert.equal(seen[0]!.stood.contact, recipient.contact);
  const { headers, body } = await asOf(seen[0]!.stood.placedAt.replace('Z', '+00:00'));
  assert.is(headers.get('cache-control'), 'private, no-store');
  assert.is(body.timeline[0]?.event, 'OrderPlaced');
});

test('an asOf that is no time, or before the order, is refused with what to do', async ({
  shop,
}) => {
  const { body, position } = await order(shop, [await openShelf(shop, 'Toor dal', 5)]);
  const { body: placed } = await shop.read<Order>(`/orders/${body.orderId}`, position);
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
