import type { CatalogueItem } from './contract.ts';

/** What of a shop's catalogue is looked at; empty strings mean everything, from the beginning. */
export type CatalogueQuery = { category: string; q: string; after: string };

const PAGE_SIZE = 24;
/** The most that a page may have. */
export const LARGEST_PAGE = 100;
/** From here on down it is worth saying how few are left. */
export const FEW_LEFT = 5;

const nonEmpty = (query: Partial<CatalogueQuery>): Record<string, string> =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value));

export const withQuery = (path: string, query: Record<string, string>): string => {
  const search = new URLSearchParams(query).toString();
  return search ? `${path}?${search}` : path;
};

/** Where read-api answers a page of the catalogue. */
export const cataloguePath = (
  storeId: string,
  query: CatalogueQuery,
  limit: number = PAGE_SIZE,
): string =>
  withQuery(`/api/read/stores/${encodeURIComponent(storeId)}/catalogue`, {
    ...nonEmpty(query),
    limit: String(limit),
  });

type Likeness = Pick<CatalogueItem, 'subcategory' | 'pricePaise'>;

/** Items as somebody would look for a substitute: of the same kind first, then by price. */
export function nearestTo<Item extends Likeness>(item: Likeness, items: Item[]): Item[] {
  const isOfOtherKind = ({ subcategory }: Likeness) => Number(subcategory !== item.subcategory);
  const difference = ({ pricePaise }: Likeness) => Math.abs(pricePaise - item.pricePaise);
  return items.toSorted(
    (a, b) => isOfOtherKind(a) - isOfOtherKind(b) || difference(a) - difference(b),
  );
}

/** Where the shop's own page shows it. */
export const shopPath = (storeId: string, query: Partial<CatalogueQuery> = {}): string =>
  withQuery(`/stores/${encodeURIComponent(storeId)}`, nonEmpty(query));
