import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { paiseFromRupees, splitPaise, sumPaise } from './money.ts';

test('rupees as shopkeepers write them', () => {
  const amounts: [string, number | undefined][] = [
    ['45', 4_500],
    ['45.5', 4_550],
    ['2.45', 245],
    ['₹1,299.00', 129_900],
    ['Rs. 10', 1_000],
    ['१२.५०', 1_250],
    ['0.10', 10],
    ['12.500', 1_250],
    ['12.345', undefined],
    ['-5', undefined],
    ['free', undefined],
    ['', undefined],
    ['1e3', undefined],
    ['45/-', 4_500],
    ['₹ 45/-', 4_500],
    ['Rs. 45/-', 4_500],
    ['Rs.45', 4_500],
    ['45 Rs', 4_500],
    ['45 Rs.', 4_500],
    ['45.', 4_500],
    ['.5', 50],
    ['௧௨.௫', 1_250],
    ['.', undefined],
    ['Rs', undefined],
    ['45/kg', undefined],
  ];
  for (const [text, paise] of amounts) assert.is(paiseFromRupees(text), paise, text);
});

test('commas stand where India or the rest of the world groups digits, and nowhere else', () => {
  const amounts: [string, number | undefined][] = [
    ['1,299.00', 129_900],
    ['12,990', 1_299_000],
    ['1,29,900', 12_990_000],
    ['129,900', 12_990_000],
    ['1,29,900.00', 12_990_000],
    ['1,299,000', 129_900_000],
    ['12,99,000', 129_900_000],
    ['12,50', undefined],
    ['45,50', undefined],
    [',45', undefined],
    ['45,', undefined],
    ['1,2,3', undefined],
    ['0,450', undefined],
    ['1,,299', undefined],
    ['1,29,90', undefined],
    ['1,299,00', undefined],
    ['1.299,00', undefined],
    ['12.5,0', undefined],
  ];
  for (const [text, paise] of amounts) assert.is(paiseFromRupees(text), paise, text);
});

test('no paisa is lost for any amount', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 99_999_999_999 }), (paise) => {
      const text = `${Math.floor(paise / 100)}.${String(paise % 100).padStart(2, '0')}`;
      assert.is(paiseFromRupees(text), paise);
    }),
  );
});

test('whatever is split adds up, also by weights that are all nothing', () => {
  assert.equal(splitPaise(2_500, [0]), [2_500]);
  assert.equal(splitPaise(100, [0, 0, 0]), [34, 33, 33]);
  assert.equal(splitPaise(100, [0, 1]), [0, 100]);
  const weights = fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000_000 }), weights, (paise, parts) => {
      const shares = splitPaise(paise, parts);
      assert.is(sumPaise(shares), paise);
      assert.ok(shares.every((share) => share >= 0));
    }),
  );
});

test.run();
