import type { IfMissing } from '#domain/ordering/order.ts';

/** What is to come instead, and for one that was chosen, what it is called. */
export type Wish = IfMissing & { name?: string };

const NOTHING: Wish = { wish: 'refund' };

/** What the shopper wants where a shop does not have an item; nothing, unless they said so. */
class IfMissingChoice {
  #wishes = $state.raw<ReadonlyMap<string, Wish>>(new Map());

  of(listingId: string): Wish {
    return this.#wishes.get(listingId) ?? NOTHING;
  }

  set(listingId: string, wish: Wish): void {
    this.#wishes = new Map(this.#wishes).set(listingId, wish);
  }

  /** For an order of these listings. */
  wishes(listingIds: string[]): Record<string, IfMissing> {
    const said = listingIds.filter((listingId) => this.#wishes.has(listingId));
    return Object.fromEntries(
      said.map((listingId) => {
        const { name: _, ...wish } = this.of(listingId);
        return [listingId, wish];
      }),
    );
  }
}

export const ifMissing = new IfMissingChoice();
