import type { FastifyInstance } from 'fastify';
import { Problem } from '../platform/http.ts';
import type { Pool } from '../platform/postgres.ts';
import { contactOrNull, orderLineFields, paise, pincode } from '../domain/schema.ts';
import { count, list, object, orNull, text, time, uuid } from '../platform/schema.ts';
import { codeOf } from '../platform/signature.ts';
import type { StoreOrderLine as Picked, Substitution } from '../domain/fulfilment/picking.ts';
import type {
  StoreOrder as StoreOrderState,
  StoreOrderStatus,
} from '../domain/fulfilment/store-order.ts';
import type { PaymentMethod } from '../domain/money/payment.ts';
import type { LeftOut, OrderLine as Ordered, OrderStatus } from '../domain/ordering/order.ts';
import type { OrderSlot } from '../domain/slots/slot-day.ts';
import type { Fulfilment } from '../domain/stores/delivery.ts';
import type { StoreOrderRow, PlacedRow, TimelineRow } from '../projector/my-orders.ts';
import { orderTag } from '../projector/tags.ts';
import { readRoute } from '../engine/reading/route.ts';
import type { Recipient } from '../domain/ordering/recipient.ts';
import type { Services } from './services.ts';
import {
  orderPaymentSchema,
  orderPayment,
  type OrderPayment,
  type StatedPayment,
} from './payments.ts';
import { afterSchema, limitTo, nextOf, nextSchema, pageSize, placeInTime } from './paging.ts';
import { orderNotFound, shopper, shopperOfOrder } from './who.ts';

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** What the shopper accepted of an article. */
export type OrderLine = Omit<Ordered, 'gramsEach' | 'ifMissing'>;

/**
 * What was ordered, and of its pieces those given up, not there, in the basket, brought back.
 * `gramsEach` and `grams` are what a piece is to weigh, where it is loose, and what those that were
 * picked did.
 */
export type StoreOrderLine = OrderLine &
  Pick<Picked, 'reduced' | 'shorted' | 'picked' | 'returned'> &
  Pick<Picked, 'gramsEach' | 'grams' | 'ifMissing'> & { substitution: ShownSubstitution | null };

/** Of a substitute that its shop has yet to put aside nobody knows. */
type ShownSubstitution = Pick<Substitution, 'replaces' | 'expiresAt' | 'returned'> & {
  status: Exclude<Substitution['status'], 'chosen'>;
  line: OrderLine;
};

export type StoreOrder = {
  storeOrderId: string;
  storeId: string;
  storeName: string;
  status: StoreOrderStatus;
  reason: string | null;
  fulfilment: Fulfilment;
  /** When it comes, or is to be fetched; null for as soon as the shop can. */
  slot: OrderSlot | null;
  /** What bringing it costs: part of the total. */
  feePaise: number;
  /** What was accepted. */
  totalPaise: number;
  /** What it costs as it stands: less what was given up, was not there or came back. */
  owedPaise: number;
  /** To be told at the door; null where nothing is on its way there yet or any more. */
  deliveryCode: string | null;
  /** Null until it is delivered and billed. */
  invoiceNumber: string | null;
  lines: StoreOrderLine[];
};

export type TimelineEntry = {
  at: string;
  event: string;
  storeOrderId: string | null;
  storeName: string | null;
  /** What it is about, where it is about one line. */
  listingId: string | null;
  reason: string | null;
};

export type Order = {
  orderId: string;
  status: OrderStatus;
  reason: string | null;
  placedAt: string;
  totalPaise: number;
  payment: PaymentMethod;
  payments: OrderPayment[];
  /** Lines of which the shops had too little, and how many of them stayed in. */
  leftOut: LeftOut[];
  /** Null once the person was erased. */
  contact: Recipient['contact'] | null;
  address: Recipient['address'] | null;
  storeOrders: StoreOrder[];
  /** Oldest first. */
  timeline: TimelineEntry[];
};

const OWN_PAGE = 20;
const MAX_OWN_PAGE = 200;

/** A shop packs it, or somebody is on the way with it. */
const WITH_CODE = new Set(['accepted', 'packed', 'dispatched']);

const PLACED_COLUMNS = `order_id, status, reason, placed_at, total_paise, payment, person_id,
  sealed_recipient, left_out`;
const STORE_ORDER_COLUMNS = `p.store_order_id, p.order_id, p.store_id, p.status, p.reason,
  p.fulfilment, p.slot, p.fee_paise, p.total_paise, p.owed_paise, p.part`;
