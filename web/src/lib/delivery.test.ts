import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_DELIVERY, type DeliverySettings } from '#domain/stores/delivery.ts';
import { closedText, refusalOf } from './delivery.ts';

const delivery = suite('delivery');

const AT_MS = Date.parse('2026-11-21T08:00:00+05:30');

const shop = (settings: Partial<DeliverySettings>) => ({
  name: 'Asha Stores',
  pincode: '560001',
  state: '29',
  chargesTax: false,
  delivery: { ...DEFAULT_DELIVERY, ...settings },
});

const weekly = [{ weekday: 6, fromMinute: 570, toMinute: 1_320 }];
delivery('says why nothing can be ordered now', () => {
  assert.is(closedText(shop({}), AT_MS), null);
  const hours = { weekly, holidays: [] };
  assert.is(closedText(shop({ hours }), AT_MS), 'Closed now. Opens today at 09:30.');
  assert.match(closedText(shop({ hours, paused: true }), AT_MS)!, 'takes no orders just now');
});

delivery('takes the shopper to be near until they say where to', () => {
  const where = { fulfilment: 'delivery', state: null, coordinates: null } as const;
  const wish = { ...where, valuePaise: 10_000, hasSlot: false, atMs: AT_MS };
  assert.is(refusalOf(shop({}), { ...wish, pincode: null }), null);
  const refusal = refusalOf(shop({}), { ...wish, pincode: '600017' });
  assert.equal(refusal, { text: 'Asha Stores does not deliver to 600017.', passes: false });
  const paused = refusalOf(shop({ paused: true }), { ...wish, pincode: '600017' });
  assert.ok(paused?.passes);
});

delivery('reaches who is near enough, whatever their PIN code', () => {
  const centre = { latitude: 12.9716, longitude: 77.5946 };
  const near = shop({ area: { pincodes: [], within: { centre, radiusMetres: 1_000 } } });
  const where = { fulfilment: 'delivery', pincode: '560099', state: null } as const;
  const wish = { ...where, valuePaise: 10_000, hasSlot: false, atMs: AT_MS };
  assert.is(refusalOf(near, { ...wish, coordinates: centre }), null);
  assert.ok(refusalOf(near, { ...wish, coordinates: null }));
});

delivery.run();
