/** What a line costs: whole paise, so there is nothing to round while items are sold by the piece. */
export const linePaise = (pricePaise: number, quantity: number): number => pricePaise * quantity;

/** What `part` of `whole` pieces costs that cost `paise` together, rounded half up. */
export const sharePaise = (paise: number, part: number, whole: number): number =>
  Math.floor((2 * paise * part + whole) / (2 * whole));

/**
 * Splits an amount in proportion to `weights`, to the paisa: what rounding down leaves goes to the
 * largest remainders, of equal ones to the first. Where all weigh nothing, they weigh the same.
 */
export function splitPaise(paise: number, weights: readonly number[]): number[] {
  const whole = sumPaise(weights);
  if (whole === 0 && weights.length > 0)
    return splitPaise(
      paise,
      weights.map(() => 1),
    );
  const shares = weights.map((weight) => Math.floor((paise * weight) / whole));
  const remainders = weights.map((weight, index) => ({ index, rest: (paise * weight) % whole }));
  const left = paise - sumPaise(shares);
  for (const { index } of remainders.toSorted((a, b) => b.rest - a.rest).slice(0, left)) {
    shares[index]! += 1;
  }
  return shares;
}

/** What is paid of an amount in whole rupees: never more than it, as MRP and quotes are the most. */
export const wholeRupees = (paise: number): number => Math.floor(paise / 100) * 100;

export const sumPaise = (amounts: Iterable<number>): number => {
  let total = 0;
  for (const amount of amounts) total += amount;
  return total;
};

/** The ten digits of each of India's scripts stand in a row, from the same place of their block. */
const INDIC_DIGIT = /[०-९০-৯੦-੯૦-૯୦-୯௦-௯౦-౯೦-೯൦-൯]/g;
const FIRST_INDIC_DIGIT = 0x0966;
const SCRIPT_BLOCK = 0x80;

/** `1,299` and `12,99,000` (India), `129,900` and `1,299,000` (elsewhere): a comma is nothing else. */
const GROUPED = /^[1-9]\d{0,2}(?:,\d{3})+$|^[1-9]\d?(?:,\d{2})*,\d{3}$/;

/**
 * The digits of a number as people write it, with a point at most: `1,29,900.50` → `129900.50`, `१२`
 * → `12`. Undefined for what is none, as `12,50`: nobody knows whether that is 12.50 or 1,250.
 */
export function plainNumber(text: string): string | undefined {
  const latin = text.replace(INDIC_DIGIT, (digit) =>
    String((digit.charCodeAt(0) - FIRST_INDIC_DIGIT) % SCRIPT_BLOCK),
  );
  const [, whole = '', fraction] = /^([\d,]*)(?:\.(\d*))?$/.exec(latin) ?? [];
  if (whole === '' && !fraction) return undefined;
  if (whole.includes(',') && !GROUPED.test(whole)) return undefined;
  const digits = whole.replaceAll(',', '') || '0';
  return fraction ? `${digits}.${fraction}` : digits;
}

/**
 * Reads rupees as a shopkeeper writes them ("45", "45.5", "₹1,299.00", "Rs. 45/-", "45 Rs", "१२") into
 * whole paise. Works on the digits, never through a fraction, so no paisa is lost.
 * Returns undefined for what is not an amount or has more than two decimals.
 */
export function paiseFromRupees(text: string): number | undefined {
  const amount = text
    .replace(/^(?:₹|rs\.?|inr)\s*/i, '')
    .replace(/\s*(?:\/[-=]|₹|rs\.?|inr|rupees?)$/i, '')
    .replace(/\s*\/[-=]$/, '');
  const plain = plainNumber(amount);
  const match = plain && /^(\d{1,9})(?:\.(\d{1,2})0*)?$/.exec(plain);
  if (!match) return undefined;
  return Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'));
}
