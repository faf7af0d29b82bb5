import type { FastifyInstance } from 'fastify';
import { Rejected, type RefusalFacts } from '../domain/rejection.ts';
import type { AnyPlaced } from '../domain/ordering/order.ts';
import {
  paymentsOf as duePayments,
  type DuePayment,
  type HowToPay,
} from '../domain/ordering/payments.ts';
import type { RefundCall } from '../domain/money/refund.ts';
import {
  missingPaise,
  payment,
  type Payment,
  type PaymentCommand,
  type PaymentMethod,
} from '../domain/money/payment.ts';
import { store } from '../domain/stores/store.ts';
import { upiReference, upiTransferText, type UpiTransfer } from '../domain/money/upi-reference.ts';
import { idFrom } from '../platform/ids.ts';
import { object, text, uuid } from '../platform/schema.ts';
import type { Services } from './services.ts';
import { systemContext, type Cause } from '../engine/processes/cause.ts';
import type { CommandContext, Handler, Outcome } from '../engine/commands/handle.ts';
import { commandRoute } from '../engine/commands/route.ts';
import { shopOfPayment } from './who.ts';

/** What is told by a gateway is recorded in its name. */
export const ACTOR = 'payment-gateway';

/** A way to pay, as far as somebody outside takes part in it. */
export type PaymentPort = {
  /** Prepares a payment. Throws `Rejected` PAYMENT_UNAVAILABLE, or `GatewayUnavailable`. */
  open: (due: DuePayment) => Promise<HowToPay>;
  /**
   * Gives money back, once for each `refundId`; resolves to what became of it, or to null where the
   * shop does it by hand and then says so. Throws `GatewayRefused`, `GatewayUnavailable`.
   */
  refund: (refund: RefundCall) => Promise<RefundNews | null>;
  /** What became of a payment that nobody told of; absent where only the shop can know. */
  look?: (payment: Payment) => Promise<PaymentNews[]>;
};

/** What a gateway tells of one try to pay. */
export type PaymentNews = { externalId: string } & (
  { status: 'captured'; amountPaise: number } | { status: 'failed'; reason: string }
);

/** What a gateway tells of a refund that it took over; `externalId` is what it calls it. */
export type RefundNews = { externalId: string; status: 'pending' | 'processed' };

/** The ways to pay that this system is set up for. */
export type PaymentPorts = Partial<Record<PaymentMethod, PaymentPort>>;

/** The gateway did not answer, or not now: the same call may succeed later. */
export class GatewayUnavailable extends Error {}

/** The gateway said no, and would again; `message` is for the shop: why, in the gateway's words. */
export class GatewayRefused extends Error {}

/** The shop takes the money and gives it back itself. */
const byHand = async () => null;

const cashPort: PaymentPort = { open: async () => ({}), refund: byHand };

const upiPort = (handler: Handler): PaymentPort => ({
  async open({ storeId }) {
    const { upi } = await handler.load(store, storeId!, { fresh: true });
    if (!upi) throw unavailableMethod({ because: 'no-upi' });
    return { upi };
  },
  refund: byHand,
});

export const paymentPorts = (handler: Handler, razorpay?: PaymentPort): PaymentPorts => ({
  'cash-on-delivery': cashPort,
  upi: upiPort(handler),
  ...(razorpay && { razorpay }),
});

export const unavailableMethod = (facts: RefusalFacts['PAYMENT_UNAVAILABLE']): Rejected =>
  new Rejected('PAYMENT_UNAVAILABLE', facts);

/** The ways in which all of these shops can be paid, as they were last read. */
export async function methodsOf(
  { handler, payments }: Pick<Services, 'handler' | 'payments'>,
  storeIds: string[],
): Promise<PaymentMethod[]> {
  const stores = await Promise.all(
    storeIds.map((storeId) => handler.load(store, storeId, { fresh: false })),
  );
  const methods = Object.keys(payments) as PaymentMethod[];
  return methods.filter((method) => method !== 'upi' || stores.every(({ upi }) => upi));
}

/** Throws `Rejected` PAYMENT_UNAVAILABLE. */
export async function assertPayable(
  services: Pick<Services, 'handler' | 'payments'>,
  method: PaymentMethod,
  storeIds: string[],
): Promise<void> {
  const methods = await methodsOf(services, storeIds);
  if (!methods.includes(method)) throw unavailableMethod({ because: 'not-every-shop' });
}

/** The payments of an order: one for all of it, or one at each shop. */
export const paymentsOf = (orderId: string, placed: AnyPlaced): DuePayment[] =>
  duePayments({ paymentIdOf }, orderId, placed);

/** @param id of the order, or of the part where each is paid by itself */
export const paymentIdOf = (id: string): string => idFrom('payment', id);

/** Throws `Rejected` PAYMENT_UNAVAILABLE. */
export function portOf(payments: PaymentPorts, method: PaymentMethod): PaymentPort {
  const port = payments[method];
  if (!port) throw unavailableMethod({ because: 'not-set-up', method });
  return port;
}

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
  for (const { externalId, ...told } of news) {
    const command: PaymentCommand =
      told.status === 'captured'
        ? { type: 'RecordPayment', data: { externalId, amountPaise: told.amountPaise } }
        : { type: 'RecordPaymentFailure', data: { externalId, reason: told.reason } };
    const context = systemContext(ACTOR, cause, 'gateway', paymentId, externalId, told.status);
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
  const toldByShop = record.type === 'RecordPaymentByHand';
  const check = { type: 'CheckUpiReceipt', data: { externalId, toldByShop } } as const;
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
