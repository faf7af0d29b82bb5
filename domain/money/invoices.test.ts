import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evolve } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';
import {
  creditableUntil,
  fiscalYearBefore,
  fiscalYearOf,
  invoices,
  type BilledLine,
  type CreditNote,
  type Invoice,
  type Invoices,
  type InvoicesCommand,
  type InvoicesEvent,
  type Supplier,
} from './invoices.ts';
import { sumPaise } from './money.ts';
import type { PaymentMethod } from './payment.ts';
import { given } from '../../test/given.ts';

const registered: Supplier = {
  storeName: 'Test Kirana',
  gstin: '29AAGCB7383J1Z4',
  composition: false,
  state: '29',
  fssai: null,
  legalName: 'Test Kirana Private Limited',
  address: '12, 4th Cross, Bengaluru',
};

const line = (listingId: string, quantity: number, pricePaise: number, gstPercent: number | null) =>
  ({
    listingId,
    name: listingId,
    pack: null,
    hsn: null,
    quantity,
    pricePaise,
    linePaise: quantity * pricePaise,
    gstPercent,
  }) satisfies BilledLine;

const issue = (
  storeOrderId: string,
  lines: BilledLine[] = [line('dal', 2, 10_500, 5)],
  supplier = registered,
  feePaise = 0,
  placeOfSupply: string | null = '29',
  payment: PaymentMethod = 'upi',
): InvoicesCommand => ({
  type: 'IssueInvoice',
  data: {
    storeOrderId,
    orderId: `order of ${storeOrderId}`,
    date: '2026-11-21',
    supplier,
    personId: 'p',
    sealedRecipient: 'sealed',
    pincode: '560001',
    placeOfSupply,
    lines,
    feePaise,
    payment,
  },
});

const issued = (...[first]: InvoicesEvent[]): Invoice => first!.data as Invoice;

test('a fiscal year is April to March', () => {
  const years = ['2026-03-31', '2026-04-01', '2027-03-31', '2099-12-01', '2100-02-01'];
  assert.equal(years.map(fiscalYearOf), ['2025-26', '2026-27', '2026-27', '2099-00', '2099-00']);
  assert.is(fiscalYearBefore('2026-27'), '2025-26');
});

test('a bill is credited until 30 November after the fiscal year of its supply', () => {
  const supplied = ['2026-03-31', '2026-04-01', '2027-03-31'];
  assert.equal(supplied.map(creditableUntil), ['2026-11-30', '2027-11-30', '2027-11-30']);
});

test('an invoice says what the price holds, and its number fits the law', () => {
  const lines = [line('dal', 2, 10_500, 5), line('soap', 1, 11_800, 18)];
  const invoice = issued(...given(invoices).decide(issue('so01', lines)));
  assert.is(invoice.number, '26-27/000001');
  assert.match(invoice.number, /^[0-9A-Za-z/-]{1,16}$/);
  assert.is(invoice.kind, 'tax-invoice');
  assert.is(invoice.totalPaise, 32_800);
  assert.equal(
    invoice.lines.map(({ taxablePaise, cgstPaise, sgstPaise }) => [
      taxablePaise,
      cgstPaise,
      sgstPaise,
    ]),
    [
      [20_000, 500, 500],
      [10_000, 900, 900],
    ],
  );
});

test('what kind of paper it is', () => {
  const taxed = line('dal', 1, 10_500, 5);
  const exempt = line('milk', 1, 2_800, 0);
  const untold = line('loose', 1, 1_000, null);
  const unregistered = { ...registered, gstin: null };
  const composition = { ...registered, composition: true };
  const kinds: [Supplier, BilledLine[], Invoice['kind']][] = [
    [registered, [taxed], 'tax-invoice'],
    [registered, [exempt, untold], 'bill-of-supply'],
    [registered, [taxed, exempt], 'invoice-cum-bill-of-supply'],
    [unregistered, [taxed, exempt], 'bill-of-supply'],
    [composition, [taxed], 'bill-of-supply'],
  ];
  for (const [supplier, lines, kind] of kinds) {
    const invoice = issued(...given(invoices).decide(issue('so01', lines, supplier)));
    assert.is(invoice.kind, kind);
    const tax = sumPaise(invoice.lines.map((one) => one.cgstPaise + one.sgstPaise));
    assert.is(tax > 0, kind !== 'bill-of-supply');
    if (supplier !== registered) assert.is(invoice.lines[0]!.gstPercent, null);
  }
});

