import { linePaise, sumPaise } from '../../domain/money/money.ts';
import {
  isFinal,
  mayBeReinstated,
  ORDER_CANCELLED,
  PAID_TOO_LATE,
  type Kept,
  type Order,
  type OrderEvent,
  type OrderPart,
  type PlacedOrder,
} from '../../domain/ordering/order.ts';
import { isPrepaid } from '../../domain/money/payment.ts';
import { storeOrderEnded } from '../../domain/fulfilment/store-order.ts';
import { wantedOf, type Book, type BookedOrder, type BookedStoreOrder } from './book.ts';
import { check, isLate, placeText, type Check, type Seen, type Report } from './check.ts';

const STUCK = 'orders come to an end';
const SUMS = 'an order is the sum of its parts, within its quote';
const KEPT = 'what is left of an order is what was ordered, or less';
const ENDED = 'an order goes on from where it was';

/** What was ordered adds up, and every order comes to exactly one end in its time. */
export function orderCheck({ orders, storeOrders }: Book, report: Report): Check {
  /** Writes down a step of an order that has to be in one of `from`. */
  function step(seen: Seen<unknown, Order>, ...from: Standing[]): void {
    const { before, after, id, stream, revision, atMs } = seen;
    const known = orders.get(id);
    const standing = standingOf(before);
    if (!from.includes(standing)) {
      report(ENDED, placeText(seen), `it was ${standing}, not ${from.join(' or ')}`);
    }
    if (!known || after.status === 'none') return;
    known.status = after.status;
    known.confirmed = after.confirmed;
    known.mayBeReinstated = mayBeReinstated(after);
    known.sinceMs = atMs;
    known.place = { stream, revision };
  }

  /** Writes down what its shops can serve of an order. */
  function keep(seen: Seen<Kept, Order>): void {
    const known = orders.get(seen.id);
    const { kept } = seen.data;
    if (!kept || !known || seen.before.status === 'none') return;
    for (const problem of wrongStoreOrders(kept.parts)) report(SUMS, placeText(seen), problem);
    for (const problem of wronglyKept(seen.before, kept.parts)) {
      report(KEPT, placeText(seen), problem);
    }
    known.storeOrders = kept.parts.flatMap((storeOrder) => {
      const booked = storeOrders.get(storeOrder.storeOrderId);
      return booked ? [Object.assign(booked, wantedOf(storeOrder))] : [];
    });
  }

  /** An order that shops took ends when they are done, as they say. */
  function endsWithItsShops({ id, after, ...seen }: Seen<unknown, Order>): void {
    const of = orders.get(id)?.storeOrders ?? [];
    const open = of.find(({ status }) => !storeOrderEnded(status));
    const due = endOf(of);
    if (open) {
      report(ENDED, placeText(seen), `its part at ${open.storeId} is ${open.status}`);
    } else if (after.status !== due) {
      report(ENDED, placeText(seen), `by what its shops did it is ${due}, not ${after.status}`);
    }
  }

  return check<OrderEvent, Order>({
    on: {
      OrderPlaced(seen) {
        const { data, id, stream, revision, atMs } = seen;
        for (const problem of wrongSums(data)) report(SUMS, placeText(seen), problem);
        const place = { stream, revision };
        const expiresMs = Date.parse(data.expiresAt);
        const order: BookedOrder = {
          status: 'placed',
          confirmed: false,
          mayBeReinstated: false,
          prepaid: isPrepaid(data.payment),
          sinceMs: atMs,
          expiresMs,
          storeOrders: [],
          place,
        };
        orders.set(id, order);
        for (const storeOrder of data.parts) {
          const rest = { order, sinceMs: atMs, heldUntilMs: expiresMs, place };
          const booked: BookedStoreOrder = { ...wantedOf(storeOrder), ...NOTHING_YET, ...rest };
          order.storeOrders.push(booked);
          storeOrders.set(storeOrder.storeOrderId, booked);
        }
        step(seen, 'none');
      },
      OrderReserved(seen) {
        keep(seen);
        step(seen, 'placed');
      },
      OrderConfirmed(seen) {
        keep(seen);
        step(seen, 'placed', 'awaiting-payment', 'rejected');
      },
      OrderRejected(seen) {
        const { before, data } = seen;
        step(seen, ...(MAY_REJECT[data.reason] ?? OPEN_OR_CONFIRMED));
        if (before.status === 'confirmed') endsWithItsShops(seen);
      },
      OrderCancelled(seen) {
        step(seen, 'confirmed');
        endsWithItsShops(seen);
      },
      OrderCompleted(seen) {
        step(seen, 'confirmed');
        endsWithItsShops(seen);
      },
    },

    end(nowMs) {
      for (const order of orders.values()) {
        const { status, expiresMs, place } = order;
        const isOpen = status === 'placed' || status === 'awaiting-payment';
        if (isOpen && isLate(expiresMs, nowMs)) {
          const expired = new Date(expiresMs).toISOString();
          report(STUCK, placeText(place), `it is ${status} still, and expired at ${expired}`);
        }
        if (status !== 'confirmed') continue;
        const isUnseen = order.storeOrders.some((one) => one.status === 'none');
        if (isUnseen && isLate(order.sinceMs, nowMs)) {
          report(STUCK, placeText(place), 'it is confirmed, and was not handed to every shop');
        }
        const isDone = order.storeOrders.every(
          (one) => storeOrderEnded(one.status) && isLate(one.sinceMs, nowMs),
        );
        if (isDone) report(STUCK, placeText(place), 'every shop is done, and it has no end');
      }
    },
  });
}

