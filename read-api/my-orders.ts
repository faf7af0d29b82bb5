import type { FastifyInstance } from 'fastify';
import { Problem } from '../platform/http.ts';
import { deliveryCode } from '../platform/pass.ts';
import {
  count,
  list,
  object,
  orNull,
  orderLine,
  orderLineFields,
  paise,
  pincode,
  text,
  time,
  uuid,
} from '../platform/schema.ts';
import type { PartRow, PlacedRow, TimelineRow } from '../projector/my-orders.ts';
import { PRIVATE_CACHING } from './answers.ts';
import type { Services } from './app.ts';
import { sendLive } from './live.ts';

export type Recipient = {
  contact: { name: string; phone: string };
  address: { line1: string; city: string; pincode: string };
};

export type OrderLine = {
  listingId: string;
  name: string;
  names: { hi?: string; ta?: string };
  pack: string | null;
  quantity: number;
  pricePaise: number;
  linePaise: number;
};

export type StoreOrderStatus =
  'submitted' | 'accepted' | 'rejected' | 'packed' | 'dispatched' | 'delivered' | 'cancelled';

/** What was ordered, and of its pieces those given up, not there, in the basket, brought back. */
export type PartLine = OrderLine & {
  reduced: number;
  shorted: number;
  picked: number;
  /** What a piece is to weigh, where it is loose, and what those that were picked did. */
  gramsEach?: number;
  grams?: number;
  returned: number;
  ifMissing?: { wish: 'best-match' | 'refund' } | { wish: 'this-one'; listingId: string };
  substitution: {
    status: 'proposed' | 'accepted';
    /** Pieces of the line that it stands for. */
    replaces: number;
    line: OrderLine;
    expiresAt: string;
    returned: number;
  } | null;
};

export type Fulfilment = 'delivery' | 'pickup';

/** Minutes of the day in Asia/Kolkata; beyond 1440 is after midnight. */
export type OrderSlot = { date: string; fromMinute: number; toMinute: number };

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
  lines: PartLine[];
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
  status: 'placed' | 'confirmed' | 'rejected' | 'cancelled' | 'completed';
  reason: string | null;
  placedAt: string;
  totalPaise: number;
  payment: 'cash-on-delivery';
  /** Null once the person was erased. */
  contact: Recipient['contact'] | null;
  address: Recipient['address'] | null;
  storeOrders: StoreOrder[];
  /** Oldest first. */
  timeline: TimelineEntry[];
};

/** A shop packs it, or somebody is on the way with it. */
const WITH_CODE = new Set(['accepted', 'packed', 'dispatched']);

/** Like a cart, an order is opened by knowing its id, until people sign in. */
async function readOrder(
  { pool, vault, deliveryCodeSecret }: Services,
  orderId: string,
): Promise<Order> {
  // Before its parts, which then are as new or newer: nothing has ended before all of it has.
  const { rows: orders } = await pool.query<PlacedRow>({
    name: 'order',
    text: 'select * from my_orders.placed where order_id = $1',
    values: [orderId],
  });
  const order = orders[0];
  if (!order) throw new Problem(404, 'ORDER_NOT_FOUND', 'There is no such order.');
  const parts = pool.query<PartRow & { store_name: string | null; invoice_number: string | null }>({
    name: 'order-parts',
    text: `select p.*, s.name as store_name, i.number as invoice_number
      from my_orders.part p
        left join catalogue.store s using (store_id)
        left join invoices.invoice i using (store_order_id)
      where p.order_id = $1 order by s.name, p.store_order_id`,
    values: [orderId],
  });
  const timeline = pool.query<TimelineRow>({
    name: 'order-timeline',
    text: 'select * from my_orders.timeline where order_id = $1 order by position',
    values: [orderId],
  });
  const [{ rows: partRows }, { rows: timelineRows }] = await Promise.all([parts, timeline]);
  const sealed = { personId: order.person_id, sealed: order.sealed_recipient };
  const [recipient] = await vault.openAll<Recipient>([sealed]);
  const names = new Map(partRows.map((part) => [part.store_order_id, part.store_name]));
  return {
    orderId,
    status: order.status as Order['status'],
    reason: order.reason,
    placedAt: order.placed_at,
    totalPaise: order.total_paise,
    payment: order.payment as Order['payment'],
    contact: recipient?.contact ?? null,
    address: recipient?.address ?? null,
    storeOrders: partRows.map((part) => ({
      storeOrderId: part.store_order_id,
      storeId: part.store_id,
      storeName: part.store_name ?? part.store_id,
      status: part.status as StoreOrderStatus,
      reason: part.reason,
      fulfilment: part.fulfilment as Fulfilment,
      slot: part.slot as OrderSlot | null,
      feePaise: part.fee_paise,
      totalPaise: part.total_paise,
      owedPaise: part.owed_paise,
      deliveryCode: WITH_CODE.has(part.status)
        ? deliveryCode(deliveryCodeSecret, part.store_order_id)
        : null,
      invoiceNumber: part.invoice_number,
      lines: linesOf(part.part),
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

export const linesOf = (part: unknown): PartLine[] => (part as { lines: PartLine[] }).lines;

export const recipientFields = {
  contact: orNull(object({ name: text, phone: text }), 'Null without the right to see it'),
  address: orNull(object({ line1: text, city: text, pincode }), 'Null without the right to see it'),
};

export const partFields = {
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
  lines: list({
    ...object({
      ...orderLineFields,
      reduced: count,
      shorted: count,
      picked: count,
      returned: count,
      substitution: orNull(
        object({
          status: { type: 'string', enum: ['proposed', 'accepted'] },
          replaces: count,
          line: orderLine,
          expiresAt: time,
          returned: count,
        }),
      ),
    }),
    additionalProperties: true,
  }),
};

const orderSchema = object({
  orderId: uuid,
  status: {
    type: 'string',
    enum: ['placed', 'confirmed', 'rejected', 'cancelled', 'completed'],
  },
  reason: orNull(text),
  placedAt: time,
  totalPaise: paise,
  payment: text,
  ...recipientFields,
  storeOrders: list(
    object({
      ...partFields,
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

const params = {
  type: 'object',
  properties: { orderId: uuid },
} as const;

export function myOrdersRoutes(app: FastifyInstance, services: Services): void {
  app.get<{ Params: { orderId: string } }>(
    '/orders/:orderId',
    { schema: { params, response: { 200: orderSchema } } },
    async (request, reply) => {
      reply.header('cache-control', PRIVATE_CACHING);
      return readOrder(services, request.params.orderId);
    },
  );

  app.get<{ Params: { orderId: string } }>(
    '/orders/:orderId/live',
    { schema: { params } },
    (request, reply) => {
      const { orderId } = request.params;
      const read = () => readOrder(services, orderId);
      const tags = [`order-${orderId}`];
      return sendLive(services, request, reply, { event: 'order', tags, read });
    },
  );
}
