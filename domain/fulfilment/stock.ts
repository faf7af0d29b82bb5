import {
  inventory,
  minus,
  pickedFor,
  stockLine,
  type Inventory,
  type InventoryCommand,
  type StockShortage,
} from '../inventory/inventory.ts';
import { skuOfListing } from '../catalogue/listing.ts';
import { slotDay, slotDayId } from '../slots/slot-day.ts';
import {
  look,
  take,
  type Outcome,
  type Process,
  type Step,
  type View,
} from '../../engine/process.ts';
import { basketOf, chosenIn, notReturned, reservedFor, withReturned } from './picking.ts';
import { storeOrder, type StoreOrder } from './store-order.ts';

/**
 * Does to a shop's stock and slots what happened to its store order. What the shop goes on to pick
 * stays reserved, and what it chose to come instead is put aside; what was missing is off the
 * books, before anybody else is promised it; packed goods have left the shelf; those of a store
 * order that came to nothing are for sale again, and its slot is free; what came back after the
 * delivery is where it was put.
 *
 * Everything hangs on the store order's reservation, which is there once: how much of it is written
 * off, and for which view of the store order it was changed, stands in it; without it nothing is
 * picked or written off. What came back is what is out, less what is kept. So no step does anything
 * twice.
 */
export const stock =
  (storeOrderId: string): Process =>
  (view) => {
    const state = view.stateOf(storeOrder, storeOrderId);
    if (!state) return [look(storeOrder, storeOrderId)];
    const { status, packed } = state;
    const before = view.untaken([...writeOff(storeOrderId, state)]);
    if (before.length > 0) return before;
    const picking = packed ? view.untaken([pick(storeOrderId, state)]) : [];
    if (picking.length > 0) return picking;
    if (status === 'submitted' || status === 'accepted') return reserve(view, storeOrderId, state);
    if (status === 'rejected' || status === 'cancelled') {
      return view.untaken(giveUp(storeOrderId, state, status));
    }
    return takeBack(view, storeOrderId, state);
  };

const at = (
  { storeId }: StoreOrder,
  command: InventoryCommand,
  nth?: string | number,
): Step<Inventory> => take(inventory, storeId, command, nth);

function writeOff(storeOrderId: string, state: StoreOrder): Step[] {
  const { shorts } = state;
  if (shorts.length === 0) return [];
  const lines = shorts.map(({ reason, ...line }) => ({ ...stockLine(line), reason }));
  return [at(state, { type: 'WriteOffStock', data: { storeOrderId, lines } }, shorts.length)];
}

function pick(storeOrderId: string, state: StoreOrder): Step {
  const lines = basketOf(state.lines).map(stockLine);
  return at(state, { type: 'PickStock', data: { storeOrderId, lines } });
}

/** For sale again, and its slot for whoever comes next. */
function giveUp(storeOrderId: string, state: StoreOrder, status: 'rejected' | 'cancelled'): Step[] {
  const { storeId, slot, packed } = state;
  const reason = status === 'rejected' ? 'rejected-by-shop' : 'cancelled';
  const free = { type: 'ReleaseSlot', data: { storeOrderId, reason } } as const;
  return [
    ...(slot ? [take(slotDay, slotDayId(storeId, slot.date), free)] : []),
    packed
      ? at(state, { type: 'ReturnStock', data: { storeOrderId, kept: [], to: 'shelf' } })
      : at(state, { type: 'ReleaseReservation', data: { storeOrderId, reason } }),
  ];
}

/**
 * Keeps aside what a shop goes on to pick. What it chose to come instead is offered once it is put
 * aside, and given up where too little is left of it: then without it.
 */
function reserve(view: View, storeOrderId: string, state: StoreOrder): Step[] {
  const { lines, revision } = state;
  const chosen = chosenIn(lines);
  const data = {
    storeOrderId,
    lines: reservedFor(lines).map(stockLine),
    chosen: chosen.map(({ substitution }) => stockLine(substitution.line)),
    revision,
  };
  const change = at(state, { type: 'ChangeReservation', data }, revision);
  const changed = view.outcomeOf(change);
  if (!changed) return [change];
  const short = shortOf(changed);
  const settling = chosen.flatMap(({ listingId, substitution }) => {
    const { chosenAt = 0, line } = substitution;
    const left = short.get(skuOfListing(line.listingId)) ?? null;
    // Of all lines or none: what is there is put aside without what is not.
    if (short.size > 0 && left === null) return [];
    const settle = { type: 'SettleSubstitute', data: { listingId, chosenAt, left } } as const;
    return [take(storeOrder, storeOrderId, settle, `${listingId} ${chosenAt}`)];
  });
  return view.untaken(settling);
}

/** What is left of each article that is refused, by SKU; none where nothing is. */
function shortOf(changed: Outcome<Inventory>): Map<string, number> {
  if ('result' in changed) return new Map();
  const shortages = changed.refusal.facts.shortages as StockShortage[];
  return new Map(shortages.map(({ sku, left }) => [sku, left]));
}

/** The oldest return of which the goods are not where they were put; one after the other. */
function takeBack(view: View, storeOrderId: string, state: StoreOrder): Step[] {
  const books = view.stateOf(inventory, state.storeId);
  const out = (books && pickedFor(books, storeOrderId)) ?? [];
  const next = returnsOf(state).find(({ kept }) => minus(out, kept).length > 0);
  if (!next) return [];
  const { returnId, ...data } = next;
  const back = at(state, { type: 'ReturnStock', data: { storeOrderId, ...data } }, returnId);
  return view.untaken([back]);
}

/** The returns of a store order, each with what was left with the shopper after it. */
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
    return { returnId, kept: notReturned(known).map(stockLine), to: place };
  });
}
