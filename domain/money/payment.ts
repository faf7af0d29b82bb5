import type { Decider, Message } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';
import { sumPaise, wholeRupees } from './money.ts';
import {
  leftOfShare,
  reversalsElsewhere,
  reversalsWithin,
  takenBy,
  withReturns,
  withVainReturns,
  type Reversal,
  type ShopTransfer,
  type Transfer,
  type TransferNews,
} from './transfer.ts';

export const PAYMENT_METHODS = ['cash-on-delivery', 'upi', 'razorpay'] as const;
export type PaymentMethod = (typeof PAYMENT_METHODS)[number];

/** Whether the shops wait for the money before they begin. */
export const isPrepaid = (method: PaymentMethod): boolean => method !== 'cash-on-delivery';

/** What is to be paid of what is owed: in cash whole rupees, as nobody has paise. */
export const payablePaise = (method: PaymentMethod, owedPaise: number): number =>
  isPrepaid(method) ? owedPaise : wholeRupees(owedPaise);

/**
 * Whether each shop takes the money for its store order; else one payment is for the whole order.
 */
export const isPerStoreOrder = (method: PaymentMethod): boolean => method !== 'razorpay';

/**
 * What a merchant's own QR says besides: its category code (`mc`), by which apps tell a merchant
 * from a person and without which some decline it, how it is paid, whose QR it is, and a signature.
 */
export const UPI_MERCHANT_FIELDS = ['mc', 'mode', 'purpose', 'orgid', 'sign'] as const;
export type UpiMerchant = Partial<Record<(typeof UPI_MERCHANT_FIELDS)[number], string>>;

/**
 * Where UPI pays a shop: its virtual payment address, and in whose name that is. `merchant` is absent
 * where its QR says nothing more, as a person's does.
 */
export type UpiAddress = { vpa: string; name: string; merchant?: UpiMerchant };

/** The address in the text of a shop's own QR, `upi://pay?pa=…`; undefined for another text. */
export function upiAddressFrom(qr: string): UpiAddress | undefined {
  const [, query] = /^upi:\/\/pay\/?\?(.+)$/is.exec(qr.trim()) ?? [];
  const said = new URLSearchParams(query);
  const [vpa, name] = [said.get('pa')?.trim(), said.get('pn')?.trim()];
  if (!vpa || !name) return undefined;
  const fields = UPI_MERCHANT_FIELDS.flatMap((field) => {
    const value = said.get(field)?.trim();
    return value ? [[field, value] as const] : [];
  });
  return fields.length > 0 ? { vpa, name, merchant: Object.fromEntries(fields) } : { vpa, name };
}

/**
 * What it is for: in every event. `storeOrderId` and `storeId` are null for a whole order; a refund
 * names the store order that it goes back for also then, and the shop of which looks after it.
 */
type Subject = { orderId: string; storeOrderId: string | null; storeId: string | null };

/** A store order that is paid as a whole. */
export type PaidStoreOrder = { storeOrderId: string; storeId: string };

export type RequestedPayment = Subject & {
  method: PaymentMethod;
  amountPaise: number;
  /** RFC 3339, UTC: when the order is given up that waits for it; null for cash. */
  expiresAt: string | null;
  upi?: UpiAddress;
  /** Razorpay's order that is to be paid. */
  gatewayOrderId?: string;
  /**
   * What of a payment for a whole order goes to which shop's account, as it stood when this was asked
   * for; absent in events from before shops had accounts.
   */
  transfers?: ShopTransfer[];
};

/** Money that came in; `externalId` is what whoever took it calls it. */
export type Receipt = { externalId: string; amountPaise: number };

/** Why money was not, or no longer, waited for. */
export type LateReason = 'cancelled' | 'paid-already' | 'too-little';

/**
 * `externalId` says which receipt it is of. Counted from 1 within a payment. `reversals` is absent
 * where nothing of it comes out of a shop's share.
 */
type RequestedRefund = { refundNumber: number; reversals?: Reversal[] } & Receipt;

