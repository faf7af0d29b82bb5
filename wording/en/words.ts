/** What sentences in English are made with. */

const PLURALS = new Intl.PluralRules('en');

/** The form that goes with a number: `form(1, 'piece', 'pieces')` → `piece`. */
export const form = (count: number, one: string, other: string): string =>
  PLURALS.select(count) === 'one' ? one : other;

/** A number and what there are so many of: `counted(2, 'piece', 'pieces')` → `2 pieces`. */
export const counted = (count: number, one: string, other: string): string =>
  `${count} ${form(count, one, other)}`;

/** `rice`, `rice and dal`, `rice, dal and ghee`. */
export const joined = (words: string[]): string =>
  words.length > 1 ? `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}` : (words[0] ?? '');

const whole = new Intl.NumberFormat('en-IN', { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat('en-IN', {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});

/** Paise as people write rupees: `₹1,23,456`, and `₹49.50` only where there are paise. */
export const rupees = (paise: number): string =>
  `₹${(paise % 100 === 0 ? whole : exact).format(paise / 100)}`;

/** `₹1,234.00`, as it stands in an account: always with its paise. */
export const exactRupees = (paise: number): string => `₹${amount(paise)}`;

/** Paise as they stand in a bill's columns: `1,23,456.00`. */
export const amount = (paise: number): string => exact.format(paise / 100);

const MINUTES_PER_DAY = 1440;

/** `09:30`; past midnight the clock begins anew. */
export const clock = (minute: number): string => {
  const ofDay = minute % MINUTES_PER_DAY;
  return [Math.floor(ofDay / 60), ofDay % 60].map((one) => String(one).padStart(2, '0')).join(':');
};
