import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inventory } from '../inventory/inventory.ts';
import { storeOrderAt, reserved, SLOT } from '../../test/orders.ts';
import { folded, given, refused, type Known } from '../../test/process.ts';
import { slotDay } from '../slots/slot-day.ts';
import { ordered, type StoreOrderLine } from './picking.ts';
import { stock } from './stock.ts';
import { storeOrder, type StoreOrder } from './store-order.ts';

const DAY = '2026-11-22';
const next = (known: Known) => given(stock('near.o'), known).next();
const books = reserved('near');

function stateOf(
  status: StoreOrder['status'],
  line: Partial<StoreOrderLine> = {},
  more: Partial<StoreOrder> = {},
): StoreOrder {
  const lines = [{ ...ordered(storeOrderAt('near').lines[0]!), ...line }];
  const place = { orderId: 'o', storeId: 'near', slot: SLOT };
  return { ...storeOrder.initial, status, ...place, lines, revision: 7, ...more };
}
const known = (state: StoreOrder, more: Known = {}): Known => ({
  'storeorder-near.o': state,
  ...more,
});

test('the store order is looked at; of one that is not there nothing follows', () => {
  next({}).are('look at storeorder-near.o');
  next(known(storeOrder.initial)).are();
});

test('what a shop goes on to pick is what stays reserved', () => {
  const steps = next(known(stateOf('accepted', { reduced: 1 })));
  steps.are('inventory-near ChangeReservation 7');
  assert.equal(steps.dataOf('inventory-near ChangeReservation 7'), {
    storeOrderId: 'near.o',
    lines: [{ sku: 'ghee', quantity: 1 }],
    chosen: [],
    revision: 7,
  });
  next(known(stateOf('accepted'), { 'inventory-near ChangeReservation 7': books })).are();
});

const substitute = (id: string): StoreOrderLine['substitution'] => ({
  status: 'chosen',
  chosenAt: 7,
  replaces: 2,
  line: { ...storeOrderAt('near').lines[0]!, listingId: `near.${id}`, quantity: 2 },
  expiresAt: '2026-11-21T10:15:00Z',
  returned: 0,
});

test('what was chosen to come instead is put aside, and then offered', () => {
  const chosen = stateOf('accepted', { substitution: substitute('oil') });
  const asking = next(known(chosen));
  const change = asking.dataOf('inventory-near ChangeReservation 7') as { chosen: unknown };
  assert.equal(change.chosen, [{ sku: 'oil', quantity: 2 }]);
  const aside = { 'inventory-near ChangeReservation 7': books };
  const offer = next(known(chosen, aside));
  offer.are('storeorder-near.o SettleSubstitute near.ghee 7');
  assert.equal(offer.dataOf('storeorder-near.o SettleSubstitute near.ghee 7'), {
    listingId: 'near.ghee',
    chosenAt: 7,
    left: null,
  });
});

test('where too little is left of it, it is given up, and the rest reserved without it', () => {
  const line = storeOrderAt('near').lines[0]!;
  const chosen = stateOf('accepted');
  chosen.lines = [
    { ...ordered(line), substitution: substitute('oil') },
    { ...ordered(line), listingId: 'near.dal', substitution: substitute('rice') },
  ];
  const shortages = [{ sku: 'oil', wanted: 2, left: 1 }];
  const short = {
    'inventory-near ChangeReservation 7': refused('INSUFFICIENT_STOCK', { shortages }),
  };
  const giving = next(known(chosen, short));
  // The other one may be there: of that nothing is said yet.
  giving.are('storeorder-near.o SettleSubstitute near.ghee 7');
  const { left } = giving.dataOf('storeorder-near.o SettleSubstitute near.ghee 7') as {
    left: number;
  };
  assert.is(left, 1);
  const [first, second] = chosen.lines as [StoreOrderLine, StoreOrderLine];
  const without = { ...chosen, revision: 8, lines: [{ ...first, substitution: null }, second] };
  const given1 = { 'storeorder-near.o SettleSubstitute near.ghee 7': without };
  next(known(chosen, { ...short, ...given1 })).are('inventory-near ChangeReservation 8');
});

