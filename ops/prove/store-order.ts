import {
  basketOf,
  isSettled,
  notReturned,
  reservedFor,
  restOf,
  type PartLine,
} from '../../domain/fulfilment/picking.ts';
import {
  isFeeBack,
  owedPaise,
  storeOrder,
  storeOrderEnded,
  type StoreOrder,
  type StoreOrderEvent,
} from '../../domain/fulfilment/store-order.ts';
import { billText, comesBack, listingsText, type Book } from './book.ts';
import { check, everyEvent, placeText, type Check, type Seen, type Report } from './check.ts';

const HANDED_OVER = 'a shop is handed what was ordered and confirmed';
const ENDED = 'a store order goes on from where it was';
const PICKED = 'a shop picks what was ordered, or says what became of it';
const OWED = 'no step of a shop raises what is owed';
const FEE_BACK = 'a fee goes back with the last of its goods, if none were as they should be';

/** Each shop works exactly the part of a confirmed order that is its own, to one end. */
export function storeOrderCheck({ parts }: Book, report: Report): Check {
  function step(seen: Seen<unknown, StoreOrder>): void {
    const { before, after, id, stream, revision, atMs } = seen;
    for (const line of after.lines) {
      if (restOf(line) < 0) report(PICKED, placeText(seen), tooMuch(line));
    }
    const owed = owedPaise(after);
    const owedBefore = owedPaise(before);
    if (before.status !== 'none' && owed > owedBefore) {
      report(OWED, placeText(seen), `${owedBefore} paise were owed, and now ${owed} are`);
    }
    const part = parts.get(id);
    if (!part) return;
    part.owedPaise = owed;
    part.status = after.status;
    part.sinceMs = atMs;
    part.place = { stream, revision };
    if (!after.packed) part.lines = listingsText(reservedFor(after.lines));
  }

  /** A step that only what is still going on can take. */
  function goOn(seen: Seen<unknown, StoreOrder>): void {
    const { status } = seen.before;
    if (storeOrderEnded(status)) report(ENDED, placeText(seen), `it was ${status} already`);
    step(seen);
  }

  return check<StoreOrderEvent, StoreOrder>({
    on: {
      ...everyEvent(storeOrder, goOn),
      StoreOrderSubmitted(seen) {
        const { id, data, after } = seen;
        const part = parts.get(id);
        const asked = textOf(listingsText(after.lines), data.totalPaise);
        if (!part) report(HANDED_OVER, placeText(seen), `order ${data.orderId} has no such part`);
        else if (!part.order.confirmed) {
          report(HANDED_OVER, placeText(seen), `its order is ${part.order.status}`);
        } else if (textOf(part.lines, part.totalPaise) !== asked) {
          const ordered = textOf(part.lines, part.totalPaise);
          report(HANDED_OVER, placeText(seen), `it is handed ${asked}; ordered were ${ordered}`);
        }
        goOn(seen);
      },
      StoreOrderPacked(seen) {
        const { before, after, data, id } = seen;
        const basket = listingsText(basketOf(after.lines));
        for (const line of before.lines) {
          if (data.lines && !isSettled(line)) {
            const text = `nobody said what becomes of the rest of ${line.listingId}`;
            report(PICKED, placeText(seen), text);
          }
        }
        if (data.lines && listingsText(data.lines) !== basket) {
          const text = `it packs ${listingsText(data.lines)}; picked were ${basket}`;
          report(PICKED, placeText(seen), text);
        }
        goOn(seen);
        const part = parts.get(id);
        if (part) Object.assign(part, { isPacked: true, lines: basket });
      },
      StoreOrderDelivered(seen) {
        const { lines, feePaise } = seen.after;
        goOn(seen);
        const part = parts.get(seen.id);
        if (!part) return;
        const { owedPaise: owed } = part;
        const isProved = seen.data.proof !== null;
        const bill = billText(basketOf(lines));
        part.delivered ??= { bill, feePaise, owedPaise: owed, isProved };
      },
      StoreOrderCancelled(seen) {
        goOn(seen);
        const part = parts.get(seen.id);
        if (!part?.isPacked) return;
        const { lines, place } = part;
        comesBack(part, { lines, place, toShelf: true, isBooked: false, isCredited: true });
      },
      LinesReturned(seen) {
        const { id, data, before, after } = seen;
        if (before.status !== 'delivered') {
          report(
            ENDED,
            placeText(seen),
            `it was ${before.status}, and nothing can come back of it`,
          );
        }
        const reasons = after.returns.map(({ reason }) => reason);
        const due = isFeeBack(reasons, notReturned(after.lines)) ? after.feePaise : 0;
        const { feePaise } = data;
        if (feePaise !== due) {
          report(FEE_BACK, placeText(seen), `${feePaise} paise of it go back; due are ${due}`);
        }
        step(seen);
        const part = parts.get(id);
        if (!part) return;
        const [lines, toShelf] = [listingsText(data.lines), data.to === 'shelf'];
        comesBack(part, { lines, place: part.place, toShelf, isBooked: false, isCredited: false });
      },
    },
  });
}

const textOf = (lines: string, totalPaise: number): string => `${lines} for ${totalPaise} paise`;

const tooMuch = (line: PartLine): string =>
  `of ${line.listingId} ${line.picked} are picked, and ${line.picked + restOf(line)} wanted`;
