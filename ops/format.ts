const COUNT = new Intl.NumberFormat('en');

/** 27555 → "27,555". */
export const count = (value: number | bigint): string => COUNT.format(value);

/** "1 event", "2 events". */
export const counted = (value: number, noun: string): string =>
  `${count(value)} ${noun}${value === 1 ? '' : 's'}`;

/** Addresses of stores carry passwords; what follows the question mark is how, not where. */
export const withoutSecrets = (address: string): string =>
  address.replace(/^\w+(?:\+\w+)?:\/\/(?:[^@/]*@)?/, '').replace(/\?.*$/, '');

/** "0.4 s", "12 s", "3 min 5 s", "2 h 10 min", "5 d 3 h". */
export function duration(ms: number): string {
  if (ms < 9_950) return `${(Math.max(ms, 0) / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  const m = Math.floor(s / 60);
  const h = Math.floor(m / 60);
  if (m < 1) return `${s} s`;
  if (h < 1) return `${m} min ${s % 60} s`;
  if (h < 48) return `${h} h ${m % 60} min`;
  return `${Math.floor(h / 24)} d ${h % 24} h`;
}

/** Rows of cells as lines, each column as wide as its widest cell; numbers stand right. */
export function table(rows: string[][]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, i) =>
        /^-?[\d,.]*$/.test(cell) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!),
      )
      .join('  ')
      .trimEnd(),
  );
}