test('what was missing leaves the books before anything else moves', () => {
  const shorts = [{ listingId: 'near.ghee', quantity: 1, reason: 'damaged' as const }];
  for (const status of ['accepted', 'packed', 'cancelled'] as const) {
    const steps = next(known(stateOf(status, {}, { shorts, packed: status === 'packed' })));
    steps.are('inventory-near WriteOffStock 1');
    assert.equal(steps.dataOf('inventory-near WriteOffStock 1'), {
      storeOrderId: 'near.o',
      lines: [{ sku: 'ghee', quantity: 1, reason: 'damaged' }],
    });
  }
});

test('packed goods leave the shelf', () => {
  const packed = stateOf('packed', { picked: 2 }, { packed: true });
  const steps = next(known(packed));
  steps.are('inventory-near PickStock');
  const { lines } = steps.dataOf('inventory-near PickStock') as { lines: unknown };
  assert.equal(lines, [{ sku: 'ghee', quantity: 2 }]);
  next(known(packed, { 'inventory-near PickStock': picked })).are();
});

const picked = folded(
  inventory,
  { type: 'StockReserved', data: { ...reserveData(), round: 1 } },
  {
    type: 'StockPicked',
    data: { storeOrderId: 'near.o', lines: reserveData().lines, reserved: reserveData().lines },
  },
);

function reserveData() {
  const lines = [{ sku: 'ghee', quantity: 2 }];
  return { storeOrderId: 'near.o', orderId: 'o', lines, expiresAt: '2026-11-21T10:15:00Z' };
}

test('what comes to nothing is for sale again, and its slot free: whatever round holds them', () => {
  const reasons = { rejected: 'rejected-by-shop', cancelled: 'cancelled' } as const;
  for (const status of ['rejected', 'cancelled'] as const) {
    const steps = next(known(stateOf(status)));
    steps.are(`slotday-near.${DAY} ReleaseSlot`, 'inventory-near ReleaseReservation');
    const data = { storeOrderId: 'near.o', reason: reasons[status] };
    assert.equal(steps.dataOf('inventory-near ReleaseReservation'), data);
  }
  const packed = stateOf('cancelled', { picked: 2 }, { packed: true });
  const back = next(known(packed, { 'inventory-near PickStock': picked }));
  back.are(`slotday-near.${DAY} ReleaseSlot`, 'inventory-near ReturnStock');
  assert.equal(back.dataOf('inventory-near ReturnStock'), {
    storeOrderId: 'near.o',
    kept: [],
    to: 'shelf',
  });
  const done = {
    'inventory-near PickStock': picked,
    [`slotday-near.${DAY} ReleaseSlot`]: slotDay.initial,
    'inventory-near ReturnStock': picked,
  };
  next(known(packed, done)).are();
});

test('what came back is where it was put, one return after the other, each once', () => {
  const back = (returnId: string, to: 'shelf' | 'none') => ({
    returnId,
    lines: [{ listingId: 'near.ghee', quantity: 1 }],
    reason: 'damaged' as const,
    to,
    feePaise: 0,
  });
  const returns = [back('first', 'shelf'), back('second', 'none')];
  const delivered = stateOf('delivered', { picked: 2, returned: 2 }, { packed: true, returns });
  const out = { 'inventory-near PickStock': picked };
  const first = next(known(delivered, out));
  first.are('inventory-near ReturnStock first');
  assert.equal(first.dataOf('inventory-near ReturnStock first'), {
    storeOrderId: 'near.o',
    kept: [{ sku: 'ghee', quantity: 1 }],
    to: 'shelf',
  });
  const afterOne = folded(
    inventory,
    { type: 'StockReserved', data: { ...reserveData(), round: 1 } },
    {
      type: 'StockPicked',
      data: { storeOrderId: 'near.o', lines: reserveData().lines, reserved: reserveData().lines },
    },
    {
      type: 'StockReturned',
      data: { storeOrderId: 'near.o', lines: [{ sku: 'ghee', quantity: 1 }], to: 'shelf' },
    },
  );
  // Whoever was first took the first one back: the second is next.
  const second = next(known(delivered, { 'inventory-near PickStock': afterOne }));
  second.are('inventory-near ReturnStock second');
  assert.equal(second.dataOf('inventory-near ReturnStock second'), {
    storeOrderId: 'near.o',
    kept: [{ sku: 'ghee', quantity: 0 }],
    to: 'write-off',
  });
  next(known(delivered, { 'inventory-near PickStock': inventory.initial })).are();
});

test.run();
