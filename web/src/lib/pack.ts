import { rupees } from '#wording/en/words.ts';
import type { CatalogueItem } from './contract.ts';

/** A loose article has the grams that a piece is to weigh: it is weighed when it is packed. */
type Packed = { pack: string | null; gramsEach?: number | null };

const GRAMS_PER_KG = 1_000;
const WEIGHT = /^\d+ k?g$/;

/** `950 g`, `1.06 kg` */
export const weightText = (grams: number): string =>
  grams < GRAMS_PER_KG ? `${grams} g` : `${grams / GRAMS_PER_KG} kg`;

/** What a piece is: `500 g`; of what is loose, `about 500 g`, or `1 piece` and `about 2 kg`. */
export function packParts({ pack, gramsEach }: Packed): string[] {
  if (!gramsEach) return pack ? [pack] : [];
  const about = `about ${weightText(gramsEach)}`;
  return pack && !WEIGHT.test(pack) ? [pack, about] : [about];
}

/** The same in one; empty where the shop told nothing. */
export const packText = (item: Packed): string => packParts(item).join(', ');

/** `₹0.24/g`; null where it is not known, or is the price itself. */
export const unitPriceText = ({
  unitPrice,
  pricePaise,
}: Pick<CatalogueItem, 'unitPrice' | 'pricePaise'>): string | null =>
  unitPrice && unitPrice.paise !== pricePaise
    ? `${rupees(unitPrice.paise)}/${unitPrice.per}`
    : null;

/** What a shopper has to know of loose goods that are still to be weighed. */
export const weighingText = (mostPaise: number): string =>
  `Weighed when packed; you never pay more than ${rupees(mostPaise)}`;
