import { evolve } from '../engine/decider.ts';
import { orderNumber } from '../domain/ordering/order.ts';
import {
  isByHand,
  payment,
  type Payment,
  type PaymentEvent,
  type Refund,
  type RequestedPayment,
} from '../domain/money/payment.ts';
import { projection, type Fact } from '../engine/projections/projection.ts';
import { defineTable, type Row, type Rows } from '../engine/projections/rows.ts';

const requested = defineTable(
  'payment',
  {
    payment_id: 'uuid',
    order_id: 'uuid',
    order_number: 'text',
    /** Null for a whole order: each refund in `state` has a shop that looks after it. */
    store_id: 'text?',
    requested_at: 'timestamptz',
    state: 'json',
    /** What the shop has to do by hand; null for nothing. */
    todo: 'text?',
    /** `RefundByHand`s. */
    by_hand: 'json',
  },
  ['payment_id'],
  {
    indexes: ['(order_id)', '(store_id, todo, requested_at) where todo is not null'],
    versions: { indexes: ['(order_id)'] },
  },
);

export type PaymentRow = Row<typeof requested>;

/** A refund that a shop has to give back itself. */
export type RefundByHand = Pick<Refund, 'refundNumber' | 'storeId'>;

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

const tell = (rows: Rows, { orderId, storeId }: Pick<Payment, 'orderId' | 'storeId'>): void => {
  rows.changed(`order-${orderId}`);
  if (storeId) rows.changed(`board-${storeId}`);
};

type Later = Exclude<PaymentEvent['type'], 'PaymentRequested'>;

/** Changes the state as the domain does. */
const step =
  (type: Later) =>
  ({ id, data }: Fact<Pick<Payment, 'orderId' | 'storeId'>>, rows: Rows): void => {
    rows.change(requested, { payment_id: id }, ({ state }) =>
      columnsOf(evolve(payment, state as Payment, { type, data })),
    );
    tell(rows, data);
  };

/** What is to be paid for each order, what was, and what goes back. */
export const payments = projection<PaymentEvent>({
  name: 'payments',
  version: 4,
  tables: [requested],

  on: {
    PaymentRequested({ id, data, at }: Fact<RequestedPayment>, rows) {
      const { orderId, storeId } = data;
      rows.add(requested, {
        payment_id: id,
        order_id: orderId,
        order_number: orderNumber(orderId),
        store_id: storeId,
        requested_at: at,
        ...columnsOf(payment.evolve.PaymentRequested(payment.initial, data)),
      });
      tell(rows, data);
    },
    PaymentCancelled: step('PaymentCancelled'),
    PaymentSucceeded: step('PaymentSucceeded'),
    PaymentFailed: step('PaymentFailed'),
    LatePaymentSeen: step('LatePaymentSeen'),
    CashCollected: step('CashCollected'),
    RefundRequested: step('RefundRequested'),
    RefundSucceeded: step('RefundSucceeded'),
    RefundFailed: step('RefundFailed'),
  },
});
