import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Rejected } from '../rejection.ts';
import type { OrderLine } from './order.ts';
import {
  QUOTE_HOLDS_MS,
  applyQuote,
  type Destination,
  type PriceRise,
  type PricedPart,
  type Quote,
} from './quote.ts';
import { AT_ONCE } from '../../test/terms.ts';

const QUOTED_AT_MS = Date.parse('2026-11-21T10:00:00Z');
const EXPIRES_AT_MS = QUOTED_AT_MS + QUOTE_HOLDS_MS;

const NEAR: Destination = { pincode: '560001', location: null };

type Item = { quantity: number; quotedPaise: number; nowPaise: number };
type Fee = { quotedPaise: number; nowPaise: number };

const paise = fc.integer({ min: 0, max: 20 });
const fees = fc.record({ quotedPaise: paise, nowPaise: paise });
const items = fc.array(
  fc.record({ quantity: fc.integer({ min: 1, max: 5 }), quotedPaise: paise, nowPaise: paise }),
  { minLength: 1, maxLength: 8 },
);

const priced = (all: Item[], paiseOf: (cost: Fee) => number, fee: Fee): PricedPart => {
  const lines = all.map((item, index) => {
    const [pricePaise, { quantity }] = [paiseOf(item), item];
    const line = { listingId: `a.${index}`, name: 'Toor dal', names: {}, pack: null, quantity };
    return { ...line, pricePaise, linePaise: pricePaise * quantity };
  });
  const feePaise = paiseOf(fee);
  const totalPaise = lines.reduce((sum, line) => sum + line.linePaise, feePaise);
  return { ...AT_ONCE, storeId: 'a', lines, feePaise, totalPaise };
};

/** A quote of a cart with these items, and what its shop asks now. */
function situation(all: Item[], fee: Fee = { quotedPaise: 0, nowPaise: 0 }) {
  const storeOrder = priced(all, ({ quotedPaise }) => quotedPaise, fee);
  const quote: Quote = {
    lines: storeOrder.lines,
    parts: [storeOrder],
    destination: NEAR,
    totalPaise: storeOrder.totalPaise,
    expiresAt: new Date(EXPIRES_AT_MS).toISOString(),
  };
  return { quote, asked: [priced(all, ({ nowPaise }) => nowPaise, fee)] };
}

function refusal(run: () => unknown): Rejected {
  try {
    run();
  } catch (error) {
    if (error instanceof Rejected) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

test('while a quote holds, each cost is the lower of what was quoted and what is asked', () => {
  fc.assert(
    fc.property(
      items,
      fees,
      fc.integer({ min: 0, max: QUOTE_HOLDS_MS - 1 }),
      (all, fee, waitedMs) => {
        const { quote, asked } = situation(all, fee);
        const before = structuredClone(asked);
        const honoured = applyQuote(quote, asked, NEAR, new Date(QUOTED_AT_MS + waitedMs));
        const lower = ({ quotedPaise, nowPaise }: Fee) => Math.min(quotedPaise, nowPaise);
        assert.equal(honoured, [priced(all, lower, fee)]);
        assert.equal(asked, before);
      },
    ),
  );
});

test('after that, what is asked now applies unless a cost rose: then all that rose are told, and by how much', () => {
  fc.assert(
    fc.property(items, fees, fc.nat(), (all, fee, lateMs) => {
      const { quote, asked } = situation(all, fee);
      const late = () => applyQuote(quote, asked, NEAR, new Date(EXPIRES_AT_MS + lateMs));
      const rose = ({ quotedPaise, nowPaise }: Fee) => nowPaise > quotedPaise;
      const risen = all.filter(rose);
      if (risen.length === 0 && !rose(fee)) {
        assert.equal(late(), asked);
        return;
      }
      const { code, facts } = refusal(late);
      assert.is(code, 'PRICE_CHANGED');
      assert.equal(
        (facts.lines as PriceRise[]).map((rise) => [rise.quotedPaise, rise.pricePaise]),
        risen.map(({ quotedPaise, nowPaise }) => [quotedPaise, nowPaise]),
      );
      const { quotedPaise, nowPaise: feePaise } = fee;
      assert.equal(facts.fees, rose(fee) ? [{ storeId: 'a', quotedPaise, feePaise }] : []);
      const difference = risen.map((item) => (item.nowPaise - item.quotedPaise) * item.quantity);
      assert.is(
        facts.differencePaise,
        difference.reduce((sum, rise) => sum + rise, Math.max(0, feePaise - quotedPaise)),
      );
    }),
  );
});

test('whatever happens, nobody is charged more than was quoted or than is asked', () => {
  fc.assert(
    fc.property(items, fees, fc.nat({ max: 2 * QUOTE_HOLDS_MS }), (all, fee, waitedMs) => {
      const { quote, asked } = situation(all, fee);
      let honoured: PricedPart[];
      try {
        honoured = applyQuote(quote, asked, NEAR, new Date(QUOTED_AT_MS + waitedMs));
      } catch (error) {
        assert.instance(error, Rejected);
        return;
      }
      const charged = honoured[0]!.totalPaise;
      assert.ok(charged <= quote.totalPaise);
      assert.ok(charged <= asked[0]!.totalPaise);
    }),
  );
});

test('other lines or quantities, another way or another place are not what was quoted', () => {
  const { quote, asked } = situation([
    { quantity: 2, quotedPaise: 500, nowPaise: 500 },
    { quantity: 1, quotedPaise: 300, nowPaise: 300 },
  ]);
  const [storeOrder] = asked as [PricedPart];
  const [first, second] = storeOrder.lines as [OrderLine, OrderLine];
  const more = { ...first, listingId: 'a.9', quantity: 1 };
  const now = new Date(QUOTED_AT_MS);
  const codeOf = (storeOrders: PricedPart[], destination = NEAR) =>
    refusal(() => applyQuote(quote, storeOrders, destination, now)).code;
  const carts = [
    [first],
    [first, second, more],
    [first, more],
    [],
    [{ ...first, quantity: 3 }, second],
  ];
  for (const lines of carts) assert.is(codeOf([{ ...storeOrder, lines }]), 'CART_CHANGED');
  assert.is(codeOf([{ ...storeOrder, fulfilment: 'pickup' }]), 'CART_CHANGED');
  const places: Destination[] = [
    { ...NEAR, pincode: '560034' },
    { ...NEAR, pincode: null },
    { ...NEAR, location: { latitude: 12.97, longitude: 77.59 } },
  ];
  for (const place of places) assert.is(codeOf(asked, place), 'CART_CHANGED');
  const turned = [{ ...storeOrder, lines: storeOrder.lines.toReversed() }];
  assert.equal(applyQuote(quote, turned, NEAR, now), turned);
});

test.run();
