import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CartView } from './cart-view.ts';
import type { Cart } from './contract.ts';
import {
  atQuote,
  differencePaise,
  isQuoteOf,
  risesOf,
  type AskedQuote,
  type Quote,
} from './quote.ts';

const line = (listingId: string, quantity: number, pricePaise: number) => ({
  listingId,
  name: `item ${listingId}`,
  names: {},
  pack: null,
  quantity,
  pricePaise,
  linePaise: quantity * pricePaise,
});

const quoteOf = (...parts: Quote['parts'][number]['lines'][]): AskedQuote => ({
  parts: parts.map((lines, index) => ({
    storeId: `${index}`,
    lines,
    fulfilment: 'delivery',
    feePaise: 0,
    taxPaise: 0,
    totalPaise: 0,
  })),
  totalPaise: 0,
  payments: ['cash-on-delivery'],
  expiresAt: '2026-11-21T10:15:00.000Z',
  token: 'token',
  destination: { pincode: '560001' },
});

const withFee = (
  feePaise: number,
  quantity = 1,
  fulfilment: 'delivery' | 'pickup' = 'delivery',
) => {
  const quote = quoteOf([line('dal', quantity, 100)]);
  return { ...quote, parts: quote.parts.map((one) => ({ ...one, feePaise, fulfilment })) };
};

const cartOf = (...lines: { listingId: string; quantity: number }[]) =>
  ({ stores: lines.map((each) => ({ lines: [each] })) }) as unknown as Pick<Cart, 'stores'>;

test('a quote is of a cart with the same lines, whatever they cost', () => {
  const quote = quoteOf([line('dal', 2, 100)], [line('tea', 1, 50)]);
  assert.ok(isQuoteOf(quote, cartOf(line('tea', 1, 60), line('dal', 2, 1))));
  assert.not.ok(isQuoteOf(quote, cartOf(line('dal', 2, 100))));
  assert.not.ok(isQuoteOf(quote, cartOf(line('tea', 2, 50), line('dal', 2, 100))));
});

test('what rose is told with both prices, and what that makes in all', () => {
  const seen = quoteOf([line('dal', 2, 100), line('rice', 1, 80)], [line('tea', 1, 50)]);
  const renewed = quoteOf(
    [line('dal', 3, 110), line('rice', 1, 70)],
    [line('tea', 1, 55), line('salt', 1, 20)],
  );
  const rises = risesOf(seen, renewed);
  assert.equal(rises, [
    { id: 'dal', storeId: '0', name: 'item dal', quantity: 3, nowPaise: 110, seenPaise: 100 },
    { id: 'tea', storeId: '1', name: 'item tea', quantity: 1, nowPaise: 55, seenPaise: 50 },
  ]);
  assert.is(differencePaise(rises), 3 * 10 + 5);
});

test('a rise stays told, whatever is quoted anew, until the price is back', () => {
  const [seen, risen] = [quoteOf([line('dal', 1, 100)]), quoteOf([line('dal', 1, 110)])];
  const known = risesOf(seen, risen);
  assert.equal(risesOf(risen, risen, known), known);
  assert.equal(risesOf(risen, seen, known), []);
});

test('a fee that rose is told; one of another load, way or place is the shopper’s own doing', () => {
  const [rise] = risesOf(withFee(3_000), withFee(4_000));
  assert.equal([rise?.name, rise?.seenPaise, rise?.nowPaise], ['Delivery', 3_000, 4_000]);
  assert.equal(risesOf(withFee(3_000), withFee(4_000, 2)), []);
  assert.equal(risesOf(withFee(0, 1, 'pickup'), withFee(4_000)), []);
  const elsewhere = { ...withFee(4_000), destination: { pincode: '560002' } };
  assert.equal(risesOf(withFee(3_000), elsewhere), []);
});

test('shows a cart at its quote, whatever the shop asks meanwhile', () => {
  const lines = [line('dal', 2, 120), line('rice', 1, 50)].map((one) => ({
    ...one,
    mrpPaise: 125,
  }));
  const stores = [{ storeId: '0', lines, subtotalPaise: 290 }];
  const view = { stores, totalPaise: 290, savedPaise: 85 } as unknown as CartView;
  const shown = atQuote(view, quoteOf([line('dal', 2, 100), line('rice', 1, 50)]));
  assert.equal(
    shown.stores[0]!.lines.map(({ linePaise }) => linePaise),
    [200, 50],
  );
  assert.is(shown.stores[0]!.subtotalPaise, 250);
  assert.is(shown.totalPaise, 250);
  assert.is(shown.savedPaise, 125);
  assert.is(atQuote(view, quoteOf([line('dal', 1, 100)])), view);
  assert.is(atQuote(view, null), view);
});

test.run();
