import {
  availableOf,
  itemOf,
  minus,
  type Inventory,
  type InventoryEvent,
  type StockLine,
  type WriteOff,
} from '../../domain/inventory/inventory.ts';
import { skuOfListing } from '../../domain/catalogue/listing.ts';
import type { OrderEvent } from '../../domain/ordering/order.ts';
import type { StoreOrderEvent } from '../../domain/fulfilment/store-order.ts';
import {
  givenUpMs,
  isToBePacked,
  linesText,
  newestOf,
  type Book,
  type BookedStoreOrder,
} from './book.ts';
import {
  check,
  isLate,
  placeText,
  type Check,
  type Place,
  type Seen,
  type Report,
} from './check.ts';

const OVERSOLD = 'nothing is promised twice';
const RESERVED = 'what is reserved is what open orders have';
const MOVED = 'what is packed left the shelf, and nothing else did';
const WRITTEN_OFF = 'what a picker did not find is off the books';
const CAME_BACK = 'what came back is on the books again';

type Missing = { text: string; place: Place; atMs: number; isDue: boolean };

const missingText = ({ reason, ...line }: WriteOff): string => `${linesText([line])}: ${reason}`;

/** Available ≥ 0 and reserved = open orders' lines, by each event and so at every moment. */
export function inventoryCheck({ storeOrders, orders }: Book, report: Report): Check {
  /** What was missing of an order and is on the books, by store order. */
  const missing = new Map<string, Missing[]>();
  /** A log from before anything was written off is no violation. */
  let writesOff = false;

  /** Compares with what is reserved what an event says was. */
  function unreserve(seen: Seen<{ storeOrderId: string }, Inventory>, lines: StockLine[]): void {
    const { storeOrderId } = seen.data;
    const reserved = linesText(seen.before.reservations.get(storeOrderId)?.lines ?? []);
    const given = linesText(lines);
    if (given !== reserved) {
      const text = `for ${storeOrderId} it frees ${given}; reserved was ${reserved}`;
      report(RESERVED, placeText(seen), text);
    }
    const storeOrder = storeOrders.get(storeOrderId);
    if (storeOrder) storeOrder.reserved = null;
  }

  /** What is promised anew is left on the shelf. */
  function isLeft(seen: Seen<unknown, Inventory>, lines: StockLine[]): void {
    for (const { sku, quantity } of lines) {
      const left = availableOf(itemOf(seen.before, sku));
      if (left === null || left >= quantity) continue;
      report(OVERSOLD, placeText(seen), `it reserves ${quantity} × ${sku} of ${left} left`);
    }
  }

  /** What is left of an order is what its shops reserved for it. */
  function isThere(seen: Seen): void {
    for (const { storeId, reserved, lines } of orders.get(seen.id)?.storeOrders ?? []) {
      if (reserved === lines) continue;
      const text = `it needs ${lines} at ${storeId}; reserved is ${reserved ?? 'nothing'}`;
      report(RESERVED, placeText(seen), text);
    }
  }

  function reservedAtEnd(storeOrderId: string, storeOrder: BookedStoreOrder, nowMs: number): void {
    const { lines, sinceMs, isPacked, reserved } = storeOrder;
    const where = placeText(newestOf(storeOrder));
    const overMs = isPacked ? sinceMs : givenUpMs(storeOrder);
    if (reserved && overMs !== undefined && isLate(overMs, nowMs)) {
      report(RESERVED, where, `${reserved} are reserved still for ${storeOrderId}`);
    }
    if (!isToBePacked(storeOrder)) return;
    if (!reserved) {
      report(RESERVED, where, `nothing is reserved for ${storeOrderId}, which is to be packed`);
    } else if (reserved !== lines && isLate(sinceMs, nowMs)) {
      report(RESERVED, where, `it needs ${lines}; reserved is ${reserved}`);
    }
  }

  return check<InventoryEvent | OrderEvent | StoreOrderEvent, Inventory>({
    on: {
      LineShorted({ id, data, stream, revision, atMs }) {
        const { listingId, quantity, reason } = data;
        if (reason === 'substitute-declined') return;
        const text = missingText({ sku: skuOfListing(listingId), quantity, reason });
        const one = { text, place: { stream, revision }, atMs, isDue: writesOff };
        missing.set(id, [...(missing.get(id) ?? []), one]);
      },
      StockWrittenOff(seen) {
        writesOff = true;
        const { storeOrderId, lines } = seen.data;
        const left = [...(missing.get(storeOrderId) ?? [])];
        for (const line of lines) {
          const text = missingText(line);
          const at = left.findIndex((one) => one.text === text);
          if (at < 0) report(WRITTEN_OFF, placeText(seen), `nobody missed ${text}`);
          else left.splice(at, 1);
        }
        missing.set(storeOrderId, left);
      },
      OrderReserved: isThere,
      OrderConfirmed: isThere,
      StockReserved(seen) {
        const { storeOrderId, orderId, lines, expiresAt } = seen.data;
        isLeft(seen, lines);
        const storeOrder = storeOrders.get(storeOrderId);
        if (storeOrder?.storeId !== seen.id) {
          report(RESERVED, placeText(seen), `order ${orderId} has no part ${storeOrderId} here`);
        }
        if (!storeOrder) return;
        storeOrder.reserved = linesText(lines);
        storeOrder.heldUntilMs = Math.max(storeOrder.heldUntilMs, Date.parse(expiresAt));
      },
      ReservationChanged(seen) {
        const { storeOrderId, was, lines } = seen.data;
        unreserve(seen, was);
        isLeft(seen, minus(lines, was));
        const storeOrder = storeOrders.get(storeOrderId);
        if (storeOrder) storeOrder.reserved = linesText(lines);
      },
      ReservationReleased: (seen) => unreserve(seen, seen.data.lines),
      StockPicked(seen) {
        const { storeOrderId, reserved } = seen.data;
        unreserve(seen, reserved);
        const storeOrder = storeOrders.get(storeOrderId);
        const lines = linesText(seen.data.lines);
        if (!storeOrder?.isPacked) {
          report(MOVED, placeText(seen), `${storeOrderId} was not packed`);
        } else if (storeOrder.lines !== lines) {
          report(
            MOVED,
            placeText(seen),
            `${lines} left the shelf; packed were ${storeOrder.lines}`,
          );
        }
        if (storeOrder) storeOrder.isPicked = true;
      },
      StockReturned(seen) {
        const lines = linesText(seen.data.lines);
        const returns = storeOrders.get(seen.data.storeOrderId)?.returns;
        const returned = returns?.find((one) => one.lines === lines && !one.isBooked);
        if (!returned)
          report(CAME_BACK, placeText(seen), `${lines} did not come back from anybody`);
        else returned.isBooked = true;
      },
    },

    end(nowMs) {
      for (const { text, place, atMs, isDue } of [...missing.values()].flat()) {
        if (!isDue || !isLate(atMs, nowMs)) continue;
        report(WRITTEN_OFF, placeText(place), `${text}, and on the books still`);
      }
      for (const [storeOrderId, storeOrder] of storeOrders) {
        reservedAtEnd(storeOrderId, storeOrder, nowMs);
        const { lines, sinceMs, isPacked, isPicked, returns } = storeOrder;
        if (!isLate(sinceMs, nowMs)) continue;
        if (isPacked && !isPicked) {
          const text = `${lines} were packed and are on the books still`;
          report(MOVED, placeText(newestOf(storeOrder)), text);
        }
        for (const { lines: back, place, toShelf, isBooked } of returns) {
          if (!toShelf || isBooked) continue;
          report(CAME_BACK, placeText(place), `${back} came back and are not on the books`);
        }
      }
    },
  });
}
