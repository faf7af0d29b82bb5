import { cart, type CartLine } from '../domain/cart/cart.ts';
import type { Decider, Message } from '../engine/decider.ts';
import { Rejected, type RejectionCode } from '../domain/rejection.ts';
import {
  inventory,
  stockLine,
  type StockLine,
  type StockShortage,
} from '../domain/inventory/inventory.ts';
import { listingId } from '../domain/catalogue/listing.ts';
import {
  order,
  isFinal,
  leftOutOf,
  partOf,
  type AnyPlaced,
  type LeftOut,
  type Order,
  type OrderCommand,
  type OrderPart,
  type PlacedOrder,
  type Shortage,
} from '../domain/ordering/order.ts';
import { isPrepaid, payment, type Payment } from '../domain/money/payment.ts';
import { slotDay, slotDayId } from '../domain/slots/slot-day.ts';
import { storeOrder, storeOrderEnded } from '../domain/fulfilment/store-order.ts';
import { idFrom } from '../platform/ids.ts';
import type { CommandContext, Handler, Outcome } from '../engine/commands/handle.ts';
import {
  GatewayUnavailable,
  openPayment,
  paymentsOf,
  type DuePayment,
  type PaymentPorts,
} from './payment.ts';

/** What a step is taken because of. */
export type Cause = { correlationId: string; causationId: string };

/** What an order is driven with. */
export type Drivers = { handler: Handler; payments: PaymentPorts };

/** Whatever an order's process manager does is done in its name. */
const ACTOR = 'checkout';

/** Tries to reserve what is left at a shop while others buy it away. */
const MAX_SHRINKS = 5;

/** An order is driven once, and once more where it is paid after it was given up. */
type Round = 'first' | 'late';
const ROUNDS = { first: 1, late: 2 };

/** What undoes a step that was taken. */
type Undo = () => Promise<unknown>;

/**
 * One drive of an order. Every command has an id of its own in each round, so that two drivers may
 * take the same step: the second finds it done; and what one has undone, no other undoes again.
 */
export type Drive = {
  drivers: Drivers;
  orderId: string;
  round: number;
  take: <S, C extends Message, E extends Message>(
    decider: Decider<S, C, E>,
    id: string,
    command: C,
  ) => Promise<Outcome<S>>;
  /** What undoes each step that this drive took, in their order. */
  taken: Undo[];
  /** Of the last event that this drive saw. */
  position: bigint;
};

export const startDrive = (
  drivers: Drivers,
  orderId: string,
  cause: Cause,
  round: Round = 'first',
): Drive => {
  const drive: Drive = {
    drivers,
    orderId,
    round: ROUNDS[round],
    async take(decider, id, command) {
      const context = stepContext(orderId, id, command.type, cause, round);
      const outcome = await drivers.handler.handle(decider, id, command, context);
      if (outcome.position > drive.position) drive.position = outcome.position;
      return outcome;
    },
    taken: [],
    position: 0n,
  };
  return drive;
};

export async function undoAll(undoes: Undo[]): Promise<void> {
  for (const undo of undoes.toReversed()) await undo();
}

/**
 * Takes every step that a placed order still lacks. Reserve its lines and hold its slots at every
 * shop, close its cart, and where it is paid before it is delivered, ask for that and wait; then it
 * is confirmed and each shop is handed its part, or it is rejected and what was done is undone,
 * last step first. Each step is a command with an id of its own, so that the request and the
 * reactor may both take it: the second finds it done. Where they disagree, the order's own stream
 * says which of them was first, and both go on from there.
 */
export async function driveCheckout(
  drivers: Drivers,
  orderId: string,
  cause: Cause,
): Promise<{ state: Order; position: bigint }> {
  const { load } = drivers.handler;
  const drive = startDrive(drivers, orderId, cause);
  const cached = await load(order, orderId, { fresh: false });
  const known = cached.status === 'none' ? await load(order, orderId, { fresh: true }) : cached;
  const verdict = known.status === 'placed' ? await judge(drive, known) : unchanged;
  let { state } = await drive.take(order, orderId, verdict);
  if (state.status === 'awaiting-payment') {
    await undoAll(undoesOfLeftOut(drive, state));
    const paid = await judgePayments(drive, state);
    if (paid) ({ state } = await drive.take(order, orderId, paid));
  }
  if (state.status !== 'none' && state.confirmed) {
    await undoAll(undoesOfLeftOut(drive, state));
    await handOver(drive, state);
  } else if (state.status === 'rejected') {
    // Rejected earlier: whoever did it may have died before it had undone everything.
    await undoAll(known.status === 'placed' ? drive.taken : undoesOf(drive, state));
    if (isFinal(state)) await undoAll(undoesOf(startDrive(drivers, orderId, cause, 'late'), state));
  }
  return { state, position: drive.position };
}

