import { dayOf, instantOf } from '../domain/stores/delivery.ts';
import { sumPaise } from '../domain/money/money.ts';
import {
  isOpen,
  mayBeReinstated,
  order,
  type AnyPlaced,
  type OrderPart,
} from '../domain/ordering/order.ts';
import {
  isPrepaid,
  keptPaise,
  MAX_REFUND_AGE_MS,
  payment,
  type PaidPart,
  type Payment,
} from '../domain/money/payment.ts';
import { owedPaise, storeOrder } from '../domain/fulfilment/store-order.ts';
import { idFrom } from '../platform/ids.ts';
import {
  closeCart,
  driveCheckout,
  handOver,
  holdParts,
  startDrive,
  undoAll,
  undoesOf,
  type Cause,
  type Drivers,
} from './checkout.ts';
import { GatewayRefused, paymentsOf, portOf, type DuePayment } from './payment.ts';

/** How late a payment may be for its order to be brought back: later, nobody expects goods. */
const MAX_LATE_MS = 30 * 60_000;
/** What an order that is brought back gets until it is confirmed. */
const REINSTATE_TIMEOUT_MS = 5 * 60_000;
/** A gateway may be at a refund for days, and tells when it is done. */
const LOOK_AT_REFUND_EVERY_MS = 60 * 60_000;
const ACTOR = 'settlement';

/**
 * Does what money that came in, or an order that ended, asks for. Idempotent. Resolves to what
 * `driveSettlement` does.
 */
export async function drivePaidOrder(
  drivers: Drivers,
  orderId: string,
  cause: Cause,
  waitUntilMs = 0,
): Promise<number | undefined> {
  const placed = await drivers.handler.load(order, orderId, { fresh: true });
  if (placed.status === 'none' || !isPrepaid(placed.payment)) return undefined;
  await driveCheckout(drivers, orderId, cause);
  return driveSettlement(drivers, orderId, cause, waitUntilMs);
}

type Paid = { due: DuePayment; state: Payment };

/**
 * Gives back whatever was taken for an order beyond what is owed for it now. Where an order was
 * given up and then paid, brings it back if everything can still be had: the order's own stream
 * says which of the two it is before any money moves.
 *
 * @param waitUntilMs until when the rest of the money is waited for, in ms since 1970: resolves to
 *   the ms that are left, if nothing else can be done before
 */
export async function driveSettlement(
  drivers: Drivers,
  orderId: string,
  cause: Cause,
  waitUntilMs = 0,
): Promise<number | undefined> {
  const { load, handle } = drivers.handler;
  const known = await load(order, orderId, { fresh: true });
  if (known.status === 'none' || known.status === 'placed') return undefined;
  const paid = await Promise.all(
    paymentsOf(orderId, known).map(async (due): Promise<Paid> => {
      return { due, state: await load(payment, due.paymentId, { fresh: true }) };
    }),
  );
  if (paid.every(({ state }) => keptPaise(state) === 0)) return undefined;
  const leftMs = waitUntilMs - Date.now();
  if (leftMs > 0 && mayBePaidYet(known, paid)) return leftMs;
  const placed = hasEndedUnpaid(known)
    ? await judgeLatePayment(drivers, orderId, known, paid, cause)
    : known;
  for (const { due, state } of paid) {
    const parts = await owedParts(drivers, placed, due);
    const owed = sumPaise(parts.map((one) => one.owedPaise));
    if (keptPaise(state) <= owed) continue;
    const { paymentId } = due;
    const commandId = idFrom('settle', paymentId, cause.causationId, owed);
    const part = due.storeOrderId ? undefined : partToRefund(parts, state);
    const data = { owedPaise: owed, ...(part && { part }) };
    const command = { type: 'SettlePayment', data } as const;
    await handle(payment, paymentId, command, { ...cause, commandId, actor: ACTOR });
  }
  return undefined;
}

/** All of it was asked for and some of it came, so late that only all of it brings the order back. */
const mayBePaidYet = (placed: AnyPlaced, paid: Paid[]): boolean =>
  mayBeReinstated(placed) &&
  isInTime(placed) &&
  !isPaid(paid) &&
  paid.every(({ state }) => state.status !== 'none');

const isPaid = (paid: Paid[]): boolean =>
  paid.every(({ due, state }) => keptPaise(state) >= due.amountPaise);

const hasEndedUnpaid = ({ status, confirmed }: AnyPlaced): boolean =>
  status === 'rejected' && !confirmed;

type OwedPart = { part: OrderPart; owedPaise: number };

