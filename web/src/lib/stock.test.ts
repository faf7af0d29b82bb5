import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { piecesFrom, stockPath, troubleOf } from './stock.ts';

const stock = suite('stock');

stock('takes whole pieces, as few as it makes sense', () => {
  assert.is(piecesFrom(' 12 ', 1), 12);
  assert.is(piecesFrom('0', 0), 0);
  for (const text of ['', '0', '-1', '1.5', 'ten', '12345678']) {
    assert.is(piecesFrom(text, 1), undefined, text);
  }
});

stock('says what is wrong with the books', () => {
  assert.is(troubleOf({ onHand: 5, reserved: 5 }), null);
  assert.is(troubleOf({ onHand: null, reserved: 5 }), null);
  assert.match(troubleOf({ onHand: 2, reserved: 5 })!, /^3 promised/);
  assert.match(troubleOf({ onHand: -1, reserved: 5 })!, /^5 promised/);
  assert.match(troubleOf({ onHand: -1, reserved: 0 })!, /^More was sold/);
});

stock('asks for a page of the books', () => {
  assert.is(stockPath('a b', ''), '/api/read/stores/a%20b/stock?limit=50');
  assert.is(
    stockPath('a', 'toor dal', 'x'),
    '/api/read/stores/a/stock?q=toor+dal&after=x&limit=50',
  );
});

stock.run();
