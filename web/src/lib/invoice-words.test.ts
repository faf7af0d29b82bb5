import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Invoice, InvoiceLine } from './contract.ts';
import { creditable, dateText, linesWithoutRate, stateTax, stateText } from './invoice-words.ts';

test('a date is the day that it names, wherever the browser is', () => {
  assert.is(dateText('2026-11-21'), '21 Nov 2026');
  assert.is(dateText('2026-04-01'), '1 Apr 2026');
});

test('the state and its half of the tax', () => {
  assert.is(stateText('29AAGCB7383J1Z4'), 'Karnataka (29)');
  assert.equal([stateTax('29AAGCB7383J1Z4'), stateTax('04AAGCB7383J1Z4')], ['SGST', 'UTGST']);
});

test('a line without a rate is told to a shop that charges tax, and to no other', () => {
  const supplier = { storeName: '', legalName: '', address: '', composition: false };
  const lines = [
    { name: 'Dal', gstPercent: 5 },
    { name: 'Loose tea', gstPercent: null },
  ];
  const invoice = (gstin: string | null, composition = false) =>
    ({ supplier: { ...supplier, gstin, composition }, lines }) as Invoice;
  const told = (of: Invoice) => linesWithoutRate(of).map(({ name }) => name);
  assert.equal(told(invoice('29AAGCB7383J1Z4')), ['Loose tea']);
  assert.equal(told(invoice('29AAGCB7383J1Z4', true)), []);
  assert.equal(told(invoice(null)), []);
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

test.run();
