import type { FastifyInstance } from 'fastify';
import { cart, type CartLine } from '../domain/cart.ts';
import { Rejected } from '../domain/decider.ts';
import { listing, type Listing } from '../domain/listing.ts';
import { sumPaise } from '../domain/money.ts';
import { quote } from '../domain/order.ts';
import { QUOTE_HOLDS_MS, type Quote } from '../domain/quote.ts';
import { Problem } from '../platform/http.ts';
import {
  count,
  list,
  localNames,
  object,
  orNull,
  paise,
  text,
  time,
  uuid,
} from '../platform/schema.ts';
import { sign, verified } from '../platform/signature.ts';
import type { Services } from './app.ts';
import type { Handler } from './handle.ts';

const params = { type: 'object', properties: { cartId: uuid } } as const;

const quoted = object({
  parts: list(
    object({
      storeId: text,
      lines: list(
        object({
          listingId: text,
          name: text,
          names: localNames,
          pack: orNull(text),
          quantity: count,
          pricePaise: paise,
          linePaise: paise,
        }),
      ),
      totalPaise: paise,
    }),
  ),
  totalPaise: paise,
  expiresAt: time,
  token: { ...text, description: 'Says in an order that this quote is accepted' },
});

/**
 * A quote is not stored: its token is the quote itself, signed. So asking for one costs no event
 * however often a shopper looks, and any server can check what another one quoted.
 */
export function quoteRoutes(app: FastifyInstance, { handler, quoteSecret, now }: Services): void {
  app.post<{ Params: { cartId: string } }>(
    '/carts/:cartId/quotes',
    { schema: { params, response: { 200: quoted } } },
    async (request, reply) => {
      const { cartId } = request.params;
      const { lines, listings } = await readOpenCart(handler, cartId);
      const parts = quote(lines, (listingId) => listings.get(listingId));
      const made: Quote = {
        lines: parts.flatMap((part) => part.lines),
        totalPaise: sumPaise(parts.map((part) => part.totalPaise)),
        expiresAt: new Date(now().getTime() + QUOTE_HOLDS_MS).toISOString(),
      };
      const { totalPaise, expiresAt } = made;
      const token = quoteToken(quoteSecret, cartId, made);
      return reply.send({ parts, totalPaise, expiresAt, token });
    },
  );
}

/**
 * What a cart holds, and its listings, as their streams have them now.
 * Throws `Rejected` CART_NOT_FOUND, CART_CHECKED_OUT.
 */
export async function readOpenCart(
  handler: Handler,
  cartId: string,
): Promise<{ lines: CartLine[]; listings: Map<string, Listing> }> {
  const { status, lines } = await handler.load(cart, cartId, { fresh: true });
  if (status === 'none') throw new Rejected('CART_NOT_FOUND', 'There is no such cart.');
  if (status === 'checked-out') {
    throw new Rejected('CART_CHECKED_OUT', 'This cart was ordered already: open a new one.');
  }
  const listings = await Promise.all(
    lines.map(async ({ listingId }) => {
      const current = await handler.load(listing, listingId, { fresh: true });
      return [listingId, current] as const;
    }),
  );
  return { lines, listings: new Map(listings) };
}

/** Lines are short, since a cart may have 200 and a phone sends them back. */
type Signed = {
  cartId: string;
  expiresAt: string;
  totalPaise: number;
  lines: [listingId: string, quantity: number, pricePaise: number][];
};

function quoteToken(secret: string, cartId: string, { lines, ...rest }: Quote): string {
  const signed: Signed = {
    ...rest,
    cartId,
    lines: lines.map((line) => [line.listingId, line.quantity, line.pricePaise]),
  };
  return sign(secret, Buffer.from(JSON.stringify(signed)).toString('base64url'));
}

/** The quote of this cart in a token. Throws INVALID_QUOTE for whatever was not made here for it. */
export function readQuote(secret: string, cartId: string, token: string): Quote {
  const encoded = verified(secret, token);
  const signed = encoded && (JSON.parse(Buffer.from(encoded, 'base64url').toString()) as Signed);
  if (!signed || signed.cartId !== cartId) {
    throw new Problem(
      400,
      'INVALID_QUOTE',
      'This is not a quote of this cart: ask for a new one and send its token as it is.',
    );
  }
  const { expiresAt, totalPaise } = signed;
  const lines = signed.lines.map(([listingId, quantity, pricePaise]) => ({
    listingId,
    quantity,
    pricePaise,
  }));
  return { lines, totalPaise, expiresAt };
}
