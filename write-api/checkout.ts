import { cart, type CartLine } from '../domain/cart.ts';
import { Rejected, type Decider, type Message, type RejectionCode } from '../domain/decider.ts';
import { inventory, type StockLine, type StockShortage } from '../domain/inventory.ts';
import { listingId, skuOfListing } from '../domain/listing.ts';
import {
  order,
  type Order,
  type OrderCommand,
  type OrderPart,
  type PlacedOrder,
  type Shortage,
} from '../domain/order.ts';
import { slotDay, slotDayId } from '../domain/slot-day.ts';
import { storeOrder, storeOrderEnded } from '../domain/store-order.ts';
import { idFrom } from '../platform/ids.ts';
import type { CommandContext, Handler, Outcome } from './handle.ts';

/** What a step is taken because of. */
export type Cause = { correlationId: string; causationId: string };

/** Whatever an order's process manager does is done in its name. */
const ACTOR = 'checkout';

type Placed = Exclude<Order, { status: 'none' }>;
type Take = <S, C extends Message, E extends Message>(
  decider: Decider<S, C, E>,
  id: string,
  command: C,
) => Promise<Outcome<S>>;

/** What undoes a step that was taken. */
type Undo = () => Promise<unknown>;

/**
 * Takes every step that a placed order still lacks. Reserve its lines and hold its slots at every
 * shop, and close its cart; then it is confirmed and each shop is handed its part, or it is
 * rejected and what was done is undone, last step first. Each step is a command with an id of its
 * own, so that the request and the reactor may both take it: the second finds it done. Where they
 * disagree, the order's own stream says which of them was first, and both go on from there.
 */
export async function driveCheckout(
  handler: Handler,
  orderId: string,
  cause: Cause,
): Promise<Outcome<Order>> {
  const take: Take = (decider, id, command) =>
    handler.handle(decider, id, command, stepContext(orderId, id, command.type, cause));
  const known = await handler.load(order, orderId, { fresh: false });
  const taken: Undo[] = [];
  const verdict = known.status === 'placed' ? await judge(take, orderId, known, taken) : confirmed;
  const outcome = await take(order, orderId, verdict);
  const { state } = outcome;
  if (state.status === 'none') return outcome;
  if (state.confirmed) {
    const position = await handOver(take, orderId, state);
    return position > outcome.position ? { ...outcome, position } : outcome;
  }
  // Rejected earlier: whoever did it may have died before it had undone everything.
  if (known.status !== 'placed') taken.push(...undoesOf(take, orderId, state));
  for (const undo of taken.toReversed()) await undo();
  return outcome;
}

const confirmed: OrderCommand = { type: 'ConfirmOrder', data: {} };

/**
 * Takes the steps that can be refused, and adds what undoes them to `taken`. Resolves to what
 * becomes of the order.
 */
async function judge(
  take: Take,
  orderId: string,
  placed: Placed,
  taken: Undo[],
): Promise<OrderCommand> {
  const reject = (reason: string, shortages?: Shortage[]): OrderCommand => ({
    type: 'RejectOrder',
    data: { reason, ...(shortages && { shortages }) },
  });
  if (Date.now() >= Date.parse(placed.expiresAt)) {
    taken.push(...undoesOf(take, orderId, placed));
    return reject('CHECKOUT_EXPIRED');
  }
  const shortages = await reserveEverywhere(take, orderId, placed, taken);
  if (shortages.length > 0) return reject('INSUFFICIENT_STOCK', shortages);
  const refusal = await holdSlots(take, orderId, placed, taken);
  if (refusal) return reject(refusal);
  try {
    const data = { orderId, lines: linesOf(placed) };
    await take(cart, placed.cartId, { type: 'CheckOutCart', data });
    taken.push(reopening(take, orderId, placed));
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    return reject(error.code);
  }
  return confirmed;
}

