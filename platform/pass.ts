import { sign, verified } from './signature.ts';

const SCHEME = 'Bearer ';

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
  if (!authorization?.startsWith(SCHEME)) return false;
  return verified(secret, authorization.slice(SCHEME.length)) === storeId;
}
