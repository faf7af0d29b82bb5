import { createHmac } from 'node:crypto';
import { Problem } from './http.ts';
import { sign, verified } from './signature.ts';

const SCHEME = 'Bearer ';

/**
 * A shop's pass: proves, without any stored state, that its bearer is of the shop, and so may see
 * whom its orders are for, move its money and end its orders. It stands in until people sign in with
 * accounts of their own.
 */
export const storePass = (secret: string, storeId: string): string => sign(secret, storeId);

/** Whether an `Authorization` header carries the pass of this shop; never where there is none. */
export function bearsStorePass(
  secret: string,
  storeId: string | null,
  authorization: string | undefined,
): boolean {
  if (!authorization?.startsWith(SCHEME)) return false;
  return verified(secret, authorization.slice(SCHEME.length)) === storeId;
}

/** Throws `Problem` 401 STORE_PASS_REQUIRED without it; `whose` says what is for whom. */
export function assertStorePass(
  secret: string,
  storeId: string | null,
  authorization: string | undefined,
  whose: string,
): void {
  if (bearsStorePass(secret, storeId, authorization)) return;
  throw new Problem(401, 'STORE_PASS_REQUIRED', `${whose}: sign in with its pass.`, {
    headers: { 'www-authenticate': SCHEME.trim() },
  });
}

/**
 * The four digits that whoever gets an order tells at the door. Made anew each time, so that they
 * are stored nowhere.
 */
export function deliveryCode(secret: string, storeOrderId: string): string {
  const digest = createHmac('sha256', secret).update(storeOrderId).digest();
  return `${digest.readUInt32BE() % 10_000}`.padStart(4, '0');
}
