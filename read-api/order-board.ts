import type { FastifyInstance, FastifyRequest } from 'fastify';
import { bearsStorePass } from '../platform/pass.ts';
import { list, object, pincode, text, time } from '../platform/schema.ts';
import type { CardRow } from '../projector/order-board.ts';
import { PRIVATE_CACHING } from './answers.ts';
import type { Services } from './app.ts';
import { findStore } from './catalogue.ts';
import { sendLive } from './live.ts';
import {
  paymentTasksOf,
  paymentTasksSchema,
  type PaymentMethod,
  type PaymentTask,
} from './payments.ts';
import {
  partFields,
  recipientFields,
  type Fulfilment,
  type OrderLine,
  type OrderSlot,
  type Recipient,
  type StoreOrderStatus,
} from './my-orders.ts';

/** Open orders that a board shows, oldest first; far more than a shop could work on. */
const MAX_OPEN = 300;
/** Orders that ended in the last day, newest first. */
const MAX_ENDED = 50;

export type BoardCard = {
  storeOrderId: string;
  orderNumber: string;
  status: StoreOrderStatus;
  reason: string | null;
  submittedAt: string;
  changedAt: string;
  fulfilment: Fulfilment;
  slot: OrderSlot | null;
  feePaise: number;
  totalPaise: number;
  /** Null until it is delivered and billed. */
  invoiceNumber: string | null;
  payment: PaymentMethod;
  pincode: string;
  /** Null without the shop's pass, and once the person was erased. */
  contact: Recipient['contact'] | null;
  address: Recipient['address'] | null;
  lines: OrderLine[];
};

export type Board = {
  storeId: string;
  name: string;
  /** Whether the shop's pass came along, so that customers' contacts are shown. */
  signedIn: boolean;
  /** What the shop has to look after by hand, newest first. */
  payments: PaymentTask[];
  storeOrders: BoardCard[];
};

async function readBoard(
  { pool, vault }: Services,
  storeId: string,
  signedIn: boolean,
): Promise<Board> {
  const { name } = await findStore(pool, storeId);
  const { rows } = await pool.query<CardRow & { invoice_number: string | null }>({
    name: 'board',
    text: `(select *, null as invoice_number from order_board.card
       where store_id = $1 and ended_at is null
       order by submitted_at limit ${MAX_OPEN})
      union all
      (select *, (select number from invoices.invoice i where i.store_order_id = c.store_order_id)
       from order_board.card c
       where store_id = $1 and ended_at > now() - interval '1 day'
       order by ended_at desc limit ${MAX_ENDED})`,
    values: [storeId],
  });
  const recipients = signedIn
    ? await vault.openAll<Recipient>(
        rows.map((row) => ({ personId: row.person_id, sealed: row.sealed_recipient })),
      )
    : [];
  const storeOrders = rows.map((row, index) => ({
    storeOrderId: row.store_order_id,
    orderNumber: row.order_number,
    status: row.status as StoreOrderStatus,
    reason: row.reason,
    submittedAt: row.submitted_at,
    changedAt: row.changed_at,
    fulfilment: row.fulfilment as Fulfilment,
    slot: row.slot as OrderSlot | null,
    feePaise: row.fee_paise,
    totalPaise: row.total_paise,
    invoiceNumber: row.invoice_number,
    payment: row.payment as BoardCard['payment'],
    pincode: row.pincode,
    contact: recipients[index]?.contact ?? null,
    address: recipients[index]?.address ?? null,
    lines: row.lines as OrderLine[],
  }));
  const payments = await paymentTasksOf(pool, storeId);
  return { storeId, name, signedIn, payments, storeOrders };
}

const boardSchema = object({
  storeId: text,
  name: text,
  signedIn: { type: 'boolean' },
  payments: paymentTasksSchema,
  storeOrders: list(
    object({
      ...partFields,
      ...recipientFields,
      orderNumber: text,
      submittedAt: time,
      changedAt: time,
      payment: text,
      pincode,
    }),
  ),
});

type BoardRequest = FastifyRequest<{ Params: { storeId: string } }>;

export function orderBoardRoutes(app: FastifyInstance, services: Services): void {
  const reader = (request: BoardRequest) => {
    const { storeId } = request.params;
    const { authorization } = request.headers;
    const signedIn = bearsStorePass(services.storePassSecret, storeId, authorization);
    return () => readBoard(services, storeId, signedIn);
  };

  app.get<{ Params: { storeId: string } }>(
    '/stores/:storeId/board',
    { schema: { response: { 200: boardSchema } } },
    async (request, reply) => {
      reply.header('cache-control', PRIVATE_CACHING);
      return reader(request)();
    },
  );

  app.get<{ Params: { storeId: string } }>('/stores/:storeId/board/live', (request, reply) => {
    const tags = [`board-${request.params.storeId}`];
    return sendLive(services, request, reply, { event: 'board', tags, read: reader(request) });
  });
}
