import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { order } from '../domain/ordering/order.ts';
import { QUOTE_HOLDS_MS } from '../domain/ordering/quote.ts';
import {
  newKey,
  openStore,
  recipient,
  startShop,
  type Shop,
  headOfCommands,
} from '../test/shop.ts';
import { noteDropped } from '../engine/parking.ts';
import { damage } from '../test/damage.ts';
import { sign } from '../platform/signature.ts';

type Quote = {
  parts: {
    storeId: string;
    lines: object[];
    fulfilment: string;
    feePaise: number;
    totalPaise: number;
  }[];
  totalPaise: number;
  expiresAt: string;
  token: string;
};
type Placed = { orderId: string; totalPaise: number };
type Problem = {
  code: string;
  detail: string;
  lines: { listingId: string; quotedPaise: number; pricePaise: number }[];
  fees: { storeId: string; quotedPaise: number; feePaise: number }[];
  differencePaise: number;
};
type Cart = { cartId: string; storeId: string; dal: string };

let clockMs = Date.now();

const test = suite<{ shop: Shop }>('quote');
test.before(async (context) => {
  context.shop = await startShop({ now: () => new Date(clockMs) });
});
test.after(({ shop }) => shop.stop());

/** Two pieces of dal at ₹120 and two of rice at ₹95.50. */
async function fillCart(shop: Shop): Promise<Cart> {
  const { storeId, listingIds } = await openStore(shop);
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const listingId of listingIds) await put(shop, body.cartId, listingId, 2);
  return { cartId: body.cartId, storeId, dal: listingIds[0]! };
}

const put = (shop: Shop, cartId: string, listingId: string, quantity: number) =>
  shop.write('PUT', `/carts/${cartId}/items/${listingId}`, { quantity });

const HOME = { pincode: '560001' };

async function ask(shop: Shop, cartId: string, delivery: object = {}): Promise<Quote> {
  const path = `/carts/${cartId}/quotes`;
  const { status, body } = await shop.write<Quote>('POST', path, { address: HOME, ...delivery });
  assert.is(status, 200);
  return body;
}

const priceDal = (shop: Shop, { storeId }: Cart, rupees: number) =>
  shop.importCsv(storeId, `sku,name,price\ns1,Toor dal,${rupees}`);

const setFee = (shop: Shop, { storeId }: Cart, feePaise: number, freeFromPaise = 100_000) =>
  shop.write('PUT', `/stores/${storeId}/fee`, {
    steps: [{ fromMetres: 0, fromPaise: 0, feePaise }],
    freeFromPaise,
  });

const accept = <T = Placed>(
  shop: Shop,
  cartId: string,
  quote: string,
  key = newKey(),
  { address, ...wishes }: { address?: object; pickup?: string[]; ifMissing?: object } = {},
) =>
  shop.write<T>(
    'POST',
    '/orders',
    {
      cartId,
      quote,
      contact: recipient.contact,
      address: { ...recipient.address, ...address },
      payment: 'cash-on-delivery',
      ...wishes,
    },
    { 'idempotency-key': key },
  );

test('a quote tells prices by shop and how long it holds, and leaves no trace', async ({
  shop,
}) => {
  const { cartId, storeId } = await fillCart(shop);
  const other = await openStore(shop, ['Ghee,650']);
  await put(shop, cartId, other.listingIds[0]!, 1);
  const head = await headOfCommands(shop.client);
  const { parts, totalPaise, expiresAt } = await ask(shop, cartId);
  assert.equal(
    parts.map((one) => [one.storeId, one.lines.length, one.totalPaise]),
    [
      [storeId, 2, 43_100],
      [other.storeId, 1, 65_000],
    ],
  );
  assert.is(totalPaise, 108_100);
  assert.is(Date.parse(expiresAt), clockMs + QUOTE_HOLDS_MS);
  assert.is(await headOfCommands(shop.client), head);
});

test('a price that fell applies', async ({ shop }) => {
  const cart = await fillCart(shop);
  const quote = await ask(shop, cart.cartId);
  await priceDal(shop, cart, 100);
  const placed = await accept(shop, cart.cartId, quote.token);
  assert.equal([placed.status, placed.body.totalPaise], [201, 39_100]);
  const { body } = await shop.read(`/orders/${placed.body.orderId}`, placed.position);
  assert.is(body.totalPaise, 39_100);
});