test('a delivery bears the rates of what is brought, to the paisa', () => {
  const lines = [
    line('dal', 1, 10_000, 5),
    line('soap', 2, 10_000, 18),
    line('milk', 1, 10_000, 0),
  ];
  const invoice = issued(...given(invoices).decide(issue('so01', lines, registered, 3_001)));
  assert.equal(
    invoice.fees!.map(({ gstPercent, feePaise }) => [gstPercent, feePaise]),
    [
      [0, 750],
      [5, 750],
      [18, 1_501],
    ],
  );
  assert.is(invoice.totalPaise, 40_000 + 3_001);
  for (const { feePaise, taxablePaise, cgstPaise, sgstPaise } of invoice.fees!) {
    assert.is(taxablePaise + cgstPaise + sgstPaise, feePaise);
  }
  const plain = { ...registered, gstin: null };
  const bill = issued(...given(invoices).decide(issue('so01', lines, plain, 3_001)));
  const none = { taxablePaise: 3_001, cgstPaise: 0, sgstPaise: 0, igstPaise: 0 };
  assert.equal(bill.fees, [{ gstPercent: null, feePaise: 3_001, ...none }]);
});

test('what is brought into another state bears IGST, and so does what comes back of it', () => {
  const lines = [line('ghee', 3, 63_000, 5), line('milk', 1, 2_800, 0)];
  const billed = given(invoices).decide(issue('so01', lines, registered, 3_001, '33'))[0]!;
  const invoice = issued(billed);
  assert.is(invoice.placeOfSupply, '33');
  const taxes = [...invoice.lines, ...invoice.fees!].map((one) => [one.cgstPaise, one.igstPaise]);
  assert.equal(taxes, [
    [0, 9_000],
    [0, 0],
    [0, 0],
    [0, 141],
  ]);
  const all = [{ listingId: 'ghee', quantity: 3 }];
  const back = { date: '2027-05-02', lines: all, withFees: true, reason: 'damaged' as const };
  const data = { ...back, creditNoteId: 'c1', invoice };
  const [event] = given(invoices, billed).decide({ type: 'IssueCreditNote', data });
  const [ghee] = (event!.data as CreditNote).lines;
  assert.equal([ghee!.cgstPaise, ghee!.sgstPaise, ghee!.igstPaise], [0, 0, 9_000]);
});

test('what is paid in cash is rounded down to whole rupees, by a line that says so', () => {
  const bill = (pricePaise: number, payment: PaymentMethod) => {
    const lines = [line('dal', 1, pricePaise, 5)];
    return issued(...given(invoices).decide(issue('so01', lines, registered, 0, '29', payment)));
  };
  const cash = bill(26_660, 'cash-on-delivery');
  assert.equal([cash.totalPaise, cash.roundingPaise], [26_660, -60]);
  assert.is(bill(26_600, 'cash-on-delivery').roundingPaise, 0);
  for (const payment of ['upi', 'razorpay'] as const) {
    assert.is(bill(26_660, payment).roundingPaise, 0);
  }
});

test('a bill from before places were asked for stays within its state', () => {
  const invoice = issued(...given(invoices).decide(issue('so01', undefined, registered, 0, null)));
  assert.equal([invoice.lines[0]!.cgstPaise, invoice.lines[0]!.igstPaise], [500, 0]);
});

