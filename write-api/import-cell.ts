import { paiseFromRupees, plainNumber } from '../domain/money/money.ts';
import { readPack } from '../domain/catalogue/pack.ts';

/** Latin-1's upper half by its names in HTML, from U+00A0 on. */
const LATIN_1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn ' +
  'sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave ' +
  'Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ' +
  'ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN ' +
  'szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute ' +
  'icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml ' +
  'yacute thorn yuml';
const FIRST_LATIN_1 = 0xa0;

const ENTITIES = new Map([
  ...LATIN_1.split(' ').map((name, at) => [name, String.fromCharCode(FIRST_LATIN_1 + at)] as const),
  ...Object.entries({
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    lsquo: '‘',
    rsquo: '’',
    sbquo: '‚',
    ldquo: '“',
    rdquo: '”',
    bdquo: '„',
    ndash: '–',
    mdash: '—',
    hellip: '…',
    bull: '•',
    trade: '™',
    euro: '€',
    zwj: '\u200d',
    zwnj: '\u200c',
  }),
]);

function characterOf(code: number, written: string): string {
  const isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : written;
}

/** `Haldiram&#8217;s` → `Haldiram’s`; once, so that `&amp;amp;` is a way to write `&amp;`. */
const withoutEntities = (text: string): string =>
  text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+\d{0,2}));/gi,
    (written: string, decimal?: string, hex?: string, name?: string) =>
      name === undefined
        ? characterOf(decimal === undefined ? parseInt(hex!, 16) : Number(decimal), written)
        : (ENTITIES.get(name) ?? written),
  );

/** What stands around text and shows nothing; joiners belong to their letters. */
const AROUND = /^[\s\u200b\u200e\u200f\ufeff]+|[\s\u200b\u200e\u200f\ufeff]+$/g;

/** The text of a cell, in one form of Unicode (NFC), as it was meant before it was exported. */
export const cellText = (raw: string): string =>
  withoutEntities(raw).normalize('NFC').replace(AROUND, '');

/** `="0123"`, as a number is written so that Excel leaves it alone, or `'0123`. */
export const unwrapped = (text: string): string =>
  text.replace(/^="([^"]*)"$/, '$1').replace(/^'(?=\d)/, '');

/** `10`, `10.0`, `1,000`; undefined for what is no whole number of up to so many digits. */
export function readWhole(text: string, maxDigits: number): number | undefined {
  const whole = plainNumber(text)?.replace(/\.0+$/, '');
  if (!whole || !/^\d+$/.test(whole)) return undefined;
  return whole.replace(/^0+(?=\d)/, '').length <= maxDigits ? Number(whole) : undefined;
}

/** In which unit a list has its prices. */
export const PRICE_UNITS = ['rupees', 'paise'] as const;
export type PriceUnit = (typeof PRICE_UNITS)[number];

const MAX_PAISE_DIGITS = 11;

/** Whole paise, above 0; undefined for what is no amount. */
export function readAmount(text: string, unit: PriceUnit): number | undefined {
  const paise = unit === 'paise' ? readWhole(text, MAX_PAISE_DIGITS) : paiseFromRupees(text);
  return paise === 0 ? undefined : paise;
}

/**
 * `1006 30 20` and `1006.30.20` → `10063020`. Of the chapters 1 to 9 spreadsheets lose the zero in
 * front: `401` is `0401`. Undefined for what is not 4, 6 or 8 digits then.
 */
export function readHsn(text: string): string | undefined {
  const digits = unwrapped(text)
    .replace(/^(\d+)\.0+$/, '$1')
    .replace(/[\s.]/g, '');
  const whole = digits.length % 2 === 1 ? `0${digits}` : digits;
  return /^\d{4}(?:\d{2}){0,2}$/.test(whole) ? whole : undefined;
}

const MAX_GRAMS_DIGITS = 5;

/** `500`, `500 g`, `1.5 kg` → grams; undefined for what is no weight in whole grams. */
export function readGrams(text: string): number | undefined {
  const grams = readWhole(text, MAX_GRAMS_DIGITS);
  if (grams !== undefined) return grams === 0 ? undefined : grams;
  const pack = readPack(text);
  const isWeight = pack?.unit === 'g' && pack.count === 1 && Number.isInteger(pack.amount);
  return isWeight && pack.amount < 10 ** MAX_GRAMS_DIGITS ? pack.amount : undefined;
}

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const THIS_CENTURY = 2_000;

/**
 * `2025-09-22`, or as dates are written in India, the day first: `22-09-2025`, `22/9/2025`,
 * `22-Sep-25` → `2025-09-22`. Undefined for what is no day.
 */
export function readDate(text: string): string | undefined {
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T]0{1,2}:00(?::00)?)?$/.exec(text);
  if (iso) return dateOf(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const numbers = /^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})$/.exec(text);
  if (numbers) return dateOf(Number(numbers[3]), Number(numbers[2]), Number(numbers[1]));
  const named = /^(\d{1,2})[-/. ]([a-z]{3})[a-z]*[-/. ,]+(\d{4}|\d{2})$/i.exec(text);
  if (!named) return undefined;
  const year = Number(named[3]) + (named[3]!.length === 2 ? THIS_CENTURY : 0);
  return dateOf(year, MONTHS.indexOf(named[2]!.toLowerCase()) + 1, Number(named[1]));
}

function dateOf(year: number, month: number, day: number): string | undefined {
  const date = new Date(Date.UTC(year, month - 1, day));
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isDay ? date.toISOString().slice(0, 10) : undefined;
}

/** `18`, `18 %`, `18.00`; `Nil` and `Exempt` are 0. Undefined for what is no percentage. */
export function readPercent(text: string): number | undefined {
  if (/^(?:nil|exempt(?:ed)?|nil[ -]rated)$/i.test(text)) return 0;
  const plain = plainNumber(text.replace(/\s*%$/, ''));
  return plain === undefined ? undefined : Number(plain);
}
