import type { CartLine } from './cart.ts';
import { Rejected, type Decider, type Message } from './decider.ts';
import type { Fulfilment } from './delivery.ts';
import type { OrderSlot } from './slot-day.ts';
import { storeOfListing, type Listing, type LocalNames } from './listing.ts';
import { linePaise, sumPaise } from './money.ts';

/** A line as the shopper accepted it: name and price stay as they were when it was ordered. */
export type OrderLine = {
  listingId: string;
  name: string;
  names: LocalNames;
  pack: string | null;
  quantity: number;
  pricePaise: number;
  linePaise: number;
  /** What a piece is to weigh, where it is weighed when it is picked. */
  gramsEach?: number;
  /** Absent where the shopper was not asked: nothing takes its place. */
  ifMissing?: IfMissing;
};

/** What is to come instead of what is not there: what the shop finds, one listing, or nothing. */
export type IfMissing =
  { wish: 'best-match' } | { wish: 'this-one'; listingId: string } | { wish: 'refund' };

export type PaymentMethod = 'cash-on-delivery';

/** One shop's part of an order. */
export type OrderPart = {
  storeOrderId: string;
  storeId: string;
  lines: OrderLine[];
  /** Absent where it was brought for nothing before fees were asked for. */
  feePaise?: number;
  /** Absent where there was only delivery. */
  fulfilment?: Fulfilment;
  /** Absent where it comes as soon as the shop can. */
  slot?: OrderSlot;
  /** Lines and fee. */
  totalPaise: number;
};

export type PlacedOrder = {
  cartId: string;
  /** Whose key opens `sealedRecipient`; a random id, one for each guest order. */
  personId: string;
  /** Name, phone and address, encrypted under the person's own key. */
  sealedRecipient: string;
  pincode: string;
  payment: PaymentMethod;
  parts: OrderPart[];
  totalPaise: number;
  /** What the shopper accepted: never less than the total. Orders from before quotes have none. */
  quote?: { totalPaise: number; expiresAt: string };
  /** RFC 3339, UTC: what has not been confirmed by then is given up. */
  expiresAt: string;
};

/** A line that a shop cannot serve: how much of it was wanted, and how much is left. */
export type Shortage = { listingId: string; wanted: number; left: number };

type Rejection = { reason: string; shortages?: Shortage[] };

export type OrderCommand =
  | Message<'PlaceOrder', PlacedOrder>
  | Message<'ConfirmOrder', Record<string, never>>
  | Message<'RejectOrder', Rejection>
  | Message<'CompleteOrder', { delivered: boolean; cancelled?: boolean }>;

export type OrderEvent =
  | Message<'OrderPlaced', PlacedOrder>
  | Message<'OrderConfirmed', Record<string, never>>
  | Message<'OrderRejected', Rejection>
  | Message<'OrderCancelled', Record<string, never>>
  | Message<'OrderCompleted', Record<string, never>>;

export type OrderStatus = 'placed' | 'confirmed' | 'rejected' | 'cancelled' | 'completed';

export type Order =
  | { status: 'none' }
  | ({
      status: OrderStatus;
      /** Once confirmed, it stays so: what comes later is between the shops and the shopper. */
      confirmed: boolean;
      reason: string | null;
      shortages: Shortage[];
    } & PlacedOrder);

/**
 * Prices a cart at today's listings, a part for each shop, in the order of the cart.
 * Throws `Rejected` CART_EMPTY, or LISTING_NOT_FOUND for a line whose listing is gone.
 */
export function quote(
  lines: CartLine[],
  listingOf: (listingId: string) => Listing | undefined,
): Omit<OrderPart, 'storeOrderId'>[] {
  if (lines.length === 0) {
    throw new Rejected('CART_EMPTY', 'The cart is empty: add something first.');
  }
  const byStore = Map.groupBy(lines, (line) => storeOfListing(line.listingId));
  return [...byStore].map(([storeId, storeLines]) => {
    const priced = storeLines.map(({ listingId, quantity }): OrderLine => {
      const listing = listingOf(listingId);
      if (!listing?.published) {
        throw new Rejected('LISTING_NOT_FOUND', `"${listingId}" is no longer sold: remove it.`);
      }
      const { name, names, pack, pricePaise, gramsEach } = listing;
      const total = linePaise(pricePaise, quantity);
      const line = { listingId, name, names, pack, quantity, pricePaise, linePaise: total };
      return gramsEach ? { ...line, gramsEach } : line;
    });
    return { storeId, lines: priced, totalPaise: sumPaise(priced.map((line) => line.linePaise)) };
  });
}

/**
 * The number that shopper and shop tell each other: the end of the id, in capitals. The id itself
 * opens the order, and is for those who placed it.
 */
export const orderNumber = (orderId: string): string => orderId.slice(-6).toUpperCase();

function assertPlaced(order: Order): asserts order is Exclude<Order, { status: 'none' }> {
  if (order.status === 'none') throw new Rejected('ORDER_NOT_FOUND', 'There is no such order.');
}

const ended = (order: Order): boolean =>
  order.status === 'rejected' || order.status === 'completed' || order.status === 'cancelled';

export const order: Decider<Order, OrderCommand, OrderEvent> = {
  category: 'order',
  initial: { status: 'none' },

  decide: {
    PlaceOrder(state, data) {
      if (state.status !== 'none') {
        throw new Rejected('ORDER_ALREADY_PLACED', 'This order was placed already.');
      }
      return [{ type: 'OrderPlaced', data }];
    },
    ConfirmOrder(state) {
      assertPlaced(state);
      return state.status === 'placed' ? [{ type: 'OrderConfirmed', data: {} }] : [];
    },
    /** Gives up a checkout; of two that drive it to different ends, the first one is right. */
    RejectOrder(state, data) {
      assertPlaced(state);
      return state.status === 'placed' ? [{ type: 'OrderRejected', data }] : [];
    },
    /** Every shop is done with its part; `cancelled` says that one was taken and then given up. */
    CompleteOrder(state, { delivered, cancelled }) {
      assertPlaced(state);
      if (ended(state)) return [];
      if (delivered) return [{ type: 'OrderCompleted', data: {} }];
      return cancelled
        ? [{ type: 'OrderCancelled', data: {} }]
        : [{ type: 'OrderRejected', data: { reason: 'rejected-by-every-shop' } }];
    },
  },

  evolve: {
    OrderPlaced: (_, data) => ({
      ...data,
      status: 'placed',
      confirmed: false,
      reason: null,
      shortages: [],
    }),
    OrderConfirmed: (state) => ({ ...state, status: 'confirmed', confirmed: true }) as Order,
    OrderRejected: (state, { reason, shortages = [] }) =>
      ({ ...state, status: 'rejected', reason, shortages }) as Order,
    OrderCancelled: (state) => ({ ...state, status: 'cancelled' }) as Order,
    OrderCompleted: (state) => ({ ...state, status: 'completed' }) as Order,
  },
};
