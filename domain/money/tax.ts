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