/** A store order that is paid as a whole: what was ordered, and what is owed for it now. */
export type OwedStoreOrder = PaidStoreOrder & { totalPaise: number; owedPaise: number };

/**
 * Money of a receipt that whoever took it gives back without having been asked here: a refund that
 * the shop makes on the gateway's own pages, or what a bank takes back in a dispute. `givenAs` is
 * what they call it.
 */
export type RefundElsewhere = Receipt & {
  givenAs: string;
  status: 'pending' | 'processed' | 'failed';
};

export type PaymentCommand =
  | Message<'RequestPayment', RequestedPayment>
  | Message<'CancelPayment', { reason: string }>
  | Message<'CheckUpiReceipt', { externalId: string; givenByShop: boolean }>
  | Message<'RecordPayment', Receipt>
  | Message<'RecordPaymentByHand', Receipt>
  | Message<'RecordPaymentFailure', { externalId: string; reason: string }>
  | Message<'CollectCash', { amountPaise: number }>
  /** `storeOrders` is what it goes back for, where the payment is for a whole order. */
  | Message<'SettlePayment', { owedPaise: number; storeOrders?: OwedStoreOrder[] }>
  | Message<'RecordTransfers', { transfers: TransferNews[] }>
  /** Of a share's returns, counted from 1. */
  | Message<'RecordReturn', { storeOrderId: string; returnNumber: number; externalId: string }>
  | Message<'RecordRefund', { refundNumber: number; externalId: string }>
  | Message<'RecordRefundByHand', { refundNumber: number; externalId: string }>
  | Message<'RecordRefundFailure', { refundNumber: number; externalId: string; reason: string }>
  | Message<'GiveUpRefund', { refundNumber: number; reason: string }>
  | Message<'RecordRefundElsewhere', RefundElsewhere>;

export type PaymentEvent =
  | Message<'PaymentRequested', RequestedPayment>
  /** Nobody waits for it any more. */
  | Message<'PaymentCancelled', Subject & { reason: string }>
  | Message<'PaymentSucceeded', Subject & Receipt>
  /** One try of the shopper's; the next may succeed. */
  | Message<'PaymentFailed', Subject & { externalId: string; reason: string }>
  | Message<'LatePaymentSeen', Subject & Receipt & { why: LateReason }>
  | Message<'CashCollected', Subject & { amountPaise: number }>
  | Message<'RefundRequested', Subject & RequestedRefund>
  /** Whoever gives it back did so; `externalId` is what they call the refund. */
  | Message<
      'RefundSucceeded',
      Subject & { refundNumber: number; amountPaise: number; externalId: string }
    >
  | Message<'RefundFailed', Subject & { refundNumber: number; amountPaise: number; reason: string }>
  /** Nobody asked for it here; it counts from when it is heard of. */
  | Message<'RefundTakenOver', Subject & RequestedRefund & { givenAs: string }>
  /** So much of it is left to be given; 0 where nothing is, or where it came to nothing elsewhere. */
  | Message<'RefundReduced', Subject & { refundNumber: number; amountPaise: number }>
  /** A shop's share is in its account; `externalId` is what the gateway calls the transfer. */
  | Message<'TransferMade', Subject & Receipt & { account: string }>
  /** So much of it came back, for refunds. */
  | Message<'TransferReversed', Subject & Receipt>
  /** No refund took it: the shop has it again; `externalId` is what the gateway calls that. */
  | Message<'ReversalReturned', Subject & Receipt & { returnNumber: number }>;

export type Refund = RequestedRefund &
  Omit<Subject, 'orderId'> & {
    /** `void`: nothing of it is left to be given. */
    status: 'requested' | 'succeeded' | 'failed' | 'void';
    /** What whoever gave it back calls it. */
    givenAs?: string;
    /** Whether somebody else began it: it is theirs to end. */
    isElsewhere?: true;
    /** Why the last try came to nothing. */
    failureReason?: string;
  };

