import type { FastifyInstance } from 'fastify';
import { Rejected, type RejectionCode } from '../domain/rejection.ts';
import {
  payment,
  paymentNotFound,
  type PaymentCommand,
  type RefundElsewhere,
} from '../domain/money/payment.ts';
import { pagePolicy, sourceOf } from '../platform/content-policy.ts';
import { Problem } from '../platform/http.ts';
import { hookRoute } from '../platform/route.ts';
import { systemContext, type Cause } from '../engine/processes/cause.ts';
import { uuid } from '../platform/schema.ts';
import { PAYMENT_PAGE } from '../wording/en/payments.ts';
import type { Services } from './services.ts';
import {
  elsewhereOf,
  FAILED_REFUND,
  isOwnRefund,
  RETURN_PATH,
  type Razorpay,
} from './razorpay-gateway.ts';
import { lookAtPayment, recordNews } from './payment.ts';
import { assertRecent, keepRawBodies, saidIn, signer } from './webhook.ts';
import { anybody, shopperOfPayment } from './who.ts';

const ACTOR = 'razorpay';

type Webhook = {
  event: string;
  /** Seconds since 1970. */
  created_at: number;
  payload: {
    order?: { entity: { id: string } };
    payment?: { entity: { order_id: string | null } };
    refund?: { entity: { id: string } };
    dispute?: { entity: { id: string } };
    /** Of the order or the payment that is its source. */
    transfer?: { entity: { source: string } };
  };
};

/**
 * What Razorpay tells of itself. A webhook is taken as a hint that something happened: what did is
 * asked of the API, so that none of them counts twice and their order says nothing.
 */
export function razorpayRoutes(app: FastifyInstance, services: Services): void {
  const { razorpay, handler, log, now } = services;
  if (!razorpay) return;
  const hidden = { hide: true };
  const ofPayment = { hide: true, params: { type: 'object', properties: { paymentId: uuid } } };

  app.register(async (scope) => {
    keepRawBodies(scope);
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'buffer' },
      async () => null,
    );

    hookRoute(scope, {
      path: 'POST /razorpay/webhooks',
      who: signer('Razorpay', razorpay.webhookSecret, 'x-razorpay-signature'),
      schema: hidden,
      async run({ headers, id: correlationId }, reply, raw) {
        const webhook = webhookOf(raw);
        assertRecent(webhook.created_at * 1_000, now());
        const causationId = String(headers['x-razorpay-event-id'] ?? correlationId);
        const isKnown = await record(services, razorpay, webhook, { correlationId, causationId });
        // Answered as done: it is not ours, and would only be sent again.
        if (!isKnown)
          log.warn({ event: webhook.event, causationId }, 'a webhook of an unknown payment');
        return reply.code(204).send();
      },
    });

    /** Takes the browser to Razorpay's page, which wants to be posted to. */
    hookRoute(scope, {
      path: 'GET /payments/:paymentId/pay',
      who: shopperOfPayment(services),
      schema: ofPayment,
      async run({ params: { paymentId } }, reply, known) {
        if (known?.status !== 'requested' || !known.gatewayOrderId) {
          return reply.redirect(RETURN_PATH, 303);
        }
        const { url, fields } = razorpay.checkoutOf(paymentId, known);
        reply.header('cache-control', 'no-store').type('text/html; charset=utf-8');
        reply.header('content-security-policy', postingPolicy(url));
        // The gateway looks at which site sends it somebody, and is told no more than that.
        reply.header('referrer-policy', 'strict-origin');
        return reply.send(postingPage(url, fields));
      },
    });

    /** Where Razorpay's page sends the browser, whatever came of it. */
    hookRoute(scope, {
      path: 'POST /payments/:paymentId/razorpay-return',
      who: anybody,
      schema: ofPayment,
      async run({ params: { paymentId }, id }, reply) {
        const { status } = await handler.load(payment, paymentId, { fresh: true });
        if (status === 'none') throw paymentNotFound();
        const cause = { correlationId: id, causationId: id };
        await lookAtPayment(services, paymentId, cause).catch((error: unknown) =>
          log.warn({ err: error, paymentId }, 'could not look at a payment: a webhook will tell'),
        );
        return reply.redirect(RETURN_PATH, 303);
      },
    });
  });
}

const POSTING_SCRIPT = 'document.forms[0].submit()';

/** What the page that posts its fields may do: that, and to this address. */
const postingPolicy = (url: string): string =>
  pagePolicy({ 'script-src': sourceOf(POSTING_SCRIPT), 'form-action': new URL(url).origin });

