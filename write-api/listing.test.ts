import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { STRANGER, headOfCommands, newKey, openStore, startShop, type Shop } from '../test/shop.ts';

const test = suite<{ shop: Shop; storeId: string; listingId: string }>('listing');
test.before(async (context) => {
  context.shop = await startShop();
});
test.before.each(async (context) => {
  const { storeId, listingIds } = await openStore(context.shop, ['Ghee,650', 'Salt,20']);
  Object.assign(context, { storeId, listingId: listingIds[0] });
});
test.after(({ shop }) => shop.stop());

type Context = { shop: Shop; storeId: string };

const set = ({ shop, storeId }: Context, withdrawn: boolean, key = newKey(), sku = 's1') =>
  shop.write(
    'PUT',
    `/stores/${storeId}/listings/${sku}/withdrawn`,
    { withdrawn },
    { ...shop.asShop(storeId), 'idempotency-key': key },
  );

type Books = { items: { sku: string; withdrawn: boolean; available: number | null }[] };
type Shelf = { items: unknown[] };

test('what is withdrawn is nowhere for sale, and in the books all the same', async (context) => {
  const { shop, storeId, listingId } = context;
  const lines = [{ sku: 's1', quantity: 5 }];
  await shop.write('POST', `/stores/${storeId}/stock/receive`, { lines });
  const { status, body, position } = await set(context, true);
  assert.equal([status, body], [200, { listingId, withdrawn: true }]);
  assert.is((await shop.read(`/listings/${listingId}`, position)).status, 404);
  const shelf = await shop.read<Shelf>(`/stores/${storeId}/catalogue`, position);
  assert.is(shelf.body.items.length, 1);
  assert.is((await shop.read(`/stores/${storeId}`, position)).body.listings, 1);
  const books = await shop.read<Books>(`/stores/${storeId}/stock?q=ghee`, position);
  assert.equal([books.body.items[0]?.withdrawn, books.body.items[0]?.available], [true, 0]);
  // What is left of it is still sold at the counter.
  const sold = await shop.write('POST', `/stores/${storeId}/stock/sell`, { lines });
  assert.is(sold.status, 200);

  const back = await set(context, false);
  const read = await shop.read(`/listings/${listingId}`, back.position);
  assert.equal([read.status, read.body.stock], [200, 0]);
});

test('a cart keeps what was withdrawn meanwhile, and says so; nobody puts more of it in', async (context) => {
  const { shop, listingId } = context;
  const { body: cart } = await shop.write<{ cartId: string }>('POST', '/carts');
  const item = `/carts/${cart.cartId}/items/${listingId}`;
  await shop.write('PUT', item, { quantity: 1 });
  const { position } = await set(context, true);
  const { status, body } = await shop.write('PUT', item, { quantity: 2 });
  assert.equal([status, body.code, body.because], [404, 'LISTING_NOT_FOUND', 'withdrawn']);
  const address = { pincode: '560001' };
  const quoted = await shop.write('POST', `/carts/${cart.cartId}/quotes`, { address });
  assert.equal([quoted.status, quoted.body.because], [404, 'withdrawn']);
  type Cart = { stores: { lines: { available: boolean; stock: number | null }[] }[] };
  const read = await shop.read<Cart>(`/carts/${cart.cartId}`, position);
  const [line] = read.body.stores[0]!.lines;
  assert.equal([line?.available, line?.stock], [false, 0]);
  assert.is((await shop.write('PUT', item, { quantity: 0 })).status, 200);
});

test('sent twice it happens once, and a repeat takes back nothing that came after', async (context) => {
  const { shop } = context;
  const key = newKey();
  await set(context, true, key);
  const head = await headOfCommands(shop.client);
  assert.is((await set(context, true, key)).status, 200);
  assert.is(await headOfCommands(shop.client), head);
  await set(context, false);
  const back = await headOfCommands(shop.client);
  assert.is((await set(context, true, key)).status, 200);
  assert.is(await headOfCommands(shop.client), back);
  assert.is((await set(context, false, key)).status, 422);
});

test('what the shop never listed cannot be withdrawn, nor anything by a stranger', async (context) => {
  const { shop, storeId } = context;
  const unknown = await set(context, true, newKey(), 'unknown');
  assert.equal([unknown.status, unknown.body.code], [404, 'LISTING_NOT_FOUND']);
  const path = `/stores/${storeId}/listings/s1/withdrawn`;
  assert.is((await shop.write('PUT', path, { withdrawn: true }, STRANGER)).status, 401);
});

test.run();
