import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isSettled } from '#domain/fulfilment/picking.ts';
import type { StoreOrderLine } from './contract.ts';
import { cancelsOfShop, changesOf, comingOf, fateOf } from './store-orders.ts';

const words = suite('store-orders');

const line = (more: Partial<StoreOrderLine>): StoreOrderLine => ({
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

words('says of a line what a shopper counts in the bag', () => {
  assert.is(fateOf(line({ picked: 3 }), true), null);
  const lost = line({ reduced: 1, shorted: 1, picked: 1, returned: 1 });
  assert.is(fateOf(lost, true), '3 ordered: 1 taken off, 1 not there, 1 delivered');
  assert.is(fateOf(line({ shorted: 3 }), true), '3 ordered: 3 not there');
  const instead = line({ quantity: 2, linePaise: 150 });
  const substitution = { replaces: 2, line: instead, expiresAt: '', returned: 0 };
  const replaced = line({ picked: 1, substitution: { ...substitution, status: 'accepted' } });
  assert.is(fateOf(replaced, false), '3 ordered: 2 replaced');
  assert.is(comingOf(replaced), 1);
  assert.is(comingOf(line({ substitution: { ...substitution, status: 'proposed' } })), 3);
});

words('tells apart what did not come and what was credited', () => {
  const lines = [line({ shorted: 1, picked: 2, returned: 1 })];
  const storeOrder = { status: 'delivered' as const, totalPaise: 320, feePaise: 20, lines };
  assert.equal(changesOf({ ...storeOrder, owedPaise: 120 }), {
    lessPaise: 100,
    creditedPaise: 100,
  });
  const allBack = [line({ shorted: 1, picked: 2, returned: 2 })];
  const changes = changesOf({ ...storeOrder, lines: allBack, owedPaise: 0 });
  assert.equal(changes, { lessPaise: 100, creditedPaise: 220 }, 'the fee came back as well');
});

words('offers the reasons for which a store order is cancelled where it stands', () => {
  const reasons = (status: 'packed' | 'dispatched', fulfilment: 'delivery' | 'pickup') =>
    cancelsOfShop({ status, fulfilment }).map(({ reason }) => reason);
  assert.ok(reasons('packed', 'pickup').includes('out-of-stock'));
  assert.equal(reasons('dispatched', 'delivery'), ['not-reachable', 'refused']);
  assert.equal(reasons('dispatched', 'pickup'), ['not-fetched', 'refused']);
});

words.run();
