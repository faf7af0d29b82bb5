import type { Decider, Message } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';
import { clockOf } from '../stores/delivery.ts';

/** In minutes of the day in Asia/Kolkata; beyond 1440 is after midnight. */
export type Slot = { fromMinute: number; toMinute: number; capacity: number };

/** A slot of a day (`2026-11-21`) that part of an order comes in. */
export type OrderSlot = { date: string; fromMinute: number; toMinute: number };

export type SlotReleaseReason = 'order-rejected' | 'rejected-by-shop' | 'cancelled';

/** Whose hold it is: in every event of it. */
type Holder = { storeOrderId: string; orderId: string };
/** `expiresAt` (RFC 3339) is when its checkout is given up. */
type Hold = Holder & { fromMinute: number; expiresAt: string };

export type SlotDayCommand =
  | Message<'SetSlotCapacity', { slots: Slot[] }>
  | Message<'HoldSlot', Hold>
  | Message<'ConfirmSlot', { storeOrderId: string }>
  | Message<'ReleaseSlot', { storeOrderId: string; reason: SlotReleaseReason }>;

export type SlotDayEvent =
  | Message<'SlotCapacitySet', { slots: Slot[] }>
  | Message<'SlotHeld', Hold>
  | Message<'SlotConfirmed', Holder>
  | Message<'SlotReleased', Holder & { reason: SlotReleaseReason }>;

type Held = { orderId: string; fromMinute: number; confirmed: boolean };

/** The slots of a shop's day, and by store order who has a place in which. */
export type SlotDay = { slots: Slot[]; held: ReadonlyMap<string, Held> };

/** Places that are left; 0 too where the shop lowered the capacity below what is taken. */
export function leftIn({ held }: SlotDay, { fromMinute, capacity }: Slot): number {
  const taken = [...held.values()].filter((hold) => hold.fromMinute === fromMinute).length;
  return Math.max(0, capacity - taken);
}

/** The slot that begins then. Throws `Rejected` SLOT_NOT_FOUND, or SLOT_FULL. */
export function freeSlot(day: SlotDay, fromMinute: number): Slot {
  const slot = day.slots.find((one) => one.fromMinute === fromMinute);
  if (!slot) {
    throw new Rejected('SLOT_NOT_FOUND', `No slot begins at ${clockOf(fromMinute)}: choose again.`);
  }
  if (leftIn(day, slot) === 0) {
    const times = `${clockOf(slot.fromMinute)} to ${clockOf(slot.toMinute)}`;
    throw new Rejected('SLOT_FULL', `The slot from ${times} is full: choose another.`);
  }
  return slot;
}

const withHeld = (state: SlotDay, storeOrderId: string, hold: Held): SlotDay => ({
  ...state,
  held: new Map(state.held).set(storeOrderId, hold),
});

/** A shop's day of delivery slots: no slot is ever given to more orders than it has places. */
export const slotDay: Decider<SlotDay, SlotDayCommand, SlotDayEvent> = {
  category: 'slotday',
  initial: { slots: [], held: new Map() },

  decide: {
    /** What is held stays so, also where its slot shrinks or goes. */
    SetSlotCapacity(state, data) {
      const slots = data.slots
        .map(({ fromMinute, toMinute, capacity }) => ({ fromMinute, toMinute, capacity }))
        .toSorted((a, b) => a.fromMinute - b.fromMinute);
      const isSame = JSON.stringify(slots) === JSON.stringify(state.slots);
      return isSame ? [] : [{ type: 'SlotCapacitySet', data: { slots } }];
    },
    HoldSlot(state, data) {
      if (state.held.has(data.storeOrderId)) return [];
      freeSlot(state, data.fromMinute);
      return [{ type: 'SlotHeld', data }];
    },
    ConfirmSlot(state, { storeOrderId }) {
      const hold = state.held.get(storeOrderId);
      if (!hold || hold.confirmed) return [];
      return [{ type: 'SlotConfirmed', data: { storeOrderId, orderId: hold.orderId } }];
    },
    ReleaseSlot(state, { storeOrderId, reason }) {
      const hold = state.held.get(storeOrderId);
      if (!hold) return [];
      return [{ type: 'SlotReleased', data: { storeOrderId, orderId: hold.orderId, reason } }];
    },
  },

  evolve: {
    SlotCapacitySet: (state, { slots }) => ({ ...state, slots }),
    SlotHeld: (state, { storeOrderId, orderId, fromMinute }) =>
      withHeld(state, storeOrderId, { orderId, fromMinute, confirmed: false }),
    SlotConfirmed: (state, { storeOrderId }) =>
      withHeld(state, storeOrderId, { ...state.held.get(storeOrderId)!, confirmed: true }),
    SlotReleased(state, { storeOrderId }) {
      const held = new Map(state.held);
      held.delete(storeOrderId);
      return { ...state, held };
    },
  },
};

/** A day's stream is named after its shop and its date. */
export const slotDayId = (storeId: string, date: string): string => `${storeId}.${date}`;
