import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { storeOrder, type StoreOrder } from '../fulfilment/store-order.ts';
import { ordered } from '../fulfilment/picking.ts';
import type { Payment } from '../money/payment.ts';
import {
  closed,
  EXPIRES_MS,
  held,
  IDS,
  orderAfter,
  storeOrderAt,
  paymentOf,
  PRICE_PAISE,
  reserved,
} from '../../test/orders.ts';
import { given, refused, type Known } from '../../test/process.ts';
import { cash, settlement } from './settlement.ts';
import { PAID_TOO_LATE, type OrderEvent, type PlacedOrder } from './order.ts';

const MINUTE_MS = 60_000;
const LATE_MS = EXPIRES_MS + 5 * MINUTE_MS;
const DAY = '2026-11-22';
const upi: Partial<PlacedOrder> = { payment: 'upi' };
const card: Partial<PlacedOrder> = { payment: 'razorpay' };
const rejected = (reason: string): OrderEvent => ({
  type: 'OrderRejected',
  data: { reason, shortages: [] },
});
const confirmed: OrderEvent = { type: 'OrderConfirmed', data: {} };
const gaveUp = (how: Partial<PlacedOrder>) => orderAfter(how, rejected('CHECKOUT_EXPIRED'));
/** By card, given up and then paid. */
const PAID: Known = { 'order-o': gaveUp(card), 'payment-pay.o': paymentOf(null, 'paid', 2_000) };
const RESERVED: Known = {
  'inventory-near ReserveStock 1': reserved('near', 2, 2),
  'inventory-far ReserveStock 1': reserved('far', 2, 2),
};
const HELD: Known = {
  [`slotday-near.${DAY} HoldSlot`]: held,
  [`slotday-far.${DAY} HoldSlot`]: held,
};
const CLOSED: Known = { 'cart-c CheckOutCart': closed };
const next = (known: Known, nowMs = LATE_MS, waitUntilMs = 0) =>
  given(settlement(IDS, waitUntilMs), known).next(nowMs);

test('the order is looked at, and then its payments; without money nothing follows', () => {
  next({}).are('look at order-o');
  next({ 'order-o': { status: 'none' } }).are();
  next({ 'order-o': orderAfter(upi) }).are();
  next({ 'order-o': gaveUp(upi) }).are('look at payment-pay.near.o', 'look at payment-pay.far.o');
  next({ 'order-o': gaveUp(card), 'payment-pay.o': paymentOf(null, 'cancelled') }).are();
});

test('late money brings an order back if all of it can be had anew, in a round of its own', () => {
  const first = next(PAID);
  first.are('inventory-near ReserveStock 1', 'inventory-far ReserveStock 1');
  const { round, expiresAt } = first.dataOf('inventory-near ReserveStock 1') as Record<
    string,
    unknown
  >;
  assert.equal([round, expiresAt], [2, '2026-11-21T10:50:00.000Z']);
  next({ ...PAID, ...RESERVED }).are(`slotday-near.${DAY} HoldSlot`, `slotday-far.${DAY} HoldSlot`);
  const closing = next({ ...PAID, ...RESERVED, ...HELD });
  closing.are('cart-c CheckOutCart');
  assert.is((closing.dataOf('cart-c CheckOutCart') as { round: number }).round, 2);
  next({ ...PAID, ...RESERVED, ...HELD, ...CLOSED }).are('order-o ReinstateOrder');
});

test('what is brought back is handed over, and its money stays', () => {
  const back = orderAfter(card, rejected('CHECKOUT_EXPIRED'), confirmed);
  const known = { ...PAID, ...RESERVED, ...HELD, ...CLOSED, 'order-o ReinstateOrder': back };
  next(known).are(`slotday-near.${DAY} ConfirmSlot`, `slotday-far.${DAY} ConfirmSlot`);
  const slots = {
    ...known,
    [`slotday-near.${DAY} ConfirmSlot`]: held,
    [`slotday-far.${DAY} ConfirmSlot`]: held,
  };
  next(slots).are('storeorder-near.o SubmitStoreOrder', 'storeorder-far.o SubmitStoreOrder');
  const handed = {
    ...slots,
    'storeorder-near.o SubmitStoreOrder': workedAt('near'),
    'storeorder-far.o SubmitStoreOrder': workedAt('far'),
  };
  next(handed).are();
});

test('late money goes back where anything cannot be had: goods, a slot, or the cart', () => {
  const lacks: Known[] = [
    { ...RESERVED, 'inventory-far ReserveStock 1': refused('INSUFFICIENT_STOCK', shortages(1)) },
    { ...RESERVED, ...HELD, [`slotday-far.${DAY} HoldSlot`]: refused('SLOT_FULL') },
    { ...RESERVED, ...HELD, 'cart-c CheckOutCart': refused('CART_CHANGED') },
  ];
  for (const lack of lacks) next({ ...PAID, ...lack }).are('order-o RefuseLatePayment');
  // Also where the shopper once took what each shop had: now it is all or nothing.
  const what = gaveUp({ ...card, onShortage: 'whatever-each-shop-can' });
  next({ ...PAID, 'order-o': what, ...lacks[0]! }).are('order-o RefuseLatePayment');
});

