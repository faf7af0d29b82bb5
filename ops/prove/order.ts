import { linePaise, sumPaise } from '../../domain/money.ts';
import type { Order, OrderEvent, OrderPart, PlacedOrder } from '../../domain/order.ts';
import { slotDay, slotDayId } from '../../domain/slot-day.ts';
import { storeOrderEnded } from '../../domain/store-order.ts';
import { listingsText, type Book, type Part, type BookedOrder } from './book.ts';
import { check, isLate, placeText, type Check, type Seen, type Tell } from './check.ts';

const STUCK = 'orders come to an end';
const SUMS = 'an order is the sum of its parts, within its quote';
const ENDED = 'an order goes on from where it was';

/** What was ordered adds up, and every order comes to exactly one end in its time. */
export function orderCheck({ orders, parts }: Book, tell: Tell): Check {
  /** Writes down a step of an order that has to be in one of `from`. */
  function step(seen: Seen<unknown, Order>, from: Order['status'][]): void {
    const { status } = seen.before;
    const known = orders.get(seen.id);
    if (!from.includes(status)) {
      tell(ENDED, placeText(seen), `it was ${status}, not ${from.join(' or ')}`);
    }
    if (!known || seen.after.status === 'none') return;
    known.status = seen.after.status;
    known.sinceMs = seen.atMs;
    known.place = { stream: seen.stream, revision: seen.revision };
  }

  return check<OrderEvent, Order>({
    on: {
      OrderPlaced(seen) {
        const { data, id, stream, revision, atMs } = seen;
        for (const problem of wrongSums(data)) tell(SUMS, placeText(seen), problem);
        const place = { stream, revision };
        const expiresMs = Date.parse(data.expiresAt);
        const order: BookedOrder = { status: 'placed', sinceMs: atMs, expiresMs, parts: [], place };
        orders.set(id, order);
        for (const part of data.parts) {
          const kept: Part = { ...wantedOf(part), ...NOTHING_YET, order, sinceMs: atMs, place };
          order.parts.push(kept);
          parts.set(part.storeOrderId, kept);
        }
        step(seen, ['none']);
      },
      OrderConfirmed: (seen) => step(seen, ['placed']),
      OrderRejected: (seen) => step(seen, ['placed', 'confirmed']),
      OrderCompleted(seen) {
        step(seen, ['confirmed']);
        const open = orders.get(seen.id)?.parts.find(({ status }) => !storeOrderEnded(status));
        if (open) tell(ENDED, placeText(seen), `its part at ${open.storeId} is ${open.status}`);
      },
    },

    end(nowMs) {
      for (const order of orders.values()) {
        const { status, expiresMs, place } = order;
        if (status === 'placed' && isLate(expiresMs, nowMs)) {
          const expired = new Date(expiresMs).toISOString();
          tell(STUCK, placeText(place), `it is placed still, and expired at ${expired}`);
        }
        if (status !== 'confirmed') continue;
        const isUnseen = order.parts.some((part) => part.status === 'none');
        if (isUnseen && isLate(order.sinceMs, nowMs)) {
          tell(STUCK, placeText(place), 'it is confirmed, and was not handed to every shop');
        }
        const isDone = order.parts.every(
          (part) => storeOrderEnded(part.status) && isLate(part.sinceMs, nowMs),
        );
        if (isDone) tell(STUCK, placeText(place), 'every shop is done, and it has no end');
      }
    },
  });
}

const NOTHING_YET = {
  status: 'none',
  isPacked: false,
  isReserved: false,
  isPicked: false,
  holdsSlot: false,
  invoice: null,
  creditedPaise: 0,
} as const;

const wantedOf = ({ storeId, lines, totalPaise, slot }: OrderPart) => ({
  storeId,
  lines: listingsText(lines),
  goodsPaise: sumPaise(lines.map((line) => line.linePaise)),
  totalPaise,
  slot: slot ? `${slotDay.category}-${slotDayId(storeId, slot.date)} ${slot.fromMinute}` : null,
});

/** What does not add up, in words. */
function* wrongSums({ parts, totalPaise, quote }: PlacedOrder): Generator<string> {
  for (const { storeOrderId, lines, feePaise = 0, totalPaise: partPaise } of parts) {
    for (const { listingId, pricePaise, quantity, linePaise: paise } of lines) {
      if (paise !== linePaise(pricePaise, quantity)) {
        yield `${quantity} of ${listingId} at ${pricePaise} paise are not ${paise} paise`;
      }
    }
    const sum = sumPaise(lines.map((line) => line.linePaise)) + feePaise;
    if (sum !== partPaise) {
      yield `the lines and fee of ${storeOrderId} are ${sum} paise, and it asks for ${partPaise}`;
    }
  }
  const sum = sumPaise(parts.map((part) => part.totalPaise));
  if (sum !== totalPaise) yield `its parts are ${sum} paise, and it asks for ${totalPaise}`;
  if (quote && totalPaise > quote.totalPaise) {
    yield `it asks for ${totalPaise} paise, and the shopper accepted ${quote.totalPaise}`;
  }
}
