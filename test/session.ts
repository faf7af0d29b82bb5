import { createHash } from 'node:crypto';
import { SESSION_COOKIE } from '../platform/session.ts';
import { sign } from '../platform/signature.ts';

export const SESSION_SECRET = 'a-secret-of-the-tests-for-sessions-32-or-more';
/** 2100-01-01. */
const EXPIRES_S = 4_102_444_800;

/** What the browser of `guest:{id}` sends to a page of its own site. */
export function headersOfGuest(id: string, secret = SESSION_SECRET) {
  const keyId = createHash('sha256').update(secret).digest('hex').slice(0, 8);
  const token = sign(secret, `1.${keyId}.${EXPIRES_S}.${id}`);
  return { cookie: `${SESSION_COOKIE}=${token}`, 'sec-fetch-site': 'same-origin' };
}
