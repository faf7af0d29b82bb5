import { leftIn, type SlotDay, type SlotDayEvent } from '../../domain/slots/slot-day.ts';
import { givenUpMs, isToBePacked, newestOf, type Book } from './book.ts';
import { check, isLate, placeText, type Check, type Seen, type Report } from './check.ts';

const FULL = 'no slot takes more orders than it has places';
const HELD = 'places in slots are held for open orders';

/** Slot use ≤ capacity when a place is given; a shop may lower the capacity afterwards. */
export function slotDayCheck({ storeOrders }: Book, report: Report): Check {
  const isHeld = (seen: Seen<{ storeOrderId: string }, SlotDay>): boolean => {
    const { storeOrderId } = seen.data;
    const found = seen.before.held.has(storeOrderId);
    if (!found) report(HELD, placeText(seen), `${storeOrderId} held no place`);
    return found;
  };

  return check<SlotDayEvent, SlotDay>({
    on: {
      SlotHeld(seen) {
        const { storeOrderId, orderId, fromMinute, expiresAt } = seen.data;
        const slot = seen.before.slots.find((one) => one.fromMinute === fromMinute);
        if (!slot) report(FULL, placeText(seen), `no slot begins in minute ${fromMinute}`);
        else if (leftIn(seen.before, slot) === 0) {
          report(FULL, placeText(seen), `all ${slot.capacity} places were taken`);
        }
        const storeOrder = storeOrders.get(storeOrderId);
        if (storeOrder?.slot !== `${seen.stream} ${fromMinute}`) {
          report(
            HELD,
            placeText(seen),
            `order ${orderId} has no part ${storeOrderId} in this slot`,
          );
        }
        if (!storeOrder) return;
        storeOrder.holdsSlot = true;
        storeOrder.heldUntilMs = Math.max(storeOrder.heldUntilMs, Date.parse(expiresAt));
      },
      SlotConfirmed: (seen) => void isHeld(seen),
      SlotReleased(seen) {
        const storeOrder = storeOrders.get(seen.data.storeOrderId);
        if (isHeld(seen) && storeOrder) storeOrder.holdsSlot = false;
      },
    },

    end(nowMs) {
      for (const [storeOrderId, storeOrder] of storeOrders) {
        const overMs = givenUpMs(storeOrder);
        if (storeOrder.holdsSlot && overMs !== undefined && isLate(overMs, nowMs)) {
          report(HELD, placeText(newestOf(storeOrder)), `${storeOrderId} holds its place still`);
        }
        if (storeOrder.slot && !storeOrder.holdsSlot && isToBePacked(storeOrder)) {
          report(
            HELD,
            placeText(newestOf(storeOrder)),
            `${storeOrderId} is to be packed and holds no place`,
          );
        }
      }
    },
  });
}
