import type { OnShortage } from '#domain/ordering/order.ts';
import { sumPaise } from '#domain/money/money.ts';
import { isPrepaid, upiLink, type PaymentMethod } from '#domain/money/payment.ts';
import type { Order, OrderPayment } from './contract.ts';
import { orderNumber } from '#domain/ordering/order.ts';
import { isGone } from './order-words.ts';

export const PAYMENT_OPTIONS: { reason: PaymentMethod; label: string }[] = [
  { reason: 'cash-on-delivery', label: 'Cash when you get it' },
  { reason: 'upi', label: 'UPI to each shop' },
  { reason: 'razorpay', label: 'Card, UPI or net banking' },
];

export const SHORTAGE_OPTIONS: { reason: OnShortage; label: string }[] = [
  { reason: 'all-or-nothing', label: 'Order nothing, and tell me' },
  { reason: 'whatever-each-shop-can', label: 'Send what there is, without the rest' },
];

/** What is still to be paid: of a sum that comes in several, the rest. */
export const missingPaise = ({ amountPaise, takenPaise, refundedPaise }: OrderPayment): number =>
  Math.max(0, amountPaise - (takenPaise - refundedPaise));

/** What opens a UPI app with everything filled in; null where it is paid in another way. */
export function upiLinkOf({ orderId }: Pick<Order, 'orderId'>, payment: OrderPayment) {
  const { paymentId, upi } = payment;
  const note = `Order ${orderNumber(orderId)}`;
  return upi && upiLink(upi, { paymentId, amountPaise: missingPaise(payment), note });
}

export type RefundWay = 'cash' | 'upi';

/** How a shop gives back by hand what a gateway could not. */
export const REFUND_WAYS: { reason: RefundWay; label: string }[] = [
  { reason: 'cash', label: 'In cash' },
  { reason: 'upi', label: 'By UPI' },
];

const REFUND_FAILURES: Record<string, string> = {
  'refund.failed': 'the customer’s bank did not take it',
  'not-taken-over': 'Razorpay did not answer for three days',
};

/** Why money did not go back by itself, as part of a sentence. */
export const refundFailureText = (failureReason: string): string =>
  REFUND_FAILURES[failureReason] ?? `Razorpay says “${failureReason}”`;

/** Money that did not go back by itself, for each shop that hands it over instead. */
export function heldBack({ payments, storeOrders }: Pick<Order, 'payments' | 'storeOrders'>) {
  const failed = payments
    .flatMap(({ refunds }) => refunds)
    .filter(({ status }) => status === 'failed');
  return [...Map.groupBy(failed, ({ storeOrderId }) => storeOrderId)].map(([id, refunds]) => ({
    storeName: storeOrders.find(({ storeOrderId }) => storeOrderId === id)?.storeName,
    paise: sumPaise(refunds.map(({ amountPaise }) => amountPaise)),
  }));
}

/** What came in, what of it was given back, and what is still to be. */
export function moneyOf({ payments }: Pick<Order, 'payments'>): {
  takenPaise: number;
  givenBackPaise: number;
  comingBackPaise: number;
} {
  const refunds = payments.flatMap((payment) => payment.refunds);
  const backPaise = (isDone: boolean) =>
    sumPaise(
      refunds
        .filter(({ status }) => (status === 'succeeded') === isDone)
        .map(({ amountPaise }) => amountPaise),
    );
  return {
    takenPaise: sumPaise(payments.map(({ takenPaise }) => takenPaise)),
    givenBackPaise: backPaise(true),
    comingBackPaise: backPaise(false),
  };
}

type Owing = Pick<Order, 'payment' | 'payments' | 'storeOrders'>;

/** An order's money as a shopper adds it up: what to pay, what was paid, and what of it returns. */
export function moneyRows(order: Owing): { label: string; paise: number }[] {
  const { takenPaise, givenBackPaise, comingBackPaise } = moneyOf(order);
  const isCash = !isPrepaid(order.payment);
  const duePaise = sumPaise(
    order.storeOrders
      .filter((part) => isCash && part.status !== 'delivered' && !isGone(part))
      .map(({ owedPaise }) => owedPaise),
  );
  const backPaise = givenBackPaise + comingBackPaise;
  const rows = [
    { label: 'Cash to keep ready', paise: duePaise },
    { label: isCash ? 'Paid in cash' : 'Paid', paise: takenPaise },
    { label: 'Given back to you', paise: givenBackPaise },
    { label: 'Still comes back to you', paise: comingBackPaise },
  ].filter(({ paise }) => paise > 0);
  if (rows.length === 0) return [{ label: 'To pay', paise: 0 }];
  if (backPaise === 0) return rows;
  return [...rows, { label: 'Costs you in the end', paise: duePaise + takenPaise - backPaise }];
}
