import { cart as decider, type Cart, type CartEvent, type CartLine } from '../domain/cart/cart.ts';
import { projection } from '../engine/projections/projection.ts';
import { defineTable, type Row, type Rows } from '../engine/projections/rows.ts';

const { evolve, initial } = decider;

const carts = defineTable(
  'cart',
  { cart_id: 'uuid', status: 'text', order_id: 'uuid?', lines: 'json' },
  ['cart_id'],
);

export type CartRow = Row<typeof carts>;

/** Changes the lines as the domain does. */
const changeLines = (rows: Rows, id: string, step: (cart: Cart) => Cart): void =>
  rows.change(carts, { cart_id: id }, ({ lines }) => ({
    lines: step({ ...initial, lines: lines as CartLine[] }).lines,
  }));

export const cart = projection<CartEvent>({
  name: 'cart',
  version: 2,
  tables: [carts],

  on: {
    CartOpened({ id }, rows) {
      rows.add(carts, { cart_id: id, status: 'open', order_id: null, lines: [] });
    },
    ItemAddedToCart({ id, data }, rows) {
      changeLines(rows, id, (state) => evolve.ItemAddedToCart(state, data));
    },
    CartItemQuantityChanged({ id, data }, rows) {
      changeLines(rows, id, (state) => evolve.CartItemQuantityChanged(state, data));
    },
    ItemRemovedFromCart({ id, data }, rows) {
      changeLines(rows, id, (state) => evolve.ItemRemovedFromCart(state, data));
    },
    CartCheckedOut({ id, data: { orderId } }, rows) {
      rows.change(carts, { cart_id: id }, () => ({ status: 'checked-out', order_id: orderId }));
    },
    CartReopened({ id }, rows) {
      rows.change(carts, { cart_id: id }, () => ({ status: 'open', order_id: null }));
    },
  },
});
