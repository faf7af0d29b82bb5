import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { snapshotStreamOf } from './event-store.ts';
import { splitStream, streamOf } from './stream-name.ts';

test('a name is split at its first hyphen, and put together again', () => {
  for (const [name, category, id] of [
    ['cart-7', 'cart', '7'],
    ['listing-0a1b-2c.s-1', 'listing', '0a1b-2c.s-1'],
    ['cart-', 'cart', ''],
  ] as const) {
    assert.equal(splitStream(name), { category, id });
    assert.is(streamOf({ category }, id), name);
  }
});

test('a name without a hyphen is all category', () => {
  assert.equal(splitStream('$stats'), { category: '$stats', id: '' });
});

test('snapshots have a category of their own', () => {
  assert.equal(splitStream(snapshotStreamOf('inventory-a-b')), {
    category: 'inventorysnapshot',
    id: 'a-b',
  });
});

test.run();
