import { Rejected } from '../domain/rejection.ts';
import { cash } from '../domain/ordering/settlement.ts';
import { CASH, type PaymentEvent } from '../domain/money/payment.ts';
import { till, tillId, type TillCommand } from '../domain/money/till.ts';
import { businessDate, dayAfter } from '../platform/time.ts';
import type { Handler } from '../engine/commands/handle.ts';
import { systemContext, type Cause } from '../engine/processes/cause.ts';
import { paymentIdOf } from './payment.ts';
import { run, type Drivers } from './processes.ts';

/** Cash is taken down in the name of settlement, and put into the till in that of the till. */
const COLLECTS = 'settlement';
const ACTOR = 'till';

/** Takes down the cash for a store order that was delivered. */
export async function driveCash(
  drivers: Drivers,
  storeOrderId: string,
  cause: Cause,
): Promise<void> {
  await run(drivers, cash({ paymentIdOf }, storeOrderId), COLLECTS, cause);
}

export type CashMoved = Extract<PaymentEvent, { type: 'CashCollected' | 'RefundSucceeded' }>;

/** What of a payment changed hands as cash; undefined for what a bank or a gateway moved. */
function cashCommand(paymentId: string, moved: CashMoved, at: string): TillCommand | undefined {
  const { orderId, storeOrderId, amountPaise } = moved.data;
  if (!storeOrderId) return undefined;
  const data = { paymentId, orderId, storeOrderId, amountPaise, at };
  if (moved.type === 'CashCollected') return { type: 'TakeCash', data };
  const { refundNumber, externalId } = moved.data;
  if (externalId !== CASH) return undefined;
  return { type: 'GiveCashBack', data: { ...data, refundNumber } };
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
    try {
      await handler.handle(till, id, command, systemContext(ACTOR, cause));
      return;
    } catch (error) {
      if (!(error instanceof Rejected) || error.code !== 'TILL_CLOSED') throw error;
    }
  }
}
