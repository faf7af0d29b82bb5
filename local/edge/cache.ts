import { LRUCache } from 'lru-cache';
import type { Answer } from './answer.ts';
import type { Freshness } from './freshness.ts';

/** Tags beyond are ignored, as CloudFront does: at most 50 an object. */
const MAX_TAGS = 50;
/** What an entry costs beside its bodies, roughly: its headers, its place in the indexes. */
const ENTRY_OVERHEAD_BYTES = 2_048;

/** What is kept: a whole answer, for how long, and the names by which it can be invalidated. */
export type Entry = {
  answer: Answer;
  labels: string[];
  /** When the origin made it. */
  bornMs: number;
  freshness: Freshness;
  /** Not before then is the origin asked for a newer one in the background. */
  nextRefreshMs: number;
};

export type Cache = {
  get(key: string): Entry | undefined;
  set(key: string, entry: Entry): void;
  delete(key: string): void;
  /** Drops what any of these items names, see {@link concerns}. */
  invalidate(items: string[]): void;
};

/** Answers by key, the least recently used dropped where the budget is used up. */
export function createCache(maxBytes: number): Cache {
  /** Which keys bear a label, so that an invalidation need not look at every entry. */
  const labelled = new Map<string, Set<string>>();
  const entries = new LRUCache<string, Entry>({
    maxSize: maxBytes,
    sizeCalculation: ({ answer }, key) => answer.bytes + 2 * key.length + ENTRY_OVERHEAD_BYTES,
    dispose({ labels }, key) {
      for (const label of labels) {
        const keys = labelled.get(label);
        keys?.delete(key);
        if (keys?.size === 0) labelled.delete(label);
      }
    },
    onInsert({ labels }, key) {
      for (const label of labels) {
        const keys = labelled.get(label);
        if (keys) keys.add(key);
        else labelled.set(label, new Set([key]));
      }
    },
  });
  return {
    get: (key) => entries.get(key),
    set: (key, entry) => void entries.set(key, entry),
    delete: (key) => void entries.delete(key),
    invalidate(items) {
      for (const item of items) {
        const found = isPattern(item)
          ? [...labelled.keys()].filter((label) => concerns(item, [label]))
          : [normalise(item)];
        const keys = found.flatMap((label) => [...(labelled.get(label) ?? [])]);
        for (const key of keys) entries.delete(key);
      }
    },
  };
}

/** The names of an answer: its path with the query that is in its key, and its tags with a `#`. */
export function labelsOf(url: string, tagHeader: string | string[] | undefined): string[] {
  const tags = String(tagHeader ?? '')
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '')
    .slice(0, MAX_TAGS);
  return [url, ...new Set(tags.map((tag) => normalise(`#${tag}`)))];
}

/**
 * Whether an item of an invalidation names one of these labels. As in CloudFront, `#tag` is a tag
 * in any case, `/path` is that path without a query, and a `*` at the end stands for any ending.
 */
export function concerns(item: string, labels: string[]): boolean {
  if (!isPattern(item)) return labels.includes(normalise(item));
  const prefix = item.slice(0, -1);
  return labels.some((label) => label.startsWith(prefix));
}

const isPattern = (item: string): boolean => item.endsWith('*') && !item.startsWith('#');

const normalise = (item: string): string => (item.startsWith('#') ? item.toLowerCase() : item);
