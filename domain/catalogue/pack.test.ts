import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lacksUnit, readPack, unitPriceOf, type PackSize } from './pack.ts';

const of = (count: number, amount: number, unit: PackSize['unit']): PackSize => ({
  count,
  amount,
  unit,
});

test('packs as shops write them', () => {
  const packs: [string, PackSize | null][] = [
    ['1kg', of(1, 1_000, 'g')],
    ['1 kg', of(1, 1_000, 'g')],
    ['1 KG', of(1, 1_000, 'g')],
    ['1.1 kg', of(1, 1_100, 'g')],
    ['.5 kg', of(1, 500, 'g')],
    ['500 gm', of(1, 500, 'g')],
    ['500 Gms.', of(1, 500, 'g')],
    ['1,000 g', of(1, 1_000, 'g')],
    ['2 x 500 g', of(2, 500, 'g')],
    ['2x500g', of(2, 500, 'g')],
    ['2 × 500 g', of(2, 500, 'g')],
    ['4*100 ml', of(4, 100, 'ml')],
    ['500 g x 2', of(2, 500, 'g')],
    ['500 g (pack of 2)', of(2, 500, 'g')],
    ['500 g pack of 2', of(2, 500, 'g')],
    ['1 L', of(1, 1_000, 'ml')],
    ['1 ltr', of(1, 1_000, 'ml')],
    ['750 ml', of(1, 750, 'ml')],
    ['6 pcs', of(1, 6, 'piece')],
    ['1 piece', of(1, 1, 'piece')],
    ['1 dozen', of(1, 12, 'piece')],
    ['pack of 6', of(1, 6, 'piece')],
    ['500 ग्राम', of(1, 500, 'g')],
    ['1 கிலோ', of(1, 1_000, 'g')],
    ['1000', null],
    ['', null],
    ['large', null],
    ['0 g', null],
    ['1.5 pieces', null],
    ['1 bunch', null],
    ['500 g or 1 kg', null],
  ];
  for (const [text, size] of packs) assert.equal(readPack(text), size, text);
  assert.is(readPack(null), null);
});

test('a number alone lacks its unit', () => {
  for (const pack of ['1000', '2.5', ' 1,000 ']) assert.ok(lacksUnit(pack), pack);
  for (const pack of ['1000 g', 'large', '', null]) assert.not(lacksUnit(pack), String(pack));
});

test('the unit price is by the gram or millilitre below one kilogram or litre, else by those', () => {
  assert.equal(unitPriceOf(12_000, of(1, 500, 'g')), { paise: 24, per: 'g' });
  assert.equal(unitPriceOf(12_000, of(1, 1_000, 'g')), { paise: 12_000, per: 'kg' });
  assert.equal(unitPriceOf(12_000, of(2, 500, 'g')), { paise: 12_000, per: 'kg' });
  assert.equal(unitPriceOf(45_000, of(1, 5_000, 'ml')), { paise: 9_000, per: 'l' });
  assert.equal(unitPriceOf(2_500, of(1, 200, 'ml')), { paise: 13, per: 'ml' });
  assert.equal(unitPriceOf(7_200, of(1, 12, 'piece')), { paise: 600, per: 'piece' });
});

test.run();