const TIMELINE_COLUMNS = 'position, order_id, store_order_id, event, listing_id, reason, at';

/** The rows of an order ($1) as they are. */
const NOW = {
  order: `select ${PLACED_COLUMNS} from my_orders.placed where order_id = $1`,
  storeOrders: `select ${STORE_ORDER_COLUMNS}, s.name as store_name, i.number as invoice_number
    from my_orders.part p
      left join catalogue.store s using (store_id)
      left join invoices.invoice i using (store_order_id)
    where p.order_id = $1 order by s.name, p.store_order_id`,
  timeline: `select ${TIMELINE_COLUMNS} from my_orders.timeline
    where order_id = $1 order by position`,
  payments: `select payment_id, state from payments.payment
    where order_id = $1 order by payment_id`,
};

/** The rows of an order ($1) as they stood once the log had come to a position ($2). */
const THEN: typeof NOW = {
  order: `select ${PLACED_COLUMNS} from my_orders.placed_version
    where order_id = $1 and position <= $2 order by position desc limit 1`,
  storeOrders: `select ${STORE_ORDER_COLUMNS}, s.name as store_name,
      i.data->>'number' as invoice_number
    from (
      select distinct on (store_order_id) ${STORE_ORDER_COLUMNS} from my_orders.part_version p
      where order_id = $1 and position <= $2 order by store_order_id, position desc
    ) p
      left join catalogue.store s using (store_id)
      left join history.event i on i.store_order_id = p.store_order_id
        and i.type = 'InvoiceIssued' and i.position <= $2
    order by s.name, p.store_order_id`,
  timeline: `select ${TIMELINE_COLUMNS} from my_orders.timeline
    where order_id = $1 and position <= $2 order by position`,
  payments: `select distinct on (payment_id) payment_id, state from payments.payment_version
    where order_id = $1 and position <= $2 order by payment_id, position desc`,
};

/**
 * Where the log stood, as far as an order is concerned, at a time. Throws `Problem`: 400 for what
 * is no time, 404 for one before the order.
 */
async function positionAt({ pool }: Services, orderId: string, asOf: string): Promise<number> {
  const atMs = RFC_3339.test(asOf) ? Date.parse(asOf) : Number.NaN;
  if (Number.isNaN(atMs)) {
    throw new Problem(
      400,
      'INVALID_TIME',
      'asOf takes a time with its zone, as 2026-11-21T10:00:00Z (a + in it is sent as %2B).',
    );
  }
  const { rows } = await pool.query<{ position: number | null; placed_at: string | null }>({
    name: 'order-position',
    text: `select max(position) filter (where at <= to_timestamp($2)) as position,
        min(at) as placed_at
      from history.event where order_id = $1`,
    values: [orderId, atMs / 1000],
  });
  const { position, placed_at: placedAt } = rows[0]!;
  if (!placedAt) throw orderNotFound();
  if (position === null) {
    const message = `This order was placed at ${placedAt}: ask for that time or a later one.`;
    throw new Problem(404, 'ORDER_NOT_PLACED_YET', message);
  }
  return position;
}

