import { splitPaise, sumPaise } from './money.ts';

/** What Razorpay calls a linked account. */
export const LINKED_ACCOUNT = /^acc_[A-Za-z0-9]{14}$/;

/**
 * A shop's share of a payment for a whole order: what its store order costs, into its linked
 * account.
 */
export type Share = { storeOrderId: string; storeId: string; amountPaise: number };
export type ShopTransfer = Share & { account: string };

/** What of a refund comes out of a shop's share. */
export type Reversal = { storeOrderId: string; amountPaise: number };

/** A share, and what became of it at the gateway. */
export type Transfer = ShopTransfer & {
  /** What the gateway calls it, once the shop has it. */
  externalId?: string;
  /** What came back of it so far. */
  reversedPaise?: number;
  /** What of that no refund took after all, and the shop gets again. */
  returns?: { amountPaise: number; isMade: boolean }[];
  /** What of the returns was for refunds that were made after all, and is to come back again. */
  returnedInVainPaise?: number;
};

/** What a gateway tells of a transfer; `reversedPaise` is all that came back of it. */
export type TransferNews = Omit<ShopTransfer, 'storeId'> & {
  externalId: string;
  reversedPaise: number;
  status: 'pending' | 'processed' | 'failed';
  /** Why nothing more came back of it, though it was to. */
  refused?: string;
};

/** What a refund says of what it takes of shares. */
type Taking = {
  refundNumber: number;
  amountPaise: number;
  status: 'requested' | 'succeeded' | 'failed' | 'void';
  reversals?: Reversal[];
  givenAs?: string;
  isElsewhere?: true;
};

/** What a payment says of its shares. */
export type SharedPayment = {
  amountPaise: number;
  transfers?: Transfer[];
  receipts: { amountPaise: number }[];
  refunds: Taking[];
};

/**
 * The shares that leave for the shops: a gateway splits an order once one payment has paid all of it.
 * None of a payment from before shops had accounts.
 */
export const sharesOf = ({ transfers = [], receipts, amountPaise }: SharedPayment): Transfer[] =>
  receipts.some((receipt) => receipt.amountPaise >= amountPaise) ? transfers : [];

/** What of a store order's share these refunds take. */
export const takenBy = (refunds: Taking[], id: string): number =>
  amountOf(
    refunds
      .flatMap(({ reversals = [] }) => reversals)
      .filter(({ storeOrderId }) => storeOrderId === id),
  );

/** What a shop calls a refund that it gives itself: cash, or the 12 digits of a UPI payment. */
const BY_HAND = /^(?:cash|[0-9]{12})$/;

/** Whether it is made of money that the gateway has: what a shop gives by hand it has kept. */
const isLive = ({ status, givenAs = '' }: Taking): boolean =>
  status === 'requested' || (status === 'succeeded' && !BY_HAND.test(givenAs));

/** A bank may yet leave the money, and a refund that somebody else began come to nothing. */
const isBegun = (refund: Taking): boolean =>
  isLive(refund) && (!refund.isElsewhere || refund.status === 'succeeded');

const returnedPaise = ({ returns = [] }: Transfer): number => amountOf(returns);

/**
 * How much of a share has to have come back in all, and did not: for refunds up to one of them where
 * that is said. Undefined where nothing is missing.
 */
export function missingReversal(
  { refunds }: Pick<SharedPayment, 'refunds'>,
  share: Transfer,
  upTo = Infinity,
): number | undefined {
  const { storeOrderId, amountPaise, reversedPaise = 0 } = share;
  const begun = refunds.filter((one) => one.refundNumber <= upTo && isBegun(one));
  const wanted = Math.min(amountPaise, takenBy(begun, storeOrderId) + returnedPaise(share));
  return wanted > reversedPaise ? wanted : undefined;
}

/**
 * What of a share may have come back for refunds that failed, and is not to be returned yet. Their
 * shop gives the money by hand, out of what it has.
 */
export const doubtfulPaise = (
  { refunds }: Pick<SharedPayment, 'refunds'>,
  share: Transfer,
): number => {
  const byHand = refunds.filter((one) => !isLive(one) && one.status !== 'void');
  const returnedForThem = returnedPaise(share) - (share.returnedInVainPaise ?? 0);
  return takenBy(byHand, share.storeOrderId) - returnedForThem;
};

