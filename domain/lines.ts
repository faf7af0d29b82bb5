import { Rejected } from './rejection.ts';

/**
 * Throws `Rejected` LINE_NAMED_TWICE where two lines of a command name one article: they would say
 * two things of it.
 *
 * @param articles what each line is of, by listing or by SKU
 */
export function assertNamedOnce(articles: string[]): void {
  const twice = articles.find((article, index) => articles.indexOf(article) < index);
  if (twice === undefined) return;
  throw new Rejected('LINE_NAMED_TWICE', { article: twice });
}
