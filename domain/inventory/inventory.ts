import type { CartLine } from '../cart/cart.ts';
import { evolve, type Decider, type Message, type Optional } from '../../engine/decider.ts';
import { assertNamedOnce } from '../lines.ts';
import { Rejected } from '../rejection.ts';
import { skuOfListing } from '../catalogue/listing.ts';
import {
  endedRoundOf,
  NO_ENDED_ROUNDS,
  packEndedRounds,
  unpackEndedRounds,
  withEndedRound,
  type EndedRounds,
  type PackedEndedRounds,
} from './ended-rounds.ts';
import { PersistentMap } from './persistent-map.ts';
import type { ShortReason } from '../fulfilment/store-order.ts';

/** Pieces of one article. A command names each article once. */
export type StockLine = { sku: string; quantity: number };

/** The same pieces, as a shop's stock calls them. */
export const stockLine = ({ listingId, quantity }: CartLine): StockLine => ({
  sku: skuOfListing(listingId),
  quantity,
});

/** Why the shelf holds something else than the books say. */
export const COUNT_REASONS = [
  'first-count',
  'miscounted',
  'damaged',
  'expired',
  'stolen',
  'found',
  'price-list',
  'other',
] as const;
export type CountReason = (typeof COUNT_REASONS)[number];

/**
 * What somebody counted on the shelf, goods put aside for orders included. `expected` is what the
 * books said when they looked: null for "never counted", undefined where nobody looked.
 */
export type StockCount = StockLine & { expected?: number | null };

/** Pieces that are on the books and that a picker did not find, or found spoiled. */
export type WriteOff = StockLine & { reason: ShortReason };

export type ReleaseReason = 'order-rejected' | 'rejected-by-shop' | 'cancelled';

/** What an order wants of an article, and what is left of it for an order. */
export type StockShortage = { sku: string; wanted: number; left: number };

/** One order's lines at the shop; `expiresAt` (RFC 3339) is when its checkout is given up. */
/** `round` counts the times that an order is gone through: 1 is the checkout, 2 the late payment. */
type Reserved = {
  storeOrderId: string;
  orderId: string;
  round: number;
  lines: StockLine[];
  expiresAt: string;
};

type Count = StockLine & { was: number | null };
type Counted = { counts: Count[]; reason: CountReason | null };
type CountedV1 = { counts: Optional<Count, 'was'>[]; reason?: CountReason | null };

export type InventoryCommand =
  | Message<'ReceiveStock', { lines: StockLine[] }>
  | Message<'CountStock', { counts: StockCount[]; reason: CountReason | null }>
  | Message<'OpenStock', { lines: StockLine[] }>
  | Message<'SellAtCounter', { lines: StockLine[] }>
  | Message<'SetSafetyBuffer', { lines: StockLine[] }>
  | Message<'ReserveStock', Reserved>
  /** `chosen` are those of the lines that nobody was promised yet. */
  | Message<
      'ChangeReservation',
      { storeOrderId: string; lines: StockLine[]; chosen: StockLine[]; revision: number }
    >
  /** `lines` is all that was missing of an order so far, oldest first. */
  | Message<'WriteOffStock', { storeOrderId: string; lines: WriteOff[] }>
  /** Without a `round`, whichever stands. */
  | Message<'ReleaseReservation', { storeOrderId: string; reason: ReleaseReason; round?: number }>
  | Message<'PickStock', { storeOrderId: string; lines: StockLine[] }>
  /** `kept` is what has not come back by then of what was picked. */
  | Message<'ReturnStock', { storeOrderId: string; kept: StockLine[]; to: ReturnedTo }>;

export type InventoryEvent =
  | Message<'StockReceived', { lines: StockLine[] }>
  /**
   * `was` is null for what nobody had counted or received. In older logs it is null throughout, and
   * so is `reason`: nobody asked for them.
   */
  | Message<'StockCounted', Counted>
  | Message<'SoldAtCounter', { lines: StockLine[] }>
  | Message<'SafetyBufferSet', { lines: StockLine[] }>
  | Message<'StockReserved', Reserved>
  /** `lines` are reserved for the order, and `was` no longer. */
  | Message<
      'ReservationChanged',
      {
        storeOrderId: string;
        orderId: string;
        lines: StockLine[];
        was: StockLine[];
        revision: number;
      }
    >
  | Message<
      'ReservationReleased',
      { storeOrderId: string; orderId: string; lines: StockLine[]; reason: ReleaseReason }
    >
  | Message<'StockWrittenOff', { storeOrderId: string; orderId: string; lines: WriteOff[] }>
  /** `lines` left the shelf; `reserved` was reserved for the order and is so no longer. */
  | Message<'StockPicked', { storeOrderId: string; lines: StockLine[]; reserved: StockLine[] }>
  | Message<'StockReturned', { storeOrderId: string; lines: StockLine[]; to: ReturnedTo }>;

