import { Rejected, type Decider, type Message } from './decider.ts';

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
  gstPercent: number | null;
};

export type ListingPrice = { pricePaise: number; mrpPaise: number | null };

/** A shop's wish for one of its listings. What is left out stays as it is. */
export type ListingCommand = Message<
  'PublishListing',
  { name: string; pricePaise: number; mrpPaise?: number | null } & Partial<ListingDescription>
>;

export type ListingEvent =
  | Message<'ListingPublished', ListingDescription & ListingPrice>
  | Message<'ListingDescribed', Partial<ListingDescription>>
  | Message<'PriceSet', ListingPrice>;

export type Listing =
  { published: false } | ({ published: true } & ListingDescription & ListingPrice);

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
  gstPercent: null,
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

export const listing: Decider<Listing, ListingCommand, ListingEvent> = {
  category: 'listing',
  initial: { published: false },

  decide: {
    PublishListing(state, { pricePaise, mrpPaise, ...description }) {
      const price = {
        pricePaise,
        mrpPaise: mrpPaise === undefined ? (state.published ? state.mrpPaise : null) : mrpPaise,
      };
      // Legal Metrology (Packaged Commodities) Rules 2011, rule 18: nobody sells above the MRP.
      if (price.mrpPaise !== null && price.pricePaise > price.mrpPaise) {
        throw new Rejected('PRICE_ABOVE_MRP', 'The price is above the MRP: lower it.');
      }
      if (!state.published) {
        return [{ type: 'ListingPublished', data: { ...UNDESCRIBED, ...description, ...price } }];
      }
      const described = changes<ListingDescription>(state, description);
      const events: ListingEvent[] = [];
      if (Object.keys(described).length > 0) {
        events.push({ type: 'ListingDescribed', data: described });
      }
      if (price.pricePaise !== state.pricePaise || price.mrpPaise !== state.mrpPaise) {
        events.push({ type: 'PriceSet', data: price });
      }
      return events;
    },
  },

  evolve: {
    ListingPublished: (_, data) => ({ published: true, ...data }),
    ListingDescribed: (state, data) => ({ ...state, ...data }),
    PriceSet: (state, data) => ({ ...state, ...data }),
  },
};
