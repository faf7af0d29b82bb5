import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packParts, packText, unitPriceText, weighingText, weightText } from './pack.ts';

const words = suite('pack');

words('a pack is what the shop says, and the weight of what is loose is about so much', () => {
  assert.is(packText({ pack: '500 g', gramsEach: null }), '500 g');
  assert.is(packText({ pack: '500 g', gramsEach: 500 }), 'about 500 g');
  assert.is(packText({ pack: '1 kg', gramsEach: 1_000 }), 'about 1 kg');
  assert.equal(packParts({ pack: '1 piece', gramsEach: 2_500 }), ['1 piece', 'about 2.5 kg']);
  assert.is(packText({ pack: null, gramsEach: 250 }), 'about 250 g');
  assert.is(packText({ pack: null }), '');
});

words('what is loose is told by its weight, and has a ceiling', () => {
  assert.equal([950, 1_000, 1_060].map(weightText), ['950 g', '1 kg', '1.06 kg']);
  assert.is(weighingText(4_400), 'Weighed when packed; you never pay more than ₹44');
});

words('a unit price is said where it tells more than the price', () => {
  const per = (paise: number, unit: 'g' | 'kg') => ({ paise, per: unit });
  assert.is(unitPriceText({ unitPrice: per(24, 'g'), pricePaise: 12_000 }), '₹0.24/g');
  assert.is(unitPriceText({ unitPrice: per(9_000, 'kg'), pricePaise: 45_000 }), '₹90/kg');
  assert.is(unitPriceText({ unitPrice: per(12_000, 'kg'), pricePaise: 12_000 }), null);
  assert.is(unitPriceText({ unitPrice: null, pricePaise: 12_000 }), null);
});

words.run();
