import { sameLines } from '#domain/cart/cart.ts';
import { linePaise, sumPaise } from '#domain/money/money.ts';
import type { PaymentMethod } from '#domain/money/payment.ts';
import type { PricedPart } from '#domain/ordering/quote.ts';
import type { CartView } from './cart-view.ts';
import type { Cart } from './contract.ts';
import type { DeliveryWishes } from './delivery-choice.svelte.ts';
import { savedPaise } from './money.ts';

/** What write-api asks for a cart, by shop. `token` says in an order that it is accepted. */
export type Quote = {
  /** `taxPaise` is the GST within a store order's total. */
  parts: (Pick<PricedPart, 'storeId' | 'lines' | 'fulfilment' | 'feePaise' | 'totalPaise'> & {
    taxPaise: number;
  })[];
  totalPaise: number;
  /** In which ways it can be paid. */
  payments: PaymentMethod[];
  /** RFC 3339, UTC: until then no price rises. */
  expiresAt: string;
  token: string;
};

/** `destination` is where to, as it was asked for. */
export type AskedQuote = Quote & { destination: DeliveryWishes['address'] };

/** A piece, or a shop's delivery, that costs more than the shopper saw before. */
export type Rise = {
  /** A listing's; a delivery's says what is brought where, since another may cost more by right. */
  id: string;
  storeId: string;
  name: string;
  quantity: number;
  seenPaise: number;
  nowPaise: number;
};

type Cost = Omit<Rise, 'seenPaise'>;

/** Whether a quote is of just these lines: the shopper may have changed the cart since. */
export const isQuoteOf = ({ parts }: Quote, { stores }: Pick<Cart, 'stores'>): boolean =>
  sameLines(
    parts.flatMap((one) => one.lines),
    stores.flatMap((store) => store.lines),
  );

/**
 * The cart at what was quoted for it, so that its lines add up to the quote's total whatever the
 * shops ask meanwhile; as it is where it was not quoted, or has been changed since.
 */
export function atQuote(view: CartView, quote: Quote | null): CartView {
  if (!quote || !isQuoteOf(quote, view)) return view;
  const quoted = quote.parts.flatMap((one) => one.lines);
  const prices = new Map(quoted.map(({ listingId, pricePaise }) => [listingId, pricePaise]));
  const stores = view.stores.map((store) => {
    const lines = store.lines.map((line) => {
      const pricePaise = prices.get(line.listingId)!;
      return { ...line, pricePaise, linePaise: linePaise(pricePaise, line.quantity) };
    });
    return { ...store, lines, subtotalPaise: sumPaise(lines.map((line) => line.linePaise)) };
  });
  const totalPaise = sumPaise(stores.map((store) => store.subtotalPaise));
  const saved = savedPaise(stores.flatMap((store) => store.lines));
  return { ...view, stores, totalPaise, savedPaise: saved };
}

const costsOf = ({ parts, destination }: AskedQuote): Cost[] =>
  parts.flatMap(({ storeId, fulfilment, feePaise, lines }) => {
    const load = lines.map(({ listingId, quantity }) => [listingId, quantity]);
    const id = JSON.stringify([storeId, fulfilment, load, destination]);
    return [
      ...lines.map(({ listingId, name, quantity, pricePaise }) => {
        return { id: listingId, storeId, name, quantity, nowPaise: pricePaise };
      }),
      { id, storeId, name: 'Delivery', quantity: 1, nowPaise: feePaise },
    ];
  });

/**
 * What costs more in a renewed quote than in the one that the shopper saw, or than before a rise
 * that the shopper was told of and has not accepted yet.
 */
export function risesOf(seen: AskedQuote, renewed: AskedQuote, known: Rise[] = []): Rise[] {
  const seenPrices = new Map(costsOf(seen).map(({ id, nowPaise }) => [id, nowPaise]));
  for (const { id, seenPaise } of known) seenPrices.set(id, seenPaise);
  return costsOf(renewed).flatMap((cost) => {
    const seenPaise = seenPrices.get(cost.id);
    return seenPaise === undefined || seenPaise >= cost.nowPaise ? [] : [{ ...cost, seenPaise }];
  });
}

/** What the rises make in all. */
export const differencePaise = (rises: Rise[]): number =>
  sumPaise(rises.map((rise) => linePaise(rise.nowPaise - rise.seenPaise, rise.quantity)));
