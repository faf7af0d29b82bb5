import { createHash } from 'node:crypto';
import type { ListingCommand } from '../domain/catalogue/listing.ts';
import { paiseFromRupees } from '../domain/money/money.ts';
import { Problem } from '../platform/http.ts';

/** What a column of a price list can say. Only `name` and `price` have to be there. */
export const IMPORT_FIELDS = [
  'sku',
  'name',
  'name_hi',
  'name_ta',
  'brand',
  'category',
  'subcategory',
  'pack',
  'grams_each',
  'price',
  'mrp',
  'description',
  'stock',
  'hsn',
  'gst',
  'gst_from',
] as const;
export type ImportField = (typeof IMPORT_FIELDS)[number];

/** Which column, from 0, holds which field. */
export type Columns = Partial<Record<ImportField, number>> & { width: number };

export type ImportedRow = { sku: string; wish: ListingCommand['data']; stock: number | undefined };

/** Why a row could not become a listing; its message is for the shopkeeper. */
export class RowRefused extends Error {}

const REQUIRED: ImportField[] = ['name', 'price'];
const SKU = /^[\p{L}\p{N}][\p{L}\p{N}_.:+-]{0,63}$/u;
const HSN = /^\d{4}(?:\d{2}){0,2}$/;
const GST_PERCENT = /^(\d{1,2}(?:\.\d{1,2})?)\s*%?$/;
/** CGST and SGST may be 20 % each (CGST Act 2017, section 9; so in the states' acts). */
const MAX_GST_PERCENT = 40;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const GRAMS = /^\d{1,5}$/;
const STOCK = /^\d{1,7}$/;
const MAX_LENGTH: Partial<Record<ImportField, number>> = { description: 10_000 };
const DEFAULT_MAX_LENGTH = 300;

const isField = (name: string): name is ImportField =>
  (IMPORT_FIELDS as readonly string[]).includes(name);

const mapProblem = (detail: string): Problem => new Problem(400, 'INVALID_COLUMNS', detail);

/** Reads `field:column,field:column`: the columns whose names in the file differ from ours. */
function parseMap(map: string | undefined): Map<ImportField, string> {
  const pairs = (map ?? '').split(',').filter((pair) => pair.trim() !== '');
  return new Map(
    pairs.map((pair) => {
      const colon = pair.indexOf(':');
      const field = pair.slice(0, colon).trim();
      const column = pair.slice(colon + 1).trim();
      if (colon < 1 || column === '' || !isField(field)) {
        throw mapProblem(
          `"${pair}" in map is not field:column; fields are ${IMPORT_FIELDS.join(', ')}.`,
        );
      }
      return [field, column];
    }),
  );
}

/** Finds each field's column in the header row. Throws a `Problem` that says what is missing. */
export function columnsOf(header: string[], map: string | undefined): Columns {
  const named = parseMap(map);
  const names = header.map((name) => name.trim().toLowerCase());
  const columns: Columns = { width: header.length };
  for (const field of IMPORT_FIELDS) {
    const name = (named.get(field) ?? field).toLowerCase();
    const at = names.indexOf(name);
    if (at < 0 && named.has(field)) {
      throw mapProblem(`The header has no column "${name}": it has ${header.join(', ')}.`);
    }
    if (at >= 0 && names.indexOf(name, at + 1) >= 0) {
      throw mapProblem(`The header has two columns "${name}": rename one of them.`);
    }
    if (at >= 0) columns[field] = at;
  }
  const missing = REQUIRED.filter((field) => columns[field] === undefined);
  if (missing.length > 0) {
    throw mapProblem(
      `No column for ${missing.join(' and ')}: name it in the header or with ?map=${missing[0]}:column.`,
    );
  }
  return columns;
}

/** An article number for items that have none: the same brand, name and pack, the same number. */
function derivedSku(...parts: (string | null)[]): string {
  const words = parts.map((part) => (part ?? '').toLowerCase().replace(/\s+/g, ' '));
  return createHash('sha256').update(words.join('\n')).digest('hex').slice(0, 20);
}

function refuse(reason: string): never {
  throw new RowRefused(reason);
}

