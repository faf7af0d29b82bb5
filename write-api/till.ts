import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  CASH_REASONS,
  expectedPaise,
  till,
  tillId,
  type CashReason,
  type TillCommand,
} from '../domain/money/till.ts';
import { Problem } from '../platform/http.ts';
import { bearsStorePass } from '../platform/pass.ts';
import { bodyOf, object, orNull, paise, text } from '../platform/schema.ts';
import { businessDate } from '../platform/time.ts';
import type { Services } from './app.ts';
import { atPosition, commandHeaders, contextOf } from '../engine/commands/context.ts';
import { passRequired } from './payment.ts';

/** A crore of rupees. */
const MAX_PAISE = 1_000_000_000;

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
    params,
    body,
    headers: commandHeaders,
    response: { 200: standing },
  });

  /** Takes a command to the till of a day that has come, from its shop. */
  async function take(request: TillRequest<unknown>, command: TillCommand) {
    const { storeId, date } = request.params;
    if (!bearsStorePass(storePassSecret, storeId, request.headers.authorization)) {
      throw passRequired();
    }
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
