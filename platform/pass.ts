import { createHmac, timingSafeEqual } from 'node:crypto';
import { sign } from './signature.ts';

/**
 * A shop's pass: proves, without any stored state, that its bearer may see whom the shop's orders
 * are for. It stands in until people sign in with accounts of their own.
 */
export const storePass = (secret: string, storeId: string): string => sign(secret, storeId);

/** Whether an `Authorization` header carries the pass of this shop. */
export function bearsStorePass(
  secret: string,
  storeId: string,
  authorization: string | undefined,
): boolean {
  const given = Buffer.from(authorization ?? '');
  const right = Buffer.from(`Bearer ${storePass(secret, storeId)}`);
  return given.length === right.length && timingSafeEqual(given, right);
}

/**
 * The four digits that whoever gets an order tells at the door. Made anew each time, so that they
 * are stored nowhere.
 */
export function deliveryCode(secret: string, storeOrderId: string): string {
  const digest = createHmac('sha256', secret).update(storeOrderId).digest();
  return `${digest.readUInt32BE() % 10_000}`.padStart(4, '0');
}