/** All lines at every shop; resolves to those that are short, at whichever shops. */
async function reserveEverywhere(
  take: Take,
  orderId: string,
  { parts, expiresAt }: Placed,
  taken: Undo[],
): Promise<Shortage[]> {
  const shortages = await Promise.all(
    parts.map(async (part): Promise<Shortage[]> => {
      const { storeOrderId, storeId, lines } = part;
      const data = { storeOrderId, orderId, lines: lines.map(stockLine), expiresAt };
      try {
        await take(inventory, storeId, { type: 'ReserveStock', data });
        taken.push(releasing(take, part));
        return [];
      } catch (error) {
        if (!(error instanceof Rejected)) throw error;
        const short = error.facts.shortages as StockShortage[];
        return short.map(({ sku, ...of }) => ({ listingId: listingId(storeId, sku), ...of }));
      }
    }),
  );
  return shortages.flat();
}

/** A place in every slot that is wanted; resolves to why one of them is not to be had, if so. */
async function holdSlots(
  take: Take,
  orderId: string,
  { parts, expiresAt }: Placed,
  taken: Undo[],
): Promise<RejectionCode | undefined> {
  const refusals = await Promise.all(
    parts.map(async (part): Promise<RejectionCode[]> => {
      const { storeOrderId, storeId, slot } = part;
      if (!slot) return [];
      const data = { storeOrderId, orderId, fromMinute: slot.fromMinute, expiresAt };
      try {
        await take(slotDay, slotDayId(storeId, slot.date), { type: 'HoldSlot', data });
        taken.push(...freeing(take, part));
        return [];
      } catch (error) {
        if (!(error instanceof Rejected)) throw error;
        return [error.code];
      }
    }),
  );
  return refusals.flat()[0];
}

/** Gives a part's slot, if it has one, to whoever comes next. */
const freeing = (take: Take, { storeOrderId, storeId, slot }: OrderPart): Undo[] => {
  if (!slot) return [];
  const data = { storeOrderId, reason: 'order-rejected' } as const;
  const day = slotDayId(storeId, slot.date);
  return [() => take(slotDay, day, { type: 'ReleaseSlot', data })];
};

/** Gives the goods back to a shop. */
const releasing =
  (take: Take, { storeOrderId, storeId }: OrderPart): Undo =>
  () => {
    const data = { storeOrderId, reason: 'order-rejected' } as const;
    return take(inventory, storeId, { type: 'ReleaseReservation', data });
  };

/** Gives the cart back to the shopper. */
const reopening =
  (take: Take, orderId: string, { cartId }: Placed): Undo =>
  () =>
    take(cart, cartId, { type: 'ReopenCart', data: { orderId } });

/** For every step that somebody may have taken, in the order of the steps. */
const undoesOf = (take: Take, orderId: string, placed: Placed): Undo[] => [
  ...placed.parts.map((part) => releasing(take, part)),
  ...placed.parts.flatMap((part) => freeing(take, part)),
  reopening(take, orderId, placed),
];

/** Confirms each shop's slot and hands it its part. Resolves to the position of the last of them. */
async function handOver(
  take: Take,
  orderId: string,
  { personId, sealedRecipient, pincode, payment, parts }: Placed,
): Promise<bigint> {
  const outcomes = await Promise.all(
    parts.map(async ({ storeOrderId, ...part }) => {
      if (part.slot) {
        const day = slotDayId(part.storeId, part.slot.date);
        await take(slotDay, day, { type: 'ConfirmSlot', data: { storeOrderId } });
      }
      const data = { ...part, orderId, personId, sealedRecipient, pincode, payment };
      return take(storeOrder, storeOrderId, { type: 'SubmitStoreOrder', data });
    }),
  );
  return outcomes.reduce((last, { position }) => (position > last ? position : last), 0n);
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
const linesOf = ({ parts }: PlacedOrder): CartLine[] =>
  parts.flatMap(({ lines }) =>
    lines.map((line) => ({ listingId: line.listingId, quantity: line.quantity })),
  );

const stockLine = (line: CartLine): StockLine => ({
  sku: skuOfListing(line.listingId),
  quantity: line.quantity,
});

const stepContext = (
  orderId: string,
  target: string,
  step: string,
  cause: Cause,
): CommandContext => ({
  ...cause,
  commandId: idFrom('checkout', orderId, target, step),
  actor: ACTOR,
});
