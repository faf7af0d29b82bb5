import { sameLines, type CartLine } from './cart.ts';
import { Rejected } from './decider.ts';
import type { Listing } from './listing.ts';
import { linePaise, sumPaise } from './money.ts';

/** Time to type an address. What a shop raises meanwhile it does not get from these orders. */
export const QUOTE_HOLDS_MS = 15 * 60_000;

/** What a shopper was asked for, for exactly these lines. */
export type Quote = {
  lines: (CartLine & { pricePaise: number })[];
  totalPaise: number;
  /** RFC 3339, UTC: until then a price that rises is not charged. */
  expiresAt: string;
};

/** A price for one piece: what was quoted, and what it is now. */
export type PriceRise = { listingId: string; quotedPaise: number; pricePaise: number };

/**
 * The listings at the prices that the holder of a quote pays. A price that fell applies. One that
 * rose is not charged while the quote holds; afterwards it is for the shopper to accept in a new
 * quote. So nobody ever pays more than was quoted, nor more than the shop asks.
 *
 * `listings` are those of now, one for each of `lines`, the cart of now.
 * Throws `Rejected` CART_CHANGED, or PRICE_CHANGED with every line that rose.
 */
export function honour(
  quote: Quote,
  lines: CartLine[],
  listings: ReadonlyMap<string, Listing>,
  now: Date,
): Map<string, Listing> {
  if (!sameLines(quote.lines, lines)) {
    throw new Rejected(
      'CART_CHANGED',
      'The cart changed since it was quoted: ask for a new quote.',
    );
  }
  const holds = now.getTime() < Date.parse(quote.expiresAt);
  const rises: (PriceRise & { quantity: number })[] = [];
  const honoured = new Map(listings);
  for (const { listingId, quantity, pricePaise: quotedPaise } of quote.lines) {
    const listing = listings.get(listingId);
    if (!listing?.published || listing.pricePaise <= quotedPaise) continue;
    rises.push({ listingId, quotedPaise, pricePaise: listing.pricePaise, quantity });
    honoured.set(listingId, { ...listing, pricePaise: quotedPaise });
  }
  if (rises.length > 0 && !holds) throw priceChanged(rises);
  return honoured;
}

function priceChanged(rises: (PriceRise & { quantity: number })[]): Rejected {
  return new Rejected(
    'PRICE_CHANGED',
    'The quote no longer holds, and prices rose: ask for a new quote and accept it.',
    {
      lines: rises.map(({ quantity: _, ...rise }) => rise),
      differencePaise: sumPaise(
        rises.map((rise) => linePaise(rise.pricePaise - rise.quotedPaise, rise.quantity)),
      ),
    },
  );
}
