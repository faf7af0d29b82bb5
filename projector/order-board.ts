import { orderNumber } from '../domain/ordering/order.ts';
import {
  owedPaise,
  storeOrder,
  storeOrderEnded,
  type StoreOrder,
  type StoreOrderEvent,
} from '../domain/fulfilment/store-order.ts';
import type { OrderSlot } from '../domain/slots/slot-day.ts';
import { fold } from '../engine/projections/fold.ts';
import { projection, type Fact } from '../engine/projections/projection.ts';
import { defineTable, json, jsonOrNull, type Row } from '../engine/projections/rows.ts';
import { boardTag } from './tags.ts';

const boardOrders = defineTable(
  'card',
  {
    store_order_id: 'uuid',
    order_number: 'text',
    store_id: 'text',
    status: 'text',
    reason: 'text?',
    submitted_at: 'timestamptz',
    changed_at: 'timestamptz',
    /** Null while the shop has something left to do. */
    ended_at: 'timestamptz?',
    pincode: 'text',
    payment: 'text',
    fulfilment: 'text',
    slot: jsonOrNull<OrderSlot>(),
    fee_paise: 'bigint',
    total_paise: 'bigint',
    owed_paise: 'bigint',
    /** As the domain folds it. */
    part: json<StoreOrder>(),
    person_id: 'uuid',
    sealed_recipient: 'text',
  },
  ['store_order_id'],
  { indexes: ['(store_id, ended_at)'] },
);

export type BoardOrderRow = Row<typeof boardOrders>;

/** Columns of a store order that follow from its state. */
export const storeOrderColumns = (state: StoreOrder) => ({
  part: state,
  status: state.status,
  owed_paise: owedPaise(state),
});

/** The reason for which a store order came to its status: `row` is from before. */
export const reasonOf = (
  { status }: StoreOrder,
  { reason = null }: { reason?: string | null },
  row: { status?: string; reason?: string | null },
): string | null => (status === row.status ? (row.reason ?? null) : reason);

/** What a shop's staff work from. */
export const orderBoard = projection<StoreOrderEvent>({
  name: 'order_board',
  version: 8,
  tables: [boardOrders],

  on: fold(boardOrders, storeOrder, {
    key: 'store_order_id',
    stateOf: ({ part }) => part,
    columnsOf: (state, { data, at }: Fact<{ storeId: string; reason?: string }>, row) => ({
      ...storeOrderColumns(state),
      reason: reasonOf(state, data, row),
      changed_at: at,
      ended_at: storeOrderEnded(state.status) ? (row.ended_at ?? at) : null,
    }),
    begins: {
      StoreOrderSubmitted({ data, at }) {
        const { orderId, storeId, totalPaise, personId, sealedRecipient, pincode, payment } = data;
        const { feePaise, fulfilment, slot } = data;
        return {
          order_number: orderNumber(orderId),
          store_id: storeId,
          pincode,
          payment,
          submitted_at: at,
          fulfilment,
          slot,
          fee_paise: feePaise,
          total_paise: totalPaise,
          person_id: personId,
          sealed_recipient: sealedRecipient,
        };
      },
    },
    after({ data }, rows) {
      rows.changed(boardTag(data.storeId));
    },
  }),
});
