import type { FastifyInstance } from 'fastify';
import { Rejected } from '../domain/rejection.ts';
import { CASH, type PaymentEvent } from '../domain/money/payment.ts';
import {
  CASH_REASONS,
  expectedPaise,
  till,
  tillId,
  type CashReason,
  type Till,
  type TillCommand,
} from '../domain/money/till.ts';
import { Problem } from '../platform/http.ts';
import { idFrom } from '../platform/ids.ts';
import { paise } from '../domain/schema.ts';
import { bodyOf, object, orNull, text } from '../platform/schema.ts';
import { businessDate, dayAfter } from '../platform/time.ts';
import type { Services } from './app.ts';
import type { Cause } from './checkout.ts';
import type { Handler } from '../engine/commands/handle.ts';
import { commandRoute } from '../engine/commands/route.ts';
import { shop } from './who.ts';

/** A crore of rupees. */
const MAX_PAISE = 1_000_000_000;
const ACTOR = 'till';

export type CashMoved = Extract<PaymentEvent, { type: 'CashCollected' | 'RefundSucceeded' }>;

/** What of a payment changed hands as cash; undefined for what a bank or a gateway moved. */
function cashCommand(paymentId: string, moved: CashMoved, at: string): TillCommand | undefined {
  const { orderId, storeOrderId, amountPaise } = moved.data;
  if (!storeOrderId) return undefined;
  const cash = { paymentId, orderId, storeOrderId, amountPaise, at };
  if (moved.type === 'CashCollected') return { type: 'TakeCash', data: cash };
  const { refundNumber, externalId } = moved.data;
  if (externalId !== CASH) return undefined;
  return { type: 'GiveCashBack', data: { ...cash, refundNumber } };
}

/**
 * Puts cash into the till of its day, or of the first day after it that is not closed. Idempotent:
 * a closed till stays closed, so that every try comes to the same day. That day is tomorrow at the
 * latest, since no till is closed ahead.
 *
 * @param at RFC 3339: when it changed hands
 */
export async function driveTill(
  handler: Handler,
  paymentId: string,
  moved: CashMoved,
  at: string,
  cause: Cause,
): Promise<void> {
  const command = cashCommand(paymentId, moved, at);
  const { storeId } = moved.data;
  if (!command || !storeId) return;
  for (let date = businessDate(at); ; date = dayAfter(date)) {
    const id = tillId(storeId, date);
    const commandId = idFrom('till', id, cause.causationId);
    try {
      await handler.handle(till, id, command, { ...cause, commandId, actor: ACTOR });
      return;
    } catch (error) {
      if (!(error instanceof Rejected) || error.code !== 'TILL_CLOSED') throw error;
    }
  }
}

const params = {
  type: 'object',
  properties: { storeId: text, date: { type: 'string', format: 'date' } },
} as const;

const amount = (description: string) =>
  ({ type: 'integer', minimum: 0, maximum: MAX_PAISE, description }) as const;

const openingBody = bodyOf({
  openingPaise: amount('The change that was in the till in the morning, in paise'),
});

const closeBody = bodyOf(
  {
    countedPaise: amount('What is in the till, in paise'),
    expectedPaise: {
      type: 'integer',
      description:
        'What should be there when you looked, in paise: where it is something else now, the count is refused',
    },
    reason: {
      type: ['string', 'null'],
      enum: [...CASH_REASONS, null],
      description: 'Why it differs; may be missing where nothing does',
    },
  },
  ['countedPaise'],
);

const standing = object({
  storeId: text,
  date: text,
  expectedPaise: paise,
  countedPaise: orNull(paise, 'Null while the day is not closed'),
  differencePaise: orNull(paise, 'Counted less expected; null while the day is not closed'),
});

type Close = { countedPaise: number; expectedPaise?: number; reason?: CashReason | null };
type TillParams = { storeId: string; date: string };

/** A shop's cash up of a day in Asia/Kolkata. */
export function tillRoutes(app: FastifyInstance, services: Services): void {
  const { handler, now } = services;
  const ofTill = {
    who: shop(services),
    params,
    id: ({ storeId, date }: TillParams) => tillId(storeId, date),
    decider: till,
    answer: standing,
    reply: (state: Till, { params: { storeId, date } }: { params: TillParams }) => ({
      storeId,
      date,
      expectedPaise: expectedPaise(state),
      countedPaise: state.closing?.countedPaise ?? null,
      differencePaise: state.closing?.differencePaise ?? null,
    }),
  };

  commandRoute(app, handler, {
    ...ofTill,
    path: 'PUT /stores/:storeId/till/:date/opening',
    body: openingBody,
    command(data: { openingPaise: number }, { params: { date } }) {
      assertDayHasCome(date, now());
      return { type: 'OpenTill', data };
    },
  });

  commandRoute(app, handler, {
    ...ofTill,
    path: 'POST /stores/:storeId/till/:date/close',
    body: closeBody,
    command({ reason = null, ...counted }: Close, { params: { date } }) {
      assertDayHasCome(date, now());
      return { type: 'CloseTill', data: { ...counted, reason } };
    },
  });
}

function assertDayHasCome(date: string, at: Date): void {
  const today = businessDate(at.getTime());
  if (date <= today) return;
  throw new Problem(409, 'DAY_NOT_YET', `In India it is ${today}: this day is still to come.`);
}
