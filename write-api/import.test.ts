import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inventory, itemOf } from '../domain/inventory/inventory.ts';
import { openStore, startShop, type Shop, headOfCommands } from '../test/shop.ts';

type Report = {
  rows: number;
  published: number;
  updated: number;
  unchanged: number;
  reportedCount: number;
  reported: { row: number; reason: string }[];
  notes: string[];
};

const test = suite<{ shop: Shop; storeId: string }>('import');
test.before(async (context) => {
  context.shop = await startShop();
});
test.before.each(async (context) => {
  context.storeId = (await openStore(context.shop, [])).storeId;
});
test.after(({ shop }) => shop.stop());

const counts = ({ rows, published, updated, unchanged, reportedCount }: Report) => [
  rows,
  published,
  updated,
  unchanged,
  reportedCount,
];

test('every row is a listing, an update or an entry in the report', async ({ shop, storeId }) => {
  const list = ['sku,name,price,mrp', 'a,Salt,20,22', 'b,,10,', 'c,Rice,ten,', 'd,Oil,150,140'];
  const first = await shop.importCsv<Report>(storeId, list.join('\n'));
  assert.equal(counts(first.body), [4, 1, 0, 0, 3]);
  assert.equal(
    first.body.reported.map(({ row }) => row),
    [2, 3, 4],
  );
  list[1] = 'a,Salt,21,22';
  list[4] = 'd,Oil,140,140';
  const second = await shop.importCsv<Report>(storeId, list.join('\r\n'));
  assert.equal(counts(second.body), [4, 1, 1, 0, 2]);
});

test('the same file again appends no event', async ({ shop, storeId }) => {
  const list = 'sku,name,price,stock,name_hi\na,Salt,20,5,नमक\nb,Rice,60,,चावल\n';
  await shop.importCsv(storeId, list);
  const head = await headOfCommands(shop.client);
  const again = await shop.importCsv<Report>(storeId, list);
  assert.equal(counts(again.body), [2, 0, 0, 2, 0]);
  assert.is(await headOfCommands(shop.client), head);
});

test('the stock of a price list opens the books, and never goes over what was sold since', async ({
  shop,
  storeId,
}) => {
  const list = 'sku,name,price,stock\na,Salt,20,100\nb,Rice,60,50\nc,Oil,150,\n';
  const first = await shop.importCsv<Report>(storeId, list);
  assert.equal(first.body.notes, []);
  const lines = [{ sku: 'a', quantity: 3 }];
  await shop.write('POST', `/stores/${storeId}/stock/sell`, { lines });
  const more = list.replace('150,', '150,7').replace('60,50', '61,50');
  const again = await shop.importCsv<Report>(storeId, more);
  assert.equal(counts(again.body), [3, 0, 1, 2, 0]);
  assert.match(again.body.notes[0]!, /^The stock of 1 row was left .* count the shelf or enter/);
  const stock = await shop.handler.load(inventory, storeId, { fresh: true });
  const onHand = ['a', 'b', 'c'].map((sku) => itemOf(stock, sku).onHand);
  assert.equal(onHand, [97, 50, 7]);
});

test('text is trimmed of surrounding space, NBSP included, and nothing else', async (context) => {
  const { shop, storeId } = context;
  const name = 'Ma\u00a0Dal  "Special"\nline two \u00e2\u0080';
  const csv = `name,price,description,sku\n"\u00a0 ${name.replaceAll('"', '""')}\u00a0 ",1.05,"a\rb",x\n`;
  const { position } = await shop.importCsv(storeId, csv);
  const { body } = await shop.read(`/listings/${storeId}.x`, position);
  assert.is(body.name, name.trim());
  assert.is(body.description, 'a\rb');
  assert.is(body.pricePaise, 105);
});

test('columns are mapped by name or by ?map, and a wrong map says so', async ({
  shop,
  storeId,
}) => {
  const csv = 'Product,Sale Price,Index\nSalt,20,7\n';
  const mapped = await shop.importCsv<Report>(
    storeId,
    csv,
    'name:product,price:Sale Price,sku:index',
  );
  assert.equal(counts(mapped.body), [1, 1, 0, 0, 0]);
  for (const map of ['name:nothing,price:sale price', 'naam:product', 'name', '']) {
    const { status, body } = await shop.importCsv(storeId, csv, map);
    assert.equal([status, body.code], [400, 'INVALID_COLUMNS'], map);
  }
});

