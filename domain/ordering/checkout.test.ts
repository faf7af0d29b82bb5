import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { storeOrder, type StoreOrder } from '../fulfilment/store-order.ts';
import {
  closed,
  EXPIRES_MS,
  held,
  IDS,
  orderAfter,
  storeOrderAt,
  paymentOf,
  reserved,
} from '../../test/orders.ts';
import { given, refused, type Known } from '../../test/process.ts';
import { checkout, completion } from './checkout.ts';
import type { OrderEvent, PlacedOrder } from './order.ts';

const IN_TIME_MS = EXPIRES_MS - 60_000;
const DAY = '2026-11-22';
const placed = (more: Partial<PlacedOrder> = {}) => ({ 'order-o': orderAfter(more) });
const RESERVED: Known = {
  'inventory-near ReserveStock 1': reserved('near'),
  'inventory-far ReserveStock 1': reserved('far'),
};
const HELD: Known = {
  [`slotday-near.${DAY} HoldSlot`]: held,
  [`slotday-far.${DAY} HoldSlot`]: held,
};
const CLOSED: Known = { 'cart-c CheckOutCart': closed };
const ALL: Known = { ...RESERVED, ...HELD, ...CLOSED };
const short = (left: number) =>
  refused('INSUFFICIENT_STOCK', { shortages: [{ sku: 'ghee', wanted: 2, left }] });
const rejected = (reason: string): OrderEvent => ({
  type: 'OrderRejected',
  data: { reason, shortages: [] },
});
const next = (known: Known, nowMs = IN_TIME_MS) => given(checkout(IDS), known).next(nowMs);

test('an order that nobody looked at is looked at; of one that is not there nothing follows', () => {
  next({}).are('look at order-o');
  next({ 'order-o': { status: 'none' } }).are();
});

test('goods at every shop, then places in their slots, then the cart, then it is confirmed', () => {
  next(placed()).are('inventory-near ReserveStock 1', 'inventory-far ReserveStock 1');
  const first = next(placed()).dataOf('inventory-near ReserveStock 1');
  assert.equal(first, {
    storeOrderId: 'near.o',
    orderId: 'o',
    round: 1,
    lines: [{ sku: 'ghee', quantity: 2 }],
    expiresAt: '2026-11-21T10:15:00.000Z',
  });
  next({ ...placed(), ...RESERVED }).are(
    `slotday-near.${DAY} HoldSlot`,
    `slotday-far.${DAY} HoldSlot`,
  );
  next({ ...placed(), ...RESERVED, ...HELD }).are('cart-c CheckOutCart');
  const last = next({ ...placed(), ...ALL });
  last.are('order-o ConfirmOrder');
  assert.equal(last.dataOf('order-o ConfirmOrder'), {});
});

test('an order that is paid before it is delivered is only held for now', () => {
  for (const payment of ['upi', 'razorpay'] as const) {
    next({ ...placed({ payment }), ...ALL }).are('order-o ReserveOrder');
  }
});

test('all or nothing: what one shop lacks rejects it all, and what was taken goes back', () => {
  const known = {
    ...placed(),
    'inventory-near ReserveStock 1': reserved('near'),
    'inventory-far ReserveStock 1': short(1),
  };
  const steps = next(known);
  steps.are('order-o RejectOrder');
  assert.equal(steps.dataOf('order-o RejectOrder'), {
    reason: 'INSUFFICIENT_STOCK',
    shortages: [{ listingId: 'far.ghee', wanted: 2, left: 1 }],
  });
  const after = { ...known, 'order-o RejectOrder': orderAfter({}, rejected('INSUFFICIENT_STOCK')) };
  next(after).are('inventory-near ReleaseReservation');
  assert.equal(next(after).dataOf('inventory-near ReleaseReservation'), {
    storeOrderId: 'near.o',
    reason: 'order-rejected',
    round: 1,
  });
  next({ ...after, 'inventory-near ReleaseReservation': reserved('near') }).are();
});

