import { sumPaise } from '#domain/money/money.ts';
import { isPrepaid, payablePaise, upiLink } from '#domain/money/payment.ts';
import { orderNumber } from '#domain/ordering/order.ts';
import { MONEY_ROWS, paymentNote } from '#wording/en/payments.ts';
import type { Order, OrderPayment } from './contract.ts';
import { isGone } from './progress.ts';

/** What is still to be paid: of a sum that comes in several, the rest. */
export const missingPaise = ({ amountPaise, takenPaise, refundedPaise }: OrderPayment): number =>
  Math.max(0, amountPaise - (takenPaise - refundedPaise));

/** What opens a UPI app with everything filled in; null where it is paid in another way. */
export function upiLinkOf({ orderId }: Pick<Order, 'orderId'>, payment: OrderPayment) {
  const { paymentId, upi } = payment;
  const note = paymentNote(orderNumber(orderId));
  return upi && upiLink(upi, { paymentId, amountPaise: missingPaise(payment), note });
}

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
      .filter((one) => isCash && one.status !== 'delivered' && !isGone(one))
      .map(({ owedPaise }) => payablePaise(order.payment, owedPaise)),
  );
  const backPaise = givenBackPaise + comingBackPaise;
  const rows = [
    { label: MONEY_ROWS.due, paise: duePaise },
    { label: MONEY_ROWS[isCash ? 'paid-in-cash' : 'paid'], paise: takenPaise },
    { label: MONEY_ROWS['given-back'], paise: givenBackPaise },
    { label: MONEY_ROWS['coming-back'], paise: comingBackPaise },
  ].filter(({ paise }) => paise > 0);
  if (rows.length === 0) return [{ label: MONEY_ROWS.nothing, paise: 0 }];
  if (backPaise === 0) return rows;
  return [...rows, { label: MONEY_ROWS['in-the-end'], paise: duePaise + takenPaise - backPaise }];
}
