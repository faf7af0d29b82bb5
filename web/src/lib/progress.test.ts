import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StoreOrder, StoreOrderStatus } from './contract.ts';
import { headlineOf } from './progress.ts';
import { timelineText } from '#wording/en/orders.ts';

const words = suite('progress');

const storeOrder = (storeName: string, status: StoreOrderStatus): StoreOrder => ({
  storeOrderId: storeName,
  storeId: storeName,
  storeName,
  status,
  reason: null,
  fulfilment: 'delivery',
  slot: null,
  feePaise: 0,
  totalPaise: 1000,
  owedPaise: status === 'rejected' ? 0 : 1000,
  deliveryCode: null,
  invoiceNumber: null,
  lines: [],
});

const headline = (...statuses: StoreOrderStatus[]) =>
  headlineOf({
    status: 'confirmed',
    reason: null,
    payment: 'cash-on-delivery',
    storeOrders: statuses.map((status, i) => storeOrder(`Shop ${i + 1}`, status)),
  });

words('names the one shop that is waited for, and counts several', () => {
  assert.is(headline('submitted', 'accepted').detail, 'Waiting for Shop 1 to accept.');
  assert.is(headline('submitted', 'submitted').detail, 'Waiting for 2 shops to accept.');
});

words('follows the slowest store order that is still open', () => {
  assert.is(headline('dispatched', 'accepted').title, 'Being packed');
  assert.is(headline('delivered', 'dispatched').title, 'On the way');
  assert.is(headline('delivered', 'packed').detail, 'Shop 2 sends it out next.');
});

words('does not send out what the shopper fetches', () => {
  const storeOrders = [{ ...storeOrder('A', 'dispatched'), fulfilment: 'pickup' as const }];
  const order = { status: 'confirmed', reason: null, payment: 'cash-on-delivery' } as const;
  const ready = headlineOf({ ...order, storeOrders });
  assert.equal([ready.title, ready.tone], ['Ready to fetch', 'ready']);
  assert.match(ready.detail, 'A has it ready for you');
  const entry = { at: '', storeOrderId: 's', storeName: 'A', listingId: null, reason: null };
  const text = (event: string) => timelineText({ ...entry, event }, new Map(), true);
  assert.is(text('StoreOrderDispatched'), 'A has it ready for you');
  assert.is(text('StoreOrderPacked'), 'A packed it');
});

words('waits for the money before the shops, and says why it came to nothing', () => {
  const unpaid = { payment: 'razorpay' as const, storeOrders: [storeOrder('A', 'submitted')] };
  const waiting = headlineOf({ ...unpaid, status: 'awaiting-payment', reason: null });
  assert.is(waiting.title, 'Waiting for your payment');
  const late = headlineOf({ ...unpaid, status: 'rejected', reason: 'PAID_TOO_LATE' });
  assert.match(late.detail, 'goes back to you');
  const cancelled = headlineOf({ ...unpaid, status: 'rejected', reason: 'ORDER_CANCELLED' });
  assert.equal([cancelled.title, cancelled.tone], ['Not ordered', 'failed']);
  assert.match(cancelled.detail, 'You cancelled it');
});

words('is delivered when all that was not rejected is', () => {
  assert.is(headline('delivered', 'rejected').title, 'Delivered');
  assert.is(headline('rejected', 'rejected').tone, 'failed');
});

words('counts what was cancelled as gone, and says by name what was not there', () => {
  assert.is(headline('delivered', 'cancelled').title, 'Delivered');
  assert.is(headline('cancelled', 'rejected').title, 'Cancelled');
  const entry = { at: '', storeOrderId: 's', storeName: 'Sharma Kirana', listingId: 's.dal' };
  const names = new Map([['s.dal', 'Toor dal']]);
  assert.is(
    timelineText({ ...entry, event: 'LineShorted', reason: 'sold-out' }, names),
    'Sharma Kirana does not have Toor dal',
  );
});

words.run();
