import { keptOf, type Kept, type OrderEvent } from '../domain/ordering/order.ts';
import type { PaymentEvent } from '../domain/money/payment.ts';
import {
  storeOrder,
  type StoreOrder,
  type StoreOrderEvent,
} from '../domain/fulfilment/store-order.ts';
import { columnsOf, evolved } from './order-board.ts';
import { projection, type Fact } from '../engine/projections/projection.ts';
import { defineTable, type Row, type Rows } from '../engine/projections/rows.ts';

const orders = defineTable(
  'placed',
  {
    order_id: 'uuid',
    status: 'text',
    reason: 'text?',
    placed_at: 'timestamptz',
    total_paise: 'bigint',
    payment: 'text',
    person_id: 'uuid',
    sealed_recipient: 'text',
    left_out: 'json',
  },
  ['order_id'],
  { versions: { indexes: [] } },
);

const parts = defineTable(
  'part',
  {
    store_order_id: 'uuid',
    order_id: 'uuid',
    store_id: 'text',
    status: 'text',
    reason: 'text?',
    fulfilment: 'text',
    slot: 'json?',
    fee_paise: 'bigint',
    total_paise: 'bigint',
    owed_paise: 'bigint',
    /** As the domain folds it. */
    part: 'json',
  },
  ['store_order_id'],
  { indexes: ['(order_id)'], versions: { indexes: ['(order_id)'] } },
);

const timeline = defineTable(
  'timeline',
  {
    position: 'bigint',
    order_id: 'uuid',
    store_order_id: 'uuid?',
    event: 'text',
    /** What it is about, where it is about one line. */
    listing_id: 'text?',
    reason: 'text?',
    at: 'timestamptz',
  },
  ['position'],
  { indexes: ['(order_id)'] },
);

export type PlacedRow = Row<typeof orders>;
export type PartRow = Row<typeof parts>;
export type TimelineRow = Row<typeof timeline>;

type Told = {
  event: string;
  orderId: string;
  storeOrderId?: string;
  listingId?: string;
  reason?: string;
};

function tell({ at, position }: Fact<unknown>, told: Told, rows: Rows): void {
  const { event, orderId, storeOrderId = null, listingId = null, reason = null } = told;
  const row = { position: Number(position), order_id: orderId, store_order_id: storeOrderId };
  rows.add(timeline, { ...row, event, listing_id: listingId, reason, at });
}

/** A handler for a step of the whole order. */
const orderStep =
  (event: OrderEvent['type'], status: string) =>
  (fact: Fact<{ reason?: string }>, rows: Rows): void => {
    const reason = fact.data.reason ?? null;
    rows.change(orders, { order_id: fact.id }, () => ({ status, reason }));
    tell(fact, { event, orderId: fact.id, ...(reason && { reason }) }, rows);
    rows.changed(`order-${fact.id}`);
  };

/** A handler for a step that may leave out what the shops cannot serve. */
const keepingStep =
  (event: OrderEvent['type'], status: string) =>
  (fact: Fact<Kept>, rows: Rows): void => {
    const kept = keptOf(fact.data);
    if (kept) keep(fact.id, kept, rows);
    rows.change(orders, { order_id: fact.id }, () => ({ status, reason: null }));
    tell(fact, { event, orderId: fact.id }, rows);
    rows.changed(`order-${fact.id}`);
  };

type KeptParts = NonNullable<ReturnType<typeof keptOf>>;

function keep(orderId: string, kept: KeptParts, rows: Rows): void {
  const { totalPaise: total_paise, leftOut: left_out } = kept;
  rows.change(orders, { order_id: orderId }, () => ({ total_paise, left_out }));
  for (const { storeOrderId, ...part } of kept.parts) {
    rows.change(parts, { store_order_id: storeOrderId }, (row) => {
      const submitted = { ...(row.part as StoreOrder), ...part };
      const columns = columnsOf(evolved(storeOrder.initial, 'StoreOrderSubmitted', submitted));
      return { ...columns, total_paise: part.totalPaise };
    });
  }
  const ids = new Set(kept.parts.map(({ storeOrderId }) => storeOrderId));
  for (const { storeOrderId, reason } of left_out) {
    if (ids.has(storeOrderId)) continue;
    rows.change(parts, { store_order_id: storeOrderId }, (row) => {
      return { ...columnsOf(evolved(row.part, 'StoreOrderRejected', {})), reason };
    });
  }
}

/** A handler for what is told of a payment. */
const paymentStep =
  (event: PaymentEvent['type']) =>
  (fact: Fact<{ orderId: string; storeOrderId: string | null }>, rows: Rows): void => {
    const { orderId, storeOrderId } = fact.data;
    tell(fact, { event, orderId, ...(storeOrderId && { storeOrderId }) }, rows);
    rows.changed(`order-${orderId}`);
  };

type PartData = { orderId: string; listingId?: string; reason?: string };

