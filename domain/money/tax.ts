/** What is inside a price that includes GST, in paise. */
export type TaxSplit = {
  taxablePaise: number;
  cgstPaise: number;
  sgstPaise: number;
  igstPaise: number;
};

/** What of a price is tax, in paise. */
export const taxPaise = ({ cgstPaise, sgstPaise, igstPaise }: Omit<TaxSplit, 'taxablePaise'>) =>
  cgstPaise + sgstPaise + igstPaise;

/**
 * Goods that are brought into another state bear IGST instead of CGST and SGST: the place of supply
 * is where they go (IGST Act 2017, sections 5, 7(1) and 10(1)(ca); Circular 209/3/2024-GST).
 */
export type SupplyKind = 'within-state' | 'across-states';

/** A tax rate that a listing has from a business date (`2025-09-22`) on; null: it was not told. */
export type GstRate = { gstFrom: string; gstPercent: number | null };

/** From before any invoice: sorts below every date. */
export const SINCE_EVER = '';

/** Rates have up to two decimals: in hundredths of a percent they are whole. */
const WHOLE = 10_000n;

/**
 * Takes the GST out of a price that includes it, as India's retail prices do. A sale within a
 * state pays half to the centre (CGST) and the same to the state (SGST): each is rounded half up,
 * once; one across states pays all of it as IGST, rounded once. The rest is the taxable value, so
 * that all are the price to the paisa. Source: CGST Rules 2017, rule 35.
 *
 * @param gstPercent all tax together, 0 to 100 with up to two decimals
 */
export function taxWithin(
  pricePaise: number,
  gstPercent: number,
  supply: SupplyKind = 'within-state',
): TaxSplit {
  const price = BigInt(pricePaise);
  const rate = BigInt(Math.round(gstPercent * 100));
  // Half the tax is price × rate / (2 × (100 % + rate)), plus a half, rounded down.
  if (supply === 'across-states') {
    const igstPaise = Number((2n * price * rate + WHOLE + rate) / (2n * (WHOLE + rate)));
    return { taxablePaise: pricePaise - igstPaise, cgstPaise: 0, sgstPaise: 0, igstPaise };
  }
  const half = Number((price * rate + WHOLE + rate) / (2n * (WHOLE + rate)));
  const taxablePaise = pricePaise - 2 * half;
  return { taxablePaise, cgstPaise: half, sgstPaise: half, igstPaise: 0 };
}

/** The rates with one more; it takes the place of one from the same date. Oldest first. */
export const withRate = (rates: readonly GstRate[], rate: GstRate): GstRate[] =>
  [...rates.filter(({ gstFrom }) => gstFrom !== rate.gstFrom), rate].toSorted((a, b) =>
    a.gstFrom < b.gstFrom ? -1 : 1,
  );

/** The rate in force on a business date; null where none was told. `rates` are oldest first. */
export const rateOn = (rates: readonly GstRate[], date: string): number | null =>
  rates.findLast(({ gstFrom }) => gstFrom <= date)?.gstPercent ?? null;

/** All rates that goods could have from a business date on, until the next row's; oldest first. */
const RATES_OF_LAW: { from: string; percents: readonly number[] }[] = [
  // Notifications 1/2017 and 2/2017-Central Tax (Rate), as amended until 2025.
  { from: SINCE_EVER, percents: [0, 0.1, 0.25, 1, 1.5, 3, 5, 6, 7.5, 12, 18, 28] },
  // Notification 9/2025-Central Tax (Rate); 28 for tobacco only.
  { from: '2025-09-22', percents: [0, 0.25, 1.5, 3, 5, 18, 28, 40] },
  // Notification 19/2025-Central Tax (Rate) omits schedule VII.
  { from: '2026-02-01', percents: [0, 0.25, 1.5, 3, 5, 18, 40] },
];

/** The GST rates that goods can have by law on a business date, in percent. */
export const ratesOfLaw = (date: string): readonly number[] =>
  RATES_OF_LAW.findLast(({ from }) => from <= date)!.percents;
