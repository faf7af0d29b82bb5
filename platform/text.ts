/**
 * Whether every text in a value of JSON, keys included, is one that a store of Unicode text can hold.
 * Postgres takes neither U+0000 nor half of a surrogate pair, which JSON can escape: `"\ud83d"`.
 */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, each]) => isStorable(key) && isStorable(each));
}
