import type { FastifyInstance } from 'fastify';
import {
  termsOf,
  type Coordinates,
  type DeliveryFee,
  type OpenSpan,
  type OpeningHours,
  type ServiceArea,
} from '../domain/delivery.ts';
import type { OrderPart } from '../domain/order.ts';
import { store, type StoreCommand } from '../domain/store.ts';
import { Problem } from '../platform/http.ts';
import { object, paise, pincode as pincodeSchema, text } from '../platform/schema.ts';
import type { Services } from './app.ts';
import { atPosition, commandHeaders, contextOf } from './command.ts';
import type { Handler } from './handle.ts';

const MAX_SPANS = 28;
const MAX_HOLIDAYS = 100;
const MAX_PINCODES = 500;
const MAX_FEE_STEPS = 20;
const MAX_PICKUPS = 50;
/** Half-way round the Earth is 20,000 km; nobody brings groceries farther than this. */
const MAX_RADIUS_METRES = 100_000;
/** A lakh of rupees. */
const MAX_PAISE = 10_000_000;
const DAY_MINUTES = 1_440;

const bodyOf = (properties: object) => ({
  type: 'object',
  required: Object.keys(properties),
  additionalProperties: false,
  properties,
});

const listOf = (items: object, maxItems: number) => ({ type: 'array', maxItems, items });
const whole = (minimum: number, maximum: number, description: string) =>
  ({ type: 'integer', minimum, maximum, description }) as const;
const amount = { ...paise, minimum: 0, maximum: MAX_PAISE } as const;
const orNone = (schema: { type: string }) => ({ ...schema, type: [schema.type, 'null'] });

export const coordinates = bodyOf({
  latitude: { type: 'number', minimum: -90, maximum: 90 },
  longitude: { type: 'number', minimum: -180, maximum: 180 },
});

/** Ids of the shops whose part the shopper fetches; the others deliver. */
export type Collections = string[];
export const collections = {
  ...listOf({ type: 'string', maxLength: 64 }, MAX_PICKUPS),
  description: 'Ids of the shops whose part the shopper fetches; the others deliver',
} as const;

const hours = bodyOf({
  weekly: {
    ...orNone(
      listOf(
        bodyOf({
          weekday: whole(0, 6, '0 is Sunday'),
          fromMinute: whole(0, DAY_MINUTES - 1, 'Minute of the day in Asia/Kolkata'),
          toMinute: whole(1, 2 * DAY_MINUTES, 'Beyond 1440: after midnight'),
        }),
        MAX_SPANS,
      ),
    ),
    description: 'Null: round the clock',
  },
  holidays: listOf({ type: 'string', format: 'date' }, MAX_HOLIDAYS),
});

const area = bodyOf({
  pincodes: {
    ...orNone(listOf(pincodeSchema, MAX_PINCODES)),
    description: 'Null: all that begin with the three digits of the shop’s own',
  },
  within: orNone(
    bodyOf({
      centre: coordinates,
      radiusMetres: whole(1, MAX_RADIUS_METRES, 'Metres, as the crow flies'),
    }),
  ),
});

const fee = bodyOf({
  steps: listOf(
    bodyOf({
      fromMetres: whole(0, MAX_RADIUS_METRES, 'From this distance on'),
      fromPaise: { ...amount, description: 'From this value of goods on, in paise' },
      feePaise: amount,
    }),
    MAX_FEE_STEPS,
  ),
  freeFromPaise: {
    ...orNone(amount),
    description: 'Goods of this value in paise are brought for nothing; null for never',
  },
});

/** What a shop sets, each named in the path: /stores/{id}/hours. */
const SETTINGS: Record<string, { body: object; commandOf: (body: never) => StoreCommand }> = {
  hours: {
    body: hours,
    commandOf(data: OpeningHours) {
      assertSpansEnd(data);
      return { type: 'SetHours', data };
    },
  },
  area: { body: area, commandOf: (data: ServiceArea) => ({ type: 'SetServiceArea', data }) },
  minimum: {
    body: bodyOf({ minimumPaise: amount }),
    commandOf: (data: { minimumPaise: number }) => ({ type: 'SetMinimumOrder', data }),
  },
  fee: { body: fee, commandOf: (data: DeliveryFee) => ({ type: 'SetDeliveryFee', data }) },
  pause: {
    body: bodyOf({ paused: { type: 'boolean' } }),
    commandOf: ({ paused }: { paused: boolean }) => ({
      type: paused ? 'PauseStore' : 'ResumeStore',
      data: {},
    }),
  },
};

function assertSpansEnd({ weekly }: OpeningHours): void {
  const isWrong = ({ fromMinute, toMinute }: OpenSpan) =>
    toMinute <= fromMinute || toMinute > fromMinute + DAY_MINUTES;
  const wrong = weekly?.find(isWrong);
  if (!wrong) return;
  throw new Problem(
    400,
    'INVALID_REQUEST',
    `Open from minute ${wrong.fromMinute} to ${wrong.toMinute}: it has to close after it opens, ` +
      'within a day; past midnight is beyond 1440.',
  );
}

export function deliveryRoutes(app: FastifyInstance, { handler }: Services): void {
  for (const [setting, { body, commandOf }] of Object.entries(SETTINGS)) {
    app.put<{ Params: { storeId: string }; Body: never }>(
      `/stores/:storeId/${setting}`,
      { schema: { body, headers: commandHeaders, response: { 200: object({ storeId: text }) } } },
      async (request, reply) => {
        const { storeId } = request.params;
        const command = commandOf(request.body as never);
        const { position } = await handler.handle(store, storeId, command, contextOf(request));
        return atPosition(reply, position).send({ storeId });
      },
    );
  }
}

/**
 * The parts of an order with what their shops ask for bringing them, as the shops have it at this
 * moment. Throws the `Rejected` of the first shop that does not take its part.
 */
export async function onTerms(
  handler: Handler,
  parts: OrderPart[],
  { pincode, location = null }: { pincode: string; location?: Coordinates | null },
  pickup: Collections = [],
): Promise<OrderPart[]> {
  const shops = await Promise.all(
    parts.map(({ storeId }) => handler.load(store, storeId, { fresh: true })),
  );
  const atMs = Date.now();
  return parts.map((part, index) => {
    const fulfilment = pickup.includes(part.storeId) ? 'pickup' : 'delivery';
    const { totalPaise: valuePaise } = part;
    const wish = { fulfilment, pincode, coordinates: location, valuePaise, atMs } as const;
    const { feePaise } = termsOf(shops[index]!, wish);
    return { ...part, fulfilment, feePaise, totalPaise: valuePaise + feePaise };
  });
}
