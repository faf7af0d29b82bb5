import { deliveredPaise, owedPaise, storeOrder } from '../fulfilment/store-order.ts';
import { sumPaise, wholeRupees } from '../money/money.ts';
import {
  isPrepaid,
  keptPaise,
  payablePaise,
  payment,
  type Payment,
  type OwedStoreOrder,
} from '../money/payment.ts';
import { dayOf, instantOf } from '../stores/delivery.ts';
import { look, take, wait, type Process, type Step, type View } from '../../engine/process.ts';
import type { OrderIds } from './checkout.ts';
import {
  closeCart,
  giveBack,
  handOver,
  holdStoreOrders,
  LATE_ROUND,
  type Round,
} from './holding.ts';
import { isOpen, mayBeReinstated, order, type AnyPlaced, type OrderPart } from './order.ts';
import { paymentsOf, requestFor, type DuePayment, type PaymentIds } from './payments.ts';

/** How late a payment may be for its order to be brought back: later, nobody expects goods. */
const MAX_LATE_MS = 30 * 60_000;
/** What an order that is brought back gets, after that, until it is confirmed. */
const REINSTATE_TIMEOUT_MS = 5 * 60_000;

type Paid = { due: DuePayment; state: Payment };

/**
 * Gives back whatever was taken for an order beyond what is owed for it now. Where an order was
 * given up and then paid, brings it back if everything can still be had: the order's own stream
 * says which of the two it is before any money moves. A payment gives back what it holds beyond
 * what is owed, so that it does not matter how often it is told; and what is owed only ever falls.
 *
 * @param waitUntilMs until when the rest of the money is waited for, in ms since 1970
 */
export const settlement =
  (ids: OrderIds, waitUntilMs = 0): Process =>
  (view, nowMs) => {
    const { orderId } = ids;
    const state = view.stateOf(order, orderId);
    if (!state) return [look(order, orderId)];
    if (state.status === 'none' || state.status === 'placed') return [];
    const due = paymentsOf(ids, orderId, state);
    const unknown = due.filter(({ paymentId }) => !view.stateOf(payment, paymentId));
    if (unknown.length > 0) return unknown.map(({ paymentId }) => look(payment, paymentId));
    const paid = due.map((one): Paid => {
      return { due: one, state: view.stateOf(payment, one.paymentId)! };
    });
    if (paid.every((one) => keptPaise(one.state) === 0)) return [];
    if (nowMs < waitUntilMs && mayBePaidYet(state, paid, nowMs)) return [wait(waitUntilMs - nowMs)];
    if (mayBeReinstated(state)) return judgeLatePayment(view, ids, state, paid, nowMs);
    const following = follow(view, ids, state);
    return following.length > 0 ? following : refund(view, state, paid);
  };

/** All of it was asked for and some of it came, so late that only all of it brings the order back. */
const mayBePaidYet = (placed: AnyPlaced, paid: Paid[], nowMs: number): boolean =>
  mayBeReinstated(placed) &&
  isInTime(placed, nowMs) &&
  !isPaid(paid) &&
  paid.every(({ state }) => state.status !== 'none');

const isPaid = (paid: Paid[]): boolean =>
  paid.every(({ due, state }) => keptPaise(state) >= due.amountPaise);

const isInTime = ({ expiresAt, parts }: AnyPlaced, nowMs: number): boolean =>
  nowMs <= Date.parse(expiresAt) + MAX_LATE_MS && parts.every((one) => isSlotAhead(one, nowMs));

const isSlotAhead = ({ slot }: OrderPart, nowMs: number): boolean =>
  !slot || instantOf(dayOf(slot.date), slot.fromMinute) > nowMs;

const hasEndedUnpaid = ({ status, confirmed }: AnyPlaced): boolean =>
  status === 'rejected' && !confirmed;

/** Takes every step of the checkout anew, for all of what it came to. */
const lateRoundOf = (orderId: string, { expiresAt }: AnyPlaced): Round => {
  const untilMs = Date.parse(expiresAt) + MAX_LATE_MS + REINSTATE_TIMEOUT_MS;
  const until = new Date(untilMs).toISOString();
  return { orderId, round: LATE_ROUND, expiresAt: until, all: true };
};

