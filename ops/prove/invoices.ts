import {
  supplyKindOf,
  type CreditNote,
  type Invoice,
  type Invoices,
  type InvoicesEvent,
} from '../../domain/money/invoices.ts';
import { sumPaise, wholeRupees } from '../../domain/money/money.ts';
import { taxPaise, taxWithin, type TaxSplit } from '../../domain/money/tax.ts';
import { billText, listingsText, type Book, type Delivered } from './book.ts';
import { check, isLate, placeText, type Check, type Seen, type Report } from './check.ts';

const NUMBERS = 'the numbers of bills and credit notes have no gap';
const BILLED = 'what is delivered is billed once, and nothing else is';
const TAX = 'bills and their tax add up';
const CREDITED = 'what came back is credited, and nothing else is';

/** A register's numbers are gapless, its sums right, and its bills those of what was delivered. */
export function invoicesCheck({ storeOrders }: Book, report: Report): Check {
  function number(seen: Seen<Pick<Invoice, 'sequence' | 'number'>>, last: number): void {
    const { sequence, number: text } = seen.data;
    const isOwn = Number(text.slice(text.indexOf('/') + 1)) === sequence;
    if (sequence !== last + 1 || !isOwn) {
      report(NUMBERS, placeText(seen), `${text} (${sequence}) comes after number ${last}`);
    }
  }

  return check<InvoicesEvent, Invoices>({
    on: {
      InvoiceIssued(seen) {
        const { data, stream, revision } = seen;
        number(seen, seen.before.lastInvoice);
        for (const problem of wrongSums(data)) report(TAX, placeText(seen), problem);
        for (const problem of wrongTax(data)) report(TAX, placeText(seen), problem);
        for (const problem of wrongRounding(data)) report(TAX, placeText(seen), problem);
        const storeOrder = storeOrders.get(data.storeOrderId);
        const problem = storeOrder?.invoice
          ? `${data.storeOrderId} was billed already by ${placeText(storeOrder.invoice)}`
          : wronglyBilled(data, storeOrder?.delivered ?? null);
        if (problem) report(BILLED, placeText(seen), problem);
        if (storeOrder) storeOrder.invoice ??= { stream, revision };
      },
      CreditNoteIssued(seen) {
        const { data } = seen;
        number(seen, seen.before.lastCreditNote);
        for (const problem of wrongSums(data)) report(TAX, placeText(seen), problem);
        const storeOrder = storeOrders.get(data.storeOrderId);
        if (!storeOrder?.invoice) {
          report(CREDITED, placeText(seen), `${data.storeOrderId} has no invoice`);
          return;
        }
        const lines = listingsText(data.lines);
        const returned = storeOrder.returns.find((one) => one.lines === lines && !one.isCredited);
        if (!returned) report(CREDITED, placeText(seen), `${lines} did not come back`);
        else returned.isCredited = true;
        storeOrder.creditedPaise += data.totalPaise;
      },
    },

    end(nowMs) {
      for (const [storeOrderId, storeOrder] of storeOrders) {
        const { delivered, invoice, sinceMs, place, returns, creditedPaise, owedPaise } =
          storeOrder;
        if (!delivered || !isLate(sinceMs, nowMs)) continue;
        if (!invoice) {
          report(BILLED, placeText(place), `${storeOrderId} was delivered and has no invoice`);
          continue;
        }
        const missing = returns.find(({ isCredited }) => !isCredited);
        const duePaise = delivered.owedPaise - owedPaise;
        if (missing) {
          const text = `${missing.lines} came back and are not credited`;
          report(CREDITED, placeText(missing.place), text);
        } else if (creditedPaise !== duePaise) {
          const text = `${creditedPaise} paise are credited, and ${duePaise} came back`;
          report(CREDITED, placeText(place), text);
        }
      }
    },
  });
}

/** What a bill says of a delivery that was not so. */
function wronglyBilled(
  { storeOrderId, lines, fees, totalPaise }: Invoice,
  delivered: Delivered | null,
): string | undefined {
  if (!delivered) return `${storeOrderId} was not delivered`;
  const { bill, feePaise } = delivered;
  const billed = billText(lines);
  if (billed !== bill) return `it bills ${billed}; delivered were ${bill}`;
  // Deliveries were not billed with the goods at first.
  const owedPaise = fees ? delivered.owedPaise : delivered.owedPaise - feePaise;
  if (totalPaise === owedPaise) return undefined;
  return `it asks for ${totalPaise} paise; owed were ${owedPaise}`;
}

type Charge = { of: string; paise: number; gstPercent: number | null } & TaxSplit;

/** What is charged in a bill, and its tax. */
const chargesOf = ({ lines, fees }: Pick<Invoice, 'lines' | 'fees'>): Charge[] => [
  ...lines.map((line) => ({ ...line, of: line.listingId, paise: line.linePaise })),
  ...(fees ?? []).map((fee) => ({ ...fee, of: 'the delivery', paise: fee.feePaise })),
];

/** What does not add up, in words. */
function* wrongSums(bill: Invoice | CreditNote): Generator<string> {
  const charges = chargesOf(bill);
  for (const { of, paise, taxablePaise, ...tax } of charges) {
    const { cgstPaise, sgstPaise } = tax;
    if (taxablePaise + taxPaise(tax) !== paise) {
      yield `value and tax of ${of} are not its ${paise} paise`;
    }
    if (cgstPaise !== sgstPaise) {
      yield `of ${of} CGST is ${cgstPaise} paise and SGST ${sgstPaise}`;
    }
  }
  const sum = sumPaise(charges.map(({ paise }) => paise));
  if (sum !== bill.totalPaise) yield `its lines are ${sum} paise, and its total ${bill.totalPaise}`;
}

function* wrongRounding({ totalPaise, roundingPaise }: Invoice): Generator<string> {
  const payable = totalPaise + roundingPaise;
  if (roundingPaise === 0 || payable === wholeRupees(totalPaise)) return;
  yield `its total of ${totalPaise} paise is rounded by ${roundingPaise}`;
}

function* wrongTax(bill: Invoice): Generator<string> {
  const supply = supplyKindOf(bill);
  for (const { of, paise, gstPercent, cgstPaise, igstPaise } of chargesOf(bill)) {
    const due = taxWithin(paise, gstPercent ?? 0, supply);
    if (cgstPaise !== due.cgstPaise) {
      yield `half of ${gstPercent ?? 0} % in ${of} is ${due.cgstPaise} paise, not ${cgstPaise}`;
    }
    if (igstPaise !== due.igstPaise) {
      yield `IGST at ${gstPercent ?? 0} % in ${of} is ${due.igstPaise} paise, not ${igstPaise}`;
    }
  }
}
