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

/**
 * Reads rupees as a shopkeeper writes them ("45", "45.5", "₹1,299.00", "१२") into whole paise.
 * Works on the digits, never through a fraction, so no paisa is lost.
 * Returns undefined for what is not an amount or has more than two decimals.
 */
export function paiseFromRupees(text: string): number | undefined {
  const plain = text
    .replace(/^(?:₹|rs\.?|inr)\s*/i, '')
    .replace(/[०-९]/g, (digit) => String(digit.charCodeAt(0) - 0x0966))
    .replaceAll(',', '');
  const match = /^(\d{1,9})(?:\.(\d{1,2})0*)?$/.exec(plain);
  if (!match) return undefined;
  return Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'));
}
