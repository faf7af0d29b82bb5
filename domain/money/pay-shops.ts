import type { Message } from '../../engine/decider.ts';
import { ask, look, take, wait, type Process, type Step, type View } from '../../engine/process.ts';
import { payment, type Payment, type PaymentMethod } from './payment.ts';
import {
  doubtfulPaise,
  missingReversal,
  sharesOf,
  type Transfer,
  type TransferNews,
} from './transfer.ts';

/** How often a gateway is asked whether a shop has its share by now: first, and after an hour. */
const LOOK_SOON_MS = 20_000;
const LOOK_LATER_MS = 60 * 60_000;
/** A gateway tries a transfer that failed on each of the next three days; then somebody has to look. */
const MAX_TRANSFER_AGE_MS = 4 * 24 * 60 * 60_000;

/** How much of a share has to have come back in all, whatever came back before. */
export type WantedReversal = { storeOrderId: string; reversedPaise: number };

/** Of the order at the gateway, whose transfers it made. */
export type TransferCall = { paymentId: string; gatewayOrderId: string; reverse: WantedReversal[] };

/**
 * Has a gateway take back what is missing of these shares, and tell what became of all of them. Where
 * `isLastTry`, one that does not answer is answered for.
 */
export type MoveShares = Message<
  'MoveShares',
  { method: PaymentMethod; call: TransferCall; isLastTry: boolean }
>;

export type MoveAnswer =
  { status: 'moved'; transfers: TransferNews[] } | { status: 'not-moved'; reason: string };

/** Has a gateway send a shop again what came back of its share, once for each `returnId`. */
export type ReturnShare = Message<
  'ReturnShare',
  { method: PaymentMethod; call: ReturnCall; isLastTry: boolean }
>;
export type ReturnCall = {
  returnId: string;
  paymentId: string;
  storeOrderId: string;
  account: string;
  amountPaise: number;
};

export type ReturnAnswer =
  { status: 'returned'; externalId: string } | { status: 'not-moved'; reason: string };

/** What a payment is called, and what is returned of a store order's share, counted from 1. */
export type ShareIds = {
  paymentId: string;
  returnIdOf: (storeOrderId: string, returnNumber: number) => string;
};

/**
 * Writes down that shops got their shares of a payment, as the gateway says. Then has what each shop
 * has of it be what no refund takes: what goes back from here takes its money first (`refund`), but
 * other refunds were made already, and some of those that failed had taken it.
 */
export const payShops =
  (ids: ShareIds, sinceMs: number): Process =>
  (view, nowMs) => {
    const { paymentId } = ids;
    const state = view.stateOf(payment, paymentId);
    if (!state) return [look(payment, paymentId)];
    const shares = sharesOf(state);
    const reverse = shares.flatMap((share) => reversalOf(state, share));
    const isMoved = shares.every(({ externalId }) => externalId !== undefined);
    const isDoubtful = shares.some((share) => doubtfulPaise(state, share) > 0);
    const ageMs = nowMs - sinceMs;
    const isLastTry = ageMs > MAX_TRANSFER_AGE_MS;
    const moving = moveShares(paymentId, state, reverse, isLastTry);
    const returning = shares.flatMap((share) => returnsOf(view, ids, state, share, isLastTry));
    const isOpen = !isMoved || reverse.length > 0;
    const steps = view.untaken([...(isOpen || isDoubtful ? [moving] : []), ...returning]);
    if (steps.length > 0) return steps;
    const recording = record(view, paymentId, view.resultOf(moving));
    if (recording.length > 0) return recording;
    if (isLastTry || (!isOpen && returning.length === 0)) return [];
    return [wait(ageMs > LOOK_LATER_MS ? LOOK_LATER_MS : LOOK_SOON_MS)];
  };

/**
 * Takes back what a refund, and those before it, take of shops' shares: the steps for that, `done`
 * once nothing is missing, or why a gateway refuses it. A share that the shop never got is left alone.
 */
export function takeBack(
  view: View,
  { paymentId, refundNumber }: { paymentId: string; refundNumber: number },
  state: Payment,
  isLastTry: boolean,
): Step[] | 'done' | { refused: string } {
  const { reversals = [] } = state.refunds[refundNumber - 1]!;
  const shares = sharesOf(state);
  const reverse = reversals.flatMap(({ storeOrderId }) => {
    const share = shares.find((one) => one.storeOrderId === storeOrderId);
    return share ? reversalOf(state, share, refundNumber) : [];
  });
  if (reverse.length === 0) return 'done';
  const moving = moveShares(paymentId, state, reverse, isLastTry);
  const moved = view.outcomeOf(moving);
  if (!moved) return [moving];
  if ('refusal' in moved) return { refused: moved.refusal.message };
  const answer = moved.result;
  if (answer.status === 'not-moved') return { refused: answer.reason };
  const recording = record(view, paymentId, answer);
  if (recording.length > 0) return recording;
  const own = answer.transfers.filter(({ storeOrderId }) =>
    reverse.some((one) => one.storeOrderId === storeOrderId),
  );
  const refused = own.find((one) => one.refused)?.refused;
  if (refused) return { refused };
  const isOnItsWay = own.some(({ status }) => status === 'pending');
  return isOnItsWay && !isLastTry ? [wait(LOOK_SOON_MS)] : 'done';
}

const moveShares = (
  paymentId: string,
  { method, gatewayOrderId }: Payment,
  reverse: WantedReversal[],
  isLastTry: boolean,
): Step<MoveAnswer> => {
  const call = { paymentId, gatewayOrderId: gatewayOrderId!, reverse };
  const request: MoveShares = { type: 'MoveShares', data: { method, call, isLastTry } };
  const about = reverse.map(
    ({ storeOrderId, reversedPaise }) => `${storeOrderId} ${reversedPaise}`,
  );
  return ask(request, [paymentId, ...about].join(' '));
};

const reversalOf = (state: Payment, share: Transfer, upTo?: number): WantedReversal[] => {
  const reversedPaise = missingReversal(state, share, upTo);
  const { storeOrderId } = share;
  return reversedPaise === undefined ? [] : [{ storeOrderId, reversedPaise }];
};

/** Sends a shop again what no refund took, and writes that down. */
function returnsOf(
  view: View,
  { paymentId, returnIdOf }: ShareIds,
  { method }: Payment,
  { storeOrderId, account, returns = [] }: Transfer,
  isLastTry: boolean,
): Step[] {
  return returns.flatMap(({ amountPaise, isMade }, at): Step[] => {
    if (isMade) return [];
    const returnNumber = at + 1;
    const returnId = returnIdOf(storeOrderId, returnNumber);
    const call = { paymentId, returnId, storeOrderId, account, amountPaise };
    const request: ReturnShare = { type: 'ReturnShare', data: { method, call, isLastTry } };
    const returning = ask<ReturnAnswer>(request, returnId);
    const answer = view.resultOf(returning);
    if (answer?.status !== 'returned') return [returning];
    const data = { storeOrderId, returnNumber, externalId: answer.externalId };
    return [take(payment, paymentId, { type: 'RecordReturn', data }, returnId)];
  });
}

function record(view: View, paymentId: string, answer: MoveAnswer | undefined): Step[] {
  if (answer?.status !== 'moved') return [];
  const { transfers } = answer;
  const said = transfers.map((one) => `${one.status} ${one.reversedPaise}`);
  const command = { type: 'RecordTransfers', data: { transfers } } as const;
  return view.untaken([take(payment, paymentId, command, said.join(', '))]);
}
