import type { FastifyInstance } from 'fastify';
import {
  assertSlotAhead,
  dateOf,
  dayOf,
  INDIA,
  isSlotOpen,
  placeOfSupply,
  termsOf,
  type Coordinates,
  type DeliveryFee,
  type Fulfilment,
  type OpenSpan,
  type OpeningHours,
  type ServiceArea,
  type SlotClosing,
} from '../domain/stores/delivery.ts';
import type { StoreOrderGoods } from '../domain/ordering/order.ts';
import type { PricedPart } from '../domain/ordering/quote.ts';
import {
  freeSlot,
  leftIn,
  slotDay,
  slotDayId,
  type OrderSlot,
  type Slot,
} from '../domain/slots/slot-day.ts';
import { chargesTax, stateOf, store, type Store } from '../domain/stores/store.ts';
import { STATES } from '../domain/stores/gstin.ts';
import { PLACES, stateFrom } from '../domain/stores/pincode-states.ts';
import { pincodeFrom } from '../domain/ordering/recipient.ts';
import { Problem } from '../platform/http.ts';
import { paise, pincode as pincodeSchema } from '../domain/schema.ts';
import { bodyOf, object, orNull, text, uuid } from '../platform/schema.ts';
import { businessDate } from '../platform/time.ts';
import { joined } from '../wording/en/words.ts';
import type { Services } from './services.ts';
import { StreamDamaged } from '../engine/commands/stream-damaged.ts';
import type { Handler } from '../engine/commands/handle.ts';
import { commandRoute } from '../engine/commands/route.ts';
import { registeredShop } from './who.ts';

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
const MAX_LEAD_MINUTES = 7 * DAY_MINUTES;
/** Where the slot that is wished for is closed, another is looked for on so many days. */
const DAYS_SEARCHED = 3;
/** Of the articles that cannot be ordered, in a sentence. */
const MAX_NAMED = 5;

const listOf = (items: object, maxItems: number) => ({ type: 'array', maxItems, items });
const whole = (minimum: number, maximum: number, description: string) =>
  ({ type: 'integer', minimum, maximum, description }) as const;
const amount = { ...paise, minimum: 0, maximum: MAX_PAISE } as const;

/** Of a place in India, so that latitude and longitude that changed places are seen. */
export const coordinatesSchema = bodyOf({
  latitude: { type: 'number', ...INDIA.latitude, description: 'Degrees north: 6 to 38 in India' },
  longitude: { type: 'number', ...INDIA.longitude, description: 'Degrees east: 68 to 98 in India' },
});

/** As people write it: it is read by `readAddress`. */
export const writtenPincode = {
  type: 'string',
  maxLength: 40,
  description: 'India Post PIN code, six digits',
} as const;

/** Of an address or a shop. */
export const stateSchema = {
  type: 'string',
  enum: [...PLACES, ...PLACES.map((code) => STATES[code]!)],
  description: 'State or union territory: the two digits that GST gives it, or its name',
} as const;

