import type { FastifyInstance } from 'fastify';
import type { AnyPlaced } from '../domain/ordering/order.ts';
import { paymentsOf as duePayments, type DuePayment } from '../domain/ordering/payments.ts';
import {
  missingPaise,
  payment,
  type Payment,
  type PaymentCommand,
} from '../domain/money/payment.ts';
import { upiReference, upiTransferText, type UpiTransfer } from '../domain/money/upi-reference.ts';
import { idFrom } from '../platform/ids.ts';
import { object, text, uuid } from '../platform/schema.ts';
import type { Services } from './services.ts';
import type { PaymentNews } from './payment-ports.ts';
import { systemContext, type Cause } from '../engine/processes/cause.ts';
import type { CommandContext, Handler, Outcome } from '../engine/commands/handle.ts';
import { commandRoute } from '../engine/commands/route.ts';
import { shopOfPayment } from './who.ts';

/** What is told by a gateway is recorded in its name. */
export const ACTOR = 'payment-gateway';

/** The payments of an order: one for all of it, or one at each shop. */
export const paymentsOf = (orderId: string, placed: AnyPlaced): DuePayment[] =>
  duePayments({ paymentIdOf }, orderId, placed);

/** @param id of the order, or of the store order where each is paid by itself */
export const paymentIdOf = (id: string): string => idFrom('payment', id);

/**
 * Takes down what a gateway tells, each try of the shopper's once, however often it is told and in
 * whatever order. Throws `Rejected` PAYMENT_NOT_FOUND.
 */
export async function recordNews(
  handler: Handler,
  paymentId: string,
  news: PaymentNews[],
  cause: Cause,
): Promise<void> {
  for (const { externalId, ...attempt } of news) {
    const command: PaymentCommand =
      attempt.status === 'captured'
        ? { type: 'RecordPayment', data: { externalId, amountPaise: attempt.amountPaise } }
        : { type: 'RecordPaymentFailure', data: { externalId, reason: attempt.reason } };
    const context = systemContext(ACTOR, cause, 'gateway', paymentId, externalId, attempt.status);
    await handler.handle(payment, paymentId, command, context);
  }
}

/**
 * Takes down what came in by UPI. Its reference is first used for this payment, and so for no other
 * one; whoever dies in between is repeated. Throws `Rejected` PAYMENT_NOT_FOUND,
 * WRONG_PAYMENT_METHOD, UPI_REFERENCE_USED, and told by hand, PAID_ALREADY.
 */
export async function recordUpi(
  handler: Handler,
  paymentId: string,
  record: Extract<PaymentCommand, { type: 'RecordPayment' | 'RecordPaymentByHand' }>,
  context: CommandContext,
): Promise<Outcome<Payment>> {
  const { externalId } = record.data;
  // Refuses a key that came with another request, too, while nothing is changed yet.
  const givenByShop = record.type === 'RecordPaymentByHand';
  const check = { type: 'CheckUpiReceipt', data: { externalId, givenByShop } } as const;
  const asked = { ...context, isCheck: true };
  const { state } = await handler.handle(payment, paymentId, check, asked);
  const transfer = { vpa: state.upi!.vpa, utr: externalId };
  const use = { type: 'UseUpiReference', data: { ...transfer, paymentId } } as const;
  await handler.handle(upiReference, upiReferenceIdOf(transfer), use, context);
  return handler.handle(payment, paymentId, record, context);
}

/** Addresses are no part of a stream's name: some hold a phone's number. */
export const upiReferenceIdOf = (transfer: UpiTransfer): string =>
  idFrom('upi', upiTransferText(transfer));

/** Asks the gateway about a payment: whoever was to tell may not have. */
export async function lookAtPayment(
  { handler, payments }: Pick<Services, 'handler' | 'payments'>,
  paymentId: string,
  cause: Cause,
): Promise<void> {
  const known = await handler.load(payment, paymentId, { fresh: true });
  if (known.status === 'paid') return;
  const news = (await payments[known.method]?.look?.(known)) ?? [];
  await recordNews(handler, paymentId, news, cause);
}

const reference = {
  type: 'object',
  required: ['reference'],
  additionalProperties: false,
  properties: {
    reference: {
      type: 'string',
      pattern: '^[0-9]{12}$',
      description: 'The 12 digits by which both UPI apps show the payment',
    },
  },
} as const;

/** What a shop sees in its UPI app, and nobody else can know. */
export function paymentRoutes(app: FastifyInstance, services: Services): void {
  const { handler } = services;
  const ofPayment = {
    who: shopOfPayment(services),
    id: ({ paymentId }: { paymentId: string }) => paymentId,
    answer: object({ paymentId: uuid, status: text }),
  };

  commandRoute(app, handler, {
    ...ofPayment,
    path: 'POST /payments/:paymentId/receipts',
    params: { type: 'object', properties: { paymentId: uuid } },
    body: reference,
    async run({ reference: externalId }: Given, { id: paymentId, caller, context }) {
      const data = { externalId, amountPaise: missingPaise(caller.payment) };
      const record = { type: 'RecordPaymentByHand', data } as const;
      const { state, position } = await recordUpi(handler, paymentId, record, context);
      return { position, answer: { paymentId, status: state.status } };
    },
  });

  commandRoute(app, handler, {
    ...ofPayment,
    path: 'POST /payments/:paymentId/refunds/:refundNumber/given',
    params: refundParams,
    body: givenBack,
    decider: payment,
    command: ({ reference: externalId }: Given, { params: { refundNumber } }) => ({
      type: 'RecordRefundByHand',
      data: { refundNumber: Number(refundNumber), externalId },
    }),
    reply: ({ status }, { id: paymentId }) => ({ paymentId, status }),
  });
}

type Given = { reference: string };

const refundParams = {
  type: 'object',
  properties: { paymentId: uuid, refundNumber: { type: 'string', pattern: '^[1-9][0-9]{0,3}$' } },
} as const;

const givenBack = {
  ...reference,
  properties: {
    reference: {
      type: 'string',
      pattern: '^(?:[0-9]{12}|cash)$',
      description: 'The 12 digits of the UPI payment back, or "cash"',
    },
  },
} as const;
