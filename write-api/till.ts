import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Rejected } from '../domain/decider.ts';
import { CASH, type PaymentEvent } from '../domain/payment.ts';
import {
  CASH_REASONS,
  expectedPaise,
  till,
  tillId,
  type CashReason,
  type TillCommand,
} from '../domain/till.ts';
import { Problem } from '../platform/http.ts';
import { idFrom } from '../platform/ids.ts';
import { bodyOf, object, orNull, paise, text } from '../platform/schema.ts';
import { businessDate, dayAfter } from '../platform/time.ts';
import type { Services } from './app.ts';
import type { Cause } from './checkout.ts';
import { assertFromShop, atPosition, commandHeaders, contextOf, FOR_THE_SHOP } from './command.ts';
import type { Handler } from './handle.ts';

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

type TillRequest<Body> = FastifyRequest<{
  Params: { storeId: string; date: string };
  Body: Body;
}>;
type Close = { countedPaise: number; expectedPaise?: number; reason?: CashReason | null };

/** A shop's cash up of a day in Asia/Kolkata. */
export function tillRoutes(app: FastifyInstance, services: Services): void {
  const { handler, storePassSecret, now } = services;
  const schemaOf = (body: object) => ({
    description: FOR_THE_SHOP,
    params,
    body,
    headers: commandHeaders,
    response: { 200: standing },
  });

  /** Takes a command to the till of a day that has come, from its shop. */
  async function take(request: TillRequest<unknown>, command: TillCommand) {
    const { storeId, date } = request.params;
    assertFromShop(storePassSecret, storeId, request);
    const today = businessDate(now().getTime());
    if (date > today) {
      throw new Problem(409, 'DAY_NOT_YET', `In India it is ${today}: this day is still to come.`);
    }
    const outcome = await handler.handle(till, tillId(storeId, date), command, contextOf(request));
    const { closing } = outcome.state;
    return {
      position: outcome.position,
      body: {
        storeId,
        date,
        expectedPaise: expectedPaise(outcome.state),
        countedPaise: closing?.countedPaise ?? null,
        differencePaise: closing?.differencePaise ?? null,
      },
    };
  }

  app.put(
    '/stores/:storeId/till/:date/opening',
    { schema: schemaOf(openingBody) },
    async (request: TillRequest<{ openingPaise: number }>, reply) => {
      const { position, body } = await take(request, { type: 'OpenTill', data: request.body });
      return atPosition(reply, position).send(body);
    },
  );

  app.post(
    '/stores/:storeId/till/:date/close',
    { schema: schemaOf(closeBody) },
    async (request: TillRequest<Close>, reply) => {
      const data = { ...request.body, reason: request.body.reason ?? null };
      const { position, body } = await take(request, { type: 'CloseTill', data });
      return atPosition(reply, position).send(body);
    },
  );
}
