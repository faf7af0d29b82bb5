import type { FastifyInstance } from 'fastify';
import type { Recipient } from '../domain/ordering/recipient.ts';
import { Problem } from '../platform/http.ts';
import type { Pool } from '../platform/postgres.ts';
import { pincode } from '../domain/schema.ts';
import { count, list, object, text, time, uuid } from '../platform/schema.ts';
import type { StoreOrderStatus } from '../domain/fulfilment/store-order.ts';
import type { PaymentMethod } from '../domain/money/payment.ts';
import type { OrderSlot } from '../domain/slots/slot-day.ts';
import type { Fulfilment } from '../domain/stores/delivery.ts';
import type { BoardOrderRow } from '../projector/order-board.ts';
import { boardTag } from '../projector/tags.ts';
import { readRoute } from '../engine/reading/route.ts';
import type { Services } from './services.ts';
import { findStore, type Wanted } from './catalogue.ts';
import { afterSchema, limitTo, nextOf, nextSchema, pageSize, placeInTime } from './paging.ts';
import { paymentTasksOf, paymentTasksSchema, type PaymentTask } from './payments.ts';
import {
  storeOrderFields,
  recipientFields,
  linesOf,
  orderSlot,
  type StoreOrderLine,
} from './my-orders.ts';
import { shop } from './who.ts';

/** Open orders of a page of a board, oldest first; far more than a shop could work on. */
const OPEN_PAGE = 300;
const MAX_OPEN_PAGE = 3_000;
/** Orders that ended in the last day, newest first. */
const MAX_ENDED = 50;

export type BoardOrder = {
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
  lines: StoreOrderLine[];
};

/** A store order by itself, with what of its money the shop has to look after. */
export type BoardOrderPage = BoardOrder & { payments: PaymentTask[] };

export type Board = {
  storeId: string;
  name: string;
  /** What the shop has to look after by hand: money to give back comes first. */
  payments: PaymentTask[];
  /** Those that are open, oldest first; on the first page also those that ended in the last day. */
  storeOrders: BoardOrder[];
  /** How many are open, on this page or not. */
  openOrders: number;
  /** What to send as `after` for the next page of open orders; null on the last. */
  next: string | null;
};

const BOARD_ORDER_COLUMNS = `store_order_id, c.order_number, c.store_id, c.status, c.reason,
  c.submitted_at, c.changed_at, c.ended_at, c.pincode, c.payment, c.fulfilment, c.slot,
  c.fee_paise, c.total_paise, c.owed_paise, c.part, c.person_id, c.sealed_recipient`;

/**
 * A page of a board: its open orders after a place, and on the first page also what has just ended
 * and what of its money the shop has to look after.
 */
async function readBoard(services: Services, storeId: string, wanted: Page): Promise<Board> {
  const { pool } = services;
  const limit = pageSize(wanted.limit, OPEN_PAGE, MAX_OPEN_PAGE);
  const place = wanted.after ? placeInTime(wanted.after) : null;
  const { name } = await findStore(pool, storeId);
  const { rows } = await pool.query<BilledRow>({
    name: 'board',
    text: `(select ${BOARD_ORDER_COLUMNS}, null as invoice_number from order_board.card c
       where store_id = $1 and ended_at is null
         and ($2::timestamptz is null or (submitted_at, store_order_id) > ($2, $3::uuid))
       order by submitted_at, store_order_id limit $4)
      union all
      (select ${BOARD_ORDER_COLUMNS},
         (select number from invoices.invoice i where i.store_order_id = c.store_order_id)
       from order_board.card c
       where store_id = $1 and $2 is null and ended_at > now() - interval '1 day'
       order by ended_at desc limit ${MAX_ENDED})`,
    values: [storeId, ...(place ?? [null, null]), limit + 1],
  });
  const open = rows.filter(({ ended_at }) => ended_at === null);
  const next = nextOf(open, limit, (last) => [last.submitted_at, last.store_order_id]);
  const shown = next ? rows.filter((row) => row !== open[limit]) : rows;
  const [payments, storeOrders, openOrders] = await Promise.all([
    place ? [] : paymentTasksOf(services, storeId),
    boardOrdersOf(services, shown),
    // Where all are on this page, they need not be counted.
    place || next ? countOpen(pool, storeId) : open.length,
  ]);
  return { storeId, name, payments, storeOrders, openOrders, next };
}

