import {
  storeOrderEnded,
  type StoreOrder,
  type StoreOrderEvent,
} from '../../domain/store-order.ts';
import { listingsText, type Book } from './book.ts';
import { check, placeText, type Check, type Seen, type Tell } from './check.ts';

const HANDED_OVER = 'a shop is handed what was ordered and confirmed';
const ENDED = 'a store order goes on from where it was';

/** Each shop works exactly the part of a confirmed order that is its own, to one end. */
export function storeOrderCheck({ parts }: Book, tell: Tell): Check {
  function step(seen: Seen<unknown, StoreOrder>): void {
    const { before, after, id, stream, revision, atMs } = seen;
    if (storeOrderEnded(before.status)) {
      tell(ENDED, placeText(seen), `it was ${before.status} already`);
    }
    const part = parts.get(id);
    if (!part) return;
    part.status = after.status;
    part.sinceMs = atMs;
    part.isPacked = after.packed;
    part.place = { stream, revision };
  }

  return check<StoreOrderEvent, StoreOrder>({
    on: {
      StoreOrderSubmitted(seen) {
        const { id, data, after } = seen;
        const part = parts.get(id);
        const asked = textOf(listingsText(after.lines), data.totalPaise);
        if (!part) tell(HANDED_OVER, placeText(seen), `order ${data.orderId} has no such part`);
        else if (part.order.status === 'placed' || part.order.status === 'rejected') {
          tell(HANDED_OVER, placeText(seen), `its order is ${part.order.status}`);
        } else if (textOf(part.lines, part.totalPaise) !== asked) {
          const ordered = textOf(part.lines, part.totalPaise);
          tell(HANDED_OVER, placeText(seen), `it is handed ${asked}; ordered were ${ordered}`);
        }
        step(seen);
      },
      StoreOrderAccepted: step,
      StoreOrderRejected: step,
      StoreOrderPacked: step,
      StoreOrderDispatched: step,
      StoreOrderDelivered: step,
    },
  });
}

const textOf = (lines: string, totalPaise: number): string => `${lines} for ${totalPaise} paise`;
