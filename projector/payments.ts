import { orderNumber } from '../domain/ordering/order.ts';
import {
  isByHand,
  payment,
  type Payment,
  type PaymentEvent,
  type Refund,
} from '../domain/money/payment.ts';
import { fold } from '../engine/projections/fold.ts';
import { projection } from '../engine/projections/projection.ts';
import { defineTable, json, type Row } from '../engine/projections/rows.ts';
import { boardTag, orderTag } from './tags.ts';

/** A refund that a shop has to give back itself. */
export type RefundByHand = Pick<Refund, 'refundNumber' | 'storeId'>;

const requested = defineTable(
  'payment',
  {
    payment_id: 'uuid',
    order_id: 'uuid',
    order_number: 'text',
    /** Null for a whole order: each refund in `state` has a shop that looks after it. */
    store_id: 'text?',
    requested_at: 'timestamptz',
    state: json<Payment>(),
    /** What the shop has to do by hand; null for nothing. */
    todo: 'text?',
    by_hand: json<RefundByHand[]>(),
  },
  ['payment_id'],
  {
    indexes: ['(order_id)', '(store_id, todo, requested_at) where todo is not null'],
    versions: { indexes: ['(order_id)'] },
  },
);

export type PaymentRow = Row<typeof requested>;

/** Look for money that was waited for, or that may come late; give money back. */
export type PaymentTodo = 'confirm' | 'confirm-late' | 'give-back';

/** Columns of a payment that follow from its state. */
function columnsOf(state: Payment) {
  const { method, refunds } = state;
  const byHand = refunds
    .filter((refund) => isByHand(method, refund))
    .map(({ refundNumber, storeId }): RefundByHand => ({ refundNumber, storeId }));
  const todo = byHand.length > 0 ? 'give-back' : method === 'upi' ? awaitedOf(state) : null;
  return { state, todo, by_hand: byHand };
}

function awaitedOf({ status }: Payment): PaymentTodo | null {
  return status === 'requested' ? 'confirm' : status === 'cancelled' ? 'confirm-late' : null;
}

/** What is to be paid for each order, what was, and what goes back. */
export const payments = projection<PaymentEvent>({
  name: 'payments',
  version: 4,
  tables: [requested],

  on: fold(requested, payment, {
    key: 'payment_id',
    stateOf: ({ state }) => state,
    columnsOf,
    begins: {
      PaymentRequested: ({ data: { orderId, storeId }, at }) => ({
        order_id: orderId,
        order_number: orderNumber(orderId),
        store_id: storeId,
        requested_at: at,
      }),
    },
    after({ data: { orderId, storeId } }, rows) {
      rows.changed(orderTag(orderId));
      if (storeId) rows.changed(boardTag(storeId));
    },
  }),
});
