import { Rejected } from '../domain/rejection.ts';
import { order } from '../domain/ordering/order.ts';
import { CASH, isPrepaid, payment, type PaymentEvent } from '../domain/money/payment.ts';
import { till, tillId, type TillCommand } from '../domain/money/till.ts';
import { deliveredPaise, storeOrder } from '../domain/fulfilment/store-order.ts';
import { idFrom } from '../platform/ids.ts';
import { businessDate, dayAfter } from '../platform/time.ts';
import type { Cause, Drivers } from './checkout.ts';
import type { Handler } from '../engine/commands/handle.ts';
import { openPayment, paymentIdOf, paymentsOf } from './payment.ts';

/** Cash is taken down in the name of settlement, and put into the till in that of the till. */
const COLLECTS = 'settlement';
const ACTOR = 'till';

/**
 * Takes down the cash for a part that was delivered: nothing is handed over without it. What came
 * back since then was paid for as well, and is given back by settlement.
 */
export async function driveCash(
  { handler, payments }: Drivers,
  storeOrderId: string,
  cause: Cause,
): Promise<void> {
  const part = await handler.load(storeOrder, storeOrderId, { fresh: true });
  const placed = await handler.load(order, part.orderId, { fresh: true });
  if (placed.status === 'none' || isPrepaid(placed.payment)) return;
  const paymentId = paymentIdOf(storeOrderId);
  const due = paymentsOf(part.orderId, placed).find((one) => one.paymentId === paymentId);
  if (!due) throw new Error(`order ${part.orderId} lacks its part ${storeOrderId}`);
  const contextOf = (step: string) => ({
    ...cause,
    commandId: idFrom('cash', paymentId, step),
    actor: COLLECTS,
  });
  const data = await openPayment(payments, part.orderId, placed, due);
  const request = { type: 'RequestPayment', data } as const;
  await handler.handle(payment, paymentId, request, contextOf('request'));
  const amountPaise = deliveredPaise(part);
  if (amountPaise === 0) return;
  const collect = { type: 'CollectCash', data: { amountPaise } } as const;
  await handler.handle(payment, paymentId, collect, contextOf('collect'));
}

export type CashMoved = Extract<PaymentEvent, { type: 'CashCollected' | 'RefundSucceeded' }>;

/** What of a payment changed hands as cash; undefined for what a bank or a gateway moved. */
function cashCommand(paymentId: string, moved: CashMoved, at: string): TillCommand | undefined {
  const { orderId, storeOrderId, amountPaise } = moved.data;
  if (!storeOrderId) return undefined;
  const cash = { paymentId, orderId, storeOrderId, amountPaise, at };
  if (moved.type === 'CashCollected') return { type: 'TakeCash', data: cash };
  const { refundNumber, externalId } = moved.data;
  if (externalId !== CASH) return undefined;
  return { type: 'GiveCashBack', data: { ...cash, refundNumber } };
}

/**
 * Puts cash into the till of its day, or of the first day after it that is not closed. Idempotent:
 * a closed till stays closed, so that every try comes to the same day. That day is tomorrow at the
 * latest, since no till is closed ahead.
 *
 * @param at RFC 3339: when it changed hands
 */
export async function driveTill(
  handler: Handler,
  paymentId: string,
  moved: CashMoved,
  at: string,
  cause: Cause,
): Promise<void> {
  const command = cashCommand(paymentId, moved, at);
  const { storeId } = moved.data;
  if (!command || !storeId) return;
  for (let date = businessDate(at); ; date = dayAfter(date)) {
    const id = tillId(storeId, date);
    const commandId = idFrom('till', id, cause.causationId);
    try {
      await handler.handle(till, id, command, { ...cause, commandId, actor: ACTOR });
      return;
    } catch (error) {
      if (!(error instanceof Rejected) || error.code !== 'TILL_CLOSED') throw error;
    }
  }
}
