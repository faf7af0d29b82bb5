import type { Decider, Message, Optional } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';

export type CartCommand =
  | Message<'OpenCart', Opened>
  | Message<'SetCartItem', { listingId: string; quantity: number }>
  /** `round` counts the times that an order is gone through: 2 is a late payment. */
  | Message<'CheckOutCart', { orderId: string; round: number; lines: CartLine[] }>
  /** Without a `round`, whichever closed it. */
  | Message<'ReopenCart', { orderId: string; round?: number }>;

export type CartEvent =
  | Message<'CartOpened', Opened>
  | Message<'ItemAddedToCart', CartLine>
  | Message<'CartItemQuantityChanged', CartLine>
  | Message<'ItemRemovedFromCart', { listingId: string }>
  | Message<'CartCheckedOut', CheckedOut>
  | Message<'CartReopened', { orderId: string }>;

/** Whose a cart is, as commands name who sends them; null in carts from before people had sessions. */
type Opened = { shopper: string | null };

/** Which order closed a cart, the how manieth time that it is gone through. */
type CheckedOut = { orderId: string; round: number };

export type CartLine = { listingId: string; quantity: number };

export type Cart = {
  status: 'none' | 'open' | 'checked-out';
  shopper: string | null;
  /** In the order in which they were added. */
  lines: CartLine[];
  orderId: string | null;
  /** Of the order that closed it; 0 while it is open. */
  round: number;
  /** By order that gave it back: in which round it did. */
  ended: Readonly<Record<string, number>>;
};

/** More than any household's month; a bound on what one cart costs to fold and to show. */
export const MAX_CART_LINES = 200;
export const MAX_LINE_QUANTITY = 999;

function assertOpen(cart: Cart): void {
  if (cart.status === 'none') {
    throw new Rejected('CART_NOT_FOUND');
  }
  if (cart.status === 'checked-out') {
    throw new Rejected('CART_CHECKED_OUT');
  }
}

/** In whatever order: an order lists its lines shop by shop. */
export function sameLines(a: CartLine[], b: CartLine[]): boolean {
  const quantities = new Map(b.map((line) => [line.listingId, line.quantity]));
  return (
    a.length === b.length && a.every((line) => quantities.get(line.listingId) === line.quantity)
  );
}

const lineShape = { listingId: 'text', quantity: 'integer' } as const;

export const cart: Decider<Cart, CartCommand, CartEvent> = {
  category: 'cart',
  initial: { status: 'none', shopper: null, lines: [], orderId: null, round: 0, ended: {} },

  decide: {
    OpenCart: ({ status }, data) => (status === 'none' ? [{ type: 'CartOpened', data }] : []),

    SetCartItem(state, { listingId, quantity }) {
      assertOpen(state);
      const current = state.lines.find((line) => line.listingId === listingId);
      if ((current?.quantity ?? 0) === quantity) return [];
      if (quantity === 0) return [{ type: 'ItemRemovedFromCart', data: { listingId } }];
      if (current) return [{ type: 'CartItemQuantityChanged', data: { listingId, quantity } }];
      if (state.lines.length >= MAX_CART_LINES) {
        throw new Rejected('CART_TOO_LARGE', { mostLines: MAX_CART_LINES });
      }
      return [{ type: 'ItemAddedToCart', data: { listingId, quantity } }];
    },

    /**
     * Closes the cart for one order, provided that it still holds what was ordered. Each round of
     * an order closes it once and gives it back once, however often and late it is asked to; a
     * later one takes it over from an earlier one.
     */
    CheckOutCart(state, { orderId, round, lines }) {
      const isOwn = state.orderId === orderId;
      const known = isOwn ? state.round : (state.ended[orderId] ?? 0);
      if (known >= round) return [];
      if (!isOwn) assertOpen(state);
      if (!sameLines(state.lines, lines)) {
        throw new Rejected('CART_CHANGED', { because: 'while-ordered' });
      }
      const freed: CartEvent[] = isOwn ? [{ type: 'CartReopened', data: { orderId } }] : [];
      return [...freed, { type: 'CartCheckedOut', data: { orderId, round } }];
    },

    /** Gives the cart back to the shopper after an order that came to nothing. */
    ReopenCart(state, { orderId, round }) {
      if (state.orderId !== orderId || (round !== undefined && round !== state.round)) return [];
      return [{ type: 'CartReopened', data: { orderId } }];
    },
  },

  evolve: {
    CartOpened: (state, { shopper }) => ({ ...state, status: 'open', shopper }),
    ItemAddedToCart: (state, line) => ({ ...state, lines: [...state.lines, line] }),
    CartItemQuantityChanged: (state, line) => ({
      ...state,
      lines: state.lines.map((old) => (old.listingId === line.listingId ? line : old)),
    }),
    ItemRemovedFromCart: (state, { listingId }) => ({
      ...state,
      lines: state.lines.filter((line) => line.listingId !== listingId),
    }),
    CartCheckedOut: (state, { orderId, round }) => ({
      ...state,
      status: 'checked-out',
      orderId,
      round,
    }),
    CartReopened: (state, { orderId }) => ({
      ...state,
      status: 'open',
      orderId: null,
      round: 0,
      ended: { ...state.ended, [orderId]: state.round },
    }),
  },

  upcast: {
    CartOpened: [({ shopper = null }: Partial<Opened>) => ({ shopper })],
    /** There was no other round than the first. */
    CartCheckedOut: [
      ({ round = 1, ...data }: Optional<CheckedOut, 'round'>) => ({ ...data, round }),
    ],
  },

  shapes: {
    CartOpened: { shopper: 'text?' },
    ItemAddedToCart: lineShape,
    CartItemQuantityChanged: lineShape,
    ItemRemovedFromCart: { listingId: 'text' },
    CartCheckedOut: { orderId: 'text', round: 'integer' },
    CartReopened: { orderId: 'text' },
  },
};
