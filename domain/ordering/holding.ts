/**
 * What an order holds: goods and a place in a slot at each shop, and its cart. It is gone through
 * in rounds: the checkout is the first, and a late payment that brings it back the second.
 *
 * Each of these streams knows, for each order, the newest round and whether it holds or is over,
 * and only ever goes on from there: (1, held) → (1, over) → (2, held) → (2, over). Whatever asks to
 * hold a round that was reached, or to give back one that does not hold, changes nothing. So it
 * does not matter how often, how late or in which order servers take these steps: a server that
 * wakes after an hour can take nothing that is over, and give back nothing that a later round
 * holds. What somebody takes for the first time after its order ended has a time to end by
 * (`expiresAt`), at which the reactor goes through the order again and gives it back.
 */
import { cart, type CartLine } from '../cart/cart.ts';
import { listingId } from '../catalogue/listing.ts';
import { storeOrder } from '../fulfilment/store-order.ts';
import {
  inventory,
  stockLine,
  type Inventory,
  type StockLine,
  type StockShortage,
} from '../inventory/inventory.ts';
import { isPrepaid, payment } from '../money/payment.ts';
import { slotDay, slotDayId, type OrderSlot, type SlotDay } from '../slots/slot-day.ts';
import { take, type Step, type View } from '../../engine/process.ts';
import {
  leftOutOf,
  storeOrderOf,
  type AnyPlaced,
  type LeftOut,
  type OrderPart,
  type Shortage,
} from './order.ts';
import { paymentsOf, requestFor, type PaymentIds } from './payments.ts';

export const CHECKOUT_ROUND = 1;
export const LATE_ROUND = 2;

/** Tries to reserve what is left at a shop while others buy it away. */
const MAX_SHRINKS = 5;

/** How an order is gone through. */
export type Round = {
  orderId: string;
  round: number;
  /** RFC 3339: when what is held for it is given back at the latest. The same for everybody. */
  expiresAt: string;
  /** All of the order or nothing; else of each store order what its shop can serve. */
  all: boolean;
};

/** Why an order is not to be. */
export type Refused = { reason: string; shortages?: Shortage[] };

/** What the shops hold for an order, or why it is refused. */
export type Held = { parts: OrderPart[]; leftOut: LeftOut[]; refused?: Refused };

/** What is left of a store order, if anything, and what fell out of it. */
type KeptStoreOrder = { kept?: OrderPart; leftOut: LeftOut[] };

const isStep = (one: Step | KeptStoreOrder): one is Step => 'does' in one;

/**
 * Reserves lines and holds slots at every shop: all of them, or what each shop can serve. The steps
 * that are still to be taken for that; once there are none, what came of them.
 */
export function holdStoreOrders(view: View, round: Round, asked: OrderPart[]): Step[] | Held {
  const reserved = asked.map((one) => reserveStoreOrder(view, round, one));
  if (reserved.some(isStep)) return reserved.filter(isStep);
  const there = (reserved as KeptStoreOrder[]).flatMap(({ kept }) => kept ?? []);
  const short = (reserved as KeptStoreOrder[]).flatMap(({ leftOut }) => leftOut);
  if (there.length === 0 || (round.all && short.length > 0)) {
    return { parts: [], leftOut: short, refused: refusedFor(short) };
  }
  const placed = there.map((one) => holdSlot(view, round, one));
  if (placed.some(isStep)) return placed.filter(isStep);
  const kept = (placed as KeptStoreOrder[]).flatMap((one) => one.kept ?? []);
  const full = (placed as KeptStoreOrder[]).flatMap(({ leftOut }) => leftOut);
  const reasons = new Map([...short, ...full].map((one) => [one.storeOrderId, one.reason]));
  const leftOut = asked.flatMap((one) => {
    const left = kept.find(({ storeOrderId }) => storeOrderId === one.storeOrderId);
    return leftOutOf(one, left, reasons.get(one.storeOrderId) ?? 'INSUFFICIENT_STOCK');
  });
  return kept.length === 0 || (round.all && full.length > 0)
    ? { parts: kept, leftOut, refused: { reason: full[0]!.reason } }
    : { parts: kept, leftOut };
}

