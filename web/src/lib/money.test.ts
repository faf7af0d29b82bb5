import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { amount, percentOff, rupees, savedPaise } from './money.ts';

const money = suite('money');

money('groups digits as India does', () => {
  assert.is(rupees(12_345_600), '₹1,23,456');
  assert.is(rupees(0), '₹0');
});

money('shows paise only where there are paise, and then two digits', () => {
  assert.is(rupees(4950), '₹49.50');
  assert.is(rupees(4905), '₹49.05');
  assert.is(rupees(4900), '₹49');
});

money('a bill’s columns always have paise', () => {
  assert.is(amount(12_345_600), '1,23,456.00');
  assert.is(amount(5), '0.05');
});

money('rounds an offer down, so that it never promises too much', () => {
  assert.is(percentOff(17_200, 19_900), 13);
  assert.is(percentOff(2000, 2000), 0);
  assert.is(percentOff(2100, 2000), 0);
  assert.is(percentOff(2000, null), 0);
});

money('adds up savings over quantities and ignores lines without an MRP', () => {
  const saved = savedPaise([
    { pricePaise: 900, mrpPaise: 1000, quantity: 3 },
    { pricePaise: 500, mrpPaise: null, quantity: 2 },
    { pricePaise: 700, mrpPaise: 600, quantity: 1 },
  ]);
  assert.is(saved, 300);
});

money.run();
