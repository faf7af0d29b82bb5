import { evolve } from '../engine/decider.ts';
import { orderNumber } from '../domain/ordering/order.ts';
import {
  owedPaise,
  storeOrder,
  storeOrderEnded,
  type StoreOrder,
  type StoreOrderEvent,
} from '../domain/fulfilment/store-order.ts';
import { projection, type Fact } from '../engine/projections/projection.ts';
import { defineTable, type Row, type Rows } from '../engine/projections/rows.ts';

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
    owed_paise: 'bigint',
    /** As the domain folds it. */
    part: 'json',
    person_id: 'uuid',
    sealed_recipient: 'text',
  },
  ['store_order_id'],
  { indexes: ['(store_id, ended_at)'] },
);

export type CardRow = Row<typeof cards>;

type Type = StoreOrderEvent['type'];

/** Columns of a part that follow from its state. */
export const columnsOf = (part: StoreOrder) => ({
  part,
  status: part.status,
  owed_paise: owedPaise(part),
});

/** A part after one more event. */
export const evolved = (part: unknown, type: Type, data: unknown): StoreOrder =>
  evolve(storeOrder, part as StoreOrder, { type, data });

const step =
  (type: Type) =>
  ({ id, data, at }: Fact<{ storeId: string; reason?: string }>, rows: Rows): void => {
    rows.change(cards, { store_order_id: id }, (card) => {
      const columns = columnsOf(evolved(card.part, type, data));
      const moved = columns.status !== card.status;
      return {
        ...columns,
        reason: moved ? (data.reason ?? null) : card.reason,
        changed_at: at,
        ended_at: storeOrderEnded(columns.status) ? (card.ended_at ?? at) : null,
      };
    });
    rows.changed(`board-${data.storeId}`);
  };

/** What a shop's staff work from. */
export const orderBoard = projection<StoreOrderEvent>({
  name: 'order_board',
  version: 6,
  tables: [cards],

  on: {
    StoreOrderSubmitted({ id, data, at }, rows) {
      const { orderId, storeId, totalPaise, personId, sealedRecipient, pincode, payment } = data;
      const { feePaise = 0, fulfilment = 'delivery', slot = null } = data;
      rows.add(cards, {
        ...columnsOf(evolved(storeOrder.initial, 'StoreOrderSubmitted', data)),
        store_order_id: id,
        order_number: orderNumber(orderId),
        store_id: storeId,
        reason: null,
        pincode,
        payment,
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
    StoreOrderAccepted: step('StoreOrderAccepted'),
    StoreOrderRejected: step('StoreOrderRejected'),
    LineReduced: step('LineReduced'),
    LinePicked: step('LinePicked'),
    LineShorted: step('LineShorted'),
    SubstituteChosen: step('SubstituteChosen'),
    SubstituteUnavailable: step('SubstituteUnavailable'),
    SubstitutionProposed: step('SubstitutionProposed'),
    SubstitutionDecided: step('SubstitutionDecided'),
    StoreOrderPacked: step('StoreOrderPacked'),
    StoreOrderDispatched: step('StoreOrderDispatched'),
    DeliveryCodeMissed: step('DeliveryCodeMissed'),
    StoreOrderDelivered: step('StoreOrderDelivered'),
    StoreOrderCancelled: step('StoreOrderCancelled'),
    LinesReturned: step('LinesReturned'),
  },
});
