import type { FastifyInstance } from 'fastify';
import {
  CASH_REASONS,
  expectedPaise,
  till,
  tillId,
  type CashReason,
  type Till,
} from '../domain/money/till.ts';
import { Problem } from '../platform/http.ts';
import { paise } from '../domain/schema.ts';
import { bodyOf, object, orNull, text } from '../platform/schema.ts';
import { businessDate } from '../platform/time.ts';
import type { Services } from './services.ts';
import { commandRoute } from '../engine/commands/route.ts';
import { shop } from './who.ts';

/** A crore of rupees. */
const MAX_PAISE = 1_000_000_000;

const params = {
  type: 'object',
  properties: { date: { type: 'string', format: 'date' } },
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
