import { Rejected, type RefusalFacts } from '../domain/rejection.ts';
import type { ReturnCall, TransferCall } from '../domain/money/pay-shops.ts';
import type { ShopTransfer, TransferNews } from '../domain/money/transfer.ts';
import type { DuePayment, HowToPay } from '../domain/ordering/payments.ts';
import type { RefundCall } from '../domain/money/refund.ts';
import type { Payment, PaymentMethod, RefundElsewhere } from '../domain/money/payment.ts';
import { store, type Store } from '../domain/stores/store.ts';
import type { Handler } from '../engine/commands/handle.ts';

/** A way to pay, as far as somebody outside takes part in it. */
export type PaymentPort = {
  /**
   * Prepares a payment, of which `transfers` are to go to shops as soon as it is there. Throws
   * `Rejected` PAYMENT_UNAVAILABLE or CARDS_NOT_TAKEN, or `GatewayUnavailable`.
   */
  open: (due: DuePayment, transfers?: ShopTransfer[]) => Promise<HowToPay>;
  /**
   * Gives money back, once for each `refundId`; resolves to what became of it, to what has to be
   * taken over before, or to null where the shop does it by hand and then says so. Throws
   * `GatewayRefused`, `GatewayUnavailable`.
   */
  refund: (refund: RefundCall) => Promise<RefundNews | FoundElsewhere | null>;
  /**
   * Takes back what is missing of shops' shares, and resolves to what became of all of a payment's;
   * absent where shops take the money themselves. Throws `GatewayRefused`, `GatewayUnavailable`.
   */
  moveShares?: (call: TransferCall) => Promise<TransferNews[]>;
  /**
   * Sends a shop again what came back of its share, once for each `returnId`; resolves to what that
   * is called. Throws `GatewayRefused`, `GatewayUnavailable`.
   */
  returnShare?: (call: ReturnCall) => Promise<string>;
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

/**
 * A gateway that passes on to each shop's own account what is the shop's: the money for its goods is
 * never the operator's, who would be a payment aggregator otherwise (RBI, Guidelines on Regulation of
 * Payment Aggregators and Payment Gateways, 17 March 2020).
 */
const payingShops = (handler: Handler, gateway: PaymentPort): PaymentPort => ({
  ...gateway,
  async open(due) {
    const transfers = await Promise.all(
      (due.shares ?? []).map(async (share): Promise<ShopTransfer> => {
        const { linkedAccount } = await handler.load(store, share.storeId, { fresh: true });
        if (!linkedAccount) throw new Rejected('CARDS_NOT_TAKEN');
        return { ...share, account: linkedAccount };
      }),
    );
    return gateway.open(due, transfers);
  },
});

export const paymentPorts = (handler: Handler, razorpay?: PaymentPort): PaymentPorts => ({
  'cash-on-delivery': cashPort,
  upi: upiPort(handler),
  ...(razorpay && { razorpay: payingShops(handler, razorpay) }),
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
  return methods.filter((method) => stores.every((one) => takes(one, method)));
}

/** Whether a shop said where its money goes; cash it takes at the door. */
const takes = ({ upi, linkedAccount }: Store, method: PaymentMethod): boolean =>
  method === 'upi' ? upi !== null : method === 'cash-on-delivery' || linkedAccount !== null;

/** Throws `Rejected` PAYMENT_UNAVAILABLE, or CARDS_NOT_TAKEN. */
export async function assertPayable(
  services: Payable,
  method: PaymentMethod,
  storeIds: string[],
): Promise<void> {
  const methods = await methodsOf(services, storeIds);
  if (methods.includes(method)) return;
  const isSetUp = services.payments[method] !== undefined;
  if (method === 'razorpay' && isSetUp) throw new Rejected('CARDS_NOT_TAKEN');
  throw unavailableMethod({ because: 'not-every-shop' });
}

/** Throws `Rejected` PAYMENT_UNAVAILABLE. */
export function portOf(payments: PaymentPorts, method: PaymentMethod): PaymentPort {
  const port = payments[method];
  if (!port) throw unavailableMethod({ because: 'not-set-up', method });
  return port;
}
