import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listing, listingId, type ListingWish } from '../domain/catalogue/listing.ts';
import { SINCE_EVER, ratesOfLaw, type GstRate } from '../domain/money/tax.ts';
import { isStorable } from '../platform/text.ts';
import { headOfCommands, openStore, startShop, type Shop } from '../test/shop.ts';
import { as } from '../test/write-api.ts';

const test = suite<{ shop: Shop }>('price list');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

type Report = { unchanged: number; reported: unknown[] };

/** A shop's own price list, with everything that was done until now. */
async function listOf(shop: Shop, storeId: string, query = ''): Promise<string> {
  const { position } = await shop.importCsv(storeId, 'sku,name,price\nlast,Last,1\n');
  await shop.read('/stores', position);
  const path = `${shop.readUrl}/stores/${storeId}/price-list${query}`;
  const response = await fetch(path, { headers: shop.asShop(storeId) });
  assert.is(response.status, 200);
  assert.match(response.headers.get('content-type')!, 'text/csv');
  assert.is(response.headers.get('cache-control'), 'private, no-store');
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await response.arrayBuffer());
}

/** Text that is awkward in a table, as an import would keep it. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.constantFrom(
        '&',
        '&amp;',
        '&#39;',
        '"',
        ',',
        ';',
        '\t',
        '\n',
        '\r',
        '\r\n',
        '|',
        '=',
        "'",
      ),
      fc.constantFrom('नमक', 'உப்பு', 'क्‍ष', '1 kg', '12,50', '0'),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((parts) =>
    parts
      .join('')
      .normalize('NFC')
      .replace(/^[\s\p{Cf}]+|[\s\p{Cf}]+$/gu, ''),
  )
  .filter((one) => one !== '' && isStorable(one));
const orNone = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null });

const rate: fc.Arbitrary<GstRate> = fc
  .constantFrom(SINCE_EVER, '2017-07-01', '2025-09-22', '2026-02-01', '2099-04-01')
  .chain((gstFrom) =>
    fc.record({
      gstFrom: fc.constant(gstFrom),
      gstPercent: orNone(fc.constantFrom(...ratesOfLaw(gstFrom))),
    }),
  );

const wish: fc.Arbitrary<ListingWish> = fc
  .record({
    name: text,
    names: fc.record({ hi: orNone(text), ta: orNone(text) }),
    brand: orNone(text),
    category: text,
    subcategory: orNone(text),
    pack: orNone(text),
    description: orNone(text),
    hsn: orNone(fc.constantFrom('0713', '100630', '09103020')),
    gramsEach: orNone(fc.integer({ min: 1, max: 99_999 })),
    pricePaise: fc.integer({ min: 1, max: 99_999_999 }),
    aboveMrp: orNone(fc.integer({ min: 0, max: 10_000 })),
    rate,
  })
  .map(({ aboveMrp, rate: { gstFrom, gstPercent }, ...rest }) => ({
    ...rest,
    gstFrom,
    gstPercent,
    mrpPaise: aboveMrp === null ? null : rest.pricePaise + aboveMrp,
  }));

test('a list that is exported imports again without a change, whatever is in it', async ({
  shop,
}) => {
  const lists = fc.array(fc.record({ first: wish, later: rate }), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(lists, async (items) => {
      const { storeId } = await openStore(shop, []);
      await Promise.all(
        items.map(async ({ first, later }, index) => {
          const id = listingId(storeId, `s${index}`);
          for (const data of [first, { ...first, ...later }]) {
            await shop.handler.handle(listing, id, { type: 'PublishListing', data }, as());
          }
        }),
      );
      const list = await listOf(shop, storeId);
      const head = await headOfCommands(shop.client);
      const { status, body } = await shop.importCsv<Report>(storeId, list, { mode: 'full' });
      assert.equal([status, body.unchanged, body.reported], [200, items.length + 1, []]);
      assert.is(await headOfCommands(shop.client), head);
    }),
    { numRuns: 12 },
  );
});

test('it has what is for sale, page by page, and on demand what is not', async ({ shop }) => {
  const { storeId } = await openStore(shop, []);
  const rows = Array.from({ length: 2_100 }, (_, index) => `s${index},Item ${index},${index + 1}`);
  await shop.importCsv(storeId, ['sku,name,price', ...rows].join('\n'));
  const path = `/stores/${storeId}/listings/s7/withdrawn`;
  await shop.write('PUT', path, { withdrawn: true }, shop.asShop(storeId));
  const list = await listOf(shop, storeId);
  assert.is(list.trim().split('\r\n').length, 1 + 2_100);
  assert.not.match(list, 's7,');
  assert.match(list, /^\ufeffsku,name,name_hi,/);
  const all = await listOf(shop, storeId, '?withdrawn=too');
  assert.is(all.trim().split('\r\n').length, 1 + 2_101);
  assert.match(all, /\r\ns7,Item 7,.*,20\d\d-[^,]+Z\r\n/);
});

test('it is for the shop, and of a shop that there is', async ({ shop }) => {
  const { storeId } = await openStore(shop, []);
  const path = (id: string) => `${shop.readUrl}/stores/${id}/price-list`;
  assert.is((await fetch(path(storeId))).status, 401);
  const nobody = '00000000-0000-5000-8000-000000000000';
  assert.is((await fetch(path(nobody), { headers: shop.asShop(nobody) })).status, 404);
});

test.run();