/** A late payment may bring back what was rejected, once, unless shops did it. */
type Standing = Order['status'] | 'rejected for good';

/** What an order may be rejected from for good, by its reason; else before shops are done. */
const MAY_REJECT: Partial<Record<string, Standing[]>> = {
  [PAID_TOO_LATE]: ['rejected'],
  [ORDER_CANCELLED]: ['placed', 'awaiting-payment', 'rejected'],
};
const OPEN_OR_CONFIRMED: Standing[] = ['placed', 'awaiting-payment', 'confirmed'];

const standingOf = (order: Order): Standing =>
  order.status === 'rejected' && (order.confirmed || isFinal(order))
    ? 'rejected for good'
    : order.status;

function endOf(storeOrders: BookedStoreOrder[]): Order['status'] {
  if (storeOrders.some(({ status }) => status === 'delivered')) return 'completed';
  return storeOrders.some(({ status }) => status === 'cancelled') ? 'cancelled' : 'rejected';
}

const NOTHING_YET = {
  status: 'none',
  isPacked: false,
  isPicked: false,
  reserved: null,
  holdsSlot: false,
  returns: [],
  delivered: null,
  invoice: null,
  creditedPaise: 0,
  payment: null,
} as const;

/** What does not add up, in words. */
function* wrongSums({ parts, totalPaise, quote }: PlacedOrder): Generator<string> {
  yield* wrongStoreOrders(parts);
  const sum = sumPaise(parts.map((one) => one.totalPaise));
  if (sum !== totalPaise) yield `its parts are ${sum} paise, and it asks for ${totalPaise}`;
  if (quote && totalPaise > quote.totalPaise) {
    yield `it asks for ${totalPaise} paise, and the shopper accepted ${quote.totalPaise}`;
  }
}

function* wrongStoreOrders(storeOrders: OrderPart[]): Generator<string> {
  for (const { storeOrderId, lines, feePaise, totalPaise } of storeOrders) {
    for (const { listingId, pricePaise, quantity, linePaise: paise } of lines) {
      if (paise !== linePaise(pricePaise, quantity)) {
        yield `${quantity} of ${listingId} at ${pricePaise} paise are not ${paise} paise`;
      }
    }
    const sum = sumPaise(lines.map((line) => line.linePaise)) + feePaise;
    if (sum !== totalPaise) {
      yield `the lines and fee of ${storeOrderId} are ${sum} paise, and it asks for ${totalPaise}`;
    }
  }
}

/** What was not ordered so, in words. */
function* wronglyKept(
  { parts, onShortage }: Pick<PlacedOrder, 'parts' | 'onShortage'>,
  kept: OrderPart[],
): Generator<string> {
  if (onShortage !== 'whatever-each-shop-can') yield 'the shopper wanted all of it or nothing';
  for (const { storeOrderId, lines, feePaise } of kept) {
    const asked = parts.find((one) => one.storeOrderId === storeOrderId);
    if (feePaise > (asked?.feePaise ?? 0)) yield `the fee of ${storeOrderId} went up`;
    for (const { listingId, quantity, pricePaise } of lines) {
      const line = asked?.lines.find((one) => one.listingId === listingId);
      if (quantity > (line?.quantity ?? 0)) {
        yield `${quantity} of ${listingId} are left of ${line?.quantity ?? 0}`;
      } else if (pricePaise !== line?.pricePaise) {
        yield `${listingId} costs ${pricePaise} paise now`;
      }
    }
  }
}