async function countOpen(pool: Pool, storeId: string): Promise<number> {
  const { rows } = await pool.query<{ open: number }>({
    name: 'board-count',
    text: `select count(*)::int as open from order_board.card
      where store_id = $1 and ended_at is null`,
    values: [storeId],
  });
  return rows[0]!.open;
}

/** A store order on its board, however long ago it ended. Throws a `Problem` 404. */
async function readBoardOrder(
  services: Services,
  storeId: string,
  storeOrderId: string,
): Promise<BoardOrderPage> {
  const { rows } = await services.pool.query<BilledRow>({
    name: 'board-order',
    text: `select ${BOARD_ORDER_COLUMNS}, i.number as invoice_number
      from order_board.card c left join invoices.invoice i using (store_order_id)
      where c.store_id = $1 and c.store_order_id = $2`,
    values: [storeId, storeOrderId],
  });
  const [boardOrder] = await boardOrdersOf(services, rows);
  if (!boardOrder) {
    throw new Problem(404, 'STORE_ORDER_NOT_FOUND', 'There is no such order at this shop.');
  }
  const tasks = await paymentTasksOf(services, storeId);
  return { ...boardOrder, payments: tasks.filter((task) => task.storeOrderId === storeOrderId) };
}

type BilledRow = BoardOrderRow & { invoice_number: string | null };

async function boardOrdersOf({ vault }: Services, rows: BilledRow[]): Promise<BoardOrder[]> {
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

const boardOrderFields = {
  ...storeOrderFields,
  ...recipientFields,
  orderNumber: text,
  submittedAt: time,
  changedAt: time,
  wrongCodes: count,
  payment: text,
  pincode,
};

const boardOrderPageSchema = object({ ...boardOrderFields, payments: paymentTasksSchema });

const boardSchema = object({
  storeId: text,
  name: text,
  payments: paymentTasksSchema,
  storeOrders: list(
    object(boardOrderFields),
    'Open orders, oldest first; on the first page also those that ended in the last day',
  ),
  openOrders: { ...count, description: 'How many are open, on this page or not' },
  next: nextSchema,
});

const boardQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { after: afterSchema, limit: limitTo(MAX_OPEN_PAGE) },
} as const;

const boardOrderParams = {
  type: 'object',
  properties: { storeOrderId: uuid },
} as const;

type StoreParams = { storeId: string };
type BoardOrderParams = StoreParams & { storeOrderId: string };
type Page = Pick<Wanted, 'after' | 'limit'>;
type Asked<Params> = { params: Params };

export function orderBoardRoutes(app: FastifyInstance, services: Services): void {
  const who = shop(services);
  const board = ({ params: { storeId } }: Asked<StoreParams>, page: Page) =>
    readBoard(services, storeId, page);
  const boardOrder = ({ params: { storeId, storeOrderId } }: Asked<BoardOrderParams>) =>
    readBoardOrder(services, storeId, storeOrderId);
  const tags = ({ storeId }: StoreParams): string[] => [boardTag(storeId)];

  readRoute(app, services, {
    path: 'GET /stores/:storeId/board',
    who,
    query: boardQuery,
    answer: boardSchema,
    answers: 'personal',
    read: board,
  });

  readRoute(app, services, {
    path: 'GET /stores/:storeId/board/live',
    who,
    query: boardQuery,
    answers: 'live',
    event: 'board',
    tags,
    read: board,
  });

  readRoute(app, services, {
    path: 'GET /stores/:storeId/board/:storeOrderId',
    who,
    params: boardOrderParams,
    answer: boardOrderPageSchema,
    answers: 'personal',
    read: boardOrder,
  });

  readRoute(app, services, {
    path: 'GET /stores/:storeId/board/:storeOrderId/live',
    who,
    params: boardOrderParams,
    answers: 'live',
    event: 'card',
    tags,
    read: boardOrder,
  });
}
