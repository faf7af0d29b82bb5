import type { CartLine } from '../cart/cart.ts';
import type { Decider, Message, Optional } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';
import type { Fulfilment } from '../stores/delivery.ts';
import type { OrderSlot } from '../slots/slot-day.ts';
import { isForSale, storeOfListing, type Listing, type LocalNames } from '../catalogue/listing.ts';
import { linePaise, sumPaise } from '../money/money.ts';
import type { PaymentMethod } from '../money/payment.ts';

/**
 * What the other payments of an order get once money came late: shops that are paid each by itself
 * see it each in its own time.
 */
export const LATE_WAIT_MS = 10 * 60_000;

/** A line as the shopper accepted it: name and price stay as they were when it was ordered. */
export type OrderLine = {
  listingId: string;
  name: string;
  names: LocalNames;
  pack: string | null;
  quantity: number;
  pricePaise: number;
  linePaise: number;
  /** What a piece is to weigh; absent where it is not weighed when it is picked. */
  gramsEach?: number;
  /** Absent where the shopper wished for nothing: nothing takes its place. */
  ifMissing?: IfMissing;
};

/** What is to come instead of what is not there: what the shop finds, one listing, or nothing. */
export type IfMissing =
  { wish: 'best-match' } | { wish: 'this-one'; listingId: string } | { wish: 'refund' };

/** All of an order or nothing; or of each store order what its shop can serve. */
export const SHORTAGE_CHOICES = ['all-or-nothing', 'whatever-each-shop-can'] as const;
export type OnShortage = (typeof SHORTAGE_CHOICES)[number];

/** A store order as it is placed: what the events of an order call one of its `parts`. */
export type OrderPart = {
  storeOrderId: string;
  storeId: string;
  lines: OrderLine[];
  feePaise: number;
  /** What the shop delivers from; 0 where that is anything, and where it is fetched. */
  minimumPaise: number;
  fulfilment: Fulfilment;
  /** Null where it comes as soon as the shop can. */
  slot: OrderSlot | null;
  /** The state in which it is supplied, by code; null in store orders from before it was asked. */
  placeOfSupply: string | null;
  /** Lines and fee. */
  totalPaise: number;
};

/** A store order as far as the cart makes it: what is to be brought, and what that costs. */
export type StoreOrderGoods = Pick<OrderPart, 'storeId' | 'lines' | 'totalPaise'>;

export type PlacedOrder = {
  cartId: string;
  /** Who placed it, as commands name who sends them; null from before people had sessions. */
  shopper: string | null;
  /** Whose key opens `sealedRecipient`; a random id, one for each guest order. */
  personId: string;
  /** Name, phone and address, encrypted under the person's own key. */
  sealedRecipient: string;
  pincode: string;
  payment: PaymentMethod;
  onShortage: OnShortage;
  parts: OrderPart[];
  totalPaise: number;
  /** What the shopper accepted: never less than the total. Null in orders from before quotes. */
  quote: { totalPaise: number; expiresAt: string } | null;
  /** RFC 3339, UTC: what has not been confirmed by then is given up. */
  expiresAt: string;
};

/** A line that a shop cannot serve: how much of it was wanted, and how much is left. */
export type Shortage = { listingId: string; wanted: number; left: number };

type Rejection = { reason: string; shortages: Shortage[] };

/** What fell out of a store order, and why: `left` of it stayed in. */
export type LeftOut = Shortage & { storeOrderId: string; name: string; reason: string };

/** What of an order its shops can serve; absent where that is all of it. */
export type Kept = { kept?: { parts: OrderPart[]; leftOut: LeftOut[] } };

type Nothing = Record<string, never>;

/** Why an order is rejected for good: its payment came too late, or nobody wants it any more. */
export const PAID_TOO_LATE = 'PAID_TOO_LATE';
export const ORDER_CANCELLED = 'ORDER_CANCELLED';

export type OrderCommand =
  | Message<'PlaceOrder', PlacedOrder>
  | Message<'ReserveOrder', Kept>
  | Message<'ConfirmOrder', Kept>
  | Message<'RejectOrder', { reason: string; shortages?: Shortage[] }>
  | Message<'CancelOrder', Nothing>
  | Message<'ReinstateOrder', Nothing>
  | Message<'RefuseLatePayment', Nothing>
  | Message<'CompleteOrder', { delivered: boolean; cancelled?: boolean }>;