/** Refunds of which something is left, or was given. */
export const realRefunds = ({ refunds }: Pick<Payment, 'refunds'>): Refund[] =>
  refunds.filter(({ status }) => status !== 'void');

/** Whether a shop has to give it back itself: from the first on, or since a gateway could not. */
export const isByHand = (method: PaymentMethod, { status }: Pick<Refund, 'status'>): boolean =>
  status === 'failed' || (status === 'requested' && isPerStoreOrder(method));

export type Payment = Omit<RequestedPayment, 'transfers'> & {
  transfers?: Transfer[];
  status: 'none' | 'requested' | 'cancelled' | 'paid';
  receipts: Receipt[];
  refunds: Refund[];
  /** External ids of tries that failed. */
  failed: string[];
};

/** What a refund gets to arrive: then somebody has to look. */
export const MAX_REFUND_AGE_MS = 3 * 24 * 60 * 60_000;

/** What cash is called among receipts, where it is collected once, and among refunds. */
export const CASH = 'cash';

/** What is left of the money when every refund that was asked for has gone out. */
export const keptPaise = ({ receipts, refunds }: Pick<Payment, 'receipts' | 'refunds'>): number =>
  amountOf(receipts) - amountOf(refunds);

/** What is still to be paid of what was asked for. */
export const missingPaise = (
  state: Pick<Payment, 'amountPaise' | 'receipts' | 'refunds'>,
): number => Math.max(0, state.amountPaise - keptPaise(state));

const amountOf = (items: { amountPaise: number }[]): number =>
  sumPaise(items.map(({ amountPaise }) => amountPaise));

/** What of a receipt has not been given back. */
const leftOf = ({ refunds }: Payment, { externalId, amountPaise }: Receipt): number =>
  amountPaise - amountOf(refunds.filter((refund) => refund.externalId === externalId));

export const paymentNotFound = (): Rejected => new Rejected('PAYMENT_NOT_FOUND');

/** Throws `Rejected` PAYMENT_NOT_FOUND. */
function subjectOf({ status, orderId, storeOrderId, storeId }: Payment): Subject {
  if (status === 'none') throw paymentNotFound();
  return { orderId, storeOrderId, storeId };
}

/** Throws `Rejected` WRONG_PAYMENT_METHOD. */
function assertMethod({ method }: Payment, isRight: boolean): void {
  if (isRight) return;
  throw new Rejected('WRONG_PAYMENT_METHOD', { method });
}

/**
 * People mistype references: a second one from them is no second payment, as it is from a bank.
 * Throws `Rejected` PAID_ALREADY.
 */
function assertNotPaidOtherwise({ status, receipts }: Payment, externalId: string): void {
  const [first] = receipts;
  if (status !== 'paid' || !first) return;
  if (receipts.some((receipt) => receipt.externalId === externalId)) return;
  throw new Rejected('PAID_ALREADY', { paidBy: first.externalId, externalId });
}

/** A refund, and what its events say of it. Throws `Rejected` REFUND_NOT_FOUND. */
function refundOf(state: Payment, refundNumber: number) {
  const { orderId } = subjectOf(state);
  const refund = state.refunds[refundNumber - 1];
  if (!refund) throw new Rejected('REFUND_NOT_FOUND');
  const { storeOrderId, storeId, amountPaise, status, givenAs } = refund;
  return { status, givenAs, about: { orderId, storeOrderId, storeId, refundNumber, amountPaise } };
}

const withRefund = (
  state: Payment,
  refundNumber: number,
  change: Partial<
    Pick<Refund, 'status' | 'amountPaise' | 'failureReason' | 'givenAs' | 'reversals'>
  >,
): Payment => ({
  ...state,
  refunds: state.refunds.map((refund) =>
    refund.refundNumber === refundNumber ? { ...refund, ...change } : refund,
  ),
});

type Reduction = Extract<PaymentEvent, { type: 'RefundReduced' }>;

