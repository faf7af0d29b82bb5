import type { FastifyInstance } from 'fastify';
import { Problem } from '../platform/http.ts';
import {
  count,
  list,
  object,
  orNull,
  orderLine,
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
import {
  orderPaymentSchema,
  paymentsOfOrder,
  type OrderPayment,
  type PaymentMethod,
} from './payments.ts';

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
  'submitted' | 'accepted' | 'rejected' | 'packed' | 'dispatched' | 'delivered';

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
  totalPaise: number;
  /** Null until it is delivered and billed. */
  invoiceNumber: string | null;
  lines: OrderLine[];
};

export type TimelineEntry = {
  at: string;
  event: string;
  storeOrderId: string | null;
  storeName: string | null;
  reason: string | null;
};

export type LeftOut = {
  storeOrderId: string;
  listingId: string;
  name: string;
  wanted: number;
  left: number;
  reason: string;
};

export type Order = {
  orderId: string;
  status: 'placed' | 'awaiting-payment' | 'confirmed' | 'rejected' | 'cancelled' | 'completed';
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

/** Like a cart, an order is opened by knowing its id, until people sign in. */
async function readOrder({ pool, vault }: Services, orderId: string): Promise<Order> {
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
  const paying = paymentsOfOrder(pool, orderId);
  const [{ rows: partRows }, { rows: timelineRows }, payments] = await Promise.all([
    parts,
    timeline,
    paying,
  ]);
  const sealed = { personId: order.person_id, sealed: order.sealed_recipient };
  const [recipient] = await vault.openAll<Recipient>([sealed]);
  const names = new Map(partRows.map((part) => [part.store_order_id, part.store_name]));
  return {
    orderId,
    status: order.status as Order['status'],
    reason: order.reason,
    placedAt: order.placed_at,
    totalPaise: order.total_paise,
    payment: order.payment as PaymentMethod,
    payments,
    leftOut: order.left_out as LeftOut[],
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
      invoiceNumber: part.invoice_number,
      lines: part.lines as OrderLine[],
    })),
    timeline: timelineRows.map(({ at, event, store_order_id: storeOrderId, reason }) => ({
      at,
      event,
      storeOrderId,
      storeName: storeOrderId && (names.get(storeOrderId) ?? null),
      reason,
    })),
  };
}

export const recipientFields = {
  contact: orNull(object({ name: text, phone: text }), 'Null without the right to see it'),
  address: orNull(object({ line1: text, city: text, pincode }), 'Null without the right to see it'),
};

export const partFields = {
  storeOrderId: uuid,
  status: {
    type: 'string',
    enum: ['submitted', 'accepted', 'rejected', 'packed', 'dispatched', 'delivered'],
  },
  reason: orNull(text),
  fulfilment: { type: 'string', enum: ['delivery', 'pickup'] },
  slot: orNull(object({ date: text, fromMinute: count, toMinute: count })),
  feePaise: paise,
  totalPaise: paise,
  invoiceNumber: orNull(text, 'Null until it is delivered and billed'),
  lines: list(orderLine),
};

const orderSchema = object({
  orderId: uuid,
  status: {
    type: 'string',
    enum: ['placed', 'awaiting-payment', 'confirmed', 'rejected', 'cancelled', 'completed'],
  },
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
  storeOrders: list(object({ ...partFields, storeId: text, storeName: text })),
  timeline: list(
    object({
      at: time,
      event: text,
      storeOrderId: orNull(uuid),
      storeName: orNull(text),
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
