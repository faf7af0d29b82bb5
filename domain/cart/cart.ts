import type { Decider, Message } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';

export type CartCommand =
  | Message<'OpenCart', Record<string, never>>
  | Message<'SetCartItem', { listingId: string; quantity: number }>
  | Message<'CheckOutCart', { orderId: string; lines: CartLine[] }>
  | Message<'ReopenCart', { orderId: string }>;

export type CartEvent =
  | Message<'CartOpened', Record<string, never>>
  | Message<'ItemAddedToCart', CartLine>
  | Message<'CartItemQuantityChanged', CartLine>
  | Message<'ItemRemovedFromCart', { listingId: string }>
  | Message<'CartCheckedOut', { orderId: string }>
  | Message<'CartReopened', { orderId: string }>;

export type CartLine = { listingId: string; quantity: number };

export type Cart = {
  status: 'none' | 'open' | 'checked-out';
  /** In the order in which they were added. */
  lines: CartLine[];
  orderId: string | null;
};

/** More than any household's month; a bound on what one cart costs to fold and to show. */
export const MAX_CART_LINES = 200;
export const MAX_LINE_QUANTITY = 999;

function assertOpen(cart: Cart): void {
  if (cart.status === 'none') {
    throw new Rejected('CART_NOT_FOUND', 'There is no such cart: open one first.');
  }
  if (cart.status === 'checked-out') {
    throw new Rejected('CART_CHECKED_OUT', 'This cart was ordered already: open a new one.');
  }
}

/** In whatever order: an order lists its lines shop by shop. */
export function sameLines(a: CartLine[], b: CartLine[]): boolean {
  const quantities = new Map(b.map((line) => [line.listingId, line.quantity]));
  return (
    a.length === b.length && a.every((line) => quantities.get(line.listingId) === line.quantity)
  );
}

export const cart: Decider<Cart, CartCommand, CartEvent> = {
  category: 'cart',
  initial: { status: 'none', lines: [], orderId: null },

  decide: {
    OpenCart: (state) => (state.status === 'none' ? [{ type: 'CartOpened', data: {} }] : []),

    SetCartItem(state, { listingId, quantity }) {
      assertOpen(state);
      const current = state.lines.find((line) => line.listingId === listingId);
      if ((current?.quantity ?? 0) === quantity) return [];
      if (quantity === 0) return [{ type: 'ItemRemovedFromCart', data: { listingId } }];
      if (current) return [{ type: 'CartItemQuantityChanged', data: { listingId, quantity } }];
      if (state.lines.length >= MAX_CART_LINES) {
        throw new Rejected(
          'CART_TOO_LARGE',
          `A cart holds at most ${MAX_CART_LINES} different items: order these first.`,
        );
      }
      return [{ type: 'ItemAddedToCart', data: { listingId, quantity } }];
    },

    /** Closes the cart for one order, provided that it still holds what was ordered. */
    CheckOutCart(state, { orderId, lines }) {
      if (state.orderId === orderId) return [];
      assertOpen(state);
      if (!sameLines(state.lines, lines)) {
        throw new Rejected('CART_CHANGED', 'The cart changed while it was ordered: look again.');
      }
      return [{ type: 'CartCheckedOut', data: { orderId } }];
    },

    /** Gives the cart back to the shopper after an order that came to nothing. */
    ReopenCart: (state, { orderId }) =>
      state.orderId === orderId ? [{ type: 'CartReopened', data: { orderId } }] : [],
  },

  evolve: {
    CartOpened: (state) => ({ ...state, status: 'open' }),
    ItemAddedToCart: (state, line) => ({ ...state, lines: [...state.lines, line] }),
    CartItemQuantityChanged: (state, line) => ({
      ...state,
      lines: state.lines.map((old) => (old.listingId === line.listingId ? line : old)),
    }),
    ItemRemovedFromCart: (state, { listingId }) => ({
      ...state,
      lines: state.lines.filter((line) => line.listingId !== listingId),
    }),
    CartCheckedOut: (state, { orderId }) => ({ ...state, status: 'checked-out', orderId }),
    CartReopened: (state) => ({ ...state, status: 'open', orderId: null }),
  },
};
