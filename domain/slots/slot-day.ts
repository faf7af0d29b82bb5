import { evolve, type Decider, type Message, type Optional } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';

/** In minutes of the day in Asia/Kolkata; beyond 1440 is after midnight. */
export type Slot = { fromMinute: number; toMinute: number; capacity: number };

/** A slot of a day (`2026-11-21`) that a store order comes in. */
export type OrderSlot = { date: string; fromMinute: number; toMinute: number };

export type SlotReleaseReason = 'order-rejected' | 'rejected-by-shop' | 'cancelled';

/** Whose hold it is: in every event of it. */
type Holder = { storeOrderId: string; orderId: string };
/**
 * `expiresAt` (RFC 3339) is when its checkout is given up. `round` counts the times that an order is
 * gone through: 1 is the checkout, 2 the late payment that brings it back.
 */
type Hold = Holder & { fromMinute: number; expiresAt: string; round: number };

export type SlotDayCommand =
  | Message<'SetSlotCapacity', { slots: Slot[] }>
  | Message<'HoldSlot', Hold>
  | Message<'ConfirmSlot', { storeOrderId: string }>
  /** Without a `round`, whichever stands. */
  | Message<'ReleaseSlot', { storeOrderId: string; reason: SlotReleaseReason; round?: number }>;

export type SlotDayEvent =
  | Message<'SlotCapacitySet', { slots: Slot[] }>
  | Message<'SlotHeld', Hold>
  | Message<'SlotConfirmed', Holder>
  | Message<'SlotReleased', Holder & { reason: SlotReleaseReason }>;

type Held = { orderId: string; round: number; fromMinute: number; confirmed: boolean };

/**
 * The slots of a shop's day, and by store order who has a place in which; and in which round who
 * had one gave it back.
 */
export type SlotDay = {
  slots: Slot[];
  held: ReadonlyMap<string, Held>;
  ended: ReadonlyMap<string, number>;
};

/** Places that are left; 0 too where the shop lowered the capacity below what is taken. */
export function leftIn({ held }: Pick<SlotDay, 'held'>, { fromMinute, capacity }: Slot): number {
  const taken = [...held.values()].filter((hold) => hold.fromMinute === fromMinute).length;
  return Math.max(0, capacity - taken);
}

/** The slot that begins then. Throws `Rejected` SLOT_NOT_FOUND, or SLOT_FULL. */
export function freeSlot(day: SlotDay, fromMinute: number): Slot {
  const slot = day.slots.find((one) => one.fromMinute === fromMinute);
  if (!slot) {
    throw new Rejected('SLOT_NOT_FOUND', { because: 'no-such-slot', fromMinute });
  }
  if (leftIn(day, slot) === 0) {
    const { toMinute } = slot;
    throw new Rejected('SLOT_FULL', { because: 'full', fromMinute, toMinute });
  }
  return slot;
}

const withHeld = (state: SlotDay, storeOrderId: string, hold: Held): SlotDay => ({
  ...state,
  held: new Map(state.held).set(storeOrderId, hold),
});

const released = (
  storeOrderId: string,
  { orderId }: Held,
  reason: SlotReleaseReason,
): SlotDayEvent => ({ type: 'SlotReleased', data: { storeOrderId, orderId, reason } });

const holderShape = { storeOrderId: 'text', orderId: 'text' } as const;

/** A shop's day of delivery slots: no slot is ever given to more orders than it has places. */
export const slotDay: Decider<SlotDay, SlotDayCommand, SlotDayEvent> = {
  category: 'slotday',
  initial: { slots: [], held: new Map(), ended: new Map() },

  decide: {
    /** What is held stays so, also where its slot shrinks or goes. */
    SetSlotCapacity(state, data) {
      const slots = data.slots
        .map(({ fromMinute, toMinute, capacity }) => ({ fromMinute, toMinute, capacity }))
        .toSorted((a, b) => a.fromMinute - b.fromMinute);
      const isSame = JSON.stringify(slots) === JSON.stringify(state.slots);
      return isSame ? [] : [{ type: 'SlotCapacitySet', data: { slots } }];
    },
    /**
     * Each round has a place once and gives it back once, however often and late it is asked for;
     * a later one takes it over from an earlier one. Throws SLOT_NOT_FOUND, SLOT_FULL.
     */
    HoldSlot(state, data) {
      const { storeOrderId, round, fromMinute } = data;
      const standing = state.held.get(storeOrderId);
      if ((standing?.round ?? state.ended.get(storeOrderId) ?? 0) >= round) return [];
      const freed = standing ? [released(storeOrderId, standing, 'order-rejected')] : [];
      const before = freed.reduce((day, event) => evolve(slotDay, day, event), state);
      freeSlot(before, fromMinute);
      return [...freed, { type: 'SlotHeld', data }];
    },
    ConfirmSlot(state, { storeOrderId }) {
      const hold = state.held.get(storeOrderId);
      if (!hold || hold.confirmed) return [];
      return [{ type: 'SlotConfirmed', data: { storeOrderId, orderId: hold.orderId } }];
    },
    /** A place of another round than the one that is named stays. */
    ReleaseSlot(state, { storeOrderId, reason, round }) {
      const standing = state.held.get(storeOrderId);
      if (!standing || (round !== undefined && round !== standing.round)) return [];
      return [released(storeOrderId, standing, reason)];
    },
  },

  evolve: {
    SlotCapacitySet: (state, { slots }) => ({ ...state, slots }),
    SlotHeld: (state, { storeOrderId, orderId, fromMinute, round }) =>
      withHeld(state, storeOrderId, { orderId, round, fromMinute, confirmed: false }),
    SlotConfirmed: (state, { storeOrderId }) =>
      withHeld(state, storeOrderId, { ...state.held.get(storeOrderId)!, confirmed: true }),
    SlotReleased(state, { storeOrderId }) {
      const standing = state.held.get(storeOrderId);
      if (!standing) return state;
      const held = new Map(state.held);
      held.delete(storeOrderId);
      return { ...state, held, ended: new Map(state.ended).set(storeOrderId, standing.round) };
    },
  },

  upcast: {
    /** There was no other round than the first. */
    SlotHeld: [({ round = 1, ...data }: Optional<Hold, 'round'>) => ({ ...data, round })],
  },

  shapes: {
    SlotCapacitySet: {
      slots: [{ fromMinute: 'integer', toMinute: 'integer', capacity: 'integer' }],
    },
    SlotHeld: { ...holderShape, fromMinute: 'integer', expiresAt: 'time', round: 'integer' },
    SlotConfirmed: holderShape,
    SlotReleased: { ...holderShape, reason: 'text' },
  },
};

/** A day's stream is named after its shop and its date. */
export const slotDayId = (storeId: string, date: string): string => `${storeId}.${date}`;
