import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { percentOff, savedPaise } from './money.ts';

const money = suite('money');

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
