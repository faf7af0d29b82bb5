import { cart as decider, type CartEvent, type CartLine } from '../domain/cart/cart.ts';
import { fold } from '../engine/projections/fold.ts';
import { projection } from '../engine/projections/projection.ts';
import { defineTable, json, type Row } from '../engine/projections/rows.ts';

const carts = defineTable(
  'cart',
  {
    cart_id: 'uuid',
    shopper: 'text?',
    status: 'text',
    order_id: 'uuid?',
    lines: json<CartLine[]>(),
  },
  ['cart_id'],
);

export type CartRow = Row<typeof carts>;

export const cart = projection<CartEvent>({
  name: 'cart',
  version: 3,
  tables: [carts],

  on: fold(carts, decider, {
    key: 'cart_id',
    stateOf: ({ shopper, status, order_id: orderId, lines }) => ({
      shopper,
      status: status as 'open' | 'checked-out',
      orderId,
      lines,
      // What the cart remembers of its orders shows nowhere.
      round: 0,
      ended: {},
    }),
    columnsOf: ({ shopper, status, orderId, lines }) => ({
      shopper,
      status,
      order_id: orderId,
      lines,
    }),
    begins: { CartOpened: () => ({}) },
  }),
});
