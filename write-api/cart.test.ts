import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePosition } from '../engine/position.ts';
import { newKey, openStore, startShop, type Shop } from '../test/shop.ts';

const test = suite<{ shop: Shop; cartId: string; item: string }>('cart');

test.before(async (context) => {
  context.shop = await startShop();
});
test.before.each(async (context) => {
  const { shop } = context;
  const { listingIds } = await openStore(shop);
  context.item = listingIds[0]!;
  const opened = await shop.write<{ cartId: string }>('POST', '/carts');
  context.cartId = opened.body.cartId;
  await shop.read(`/carts/${context.cartId}`, opened.position);
});
test.after(({ shop }) => shop.stop());

test('what is put in a cart is there, in sums and by shop', async ({ shop, cartId, item }) => {
  const other = await openStore(shop, ['Ghee,650']);
  await shop.write('PUT', `/carts/${cartId}/items/${item}`, { quantity: 3 });
  const put = await shop.write('PUT', `/carts/${cartId}/items/${other.listingIds[0]!}`, {
    quantity: 1,
  });
  const { body } = await shop.read<{ stores: { lines: unknown[] }[] }>(
    `/carts/${cartId}`,
    put.position,
  );
  assert.is(body.stores.length, 2);
  assert.is(Reflect.get(body, 'totalPaise'), 3 * 12_000 + 65_000);
  assert.is(Reflect.get(body, 'quantity'), 4);
});

test('a quantity of 0 takes the item out', async ({ shop, cartId, item }) => {
  const path = `/carts/${cartId}/items/${item}`;
  await shop.write('PUT', path, { quantity: 3 });
  const { position } = await shop.write('PUT', path, { quantity: 0 });
  const { body } = await shop.read(`/carts/${cartId}`, position);
  assert.equal(body.stores, []);
});

test('the same command twice has one effect and one answer', async ({ shop, cartId, item }) => {
  const path = `/carts/${cartId}/items/${item}`;
  const key = { 'idempotency-key': newKey() };
  const first = await shop.write('PUT', path, { quantity: 2 }, key);
  const second = await shop.write('PUT', path, { quantity: 2 }, key);
  assert.is(second.status, first.status);
  assert.equal(second.body, first.body);
  assert.is(second.position, first.position);
});

test('a key says one thing: with another body it is 422', async ({ shop, cartId, item }) => {
  const path = `/carts/${cartId}/items/${item}`;
  const key = { 'idempotency-key': newKey() };
  await shop.write('PUT', path, { quantity: 2 }, key);
  const { status, body } = await shop.write('PUT', path, { quantity: 9 }, key);
  assert.is(status, 422);
  assert.is(body.code, 'IDEMPOTENCY_KEY_REUSED');
});

test('opening a cart twice with one key opens one cart', async ({ shop }) => {
  const key = { 'idempotency-key': newKey() };
  const first = await shop.write('POST', '/carts', undefined, key);
  const second = await shop.write('POST', '/carts', undefined, key);
  assert.equal([second.status, second.body], [201, first.body]);
  const guessable = await shop.write('POST', '/carts', undefined, {
    'idempotency-key': 'guess-me',
  });
  assert.is(guessable.status, 400);
});

test('bad input is refused with what to do, and changes nothing', async ({
  shop,
  cartId,
  item,
}) => {
  const path = `/carts/${cartId}/items/${item}`;
  const bad: [status: number, path: string, body: unknown][] = [
    [400, path, { quantity: -1 }],
    [400, path, { quantity: 1e9 }],
    [400, path, { quantity: 1.5 }],
    [400, path, { quantity: '3' }],
    [400, path, { quantity: null }],
    [400, path, {}],
    [400, path, [1]],
    [400, path, { quantity: 1, price: 1 }],
    [404, `/carts/${cartId}/items/${item}-unknown`, { quantity: 1 }],
    [404, `/carts/${newKey()}/items/${item}`, { quantity: 1 }],
    [400, `/carts/not-an-id/items/${item}`, { quantity: 1 }],
  ];
  const before = await shop.read(`/carts/${cartId}`);
  for (const [status, at, body] of bad) {
    const answer = await shop.write('PUT', at, body);
    assert.is(answer.status, status, JSON.stringify(body));
    assert.match(answer.headers.get('content-type')!, 'application/problem+json');
    assert.type(answer.body.code, 'string');
    assert.type(answer.body.detail, 'string');
  }
  assert.equal((await shop.read(`/carts/${cartId}`)).body, before.body);
});

test('a body that is no JSON, no UTF-8 or 10 MB is refused', async ({ shop, cartId, item }) => {
  const url = `${shop.writeUrl}/carts/${cartId}/items/${item}`;
  const put = async (body: string | Buffer<ArrayBuffer>, type = 'application/json') => {
    const headers = { ...shop.shopper, 'content-type': type };
    const response = await fetch(url, { method: 'PUT', headers, body });
    const { code } = (await response.json()) as { code: string };
    return [response.status, code];
  };
  assert.equal(await put('{"quantity":'), [400, 'INVALID_JSON']);
  const broken = Buffer.from('{"quantity":1,"x":"\xff\xfe"}', 'latin1');
  assert.equal(await put(broken), [400, 'INVALID_UTF8']);
  assert.equal(await put(`{"x":"${'x'.repeat(10_000_000)}"}`), [413, 'BODY_TOO_LARGE']);
  assert.equal(await put('quantity=1', 'text/html'), [415, 'UNSUPPORTED_MEDIA_TYPE']);
});

test('200 racing changes to one cart all count, and the last one stands', async (context) => {
  const { shop, cartId, item } = context;
  const path = `/carts/${cartId}/items/${item}`;
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) => shop.write('PUT', path, { quantity: (i % 50) + 1 })),
  );
  assert.ok(answers.every(({ status }) => status === 200));
  const placeOf = ({ position }: { position: string | null }) => parsePosition(position!)!.position;
  const last = answers.reduce((a, b) => (placeOf(a) > placeOf(b) ? a : b));
  const { body } = await shop.read<{ quantity: number }>(`/carts/${cartId}`, last.position);
  assert.ok(answers.some((answer) => answer.body.quantity === body.quantity));
});

test.run();
