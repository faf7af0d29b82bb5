import { withKept, type Kept, type LeftOut, type OrderEvent } from '../domain/ordering/order.ts';
import { payment, type PaymentEvent } from '../domain/money/payment.ts';
import type { OrderSlot } from '../domain/slots/slot-day.ts';
import {
  storeOrder,
  type StoreOrder,
  type StoreOrderEvent,
} from '../domain/fulfilment/store-order.ts';
import { storeOrderColumns, reasonOf } from './order-board.ts';
import { evolve } from '../engine/decider.ts';
import { everyEvent, fold } from '../engine/projections/fold.ts';
import { projection, type Fact } from '../engine/projections/projection.ts';
import { defineTable, json, jsonOrNull, type Row, type Rows } from '../engine/projections/rows.ts';
import { orderTag } from './tags.ts';

const orders = defineTable(
  'placed',
  {
    order_id: 'uuid',
    /** Null in orders from before people had sessions. */
    shopper: 'text?',
    cart_id: 'uuid',
    status: 'text',
    reason: 'text?',
    placed_at: 'timestamptz',
    total_paise: 'bigint',
    payment: 'text',
    person_id: 'uuid',
    sealed_recipient: 'text',
    left_out: json<LeftOut[]>(),
  },
  ['order_id'],
  { indexes: ['(shopper, placed_at, order_id)'], versions: { indexes: [] } },
);

