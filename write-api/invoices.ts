import {
  assertCreditable,
  fiscalYearBefore,
  fiscalYearOf,
  invoiceNotFound,
  invoices,
  registerId,
  revisionOf,
  taxPaiseOf,
  type BilledLine,
  type CreditReason,
  type Invoice,
  type Supplier,
} from '../domain/money/invoices.ts';
import { Rejected } from '../domain/rejection.ts';
import { listing } from '../domain/catalogue/listing.ts';
import { basketOf, type BasketLine } from '../domain/fulfilment/picking.ts';
import { storeOrder } from '../domain/fulfilment/store-order.ts';
import type { PricedPart } from '../domain/ordering/quote.ts';
import { stateOf, store, type Store } from '../domain/stores/store.ts';
import { rateOn } from '../domain/money/tax.ts';
import { readStream, type EventStore } from '../platform/event-store.ts';
import { systemContext, type Cause } from '../engine/processes/cause.ts';
import { idFrom } from '../platform/ids.ts';
import { streamOf } from '../platform/stream-name.ts';
import { businessDate } from '../platform/time.ts';
import type { Handler } from '../engine/commands/handle.ts';

/** Whatever is billed by itself is billed in this name. */
const ACTOR = 'invoices';

/**
 * Bills a delivered store order: once, however often it is asked to. Until the delivery nobody
 * knows what was taken at the door, so the goods go out without an invoice and it follows the
 * delivery (CGST Rules 2017, 55(4)); an order that is rejected never has one.
 *
 * @param deliveredAt RFC 3339; its day in India is the invoice's, and tells which rates hold
 */
export async function driveInvoice(
  handler: Handler,
  storeOrderId: string,
  deliveredAt: string,
  cause: Cause,
): Promise<void> {
  const state = await handler.load(storeOrder, storeOrderId, { fresh: true });
  const { storeId, orderId, personId, sealedRecipient, pincode, ...rest } = state;
  const { placeOfSupply, feePaise, payment } = rest;
  const date = businessDate(deliveredAt);
  const basket = basketOf(state.lines);
  const data = {
    storeOrderId,
    orderId,
    date,
    personId,
    sealedRecipient,
    pincode,
    placeOfSupply,
    supplier: supplierOf(await handler.load(store, storeId, { fresh: true })),
    lines: await Promise.all(basket.map((line) => billedLine(handler, line, date))),
    feePaise,
    payment,
  };
  const register = registerId(storeId, fiscalYearOf(date));
  const command = { type: 'IssueInvoice', data } as const;
  await handler.handle(invoices, register, command, systemContext(ACTOR, cause));
}

/** What of a store order, at what is charged for it on a date, is tax: in paise. */
export async function storeOrderTaxPaise(
  handler: Handler,
  { storeId, lines, feePaise, placeOfSupply }: PricedPart,
  date: string,
): Promise<number> {
  const billed = await Promise.all(
    lines.map((line) => billedLine(handler, line, date, { fresh: false })),
  );
  const shop = await handler.load(store, storeId, { fresh: false });
  return taxPaiseOf(billed, feePaise, { supplier: supplierOf(shop), placeOfSupply });
}

/** A shop that told nothing bills in the name over its door. */
function supplierOf(shop: Store): Supplier {
  const { name, city, pincode, tax } = shop;
  const nobody = { gstin: null, composition: false, fssai: null };
  const untold = { ...nobody, legalName: name, address: `${city} ${pincode}` };
  return { storeName: name, ...(tax ?? untold), state: stateOf(shop) };
}

async function billedLine(
  handler: Handler,
  { names: _n, ifMissing: _i, gramsEach: _g, ...line }: BasketLine,
  date: string,
  { fresh } = { fresh: true },
): Promise<BilledLine> {
  const listed = await handler.load(listing, line.listingId, { fresh });
  if (!listed.published) throw new Error(`${line.listingId} was sold but is not in the log`);
  return { ...line, hsn: listed.hsn, gstPercent: rateOn(listed.gstRates, date) };
}

export type Found = { register: string; invoice: Invoice };

/**
 * The invoice of a store order, to be credited: in this fiscal year's register or in the last one's,
 * as nothing older can be. Throws `Rejected` INVOICE_NOT_FOUND, CREDIT_TOO_LATE.
 */
export async function findInvoice(
  { handler, client }: { handler: Handler; client: EventStore },
  storeOrderId: string,
  today: string,
): Promise<Found> {
  const { status, storeId } = await handler.load(storeOrder, storeOrderId, { fresh: true });
  if (status === 'none') {
    throw new Rejected('STORE_ORDER_NOT_FOUND');
  }
  const year = fiscalYearOf(today);
  for (const candidate of [year, fiscalYearBefore(year)]) {
    const register = registerId(storeId, candidate);
    const revision = revisionOf(
      await handler.load(invoices, register, { fresh: true }),
      storeOrderId,
    );
    if (revision === undefined) continue;
    const stream = streamOf(invoices, register);
    const [event] = await Array.fromAsync(readStream(client, stream, BigInt(revision), 1));
    if (!event) throw new Error(`${stream} lacks revision ${revision}, which was folded`);
    const invoice = event.data as Invoice;
    assertCreditable(invoice, today);
    return { register, invoice };
  }
  throw invoiceNotFound();
}

/**
 * Credits what came back of an invoice: once, however often it is asked to.
 *
 * @param date business date of the credit note
 * @returns its number, and the log position at which it is to be seen
 */
export async function driveCredit(
  handler: Handler,
  { register, invoice }: Found,
  { returnId, lines, reason, feePaise }: Credited,
  date: string,
  cause: Cause,
): Promise<{ number: string; position: bigint }> {
  const creditNoteId = idFrom('credit-note', invoice.storeOrderId, returnId);
  const data = { creditNoteId, date, invoice, lines, withFees: feePaise > 0, reason };
  const command = { type: 'IssueCreditNote', data } as const;
  const context = systemContext(ACTOR, cause);
  const { state, position } = await handler.handle(invoices, register, command, context);
  return { number: state.creditNotes[creditNoteId]!, position };
}

export type Credited = {
  returnId: string;
  lines: { listingId: string; quantity: number }[];
  reason: CreditReason;
  /** What goes back for the delivery. */
  feePaise: number;
};
