import { parse } from 'csv-parse/sync';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { priceList, readProducts, readShops, registrationKey } from './demo.ts';

const products = readProducts();
const shops = readShops();

test('every product has its own SKU', () => {
  assert.is(new Set(products.map(({ sku }) => sku)).size, products.length);
  assert.ok(products.length >= 250);
});

test('every product is named in English, Hindi and Tamil, each in its own script', () => {
  for (const { sku, name, name_hi, name_ta } of products) {
    assert.match(name, /^[A-Z][\x20-\x7e]+$/, sku);
    assert.match(name_hi, /\p{Script=Devanagari}/u, sku);
    assert.not.match(name_hi, /\p{Script=Tamil}/u, sku);
    assert.match(name_ta, /\p{Script=Tamil}/u, sku);
    assert.not.match(name_ta, /\p{Script=Devanagari}/u, sku);
    for (const text of [name_hi, name_ta]) assert.is(text, text.normalize('NFC').trim(), sku);
  }
});

test('nothing costs more than its MRP, and only what is loose has none', () => {
  for (const { sku, category, brand, price, mrp } of products) {
    assert.match(price, /^[1-9]\d*$/, sku);
    if (mrp === '') assert.ok(brand === '' && /Vegetables|Fruits/.test(category), sku);
    else assert.ok(Number(price) <= Number(mrp), sku);
  }
});

test('only loose vegetables and fruit are weighed, and a pack that is a weight is the same one', () => {
  const weighed = products.filter(({ grams_each }) => grams_each !== '');
  assert.ok(weighed.length >= 8 && weighed.length <= 20, `${weighed.length} are weighed`);
  for (const { sku, category, mrp, pack, grams_each } of weighed) {
    assert.match(category, /^(?:Vegetables|Fruits)$/, sku);
    assert.is(mrp, '', sku);
    const [, number, unit] = /^(\d+) (k?g|piece)$/.exec(pack) ?? [];
    const grams =
      unit === 'piece' ? Number(grams_each) : Number(number) * (unit === 'kg' ? 1000 : 1);
    assert.is(Number(grams_each), grams, sku);
  }
});

test('tax codes and rates are those of the law, packs have a unit, descriptions are a sentence', () => {
  for (const { sku, hsn, gst, pack, description } of products) {
    assert.match(hsn, /^\d{4}$/, sku);
    assert.ok(['0', '5', '18', '40'].includes(gst), sku);
    assert.match(
      pack,
      /^\d+ (x \d+ )?(k?g|m?l|L|m|pieces?|bunch|bags|boxes|coils|pulls)$/,
      `${sku}: ${pack}`,
    );
    assert.match(description, /^[A-Z].{10,120}\.$/, sku);
  }
});

test('six shops stand in three cities, each with a price list of its own', () => {
  assert.is(shops.length, 6);
  assert.is(new Set(shops.map(({ city }) => city)).size, 3);
  const lists = shops.map((shop) => priceList(shop, products));
  assert.is(new Set(lists).size, 6);
  for (const list of lists) {
    const rows: Record<string, string>[] = parse(list, { columns: true });
    assert.ok(rows.length > 150, `${rows.length} products`);
    for (const { sku, price, mrp } of rows) {
      assert.ok(mrp === '' || Number(price) <= Number(mrp), sku);
    }
  }
});

test('a price list is the same each time, so that seeding again changes nothing', () => {
  for (const shop of shops) assert.is(priceList(shop, products), priceList(shop, products));
});

test('a shop is registered under the same key each time, and nobody else can guess it', () => {
  const keysUnder = (secret: string) => shops.map((shop) => registrationKey(secret, shop));
  assert.equal(keysUnder('one secret'), keysUnder('one secret'));
  const all = [...keysUnder('one secret'), ...keysUnder('another secret')];
  assert.is(new Set(all).size, 2 * shops.length);
});

test('what is sold in one city only is not in another', () => {
  const listOf = (city: string) =>
    priceList(
      shops.find((shop) => shop.city === city)!,
      products,
    );
  assert.match(listOf('Chennai') + listOf('Bengaluru'), 'Idli Rice');
  assert.not.match(listOf('Jaipur'), 'Idli Rice');
});

test.run();
