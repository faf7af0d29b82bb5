import { cart, type CartLine } from '../domain/cart.ts';
import { Rejected, type Decider, type Message } from '../domain/decider.ts';
import { order, type Order, type PlacedOrder } from '../domain/order.ts';
import { storeOrder, storeOrderEnded } from '../domain/store-order.ts';
import { idFrom } from '../platform/ids.ts';
import type { CommandContext, Handler, Outcome } from './handle.ts';

/** What a step is taken because of. */
export type Cause = { correlationId: string; causationId: string };

/** Whatever an order's process manager does is done in its name. */
const ACTOR = 'checkout';

/**
 * Takes every step that a placed order still lacks: close its cart, hand each shop its part,
 * confirm; or reject it when the cart had moved on. Each step is a command with an id of its own,
 * so that the request and the reactor may both take it: the second finds it done.
 */
export async function driveCheckout(
  handler: Handler,
  orderId: string,
  cause: Cause,
): Promise<Outcome<Order>> {
  const take = <S, C extends Message, E extends Message>(
    decider: Decider<S, C, E>,
    id: string,
    command: C,
  ) => handler.handle(decider, id, command, stepContext(orderId, id, command.type, cause));

  const placed = await handler.load(order, orderId, { fresh: false });
  if (placed.status !== 'placed') {
    return take(order, orderId, { type: 'ConfirmOrder', data: {} });
  }
  try {
    const data = { orderId, lines: linesOf(placed) };
    await take(cart, placed.cartId, { type: 'CheckOutCart', data });
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    return take(order, orderId, { type: 'RejectOrder', data: { reason: error.code } });
  }
  const { personId, sealedRecipient, pincode, payment } = placed;
  await Promise.all(
    placed.parts.map(({ storeOrderId, ...part }) => {
      const data = { ...part, orderId, personId, sealedRecipient, pincode, payment };
      return take(storeOrder, storeOrderId, { type: 'SubmitStoreOrder', data });
    }),
  );
  return take(order, orderId, { type: 'ConfirmOrder', data: {} });
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
  const command = { type: 'CompleteOrder', data: { delivered } } as const;
  const context = stepContext(orderId, orderId, command.type, cause);
  await handler.handle(order, orderId, command, context);
}

/** The cart's lines as they were quoted. */
const linesOf = ({ parts }: PlacedOrder): CartLine[] =>
  parts.flatMap(({ lines }) => lines.map(({ listingId, quantity }) => ({ listingId, quantity })));

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