test('whatever each shop can: fewer where there are fewer, and a shop without any is left out', () => {
  const what = placed({ onShortage: 'whatever-each-shop-can' });
  const known = {
    ...what,
    'inventory-near ReserveStock 1': reserved('near'),
    'inventory-far ReserveStock 1': short(1),
  };
  const again = next(known);
  again.are('inventory-far ReserveStock 2');
  const { lines } = again.dataOf('inventory-far ReserveStock 2') as { lines: unknown };
  assert.equal(lines, [{ sku: 'ghee', quantity: 1 }]);
  const fewer = { ...known, 'inventory-far ReserveStock 2': reserved('far', 1) };
  const confirm = next({ ...fewer, ...HELD, ...CLOSED });
  confirm.are('order-o ConfirmOrder');
  const out = { storeOrderId: 'far.o', listingId: 'far.ghee', name: 'Ghee', wanted: 2 };
  const { kept } = confirm.dataOf('order-o ConfirmOrder') as { kept: { leftOut: unknown } };
  assert.equal(kept, {
    parts: [storeOrderAt('near'), storeOrderAt('far', 1)],
    leftOut: [{ ...out, left: 1, reason: 'INSUFFICIENT_STOCK' }],
  });

  const none = { ...known, 'inventory-far ReserveStock 2': short(0) };
  next(none).are(`slotday-near.${DAY} HoldSlot`);
  const without = next({ ...none, [`slotday-near.${DAY} HoldSlot`]: held, ...CLOSED });
  const { kept: left } = without.dataOf('order-o ConfirmOrder') as { kept: { leftOut: unknown } };
  assert.equal(left, {
    parts: [storeOrderAt('near')],
    leftOut: [{ ...out, left: 0, reason: 'INSUFFICIENT_STOCK' }],
  });
});

test('a store order without its slot falls out as a whole, or the order with it', () => {
  const full = {
    [`slotday-near.${DAY} HoldSlot`]: held,
    [`slotday-far.${DAY} HoldSlot`]: refused('SLOT_FULL'),
  };
  const all = next({ ...placed(), ...RESERVED, ...full });
  assert.equal(all.dataOf('order-o RejectOrder'), { reason: 'SLOT_FULL' });
  const what = placed({ onShortage: 'whatever-each-shop-can' });
  const some = next({ ...what, ...RESERVED, ...full, ...CLOSED });
  const { kept } = some.dataOf('order-o ConfirmOrder') as { kept: { leftOut: unknown[] } };
  const line = { storeOrderId: 'far.o', listingId: 'far.ghee', name: 'Ghee', wanted: 2, left: 0 };
  assert.equal(kept.leftOut, [{ ...line, reason: 'SLOT_FULL' }]);
});

test('what a shop reserved for another driver before is what it has', () => {
  const what = placed({ onShortage: 'whatever-each-shop-can' });
  const known = { ...what, ...ALL, 'inventory-far ReserveStock 1': reserved('far', 1) };
  const { kept } = next(known).dataOf('order-o ConfirmOrder') as { kept: { parts: unknown } };
  assert.equal(kept.parts, [storeOrderAt('near'), storeOrderAt('far', 1)]);
});

test('a cart that changed rejects it: goods and places go back, and no cart was closed', () => {
  const known = {
    ...placed(),
    ...RESERVED,
    ...HELD,
    'cart-c CheckOutCart': refused('CART_CHANGED'),
  };
  assert.equal(next(known).dataOf('order-o RejectOrder'), { reason: 'CART_CHANGED' });
  next({ ...known, 'order-o RejectOrder': orderAfter({}, rejected('CART_CHANGED')) }).are(
    'inventory-near ReleaseReservation',
    'inventory-far ReleaseReservation',
    `slotday-near.${DAY} ReleaseSlot`,
    `slotday-far.${DAY} ReleaseSlot`,
  );
});

test('who comes too late rejects it, and gives back what anybody may hold; who began goes on', () => {
  const late = next(placed(), EXPIRES_MS);
  late.are('order-o RejectOrder');
  assert.equal(late.dataOf('order-o RejectOrder'), { reason: 'CHECKOUT_EXPIRED' });
  const after = { 'order-o': orderAfter({}, rejected('CHECKOUT_EXPIRED')) };
  next(after, EXPIRES_MS).are(
    'inventory-near ReleaseReservation',
    'inventory-far ReleaseReservation',
    `slotday-near.${DAY} ReleaseSlot`,
    `slotday-far.${DAY} ReleaseSlot`,
    'cart-c ReopenCart',
  );
  next({ ...placed(), ...ALL }, EXPIRES_MS).are('order-o ConfirmOrder');
});

test('a shop whose books know the round to be over refuses it', () => {
  const over = { 'inventory-far ReserveStock 1': refused('CHECKOUT_EXPIRED') };
  const known = { ...placed(), ...RESERVED, ...over };
  assert.equal(next(known).dataOf('order-o RejectOrder'), { reason: 'CHECKOUT_EXPIRED' });
});

