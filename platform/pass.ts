import { createHmac, timingSafeEqual } from 'node:crypto';

/** 22 base64url characters are 132 bits: beyond guessing. */
const MAC_LENGTH = 22;

/**
 * A shop's pass: proves, without any stored state, that its bearer may see whom the shop's orders
 * are for. It stands in until people sign in with accounts of their own.
 */
export function storePass(secret: string, storeId: string): string {
  const mac = createHmac('sha256', secret).update(storeId).digest('base64url');
  return `${storeId}.${mac.slice(0, MAC_LENGTH)}`;
}

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
