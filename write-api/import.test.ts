import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inventory, itemOf } from '../domain/inventory/inventory.ts';
import { listing, listingId } from '../domain/catalogue/listing.ts';
import type { ImportReport, Unconfirmed } from '../domain/catalogue/price-list.ts';
import { noteDropped } from '../engine/parking.ts';
import { damage } from '../test/damage.ts';
import { openStore, startShop, type Shop, headOfCommands } from '../test/shop.ts';
import { as } from '../test/write-api.ts';

type Refusal = Unconfirmed & { code: string; detail: string };

const test = suite<{ shop: Shop; storeId: string }>('import');
test.before(async (context) => {
  context.shop = await startShop();
});
test.before.each(async (context) => {
  context.storeId = (await openStore(context.shop, [])).storeId;
});
test.after(({ shop }) => shop.stop());

const counts = ({ rows, published, updated, unchanged, reportedCount }: ImportReport) => [
  rows,
  published,
  updated,
  unchanged,
  reportedCount,
];

test('every row is a listing, an update or an entry in the report', async ({ shop, storeId }) => {
  const list = ['sku,name,price,mrp', 'a,Salt,20,22', 'b,,10,', 'c,Rice,ten,', 'd,Oil,150,140'];
  const first = await shop.importCsv<ImportReport>(storeId, list.join('\n'));
  assert.equal(counts(first.body), [4, 1, 0, 0, 3]);
  assert.equal(
    first.body.reported.map(({ row }) => row),
    [3, 4, 5],
  );
  list[1] = 'a,Salt,21,22';
  list[4] = 'd,Oil,140,140';
  const second = await shop.importCsv<ImportReport>(storeId, list.join('\r\n'));
  assert.equal(counts(second.body), [4, 1, 1, 0, 2]);
});

test('the same file again appends no event', async ({ shop, storeId }) => {
  const list = 'sku,name,price,stock,name_hi\na,Salt,20,5,नमक\nb,Rice,60,,चावल\n';
  await shop.importCsv(storeId, list);
  const head = await headOfCommands(shop.client);
  const again = await shop.importCsv<ImportReport>(storeId, list);
  assert.equal(counts(again.body), [2, 0, 0, 2, 0]);
  assert.is(await headOfCommands(shop.client), head);
});

test('the stock of a price list opens the books, and never goes over what was sold since', async ({
  shop,
  storeId,
}) => {
  const list = 'sku,name,price,stock\na,Salt,20,100\nb,Rice,60,50\nc,Oil,150,\n';
  const first = await shop.importCsv<ImportReport>(storeId, list);
  assert.equal(first.body.notes, []);
  const lines = [{ sku: 'a', quantity: 3 }];
  await shop.write('POST', `/stores/${storeId}/stock/sell`, { lines });
  const more = list.replace('150,', '150,7').replace('60,50', '61,50');
  const again = await shop.importCsv<ImportReport>(storeId, more);
  assert.equal(counts(again.body), [3, 0, 1, 2, 0]);
  assert.match(again.body.notes[0]!, /^The stock of 1 row was left .* count the shelf or enter/);
  const stock = await shop.handler.load(inventory, storeId, { fresh: true });
  const onHand = ['a', 'b', 'c'].map((sku) => itemOf(stock, sku).onHand);
  assert.equal(onHand, [97, 50, 7]);
});

test('where the books cannot be read, the listings come and each stock is told of', async ({
  shop,
  storeId,
}) => {
  const stream = `inventory-${storeId}`;
  const drop = await damage(shop.client, stream, 'SafetyBufferSet');
  const list = 'sku,name,price,stock\na,Salt,20,100\nb,,10,5\nc,Rice,60,\nd,Oil,150,7\n';
  const rehearsal = await shop.importCsv<ImportReport>(storeId, list, { 'dry-run': '' });
  const { status, body } = await shop.importCsv<ImportReport>(storeId, list);
  for (const report of [rehearsal.body, body]) {
    assert.equal(counts(report), [4, 3, 0, 0, 3]);
    assert.is(report.refused, 1);
    assert.equal(
      report.reported.map(({ row }) => row),
      [2, 3, 5],
    );
    const why = new RegExp(
      `Its stock was not taken: event 0 of ${stream} .SafetyBufferSet. cannot be read`,
    );
    assert.match(report.reported[0]!.reason, why);
    assert.match(report.reported[2]!.reason, why);
  }
  assert.is(status, 200);
  await noteDropped(shop.client, drop, 'test');
  const again = await shop.importCsv<ImportReport>(storeId, list);
  assert.equal(counts(again.body), [4, 0, 0, 3, 1]);
  const stock = await shop.handler.load(inventory, storeId, { fresh: true });
  assert.equal(
    ['a', 'c', 'd'].map((sku) => itemOf(stock, sku).onHand),
    [100, null, 7],
  );
});

