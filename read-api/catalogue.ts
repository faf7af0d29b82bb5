import type { FastifyInstance } from 'fastify';
import { Problem } from '../platform/http.ts';
import type { Pool } from '../platform/postgres.ts';
import { localNames, paise, pincode } from '../domain/schema.ts';
import { count, list, object, orNull, text } from '../platform/schema.ts';
import { businessDate } from '../platform/time.ts';
import type { ListingDescription, ListingPrice } from '../domain/catalogue/listing.ts';
import type { PackSize, UnitPrice } from '../domain/catalogue/pack.ts';
import { searchable } from '../platform/text.ts';
import type { StoreRow } from '../projector/catalogue.ts';
import { STORES_TAG, storeTag } from '../projector/tags.ts';
import { readRoute } from '../engine/reading/route.ts';
import type { Services } from './services.ts';
import { afterSchema, decodeCursor, nextOf, limitTo, nextSchema, pageSize } from './paging.ts';
import { upiAddress } from './payments.ts';
import { anybody } from './who.ts';

const DEFAULT_PAGE = 24;
const MAX_PAGE = 100;
const STORES_PAGE = 200;
const MAX_SEARCH_WORDS = 6;

export type Store = {
  storeId: string;
  name: string;
  city: string;
  pincode: string;
  /** How many different items it sells. */
  listings: number;
};

/** A shop with what it says of how its goods come to people. */
export type StorePage = Store &
  Pick<StoreRow, 'delivery' | 'upi'> & {
    /** The state that it sells from, by code; null where nobody told. */
    state: string | null;
    /** Who charges no tax sells within that state only. */
    chargesTax: boolean;
    /** Whether it can be paid by card. */
    takesCards: boolean;
  };

/** `gramsEach` is what a piece is to weigh that is weighed when it is packed. */
export type CatalogueItem = Required<Omit<ListingDescription, 'description' | 'hsn'>> &
  ListingPrice & {
    listingId: string;
    /** What the text of the pack says, or the weight of what is loose; null where it is unclear. */
    packSize: PackSize | null;
    unitPrice: UnitPrice | null;
    /** Pieces that an order may have, exact from 10 down; null where the shop does not count. */
    stock: number | null;
  };

export type Catalogue = {
  storeId: string;
  items: CatalogueItem[];
  categories: { name: string; count: number }[];
  /** What to send as `after` for the next page; null on the last. */
  next: string | null;
};

export type Listing = CatalogueItem &
  Pick<ListingDescription, 'description' | 'hsn'> & {
    storeId: string;
    storeName: string;
    sku: string;
    gstPercent: number | null;
  };

/** An item as it stands in a catalogue; `l` is the listing, `s` its stock. */
export const ITEM_COLUMNS = `l.listing_id as "listingId", l.name, l.names, l.brand, l.category,
  l.subcategory, l.pack, l.grams_each as "gramsEach", l.price_paise as "pricePaise", l.mrp_paise as "mrpPaise",
  l.pack_size as "packSize", l.unit_price as "unitPrice",
  case when l.withdrawn_at is null then s.quantity else 0 end as stock`;

/** Of the rates that a listing has from given days on, the one of a day in India ($2). */
const GST_PERCENT = `(select (rate->>'gstPercent')::float
  from json_array_elements(l.gst_rates) rate
  where rate->>'gstFrom' <= $2
  order by rate->>'gstFrom' desc limit 1)`;

const STORE_COLUMNS = `s.store_id as "storeId", s.name, s.city, s.pincode,
  (select count(*)::int from catalogue.listing l
    where l.store_id = s.store_id and l.withdrawn_at is null) as listings`;

/** Throws a 404 for an unknown shop. */
export async function findStore(pool: Pool, storeId: string): Promise<StoreRow> {
  const { rows } = await pool.query<StoreRow>({
    name: 'store',
    text: `select store_id, name, city, pincode, delivery, upi, takes_cards, charges_tax,
        state
      from catalogue.store where store_id = $1`,
    values: [storeId],
  });
  if (!rows[0]) throw new Problem(404, 'STORE_NOT_FOUND', `There is no shop "${storeId}".`);
  return rows[0];
}

export type Stores = { stores: Store[]; next: string | null };

/** The place of a page's last shop: those of the PIN code itself (0) come first. */
type StoreCursor = [isElsewhere: string, city: string, name: string, storeId: string];

