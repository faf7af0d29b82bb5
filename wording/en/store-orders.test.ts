import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fateTexts, fewerText, wishText } from './store-orders.ts';

const words = suite('store-orders');

words('says what of a line does not come, and what was wished for it', () => {
  assert.equal(fateTexts({ reduced: 1, shorted: 2 }), ['1 taken off', '2 not there']);
  assert.equal(fateTexts({ returned: 1, replaced: 2 }), ['1 came back', '2 replaced']);
  assert.equal(fateTexts({}), []);
  assert.is(wishText(undefined), 'nothing instead');
  assert.is(wishText({ wish: 'best-match' }), 'your best match');
  assert.is(wishText({ wish: 'this-one', listingId: 's.dal' }), 'one that they chose');
});

words('says of a line what a shopper counts in the bag', () => {
  assert.is(
    fewerText(3, { reduced: 1, shorted: 1, delivered: 1 }),
    '3 ordered: 1 taken off, 1 not there, 1 delivered',
  );
  assert.is(fewerText(3, { shorted: 3, delivered: 0 }), '3 ordered: 3 not there');
});

words.run();
