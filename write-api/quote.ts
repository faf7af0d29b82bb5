import type { FastifyInstance } from 'fastify';
import { cart } from '../domain/cart/cart.ts';
import { Rejected } from '../domain/rejection.ts';
import { FULFILMENTS, type Fulfilment } from '../domain/stores/delivery.ts';
import { LIMITS } from '../domain/limits.ts';
import { listing } from '../domain/catalogue/listing.ts';
import { sumPaise } from '../domain/money/money.ts';
import { quote } from '../domain/ordering/order.ts';
import { PAYMENT_METHODS } from '../domain/money/payment.ts';
import {
  QUOTE_HOLDS_MS,
  type Destination,
  type PricedPart,
  type Quote,
} from '../domain/ordering/quote.ts';
import { Problem } from '../platform/http.ts';
import { Limiter } from '../platform/limits.ts';
import { hookRoute } from '../platform/route.ts';
import { orderLineFields, paise } from '../domain/schema.ts';
import { list, object, text, time, uuid } from '../platform/schema.ts';
import { sign, verified } from '../platform/signature.ts';
import { businessDate } from '../platform/time.ts';
import type { Services } from './services.ts';
import {
  coordinatesSchema,
  notOrderable,
  onTerms,
  pickupIds,
  readAddress,
  slotWishes,
  stateSchema,
  writtenPincode,
  type Delivery,
} from './delivery.ts';
import type { Handler } from '../engine/commands/handle.ts';
import { storeOrderTaxPaise } from './invoices.ts';
import { methodsOf } from './payment-ports.ts';
import { shopperOfCart } from './who.ts';

const params = { type: 'object', properties: { cartId: uuid } } as const;

/** Without it, all is taken to be brought to somewhere near, as soon as the shops can. */
const wantedDelivery = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    address: {
      type: 'object',
      required: ['pincode'],
      additionalProperties: false,
      properties: { pincode: writtenPincode, state: stateSchema, location: coordinatesSchema },
    },
    pickup: pickupIds,
    slots: slotWishes,
  },
} as const;

const quoted = object({
  parts: list(
    object({
      storeId: text,
      lines: list(object(orderLineFields)),
      fulfilment: { type: 'string', enum: FULFILMENTS },
      feePaise: { ...paise, description: 'For bringing it, in paise: part of the total' },
      taxPaise: { ...paise, description: 'GST within the total, in paise' },
      totalPaise: paise,
    }),
  ),
  totalPaise: paise,
  payments: list({ type: 'string', enum: PAYMENT_METHODS }, 'In which ways it can be paid'),
  expiresAt: time,
  token: { ...text, description: 'Says in an order that this quote is accepted' },
});

/**
 * A quote is not stored: its token is the quote itself, signed. So asking for one costs no event
 * however often a shopper looks, and any server can check what another one quoted.
 */
export function quoteRoutes(app: FastifyInstance, services: Services): void {
  const { handler, quoteSecret, now } = services;
  hookRoute(app, {
    path: 'POST /carts/:cartId/quotes',
    who: shopperOfCart(services),
    limits: [new Limiter(LIMITS.quotesOfCart), new Limiter(LIMITS.quotes)],
    schema: { params, body: wantedDelivery, response: { 200: quoted } },
    async run({ params: { cartId }, body }, reply) {
      const said = (body as Delivery | null) ?? {};
      const delivery = { ...said, ...(said.address && { address: readAddress(said.address) }) };
      const at = now();
      const parts = await priceCart(handler, cartId, delivery, at);
      const made: Quote = {
        lines: parts.flatMap((one) => one.lines),
        parts,
        destination: destinationOf(delivery),
        totalPaise: sumPaise(parts.map((one) => one.totalPaise)),
        expiresAt: new Date(at.getTime() + QUOTE_HOLDS_MS).toISOString(),
      };
      const { totalPaise, expiresAt } = made;
      const token = quoteToken(quoteSecret, cartId, made);
      const storeIds = parts.map(({ storeId }) => storeId);
      const payments = await methodsOf(services, storeIds);
      const date = businessDate(at.getTime());
      const taxed = await Promise.all(
        parts.map(async (one) => ({
          ...one,
          taxPaise: await storeOrderTaxPaise(handler, one, date),
        })),
      );
      return reply.send({ parts: taxed, totalPaise, payments, expiresAt, token });
    },
  });
}

export const destinationOf = ({ address }: Delivery): Destination => ({
  pincode: address?.pincode ?? null,
  location: address?.location ?? null,
});

/**
 * What the shops ask for an open cart, as their streams have it now: for a quote and for an order.
 * Throws `Rejected` CART_NOT_FOUND, CART_CHECKED_OUT, and what `quote` and `onTerms` throw; where a
 * listing is damaged, a `Problem` that names it.
 */
export async function priceCart(
  handler: Handler,
  cartId: string,
  delivery: Delivery,
  at: Date,
): Promise<PricedPart[]> {
  const { status, lines } = await handler.load(cart, cartId, { fresh: true });
  if (status === 'none') throw new Rejected('CART_NOT_FOUND');
  if (status === 'checked-out') {
    throw new Rejected('CART_CHECKED_OUT');
  }
  const listings = await Promise.all(
    lines.map(async ({ listingId }) => {
      const reading = handler.load(listing, listingId, { fresh: true });
      const current = await reading.catch(notOrderable(() => [`"${listingId}"`]));
      return [listingId, current] as const;
    }),
  );
  const listingOf = new Map(listings);
  const goods = quote(lines, (listingId) => listingOf.get(listingId));
  return onTerms(handler, goods, delivery, at);
}

/** Lines are short, since a cart may have 200 and a phone sends them back. */
type Signed = {
  cartId: string;
  expiresAt: string;
  totalPaise: number;
  destination: Destination;
  lines: [listingId: string, quantity: number, pricePaise: number][];
  parts: [storeId: string, fulfilment: Fulfilment, feePaise: number][];
};

function quoteToken(secret: string, cartId: string, { lines, parts, ...rest }: Quote): string {
  const signed: Signed = {
    ...rest,
    cartId,
    lines: lines.map((line) => [line.listingId, line.quantity, line.pricePaise]),
    parts: parts.map((one) => [one.storeId, one.fulfilment, one.feePaise]),
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
  const { expiresAt, totalPaise, destination } = signed;
  const lines = signed.lines.map(([listingId, quantity, pricePaise]) => ({
    listingId,
    quantity,
    pricePaise,
  }));
  const parts = signed.parts.map(([storeId, fulfilment, feePaise]) => ({
    storeId,
    fulfilment,
    feePaise,
  }));
  return { lines, parts, destination, totalPaise, expiresAt };
}
