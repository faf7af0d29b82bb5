import { orderNumber } from '../domain/order.ts';
import {
  payment,
  type Payment,
  type PaymentEvent,
  type RequestedPayment,
} from '../domain/payment.ts';
import { projection, type Fact } from './projection.ts';
import { defineTable, type Row, type Rows } from './rows.ts';

const requested = defineTable(
  'payment',
  {
    payment_id: 'uuid',
    order_id: 'uuid',
    order_number: 'text',
    store_id: 'text?',
    requested_at: 'timestamptz',
    state: 'json',
    /** What the shop has to do by hand; null for nothing. */
    todo: 'text?',
  },
  ['payment_id'],
  {
    indexes: ['(order_id)', '(store_id, requested_at) where todo is not null'],
    versions: { indexes: ['(order_id)'] },
  },
);

export type PaymentRow = Row<typeof requested>;

/** Look for money that was waited for, or that may come late; give money back. */
export type PaymentTodo = 'confirm' | 'confirm-late' | 'give-back';

function todoOf({ method, status, refunds }: Payment): PaymentTodo | null {
  if (method === 'razorpay') return null;
  if (refunds.some((refund) => refund.status === 'requested')) return 'give-back';
  if (method !== 'upi') return null;
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
    rows.change(requested, { payment_id: id }, ({ state: before }) => {
      const state = payment.evolve[type](before as Payment, data as never);
      return { state, todo: todoOf(state) };
    });
    tell(rows, data);
  };

/** What is to be paid for each order, what was, and what goes back. */
export const payments = projection<PaymentEvent>({
  name: 'payments',
  version: 2,
  tables: [requested],

  on: {
    PaymentRequested({ id, data, at }: Fact<RequestedPayment>, rows) {
      const state = payment.evolve.PaymentRequested(payment.initial, data);
      const { orderId, storeId } = data;
      rows.add(requested, {
        payment_id: id,
        order_id: orderId,
        order_number: orderNumber(orderId),
        store_id: storeId,
        requested_at: at,
        state,
        todo: todoOf(state),
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
