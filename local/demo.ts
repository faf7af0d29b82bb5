import { createHash, createHmac } from 'node:crypto';
import * as fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { linkedAccountOf } from './razorpay/transfers.ts';

/** How many in a hundred products a shop does not have at all, and has run out of. */
const MISSING_PERCENT = 12;
const SOLD_OUT_PERCENT = 3;
const MIN_STOCK = 4;
const MAX_STOCK = 60;
/** What is bought in each morning: nobody counts it. */
const UNCOUNTED = new Set(['Vegetables', 'Fruits', 'Dairy']);

const VISIBLE_TRIES = 30;
const VISIBLE_RETRY_MS = 200;

export type Product = {
  sku: string;
  name: string;
  name_hi: string;
  name_ta: string;
  brand: string;
  category: string;
  subcategory: string;
  pack: string;
  /** What a piece is to weigh that is weighed when it is packed; empty where it is sold as it is. */
  grams_each: string;
  /** Rupees. */
  price: string;
  /** Rupees; empty where the law asks for none, as for loose vegetables. */
  mrp: string;
  description: string;
  hsn: string;
  gst: string;
  /** The cities where it is sold, separated by spaces; empty means everywhere. */
  cities: string;
};

export type Shop = {
  slug: string;
  name: string;
  city: string;
  pincode: string;
  /** What it asks, in hundredths of the list's price; never more than the MRP. */
  price_percent: string;
  /** Categories that it does not deal in, separated by `|`. */
  leaves_out: string;
};

export type DemoStore = { storeId: string; name: string; city: string; pincode: string };

export const readProducts = (): Product[] => readTable('demo/products.csv');
export const readShops = (): Shop[] => readTable('demo/shops.csv');

function readTable<Row>(file: string): Row[] {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return parse<Row>(fs.readFileSync(path), { columns: true });
}

/**
 * Registers the demo's shops and imports their price lists, through the same doors as anybody.
 * The same again changes nothing. Resolves when all of it can be read.
 *
 * @param url where the edge is
 * @param secret makes the keys under which the shops are registered: with such a key anybody else
 * would be told a shop's pass
 */
export async function seedDemo(url: string, secret: string): Promise<DemoStore[]> {
  const products = readProducts();
  const seeded = await Promise.all(
    readShops().map((shop) => seedShop(url, secret, shop, products)),
  );
  for (const { position } of seeded) await untilVisible(url, position);
  return seeded.map(({ store }) => store);
}

/** The same each time, so that a shop is registered once. */
export const registrationKey = (secret: string, { slug }: Shop): string =>
  createHmac('sha256', secret).update(`demo store ${slug}`).digest('base64url');

async function seedShop(url: string, secret: string, shop: Shop, products: Product[]) {
  const { slug, name, city, pincode } = shop;
  const registered = await post(
    `${url}/api/write/stores`,
    {
      'content-type': 'application/json',
      'idempotency-key': registrationKey(secret, shop),
    },
    JSON.stringify({ name, city, pincode }),
  );
  const { storeId, pass } = (await registered.json()) as { storeId: string; pass: string };
  await put(`${url}/api/write/stores/${storeId}/upi`, pass, {
    upi: { vpa: `${slug}@okdemo`, name },
  });
  await put(`${url}/api/write/stores/${storeId}/linked-account`, pass, {
    account: linkedAccountOf(storeId),
  });
  const imported = await post(
    `${url}/api/write/stores/${storeId}/imports`,
    { 'content-type': 'text/csv', authorization: `Bearer ${pass}` },
    priceList(shop, products),
  );
  const report = (await imported.json()) as { reportedCount: number; reported: unknown[] };
  if (report.reportedCount > 0) {
    throw new Error(`The demo's price list for ${name}: ${JSON.stringify(report.reported)}`);
  }
  const position = imported.headers.get('doorstep-position') ?? '0';
  return { store: { storeId, name, city, pincode }, position };
}

/** The shop's own price list, as it would keep it itself. */
export function priceList(shop: Shop, products: Product[]): string {
  const leftOut = new Set(shop.leaves_out.split('|'));
  const rows = products
    .filter(({ cities }) => cities === '' || cities.split(' ').includes(shop.city))
    .filter(({ category }) => !leftOut.has(category))
    .filter(({ sku }) => dice(shop, sku, 'missing') % 100 >= MISSING_PERCENT)
    .map(({ cities: _, ...product }) => ({
      ...product,
      price: `${priceAt(shop, product)}`,
      stock: stockAt(shop, product),
    }));
  const columns = Object.keys(rows[0]!) as (keyof (typeof rows)[number])[];
  const lines = rows.map((row) => columns.map((column) => quote(row[column])).join(','));
  return [columns.join(','), ...lines, ''].join('\n');
}

/** Whole rupees, as on a shelf. */
function priceAt(shop: Shop, product: Pick<Product, 'price' | 'mrp'>): number {
  const asked = Math.round((Number(product.price) * Number(shop.price_percent)) / 100);
  return product.mrp === '' ? asked : Math.min(asked, Number(product.mrp));
}

function stockAt(shop: Shop, product: Pick<Product, 'sku' | 'category'>): string {
  if (UNCOUNTED.has(product.category)) return '';
  if (dice(shop, product.sku, 'sold out') % 100 < SOLD_OUT_PERCENT) return '0';
  return `${MIN_STOCK + (dice(shop, product.sku, 'stock') % (MAX_STOCK - MIN_STOCK + 1))}`;
}

/** A number that looks like chance and is the same each time. */
const dice = ({ slug }: Shop, ...about: string[]): number =>
  createHash('sha256')
    .update([slug, ...about].join('\n'))
    .digest()
    .readUInt32BE();

const quote = (cell: string): string =>
  /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;

async function put(url: string, pass: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${pass}` };
  const response = await fetch(url, { method: 'PUT', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`PUT ${url}: ${response.status} ${await response.text()}`);
}

async function post(url: string, headers: Record<string, string>, body: string): Promise<Response> {
  const response = await fetch(url, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${await response.text()}`);
  return response;
}

/** Waits until the projector has got so far. */
async function untilVisible(url: string, position: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    const response = await fetch(`${url}/api/read/stores`, {
      headers: { 'doorstep-position': position },
    });
    await response.body?.cancel();
    if (response.ok) return;
    if (tries === VISIBLE_TRIES) throw new Error(`GET stores: ${response.status}`);
    await delay(VISIBLE_RETRY_MS);
  }
}