const reducedBy = (state: Payment, { refundNumber, amountPaise }: Reduction['data']): Payment => {
  const { reversals } = state.refunds[refundNumber - 1]!;
  const reduced = withRefund(state, refundNumber, {
    amountPaise,
    ...(reversals && { reversals: reversalsWithin(reversals, amountPaise) }),
    ...(amountPaise === 0 && { status: 'void' }),
  });
  return withShares(reduced, withVainReturns);
};

const withShares = (
  state: Payment,
  change: (state: Payment, share: Transfer) => Transfer,
): Payment => ({
  ...state,
  ...(state.transfers && { transfers: state.transfers.map((share) => change(state, share)) }),
});

const withTransfer = (
  state: Payment,
  storeOrderId: string | null,
  change: (transfer: Transfer) => Partial<Transfer>,
): Payment =>
  withShares(state, (_, one) =>
    one.storeOrderId === storeOrderId ? { ...one, ...change(one) } : one,
  );

type Due = { storeOrder: PaidStoreOrder | undefined; duePaise: number; sharePaise: number };

/**
 * What goes back for which store order, and how much of that its shop has: by how much it has
 * become smaller than was ordered, less what went back for it so far. What no store order has
 * become smaller by, as when money came twice, is the first one's to look after, and out of no
 * share. So is all of a payment from before shops had shares.
 */
function dueFor(state: Payment, storeOrders: OwedStoreOrder[], surplusPaise: number): Due[] {
  const { refunds, transfers } = state;
  const smaller = storeOrders
    .map(({ storeOrderId, storeId, totalPaise, owedPaise }) => {
      const back = transfers
        ? takenBy(refunds, storeOrderId)
        : amountOf(refunds.filter((refund) => refund.storeOrderId === storeOrderId));
      return { storeOrder: { storeOrderId, storeId }, byPaise: totalPaise - owedPaise - back };
    })
    .toSorted((a, b) => b.byPaise - a.byPaise);
  let left = surplusPaise;
  const due = (transfers ? smaller : []).map(({ storeOrder, byPaise }): Due => {
    const duePaise = Math.max(0, Math.min(left, byPaise));
    left -= duePaise;
    const sharePaise = Math.min(duePaise, leftOfShare(state, storeOrder.storeOrderId));
    return { storeOrder, duePaise, sharePaise };
  });
  return [...due, { storeOrder: smaller[0]?.storeOrder, duePaise: left, sharePaise: 0 }];
}

/**
 * What is left to be given of refunds that were asked for here, once so much of a receipt goes back
 * elsewhere. It stands for those that failed, as their shop was told to give them; and those that are
 * under way cannot go out beyond what is left of the receipt.
 */
function reductionsFor(state: Payment, { externalId, amountPaise }: Receipt): Reduction[] {
  const ownOf = (status: Refund['status']) =>
    state.refunds.filter(
      (refund) =>
        refund.externalId === externalId && refund.status === status && !refund.isElsewhere,
    );
  const receipt = state.receipts.find((one) => one.externalId === externalId)!;
  let coversPaise = amountPaise;
  const reduced = new Map<Refund, number>();
  for (const refund of ownOf('failed')) {
    const less = Math.min(coversPaise, refund.amountPaise);
    coversPaise -= less;
    if (less > 0) reduced.set(refund, refund.amountPaise - less);
  }
  let excessPaise = coversPaise - leftOf(state, receipt);
  for (const refund of ownOf('requested').toReversed()) {
    const less = Math.min(excessPaise, refund.amountPaise);
    excessPaise -= Math.max(0, less);
    if (less > 0) reduced.set(refund, refund.amountPaise - less);
  }
  return [...reduced].map(([{ refundNumber, storeOrderId, storeId }, left]) => {
    const about = { orderId: state.orderId, storeOrderId, storeId, refundNumber };
    return { type: 'RefundReduced', data: { ...about, amountPaise: left } };
  });
}

const withReceipt = (state: Payment, { externalId, amountPaise }: Receipt): Payment => ({
  ...state,
  receipts: [...state.receipts, { externalId, amountPaise }],
});