/** An order as it is, or as it stood at a time. Throws `Problem`. */
async function readOrder(services: Services, orderId: string, asOf?: string): Promise<Order> {
  const { pool, vault, deliveryCodeSecret } = services;
  const isPast = asOf !== undefined;
  const values = isPast ? [orderId, await positionAt(services, orderId, asOf)] : [orderId];
  const texts = isPast ? THEN : NOW;
  const rowsOf = async <T extends object>(what: keyof typeof NOW) => {
    const name = `${what}-${isPast ? 'then' : 'now'}`;
    return (await pool.query<T>({ name, text: texts[what], values })).rows;
  };
  // Before its store orders, which then are as new or newer: nothing has ended before all of it
  // has.
  const [order] = await rowsOf<PlacedRow>('order');
  if (!order) throw orderNotFound();
  const [storeOrderRows, timelineRows, paymentRows] = await Promise.all([
    rowsOf<StoreOrderRow & { store_name: string | null; invoice_number: string | null }>(
      'storeOrders',
    ),
    rowsOf<TimelineRow>('timeline'),
    rowsOf<StatedPayment>('payments'),
  ]);
  const sealed = { personId: order.person_id, sealed: order.sealed_recipient };
  const [recipient] = await vault.openAll<Recipient>([sealed]);
  const names = new Map(storeOrderRows.map((row) => [row.store_order_id, row.store_name]));
  return {
    orderId,
    status: order.status as Order['status'],
    reason: order.reason,
    placedAt: order.placed_at,
    totalPaise: order.total_paise,
    payment: order.payment as PaymentMethod,
    payments: paymentRows.map(orderPayment),
    leftOut: order.left_out.map(leftOut),
    contact: recipient?.contact ?? null,
    address: recipient?.address ?? null,
    storeOrders: storeOrderRows.map((row) => ({
      storeOrderId: row.store_order_id,
      storeId: row.store_id,
      storeName: row.store_name ?? row.store_id,
      status: row.status as StoreOrderStatus,
      reason: row.reason,
      fulfilment: row.fulfilment as Fulfilment,
      slot: row.slot && orderSlot(row.slot),
      feePaise: row.fee_paise,
      totalPaise: row.total_paise,
      owedPaise: row.owed_paise,
      deliveryCode: WITH_CODE.has(row.status)
        ? codeOf(deliveryCodeSecret, row.store_order_id)
        : null,
      invoiceNumber: row.invoice_number,
      lines: linesOf(row.part),
    })),
    timeline: timelineRows.map((row) => ({
      at: row.at,
      event: row.event,
      storeOrderId: row.store_order_id,
      storeName: row.store_order_id && (names.get(row.store_order_id) ?? null),
      listingId: row.listing_id,
      reason: row.reason,
    })),
  };
}

// Each by its fields: what a read model keeps besides is nobody's business.

const orderLine = (line: Ordered): OrderLine => {
  const { listingId, name, names, pack, quantity, pricePaise, linePaise } = line;
  return { listingId, name, names, pack, quantity, pricePaise, linePaise };
};

export const orderSlot = ({ date, fromMinute, toMinute }: OrderSlot): OrderSlot => ({
  date,
  fromMinute,
  toMinute,
});

const leftOut = ({ storeOrderId, listingId, name, wanted, left, reason }: LeftOut): LeftOut => ({
  storeOrderId,
  listingId,
  name,
  wanted,
  left,
  reason,
});

function shownSubstitution(substitution: Substitution | null): ShownSubstitution | null {
  if (!substitution || substitution.status === 'chosen') return null;
  const { status, replaces, line, expiresAt, returned } = substitution;
  return { status, replaces, line: orderLine(line), expiresAt, returned };
}

function storeOrderLine(line: Picked): StoreOrderLine {
  const { reduced, shorted, picked, returned, gramsEach, grams, ifMissing } = line;
  return {
    ...orderLine(line),
    reduced,
    shorted,
    picked,
    returned,
    gramsEach,
    grams,
    ifMissing,
    substitution: shownSubstitution(line.substitution),
  };
}

export const linesOf = ({ lines }: StoreOrderState): StoreOrderLine[] => lines.map(storeOrderLine);

export const recipientFields = {
  contact: contactOrNull,
  address: orNull(
    object({ line1: text, city: text, pincode }, { state: text }),
    'Null without the right to see it',
  ),
};

export const storeOrderFields = {
  storeOrderId: uuid,
  status: {
    type: 'string',
    enum: ['submitted', 'accepted', 'rejected', 'packed', 'dispatched', 'delivered', 'cancelled'],
  },
  reason: orNull(text),
  fulfilment: { type: 'string', enum: ['delivery', 'pickup'] },
  slot: orNull(object({ date: text, fromMinute: count, toMinute: count })),
  feePaise: paise,
  totalPaise: paise,
  owedPaise: { ...paise, description: 'What it costs as it stands, in paise' },
  invoiceNumber: orNull(text, 'Null until it is delivered and billed'),
  lines: list(
    object(
      {
        ...orderLineFields,
        reduced: count,
        shorted: count,
        picked: count,
        returned: count,
        substitution: orNull(
          object({
            status: { type: 'string', enum: ['proposed', 'accepted'] },
            replaces: count,
            line: object(orderLineFields),
            expiresAt: time,
            returned: count,
          }),
        ),
      },
      {
        gramsEach: { ...count, description: 'What a piece is to weigh, where it is loose' },
        grams: { ...count, description: 'What those that were picked weigh' },
        ifMissing: object(
          { wish: { type: 'string', enum: ['best-match', 'this-one', 'refund'] } },
          { listingId: text },
        ),
      },
    ),
  ),
};

