import type { OnShortage } from '../../../domain/order.ts';
import { upiLink, type PaymentMethod } from '../../../domain/payment.ts';
import type { Order, OrderPayment } from './contract.ts';
import { orderNumber } from '../../../domain/order.ts';

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
    paise: refunds.reduce((sum, { amountPaise }) => sum + amountPaise, 0),
  }));
}

/** What was taken and kept, and what goes back or went. */
export function moneyOf({ payments }: Pick<Order, 'payments'>): {
  keptPaise: number;
  refundedPaise: number;
} {
  const taken = payments.reduce((sum, { takenPaise }) => sum + takenPaise, 0);
  const refundedPaise = payments.reduce((sum, payment) => sum + payment.refundedPaise, 0);
  return { keptPaise: taken - refundedPaise, refundedPaise };
}
