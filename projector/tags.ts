/**
 * What changed rows are known by, and the answers that are read from them: a kind, and mostly an id.
 * By the public ones caches keep answers until they are purged. The others only wake the pages that
 * follow something live: it changes far too often to be kept.
 */
const KINDS = { stores: 'public', store: 'public', order: 'live', board: 'live' } as const;
type Kind = keyof typeof KINDS;

const tagOf = (kind: Kind, id: string): string => `${kind}-${id}`;

/** The list of shops. */
export const STORES_TAG: Kind = 'stores';
/** A shop, and what it sells. */
export const storeTag = (storeId: string): string => tagOf('store', storeId);
/** A shopper's order. */
export const orderTag = (orderId: string): string => tagOf('order', orderId);
/** What a shop's staff work from. */
export const boardTag = (storeId: string): string => tagOf('board', storeId);

/** Whether what is known by a tag may be kept, and is purged when that changes. */
export const isPublicTag = (tag: string): boolean =>
  (KINDS as Record<string, string>)[tag.split('-', 1)[0]!] === 'public';
