import type { CashReason } from '#domain/money/till.ts';
import { rupees } from './money.ts';

/** Why the till holds something else than it should, for the shopkeeper to choose. */
export const CASH_REASONS: { reason: CashReason; label: string }[] = [
  { reason: 'wrong-change', label: 'Wrong change' },
  { reason: 'unrecorded-sale', label: 'A sale that is not in here' },
  { reason: 'theft', label: 'Stolen' },
  { reason: 'other', label: 'Something else' },
];

export const cashReason = (reason: CashReason): string =>
  CASH_REASONS.find((one) => one.reason === reason)!.label;

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

/** Where read-api answers for a day's till. */
export const tillPath = (storeId: string, date: string): string =>
  `/api/read/stores/${encodeURIComponent(storeId)}/till/${date}`;
