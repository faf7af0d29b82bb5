import { Rejected, type RefusalFacts } from '../domain/rejection.ts';
import type { DuePayment, HowToPay } from '../domain/ordering/payments.ts';
import type { RefundCall } from '../domain/money/refund.ts';
import type { Payment, PaymentMethod, RefundElsewhere } from '../domain/money/payment.ts';
import { store } from '../domain/stores/store.ts';
import type { Handler } from '../engine/commands/handle.ts';

/** A way to pay, as far as somebody outside takes part in it. */
export type PaymentPort = {
  /** Prepares a payment. Throws `Rejected` PAYMENT_UNAVAILABLE, or `GatewayUnavailable`. */
  open: (due: DuePayment) => Promise<HowToPay>;
  /**
   * Gives money back, once for each `refundId`; resolves to what became of it, to what has to be
   * taken over before, or to null where the shop does it by hand and then says so. Throws
   * `GatewayRefused`, `GatewayUnavailable`.
   */
  refund: (refund: RefundCall) => Promise<RefundNews | FoundElsewhere | null>;
  /** What became of a payment that nobody told of; absent where only the shop can know. */
  look?: (payment: Payment) => Promise<PaymentNews[]>;
};

/** What a gateway tells of one try to pay. */
export type PaymentNews = { externalId: string } & (
  { status: 'captured'; amountPaise: number } | { status: 'failed'; reason: string }
);

/** What a gateway tells of a refund that it took over; `externalId` is what it calls it. */
export type RefundNews = { externalId: string; status: 'pending' | 'processed' };

/** Money of the same receipt that goes back without having been asked for here. */
export type FoundElsewhere = { status: 'elsewhere'; refunds: RefundElsewhere[] };

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

type Payable = { handler: Handler; payments: PaymentPorts };

/** The ways in which all of these shops can be paid, as they were last read. */
export async function methodsOf(
  { handler, payments }: Payable,
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
  services: Payable,
  method: PaymentMethod,
  storeIds: string[],
): Promise<void> {
  const methods = await methodsOf(services, storeIds);
  if (!methods.includes(method)) throw unavailableMethod({ because: 'not-every-shop' });
}

/** Throws `Rejected` PAYMENT_UNAVAILABLE. */
export function portOf(payments: PaymentPorts, method: PaymentMethod): PaymentPort {
  const port = payments[method];
  if (!port) throw unavailableMethod({ because: 'not-set-up', method });
  return port;
}
