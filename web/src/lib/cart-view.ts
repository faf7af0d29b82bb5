import { linePaise, sumPaise } from '#domain/money/money.ts';
import type { Cart, CartStore } from './contract.ts';
import { savedPaise } from './money.ts';

/** A quantity that the shopper asked for and that the server has not confirmed yet. */
export type Wish = { quantity: number; pricePaise: number };

/** The cart as the shopper means it to be: what the server knows, with the wishes applied. */
export type CartView = {
  stores: CartStore[];
  quantity: number;
  totalPaise: number;
  /** Against the maximum retail prices. */
  savedPaise: number;
  /** False while it holds more of something than the shop has. */
  orderable: boolean;
};

/**
 * Applies wishes to the cart that was read last. What is wished to 0 is gone at once, and so is a
 * shop without lines. A wish for something that is not in the cart yet counts in the totals; its
 * line appears with the next read, which brings the rest of what a line shows.
 */
export function viewOf(cart: Cart | null, wishes: ReadonlyMap<string, Wish>): CartView {
  const stores = (cart?.stores ?? [])
    .map((store) => {
      const lines = store.lines
        .map((line) => {
          const quantity = wishes.get(line.listingId)?.quantity ?? line.quantity;
          const available = line.stock === null || quantity <= line.stock;
          return { ...line, quantity, available, linePaise: linePaise(line.pricePaise, quantity) };
        })
        .filter((line) => line.quantity > 0);
      return { ...store, lines, subtotalPaise: sumPaise(lines.map((line) => line.linePaise)) };
    })
    .filter((store) => store.lines.length > 0);

  const lines = stores.flatMap((store) => store.lines);
  const known = new Set(cart?.stores.flatMap((store) => store.lines.map((line) => line.listingId)));
  const coming = [...wishes].filter(([listingId]) => !known.has(listingId)).map(([, wish]) => wish);

  return {
    stores,
    quantity: [...lines, ...coming].reduce((total, { quantity }) => total + quantity, 0),
    totalPaise: sumPaise(
      [...lines, ...coming].map(({ pricePaise, quantity }) => linePaise(pricePaise, quantity)),
    ),
    savedPaise: savedPaise(lines),
    orderable: lines.length > 0 && lines.every((line) => line.available),
  };
}
