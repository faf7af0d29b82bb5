import { keptOf, type Kept, type OrderEvent } from '../domain/order.ts';
import type { PaymentEvent } from '../domain/payment.ts';
import type { StoreOrderEvent, StoreOrderStatus } from '../domain/store-order.ts';
import { projection, type Fact } from './projection.ts';
import { defineTable, type Row, type Rows } from './rows.ts';

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
  { versioned: true },
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
    lines: 'json',
  },
  ['store_order_id'],
  { indexes: ['(order_id)'], versioned: true },
);

const timeline = defineTable(
  'timeline',
  {
    position: 'bigint',
    order_id: 'uuid',
    store_order_id: 'uuid?',
    event: 'text',
    reason: 'text?',
    at: 'timestamptz',
  },
  ['position'],
  { indexes: ['(order_id)'] },
);

export type PlacedRow = Row<typeof orders>;
export type PartRow = Row<typeof parts>;
export type TimelineRow = Row<typeof timeline>;

type Told = { event: string; orderId: string; storeOrderId?: string; reason?: string };

function tell({ at, position }: Fact<unknown>, told: Told, rows: Rows): void {
  const { event, orderId, storeOrderId = null, reason = null } = told;
  const row = { position: Number(position), order_id: orderId, store_order_id: storeOrderId };
  rows.add(timeline, { ...row, event, reason, at });
  rows.changed(`order-${orderId}`);
}

/** A handler for a step of the whole order. */
const orderStep =
  (event: OrderEvent['type'], status: string) =>
  (fact: Fact<{ reason?: string }>, rows: Rows): void => {
    const reason = fact.data.reason ?? null;
    rows.change(orders, { order_id: fact.id }, () => ({ status, reason }));
    tell(fact, { event, orderId: fact.id, ...(reason && { reason }) }, rows);
  };

/** A handler for a step that may leave out what the shops cannot serve. */
const keepingStep =
  (event: OrderEvent['type'], status: string) =>
  (fact: Fact<Kept>, rows: Rows): void => {
    const kept = keptOf(fact.data);
    if (kept) keep(fact.id, kept, rows);
    rows.change(orders, { order_id: fact.id }, () => ({ status, reason: null }));
    tell(fact, { event, orderId: fact.id }, rows);
  };

type KeptParts = NonNullable<ReturnType<typeof keptOf>>;

function keep(orderId: string, kept: KeptParts, rows: Rows): void {
  const { totalPaise: total_paise, leftOut: left_out } = kept;
  rows.change(orders, { order_id: orderId }, () => ({ total_paise, left_out }));
  for (const { storeOrderId, lines, totalPaise } of kept.parts) {
    const columns = { lines, total_paise: totalPaise };
    rows.change(parts, { store_order_id: storeOrderId }, () => columns);
  }
  const ids = new Set(kept.parts.map(({ storeOrderId }) => storeOrderId));
  for (const { storeOrderId, reason } of left_out) {
    if (ids.has(storeOrderId)) continue;
    rows.change(parts, { store_order_id: storeOrderId }, () => ({ status: 'rejected', reason }));
  }
}

/** A handler for what is told of a payment. */
const paymentStep =
  (event: PaymentEvent['type']) =>
  (fact: Fact<{ orderId: string; storeOrderId: string | null }>, rows: Rows): void => {
    const { orderId, storeOrderId } = fact.data;
    tell(fact, { event, orderId, ...(storeOrderId && { storeOrderId }) }, rows);
  };

/** A handler for a step of one shop's part. */
const partStep =
  (event: StoreOrderEvent['type'], status: StoreOrderStatus) =>
  (fact: Fact<{ orderId: string; reason?: string }>, rows: Rows): void => {
    const { orderId, reason = null } = fact.data;
    rows.change(parts, { store_order_id: fact.id }, () => ({ status, reason }));
    const told = { event, orderId, storeOrderId: fact.id };
    tell(fact, { ...told, ...(reason && { reason }) }, rows);
  };

/** What a shopper follows after the checkout, as it is and as it was at any time. */
export const myOrders = projection<OrderEvent | StoreOrderEvent | PaymentEvent>({
  name: 'my_orders',
  version: 4,
  tables: [orders, parts, timeline],

  on: {
    OrderPlaced(fact, rows) {
      const { id, data, at } = fact;
      const { totalPaise, payment, personId, sealedRecipient } = data;
      const state = { status: 'placed', reason: null, placed_at: at, total_paise: totalPaise };
      const person = { person_id: personId, sealed_recipient: sealedRecipient };
      rows.add(orders, { order_id: id, ...state, payment, ...person, left_out: [] });
      for (const part of data.parts) {
        rows.add(parts, {
          store_order_id: part.storeOrderId,
          order_id: id,
          store_id: part.storeId,
          status: 'submitted',
          reason: null,
          fulfilment: part.fulfilment ?? 'delivery',
          slot: part.slot ?? null,
          fee_paise: part.feePaise ?? 0,
          total_paise: part.totalPaise,
          lines: part.lines,
        });
      }
      tell(fact, { event: 'OrderPlaced', orderId: id }, rows);
    },
    OrderReserved: keepingStep('OrderReserved', 'awaiting-payment'),
    OrderConfirmed: keepingStep('OrderConfirmed', 'confirmed'),
    OrderRejected: orderStep('OrderRejected', 'rejected'),
    OrderCompleted: orderStep('OrderCompleted', 'completed'),
    StoreOrderSubmitted: partStep('StoreOrderSubmitted', 'submitted'),
    StoreOrderAccepted: partStep('StoreOrderAccepted', 'accepted'),
    StoreOrderRejected: partStep('StoreOrderRejected', 'rejected'),
    StoreOrderPacked: partStep('StoreOrderPacked', 'packed'),
    StoreOrderDispatched: partStep('StoreOrderDispatched', 'dispatched'),
    StoreOrderDelivered: partStep('StoreOrderDelivered', 'delivered'),
    PaymentSucceeded: paymentStep('PaymentSucceeded'),
    PaymentFailed: paymentStep('PaymentFailed'),
    LatePaymentSeen: paymentStep('LatePaymentSeen'),
    RefundRequested: paymentStep('RefundRequested'),
    RefundSucceeded: paymentStep('RefundSucceeded'),
  },
});
