const whole = new Intl.NumberFormat('en-IN', { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat('en-IN', {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});

/** Paise as people write rupees: `₹1,23,456`, and `₹49.50` only where there are paise. */
export function rupees(paise: number): string {
  const format = paise % 100 === 0 ? whole : exact;
  return `₹${format.format(paise / 100)}`;
}

/** Paise as they stand in a bill's columns: `1,23,456.00`. */
export const amount = (paise: number): string => exact.format(paise / 100);

/** Whole percent below the maximum retail price, rounded down; 0 where there is no offer. */
export function percentOff(pricePaise: number, mrpPaise: number | null): number {
  if (!mrpPaise || mrpPaise <= pricePaise) return 0;
  return Math.floor(((mrpPaise - pricePaise) * 100) / mrpPaise);
}

/** Paise saved against the maximum retail price by lines that have one. Never negative. */
export function savedPaise(
  lines: { pricePaise: number; mrpPaise: number | null; quantity: number }[],
): number {
  return lines.reduce(
    (saved, { pricePaise, mrpPaise, quantity }) =>
      saved + Math.max(0, (mrpPaise ?? 0) - pricePaise) * quantity,
    0,
  );
}