/**
 * Turns the cells of one row into what the shop wishes for a listing. Text is trimmed of
 * surrounding space and otherwise kept as it is; a column that the file lacks says nothing, an
 * empty cell says "none". A GST rate holds from today on unless the row says from when. Throws
 * `RowRefused`.
 */
export function readRow(cells: string[], columns: Columns, today: string): ImportedRow {
  if (cells.length !== columns.width) {
    refuse(`It has ${cells.length} columns, the header has ${columns.width}.`);
  }
  /** undefined: no such column; null: nothing in it. */
  const cell = (field: ImportField): string | null | undefined => {
    const at = columns[field];
    if (at === undefined) return undefined;
    const text = cells[at]!.trim();
    const max = MAX_LENGTH[field] ?? DEFAULT_MAX_LENGTH;
    if (text.length > max) refuse(`The ${field} is longer than ${max} characters.`);
    if (text.includes('\0')) refuse(`The ${field} holds a NUL character.`);
    return text === '' ? null : text;
  };
  const name = cell('name') ?? refuse('It has no name.');
  const brand = cell('brand');
  const pack = cell('pack');
  const sku =
    columns.sku === undefined
      ? derivedSku(brand ?? null, name, pack ?? null)
      : (cell('sku') ?? refuse('It has no SKU.'));
  if (!SKU.test(sku)) {
    refuse(`The SKU "${sku}" is not valid: up to 64 letters, digits and _ . : + - are.`);
  }
  const hsn = cell('hsn');
  if (hsn && !HSN.test(hsn)) refuse(`The HSN code "${hsn}" is not 4, 6 or 8 digits.`);
  const wish: ListingCommand['data'] = {
    name,
    ...readNames(cell('name_hi'), cell('name_ta')),
    ...optional('brand', brand),
    ...optional('category', cell('category') ?? undefined),
    ...optional('subcategory', cell('subcategory')),
    ...optional('pack', pack),
    ...optional('gramsEach', readGrams(cell('grams_each'))),
    ...optional('description', cell('description')),
    ...optional('hsn', hsn),
    ...readGst(cell('gst'), cell('gst_from') ?? today),
    pricePaise: readAmount('price', cell('price')) ?? refuse('It has no price.'),
    ...optional('mrpPaise', readAmount('mrp', cell('mrp'))),
  };
  return { sku, wish, stock: readStock(cell('stock')) };
}

const optional = <Key extends string, Value>(key: Key, value: Value | undefined) =>
  value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);

function readNames(hi: string | null | undefined, ta: string | null | undefined) {
  if (hi === undefined && ta === undefined) return {};
  return { names: { ...(hi && { hi }), ...(ta && { ta }) } };
}

function readAmount(field: string, text: string | null | undefined): number | null | undefined {
  if (text === undefined || text === null) return text;
  const paise = paiseFromRupees(text);
  if (paise === undefined || paise === 0) {
    refuse(`The ${field} "${text}" is not an amount in rupees, like 45 or 45.50.`);
  }
  return paise;
}

function readGrams(text: string | null | undefined): number | null | undefined {
  if (text === undefined || text === null) return text;
  if (!GRAMS.test(text) || Number(text) === 0) {
    refuse(`The grams_each "${text}" is not a weight in whole grams, like 500.`);
  }
  return Number(text);
}

function readGst(text: string | null | undefined, gstFrom: string) {
  if (text === undefined) return {};
  const [, percent] = (text && GST_PERCENT.exec(text)) || [];
  if (text && !percent) refuse(`The GST "${text}" is not a percentage, like 5 or 18.`);
  if (Number(percent) > MAX_GST_PERCENT) {
    refuse(`The GST "${text}" is above ${MAX_GST_PERCENT} %, the highest rate that there can be.`);
  }
  if (!DATE.test(gstFrom) || Number.isNaN(Date.parse(gstFrom))) {
    refuse(`The gst_from "${gstFrom}" is not a date like 2025-09-22.`);
  }
  return { gstPercent: percent ? Number(percent) : null, gstFrom };
}

function readStock(text: string | null | undefined): number | undefined {
  if (text === undefined || text === null) return undefined;
  return STOCK.test(text) ? Number(text) : refuse(`The stock "${text}" is not a whole number.`);
}
