import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import { read } from './api.ts';
import type { CartStore, StorePage } from './contract.ts';
import { termsFor, type Terms } from './delivery.ts';

/** How the shopper gets what is in the cart: from each shop brought, or fetched there. */
export class DeliveryChoice {
  pincode = $state<string | null>(null);
  nowMs = $state(Date.now());
  #shops = new SvelteMap<string, StorePage>();
  #pickups = new SvelteSet<string>();

  /** Reads what the shops say of their delivery now. Throws `ApiError`. */
  async load(storeIds: string[]): Promise<void> {
    await Promise.all(
      storeIds.map(async (storeId) => {
        const path = `/api/read/stores/${encodeURIComponent(storeId)}`;
        this.#shops.set(storeId, await read<StorePage>(path));
      }),
    );
    this.nowMs = Date.now();
  }

  isPickup(storeId: string): boolean {
    return this.#pickups.has(storeId);
  }

  setPickup(storeId: string, isPickup: boolean): void {
    if (isPickup) this.#pickups.add(storeId);
    else this.#pickups.delete(storeId);
  }

  /** Null while the shop's terms are not known. */
  termsOf({ storeId, subtotalPaise: valuePaise }: CartStore): Terms | null {
    const shop = this.#shops.get(storeId);
    if (!shop) return null;
    const { pincode, nowMs: atMs } = this;
    const fulfilment = this.isPickup(storeId) ? 'pickup' : 'delivery';
    return termsFor(shop, { fulfilment, pincode, valuePaise, atMs });
  }

  feesPaise(stores: CartStore[]): number {
    return stores.reduce((sum, store) => sum + (this.termsOf(store)?.feePaise ?? 0), 0);
  }

  /** Whether every shop takes its part. */
  isTaken(stores: CartStore[]): boolean {
    return stores.every((store) => this.termsOf(store)?.refusal === null);
  }

  /** Of the shops in the cart, those where the shopper fetches the goods. */
  pickupsOf(stores: CartStore[]): string[] {
    return stores.map(({ storeId }) => storeId).filter((storeId) => this.isPickup(storeId));
  }
}
