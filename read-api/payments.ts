import { count, list, object, orNull, paise, text, time, uuid } from '../platform/schema.ts';
import type { Pool } from '../platform/postgres.ts';
import type { PaymentRow, PaymentTodo } from '../projector/payments.ts';

/** Payments that a shop has to look after, newest first, and how long after a late one may come. */
const MAX_TASKS = 50;
const LATE_DAYS = 2;

export type PaymentMethod = 'cash-on-delivery' | 'upi' | 'razorpay';

export type OrderPayment = {
  paymentId: string;
  /** Null where it is for the whole order. */
  storeOrderId: string | null;
  method: PaymentMethod;
  status: 'requested' | 'cancelled' | 'paid';
  amountPaise: number;
  /** What came in, and what of it was given back or is about to be. */
  takenPaise: number;
  refundedPaise: number;
  /** Null for cash. */
  expiresAt: string | null;
  /** Where to pay a shop by UPI. */
  upi: { vpa: string; name: string } | null;
  /** Whether the last try failed: another may succeed. */
  failed: boolean;
};

/** Something that a shop has to look after by hand. */
export type PaymentTask = {
  paymentId: string;
  orderNumber: string;
  method: PaymentMethod;
  todo: PaymentTodo;
  requestedAt: string;
  /** What is waited for, or is to be given back. */
  amountPaise: number;
  /** Counted from 1; null where nothing is to be given back. */
  refundNumber: number | null;
};

type Money = { amountPaise: number };
type State = Pick<
  OrderPayment,
  'storeOrderId' | 'method' | 'status' | 'amountPaise' | 'expiresAt'
> & {
  upi?: OrderPayment['upi'];
  receipts: Money[];
  refunds: (Money & { refundNumber: number; status: string })[];
  failed: string[];
};

const sumOf = (items: Money[]): number =>
  items.reduce((sum, { amountPaise }) => sum + amountPaise, 0);

export type StatedPayment = Pick<PaymentRow, 'payment_id' | 'state'>;

export function orderPayment({ payment_id: paymentId, state }: StatedPayment): OrderPayment {
  const { receipts, refunds, failed, upi, ...rest } = state as State;
  const { storeOrderId, method, status, amountPaise, expiresAt } = rest;
  return {
    paymentId,
    storeOrderId,
    method,
    status,
    amountPaise,
    takenPaise: sumOf(receipts),
    refundedPaise: sumOf(refunds),
    expiresAt,
    upi: upi ?? null,
    failed: failed.length > 0,
  };
}

export async function paymentTasksOf(pool: Pool, storeId: string): Promise<PaymentTask[]> {
  const { rows } = await pool.query<PaymentRow>({
    name: 'payment-tasks',
    text: `select payment_id, order_number, todo, requested_at, state
      from payments.payment where store_id = $1 and todo is not null
      and (todo <> 'confirm-late' or requested_at > now() - interval '${LATE_DAYS} days')
      order by requested_at desc limit ${MAX_TASKS}`,
    values: [storeId],
  });
  return rows.map((row) => {
    const { method, amountPaise, refunds } = row.state as State;
    const refund = refunds.find(({ status }) => status === 'requested');
    return {
      paymentId: row.payment_id,
      orderNumber: row.order_number,
      method,
      todo: row.todo as PaymentTodo,
      requestedAt: row.requested_at,
      amountPaise: refund?.amountPaise ?? amountPaise,
      refundNumber: refund?.refundNumber ?? null,
    };
  });
}

const method = { type: 'string', enum: ['cash-on-delivery', 'upi', 'razorpay'] };

export const orderPaymentSchema = object({
  paymentId: uuid,
  storeOrderId: orNull(uuid, 'Null where it is for the whole order'),
  method,
  status: { type: 'string', enum: ['requested', 'cancelled', 'paid'] },
  amountPaise: paise,
  takenPaise: paise,
  refundedPaise: { ...paise, description: 'Given back, or about to be, in paise' },
  expiresAt: orNull(time),
  upi: orNull(object({ vpa: text, name: text })),
  failed: { type: 'boolean', description: 'The last try failed: another may succeed' },
});

export const paymentTasksSchema = list(
  object({
    paymentId: uuid,
    orderNumber: text,
    method,
    todo: { type: 'string', enum: ['confirm', 'confirm-late', 'give-back'] },
    requestedAt: time,
    amountPaise: paise,
    refundNumber: orNull(count),
  }),
  'What the shop has to look after by hand, newest first',
);