test('goods that are worth nothing are billed, and bear the delivery in equal shares', () => {
  const nothing = [
    { ...line('saffron', 1, 100, 5), grams: 9, linePaise: 0 },
    { ...line('soap', 1, 100, 18), linePaise: 0 },
  ];
  const invoice = issued(...given(invoices).decide(issue('so01', nothing, registered, 2_500)));
  assert.equal(
    invoice.fees!.map(({ gstPercent, feePaise }) => [gstPercent, feePaise]),
    [
      [5, 1_250],
      [18, 1_250],
    ],
  );
  assert.is(invoice.totalPaise, 2_500);
  const free = issued(...given(invoices).decide(issue('so01', nothing, registered)));
  assert.equal([free.fees, free.totalPaise], [[], 0]);
});

test('the delivery is credited as it was billed', () => {
  const lines = [line('dal', 1, 10_000, 5), line('milk', 1, 10_000, 0)];
  const first = given(invoices).decide(issue('so01', lines, registered, 3_001))[0]!;
  const invoice = issued(first);
  const back = { date: '2027-05-02', invoice, reason: 'damaged' as const };
  const credit = (creditNoteId: string, listingId: string, withFees: boolean): CreditNote => {
    const data = { ...back, creditNoteId, lines: [{ listingId, quantity: 1 }], withFees };
    const [event] = given(invoices, first).decide({ type: 'IssueCreditNote', data });
    return event!.data as CreditNote;
  };
  const [some, rest] = [credit('c1', 'dal', false), credit('c2', 'milk', true)];
  assert.equal([some.fees, rest.fees], [[], invoice.fees]);
  assert.is(some.totalPaise + rest.totalPaise, invoice.totalPaise);
});

test('a credit is for what is left of the invoice, at its rates', () => {
  const first = given(invoices).decide(issue('so01', [line('dal', 3, 9_999, 5)]))[0]!;
  const invoice = issued(first);
  const credit = (creditNoteId: string, ...lines: [string, number][]): InvoicesCommand => ({
    type: 'IssueCreditNote',
    data: {
      creditNoteId,
      date: '2027-05-02',
      invoice,
      lines: lines.map(([listingId, quantity]) => ({ listingId, quantity })),
      withFees: false,
      reason: 'damaged',
    },
  });
  const second = given(invoices, first).decide(credit('c1', ['dal', 2]))[0]!;
  const note = second.data as CreditNote;
  assert.is(note.number, 'C26-27/000001');
  assert.is(note.invoiceNumber, '26-27/000001');
  assert.is(note.totalPaise, 19_998);
  const past = given(invoices, first, second);
  past.when(credit('c1', ['dal', 2])).gives();
  past.when(credit('c2', ['dal', 2])).rejected('CREDIT_ABOVE_INVOICE');
  past.when(credit('c2', ['dal', 1], ['dal', 1])).rejected('CREDIT_ABOVE_INVOICE');
  past.when(credit('c2', ['ghee', 1])).rejected('CREDIT_ABOVE_INVOICE');
  assert.is(past.decide(credit('c2', ['dal', 1])).length, 1);
  given(invoices)
    .when(credit('c1', ['dal', 1]))
    .rejected('INVOICE_NOT_FOUND');
});

type Wish =
  | { issue: number }
  | { credit: number; note: number; lines: { listing: number; pieces: number }[] };

const wish: fc.Arbitrary<Wish> = fc.oneof(
  fc.record({ issue: fc.nat(6) }),
  fc.record({
    credit: fc.nat(6),
    note: fc.nat(40),
    lines: fc.array(fc.record({ listing: fc.nat(3), pieces: fc.integer({ min: 1, max: 4 }) }), {
      minLength: 1,
      maxLength: 2,
    }),
  }),
);

/** Prices below 3 paise are left out: there a credit's rounding is more than the goods. */
const basket = (order: number): BilledLine[] =>
  [0, 1, 2].map((listing) =>
    line(
      `l${listing}`,
      1 + ((order + listing) % 5),
      3 + order * 101 + listing,
      [0, 5, 18][listing]!,
    ),
  );

const fold = (events: InvoicesEvent[]): Invoices =>
  events.reduce((state, event) => evolve(invoices, state, event), invoices.initial);