const reservedOrder: OrderEvent = { type: 'OrderReserved', data: {} };
const waiting = (payment: 'upi' | 'razorpay') => ({
  'order-o': orderAfter({ payment }, reservedOrder),
});

test('money is asked for where nobody asked yet, and waited for', () => {
  next(waiting('razorpay')).are('look at payment-pay.o');
  const unasked = { ...waiting('razorpay'), 'payment-pay.o': paymentOf(null, 'none') };
  next(unasked).are('OpenPayment pay.o');
  const opened = { ...unasked, 'OpenPayment pay.o': { gatewayOrderId: 'g' } };
  next(opened).are('payment-pay.o RequestPayment');
  assert.equal(next(opened).dataOf('payment-pay.o RequestPayment'), {
    orderId: 'o',
    storeOrderId: null,
    storeId: null,
    method: 'razorpay',
    amountPaise: 2_000,
    expiresAt: '2026-11-21T10:15:00.000Z',
    gatewayOrderId: 'g',
  });
  const asked = { ...opened, 'payment-pay.o RequestPayment': paymentOf(null, 'requested') };
  next(asked).are();
  // What was opened outside is written down, whatever the time is; its end is another's task.
  next(opened, EXPIRES_MS).are('payment-pay.o RequestPayment');
  next(asked, EXPIRES_MS).are();
  next({ ...waiting('razorpay'), 'payment-pay.o': paymentOf(null, 'requested') }).are();
});

test('each shop is paid by itself: all of them, or it waits on', () => {
  const near = { 'payment-pay.near.o': paymentOf('near', 'paid', 1_000) };
  next(waiting('upi')).are('look at payment-pay.near.o', 'look at payment-pay.far.o');
  const far = (state: unknown) => ({ 'payment-pay.far.o': state });
  next({ ...waiting('upi'), ...near, ...far(paymentOf('far', 'requested')) }).are();
  next({ ...waiting('upi'), ...near, ...far(paymentOf('far', 'none')) }).are(
    'OpenPayment pay.far.o',
  );
  next({ ...waiting('upi'), ...near, ...far(paymentOf('far', 'paid', 1_000)) }).are(
    'order-o ConfirmOrder',
  );
});

test('a gateway that is away, or says no, ends it: the shopper has no other way to pay', () => {
  const unasked = { ...waiting('razorpay'), 'payment-pay.o': paymentOf(null, 'none') };
  const away = { ...unasked, 'OpenPayment pay.o': refused('PAYMENT_UNAVAILABLE') };
  assert.equal(next(away).dataOf('order-o RejectOrder'), { reason: 'PAYMENT_UNAVAILABLE' });
  const payment = 'razorpay' as const;
  const ended = orderAfter({ payment }, reservedOrder, rejected('PAYMENT_UNAVAILABLE'));
  const after = { ...away, 'order-o RejectOrder': ended };
  next(after).are('payment-pay.o CancelPayment');
});

test('out of time, money is no longer waited for before the order is given up', () => {
  const known = waiting('upi');
  const late = (more: Known = {}) => next({ ...known, ...more }, EXPIRES_MS);
  late().are('payment-pay.near.o CancelPayment', 'payment-pay.far.o CancelPayment');
  const cancelled = {
    'payment-pay.near.o CancelPayment': paymentOf('near', 'paid', 1_000),
    'payment-pay.far.o CancelPayment': paymentOf('far', 'cancelled'),
  };
  assert.equal(late(cancelled).dataOf('order-o RejectOrder'), { reason: 'CHECKOUT_EXPIRED' });
  const paid = { 'payment-pay.far.o CancelPayment': paymentOf('far', 'paid', 1_000) };
  late({ ...cancelled, ...paid }).are('order-o ConfirmOrder');
});

test('a confirmed order is handed to each shop once it has its slot, with the cash to collect', () => {
  const confirmed = { 'order-o': orderAfter({}, { type: 'OrderConfirmed', data: {} }) };
  next(confirmed).are(
    `slotday-near.${DAY} ConfirmSlot`,
    `slotday-far.${DAY} ConfirmSlot`,
    'payment-pay.near.o RequestPayment',
    'payment-pay.far.o RequestPayment',
  );
  const asked = {
    ...confirmed,
    'payment-pay.near.o RequestPayment': paymentOf('near', 'requested'),
    'payment-pay.far.o RequestPayment': paymentOf('far', 'requested'),
    [`slotday-near.${DAY} ConfirmSlot`]: held,
  };
  next(asked).are(`slotday-far.${DAY} ConfirmSlot`, 'storeorder-near.o SubmitStoreOrder');
  const paid = orderAfter({ payment: 'upi' }, { type: 'OrderConfirmed', data: {} });
  next({ 'order-o': paid, ...HELD }).are(
    `slotday-near.${DAY} ConfirmSlot`,
    `slotday-far.${DAY} ConfirmSlot`,
  );
});

