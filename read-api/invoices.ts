import type { FastifyInstance } from 'fastify';
import type { Recipient } from '../domain/ordering/recipient.ts';
import { Problem } from '../platform/http.ts';
import { paise, pincode } from '../domain/schema.ts';
import { count, list, object, orNull, text, uuid } from '../platform/schema.ts';
import type {
  CreditReason,
  InvoiceFee,
  InvoiceKind,
  InvoiceLine,
  Supplier,
} from '../domain/money/invoices.ts';
import type { TaxSplit } from '../domain/money/tax.ts';
import type { TaxRegistration } from '../domain/stores/store.ts';
import type { CreditNoteRow, InvoiceRow, RegistrationRow } from '../projector/invoices.ts';
import { readRoute } from '../engine/reading/route.ts';
import type { Services } from './services.ts';
import { findStore } from './catalogue.ts';
import { recipientFields } from './my-orders.ts';
import { shop, shopOrShopper } from './who.ts';

const PAGE = 50;

export type RateTotal = TaxSplit & { linePaise: number; gstPercent: number | null };

export type CreditNote = {
  number: string;
  date: string;
  reason: CreditReason;
  lines: InvoiceLine[];
  /** What is credited of the delivery, as an invoice's. */
  fees: InvoiceFee[];
  /** By rate, as an invoice's. */
  totals: RateTotal[];
  totalPaise: number;
};

export type Invoice = {
  storeOrderId: string;
  /** What shopper and shop call the order. */
  orderNumber: string;
  storeId: string;
  number: string;
  kind: InvoiceKind;
  /** The day in India, `2026-11-21`. */
  date: string;
  supplier: Supplier;
  /** Null once the person was erased. */
  contact: Recipient['contact'] | null;
  address: Recipient['address'] | null;
  /** The business that bought; null where a person did, and as `contact`. */
  buyer: Recipient['buyer'] | null;
  pincode: string;
  /** The state in which it was supplied, by code; null in bills from before it was asked. */
  placeOfSupply: string | null;
  lines: InvoiceLine[];
  /** By rate, lowest first; lines without tax under null. */
  totals: RateTotal[];
  /** Lines and delivery. */
  totalPaise: number;
  /** What is left off of it because it is paid in cash, in whole rupees: 0 or less. */
  roundingPaise: number;
  /** What was charged for the delivery, by the rates of the goods. */
  fees: InvoiceFee[];
  creditNotes: CreditNote[];
  creditedPaise: number;
};

export type InvoiceInShort = {
  storeOrderId: string;
  number: string;
  kind: InvoiceKind;
  date: string;
  taxablePaise: number;
  /** CGST and SGST together, or IGST. */
  taxPaise: number;
  totalPaise: number;
  creditedPaise: number;
};

export type InvoicePage = {
  storeId: string;
  /** Null where the shop told nothing: it bills without tax, in the name over its door. */
  registration: TaxRegistration | null;
  /** The fiscal years that have invoices, newest first. */
  years: string[];
  /** Null where nothing was billed yet. */
  year: string | null;
  /** Newest first. */
  invoices: InvoiceInShort[];
  /** What to send as `after` for the next page; null on the last. */
  next: string | null;
};

const totalOf = <K extends string>(lines: Record<K, number>[], amount: K): number =>
  lines.reduce((total, line) => total + line[amount], 0);

const taxOf = (lines: TaxSplit[]): TaxSplit => ({
  taxablePaise: totalOf(lines, 'taxablePaise'),
  cgstPaise: totalOf(lines, 'cgstPaise'),
  sgstPaise: totalOf(lines, 'sgstPaise'),
  igstPaise: totalOf(lines, 'igstPaise'),
});

// Each by its fields: what a bill keeps besides is nobody's business.

function invoiceLine(line: InvoiceLine): InvoiceLine {
  const { listingId, name, pack, hsn, quantity, grams, pricePaise, linePaise, gstPercent } = line;
  const goods = { listingId, name, pack, hsn, quantity, grams, pricePaise, linePaise };
  return { ...goods, gstPercent, ...taxOf([line]) };
}

function invoiceFee(fee: InvoiceFee): InvoiceFee {
  const { gstPercent, feePaise } = fee;
  return { gstPercent, feePaise, ...taxOf([fee]) };
}

function supplierOf(supplier: Supplier): Supplier {
  const { storeName, gstin, composition, state, fssai, legalName, address } = supplier;
  return { storeName, gstin, composition, state, fssai, legalName, address };
}