/** The first three digits of a PIN code are its sorting district: the shops around it. */
async function readStores(
  pool: Pool,
  { pin, after, limit: asked }: { pin?: string; after?: string; limit?: string },
): Promise<Stores> {
  const limit = pageSize(asked, STORES_PAGE, STORES_PAGE);
  const isElsewhere = `(case when s.pincode = $1 then '0' else '1' end)`;
  const values: unknown[] = [pin ?? null, limit + 1];
  const place = `(${isElsewhere}, s.city, s.name, s.store_id)`;
  if (after) values.push(...decodeCursor<StoreCursor>(after, 4));
  const { rows } = await pool.query<Store & { isElsewhere: string }>(
    `select ${STORE_COLUMNS}, ${isElsewhere} as "isElsewhere" from catalogue.store s
     where ($1::text is null or left(s.pincode, 3) = left($1, 3))
       ${after ? `and ${place} > ($3, $4, $5, $6)` : ''}
     order by ${isElsewhere}, s.city, s.name, s.store_id limit $2`,
    values,
  );
  const stores = rows.slice(0, limit).map(({ isElsewhere: _, ...store }) => store);
  const next = nextOf(rows, limit, (last) => [
    last.isElsewhere,
    last.city,
    last.name,
    last.storeId,
  ]);
  return { stores, next };
}

async function readStore(pool: Pool, storeId: string): Promise<StorePage> {
  const row = await findStore(pool, storeId);
  const { delivery, upi, state, takes_cards: takesCards, charges_tax: chargesTax } = row;
  const { rows } = await pool.query<Store>(
    `select ${STORE_COLUMNS} from catalogue.store s where s.store_id = $1`,
    [storeId],
  );
  return { ...rows[0]!, delivery, upi, takesCards, state, chargesTax };
}

export type Wanted = { category?: string; q?: string; after?: string; limit?: string };
/** The place of a page's last item: aisle by aisle, by name. */
type Cursor = [category: string, sortKey: string, listingId: string];

/** Counting a large shop's aisles takes longer than reading a page of it: done once for all. */
async function readCategories(pool: Pool, storeId: string): Promise<Catalogue['categories']> {
  const { rows } = await pool.query<{ name: string; count: number }>(
    `select category as name, count(*)::int as count from catalogue.listing
     where store_id = $1 and withdrawn_at is null group by category order by category`,
    [storeId],
  );
  return rows;
}

/**
 * A page of a shop's listings: `columns` are what is wanted of each, and `Item` their type. `which`
 * are for sale, or also those that were withdrawn.
 */
export async function readPage<Item extends { listingId: string; category: string }>(
  pool: Pool,
  storeId: string,
  wanted: Wanted,
  columns: string,
  which: 'for-sale' | 'all' = 'for-sale',
): Promise<{ items: Item[]; next: string | null }> {
  const limit = pageSize(wanted.limit, DEFAULT_PAGE, MAX_PAGE);
  const values: unknown[] = [storeId];
  const where = ['l.store_id = $1'];
  if (which === 'for-sale') where.push('l.withdrawn_at is null');
  const add = (condition: (parameter: string) => string, value: unknown) =>
    where.push(condition(`$${values.push(value)}`));
  if (wanted.category) add((category) => `l.category = ${category}`, wanted.category);
  const words = searchable(wanted.q ?? '')
    .split(/\s+/)
    .filter(Boolean);
  for (const word of words.slice(0, MAX_SEARCH_WORDS)) {
    add((pattern) => `l.search like ${pattern}`, `%${word.replace(/[\\%_]/g, '\\$&')}%`);
  }
  if (wanted.after) {
    const parameters = decodeCursor<Cursor>(wanted.after, 3).map((part) => `$${values.push(part)}`);
    where.push(`(l.category, l.sort_key, l.listing_id) > (${parameters.join(', ')})`);
  }
  const { rows } = await pool.query<Item & { sortKey: string }>(
    `select ${columns}, l.sort_key as "sortKey"
     from catalogue.listing l left join catalogue.stock s using (listing_id)
     where ${where.join(' and ')}
     order by l.category, l.sort_key, l.listing_id limit $${values.push(limit + 1)}`,
    values,
  );
  const items = rows
    .slice(0, limit)
    .map(({ sortKey: _sortKey, ...item }) => item as unknown as Item);
  const next = nextOf(rows, limit, (last) => [last.category, last.sortKey, last.listingId]);
  return { items, next };
}

async function readListing(pool: Pool, listingId: string, date: string): Promise<Listing> {
  const { rows } = await pool.query<Listing>(
    `select ${ITEM_COLUMNS}, l.store_id as "storeId", t.name as "storeName",
       l.description, l.hsn, ${GST_PERCENT} as "gstPercent",
       substr(l.listing_id, length(l.store_id) + 2) as sku
     from catalogue.listing l
       join catalogue.store t using (store_id)
       left join catalogue.stock s using (listing_id)
     where listing_id = $1 and l.withdrawn_at is null`,
    [listingId, date],
  );
  if (!rows[0]) throw new Problem(404, 'LISTING_NOT_FOUND', `Nobody sells "${listingId}".`);
  return rows[0];
}

const storesQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { pin: pincode, after: afterSchema, limit: limitTo(STORES_PAGE) },
} as const;

export const catalogueQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    category: { type: 'string', maxLength: 300 },
    q: { type: 'string', maxLength: 200, description: 'Words that are all to be found' },
    after: afterSchema,
    limit: limitTo(MAX_PAGE),
  },
} as const;