test('a price that rises while the quote holds is not charged, and the order keeps the quote', async ({
  shop,
}) => {
  const cart = await fillCart(shop);
  const { token, totalPaise, expiresAt } = await ask(shop, cart.cartId);
  await priceDal(shop, cart, 130);
  clockMs += QUOTE_HOLDS_MS - 1;
  const placed = await accept(shop, cart.cartId, token);
  assert.equal([placed.status, placed.body.totalPaise], [201, totalPaise]);
  const kept = await shop.handler.load(order, placed.body.orderId, { fresh: true });
  assert.equal(kept.status !== 'none' && kept.quote, { totalPaise, expiresAt });
  assert.is(kept.status !== 'none' && kept.parts[0]!.lines[0]!.pricePaise, 12_000);
});

test('after that it is refused with the difference, until a new quote is accepted', async ({
  shop,
}) => {
  const cart = await fillCart(shop);
  const old = await ask(shop, cart.cartId);
  await priceDal(shop, cart, 130);
  clockMs += QUOTE_HOLDS_MS;
  const head = await headOfCommands(shop.client);
  const { status, body } = await accept<Problem>(shop, cart.cartId, old.token);
  assert.equal([status, body.code, body.differencePaise], [409, 'PRICE_CHANGED', 2_000]);
  assert.equal(body.lines, [{ listingId: cart.dal, quotedPaise: 12_000, pricePaise: 13_000 }]);
  assert.is(await headOfCommands(shop.client), head);

  const renewed = await ask(shop, cart.cartId);
  assert.is(renewed.totalPaise, old.totalPaise + body.differencePaise);
  const placed = await accept(shop, cart.cartId, renewed.token);
  assert.equal([placed.status, placed.body.totalPaise], [201, renewed.totalPaise]);
});

test('a quote that ran out is still good for an order when nothing rose', async ({ shop }) => {
  const { cartId } = await fillCart(shop);
  const { token, totalPaise } = await ask(shop, cartId);
  clockMs += 2 * QUOTE_HOLDS_MS;
  const placed = await accept(shop, cartId, token);
  assert.equal([placed.status, placed.body.totalPaise], [201, totalPaise]);
});

test('a cart that changed is to be quoted anew', async ({ shop }) => {
  const { cartId, dal } = await fillCart(shop);
  const { token } = await ask(shop, cartId);
  await put(shop, cartId, dal, 3);
  const refused = await accept<Problem>(shop, cartId, token);
  assert.equal([refused.status, refused.body.code], [409, 'CART_CHANGED']);
  await put(shop, cartId, dal, 2);
  assert.is((await accept(shop, cartId, token)).status, 201);
});

test('a quote tells what delivery costs; who fetches, or whose goods bring it free, pays none', async ({
  shop,
}) => {
  const cart = await fillCart(shop);
  await setFee(shop, cart, 3_000);
  const [brought] = (await ask(shop, cart.cartId)).parts;
  assert.equal([brought?.fulfilment, brought?.feePaise], ['delivery', 3_000]);
  const pickup = [cart.storeId];
  const fetched = await ask(shop, cart.cartId, { pickup });
  assert.equal([fetched.parts[0]?.fulfilment, fetched.parts[0]?.feePaise], ['pickup', 0]);
  assert.is(fetched.totalPaise, 43_100);
  const unsaid = await shop.write<Quote>('POST', `/carts/${cart.cartId}/quotes`);
  assert.equal([unsaid.status, unsaid.body.totalPaise], [200, 46_100]);
  await setFee(shop, cart, 3_000, 43_100);
  assert.is((await ask(shop, cart.cartId)).totalPaise, 43_100);
  const placed = await accept(shop, cart.cartId, fetched.token, newKey(), { pickup });
  assert.equal([placed.status, placed.body.totalPaise], [201, 43_100]);
});