/** Does nothing to an order that is past being placed; tells where its stream is. */
const unchanged: OrderCommand = { type: 'ReserveOrder', data: {} };

const rejection = (reason: string, shortages?: Shortage[]): OrderCommand => ({
  type: 'RejectOrder',
  data: { reason, ...(shortages && { shortages }) },
});

/** Takes the steps that a shop can refuse. Resolves to what becomes of the order. */
async function judge(drive: Drive, placed: AnyPlaced): Promise<OrderCommand> {
  const { taken } = drive;
  if (hasExpired(placed)) {
    taken.push(...undoesOf(drive, placed));
    return rejection('CHECKOUT_EXPIRED');
  }
  const { parts, leftOut, refusal } = await holdParts(drive, placed, placed.expiresAt);
  if (refusal) return refusal;
  const closing = await closeCart(drive, placed);
  if (closing) return rejection(closing);
  const data = leftOut.length > 0 ? { kept: { parts, leftOut } } : {};
  return { type: isPrepaid(placed.payment) ? 'ReserveOrder' : 'ConfirmOrder', data };
}

const hasExpired = ({ expiresAt }: PlacedOrder): boolean => Date.now() >= Date.parse(expiresAt);

/** Closes the cart with what was ordered of it; resolves to why that cannot be, if so. */
export async function closeCart(
  drive: Drive,
  placed: AnyPlaced,
): Promise<RejectionCode | undefined> {
  const { take, taken, orderId, round } = drive;
  try {
    const data = { orderId, round, lines: linesOf(placed.asked) };
    await take(cart, placed.cartId, { type: 'CheckOutCart', data });
    taken.push(reopening(drive, placed));
    return undefined;
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    return error.code;
  }
}

type Held = { parts: OrderPart[]; leftOut: LeftOut[]; refusal?: OrderCommand };

/**
 * Reserves lines and holds slots at every shop: all of them, or what each shop can serve, as the
 * shopper chose. Resolves to what is left, or with what the order is refused for.
 */
export async function holdParts(drive: Drive, placed: AnyPlaced, expiresAt: string): Promise<Held> {
  const all = (placed.onShortage ?? 'all-or-nothing') === 'all-or-nothing';
  const reserved = await Promise.all(
    placed.parts.map((part) => reservePart(drive, part, expiresAt, all)),
  );
  const short = reserved.flatMap(({ leftOut }) => leftOut);
  const there = reserved.flatMap(({ kept }) => kept ?? []);
  const shortages = short.map(({ listingId: id, wanted, left }) => ({
    listingId: id,
    wanted,
    left,
  }));
  const outOfStock = rejection('INSUFFICIENT_STOCK', shortages);
  if (there.length === 0 || (all && short.length > 0)) {
    return { parts: [], leftOut: short, refusal: outOfStock };
  }
  const held = await Promise.all(there.map((part) => holdSlot(drive, part, expiresAt)));
  const refused = held.flatMap(({ leftOut }) => leftOut);
  const parts = held.flatMap(({ kept }) => kept ?? []);
  const reasons = new Map(refused.map(({ storeOrderId, reason }) => [storeOrderId, reason]));
  const leftOut = placed.parts.flatMap((part) => {
    const kept = parts.find(({ storeOrderId }) => storeOrderId === part.storeOrderId);
    return leftOutOf(part, kept, reasons.get(part.storeOrderId) ?? 'INSUFFICIENT_STOCK');
  });
  return parts.length === 0 || (all && refused.length > 0)
    ? { parts, leftOut, refusal: rejection(refused[0]!.reason) }
    : { parts, leftOut };
}

/** What is left of a part, if anything, and what fell out of it. */
type KeptPart = { kept?: OrderPart; leftOut: LeftOut[] };