/** Decides as `handle` does: on a state that may be behind, and again after a lost race. */
function play(wishes: { wish: Wish; behind: number }[]): InvoicesEvent[] {
  const log: InvoicesEvent[] = [];
  for (const { wish: one, behind } of wishes) {
    const command = commandOf(one, log);
    if (!command) continue;
    for (const seen of [Math.max(0, log.length - behind), log.length]) {
      try {
        const decide = invoices.decide[command.type];
        const events = decide(fold(log.slice(0, seen)), command.data as never);
        // An append at a revision that has been passed is refused by the store.
        if (seen === log.length) log.push(...events);
      } catch (error) {
        if (!(error instanceof Rejected)) throw error;
      }
    }
  }
  return log;
}

function commandOf(one: Wish, log: InvoicesEvent[]): InvoicesCommand | undefined {
  if ('issue' in one) return issue(`so0${one.issue}`, basket(one.issue));
  const found = log.find(
    ({ type, data }) => type === 'InvoiceIssued' && data.storeOrderId === `so0${one.credit}`,
  );
  if (!found) return undefined;
  const lines = one.lines.map(({ listing, pieces }) => ({
    listingId: `l${listing}`,
    quantity: pieces,
  }));
  const data = { creditNoteId: `c${one.note}`, date: '2026-12-01', invoice: issued(found), lines };
  return { type: 'IssueCreditNote', data: { ...data, withFees: false, reason: 'other' } };
}

test('whatever repeats and races come: no gap, one invoice an order, no credit above it', () => {
  const history = fc.array(fc.record({ wish, behind: fc.nat(5) }), { maxLength: 60, size: 'max' });
  let credits = 0;
  fc.assert(
    fc.property(history, (wishes) => {
      const log = play(wishes);
      const bills = log.flatMap((e) => (e.type === 'InvoiceIssued' ? [e.data] : []));
      const notes = log.flatMap((e) => (e.type === 'CreditNoteIssued' ? [e.data] : []));
      credits += notes.length;
      for (const papers of [bills, notes]) {
        assert.equal(
          papers.map(({ sequence }) => sequence),
          papers.map((_, index) => index + 1),
        );
        assert.is(new Set(papers.map(({ number }) => number)).size, papers.length);
      }
      assert.is(new Set(bills.map((bill) => bill.storeOrderId)).size, bills.length);
      for (const bill of bills) {
        const own = notes.filter(({ storeOrderId }) => storeOrderId === bill.storeOrderId);
        assertWithin(bill, own);
      }
      const state = fold(log);
      const { pack, unpack } = invoices.snapshot!;
      assert.equal(unpack(JSON.parse(JSON.stringify(pack(state)))), state);
      // Played again from the start, everything is known: nothing is added.
      assert.equal(play([...wishes, ...wishes.filter((one) => 'issue' in one.wish)]), log);
    }),
    { numRuns: 1_000 },
  );
  assert.ok(credits > 1_000, `${credits}: the histories hold too few credits to prove anything`);
});

function assertWithin(bill: Invoice, notes: CreditNote[]): void {
  for (const billed of bill.lines) {
    const credited = notes.flatMap(({ lines }) =>
      lines.filter(({ listingId }) => listingId === billed.listingId),
    );
    for (const field of ['quantity', 'linePaise', 'taxablePaise', 'cgstPaise'] as const) {
      const sum = sumPaise(credited.map((one) => one[field]));
      assert.ok(sum <= billed[field], `${field}: ${sum} of ${billed[field]}`);
      assert.ok(credited.every((one) => one[field] >= 0));
      const all = sumPaise(credited.map((one) => one.quantity)) === billed.quantity;
      if (all) assert.is(sum, billed[field]);
    }
    for (const one of credited) {
      assert.is(one.cgstPaise, one.sgstPaise);
      assert.is(one.taxablePaise + one.cgstPaise + one.sgstPaise, one.linePaise);
    }
  }
}

test.run();
