import {
  basketOf,
  isSettled,
  notReturned,
  reservedFor,
  restOf,
  type StoreOrderLine,
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

/** Each shop works exactly its own store order of a confirmed order, to one end. */
export function storeOrderCheck({ storeOrders }: Book, report: Report): Check {
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
    const booked = storeOrders.get(id);
    if (!booked) return;
    booked.owedPaise = owed;
    booked.status = after.status;
    booked.sinceMs = atMs;
    booked.place = { stream, revision };
    if (!after.packed) booked.lines = listingsText(reservedFor(after.lines));
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
        const booked = storeOrders.get(id);
        const asked = textOf(listingsText(after.lines), data.totalPaise);
        if (!booked) report(HANDED_OVER, placeText(seen), `order ${data.orderId} has no such part`);
        else if (!booked.order.confirmed) {
          report(HANDED_OVER, placeText(seen), `its order is ${booked.order.status}`);
        } else if (textOf(booked.lines, booked.totalPaise) !== asked) {
          const ordered = textOf(booked.lines, booked.totalPaise);
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
        const booked = storeOrders.get(id);
        if (booked) Object.assign(booked, { isPacked: true, lines: basket });
      },
      StoreOrderDelivered(seen) {
        const { lines, feePaise } = seen.after;
        goOn(seen);
        const booked = storeOrders.get(seen.id);
        if (!booked) return;
        const { owedPaise: owed } = booked;
        const isProved = seen.data.proof !== null;
        const bill = billText(basketOf(lines));
        booked.delivered ??= { bill, feePaise, owedPaise: owed, isProved };
      },
      StoreOrderCancelled(seen) {
        goOn(seen);
        const booked = storeOrders.get(seen.id);
        if (!booked?.isPacked) return;
        const { lines, place } = booked;
        comesBack(booked, { lines, place, toShelf: true, isBooked: false, isCredited: true });
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
        const booked = storeOrders.get(id);
        if (!booked) return;
        const [lines, toShelf] = [listingsText(data.lines), data.to === 'shelf'];
        comesBack(booked, {
          lines,
          place: booked.place,
          toShelf,
          isBooked: false,
          isCredited: false,
        });
      },
    },
  });
}

const textOf = (lines: string, totalPaise: number): string => `${lines} for ${totalPaise} paise`;

const tooMuch = (line: StoreOrderLine): string =>
  `of ${line.listingId} ${line.picked} are picked, and ${line.picked + restOf(line)} wanted`;
