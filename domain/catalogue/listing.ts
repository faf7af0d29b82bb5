import type { Decider, Message, Optional } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';
import { SINCE_EVER, rateOn, withRate, type GstRate } from '../money/tax.ts';

/** Names in other languages, by ISO 639-1 code; `name` itself is what the shop calls the item. */
export type LocalNames = { hi?: string; ta?: string };

/** What an item is. Null says that the shop did not tell. */
export type ListingDescription = {
  name: string;
  names: LocalNames;
  brand: string | null;
  category: string;
  subcategory: string | null;
  pack: string | null;
  description: string | null;
  hsn: string | null;
  /**
   * What a piece of a loose article is to weigh: it is weighed when it is picked, and the price is
   * for so much. Null where it is sold as it is.
   */
  gramsEach: number | null;
};

export type ListingPrice = { pricePaise: number; mrpPaise: number | null };

/**
 * A shop's wish for one of its listings. What is left out stays as it is. A GST rate holds from
 * the business date `gstFrom` on; without one, since ever.
 */
export type ListingCommand = Message<
  'PublishListing',
  { name: string; pricePaise: number; mrpPaise?: number | null } & Partial<
    ListingDescription & GstRate
  >
>;

export type ListingEvent =
  | Message<
      'ListingPublished',
      ListingDescription & ListingPrice & { gstPercent: number | null; gstFrom: string }
    >
  /** Only what changed. Older logs have the rate in here, which has held since ever. */
  | Message<'ListingDescribed', Partial<ListingDescription> & { gstPercent?: number | null }>
  | Message<'GstRateSet', GstRate>
  | Message<'PriceSet', ListingPrice>;

type Published = Extract<ListingEvent, { type: 'ListingPublished' }>['data'];
/** Nothing was loose, and rates had no date. */
type PublishedV1 = Optional<Published, 'gramsEach' | 'gstFrom'>;

export type Listing =
  | { published: false }
  | ({
      published: true;
      /** Oldest first. */
      gstRates: GstRate[];
    } & ListingDescription &
      ListingPrice);

/** The aisle of an item whose shop named none. */
export const DEFAULT_CATEGORY = 'Other';

const UNDESCRIBED: Omit<ListingDescription, 'name'> = {
  names: {},
  brand: null,
  category: DEFAULT_CATEGORY,
  subcategory: null,
  pack: null,
  description: null,
  hsn: null,
  gramsEach: null,
};

/** A listing is named by its shop and the shop's own article number (SKU). */
export const listingId = (storeId: string, sku: string): string => `${storeId}.${sku}`;

export const storeOfListing = (id: string): string => id.slice(0, id.indexOf('.'));

export const skuOfListing = (id: string): string => id.slice(id.indexOf('.') + 1);

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Those fields of `wish` that say something else than `current`. */
function changes<T extends object>(current: T, wish: Partial<T>): Partial<T> {
  const changed = Object.entries(wish).filter(
    ([field, value]) => value !== undefined && !same(value, current[field as keyof T]),
  );
  return Object.fromEntries(changed) as Partial<T>;
}

const namesShape = { hi: 'text?', ta: 'text?' } as const;
const descriptionShape = {
  brand: 'text?',
  subcategory: 'text?',
  pack: 'text?',
  description: 'text?',
  hsn: 'text?',
  gramsEach: 'integer?',
  gstPercent: 'number?',
} as const;
const priceShape = { pricePaise: 'integer', mrpPaise: 'integer?' } as const;

export const listing: Decider<Listing, ListingCommand, ListingEvent> = {
  category: 'listing',
  initial: { published: false },

  decide: {
    PublishListing(state, { pricePaise, mrpPaise, gstPercent, gstFrom, ...description }) {
      const price = {
        pricePaise,
        mrpPaise: mrpPaise === undefined ? (state.published ? state.mrpPaise : null) : mrpPaise,
      };
      // Legal Metrology (Packaged Commodities) Rules 2011, rule 18: nobody sells above the MRP.
      if (price.mrpPaise !== null && price.pricePaise > price.mrpPaise) {
        throw new Rejected('PRICE_ABOVE_MRP');
      }
      const rate = { gstFrom: gstFrom ?? SINCE_EVER, gstPercent: gstPercent ?? null };
      if (!state.published) {
        const data = { ...UNDESCRIBED, ...description, ...rate, ...price };
        return [{ type: 'ListingPublished', data }];
      }
      const described = changes<ListingDescription>(state, description);
      const events: ListingEvent[] = [];
      if (Object.keys(described).length > 0) {
        events.push({ type: 'ListingDescribed', data: described });
      }
      if (gstPercent !== undefined && rateOn(state.gstRates, rate.gstFrom) !== gstPercent) {
        events.push({ type: 'GstRateSet', data: rate });
      }
      if (price.pricePaise !== state.pricePaise || price.mrpPaise !== state.mrpPaise) {
        events.push({ type: 'PriceSet', data: price });
      }
      return events;
    },
  },

  evolve: {
    ListingPublished: (_, { gstPercent, gstFrom, ...data }) => ({
      published: true,
      gstRates: [{ gstFrom, gstPercent }],
      ...data,
    }),
    ListingDescribed: (state, { gstPercent, ...data }) => ({
      ...state,
      ...(gstPercent !== undefined && { gstRates: [{ gstFrom: SINCE_EVER, gstPercent }] }),
      ...data,
    }),
    GstRateSet: (state, rate) =>
      state.published ? { ...state, gstRates: withRate(state.gstRates, rate) } : state,
    PriceSet: (state, data) => ({ ...state, ...data }),
  },

  upcast: {
    ListingPublished: [
      ({ gramsEach = null, gstFrom = SINCE_EVER, ...data }: PublishedV1) => ({
        ...data,
        gramsEach,
        gstFrom,
      }),
    ],
  },

  shapes: {
    ListingPublished: {
      ...descriptionShape,
      ...priceShape,
      name: 'text',
      names: namesShape,
      category: 'text',
      gstFrom: 'text',
    },
    ListingDescribed: {
      ...descriptionShape,
      name: 'text?',
      names: ['?', namesShape],
      category: 'text?',
    },
    GstRateSet: { gstFrom: 'text', gstPercent: 'number?' },
    PriceSet: priceShape,
  },
};
