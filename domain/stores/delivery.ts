import { Rejected } from '../rejection.ts';
import type { OrderSlot } from '../slots/slot-day.ts';
import { STATES } from './gstin.ts';
import { PLACES, stateOfPincode, statesOfPincode } from './pincode-states.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
/** Asia/Kolkata is UTC+05:30 all year round, and has been since 1945. */
const INDIA_OFFSET_MINUTES = 330;
/** How far ahead a closed shop is searched for its next opening: holidays end before that. */
const MAX_DAYS_AHEAD = 60;
/** IUGG mean radius. */
const EARTH_RADIUS_METRES = 6_371_009;

export type Coordinates = { latitude: number; longitude: number };

/** In degrees, within which all of India lies: a pair that changed places never does. */
export const INDIA = {
  latitude: { minimum: 6, maximum: 38 },
  longitude: { minimum: 68, maximum: 98 },
} as const;

export const isInIndia = ({ latitude, longitude }: Coordinates): boolean =>
  latitude >= INDIA.latitude.minimum &&
  latitude <= INDIA.latitude.maximum &&
  longitude >= INDIA.longitude.minimum &&
  longitude <= INDIA.longitude.maximum;

/**
 * Open from `fromMinute` of a weekday (0 is Sunday) until `toMinute`, in minutes of that day in
 * Asia/Kolkata; a `toMinute` beyond 1440 is after midnight.
 */
export type OpenSpan = { weekday: number; fromMinute: number; toMinute: number };

/** `weekly` null: round the clock. On a holiday (`2026-11-08`) nothing opens. */
export type OpeningHours = { weekly: OpenSpan[] | null; holidays: string[] };

/**
 * What counts as near enough: one of the PIN codes, or within the radius. `pincodes` null: the
 * shop's own sorting district, which is the first three digits of its PIN code.
 */
export type ServiceArea = {
  pincodes: string[] | null;
  within: { centre: Coordinates; radiusMetres: number } | null;
};

/** What delivery costs from this distance and this value of goods on. */
export type FeeStep = { fromMetres: number; fromPaise: number; feePaise: number };

/** `freeFromPaise`: goods of that value are brought for nothing, however far; null for never. */
export type DeliveryFee = { steps: FeeStep[]; freeFromPaise: number | null };

/**
 * Until when a slot can be ordered: so long before it begins; and on the same day, only until
 * `sameDayUntilMinute` (null: for as long as the first allows).
 */
export type SlotClosing = { leadMinutes: number; sameDayUntilMinute: number | null };

/** What a shop says of how its goods come to people. */
export type DeliverySettings = {
  paused: boolean;
  hours: OpeningHours;
  area: ServiceArea;
  /** Of goods that are brought; who fetches them costs the shop no way. */
  minimumPaise: number;
  fee: DeliveryFee;
  slotClosing: SlotClosing;
};

export const FULFILMENTS = ['delivery', 'pickup'] as const;
export type Fulfilment = (typeof FULFILMENTS)[number];

/** A store order as its shop is asked to take it. */
export type DeliveryWish = {
  fulfilment: Fulfilment;
  pincode: string;
  /** By code, as the address has it; null where only its PIN code tells. */
  state: string | null;
  coordinates: Coordinates | null;
  /** Of the goods alone. */
  valuePaise: number;
  /** It comes in a slot of the shop's, so that it may be ordered while the shop is closed. */
  hasSlot: boolean;
  atMs: number;
};

/** A shop that has said nothing: always open, for its own district, for nothing more. */
export const DEFAULT_DELIVERY: DeliverySettings = {
  paused: false,
  hours: { weekly: null, holidays: [] },
  area: { pincodes: null, within: null },
  minimumPaise: 0,
  fee: { steps: [], freeFromPaise: null },
  slotClosing: { leadMinutes: 0, sameDayUntilMinute: null },
};

/** Minutes since 1970 by the clocks of India. */
const indianMinute = (atMs: number): number => Math.floor(atMs / MINUTE_MS) + INDIA_OFFSET_MINUTES;

/** 1970-01-01 was a Thursday. */
const weekdayOf = (day: number): number => (day + 4) % 7;

/** Days since 1970 of a calendar date. */
export const dayOf = (date: string): number => Date.parse(date) / (DAY_MINUTES * MINUTE_MS);

/** The calendar date of a number of days since 1970. */
export const dateOf = (day: number): string =>
  new Date(day * DAY_MINUTES * MINUTE_MS).toISOString().slice(0, 10);

