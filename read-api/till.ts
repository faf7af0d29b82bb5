import type { FastifyInstance } from 'fastify';
import { paise } from '../domain/schema.ts';
import { list, object, orNull, text, time, uuid } from '../platform/schema.ts';
import type { CashReason } from '../domain/money/till.ts';
import type { ClosingRow, MovementRow, OpeningRow } from '../projector/till.ts';
import { readRoute } from '../engine/reading/route.ts';
import type { Services } from './services.ts';
import { shop } from './who.ts';

/** Newest first; far more than the orders that a shop hands over on a day. */
const MAX_MOVEMENTS = 1_000;

export type CashMovement = {
  orderNumber: string;
  storeOrderId: string;
  /** Below zero: given back. */
  amountPaise: number;
  at: string;
};

export type Till = {
  storeId: string;
  /** Business date in Asia/Kolkata. */
  date: string;
  /** The change that was there in the morning. */
  openingPaise: number;
  takenPaise: number;
  givenBackPaise: number;
  expectedPaise: number;
  /** Newest first. */
  movements: CashMovement[];
  /** Null while the day is not closed. */
  closing: {
    countedPaise: number;
    /** Counted less expected. */
    differencePaise: number;
    reason: CashReason | null;
    closedAt: string;
  } | null;
};

type Summed = MovementRow & { takenPaise: number; givenBackPaise: number };

/** Reads the closing first: what a closed till holds does not change any more. */
async function readTill({ pool }: Services, storeId: string, date: string): Promise<Till> {
  const values = [storeId, date];
  const { rows: closings } = await pool.query<ClosingRow>({
    name: 'till-closing',
    text: `select store_id, date, counted_paise, expected_paise, difference_paise, reason, closed_at
      from till.closing where store_id = $1 and date = $2`,
    values,
  });
  const { rows: openings } = await pool.query<OpeningRow>({
    name: 'till-opening',
    text: `select store_id, date, opening_paise
      from till.opening where store_id = $1 and date = $2`,
    values,
  });
  const { rows: movements } = await pool.query<Summed>({
    name: 'till-movements',
    text: `select event_id, store_id, date, order_number, store_order_id, amount_paise, moved_at,
        sum(greatest(amount_paise, 0)) over ()::bigint as "takenPaise",
        -sum(least(amount_paise, 0)) over ()::bigint as "givenBackPaise"
      from till.movement where store_id = $1 and date = $2
      order by moved_at desc, event_id limit ${MAX_MOVEMENTS}`,
    values,
  });
  const { takenPaise = 0, givenBackPaise = 0 } = movements[0] ?? {};
  const openingPaise = openings[0]?.opening_paise ?? 0;
  return {
    storeId,
    date,
    openingPaise,
    takenPaise,
    givenBackPaise,
    expectedPaise: openingPaise + takenPaise - givenBackPaise,
    movements: movements.map((row) => ({
      orderNumber: row.order_number,
      storeOrderId: row.store_order_id,
      amountPaise: row.amount_paise,
      at: row.moved_at,
    })),
    closing: closings[0] ? closingOf(closings[0]) : null,
  };
}

const closingOf = (row: ClosingRow): Till['closing'] => ({
  countedPaise: row.counted_paise,
  differencePaise: row.difference_paise,
  reason: row.reason as CashReason | null,
  closedAt: row.closed_at,
});

const tillSchema = object({
  storeId: text,
  date: { ...text, description: 'Business date in Asia/Kolkata' },
  openingPaise: { ...paise, description: 'The change that was there in the morning, in paise' },
  takenPaise: paise,
  givenBackPaise: paise,
  expectedPaise: { ...paise, description: 'What should be in the till, in paise' },
  movements: list(
    object({
      orderNumber: text,
      storeOrderId: uuid,
      amountPaise: { ...paise, description: 'Below zero: given back; in paise' },
      at: time,
    }),
    `The newest ${MAX_MOVEMENTS}, newest first`,
  ),
  closing: orNull(
    object({
      countedPaise: paise,
      differencePaise: { ...paise, description: 'Counted less expected, in paise' },
      reason: orNull({
        type: 'string',
        enum: ['wrong-change', 'unrecorded-sale', 'theft', 'other', null],
      }),
      closedAt: time,
    }),
    'Null while the day is not closed',
  ),
});

export function tillRoutes(app: FastifyInstance, services: Services): void {
  readRoute(app, services, {
    path: 'GET /stores/:storeId/till/:date',
    who: shop(services),
    params: {
      type: 'object',
      properties: { date: { type: 'string', format: 'date' } },
    },
    answer: tillSchema,
    answers: 'personal',
    read: ({ params: { storeId, date } }) => readTill(services, storeId, date),
  });
}