test('a listing that cannot be read is told of, and the rest of the list goes on', async ({
  shop,
  storeId,
}) => {
  const list = 'sku,name,price,stock\na,Salt,20,1\nb,Rice,60,2\nc,Oil,150,3\nd,Dal,90,4\n';
  await shop.importCsv<ImportReport>(storeId, list);
  await damage(shop.client, `listing-${storeId}.b`, 'PriceSet');
  await damage(shop.client, `listing-${storeId}.d`, 'PriceSet');
  const shorter = 'sku,name,price,stock\na,Salt,21,1\nb,Rice,61,2\n';
  const mode = { mode: 'full' };
  const unconfirmed = await shop.importCsv<Refusal>(storeId, shorter, mode);
  assert.is(unconfirmed.status, 409);
  const confirm = { ...mode, confirm: unconfirmed.body.digest };
  for (const asked of [{ ...confirm, 'dry-run': '' }, confirm] as Record<string, string>[]) {
    const { status, body } = await shop.importCsv<ImportReport>(storeId, shorter, asked);
    assert.is(status, 200);
    assert.equal([...counts(body), body.refused, body.withdrawn], [2, 0, 1, 0, 1, 1, 1]);
    assert.is(body.reported[0]?.row, 3);
    assert.match(body.reported[0]!.reason, `event 1 of listing-${storeId}.b (PriceSet) cannot be`);
    assert.match(body.notes.join(), /1 listing could not be withdrawn \(d\): event 1 of listing-/);
  }
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
  const mapped = await shop.importCsv<ImportReport>(
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
  const first = await shop.importCsv<ImportReport>(storeId, csv);
  assert.equal(counts(first.body), [3, 2, 0, 0, 1]);
  assert.is(first.body.reported[0]?.row, 4);
  assert.match(first.body.reported[0]!.reason, 'pack as row 2');
  assert.match(first.body.reported[0]!.reason, 'give them SKUs');
  const again = await shop.importCsv<ImportReport>(storeId, csv);
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

test('a GST rate is one that the law has on the day from which it holds', async ({
  shop,
  storeId,
}) => {
  const taken = [
    '0',
    '0.25',
    '1.5',
    '3',
    '5',
    '5 %',
    '18',
    '18.00',
    '40',
    'Nil',
    'exempt',
    '12,2017-07-01',
    '28,21-09-2025',
    '28,2025-09-22',
    '28,31-Jan-2026',
    '40,22/09/2025',
  ];
  const refused = [
    '0.18',
    '0.05',
    '1.8',
    '7',
    '12',
    '28',
    '40.01',
    '99.99',
    '-5',
    '5/2',
    'lots',
    '12,2025-09-22',
    '28,2026-02-01',
    '40,2025-09-21',
    '5,31-02-2026',
    '5,09/22/2025',
  ];
  const rows = [...taken, ...refused].map((rate, index) => `${index},Salt,20,${rate}`);
  const { body } = await shop.importCsv<ImportReport>(
    storeId,
    ['sku,name,price,gst,gst_from', ...rows].join('\n'),
  );
  assert.equal(body.reported.length, refused.length, JSON.stringify(body.reported));
  assert.equal(
    body.reported.map(({ row }) => row),
    refused.map((_, index) => taken.length + index + 2),
  );
  assert.is(body.published, taken.length);
  const [fraction, , , , twelve] = body.reported;
  assert.match(fraction!.reason, 'A spreadsheet writes 18 % as 0.18: enter 18.');
  assert.match(twelve!.reason, 'no goods have a GST of "12": the rates are 0, 0.25, 1.5, 3, 5');
});

test('a row with too many cells, a NUL, a silly SKU or no tax is refused, one with odd cells stands', async ({
  shop,
  storeId,
}) => {
  const csv =
    'sku,name,price,gst,hsn,stock\na,b,1,5,0713,3,more\nb,x\0y,1,5,0713,3\n../c,z,1,5,0713,3\n' +
    'd,z,1,lots,0713,3\ne,z,1,5,07,3\nf,z,1,5,0713,-3\ng,z,1,5%,0713,3\n';
  const { body } = await shop.importCsv<ImportReport>(storeId, csv);
  assert.equal(counts(body), [7, 3, 0, 0, 6]);
  assert.equal(
    body.reported.map(({ row, reason }) => [row, reason.includes('the rest of the row was taken')]),
    [
      [2, false],
      [3, false],
      [4, false],
      [5, false],
      [6, true],
      [7, true],
    ],
  );
  assert.is(body.refused, 4);
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
    headers: {
      ...shop.asShop(storeId),
      'content-type': 'text/csv',
      accept: 'application/x-ndjson',
    },
    body: ['sku,name,price', ...rows].join('\n'),
  });
  const lines = (await response.text()).trim().split('\n');
  const steps = lines.map((line) => JSON.parse(line) as ImportReport & { of?: number });
  assert.equal(steps[0], { rows: 256, of: 700 });
  assert.is(steps.at(-1)?.published, 700);
});

/** A list, and the price or the reason of each of its rows, by their SKUs or names. */
async function outcome(
  { shop, storeId }: { shop: Shop; storeId: string },
  csv: string | Uint8Array<ArrayBuffer>,
  query: Record<string, string> = {},
): Promise<ImportReport> {
  const { status, body } = await shop.importCsv<ImportReport>(storeId, csv, query);
  assert.is(status, 200, JSON.stringify(body));
  assert.is(body.rows, body.published + body.updated + body.unchanged + body.refused);
  return body;
}

const stateOf = async ({ shop, storeId }: { shop: Shop; storeId: string }, sku: string) => {
  const state = await shop.handler.load(listing, listingId(storeId, sku), { fresh: true });
  if (!state.published) throw new Error(`${sku} is not listed`);
  return state;
};

test('commas that group nothing are refused with their row', async (context) => {
  const csv =
    'sku,name,price\nA1,Curd 400 g,"12,50"\nA2,Milk 500 ml,",45"\nA3,Bread,"45,"\n' +
    'A4,Oil,"1,2,3"\nA5,Rice 25 kg,"1,29,900.00"\nA6,Dal,"1,299.00"\n';
  const { published, reported } = await outcome(context, csv);
  assert.is(published, 2);
  assert.equal(
    reported.map(({ row }) => row),
    [2, 3, 4, 5],
  );
  assert.match(reported[0]!.reason, 'The price "12,50" is not an amount in rupees');
  assert.is((await stateOf(context, 'A5')).pricePaise, 12_990_000);
});

test('cells that are missing or empty at the end are nothing, one with text too many is', async (context) => {
  const short =
    'sku,name,price,mrp,description\nA1,Rice 5 kg,450,500,Sona\nA2,Toor dal 1 kg,160\n' +
    'A3,Salt 1 kg,28,30\n';
  assert.is((await outcome(context, short)).published, 3);
  const long = 'sku,name,price\nB1,Rice 5 kg,450,,\nB2,Toor dal 1 kg,160,, \nB3,Salt,28,,x\n';
  const { published, reported } = await outcome(context, long);
  assert.is(published, 2);
  assert.equal(
    reported.map(({ row }) => row),
    [4],
  );
});

test('lines end as they end, in one file in three ways', async (context) => {
  const csv = 'sku,name,price\r\nA1,Rice,450\nA2,"Dal\nsplit",160\rA3,Salt,28\n';
  assert.is((await outcome(context, csv)).published, 3);
});

test('whatever separates the columns, and whatever stands above them, a list is read', async (context) => {
  const lists: [what: string, csv: string, refusedRow: number][] = [
    ['semicolons', 'sku;name;price\nA;Rice, raw;450\nB;;1\n', 3],
    ['tabs', 'sku\tname\tprice\nA\tRice\t450\nB\t\t1\n', 3],
    ['bars', 'sku|name|price\nA|Rice|450\nB||1\n', 3],
    // Excel does not show that line.
    ['sep=;', 'sep=;\nsku;name;price\nA;Rice;450\nB;;1\n', 3],
    ['sep=,', '\ufeffsep=,\r\nsku,name,price\r\nA,Rice,450\r\nB,,1\r\n', 3],
    ['titles', 'Lakshmi Stores\n"Price list, November"\n\nsku,name,price\nA,Rice,450\nB,,1\n', 6],
    ['empty lines', '\n\nsku,name,price\n\n,,\nA,Rice,450\n,,\nB,,1\n', 8],
  ];
  for (const [what, csv, refusedRow] of lists) {
    const { rows, refused, reported } = await outcome(context, csv);
    assert.equal([rows, refused], [2, 1], what);
    assert.equal(
      reported.map(({ row }) => row),
      [refusedRow],
      what,
    );
  }
});

test('text comes in the encodings that spreadsheets save', async (context) => {
  const csv = 'sku,name,price\nA,Nescafé – “Gold”,450\n';
  const utf16 = Buffer.from(`\ufeff${csv}`, 'utf16le');
  const windows = Buffer.from(
    csv.replace('–', '\x96').replace('“', '\x93').replace('”', '\x94'),
    'latin1',
  );
  for (const bytes of [utf16, Buffer.from(utf16).swap16(), utf16.subarray(2), windows]) {
    await outcome(context, new Uint8Array(bytes));
    assert.is((await stateOf(context, 'A')).name, 'Nescafé – “Gold”');
  }
  const torn = new Uint8Array(utf16.subarray(0, -1));
  const { status, body } = await context.shop.importCsv(context.storeId, torn);
  assert.equal([status, body.code], [400, 'INVALID_UTF8']);
});

test('a row without anything in it is none', async (context) => {
  const { rows, published, reported } = await outcome(
    context,
    'sku,name,price\nA1,Rice 5 kg,450\n,,\n,,\n , ,\nA2,Toor dal,160\n',
  );
  assert.equal([rows, published, reported], [2, 2, []]);
});

test('a header that lacks a column says which ones there are', async ({ shop, storeId }) => {
  const { body } = await shop.importCsv<Refusal>(storeId, 'code;item;rate\nA;Rice;1\n');
  assert.is(body.code, 'INVALID_COLUMNS');
  assert.match(
    body.detail,
    'No column for name and price in the header; it has "code", "item", "rate"',
  );
  const map = 'name:item,price:"rate, incl. GST"';
  const csv = 'item,"Rate, incl. GST"\nRice,450\n';
  assert.is((await outcome({ shop, storeId }, csv, { map })).published, 1);
});

test('plain cells are read as shops spell them', async (context) => {
  const csv =
    'sku,name,price,stock,hsn,gst,gst_from\nA1,Rice,₹ 45/-,,,,\nA2,Dal,45,10.0,,,\n' +
    'A3,Ghee,45,,1006 30 20,,\nA4,Milk,45,,401,,\nA5,Turmeric,45,,9103020,,\nA6,Salt,45,,,Nil,\n' +
    'A7,Oil,45,,,5,22-09-2025\nA8,Tea,45 Rs,"1,000",,,\nA9,Soap &amp; Co&#8217;s,45,,,,\n';
  const { published, reported } = await outcome(context, csv);
  assert.equal([published, reported], [9, []]);
  const states = await Promise.all(
    Array.from({ length: 9 }, (_, index) => stateOf(context, `A${index + 1}`)),
  );
  assert.equal(new Set(states.map(({ pricePaise }) => pricePaise)), new Set([4_500]));
  assert.equal(
    states.map(({ hsn }) => hsn).filter((hsn) => hsn !== null),
    ['10063020', '0401', '09103020'],
  );
  assert.equal(states[6]!.gstRates, [{ gstFrom: '2025-09-22', gstPercent: 5 }]);
  assert.is(states[8]!.name, 'Soap & Co’s');
  const stock = await context.shop.handler.load(inventory, context.storeId, { fresh: true });
  assert.equal([itemOf(stock, 'A2').onHand, itemOf(stock, 'A8').onHand], [10, 1_000]);
});

test('an odd cell that nobody has to fill in is told, and what was there stays', async (context) => {
  const header = 'sku,name,price,mrp,stock,hsn,grams_each,description\n';
  await outcome(context, `${header}a,Salt,20,22,5,2501,500,Fine\n`);
  const odd = `${header}a,Salt,20,NA,-3,25,heavy,${'x'.repeat(10_001)}\n`;
  const { unchanged, reportedCount, refused } = await outcome(context, odd);
  assert.equal([unchanged, reportedCount, refused], [1, 5, 0]);
  const { mrpPaise, hsn, gramsEach, description } = await stateOf(context, 'a');
  assert.equal([mrpPaise, hsn, gramsEach, description], [2_200, '2501', 500, 'Fine']);
  const held = `sku,name,price,brand\na,Salt,20,Sa\0gar\nb,&#0;&#xd83d;,20,\n`;
  const { reported } = await outcome(context, held);
  assert.equal(
    reported.map(({ row }) => row),
    [2],
  );
  assert.is((await stateOf(context, 'b')).name, '&#0;&#xd83d;');
});

test('an empty category is none', async (context) => {
  await outcome(context, 'sku,name,price,category\na,Salt,20,Staples\n');
  await outcome(context, 'sku,name,price,category\na,Salt,20,\n');
  assert.is((await stateOf(context, 'a')).category, 'Other');
});

test('a list with names in one language keeps those in the others', async (context) => {
  await outcome(context, 'sku,name,name_hi,name_ta,price\na,Salt,नमक,உப்பு,20\n');
  await outcome(context, 'sku,name,name_hi,price\na,Salt,लवण,20\n');
  assert.equal((await stateOf(context, 'a')).names, { hi: 'लवण', ta: 'உப்பு' });
});

test('a number that a spreadsheet rounded is no SKU, and zeros that it dropped are known', async (context) => {
  await outcome(
    context,
    'sku,name,price\n8901030865278,Soap,40\n0012345678905,Salt,20\n101,Tea,9\n',
  );
  const csv =
    'sku,name,price\n8.90103E+12,Soap,42\n8.90104E+12,Glucose biscuit,10\n' +
    '12345678905,Salt,21\n101.0,Tea,10\n"=""8901030865278""",Soap,41\n';
  const { published, updated, refused, reported } = await outcome(context, csv);
  assert.equal([published, updated, refused], [0, 3, 2]);
  assert.match(reported[0]!.reason, 'Excel has rounded the SKU "8.90103E+12"');
  assert.match(reported[2]!.reason, 'changed the SKU "0012345678905" into "12345678905"');
  assert.is((await stateOf(context, '0012345678905')).pricePaise, 2_100);
});

test('an SKU may be written in any script, with its marks and joiners', async (context) => {
  const skus = ['चावल', 'பருப்பு', 'ক্‍ষ1', 'క‌్ష'];
  const rows = skus.map((sku) => `${sku},Rice,45`);
  const { published } = await outcome(context, ['sku,name,price', ...rows].join('\n'));
  assert.is(published, skus.length);
  const { status } = await context.shop.read(
    `/listings/${encodeURIComponent(listingId(context.storeId, skus[1]!))}`,
    (await context.shop.importCsv(context.storeId, 'sku,name,price\nx,Y,1\n')).position,
  );
  assert.is(status, 200);
});

test('text in another form of Unicode, or with marks that nobody sees, is the same article', async (context) => {
  const nfc = ['கொத்தமல்லி', 'Nescaf\u00e9 Classic', '\u0915\u093cीमा मसाला'];
  const list = (names: string[], pack = '100 g') =>
    ['name,price,pack', ...names.map((name) => `${name},50,${pack}`)].join('\n');
  assert.is((await outcome(context, list(nfc))).published, 3);
  const apart = nfc.map((name) => name.normalize('NFD').replace('\u0915\u093c', '\u0958'));
  assert.is((await outcome(context, list(apart))).unchanged, 3);
  const joined = await outcome(
    context,
    list(
      apart.map((name) => `${name}\u200d`),
      '100g',
    ),
  );
  assert.equal([joined.published, joined.updated], [0, 3]);
});

test('what SKUs were made of before is found by the way they are made of now', async (context) => {
  const { shop, storeId } = context;
  const former = (...parts: string[]) =>
    createHash('sha256').update(parts.join('\n').toLowerCase()).digest('hex').slice(0, 20);
  const list: [name: string, pack: string][] = [
    ['Toor dal', '1kg'],
    ['Nescafe\u0301', '100 g'],
    ['Salt &amp; pepper', ''],
  ];
  for (const [name, pack] of list) {
    const id = listingId(storeId, former('Sagar', name, pack));
    const data = { name, brand: 'Sagar', pack: pack || null, pricePaise: 5_000 };
    await shop.handler.handle(listing, id, { type: 'PublishListing', data }, as());
  }
  const csv = (packs: (pack: string) => string) =>
    [
      'brand,name,pack,price',
      ...list.map(([name, pack]) => `Sagar,${name},${packs(pack)},50`),
    ].join('\n');
  assert.is(
    (
      await outcome(
        context,
        csv((pack) => pack),
      )
    ).published,
    0,
  );
  assert.is(
    (
      await outcome(
        context,
        csv((pack) => pack.replace('1kg', '1 KG')),
      )
    ).published,
    0,
  );
  assert.is((await outcome(context, csv((pack) => pack).normalize('NFC'))).published, 0);
});

test('two rows that are the same are one, and one whose twin was refused stands', async (context) => {
  const { published, unchanged, refused, reported } = await outcome(
    context,
    'sku,name,price,mrp\na,Salt,20,22\nb,Oil,150,140\na,Salt,20,22\nb,Oil,140,140\na,Salt,21,22\n',
  );
  assert.equal([published, unchanged, refused], [2, 1, 2]);
  assert.equal(
    reported.map(({ row }) => row),
    [3, 6],
  );
  assert.match(reported[1]!.reason, 'the same SKU as row 2, and says something else');
  assert.is((await stateOf(context, 'b')).pricePaise, 14_000);
});

test('reports come in the order of the rows', async (context) => {
  const rows = ['a,Oil,150,140,', 'b,,1,,', 'c,Oil,150,140,', 'd,Salt,9,,-3', 'e,Oil,15,1,'];
  const { reported } = await outcome(context, ['sku,name,price,mrp,stock', ...rows].join('\n'));
  assert.equal(
    reported.map(({ row }) => row),
    [2, 3, 4, 5, 6],
  );
});

test('a pack that lacks its unit is told once', async (context) => {
  const { notes } = await outcome(
    context,
    'name,price,pack\nRice,45,1000\nDal,45,500\nSalt,9,1kg\n',
  );
  assert.is(notes.length, 1);
  assert.match(notes[0]!, 'The pack of 2 rows is a number without a unit');
});

const PRICED =
  'sku,name,price\na,Rice,100\nb,Dal,200\nc,Salt,20\nd,Oil,150\ne,Tea,90\nf,Ghee,600\n';

test('a price that doubles or halves is to be confirmed, by a digest that names just that', async (context) => {
  const { shop, storeId } = context;
  await outcome(context, PRICED);
  const head = await headOfCommands(shop.client);
  for (const [from, to, doubled, halved] of [
    ['a,Rice,100', 'a,Rice,200', 1, 0],
    ['b,Dal,200', 'b,Dal,100', 0, 1],
  ] as const) {
    const { status, body } = await shop.importCsv<Refusal>(storeId, PRICED.replace(from, to));
    assert.equal([status, body.code], [409, 'IMPORT_UNCONFIRMED']);
    assert.equal([body.compared, body.doubled, body.halved, body.moved], [6, doubled, halved, 1]);
    assert.match(body.detail, `confirm=${body.digest}`);
  }
  const list = PRICED.replace('a,Rice,100', 'a,Rice,200');
  const { body } = await shop.importCsv<Refusal>(storeId, list);
  assert.equal(body.moves, [
    { row: 2, sku: 'a', name: 'Rice', fromPaise: 10_000, toPaise: 20_000 },
  ]);
  const confirm = body.digest;
  const other = await shop.importCsv(storeId, list.replace('20\n', '21\n'), { confirm });
  assert.is(other.status, 409);
  assert.is(await headOfCommands(shop.client), head);
  assert.is((await outcome(context, list, { confirm })).updated, 1);
  assert.is((await outcome(context, list)).unchanged, 6);
});

test('a fifth of the prices may change by over a quarter, and no more', async (context) => {
  const { shop, storeId } = context;
  await outcome(context, PRICED);
  const one = PRICED.replace('a,Rice,100', 'a,Rice,130');
  assert.is((await outcome(context, one)).updated, 1);
  const two = one.replace('b,Dal,200', 'b,Dal,260').replace('c,Salt,20', 'c,Salt,26');
  const { status, body } = await shop.importCsv<Refusal>(storeId, two);
  assert.equal([status, body.moved, body.doubled], [409, 2, 0]);
  // A quarter is not over a quarter.
  const quarter = one.replaceAll(
    /(\w),(\w+),(\d+)/g,
    (_, sku: string, name: string, price: string) => [sku, name, Number(price) * 1.25].join(','),
  );
  assert.is((await outcome(context, quarter)).updated, 6);
});

test('a list in paise says so, and one that does not is stopped', async (context) => {
  const { shop, storeId } = context;
  await outcome(context, PRICED);
  const paise = PRICED.replaceAll(/(\d+)\n/g, '$100\n');
  const { status, body } = await shop.importCsv<Refusal>(storeId, paise);
  assert.equal([status, body.doubled], [409, 6]);
  assert.match(body.detail, 'unit=paise');
  assert.is((await outcome(context, paise, { unit: 'paise' })).unchanged, 6);
  const broken = 'sku,name,price\na,Rice,100.5\n';
  assert.is((await outcome(context, broken, { unit: 'paise' })).refused, 1);
});

test('a full list withdraws what it lacks, once that was confirmed', async (context) => {
  const { shop, storeId } = context;
  await outcome(context, 'sku,name,price\nA1,Rice,100\nA2,Old soap,40\nA3,Dal,80\n');
  // A row that is refused names its article all the same.
  const second = 'sku,name,price\nA1,Rice,105\nA3,Dal,eighty\n';
  assert.is((await outcome(context, second)).withdrawn, 0);
  const { status, body } = await shop.importCsv<Refusal>(storeId, second, { mode: 'full' });
  assert.equal([status, body.withdrawn], [409, 1]);
  assert.equal(body.withdrawals, [{ sku: 'A2', name: 'Old soap' }]);
  const query = { mode: 'full', confirm: body.digest };
  const { position, body: done } = await shop.importCsv<ImportReport>(storeId, second, query);
  assert.is(done.withdrawn, 1);
  assert.is((await stateOf(context, 'A2')).withdrawn, true);
  assert.is((await shop.read(`/listings/${storeId}.A2`, position)).status, 404);
  const page = await shop.read<{ items: unknown[]; categories: { count: number }[] }>(
    `/stores/${storeId}/catalogue`,
    position,
  );
  assert.equal([page.body.items.length, page.body.categories[0]!.count], [2, 2]);
  const again = await outcome(context, second, { mode: 'full' });
  assert.equal([again.withdrawn, again.unchanged], [0, 1]);
  // In a list again it is for sale again.
  assert.is((await outcome(context, 'sku,name,price\nA2,Old soap,40\n')).updated, 1);
  assert.is((await stateOf(context, 'A2')).withdrawn, false);
});

test('a rehearsal counts what an import would do, and does nothing', async (context) => {
  const { shop } = context;
  await outcome(context, 'sku,name,price,stock\na,Rice,100,5\nb,Dal,200,\nc,Salt,20,\n');
  const list = 'sku,name,price,stock\na,Rice,210,6\nb,Dal,200,\nd,Oil,150,\ne,,1,\nb,Dal,200,\n';
  const head = await headOfCommands(shop.client);
  const rehearsed = await outcome(context, list, { mode: 'full', 'dry-run': '' });
  assert.is(await headOfCommands(shop.client), head);
  assert.is(rehearsed.dryRun, true);
  const { digest, withdrawn, doubled } = rehearsed.unconfirmed!;
  assert.equal([withdrawn, doubled], [1, 1]);
  const done = await outcome(context, list, { mode: 'full', confirm: digest });
  assert.equal(done, { ...rehearsed, dryRun: false, unconfirmed: null });
  assert.equal(counts(done), [5, 1, 1, 2, 1]);
});

test.run();
