import type { CartLine } from '../../domain/cart/cart.ts';
import { stockLine } from '../../domain/inventory/inventory.ts';
import type { OrderPart, OrderStatus } from '../../domain/ordering/order.ts';
import { slotDay, slotDayId } from '../../domain/slots/slot-day.ts';
import type { SharedPayment } from '../../domain/money/transfer.ts';
import { storeOrderEnded, type StoreOrder } from '../../domain/fulfilment/store-order.ts';
import { streamOf } from '../../platform/stream-name.ts';
import type { Place } from './check.ts';

/**
 * What the log has said so far of every order, for the checks that compare streams with each other.
 * Each check writes down what its own streams say. Some 3 KB an order.
 */
export type Book = {
  orders: Map<string, BookedOrder>;
  storeOrders: Map<string, BookedStoreOrder>;
  payments: Map<string, BookedPayment>;
};

export type BookedOrder = {
  status: OrderStatus;
  /** Whether it ever was. */
  confirmed: boolean;
  /** Given up unpaid, and not for good: money for it may wait for the rest. */
  mayBeReinstated: boolean;
  /** Whether the shops wait for the money before they begin. */
  prepaid: boolean;
  /** When it came to this status, in ms since 1970. */
  sinceMs: number;
  expiresMs: number;
  /** What is left of it: those that fell out are in the book alone. */
  storeOrders: BookedStoreOrder[];
  /** Its newest event. */
  place: Place;
};

/** A store order, as far as the log has told of it. */
export type BookedStoreOrder = {
  order: BookedOrder;
  storeId: string;
  /** What the shop has for it, and in its basket once it is packed: see `linesText`. */
  lines: string;
  totalPaise: number;
  /** What the shopper owes for it now. */
  owedPaise: number;
  /** The day's stream and the minute in which it is wanted. */
  slot: string | null;
  /** `none` until the shop is handed it. */
  status: StoreOrder['status'];
  sinceMs: number;
  /** Its newest event. */
  place: Place;
  isPacked: boolean;
  isPicked: boolean;
  /** What is reserved for it: see `linesText`. */
  reserved: string | null;
  holdsSlot: boolean;
  /** When what is held for it is given up, in ms since 1970, if it comes to nothing. */
  heldUntilMs: number;
  /** What has to come back of what was packed. */
  returns: readonly Returned[];
  /** What was delivered, as it is to be billed. */
  delivered: Delivered | null;
  /** Where it was billed. */
  invoice: Place | null;
  creditedPaise: number;
  payment: BookedPayment | null;
};

export type Returned = {
  lines: string;
  place: Place;
  /** Whether it is for sale again. */
  toShelf: boolean;
  isBooked: boolean;
  /** Whether there is a credit note for it, or needs to be none. */
  isCredited: boolean;
};

export type Delivered = {
  bill: string;
  feePaise: number;
  owedPaise: number;
  /** Whether the shop said how it knew that it reached the right person. */
  isProved: boolean;
};

export type BookedPayment = {
  order: BookedOrder;
  /** What it is for. */
  storeOrders: BookedStoreOrder[];
  prepaid: boolean;
  amountPaise: number;
  /** What is left of the money when every refund that was asked for has gone out. */
  keptPaise: number;
  sinceMs: number;
  /** Its newest event. */
  place: Place;
  /** What whoever took it gave back without having been asked: less than what is owed may be left. */
  elsewherePaise: number;
  /** As it folds now: what of it is in which shop's account. Null where shops take it themselves. */
  shares: SharedPayment | null;
  /** Those that were asked for and have not arrived. */
  refunds: { refundNumber: number; atMs: number; place: Place; failed?: boolean }[];
};

/** Its newest event: of the order, until the shop is handed it. */
export const newestOf = ({ order, status, place }: BookedStoreOrder): Place =>
  status === 'none' ? order.place : place;

/** `1 × s4, 2 × s1`: the same for the same lines in whatever order. */
export const linesText = (lines: { sku: string; quantity: number }[]): string =>
  lines
    .map(({ sku, quantity }) => `${quantity} × ${sku}`)
    .toSorted()
    .join(', ') || 'nothing';

/** The same of lines that name listings. */
export const listingsText = (lines: CartLine[]): string => linesText(lines.map(stockLine));

/** The same with what each line costs: `2 × s1 for 300`. */
export const billText = (lines: (CartLine & { linePaise: number })[]): string =>
  lines
    .map((line) => `${listingsText([line])} for ${line.linePaise}`)
    .toSorted()
    .join(', ') || 'nothing';

/** What an order wants of a shop. */
export const wantedOf = ({ storeId, lines, totalPaise, slot }: OrderPart) => ({
  storeId,
  lines: listingsText(lines),
  totalPaise,
  owedPaise: totalPaise,
  slot: slot && `${streamOf(slotDay, slotDayId(storeId, slot.date))} ${slot.fromMinute}`,
});

/** Nothing of it is left in its order: the shop had too little. */
const fellOut = (storeOrder: BookedStoreOrder): boolean =>
  !storeOrder.order.storeOrders.includes(storeOrder);

/** Whether goods and a place in a slot have to be kept for it. */
export function isToBePacked(storeOrder: BookedStoreOrder): boolean {
  const { order, status, isPacked } = storeOrder;
  const isOn = order.status === 'confirmed' || order.status === 'awaiting-payment';
  return isOn && !isPacked && !storeOrderEnded(status) && !fellOut(storeOrder);
}

/**
 * Since when nothing is to be kept for it, in ms since 1970; undefined for what goes on or was
 * delivered. Of a checkout that came to nothing, the last is given back when it would have expired:
 * two may have driven it.
 */
export function givenUpMs(storeOrder: BookedStoreOrder): number | undefined {
  const { order, status, sinceMs, heldUntilMs } = storeOrder;
  if (status === 'none') {
    const isOver =
      order.status === 'rejected' || (order.status !== 'placed' && fellOut(storeOrder));
    return isOver ? Math.max(order.sinceMs, heldUntilMs) : undefined;
  }
  return storeOrderEnded(status) && status !== 'delivered' ? sinceMs : undefined;
}

/**
 * Writes down that something came back; the arrays of most store orders stay empty and are shared.
 */
export function comesBack(storeOrder: BookedStoreOrder, returned: Returned): void {
  storeOrder.returns = [...storeOrder.returns, returned];
}