const shortages = (left: number) => ({ shortages: [{ sku: 'ghee', wanted: 2, left }] });

test('late money goes back where it is too late, too little, or the slot has begun', () => {
  const { length } = next(PAID, EXPIRES_MS + 30 * MINUTE_MS).steps;
  assert.is(length, 2, 'half an hour is not too late');
  next(PAID, EXPIRES_MS + 30 * MINUTE_MS + 1).are('order-o RefuseLatePayment');
  const half = { ...PAID, 'payment-pay.o': paymentOf(null, 'cancelled', 1_000) };
  next(half).are('order-o RefuseLatePayment');
  const soon = { date: '2026-11-21', fromMinute: 0, toMinute: 60 };
  const parts = [storeOrderAt('near'), { ...storeOrderAt('far'), slot: soon }];
  next({ ...PAID, 'order-o': gaveUp({ ...card, parts }) }).are('order-o RefuseLatePayment');
});

test('a part of the late money waits for the rest of it, as long as that can come', () => {
  const near = { 'payment-pay.near.o': paymentOf('near', 'paid', 1_000) };
  const far = (state: Payment) => ({ 'payment-pay.far.o': state });
  const known = { 'order-o': gaveUp(upi), ...near, ...far(paymentOf('far', 'cancelled')) };
  const untilMs = LATE_MS + 10 * MINUTE_MS;
  next(known, LATE_MS, untilMs).are(`wait ${10 * MINUTE_MS}`);
  next(known, untilMs, untilMs).are('order-o RefuseLatePayment');
  next(known, LATE_MS).are('order-o RefuseLatePayment');
  // What was never asked for does not come; when all of it is there, nobody waits.
  const unasked = { ...known, ...far(paymentOf('far', 'none')) };
  next(unasked, LATE_MS, untilMs).are('order-o RefuseLatePayment');
  const all = { ...known, ...far(paymentOf('far', 'paid', 1_000)) };
  next(all, LATE_MS, untilMs).are('inventory-near ReserveStock 1', 'inventory-far ReserveStock 1');
  const tooLateMs = EXPIRES_MS + 31 * MINUTE_MS;
  next(known, tooLateMs, tooLateMs + 1).are('order-o RefuseLatePayment');
});

test('an order that never comes back gives back what it holds, and then its money', () => {
  const gone = orderAfter(card, rejected('CHECKOUT_EXPIRED'), rejected(PAID_TOO_LATE));
  const known = { 'order-o': gone, 'payment-pay.o': paymentOf(null, 'paid', 2_000) };
  next(known).are('payment-pay.o CancelPayment');
  const cancelled = { ...known, 'payment-pay.o CancelPayment': known['payment-pay.o'] };
  next(cancelled).are(
    'inventory-near ReleaseReservation',
    'inventory-far ReleaseReservation',
    `slotday-near.${DAY} ReleaseSlot`,
    `slotday-far.${DAY} ReleaseSlot`,
    'cart-c ReopenCart',
  );
  const { round } = next(cancelled).dataOf('cart-c ReopenCart') as { round?: number };
  assert.is(round, undefined, 'whatever round holds it');
  const nothing = Object.fromEntries(next(cancelled).steps.map(({ key }) => [key, held]));
  const settle = next({ ...cancelled, ...nothing });
  settle.are('payment-pay.o SettlePayment');
  const storeOrders = [owedAt('near', 0), owedAt('far', 0)];
  assert.equal(settle.dataOf('payment-pay.o SettlePayment'), { owedPaise: 0, storeOrders });
});

test('of two drivers who disagree about late money the first is right', () => {
  const back = orderAfter(card, rejected('CHECKOUT_EXPIRED'), confirmed);
  const short = refused('INSUFFICIENT_STOCK', shortages(0));
  const lost = { ...PAID, ...RESERVED, 'inventory-far ReserveStock 1': short };
  next({ ...lost, 'order-o RefuseLatePayment': back }).are(
    `slotday-near.${DAY} ConfirmSlot`,
    `slotday-far.${DAY} ConfirmSlot`,
  );
  const gone = orderAfter(card, rejected('CHECKOUT_EXPIRED'), rejected(PAID_TOO_LATE));
  const won = { ...PAID, ...RESERVED, ...HELD, ...CLOSED };
  next({ ...won, 'order-o ReinstateOrder': gone }).are('payment-pay.o CancelPayment');
});

/** A store order as its shop has it, after so many pieces of it fell away. */
function workedAt(storeId: string, shorted = 0, status: StoreOrder['status'] = 'accepted') {
  const [line] = storeOrderAt(storeId).lines;
  const lines = [{ ...ordered(line!), shorted }];
  return { ...storeOrder.initial, status, orderId: 'o', storeId, lines };
}