function totalsByRate(lines: InvoiceLine[], fees: InvoiceFee[]): RateTotal[] {
  const charged = [...lines, ...fees.map((fee) => ({ ...fee, linePaise: fee.feePaise }))];
  const groups = Map.groupBy(charged, (line) => line.gstPercent);
  return [...groups]
    .map(([gstPercent, same]) => ({
      gstPercent,
      linePaise: totalOf(same, 'linePaise'),
      ...taxOf(same),
    }))
    .toSorted((a, b) => (a.gstPercent ?? -1) - (b.gstPercent ?? -1));
}

const INVOICE_COLUMNS = `store_order_id, order_id, store_id, fiscal_year, sequence, number, kind, date,
  supplier, person_id, sealed_recipient, pincode, place_of_supply, lines, fees, total_paise, rounding_paise,
  credited_paise`;

/** An invoice with its credit notes. Throws a `Problem` 404. */
async function readInvoice({ pool, vault }: Services, storeOrderId: string): Promise<Invoice> {
  const [found, notes] = await Promise.all([
    pool.query<InvoiceRow & { order_number: string }>({
      name: 'invoice',
      text: `select ${INVOICE_COLUMNS}, order_number from invoices.invoice
          join (select store_order_id, order_number from order_board.card) c using (store_order_id)
        where store_order_id = $1`,
      values: [storeOrderId],
    }),
    pool.query<CreditNoteRow>({
      name: 'invoice-credit-notes',
      text: `select credit_note_id, store_order_id, sequence, number, date, reason, lines, fees,
          total_paise
        from invoices.credit_note where store_order_id = $1 order by sequence`,
      values: [storeOrderId],
    }),
  ]);
  const row = found.rows[0];
  if (!row) {
    throw new Problem(
      404,
      'INVOICE_NOT_FOUND',
      'There is no invoice yet: it is issued on delivery.',
    );
  }
  const sealed = { personId: row.person_id, sealed: row.sealed_recipient };
  const [recipient] = await vault.openAll<Recipient>([sealed]);
  const lines = row.lines.map(invoiceLine);
  const fees = row.fees.map(invoiceFee);
  return {
    storeOrderId,
    orderNumber: row.order_number,
    storeId: row.store_id,
    number: row.number,
    kind: row.kind as InvoiceKind,
    date: row.date,
    supplier: supplierOf(row.supplier),
    contact: recipient?.contact ?? null,
    address: recipient?.address ?? null,
    buyer: recipient?.buyer ?? null,
    pincode: row.pincode,
    placeOfSupply: row.place_of_supply,
    lines,
    totals: totalsByRate(lines, fees),
    totalPaise: row.total_paise,
    roundingPaise: row.rounding_paise,
    fees,
    creditNotes: notes.rows.map(creditNoteOf),
    creditedPaise: row.credited_paise,
  };
}

function creditNoteOf(row: CreditNoteRow): CreditNote {
  const lines = row.lines.map(invoiceLine);
  const fees = row.fees.map(invoiceFee);
  return {
    number: row.number,
    date: row.date,
    reason: row.reason as CreditReason,
    lines,
    fees,
    totals: totalsByRate(lines, fees),
    totalPaise: row.total_paise,
  };
}

const registrationOf = (row: RegistrationRow): TaxRegistration => ({
  gstin: row.gstin,
  composition: row.composition,
  state: row.state,
  fssai: row.fssai,
  legalName: row.legal_name,
  address: row.address,
});

async function readPage(
  { pool }: Services,
  storeId: string,
  { year: wanted, after }: { year?: string; after?: string },
): Promise<InvoicePage> {
  await findStore(pool, storeId);
  const registered = await pool.query<RegistrationRow>({
    name: 'registration',
    text: `select store_id, gstin, composition, state, fssai, legal_name, address
      from invoices.registration where store_id = $1`,
    values: [storeId],
  });
  const registration = registered.rows[0] && registrationOf(registered.rows[0]);
  const { rows: found } = await pool.query<{ fiscal_year: string }>(
    `select distinct fiscal_year from invoices.invoice where store_id = $1
     order by fiscal_year desc`,
    [storeId],
  );
  const years = found.map((row) => row.fiscal_year);
  const year = wanted ?? years[0] ?? null;
  const { rows } = await pool.query<InvoiceRow>({
    name: 'invoices-page',
    text: `select ${INVOICE_COLUMNS} from invoices.invoice
      where store_id = $1 and fiscal_year = $2 and ($3::bigint is null or sequence < $3)
      order by sequence desc limit ${PAGE + 1}`,
    values: [storeId, year, after ?? null],
  });
  const page = rows.slice(0, PAGE);
  return {
    storeId,
    registration: registration ?? null,
    years,
    year,
    invoices: page.map((row) => {
      const tax = taxOf([...row.lines, ...row.fees]);
      return {
        storeOrderId: row.store_order_id,
        number: row.number,
        kind: row.kind as InvoiceKind,
        date: row.date,
        taxablePaise: tax.taxablePaise,
        taxPaise: tax.cgstPaise + tax.sgstPaise + tax.igstPaise,
        totalPaise: row.total_paise,
        creditedPaise: row.credited_paise,
      };
    }),
    next: rows.length > PAGE ? `${page.at(-1)!.sequence}` : null,
  };
}

