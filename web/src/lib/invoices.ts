import { stateCodeOf, stateTaxName, STATES } from '#domain/stores/gstin.ts';
import type { Invoice, InvoiceLine, Registration } from './contract.ts';

const CREDIT_NOTE = 'credit-note';

/** The paper of a credit note, from the page of its bill. */
export const creditNoteHref = (number: string): string =>
  `?${new URLSearchParams({ [CREDIT_NOTE]: number })}`;

/** Of which credit note a page of a bill is asked to be; null for the bill itself. */
export const creditNoteIn = ({
  searchParams,
}: {
  searchParams: Pick<URLSearchParams, 'get'>;
}): string | null => searchParams.get(CREDIT_NOTE);

/** Pieces of each of an invoice's lines that were not credited yet. */
export function creditable({ lines, creditNotes }: Pick<Invoice, 'lines' | 'creditNotes'>) {
  const credited = creditNotes.flatMap((note) => note.lines);
  return lines.map((line) => {
    const same = credited.filter(({ listingId }) => listingId === line.listingId);
    return { ...line, left: same.reduce((left, one) => left - one.quantity, line.quantity) };
  });
}

/** What pieces of a bill weighed: of a credited part of them, its share. Null for other goods. */
export function gramsOf(
  { lines }: Pick<Invoice, 'lines'>,
  { listingId, quantity, grams }: Pick<InvoiceLine, 'listingId' | 'quantity' | 'grams'>,
): number | null {
  const billed = lines.find((line) => line.listingId === listingId);
  return grams && billed ? Math.round((grams * quantity) / billed.quantity) : null;
}

/** `Karnataka (29)`: where it was sold, which is where the shop is. */
export const stateText = (gstin: string): string =>
  `${STATES[stateCodeOf(gstin)] ?? ''} (${stateCodeOf(gstin)})`;

export const stateTax = (gstin: string | null): string => (gstin ? stateTaxName(gstin) : 'SGST');

export const chargesTax = ({ gstin, composition }: Omit<Registration, 'address'>): boolean =>
  gstin !== null && !composition;

/** What a shop that charges tax billed without any because no rate was told. */
export const linesWithoutRate = ({ supplier, lines }: Invoice): InvoiceLine[] =>
  chargesTax(supplier) ? lines.filter((line) => line.gstPercent === null) : [];
