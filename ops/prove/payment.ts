import { sumPaise, wholeRupees } from '../../domain/money/money.ts';
import { LATE_WAIT_MS, type OrderEvent } from '../../domain/ordering/order.ts';
import {
  isPrepaid,
  keptPaise,
  MAX_REFUND_AGE_MS,
  payment as decider,
  type Payment,
  type PaymentEvent,
} from '../../domain/money/payment.ts';
import {
  expectedPaise,
  hasPaise,
  sharesOf,
  type ShopTransfer,
} from '../../domain/money/transfer.ts';
import {
  upiTransferText,
  type UpiReferenceEvent,
  type UpiTransfer,
} from '../../domain/money/upi-reference.ts';
import type { Book, BookedOrder, BookedPayment, BookedStoreOrder } from './book.ts';
import {
  check,
  everyEvent,
  isLate,
  placeText,
  type Check,
  type Place,
  type Seen,
  type Report,
} from './check.ts';

const ASKED = 'money is asked for once, and only what was asked for comes in';
const TAKEN = 'money is taken once';
const ONE_EACH = 'a transfer by UPI pays for one order';
const BACK = 'no more is given back than was taken';
const IN_TIME = 'money that goes back arrives in time';
const FIRST = 'what is paid before it is delivered is confirmed when it is paid';
const CASH = 'cash that is collected is what is owed';
const ACCOUNTS = 'what is paid by card goes to the accounts of its shops';
const SHARED = 'each shop has of card payments what is owed for its parts';
const OWED = 'what is paid and not given back is what is owed';

/** What a transfer is for, and where that is said. */
type Transfer = { paymentId: string; place: Place };

