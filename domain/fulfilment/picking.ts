import type { CartLine } from '../cart/cart.ts';
import { linePaise, sharePaise, sumPaise } from '../money/money.ts';
import type { OrderLine } from '../ordering/order.ts';

/** How many times what was ordered the scales may say: beyond that a figure was mistyped. */
const MAX_OVERWEIGHT = 2;

/** What is delivered of a listing; `grams` is what was weighed. */
export type BasketLine = OrderLine & { grams?: number };

/** What is delivered of a listing, and how much of it came back. */
type Goods = { line: BasketLine; returned: number };

/** What takes the place of what was not there of a line. */
export type Substitution = Goods & {
  /** `chosen` until its shop has put it aside: nobody is asked before. */
  status: 'chosen' | 'proposed' | 'accepted';
  /** Events of its store order when it was chosen; absent once it is proposed. */
  chosenAt?: number;
  /** Pieces of the line that it stands for; they were to cost at least as much. */
  replaces: number;
  /** RFC 3339, UTC: without an answer by then, the shopper's own wish for the line holds. */
  expiresAt: string;
};

/**
 * A line as it was ordered, and what became of its pieces: given up by the shopper, not there, in
 * the basket, and of these, brought back after the delivery. Those of a loose article were `grams`
 * on the scales, all together.
 */
export type StoreOrderLine = OrderLine & {
  reduced: number;
  shorted: number;
  picked: number;
  grams?: number;
  returned: number;
  substitution: Substitution | null;
  /** The last substitute of which the shop had too little: so many were left. */
  unavailable?: { listingId: string; left: number };
};

export const ordered = (line: OrderLine): StoreOrderLine => ({
  ...line,
  reduced: 0,
  shorted: 0,
  picked: 0,
  returned: 0,
  substitution: null,
});

/** Pieces that the shop is to pick of the line itself, picked or not. */
export const toPick = ({ quantity, reduced, shorted, substitution }: StoreOrderLine): number =>
  quantity - reduced - shorted - (substitution?.replaces ?? 0);

/** Pieces of which nobody has said yet what becomes of them. */
export const restOf = (line: StoreOrderLine): number => toPick(line) - line.picked;

/**
 * What a shop keeps on its shelf for a store order: what is to pick, and what is to come instead.
 */
export const reservedFor = (lines: StoreOrderLine[]): CartLine[] =>
  lines
    .flatMap((line) => [
      { listingId: line.listingId, quantity: toPick(line) },
      ...(line.substitution ? [line.substitution.line] : []),
    ])
    .map(({ listingId, quantity }) => ({ listingId, quantity }))
    .filter(({ quantity }) => quantity > 0);

/** Substitutes that are still to be put aside. */
export const chosenIn = (
  lines: StoreOrderLine[],
): { listingId: string; substitution: Substitution }[] =>
  lines.flatMap(({ listingId, substitution }) =>
    substitution?.status === 'chosen' ? [{ listingId, substitution }] : [],
  );

/** Neither the line nor anything in its place is to be delivered. */
export const isGivenUp = ({ quantity, reduced, shorted }: StoreOrderLine): boolean =>
  quantity === reduced + shorted;

/** The shop did nothing about it yet. */
export const isUntouched = ({ picked, shorted, substitution }: StoreOrderLine): boolean =>
  picked === 0 && shorted === 0 && substitution === null;

/** Whether it still has to be put aside, or answered for. */
export const isUndecided = (substitution: Substitution | null): boolean =>
  substitution !== null && substitution.status !== 'accepted';

/** Nobody has anything left to say about a line. */
export const isSettled = (line: StoreOrderLine): boolean =>
  restOf(line) <= 0 && !isUndecided(line.substitution);

const acceptedIn = ({ substitution }: StoreOrderLine): Substitution | null =>
  substitution?.status === 'accepted' ? substitution : null;

/** A rupee: no gateway gives back less. */
const LEAST_REFUND_PAISE = 100;

/**
 * What is charged for goods worth so much where `most` was accepted: never more, and if it is less,
 * then by so much that the difference can go back.
 */
export const chargedOf = (most: number, worthPaise: number): number =>
  worthPaise >= most ? most : Math.max(0, Math.min(worthPaise, most - LEAST_REFUND_PAISE));

/** What the picked pieces cost: loose ones by the scales. */
function weighedPaise({ pricePaise, picked, gramsEach, grams }: StoreOrderLine): number {
  const most = linePaise(pricePaise, picked);
  if (!gramsEach || grams === undefined) return most;
  return chargedOf(most, sharePaise(pricePaise, grams, gramsEach));
}

function goodsOf(line: StoreOrderLine): Goods[] {
  const { reduced: _r, shorted: _s, picked: quantity, returned, substitution: _, ...as } = line;
  const own = { ...as, quantity, linePaise: weighedPaise(line) };
  const accepted = acceptedIn(line);
  return [...(quantity > 0 ? [{ line: own, returned }] : []), ...(accepted ? [accepted] : [])];
}

/** What is in the basket, picked and substituted, at what is charged for it. */
export const basketOf = (lines: StoreOrderLine[]): BasketLine[] =>
  lines.flatMap(goodsOf).map((goods) => goods.line);

/** What of the basket has not come back. */
export const notReturned = (
  lines: StoreOrderLine[],
): { listingId: string; name: string; quantity: number }[] =>
  lines.flatMap(goodsOf).map(({ line: { listingId, name, quantity }, returned }) => {
    return { listingId, name, quantity: quantity - returned };
  });

/** The lines once so many pieces of a listing, picked or substituted, came back. */
export const withReturned = (
  lines: StoreOrderLine[],
  listingId: string,
  pieces: number,
): StoreOrderLine[] =>
  lines.map((line) => {
    const { substitution } = line;
    if (line.listingId === listingId) return { ...line, returned: line.returned + pieces };
    if (substitution?.line.listingId !== listingId) return line;
    const returned = substitution.returned + pieces;
    return { ...line, substitution: { ...substitution, returned } };
  });

/** What is charged for a line at most: for what is still to come as for what was picked. */
function ceilingOf(line: StoreOrderLine): number {
  const accepted = acceptedIn(line);
  const pieces = line.quantity - line.reduced - line.shorted - (accepted?.replaces ?? 0);
  return linePaise(line.pricePaise, pieces) + (accepted?.line.linePaise ?? 0);
}

/** What is given back for pieces of a line that came back. */
const creditOf = ({ line, returned }: Goods): number =>
  sharePaise(line.linePaise, returned, line.quantity);

/**
 * What lines cost: at most, and once they are packed, what the basket does, less what came back.
 */
export const chargedPaise = (lines: StoreOrderLine[], packed: boolean): number =>
  packed
    ? sumPaise(lines.flatMap(goodsOf).map((goods) => goods.line.linePaise - creditOf(goods)))
    : sumPaise(lines.map(ceilingOf));

/** What so many pieces of a line can weigh at most, in grams; 0 for what is not weighed. */
export const mostGrams = ({ gramsEach = 0 }: OrderLine, quantity: number): number =>
  quantity * gramsEach * MAX_OVERWEIGHT;

/** Whether so many pieces of a line, picked, can weigh so much; what is not loose is not weighed. */
export const isWeight = (line: OrderLine, quantity: number, grams: number | undefined): boolean =>
  mostGrams(line, quantity) > 0
    ? grams !== undefined && grams > 0 && grams <= mostGrams(line, quantity)
    : grams === undefined;
