import { orderNumber } from '../domain/order.ts';
import {
  storeOrderEnded,
  type StoreOrderEvent,
  type StoreOrderStatus,
} from '../domain/store-order.ts';
import { projection, type Fact } from './projection.ts';
import { defineTable, type Row, type Rows } from './rows.ts';

const cards = defineTable(
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
    slot: 'json?',
    fee_paise: 'bigint',
    total_paise: 'bigint',
    lines: 'json',
    person_id: 'uuid',
    sealed_recipient: 'text',
  },
  ['store_order_id'],
  { indexes: ['(store_id, ended_at)'] },
);

export type CardRow = Row<typeof cards>;

const step =
  (status: StoreOrderStatus) =>
  ({ id, data, at }: Fact<{ storeId: string; reason?: string }>, rows: Rows): void => {
    const ended_at = storeOrderEnded(status) ? at : null;
    const columns = { status, reason: data.reason ?? null, changed_at: at, ended_at };
    rows.change(cards, { store_order_id: id }, () => columns);
    rows.changed(`board-${data.storeId}`);
  };

/** What a shop's staff work from. */
export const orderBoard = projection<StoreOrderEvent>({
  name: 'order_board',
  version: 4,
  tables: [cards],

  on: {
    StoreOrderSubmitted({ id, data, at }, rows) {
      const { orderId, storeId, totalPaise, personId, sealedRecipient, ...rest } = data;
      const { feePaise = 0, fulfilment = 'delivery', slot = null, ...same } = rest;
      rows.add(cards, {
        ...same,
        store_order_id: id,
        order_number: orderNumber(orderId),
        store_id: storeId,
        status: 'submitted',
        reason: null,
        submitted_at: at,
        changed_at: at,
        ended_at: null,
        fulfilment,
        slot,
        fee_paise: feePaise,
        total_paise: totalPaise,
        person_id: personId,
        sealed_recipient: sealedRecipient,
      });
      rows.changed(`board-${storeId}`);
    },
    StoreOrderAccepted: step('accepted'),
    StoreOrderRejected: step('rejected'),
    StoreOrderPacked: step('packed'),
    StoreOrderDispatched: step('dispatched'),
    StoreOrderDelivered: step('delivered'),
  },
});
