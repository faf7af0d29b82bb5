import type { CartLine } from './cart.ts';
import { Rejected, type Decider, type Message } from './decider.ts';
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
};

export type PaymentMethod = 'cash-on-delivery';

/** One shop's part of an order. */
export type OrderPart = {
  storeOrderId: string;
  storeId: string;
  lines: OrderLine[];
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
};

export type OrderCommand =
  | Message<'PlaceOrder', PlacedOrder>
  | Message<'ConfirmOrder', Record<string, never>>
  | Message<'RejectOrder', { reason: string }>
  | Message<'CompleteOrder', { delivered: boolean }>;

export type OrderEvent =
  | Message<'OrderPlaced', PlacedOrder>
  | Message<'OrderConfirmed', Record<string, never>>
  | Message<'OrderRejected', { reason: string }>
  | Message<'OrderCompleted', Record<string, never>>;

export type OrderStatus = 'placed' | 'confirmed' | 'rejected' | 'cancelled' | 'completed';

export type Order =
  { status: 'none' } | ({ status: OrderStatus; reason: string | null } & PlacedOrder);

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
      const { name, names, pack, pricePaise } = listing;
      const total = linePaise(pricePaise, quantity);
      return { listingId, name, names, pack, quantity, pricePaise, linePaise: total };
    });
    return { storeId, lines: priced, totalPaise: sumPaise(priced.map((line) => line.linePaise)) };
  });
}

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
    RejectOrder(state, { reason }) {
      assertPlaced(state);
      return ended(state) ? [] : [{ type: 'OrderRejected', data: { reason } }];
    },
    /** Every shop is done with its part. An order of which nothing was delivered was rejected. */
    CompleteOrder(state, { delivered }) {
      assertPlaced(state);
      if (ended(state)) return [];
      return delivered
        ? [{ type: 'OrderCompleted', data: {} }]
        : [{ type: 'OrderRejected', data: { reason: 'rejected-by-every-shop' } }];
    },
  },

  evolve: {
    OrderPlaced: (_, data) => ({ ...data, status: 'placed', reason: null }),
    OrderConfirmed: (state) => ({ ...state, status: 'confirmed' }) as Order,
    OrderRejected: (state, { reason }) => ({ ...state, status: 'rejected', reason }) as Order,
    OrderCompleted: (state) => ({ ...state, status: 'completed' }) as Order,
  },
};
