import { test } from 'uvu';
import { inventory } from './inventory.ts';
import { given } from './testing.ts';

test('a count says only what differs from the shelf', () => {
  const counts = [
    { sku: '1', quantity: 5 },
    { sku: '2', quantity: 0 },
  ];
  given(inventory)
    .when({ type: 'CountStock', data: { counts } })
    .gives({ type: 'StockCounted', data: { counts } });
  given(inventory, { type: 'StockCounted', data: { counts } })
    .when({ type: 'CountStock', data: { counts: [counts[0]!, { sku: '2', quantity: 3 }] } })
    .gives({ type: 'StockCounted', data: { counts: [{ sku: '2', quantity: 3 }] } });
  given(inventory, { type: 'StockCounted', data: { counts } })
    .when({ type: 'CountStock', data: { counts } })
    .gives();
});

test.run();