/** What is owed for each of the parts that a payment is for. */
function owedParts(
  { handler }: Drivers,
  placed: AnyPlaced,
  { storeOrderId }: DuePayment,
): Promise<OwedPart[]> {
  const owedOf = async ({ storeOrderId: id, totalPaise }: OrderPart): Promise<number> => {
    if (hasEndedUnpaid(placed)) return 0;
    if (isOpen(placed)) return totalPaise;
    const state = await handler.load(storeOrder, id, { fresh: true });
    return state.status === 'none' ? totalPaise : owedPaise(state);
  };
  const parts = placed.parts.filter((part) => !storeOrderId || part.storeOrderId === storeOrderId);
  return Promise.all(parts.map(async (part) => ({ part, owedPaise: await owedOf(part) })));
}

/**
 * Of a payment for a whole order: the part that has become smaller by more than went back for it
 * so far; the first one where none has, as when money came twice.
 */
function partToRefund(parts: OwedPart[], { refunds }: Payment): PaidPart | undefined {
  const surplusOf = ({ part, owedPaise: owed }: OwedPart): number => {
    const back = refunds.filter(({ storeOrderId }) => storeOrderId === part.storeOrderId);
    return part.totalPaise - owed - sumPaise(back.map(({ amountPaise }) => amountPaise));
  };
  const [most] = parts.toSorted((a, b) => surplusOf(b) - surplusOf(a));
  return most && { storeOrderId: most.part.storeOrderId, storeId: most.part.storeId };
}

/** Says, once and for all, whether an order that was given up and then paid comes back. */
async function judgeLatePayment(
  drivers: Drivers,
  orderId: string,
  placed: AnyPlaced,
  paid: Paid[],
  cause: Cause,
): Promise<AnyPlaced> {
  const drive = startDrive(drivers, orderId, cause, 'late');
  const mayComeBack = mayBeReinstated(placed) && isPaid(paid) && isInTime(placed);
  const comesBack = mayComeBack && (await takeAgain());
  const type = comesBack ? 'ReinstateOrder' : 'RefuseLatePayment';
  const { state } = await drive.take(order, orderId, { type, data: {} });
  if (state.status === 'none') throw new Error(`order ${orderId} is gone`);
  if (state.confirmed) await handOver(drive, state);
  else await undoAll(undoesOf(drive, state));
  return state;

  /** Takes every step of the checkout anew; resolves to whether all could be had. */
  async function takeAgain(): Promise<boolean> {
    // What is left of the first round would be undone after the second had taken it.
    await undoAll(undoesOf(startDrive(drivers, orderId, cause), placed));
    const expiresAt = new Date(Date.now() + REINSTATE_TIMEOUT_MS).toISOString();
    const all = { ...placed, onShortage: 'all-or-nothing' } as const;
    const { refusal } = await holdParts(drive, all, expiresAt);
    return !refusal && !(await closeCart(drive, placed));
  }
}

const isInTime = ({ expiresAt, parts }: AnyPlaced): boolean =>
  Date.now() <= Date.parse(expiresAt) + MAX_LATE_MS && parts.every(isSlotAhead);

const isSlotAhead = ({ slot }: OrderPart): boolean =>
  !slot || instantOf(dayOf(slot.date), slot.fromMinute) > Date.now();

/**
 * Has a refund made that was asked for: once, since the gateway knows it by its id, and not at all
 * where it is done. Resolves to a number of milliseconds after which to look again at one that the
 * gateway is at. Throws `GatewayUnavailable` while it may yet succeed.
 *
 * @param requestedAt RFC 3339
 */
export async function driveRefund(
  { handler, payments }: Drivers,
  paymentId: string,
  refundNumber: number,
  requestedAt: string,
  cause: Cause,
): Promise<number | undefined> {
  const state = await handler.load(payment, paymentId, { fresh: true });
  const refund = state.refunds[refundNumber - 1];
  if (refund?.status !== 'requested') return undefined;
  const refundId = idFrom('refund', paymentId, refundNumber);
  const contextOf = (step: string) => ({
    ...cause,
    commandId: idFrom(refundId, step),
    actor: ACTOR,
  });
  try {
    const { externalId, amountPaise } = refund;
    const call = { refundId, paymentId, refundNumber, externalId, amountPaise };
    const made = await portOf(payments, state.method).refund(call);
    if (made === null) return undefined;
    if (made.status === 'pending') return LOOK_AT_REFUND_EVERY_MS;
    const data = { refundNumber, externalId: made.externalId };
    const command = { type: 'RecordRefund', data } as const;
    await handler.handle(payment, paymentId, command, contextOf('made'));
  } catch (error) {
    const isTooOld = Date.now() > Date.parse(requestedAt) + MAX_REFUND_AGE_MS;
    if (!(error instanceof GatewayRefused) && !isTooOld) throw error;
    const reason = error instanceof GatewayRefused ? error.message : 'not-taken-over';
    const data = { refundNumber, reason };
    const command = { type: 'GiveUpRefund', data } as const;
    await handler.handle(payment, paymentId, command, contextOf('failed'));
  }
  return undefined;
}