const storeOrders = defineTable(
  'part',
  {
    store_order_id: 'uuid',
    order_id: 'uuid',
    store_id: 'text',
    status: 'text',
    reason: 'text?',
    fulfilment: 'text',
    slot: jsonOrNull<OrderSlot>(),
    fee_paise: 'bigint',
    total_paise: 'bigint',
    owed_paise: 'bigint',
    /** As the domain folds it. */
    part: json<StoreOrder>(),
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
export type StoreOrderRow = Row<typeof storeOrders>;
export type TimelineRow = Row<typeof timeline>;

/** What an entry of the timeline is about, besides its order. */
type About = { storeOrderId?: string | null; listingId?: string; reason?: string };

/** Tells an event of an order in its timeline. */
function tell({ type, at, position }: Fact<unknown>, orderId: string, about: About, rows: Rows) {
  rows.add(timeline, {
    position: Number(position),
    order_id: orderId,
    store_order_id: about.storeOrderId ?? null,
    event: type,
    listing_id: about.listingId ?? null,
    reason: about.reason ?? null,
    at,
  });
}

/** A handler for a step of the whole order. */
const orderStep =
  (status: string) =>
  (fact: Fact<{ reason?: string }>, rows: Rows): void => {
    const { id, data } = fact;
    rows.change(orders, { order_id: id }, () => ({ status, reason: data.reason ?? null }));
    tell(fact, id, { reason: data.reason }, rows);
    rows.changed(orderTag(id));
  };

/** A handler for a step that may leave out what the shops cannot serve. */
const keepingStep =
  (status: string) =>
  (fact: Fact<Kept>, rows: Rows): void => {
    const kept = withKept(fact.data);
    if (kept) keep(fact.id, kept, rows);
    rows.change(orders, { order_id: fact.id }, () => ({ status, reason: null }));
    tell(fact, fact.id, {}, rows);
    rows.changed(orderTag(fact.id));
  };

type KeptStoreOrders = NonNullable<ReturnType<typeof withKept>>;

/** A store order as its shop is handed it. */
const submitted = (data: object): StoreOrder =>
  evolve(storeOrder, storeOrder.initial, { type: 'StoreOrderSubmitted', data });

const rejected = (state: StoreOrder): StoreOrder =>
  evolve(storeOrder, state, { type: 'StoreOrderRejected', data: {} });

function keep(orderId: string, kept: KeptStoreOrders, rows: Rows): void {
  const { totalPaise: total_paise, leftOut: left_out } = kept;
  rows.change(orders, { order_id: orderId }, () => ({ total_paise, left_out }));
  for (const { storeOrderId, ...rest } of kept.parts) {
    rows.change(storeOrders, { store_order_id: storeOrderId }, (row) => ({
      ...storeOrderColumns(submitted({ ...row.part, ...rest })),
      total_paise: rest.totalPaise,
    }));
  }
  const ids = new Set(kept.parts.map(({ storeOrderId }) => storeOrderId));
  for (const { storeOrderId, reason } of left_out) {
    if (ids.has(storeOrderId)) continue;
    rows.change(storeOrders, { store_order_id: storeOrderId }, ({ part }) => ({
      ...storeOrderColumns(rejected(part)),
      reason,
    }));
  }
}

type Paid = { orderId: string; storeOrderId: string | null };

/**
 * What events of a store order say besides whose it is; `accepted` is the answer to a substitute.
 */
type StoreOrderData = {
  orderId: string;
  storeId: string;
  listingId?: string;
  reason?: string;
  accepted?: boolean;
  by?: string;
};

/** What the shopper sees of a store order, but is not told of. */
const UNTOLD = new Set<string>([
  'LinePicked',
  'SubstituteChosen',
  'SubstituteUnavailable',
  'DeliveryCodeMissed',
] satisfies StoreOrderEvent['type'][]);

/** Tells what happened to a store order. */
function tellOfStoreOrder(fact: Fact<StoreOrderData>, rows: Rows): void {
  const { orderId, listingId, accepted, by } = fact.data;
  const answer =
    accepted === undefined ? undefined : `${accepted ? 'accepted' : 'declined'}-by-${by}`;
  const { reason = answer } = fact.data;
  if (!UNTOLD.has(fact.type)) {
    tell(fact, orderId, { storeOrderId: fact.id, listingId, reason }, rows);
  }
  rows.changed(orderTag(orderId));
}

/** What a shopper follows after the checkout, as it is and as it was at any time. */
export const myOrders = projection<OrderEvent | StoreOrderEvent | PaymentEvent>({
  name: 'my_orders',
  version: 10,
  tables: [orders, storeOrders, timeline],

  on: {
    OrderPlaced(fact, rows) {
      const { id, data, at } = fact;
      const { shopper, cartId, totalPaise, payment: method, personId, sealedRecipient } = data;
      const state = { status: 'placed', reason: null, placed_at: at, total_paise: totalPaise };
      const person = { person_id: personId, sealed_recipient: sealedRecipient };
      const whose = { order_id: id, shopper, cart_id: cartId };
      rows.add(orders, { ...whose, ...state, payment: method, ...person, left_out: [] });
      for (const one of data.parts) {
        rows.add(storeOrders, {
          ...storeOrderColumns(submitted({ ...data, ...one, orderId: id })),
          store_order_id: one.storeOrderId,
          order_id: id,
          store_id: one.storeId,
          reason: null,
          fulfilment: one.fulfilment,
          slot: one.slot,
          fee_paise: one.feePaise,
          total_paise: one.totalPaise,
        });
      }
      tell(fact, id, {}, rows);
      rows.changed(orderTag(id));
    },
    OrderReserved: keepingStep('awaiting-payment'),
    OrderConfirmed: keepingStep('confirmed'),
    OrderRejected: orderStep('rejected'),
    OrderCancelled: orderStep('cancelled'),
    OrderCompleted: orderStep('completed'),

    ...everyEvent(
      payment,
      (fact: Fact<Paid>, rows) => {
        const { orderId, storeOrderId } = fact.data;
        tell(fact, orderId, { storeOrderId }, rows);
        rows.changed(orderTag(orderId));
      },
      [
        'PaymentRequested',
        'PaymentCancelled',
        'CashCollected',
        // Between the shops and their gateway.
        'TransferMade',
        'TransferReversed',
        'ReversalReturned',
      ],
    ),

    ...fold(storeOrders, storeOrder, {
      key: 'store_order_id',
      stateOf: ({ part }) => part,
      columnsOf: (state, { data }: Fact<StoreOrderData>, row) => ({
        ...storeOrderColumns(state),
        reason: reasonOf(state, data, row),
      }),
      after: tellOfStoreOrder,
    }),
    /** Its row began with the order. */
    StoreOrderSubmitted(fact, rows) {
      const columns = storeOrderColumns(submitted(fact.data));
      rows.change(storeOrders, { store_order_id: fact.id }, () => columns);
      tellOfStoreOrder(fact, rows);
    },
  },
});
