import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { missingOf, piecesFrom, stockPath } from './stock.ts';

const stock = suite('stock');

stock('takes whole pieces, as few as it makes sense', () => {
  assert.is(piecesFrom(' 12 ', 1), 12);
  assert.is(piecesFrom('0', 0), 0);
  for (const text of ['', '0', '-1', '1.5', 'ten', '12345678']) {
    assert.is(piecesFrom(text, 1), undefined, text);
  }
});

stock('knows which promises the shelf cannot keep', () => {
  assert.is(missingOf({ onHand: 2, reserved: 5 }), 3);
  assert.is(missingOf({ onHand: -1, reserved: 0 }), 1);
  assert.is(missingOf({ onHand: 5, reserved: 5 }), 0);
  assert.is(missingOf({ onHand: null, reserved: 5 }), 0);
});

stock('asks for a page of the books', () => {
  assert.is(stockPath('a b', ''), '/api/read/stores/a%20b/stock?limit=50');
  assert.is(
    stockPath('a', 'toor dal', 'x'),
    '/api/read/stores/a/stock?q=toor+dal&after=x&limit=50',
  );
});

stock.run();
