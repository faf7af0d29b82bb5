import { sameLines, type CartLine } from '../cart/cart.ts';
import { Rejected } from '../rejection.ts';
import type { Coordinates } from '../stores/delivery.ts';
import { linePaise, sumPaise } from '../money/money.ts';
import type { OrderPart } from './order.ts';

/** Time to type an address. What a shop raises meanwhile it does not get from these orders. */
export const QUOTE_HOLDS_MS = 15 * 60_000;

/** What a shop asks for its store order: for the goods and for bringing them. */
export type PricedPart = Omit<OrderPart, 'storeOrderId'>;

/** Null where the shopper did not say yet. */
export type Destination = { pincode: string | null; location: Coordinates | null };

/** What a shopper was asked for, for exactly these lines, brought or fetched in this way. */
export type Quote = {
  lines: (CartLine & { pricePaise: number })[];
  parts: Pick<PricedPart, 'storeId' | 'fulfilment' | 'feePaise'>[];
  destination: Destination;
  totalPaise: number;
  /** RFC 3339, UTC: until then a price or fee that rises is not charged. */
  expiresAt: string;
};

/** A price for one piece: what was quoted, and what it is now. */
export type PriceRise = { listingId: string; quotedPaise: number; pricePaise: number };

/** What a shop takes for bringing its store order: what was quoted, and what it is now. */
export type FeeRise = { storeId: string; quotedPaise: number; feePaise: number };

/**
 * The store orders of a cart at what the holder of a quote pays. A price or fee that fell applies.
 * One that rose is not charged while the quote holds; afterwards it is for the shopper to accept in
 * a new quote. So nobody ever pays more than was quoted, nor more than the shop asks.
 *
 * `asked` is what the shops ask now, for the cart of now. Throws `Rejected` CART_CHANGED, or
 * PRICE_CHANGED with every line and fee that rose.
 */
export function applyQuote(
  quote: Quote,
  asked: PricedPart[],
  destination: Destination,
  now: Date,
): PricedPart[] {
  if (!isOf(quote, asked, destination)) {
    throw new Rejected('CART_CHANGED', { because: 'since-quoted' });
  }
  const prices = new Map(quote.lines.map((line) => [line.listingId, line.pricePaise]));
  const fees = new Map(quote.parts.map((one) => [one.storeId, one.feePaise]));
  if (now.getTime() >= Date.parse(quote.expiresAt)) assertNothingRose(asked, prices, fees);
  return asked.map((storeOrder) => {
    const lines = storeOrder.lines.map((line) => {
      const pricePaise = Math.min(line.pricePaise, prices.get(line.listingId)!);
      return { ...line, pricePaise, linePaise: linePaise(pricePaise, line.quantity) };
    });
    const feePaise = Math.min(storeOrder.feePaise, fees.get(storeOrder.storeId)!);
    const totalPaise = sumPaise([...lines.map((line) => line.linePaise), feePaise]);
    return { ...storeOrder, lines, feePaise, totalPaise };
  });
}

const linesOf = (asked: PricedPart[]) => asked.flatMap(({ lines }) => lines);

function isOf(quote: Quote, asked: PricedPart[], { pincode, location }: Destination): boolean {
  const { destination } = quote;
  const ways = new Map(quote.parts.map((one) => [one.storeId, one.fulfilment]));
  return (
    sameLines(quote.lines, linesOf(asked)) &&
    asked.every(({ storeId, fulfilment }) => ways.get(storeId) === fulfilment) &&
    destination.pincode === pincode &&
    destination.location?.latitude === location?.latitude &&
    destination.location?.longitude === location?.longitude
  );
}

function assertNothingRose(
  asked: PricedPart[],
  prices: ReadonlyMap<string, number>,
  fees: ReadonlyMap<string, number>,
): void {
  const risen = linesOf(asked).filter((line) => line.pricePaise > prices.get(line.listingId)!);
  const lines = risen.map(({ listingId, pricePaise }): PriceRise => {
    return { listingId, quotedPaise: prices.get(listingId)!, pricePaise };
  });
  const feeRises = asked
    .map(({ storeId, feePaise }): FeeRise => {
      return { storeId, quotedPaise: fees.get(storeId)!, feePaise };
    })
    .filter((rise) => rise.feePaise > rise.quotedPaise);
  if (lines.length + feeRises.length === 0) return;
  throw new Rejected('PRICE_CHANGED', {
    lines,
    fees: feeRises,
    differencePaise: sumPaise([
      ...risen.map(({ listingId, pricePaise, quantity }) =>
        linePaise(pricePaise - prices.get(listingId)!, quantity),
      ),
      ...feeRises.map((rise) => rise.feePaise - rise.quotedPaise),
    ]),
  });
}
