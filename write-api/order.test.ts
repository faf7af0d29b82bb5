import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  headOfCommands,
  newKey,
  openStore,
  quoteCart,
  recipient,
  startParts,
  startShop,
  STEPS,
  takeAsShop,
  work,
  type Answer,
  type Shop,
} from '../test/shop.ts';
import { readStream, type EventStore } from '../platform/event-store.ts';
import { AppendOutcomeUnknown } from '../platform/appends.ts';
import { idFrom } from '../platform/ids.ts';

type Placed = { orderId: string; storeOrders: { storeOrderId: string; storeId: string }[] };
type Read = {
  status: string;
  totalPaise: number;
  contact: object;
  storeOrders: { status: string; storeId: string }[];
  timeline: { event: string }[];
};

const test = suite<{ shop: Shop }>('order');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

/** A cart with two items at one shop and one at another, and a quote of it. */
async function fillCart(shop: Shop) {
  const [near, far] = [await openStore(shop), await openStore(shop, ['Ghee,650'])];
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const listingId of [...near.listingIds, ...far.listingIds]) {
    await shop.write('PUT', `/carts/${body.cartId}/items/${listingId}`, { quantity: 2 });
  }
  return { cartId: body.cartId, quote: await quoteCart(shop, body.cartId), near, far };
}

type Quoted = { cartId: string; quote: string };

const order = (
  shop: Shop,
  { cartId, quote }: Quoted,
  key = newKey(),
  more = {},
): Promise<Answer<Placed>> =>
  shop.write(
    'POST',
    '/orders',
    { cartId, quote, ...recipient, payment: 'cash-on-delivery', ...more },
    { 'idempotency-key': key },
  );

test('one cart, two shops: one order, a store order on each board', async ({ shop }) => {
  const filled = await fillCart(shop);
  const { near, far } = filled;
  const placed = await order(shop, filled);
  assert.is(placed.status, 201);
  const stores = placed.body.storeOrders.map(({ storeId }) => storeId);
  assert.equal(new Set(stores), new Set([near.storeId, far.storeId]));
  const { body } = await shop.read<Read>(`/orders/${placed.body.orderId}`, placed.position);
  assert.is(body.status, 'confirmed');
  assert.is(body.totalPaise, 2 * (12_000 + 9_550 + 65_000));
  assert.equal(body.contact, recipient.contact);
  for (const storeId of stores) {
    const board = await shop.read<{ storeOrders: object[] }>(`/stores/${storeId}/board`);
    assert.is(board.body.storeOrders.length, 1);
  }
});

test('100 parallel repeats of one checkout make one order', async ({ shop }) => {
  const filled = await fillCart(shop);
  const key = newKey();
  const answers = await Promise.all(Array.from({ length: 100 }, () => order(shop, filled, key)));
  const different = new Set(answers.map(({ status, body }) => JSON.stringify({ status, body })));
  assert.is(different.size, 1, [...different].join('\n'));
  assert.is(answers[0]?.status, 201);
});

test('the same key with another body is 422, and two keys cannot order one cart', async ({
  shop,
}) => {
  const filled = await fillCart(shop);
  const key = newKey();
  assert.is((await order(shop, filled, key)).status, 201);
  const address = { ...recipient.address, line1: 'elsewhere' };
  assert.is((await order(shop, filled, key, { address })).status, 422);
  const second = await order(shop, filled);
  assert.equal([second.status, Reflect.get(second.body, 'code')], [409, 'CART_CHECKED_OUT']);
});

test('racing checkouts of one cart under different keys: one wins', async ({ shop }) => {
  const filled = await fillCart(shop);
  const answers = await Promise.all(Array.from({ length: 20 }, () => order(shop, filled)));
  assert.is(answers.filter(({ status }) => status === 201).length, 1);
  assert.is(answers.filter(({ status }) => status === 409).length, 19);
});