/** Back for sale, or spoiled. */
export type ReturnedTo = 'shelf' | 'write-off';

/** What is reserved for a store order; `expiresAt` (RFC 3339) is when its checkout is given up. */
export type Reservation = Omit<Reserved, 'storeOrderId'> & {
  /** That of the store order for which it was changed; 0 where it never was. */
  revision: number;
  /** How much of what was missing of it is off the books: so many write-offs. */
  writeOffs: number;
};

/**
 * `onHand` is null while nobody counted or received the article: it sells freely. Below zero, more
 * left the shelf than the books knew of.
 */
export type StockItem = { onHand: number | null; reserved: number; safetyBuffer: number };

export type Inventory = {
  items: PersistentMap<StockItem>;
  /** Open reservations by store order. */
  reservations: PersistentMap<Reservation>;
  /** Which reservations are over: none of them comes again. */
  ended: EndedRounds;
  /** What was picked and has not come back, by store order, in two generations. */
  picked: { recent: PersistentMap<StockLine[]>; older: PersistentMap<StockLine[]> };
};

/** Orders of a generation: goods can be returned for at least as many of the newest orders. */
const PICKED_GENERATION = 1_000;
const SNAPSHOT_VERSION = 2;
/** Events between two snapshots: what a cold load has to read beyond one. */
const SNAPSHOT_EVERY = 1_000;

export const UNTRACKED: StockItem = { onHand: null, reserved: 0, safetyBuffer: 0 };

/** Pieces that an order may still have; null where nothing limits it. */
export const availableOf = ({ onHand, reserved, safetyBuffer }: StockItem): number | null =>
  onHand === null ? null : Math.max(0, onHand - reserved - safetyBuffer);

export const itemOf = ({ items }: Inventory, sku: string): StockItem => items.get(sku) ?? UNTRACKED;

export type ItemChange = { sku: string; change: (item: StockItem) => StockItem };

const eachLine = (
  lines: StockLine[],
  change: (item: StockItem, quantity: number) => StockItem,
): ItemChange[] =>
  lines.map(({ sku, quantity }) => ({ sku, change: (item) => change(item, quantity) }));

const putOn = (item: StockItem, quantity: number): StockItem => ({
  ...item,
  onHand: (item.onHand ?? 0) + quantity,
});

/** What leaves a shelf that nobody counts leaves it uncounted. */
const takeOff = (item: StockItem, quantity: number): StockItem =>
  item.onHand === null ? item : { ...item, onHand: item.onHand - quantity };

const reserve = (item: StockItem, quantity: number): StockItem => ({
  ...item,
  reserved: item.reserved + quantity,
});

const unreserve = (item: StockItem, quantity: number): StockItem => reserve(item, -quantity);

/** What each event makes of which articles: for the fold and for read models alike. */
export const itemChanges: {
  [Type in InventoryEvent['type']]: (
    data: Extract<InventoryEvent, { type: Type }>['data'],
  ) => ItemChange[];
} = {
  StockReceived: ({ lines }) => eachLine(lines, putOn),
  StockCounted: ({ counts }) => eachLine(counts, (item, onHand) => ({ ...item, onHand })),
  SoldAtCounter: ({ lines }) => eachLine(lines, takeOff),
  SafetyBufferSet: ({ lines }) =>
    eachLine(lines, (item, safetyBuffer) => ({ ...item, safetyBuffer })),
  StockReserved: ({ lines }) => eachLine(lines, reserve),
  ReservationChanged: ({ lines, was }) => [
    ...eachLine(was, unreserve),
    ...eachLine(lines, reserve),
  ],
  ReservationReleased: ({ lines }) => eachLine(lines, unreserve),
  StockWrittenOff: ({ lines }) => eachLine(lines, takeOff),
  StockPicked: ({ lines, reserved }) => [
    ...eachLine(reserved, unreserve),
    ...eachLine(lines, takeOff),
  ],
  /** What was not counted when it left is not counted when it comes back. */
  StockReturned: ({ lines, to }) =>
    to === 'shelf' ? eachLine(lines, (item, quantity) => takeOff(item, -quantity)) : [],
};

