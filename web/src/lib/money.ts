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
