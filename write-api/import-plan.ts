import { createHash, type Hash } from 'node:crypto';
import type { PriceMove, Unconfirmed } from '../domain/catalogue/price-list.ts';
import { counted } from '../wording/en/words.ts';
import type { Listed } from './import-listed.ts';

export const IMPORT_MODES = ['add', 'full'] as const;
/** Whether what a list lacks stays for sale, or is withdrawn. */
export type ImportMode = (typeof IMPORT_MODES)[number];

/** A larger part of the prices than this does not move far in one list, unless its unit is wrong. */
const MOVED_PART = 5;
const MAX_EXAMPLES = 20;
const DIGEST_LENGTH = 16;

/** Looks at a list row by row, before the first one counts. */
export class ImportPlan {
  readonly #listed: Listed;
  readonly #mode: ImportMode;
  readonly #hash: Hash;
  readonly #named = new Set<string>();
  readonly #priced = new Set<string>();
  readonly #counts = { compared: 0, doubled: 0, halved: 0, moved: 0 };
  readonly #moves: PriceMove[] = [];

  /** `content` names the file and how it is to be read. */
  constructor(listed: Listed, mode: ImportMode, content: string) {
    this.#listed = listed;
    this.#mode = mode;
    this.#hash = createHash('sha256').update(`${mode}\n${content}\n`);
  }

  /** A row names an article, whether or not it can be taken: it is not missing. */
  name(sku: string): void {
    this.#named.add(sku);
  }

  /** A row has a price for an article. Of several rows the first one counts. */
  price(row: number, sku: string, toPaise: number): void {
    const article = this.#listed.bySku.get(sku);
    if (!article || this.#priced.has(sku)) return;
    this.#priced.add(sku);
    const { name, pricePaise: fromPaise } = article;
    this.#counts.compared += 1;
    if (Math.abs(toPaise - fromPaise) * 4 <= fromPaise) return;
    this.#counts.moved += 1;
    if (toPaise >= 2 * fromPaise) this.#counts.doubled += 1;
    if (toPaise * 2 <= fromPaise) this.#counts.halved += 1;
    this.#hash.update(`${sku}\t${fromPaise}\t${toPaise}\n`);
    if (this.#moves.length < MAX_EXAMPLES) {
      this.#moves.push({ row, sku, name, fromPaise, toPaise });
    }
  }

  /** What is for sale and not in the list; nothing where that is not meant to be withdrawn. */
  withdrawals(): string[] {
    if (this.#mode !== 'full') return [];
    return [...this.#listed.bySku]
      .filter(([sku, { withdrawn }]) => !withdrawn && !this.#named.has(sku))
      .map(([sku]) => sku)
      .toSorted();
  }

  /** What is to be confirmed, once all rows were looked at; null where nothing is. */
  unconfirmed(): Unconfirmed | null {
    const { compared, doubled, halved, moved } = this.#counts;
    const missing = this.withdrawals();
    const isFar = doubled + halved > 0 || moved * MOVED_PART > compared;
    if (!isFar && missing.length === 0) return null;
    const hash = this.#hash.copy().update(missing.join('\n'));
    return {
      digest: hash.digest('base64url').slice(0, DIGEST_LENGTH),
      ...this.#counts,
      withdrawn: missing.length,
      moves: isFar ? this.#moves : [],
      withdrawals: missing
        .slice(0, MAX_EXAMPLES)
        .map((sku) => ({ sku, name: this.#listed.bySku.get(sku)!.name })),
    };
  }
}

/** What is to be confirmed, in a sentence. */
export function planText({ digest, compared, withdrawn, ...prices }: Unconfirmed): string {
  const { doubled, halved, moved } = prices;
  const isMany = doubled + halved > 0 || moved * MOVED_PART > compared;
  const said = [
    ...(isMany
      ? [
          `of ${compared} prices that the shop has, ${doubled} at least double, ${halved} at least ` +
            `halve, and ${moved} change by more than a quarter` +
            (doubled > 0 ? ' (a list in paise needs unit=paise)' : ''),
        ]
      : []),
    ...(withdrawn > 0
      ? [`${counted(withdrawn, 'listing is', 'listings are')} not in it and would be withdrawn`]
      : []),
  ].join('; ');
  const sentence = said.charAt(0).toUpperCase() + said.slice(1);
  return `${sentence}. Nothing was done: if that is meant, send the same list with confirm=${digest}.`;
}