function changeItems(state: Inventory, changes: ItemChange[]): Inventory {
  let { items } = state;
  for (const { sku, change } of changes) {
    items = items.with(sku, change(items.get(sku) ?? UNTRACKED));
  }
  return { ...state, items };
}

/** What left the shelf for an order and did not come back; undefined where nobody knows any more. */
export const pickedFor = ({ picked }: Inventory, storeOrderId: string): StockLine[] | undefined =>
  picked.recent.get(storeOrderId) ?? picked.older.get(storeOrderId);

/** Remembers what is out for an order. The oldest generation goes when the newest is full. */
function withPicked({ picked }: Inventory, id: string, lines: StockLine[]): Inventory['picked'] {
  const { recent, older } = picked;
  return recent.size < PICKED_GENERATION
    ? { recent: recent.with(id, lines), older }
    : { recent: PersistentMap.from([[id, lines]]), older: recent };
}

/** Whether it is still known what left the shelf for an order, so that it can come back. */
export const isPickKnown = (state: Inventory, storeOrderId: string): boolean =>
  pickedFor(state, storeOrderId) !== undefined;

/** What of lines is more than was taken. */
export const minus = (lines: StockLine[], taken: StockLine[]): StockLine[] => {
  const quantities = new Map(taken.map(({ sku, quantity }) => [sku, quantity]));
  return lines
    .map(({ sku, quantity }) => ({ sku, quantity: quantity - (quantities.get(sku) ?? 0) }))
    .filter(({ quantity }) => quantity > 0);
};

function shortagesOf(state: Inventory, lines: StockLine[]): StockShortage[] {
  return lines.flatMap(({ sku, quantity }) => {
    const left = availableOf(itemOf(state, sku));
    return left === null || left >= quantity ? [] : [{ sku, wanted: quantity, left }];
  });
}

function assertLeft(shortages: StockShortage[]): void {
  if (shortages.length === 0) return;
  throw new Rejected('INSUFFICIENT_STOCK', { because: 'stock', shortages });
}

const released = (
  storeOrderId: string,
  { orderId, lines }: Reservation,
  reason: ReleaseReason,
): InventoryEvent => ({
  type: 'ReservationReleased',
  data: { storeOrderId, orderId, lines, reason },
});

/** A reservation that stands is over. */
function ending(state: Inventory, storeOrderId: string): Inventory {
  const standing = state.reservations.get(storeOrderId);
  if (!standing) return state;
  const { round, expiresAt } = standing;
  const ended = withEndedRound(state.ended, storeOrderId, round, expiresAt);
  return { ...state, ended, reservations: state.reservations.without(storeOrderId) };
}

const linesShape = [{ sku: 'text', quantity: 'integer' }] as const;
const holderShape = { storeOrderId: 'text', orderId: 'text' } as const;