export type OrderEvent =
  | Message<'OrderPlaced', PlacedOrder>
  /** Everything that is left of it is held for it, until it is paid. */
  | Message<'OrderReserved', Kept>
  | Message<'OrderConfirmed', Kept>
  | Message<'OrderRejected', Rejection>
  | Message<'OrderCancelled', Nothing>
  | Message<'OrderCompleted', Nothing>;

export type OrderStatus =
  'placed' | 'awaiting-payment' | 'confirmed' | 'rejected' | 'cancelled' | 'completed';

export type Order =
  | { status: 'none' }
  | ({
      status: OrderStatus;
      /** Once confirmed, it stays so: what comes later is between the shops and the shopper. */
      confirmed: boolean;
      reason: string | null;
      shortages: Shortage[];
      /** What was ordered; `parts` and `totalPaise` are what is left of it. */
      asked: OrderPart[];
      /** Whether it came so far as to wait for its payment. */
      reserved: boolean;
      leftOut: LeftOut[];
    } & PlacedOrder);

export type AnyPlaced = Exclude<Order, { status: 'none' }>;

/**
 * Prices a cart at today's listings, a store order for each shop, in the order of the cart; on
 * which terms it is brought is for the shops to say. Throws `Rejected` CART_EMPTY, or
 * LISTING_NOT_FOUND for a line whose listing is gone.
 */
export function quote(
  lines: CartLine[],
  listingOf: (listingId: string) => Listing | undefined,
): StoreOrderGoods[] {
  if (lines.length === 0) {
    throw new Rejected('CART_EMPTY');
  }
  const byStore = Map.groupBy(lines, (line) => storeOfListing(line.listingId));
  return [...byStore].map(([storeId, storeLines]) => {
    const priced = storeLines.map(({ listingId, quantity }): OrderLine => {
      const listing = listingOf(listingId);
      if (!isForSale(listing)) {
        throw new Rejected('LISTING_NOT_FOUND', { because: 'withdrawn', listingId });
      }
      const { name, names, pack, pricePaise, gramsEach } = listing;
      const total = linePaise(pricePaise, quantity);
      const line = { listingId, name, names, pack, quantity, pricePaise, linePaise: total };
      return gramsEach ? { ...line, gramsEach } : line;
    });
    return { storeId, lines: priced, totalPaise: sumPaise(priced.map((line) => line.linePaise)) };
  });
}

/**
 * A store order where its shop has only so many of each listing; undefined where nothing is left.
 * What it costs to bring stays as it was accepted.
 */
export function storeOrderOf(
  storeOrder: OrderPart,
  quantities: ReadonlyMap<string, number>,
): OrderPart | undefined {
  const lines = storeOrder.lines
    .map((line) => {
      const quantity = Math.min(line.quantity, quantities.get(line.listingId) ?? 0);
      return { ...line, quantity, linePaise: linePaise(line.pricePaise, quantity) };
    })
    .filter(({ quantity }) => quantity > 0);
  if (lines.length === 0) return undefined;
  const totalPaise = sumPaise([...lines.map((line) => line.linePaise), storeOrder.feePaise]);
  return { ...storeOrder, lines, totalPaise };
}

/** What of a store order is not in what its shop keeps of it. */
export function leftOutOf(
  { storeOrderId, lines }: OrderPart,
  kept: OrderPart | undefined,
  reason: string,
): LeftOut[] {
  return lines.flatMap(({ listingId, name, quantity: wanted }) => {
    const left = kept?.lines.find((line) => line.listingId === listingId)?.quantity ?? 0;
    return left < wanted ? [{ storeOrderId, listingId, name, wanted, left, reason }] : [];
  });
}

/**
 * The number that shopper and shop tell each other: the end of the id, in capitals. The id itself
 * opens the order, and is for those who placed it.
 */
export const orderNumber = (orderId: string): string => orderId.slice(-6).toUpperCase();

function assertPlaced(order: Order): asserts order is AnyPlaced {
  if (order.status === 'none') throw new Rejected('ORDER_NOT_FOUND');
}