/** How a shop's address for UPI looks in the log. */
export const upiShape = {
  vpa: 'text',
  name: 'text',
  merchant: ['?', { mc: 'text?', mode: 'text?', purpose: 'text?', orgid: 'text?', sign: 'text?' }],
} as const;

const subjectShape = { orderId: 'text', storeOrderId: 'text?', storeId: 'text?' } as const;
const reversalsShape = ['?', [{ storeOrderId: 'text', amountPaise: 'integer' }]] as const;
const receiptShape = { ...subjectShape, externalId: 'text', amountPaise: 'integer' } as const;

/**
 * Money for an order: it succeeds once, when all of it is there, in one sum or in several; whatever
 * else comes in is kept on record as late, and what is not owed goes back. A refund counts from when
 * it is asked for, also where it then fails, so that never more is given back than was taken.
 */
export const payment: Decider<Payment, PaymentCommand, PaymentEvent> = {
  category: 'payment',
  initial: {
    status: 'none',
    orderId: '',
    storeOrderId: null,
    storeId: null,
    method: 'cash-on-delivery',
    amountPaise: 0,
    expiresAt: null,
    receipts: [],
    refunds: [],
    failed: [],
  },

  decide: {
    RequestPayment: (state, data) =>
      state.status === 'none' ? [{ type: 'PaymentRequested', data }] : [],
    CancelPayment(state, { reason }) {
      if (state.status !== 'requested') return [];
      return [{ type: 'PaymentCancelled', data: { ...subjectOf(state), reason } }];
    },
    /** Changes nothing; refused where no money can come by UPI, or a person mistook it. */
    CheckUpiReceipt(state, { externalId, givenByShop }) {
      subjectOf(state);
      assertMethod(state, state.upi !== undefined);
      if (givenByShop) assertNotPaidOtherwise(state, externalId);
      return [];
    },
    /** Money that came in is never refused: it is there. */
    RecordPayment(state, { externalId, amountPaise }) {
      const data = { ...subjectOf(state), externalId, amountPaise };
      assertMethod(state, isPrepaid(state.method));
      if (state.receipts.some((receipt) => receipt.externalId === externalId)) return [];
      const why = lateReason(state, amountPaise);
      return why
        ? [{ type: 'LatePaymentSeen', data: { ...data, why } }]
        : [{ type: 'PaymentSucceeded', data }];
    },
    /** Told by the shop. Throws `Rejected` PAID_ALREADY. */
    RecordPaymentByHand(state, data) {
      assertNotPaidOtherwise(state, data.externalId);
      return payment.decide.RecordPayment(state, data);
    },
    RecordPaymentFailure(state, { externalId, reason }) {
      const data = { ...subjectOf(state), externalId, reason };
      const isKnown =
        state.failed.includes(externalId) ||
        state.receipts.some((receipt) => receipt.externalId === externalId);
      return isKnown ? [] : [{ type: 'PaymentFailed', data }];
    },
    CollectCash(state, { amountPaise }) {
      const data = { ...subjectOf(state), amountPaise };
      assertMethod(state, !isPrepaid(state.method));
      return state.status === 'requested' ? [{ type: 'CashCollected', data }] : [];
    },
    /**
     * Gives back what was taken beyond what is owed, the money that came last first, and for each
     * store order by itself: its shop gives back its own.
     */
    SettlePayment(state, { owedPaise, storeOrders = [] }) {
      const surplusPaise = keptPaise(state) - Math.max(0, owedPaise);
      const left = state.receipts.toReversed().map((receipt) => ({
        externalId: receipt.externalId,
        amountPaise: leftOf(state, receipt),
      }));
      const events: PaymentEvent[] = [];
      for (const { storeOrder, sharePaise, duePaise } of dueFor(state, storeOrders, surplusPaise)) {
        let [due, ofShare] = [duePaise, sharePaise];
        for (const receipt of left) {
          const amountPaise = Math.min(due, receipt.amountPaise);
          if (amountPaise <= 0) continue;
          due -= amountPaise;
          receipt.amountPaise -= amountPaise;
          const reversed = Math.min(ofShare, amountPaise);
          ofShare -= reversed;
          const refundNumber = state.refunds.length + events.length + 1;
          const { externalId } = receipt;
          const refund = {
            ...subjectOf(state),
            ...storeOrder,
            refundNumber,
            externalId,
            amountPaise,
          };
          const reversals = storeOrder &&
            reversed > 0 && [{ storeOrderId: storeOrder.storeOrderId, amountPaise: reversed }];
          const data = { ...refund, ...(reversals && { reversals }) };
          events.push({ type: 'RefundRequested', data });
        }
      }
      return events;
    },
    /** Told by a gateway, of transfers that were asked for with the payment. */
    RecordTransfers: (state, { transfers }) =>
      transfers.flatMap((news) => transferEvents(state, news)),
    RecordReturn(state, { storeOrderId, returnNumber, externalId }) {
      const { orderId } = subjectOf(state);
      const share = state.transfers?.find((one) => one.storeOrderId === storeOrderId);
      const known = share?.returns?.[returnNumber - 1];
      if (!share || !known || known.isMade) return [];
      const { storeId } = share;
      const { amountPaise } = known;
      const about = { orderId, storeOrderId, storeId, returnNumber, externalId, amountPaise };
      return [{ type: 'ReversalReturned', data: about }];
    },
    /**
     * One that was given up on may have gone through nevertheless; one that went through and then
     * failed is not given by being told of again.
     */
    RecordRefund(state, { refundNumber, externalId }) {
      const { status, givenAs, about } = refundOf(state, refundNumber);
      if (status === 'succeeded' || givenAs === externalId) return [];
      return [{ type: 'RefundSucceeded', data: { ...about, externalId } }];
    },
    /**
     * Told by the shop. Throws `Rejected` REFUND_UNDER_WAY while a gateway is at it, and
     * REFUND_ALREADY_GIVEN for one that was given in another way.
     */
    RecordRefundByHand(state, data) {
      const { status, givenAs } = refundOf(state, data.refundNumber);
      if (status === 'succeeded' && givenAs !== data.externalId) {
        throw new Rejected('REFUND_ALREADY_GIVEN', { givenAs: givenAs! });
      }
      if (status !== 'succeeded' && !isByHand(state.method, { status })) {
        throw new Rejected('REFUND_UNDER_WAY');
      }
      return payment.decide.RecordRefund(state, data);
    },
    /** Told by a gateway of its own refund: one that was given in another way stands. */
    RecordRefundFailure(state, { refundNumber, externalId, reason }) {
      const { status, givenAs, about } = refundOf(state, refundNumber);
      const isGiven = status === 'succeeded' && givenAs !== externalId;
      if (status === 'failed' || isGiven) return [];
      return [{ type: 'RefundFailed', data: { ...about, reason } }];
    },
    /** Nobody takes it over. Where somebody did meanwhile, at another server's call, it stands. */
    GiveUpRefund(state, { refundNumber, reason }) {
      const { status, about } = refundOf(state, refundNumber);
      return status === 'requested' ? [{ type: 'RefundFailed', data: { ...about, reason } }] : [];
    },
    /**
     * Takes over what goes back elsewhere, so that it goes back once. What came to nothing there
     * counts no more. Throws `Rejected` PAYMENT_NOT_FOUND for a receipt that is not known.
     */
    RecordRefundElsewhere(state, { externalId, amountPaise, givenAs, status }) {
      const subject = subjectOf(state);
      const known = state.refunds.find((refund) => refund.givenAs === givenAs);
      if (known) return endElsewhere(state, known, status);
      if (status === 'failed') return [];
      if (!state.receipts.some((one) => one.externalId === externalId)) throw paymentNotFound();
      const refundNumber = state.refunds.length + 1;
      const reductions = reductionsFor(state, { externalId, amountPaise });
      const cut = reductions.reduce((before, { data }) => reducedBy(before, data), state);
      const reversals = reversalsElsewhere(state, cut, amountPaise);
      const taken = { ...subject, refundNumber, externalId, amountPaise, givenAs };
      const data = { ...taken, ...(reversals.length > 0 && { reversals }) };
      const events: PaymentEvent[] = [{ type: 'RefundTakenOver', data }, ...reductions];
      if (status === 'pending') return events;
      const given = { ...subject, refundNumber, amountPaise, externalId: givenAs };
      return [...events, { type: 'RefundSucceeded', data: given }];
    },
  },

  upcast: {
    // What a shop's QR says came with the second version, the shops' shares with the third.
    PaymentRequested: [
      (data: RequestedPayment) => ({ ...data }),
      (data: RequestedPayment) => ({ ...data }),
    ],
    // What comes out of shops' shares came with the second version.
    RefundRequested: [(data: Subject & RequestedRefund) => ({ ...data })],
    RefundTakenOver: [(data: Subject & RequestedRefund & { givenAs: string }) => ({ ...data })],
  },

  evolve: {
    PaymentRequested: (state, data) => ({ ...state, ...data, status: 'requested' }),
    PaymentCancelled: (state) => ({ ...state, status: 'cancelled' }),
    PaymentSucceeded: (state, data) => ({ ...withReceipt(state, data), status: 'paid' }),
    PaymentFailed: (state, { externalId }) => ({
      ...state,
      failed: [...state.failed, externalId],
    }),
    /** Whoever waits for it: once all of it is there, it is paid. */
    LatePaymentSeen(before, data) {
      const state = withReceipt(before, data);
      return missingPaise(state) === 0 ? { ...state, status: 'paid' } : state;
    },
    CashCollected: (state, { amountPaise }) => ({
      ...withReceipt(state, { externalId: CASH, amountPaise }),
      status: 'paid',
    }),
    RefundRequested: (state, { orderId: _, ...refund }) => ({
      ...state,
      refunds: [...state.refunds, { ...refund, status: 'requested' }],
    }),
    RefundTakenOver: (state, { orderId: _, ...refund }) => ({
      ...state,
      refunds: [...state.refunds, { ...refund, status: 'requested', isElsewhere: true }],
    }),
    RefundReduced: reducedBy,
    TransferMade: (state, { storeOrderId, externalId }) =>
      withTransfer(state, storeOrderId, () => ({ externalId })),
    TransferReversed: (state, { storeOrderId, amountPaise }) =>
      withTransfer(state, storeOrderId, ({ reversedPaise = 0, ...share }) =>
        withReturns(state, { ...share, reversedPaise: reversedPaise + amountPaise }),
      ),
    ReversalReturned: (state, { storeOrderId, returnNumber }) =>
      withTransfer(state, storeOrderId, ({ returns = [] }) => ({
        returns: returns.map((one, at) =>
          at + 1 === returnNumber ? { ...one, isMade: true } : one,
        ),
      })),
    RefundSucceeded(state, { refundNumber, externalId }) {
      const change = { status: 'succeeded', givenAs: externalId } as const;
      return withShares(withRefund(state, refundNumber, change), withVainReturns);
    },
    RefundFailed(state, { refundNumber, reason }) {
      const change = { status: 'failed', failureReason: reason } as const;
      return withShares(withRefund(state, refundNumber, change), withReturns);
    },
  },

  shapes: {
    PaymentRequested: {
      ...subjectShape,
      method: 'text',
      amountPaise: 'integer',
      expiresAt: 'time?',
      upi: ['?', upiShape],
      gatewayOrderId: 'text?',
      transfers: [
        '?',
        [{ storeOrderId: 'text', storeId: 'text', account: 'text', amountPaise: 'integer' }],
      ],
    },
    PaymentCancelled: { ...subjectShape, reason: 'text' },
    PaymentSucceeded: receiptShape,
    PaymentFailed: { ...subjectShape, externalId: 'text', reason: 'text' },
    LatePaymentSeen: { ...receiptShape, why: 'text' },
    CashCollected: { ...subjectShape, amountPaise: 'integer' },
    RefundRequested: { ...receiptShape, refundNumber: 'integer', reversals: reversalsShape },
    RefundSucceeded: { ...receiptShape, refundNumber: 'integer' },
    RefundTakenOver: {
      ...receiptShape,
      refundNumber: 'integer',
      givenAs: 'text',
      reversals: reversalsShape,
    },
    RefundReduced: { ...subjectShape, refundNumber: 'integer', amountPaise: 'integer' },
    RefundFailed: {
      ...subjectShape,
      refundNumber: 'integer',
      amountPaise: 'integer',
      reason: 'text',
    },
    TransferMade: { ...receiptShape, account: 'text' },
    TransferReversed: receiptShape,
    ReversalReturned: { ...receiptShape, returnNumber: 'integer' },
  },
};

