import type { FastifyInstance } from 'fastify';
import {
  assertSlotAhead,
  termsOf,
  type Coordinates,
  type DeliveryFee,
  type Fulfilment,
  type OpenSpan,
  type OpeningHours,
  type ServiceArea,
} from '../domain/stores/delivery.ts';
import type { PartGoods } from '../domain/ordering/order.ts';
import type { PricedPart } from '../domain/ordering/quote.ts';
import {
  freeSlot,
  slotDay,
  slotDayId,
  type OrderSlot,
  type Slot,
} from '../domain/slots/slot-day.ts';
import { store, type Store } from '../domain/stores/store.ts';
import { Problem } from '../platform/http.ts';
import { paise, pincode as pincodeSchema } from '../domain/schema.ts';
import { bodyOf, object, orNull, text, uuid } from '../platform/schema.ts';
import { businessDate } from '../platform/time.ts';
import type { Services } from './services.ts';
import type { Handler } from '../engine/commands/handle.ts';
import { commandRoute } from '../engine/commands/route.ts';
import { assertStoreExists, anybody } from './who.ts';

const MAX_SPANS = 28;
const MAX_HOLIDAYS = 100;
const MAX_PINCODES = 500;
const MAX_FEE_STEPS = 20;
const MAX_PICKUPS = 50;
/** Half-way round the Earth is 20,000 km; nobody brings groceries farther than this. */
const MAX_RADIUS_METRES = 100_000;
/** A lakh of rupees. */
const MAX_PAISE = 10_000_000;
const MAX_SLOTS = 48;
const MAX_CAPACITY = 1_000;
const DAY_MINUTES = 1_440;

const listOf = (items: object, maxItems: number) => ({ type: 'array', maxItems, items });
const whole = (minimum: number, maximum: number, description: string) =>
  ({ type: 'integer', minimum, maximum, description }) as const;
const amount = { ...paise, minimum: 0, maximum: MAX_PAISE } as const;

export const coordinatesSchema = bodyOf({
  latitude: { type: 'number', minimum: -90, maximum: 90 },
  longitude: { type: 'number', minimum: -180, maximum: 180 },
});

export const pickupIds = {
  ...listOf(uuid, MAX_PICKUPS),
  description: 'Ids of the shops whose part the shopper fetches; the others deliver',
} as const;

/** In which of their slots the shops shall come, or have it ready; the others as soon as they can. */
export type SlotWish = { storeId: string; date: string; fromMinute: number };

const date = { type: 'string', format: 'date' } as const;
const minutes = {
  fromMinute: whole(0, DAY_MINUTES - 1, 'Minute of the day in Asia/Kolkata'),
  toMinute: whole(1, 2 * DAY_MINUTES, 'Beyond 1440: after midnight'),
};

export const slotWishes = {
  ...listOf(bodyOf({ storeId: uuid, date, fromMinute: minutes.fromMinute }), MAX_PICKUPS),
  description: 'Slots of the shops that shall not come as soon as they can',
} as const;

const slotsBody = bodyOf({
  slots: listOf(
    bodyOf({ ...minutes, capacity: whole(0, MAX_CAPACITY, 'Orders that fit in') }),
    MAX_SLOTS,
  ),
});

const hours = bodyOf({
  weekly: {
    ...orNull(
      listOf(
        bodyOf({
          weekday: whole(0, 6, '0 is Sunday'),
          ...minutes,
        }),
        MAX_SPANS,
      ),
    ),
    description: 'Null: round the clock',
  },
  holidays: listOf(date, MAX_HOLIDAYS),
});