/** Not confirmed, and not rejected either. */
export const isOpen = ({ status }: Order): boolean =>
  status === 'placed' || status === 'awaiting-payment';

/** Whether it was rejected for good: a late payment may bring back what ended before. */
export const isFinal = ({ reason }: AnyPlaced): boolean =>
  reason === PAID_TOO_LATE || reason === ORDER_CANCELLED;

const ended = (order: Order): boolean =>
  order.status === 'rejected' || order.status === 'completed' || order.status === 'cancelled';

/** How a line looks in the log. */
export const orderLineShape = {
  listingId: 'text',
  name: 'text',
  names: { hi: 'text?', ta: 'text?' },
  pack: 'text?',
  quantity: 'integer',
  pricePaise: 'integer',
  linePaise: 'integer',
  gramsEach: 'integer?',
  ifMissing: ['?', { wish: 'text', listingId: 'text?' }],
} as const;

/** How a store order looks there, to whichever event it belongs. */
export const storeOrderShape = {
  storeId: 'text',
  lines: [orderLineShape],
  feePaise: 'integer',
  minimumPaise: 'integer',
  fulfilment: 'text',
  placeOfSupply: 'text?',
  slot: ['?', { date: 'text', fromMinute: 'integer', toMinute: 'integer' }],
  totalPaise: 'integer',
} as const;

/** Whom an order is for, and how it is paid. */
export const buyerShape = {
  personId: 'text',
  sealedRecipient: 'text',
  pincode: 'text',
  payment: 'text',
} as const;

const shortageShape = { listingId: 'text', wanted: 'integer', left: 'integer' } as const;
const orderPartsShape = [{ ...storeOrderShape, storeOrderId: 'text' }] as const;
const keptShape = {
  kept: [
    '?',
    {
      parts: orderPartsShape,
      leftOut: [{ ...shortageShape, storeOrderId: 'text', name: 'text', reason: 'text' }],
    },
  ],
} as const;

