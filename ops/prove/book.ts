import type { CartLine } from '../../domain/cart.ts';
import { skuOfListing } from '../../domain/listing.ts';
import type { OrderStatus } from '../../domain/order.ts';
import { storeOrderEnded, type StoreOrder } from '../../domain/store-order.ts';
import type { Place } from './check.ts';

/**
 * What the log has said so far of every order, for the checks that compare streams with each other.
 * Each check writes down what its own streams say. Some 2 KB an order.
 */
export type Book = { orders: Map<string, BookedOrder>; parts: Map<string, Part> };

export type BookedOrder = {
  status: OrderStatus;
  /** When it came to this status, in ms since 1970. */
  sinceMs: number;
  expiresMs: number;
  parts: Part[];
  /** Its newest event. */
  place: Place;
};

/** A shop's part of an order. */
export type Part = {
  order: BookedOrder;
  storeId: string;
  /** What is to be put together: see `linesText`. */
  lines: string;
  goodsPaise: number;
  totalPaise: number;
  /** The day's stream and the minute in which it is wanted. */
  slot: string | null;
  /** `none` until the shop is handed it. */
  status: StoreOrder['status'];
  sinceMs: number;
  /** Its newest event. */
  place: Place;
  isPacked: boolean;
  isReserved: boolean;
  isPicked: boolean;
  holdsSlot: boolean;
  /** Where it was billed. */
  invoice: Place | null;
  creditedPaise: number;
};

/** Its newest event: of the order, until the shop is handed it. */
export const newestOf = ({ order, status, place }: Part): Place =>
  status === 'none' ? order.place : place;

/** `1 × s4, 2 × s1`: the same for the same lines in whatever order. */
export const linesText = (lines: { sku: string; quantity: number }[]): string =>
  lines
    .map(({ sku, quantity }) => `${quantity} × ${sku}`)
    .toSorted()
    .join(', ') || 'nothing';

/** The same of lines that name listings. */
export const listingsText = (lines: CartLine[]): string =>
  linesText(lines.map(({ listingId, quantity }) => ({ sku: skuOfListing(listingId), quantity })));

/** Whether goods and a place in a slot have to be kept for it. */
export const isToBePacked = ({ order, status, isPacked }: Part): boolean =>
  order.status === 'confirmed' && !isPacked && !storeOrderEnded(status);

/**
 * Since when nothing is to be kept for it, in ms since 1970; undefined for what goes on or was
 * delivered. Of a checkout that came to nothing, the last is given back when it would have expired:
 * two may have driven it.
 */
export function givenUpMs({ order, status, sinceMs }: Part): number | undefined {
  if (status === 'none') {
    const isOver = order.status === 'rejected';
    return isOver ? Math.max(order.sinceMs, order.expiresMs) : undefined;
  }
  return storeOrderEnded(status) && status !== 'delivered' ? sinceMs : undefined;
}
