import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Invoice, InvoiceLine } from './contract.ts';
import {
  creditable,
  creditNoteHref,
  creditNoteIn,
  gramsOf,
  linesWithoutRate,
  stateTax,
  stateText,
  taxColumns,
} from './invoices.ts';

test('the state and its half of the tax', () => {
  assert.is(stateText('29AAGCB7383J1Z4'), 'Karnataka (29)');
  assert.equal([stateTax('29AAGCB7383J1Z4'), stateTax('04AAGCB7383J1Z4')], ['SGST', 'UTGST']);
});

test('a bill has two halves of a tax, one whole tax across a border, or none', () => {
  const supplier = { gstin: '04AAAAA0000A1ZA', composition: false, state: '04' };
  const namesOf = (more: object, placeOfSupply: string | null) =>
    taxColumns({ supplier: { ...supplier, ...more }, placeOfSupply } as Invoice).map(
      ({ name, percentOf }) => [name, percentOf(5)],
    );
  const halves = [
    ['CGST', 2.5],
    ['UTGST', 2.5],
  ];
  assert.equal(namesOf({}, '04'), halves);
  assert.equal(namesOf({}, null), halves);
  assert.equal(namesOf({}, '03'), [['IGST', 5]]);
  assert.equal(namesOf({ composition: true }, '03'), []);
});

test('a line without a rate is told to a shop that charges tax, and to no other', () => {
  const supplier = { storeName: '', legalName: '', address: '', composition: false };
  const lines = [
    { name: 'Dal', gstPercent: 5 },
    { name: 'Loose tea', gstPercent: null },
  ];
  const invoice = (gstin: string | null, composition = false) =>
    ({ supplier: { ...supplier, gstin, composition }, lines }) as Invoice;
  const named = (of: Invoice) => linesWithoutRate(of).map(({ name }) => name);
  assert.equal(named(invoice('29AAGCB7383J1Z4')), ['Loose tea']);
  assert.equal(named(invoice('29AAGCB7383J1Z4', true)), []);
  assert.equal(named(invoice(null)), []);
});

test('what was credited cannot be credited again', () => {
  const line = (listingId: string, quantity: number) => ({ listingId, quantity }) as InvoiceLine;
  const note = (...lines: InvoiceLine[]) => ({ lines }) as Invoice['creditNotes'][number];
  const lines = creditable({
    lines: [line('dal', 3), line('milk', 1)],
    creditNotes: [note(line('dal', 1)), note(line('dal', 1), line('milk', 1))],
  });
  assert.equal(
    lines.map(({ left }) => left),
    [1, 0],
  );
});

test('a credited part of weighed goods has its share of the weight, and others have none', () => {
  const line = (quantity: number, grams?: number) =>
    ({ listingId: 'onion', quantity, grams }) as InvoiceLine;
  assert.is(gramsOf({ lines: [line(4, 1_850)] }, line(4, 1_850)), 1_850);
  assert.is(gramsOf({ lines: [line(4, 1_850)] }, line(1, 1_850)), 463);
  assert.is(gramsOf({ lines: [line(4)] }, line(1)), null);
});

test('the paper of a credit note has an address of its own', () => {
  const page = new URL('https://shop.example/orders/1/invoices/2');
  assert.is(creditNoteIn(new URL(creditNoteHref('C26-27/000001'), page)), 'C26-27/000001');
  assert.is(creditNoteIn(page), null);
});

test.run();
