import { Rejected } from '../domain/rejection.ts';
import { skuOfListing } from '../domain/catalogue/listing.ts';
import type { OrderLine } from '../domain/ordering/order.ts';
import {
  storeOrder,
  type StoreOrder,
  type StoreOrderCommand,
} from '../domain/fulfilment/store-order.ts';
import { idFrom } from '../platform/ids.ts';
import type { Cause } from './checkout.ts';
import {
  eventId,
  type CommandContext,
  type Handler,
  type Outcome,
} from '../engine/commands/handle.ts';
import { driveStock } from './stock.ts';

/** Whatever follows by itself from what became of a part is done in this name. */
const ACTOR = 'fulfilment';

type Substitute = Extract<StoreOrderCommand, { type: 'ProposeSubstitute' }>['data'];

/**
 * Chooses a substitute, puts it aside and offers it. Throws `Rejected` INSUFFICIENT_STOCK where
 * the shelf's pieces are promised to others.
 */
export async function propose(
  handler: Handler,
  storeOrderId: string,
  data: Substitute,
  context: CommandContext,
): Promise<Outcome<StoreOrder>> {
  const command = { type: 'ProposeSubstitute', data } as const;
  const chosen = await handler.handle(storeOrder, storeOrderId, command, context);
  const causationId = eventId(`${storeOrder.category}-${storeOrderId}`, context.commandId, 0);
  const cause = { correlationId: context.correlationId, causationId };
  const position = (await driveStock(handler, storeOrderId, cause)) ?? chosen.position;
  // The reactor may have been faster.
  const state = await handler.load(storeOrder, storeOrderId, { fresh: true });
  const { listingId: substituteId, quantity: wanted } = data.line;
  const { unavailable } = state.lines.find((line) => line.listingId === data.listingId)!;
  if (unavailable?.listingId !== substituteId) return { ...chosen, state, position };
  const { left } = unavailable;
  throw new Rejected('INSUFFICIENT_STOCK', `Only ${left} are not promised to others.`, {
    shortages: [{ sku: skuOfListing(substituteId), wanted, left }],
  });
}

/** Lets the shopper's own wish decide where nobody answered for a substitute. */
export async function driveSubstitution(
  handler: Handler,
  storeOrderId: string,
  { listingId, line }: { listingId: string; line: OrderLine },
  cause: Cause,
): Promise<void> {
  const data = { listingId, substituteId: line.listingId, answer: 'none' } as const;
  const command = { type: 'DecideSubstitution', data } as const;
  const commandId = idFrom('substitution', storeOrderId, cause.causationId);
  await handler.handle(storeOrder, storeOrderId, command, { ...cause, commandId, actor: ACTOR });
}