/** For every order the money that was taken, less what goes back, is in the end what is owed. */
export function paymentCheck({ orders, storeOrders, payments }: Book, report: Report): Check {
  /** Writes down a step of a payment; undefined for one that was never asked for. */
  function step(seen: Seen<unknown, Payment>): BookedPayment | undefined {
    const { before, after, id, stream, revision, atMs } = seen;
    if (before.status === 'none') report(ASKED, placeText(seen), 'nobody asked for it');
    const known = payments.get(id);
    if (!known) return undefined;
    known.keptPaise = keptPaise(after);
    if (after.transfers) known.shares = after;
    known.sinceMs = atMs;
    known.place = { stream, revision };
    return known;
  }

  /**
   * At first nobody asked for money: that came together with proofs at the door. So it has to be
   * asked for where an order is confirmed after the log's first request, or handed over on a proof.
   */
  let isAsking = false;
  const toBePaid = new Set<BookedOrder>();

  /** By what its receiver calls it. */
  const transfers = new Map<string, Transfer>();

  function pairUp(transfer: UpiTransfer, paymentId: string, place: Place): void {
    const key = upiTransferText(transfer);
    const first = transfers.get(key) ?? { paymentId, place };
    transfers.set(key, first);
    if (first.paymentId === paymentId) return;
    const text = `${transfer.utr} is for payment ${first.paymentId} by ${placeText(first.place)}`;
    report(ONE_EACH, placeText(place), text);
  }

  function takeIn(seen: Seen<{ externalId: string }, Payment>): void {
    const { before, data, id, stream, revision } = seen;
    const { externalId: utr } = data;
    if (before.upi) pairUp({ ...before.upi, utr }, id, { stream, revision });
    if (before.receipts.some(({ externalId }) => externalId === data.externalId)) {
      report(TAKEN, placeText(seen), `${data.externalId} was taken already`);
    }
    step(seen);
  }

  /** A refund arrived; or it failed, and somebody has to give it by hand. */
  function endRefund(
    seen: Seen<{ refundNumber: number; amountPaise: number }, Payment>,
    failed = false,
  ): void {
    const { refundNumber, amountPaise } = seen.data;
    const refund = seen.before.refunds[refundNumber - 1];
    if (refund?.amountPaise !== amountPaise) {
      const asked = refund?.amountPaise ?? 0;
      const text = `refund ${refundNumber} is over ${amountPaise} paise; asked for were ${asked}`;
      report(BACK, placeText(seen), text);
    }
    const known = step(seen);
    if (!known) return;
    const isOther = (one: { refundNumber: number }) => one.refundNumber !== refundNumber;
    const refunds = failed ? known.refunds : known.refunds.filter(isOther);
    known.refunds = refunds.map((one) => (isOther(one) ? one : { ...one, failed }));
  }

  return check<PaymentEvent | OrderEvent | UpiReferenceEvent, Payment>({
    on: {
      ...everyEvent(decider, (seen) => void step(seen)),
      PaymentRequested(seen) {
        isAsking = true;
        const { data, before, id, stream, revision, atMs } = seen;
        const order = orders.get(data.orderId);
        const own = order?.storeOrders.filter(
          (one) => one === storeOrders.get(data.storeOrderId ?? ''),
        );
        const of = (data.storeOrderId ? own : order?.storeOrders) ?? [];
        if (!order || of.length === 0) {
          report(ASKED, placeText(seen), `there is no order ${data.orderId} that it is for`);
          return;
        }
        if (before.status !== 'none' || of.some(({ payment }) => payment)) {
          report(ASKED, placeText(seen), 'it was asked for already');
        }
        const { amountPaise } = data;
        const totalPaise = sumPaise(of.map((one) => one.totalPaise));
        if (amountPaise !== totalPaise) {
          const text = `it asks for ${amountPaise} paise; ordered was for ${totalPaise}`;
          report(ASKED, placeText(seen), text);
        }
        const prepaid = isPrepaid(data.method);
        const place = { stream, revision };
        const rest = {
          sinceMs: atMs,
          place,
          keptPaise: 0,
          elsewherePaise: 0,
          refunds: [],
          shares: null,
        };
        const booked: BookedPayment = { order, storeOrders: of, prepaid, amountPaise, ...rest };
        payments.set(id, booked);
        for (const storeOrder of of) storeOrder.payment ??= booked;
        if (!data.transfers) return;
        booked.shares = seen.after;
        const isShare = ({ storeOrderId, ...share }: ShopTransfer): boolean => {
          const storeOrder = storeOrders.get(storeOrderId);
          return (
            storeOrder !== undefined &&
            of.includes(storeOrder) &&
            storeOrder.totalPaise === share.amountPaise
          );
        };
        if (data.transfers.length === of.length && data.transfers.every(isShare)) return;
        report(ACCOUNTS, placeText(seen), 'the shares are not what the shops’ parts cost');
      },
      PaymentSucceeded(seen) {
        const { status } = seen.before;
        if (status === 'paid' || status === 'cancelled') {
          report(TAKEN, placeText(seen), `it was ${status} already, and nobody waited for it`);
        }
        takeIn(seen);
      },
      LatePaymentSeen: takeIn,
      CashCollected(seen) {
        const { data, before } = seen;
        if (before.status === 'paid') report(TAKEN, placeText(seen), 'it was collected already');
        const storeOrder = storeOrders.get(data.storeOrderId ?? '');
        const most = storeOrder?.delivered?.owedPaise ?? 0;
        // In older logs, what came back before it was taken down was not collected.
        const least = wholeRupees(storeOrder?.owedPaise ?? 0);
        if (data.amountPaise < least || data.amountPaise > most) {
          const text = `${data.amountPaise} paise were collected; owed at the door were ${most}`;
          report(CASH, placeText(seen), text);
        }
        step(seen);
      },
      UpiReferenceUsed({ data: { paymentId, ...transfer }, stream, revision }) {
        pairUp(transfer, paymentId, { stream, revision });
      },
      TransferMade(seen) {
        const { storeOrderId, account, amountPaise } = seen.data;
        const share = seen.before.transfers?.find((one) => one.storeOrderId === storeOrderId);
        if (share?.account !== account || share.amountPaise !== amountPaise) {
          const asked = share ? `${share.amountPaise} paise to ${share.account}` : 'nothing';
          const text = `${amountPaise} paise went to ${account}; asked for was ${asked}`;
          report(ACCOUNTS, placeText(seen), text);
        }
        if (share?.externalId) report(ACCOUNTS, placeText(seen), 'the shop had it already');
        step(seen);
      },
      RefundRequested(seen) {
        const { refundNumber, externalId } = seen.data;
        const taken = amountOf(seen.after.receipts, externalId);
        const back = amountOf(seen.after.refunds, externalId);
        if (back > taken) {
          report(BACK, placeText(seen), `${back} paise of the ${taken} of ${externalId} go back`);
        }
        const known = step(seen);
        if (!known) return;
        known.refunds = [...known.refunds, { refundNumber, atMs: seen.atMs, place: known.place }];
      },
      RefundTakenOver(seen) {
        const known = step(seen);
        if (known) known.elsewherePaise += seen.data.amountPaise;
      },
      RefundReduced(seen) {
        const { refundNumber, amountPaise } = seen.data;
        const refund = seen.before.refunds[refundNumber - 1];
        if (!refund || amountPaise >= refund.amountPaise) {
          report(
            BACK,
            placeText(seen),
            `refund ${refundNumber} is reduced to ${amountPaise} paise`,
          );
        }
        const known = step(seen);
        if (!known) return;
        if (refund?.isElsewhere) known.elsewherePaise -= refund.amountPaise - amountPaise;
        if (amountPaise > 0) return;
        known.refunds = known.refunds.filter((one) => one.refundNumber !== refundNumber);
      },
      RefundSucceeded: (seen) => endRefund(seen),
      RefundFailed: (seen) => endRefund(seen, true),
      OrderConfirmed(seen) {
        const order = orders.get(seen.id);
        if (order && isAsking) toBePaid.add(order);
        if (!order?.prepaid) return;
        for (const payment of new Set(order.storeOrders.map((one) => one.payment))) {
          if (payment && payment.keptPaise >= payment.amountPaise) continue;
          const text = payment
            ? `${payment.keptPaise} of ${payment.amountPaise} paise are paid`
            : 'its money was not asked for';
          report(FIRST, placeText(seen), text);
        }
      },
    },

    end(nowMs) {
      for (const [storeOrderId, storeOrder] of storeOrders) {
        const { order, payment, delivered, sinceMs } = storeOrder;
        const isDue =
          order.storeOrders.includes(storeOrder) &&
          (toBePaid.has(order) || delivered?.isProved === true);
        if (isDue && !payment && isLate(Math.max(order.sinceMs, sinceMs), nowMs)) {
          report(ASKED, placeText(order.place), `nobody asked for the money for ${storeOrderId}`);
        }
      }
      for (const payment of payments.values()) {
        for (const { refundNumber, atMs, place, failed } of payment.refunds) {
          if (!isLate(atMs + MAX_REFUND_AGE_MS, nowMs)) continue;
          const became = failed ? 'failed, and nobody gave it by hand' : 'is under way still';
          report(IN_TIME, placeText(place), `refund ${refundNumber} ${became}`);
        }
        const { order, storeOrders: of, keptPaise: kept, place } = payment;
        const settledMs = Math.max(
          order.sinceMs,
          payment.sinceMs,
          ...of.map(({ sinceMs }) => sinceMs),
        );
        const owed = owedFor(payment);
        const waitMs = order.mayBeReinstated ? LATE_WAIT_MS : 0;
        const least = payment.prepaid ? owed - payment.elsewherePaise : wholeRupees(owed);
        if (isLate(settledMs + waitMs, nowMs)) proveShares(payment, storeOrders, report);
        const isRight = kept === owed || (kept < owed && kept >= least);
        if (isRight || !isLate(settledMs + waitMs, nowMs)) continue;
        report(
          OWED,
          placeText(place),
          `${kept} paise are paid and not given back; owed are ${owed}`,
        );
      }
    },
  });
}

