import { sameLines } from '../../../domain/cart.ts';
import { linePaise, sumPaise } from '../../../domain/money.ts';
import type { OrderPart } from '../../../domain/order.ts';
import type { Cart } from './contract.ts';

/** What write-api asks for a cart, by shop. `token` says in an order that it is accepted. */
export type Quote = {
  parts: Omit<OrderPart, 'storeOrderId'>[];
  totalPaise: number;
  /** RFC 3339, UTC: until then no price rises. */
  expiresAt: string;
  token: string;
};

/** A line of which one piece costs more than the shopper saw before. */
export type Rise = { listingId: string; name: string; seenPaise: number; pricePaise: number };

const linesOf = ({ parts }: Quote) => parts.flatMap((part) => part.lines);

/** Whether a quote is of just these lines: the shopper may have changed the cart since. */
export const isQuoteOf = (quote: Quote, { stores }: Pick<Cart, 'stores'>): boolean =>
  sameLines(
    linesOf(quote),
    stores.flatMap((store) => store.lines),
  );

/** What costs more in a renewed quote than in the one that the shopper saw. */
export function risesOf(seen: Quote, renewed: Quote): Rise[] {
  const seenPrices = new Map(linesOf(seen).map((line) => [line.listingId, line.pricePaise]));
  return linesOf(renewed).flatMap(({ listingId, name, pricePaise }) => {
    const seenPaise = seenPrices.get(listingId);
    if (seenPaise === undefined || seenPaise >= pricePaise) return [];
    return [{ listingId, name, seenPaise, pricePaise }];
  });
}

/** What the rises make of a whole quote. */
export function differencePaise(rises: Rise[], quote: Quote): number {
  const quantities = new Map(linesOf(quote).map((line) => [line.listingId, line.quantity]));
  return sumPaise(
    rises.map(({ listingId, seenPaise, pricePaise }) =>
      linePaise(pricePaise - seenPaise, quantities.get(listingId) ?? 0),
    ),
  );
}
