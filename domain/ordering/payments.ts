import { isPerStoreOrder, isPrepaid, type RequestedPayment } from '../money/payment.ts';
import type { Share } from '../money/transfer.ts';
import type { AnyPlaced } from './order.ts';

/** A payment that an order asks for. */
export type DuePayment = {
  paymentId: string;
  storeOrderId: string | null;
  storeId: string | null;
  amountPaise: number;
  /** Of one for a whole order: what of it is for which shop. */
  shares?: Share[];
};

/** What a shopper has to know to pay. */
export type HowToPay = Pick<RequestedPayment, 'upi' | 'gatewayOrderId' | 'transfers'>;

/** What a payment is called, by the order, or by the store order where each is paid by itself. */
export type PaymentIds = { paymentIdOf: (id: string) => string };

/** The payments of an order: one for all of it, or one at each shop. */
export function paymentsOf(
  { paymentIdOf }: PaymentIds,
  orderId: string,
  { payment: method, parts, totalPaise }: AnyPlaced,
): DuePayment[] {
  if (isPerStoreOrder(method)) {
    return parts.map(({ storeOrderId, storeId, totalPaise: amountPaise }) => {
      return { paymentId: paymentIdOf(storeOrderId), storeOrderId, storeId, amountPaise };
    });
  }
  const shares = parts.map(({ storeOrderId, storeId, totalPaise: amountPaise }) => {
    return { storeOrderId, storeId, amountPaise };
  });
  const whole = { storeOrderId: null, storeId: null, amountPaise: totalPaise, shares };
  return [{ paymentId: paymentIdOf(orderId), ...whole }];
}

/** What is asked of the shopper, who has until the order is given up; of cash, until it comes. */
export function requestFor(
  orderId: string,
  { payment: method, expiresAt }: AnyPlaced,
  { paymentId: _, shares: __, ...due }: DuePayment,
  how: HowToPay,
): RequestedPayment {
  return { ...due, orderId, method, expiresAt: isPrepaid(method) ? expiresAt : null, ...how };
}
