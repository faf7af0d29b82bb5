import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newKey, openStore, quoteCart, recipient, startShop, type Shop } from './shop.ts';

const SHOPPERS = 64;
/** So many want the same item first; who comes too late takes the next one. */
const RIVALS = 2;

const test = suite<{ shop: Shop }>('contention');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

type Refusal = { code: string; shortages: { listingId: string; wanted: number; left: number }[] };

async function setItem(shop: Shop, cartId: string, listingId: string, quantity: number) {
  await shop.write('PUT', `/carts/${cartId}/items/${listingId}`, { quantity });
}

/** Tries one item after the other; the one that was to be had, if any. */
async function buyFirst(shop: Shop, listingIds: string[]) {
  const { body: opened } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const listingId of listingIds) {
    await setItem(shop, opened.cartId, listingId, 1);
    const quote = await quoteCart(shop, opened.cartId);
    const order = { ...opened, quote, ...recipient, payment: 'cash-on-delivery' };
    const { status, body } = await shop.write<Refusal>('POST', '/orders', order, {
      'idempotency-key': newKey(),
    });
    if (status === 201) return listingId;
    assert.equal([status, body.code], [409, 'INSUFFICIENT_STOCK']);
    assert.equal(body.shortages, [{ listingId, wanted: 1, left: 0 }]);
    await setItem(shop, opened.cartId, listingId, 0);
  }
  return undefined;
}

/** A shop with one piece of each of so many items. */
async function openLastPieces(shop: Shop, items: number): Promise<string[]> {
  const prices = Array.from({ length: items }, (_, i) => `Item ${i},${10 + i}`);
  const { storeId, listingIds } = await openStore(shop, prices);
  const lines = listingIds.map((_, i) => ({ sku: `s${i + 1}`, quantity: 1 }));
  const { status } = await shop.write('POST', `/stores/${storeId}/stock/receive`, { lines });
  assert.is(status, 200);
  return listingIds;
}

test('64 shoppers race for the last 64 items: each gets one, and nothing is sold twice', async ({
  shop,
}) => {
  const left = await openLastPieces(shop, SHOPPERS);
  const bought = await Promise.all(
    left.map((_, shopper) => {
      const first = shopper - (shopper % RIVALS);
      return buyFirst(shop, left.slice(first, first + RIVALS));
    }),
  );
  assert.equal(new Set(bought), new Set(left));
});

test('64 shoppers race for the very last item: one gets it, all are answered', async ({ shop }) => {
  const left = await openLastPieces(shop, 1);
  const bought = await Promise.all(Array.from({ length: SHOPPERS }, () => buyFirst(shop, left)));
  assert.is(bought.filter(Boolean).length, 1);
});

test.run();
