import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listing } from '../domain/catalogue/listing.ts';
import { openStore, startShop, type Shop } from '../test/shop.ts';
import { within } from '../test/promised-time.ts';
import { as } from '../test/write-api.ts';

type Page = {
  items: { listingId: string; name: string; pricePaise: number; stock: number | null }[];
  categories: { name: string; count: number }[];
  next: string | null;
};

const LIST = [
  'sku,name,name_hi,name_ta,brand,category,price,stock',
  'a,Toor dal,तूर दाल,துவரம் பருப்பு,Sagar,Dals,120,5',
  'b,Moong dal,मूंग दाल,பாசிப் பருப்பு,Sagar,Dals,110,0',
  'c,Basmati rice,बासमती चावल,பாஸ்மதி அரிசி,Himgiri,Rice,95.50,',
  'd,"100% atta",आटा,கோதுமை மாவு,Chakki,Flours,52,9',
].join('\n');

const NOBODY = '00000000-0000-4000-8000-000000000000';

type Context = { shop: Shop; storeId: string; position: string; clock: { now: Date } };
const test = suite<Context>('catalogue');
test.before(async (context) => {
  context.clock = { now: new Date() };
  context.shop = await startShop({ now: () => context.clock.now });
  context.storeId = (await openStore(context.shop, [])).storeId;
  context.position = (await context.shop.importCsv(context.storeId, LIST)).position!;
  await context.shop.read('/stores', context.position);
});
test.after(({ shop }) => shop.stop());

test('pages follow each other without a gap or a repeat', async ({ shop, storeId }) => {
  const names: string[] = [];
  let after = '';
  do {
    const { body } = await shop.read<Page>(`/stores/${storeId}/catalogue?limit=3${after}`);
    names.push(...body.items.map(({ name }) => name));
    after = body.next ? `&after=${body.next}` : '';
  } while (after);
  assert.equal(names, ['Moong dal', 'Toor dal', '100% atta', 'Basmati rice']);
});

test('aisles have counts, and one aisle shows its own', async ({ shop, storeId }) => {
  const { body } = await shop.read<Page>(`/stores/${storeId}/catalogue?category=Dals`);
  assert.equal(body.categories, [
    { name: 'Dals', count: 2 },
    { name: 'Flours', count: 1 },
    { name: 'Rice', count: 1 },
  ]);
  assert.equal(
    body.items.map(({ name, stock }) => [name, stock]),
    [
      ['Moong dal', 0],
      ['Toor dal', 5],
    ],
  );
});

test('words are found in any of the languages, in the brand, in any case', async (context) => {
  const { shop, storeId } = context;
  const found = async (q: string) => {
    const path = `/stores/${storeId}/catalogue?q=${encodeURIComponent(q)}`;
    return (await shop.read<Page>(path)).body.items.map(({ name }) => name);
  };
  assert.equal(await found('DAL'), ['Moong dal', 'Toor dal']);
  assert.equal(await found('sagar toor'), ['Toor dal']);
  assert.equal(await found('दाल'), ['Moong dal', 'Toor dal']);
  assert.equal(await found('அரிசி'), ['Basmati rice']);
  assert.equal(await found('100%'), ['100% atta']);
  assert.equal(await found('_'), []);
  assert.equal(await found('caviar'), []);
});

test('only the values of names are searched, and in either form of Unicode', async (context) => {
  const { shop } = context;
  const { storeId } = await openStore(shop, []);
  const csv =
    'sku,name,name_hi,name_ta,price\nA1,Milk 500 ml,दूध,,30\nA2,Curd 400 g,,தயிர்,35\n' +
    'A3,Bread,,,40\nA4,Nescaf\u00e9,क्\u200dष,,40\n';
  const { position } = await shop.importCsv(storeId, csv);
  const found = async (q: string) => {
    const path = `/stores/${storeId}/catalogue?q=${encodeURIComponent(q)}`;
    return (await shop.read<Page>(path, position)).body.items.map(({ name }) => name);
  };
  for (const q of ['hi', 'ta', '{', '"', ':']) assert.equal(await found(q), [], q);
  assert.equal(await found('दूध'), ['Milk 500 ml']);
  assert.equal(await found('Nescafe\u0301'), ['Nescaf\u00e9']);
  assert.equal(await found('NESCAF\u00c9'), ['Nescaf\u00e9']);
  assert.equal(await found('क्ष'), ['Nescaf\u00e9']);
});

