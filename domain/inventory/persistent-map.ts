const PAGES = 64;
const BUCKETS_PER_PAGE = 64;

type Entry<Value> = readonly [key: string, value: Value];
type Bucket<Value> = readonly Entry<Value>[];
type Page<Value> = readonly (Bucket<Value> | undefined)[];

const EMPTY_PAGE: Page<never> = Array.from({ length: BUCKETS_PER_PAGE }, () => undefined);
const NO_PAGES: readonly undefined[] = Array.from({ length: PAGES }, () => undefined);

/** FNV-1a, 32 bits. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/**
 * A map whose changes make a new one and leave the old one as it was, at the price of two short
 * arrays however much is in it. A long stream's state can thus be evolved event by event, and be
 * put back where it was when an append loses its race. In no particular order.
 */
export class PersistentMap<Value> {
  static readonly empty: PersistentMap<never> = new PersistentMap<never>(NO_PAGES, 0);

  readonly size: number;
  readonly #pages: readonly (Page<Value> | undefined)[];

  private constructor(pages: readonly (Page<Value> | undefined)[], size: number) {
    this.#pages = pages;
    this.size = size;
  }

  static from<Value>(entries: Iterable<Entry<Value>>): PersistentMap<Value> {
    let map: PersistentMap<Value> = PersistentMap.empty;
    for (const [key, value] of entries) map = map.with(key, value);
    return map;
  }

  get(key: string): Value | undefined {
    return this.#bucket(hashOf(key))?.find(([known]) => known === key)?.[1];
  }

  with(key: string, value: Value): PersistentMap<Value> {
    const hash = hashOf(key);
    const bucket = this.#bucket(hash) ?? [];
    const at = bucket.findIndex(([known]) => known === key);
    const entry = [key, value] as const;
    return at < 0
      ? this.#replaced(hash, [...bucket, entry], this.size + 1)
      : this.#replaced(hash, bucket.with(at, entry), this.size);
  }

  without(key: string): PersistentMap<Value> {
    const hash = hashOf(key);
    const bucket = this.#bucket(hash) ?? [];
    const kept = bucket.filter(([known]) => known !== key);
    return kept.length < bucket.length ? this.#replaced(hash, kept, this.size - 1) : this;
  }

  *[Symbol.iterator](): Generator<Entry<Value>> {
    for (const page of this.#pages) {
      for (const bucket of page ?? []) yield* bucket ?? [];
    }
  }

  #bucket(hash: number): Bucket<Value> | undefined {
    return this.#pages[hash % PAGES]?.[(hash >>> 16) % BUCKETS_PER_PAGE];
  }

  #replaced(hash: number, bucket: Bucket<Value>, size: number): PersistentMap<Value> {
    const page = this.#pages[hash % PAGES] ?? EMPTY_PAGE;
    const changed = page.with((hash >>> 16) % BUCKETS_PER_PAGE, bucket);
    return new PersistentMap(this.#pages.with(hash % PAGES, changed), size);
  }
}
