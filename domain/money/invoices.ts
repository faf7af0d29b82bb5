import type { Decider, Message, Optional } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';
import { sharePaise, splitPaise, sumPaise } from './money.ts';
import { payablePaise, type PaymentMethod } from './payment.ts';
import type { OrderLine } from '../ordering/order.ts';
import { chargesTax, fullRegistration, type TaxRegistration } from '../stores/store.ts';
import { taxPaise, taxWithin, type SupplyKind, type TaxSplit } from './tax.ts';

/** Whose bill it is, as it stood when the bill was issued. */
export type Supplier = TaxRegistration & { storeName: string };

/** What is billed; null where the shop did not tell the code or the rate. */
export type BilledLine = Omit<OrderLine, 'names' | 'ifMissing' | 'gramsEach'> & {
  hsn: string | null;
  gstPercent: number | null;
  /** What a loose article weighed: its price is for less or more than a piece. */
  grams?: number;
};

/** `gstPercent` is what was charged: null where no tax was. */
export type InvoiceLine = BilledLine & TaxSplit;

/** What was charged for the delivery with the goods of one rate. */
export type InvoiceFee = { gstPercent: number | null; feePaise: number } & TaxSplit;

/**
 * A bill of supply is for what bears no tax, and from shops that may charge none; where some lines
 * bear tax and some do not, one paper does for a household (CGST Rules 2017, 46, 46A and 49).
 */
export type InvoiceKind = 'tax-invoice' | 'bill-of-supply' | 'invoice-cum-bill-of-supply';

type Delivered = {
  storeOrderId: string;
  orderId: string;
  /** Business date, as `2026-11-21`: that of the delivery. */
  date: string;
  supplier: Supplier;
  /** Whose key opens `sealedRecipient`: the buyer's name and address. */
  personId: string;
  sealedRecipient: string;
  pincode: string;
  /** The state in which it was supplied, by code; null in bills from before it was asked. */
  placeOfSupply: string | null;
};

export type Invoice = Delivered & {
  /** From 1, without a gap, within a shop's fiscal year. */
  sequence: number;
  number: string;
  kind: InvoiceKind;
  lines: InvoiceLine[];
  /** Lowest rate first. Null where deliveries were not billed with the goods yet. */
  fees: InvoiceFee[] | null;
  /** Lines and fees. */
  totalPaise: number;
  /** What is left off of the total because it is paid in cash: 0 or less. */
  roundingPaise: number;
};

/** Why a shop takes back what it billed. */
export const CREDIT_REASONS = ['returned', 'damaged', 'missing', 'wrong-item', 'other'] as const;
export type CreditReason = (typeof CREDIT_REASONS)[number];

export type CreditNote = {
  creditNoteId: string;
  sequence: number;
  number: string;
  date: string;
  storeOrderId: string;
  orderId: string;
  invoiceNumber: string;
  reason: CreditReason;
  lines: InvoiceLine[];
  /** What of the delivery is credited. */
  fees: InvoiceFee[];
  /** Lines and fees. */
  totalPaise: number;
};

export type InvoicesCommand =
  | Message<
      'IssueInvoice',
      Delivered & { lines: BilledLine[]; feePaise: number; payment: PaymentMethod }
    >
  | Message<
      'IssueCreditNote',
      {
        creditNoteId: string;
        date: string;
        /** As it was issued, in this register. */
        invoice: Invoice;
        lines: { listingId: string; quantity: number }[];
        /** What is left of the goods and the delivery as well. */
        withFees: boolean;
        reason: CreditReason;
      }
    >;

export type InvoicesEvent =
  Message<'InvoiceIssued', Invoice> | Message<'CreditNoteIssued', CreditNote>;

/**
 * A shop's register of one fiscal year. It knows which store orders were billed, so that none is
 * twice, however late a repeat comes, and where in the stream their invoices are: their lines are
 * not held. An event copies one bucket of 256: measured, 50,000
 * invoices fold in 0.12 s, where with one plain object 20,000 took 49 s.
 */
