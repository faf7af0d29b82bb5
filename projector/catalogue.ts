import { DEFAULT_DELIVERY, type DeliverySettings } from '../domain/stores/delivery.ts';
import {
  UNTRACKED,
  availableOf,
  itemChanges,
  type InventoryEvent,
  type ItemChange,
  type StockItem,
} from '../domain/inventory/inventory.ts';
import {
  listingId,
  storeOfListing,
  type ListingEvent,
  type LocalNames,
} from '../domain/catalogue/listing.ts';
import type { UpiAddress } from '../domain/money/payment.ts';
import {
  chargesTax,
  deliveryChanges,
  stateOf,
  type StoreEvent,
  type TaxRegistration,
} from '../domain/stores/store.ts';
import { readPack, unitPriceOf, type PackSize, type UnitPrice } from '../domain/catalogue/pack.ts';
import { SINCE_EVER, withRate, type GstRate } from '../domain/money/tax.ts';
import { eachRule } from '../engine/projections/fold.ts';
import { projection, type Handler } from '../engine/projections/projection.ts';
import { defineTable, json, jsonOrNull, type Row, type Rows } from '../engine/projections/rows.ts';
import { inNfc, searchable } from '../platform/text.ts';
import { STORES_TAG, storeTag } from './tags.ts';

const stores = defineTable(
  'store',
  {
    store_id: 'text',
    name: 'text',
    city: 'text',
    pincode: 'text',
    delivery: json<DeliverySettings>(),
    upi: jsonOrNull<UpiAddress>(),
    /** Whether it has an account for them, which is nobody's to know. */
    takes_cards: json<boolean>(),
    /** The state that it sells from, and whether it may sell across its border. */
    state: 'text?',
    charges_tax: json<boolean>(),
  },
  ['store_id'],
  { indexes: ['(left(pincode, 3))'] },
);

const listings = defineTable(
  'listing',
  {
    listing_id: 'text',
    store_id: 'text',
    name: 'text',
    names: json<LocalNames>(),
    brand: 'text?',
    category: 'text',
    subcategory: 'text?',
    pack: 'text?',
    /** What a piece of a loose article is to weigh. */
    grams_each: 'bigint?',
    description: 'text?',
    hsn: 'text?',
    /** Oldest first. */
    gst_rates: json<GstRate[]>(),
    price_paise: 'bigint',
    mrp_paise: 'bigint?',
    /** What the text of the pack says, or the weight of what is loose; null where it is unclear. */
    pack_size: jsonOrNull<PackSize>(),
    unit_price: jsonOrNull<UnitPrice>(),
    /** Every word by which it is found, as `searchable` spells it. */
    search: 'text',
    /** Null while it is for sale. */
    withdrawn_at: 'timestamptz?',
  },
  ['listing_id'],
  {
    more: ['sort_key text generated always as (lower(name)) stored'],
    indexes: ['(store_id, category, sort_key, listing_id)', 'using gin (search gin_trgm_ops)'],
  },
);

export type ListingRow = Row<typeof listings>;

/** What follows from the other columns of a listing. */
function derived(row: Omit<ListingRow, 'search' | 'pack_size' | 'unit_price'>) {
  const { name, names, brand, category, subcategory, pack, grams_each: grams, price_paise } = row;
  const size: PackSize | null =
    grams === null ? readPack(pack) : { count: 1, amount: grams, unit: 'g' };
  const words = [name, ...Object.values(names), brand, subcategory, category];
  return {
    pack_size: size,
    unit_price: size && unitPriceOf(price_paise, size),
    search: searchable(words.filter((word) => word !== null).join(' ')),
  };
}

/** Changes a listing's columns, and what follows from them. */
function changeListing(
  rows: Rows,
  id: string,
  change: (row: ListingRow) => Partial<ListingRow>,
): void {
  rows.change(listings, { listing_id: id }, (row) => {
    const changed = change(row);
    return { ...changed, ...derived({ ...row, ...changed }) };
  });
  rows.changed(storeTag(storeOfListing(id)));
}

/** A row for each listing; `quantity` is what an order may have, null where nothing limits it. */
const stock = defineTable(
  'stock',
  {
    listing_id: 'text',
    on_hand: 'bigint?',
    reserved: 'bigint',
    safety_buffer: 'bigint',
    quantity: 'bigint?',
  },
  ['listing_id'],
);

type StockRow = Row<typeof stock>;

const stockColumns = (item: StockItem): Omit<StockRow, 'listing_id'> => ({
  on_hand: item.onHand,
  reserved: item.reserved,
  safety_buffer: item.safetyBuffer,
  quantity: availableOf(item),
});

/**
 * From here on down public answers tell to the piece what is left. What is above sells on without
 * a purge: an order does not cost a shop all of its cached pages.
 */
