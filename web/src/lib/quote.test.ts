import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Cart } from './contract.ts';
import { differencePaise, isQuoteOf, risesOf, type Quote } from './quote.ts';

const line = (listingId: string, quantity: number, pricePaise: number) => ({
  listingId,
  name: `item ${listingId}`,
  names: {},
  pack: null,
  quantity,
  pricePaise,
  linePaise: quantity * pricePaise,
});

const quoteOf = (...parts: Quote['parts'][number]['lines'][]): Quote => ({
  parts: parts.map((lines, index) => ({ storeId: `${index}`, lines, totalPaise: 0 })),
  totalPaise: 0,
  expiresAt: '2026-11-21T10:15:00.000Z',
  token: 'token',
});

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
    { listingId: 'dal', name: 'item dal', seenPaise: 100, pricePaise: 110 },
    { listingId: 'tea', name: 'item tea', seenPaise: 50, pricePaise: 55 },
  ]);
  assert.is(differencePaise(rises, renewed), 3 * 10 + 5);
});

test.run();
