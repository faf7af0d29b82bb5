import { storeOrder, storeOrderEnded } from '../fulfilment/store-order.ts';
import { isPrepaid, payment, type PaymentMethod } from '../money/payment.ts';
import type { Message } from '../../engine/decider.ts';
import { ask, look, take, type Process, type Step, type View } from '../../engine/process.ts';
import {
  cancelPayments,
  CHECKOUT_ROUND,
  closeCart,
  giveBack,
  giveBackLeftOut,
  giveBackOwn,
  handOver,
  holdStoreOrders,
  isBegun,
  type Refused,
  type Round,
} from './holding.ts';
import { isFinal, order, type AnyPlaced, type OrderCommand, type PlacedOrder } from './order.ts';
import {
  paymentsOf,
  requestFor,
  type DuePayment,
  type HowToPay,
  type PaymentIds,
} from './payments.ts';

/** An order that is gone through. */
export type OrderIds = PaymentIds & { orderId: string };

/** Has whoever takes the money prepare a payment. Answered with `HowToPay`. */
export type OpenPayment = Message<'OpenPayment', { method: PaymentMethod; due: DuePayment }>;

/**
 * What becomes of a placed order. Its lines are reserved and its slots held at every shop, its cart
 * is closed, and where it is paid before it is delivered, that is asked for and waited for; then it
 * is confirmed and each shop is handed its store order, or it is rejected and gives back what it
 * holds.
 *
 * The order's own stream says what it comes to: of two servers that drive it to different ends, the
 * first is right, and both go on from there. Whoever comes to it later takes the steps that are
 * missing (`holding.ts` says why none is ever taken twice).
 */
export const checkout =
  (ids: OrderIds): Process =>
  (view, nowMs) => {
    const state = view.stateOf(order, ids.orderId);
    if (!state) return [look(order, ids.orderId)];
    if (state.status === 'none') return [];
    if (state.status === 'placed') return hold(view, ids, state, nowMs);
    if (state.status === 'awaiting-payment') {
      return [...giveBackLeftOut(view, state), ...bePaid(view, ids, state, nowMs)];
    }
    if (state.confirmed) {
      return [...giveBackLeftOut(view, state), ...handOver(view, ids, ids.orderId, state)];
    }
    return undo(view, ids, state);
  };

const hasExpired = ({ expiresAt }: PlacedOrder, nowMs: number): boolean =>
  nowMs >= Date.parse(expiresAt);

const roundOf = (orderId: string, { expiresAt, onShortage }: PlacedOrder): Round => {
  const all = onShortage === 'all-or-nothing';
  return { orderId, round: CHECKOUT_ROUND, expiresAt, all };
};

const decide = ({ orderId }: OrderIds, command: OrderCommand): Step[] => [
  take(order, orderId, command),
];

const reject = (ids: OrderIds, data: Refused): Step[] => decide(ids, { type: 'RejectOrder', data });

/** What the shops can refuse; who began in time goes on. */
function hold(view: View, ids: OrderIds, placed: AnyPlaced, nowMs: number): Step[] {
  const round = roundOf(ids.orderId, placed);
  if (hasExpired(placed, nowMs) && !isBegun(view, round, placed)) {
    return reject(ids, { reason: 'CHECKOUT_EXPIRED' });
  }
  const held = holdStoreOrders(view, round, placed.parts);
  if (Array.isArray(held)) return held;
  if (held.refused) return reject(ids, held.refused);
  const closing = closeCart(round, placed);
  const closed = view.outcomeOf(closing);
  if (!closed) return [closing];
  if ('refusal' in closed) return reject(ids, { reason: closed.refusal.code });
  const { parts, leftOut } = held;
  const data = leftOut.length > 0 ? { kept: { parts, leftOut } } : {};
  return decide(ids, { type: isPrepaid(placed.payment) ? 'ReserveOrder' : 'ConfirmOrder', data });
}