/** A page that posts its fields as soon as it is open. None of them comes from a person. */
const postingPage = (url: string, fields: Record<string, string>): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${PAYMENT_PAGE.title}</title>
<form method="post" action="${url}">
${Object.entries(fields)
  .map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`)
  .join('\n')}
<button>${PAYMENT_PAGE.button}</button>
</form>
<script>${POSTING_SCRIPT}</script>
</html>`;

/** Throws a `Problem` 400 for what is no webhook of Razorpay's. */
function webhookOf(raw: Buffer): Webhook {
  const { event, created_at: createdAt, payload } = saidIn<Webhook>(raw);
  const { order, payment: paid, refund, dispute, transfer } = payload ?? {};
  const isWhole =
    typeof event === 'string' &&
    typeof createdAt === 'number' &&
    payload instanceof Object &&
    [order, paid, refund, dispute, transfer].every((one) => !one || one.entity instanceof Object);
  if (isWhole) return { event, created_at: createdAt, payload };
  throw new Problem(
    400,
    'INVALID_WEBHOOK',
    'Send event, created_at (in seconds) and payload with its entities as JSON, as Razorpay does.',
  );
}

/** Resolves to whether it was about a payment of ours. */
async function record(
  services: Services,
  razorpay: Razorpay,
  { payload }: Webhook,
  cause: Cause,
): Promise<boolean> {
  try {
    if (payload.refund) {
      return await recordRefund(services, razorpay, payload.refund.entity.id, cause);
    }
    if (payload.dispute) {
      const lost = await razorpay.lookUpDispute(payload.dispute.entity.id);
      return lost ? await recordElsewhere(services, razorpay, lost, cause) : false;
    }
    if (payload.transfer) {
      return await recordTransfers(services, razorpay, payload.transfer.entity.source, cause);
    }
    const gatewayOrderId = payload.order?.entity.id ?? payload.payment?.entity.order_id;
    const found = gatewayOrderId && (await razorpay.lookUp(gatewayOrderId));
    if (!found) return false;
    await recordNews(services.handler, found.paymentId, found.news, cause);
    return true;
  } catch (error) {
    if (error instanceof Rejected && UNKNOWN.has(error.code)) return false;
    throw error;
  }
}

const UNKNOWN = new Set<RejectionCode>(['PAYMENT_NOT_FOUND', 'REFUND_NOT_FOUND']);

/**
 * Takes over money that goes back without having been asked for here, with the payment that it is of:
 * nobody may have told of that yet. Resolves to whether it is of a payment of ours.
 */
async function recordElsewhere(
  { handler }: Services,
  razorpay: Razorpay,
  elsewhere: RefundElsewhere,
  cause: Cause,
): Promise<boolean> {
  const gatewayOrderId = await razorpay.lookUpOrder(elsewhere.externalId);
  const found = gatewayOrderId && (await razorpay.lookUp(gatewayOrderId));
  if (!found) return false;
  const { paymentId, news } = found;
  await recordNews(handler, paymentId, news, cause);
  const { givenAs, status } = elsewhere;
  const context = systemContext(ACTOR, cause, 'gateway', paymentId, givenAs, status);
  const command = { type: 'RecordRefundElsewhere', data: elsewhere } as const;
  await handler.handle(payment, paymentId, command, context);
  return true;
}

/**
 * Writes down which shops have their shares. It takes nothing back: the reactor does, which is alone.
 * Resolves to whether they are of a payment of ours.
 */
async function recordTransfers(
  { handler }: Services,
  razorpay: Razorpay,
  source: string,
  cause: Cause,
): Promise<boolean> {
  const isOrder = source.startsWith('order_');
  const gatewayOrderId = isOrder ? source : await razorpay.lookUpOrder(source);
  const found = gatewayOrderId && (await razorpay.lookUp(gatewayOrderId));
  if (!found) return false;
  const { paymentId } = found;
  const transfers = await razorpay.moveShares({ paymentId, gatewayOrderId, reverse: [] });
  const said = transfers.map((one) => `${one.status} ${one.reversedPaise}`);
  const context = systemContext(ACTOR, cause, 'gateway', gatewayOrderId, ...said);
  const command = { type: 'RecordTransfers', data: { transfers } } as const;
  await handler.handle(payment, paymentId, command, context);
  return true;
}

async function recordRefund(
  services: Services,
  razorpay: Razorpay,
  externalId: string,
  cause: Cause,
): Promise<boolean> {
  const { handler, log } = services;
  const known = await razorpay.lookUpRefund(externalId);
  if (!known) return false;
  if (!isOwnRefund(known)) return recordElsewhere(services, razorpay, elsewhereOf(known), cause);
  const paymentId = known.notes.paymentId!;
  const refundNumber = Number(known.notes.refundNumber);
  const { status } = known;
  if (status === 'pending') return true;
  const command: PaymentCommand =
    status === 'processed'
      ? { type: 'RecordRefund', data: { refundNumber, externalId } }
      : { type: 'RecordRefundFailure', data: { refundNumber, externalId, reason: FAILED_REFUND } };
  const context = systemContext(ACTOR, cause, 'gateway', paymentId, externalId, status);
  const { state } = await handler.handle(payment, paymentId, command, context);
  const { givenAs } = state.refunds[refundNumber - 1]!;
  if (status === 'processed' && givenAs !== externalId) {
    log.error({ paymentId, refundNumber, externalId, givenAs }, 'money was given back twice');
  }
  return true;
}
