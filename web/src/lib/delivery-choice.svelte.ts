import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import { read } from './api.ts';
import type { CartStore, Fulfilment, OrderSlot, Slots, StorePage } from './contract.ts';
import { isSlotOpen, type Coordinates } from '#domain/stores/delivery.ts';
import { refusalOf, type Refusal } from './delivery.ts';
import { datesFrom } from './time.ts';

/** Where to, shops where the goods are fetched, and slots in which they are wanted. */
export type DeliveryWishes = {
  /** Absent until the shopper says it. */
  address?: { pincode: string; state?: string; location?: Coordinates };
  pickup: string[];
  slots: { storeId: string; date: string; fromMinute: number }[];
};

/** Today and the two days after it: farther ahead nobody plans groceries. */
const SLOT_DAYS = 3;

/** How the shopper gets what is in the cart: from each shop brought, or fetched there. */
export class DeliveryChoice {
  pincode = $state<string | null>(null);
  /** By code; null while only the PIN code tells. */
  state = $state<string | null>(null);
  /** Where the shopper says to be; null while only the PIN code is known. */
  location = $state.raw<Coordinates | null>(null);
  nowMs = $state(Date.now());
  #shops = new SvelteMap<string, StorePage>();
  #pickups = new SvelteSet<string>();
  /** What can be chosen, and what was; null for as soon as the shop can. */
  #slots = new SvelteMap<string, OrderSlot[]>();
  #chosen = new SvelteMap<string, OrderSlot | null>();

  /** Reads what the shops say of their delivery now. Throws `ApiError`. */
  async load(storeIds: string[]): Promise<void> {
    const nowMs = Date.now();
    this.nowMs = nowMs;
    await Promise.all(
      storeIds.map(async (storeId) => {
        const path = `/api/read/stores/${encodeURIComponent(storeId)}`;
        const days = datesFrom(nowMs, SLOT_DAYS).map((date) =>
          read<Slots>(`${path}/slots?date=${date}`),
        );
        const shop = await read<StorePage>(path);
        this.#shops.set(storeId, shop);
        this.#setSlots(storeId, shop, await Promise.all(days));
      }),
    );
  }

  /** Those that have a place left and are open still; a choice that has gone is no choice. */
  #setSlots(storeId: string, { delivery }: StorePage, days: Slots[]): void {
    const slots = days.flatMap(({ date, slots: all }) =>
      all
        .filter(
          ({ left, fromMinute }) =>
            left > 0 && isSlotOpen(delivery, { date, fromMinute }, this.nowMs),
        )
        .map(({ fromMinute, toMinute }) => ({ date, fromMinute, toMinute })),
    );
    this.#slots.set(storeId, slots);
    const chosen = this.#chosen.get(storeId);
    const same = slots.find(
      ({ date, fromMinute }) => date === chosen?.date && fromMinute === chosen.fromMinute,
    );
    this.#chosen.set(storeId, same ?? null);
  }

  slotsOf(storeId: string): OrderSlot[] {
    return this.#slots.get(storeId) ?? [];
  }

  slotOf(storeId: string): OrderSlot | null {
    return this.#chosen.get(storeId) ?? null;
  }

  setSlot(storeId: string, slot: OrderSlot | null): void {
    this.#chosen.set(storeId, slot);
  }

  isPickup(storeId: string): boolean {
    return this.#pickups.has(storeId);
  }

  setPickup(storeId: string, isPickup: boolean): void {
    if (isPickup) this.#pickups.add(storeId);
    else this.#pickups.delete(storeId);
  }

  /** Why a shop does not take its store order; null while it is not known to refuse. */
  refusalOf({ storeId, subtotalPaise: valuePaise }: CartStore): Refusal | null {
    const shop = this.#shops.get(storeId);
    if (!shop) return null;
    const { pincode, state, location: coordinates, nowMs: atMs } = this;
    const fulfilment: Fulfilment = this.isPickup(storeId) ? 'pickup' : 'delivery';
    const hasSlot = this.slotOf(storeId) !== null;
    const wish = { fulfilment, pincode, state, coordinates, valuePaise, hasSlot, atMs };
    return refusalOf(shop, wish);
  }

  /** Of the first shop that refuses; null where none does. */
  firstRefusal(stores: CartStore[]): Refusal | null {
    return stores.map((store) => this.refusalOf(store)).find((refusal) => refusal !== null) ?? null;
  }

  /** As an address has it. */
  get located(): { state?: string; location?: Coordinates } {
    return {
      ...(this.state && { state: this.state }),
      ...(this.location && { location: this.location }),
    };
  }

  /** How the shopper wants it from the shops in the cart, as quote and order say it. */
  wishes(stores: CartStore[]): DeliveryWishes {
    const storeIds = stores.map(({ storeId }) => storeId);
    return {
      ...(this.pincode && { address: { pincode: this.pincode, ...this.located } }),
      pickup: storeIds.filter((storeId) => this.isPickup(storeId)),
      slots: storeIds.flatMap((storeId) => {
        const slot = this.slotOf(storeId);
        return slot ? [{ storeId, date: slot.date, fromMinute: slot.fromMinute }] : [];
      }),
    };
  }
}