/** All lines of a part; or, unless it has to be all, as many of each as the shop has left. */
async function reservePart(
  drive: Drive,
  part: OrderPart,
  expiresAt: string,
  all: boolean,
): Promise<KeptPart> {
  const { take, taken, orderId, round } = drive;
  const { storeOrderId, storeId } = part;
  const reason = 'INSUFFICIENT_STOCK';
  let kept: OrderPart | undefined = part;
  for (let tries = 1; kept && tries <= MAX_SHRINKS; tries++) {
    const lines = kept.lines.map(stockLine);
    const data = { storeOrderId, orderId, round, lines, expiresAt };
    try {
      const { state } = await take(inventory, storeId, { type: 'ReserveStock', data });
      taken.push(releasing(drive, part));
      // Another driver may have been first, when there was more or less.
      const reserved = state.reservations.get(storeOrderId)?.lines ?? lines;
      const held = partOf(part, quantitiesOf(storeId, reserved));
      return { ...(held && { kept: held }), leftOut: leftOutOf(part, held, reason) };
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      const short = error.facts.shortages as StockShortage[];
      const left = quantitiesOf(
        storeId,
        short.map(({ sku, left: quantity }) => ({ sku, quantity })),
      );
      kept = partOf(kept, new Map([...quantitiesOf(storeId, lines), ...left]));
      if (all) return { leftOut: leftOutOf(part, kept, reason) };
    }
  }
  return { leftOut: leftOutOf(part, undefined, reason) };
}

const quantitiesOf = (storeId: string, lines: StockLine[]): Map<string, number> =>
  new Map(lines.map(({ sku, quantity }) => [listingId(storeId, sku), quantity]));

/** A place in the slot that is wanted, if one is; a part without it falls out as a whole. */
async function holdSlot(drive: Drive, part: OrderPart, expiresAt: string): Promise<KeptPart> {
  const { take, taken, orderId, round } = drive;
  const { storeOrderId, storeId, slot } = part;
  if (!slot) return { kept: part, leftOut: [] };
  const data = { storeOrderId, orderId, fromMinute: slot.fromMinute, expiresAt, round };
  try {
    await take(slotDay, slotDayId(storeId, slot.date), { type: 'HoldSlot', data });
    taken.push(...freeing(drive, part));
    return { kept: part, leftOut: [] };
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    return { leftOut: leftOutOf(part, undefined, error.code) };
  }
}

/**
 * Asks for the payments that an order still lacks. Resolves to what becomes of it; undefined while
 * it waits to be paid.
 */
async function judgePayments(drive: Drive, reserved: AnyPlaced): Promise<OrderCommand | undefined> {
  const { take, taken, orderId } = drive;
  const due = paymentsOf(orderId, reserved);
  if (hasExpired(reserved)) {
    taken.push(...undoesOf(drive, reserved));
    // Before the order is rejected, so that what is paid from now on is known to be late.
    const states = await cancelPayments(drive, due, 'CHECKOUT_EXPIRED');
    const isPaid = states.every(({ status }) => status === 'paid');
    return isPaid ? confirmed : rejection('CHECKOUT_EXPIRED');
  }
  try {
    const states = await Promise.all(
      due.map(async (one) => {
        const known = await drive.drivers.handler.load(payment, one.paymentId, { fresh: true });
        if (known.status !== 'none') return known;
        const data = await openPayment(drive.drivers.payments, orderId, reserved, one);
        const command = { type: 'RequestPayment', data } as const;
        return (await take(payment, one.paymentId, command)).state;
      }),
    );
    return states.every(({ status }) => status === 'paid') ? confirmed : undefined;
  } catch (error) {
    // A gateway that is away may be so for long: the shopper would have no other way to pay.
    const isAway = error instanceof GatewayUnavailable;
    if (!isAway && !(error instanceof Rejected)) throw error;
    const refusal = isAway ? 'PAYMENT_UNAVAILABLE' : error.code;
    taken.push(...undoesOf(drive, { ...reserved, reason: refusal }));
    return rejection(refusal);
  }
}

const confirmed: OrderCommand = { type: 'ConfirmOrder', data: {} };

const cancelPayments = (drive: Drive, due: DuePayment[], reason: string): Promise<Payment[]> =>
  Promise.all(
    due.map(async ({ paymentId }) => {
      const command = { type: 'CancelPayment', data: { reason } } as const;
      return (await drive.take(payment, paymentId, command)).state;
    }),
  );