function refusedFor(short: LeftOut[]): Refused {
  const missing = short.filter(({ reason }) => reason === 'INSUFFICIENT_STOCK');
  if (missing.length === 0) return { reason: short[0]!.reason };
  const shortages = missing.map(({ listingId: id, wanted, left }) => ({
    listingId: id,
    wanted,
    left,
  }));
  return { reason: 'INSUFFICIENT_STOCK', shortages };
}

/**
 * All lines of a store order; or, unless it has to be all, as many of each as the shop has left.
 */
function reserveStoreOrder(view: View, round: Round, wanted: OrderPart): Step | KeptStoreOrder {
  let kept: OrderPart | undefined = wanted;
  for (let tries = 1; kept && tries <= MAX_SHRINKS; tries++) {
    const lines = kept.lines.map(stockLine);
    const step = reserve(round, wanted, lines, tries);
    const outcome = view.outcomeOf(step);
    if (!outcome) return step;
    if ('result' in outcome) {
      // Another driver may have been first, when there was more or less.
      const standing = outcome.result.reservations.get(wanted.storeOrderId)?.lines ?? lines;
      const held = storeOrderOf(wanted, quantitiesOf(wanted.storeId, standing));
      return {
        ...(held && { kept: held }),
        leftOut: leftOutOf(wanted, held, 'INSUFFICIENT_STOCK'),
      };
    }
    const { code, facts } = outcome.refusal;
    if (code !== 'INSUFFICIENT_STOCK') return { leftOut: leftOutOf(wanted, undefined, code) };
    const left = (facts.shortages as StockShortage[]).map((one) => ({
      sku: one.sku,
      quantity: one.left,
    }));
    kept = storeOrderOf(kept, quantitiesOf(wanted.storeId, [...lines, ...left]));
    if (round.all) return { leftOut: leftOutOf(wanted, kept, code) };
  }
  return { leftOut: leftOutOf(wanted, undefined, 'INSUFFICIENT_STOCK') };
}

const quantitiesOf = (storeId: string, lines: StockLine[]): Map<string, number> =>
  new Map(lines.map(({ sku, quantity }) => [listingId(storeId, sku), quantity]));

const reserve = (
  { orderId, round, expiresAt }: Round,
  { storeOrderId, storeId }: OrderPart,
  lines: StockLine[],
  tries: number,
): Step<Inventory> => {
  const data = { storeOrderId, orderId, round, lines, expiresAt };
  return take(inventory, storeId, { type: 'ReserveStock', data }, tries);
};

/** A place in the slot that is wanted, if one is; a store order without it falls out as a whole. */
function holdSlot(view: View, round: Round, wanted: OrderPart): Step | KeptStoreOrder {
  if (!wanted.slot) return { kept: wanted, leftOut: [] };
  const step = hold(round, wanted, wanted.slot);
  const outcome = view.outcomeOf(step);
  if (!outcome) return step;
  if ('result' in outcome) return { kept: wanted, leftOut: [] };
  return { leftOut: leftOutOf(wanted, undefined, outcome.refusal.code) };
}

const hold = (
  { orderId, round, expiresAt }: Round,
  { storeOrderId, storeId }: OrderPart,
  { date, fromMinute }: OrderSlot,
): Step<SlotDay> => {
  const data = { storeOrderId, orderId, round, fromMinute, expiresAt };
  return take(slotDay, slotDayId(storeId, date), { type: 'HoldSlot', data });
};

/** Closes the cart with what was ordered of it. */
export const closeCart = ({ orderId, round }: Round, { cartId, asked }: AnyPlaced): Step => {
  const data = { orderId, round, lines: cartLinesOf(asked) };
  return take(cart, cartId, { type: 'CheckOutCart', data });
};

/** The cart's lines as they were quoted. */
const cartLinesOf = (asked: OrderPart[]): CartLine[] =>
  asked.flatMap(({ lines }) =>
    lines.map(({ listingId: id, quantity }) => ({ listingId: id, quantity })),
  );

/** For sale again. Without a `round`, whatever stands. */
const release = ({ storeOrderId, storeId }: OrderPart, round?: number): Step => {
  const data = { storeOrderId, reason: 'order-rejected', round } as const;
  return take(inventory, storeId, { type: 'ReleaseReservation', data });
};