const EXACT_STOCK = 10;

const isShownAlike = (a: number | null, b: number | null): boolean =>
  a === b || (a !== null && b !== null && a > EXACT_STOCK && b > EXACT_STOCK);

/** A handler that changes the shelf as the domain does. */
const moveStock =
  (changesOf: (data: never) => ItemChange[]): Handler<never> =>
  ({ id, data }, rows) => {
    for (const { sku, change } of changesOf(data)) {
      rows.change(stock, { listing_id: listingId(id, sku) }, (row) => {
        const { on_hand: onHand, reserved, safety_buffer: safetyBuffer } = row;
        const columns = stockColumns(change({ onHand, reserved, safetyBuffer }));
        if (!isShownAlike(row.quantity, columns.quantity)) rows.changed(storeTag(id));
        return columns;
      });
    }
  };

/** A handler that changes a shop's terms as the domain does. */
const changeDelivery =
  (changeOf: (data: never) => Partial<DeliverySettings>): Handler<never> =>
  ({ id, data }, rows) => {
    rows.change(stores, { store_id: id }, ({ delivery }) => ({
      delivery: { ...delivery, ...changeOf(data) },
    }));
    rows.changed(storeTag(id));
  };

const sellerColumns = (pincode: string, tax: TaxRegistration | null = null) => ({
  state: stateOf({ tax, pincode }),
  charges_tax: chargesTax(tax),
});

export type StoreRow = Row<typeof stores>;

/** What anybody may look at: shops, what they sell, at which price, and whether there is any. */
export const catalogue = projection<StoreEvent | ListingEvent | InventoryEvent>({
  name: 'catalogue',
  version: 10,
  tables: [stores, listings, stock],

  on: {
    StoreRegistered({ id, data }, rows) {
      const settings = { delivery: DEFAULT_DELIVERY, upi: null, takes_cards: false };
      rows.add(stores, { store_id: id, ...data, ...settings, ...sellerColumns(data.pincode) });
      rows.changed(STORES_TAG);
      rows.changed(storeTag(id));
    },
    UpiAddressSet({ id, data: { upi } }, rows) {
      rows.change(stores, { store_id: id }, () => ({ upi }));
      rows.changed(storeTag(id));
    },
    LinkedAccountSet({ id, data: { account } }, rows) {
      rows.change(stores, { store_id: id }, () => ({ takes_cards: account !== null }));
      rows.changed(storeTag(id));
    },
    TaxRegistrationSet({ id, data }, rows) {
      rows.change(stores, { store_id: id }, ({ pincode }) => sellerColumns(pincode, data));
      rows.changed(storeTag(id));
    },
    ...eachRule(deliveryChanges, changeDelivery),
    ListingPublished({ id, data }, rows) {
      const { gstPercent, gstFrom, pricePaise, mrpPaise, gramsEach, ...same } = data;
      const store_id = storeOfListing(id);
      const row = {
        ...(inNfc(same) as typeof same),
        listing_id: id,
        store_id,
        grams_each: gramsEach,
        price_paise: pricePaise,
        mrp_paise: mrpPaise,
        gst_rates: [{ gstFrom, gstPercent }],
        withdrawn_at: null,
      };
      rows.put(listings, { ...row, ...derived(row) });
      rows.put(stock, { listing_id: id, ...stockColumns(UNTRACKED) });
      rows.changed(STORES_TAG);
      rows.changed(storeTag(store_id));
    },
    ListingDescribed({ id, data }, rows) {
      const { gstPercent, gramsEach, ...same } = data;
      const weight = gramsEach === undefined ? {} : { grams_each: gramsEach };
      const saysRate = gstPercent !== undefined;
      const gst = saysRate ? { gst_rates: [{ gstFrom: SINCE_EVER, gstPercent }] } : {};
      changeListing(rows, id, () => ({ ...(inNfc(same) as typeof same), ...weight, ...gst }));
    },
    GstRateSet({ id, data }, rows) {
      changeListing(rows, id, ({ gst_rates: rates }) => ({ gst_rates: withRate(rates, data) }));
    },
    PriceSet({ id, data: { pricePaise, mrpPaise } }, rows) {
      changeListing(rows, id, () => ({ price_paise: pricePaise, mrp_paise: mrpPaise }));
    },
    ListingWithdrawn({ id, at }, rows) {
      changeListing(rows, id, () => ({ withdrawn_at: at }));
      rows.changed(STORES_TAG);
    },
    ListingRelisted({ id }, rows) {
      changeListing(rows, id, () => ({ withdrawn_at: null }));
      rows.changed(STORES_TAG);
    },
    ...eachRule(itemChanges, moveStock),
  },
});
