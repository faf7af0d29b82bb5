import type { FastifyInstance } from 'fastify';
import { MAX_LINE_QUANTITY, cart } from '../domain/cart/cart.ts';
import { Rejected } from '../domain/rejection.ts';
import { listing } from '../domain/catalogue/listing.ts';
import { idFrom } from '../platform/ids.ts';
import { count, object, text, uuid } from '../platform/schema.ts';
import type { Services } from './app.ts';
import {
  atPosition,
  commandHeaders,
  contextOf,
  contextOfCreation,
} from '../engine/commands/context.ts';
import type { Handler } from '../engine/commands/handle.ts';

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

/** Throws LISTING_NOT_FOUND. Whether it is sold at that price still is for the checkout to ask. */
export async function assertListed(handler: Handler, listingId: string): Promise<void> {
  const known = await handler.load(listing, listingId, { fresh: false });
  if (known.published) return;
  const now = await handler.load(listing, listingId, { fresh: true });
  if (!now.published) {
    throw new Rejected('LISTING_NOT_FOUND', `No shop sells "${listingId}": look for it again.`);
  }
}

export function cartRoutes(app: FastifyInstance, { handler }: Services): void {
  const opened = { 201: object({ cartId: uuid }) };
  app.post(
    '/carts',
    { schema: { headers: commandHeaders, response: opened } },
    async (request, reply) => {
      const context = contextOfCreation(request);
      const cartId = idFrom('cart', context.commandId);
      const command = { type: 'OpenCart', data: {} } as const;
      const { position } = await handler.handle(cart, cartId, command, context);
      return atPosition(reply.code(201), position).send({ cartId });
    },
  );

  app.put<{ Params: { cartId: string; listingId: string }; Body: { quantity: number } }>(
    '/carts/:cartId/items/:listingId',
    {
      schema: {
        params: itemParams,
        body: itemBody,
        headers: commandHeaders,
        response: { 200: object({ cartId: uuid, listingId: text, quantity: count }) },
      },
    },
    async (request, reply) => {
      const { cartId, listingId } = request.params;
      const { quantity } = request.body;
      if (quantity > 0) await assertListed(handler, listingId);
      const command = { type: 'SetCartItem', data: { listingId, quantity } } as const;
      const { position } = await handler.handle(cart, cartId, command, contextOf(request));
      return atPosition(reply, position).send({ cartId, listingId, quantity });
    },
  );
}