export type Invoices = {
  events: number;
  lastInvoice: number;
  lastCreditNote: number;
  /** By the last byte of the store order's id, a UUID. */
  billed: readonly (readonly { storeOrderId: string; revision: number }[])[];
  /** Credit note's id → its number. */
  creditNotes: Readonly<Record<string, string>>;
  /** Store order → listing → pieces. */
  credited: Readonly<Record<string, Readonly<Record<string, number>>>>;
};

/** The fiscal year, April to March, of a business date: `2026-11-21` → `2026-27`. */
export function fiscalYearOf(date: string): string {
  const year = Number(date.slice(0, 4));
  const start = date.slice(5, 7) < '04' ? year - 1 : year;
  return `${start}-${String((start + 1) % 100).padStart(2, '0')}`;
}

/** The year before: `2026-27` → `2025-26`. */
export const fiscalYearBefore = (year: string): string =>
  fiscalYearOf(`${Number(year.slice(0, 4)) - 1}-04-01`);

/**
 * The last day on which a bill can be credited: 30 November after the end of the fiscal year of its
 * supply (CGST Act 2017, section 34(2)). `2026-11-21` → `2027-11-30`.
 */
export const creditableUntil = (date: string): string =>
  `${Number(fiscalYearOf(date).slice(0, 4)) + 1}-11-30`;

/** Throws `Rejected` CREDIT_TOO_LATE. `today` is a business date. */
export function assertCreditable({ date, number }: Invoice, today: string): void {
  const until = creditableUntil(date);
  if (today <= until) return;
  throw new Rejected('CREDIT_TOO_LATE', { number, until });
}

/** A register is named by its shop and fiscal year. */
export const registerId = (storeId: string, year: string): string => `${storeId}.${year}`;

const BUCKETS = 256;
const bucketOf = (storeOrderId: string): number => Number.parseInt(storeOrderId.slice(-2), 16);

/** Where a store order's invoice is in the register's stream; undefined where it has none. */
export const revisionOf = ({ billed }: Invoices, storeOrderId: string): number | undefined =>
  billed[bucketOf(storeOrderId)]!.find((one) => one.storeOrderId === storeOrderId)?.revision;

/** `26-27/000123`: at most 16 letters, digits, hyphens and slashes (CGST Rules 2017, 46(b)). */
const numberOf = (series: string, sequence: number): string =>
  `${series}/${String(sequence).padStart(6, '0')}`;

/** Who sells, and in which state the goods are supplied. */
type Supply = Pick<Invoice, 'supplier' | 'placeOfSupply'>;

/**
 * Within a state or across a border. What was billed before places were asked for counts as within:
 * a bill stays as it was issued.
 */
export const supplyKindOf = ({ supplier, placeOfSupply }: Supply): SupplyKind =>
  placeOfSupply === null || placeOfSupply === supplier.state ? 'within-state' : 'across-states';

function bill(line: BilledLine, supply: Supply): InvoiceLine {
  const gstPercent = chargesTax(supply.supplier) ? line.gstPercent : null;
  return {
    ...line,
    gstPercent,
    ...taxWithin(line.linePaise, gstPercent ?? 0, supplyKindOf(supply)),
  };
}

/**
 * A delivery goes with its goods, which nobody would have had brought without them: it bears their
 * tax (CGST Act 2017, section 8(a)), and where they bear several, in proportion to their value;
 * where they are worth nothing, such as a few grams, in equal shares.
 */
function feesFor(lines: InvoiceLine[], feePaise: number, supply: SupplyKind): InvoiceFee[] {
  if (feePaise === 0) return [];
  const rates = [...Map.groupBy(lines, ({ gstPercent }) => gstPercent)].toSorted(
    ([a], [b]) => (a ?? -1) - (b ?? -1),
  );
  const values = rates.map(([, same]) => sumPaise(same.map((line) => line.linePaise)));
  return splitPaise(feePaise, values).map((share, index) => {
    const gstPercent = rates[index]![0];
    return { gstPercent, feePaise: share, ...taxWithin(share, gstPercent ?? 0, supply) };
  });
}

