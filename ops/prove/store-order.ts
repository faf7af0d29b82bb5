import { skuOfListing } from '../../domain/listing.ts';
import {
  storeOrderEnded,
  type StoreOrder,
  type StoreOrderEvent,
} from '../../domain/store-order.ts';
import { linesText, type Book } from './book.ts';
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
    Object.assign(part, { status: after.status, sinceMs: atMs, isPacked: after.packed });
    part.place = { stream, revision };
  }

  return check<StoreOrderEvent, StoreOrder>({
    on: {
      StoreOrderSubmitted(seen) {
        const { id, data } = seen;
        const part = parts.get(id);
        const lines = linesText(
          seen.after.lines.map((line) => ({ ...line, sku: skuOfListing(line.listingId) })),
        );
        if (!part) tell(HANDED_OVER, placeText(seen), `order ${data.orderId} has no such part`);
        else if (part.order.status === 'placed' || part.order.status === 'rejected') {
          tell(HANDED_OVER, placeText(seen), `its order is ${part.order.status}`);
        } else if (part.lines !== lines || part.totalPaise !== data.totalPaise) {
          const [asked, ordered] = [
            [lines, data.totalPaise],
            [part.lines, part.totalPaise],
          ];
          tell(
            HANDED_OVER,
            placeText(seen),
            `${asked.join(' for ')} paise; ordered were ${ordered.join(' for ')}`,
          );
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
