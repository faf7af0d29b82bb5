import type { CountReason } from '#domain/inventory/inventory.ts';
import { withQuery } from './catalogue.ts';
import type { StockItem } from './contract.ts';

const PAGE_SIZE = 50;

/** What staff do to an article: receive a delivery, sell over the counter, count, keep back. */
export type Operation = 'receive' | 'sell' | 'count' | 'buffer';

export const OPERATIONS: Record<
  Operation,
  { label: string; title: string; field: string; hint?: string; submit: string; least: number }
> = {
  receive: {
    label: 'Receive',
    title: 'Receive a delivery',
    field: 'Pieces that came',
    submit: 'Put on the shelf',
    least: 1,
  },
  sell: {
    label: 'Sell',
    title: 'Sell at the counter',
    field: 'Pieces sold',
    submit: 'Sold',
    least: 1,
  },
  count: {
    label: 'Count',
    title: 'Count the shelf',
    field: 'Pieces on the shelf',
    hint: 'Those put aside for orders too.',
    submit: 'Save',
    least: 0,
  },
  buffer: {
    label: 'Keep back',
    title: 'Keep back from online orders',
    field: 'Pieces to keep for the counter',
    submit: 'Save',
    least: 0,
  },
};

/** Why a first count, which corrects nothing, is taken. */
export const FIRST_COUNT: CountReason = 'first-count';

/** Where read-api answers a page of a shop's books. */
export const stockPath = (storeId: string, q: string, after = ''): string =>
  withQuery(`/api/read/stores/${encodeURIComponent(storeId)}/stock`, {
    ...(q && { q }),
    ...(after && { after }),
    limit: String(PAGE_SIZE),
  });

/** Whole pieces as somebody types them; undefined for what is none, or fewer than `least`. */
export function piecesFrom(text: string, least: number): number | undefined {
  const plain = text.trim();
  if (!/^\d{1,7}$/.test(plain)) return undefined;
  const pieces = Number(plain);
  return pieces >= least ? pieces : undefined;
}

/** What is wrong with an article's books, for somebody to set right; null where nothing is. */
export function troubleOf({
  onHand,
  reserved,
}: Pick<StockItem, 'onHand' | 'reserved'>): string | null {
  if (onHand === null || onHand >= reserved) return null;
  const missing = reserved - Math.max(0, onHand);
  if (missing > 0) return `${missing} promised to orders, not on the shelf`;
  return 'More was sold than the books knew of: count it';
}