export const pickupIds = {
  ...listOf(uuid, MAX_PICKUPS),
  description: 'Ids of the shops whose store order the shopper fetches; the others deliver',
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
    who: registeredShop(services),
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
    path: 'PUT /stores/:storeId/slot-closing',
    body: bodyOf({
      leadMinutes: whole(0, MAX_LEAD_MINUTES, 'How long before it begins a slot closes'),
      sameDayUntilMinute: {
        ...orNull(whole(0, DAY_MINUTES, 'Minute of the day in Asia/Kolkata')),
        description: 'Until when slots of the same day are open; null for until each closes',
      },
    }),
    command: (data: SlotClosing) => ({ type: 'SetSlotClosing', data }),
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

function slotsRoute(app: FastifyInstance, services: Services): void {
  const { handler, now } = services;
  commandRoute(app, handler, {
    path: 'PUT /stores/:storeId/slots/:date',
    who: registeredShop(services),
    params: { type: 'object', properties: { date } },
    id: ({ storeId, date: day }) => slotDayId(storeId, day),
    body: slotsBody,
    decider: slotDay,
    command(data: { slots: Slot[] }, { params: { date: day } }) {
      assertSpansEnd(data.slots);
      assertBeginOnce(data.slots);
      assertNotOver(day, now());
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
  const isLate = !isSlotOpen(shop.delivery, wish, atMs);
  assertSlotAhead(shop, wish, atMs, isLate ? await nextSlot(handler, shop, wish, atMs) : null);
  return { date: wish.date, fromMinute, toMinute };
}

/** The first slot of a shop, on the day that was wished for or soon after, that has a place. */
async function nextSlot(
  handler: Handler,
  { delivery }: Store,
  { storeId, date: wished }: SlotWish,
  atMs: number,
): Promise<OrderSlot | null> {
  for (let ahead = 0; ahead < DAYS_SEARCHED; ahead++) {
    const wanted = dateOf(dayOf(wished) + ahead);
    const day = await handler.load(slotDay, slotDayId(storeId, wanted), { fresh: true });
    const [free] = day.slots
      .filter((slot) => leftIn(day, slot) > 0)
      .filter(({ fromMinute }) => isSlotOpen(delivery, { date: wanted, fromMinute }, atMs))
      .toSorted((a, b) => a.fromMinute - b.fromMinute);
    if (free) return { date: wanted, fromMinute: free.fromMinute, toMinute: free.toMinute };
  }
  return null;
}

/** Each is named once, and has something in the cart. */
function assertShopsOf(storeOrders: { storeId: string }[], wanted: string[]): void {
  const stray = wanted.find(
    (storeId, index) =>
      wanted.indexOf(storeId) < index || !storeOrders.some((one) => one.storeId === storeId),
  );
  if (stray === undefined) return;
  throw new Problem(
    400,
    'INVALID_REQUEST',
    `Shop ${stray} is named twice, or has nothing in the cart: name a shop of the cart once.`,
  );
}

/**
 * An address with its PIN code as six digits, and its state by code. Throws a `Problem` 400 for what
 * is no PIN code.
 */
export function readAddress<Address extends NonNullable<Delivery['address']>>(
  address: Address,
): Address {
  const pincode = pincodeFrom(address.pincode);
  if (!pincode) throw new Problem(400, 'INVALID_REQUEST', 'address/pincode: write its 6 digits.');
  const state = address.state && stateFrom(address.state);
  return { ...address, pincode, ...(state && { state }) };
}

/** What of a request is about how goods come to the shopper. */
export type Delivery = {
  /** Left out, it is near each shop. */
  address?: { pincode: string; state?: string; location?: Coordinates };
  /** Ids of the shops whose store order the shopper fetches. */
  pickup?: string[];
  slots?: SlotWish[];
};

/**
 * While nobody can read a listing or its shop (`StreamDamaged`), what is to be taken out of the cart,
 * so that the shopper can order the rest.
 */
export const notOrderable =
  (articlesOf: () => string[]) =>
  (error: unknown): never => {
    if (!(error instanceof StreamDamaged)) throw error;
    const { status, code, headers, facts } = error;
    const articles = articlesOf();
    const more = articles.length - MAX_NAMED;
    const named = [...articles.slice(0, MAX_NAMED), ...(more > 0 ? [`${more} more`] : [])];
    const detail =
      `${joined(named)} cannot be ordered right now, since the shop’s records have to be mended ` +
      'first: take that out of the cart to order the rest.';
    throw new Problem(status, code, detail, { headers, facts });
  };

const storeOrderNotOrderable = ({ lines }: StoreOrderGoods) =>
  notOrderable(() => lines.map(({ name }) => `"${name}"`));

/**
 * The store orders of a cart with what their shops ask for bringing them, as the shops have it at
 * this moment. Throws the `Rejected` of the first shop that does not take its store order, and a
 * `Problem` for a wish about a shop that has none, and for a shop that cannot be read.
 */
export async function onTerms(
  handler: Handler,
  storeOrders: StoreOrderGoods[],
  { address, pickup = [], slots: wishes = [] }: Delivery,
  at: Date,
): Promise<PricedPart[]> {
  assertShopsOf(storeOrders, pickup);
  assertShopsOf(
    storeOrders,
    wishes.map(({ storeId }) => storeId),
  );
  const shops = await Promise.all(
    storeOrders.map((one) =>
      handler.load(store, one.storeId, { fresh: true }).catch(storeOrderNotOrderable(one)),
    ),
  );
  const atMs = at.getTime();
  const orderSlots = await Promise.all(
    storeOrders.map((storeOrder, index) => {
      const wish = wishes.find(({ storeId }) => storeId === storeOrder.storeId);
      return slotOf(handler, shops[index]!, wish, atMs).catch(storeOrderNotOrderable(storeOrder));
    }),
  );
  return storeOrders.map((storeOrder, index) => {
    const fulfilment: Fulfilment = pickup.includes(storeOrder.storeId) ? 'pickup' : 'delivery';
    const { totalPaise: valuePaise } = storeOrder;
    const slot = orderSlots[index] ?? null;
    const shop = shops[index]!;
    const minimumPaise = fulfilment === 'delivery' ? shop.delivery.minimumPaise : 0;
    const pincode = address?.pincode ?? shop.pincode;
    const coordinates = address?.location ?? null;
    const state = address?.state ?? null;
    const seller = { ...shop, state: stateOf(shop), chargesTax: chargesTax(shop.tax) };
    const wish = { fulfilment, pincode, state, coordinates, valuePaise, atMs };
    const { feePaise } = termsOf(seller, { ...wish, hasSlot: slot !== null });
    return {
      ...storeOrder,
      fulfilment,
      slot,
      placeOfSupply: placeOfSupply(seller, wish),
      minimumPaise,
      feePaise,
      totalPaise: valuePaise + feePaise,
    };
  });
}
