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
 * A shop's wish for one of its listings. What is left out stays as it is, of `names` each by itself,
 * where null takes one away. A GST rate holds from the business date `gstFrom` on; without one, since
 * ever.
 */
export type ListingWish = {
  name: string;
  names?: { [Language in keyof LocalNames]?: string | null };
  pricePaise: number;
  mrpPaise?: number | null;
} & Partial<Omit<ListingDescription, 'name' | 'names'> & GstRate>;

type Nothing = Record<string, never>;

export type ListingCommand =
  | Message<'PublishListing', ListingWish>
  | Message<'WithdrawListing', Nothing>
  | Message<'RelistListing', Nothing>;

export type ListingEvent =
  | Message<
      'ListingPublished',
      ListingDescription & ListingPrice & { gstPercent: number | null; gstFrom: string }
    >
  /** Only what changed. Older logs have the rate in here, which has held since ever. */
  | Message<'ListingDescribed', Partial<ListingDescription> & { gstPercent?: number | null }>
  | Message<'GstRateSet', GstRate>
  | Message<'PriceSet', ListingPrice>
  /** It is no longer for sale; what it is and costs stays known, for orders and for a return. */
  | Message<'ListingWithdrawn', Nothing>
  | Message<'ListingRelisted', Nothing>;

type Published = Extract<ListingEvent, { type: 'ListingPublished' }>['data'];
/** Nothing was loose, and rates had no date. */
type PublishedV1 = Optional<Published, 'gramsEach' | 'gstFrom'>;

export type Listing =
  | { published: false }
  | ({
      published: true;
      /** It was for sale, and is not. */
      withdrawn: boolean;
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

/** Whether somebody can buy it. */
export const isForSale = (
  listing: Listing | undefined,
): listing is Extract<Listing, { published: true }> =>
  listing?.published === true && !listing.withdrawn;

/** A text that is only spelled in another of Unicode's forms is the same. */
const textOf = (value: unknown): string => JSON.stringify(value).normalize('NFC');
const same = (a: unknown, b: unknown): boolean => textOf(a) === textOf(b);

/** In the order in which they are always written, so that the same names are the same text. */
function named(known: LocalNames, wish: ListingWish['names'] = {}): LocalNames {
  const { hi, ta } = { ...known, ...wish };
  return { ...(hi && { hi }), ...(ta && { ta }) };
}

/** Those fields of `wish` that say something else than `current`. */
function changes<T extends object>(current: T, wish: Partial<T>): Partial<T> {
  const changed = Object.entries(wish).filter(
    ([field, value]) => value !== undefined && !same(value, current[field as keyof T]),
  );
  return Object.fromEntries(changed) as Partial<T>;
}

export const listing: Decider<Listing, ListingCommand, ListingEvent> = {
  category: 'listing',
  initial: { published: false },

  decide: {
    PublishListing(state, { pricePaise, mrpPaise, gstPercent, gstFrom, names, ...rest }) {
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
        const data = { ...UNDESCRIBED, ...rest, names: named({}, names), ...rate, ...price };
        return [{ type: 'ListingPublished', data }];
      }
      const description = { ...rest, ...(names && { names: named(state.names, names) }) };
      const described = changes<ListingDescription>(state, description);
      const events: ListingEvent[] = [];
      if (state.withdrawn) events.push({ type: 'ListingRelisted', data: {} });
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

    WithdrawListing(state) {
      if (!state.published) throw new Rejected('LISTING_NOT_FOUND', { because: 'not-listed' });
      return state.withdrawn ? [] : [{ type: 'ListingWithdrawn', data: {} }];
    },

    RelistListing(state) {
      if (!state.published) throw new Rejected('LISTING_NOT_FOUND', { because: 'not-listed' });
      return state.withdrawn ? [{ type: 'ListingRelisted', data: {} }] : [];
    },
  },

  evolve: {
    ListingPublished: (_, { gstPercent, gstFrom, ...data }) => ({
      published: true,
      withdrawn: false,
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
    ListingWithdrawn: (state) => (state.published ? { ...state, withdrawn: true } : state),
    ListingRelisted: (state) => (state.published ? { ...state, withdrawn: false } : state),
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
};
