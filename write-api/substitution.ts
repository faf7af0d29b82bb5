import { Rejected } from '../domain/rejection.ts';
import { skuOfListing } from '../domain/catalogue/listing.ts';
import type { OrderLine } from '../domain/ordering/order.ts';
import {
  storeOrder,
  type StoreOrder,
  type StoreOrderCommand,
} from '../domain/fulfilment/store-order.ts';
import {
  eventId,
  type CommandContext,
  type Handler,
  type Outcome,
} from '../engine/commands/handle.ts';
import { systemContext, type Cause } from '../engine/processes/cause.ts';
import type { Drivers } from './processes.ts';
import { ACTOR, driveStock } from './stock.ts';

type Substitute = Extract<StoreOrderCommand, { type: 'ProposeSubstitute' }>['data'];

/**
 * Chooses a substitute, puts it aside and offers it. Throws `Rejected` INSUFFICIENT_STOCK where
 * the shelf's pieces are promised to others.
 */
export async function propose(
  drivers: Drivers,
  storeOrderId: string,
  data: Substitute,
  context: CommandContext,
): Promise<Outcome<StoreOrder>> {
  const { handler } = drivers;
  const command = { type: 'ProposeSubstitute', data } as const;
  const chosen = await handler.handle(storeOrder, storeOrderId, command, context);
  const causationId = eventId(`${storeOrder.category}-${storeOrderId}`, context.commandId, 0);
  const cause = { correlationId: context.correlationId, causationId };
  const moved = await driveStock(drivers, storeOrderId, cause);
  const position = moved > chosen.position ? moved : chosen.position;
  // The reactor may have been faster.
  const state = await handler.load(storeOrder, storeOrderId, { fresh: true });
  const { listingId: substituteId, quantity: wanted } = data.line;
  const { unavailable } = state.lines.find((line) => line.listingId === data.listingId)!;
  if (unavailable?.listingId !== substituteId) return { ...chosen, state, position };
  const { left } = unavailable;
  throw new Rejected('INSUFFICIENT_STOCK', {
    because: 'substitute',
    shortages: [{ sku: skuOfListing(substituteId), wanted, left }],
  });
}

/** Lets the shopper's own wish decide where nobody answered for a substitute. */
export async function driveSubstitution(
  handler: Handler,
  storeOrderId: string,
  { listingId, line, expiresAt }: { listingId: string; line: OrderLine; expiresAt: string },
  cause: Cause,
): Promise<void> {
  const data = { listingId, substituteId: line.listingId, answer: 'none', expiresAt } as const;
  const command = { type: 'DecideSubstitution', data } as const;
  await handler.handle(storeOrder, storeOrderId, command, systemContext(ACTOR, cause));
}
