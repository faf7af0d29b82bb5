/**
 * What this browser remembers: `local` for good, `session` until the tab closes.
 * A browser may refuse (private mode, a full disk); the page then works without a memory.
 */
type Area = 'local' | 'session';

function areaOf(name: Area): Storage | undefined {
  if (typeof document === 'undefined') return undefined;
  return name === 'local' ? localStorage : sessionStorage;
}

/** The value under a key; null when there is none or the browser refuses. */
export function recall(key: string, area: Area = 'local'): string | null {
  try {
    return areaOf(area)?.getItem(key) ?? null;
  } catch (error) {
    console.warn('this browser does not let pages remember', error);
    return null;
  }
}

/** Remembers a value, or forgets the key for null. */
export function keep(key: string, value: string | null, area: Area = 'local'): void {
  try {
    if (value === null) areaOf(area)?.removeItem(key);
    else areaOf(area)?.setItem(key, value);
  } catch (error) {
    console.warn('this browser does not let pages remember', error);
  }
}

/** A remembered JSON value; undefined when there is none or it cannot be read any more. */
export function recallJson(key: string): unknown {
  const text = recall(key);
  if (text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    console.warn(`what was remembered as ${key} is broken`, error);
    keep(key, null);
    return undefined;
  }
}
