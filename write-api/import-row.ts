import { createHash } from 'node:crypto';
import { DEFAULT_CATEGORY, type ListingWish } from '../domain/catalogue/listing.ts';
import { readPack } from '../domain/catalogue/pack.ts';
import type { ImportColumn } from '../domain/catalogue/price-list.ts';
import { ratesOfLaw } from '../domain/money/tax.ts';
import { isStorable, searchable } from '../platform/text.ts';
import {
  cellText,
  readAmount,
  readDate,
  readGrams,
  readHsn,
  readPercent,
  readWhole,
  unwrapped,
  type PriceUnit,
} from './import-cell.ts';
import type { Columns } from './import-columns.ts';

/** By which a row says which article it is about. */
export type Article =
  | { sku: string }
  | {
      /** The list has none. */
      sku: undefined;
      /** The article by its brand, name and pack: the same however those are spelled. */
      key: string;
      /** The SKU that was made for it in earlier releases. */
      formerSku: string;
    };

export type ImportedRow = Article & {
  wish: ListingWish;
  stock: number | undefined;
  /** Of cells that nobody has to fill in: what is odd about them. They say nothing then. */
  odd: string[];
};

/** How a list is to be read. A GST rate holds from `today` on unless its row says from when. */
export type Reading = { columns: Columns; unit: PriceUnit; today: string };

/** Why a row could not become a listing; its message is for the shopkeeper. */
export class RowRefused extends Error {
  /** What the row is about all the same; undefined where not even that can be read. */
  readonly article: Article | undefined;
  constructor(reason: string, article?: Article) {
    super(reason);
    this.article = article;
  }
}

/** A letter of India's scripts is written with marks and joiners. */
const SKU = /^[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}_.:+-]|\u200c|\u200d){0,63}$/u;
/** A long number as Excel shows and saves it: `8.90103E+12`. */
const ROUNDED = /^\d+(?:[.,]\d+)?E\+\d+$/i;
const MAX_STOCK_DIGITS = 7;
const MAX_LENGTH: Partial<Record<ImportColumn, number>> = { description: 10_000 };
const DEFAULT_MAX_LENGTH = 300;
const DERIVED_SKU_LENGTH = 20;

/** Whether an SKU looks like one that was made here, for an article that had none. */
export const isDerivedSku = (sku: string): boolean => /^[0-9a-f]{20}$/.test(sku);

const digest = (words: string[]): string =>
  createHash('sha256').update(words.join('\n')).digest('hex').slice(0, DERIVED_SKU_LENGTH);

/** The same for the same brand, name and pack: `1kg` and `1 kg` are one pack. */
export function articleKey(brand: string, name: string, pack: string): string {
  const plain = (text: string) => searchable(text).replace(/\s+/g, ' ').trim();
  const size = readPack(pack);
  const packed = size ? `${size.count} x ${size.amount} ${size.unit}` : plain(pack);
  return digest([plain(brand), plain(name), packed]);
}

/** How SKUs were made before the spelling of text was evened out. */
const formerSku = (...parts: string[]): string =>
  digest(parts.map((part) => part.trim().toLowerCase().replace(/\s+/g, ' ')));

/**
 * Turns the cells of one row into what the shop wishes for a listing. A column that the file lacks
 * says nothing, an empty cell says "none", and cells that are missing at the end of a row are empty.
 * Throws `RowRefused`.
 */
export function readRow(cells: string[], reading: Reading): ImportedRow {
  return new Row(cells, reading).read();
}

class Row {
  readonly #cells: string[];
  readonly #reading: Reading;
  readonly #odd: string[] = [];
  #article: Article | undefined;

  constructor(cells: string[], reading: Reading) {
    this.#cells = cells;
    this.#reading = reading;
  }

