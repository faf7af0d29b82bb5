import { Rejected } from '../domain/rejection.ts';
import {
  inventory,
  stockLine,
  type Inventory,
  type InventoryCommand,
  type StockShortage,
} from '../domain/inventory/inventory.ts';
import { skuOfListing } from '../domain/catalogue/listing.ts';
import {
  basketOf,
  chosenIn,
  keptOf,
  reservedFor,
  withReturned,
} from '../domain/fulfilment/picking.ts';
import { slotDay, slotDayId } from '../domain/slots/slot-day.ts';
import { storeOrder, type StoreOrder } from '../domain/fulfilment/store-order.ts';
import { idFrom } from '../platform/ids.ts';
import type { Cause } from './checkout.ts';
import type { CommandContext, Handler, Outcome } from '../engine/commands/handle.ts';

/** Whatever follows by itself from what became of a part is done in this name. */
const ACTOR = 'fulfilment';

/**
 * Does to a shop's stock and slots what happened to its part of an order. What the shop goes on to
 * pick stays reserved, and what it chose to come instead is put aside; what was missing is off the
 * books, before anybody else is promised it; packed goods have left the shelf; those of a part that
 * came to nothing are for sale again, and its slot is free; what came back after the delivery is
 * where it was put. Resolves to the log position of the part's last event, if it caused one.
 */
export async function driveStock(
  handler: Handler,
  storeOrderId: string,
  cause: Cause,
): Promise<bigint | undefined> {
  const part = await handler.load(storeOrder, storeOrderId, { fresh: true });
  const { status, packed, storeId, slot, lines, shorts } = part;
  const context = stockContext(storeOrderId, cause);
  const take = (command: InventoryCommand, step: string | number = '') =>
    handler.handle(inventory, storeId, command, context(command.type, step));
  if (shorts.length > 0) {
    const missing = shorts.map(({ reason, ...line }) => ({ ...stockLine(line), reason }));
    await take({ type: 'WriteOffStock', data: { storeOrderId, lines: missing } }, shorts.length);
  }
  if (packed) {
    const data = { storeOrderId, lines: basketOf(lines).map(stockLine) };
    await take({ type: 'PickStock', data });
  }
  if (status === 'submitted' || status === 'accepted') {
    return reserveLines(handler, storeOrderId, part, context);
  }
  if (status === 'rejected' || status === 'cancelled') {
    const reason = status === 'rejected' ? 'rejected-by-shop' : 'cancelled';
    if (slot) {
      const command = { type: 'ReleaseSlot', data: { storeOrderId, reason } } as const;
      const day = slotDayId(storeId, slot.date);
      await handler.handle(slotDay, day, command, context(command.type));
    }
    await take(
      packed
        ? { type: 'ReturnStock', data: { storeOrderId, kept: [], to: 'shelf' } }
        : { type: 'ReleaseReservation', data: { storeOrderId, reason } },
    );
  }
  for (const { returnId, kept, to } of returnsOf(part)) {
    await take({ type: 'ReturnStock', data: { storeOrderId, kept, to } }, returnId);
  }
  return undefined;
}

const stockContext =
  (storeOrderId: string, cause: Cause) =>
  (...step: (string | number)[]): CommandContext => ({
    ...cause,
    commandId: idFrom('stock', storeOrderId, ...step),
    actor: ACTOR,
  });

/**
 * Keeps aside what a shop goes on to pick. What it chose to come instead is offered once it is put
 * aside, and given up where too little is left of it. Resolves as `driveStock`.
 */
async function reserveLines(
  handler: Handler,
  storeOrderId: string,
  { storeId, lines, revision }: StoreOrder,
  context: ReturnType<typeof stockContext>,
): Promise<bigint | undefined> {
  const chosen = chosenIn(lines);
  const data = {
    storeOrderId,
    lines: reservedFor(lines).map(stockLine),
    chosen: chosen.map(({ substitution }) => stockLine(substitution.line)),
    revision,
  };
  const command = { type: 'ChangeReservation', data } as const;
  const change = handler.handle(inventory, storeId, command, context(command.type, revision));
  const short = await shortOf(change);
  let settled: Outcome<StoreOrder> | undefined;
  for (const { listingId, substitution } of chosen) {
    const { chosenAt = 0, line } = substitution;
    const left = short.get(skuOfListing(line.listingId)) ?? null;
    // Of all lines or none: what is there is put aside without what is not.
    if (short.size > 0 && left === null) continue;
    const settle = { type: 'SettleSubstitute', data: { listingId, chosenAt, left } } as const;
    const step = context(settle.type, listingId, chosenAt);
    settled = await handler.handle(storeOrder, storeOrderId, settle, step);
  }
  const goesOn = short.size > 0 && settled?.state.status === 'accepted';
  const last = goesOn && (await reserveLines(handler, storeOrderId, settled!.state, context));
  return last || settled?.position;
}

/** What is left of each article that is refused, by SKU; none where nothing is. */
async function shortOf(change: Promise<Outcome<Inventory>>): Promise<Map<string, number>> {
  try {
    await change;
    return new Map();
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    const shortages = error.facts.shortages as StockShortage[];
    return new Map(shortages.map(({ sku, left }) => [sku, left]));
  }
}

/** The returns of a part, each with what was left with the shopper after it. */
function returnsOf({ lines, returns }: StoreOrder) {
  let known = lines.map((line) => ({
    ...line,
    returned: 0,
    substitution: line.substitution && { ...line.substitution, returned: 0 },
  }));
  return returns.map(({ returnId, lines: back, to }) => {
    for (const { listingId, quantity } of back) {
      known = withReturned(known, listingId, quantity);
    }
    const place = to === 'shelf' ? ('shelf' as const) : ('write-off' as const);
    return { returnId, kept: keptOf(known).map(stockLine), to: place };
  });
}