test('no key that a shopper can send takes a step from the checkout', async ({ shop }) => {
  const filled = await fillCart(shop);
  const item = `/carts/${filled.cartId}/items/${filled.near.listingIds[0]!}`;
  const put = (quantity: number, key: string) =>
    shop.write('PUT', item, { quantity }, { 'idempotency-key': key });
  const key = newKey();
  const orderId = shop.orderIdOf(key);
  // As the step that gives the cart back was called once; a shopper can know all of it.
  const step = idFrom('checkout', orderId, filled.cartId, 'ReopenCart');
  assert.is((await put(2, step)).status, 200);
  const placed = await order(shop, filled, key, { payment: 'razorpay' });
  assert.equal([placed.status, placed.body.orderId], [201, orderId]);
  assert.is((await put(1, newKey())).status, 409);
  assert.is((await shop.write('POST', `/orders/${orderId}/cancel`)).status, 200);
  assert.is((await put(1, newKey())).status, 200, 'the cart was given back');
  // As steps are called now: their ids hold a space.
  const { status, body } = await put(2, `checkout ${step}`);
  assert.equal([status, body.code], [400, 'INVALID_IDEMPOTENCY_KEY']);
});

test('a bad order says what is wrong and appends nothing', async ({ shop }) => {
  const filled = await fillCart(shop);
  const { cartId } = filled;
  const bad: [number, string, object][] = [
    [400, cartId, { contact: { name: 'A', phone: '12345' } }],
    [400, cartId, { contact: { name: ' ', phone: '9876543210' } }],
    [400, cartId, { address: { ...recipient.address, pincode: '012345' } }],
    [400, cartId, { payment: 'card' }],
    [400, cartId, { totalPaise: 1 }],
    [400, 'x', {}],
    [400, cartId, { quote: undefined }],
    [404, newKey(), {}],
  ];
  const head = await headOfCommands(shop.client);
  for (const [status, id, more] of bad) {
    assert.is(
      (await order(shop, { ...filled, cartId: id }, newKey(), more)).status,
      status,
      JSON.stringify(more),
    );
  }
  assert.is(await headOfCommands(shop.client), head);
});

test('a key from which somebody could guess the order’s page is refused', async ({ shop }) => {
  const filled = await fillCart(shop);
  assert.is((await order(shop, filled, 'checkout1')).status, 400);
  assert.is((await order(shop, filled)).status, 201);
});

test('a phone and a PIN code are taken however they were pasted', async ({ shop }) => {
  const written = [
    '\u202a+91 98400 12345\u202c',
    '98400\u201312345',
    '0091 98400 12345',
    '९८४०० १२३४५',
  ];
  for (const phone of written) {
    const { cartId } = await fillCart(shop);
    const quote = await quoteCart(shop, cartId, { address: { pincode: '560\u2013001' } });
    const contact = { name: 'Test Person', phone };
    const address = { ...recipient.address, pincode: '\u202a५६० ००१\u202c' };
    const wish = { cartId, quote, contact, address, payment: 'cash-on-delivery' };
    const placed = await shop.write<{ orderId: string }>('POST', '/orders', wish);
    assert.is(placed.status, 201, JSON.stringify(placed.body));
    const path = `/orders/${placed.body.orderId}`;
    const { body } = await shop.read<{ contact: object; address: object }>(path, placed.position);
    assert.equal(body.contact, { name: 'Test Person', phone: '+919840012345' });
    assert.equal(body.address, recipient.address);
  }
});

test('names, phones and addresses are nowhere in the log', async ({ shop }) => {
  const filled = await fillCart(shop);
  const { body } = await order(shop, filled);
  const streams = [
    `order-${body.orderId}`,
    ...body.storeOrders.map((one) => `storeorder-${one.storeOrderId}`),
  ];
  for (const stream of streams) {
    for await (const event of readStream(shop.client, stream)) {
      const text = JSON.stringify([event.data, event.metadata]);
      assert.not.match(text, /Asha|98765|4th Cross/);
    }
  }
});