test('what was kept in another form of Unicode is found, and shown in one', async ({ shop }) => {
  const { storeId } = await openStore(shop, []);
  const data = { name: 'Nescafe\u0301', category: 'Cafe\u0301', pricePaise: 9_900 };
  const id = `${storeId}.old`;
  await shop.handler.handle(listing, id, { type: 'PublishListing', data }, as());
  const { position } = await shop.importCsv(storeId, 'sku,name,price\nx,Salt,20\n');
  for (const category of ['Cafe\u0301', 'Caf\u00e9']) {
    const path = `/stores/${storeId}/catalogue?category=${encodeURIComponent(category)}`;
    const { items } = (await shop.read<Page>(path, position)).body;
    assert.equal(
      items.map(({ name }) => name),
      ['Nescaf\u00e9'],
    );
  }
});

test('packs are read beside their text, and give a unit price', async ({ shop }) => {
  const { storeId } = await openStore(shop, []);
  const list = (rows: string[]) => ['sku,name,price,pack,grams_each', ...rows].join('\n');
  const rows = [
    'a,Dal,120,1kg,',
    'b,Rice,90,2 x 250 g,',
    'c,Oil,150,1000,',
    'd,Papaya,55,1 piece,800',
  ];
  await shop.importCsv(storeId, list(rows));
  const dearer = rows.map((row) => row.replace('120', '130'));
  const { position } = await shop.importCsv(storeId, list(dearer));
  type Sized = { items: { pack: string; packSize: unknown; unitPrice: unknown }[] };
  const { body } = await shop.read<Sized>(`/stores/${storeId}/catalogue`, position);
  const g = (count: number, amount: number) => ({ count, amount, unit: 'g' });
  assert.equal(
    body.items.map(({ pack, packSize, unitPrice }) => [pack, packSize, unitPrice]),
    [
      ['1kg', g(1, 1_000), { paise: 13_000, per: 'kg' }],
      ['1000', null, null],
      ['1 piece', g(1, 800), { paise: 7, per: 'g' }],
      ['2 x 250 g', g(2, 250), { paise: 18, per: 'g' }],
    ],
  );
});

test('what is weighed when it is packed says so on the shelf, by itself and in a cart', async ({
  shop,
}) => {
  type Weighed = { gramsEach: number | null };
  const { storeId } = await openStore(shop, []);
  const papaya = `${storeId}.papaya`;
  const list = (grams: string) =>
    shop.importCsv(storeId, `sku,name,price,grams_each\npapaya,Papaya,55,${grams}`);
  const { position } = await list('1000');
  const shelf = await shop.read<{ items: Weighed[] }>(`/stores/${storeId}/catalogue`, position);
  assert.is(shelf.body.items[0]?.gramsEach, 1_000);
  assert.is((await shop.read<Weighed>(`/listings/${papaya}`)).body.gramsEach, 1_000);
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  const put = await shop.write('PUT', `/carts/${body.cartId}/items/${papaya}`, { quantity: 2 });
  type Cart = { stores: { lines: Weighed[] }[] };
  const cart = await shop.read<Cart>(`/carts/${body.cartId}`, put.position);
  assert.is(cart.body.stores[0]?.lines[0]?.gramsEach, 1_000);

  const changed = await list('');
  const now = await shop.read<Weighed>(`/listings/${papaya}`, changed.position);
  assert.is(now.body.gramsEach, null);
});

test('shops are found by their PIN code’s district', async ({ shop, storeId }) => {
  const ids = async (query: string) =>
    (await shop.read<{ stores: { storeId: string }[] }>(`/stores${query}`)).body.stores.map(
      (store) => store.storeId,
    );
  assert.ok((await ids('?pin=560095')).includes(storeId));
  assert.not.ok((await ids('?pin=110001')).includes(storeId));
  assert.ok((await ids('')).includes(storeId));
  assert.is((await shop.read('/stores?pin=12')).status, 400);
});

test('shops come in pages: those of the PIN code itself first, and none is pushed out', async ({
  shop,
}) => {
  type Stores = { stores: { storeId: string; pincode: string }[]; next: string | null };
  const opened = [];
  for (let i = 0; i < 5; i++) opened.push((await openStore(shop, [])).storeId);
  const { position } = await shop.importCsv(opened[0]!, 'sku,name,price\nx,Y,1\n');
  const { body: whole } = await shop.read<Stores>('/stores?pin=560095', position);
  assert.is(whole.next, null);
  for (const id of opened) assert.ok(whole.stores.some(({ storeId }) => storeId === id));
  const seen: string[] = [];
  let next = '';
  do {
    const { body } = await shop.read<Stores>(`/stores?pin=560095&limit=2${next}`);
    assert.ok(body.stores.length <= 2);
    seen.push(...body.stores.map(({ storeId }) => storeId));
    next = body.next ? `&after=${body.next}` : '';
  } while (next);
  assert.equal(
    seen,
    whole.stores.map(({ storeId }) => storeId),
  );
  for (const wrong of ['limit=0', 'limit=201', 'after=nonsense', 'after=W10']) {
    assert.is((await shop.read(`/stores?${wrong}`)).status, 400, wrong);
  }
});