/** What a shop has, what of it is promised to whom, and what is left for the next order. */
export const inventory: Decider<Inventory, InventoryCommand, InventoryEvent> = {
  category: 'inventory',
  initial: {
    items: PersistentMap.empty,
    reservations: PersistentMap.empty,
    ended: NO_ENDED_ROUNDS,
    picked: { recent: PersistentMap.empty, older: PersistentMap.empty },
  },

  decide: {
    /** Throws LINE_NAMED_TWICE, as whatever a shop says of its articles. */
    ReceiveStock(_, { lines }) {
      assertNamedOnce(lines.map(({ sku }) => sku));
      return [{ type: 'StockReceived', data: { lines } }];
    },

    /** Corrects the books. Throws STALE_COUNT, and REASON_REQUIRED for what differs from them. */
    CountStock(state, { counts, reason }) {
      assertNamedOnce(counts.map(({ sku }) => sku));
      const known = counts.map((count) => ({ ...count, was: itemOf(state, count.sku).onHand }));
      const changed = known.filter(({ quantity, was }) => quantity !== was);
      const stale = changed.filter(
        ({ expected, was }) => expected !== undefined && expected !== was,
      );
      if (stale.length > 0) {
        throw new Rejected('STALE_COUNT', {
          because: 'stock',
          stale: stale.map(({ sku, expected, was }) => ({ sku, expected, onHand: was })),
        });
      }
      if (changed.length === 0) return [];
      if (reason === null) {
        throw new Rejected('REASON_REQUIRED', { because: 'stock' });
      }
      const corrected = changed.map(({ sku, quantity, was }) => ({ sku, quantity, was }));
      return [{ type: 'StockCounted', data: { counts: corrected, reason } }];
    },

    /** What a price list says of articles that nobody counted or received; of others, nothing. */
    OpenStock(state, { lines }) {
      const counts = lines
        .filter(({ sku }) => itemOf(state, sku).onHand === null)
        .map((opened) => ({ ...opened, was: null }));
      if (counts.length === 0) return [];
      return [{ type: 'StockCounted', data: { counts, reason: 'price-list' } }];
    },

    /** Whatever the books say: the goods are in the customer's hand. */
    SellAtCounter(_, { lines }) {
      assertNamedOnce(lines.map(({ sku }) => sku));
      return [{ type: 'SoldAtCounter', data: { lines } }];
    },

    SetSafetyBuffer(state, { lines }) {
      assertNamedOnce(lines.map(({ sku }) => sku));
      const isNew = ({ sku, quantity }: StockLine) => itemOf(state, sku).safetyBuffer !== quantity;
      const changed = lines.filter(isNew);
      return changed.length > 0 ? [{ type: 'SafetyBufferSet', data: { lines: changed } }] : [];
    },

    /**
     * All of an order's lines, or none. Each round is reserved once and ends once, however often
     * and late it is asked for; a later one takes the goods over from an earlier one that stands.
     * Throws INSUFFICIENT_STOCK with every line that is short, and CHECKOUT_EXPIRED.
     */
    ReserveStock(state, data) {
      const { storeOrderId, lines, round, expiresAt } = data;
      const standing = state.reservations.get(storeOrderId);
      const known = standing?.round ?? endedRoundOf(state.ended, storeOrderId);
      if (known >= round || pickedFor(state, storeOrderId)) return [];
      if (known === 0 && Date.parse(expiresAt) <= state.ended.forgottenUntilMs) {
        throw new Rejected('CHECKOUT_EXPIRED');
      }
      const freed = standing ? [released(storeOrderId, standing, 'order-rejected')] : [];
      const before = freed.reduce((shelf, event) => evolve(inventory, shelf, event), state);
      assertLeft(shortagesOf(before, lines));
      return [...freed, { type: 'StockReserved', data }];
    },

    /**
     * What the shop goes on to pick for an order. Throws INSUFFICIENT_STOCK where of what was
     * chosen instead not enough is left; an older view of the order than the last one changes
     * nothing. What was chosen is noted even where it was reserved before: no older view takes it.
     */
    ChangeReservation(state, { storeOrderId, lines, chosen, revision }) {
      const reservation = state.reservations.get(storeOrderId);
      if (!reservation || revision <= reservation.revision) return [];
      const { orderId, lines: was } = reservation;
      assertLeft(shortagesOf(state, minus(chosen, was)));
      if (chosen.length === 0 && JSON.stringify(lines) === JSON.stringify(was)) return [];
      const data = { storeOrderId, orderId, lines, was, revision };
      return [{ type: 'ReservationChanged', data }];
    },

    /**
     * Takes off the books what is not there to be picked; an order's reservation is changed apart
     * from that, and afterwards, so that nobody is promised it in between.
     */
    WriteOffStock(state, { storeOrderId, lines: all }) {
      const reservation = state.reservations.get(storeOrderId);
      const lines = all.slice(reservation?.writeOffs ?? 0);
      if (!reservation || lines.length === 0) return [];
      const { orderId } = reservation;
      return [{ type: 'StockWrittenOff', data: { storeOrderId, orderId, lines } }];
    },

    /** What was reserved in another round than the one that is named stays. */
    ReleaseReservation(state, { storeOrderId, reason, round }) {
      const standing = state.reservations.get(storeOrderId);
      if (!standing || (round !== undefined && round !== standing.round)) return [];
      return [released(storeOrderId, standing, reason)];
    },

    /**
     * What was not picked of what was reserved is for sale again. Without a reservation it was
     * picked before, however long ago.
     */
    PickStock(state, { storeOrderId, lines }) {
      const reserved = state.reservations.get(storeOrderId)?.lines;
      if (!reserved) return [];
      const picked = lines.filter(({ quantity }) => quantity > 0);
      return [{ type: 'StockPicked', data: { storeOrderId, lines: picked, reserved } }];
    },

    ReturnStock(state, { storeOrderId, kept, to }) {
      const lines = minus(pickedFor(state, storeOrderId) ?? [], kept);
      return lines.length > 0 ? [{ type: 'StockReturned', data: { storeOrderId, lines, to } }] : [];
    },
  },

  evolve: {
    StockReceived: (state, data) => changeItems(state, itemChanges.StockReceived(data)),
    StockCounted: (state, data) => changeItems(state, itemChanges.StockCounted(data)),
    SoldAtCounter: (state, data) => changeItems(state, itemChanges.SoldAtCounter(data)),
    SafetyBufferSet: (state, data) => changeItems(state, itemChanges.SafetyBufferSet(data)),
    StockReserved(state, data) {
      const { storeOrderId, ...reserved } = data;
      const reservation = { ...reserved, revision: 0, writeOffs: 0 };
      const reservations = state.reservations.with(storeOrderId, reservation);
      return changeItems({ ...state, reservations }, itemChanges.StockReserved(data));
    },
    ReservationChanged(state, data) {
      const { storeOrderId, lines, revision } = data;
      const changed = { ...state.reservations.get(storeOrderId)!, lines, revision };
      const reservations = state.reservations.with(storeOrderId, changed);
      return changeItems({ ...state, reservations }, itemChanges.ReservationChanged(data));
    },
    StockWrittenOff(state, data) {
      const { storeOrderId, lines } = data;
      const known = state.reservations.get(storeOrderId)!;
      const writeOffs = known.writeOffs + lines.length;
      const reservations = state.reservations.with(storeOrderId, { ...known, writeOffs });
      return changeItems({ ...state, reservations }, itemChanges.StockWrittenOff(data));
    },
    ReservationReleased: (state, data) =>
      changeItems(ending(state, data.storeOrderId), itemChanges.ReservationReleased(data)),
    StockPicked(state, data) {
      const { storeOrderId, lines } = data;
      const picked = withPicked(state, storeOrderId, lines);
      const after = { ...ending(state, storeOrderId), picked };
      return changeItems(after, itemChanges.StockPicked(data));
    },
    StockReturned(state, data) {
      const { storeOrderId, lines } = data;
      const out = minus(pickedFor(state, storeOrderId) ?? [], lines);
      const picked = withPicked(state, storeOrderId, out);
      return changeItems({ ...state, picked }, itemChanges.StockReturned(data));
    },
  },

  upcast: {
    /** There was no other round than the first that a reservation told of. */
    StockReserved: [({ round = 1, ...data }: Optional<Reserved, 'round'>) => ({ ...data, round })],
    StockCounted: [
      ({ counts, reason = null }: CountedV1) => ({
        counts: counts.map(({ was = null, ...count }) => ({ ...count, was })),
        reason,
      }),
    ],
  },

  snapshot: {
    version: SNAPSHOT_VERSION,
    every: SNAPSHOT_EVERY,
    pack: ({ items, reservations, ended, picked }) => ({
      items: [...items].map(([sku, item]) => [sku, item.onHand, item.reserved, item.safetyBuffer]),
      reservations: [...reservations],
      ...packEndedRounds(ended),
      recent: [...picked.recent],
      older: [...picked.older],
    }),
    unpack(packed) {
      const { items, reservations, recent, older, ...ended } = packed as Packed;
      return {
        items: PersistentMap.from(
          items.map(([sku, onHand, reserved, safetyBuffer]) => [
            sku,
            { onHand, reserved, safetyBuffer },
          ]),
        ),
        reservations: PersistentMap.from(reservations),
        ended: unpackEndedRounds(ended),
        picked: { recent: PersistentMap.from(recent), older: PersistentMap.from(older) },
      };
    },
  },

  shapes: {
    StockReceived: { lines: linesShape },
    StockCounted: {
      counts: [{ sku: 'text', quantity: 'integer', was: 'integer?' }],
      reason: 'text?',
    },
    SoldAtCounter: { lines: linesShape },
    SafetyBufferSet: { lines: linesShape },
    StockReserved: { ...holderShape, round: 'integer', lines: linesShape, expiresAt: 'time' },
    ReservationChanged: {
      ...holderShape,
      lines: linesShape,
      was: linesShape,
      revision: 'integer',
    },
    ReservationReleased: { ...holderShape, lines: linesShape, reason: 'text' },
    StockWrittenOff: {
      ...holderShape,
      lines: [{ sku: 'text', quantity: 'integer', reason: 'text' }],
    },
    StockPicked: { storeOrderId: 'text', lines: linesShape, reserved: linesShape },
    StockReturned: { storeOrderId: 'text', lines: linesShape, to: 'text' },
  },
};

type Packed = PackedEndedRounds & {
  items: [sku: string, onHand: number | null, reserved: number, safetyBuffer: number][];
  reservations: [string, Reservation][];
  recent: [string, StockLine[]][];
  older: [string, StockLine[]][];
};