/** What is new of a share: that its shop has it, and that more of it came back. */
function transferEvents(
  state: Payment,
  { storeOrderId, externalId, account, amountPaise, reversedPaise, status }: TransferNews,
): PaymentEvent[] {
  const { orderId } = subjectOf(state);
  const known = state.transfers?.find((one) => one.storeOrderId === storeOrderId);
  if (!known || status !== 'processed') return [];
  const about = { orderId, storeOrderId, storeId: known.storeId, externalId };
  const events: PaymentEvent[] = [];
  if (known.externalId === undefined) {
    events.push({ type: 'TransferMade', data: { ...about, account, amountPaise } });
  }
  const morePaise = reversedPaise - (known.reversedPaise ?? 0);
  if (morePaise > 0) {
    events.push({ type: 'TransferReversed', data: { ...about, amountPaise: morePaise } });
  }
  return events;
}

/** What becomes of a refund that somebody else began; of one of our own, its own news tell. */
function endElsewhere(
  { orderId }: Payment,
  { refundNumber, storeOrderId, storeId, amountPaise, status, isElsewhere, givenAs }: Refund,
  became: RefundElsewhere['status'],
): PaymentEvent[] {
  const about = { orderId, storeOrderId, storeId, refundNumber };
  if (!isElsewhere || became === 'pending' || status === 'void') return [];
  if (became === 'failed') {
    return [{ type: 'RefundReduced', data: { ...about, amountPaise: 0 } }];
  }
  if (status === 'succeeded') return [];
  return [{ type: 'RefundSucceeded', data: { ...about, amountPaise, externalId: givenAs! } }];
}