test('a fee is held like a price: a rise waits for the quote to run out, and is told then', async ({
  shop,
}) => {
  const [held, late, fallen] = [await fillCart(shop), await fillCart(shop), await fillCart(shop)];
  for (const cart of [held, late, fallen]) await setFee(shop, cart, 3_000);
  const tokens = await Promise.all(
    [held, late, fallen].map(async ({ cartId }) => (await ask(shop, cartId)).token),
  );
  await setFee(shop, held, 4_000);
  await setFee(shop, late, 4_000);
  await setFee(shop, fallen, 2_000);
  const total = async ({ cartId }: Cart, token?: string) =>
    (await accept(shop, cartId, token!)).body.totalPaise;
  assert.is(await total(held, tokens[0]), 46_100);
  assert.is(await total(fallen, tokens[2]), 45_100);
  clockMs += QUOTE_HOLDS_MS;
  const { status, body } = await accept<Problem>(shop, late.cartId, tokens[1]!);
  assert.equal([status, body.code, body.differencePaise], [409, 'PRICE_CHANGED', 1_000]);
  assert.equal(body.lines, []);
  assert.equal(body.fees, [{ storeId: late.storeId, quotedPaise: 3_000, feePaise: 4_000 }]);
  assert.is(await total(late, (await ask(shop, late.cartId)).token), 47_100);
});

test('another way or another place than was quoted is to be quoted anew', async ({ shop }) => {
  const { cartId, storeId } = await fillCart(shop);
  const { token } = await ask(shop, cartId);
  const unsaid = await shop.write<Quote>('POST', `/carts/${cartId}/quotes`);
  const others: [string, Parameters<typeof accept>[4]][] = [
    [token, { pickup: [storeId] }],
    [token, { address: { pincode: '560034' } }],
    [token, { address: { location: { latitude: 12.97, longitude: 77.59 } } }],
    [(await ask(shop, cartId, { pickup: [storeId] })).token, {}],
    [unsaid.body.token, {}],
  ];
  const head = await headOfCommands(shop.client);
  for (const [quote, delivery] of others) {
    const { status, body } = await accept<Problem>(shop, cartId, quote, newKey(), delivery);
    assert.equal([status, body.code], [409, 'CART_CHANGED'], JSON.stringify(delivery));
  }
  assert.is(await headOfCommands(shop.client), head);
  assert.is((await accept(shop, cartId, token)).status, 201);
});

test('there is no quote where the shop would not take the order', async ({ shop }) => {
  const { cartId, storeId } = await fillCart(shop);
  const far = { address: { pincode: '110001' } };
  const answer = await shop.write('POST', `/carts/${cartId}/quotes`, far);
  assert.equal([answer.status, answer.body.code], [409, 'OUT_OF_AREA']);
  const fetched = await ask(shop, cartId, { ...far, pickup: [storeId] });
  assert.is(fetched.totalPaise, 43_100);
});

test('a quote that was not made here for this cart is refused and changes nothing', async ({
  shop,
}) => {
  const [{ cartId }, other] = [await fillCart(shop), await fillCart(shop)];
  const { token } = await ask(shop, cartId);
  const [payload, mac] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as {
    lines: [string, number, number][];
  };
  for (const line of claims.lines) line[2] = 1;
  const cheap = Buffer.from(JSON.stringify(claims)).toString('base64url');
  const head = await headOfCommands(shop.client);
  const bad = [
    `${cheap}.${mac}`,
    sign('a secret that somebody made up themselves', cheap),
    (await ask(shop, other.cartId)).token,
    payload!,
    `${token}x`,
    token.slice(1),
    '.',
    '',
    'null',
    '₹'.repeat(100),
  ];
  for (const quote of bad) {
    const { status, body } = await accept<Problem>(shop, cartId, quote);
    assert.equal([status, body.code], [400, 'INVALID_QUOTE'], quote);
    assert.match(body.detail, 'ask for a new one');
  }
  assert.is(await headOfCommands(shop.client), head);
});

test('a repeat gets its first answer, however old its quote and whatever prices did', async ({
  shop,
}) => {
  const cart = await fillCart(shop);
  const { token } = await ask(shop, cart.cartId);
  const key = newKey();
  const first = await accept(shop, cart.cartId, token, key);
  await priceDal(shop, cart, 130);
  clockMs += 10 * QUOTE_HOLDS_MS;
  const again = await accept(shop, cart.cartId, token, key);
  assert.equal([first.status, again.status, again.body], [201, 201, first.body]);
});

