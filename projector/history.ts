import { cart, type CartEvent } from '../domain/cart/cart.ts';
import type { Message } from '../engine/decider.ts';
import { inventory, type InventoryEvent } from '../domain/inventory/inventory.ts';
import { invoices, type InvoicesEvent } from '../domain/money/invoices.ts';
import { order, type OrderEvent } from '../domain/ordering/order.ts';
import { payment, type PaymentEvent } from '../domain/money/payment.ts';
import { slotDay, type SlotDayEvent } from '../domain/slots/slot-day.ts';
import { storeOrder, type StoreOrderEvent } from '../domain/fulfilment/store-order.ts';
import { storeAndPeriodOf } from '../domain/stores/store.ts';
import { everyEvent } from '../engine/projections/fold.ts';
import { projection, type Fact, type Handler } from '../engine/projections/projection.ts';
import { defineTable, json, type Row } from '../engine/projections/rows.ts';

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
    data: json<object>(),
  },
  ['position'],
  { indexes: ['(order_id)', '(store_order_id)'] },
);

export type HistoryRow = Row<typeof events>;

/** What is not about an order, of those that most of the events are: the rest is. */
const OF_CARTS = [
  'CartOpened',
  'ItemAddedToCart',
  'CartItemQuantityChanged',
  'ItemRemovedFromCart',
] as const satisfies CartEvent['type'][];
const OF_STOCK = [
  'StockReceived',
  'StockCounted',
  'SoldAtCounter',
  'SafetyBufferSet',
] as const satisfies InventoryEvent['type'][];
const OF_DAYS = ['SlotCapacitySet'] as const satisfies SlotDayEvent['type'][];

type Without<E extends Message, Left extends readonly E['type'][]> = Exclude<
  E,
  { type: Left[number] }
>;

/** Every event that is about an order: the compiler asks for the words of a new one. */
export type HistoryEvent =
  | OrderEvent
  | StoreOrderEvent
  | InvoicesEvent
  | PaymentEvent
  | Without<CartEvent, typeof OF_CARTS>
  | Without<InventoryEvent, typeof OF_STOCK>
  | Without<SlotDayEvent, typeof OF_DAYS>;

type Subject = { orderId?: string; storeOrderId?: string | null; storeId?: string | null };

/** A handler that keeps an event under what it is about. */
const noted =
  <Data extends object>(subjectOf: (fact: Fact<Data>) => Subject): Handler<Data> =>
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

/** Of a stream that is named after its shop and a period. */
const ofPeriod = noted<Subject>(({ id, data }) => ({
  ...data,
  storeId: storeAndPeriodOf(id).storeId,
}));

/** What happened to each order, by whom and because of what, across all streams. */
export const history = projection<HistoryEvent>({
  name: 'history',
  version: 4,
  tables: [events],

  on: {
    ...everyEvent(
      order,
      noted(({ id }) => ({ orderId: id })),
    ),
    ...everyEvent(
      cart,
      noted(({ data }) => ({ orderId: data.orderId })),
      OF_CARTS,
    ),
    ...everyEvent(
      storeOrder,
      noted(({ id, data }) => ({ ...data, storeOrderId: id })),
    ),
    ...everyEvent(
      inventory,
      noted(({ id, data }) => ({ ...data, storeId: id })),
      OF_STOCK,
    ),
    ...everyEvent(slotDay, ofPeriod, OF_DAYS),
    ...everyEvent(invoices, ofPeriod),
    ...everyEvent(
      payment,
      noted(({ data }) => data),
    ),
  },
});
