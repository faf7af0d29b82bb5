import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rateOn, ratesOfLaw, taxWithin, withRate, type GstRate } from './tax.ts';

const RATES = [0, 0.25, 1.5, 3, 5, 12, 18, 28, 40];
const pricePaise = fc.integer({ min: 1, max: 10_000_000 });
const gstPercent = fc.oneof(
  fc.constantFrom(...RATES),
  fc.integer({ min: 0, max: 10_000 }).map((hundredths) => hundredths / 100),
);

test('the tax inside a price, as a shop’s accountant computes it', () => {
  const halves = (taxablePaise: number, half: number) => ({
    taxablePaise,
    cgstPaise: half,
    sgstPaise: half,
    igstPaise: 0,
  });
  assert.equal(taxWithin(105_00, 5), halves(100_00, 250));
  assert.equal(taxWithin(118_00, 18), halves(100_00, 900));
  assert.equal(taxWithin(99_00, 12), halves(88_40, 530));
  assert.equal(taxWithin(38_00, 0), halves(38_00, 0));
  // 525 × 5 / 210 = 12.5: half a paisa goes up.
  assert.equal(taxWithin(525, 5), halves(499, 13));
});

test('across a border all of it is one tax, rounded once', () => {
  const whole = (taxablePaise: number, igstPaise: number) => ({
    taxablePaise,
    cgstPaise: 0,
    sgstPaise: 0,
    igstPaise,
  });
  assert.equal(taxWithin(630_00, 5, 'across-states'), whole(600_00, 30_00));
  assert.equal(taxWithin(525, 5, 'across-states'), whole(500, 25));
  assert.equal(taxWithin(38_00, 0, 'across-states'), whole(38_00, 0));
  fc.assert(
    fc.property(pricePaise, gstPercent, (price, rate) => {
      const { taxablePaise, igstPaise } = taxWithin(price, rate, 'across-states');
      assert.is(taxablePaise + igstPaise, price);
      const exact = (price * rate) / (100 + rate);
      assert.ok(Math.abs(igstPaise - exact) <= 0.5 + 1e-6, `${igstPaise} is not ${exact} rounded`);
    }),
  );
});

test('for any price and rate the three are the price to the paisa, and the halves are equal', () => {
  fc.assert(
    fc.property(pricePaise, gstPercent, (price, rate) => {
      const { taxablePaise, cgstPaise, sgstPaise } = taxWithin(price, rate);
      assert.is(taxablePaise + cgstPaise + sgstPaise, price);
      assert.is(cgstPaise, sgstPaise);
      assert.ok(taxablePaise >= 0 && cgstPaise >= 0);
      const exact = (price * rate) / (200 + 2 * rate);
      assert.ok(Math.abs(cgstPaise - exact) <= 0.5 + 1e-6, `${cgstPaise} is not ${exact} rounded`);
    }),
    { numRuns: 5_000 },
  );
});

test('every price up to ₹1,000 at every slab', () => {
  for (const rate of RATES) {
    for (let price = 1; price <= 100_000; price++) {
      const { taxablePaise, cgstPaise, sgstPaise } = taxWithin(price, rate);
      if (taxablePaise + cgstPaise + sgstPaise !== price || cgstPaise !== sgstPaise) {
        assert.unreachable(`${price} at ${rate} %`);
      }
    }
  }
});

test('on each day the rate is the last that began, whatever the order in which they were told', () => {
  const old: GstRate = { gstFrom: '', gstPercent: 12 };
  const slabs2025: GstRate = { gstFrom: '2025-09-22', gstPercent: 5 };
  const next: GstRate = { gstFrom: '2027-04-01', gstPercent: 18 };
  for (const said of [
    [old, slabs2025, next],
    [next, slabs2025, old],
  ]) {
    const rates = said.reduce(withRate, []);
    const on = ['2025-09-21', '2025-09-22', '2027-03-31', '2027-04-01'];
    assert.equal(
      on.map((date) => rateOn(rates, date)),
      [12, 5, 5, 18],
    );
  }
  assert.is(rateOn([slabs2025], '2025-09-21'), null);
  const corrected = withRate([old, slabs2025], { gstFrom: '2025-09-22', gstPercent: 0 });
  assert.is(rateOn(corrected, '2026-01-01'), 0);
});

test('which rates there are is for the law of the day', () => {
  const days: [date: string, has: number[], hasNot: number[]][] = [
    ['2017-07-01', [0, 0.1, 0.25, 5, 12, 18, 28], [0.05, 0.18, 7, 40]],
    ['2025-09-21', [12, 28], [40]],
    ['2025-09-22', [0, 0.25, 1.5, 3, 5, 18, 28, 40], [0.1, 0.18, 1, 6, 7.5, 12]],
    ['2026-01-31', [28], [12]],
    ['2026-02-01', [0, 0.25, 1.5, 3, 5, 18, 40], [28, 12]],
  ];
  for (const [date, has, hasNot] of days) {
    for (const rate of has) assert.ok(ratesOfLaw(date).includes(rate), `${rate} on ${date}`);
    for (const rate of hasNot) assert.not(ratesOfLaw(date).includes(rate), `${rate} on ${date}`);
  }
});

test.run();