/**
 * A share with what was returned of it in vain: for refunds that failed and were then made, or that
 * others took the place of. If those fail in turn, it is to be returned once more.
 */
export function withVainReturns(state: Pick<SharedPayment, 'refunds'>, share: Transfer): Transfer {
  const inVain = -doubtfulPaise(state, share);
  if (inVain <= 0) return share;
  return { ...share, returnedInVainPaise: (share.returnedInVainPaise ?? 0) + inVain };
}

/** A share with what is to be returned of it now: what came back for refunds that failed since. */
export function withReturns(state: Pick<SharedPayment, 'refunds'>, share: Transfer): Transfer {
  const { storeOrderId, reversedPaise = 0, returns = [] } = share;
  const used = takenBy(state.refunds.filter(isLive), storeOrderId) + returnedPaise(share);
  const amountPaise = Math.min(reversedPaise - used, doubtfulPaise(state, share));
  if (amountPaise <= 0) return share;
  return { ...share, returns: [...returns, { amountPaise, isMade: false }] };
}

/** What a shop should have of a payment, once every refund and return is made. */
export const expectedPaise = (
  { refunds }: Pick<SharedPayment, 'refunds'>,
  { storeOrderId, amountPaise }: Transfer,
): number => amountPaise - takenBy(refunds.filter(isBegun), storeOrderId);

/** What a shop has of a payment. */
export const hasPaise = ({
  externalId,
  amountPaise,
  reversedPaise = 0,
  returns = [],
}: Transfer): number =>
  externalId === undefined
    ? 0
    : amountPaise - reversedPaise + amountOf(returns.filter(({ isMade }) => isMade));

/** What of a store order's share no refund takes yet. */
export function leftOfShare(state: SharedPayment, storeOrderId: string): number {
  const share = sharesOf(state).find((one) => one.storeOrderId === storeOrderId);
  return share ? share.amountPaise - takenBy(state.refunds.filter(isLive), storeOrderId) : 0;
}

/** What a refund that is cut to so much still takes of shares. */
export function reversalsWithin(reversals: Reversal[], amountPaise: number): Reversal[] {
  let left = amountPaise;
  return reversals.flatMap((one) => {
    const paise = Math.min(left, one.amountPaise);
    left -= paise;
    return paise > 0 ? [{ ...one, amountPaise: paise }] : [];
  });
}

/**
 * Out of which shares money comes that goes back by somebody else's doing. First for the refunds
 * whose place it takes (`cut` is the payment once they are cut); then what the operator holds itself
 * of money that came twice; the rest from every shop, by what it has left: nobody said for whose
 * goods it was.
 */
export function reversalsElsewhere(
  before: SharedPayment,
  cut: SharedPayment,
  amountPaise: number,
): Reversal[] {
  const storeOrderIds = sharesOf(before).map(({ storeOrderId }) => storeOrderId);
  const instead = storeOrderIds.map((id) => takenBy(before.refunds, id) - takenBy(cut.refunds, id));
  const left = storeOrderIds.map((id, at) => Math.max(0, leftOfShare(cut, id) - instead[at]!));
  const covered = amountOf(before.refunds) - amountOf(cut.refunds);
  const beyond = Math.max(0, amountPaise - covered - ownPaise(cut));
  const rest = splitPaise(Math.min(beyond, sumPaise(left)), left);
  return storeOrderIds.flatMap((storeOrderId, at) => {
    const paise = Math.min(instead[at]! + rest[at]!, leftOfShare(cut, storeOrderId));
    return paise > 0 ? [{ storeOrderId, amountPaise: paise }] : [];
  });
}

/** What was taken beyond the shares and has not gone back. */
function ownPaise(state: SharedPayment): number {
  const live = state.refunds.filter(isLive);
  const ofShops = live.flatMap(({ reversals = [] }) => reversals);
  const back = amountOf(live) - amountOf(ofShops);
  return Math.max(0, amountOf(state.receipts) - amountOf(sharesOf(state)) - back);
}

const amountOf = (of: { amountPaise: number }[]): number =>
  sumPaise(of.map(({ amountPaise }) => amountPaise));
