/**
 * A year of real baskets (the R package `completejourney`, CC0; described in the data folder's
 * README) as shops, price lists and orders. The data stays where it is.
 *
 * Its own are the shops, products, quantities, prices paid and times. Derived, always in the same
 * way: what a household bought on one day is one order, at however many shops; a dollar is 80
 * rupees, and a product costs at a shop what the first who bought it paid; a shop has exactly what
 * will be asked of it, but of every fiftieth listing one piece less.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';

const ORDERS = 'orders_us_multistore.csv.gz';
const PRODUCTS = 'products_us.csv.gz';
const RUPEES_PER_DOLLAR = 80;
const LEAST_RUPEES = 1;
/** More is fuel, by the thousandth of a gallon, and none are coupons: no cart takes either. */
const MAX_QUANTITY = 999;
const SHORT_LISTING_EVERY = 50;

type Line = {
  household_id: string;
  store_id: string;
  product_id: string;
  quantity: string;
  sales_value: string;
  transaction_at_utc: string;
};

type Product = {
  product_id: string;
  department: string;
  brand: string;
  product_category: string;
  product_type: string;
  package_size: string;
};

/** `store` is the data's number of a shop. */
export type Basket = { atMs: number; items: { store: string; sku: string; quantity: number }[] };

export type Listing = { sku: string; row: (string | number)[]; stock: number };

export type Workload = {
  baskets: Basket[];
  /** By the data's number. */
  shops: Map<string, Map<string, Listing>>;
  leftOutLines: number;
};

export const PRICE_LIST = ['sku', 'name', 'brand', 'category', 'subcategory', 'pack', 'price'];

/** What to do where the folder does not have the data. */
export function lackOfData(dir: string): string | undefined {
  const missing = [ORDERS, PRODUCTS].find((file) => !existsSync(join(dir, file)));
  return (
    missing &&
    `There is no ${missing} in ${dir}: say where the real orders are with --data DIR or ` +
      'WORKLOAD_DATA, or name the scenarios that you want without workload.'
  );
}

const rowsOf = <Row>(dir: string, file: string): Row[] =>
  parse(gunzipSync(readFileSync(join(dir, file))), { columns: true }) as Row[];

/** The first so many orders, and the shops that can serve nearly all of them. */
export function readWorkload(dir: string, orders: number): Workload {
  const lines = rowsOf<Line>(dir, ORDERS);
  const kept = lines.filter(({ quantity }) => +quantity >= 1 && +quantity <= MAX_QUANTITY);
  const byDay = Map.groupBy(
    kept,
    (line) => `${line.household_id} ${line.transaction_at_utc.slice(0, 10)}`,
  );
  const chosen = [...byDay.values()].slice(0, orders);
  const products = new Map(
    rowsOf<Product>(dir, PRODUCTS).map((product) => [product.product_id, product]),
  );
  return {
    baskets: chosen.map(basketOf),
    shops: stockedShops(chosen.flat(), products),
    leftOutLines: lines.length - kept.length,
  };
}

/** Who came twice a day for the same article takes it all at once. */
function basketOf(lines: Line[]): Basket {
  const byListing = Map.groupBy(lines, (line) => `${line.store_id}.${line.product_id}`);
  return {
    atMs: Date.parse(lines[0]!.transaction_at_utc),
    items: [...byListing.values()].map((same) => ({
      store: same[0]!.store_id,
      sku: same[0]!.product_id,
      quantity: Math.min(
        MAX_QUANTITY,
        same.reduce((sum, { quantity }) => sum + Number(quantity), 0),
      ),
    })),
  };
}

function stockedShops(lines: Line[], products: Map<string, Product>): Workload['shops'] {
  const shops: Workload['shops'] = new Map();
  let count = 0;
  for (const line of lines) {
    const { store_id: store, product_id: sku } = line;
    const listings = shops.get(store) ?? new Map<string, Listing>();
    shops.set(store, listings);
    const known = listings.get(sku);
    if (known) {
      known.stock += Number(line.quantity);
      continue;
    }
    const missing = count++ % SHORT_LISTING_EVERY === 0 ? 1 : 0;
    const row = listingRow(line, products.get(sku));
    listings.set(sku, { sku, row, stock: Number(line.quantity) - missing });
  }
  return shops;
}

/** The cells of `PRICE_LIST`; a product that the data does not describe goes by its number. */
function listingRow({ product_id: sku, ...line }: Line, product?: Product): Listing['row'] {
  const paid = (RUPEES_PER_DOLLAR * Number(line.sales_value)) / Number(line.quantity);
  const price = Math.max(LEAST_RUPEES, paid).toFixed(2);
  if (!product) return [sku, `Product ${sku}`, '', '', '', '', price];
  const { product_type, brand, department, product_category, package_size } = product;
  const name = product_type || product_category || `Product ${sku}`;
  return [sku, name, brand, department, product_category, package_size, price];
}
