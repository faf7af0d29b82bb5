import type {
  CreditNote,
  Invoice,
  InvoiceLine,
  Invoices,
  InvoicesEvent,
} from '../../domain/invoices.ts';
import { sumPaise } from '../../domain/money.ts';
import { taxWithin } from '../../domain/tax.ts';
import { listingsText, type Book } from './book.ts';
import { check, isLate, placeText, type Check, type Seen, type Tell } from './check.ts';

const NUMBERS = 'the numbers of bills and credit notes have no gap';
const BILLED = 'what is delivered is billed once, and nothing else is';
const TAX = 'bills and their tax add up';
const CREDITED = 'no more is credited than was billed';

/** A register's numbers are gapless, its sums right, and its bills those of what was delivered. */
export function invoicesCheck({ parts }: Book, tell: Tell): Check {
  function number(seen: Seen<Pick<Invoice, 'sequence' | 'number'>>, last: number): void {
    const { sequence, number: text } = seen.data;
    const isOwn = Number(text.slice(text.indexOf('/') + 1)) === sequence;
    if (sequence !== last + 1 || !isOwn) {
      tell(NUMBERS, placeText(seen), `${text} (${sequence}) comes after number ${last}`);
    }
  }

  return check<InvoicesEvent, Invoices>({
    on: {
      InvoiceIssued(seen) {
        const { data, stream, revision } = seen;
        number(seen, seen.before.lastInvoice);
        for (const problem of wrongSums(data)) tell(TAX, placeText(seen), problem);
        for (const problem of wrongTax(data.lines)) tell(TAX, placeText(seen), problem);
        const part = parts.get(data.storeOrderId);
        if (part?.status !== 'delivered') {
          tell(BILLED, placeText(seen), `${data.storeOrderId} was not delivered`);
        } else if (part.invoice) {
          const text = `${data.storeOrderId} was billed already by ${placeText(part.invoice)}`;
          tell(BILLED, placeText(seen), text);
        } else if (part.lines !== listingsText(data.lines)) {
          const text = `it bills ${listingsText(data.lines)}; delivered were ${part.lines}`;
          tell(BILLED, placeText(seen), text);
        } else if (part.goodsPaise !== data.totalPaise) {
          const text = `it asks for ${data.totalPaise} paise; ordered was for ${part.goodsPaise}`;
          tell(BILLED, placeText(seen), text);
        }
        if (part) part.invoice ??= { stream, revision };
      },
      CreditNoteIssued(seen) {
        const { data } = seen;
        number(seen, seen.before.lastCreditNote);
        for (const problem of wrongSums(data)) tell(TAX, placeText(seen), problem);
        const part = parts.get(data.storeOrderId);
        if (!part?.invoice) {
          tell(CREDITED, placeText(seen), `${data.storeOrderId} has no invoice`);
          return;
        }
        part.creditedPaise += data.totalPaise;
        if (part.creditedPaise > part.goodsPaise) {
          const text = `${part.creditedPaise} of ${part.goodsPaise} paise are credited with it`;
          tell(CREDITED, placeText(seen), text);
        }
      },
    },

    end(nowMs) {
      for (const [storeOrderId, { status, invoice, sinceMs, place }] of parts) {
        if (status === 'delivered' && !invoice && isLate(sinceMs, nowMs)) {
          tell(BILLED, placeText(place), `${storeOrderId} was delivered and has no invoice`);
        }
      }
    },
  });
}

/** What does not add up, in words. */
function* wrongSums({ lines, totalPaise }: Invoice | CreditNote): Generator<string> {
  for (const { listingId, linePaise, taxablePaise, cgstPaise, sgstPaise } of lines) {
    if (taxablePaise + cgstPaise + sgstPaise !== linePaise) {
      yield `value and tax of ${listingId} are not its ${linePaise} paise`;
    }
    if (cgstPaise !== sgstPaise) {
      yield `of ${listingId} CGST is ${cgstPaise} paise and SGST ${sgstPaise}`;
    }
  }
  const sum = sumPaise(lines.map((line) => line.linePaise));
  if (sum !== totalPaise) yield `its lines are ${sum} paise, and its total ${totalPaise}`;
}

function* wrongTax(lines: InvoiceLine[]): Generator<string> {
  for (const { listingId, linePaise, gstPercent, cgstPaise } of lines) {
    const due = taxWithin(linePaise, gstPercent ?? 0).cgstPaise;
    if (cgstPaise !== due) {
      yield `half of ${gstPercent ?? 0} % in ${listingId} is ${due} paise, not ${cgstPaise}`;
    }
  }
}