/** Gives a part's slot, if it has one, to whoever comes next. */
const freeing = ({ take, round }: Drive, { storeOrderId, storeId, slot }: OrderPart): Undo[] => {
  if (!slot) return [];
  const data = { storeOrderId, reason: 'order-rejected', round } as const;
  const day = slotDayId(storeId, slot.date);
  return [() => take(slotDay, day, { type: 'ReleaseSlot', data })];
};

/** Gives the goods back to a shop. */
const releasing =
  ({ take, round }: Drive, { storeOrderId, storeId }: OrderPart): Undo =>
  () => {
    const data = { storeOrderId, reason: 'order-rejected', round } as const;
    return take(inventory, storeId, { type: 'ReleaseReservation', data });
  };

/** Gives the cart back to the shopper. */
const reopening =
  ({ take, orderId, round }: Drive, { cartId }: PlacedOrder): Undo =>
  () =>
    take(cart, cartId, { type: 'ReopenCart', data: { orderId, round } });

const undoesOfParts = (drive: Drive, parts: OrderPart[]): Undo[] => [
  ...parts.map((part) => releasing(drive, part)),
  ...parts.flatMap((part) => freeing(drive, part)),
];

/** For every step that somebody may have taken, in the order of the steps. */
export const undoesOf = (drive: Drive, placed: AnyPlaced): Undo[] => [
  ...undoesOfParts(drive, placed.asked),
  reopening(drive, placed),
  ...(isPrepaid(placed.payment)
    ? [
        () =>
          cancelPayments(
            drive,
            paymentsOf(drive.orderId, placed),
            placed.reason ?? 'CHECKOUT_EXPIRED',
          ),
      ]
    : []),
];

/** For what a confirmed order is to go without. */
const undoesOfLeftOut = (drive: Drive, { asked, parts }: AnyPlaced): Undo[] =>
  undoesOfParts(
    drive,
    asked.filter(({ storeOrderId }) => !parts.some((part) => part.storeOrderId === storeOrderId)),
  );

/** Confirms each shop's slot, hands it its part and notes what it has to collect. */
export async function handOver(drive: Drive, placed: AnyPlaced): Promise<void> {
  const { take, orderId } = drive;
  const { personId, sealedRecipient, pincode, payment: method, parts } = placed;
  const submitting = parts.map(async ({ storeOrderId, ...part }) => {
    if (part.slot) {
      const day = slotDayId(part.storeId, part.slot.date);
      await take(slotDay, day, { type: 'ConfirmSlot', data: { storeOrderId } });
    }
    const data = { ...part, orderId, personId, sealedRecipient, pincode, payment: method };
    return take(storeOrder, storeOrderId, { type: 'SubmitStoreOrder', data });
  });
  const due = isPrepaid(method) ? [] : paymentsOf(orderId, placed);
  const requesting = due.map(async (one) => {
    const data = await openPayment(drive.drivers.payments, orderId, placed, one);
    return take(payment, one.paymentId, { type: 'RequestPayment', data });
  });
  await Promise.all([...submitting, ...requesting]);
}

/** Ends an order once every shop is done with its part. */
export async function driveCompletion(
  handler: Handler,
  orderId: string,
  cause: Cause,
): Promise<void> {
  const placed = await handler.load(order, orderId, { fresh: true });
  if (placed.status !== 'confirmed') return;
  const parts = await Promise.all(
    placed.parts.map((part) => handler.load(storeOrder, part.storeOrderId, { fresh: true })),
  );
  if (!parts.every(({ status }) => storeOrderEnded(status))) return;
  const delivered = parts.some(({ status }) => status === 'delivered');
  const cancelled = parts.some(({ status }) => status === 'cancelled');
  const command = { type: 'CompleteOrder', data: { delivered, cancelled } } as const;
  const context = stepContext(orderId, orderId, command.type, cause);
  await handler.handle(order, orderId, command, context);
}

/** The cart's lines as they were quoted. */
const linesOf = (parts: OrderPart[]): CartLine[] =>
  parts.flatMap(({ lines }) =>
    lines.map((line) => ({ listingId: line.listingId, quantity: line.quantity })),
  );

const stepContext = (
  orderId: string,
  target: string,
  step: string,
  cause: Cause,
  round: Round = 'first',
): CommandContext => ({
  ...cause,
  commandId: idFrom('checkout', orderId, target, step, ...(round === 'late' ? [round] : [])),
  actor: ACTOR,
});