  read(): ImportedRow {
    const article = this.#readArticle();
    this.#article = article;
    const { width } = this.#reading.columns;
    const more = this.#cells.slice(width).find((cell) => cell.trim() !== '');
    if (more !== undefined) {
      this.#refuse(
        `It has more cells than the header has columns, such as "${more.trim()}": ` +
          'put text that has a comma in quotes.',
      );
    }
    const wish: ListingWish = {
      name: this.#required('name') ?? this.#refuse('It has no name.'),
      ...this.#names(),
      ...given('brand', this.#text('brand')),
      ...given('category', orElse(this.#text('category'), DEFAULT_CATEGORY)),
      ...given('subcategory', this.#text('subcategory')),
      ...given('pack', this.#text('pack')),
      ...given('gramsEach', this.#optional('grams_each', readGrams, 'a weight in grams, like 500')),
      ...given('description', this.#text('description')),
      ...given('hsn', this.#optional('hsn', readHsn, 'a code of 4, 6 or 8 digits')),
      ...this.#gst(),
      pricePaise: this.#price(),
      ...given('mrpPaise', this.#optional('mrp', this.#amount, this.#amountWords)),
    };
    const stockOf = (text: string) => readWhole(text, MAX_STOCK_DIGITS);
    const stock = this.#optional('stock', stockOf, 'a whole number of pieces') ?? undefined;
    return { ...article, wish, stock, odd: this.#odd };
  }

  #refuse(reason: string): never {
    throw new RowRefused(reason, this.#article);
  }

  #raw(field: ImportColumn): string {
    const at = this.#reading.columns[field];
    return at === undefined ? '' : (this.#cells[at] ?? '');
  }

  /** undefined: no such column; null: nothing in it. `fault` says what is wrong with it. */
  #cell(field: ImportColumn): { text: string | null | undefined; fault?: string } {
    if (this.#reading.columns[field] === undefined) return { text: undefined };
    const text = cellText(this.#raw(field));
    if (text === '') return { text: null };
    const max = MAX_LENGTH[field] ?? DEFAULT_MAX_LENGTH;
    if (text.length > max) return { text, fault: `The ${field} is longer than ${max} characters` };
    return isStorable(text) ? { text } : { text, fault: `The ${field} holds a NUL character` };
  }

  /** Without it the row is no listing. */
  #required(field: ImportColumn): string | null | undefined {
    const { text, fault } = this.#cell(field);
    return fault ? this.#refuse(`${fault}.`) : text;
  }

  /** What nobody has to say: where it is odd, that is told, and the row stands without it. */
  #optional<T>(
    field: ImportColumn,
    read: (text: string) => T | undefined,
    like: string,
  ): T | null | undefined {
    const { text, fault } = this.#cell(field);
    if (text === undefined || text === null) return text;
    const value = fault ? undefined : read(text);
    if (value === undefined) {
      const what = fault ?? `The ${field} "${text}" is not ${like}`;
      this.#odd.push(`${what}: it was left out, the rest of the row was taken.`);
    }
    return value;
  }

  #text(field: ImportColumn): string | null | undefined {
    return this.#optional(field, (text) => text, 'text');
  }

  #readArticle(): Article {
    if (this.#reading.columns.sku !== undefined) return { sku: this.#readSku() };
    const [brand, name, pack] = (['brand', 'name', 'pack'] as const).map((field) =>
      this.#raw(field),
    ) as [string, string, string];
    const key = articleKey(cellText(brand), cellText(name), cellText(pack));
    return { sku: undefined, key, formerSku: formerSku(brand, name, pack) };
  }

  #readSku(): string {
    const sku = unwrapped(this.#required('sku') ?? this.#refuse('It has no SKU.'));
    if (ROUNDED.test(sku)) {
      this.#refuse(
        `Excel has rounded the SKU "${sku}", and its digits are lost: format the column as text, ` +
          'and enter it again.',
      );
    }
    if (SKU.test(sku)) return sku;
    return this.#refuse(
      `The SKU "${sku}" is not valid: up to 64 letters, digits and _ . : + - are.`,
    );
  }

  #names(): Pick<ListingWish, 'names'> {
    const [hi, ta] = [this.#text('name_hi'), this.#text('name_ta')];
    if (hi === undefined && ta === undefined) return {};
    return { names: { ...given('hi', hi), ...given('ta', ta) } };
  }

  #amount = (text: string): number | undefined => readAmount(text, this.#reading.unit);

  get #amountWords(): string {
    return this.#reading.unit === 'paise'
      ? 'an amount in whole paise, like 4500'
      : 'an amount in rupees, like 45, 45.50 or 1,299.00';
  }

  #price(): number {
    const text = this.#required('price') ?? this.#refuse('It has no price.');
    const paise = this.#amount(text);
    return paise ?? this.#refuse(`The price "${text}" is not ${this.#amountWords}.`);
  }

  /** Tax is nothing to be left out: a bill without it, or with another, would be wrong. */
  #gst(): Pick<ListingWish, 'gstPercent' | 'gstFrom'> {
    const text = this.#required('gst');
    if (text === undefined) return {};
    const fromText = this.#required('gst_from');
    const gstFrom = fromText ? readDate(fromText) : this.#reading.today;
    if (gstFrom === undefined) {
      return this.#refuse(`The gst_from "${fromText}" is not a date like 2025-09-22.`);
    }
    if (text === null) return { gstPercent: null, gstFrom };
    const gstPercent = readPercent(text);
    if (gstPercent === undefined) {
      return this.#refuse(`The GST "${text}" is not a percentage, like 5 or 18.`);
    }
    const rates = ratesOfLaw(gstFrom);
    if (rates.includes(gstPercent)) return { gstPercent, gstFrom };
    const meant = Math.round(gstPercent * 10_000) / 100;
    const isFraction = gstPercent < 1 && rates.includes(meant);
    return this.#refuse(
      `From ${gstFrom} on no goods have a GST of "${text}": the rates are ${rates.join(', ')}.` +
        (isFraction ? ` A spreadsheet writes ${meant} % as ${text}: enter ${meant}.` : '') +
        (fromText ? '' : ' For a rate that was in force before, say since when in gst_from.'),
    );
  }
}

const orElse = <T, Other>(value: T | null | undefined, other: Other): T | Other | undefined =>
  value === null ? other : value;

const given = <Key extends string, Value>(key: Key, value: Value | undefined) =>
  value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);