/** What of lines and fee, as they are charged, is tax: in paise. */
export function taxPaiseOf(lines: BilledLine[], feePaise: number, supply: Supply): number {
  const billed = lines.map((line) => bill(line, supply));
  const taxes: TaxSplit[] = [...billed, ...feesFor(billed, feePaise, supplyKindOf(supply))];
  return sumPaise(taxes.map(taxPaise));
}

function kindOf(lines: InvoiceLine[]): InvoiceKind {
  const taxed = lines.filter(({ gstPercent }) => gstPercent).length;
  if (taxed === 0) return 'bill-of-supply';
  return taxed === lines.length ? 'tax-invoice' : 'invoice-cum-bill-of-supply';
}

/**
 * What is credited for `quantity` pieces of a line of which `before` were credited already: the
 * difference of the two sums, so that all pieces together are the line's tax to the paisa.
 */
function creditLine(
  line: InvoiceLine,
  before: number,
  quantity: number,
  supply: SupplyKind,
): InvoiceLine {
  const paiseUpTo = (pieces: number) => sharePaise(line.linePaise, pieces, line.quantity);
  const upTo = (pieces: number) => taxWithin(paiseUpTo(pieces), line.gstPercent ?? 0, supply);
  const [from, to] = [upTo(before), upTo(before + quantity)];
  return {
    ...line,
    quantity,
    linePaise: paiseUpTo(before + quantity) - paiseUpTo(before),
    taxablePaise: to.taxablePaise - from.taxablePaise,
    cgstPaise: to.cgstPaise - from.cgstPaise,
    sgstPaise: to.sgstPaise - from.sgstPaise,
    igstPaise: to.igstPaise - from.igstPaise,
  };
}

