import type { CartEvent } from '../domain/cart.ts';
import { projection } from './projection.ts';
import { defineTable, type Row } from './rows.ts';

const carts = defineTable('cart', { cart_id: 'uuid', status: 'text', order_id: 'uuid?' }, [
  'cart_id',
]);

const lines = defineTable(
  'line',
  { cart_id: 'uuid', listing_id: 'text', quantity: 'integer', added_at: 'bigint' },
  ['cart_id', 'listing_id'],
);

export type CartRow = Row<typeof carts>;

export const cart = projection<CartEvent>({
  name: 'cart',
  version: 1,
  tables: [carts, lines],

  on: {
    CartOpened({ id }, rows) {
      rows.add(carts, { cart_id: id, status: 'open', order_id: null });
    },
    ItemAddedToCart({ id, data: { listingId, quantity }, position }, rows) {
      const added_at = Number(position);
      rows.add(lines, { cart_id: id, listing_id: listingId, quantity, added_at });
    },
    CartItemQuantityChanged({ id, data: { listingId, quantity } }, rows) {
      rows.patch(lines, { cart_id: id, listing_id: listingId }, { quantity });
    },
    ItemRemovedFromCart({ id, data: { listingId } }, rows) {
      rows.delete(lines, { cart_id: id, listing_id: listingId });
    },
    CartCheckedOut({ id, data: { orderId } }, rows) {
      rows.patch(carts, { cart_id: id }, { status: 'checked-out', order_id: orderId });
    },
  },
});
