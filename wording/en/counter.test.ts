import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cashReason, cashText, differenceText } from './counter.ts';

const till = suite('counter');

till('writes what went out with a sign', () => {
  assert.is(cashText(120_000), '₹1,200');
  assert.is(cashText(-5_050), '−₹50.50');
});

till('says what is missing and what is too much', () => {
  assert.is(differenceText(0), 'It is all there');
  assert.is(differenceText(-1_000), '₹10 missing');
  assert.is(differenceText(250), '₹2.50 too much');
  assert.is(cashReason('theft'), 'Stolen');
});

till.run();
