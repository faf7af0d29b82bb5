import { contactOrNull, paise } from '../domain/schema.ts';
import type { Recipient } from '../domain/ordering/recipient.ts';
import { count, list, object, orNull, text, time, uuid } from '../platform/schema.ts';
import type { Payment, PaymentMethod, Refund, UpiAddress } from '../domain/money/payment.ts';
import type { PaymentRow, PaymentTodo } from '../projector/payments.ts';
import type { Services } from './services.ts';

/** Payments that a shop has to look after at a time, and how long after a late one may come. */
const MAX_TASKS = 50;
const LATE_DAYS = 2;

/**
 * Money that goes back to the shopper, for a store order or for the order as a whole. What failed
 * is for the store order's shop to give back.
 */
export type OrderRefund = Pick<Refund, 'refundNumber' | 'storeOrderId' | 'amountPaise'> & {
  status: Exclude<Refund['status'], 'void'>;
};

export type OrderPayment = {
  paymentId: string;
  /** Null where it is for the whole order. */
  storeOrderId: string | null;
  method: PaymentMethod;
  status: Exclude<Payment['status'], 'none'>;
  amountPaise: number;
  /** What came in, and what of it was given back or is about to be. */
  takenPaise: number;
  refundedPaise: number;
  refunds: OrderRefund[];
  /** Null for cash. */
  expiresAt: string | null;
  /** Where to pay a shop by UPI. */
  upi: UpiAddress | null;
  /** Whether it is waited for and a try failed: another may succeed. */
  failed: boolean;
};

/** Something that a shop has to look after by hand. */
export type PaymentTask = {
  paymentId: string;
  orderNumber: string;
  /** The store order that the money is for. */
  storeOrderId: string;
  /** Whose money it is; null without the shop's pass, and once the person was erased. */
  contact: Recipient['contact'] | null;
  method: PaymentMethod;
  todo: PaymentTodo;
  requestedAt: string;
  /** What is waited for, or is to be given back. */
  amountPaise: number;
  /** Counted from 1; null where nothing is to be given back. */
  refundNumber: number | null;
  /** Why a gateway could not give it back, in a code or in its own words; else null. */
  failureReason: string | null;
};

const sumOf = (items: { amountPaise: number }[]): number =>
  items.reduce((sum, { amountPaise }) => sum + amountPaise, 0);

export type StatedPayment = Pick<PaymentRow, 'payment_id' | 'state'>;

const orderRefunds = (refunds: Refund[]): OrderRefund[] =>
  refunds.flatMap(({ refundNumber, storeOrderId, amountPaise, status }) =>
    status === 'void' ? [] : [{ refundNumber, storeOrderId, amountPaise, status }],
  );

const orderUpi = ({ vpa, name, merchant }: UpiAddress): UpiAddress => ({
  vpa,
  name,
  ...(merchant && { merchant }),
});

export function orderPayment({ payment_id: paymentId, state }: StatedPayment): OrderPayment {
  const { storeOrderId, method, amountPaise, receipts, refunds, expiresAt, upi, failed } = state;
  // A row begins when the payment is asked for.
  const status = state.status as OrderPayment['status'];
  return {
    paymentId,
    storeOrderId,
    method,
    status,
    amountPaise,
    takenPaise: sumOf(receipts),
    refundedPaise: sumOf(refunds),
    refunds: orderRefunds(refunds),
    expiresAt,
    upi: upi ? orderUpi(upi) : null,
    failed: status === 'requested' && failed.length > 0,
  };
}

type TaskRow = Omit<PaymentRow, 'order_id' | 'store_id'> & {
  person_id: string;
  sealed_recipient: string;
};

