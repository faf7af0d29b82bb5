import { createHmac } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../platform/http.ts';
import type { Who } from '../platform/route.ts';
import { isSame } from '../platform/signature.ts';
import { isStorable } from '../platform/text.ts';

/** Whoever sends a webhook may repeat one that was not answered for a day. */
const MAX_AGE_MS = 25 * 60 * 60_000;
/** A clock of theirs may be ahead of ours. */
const MAX_CLOCK_SKEW_MS = 5 * 60_000;

/** Gives the routes of a scope JSON bodies as they came, byte for byte: that is what is signed. */
export function keepRawBodies(scope: FastifyInstance): void {
  scope.removeContentTypeParser('application/json');
  scope.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_: unknown, raw: Buffer) => raw,
  );
}

/**
 * Whoever signs bodies with a secret that only we know besides: HMAC-SHA256, in hexadecimal digits,
 * in a header. Throws a `Problem` 401; resolves to the body as it came.
 */
export const signer = (name: string, secret: string, header: string): Who<unknown, Buffer> => ({
  name,
  byBody: true,
  identify({ body, headers }) {
    const raw = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
    const right = createHmac('sha256', secret).update(raw).digest('hex');
    if (isSame(String(headers[header]), right)) return raw;
    const message = 'This was not signed with the secret of our webhook.';
    throw new Problem(401, 'INVALID_SIGNATURE', message);
  },
});

/** What a body may say, as far as it is JSON and text: whether it does is yet to be seen. */
export function saidIn<T>(raw: Buffer): Partial<T> {
  try {
    const said = JSON.parse(raw.toString()) as Partial<T> | null;
    return said && isStorable(said) ? said : {};
  } catch {
    return {};
  }
}

/** Throws a `Problem` 400 for what was made too long ago, or at no time. */
export function assertRecent(madeMs: number, now: Date): void {
  const ageMs = now.getTime() - madeMs;
  if (ageMs >= -MAX_CLOCK_SKEW_MS && ageMs <= MAX_AGE_MS) return;
  throw new Problem(400, 'WEBHOOK_TOO_OLD', 'This webhook is not of the last day: send a new one.');
}