/** The instant of a minute of a day in India. */
export const instantOf = (day: number, minute: number): number =>
  (day * DAY_MINUTES + minute - INDIA_OFFSET_MINUTES) * MINUTE_MS;

const isHoliday = ({ holidays }: OpeningHours, day: number): boolean =>
  holidays.some((date) => dayOf(date) === day);

/** From when to when, in minutes since 1970, it is open because it opened on that day. */
function spansOf(hours: OpeningHours, day: number): [number, number][] {
  if (isHoliday(hours, day)) return [];
  const round = [{ weekday: weekdayOf(day), fromMinute: 0, toMinute: DAY_MINUTES }];
  return (hours.weekly ?? round)
    .filter(({ weekday }) => weekday === weekdayOf(day))
    .map(({ fromMinute, toMinute }) => [
      day * DAY_MINUTES + fromMinute,
      day * DAY_MINUTES + toMinute,
    ]);
}

/** When it next is open, in ms since 1970: `atMs` if it is; null if not for two months. */
export function nextOpening(hours: OpeningHours, atMs: number): number | null {
  const now = indianMinute(atMs);
  const today = Math.floor(now / DAY_MINUTES);
  // What opened yesterday may still be open.
  for (let day = today - 1; day <= today + MAX_DAYS_AHEAD; day++) {
    const spans = spansOf(hours, day).filter(([, until]) => until > now);
    if (spans.some(([from]) => from <= now)) return atMs;
    if (day < today || spans.length === 0) continue;
    const opens = Math.min(...spans.map(([from]) => from));
    return instantOf(0, opens);
  }
  return null;
}

/** Great-circle distance by the haversine formula. */
export function metresBetween(a: Coordinates, b: Coordinates): number {
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  const half = (from: number, to: number) => Math.sin(radians(to - from) / 2) ** 2;
  const across = Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude));
  const h = half(a.latitude, b.latitude) + across * half(a.longitude, b.longitude);
  return Math.round(2 * EARTH_RADIUS_METRES * Math.asin(Math.min(1, Math.sqrt(h))));
}

/** Null where one of both does not say where it is. */
const distanceTo = ({ within }: ServiceArea, to: Coordinates | null): number | null =>
  within && to ? metresBetween(within.centre, to) : null;

function reaches(area: ServiceArea, ownPincode: string, wish: DeliveryWish): boolean {
  const { pincodes, within } = area;
  const isNamed = pincodes
    ? pincodes.includes(wish.pincode)
    : wish.pincode.slice(0, 3) === ownPincode.slice(0, 3);
  const metres = distanceTo(area, wish.coordinates);
  return isNamed || (within !== null && metres !== null && metres <= within.radiusMetres);
}

/**
 * The step for the greatest distance that is passed, and of those for the greatest value. Who does
 * not say where they are is taken to be near.
 */
function feeOf({ steps, freeFromPaise }: DeliveryFee, metres: number, valuePaise: number): number {
  if (freeFromPaise !== null && valuePaise >= freeFromPaise) return 0;
  const passed = steps.filter((step) => step.fromMetres <= metres && step.fromPaise <= valuePaise);
  const [highest] = passed.toSorted(
    (a, b) => b.fromMetres - a.fromMetres || b.fromPaise - a.fromPaise,
  );
  return highest?.feePaise ?? 0;
}

/** Throws `Rejected` STORE_PAUSED; `name` is the shop's, for the shopper to know which. */
function assertNotPaused({ paused }: DeliverySettings, name: string): void {
  if (!paused) return;
  throw new Rejected('STORE_PAUSED', { storeName: name });
}

/** Throws `Rejected` STORE_CLOSED, which says when it opens. */
function assertOpen({ hours }: DeliverySettings, name: string, atMs: number): void {
  const opensAtMs = nextOpening(hours, atMs);
  if (opensAtMs === atMs) return;
  throw new Rejected('STORE_CLOSED', { because: 'hours', storeName: name, opensAtMs, atMs });
}

/** Whether a slot that begins at a minute of a date can still be ordered. */
export function isSlotOpen(
  { slotClosing: { leadMinutes, sameDayUntilMinute } }: Pick<DeliverySettings, 'slotClosing'>,
  { date, fromMinute }: { date: string; fromMinute: number },
  atMs: number,
): boolean {
  const day = dayOf(date);
  const closesMs = instantOf(day, fromMinute - leadMinutes);
  const lastMs = sameDayUntilMinute === null ? Infinity : instantOf(day, sameDayUntilMinute);
  return atMs < Math.min(closesMs, lastMs);
}