test('a board, with whom its orders are for, opens to whom carries the shop’s pass', async ({
  shop,
}) => {
  const filled = await fillCart(shop);
  const { near } = filled;
  const { position } = await order(shop, filled);
  type Board = { storeOrders: { contact: object | null }[] };
  const board = (authorization: string) =>
    shop.read<Board>(`/stores/${near.storeId}/board`, position, { authorization });
  for (const stranger of ['', `Bearer ${shop.passOf('another')}`]) {
    const { status, body } = await board(stranger);
    assert.equal([status, Reflect.get(body, 'code')], [401, 'STORE_PASS_REQUIRED']);
  }
  const signedIn = await board(`Bearer ${shop.passOf(near.storeId)}`);
  assert.equal(signedIn.body.storeOrders[0]?.contact, recipient.contact);
});

test('shops work their store orders, and the order ends when the last one has', async ({
  shop,
}) => {
  const filled = await fillCart(shop);
  const { body: placed } = await order(shop, filled);
  const [first, second] = placed.storeOrders;
  const step = (id: string, name: string, body?: object) => takeAsShop(shop, id, name, body);
  const twice = STEPS.flatMap((name) => [name, name]);
  await work(shop, first!.storeOrderId, twice);
  assert.is((await step(first!.storeOrderId, 'reject')).status, 409);
  assert.is((await step(newKey(), 'accept')).status, 404);
  assert.is((await step(second!.storeOrderId, 'reject', { reason: 'lazy' })).status, 400);
  await step(second!.storeOrderId, 'reject', { reason: 'out-of-stock' });
  const ended = await shop.untilLive<Read>(
    `/orders/${placed.orderId}`,
    ({ status }) => status === 'completed',
  );
  assert.equal(
    new Set(ended.storeOrders.map(({ status }) => status)),
    new Set(['delivered', 'rejected']),
  );
  assert.is(ended.timeline.at(-1)?.event, 'OrderCompleted');
});

/** An event store that is gone as soon as an event of a kind of streams is on disk. */
function gone(client: EventStore) {
  const state = { isGone: false, after: 'nothing' };
  const lost = () => Promise.reject(Object.assign(new Error('gone'), { type: 'unavailable' }));
  const store: EventStore = Object.assign(Object.create(client), {
    readNewest: (stream: string) => (state.isGone ? lost() : client.readNewest(stream)),
    async *readEvents(...args: Parameters<EventStore['readEvents']>) {
      if (state.isGone) await lost();
      yield* client.readEvents(...args);
    },
    async appendEvents(...args: Parameters<EventStore['appendEvents']>) {
      if (state.isGone) throw new AppendOutcomeUnknown('gone');
      const appended = await client.appendEvents(...args);
      if (args[0].startsWith(state.after)) state.isGone = true;
      return appended;
    },
  });
  return { state, store };
}

test('nobody says that nothing was done once something was', async () => {
  const parts = await startParts();
  const { state, store } = gone(parts.client);
  const shop = await startShop({ parts: { ...parts, client: store } });
  try {
    const filled = await fillCart(shop);
    const key = newKey();
    state.isGone = true;
    const before = await order(shop, filled, key);
    assert.equal([before.status, codeIn(before)], [503, 'UNAVAILABLE']);
    Object.assign(state, { isGone: false, after: 'order-' });
    const cut = await order(shop, filled, key);
    assert.equal([cut.status, codeIn(cut)], [503, 'OUTCOME_UNKNOWN']);
    const repeat = await order(shop, filled, key);
    assert.equal([repeat.status, codeIn(repeat)], [503, 'OUTCOME_UNKNOWN']);
    Object.assign(state, { isGone: false, after: 'nothing' });
    const done = await order(shop, filled, key);
    assert.is(done.status, 201);
    assert.is((await order(shop, filled, key)).body.orderId, done.body.orderId);
  } finally {
    Object.assign(state, { isGone: false, after: 'nothing' });
    await shop.stop();
  }
});

const codeIn = ({ body }: Answer<unknown>): string => (body as { code: string }).code;

test.run();
