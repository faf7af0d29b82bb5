import type { FastifyInstance } from 'fastify';
import { MAX_LINE_QUANTITY, cart } from '../domain/cart/cart.ts';
import { Rejected } from '../domain/rejection.ts';
import { isForSale, listing } from '../domain/catalogue/listing.ts';
import { count, object, text, uuid } from '../platform/schema.ts';
import type { Services } from './services.ts';
import type { Handler } from '../engine/commands/handle.ts';
import { commandRoute } from '../engine/commands/route.ts';
import { shopper, shopperOfCart } from './who.ts';

const itemParams = {
  type: 'object',
  properties: {
    cartId: uuid,
    listingId: { type: 'string', minLength: 3, maxLength: 128 },
  },
} as const;

const itemBody = {
  type: 'object',
  required: ['quantity'],
  additionalProperties: false,
  properties: {
    quantity: {
      type: 'integer',
      minimum: 0,
      maximum: MAX_LINE_QUANTITY,
      description: 'Pieces of the item that the cart is to hold; 0 takes it out.',
    },
  },
} as const;

/**
 * Throws LISTING_NOT_FOUND for what no shop ever listed. What was withdrawn may still be on a shelf,
 * to be counted and sold at the counter.
 */
export async function assertListed(handler: Handler, listingId: string): Promise<void> {
  const known = await handler.load(listing, listingId, { fresh: ({ published }) => !published });
  if (!known.published) {
    throw new Rejected('LISTING_NOT_FOUND', { because: 'unknown', listingId });
  }
}

/** Throws LISTING_NOT_FOUND. Whether it is sold at that price still is for the checkout to ask. */
async function assertForSale(handler: Handler, listingId: string): Promise<void> {
  const known = await handler.load(listing, listingId, { fresh: (seen) => !isForSale(seen) });
  if (isForSale(known)) return;
  const because = known.published ? 'withdrawn' : 'unknown';
  throw new Rejected('LISTING_NOT_FOUND', { because, listingId });
}

export function cartRoutes(app: FastifyInstance, services: Services): void {
  const { handler } = services;

  commandRoute(app, handler, {
    path: 'POST /carts',
    who: shopper(services),
    creates: 'cart',
    decider: cart,
    command: (_, { caller: { actor } }) => ({ type: 'OpenCart', data: { shopper: actor } }),
    answer: object({ cartId: uuid }),
    reply: (_, { id: cartId }) => ({ cartId }),
  });

  commandRoute(app, handler, {
    path: 'PUT /carts/:cartId/items/:listingId',
    who: shopperOfCart(services),
    params: itemParams,
    id: ({ cartId }) => cartId,
    body: itemBody,
    decider: cart,
    async command({ quantity }: { quantity: number }, { params: { listingId } }) {
      if (quantity > 0) await assertForSale(handler, listingId);
      return { type: 'SetCartItem', data: { listingId, quantity } };
    },
    answer: object({ cartId: uuid, listingId: text, quantity: count }),
    reply: (_, { params, body: { quantity } }) => ({ ...params, quantity }),
  });
}
