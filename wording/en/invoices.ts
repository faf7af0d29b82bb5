import type { CreditReason, InvoiceKind } from '../../domain/money/invoices.ts';
import type { ReturnPlace } from '../../domain/fulfilment/store-order.ts';

export const KINDS: Record<InvoiceKind, string> = {
  'tax-invoice': 'Tax invoice',
  'bill-of-supply': 'Bill of supply',
  'invoice-cum-bill-of-supply': 'Invoice-cum-bill of supply',
};

export const CREDIT_REASONS: Record<CreditReason, string> = {
  returned: 'Returned',
  damaged: 'Damaged',
  missing: 'Missing',
  'wrong-item': 'Wrong item',
  other: 'Another reason',
};

export const RETURN_PLACES: Record<ReturnPlace, string> = {
  shelf: 'Back on the shelf',
  'write-off': 'To waste',
  none: 'It did not come back',
};

export const creditReason = (reason: string): string =>
  CREDIT_REASONS[reason as CreditReason] ?? reason;

const dayFormat = new Intl.DateTimeFormat('en-IN', {
  timeZone: 'UTC',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
});

/** A business date as people write it: `2026-11-21` → `21 Nov 2026`. */
export const dateText = (date: string): string => dayFormat.format(Date.parse(date));

const ONES = (
  ' one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen ' +
  'sixteen seventeen eighteen nineteen'
).split(' ');
const TENS = '  twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const SCALES: [size: number, name: string][] = [
  [10_000_000, 'crore'],
  [100_000, 'lakh'],
  [1_000, 'thousand'],
  [100, 'hundred'],
];

/** A whole number above 0 in Indian English: `one lakh twenty-three thousand`. */
function words(number: number): string {
  for (const [size, name] of SCALES) {
    if (number < size) continue;
    const rest = number % size;
    return `${words(Math.floor(number / size))} ${name}${rest > 0 ? ` ${words(rest)}` : ''}`;
  }
  if (number < ONES.length) return ONES[number]!;
  const one = number % 10;
  return `${TENS[Math.floor(number / 10)]}${one > 0 ? `-${ONES[one]}` : ''}`;
}

/** An amount as it stands on a bill: `Rupees one lakh five and paise fifty only`. */
export function amountInWords(paise: number): string {
  const rupees = Math.floor(paise / 100);
  const rest = paise % 100;
  const parts = [
    ...(rupees > 0 || rest === 0 ? [`rupees ${rupees > 0 ? words(rupees) : 'nil'}`] : []),
    ...(rest > 0 ? [`paise ${words(rest)}`] : []),
  ];
  const text = `${parts.join(' and ')} only`;
  return text[0]!.toUpperCase() + text.slice(1);
}
