import { createHmac, timingSafeEqual } from 'node:crypto';

/** 22 base64url characters are 132 bits: beyond guessing. */
const MAC_LENGTH = 22;

/** A text with a proof that whoever wrote it knew the secret. Everybody can read it. */
export function sign(secret: string, text: string): string {
  const mac = createHmac('sha256', secret).update(text).digest('base64url');
  return `${text}.${mac.slice(0, MAC_LENGTH)}`;
}

/** The text that was signed with the same secret; undefined for anything else. */
export function verified(secret: string, signed: string): string | undefined {
  const text = signed.slice(0, -MAC_LENGTH - 1);
  return isSame(signed, sign(secret, text)) ? text : undefined;
}

const BEARER = 'Bearer ';

/**
 * Whether an `Authorization` header bears this text, signed: a pass that proves, without any stored
 * state, that whoever gave it out knew the secret.
 */
export function bearsSigned(
  secret: string,
  text: string,
  authorization: string | undefined,
): boolean {
  if (!authorization?.startsWith(BEARER)) return false;
  return verified(secret, authorization.slice(BEARER.length)) === text;
}

/**
 * Four digits that only a text and the secret lead to, for people to say. Made anew each time, so
 * that they are stored nowhere; few enough to be guessed, so that tries have to be counted.
 */
export function codeOf(secret: string, text: string): string {
  const digest = createHmac('sha256', secret).update(text).digest();
  return `${digest.readUInt32BE() % 10_000}`.padStart(4, '0');
}

/** Takes as long wherever the two differ, so that the time tells nothing of the right one. */
export function isSame(given: string, right: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
