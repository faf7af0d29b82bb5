import type { FastifyInstance } from 'fastify';
import { localNames, stockFigures } from '../domain/schema.ts';
import { list, object, orNull, text } from '../platform/schema.ts';
import type { ListingDescription } from '../domain/catalogue/listing.ts';
import type { StockItem as Counted } from '../domain/inventory/inventory.ts';
import { readRoute } from '../engine/reading/route.ts';
import type { Services } from './services.ts';
import { catalogueQuery, findStore, readPage, type Wanted } from './catalogue.ts';
import { nextSchema } from './paging.ts';
import { shop } from './who.ts';

/**
 * One article of a shop's books, in pieces. `onHand` is null while nobody counted or received it;
 * below zero, more was sold than the books knew of.
 */
export type StockItem = Pick<ListingDescription, 'name' | 'names' | 'pack' | 'category'> &
  Counted & {
    listingId: string;
    sku: string;
    /** It is not for sale, whatever is on the shelf. */
    withdrawn: boolean;
    /** What an order may have; null where nothing limits it. */
    available: number | null;
  };

export type Stock = { storeId: string; name: string; items: StockItem[]; next: string | null };

const COLUMNS = `l.listing_id as "listingId",
  substr(l.listing_id, length(l.store_id) + 2) as sku, l.name, l.names, l.pack, l.category,
  s.on_hand as "onHand", s.reserved, s.safety_buffer as "safetyBuffer",
  case when l.withdrawn_at is null then s.quantity else 0 end as available,
  l.withdrawn_at is not null as withdrawn`;

const stockSchema = object({
  storeId: text,
  name: text,
  items: list(
    object({
      listingId: text,
      sku: text,
      name: text,
      names: localNames,
      pack: orNull(text),
      category: text,
      withdrawn: { type: 'boolean' },
      ...stockFigures,
    }),
  ),
  next: nextSchema,
});

/** A shop's books, for the shop itself. */
export function stockRoutes(app: FastifyInstance, services: Services): void {
  const { pool } = services;
  readRoute(app, services, {
    path: 'GET /stores/:storeId/stock',
    who: shop(services),
    query: catalogueQuery,
    answer: stockSchema,
    answers: 'personal',
    async read({ params: { storeId } }, wanted: Wanted): Promise<Stock> {
      const { name } = await findStore(pool, storeId);
      const page = await readPage<StockItem>(pool, storeId, wanted, COLUMNS, 'all');
      return { storeId, name, ...page };
    },
  });
}
