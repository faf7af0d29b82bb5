import type { FastifyInstance } from 'fastify';
import { listing, listingId } from '../domain/catalogue/listing.ts';
import { commandRoute } from '../engine/commands/route.ts';
import { bodyOf, object, text } from '../platform/schema.ts';
import type { Services } from './services.ts';
import { shop } from './who.ts';

const withdrawn = {
  type: 'boolean',
  description: 'Not for sale, whatever is on the shelf',
} as const;

/** Takes an article off the shelf of its shop, and back on to it; a price list does the rest. */
export function listingRoutes(app: FastifyInstance, services: Services): void {
  commandRoute(app, services.handler, {
    path: 'PUT /stores/:storeId/listings/:sku/withdrawn',
    who: shop(services),
    id: ({ storeId, sku }) => listingId(storeId, sku),
    body: bodyOf({ withdrawn }),
    decider: listing,
    command: (body: { withdrawn: boolean }) => ({
      type: body.withdrawn ? 'WithdrawListing' : 'RelistListing',
      data: {},
    }),
    answer: object({ listingId: text, withdrawn }),
    reply: (_, { id, body }) => ({ listingId: id, withdrawn: body.withdrawn }),
  });
}