const area = bodyOf({
  pincodes: {
    ...orNull(listOf(pincodeSchema, MAX_PINCODES)),
    description: 'Null: all that begin with the three digits of the shop’s own',
  },
  within: orNull(
    bodyOf({
      centre: coordinatesSchema,
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
    ...orNull(amount),
    description: 'Goods of this value in paise are brought for nothing; null for never',
  },
});

/** Hours or slots: each ends after it begins, within a day. */
function assertSpansEnd(spans: Omit<OpenSpan, 'weekday'>[]): void {
  const isWrong = ({ fromMinute, toMinute }: Omit<OpenSpan, 'weekday'>) =>
    toMinute <= fromMinute || toMinute > fromMinute + DAY_MINUTES;
  const wrong = spans.find(isWrong);
  if (!wrong) return;
  throw new Problem(
    400,
    'INVALID_REQUEST',
    `From minute ${wrong.fromMinute} to ${wrong.toMinute}: it has to end after it begins, ` +
      'within a day; past midnight is beyond 1440.',
  );
}

/** What a shop sets, each named in the path: /stores/{id}/hours. */
export function deliveryRoutes(app: FastifyInstance, services: Services): void {
  const { handler } = services;
  const ofStore = {
    who: anybody,
    id: ({ storeId }: { storeId: string }) => storeId,
    decider: store,
    answer: object({ storeId: text }),
    reply: (_: Store, { id: storeId }: { id: string }) => ({ storeId }),
  };
  slotsRoute(app, services);

  commandRoute(app, handler, {
    ...ofStore,
    path: 'PUT /stores/:storeId/hours',
    body: hours,
    command(data: OpeningHours) {
      assertSpansEnd(data.weekly ?? []);
      return { type: 'SetHours', data };
    },
  });

  commandRoute(app, handler, {
    ...ofStore,
    path: 'PUT /stores/:storeId/area',
    body: area,
    command: (data: ServiceArea) => ({ type: 'SetServiceArea', data }),
  });

  commandRoute(app, handler, {
    ...ofStore,
    path: 'PUT /stores/:storeId/minimum',
    body: bodyOf({ minimumPaise: amount }),
    command: (data: { minimumPaise: number }) => ({ type: 'SetMinimumOrder', data }),
  });

  commandRoute(app, handler, {
    ...ofStore,
    path: 'PUT /stores/:storeId/fee',
    body: fee,
    command: (data: DeliveryFee) => ({ type: 'SetDeliveryFee', data }),
  });

  commandRoute(app, handler, {
    ...ofStore,
    path: 'PUT /stores/:storeId/pause',
    body: bodyOf({ paused: { type: 'boolean' } }),
    command: ({ paused }: { paused: boolean }) => ({
      type: paused ? 'PauseStore' : 'ResumeStore',
      data: {},
    }),
  });
}

function assertBeginOnce(slots: Slot[]): void {
  if (new Set(slots.map(({ fromMinute }) => fromMinute)).size === slots.length) return;
  throw new Problem(400, 'INVALID_REQUEST', 'Two slots begin at once: make them one.');
}

function assertNotOver(day: string, at: Date): void {
  if (day >= businessDate(at.getTime())) return;
  throw new Problem(400, 'INVALID_REQUEST', `${day} is over: set the slots of today or later.`);
}

function slotsRoute(app: FastifyInstance, { handler, now }: Services): void {
  commandRoute(app, handler, {
    path: 'PUT /stores/:storeId/slots/:date',
    who: anybody,
    params: { type: 'object', properties: { date } },
    id: ({ storeId, date: day }) => slotDayId(storeId, day),
    body: slotsBody,
    decider: slotDay,
    async command(data: { slots: Slot[] }, { params: { storeId, date: day } }) {
      assertSpansEnd(data.slots);
      assertBeginOnce(data.slots);
      assertNotOver(day, now());
      await assertStoreExists(handler, storeId);
      return { type: 'SetSlotCapacity', data };
    },
    answer: object({ storeId: text, date: text }),
    reply: (_, { params }) => params,
  });
}

/** The slot that is wanted at a shop. Throws `Rejected` SLOT_NOT_FOUND, SLOT_FULL, STORE_CLOSED. */
async function slotOf(
  handler: Handler,
  shop: Store,
  wish: SlotWish | undefined,
  atMs: number,
): Promise<OrderSlot | undefined> {
  if (!wish) return undefined;
  const id = slotDayId(wish.storeId, wish.date);
  const day = await handler.load(slotDay, id, { fresh: true });
  const { fromMinute, toMinute } = freeSlot(day, wish.fromMinute);
  assertSlotAhead(shop, wish, atMs);
  return { date: wish.date, fromMinute, toMinute };
}

/** Each is named once, and has something in the cart. */
function assertShopsOf(parts: { storeId: string }[], wanted: string[]): void {
  const stray = wanted.find(
    (storeId, index) =>
      wanted.indexOf(storeId) < index || !parts.some((part) => part.storeId === storeId),
  );
  if (stray === undefined) return;
  throw new Problem(
    400,
    'INVALID_REQUEST',
    `Shop ${stray} is named twice, or has nothing in the cart: name a shop of the cart once.`,
  );
}

/** What of a request is about how goods come to the shopper. */
export type Delivery = {
  /** Left out, it is near each shop. */
  address?: { pincode: string; location?: Coordinates };
  /** Ids of the shops whose part the shopper fetches. */
  pickup?: string[];
  slots?: SlotWish[];
};

/**
 * The parts of a cart with what their shops ask for bringing them, as the shops have it at this
 * moment. Throws the `Rejected` of the first shop that does not take its part, and a `Problem` for a
 * wish about a shop that has none.
 */
export async function onTerms(
  handler: Handler,
  parts: PartGoods[],
  { address, pickup = [], slots: wishes = [] }: Delivery,
  at: Date,
): Promise<PricedPart[]> {
  assertShopsOf(parts, pickup);
  assertShopsOf(
    parts,
    wishes.map(({ storeId }) => storeId),
  );
  const shops = await Promise.all(
    parts.map(({ storeId }) => handler.load(store, storeId, { fresh: true })),
  );
  const atMs = at.getTime();
  const orderSlots = await Promise.all(
    parts.map(({ storeId }, index) =>
      slotOf(
        handler,
        shops[index]!,
        wishes.find((wish) => wish.storeId === storeId),
        atMs,
      ),
    ),
  );
  return parts.map((part, index) => {
    const fulfilment: Fulfilment = pickup.includes(part.storeId) ? 'pickup' : 'delivery';
    const { totalPaise: valuePaise } = part;
    const slot = orderSlots[index] ?? null;
    const shop = shops[index]!;
    const minimumPaise = fulfilment === 'delivery' ? shop.delivery.minimumPaise : 0;
    const pincode = address?.pincode ?? shop.pincode;
    const coordinates = address?.location ?? null;
    const wish = { fulfilment, pincode, coordinates, valuePaise, atMs };
    const { feePaise } = termsOf(shop, { ...wish, hasSlot: slot !== null });
    return {
      ...part,
      fulfilment,
      slot,
      minimumPaise,
      feePaise,
      totalPaise: valuePaise + feePaise,
    };
  });
}