type Decision = Extract<StoreOrderEvent, { type: 'SubstitutionDecided' }>['data'];

/** A handler for what the shopper sees of one shop's part, but is not told of. */
const partStep =
  (type: StoreOrderEvent['type']) =>
  ({ id, data }: Fact<PartData>, rows: Rows): void => {
    rows.change(parts, { store_order_id: id }, (row) => {
      const columns = columnsOf(evolved(row.part, type, data));
      const moved = columns.status !== row.status;
      return { ...columns, reason: moved ? (data.reason ?? null) : row.reason };
    });
    rows.changed(`order-${data.orderId}`);
  };

/** A handler for a step that the timeline tells as well. */
const toldStep = (event: StoreOrderEvent['type']) => {
  const take = partStep(event);
  return (fact: Fact<PartData>, rows: Rows): void => {
    const { orderId, listingId, reason } = fact.data;
    take(fact, rows);
    const about = { ...(listingId && { listingId }), ...(reason && { reason }) };
    tell(fact, { event, orderId, storeOrderId: fact.id, ...about }, rows);
  };
};

/** What a shopper follows after the checkout, as it is and as it was at any time. */
export const myOrders = projection<OrderEvent | StoreOrderEvent | PaymentEvent>({
  name: 'my_orders',
  version: 7,
  tables: [orders, parts, timeline],

  on: {
    OrderPlaced(fact, rows) {
      const { id, data, at } = fact;
      const { totalPaise, payment, personId, sealedRecipient } = data;
      const state = { status: 'placed', reason: null, placed_at: at, total_paise: totalPaise };
      const person = { person_id: personId, sealed_recipient: sealedRecipient };
      rows.add(orders, { order_id: id, ...state, payment, ...person, left_out: [] });
      for (const part of data.parts) {
        const submitted = { ...data, ...part, orderId: id };
        rows.add(parts, {
          ...columnsOf(evolved(storeOrder.initial, 'StoreOrderSubmitted', submitted)),
          store_order_id: part.storeOrderId,
          order_id: id,
          store_id: part.storeId,
          reason: null,
          fulfilment: part.fulfilment ?? 'delivery',
          slot: part.slot ?? null,
          fee_paise: part.feePaise ?? 0,
          total_paise: part.totalPaise,
        });
      }
      tell(fact, { event: 'OrderPlaced', orderId: id }, rows);
      rows.changed(`order-${id}`);
    },
    OrderReserved: keepingStep('OrderReserved', 'awaiting-payment'),
    OrderConfirmed: keepingStep('OrderConfirmed', 'confirmed'),
    OrderRejected: orderStep('OrderRejected', 'rejected'),
    OrderCancelled: orderStep('OrderCancelled', 'cancelled'),
    OrderCompleted: orderStep('OrderCompleted', 'completed'),
    PaymentSucceeded: paymentStep('PaymentSucceeded'),
    PaymentFailed: paymentStep('PaymentFailed'),
    LatePaymentSeen: paymentStep('LatePaymentSeen'),
    RefundRequested: paymentStep('RefundRequested'),
    RefundSucceeded: paymentStep('RefundSucceeded'),
    RefundFailed: paymentStep('RefundFailed'),
    StoreOrderSubmitted(fact, rows) {
      const { id, data } = fact;
      const columns = columnsOf(evolved(storeOrder.initial, 'StoreOrderSubmitted', data));
      rows.change(parts, { store_order_id: id }, () => columns);
      tell(fact, { event: 'StoreOrderSubmitted', orderId: data.orderId, storeOrderId: id }, rows);
      rows.changed(`order-${data.orderId}`);
    },
    StoreOrderAccepted: toldStep('StoreOrderAccepted'),
    StoreOrderRejected: toldStep('StoreOrderRejected'),
    LineReduced: toldStep('LineReduced'),
    LinePicked: partStep('LinePicked'),
    LineShorted: toldStep('LineShorted'),
    SubstituteChosen: partStep('SubstituteChosen'),
    SubstituteUnavailable: partStep('SubstituteUnavailable'),
    SubstitutionProposed: toldStep('SubstitutionProposed'),
    SubstitutionDecided(fact: Fact<Decision>, rows) {
      const { orderId, listingId, accepted, by } = fact.data;
      const reason = `${accepted ? 'accepted' : 'declined'}-by-${by}`;
      partStep('SubstitutionDecided')(fact, rows);
      const about = { orderId, storeOrderId: fact.id, listingId, reason };
      tell(fact, { event: 'SubstitutionDecided', ...about }, rows);
    },
    StoreOrderPacked: toldStep('StoreOrderPacked'),
    StoreOrderDispatched: toldStep('StoreOrderDispatched'),
    DeliveryCodeMissed: partStep('DeliveryCodeMissed'),
    StoreOrderDelivered: toldStep('StoreOrderDelivered'),
    StoreOrderCancelled: toldStep('StoreOrderCancelled'),
    LinesReturned: toldStep('LinesReturned'),
  },
});