const percent = orNull({ type: 'number' }, 'All tax together; null where no tax was charged');
const taxFields = { taxablePaise: paise, cgstPaise: paise, sgstPaise: paise, igstPaise: paise };
const date = { type: 'string', description: 'The day in India, as 2026-11-21' } as const;
const kind = {
  type: 'string',
  enum: ['tax-invoice', 'bill-of-supply', 'invoice-cum-bill-of-supply'],
} as const;
const lines = list(
  object(
    {
      listingId: text,
      name: text,
      pack: orNull(text),
      hsn: orNull(text),
      quantity: count,
      pricePaise: paise,
      linePaise: paise,
      gstPercent: percent,
      ...taxFields,
    },
    { grams: { ...count, description: 'What loose goods weighed' } },
  ),
);

const registrationFields = {
  gstin: orNull(text, 'Null: not registered'),
  composition: { type: 'boolean' },
  state: orNull(text, 'That it sells from, by the code of GST'),
  fssai: orNull(text, 'Number of its FSSAI licence or registration'),
  legalName: text,
  address: text,
};

const totals = list(object({ gstPercent: percent, linePaise: paise, ...taxFields }));

const fees = list(
  object({ gstPercent: percent, feePaise: paise, ...taxFields }),
  'For the delivery, by the rates of the goods: part of the total',
);

const invoiceSchema = object({
  storeOrderId: uuid,
  orderNumber: { ...text, description: 'What shopper and shop call the order' },
  storeId: text,
  number: text,
  kind,
  date,
  supplier: object({ storeName: text, ...registrationFields }),
  ...recipientFields,
  buyer: orNull(
    object({ gstin: text, legalName: text }),
    'The business that bought; null without the right to see it, and where a person did',
  ),
  pincode,
  placeOfSupply: orNull(text, 'State in which it was supplied, by the code of GST'),
  lines,
  totals,
  totalPaise: paise,
  roundingPaise: { ...paise, description: 'What is left off in cash, in paise: 0 or less' },
  fees,
  creditNotes: list(
    object({
      number: text,
      date,
      reason: text,
      lines,
      fees,
      totals,
      totalPaise: paise,
    }),
  ),
  creditedPaise: paise,
});

const pageSchema = object({
  storeId: text,
  registration: orNull(object(registrationFields), 'Null where the shop told nothing'),
  years: list(text, 'Fiscal years, newest first'),
  year: orNull(text),
  invoices: list(
    object({
      storeOrderId: uuid,
      number: text,
      kind,
      date,
      taxablePaise: paise,
      taxPaise: paise,
      totalPaise: paise,
      creditedPaise: paise,
    }),
    'Newest first',
  ),
  next: orNull(text, 'What to send as `after` for the next page'),
});

export function invoiceRoutes(app: FastifyInstance, services: Services): void {
  readRoute(app, services, {
    path: 'GET /store-orders/:storeOrderId/invoice',
    who: shopOrShopper(services),
    params: { type: 'object', properties: { storeOrderId: uuid } },
    answer: invoiceSchema,
    answers: 'personal',
    read: ({ params: { storeOrderId } }) => readInvoice(services, storeOrderId),
  });

  readRoute(app, services, {
    path: 'GET /stores/:storeId/invoices',
    who: shop(services),
    query: {
      type: 'object',
      additionalProperties: false,
      properties: {
        year: {
          type: 'string',
          pattern: '^[0-9]{4}-[0-9]{2}$',
          description: 'Fiscal year, as 2026-27; the newest where it is left out',
        },
        after: {
          type: 'string',
          pattern: '^[0-9]{1,9}$',
          description: '`next` of the page before',
        },
      },
    },
    answer: pageSchema,
    answers: 'personal',
    read: ({ params: { storeId } }, wanted: { year?: string; after?: string }) =>
      readPage(services, storeId, wanted),
  });
}