test('what fell out of an order holds nothing, in whatever round', () => {
  const kept = { parts: [storeOrderAt('near')], leftOut: [] };
  for (const type of ['OrderReserved', 'OrderConfirmed'] as const) {
    const more = { payment: 'upi', onShortage: 'whatever-each-shop-can' } as const;
    const steps = next({ 'order-o': orderAfter(more, { type, data: { kept } }) });
    const names = steps.steps.map(({ key }) => key);
    assert.ok(names.includes('inventory-far ReleaseReservation'));
    assert.ok(names.includes(`slotday-far.${DAY} ReleaseSlot`));
    assert.is(names.filter((name) => /near.* Release/.test(name)).length, 0);
    const released = steps.dataOf('inventory-far ReleaseReservation');
    assert.is((released as { round?: number }).round, undefined);
  }
});

test('of two drivers who disagree the first is right, and the other goes on from there', () => {
  const confirmed = orderAfter({}, { type: 'OrderConfirmed', data: {} });
  const short1 = { ...placed(), ...RESERVED, 'inventory-far ReserveStock 1': short(0) };
  const names = next({ ...short1, 'order-o RejectOrder': confirmed }).steps.map(({ key }) => key);
  assert.ok(names.includes(`slotday-near.${DAY} ConfirmSlot`));
  assert.not(names.some((name) => name.includes('Release')));

  const given1 = orderAfter({}, rejected('INSUFFICIENT_STOCK'));
  next({ ...placed(), ...ALL, 'order-o ConfirmOrder': given1 }).are(
    'inventory-near ReleaseReservation',
    'inventory-far ReleaseReservation',
    `slotday-near.${DAY} ReleaseSlot`,
    `slotday-far.${DAY} ReleaseSlot`,
    'cart-c ReopenCart',
  );
});

test('who finds it rejected tells whoever may pay first, and then gives back its first round', () => {
  const more = { payment: 'razorpay' } as const;
  const gone = { 'order-o': orderAfter(more, reservedOrder, rejected('CHECKOUT_EXPIRED')) };
  next(gone).are('payment-pay.o CancelPayment');
  const cancelled = { ...gone, 'payment-pay.o CancelPayment': paymentOf(null, 'cancelled') };
  const steps = next(cancelled);
  assert.is(steps.steps.length, 5);
  assert.equal(steps.dataOf('cart-c ReopenCart'), { orderId: 'o', round: 1 });
  assert.equal(steps.dataOf('inventory-far ReleaseReservation'), {
    storeOrderId: 'far.o',
    reason: 'order-rejected',
    round: 1,
  });
});

test('an order that never comes back holds nothing in any round', () => {
  for (const reason of ['PAID_TOO_LATE', 'ORDER_CANCELLED']) {
    const steps = next({ 'order-o': orderAfter({}, rejected(reason)) });
    assert.is(steps.steps.length, 5);
    assert.equal(steps.dataOf('cart-c ReopenCart'), { orderId: 'o', round: undefined });
  }
});

test('an order ends once each shop is done with its part', () => {
  const at = (status: StoreOrder['status']) => ({ ...storeOrder.initial, status });
  const confirmed = { 'order-o': orderAfter({}, { type: 'OrderConfirmed', data: {} }) };
  const ends = (near: StoreOrder['status'], far: StoreOrder['status']) =>
    given(completion('o'), {
      ...confirmed,
      'storeorder-near.o': at(near),
      'storeorder-far.o': at(far),
    }).next();
  given(completion('o'), {}).next().are('look at order-o');
  given(completion('o'), placed()).next().are();
  given(completion('o'), confirmed)
    .next()
    .are('look at storeorder-near.o', 'look at storeorder-far.o');
  ends('delivered', 'packed').are();
  const done = ends('delivered', 'rejected');
  assert.equal(done.dataOf('order-o CompleteOrder'), { delivered: true, cancelled: false });
  const none = ends('cancelled', 'rejected');
  assert.equal(none.dataOf('order-o CompleteOrder'), { delivered: false, cancelled: true });
});

test.run();
