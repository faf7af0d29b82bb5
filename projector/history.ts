import type { CartEvent } from '../domain/cart/cart.ts';
import type { Message } from '../engine/decider.ts';
import type { InventoryEvent } from '../domain/inventory/inventory.ts';
import type { InvoicesEvent } from '../domain/money/invoices.ts';
import type { OrderEvent } from '../domain/ordering/order.ts';
import type { PaymentEvent } from '../domain/money/payment.ts';
import type { SlotDayEvent } from '../domain/slots/slot-day.ts';
import type { StoreOrderEvent } from '../domain/fulfilment/store-order.ts';
import { storeAndPeriodOf } from '../domain/stores/store.ts';
import { projection, type Fact } from '../engine/projections/projection.ts';
import { defineTable, type Row, type Rows } from '../engine/projections/rows.ts';

const events = defineTable(
  'event',
  {
    position: 'bigint',
    /** Null where the event names only the store order. */
    order_id: 'uuid?',
    store_order_id: 'uuid?',
    /** Null for what is about the whole order. */
    store_id: 'text?',
    type: 'text',
    at: 'timestamptz',
    actor: 'text',
    event_id: 'text',
    causation_id: 'text',
    correlation_id: 'text',
    /** Without what is sealed. */
    data: 'json',
  },
  ['position'],
  { indexes: ['(order_id)', '(store_order_id)'] },
);

export type HistoryRow = Row<typeof events>;

type Without<E extends Message, Type extends E['type']> = Exclude<E, { type: Type }>;

/**
 * Every event that is about an order. What is not is named here, so that the compiler asks where
 * a new type of event belongs.
 */
export type HistoryEvent =
  | OrderEvent
  | StoreOrderEvent
  | InvoicesEvent
  | PaymentEvent
  | Without<
      CartEvent,
      'CartOpened' | 'ItemAddedToCart' | 'CartItemQuantityChanged' | 'ItemRemovedFromCart'
    >
  | Without<InventoryEvent, 'StockReceived' | 'StockCounted' | 'SoldAtCounter' | 'SafetyBufferSet'>
  | Without<SlotDayEvent, 'SlotCapacitySet'>;

type Subject = { orderId?: string; storeOrderId?: string | null; storeId?: string | null };
type Noted = (fact: Fact<object>, rows: Rows) => void;

/** A handler that keeps an event under what it is about. */
const noted =
  (subjectOf: (fact: Fact<Subject>) => Subject): Noted =>
  (fact, rows) => {
    const { orderId, storeOrderId, storeId } = subjectOf(fact);
    const { $causationId, $correlationId, actor, at } = fact.metadata;
    rows.add(events, {
      position: Number(fact.position),
      order_id: orderId ?? null,
      store_order_id: storeOrderId ?? null,
      store_id: storeId ?? null,
      type: fact.type,
      at,
      actor,
      event_id: fact.eventId,
      causation_id: $causationId,
      correlation_id: $correlationId,
      data: withoutPerson(fact.data),
    });
  };

const withoutPerson = ({
  personId: _,
  sealedRecipient: __,
  ...said
}: {
  personId?: string;
  sealedRecipient?: string;
}): object => said;

const ofOrder = noted(({ id }) => ({ orderId: id }));
const ofCart = noted(({ data }) => ({ orderId: data.orderId }));
const ofPart = noted(({ id, data }) => ({ ...data, storeOrderId: id }));
const ofStock = noted(({ id, data }) => ({ ...data, storeId: id }));
const ofSlot = noted(({ id, data }) => ({ ...data, storeId: storeAndPeriodOf(id).storeId }));
const ofPayment = noted(({ data }) => data);
const ofBill = noted(({ id, data }) => ({ ...data, storeId: storeAndPeriodOf(id).storeId }));

const on: { [Type in HistoryEvent['type']]: Noted } = {
  OrderPlaced: ofOrder,
  OrderReserved: ofOrder,
  OrderConfirmed: ofOrder,
  OrderRejected: ofOrder,
  OrderCancelled: ofOrder,
  OrderCompleted: ofOrder,
  CartCheckedOut: ofCart,
  CartReopened: ofCart,
  StoreOrderSubmitted: ofPart,
  StoreOrderAccepted: ofPart,
  StoreOrderRejected: ofPart,
  LineReduced: ofPart,
  LinePicked: ofPart,
  LineShorted: ofPart,
  SubstituteChosen: ofPart,
  SubstituteUnavailable: ofPart,
  SubstitutionProposed: ofPart,
  SubstitutionDecided: ofPart,
  StoreOrderPacked: ofPart,
  StoreOrderDispatched: ofPart,
  DeliveryCodeMissed: ofPart,
  StoreOrderDelivered: ofPart,
  StoreOrderCancelled: ofPart,
  LinesReturned: ofPart,
  StockReserved: ofStock,
  ReservationChanged: ofStock,
  ReservationReleased: ofStock,
  StockWrittenOff: ofStock,
  StockPicked: ofStock,
  StockReturned: ofStock,
  SlotHeld: ofSlot,
  SlotConfirmed: ofSlot,
  SlotReleased: ofSlot,
  InvoiceIssued: ofBill,
  CreditNoteIssued: ofBill,
  PaymentRequested: ofPayment,
  PaymentCancelled: ofPayment,
  PaymentSucceeded: ofPayment,
  PaymentFailed: ofPayment,
  LatePaymentSeen: ofPayment,
  CashCollected: ofPayment,
  RefundRequested: ofPayment,
  RefundSucceeded: ofPayment,
  RefundFailed: ofPayment,
};

/** What happened to each order, by whom and because of what, across all streams. */
export const history = projection<HistoryEvent>({
  name: 'history',
  version: 1,
  tables: [events],
  on,
});