/** Asks for the payments that an order still lacks; nothing while they are waited for. */
function bePaid(view: View, ids: OrderIds, reserved: AnyPlaced, nowMs: number): Step[] {
  const due = paymentsOf(ids, ids.orderId, reserved);
  const isOpened = due.some((one) => view.outcomeOf(open(reserved, one)));
  if (hasExpired(reserved, nowMs) && !isOpened) {
    // Before the order is rejected, so that what is paid from now on is known to be late.
    const reason = 'CHECKOUT_EXPIRED';
    const cancelling = view.untaken(cancelPayments(ids, ids.orderId, reserved, reason));
    if (cancelling.length > 0) return cancelling;
    return isPaid(view, due) ? confirm(ids) : reject(ids, { reason });
  }
  const unknown = due.filter(({ paymentId }) => !view.stateOf(payment, paymentId));
  if (unknown.length > 0) return unknown.map(({ paymentId }) => look(payment, paymentId));
  const asking = requestPayments(view, ids, reserved, due);
  if (asking.length > 0) return asking;
  return isPaid(view, due) ? confirm(ids) : [];
}

/** What was opened outside is written down, whatever the time has become. */
function requestPayments(
  view: View,
  ids: OrderIds,
  reserved: AnyPlaced,
  due: DuePayment[],
): Step[] {
  const missing = due.filter(
    ({ paymentId }) => view.stateOf(payment, paymentId)?.status === 'none',
  );
  const opening = view.untaken(missing.map((one) => open(reserved, one)));
  if (opening.length > 0) return opening;
  for (const one of missing) {
    const opened = view.outcomeOf(open(reserved, one));
    // A gateway that is away may be so for long: the shopper would have no other way to pay.
    if (opened && 'refusal' in opened) return reject(ids, { reason: opened.refusal.code });
  }
  return missing.map((one) => {
    const how = view.resultOf(open(reserved, one)) ?? {};
    const data = requestFor(ids.orderId, reserved, one, how);
    return take(payment, one.paymentId, { type: 'RequestPayment', data });
  });
}

const open = ({ payment: method }: AnyPlaced, due: DuePayment): Step<HowToPay> => {
  const request: OpenPayment = { type: 'OpenPayment', data: { method, due } };
  return ask(request, due.paymentId);
};

const isPaid = (view: View, due: DuePayment[]): boolean =>
  due.every(({ paymentId }) => view.stateOf(payment, paymentId)?.status === 'paid');

const confirm = (ids: OrderIds): Step[] => decide(ids, { type: 'ConfirmOrder', data: {} });

/**
 * A rejected order holds nothing. Who rejected it while it was placed knows what it took itself;
 * whoever else took something gives that back. Who finds it rejected gives back all that anybody
 * may have taken, and died: of the first round while a late payment may bring it back, of every
 * round once none can.
 */
function undo(view: View, ids: OrderIds, state: AnyPlaced): Step[] {
  if (isFinal(state)) return giveBack(view, ids, ids.orderId, state);
  const round = roundOf(ids.orderId, state);
  return isBegun(view, round, state) && !state.reserved
    ? giveBackOwn(view, round, state)
    : giveBack(view, ids, ids.orderId, state, CHECKOUT_ROUND);
}

/** Ends an order once every shop is done with its store order. */
export const completion =
  (orderId: string): Process =>
  (view) => {
    const placed = view.stateOf(order, orderId);
    if (!placed) return [look(order, orderId)];
    if (placed.status !== 'confirmed') return [];
    const unknown = placed.parts.filter(
      ({ storeOrderId }) => !view.stateOf(storeOrder, storeOrderId),
    );
    if (unknown.length > 0) {
      return unknown.map(({ storeOrderId }) => look(storeOrder, storeOrderId));
    }
    const statuses = placed.parts.map(
      ({ storeOrderId }) => view.stateOf(storeOrder, storeOrderId)!.status,
    );
    if (!statuses.every(storeOrderEnded)) return [];
    const delivered = statuses.includes('delivered');
    const cancelled = statuses.includes('cancelled');
    return [take(order, orderId, { type: 'CompleteOrder', data: { delivered, cancelled } })];
  };
