import type { FastifyInstance } from 'fastify';
import type { Recipient } from '../domain/ordering/recipient.ts';
import { Problem } from '../platform/http.ts';
import { pincode } from '../domain/schema.ts';
import { count, list, object, text, time, uuid } from '../platform/schema.ts';
import type { StoreOrderStatus } from '../domain/fulfilment/store-order.ts';
import type { PaymentMethod } from '../domain/money/payment.ts';
import type { OrderSlot } from '../domain/slots/slot-day.ts';
import type { Fulfilment } from '../domain/stores/delivery.ts';
import type { CardRow } from '../projector/order-board.ts';
import { boardTag } from '../projector/tags.ts';
import { readRoute } from '../engine/reading/route.ts';
import type { Services } from './services.ts';
import { findStore } from './catalogue.ts';
import { paymentTasksOf, paymentTasksSchema, type PaymentTask } from './payments.ts';
import { partFields, recipientFields, linesOf, orderSlot, type PartLine } from './my-orders.ts';
import { shop } from './who.ts';

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
  /** What was accepted. */
  totalPaise: number;
  /** What it costs as it stands. */
  owedPaise: number;
  /** Wrong delivery codes so far. */
  wrongCodes: number;
  /** Null until it is delivered and billed. */
  invoiceNumber: string | null;
  payment: PaymentMethod;
  pincode: string;
  /** Null once the person was erased. */
  contact: Recipient['contact'] | null;
  address: Recipient['address'] | null;
  lines: PartLine[];
};

/** A card by itself, with what of its money the shop has to look after. */
export type BoardCardPage = BoardCard & { payments: PaymentTask[] };

export type Board = {
  storeId: string;
  name: string;
  /** What the shop has to look after by hand: money to give back comes first. */
  payments: PaymentTask[];
  storeOrders: BoardCard[];
};

const CARD_COLUMNS = `store_order_id, c.order_number, c.store_id, c.status, c.reason, c.submitted_at,
  c.changed_at, c.ended_at, c.pincode, c.payment, c.fulfilment, c.slot, c.fee_paise, c.total_paise,
  c.owed_paise, c.part, c.person_id, c.sealed_recipient`;

async function readBoard(services: Services, storeId: string): Promise<Board> {
  const { pool } = services;
  const { name } = await findStore(pool, storeId);
  const { rows } = await pool.query<BilledRow>({
    name: 'board',
    text: `(select ${CARD_COLUMNS}, null as invoice_number from order_board.card c
       where store_id = $1 and ended_at is null
       order by submitted_at limit ${MAX_OPEN})
      union all
      (select ${CARD_COLUMNS},
         (select number from invoices.invoice i where i.store_order_id = c.store_order_id)
       from order_board.card c
       where store_id = $1 and ended_at > now() - interval '1 day'
       order by ended_at desc limit ${MAX_ENDED})`,
    values: [storeId],
  });
  const payments = await paymentTasksOf(services, storeId);
  const storeOrders = await cardsOf(services, rows);
  return { storeId, name, payments, storeOrders };
}

/** One card, however long ago it ended. Throws a `Problem` 404. */
async function readCard(
  services: Services,
  storeId: string,
  storeOrderId: string,
): Promise<BoardCardPage> {
  const { rows } = await services.pool.query<BilledRow>({
    name: 'board-card',
    text: `select ${CARD_COLUMNS}, i.number as invoice_number
      from order_board.card c left join invoices.invoice i using (store_order_id)
      where c.store_id = $1 and c.store_order_id = $2`,
    values: [storeId, storeOrderId],
  });
  const [card] = await cardsOf(services, rows);
  if (!card) {
    throw new Problem(404, 'STORE_ORDER_NOT_FOUND', 'There is no such order at this shop.');
  }
  const tasks = await paymentTasksOf(services, storeId);
  return { ...card, payments: tasks.filter((task) => task.storeOrderId === storeOrderId) };
}

type BilledRow = CardRow & { invoice_number: string | null };

async function cardsOf({ vault }: Services, rows: BilledRow[]): Promise<BoardCard[]> {
  const recipients = await vault.openAll<Recipient>(
    rows.map((row) => ({ personId: row.person_id, sealed: row.sealed_recipient })),
  );
  return rows.map((row, index) => ({
    storeOrderId: row.store_order_id,
    orderNumber: row.order_number,
    status: row.status as StoreOrderStatus,
    reason: row.reason,
    submittedAt: row.submitted_at,
    changedAt: row.changed_at,
    fulfilment: row.fulfilment as Fulfilment,
    slot: row.slot && orderSlot(row.slot),
    feePaise: row.fee_paise,
    totalPaise: row.total_paise,
    owedPaise: row.owed_paise,
    wrongCodes: row.part.wrongCodes,
    invoiceNumber: row.invoice_number,
    payment: row.payment as PaymentMethod,
    pincode: row.pincode,
    contact: recipients[index]?.contact ?? null,
    address: recipients[index]?.address ?? null,
    lines: linesOf(row.part),
  }));
}

const cardFields = {
  ...partFields,
  ...recipientFields,
  orderNumber: text,
  submittedAt: time,
  changedAt: time,
  wrongCodes: count,
  payment: text,
  pincode,
};

const cardPageSchema = object({ ...cardFields, payments: paymentTasksSchema });

const boardSchema = object({
  storeId: text,
  name: text,
  payments: paymentTasksSchema,
  storeOrders: list(object(cardFields)),
});

const cardParams = {
  type: 'object',
  properties: { storeOrderId: uuid },
} as const;

type StoreParams = { storeId: string };
type CardParams = StoreParams & { storeOrderId: string };
type Asked<Params> = { params: Params };

export function orderBoardRoutes(app: FastifyInstance, services: Services): void {
  const who = shop(services);
  const board = ({ params: { storeId } }: Asked<StoreParams>) => readBoard(services, storeId);
  const card = ({ params: { storeId, storeOrderId } }: Asked<CardParams>) =>
    readCard(services, storeId, storeOrderId);
  const tags = ({ storeId }: StoreParams): string[] => [boardTag(storeId)];

  readRoute(app, services, {
    path: 'GET /stores/:storeId/board',
    who,
    answer: boardSchema,
    answers: 'personal',
    read: board,
  });

  readRoute(app, services, {
    path: 'GET /stores/:storeId/board/live',
    who,
    answers: 'live',
    event: 'board',
    tags,
    read: board,
  });

  readRoute(app, services, {
    path: 'GET /stores/:storeId/board/:storeOrderId',
    who,
    params: cardParams,
    answer: cardPageSchema,
    answers: 'personal',
    read: card,
  });

  readRoute(app, services, {
    path: 'GET /stores/:storeId/board/:storeOrderId/live',
    who,
    params: cardParams,
    answers: 'live',
    event: 'card',
    tags,
    read: card,
  });
}
