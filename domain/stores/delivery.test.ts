import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { refusalText } from '../../wording/en/refusals.ts';
import { Rejected } from '../rejection.ts';
import {
  DEFAULT_DELIVERY,
  dayOf,
  instantOf,
  isSlotOpen,
  metresBetween,
  nextOpening,
  placeOfSupply,
  termsOf,
  type DeliverySettings,
  type DeliveryWish,
  type OpeningHours,
} from './delivery.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const HOME = { latitude: 12.9716, longitude: 77.5946 };
/** One degree of latitude is 111.2 km. */
const northOfHome = (metres: number) => ({ ...HOME, latitude: HOME.latitude + metres / 111_195 });

const india = (date: string, time: string) => Date.parse(`${date}T${time}:00+05:30`);

const shop = (delivery: Partial<DeliverySettings>) => ({
  name: 'Asha Stores',
  pincode: '560001',
  state: '29',
  chargesTax: false,
  delivery: { ...DEFAULT_DELIVERY, ...delivery },
});

const wish = (more: Partial<DeliveryWish> = {}): DeliveryWish => ({
  fulfilment: 'delivery',
  pincode: '560034',
  state: null,
  coordinates: null,
  valuePaise: 20_000,
  hasSlot: false,
  // A Saturday.
  atMs: india('2026-11-21', '18:00'),
  ...more,
});