test('without a SKU column one is made, and rows that collide are reported', async (context) => {
  const { shop, storeId } = context;
  const csv =
    'name,brand,pack,price\nSalt,Sagar,1 kg,20\nSalt,Sagar,500 g,12\nsalt,SAGAR,1 kg,21\n';
  const first = await shop.importCsv<Report>(storeId, csv);
  assert.equal(counts(first.body), [3, 2, 0, 0, 1]);
  assert.is(first.body.reported[0]?.row, 3);
  assert.match(first.body.reported[0]!.reason, 'row 1');
  const again = await shop.importCsv<Report>(storeId, csv);
  assert.equal(counts(again.body), [3, 0, 0, 2, 1]);
});

test('a file that is torn anywhere changes nothing', async ({ shop, storeId }) => {
  const good = 'sku,name,price\n' + 'a,Salt,20\n'.repeat(300);
  const torn: [string, string | ReadableStream, string][] = [
    ['a torn quote', `${good}b,"Rice,10\nc,Oil,5\n`, 'INVALID_CSV'],
    ['text after a quote', `${good}b,"Rice" x,10\n`, 'INVALID_CSV'],
    ['broken UTF-8', new Blob([good, Buffer.from([0xff, 0xfe])]).stream(), 'INVALID_UTF8'],
    ['nothing', '', 'INVALID_CSV'],
    ['no name column', 'sku,price\na,1\n', 'INVALID_COLUMNS'],
    ['two name columns', 'name,name,price\na,b,1\n', 'INVALID_COLUMNS'],
  ];
  const head = await headOfCommands(shop.client);
  for (const [what, csv, code] of torn) {
    const { status, body } = await shop.importCsv(storeId, csv);
    assert.equal([status, body.code], [400, code], what);
    assert.type(body.detail, 'string');
  }
  assert.is(await headOfCommands(shop.client), head);
});

test('a GST rate is one that the law can have', async ({ shop, storeId }) => {
  const rates = ['0', '0.25', '3', '5', '12', '18', '28', '40', '40.01', '99.99', '-5', '5/2'];
  const rows = rates.map((rate, index) => `${index},Salt,20,${rate}`);
  const { body } = await shop.importCsv<Report>(
    storeId,
    ['sku,name,price,gst', ...rows].join('\n'),
  );
  assert.is(body.published, 8);
  assert.equal(
    body.reported.map(({ row }) => row),
    [9, 10, 11, 12],
  );
  assert.match(body.reported[1]!.reason, '"99.99" is above 40 %');
});

test('a row with too many cells, a NUL or a silly SKU is reported', async ({ shop, storeId }) => {
  const csv =
    'sku,name,price,gst,hsn,stock\na,b,1,5,0713,3,more\nb,x\0y,1,5,0713,3\n../c,z,1,5,0713,3\n' +
    'd,z,1,lots,0713,3\ne,z,1,5,07,3\nf,z,1,5,0713,-3\ng,z,1,5%,0713,3\n';
  const { body } = await shop.importCsv<Report>(storeId, csv);
  assert.equal(counts(body), [7, 1, 0, 0, 6]);
});

test('an unknown shop is 404 and a body of another kind 415', async ({ shop, storeId }) => {
  const unknown = await shop.importCsv('00000000-0000-5000-8000-000000000000', 'name,price\na,1\n');
  assert.is(unknown.status, 404);
  const json = await shop.write('POST', `/stores/${storeId}/imports`, { name: 'Salt' });
  assert.is(json.status, 415);
});

test('progress comes as it goes', async ({ shop, storeId }) => {
  const rows = Array.from({ length: 700 }, (_, i) => `s${i},Item ${i},${i + 1}`);
  const response = await fetch(`${shop.writeUrl}/stores/${storeId}/imports`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', accept: 'application/x-ndjson' },
    body: ['sku,name,price', ...rows].join('\n'),
  });
  const lines = (await response.text()).trim().split('\n');
  const steps = lines.map((line) => JSON.parse(line) as Report & { of?: number });
  assert.equal(steps[0], { rows: 256, of: 700 });
  assert.is(steps.at(-1)?.published, 700);
});

test.run();
