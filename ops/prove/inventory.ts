import {
  availableOf,
  itemOf,
  type Inventory,
  type InventoryEvent,
  type StockLine,
} from '../../domain/inventory.ts';
import { givenUpMs, isToBePacked, linesText, newestOf, type Book } from './book.ts';
import { check, isLate, placeText, type Check, type Seen, type Tell } from './check.ts';

const OVERSOLD = 'nothing is promised twice';
const RESERVED = 'what is reserved is what open orders have';
const MOVED = 'what is packed left the shelf, and nothing else did';

/** Available ≥ 0 and reserved = open orders' lines, by each event and so at every moment. */
export function inventoryCheck({ parts }: Book, tell: Tell): Check {
  /** Compares with what is reserved what an event says was. */
  function unreserve(seen: Seen<{ storeOrderId: string }, Inventory>, lines: StockLine[]): void {
    const { storeOrderId } = seen.data;
    const reserved = linesText(seen.before.reservations.get(storeOrderId)?.lines ?? []);
    const given = linesText(lines);
    if (given !== reserved) {
      const text = `for ${storeOrderId} it frees ${given}; reserved was ${reserved}`;
      tell(RESERVED, placeText(seen), text);
    }
    const part = parts.get(storeOrderId);
    if (part) part.isReserved = false;
  }

  return check<InventoryEvent, Inventory>({
    on: {
      StockReserved(seen) {
        const { storeOrderId, orderId, lines } = seen.data;
        for (const { sku, quantity } of lines) {
          const left = availableOf(itemOf(seen.before, sku));
          if (left !== null && left < quantity) {
            tell(OVERSOLD, placeText(seen), `it reserves ${quantity} × ${sku} of ${left} left`);
          }
        }
        const wanted = linesText(lines);
        const part = parts.get(storeOrderId);
        if (part?.storeId !== seen.id) {
          tell(RESERVED, placeText(seen), `order ${orderId} has no part ${storeOrderId} here`);
        } else if (part.lines !== wanted) {
          const text = `it reserves ${wanted} for ${storeOrderId}; ordered are ${part.lines}`;
          tell(RESERVED, placeText(seen), text);
        }
        if (part) part.isReserved = true;
      },
      ReservationReleased: (seen) => unreserve(seen, seen.data.lines),
      StockPicked(seen) {
        unreserve(seen, seen.data.reserved);
        const part = parts.get(seen.data.storeOrderId);
        if (!part?.isPacked) {
          tell(MOVED, placeText(seen), `${seen.data.storeOrderId} was not packed`);
        }
        if (part) part.isPicked = true;
      },
    },

    end(nowMs) {
      for (const [storeOrderId, part] of parts) {
        const { lines, sinceMs, isPacked, isPicked, isReserved } = part;
        const where = placeText(newestOf(part));
        const overMs = isPacked ? sinceMs : givenUpMs(part);
        if (isReserved && overMs !== undefined && isLate(overMs, nowMs)) {
          tell(RESERVED, where, `${lines} are reserved still for ${storeOrderId}`);
        }
        if (!isReserved && isToBePacked(part)) {
          tell(RESERVED, where, `nothing is reserved for ${storeOrderId}, which is to be packed`);
        }
        if (isPacked && !isPicked && isLate(sinceMs, nowMs)) {
          tell(MOVED, where, `${lines} were packed and are on the books still`);
        }
      }
    },
  });
}
