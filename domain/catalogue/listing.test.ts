import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { listing, type ListingCommand, type ListingEvent, type ListingWish } from './listing.ts';
import { given } from '../../test/given.ts';

const full = {
  name: 'Toor dal',
  names: { hi: 'तूर दाल' },
  brand: null,
  category: 'Dals & pulses',
  subcategory: null,
  pack: '1 kg',
  description: null,
  hsn: '0713',
  gramsEach: null,
  gstPercent: 0,
  gstFrom: '',
  pricePaise: 12_000,
  mrpPaise: 13_000,
};
const published: ListingEvent = { type: 'ListingPublished', data: full };
const publish = (data: ListingWish): ListingCommand => ({
  type: 'PublishListing',
  data,
});

test('a first wish publishes, with what it leaves out unsaid', () => {
  given(listing)
    .when(publish({ name: 'Toor dal', pricePaise: 12_000 }))
    .gives({
      type: 'ListingPublished',
      data: {
        ...full,
        names: {},
        category: 'Other',
        pack: null,
        hsn: null,
        gstPercent: null,
        mrpPaise: null,
      },
    });
});

test('the same wish again changes nothing, nor does one that leaves things out', () => {
  given(listing, published).when(publish(full)).gives();
  given(listing, published)
    .when(publish({ name: 'Toor dal', pricePaise: 12_000 }))
    .gives();
});

test('what differs, and only that, is described or priced anew', () => {
  given(listing, published)
    .when(publish({ ...full, pack: '500 g', pricePaise: 6_500 }))
    .gives(
      { type: 'ListingDescribed', data: { pack: '500 g' } },
      { type: 'PriceSet', data: { pricePaise: 6_500, mrpPaise: 13_000 } },
    );
});

test('a price above the MRP is refused, also above one that was set before', () => {
  given(listing)
    .when(publish({ name: 'Dal', pricePaise: 101, mrpPaise: 100 }))
    .rejected('PRICE_ABOVE_MRP');
  given(listing, published)
    .when(publish({ name: 'Toor dal', pricePaise: 13_001 }))
    .rejected('PRICE_ABOVE_MRP');
});

test('a rate holds from a day on, and what it was before stays known', () => {
  const set = (gstFrom: string, gstPercent: number | null): ListingEvent => ({
    type: 'GstRateSet',
    data: { gstFrom, gstPercent },
  });
  const wish = { name: 'Toor dal', pricePaise: 12_000 };
  given(listing, published)
    .when(publish({ ...wish, gstPercent: 5, gstFrom: '2025-09-22' }))
    .gives(set('2025-09-22', 5));
  const since = given(listing, published, set('2025-09-22', 5));
  since.when(publish({ ...wish, gstPercent: 5, gstFrom: '2026-11-21' })).gives();
  since.when(publish({ ...wish, gstPercent: 0, gstFrom: '2025-09-21' })).gives();
  since
    .when(publish({ ...wish, gstPercent: 18, gstFrom: '2026-11-21' }))
    .gives(set('2026-11-21', 18));
  since.when(publish(wish)).gives();
});

test('an older log has the rate in the description: it has held since ever', () => {
  const old: ListingEvent = { type: 'ListingDescribed', data: { gstPercent: 12 } };
  const { state } = given(listing, published, old);
  assert.equal(state.published && state.gstRates, [{ gstFrom: '', gstPercent: 12 }]);
});

test('a name in one language leaves the others, and an empty one takes itself away', () => {
  const named = { hi: 'तूर दाल', ta: 'துவரம் பருப்பு' };
  const both: ListingEvent = { type: 'ListingDescribed', data: { names: named } };
  const wish = { name: 'Toor dal', pricePaise: 12_000 };
  given(listing, published)
    .when(publish({ ...wish, names: { ta: named.ta } }))
    .gives(both);
  const since = given(listing, published, both);
  since.when(publish({ ...wish, names: { hi: named.hi } })).gives();
  since
    .when(publish({ ...wish, names: { hi: 'अरहर दाल' } }))
    .gives({ type: 'ListingDescribed', data: { names: { ...named, hi: 'अरहर दाल' } } });
  since
    .when(publish({ ...wish, names: { hi: null } }))
    .gives({ type: 'ListingDescribed', data: { names: { ta: named.ta } } });
});

test('a text in another of Unicode’s forms is the same text', () => {
  const data = { ...full, name: 'Nescafe\u0301', names: {} };
  given(listing, { type: 'ListingPublished', data })
    .when(publish({ name: 'Nescaf\u00e9', pricePaise: 12_000 }))
    .gives();
});

const withdrawn: ListingEvent = { type: 'ListingWithdrawn', data: {} };
const relisted: ListingEvent = { type: 'ListingRelisted', data: {} };

test('a listing is withdrawn once, and relisted once', () => {
  const withdraw: ListingCommand = { type: 'WithdrawListing', data: {} };
  const relist: ListingCommand = { type: 'RelistListing', data: {} };
  given(listing, published).when(withdraw).gives(withdrawn);
  given(listing, published, withdrawn).when(withdraw).gives();
  given(listing, published, withdrawn).when(relist).gives(relisted);
  given(listing, published, withdrawn, relisted).when(relist).gives();
  for (const command of [withdraw, relist]) {
    given(listing).when(command).rejected('LISTING_NOT_FOUND');
  }
});

test('what was withdrawn and is in a list again is for sale again, with what changed since', () => {
  given(listing, published, withdrawn).when(publish(full)).gives(relisted);
  given(listing, published, withdrawn)
    .when(publish({ ...full, pricePaise: 11_000 }))
    .gives(relisted, { type: 'PriceSet', data: { pricePaise: 11_000, mrpPaise: 13_000 } });
});

test.run();
