import type { FastifyInstance } from 'fastify';
import { Rejected, type RejectionCode } from '../domain/rejection.ts';
import { Problem } from '../platform/http.ts';
import { hookRoute } from '../platform/route.ts';
import { systemContext } from '../engine/processes/cause.ts';
import type { Services } from './services.ts';
import { ACTOR, recordUpi } from './payment.ts';
import { assertRecent, keepRawBodies, saidIn, signer } from './webhook.ts';

/** What a shop's bank, or the service that reads its statement, tells of a payment. */
type Notice = {
  /** `tr` of the link that was paid: the payment's id without its hyphens. */
  reference: string;
  /** The 12 digits by which both UPI apps show the payment. */
  utr: string;
  amountPaise: number;
  /** RFC 3339. */
  at: string;
};

const REFERENCE = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/;

/** Why nothing can be done with a notice. */
const UNMATCHED: Partial<Record<RejectionCode, string>> = {
  PAYMENT_NOT_FOUND: 'for a payment that nobody asked for',
  WRONG_PAYMENT_METHOD: 'for a payment that is made in another way',
  UPI_REFERENCE_USED: 'that was counted for another payment already',
};

function noticeOf(raw: Buffer): Notice {
  const { reference, utr, amountPaise, at } = saidIn<Notice>(raw);
  const isWhole =
    typeof reference === 'string' &&
    /^[0-9]{12}$/.test(utr ?? '') &&
    Number.isSafeInteger(amountPaise) &&
    amountPaise! > 0 &&
    typeof at === 'string';
  if (isWhole) return { reference, utr: utr!, amountPaise: amountPaise!, at };
  throw new Problem(
    400,
    'INVALID_NOTICE',
    'Send reference (tr of the link), utr (12 digits), amountPaise and at (RFC 3339) as JSON.',
  );
}

/**
 * Confirms what was paid by UPI straight to a shop, instead of the shop itself. `X-Upi-Signature` is
 * the HMAC-SHA256 of the body under UPI_WEBHOOK_SECRET. The same payment told twice, or told by the
 * shop as well, counts once, and for no other order: by its UTR.
 */
export function upiRoutes(app: FastifyInstance, services: Services): void {
  const { upiWebhookSecret, handler, log, now } = services;
  if (!upiWebhookSecret) return;

  app.register(async (scope) => {
    keepRawBodies(scope);
    hookRoute(scope, {
      path: 'POST /upi/webhooks',
      who: signer('the notice service', upiWebhookSecret, 'x-upi-signature'),
      schema: { hide: true },
      async run(request, reply, raw) {
        const { reference, utr, amountPaise, at } = noticeOf(raw);
        assertRecent(Date.parse(at), now());
        const paymentId = reference.toLowerCase().replace(REFERENCE, '$1-$2-$3-$4-$5');
        const cause = { correlationId: request.id, causationId: request.id };
        const context = systemContext(ACTOR, cause, 'gateway', paymentId, utr, 'captured');
        const record = { type: 'RecordPayment', data: { externalId: utr, amountPaise } } as const;
        try {
          await recordUpi(handler, paymentId, record, context);
        } catch (error) {
          const why = error instanceof Rejected && UNMATCHED[error.code];
          if (!why) throw error;
          // Answered as done: it would only be sent again. The money is there: somebody has to look.
          log.error({ paymentId, utr, amountPaise }, `money came in by UPI ${why}`);
        }
        return reply.code(204).send();
      },
    });
  });
}