export const invoices: Decider<Invoices, InvoicesCommand, InvoicesEvent> = {
  category: 'invoices',
  // Of 40,000 invoices it takes 1 MB, all that is kept; what follows them is read each time.
  snapshot: {
    version: 1,
    every: 1_000,
    pack: (state) => state,
    unpack: (packed) => packed as Invoices,
  },
  initial: {
    events: 0,
    lastInvoice: 0,
    lastCreditNote: 0,
    billed: Array.from({ length: BUCKETS }, () => []),
    creditNotes: {},
    credited: {},
  },

  decide: {
    /** Bills a delivered store order; one that was billed stays as it was billed. */
    IssueInvoice(state, { lines: billed, feePaise, payment, ...delivered }) {
      if (revisionOf(state, delivered.storeOrderId) !== undefined) return [];
      const sequence = state.lastInvoice + 1;
      const number = numberOf(fiscalYearOf(delivered.date).slice(2), sequence);
      const lines = billed.map((line) => bill(line, delivered));
      const fees = feesFor(lines, feePaise, supplyKindOf(delivered));
      const totalPaise = sumPaise(lines.map((line) => line.linePaise)) + feePaise;
      const papers = { sequence, number, kind: kindOf(lines) };
      const roundingPaise = payablePaise(payment, totalPaise) - totalPaise;
      const data = { ...delivered, ...papers, lines, fees, totalPaise, roundingPaise };
      return [{ type: 'InvoiceIssued', data }];
    },

    /**
     * Takes back pieces of an invoice, at its own prices and rates, never more than it has. The
     * series is that of the invoice's year, whenever the note is issued: both are decided here.
     */
    IssueCreditNote(state, { creditNoteId, date, invoice, lines, withFees, reason }) {
      const { storeOrderId, orderId, number: invoiceNumber } = invoice;
      if (creditNoteId in state.creditNotes) return [];
      if (revisionOf(state, storeOrderId) === undefined) throw invoiceNotFound();
      const wanted = Map.groupBy(lines, ({ listingId }) => listingId);
      const credited = [...wanted].map(([listingId, same]) => {
        const quantity = same.reduce((sum, line) => sum + line.quantity, 0);
        const line = invoice.lines.find((one) => one.listingId === listingId);
        const before = state.credited[storeOrderId]?.[listingId] ?? 0;
        const left = (line?.quantity ?? 0) - before;
        if (!line || quantity > left) {
          throw new Rejected('CREDIT_ABOVE_INVOICE', { name: line?.name ?? listingId, left });
        }
        return creditLine(line, before, quantity, supplyKindOf(invoice));
      });
      const sequence = state.lastCreditNote + 1;
      const number = numberOf(`C${invoiceNumber.split('/')[0]!}`, sequence);
      const fees = withFees ? (invoice.fees ?? []) : [];
      const totalPaise =
        sumPaise(credited.map((line) => line.linePaise)) +
        sumPaise(fees.map(({ feePaise }) => feePaise));
      const note = { creditNoteId, sequence, number, date, storeOrderId, orderId, invoiceNumber };
      const charges = { lines: credited, fees, totalPaise };
      return [{ type: 'CreditNoteIssued', data: { ...note, reason, ...charges } }];
    },
  },

  evolve: {
    InvoiceIssued(state, { storeOrderId, sequence }) {
      const bucket = bucketOf(storeOrderId);
      const one = { storeOrderId, revision: state.events };
      const billed = state.billed.with(bucket, [...state.billed[bucket]!, one]);
      return { ...state, events: state.events + 1, lastInvoice: sequence, billed };
    },
    CreditNoteIssued(state, { creditNoteId, sequence, number, storeOrderId, lines }) {
      const pieces = { ...state.credited[storeOrderId] };
      for (const { listingId, quantity } of lines) {
        pieces[listingId] = (pieces[listingId] ?? 0) + quantity;
      }
      return {
        ...state,
        events: state.events + 1,
        lastCreditNote: sequence,
        creditNotes: { ...state.creditNotes, [creditNoteId]: number },
        credited: { ...state.credited, [storeOrderId]: pieces },
      };
    },
  },

  upcast: {
    InvoiceIssued: [
      ({ fees = null, ...data }: Optional<Invoice, 'fees'>) => ({ ...data, fees }),
      ({ supplier, placeOfSupply = null, roundingPaise = 0, ...data }: InvoiceV2) => ({
        ...data,
        roundingPaise,
        ...withinState(data),
        supplier: { storeName: supplier.storeName, ...fullRegistration(supplier) },
        placeOfSupply,
      }),
    ],
    CreditNoteIssued: [
      ({ fees = [], ...data }: Optional<CreditNote, 'fees'>) => ({ ...data, fees }),
      ({ lines, fees, ...data }: CreditNoteV2) => ({ ...data, ...withinState({ lines, fees }) }),
    ],
  },
};

/** Charges from when every sale counted as within the shop's state. */
type ChargesV2<Fees> = { lines: Optional<InvoiceLine, 'igstPaise'>[]; fees: Fees };
type FeesV2 = Optional<InvoiceFee, 'igstPaise'>[];
type CreditNoteV2 = Omit<CreditNote, 'lines' | 'fees'> & ChargesV2<FeesV2>;
type InvoiceV2 = Optional<
  Omit<Invoice, 'supplier' | 'lines' | 'fees'>,
  'placeOfSupply' | 'roundingPaise'
> &
  ChargesV2<FeesV2 | null> & { supplier: Optional<Supplier, 'state' | 'fssai'> };

const untaxedAcross = <Charge>(charge: Charge) => ({ igstPaise: 0, ...charge });

const withinState = <Fees extends FeesV2 | null>({ lines, fees }: ChargesV2<Fees>) => ({
  lines: lines.map(untaxedAcross),
  fees: (fees && fees.map(untaxedAcross)) as Fees extends null ? null : InvoiceFee[],
});

export const invoiceNotFound = (): Rejected => new Rejected('INVOICE_NOT_FOUND');
