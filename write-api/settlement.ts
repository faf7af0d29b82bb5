import { isPrepaid } from '../domain/money/payment.ts';
import { payShops } from '../domain/money/pay-shops.ts';
import { refund } from '../domain/money/refund.ts';
import { order } from '../domain/ordering/order.ts';
import { settlement } from '../domain/ordering/settlement.ts';
import type { Cause } from '../engine/processes/cause.ts';
import { idFrom } from '../platform/ids.ts';
import { driveCheckout } from './checkout.ts';
import { paymentIdOf } from './payment.ts';
import { run, type Drivers } from './processes.ts';

const ACTOR = 'settlement';

/**
 * Does what money that came in, or an order that ended, asks for. Resolves to what
 * `driveSettlement` does.
 */
export async function drivePaidOrder(
  drivers: Drivers,
  orderId: string,
  cause: Cause,
  waitUntilMs = 0,
): Promise<number | undefined> {
  const placed = await drivers.handler.load(order, orderId, { fresh: true });
  if (placed.status === 'none' || !isPrepaid(placed.payment)) return undefined;
  await driveCheckout(drivers, orderId, cause);
  return driveSettlement(drivers, orderId, cause, waitUntilMs);
}

/**
 * Gives back what is not owed for an order, or brings it back (`domain/ordering/settlement.ts`).
 *
 * @param waitUntilMs until when the rest of the money is waited for, in ms since 1970: resolves to
 *   the ms that are left, if nothing else can be done before
 */
export async function driveSettlement(
  drivers: Drivers,
  orderId: string,
  cause: Cause,
  waitUntilMs = 0,
): Promise<number | undefined> {
  const process = settlement({ orderId, paymentIdOf }, waitUntilMs);
  return (await run(drivers, process, ACTOR, cause)).againMs;
}

/**
 * Has a refund made that was asked for. Resolves to a number of milliseconds after which to look
 * again at one that the gateway is at. Throws `GatewayUnavailable` while it may yet succeed.
 *
 * @param requestedAt RFC 3339
 */
export async function driveRefund(
  drivers: Drivers,
  paymentId: string,
  refundNumber: number,
  requestedAt: string,
  cause: Cause,
): Promise<number | undefined> {
  const refundId = idFrom('refund', paymentId, refundNumber);
  const process = refund({ paymentId, refundNumber, refundId }, Date.parse(requestedAt));
  return (await run(drivers, process, ACTOR, cause)).againMs;
}

/**
 * Has each shop have its share of a payment, less what goes back (`domain/money/pay-shops.ts`).
 * Resolves to a number of milliseconds after which to look again at what is on its way. Throws
 * `GatewayUnavailable`.
 *
 * @param since RFC 3339: from when on it may take some days
 */
export async function drivePayShops(
  drivers: Drivers,
  paymentId: string,
  since: string,
  cause: Cause,
): Promise<number | undefined> {
  const returnIdOf = (storeOrderId: string, returnNumber: number): string =>
    idFrom('return', paymentId, storeOrderId, returnNumber);
  const process = payShops({ paymentId, returnIdOf }, Date.parse(since));
  return (await run(drivers, process, ACTOR, cause)).againMs;
}
