import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Rejected } from './decider.ts';
import type { Listing } from './listing.ts';
import { quote as price } from './order.ts';
import { QUOTE_HOLDS_MS, honour, type PriceRise, type Quote } from './quote.ts';

const QUOTED_AT_MS = Date.parse('2026-11-21T10:00:00Z');
const EXPIRES_AT_MS = QUOTED_AT_MS + QUOTE_HOLDS_MS;

const listed = (pricePaise: number): Listing => ({
  published: true,
  name: 'Toor dal',
  names: {},
  brand: null,
  category: 'Other',
  subcategory: null,
  pack: null,
  description: null,
  hsn: null,
  gstRates: [],
  pricePaise,
  mrpPaise: null,
});

type Item = { quantity: number; quotedPaise: number; nowPaise: number };

const pricePaise = fc.integer({ min: 0, max: 20 });
const items = fc.array(
  fc.record({
    quantity: fc.integer({ min: 1, max: 5 }),
    quotedPaise: pricePaise,
    nowPaise: pricePaise,
  }),
  { minLength: 1, maxLength: 8 },
);

/** A quote of a cart with these items, and what its shops ask now. */
function situation(all: Item[]) {
  const lines = all.map(({ quantity }, index) => ({ listingId: `a.${index}`, quantity }));
  const listings = (paiseOf: (item: Item) => number) =>
    new Map(all.map((item, index) => [`a.${index}`, listed(paiseOf(item))]));
  const then = listings(({ quotedPaise }) => quotedPaise);
  const [part] = price(lines, (id) => then.get(id));
  const quote: Quote = {
    lines: part!.lines,
    totalPaise: part!.totalPaise,
    expiresAt: new Date(EXPIRES_AT_MS).toISOString(),
  };
  return { lines, quote, listings: listings(({ nowPaise }) => nowPaise) };
}

const pricesOf = (listings: ReadonlyMap<string, Listing>): number[] =>
  [...listings.values()].map((listing) => (listing.published ? listing.pricePaise : -1));

function refusal(run: () => unknown): Rejected {
  try {
    run();
  } catch (error) {
    if (error instanceof Rejected) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

test('while a quote holds, each line costs the lower of what was quoted and what is asked', () => {
  fc.assert(
    fc.property(items, fc.integer({ min: 0, max: QUOTE_HOLDS_MS - 1 }), (all, waitedMs) => {
      const { lines, quote, listings } = situation(all);
      const honoured = honour(quote, lines, listings, new Date(QUOTED_AT_MS + waitedMs));
      assert.equal(
        pricesOf(honoured),
        all.map(({ quotedPaise, nowPaise }) => Math.min(quotedPaise, nowPaise)),
      );
      assert.equal(
        pricesOf(listings),
        all.map(({ nowPaise }) => nowPaise),
      );
    }),
  );
});

test('after that, prices of now apply unless one rose: then all that rose are told, and by how much', () => {
  fc.assert(
    fc.property(items, fc.nat(), (all, lateMs) => {
      const { lines, quote, listings } = situation(all);
      const late = () => honour(quote, lines, listings, new Date(EXPIRES_AT_MS + lateMs));
      const risen = all.filter(({ quotedPaise, nowPaise }) => nowPaise > quotedPaise);
      if (risen.length === 0) {
        assert.equal(
          pricesOf(late()),
          all.map(({ nowPaise }) => nowPaise),
        );
        return;
      }
      const { code, facts } = refusal(late);
      assert.is(code, 'PRICE_CHANGED');
      assert.equal(
        (facts.lines as PriceRise[]).map((rise) => [rise.quotedPaise, rise.pricePaise]),
        risen.map(({ quotedPaise, nowPaise }) => [quotedPaise, nowPaise]),
      );
      const difference = risen.map((item) => (item.nowPaise - item.quotedPaise) * item.quantity);
      assert.is(
        facts.differencePaise,
        difference.reduce((sum, paise) => sum + paise, 0),
      );
    }),
  );
});

test('whatever happens, nobody is charged more than was quoted or than is asked', () => {
  fc.assert(
    fc.property(items, fc.nat({ max: 2 * QUOTE_HOLDS_MS }), (all, waitedMs) => {
      const { lines, quote, listings } = situation(all);
      let honoured: Map<string, Listing>;
      try {
        honoured = honour(quote, lines, listings, new Date(QUOTED_AT_MS + waitedMs));
      } catch (error) {
        assert.instance(error, Rejected);
        return;
      }
      const charged = price(lines, (id) => honoured.get(id))[0]!.totalPaise;
      assert.ok(charged <= quote.totalPaise);
      assert.ok(charged <= price(lines, (id) => listings.get(id))[0]!.totalPaise);
    }),
  );
});

test('a cart with other lines or quantities is not what was quoted', () => {
  const { lines, quote, listings } = situation([
    { quantity: 2, quotedPaise: 500, nowPaise: 500 },
    { quantity: 1, quotedPaise: 300, nowPaise: 300 },
  ]);
  const [first, second] = lines;
  const more = { listingId: 'a.9', quantity: 1 };
  const now = new Date(QUOTED_AT_MS);
  const changed = [
    [first!],
    [...lines, more],
    [first!, more],
    [],
    [{ ...first!, quantity: 3 }, second!],
  ];
  for (const cart of changed) {
    assert.is(refusal(() => honour(quote, cart, listings, now)).code, 'CART_CHANGED');
  }
  assert.equal(honour(quote, lines.toReversed(), listings, now), listings);
});

test('a listing that is gone stays gone: pricing refuses it', () => {
  const { lines, quote } = situation([{ quantity: 1, quotedPaise: 5, nowPaise: 5 }]);
  const gone = new Map<string, Listing>([['a.0', { published: false }]]);
  assert.equal(honour(quote, lines, gone, new Date(EXPIRES_AT_MS)), gone);
});

test.run();
