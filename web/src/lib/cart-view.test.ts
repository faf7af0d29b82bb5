import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { viewOf } from './cart-view.ts';
import type { Cart, CartLine } from './contract.ts';

const view = suite('cart view');

const line = (listingId: string, quantity: number, pricePaise: number): CartLine => ({
  listingId,
  name: listingId,
  names: {},
  brand: null,
  category: 'Dals',
  subcategory: null,
  pack: null,
  gramsEach: null,
  packSize: null,
  unitPrice: null,
  quantity,
  pricePaise,
  mrpPaise: pricePaise + 100,
  linePaise: quantity * pricePaise,
  available: true,
  stock: null,
});

const CART: Cart = {
  cartId: 'c1',
  status: 'open',
  orderId: null,
  stores: [
    {
      storeId: 'a',
      name: 'A',
      subtotalPaise: 2500,
      lines: [line('dal', 2, 1000), line('tea', 1, 500)],
    },
    { storeId: 'b', name: 'B', subtotalPaise: 300, lines: [line('soap', 1, 300)] },
  ],
  quantity: 4,
  totalPaise: 2800,
};

view('shows what the server knows where nothing was wished', () => {
  const { stores, quantity, totalPaise, savedPaise, orderable } = viewOf(CART, new Map());
  assert.equal(stores, CART.stores);
  assert.equal([quantity, totalPaise, savedPaise, orderable], [4, 2800, 400, true]);
});

view('puts a wish into line, shop and total at once', () => {
  const { stores, totalPaise } = viewOf(
    CART,
    new Map([['dal', { quantity: 5, pricePaise: 1000 }]]),
  );
  assert.is(stores[0]?.lines[0]?.linePaise, 5000);
  assert.is(stores[0]?.subtotalPaise, 5500);
  assert.is(totalPaise, 5800);
});

view('drops a line that is wished away, and its shop when it was the last one', () => {
  const { stores, quantity } = viewOf(CART, new Map([['soap', { quantity: 0, pricePaise: 300 }]]));
  assert.equal(
    stores.map((store) => store.storeId),
    ['a'],
  );
  assert.is(quantity, 3);
});

view('counts what is not in the cart yet', () => {
  const { quantity, totalPaise } = viewOf(
    null,
    new Map([['rice', { quantity: 2, pricePaise: 700 }]]),
  );
  assert.equal([quantity, totalPaise], [2, 1400]);
});

view('is not to be ordered when empty, or with something that is no longer sold', () => {
  assert.not.ok(viewOf(null, new Map()).orderable);
  const gone = structuredClone(CART);
  gone.stores[0]!.lines[0]!.stock = 1;
  assert.not.ok(viewOf(gone, new Map()).orderable);
});

view.run();
