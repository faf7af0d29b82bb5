import type { CountReason } from '../../domain/inventory/inventory.ts';
import type { CashReason } from '../../domain/money/till.ts';
import type { Choice } from './store-orders.ts';
import { rupees } from './words.ts';

/** Why the till holds something else than it should, for the shopkeeper to choose. */
export const CASH_REASONS: Choice<CashReason>[] = [
  { reason: 'wrong-change', label: 'Wrong change' },
  { reason: 'unrecorded-sale', label: 'A sale that is not in here' },
  { reason: 'theft', label: 'Stolen' },
  { reason: 'other', label: 'Something else' },
];

export const cashReason = (reason: CashReason): string =>
  CASH_REASONS.find((one) => one.reason === reason)!.label;

/** Why the shelf holds something else than the books say, for the shopkeeper to choose. */
export const COUNT_REASONS: Choice<CountReason>[] = [
  { reason: 'miscounted', label: 'Counted wrong before' },
  { reason: 'damaged', label: 'Damaged' },
  { reason: 'expired', label: 'Past its date' },
  { reason: 'stolen', label: 'Stolen' },
  { reason: 'found', label: 'Found' },
  { reason: 'other', label: 'Something else' },
];

/** `₹1,200`, and `−₹50` for what went out. */
export const cashText = (paise: number): string =>
  paise < 0 ? `−${rupees(-paise)}` : rupees(paise);

/** Counted less expected, in words. */
export function differenceText(differencePaise: number): string {
  if (differencePaise === 0) return 'It is all there';
  return differencePaise < 0
    ? `${rupees(-differencePaise)} missing`
    : `${rupees(differencePaise)} too much`;
}