export const order: Decider<Order, OrderCommand, OrderEvent> = {
  category: 'order',
  initial: { status: 'none' },

  decide: {
    PlaceOrder(state, data) {
      if (state.status !== 'none') {
        throw new Rejected('ORDER_ALREADY_PLACED');
      }
      return [{ type: 'OrderPlaced', data }];
    },
    ReserveOrder(state, data) {
      assertPlaced(state);
      return state.status === 'placed' ? [{ type: 'OrderReserved', data }] : [];
    },
    ConfirmOrder(state, data) {
      assertPlaced(state);
      return isOpen(state) ? [{ type: 'OrderConfirmed', data }] : [];
    },
    /** Gives up a checkout; of two that drive it to different ends, the first one is right. */
    RejectOrder(state, data) {
      assertPlaced(state);
      return isOpen(state) ? [rejected(data.reason, data.shortages)] : [];
    },
    /** By its shopper, before it is paid; no late payment brings it back. Throws WRONG_STATUS. */
    CancelOrder(state) {
      assertPlaced(state);
      if (state.confirmed) {
        throw new Rejected('WRONG_STATUS', { because: 'with-the-shops' });
      }
      return isFinal(state) ? [] : [rejected(ORDER_CANCELLED)];
    },
    /** Its payment came late, and everything can still be had. */
    ReinstateOrder(state) {
      assertPlaced(state);
      return mayBeReinstated(state) ? [{ type: 'OrderConfirmed', data: {} }] : [];
    },
    /** Its payment came late and goes back. */
    RefuseLatePayment(state) {
      assertPlaced(state);
      return mayBeReinstated(state) ? [rejected(PAID_TOO_LATE)] : [];
    },
    /**
     * Every shop is done with its store order; `cancelled` says that one was taken and then given
     * up.
     */
    CompleteOrder(state, { delivered, cancelled }) {
      assertPlaced(state);
      if (ended(state)) return [];
      if (delivered) return [{ type: 'OrderCompleted', data: {} }];
      return cancelled
        ? [{ type: 'OrderCancelled', data: {} }]
        : [rejected('rejected-by-every-shop')];
    },
  },

  evolve: {
    OrderPlaced: (_, data) => ({
      ...data,
      status: 'placed',
      confirmed: false,
      reason: null,
      shortages: [],
      asked: data.parts,
      reserved: false,
      leftOut: [],
    }),
    OrderReserved: (state, data) =>
      ({ ...state, ...withKept(data), status: 'awaiting-payment', reserved: true }) as Order,
    OrderConfirmed: (state, data) =>
      ({
        ...state,
        ...withKept(data),
        status: 'confirmed',
        confirmed: true,
        reason: null,
      }) as Order,
    OrderRejected: (state, { reason, shortages }) =>
      ({ ...state, status: 'rejected', reason, shortages }) as Order,
    OrderCancelled: (state) => ({ ...state, status: 'cancelled' }) as Order,
    OrderCompleted: (state) => ({ ...state, status: 'completed' }) as Order,
  },

  upcast: {
    OrderPlaced: [
      ({ onShortage = 'all-or-nothing', quote: accepted = null, ...data }: PlacedOrderV1) => ({
        ...data,
        shopper: null,
        onShortage,
        quote: accepted,
        parts: data.parts.map((one) => ({ ...one, ...fullTerms(one) })),
      }),
      (data: PlacedOrderV2) => ({
        ...data,
        shopper: null,
        parts: data.parts.map((one) => ({ ...one, ...fullTerms(one) })),
      }),
      (data: PlacedOrderV3) => ({ ...data, shopper: null }),
    ],
    OrderReserved: [keptInFull, keptInFull],
    OrderConfirmed: [keptInFull, keptInFull],
    OrderRejected: [
      ({ reason, shortages = [] }: Optional<Rejection, 'shortages'>) => ({ reason, shortages }),
    ],
  },

  shapes: {
    OrderPlaced: {
      ...buyerShape,
      cartId: 'text',
      shopper: 'text?',
      onShortage: 'text',
      parts: orderPartsShape,
      totalPaise: 'integer',
      quote: ['?', { totalPaise: 'integer', expiresAt: 'time' }],
      expiresAt: 'time',
    },
    OrderReserved: keptShape,
    OrderConfirmed: keptShape,
    OrderRejected: { reason: 'text', shortages: [shortageShape] },
    OrderCancelled: {},
    OrderCompleted: {},
  },
};

type Terms = Pick<OrderPart, 'feePaise' | 'minimumPaise' | 'fulfilment' | 'slot' | 'placeOfSupply'>;
type OrderPartV1 = Optional<OrderPart, keyof Terms>;
type PlacedOrderV3 = Omit<PlacedOrder, 'shopper'>;
type PlacedOrderV2 = Omit<PlacedOrderV3, 'parts'> & {
  parts: Optional<OrderPart, 'placeOfSupply'>[];
};
/** What was not asked for yet: all or nothing was delivered, at once, for nothing. */
type PlacedOrderV1 = Omit<Optional<PlacedOrderV3, 'onShortage' | 'quote'>, 'parts'> & {
  parts: OrderPartV1[];
};

/** How a store order is brought, where nothing was said of it because nobody asked. */
export const fullTerms = ({
  feePaise = 0,
  minimumPaise = 0,
  fulfilment = 'delivery',
  slot = null,
  placeOfSupply = null,
}: Partial<Terms>): Terms => ({ feePaise, minimumPaise, fulfilment, slot, placeOfSupply });

function keptInFull({ kept }: { kept?: { parts: OrderPartV1[]; leftOut: LeftOut[] } }): Kept {
  if (!kept) return {};
  const parts = kept.parts.map((one) => ({ ...one, ...fullTerms(one) }));
  return { kept: { ...kept, parts } };
}

const rejected = (reason: string, shortages: Shortage[] = []): OrderEvent => ({
  type: 'OrderRejected',
  data: { reason, shortages },
});

/** Given up unpaid, and not for good: late payments may bring it back. */
export const mayBeReinstated = (state: AnyPlaced): boolean =>
  state.status === 'rejected' && !state.confirmed && !isFinal(state);

/** What of the state changes with what the shops can serve. */
export const withKept = ({ kept }: Kept) =>
  kept && { ...kept, totalPaise: sumPaise(kept.parts.map((one) => one.totalPaise)) };