const orderStatus = {
  type: 'string',
  enum: ['placed', 'awaiting-payment', 'confirmed', 'rejected', 'cancelled', 'completed'],
} as const;

const orderSchema = object({
  orderId: uuid,
  status: orderStatus,
  reason: orNull(text),
  placedAt: time,
  totalPaise: paise,
  payment: text,
  payments: list(orderPaymentSchema),
  leftOut: list(
    object({
      storeOrderId: uuid,
      listingId: text,
      name: text,
      wanted: count,
      left: count,
      reason: text,
    }),
  ),
  ...recipientFields,
  storeOrders: list(
    object({
      ...storeOrderFields,
      storeId: text,
      storeName: text,
      deliveryCode: orNull(text, 'To be told at the door'),
    }),
  ),
  timeline: list(
    object({
      at: time,
      event: text,
      storeOrderId: orNull(uuid),
      storeName: orNull(text),
      listingId: orNull(text),
      reason: orNull(text),
    }),
    'Oldest first',
  ),
});

const shortSchema = object({
  orderId: uuid,
  cartId: uuid,
  status: orderStatus,
  placedAt: time,
  totalPaise: paise,
  stores: list(text, 'Names of the shops that it is from'),
});

/** An order in a list of them, without anything about a person. */
export type OrderInShort = Pick<Order, 'orderId' | 'status' | 'placedAt' | 'totalPaise'> & {
  /** The one that it was ordered from: open again, should it come to nothing. */
  cartId: string;
  /** Names of the shops that it is from. */
  stores: string[];
};

export type OwnOrders = {
  /** Newest first. */
  orders: OrderInShort[];
  /** What to send as `after` for the next page; null on the last. */
  next: string | null;
};

type Page = { after?: string; limit?: string };

/** A page of the orders that a shopper placed. Throws a `Problem` 400. */
async function readOwnOrders(pool: Pool, actor: string, wanted: Page): Promise<OwnOrders> {
  const limit = pageSize(wanted.limit, OWN_PAGE, MAX_OWN_PAGE);
  const place = wanted.after ? placeInTime(wanted.after) : null;
  const { rows } = await pool.query<OrderInShort>({
    name: 'own-orders',
    text: `select order_id as "orderId", cart_id as "cartId", status, placed_at as "placedAt",
        total_paise as "totalPaise", array(
          select coalesce(s.name, p.store_id) from my_orders.part p
            left join catalogue.store s using (store_id)
          where p.order_id = o.order_id order by 1
        ) as stores
      from my_orders.placed o
      where shopper = $1 and ($2::timestamptz is null or (placed_at, order_id) < ($2, $3::uuid))
      order by placed_at desc, order_id desc limit $4`,
    values: [actor, ...(place ?? [null, null]), limit + 1],
  });
  const next = nextOf(rows, limit, (last) => [last.placedAt, last.orderId]);
  return { orders: rows.slice(0, limit), next };
}

const params = {
  type: 'object',
  properties: { orderId: uuid },
} as const;

const query = {
  type: 'object',
  additionalProperties: false,
  properties: { asOf: { ...time, description: 'The order as it stood then: RFC 3339' } },
} as const;

export function myOrdersRoutes(app: FastifyInstance, services: Services): void {
  readRoute(app, services, {
    path: 'GET /me/orders',
    who: shopper(services),
    query: {
      type: 'object',
      additionalProperties: false,
      properties: { after: afterSchema, limit: limitTo(MAX_OWN_PAGE) },
    },
    answer: object({ orders: list(shortSchema, 'Newest first'), next: nextSchema }),
    answers: 'personal',
    read: ({ caller: { actor } }, page: Page) => readOwnOrders(services.pool, actor, page),
  });

  readRoute(app, services, {
    path: 'GET /orders/:orderId',
    who: shopperOfOrder(services),
    params,
    query,
    answer: orderSchema,
    answers: 'personal',
    read: ({ params: { orderId } }, { asOf }: { asOf?: string }) =>
      readOrder(services, orderId, asOf),
  });

  readRoute(app, services, {
    path: 'GET /orders/:orderId/live',
    who: shopperOfOrder(services),
    params,
    answers: 'live',
    readerOf: ({ actor }) => actor,
    event: 'order',
    tags: ({ orderId }) => [orderTag(orderId)],
    read: ({ params: { orderId } }) => readOrder(services, orderId),
  });
}
