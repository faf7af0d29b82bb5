import { stateCodeOf, stateTaxName, STATES } from '#domain/stores/gstin.ts';
import { supplyKindOf } from '#domain/money/invoices.ts';
import { chargesTax } from '#domain/stores/store.ts';
import type { Invoice, InvoiceLine } from './contract.ts';

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

/** `Karnataka (29)`, of a state's code or of a GSTIN that begins with it. */
export const stateText = (code: string): string =>
  `${STATES[stateCodeOf(code)] ?? ''} (${stateCodeOf(code)})`;

export const stateTax = (gstin: string | null): string => (gstin ? stateTaxName(gstin) : 'SGST');

/** A tax that is in the prices of a bill: what it is called, how much of a rate and of a sum it is. */
export type TaxColumn = {
  name: string;
  amount: 'cgstPaise' | 'sgstPaise' | 'igstPaise';
  percentOf: (gstPercent: number | null) => number;
};

/** Half to the centre and half to the state; across a border, all of it as IGST; or none. */
export function taxColumns(invoice: Pick<Invoice, 'supplier' | 'placeOfSupply'>): TaxColumn[] {
  const { supplier } = invoice;
  if (!chargesTax(supplier)) return [];
  if (supplyKindOf(invoice) === 'across-states') {
    return [{ name: 'IGST', amount: 'igstPaise', percentOf: (percent) => percent ?? 0 }];
  }
  const percentOf = (percent: number | null) => (percent ?? 0) / 2;
  return [
    { name: 'CGST', amount: 'cgstPaise', percentOf },
    { name: stateTax(supplier.gstin), amount: 'sgstPaise', percentOf },
  ];
}

/** What a shop that charges tax billed without any because no rate was told. */
export const linesWithoutRate = ({ supplier, lines }: Invoice): InvoiceLine[] =>
  chargesTax(supplier) ? lines.filter((line) => line.gstPercent === null) : [];
