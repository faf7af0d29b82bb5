/** What of a shop's catalogue is looked at; empty strings mean everything, from the beginning. */
export type CatalogueQuery = { category: string; q: string; after: string };

const PAGE_SIZE = 24;
/** From here on down it is worth saying how few are left. */
export const FEW_LEFT = 5;

const nonEmpty = (query: Partial<CatalogueQuery>): Record<string, string> =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value));

export const withQuery = (path: string, query: Record<string, string>): string => {
  const search = new URLSearchParams(query).toString();
  return search ? `${path}?${search}` : path;
};

/** Where read-api answers a page of the catalogue. */
export const cataloguePath = (storeId: string, query: CatalogueQuery): string =>
  withQuery(`/api/read/stores/${encodeURIComponent(storeId)}/catalogue`, {
    ...nonEmpty(query),
    limit: String(PAGE_SIZE),
  });

/** Where the shop's own page shows it. */
export const shopPath = (storeId: string, query: Partial<CatalogueQuery> = {}): string =>
  withQuery(`/stores/${encodeURIComponent(storeId)}`, nonEmpty(query));