/** Says, once and for all, whether an order that was given up and then paid comes back. */
function judgeLatePayment(
  view: View,
  { orderId }: OrderIds,
  placed: AnyPlaced,
  paid: Paid[],
  nowMs: number,
): Step[] {
  const refusing = take(order, orderId, { type: 'RefuseLatePayment', data: {} });
  if (!isPaid(paid) || !isInTime(placed, nowMs)) return [refusing];
  const round = lateRoundOf(orderId, placed);
  const held = holdStoreOrders(view, round, placed.parts);
  if (Array.isArray(held)) return held;
  if (held.refused) return [refusing];
  const closing = closeCart(round, placed);
  const closed = view.outcomeOf(closing);
  if (!closed) return [closing];
  if ('refusal' in closed) return [refusing];
  return [take(order, orderId, { type: 'ReinstateOrder', data: {} })];
}

/** Hands over what was brought back here; gives back what an order that never comes back holds. */
function follow(view: View, ids: OrderIds, state: AnyPlaced): Step[] {
  const { orderId } = ids;
  if (hasEndedUnpaid(state)) return giveBack(view, ids, orderId, state);
  const reinstating = take(order, orderId, { type: 'ReinstateOrder', data: {} });
  const refusing = take(order, orderId, { type: 'RefuseLatePayment', data: {} });
  const isJudged = view.untaken([reinstating, refusing]).length < 2;
  return isJudged ? handOver(view, ids, orderId, state) : [];
}

/** Gives back what was taken for each payment beyond what is owed for its store orders. */
function refund(view: View, placed: AnyPlaced, paid: Paid[]): Step[] {
  const taken = paid.filter(({ state }) => keptPaise(state) > 0);
  const unknown = taken
    .flatMap(({ due }) => storeOrdersOf(placed, due))
    .filter(({ storeOrderId }) => !view.stateOf(storeOrder, storeOrderId));
  if (unknown.length > 0 && !hasEndedUnpaid(placed) && !isOpen(placed)) {
    return unknown.map(({ storeOrderId }) => look(storeOrder, storeOrderId));
  }
  const settling = taken.flatMap(({ due, state }) => {
    const storeOrders = storeOrdersOf(placed, due).map((one): OwedStoreOrder => {
      const { storeOrderId, storeId, totalPaise } = one;
      return { storeOrderId, storeId, totalPaise, owedPaise: owedFor(view, placed, one) };
    });
    const sum = payableOf(placed, state, sumPaise(storeOrders.map(({ owedPaise: owed }) => owed)));
    if (keptPaise(state) <= sum) return [];
    const data = { owedPaise: sum, ...(!due.storeOrderId && { storeOrders }) };
    return [take(payment, due.paymentId, { type: 'SettlePayment', data })];
  });
  return view.untaken(settling);
}

/** Cash that was taken to the paisa, as it was at first, goes back to the paisa. */
const payableOf = ({ payment: method }: AnyPlaced, { receipts }: Payment, owed: number): number =>
  receipts.every(({ amountPaise }) => amountPaise === wholeRupees(amountPaise))
    ? payablePaise(method, owed)
    : owed;

/** The store orders that a payment is for. */
const storeOrdersOf = ({ parts }: AnyPlaced, { storeOrderId }: DuePayment): OrderPart[] =>
  parts.filter((one) => !storeOrderId || one.storeOrderId === storeOrderId);

function owedFor(view: View, placed: AnyPlaced, { storeOrderId, totalPaise }: OrderPart): number {
  if (hasEndedUnpaid(placed)) return 0;
  if (isOpen(placed)) return totalPaise;
  const state = view.stateOf(storeOrder, storeOrderId);
  return !state || state.status === 'none' ? totalPaise : owedPaise(state);
}

/**
 * Takes down the cash for a store order that was delivered: nothing is handed over without it. What
 * came back since then was paid for as well, and is given back by settlement.
 */
export const cash =
  (ids: PaymentIds, storeOrderId: string): Process =>
  (view) => {
    const state = view.stateOf(storeOrder, storeOrderId);
    if (!state) return [look(storeOrder, storeOrderId)];
    const { orderId } = state;
    const placed = view.stateOf(order, orderId);
    if (!placed) return [look(order, orderId)];
    if (placed.status === 'none' || isPrepaid(placed.payment)) return [];
    const due = paymentsOf(ids, orderId, placed).find((one) => one.storeOrderId === storeOrderId);
    if (!due) throw new Error(`order ${orderId} lacks its store order ${storeOrderId}`);
    const data = requestFor(orderId, placed, due, {});
    const requesting = view.untaken([
      take(payment, due.paymentId, { type: 'RequestPayment', data }),
    ]);
    const amountPaise = payablePaise(placed.payment, deliveredPaise(state));
    if (requesting.length > 0 || amountPaise === 0) return requesting;
    const collect = { type: 'CollectCash', data: { amountPaise } } as const;
    return view.untaken([take(payment, due.paymentId, collect)]);
  };
