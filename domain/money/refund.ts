import type { Message } from '../../engine/decider.ts';
import { ask, look, take, wait, type Process, type Step } from '../../engine/process.ts';
import { takeBack } from './pay-shops.ts';
import {
  MAX_REFUND_AGE_MS,
  payment,
  type Payment,
  type PaymentMethod,
  type RefundElsewhere,
} from './payment.ts';

/** A gateway may be at a refund for days, and tells when it is done. */
const LOOK_AGAIN_MS = 60 * 60_000;

/** Money that goes back; `externalId` is of the receipt, and each refund has one `refundId`. */
export type RefundCall = {
  refundId: string;
  paymentId: string;
  refundNumber: number;
  externalId: string;
  amountPaise: number;
  /** What goes back elsewhere and was taken over, by what it is called; absent where nothing does. */
  known?: string[];
};

/**
 * Has whoever took the money give it back: once for each `refundId`. Where `isLastTry`, one that
 * does not answer is answered for; else that is no outcome, and it is asked again later.
 */
export type MakeRefund = Message<
  'MakeRefund',
  { method: PaymentMethod; call: RefundCall; isLastTry: boolean }
>;

export type RefundAnswer =
  /** `externalId` is what whoever gives it back calls it. */
  | { status: 'processed' | 'pending'; externalId: string }
  /** Nothing was made: first take over what goes back of this receipt, and was not known. */
  | { status: 'elsewhere'; refunds: RefundElsewhere[] }
  /** The shop does it, and then says so. */
  | { status: 'by-hand' }
  | { status: 'not-made'; reason: string };

export type RefundIds = { paymentId: string; refundNumber: number; refundId: string };

/**
 * Has a refund made that was asked for, and not at all where it is done: the payment knows what
 * became of each. What it takes of shops' shares comes back first, so that nobody else's money goes
 * out, and where that is refused, the shop gives it by hand out of what it has. One that nobody
 * takes over in a few days is the shop's to give.
 */
export const refund =
  ({ paymentId, refundNumber, refundId }: RefundIds, requestedAtMs: number): Process =>
  (view, nowMs) => {
    const state = view.stateOf(payment, paymentId);
    if (!state) return [look(payment, paymentId)];
    const asked = state.refunds[refundNumber - 1];
    if (asked?.status !== 'requested') return [];
    const isLastTry = nowMs > requestedAtMs + MAX_REFUND_AGE_MS;
    const back = takeBack(view, { paymentId, refundNumber }, state, isLastTry);
    if (Array.isArray(back)) return back;
    if (back !== 'done') return view.untaken([giveUp(paymentId, refundNumber, back.refused)]);
    const { externalId, amountPaise } = asked;
    const known = state.refunds.flatMap(({ isElsewhere, givenAs }) =>
      isElsewhere && givenAs ? [givenAs] : [],
    );
    const same = { refundId, paymentId, refundNumber, externalId, amountPaise };
    const call = { ...same, ...(known.length > 0 && { known }) };
    const { method } = state;
    const request: MakeRefund = { type: 'MakeRefund', data: { method, call, isLastTry } };
    const making = ask<RefundAnswer>(request, [refundId, ...known].join(' '));
    const made = view.outcomeOf(making);
    if (!made) return [making];
    const answer = 'result' in made ? made.result : notMade(made.refusal.message);
    switch (answer.status) {
      case 'by-hand':
        return [];
      case 'elsewhere':
        return view.untaken(answer.refunds.map((one) => takeOver(paymentId, one)));
      case 'pending':
        return [wait(LOOK_AGAIN_MS)];
      case 'processed':
        return view.untaken([record(paymentId, refundNumber, answer.externalId)]);
      case 'not-made':
        return view.untaken([giveUp(paymentId, refundNumber, answer.reason)]);
    }
  };

const notMade = (reason: string) => ({ status: 'not-made', reason }) as const;

const record = (paymentId: string, refundNumber: number, externalId: string): Step<Payment> =>
  take(payment, paymentId, { type: 'RecordRefund', data: { refundNumber, externalId } });

const takeOver = (paymentId: string, data: RefundElsewhere): Step<Payment> =>
  take(payment, paymentId, { type: 'RecordRefundElsewhere', data }, data.givenAs);

const giveUp = (paymentId: string, refundNumber: number, reason: string): Step<Payment> =>
  take(payment, paymentId, { type: 'GiveUpRefund', data: { refundNumber, reason } });
