import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { canBeThere } from './address.ts';

const ID = '0a1b2c3d-0000-4000-8000-00000000000f';

const address = suite('address');

address('can name what has an id, whatever its spelling', () => {
  assert.ok(canBeThere({ storeId: ID, storeOrderId: ID.toUpperCase() }));
  assert.ok(canBeThere({ listingId: `${ID}.அரிசி-1.5` }));
  assert.ok(canBeThere({}));
});

address('names nothing where an id is none', () => {
  for (const storeId of ['abc', '', `${ID}0`, ` ${ID}`, `urn:uuid:${ID}`, ID.replace('0a', 'zz')]) {
    assert.not.ok(canBeThere({ storeId }), storeId);
    assert.not.ok(canBeThere({ storeId: ID, storeOrderId: storeId }), storeId);
    assert.not.ok(canBeThere({ listingId: `${storeId}.s1` }), storeId);
  }
  assert.not.ok(canBeThere({ listingId: ID }));
});

address.run();