function refusal(run: () => unknown): Rejected {
  try {
    run();
  } catch (error) {
    if (error instanceof Rejected) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

/** Every day from 9 to 13 and from 17 to 1 at night. */
const weekly = Array.from({ length: 7 }, (_, weekday) => [
  { weekday, fromMinute: 9 * 60, toMinute: 13 * 60 },
  { weekday, fromMinute: 17 * 60, toMinute: 25 * 60 },
]).flat();

test('a shop that has said nothing serves its own district round the clock, for nothing', () => {
  assert.equal(termsOf(shop({}), wish()), { feePaise: 0 });
  assert.is(refusal(() => termsOf(shop({}), wish({ pincode: '600017' }))).code, 'OUT_OF_AREA');
});

test('a pause holds for delivery and pickup alike, before anything else is looked at', () => {
  const paused = shop({ paused: true, hours: { weekly: [], holidays: [] } });
  for (const fulfilment of ['delivery', 'pickup'] as const) {
    assert.is(refusal(() => termsOf(paused, wish({ fulfilment }))).code, 'STORE_PAUSED');
  }
});

test('hours end at the minute, and go on past midnight', () => {
  const hours: OpeningHours = { weekly, holidays: [] };
  const isOpen = (time: string, date = '2026-11-21') => {
    const atMs = india(date, time);
    return nextOpening(hours, atMs) === atMs;
  };
  for (const time of ['09:00', '12:59', '17:00', '23:59', '00:00', '00:59']) {
    assert.ok(isOpen(time), time);
  }
  for (const time of ['01:00', '08:59', '13:00', '16:59']) assert.not(isOpen(time), time);
});

test('a holiday closes what opens that day, not the night before it', () => {
  const hours: OpeningHours = { weekly, holidays: ['2026-11-22'] };
  const eve = india('2026-11-22', '00:30');
  assert.is(nextOpening(hours, eve), eve);
  const opens = india('2026-11-23', '09:00');
  assert.is(nextOpening(hours, india('2026-11-22', '01:00')), opens);
  assert.is(nextOpening(hours, india('2026-11-23', '00:30')), opens);
});

test('a closed shop says when it opens', () => {
  const said = (hours: OpeningHours, atMs: number) =>
    refusalText(refusal(() => termsOf(shop({ hours }), wish({ atMs }))));
  const evening = india('2026-11-21', '14:00');
  const hours = (holidays: string[]) => ({ weekly, holidays });
  assert.match(said(hours([]), evening), 'Asha Stores is closed and opens today at 17:00.');
  assert.match(said(hours([]), india('2026-11-21', '08:00')), 'today at 09:00');
  const mondays = { weekly: [{ weekday: 1, fromMinute: 570, toMinute: 600 }], holidays: [] };
  assert.match(said(mondays, evening), 'on Monday at 09:30');
  assert.match(said({ ...mondays, holidays: ['2026-11-23'] }, evening), 'in 9 days, at 09:30');
  assert.match(said({ weekly: [], holidays: [] }, evening), 'closed for now');
});

test('a slot can be ordered while the shop is closed, not while it is paused', () => {
  const closed = shop({ hours: { weekly: [], holidays: [] } });
  assert.equal(termsOf(closed, wish({ hasSlot: true })), { feePaise: 0 });
  const paused = shop({ paused: true });
  assert.is(refusal(() => termsOf(paused, wish({ hasSlot: true }))).code, 'STORE_PAUSED');
});

test('whatever the hours: it is open at the next opening, and not a minute before', () => {
  const spans = fc.array(
    fc
      .record({
        weekday: fc.integer({ min: 0, max: 6 }),
        fromMinute: fc.integer({ min: 0, max: 1_439 }),
        lasts: fc.integer({ min: 1, max: 1_440 }),
      })
      .map(({ weekday, fromMinute, lasts }) => ({
        weekday,
        fromMinute,
        toMinute: fromMinute + lasts,
      })),
    { minLength: 1, maxLength: 5 },
  );
  const firstMs = india('2026-11-15', '00:00');
  const holiday = fc
    .integer({ min: 0, max: 20 })
    .map((day) => new Date(firstMs + day * DAY_MS + DAY_MS / 2).toISOString().slice(0, 10));
  const minute = fc.integer({ min: 0, max: 14 * 1_440 });
  const hoursOf = fc.record({ weekly: spans, holidays: fc.array(holiday, { maxLength: 3 }) });
  fc.assert(
    fc.property(hoursOf, minute, (hours, minutes) => {
      const atMs = firstMs + minutes * MINUTE_MS;
      const opensMs = nextOpening(hours, atMs)!;
      assert.ok(opensMs >= atMs);
      assert.is(nextOpening(hours, opensMs), opensMs);
      if (opensMs > atMs) {
        assert.is(nextOpening(hours, opensMs - 1), opensMs);
        assert.is(nextOpening(hours, Math.floor((atMs + opensMs) / 2)), opensMs);
      }
    }),
  );
});

test('a day of the calendar begins at midnight in India', () => {
  assert.is(instantOf(dayOf('2026-11-21'), 0), india('2026-11-21', '00:00'));
  assert.is(instantOf(dayOf('2026-11-21'), 1_500), india('2026-11-22', '01:00'));
});

test('an area is its PIN codes, or what is within the radius where both sides say where', () => {
  const within = { centre: HOME, radiusMetres: 3_000 };
  const area = { pincodes: ['560034'], within };
  const takes = (more: Partial<DeliveryWish>) => termsOf(shop({ area }), wish(more)).feePaise;
  assert.is(takes({}), 0);
  assert.is(takes({ pincode: '560068', coordinates: northOfHome(2_990) }), 0);
  for (const coordinates of [null, northOfHome(3_010)]) {
    const { code } = refusal(() => takes({ pincode: '560068', coordinates }));
    assert.is(code, 'OUT_OF_AREA');
  }
  assert.is(termsOf(shop({ area }), wish({ fulfilment: 'pickup', pincode: '110001' })).feePaise, 0);
});

/** In Chandigarh, whose PIN codes begin like some of Punjab's. */
const inSector17 = (seller: Partial<Parameters<typeof termsOf>[0]> = {}) => ({
  ...shop({}),
  pincode: '160017',
  state: '04' as string | null,
  ...seller,
});

test('only a shop that charges tax sells into another state', () => {
  const toMohali = wish({ pincode: '160055', state: '03' });
  assert.equal(termsOf(inSector17({ chargesTax: true }), toMohali), { feePaise: 0 });
  const refused = refusal(() => termsOf(inSector17(), toMohali));
  assert.is(refused.code, 'OUT_OF_STATE');
  const { because, state, stateName } = refused.facts;
  assert.equal([because, state, stateName], ['not-registered', '03', 'Punjab']);
  assert.equal(termsOf(inSector17(), wish({ pincode: '160055', state: '04' })), { feePaise: 0 });
  const fetched = { ...toMohali, fulfilment: 'pickup' } as const;
  assert.equal(termsOf(inSector17(), fetched), { feePaise: 0 });
  const far = shop({ area: { pincodes: ['600017'], within: null } });
  assert.is(refusal(() => termsOf(far, wish({ pincode: '600017' }))).code, 'OUT_OF_STATE');
});

test('where a PIN code crosses a border, the shopper is asked, and so is a shop without tax', () => {
  const toMohali = wish({ pincode: '160055' });
  const { code, facts } = refusal(() => termsOf(inSector17({ chargesTax: true }), toMohali));
  assert.is(code, 'STATE_NEEDED');
  const states = [
    { code: '03', name: 'Punjab' },
    { code: '04', name: 'Chandigarh' },
  ];
  assert.equal(facts, { pincode: '160055', states });
  // Whatever state it is in, the shop is in the same.
  const untold = inSector17({ state: null });
  assert.equal(termsOf(untold, wish({ pincode: '160017' })), { feePaise: 0 });
  const unknown = refusal(() => termsOf(untold, wish({ pincode: '160055', state: '04' })));
  assert.equal([unknown.code, unknown.facts.because], ['OUT_OF_STATE', 'own-state-unknown']);
});

test('goods are supplied where they go, or are fetched', () => {
  const place = (more: Partial<DeliveryWish>) => placeOfSupply(inSector17(), wish(more));
  assert.is(place({ pincode: '160055', state: '03' }), '03');
  assert.is(place({ pincode: '110037' }), '07');
  assert.is(place({ pincode: '110037', state: '06' }), '06');
  assert.is(place({ pincode: '160055' }), null);
  assert.is(place({ pincode: '160017' }), '04');
  assert.is(place({ pincode: '110037', fulfilment: 'pickup' }), '04');
});

test('a slot is open until so long before it begins, and on its day until a time of it', () => {
  const isOpen = (time: string, leadMinutes: number, sameDayUntilMinute: number | null = null) => {
    const [date, minutes] = time.split(' ') as [string, string];
    const slotClosing = { leadMinutes, sameDayUntilMinute };
    return isSlotOpen(
      { slotClosing },
      { date: '2026-11-22', fromMinute: 1_080 },
      india(date, minutes),
    );
  };
  assert.equal([isOpen('2026-11-22 17:59', 0), isOpen('2026-11-22 18:00', 0)], [true, false]);
  assert.equal([isOpen('2026-11-22 16:59', 60), isOpen('2026-11-22 17:00', 60)], [true, false]);
  const dayBefore = 24 * 60;
  assert.equal(
    [isOpen('2026-11-21 17:59', dayBefore), isOpen('2026-11-21 18:00', dayBefore)],
    [true, false],
  );
  const until11 = (time: string) => isOpen(time, 60, 11 * 60);
  assert.equal(
    [until11('2026-11-22 10:59'), until11('2026-11-22 11:00'), until11('2026-11-21 23:59')],
    [true, false, true],
  );
});

test('distance is as the crow flies', () => {
  const chennai = { latitude: 13.0827, longitude: 80.2707 };
  assert.ok(Math.abs(metresBetween(HOME, chennai) - 290_200) < 500);
  assert.is(metresBetween(HOME, HOME), 0);
  assert.is(metresBetween(HOME, chennai), metresBetween(chennai, HOME));
});

test('below the minimum says what is missing; who fetches it needs none', () => {
  const minimum = shop({ minimumPaise: 25_050 });
  const { code, facts } = refusal(() => termsOf(minimum, wish()));
  assert.is(code, 'BELOW_MINIMUM');
  assert.match(
    refusalText({ code, facts }),
    'Asha Stores delivers from ₹250.50 on: add ₹50.50 more.',
  );
  const missing = { minimumPaise: 25_050, missingPaise: 5_050 };
  assert.equal(facts, { because: 'ordered', storeName: 'Asha Stores', ...missing });
  assert.equal(termsOf(minimum, wish({ fulfilment: 'pickup' })), { feePaise: 0 });
  assert.equal(termsOf(minimum, wish({ valuePaise: 25_050 })), { feePaise: 0 });
});

test('the fee is that of the distance, then of the value; free above an amount', () => {
  const steps = [
    { fromMetres: 0, fromPaise: 0, feePaise: 3_000 },
    { fromMetres: 0, fromPaise: 50_000, feePaise: 1_500 },
    { fromMetres: 2_000, fromPaise: 0, feePaise: 5_000 },
  ];
  const fees = shop({
    area: { pincodes: null, within: { centre: HOME, radiusMetres: 9_000 } },
    fee: { steps, freeFromPaise: 1_00_000 },
  });
  const feeOf = (metres: number, valuePaise: number) =>
    termsOf(fees, wish({ coordinates: northOfHome(metres), valuePaise })).feePaise;
  assert.equal([feeOf(0, 49_999), feeOf(1_990, 50_000)], [3_000, 1_500]);
  assert.equal([feeOf(2_010, 50_000), feeOf(2_010, 1_00_000)], [5_000, 0]);
  assert.equal(termsOf(fees, wish({ valuePaise: 100 })), { feePaise: 3_000 });
  assert.equal(termsOf(fees, wish({ fulfilment: 'pickup' })), { feePaise: 0 });
});

test.run();