test('a public answer may be kept by anybody, and is known by its tag', async ({
  shop,
  storeId,
}) => {
  const { headers } = await shop.read(`/stores/${storeId}/catalogue`);
  assert.match(headers.get('cache-control')!, /public.*s-maxage=\d+.*stale-while-revalidate/);
  assert.is(headers.get('cache-tag'), `store-${storeId}`);
  assert.is(headers.get('set-cookie'), null);
  assert.ok(headers.get('doorstep-position'));
  const etag = headers.get('etag')!;
  const again = await shop.read(`/stores/${storeId}/catalogue`, null, { 'if-none-match': etag });
  assert.is(again.status, 304);
});

test('a new price is to be seen by whoever sends its position', async ({ shop, storeId }) => {
  const path = `/listings/${storeId}.a`;
  assert.is((await shop.read(path)).body.pricePaise, 12_000);
  const { position } = await shop.importCsv(storeId, 'sku,name,price\na,Toor dal,119\n');
  assert.is((await shop.read(path, position)).body.pricePaise, 11_900);
  const page = await shop.read<Page>(`/stores/${storeId}/catalogue?q=toor`, position);
  assert.is(page.body.items[0]?.pricePaise, 11_900);
});

test('a rate of tax that was announced is shown from midnight in India on', async ({
  shop,
  storeId,
  clock,
}) => {
  const path = `/listings/${storeId}.dal`;
  const rates = (rate: string) => `sku,name,price,gst,gst_from\ndal,Dal,105,${rate}\n`;
  await shop.importCsv(storeId, rates('12,2017-07-01'));
  const { position } = await shop.importCsv(storeId, rates('5,2099-01-01'));
  const seen: unknown[] = [];
  for (const at of ['2098-12-31T18:29:59Z', '2098-12-31T18:30:00Z']) {
    clock.now = new Date(at);
    seen.push((await shop.read(path, position)).body.gstPercent);
  }
  assert.equal(seen, [12, 5]);
});

test('a position that nobody has reached is "not yet", within a second or so', async ({ shop }) => {
  const started = performance.now();
  const far = { 'doorstep-position': '999999999' };
  const answer = await fetch(`${shop.readUrl}/stores`, { headers: far });
  const { code } = (await answer.json()) as { code: string };
  assert.equal([answer.status, code], [503, 'NOT_YET']);
  assert.is(answer.headers.get('retry-after'), '1');
  within(3_000, performance.now() - started, 'a position that nobody has reached is refused');
});

test('bad questions are told what is wrong', async ({ shop, storeId }) => {
  const bad: [number, string][] = [
    [400, '/stores/nobody'],
    [404, `/stores/${NOBODY}`],
    [404, `/stores/${NOBODY}/catalogue`],
    [404, '/listings/nobody.1'],
    [404, '/nothing'],
    [400, `/stores/${storeId}/catalogue?limit=0`],
    [400, `/stores/${storeId}/catalogue?limit=101`],
    [400, `/stores/${storeId}/catalogue?after=nonsense`],
    [400, `/stores/${storeId}/catalogue?sort=price`],
    [400, '/carts/not-an-id'],
    [404, '/carts/00000000-0000-4000-8000-000000000000'],
    [404, '/orders/00000000-0000-4000-8000-000000000000'],
    [404, '/orders/00000000-0000-4000-8000-000000000000/live'],
    [404, `/stores/${NOBODY}/board/live`],
  ];
  for (const [status, path] of bad) {
    const answer = await shop.read(path);
    assert.is(answer.status, status, path);
    assert.match(answer.headers.get('content-type')!, 'application/problem+json');
    assert.match(answer.headers.get('cache-control')!, 'no-store');
  }
  assert.is((await shop.read('/stores', 'soon')).status, 400);
});

test('both APIs describe themselves', async ({ shop }) => {
  const read = await shop.read<{ paths: object }>('/openapi.json');
  const write = await (await fetch(`${shop.writeUrl}/openapi.json`)).json();
  assert.ok('/api/read/stores/{storeId}/catalogue' in read.body.paths);
  assert.ok('/api/write/carts/{cartId}/items/{listingId}' in (write as { paths: object }).paths);
});

test.run();
