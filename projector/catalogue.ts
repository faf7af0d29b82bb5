import type { InventoryEvent } from '../domain/inventory.ts';
import { listingId, storeOfListing, type ListingEvent } from '../domain/listing.ts';
import type { StoreEvent } from '../domain/store.ts';
import { SINCE_EVER, withRate, type GstRate } from '../domain/tax.ts';
import { projection } from './projection.ts';
import { defineTable, type Row } from './rows.ts';

const stores = defineTable(
  'store',
  { store_id: 'text', name: 'text', city: 'text', pincode: 'text' },
  ['store_id'],
  { indexes: ['(left(pincode, 3))'] },
);

const listings = defineTable(
  'listing',
  {
    listing_id: 'text',
    store_id: 'text',
    name: 'text',
    names: 'json',
    brand: 'text?',
    category: 'text',
    subcategory: 'text?',
    pack: 'text?',
    description: 'text?',
    hsn: 'text?',
    /** `GstRate`s, oldest first. */
    gst_rates: 'json',
    price_paise: 'bigint',
    mrp_paise: 'bigint?',
  },
  ['listing_id'],
  {
    more: [
      `search text generated always as (lower(
         name || ' ' || names::text || ' ' || coalesce(brand, '') || ' ' ||
         coalesce(subcategory, '') || ' ' || category)) stored`,
      'sort_key text generated always as (lower(name)) stored',
    ],
    indexes: ['(store_id, category, sort_key, listing_id)', 'using gin (search gin_trgm_ops)'],
  },
);

const stock = defineTable('stock', { listing_id: 'text', quantity: 'integer' }, ['listing_id']);

export type StoreRow = Row<typeof stores>;

/** What anybody may look at: shops, what they sell, at which price, and whether there is any. */
export const catalogue = projection<StoreEvent | ListingEvent | InventoryEvent>({
  name: 'catalogue',
  version: 3,
  tables: [stores, listings, stock],

  on: {
    StoreRegistered({ id, data }, rows) {
      rows.add(stores, { store_id: id, ...data });
      rows.changed('stores');
      rows.changed(`store-${id}`);
    },
    ListingPublished({ id, data }, rows) {
      const { gstPercent, gstFrom = SINCE_EVER, pricePaise, mrpPaise, ...same } = data;
      const store_id = storeOfListing(id);
      const prices = { price_paise: pricePaise, mrp_paise: mrpPaise };
      const row = { ...same, ...prices, gst_rates: [{ gstFrom, gstPercent }] };
      rows.put(listings, { listing_id: id, store_id, ...row });
      rows.changed('stores');
      rows.changed(`store-${store_id}`);
    },
    ListingDescribed({ id, data }, rows) {
      const { gstPercent, ...same } = data;
      const told = gstPercent !== undefined;
      const gst = told ? { gst_rates: [{ gstFrom: SINCE_EVER, gstPercent }] } : {};
      rows.change(listings, { listing_id: id }, () => ({ ...same, ...gst }));
      rows.changed(`store-${storeOfListing(id)}`);
    },
    GstRateSet({ id, data }, rows) {
      rows.change(listings, { listing_id: id }, ({ gst_rates: rates }) => ({
        gst_rates: withRate(rates as GstRate[], data),
      }));
      rows.changed(`store-${storeOfListing(id)}`);
    },
    PriceSet({ id, data: { pricePaise, mrpPaise } }, rows) {
      const prices = { price_paise: pricePaise, mrp_paise: mrpPaise };
      rows.change(listings, { listing_id: id }, () => prices);
      rows.changed(`store-${storeOfListing(id)}`);
    },
    StockCounted({ id, data: { counts } }, rows) {
      for (const { sku, quantity } of counts) {
        rows.put(stock, { listing_id: listingId(id, sku), quantity });
      }
      rows.changed(`store-${id}`);
    },
  },
});
