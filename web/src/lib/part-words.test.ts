import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PartLine } from './contract.ts';
import { cancelsOfShop, isSettled, lossesOf, wishText } from './part-words.ts';

const words = suite('part words');

const line = (more: Partial<PartLine>): PartLine => ({
  listingId: 's.dal',
  name: 'Toor dal',
  names: {},
  pack: null,
  quantity: 3,
  pricePaise: 100,
  linePaise: 300,
  reduced: 0,
  shorted: 0,
  picked: 0,
  returned: 0,
  substitution: null,
  ...more,
});

words('a line is settled once nothing of it is open and no answer is waited for', () => {
  const substitution = {
    status: 'proposed' as const,
    replaces: 1,
    line: line({ quantity: 1 }),
    expiresAt: '',
    returned: 0,
  };
  assert.not(isSettled(line({ picked: 2 })));
  assert.ok(isSettled(line({ picked: 2, shorted: 1 })));
  assert.not(isSettled(line({ picked: 2, substitution })));
  assert.ok(isSettled(line({ picked: 2, substitution: { ...substitution, status: 'accepted' } })));
});

words('says what of a line does not come, and what was wished for it', () => {
  assert.equal(lossesOf(line({ reduced: 1, shorted: 2 })), ['1 taken off', '2 not there']);
  assert.is(wishText(line({})), 'nothing instead');
  assert.is(wishText(line({ ifMissing: { wish: 'best-match' } })), 'your best match');
});

words('offers the reasons for which a part is cancelled where it stands', () => {
  const reasons = (status: 'packed' | 'dispatched', fulfilment: 'delivery' | 'pickup') =>
    cancelsOfShop({ status, fulfilment }).map(({ reason }) => reason);
  assert.ok(reasons('packed', 'pickup').includes('out-of-stock'));
  assert.equal(reasons('dispatched', 'delivery'), ['not-reachable', 'refused']);
  assert.equal(reasons('dispatched', 'pickup'), ['not-fetched', 'refused']);
});

words.run();