/**
 * Whether a shop comes in a slot that begins at a minute of a date. Its slots are hours of their
 * own, for milk may come before it opens, but none is on a holiday. Throws `Rejected`
 * SLOT_NOT_FOUND, which says the `next` one that is free, or STORE_CLOSED.
 */
export function assertSlotAhead(
  { name, delivery }: { name: string; delivery: DeliverySettings },
  { date, fromMinute }: { date: string; fromMinute: number },
  atMs: number,
  next: OrderSlot | null = null,
): void {
  const { hours } = delivery;
  const day = dayOf(date);
  const beginsMs = instantOf(day, fromMinute);
  if (!isSlotOpen(delivery, { date, fromMinute }, atMs)) {
    const because = beginsMs <= atMs ? 'begun' : 'closed';
    throw new Rejected('SLOT_NOT_FOUND', { because, ...(next && { next }) });
  }
  if (!isHoliday(hours, day)) return;
  const opensAtMs = nextOpening(hours, beginsMs);
  throw new Rejected('STORE_CLOSED', { because: 'holiday', storeName: name, date, opensAtMs });
}

/** What of a shop says to whom it may sell. */
export type Seller = {
  name: string;
  pincode: string;
  /** The state that it sells from, by code; null where nobody knows. */
  state: string | null;
  /** One that is not registered, or is under the composition scheme, may charge none. */
  chargesTax: boolean;
};

/**
 * In which state goods are supplied, by code: where they are brought to, or fetched (IGST Act 2017,
 * section 10(1)). Null where nobody knows, as a PIN code's first digits may cross a border: of a
 * shop's own PIN code it is known to be where the shop is, wherever that is.
 */
export function placeOfSupply(
  seller: Pick<Seller, 'pincode' | 'state'>,
  { fulfilment, pincode, state }: Pick<DeliveryWish, 'fulfilment' | 'pincode' | 'state'>,
): string | null {
  if (fulfilment === 'pickup') return seller.state;
  return state ?? stateOfPincode(pincode) ?? (pincode === seller.pincode ? seller.state : null);
}

const placesOf = (pincode: string): { code: string; name: string }[] => {
  const states = statesOfPincode(pincode);
  return (states.length > 0 ? states : PLACES).map((code) => ({ code, name: STATES[code]! }));
};

/**
 * Across a state border only who charges tax may sell (CGST Act 2017, sections 10(2)(c) and 24(i)).
 * Throws `Rejected` STATE_NEEDED, OUT_OF_STATE.
 */
function assertMaySell(seller: Seller, wish: DeliveryWish): void {
  const { pincode } = wish;
  const place = placeOfSupply(seller, wish);
  if (place === null) {
    if (pincode === seller.pincode) return;
    throw new Rejected('STATE_NEEDED', { pincode, states: placesOf(pincode) });
  }
  if (seller.chargesTax || place === seller.state) return;
  // Of a shop that did not say where it is, and whose PIN code does not tell.
  const because = seller.state === null ? 'own-state-unknown' : 'not-registered';
  const state = { state: place, stateName: STATES[place]! };
  throw new Rejected('OUT_OF_STATE', { because, storeName: seller.name, ...state });
}

/**
 * On which terms a shop takes a store order. Throws `Rejected` STORE_PAUSED, STORE_CLOSED,
 * OUT_OF_AREA, STATE_NEEDED, OUT_OF_STATE or BELOW_MINIMUM, which say when it opens and what is
 * missing.
 */
export function termsOf(
  shop: Seller & { delivery: DeliverySettings },
  wish: DeliveryWish,
): { feePaise: number } {
  const { name, pincode, delivery } = shop;
  assertNotPaused(delivery, name);
  if (!wish.hasSlot) assertOpen(delivery, name, wish.atMs);
  if (wish.fulfilment === 'pickup') return { feePaise: 0 };
  const { area, fee, minimumPaise } = delivery;
  if (!reaches(area, pincode, wish)) {
    throw new Rejected('OUT_OF_AREA', { storeName: name, pincode: wish.pincode });
  }
  assertMaySell(shop, wish);
  const missingPaise = minimumPaise - wish.valuePaise;
  if (missingPaise > 0) {
    const missing = { minimumPaise, missingPaise };
    throw new Rejected('BELOW_MINIMUM', { because: 'ordered', storeName: name, ...missing });
  }
  return { feePaise: feeOf(fee, distanceTo(area, wish.coordinates) ?? 0, wish.valuePaise) };
}