/** What a shop has to look after, and whose money it is. */
export async function paymentTasksOf(
  { pool, vault }: Services,
  storeId: string,
): Promise<PaymentTask[]> {
  const { rows } = await pool.query<TaskRow>({
    name: 'payment-tasks',
    text: `select p.payment_id, p.order_number, p.requested_at, p.state, p.todo, p.by_hand,
        o.person_id, o.sealed_recipient
      from payments.payment p join my_orders.placed o using (order_id)
      where (p.store_id = $1 and p.todo in ('give-back', 'confirm'))
        or (p.store_id = $1 and p.todo = 'confirm-late'
          and p.requested_at > now() - interval '${LATE_DAYS} days')
        or (p.store_id is null and p.todo = 'give-back' and exists (
          select from json_to_recordset(p.by_hand) as refund("storeId" text)
          where refund."storeId" = $1))
      order by array_position(array['give-back', 'confirm', 'confirm-late'], p.todo),
        p.requested_at desc
      limit ${MAX_TASKS}`,
    values: [storeId],
  });
  const recipients = await vault.openAll<Recipient>(
    rows.map((row) => ({ personId: row.person_id, sealed: row.sealed_recipient })),
  );
  return rows.flatMap((row, index) => tasksOf(row, storeId, recipients[index]?.contact ?? null));
}

/** What of a payment a shop has to look after. */
function tasksOf(row: TaskRow, storeId: string, contact: PaymentTask['contact']): PaymentTask[] {
  const { state } = row;
  const { method, storeOrderId, refunds } = state;
  const byHand = row.by_hand.filter((refund) => refund.storeId === storeId);
  const numbers = new Set(byHand.map(({ refundNumber }) => refundNumber));
  const same = {
    paymentId: row.payment_id,
    orderNumber: row.order_number,
    contact,
    method,
    todo: row.todo as PaymentTodo,
    requestedAt: row.requested_at,
  };
  if (same.todo !== 'give-back') {
    const amountPaise = state.amountPaise - (sumOf(state.receipts) - sumOf(refunds));
    const awaited = { amountPaise, refundNumber: null, failureReason: null };
    return [{ ...same, storeOrderId: storeOrderId!, ...awaited }];
  }
  return refunds
    .filter(({ refundNumber }) => numbers.has(refundNumber))
    .map((refund) => ({
      ...same,
      storeOrderId: refund.storeOrderId!,
      amountPaise: refund.amountPaise,
      refundNumber: refund.refundNumber,
      failureReason: refund.failureReason ?? null,
    }));
}

const method = { type: 'string', enum: ['cash-on-delivery', 'upi', 'razorpay'] };

/** `merchant` is what the shop's own QR says besides. */
export const upiAddress = object(
  { vpa: text, name: text },
  { merchant: object({}, { mc: text, mode: text, purpose: text, orgid: text, sign: text }) },
);

export const orderPaymentSchema = object({
  paymentId: uuid,
  storeOrderId: orNull(uuid, 'Null where it is for the whole order'),
  method,
  status: { type: 'string', enum: ['requested', 'cancelled', 'paid'] },
  amountPaise: paise,
  takenPaise: paise,
  refundedPaise: { ...paise, description: 'Given back, or about to be, in paise' },
  refunds: list(
    object({
      refundNumber: count,
      storeOrderId: orNull(uuid, 'The store order that it goes back for'),
      amountPaise: paise,
      status: { type: 'string', enum: ['requested', 'succeeded', 'failed'] },
    }),
    'What failed is for the shop of the store order to give back',
  ),
  expiresAt: orNull(time),
  upi: orNull(upiAddress),
  failed: {
    type: 'boolean',
    description: 'It is waited for, and a try failed: another may succeed',
  },
});

export const paymentTasksSchema = list(
  object({
    paymentId: uuid,
    orderNumber: text,
    storeOrderId: uuid,
    contact: contactOrNull,
    method,
    todo: { type: 'string', enum: ['confirm', 'confirm-late', 'give-back'] },
    requestedAt: time,
    amountPaise: paise,
    refundNumber: orNull(count),
    failureReason: orNull(text, 'Why a gateway could not give it back'),
  }),
  'What the shop has to look after by hand: to give back, to confirm, late; newest first in each',
);
