/**
 * Whether every text in a value of JSON, keys included, is one that a store of Unicode text can hold.
 * Postgres takes neither U+0000 nor half of a surrogate pair, which JSON can escape: `"\ud83d"`.
 */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, each]) => isStorable(key) && isStorable(each));
}

/** Characters that show nothing: joiners, marks of order and breaks, the soft hyphen. */
const INVISIBLE = /[\u00ad\u200b-\u200f\u2060\ufeff]/g;

/**
 * Text in the one spelling by which it is compared and searched: one form of each character (NFC), in
 * small letters, without what shows nothing.
 */
export const searchable = (text: string): string =>
  text.normalize('NFC').replace(INVISIBLE, '').toLowerCase().normalize('NFC');

/** The same value of JSON with every text in it, but no key, in Unicode's form NFC. */
export function inNfc(value: unknown): unknown {
  if (typeof value === 'string') return value.normalize('NFC');
  if (Array.isArray(value)) return value.map(inNfc);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inNfc(each)]));
}