const amountOf = (of: { externalId: string; amountPaise: number }[], externalId: string): number =>
  sumPaise(of.filter((one) => one.externalId === externalId).map((one) => one.amountPaise));

/** What a payment should have left. */
function owedFor({
  order,
  storeOrders,
  prepaid,
  keptPaise: kept,
  amountPaise,
}: BookedPayment): number {
  const owed = (of: BookedStoreOrder[]) => sumPaise(of.map((one) => one.owedPaise));
  if (order.confirmed) {
    return owed(prepaid ? storeOrders : storeOrders.filter(({ status }) => status === 'delivered'));
  }
  // Too little may have come in so far.
  return order.status === 'rejected' ? 0 : Math.min(kept, amountPaise);
}

/** What a shop got by card into its account, and what of it came back, in paise. */
export type ShopLedger = {
  storeId: string;
  payments: number;
  paidPaise: number;
  reversedPaise: number;
  /** Of what came back: what went to the shop again, since no refund took it. */
  returnedPaise: number;
};

/** What each shop has of the payments that were shared. */
export function shopLedgers({ payments }: Pick<Book, 'payments'>): ShopLedger[] {
  const ledgers = new Map<string, ShopLedger>();
  for (const { shares } of payments.values()) {
    for (const { storeId, externalId, amountPaise, ...share } of shares?.transfers ?? []) {
      if (externalId === undefined) continue;
      const none = { storeId, payments: 0, paidPaise: 0, reversedPaise: 0, returnedPaise: 0 };
      const ledger = ledgers.get(storeId) ?? none;
      const returned = (share.returns ?? []).filter(({ isMade }) => isMade);
      ledgers.set(storeId, {
        storeId,
        payments: ledger.payments + 1,
        paidPaise: ledger.paidPaise + amountPaise,
        reversedPaise: ledger.reversedPaise + (share.reversedPaise ?? 0),
        returnedPaise: ledger.returnedPaise + sumPaise(returned.map((one) => one.amountPaise)),
      });
    }
  }
  return [...ledgers.values()].toSorted((a, b) => (a.storeId < b.storeId ? -1 : 1));
}

/**
 * Each shop has what no refund takes of its share; where all that went back was asked for here and
 * made by the gateway, that is what is owed for its store order.
 */
function proveShares(
  { shares, order, place }: BookedPayment,
  storeOrders: ReadonlyMap<string, BookedStoreOrder>,
  report: Report,
): void {
  if (!shares) return;
  const isPlain = shares.refunds.every(
    ({ isElsewhere, status, givenAs = '' }) =>
      !isElsewhere && status === 'succeeded' && givenAs.startsWith('rfnd_'),
  );
  for (const share of sharesOf(shares)) {
    const { storeId, storeOrderId } = share;
    const has = hasPaise(share);
    const storeOrder = storeOrders.get(storeOrderId);
    const owed = order.status === 'rejected' ? 0 : (storeOrder?.owedPaise ?? 0);
    const should = isPlain && storeOrder ? owed : expectedPaise(shares, share);
    if (has === should) continue;
    const text = `shop ${storeId} has ${has} paise for ${storeOrderId}; it should have ${should}`;
    report(SHARED, placeText(place), text);
  }
}