const freeSlot = ({ storeOrderId, storeId, slot }: OrderPart, round?: number): Step[] => {
  if (!slot) return [];
  const data = { storeOrderId, reason: 'order-rejected', round } as const;
  return [take(slotDay, slotDayId(storeId, slot.date), { type: 'ReleaseSlot', data })];
};

const reopen = (orderId: string, { cartId }: AnyPlaced, round?: number): Step =>
  take(cart, cartId, { type: 'ReopenCart', data: { orderId, round } });

export const cancelPayments = (
  ids: PaymentIds,
  orderId: string,
  placed: AnyPlaced,
  reason: string,
): Step[] =>
  paymentsOf(ids, orderId, placed).map(({ paymentId }) =>
    take(payment, paymentId, { type: 'CancelPayment', data: { reason } }),
  );

/**
 * Everything that an order which is rejected may hold, whoever took it. Who may still pay for it is
 * told first. Without a `round`, whatever stands.
 */
export function giveBack(
  view: View,
  ids: PaymentIds,
  orderId: string,
  placed: AnyPlaced,
  round?: number,
): Step[] {
  const { asked, reason } = placed;
  const cancelling = isPrepaid(placed.payment)
    ? view.untaken(cancelPayments(ids, orderId, placed, reason ?? 'CHECKOUT_EXPIRED'))
    : [];
  if (cancelling.length > 0) return cancelling;
  const own = asked.flatMap((one) => [release(one, round), ...freeSlot(one, round)]);
  return view.untaken([...own, reopen(orderId, placed, round)]);
}

/** What this view's own steps hold in a round, and nothing that others took. */
export function giveBackOwn(view: View, round: Round, placed: AnyPlaced): Step[] {
  const isOwn = (step: Step): boolean => view.resultOf(step) !== undefined;
  const own = placed.asked.flatMap((one) => [
    ...(reservations(round, one).some(isOwn) ? [release(one, round.round)] : []),
    ...(one.slot && isOwn(hold(round, one, one.slot)) ? freeSlot(one, round.round) : []),
  ]);
  const isClosed = isOwn(closeCart(round, placed));
  const steps = [...own, ...(isClosed ? [reopen(round.orderId, placed, round.round)] : [])];
  return view.untaken(steps);
}

/** Whether anything was tried in this view to hold an order. */
export const isBegun = (view: View, round: Round, { asked }: AnyPlaced): boolean =>
  asked.some((one) => reservations(round, one).some((step) => view.outcomeOf(step)));

/** Every try to reserve a store order, by its name. */
const reservations = (round: Round, wanted: OrderPart): Step[] =>
  Array.from({ length: MAX_SHRINKS }, (_, index) => reserve(round, wanted, [], index + 1));

/** What an order is to go without. */
export const giveBackLeftOut = (view: View, { asked, parts }: AnyPlaced): Step[] =>
  view.untaken(
    asked
      .filter(({ storeOrderId }) => !parts.some((one) => one.storeOrderId === storeOrderId))
      .flatMap((one) => [release(one), ...freeSlot(one)]),
  );

/**
 * Confirms each shop's slot and hands it its store order; notes what it has to collect, where it is
 * paid at the door.
 */
export function handOver(view: View, ids: PaymentIds, orderId: string, placed: AnyPlaced): Step[] {
  const { personId, sealedRecipient, pincode, payment: method, parts } = placed;
  const submitting = parts.flatMap(({ storeOrderId, ...rest }) => {
    const confirming = view.untaken(rest.slot ? [confirm(storeOrderId, rest, rest.slot)] : []);
    if (confirming.length > 0) return confirming;
    const data = { ...rest, orderId, personId, sealedRecipient, pincode, payment: method };
    return view.untaken([take(storeOrder, storeOrderId, { type: 'SubmitStoreOrder', data })]);
  });
  const requesting = paymentsOf(ids, orderId, placed).map((due) => {
    const data = requestFor(orderId, placed, due, {});
    return take(payment, due.paymentId, { type: 'RequestPayment', data });
  });
  return [...submitting, ...(isPrepaid(method) ? [] : view.untaken(requesting))];
}

const confirm = (
  storeOrderId: string,
  { storeId }: Pick<OrderPart, 'storeId'>,
  { date }: OrderSlot,
): Step => take(slotDay, slotDayId(storeId, date), { type: 'ConfirmSlot', data: { storeOrderId } });
