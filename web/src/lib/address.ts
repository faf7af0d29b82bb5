const UUID = /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i;

/** What of an id is a UUID: of a listing's its shop's, before the SKU. */
const uuidOf = (name: string, id: string): string =>
  name === 'listingId' ? id.slice(0, Math.max(id.indexOf('.'), 0)) : id;

/**
 * Whether the ids of an address can be some at all. One that was mistyped names nothing, as one of
 * what is not there (any more): the same page says so.
 */
export const canBeThere = (params: Record<string, string>): boolean =>
  Object.entries(params).every(([name, id]) => !name.endsWith('Id') || UUID.test(uuidOf(name, id)));