/** Why money is not what was waited for; undefined where it is. */
function lateReason(state: Payment, amountPaise: number): LateReason | undefined {
  if (state.status === 'cancelled') return 'cancelled';
  if (state.status === 'paid') return 'paid-already';
  return amountPaise < missingPaise(state) ? 'too-little' : undefined;
}

/**
 * What a UPI app opens to pay a shop (NPCI, UPI Linking Specifications 1.6). `paymentId`, without
 * its hyphens, is the reference in the shop's own statement; `note` is shown to both. What the shop's
 * own QR says follows, the signature last.
 */
export function upiLink(
  { vpa, name, merchant = {} }: UpiAddress,
  { paymentId, amountPaise, note }: { paymentId: string; amountPaise: number; note: string },
): string {
  const rupees = `${Math.floor(amountPaise / 100)}.${String(amountPaise % 100).padStart(2, '0')}`;
  const reference = paymentId.replaceAll('-', '');
  const parameters = { pa: vpa, pn: name, am: rupees, cu: 'INR', tr: reference, tn: note };
  // The apps want the @ of an address as it is.
  const said = UPI_MERCHANT_FIELDS.flatMap((field) => {
    const value = merchant[field];
    return value ? [[field, value] as const] : [];
  });
  const query = [...Object.entries(parameters), ...said].map(
    ([key, value]) => `${key}=${encodeURIComponent(value).replaceAll('%40', '@')}`,
  );
  return `upi://pay?${query.join('&')}`;
}