const taken = (state: Payment, ...refunds: { storeId: string; amountPaise: number }[]) => ({
  ...state,
  refunds: refunds.map(({ storeId, amountPaise }, index) => ({
    refundNumber: index + 1,
    externalId: 'r1',
    amountPaise,
    storeOrderId: `${storeId}.o`,
    storeId,
    status: 'requested' as const,
  })),
});

test('a refund is for the store order that became smaller, by what it did', () => {
  const known = {
    'order-o': orderAfter(card, confirmed),
    'payment-pay.o': paymentOf(null, 'paid', 2_000),
  };
  next(known).are('look at storeorder-near.o', 'look at storeorder-far.o');
  const whole = {
    ...known,
    'storeorder-near.o': workedAt('near'),
    'storeorder-far.o': workedAt('far'),
  };
  next(whole).are();
  const less = next({ ...whole, 'storeorder-far.o': workedAt('far', 1) });
  less.are('payment-pay.o SettlePayment');
  assert.equal(less.dataOf('payment-pay.o SettlePayment'), {
    owedPaise: 2_000 - PRICE_PAISE,
    storeOrders: [owedAt('near', 1_000), owedAt('far', 1_000 - PRICE_PAISE)],
  });
  // That went back already: now it is the other one.
  const both = next({
    ...whole,
    'storeorder-near.o': workedAt('near', 1),
    'storeorder-far.o': workedAt('far', 1),
    'payment-pay.o': taken(known['payment-pay.o'], { storeId: 'far', amountPaise: PRICE_PAISE }),
  });
  assert.equal(both.dataOf('payment-pay.o SettlePayment'), {
    owedPaise: 2_000 - 2 * PRICE_PAISE,
    storeOrders: [owedAt('near', 1_000 - PRICE_PAISE), owedAt('far', 1_000 - PRICE_PAISE)],
  });
  // A store order that was rejected owes nothing; money that came twice goes back for the first.
  const rejectedFar = next({ ...whole, 'storeorder-far.o': workedAt('far', 0, 'rejected') });
  assert.is(owedIn(rejectedFar.dataOf('payment-pay.o SettlePayment')), 1_000);
  const twice = next({ ...whole, 'payment-pay.o': paymentOf(null, 'paid', 4_000) });
  assert.equal(twice.dataOf('payment-pay.o SettlePayment'), {
    owedPaise: 2_000,
    storeOrders: [owedAt('near', 1_000), owedAt('far', 1_000)],
  });
});

const owedAt = (storeId: string, owedPaise: number) => ({
  storeOrderId: `${storeId}.o`,
  storeId,
  totalPaise: 1_000,
  owedPaise,
});

const owedIn = (data: unknown): number => (data as { owedPaise: number }).owedPaise;

test('each shop gives back its own, and only what was taken', () => {
  const known = {
    'order-o': orderAfter(upi, confirmed),
    'payment-pay.near.o': paymentOf('near', 'paid', 1_000),
    'payment-pay.far.o': paymentOf('far', 'requested'),
  };
  next(known).are('look at storeorder-near.o');
  const less = next({ ...known, 'storeorder-near.o': workedAt('near', 2) });
  less.are('payment-pay.near.o SettlePayment');
  assert.equal(less.dataOf('payment-pay.near.o SettlePayment'), { owedPaise: 0 });
});

test('of an order that still waits for money only what is too much goes back', () => {
  const waiting = orderAfter(card, { type: 'OrderReserved', data: {} });
  const paidIn = (paise: number) => ({
    'order-o': waiting,
    'payment-pay.o': paymentOf(null, 'paid', paise),
  });
  next(paidIn(2_000)).are();
  assert.is(owedIn(next(paidIn(2_001)).dataOf('payment-pay.o SettlePayment')), 2_000);
});

test('cash is asked for and taken down for all that was handed over, once it is', () => {
  const ids = { paymentIdOf: IDS.paymentIdOf };
  const at = (known: Known) => given(cash(ids, 'near.o'), known).next();
  at({}).are('look at storeorder-near.o');
  const [line] = storeOrderAt('near').lines;
  const picked = { ...workedAt('near'), lines: [{ ...ordered(line!), picked: 2 }], feePaise: 50 };
  const delivered: Known = { 'storeorder-near.o': { ...picked, status: 'delivered' } };
  at(delivered).are('look at order-o');
  at({ ...delivered, 'order-o': orderAfter(upi, confirmed) }).are();
  const known = { ...delivered, 'order-o': orderAfter({}, confirmed) };
  at(known).are('payment-pay.near.o RequestPayment');
  const asked = { ...known, 'payment-pay.near.o RequestPayment': paymentOf('near', 'requested') };
  at(asked).are('payment-pay.near.o CollectCash');
  const { amountPaise } = at(asked).dataOf('payment-pay.near.o CollectCash') as Payment;
  assert.is(amountPaise, 1_000, 'whole rupees of 10.50');
  at({ ...asked, 'payment-pay.near.o CollectCash': paymentOf('near', 'paid', 1_000) }).are();
  at({ ...asked, 'storeorder-near.o': { ...workedAt('near', 2), status: 'delivered' } }).are();
});

test.run();
