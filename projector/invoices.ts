import type { InvoiceFee, InvoiceLine, InvoicesEvent, Supplier } from '../domain/money/invoices.ts';
import { storeAndPeriodOf, type StoreEvent } from '../domain/stores/store.ts';
import { projection } from '../engine/projections/projection.ts';
import { defineTable, json, type Row } from '../engine/projections/rows.ts';
import { boardTag, orderTag } from './tags.ts';

const registrations = defineTable(
  'registration',
  {
    store_id: 'text',
    gstin: 'text?',
    composition: json<boolean>(),
    state: 'text?',
    fssai: 'text?',
    legal_name: 'text',
    address: 'text',
  },
  ['store_id'],
);

const invoiceTable = defineTable(
  'invoice',
  {
    store_order_id: 'uuid',
    order_id: 'uuid',
    store_id: 'text',
    fiscal_year: 'text',
    sequence: 'integer',
    number: 'text',
    kind: 'text',
    date: 'text',
    supplier: json<Supplier>(),
    person_id: 'uuid',
    sealed_recipient: 'text',
    pincode: 'text',
    place_of_supply: 'text?',
    lines: json<InvoiceLine[]>(),
    fees: json<InvoiceFee[]>(),
    total_paise: 'bigint',
    rounding_paise: 'bigint',
    credited_paise: 'bigint',
  },
  ['store_order_id'],
  { indexes: ['(store_id, fiscal_year, sequence)'] },
);

const creditNotes = defineTable(
  'credit_note',
  {
    credit_note_id: 'uuid',
    store_order_id: 'uuid',
    sequence: 'integer',
    number: 'text',
    date: 'text',
    reason: 'text',
    lines: json<InvoiceLine[]>(),
    fees: json<InvoiceFee[]>(),
    total_paise: 'bigint',
  },
  ['credit_note_id'],
  { indexes: ['(store_order_id)'] },
);

export type RegistrationRow = Row<typeof registrations>;
export type InvoiceRow = Row<typeof invoiceTable>;
export type CreditNoteRow = Row<typeof creditNotes>;

/** What shops billed and took back, for their books and for who bought. */
export const invoices = projection<InvoicesEvent | StoreEvent>({
  name: 'invoices',
  version: 4,
  tables: [registrations, invoiceTable, creditNotes],

  on: {
    TaxRegistrationSet({ id, data: { legalName, ...same } }, rows) {
      rows.put(registrations, { ...same, store_id: id, legal_name: legalName });
    },
    InvoiceIssued({ id, data }, rows) {
      const { storeOrderId, orderId, personId, sealedRecipient, totalPaise, ...rest } = data;
      const { fees, placeOfSupply, roundingPaise, ...same } = rest;
      const { storeId, period } = storeAndPeriodOf(id);
      rows.add(invoiceTable, {
        ...same,
        fees: fees ?? [],
        store_id: storeId,
        fiscal_year: period,
        store_order_id: storeOrderId,
        order_id: orderId,
        person_id: personId,
        sealed_recipient: sealedRecipient,
        place_of_supply: placeOfSupply,
        total_paise: totalPaise,
        rounding_paise: roundingPaise,
        credited_paise: 0,
      });
      rows.changed(orderTag(orderId));
      rows.changed(boardTag(storeId));
    },
    CreditNoteIssued({ id, data }, rows) {
      const { creditNoteId, storeOrderId, orderId, totalPaise, ...same } = data;
      rows.add(creditNotes, {
        ...same,
        credit_note_id: creditNoteId,
        store_order_id: storeOrderId,
        total_paise: totalPaise,
      });
      rows.change(invoiceTable, { store_order_id: storeOrderId }, (invoice) => ({
        credited_paise: invoice.credited_paise + totalPaise,
      }));
      rows.changed(orderTag(orderId));
      rows.changed(boardTag(storeAndPeriodOf(id).storeId));
    },
  },
});