test('there is no quote of an empty, an unknown or an ordered cart', async ({ shop }) => {
  const opened = await shop.write<{ cartId: string }>('POST', '/carts');
  const { cartId } = await fillCart(shop);
  await accept(shop, cartId, (await ask(shop, cartId)).token);
  const expected: [string, number, string][] = [
    [opened.body.cartId, 409, 'CART_EMPTY'],
    [newKey(), 404, 'CART_NOT_FOUND'],
    [cartId, 409, 'CART_CHECKED_OUT'],
    ['x', 400, 'INVALID_REQUEST'],
  ];
  for (const [id, status, code] of expected) {
    const answer = await shop.write('POST', `/carts/${id}/quotes`);
    assert.equal([answer.status, answer.body.code], [status, code]);
  }
});

test('of two shops the one that nobody can read is named, and the rest can be ordered', async ({
  shop,
}) => {
  const { cartId, storeId, dal } = await fillCart(shop);
  const other = await openStore(shop);
  await put(shop, cartId, other.listingIds[0]!, 3);
  const path = `/carts/${cartId}/quotes`;
  const refusal = async (delivery: object = {}) => {
    const asked = { address: HOME, ...delivery };
    const { status, body, headers } = await shop.write<Problem>('POST', path, asked);
    assert.equal([status, body.code], [503, 'STREAM_DAMAGED']);
    assert.ok(Number(headers.get('retry-after')) > 0);
    return body.detail;
  };

  const date = '2031-01-06';
  const slotday = await damage(shop.client, `slotday-${storeId}.${date}`, 'SlotHeld');
  const slots = [{ storeId, date, fromMinute: 600 }];
  assert.match(await refusal({ slots }), /^"[^"]+" and "[^"]+" cannot be ordered right now/);
  assert.is((await ask(shop, cartId)).parts.length, 2, 'as soon as they can');
  const dayOf = (day: string) => `/stores/${storeId}/slots/${day}`;
  const capacity = { slots: [{ fromMinute: 600, toMinute: 660, capacity: 1 }] };
  assert.is((await shop.write('PUT', dayOf('2031-01-07'), capacity)).status, 200);
  assert.is((await shop.write('PUT', dayOf(date), capacity)).status, 503);

  const listed = await damage(shop.client, `listing-${dal}`, 'PriceSet');
  assert.match(await refusal(), `"${dal}" cannot be ordered`);
  await noteDropped(shop.client, listed, 'test');
  assert.is((await ask(shop, cartId)).parts.length, 2);

  await damage(shop.client, `store-${storeId}`, 'MinimumOrderSet');
  assert.match(await refusal(), /take that out of the cart to order the rest/);
  const books = `/stores/${storeId}/stock/receive`;
  const received = { lines: [{ sku: 's1', quantity: 1 }] };
  assert.is((await shop.write('POST', books, received)).status, 200);
  for (const listingId of [dal, `${storeId}.s2`]) await put(shop, cartId, listingId, 0);
  const { token, parts } = await ask(shop, cartId);
  assert.equal(
    parts.map((one) => one.storeId),
    [other.storeId],
  );
  assert.is((await accept(shop, cartId, token)).status, 201);
  await noteDropped(shop.client, slotday, 'test');
  assert.is((await shop.write('PUT', dayOf(date), capacity)).status, 200);
});

test('the largest cart can be quoted and ordered', async ({ shop }) => {
  const { storeId } = await openStore(shop);
  const skus = Array.from({ length: 200 }, (_, index) => `${'த'.repeat(60)}${index}`);
  const csv = ['sku,name,price', ...skus.map((sku) => `${sku},Item,1000000`)].join('\n');
  assert.is((await shop.importCsv(storeId, csv)).status, 200);
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const sku of skus) {
    const { status } = await put(shop, body.cartId, encodeURIComponent(`${storeId}.${sku}`), 999);
    assert.is(status, 200);
  }
  const { token, totalPaise } = await ask(shop, body.cartId);
  assert.is(totalPaise, 200 * 999 * 100_000_000);
  const other = { wish: 'this-one', listingId: `${storeId}.s1` };
  const ifMissing = Object.fromEntries(skus.map((sku) => [`${storeId}.${sku}`, other]));
  assert.is((await accept(shop, body.cartId, token, newKey(), { ifMissing })).status, 201);
});

test.run();