const storeFields = { storeId: text, name: text, city: text, pincode, listings: count };
const storeSchema = object(storeFields);

const wholeNumber = { type: 'integer' } as const;
const coordinates = object({ latitude: { type: 'number' }, longitude: { type: 'number' } });

const storePageSchema = object({
  ...storeFields,
  state: orNull(text, 'That it sells from, by the code of GST; null where nobody told'),
  chargesTax: { type: 'boolean', description: 'Who charges none sells within that state only' },
  upi: orNull(upiAddress, 'Where it takes UPI; null where it does not'),
  takesCards: { type: 'boolean', description: 'Whether it can be paid by card' },
  delivery: object({
    paused: { type: 'boolean' },
    hours: object({
      weekly: orNull(
        list(object({ weekday: wholeNumber, fromMinute: wholeNumber, toMinute: wholeNumber })),
        'Weekday 0 is Sunday; minutes of the day in Asia/Kolkata; null is round the clock',
      ),
      holidays: list(text),
    }),
    area: object({
      pincodes: orNull(list(pincode), 'Null: all that begin with the three digits of its own'),
      within: orNull(object({ centre: coordinates, radiusMetres: wholeNumber })),
    }),
    minimumPaise: paise,
    fee: object({
      steps: list(object({ fromMetres: wholeNumber, fromPaise: paise, feePaise: paise })),
      freeFromPaise: orNull(paise),
    }),
    slotClosing: object({
      leadMinutes: wholeNumber,
      sameDayUntilMinute: orNull(wholeNumber, 'Of the day in Asia/Kolkata; null for no such end'),
    }),
  }),
});

export const itemFields = {
  listingId: text,
  name: text,
  names: localNames,
  brand: orNull(text),
  category: text,
  subcategory: orNull(text),
  pack: orNull(text),
  gramsEach: orNull(count, 'What a piece is to weigh that is weighed when it is packed'),
  pricePaise: paise,
  mrpPaise: orNull(paise),
  packSize: orNull(
    object({ count, amount: { type: 'number' }, unit: text }),
    'Read from the text of the pack: so many times an amount of g, ml or pieces',
  ),
  unitPrice: orNull(object({ paise, per: text }), 'By the g, kg, ml, l or piece'),
  stock: orNull(
    count,
    'Pieces that an order may have, exact from 10 down; null where the shop does not count',
  ),
};

const catalogueSchema = object({
  storeId: text,
  items: list(object(itemFields)),
  categories: list(object({ name: text, count })),
  next: nextSchema,
});

const listingSchema = object({
  ...itemFields,
  storeId: text,
  storeName: text,
  sku: text,
  description: orNull(text),
  hsn: orNull(text, 'Harmonised System of Nomenclature, 4, 6 or 8 digits'),
  gstPercent: orNull({ type: 'number' }),
});

/** An item's shop is the first part of its id. */
const storeOf = (listingId: string): string => listingId.split('.', 1)[0]!;

export function catalogueRoutes(app: FastifyInstance, services: Services): void {
  const { pool, answers, now } = services;
  const ofStore = ({ storeId }: { storeId: string }): string[] => [storeTag(storeId)];
  const today = (): string => businessDate(now().getTime());

  readRoute(app, services, {
    path: 'GET /stores',
    who: anybody,
    query: storesQuery,
    answer: object({ stores: list(storeSchema), next: nextSchema }),
    answers: 'public',
    tags: () => [STORES_TAG],
    read: (_, wanted: Pick<Wanted, 'after' | 'limit'> & { pin?: string }) =>
      readStores(pool, wanted),
  });

  readRoute(app, services, {
    path: 'GET /stores/:storeId',
    who: anybody,
    answer: storePageSchema,
    answers: 'public',
    tags: ofStore,
    read: ({ params: { storeId } }) => readStore(pool, storeId),
  });

  readRoute(app, services, {
    path: 'GET /stores/:storeId/catalogue',
    who: anybody,
    query: catalogueQuery,
    answer: catalogueSchema,
    answers: 'public',
    tags: ofStore,
    async read({ params }, wanted: Wanted): Promise<Catalogue> {
      const { storeId } = params;
      await findStore(pool, storeId);
      const counted = () => readCategories(pool, storeId);
      const [page, categories] = await Promise.all([
        readPage<CatalogueItem>(pool, storeId, wanted, ITEM_COLUMNS),
        answers.current(`categories of ${storeId}`, ofStore(params), counted),
      ]);
      return { storeId, categories, ...page };
    },
  });

  readRoute(app, services, {
    path: 'GET /listings/:listingId',
    who: anybody,
    params: { type: 'object', properties: { listingId: text } },
    answer: listingSchema,
    answers: 'public',
    tags: ({ listingId }) => [storeTag(storeOf(listingId))],
    // A rate that was announced turns at midnight, without an event.
    keyOf: (url) => `${url} on ${today()}`,
    read: ({ params: { listingId } }) => readListing(pool, listingId, today()),
  });
}
