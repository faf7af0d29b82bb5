import type { PaymentMethod } from '../../domain/money/payment.ts';
import type { OnShortage } from '../../domain/ordering/order.ts';
import type { Choice } from './store-orders.ts';

export const PAYMENT_OPTIONS: Choice<PaymentMethod>[] = [
  { reason: 'cash-on-delivery', label: 'Cash when you get it' },
  { reason: 'upi', label: 'UPI to each shop' },
  { reason: 'razorpay', label: 'Card, UPI or net banking' },
];

export const SHORTAGE_OPTIONS: Choice<OnShortage>[] = [
  { reason: 'all-or-nothing', label: 'Order nothing, and tell me' },
  { reason: 'whatever-each-shop-can', label: 'Send what there is, without the rest' },
];

export type RefundWay = 'cash' | 'upi';

/** How a shop gives back by hand what a gateway could not. */
export const REFUND_WAYS: Choice<RefundWay>[] = [
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

/** The rows of an order's money, as a shopper adds it up. */
export const MONEY_ROWS = {
  due: 'Cash to keep ready',
  'paid-in-cash': 'Paid in cash',
  paid: 'Paid',
  'given-back': 'Given back to you',
  'coming-back': 'Still comes back to you',
  nothing: 'To pay',
  'in-the-end': 'Costs you in the end',
};

/** What a bank or a UPI app shows of a payment: `Order 1ABCDE`. */
export const paymentNote = (orderNumber: string): string => `Order ${orderNumber}`;

/** The page between ours and that of whoever takes the payment. */
export const PAYMENT_PAGE = { title: 'To the payment', button: 'Go on to the payment' };
