import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openStore, startShop, type Shop } from '../test/shop.ts';
import { IS_THOROUGH } from '../test/thorough.ts';
import { parsePosition } from '../engine/position.ts';
import { headOfLog, isEnginesOwn, isSystemEvent } from '../platform/event-store.ts';
import { environmentOf, ops } from '../test/ops.ts';
import { untilSo } from '../test/until-so.ts';

/** A real price list of 27,555 rows that is not ours to publish, so it is beside the repository. */
const REAL_LIST = '../shared/data/catalogue.csv.gz';
const REAL_FILE = join(import.meta.dirname, '..', REAL_LIST);
const REAL_MAP =
  'sku:index,name:product,subcategory:sub_category,price:sale_price,mrp:market_price';
/** How many of its rows are imported, from which on: all where there is time. One has no name. */
const REAL_ROWS = IS_THOROUGH ? { from: 1, count: 27_555 } : { from: 12_001, count: 4_000 };
const NAMELESS_ROW = 14_364 - REAL_ROWS.from + 2;

type Report = {
  rows: number;
  published: number;
  updated: number;
  unchanged: number;
  reportedCount: number;
  reported: { row: number; reason: string }[];
  position: string;
};

const test = suite<{ shop: Shop; dir: string; env: Record<string, string> }>('import');
test.before(async (context) => {
  context.shop = await startShop();
  context.env = environmentOf(context.shop);
  context.dir = await mkdtemp(join(tmpdir(), 'doorstep-ops-'));
});
test.after(async ({ shop, dir }) => {
  await shop.stop();
  await rm(dir, { recursive: true });
});

/** What was written after a position, but for the note that the reactor keeps for itself. */
async function eventsAfter({ client }: Shop, position: bigint): Promise<string[]> {
  const types: string[] = [];
  for await (const { event } of client.readAll({
    fromPosition: { commit: position, prepare: position },
  })) {
    if (!event || isSystemEvent(event) || isEnginesOwn(event.streamId)) continue;
    if (event.position.commit > position) types.push(event.type);
  }
  return types;
}

async function file(dir: string, name: string, content: string | Buffer): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, content);
  return path;
}

const LIST = 'sku,name,price,mrp\na,Toor dal,120,140\nb,,5,\nc,Basmati,95.50,\nd,Ghee,9,8\n';

test('a small list: counts, reported rows, listings to be seen', async ({ shop, dir, env }) => {
  const { storeId } = await openStore(shop);
  const args = ['import', await file(dir, 'list.csv', LIST), '--store', storeId];
  const { code, stdout, stderr } = await ops(args, env);
  assert.is(code, 0, stderr);
  assert.match(stdout, /^4 rows in /);
  assert.match(stdout, /published +2\n +updated +0\n +unchanged +0\n +refused +2\n/);
  assert.match(stdout, /withdrawn +0\n +reported +2\n/);
  assert.match(stdout, 'row 3  It has no name.');
  assert.match(stdout, 'row 5  The price is above the MRP');
  assert.match(stderr, /importing .* 100 % {2}4 rows/);

  const again = await ops([...args, '--json'], env);
  const report = JSON.parse(again.stdout) as Report;
  assert.equal([report.rows, report.published, report.updated, report.unchanged], [4, 0, 0, 2]);
  assert.equal(
    report.reported.map(({ row }) => row),
    [3, 5],
  );
  const seen = await shop.read<{ pricePaise: number }>(`/listings/${storeId}.c`, report.position);
  assert.is(seen.body.pricePaise, 9_550);
});

test('a packed file and stdin are read alike', async ({ shop, dir, env }) => {
  const { storeId } = await openStore(shop);
  const packed = await file(dir, 'list.csv.gz', gzipSync(LIST));
  const first = await ops(['import', packed, '--store', storeId, '--json'], env);
  assert.is((JSON.parse(first.stdout) as Report).published, 2);
  const second = await ops(['import', '-', '--store', storeId, '--json'], env, LIST);
  assert.is((JSON.parse(second.stdout) as Report).unchanged, 2);
});

test('stock that is not taken is told', async ({ shop, env }) => {
  const { storeId } = await openStore(shop);
  const stocked = (stock: number) =>
    ops(['import', '-', '--store', storeId], env, `sku,name,price,stock\na,Dal,120,${stock}\n`);
  assert.not.match((await stocked(5)).stdout, 'stock');
  assert.match((await stocked(6)).stdout, 'The stock of 1 row was left as the books have it');
});

test('of many reported rows the screen shows the first', async ({ shop, env }) => {
  const { storeId } = await openStore(shop);
  const list = `sku,name,price\n${'x,,1\n'.repeat(50)}`;
  const { code, stdout } = await ops(['import', '-', '--store', storeId], env, list);
  assert.is(code, 0);
  assert.match(stdout, 'row 21 ');
  assert.not.match(stdout, 'row 22 ');
  assert.match(stdout, '… and 30 more: --json lists them.');
});

test('of more reported rows than the API lists, it says how many there are to be had', async ({
  shop,
  env,
}) => {
  const { storeId } = await openStore(shop);
  const list = `sku,name,price\n${'x,,1\n'.repeat(1_020)}`;
  const { stdout } = await ops(['import', '-', '--store', storeId], env, list);
  assert.match(stdout, '… and 1,000 more: --json lists the first 1,000.');
});

test('what is to be confirmed is refused with what to say, rehearsed, and done when it was said', async ({
  shop,
  env,
}) => {
  const { storeId } = await openStore(shop);
  const send = (...more: string[]) =>
    ops(['import', '-', '--store', storeId, ...more], env, 'sku,name,price\ns1,Toor dal,25000\n');
  const refused = await send('--mode', 'full');
  assert.is(refused.code, 1);
  assert.match(refused.stderr, '1 at least double');
  assert.match(refused.stderr, '1 listing is not in it and would be withdrawn');
  const [, digest] = /confirm=([\w-]+)/.exec(refused.stderr)!;
  const rehearsed = await send('--mode', 'full', '--dry-run');
  assert.match(rehearsed.stdout, 'rehearsed: nothing was done');
  assert.match(rehearsed.stdout, `--confirm ${digest}`);
  const done = await send('--mode', 'full', '--confirm', digest!);
  assert.match(done.stdout, /updated +1\n/);
  assert.match(done.stdout, /withdrawn +1\n/);
  const paise = await send('--unit', 'paise', '--dry-run');
  assert.match(paise.stdout, '--confirm');
});

test('what cannot be imported changes nothing and says why', async ({ shop, dir, env }) => {
  const { storeId, position } = await openStore(shop);
  const nobody = '00000000-0000-4000-8000-000000000000';
  const refused: [path: string, storeId: string, why: string, ...more: string[]][] = [
    [await file(dir, 'torn.csv', 'sku,name,price\na,"Toor'), storeId, 'is not CSV (line 2)'],
    [await file(dir, 'bytes.csv', Buffer.from([0xff, 0xfe, 0x0a])), storeId, 'is not UTF-8'],
    [await file(dir, 'torn.gz', gzipSync(LIST).subarray(0, 40)), storeId, 'unexpected end of file'],
    [await file(dir, 'list.csv', LIST), nobody, 'There is no shop'],
    [join(dir, 'list.csv'), storeId, 'is not field:column', '--map', 'nonsense'],
    [join(dir, 'nowhere.csv'), storeId, 'no such file'],
  ];
  for (const [path, store, why, ...more] of refused) {
    const { code, stdout, stderr } = await ops(['import', path, '--store', store, ...more], env);
    assert.is(code, 1, why);
    assert.is(stdout, '');
    assert.match(stderr, why);
  }
  assert.equal(await eventsAfter(shop, parsePosition(position!)!.position), []);
});

test('without a file or a shop it says what it needs', async ({ env }) => {
  const { code, stderr } = await ops(['import', 'list.csv'], env);
  assert.is(code, 1);
  assert.match(stderr, 'One FILE and --store ID are needed');
});

/** The real list, or the rows of it that are tried. */
async function realList(): Promise<string> {
  const all = gunzipSync(await readFile(REAL_FILE)).toString();
  // Text in cells goes over several lines; each row begins with its number.
  const [head, ...rows] = all.split(/\r?\n(?=\d+,)/);
  const { from, count } = REAL_ROWS;
  return [head, ...rows.slice(from - 1, from - 1 + count)].join('\n');
}

/** A list as it should read back: every cell trimmed, rupees in paise. */
function listingsOf(list: string, storeId: string): Map<string, object> {
  const rows = parse<Record<string, string>>(list, { columns: true });
  const text = (cell: string | undefined) => cell?.trim() || null;
  const paise = (cell: string | undefined) => Math.round(Number(cell) * 100);
  const named = rows.filter((row) => text(row['product']) !== null);
  return new Map(
    named.map((row) => [
      `${storeId}.${row['index']}`,
      {
        name: text(row['product']),
        brand: text(row['brand']),
        category: text(row['category']),
        subcategory: text(row['sub_category']),
        description: text(row['description']),
        price_paise: paise(row['sale_price']),
        mrp_paise: paise(row['market_price']),
      },
    ]),
  );
}

async function untilProjected(shop: Shop, position: string): Promise<void> {
  const isRead = async () => (await shop.read('/stores', position)).status === 200;
  await untilSo(isRead, `position ${position} is projected`);
}

test('a real catalogue reads back exactly, and again appends nothing', async ({ shop, env }) => {
  if (!existsSync(REAL_FILE)) {
    console.log(`skipped: a real catalogue reads back exactly: ../shared/data is absent`);
    return;
  }
  const { storeId } = await openStore(shop, []);
  const list = await realList();
  const args = ['import', '-', '--store', storeId, '--map', REAL_MAP, '--json'];
  const first = JSON.parse((await ops(args, env, list)).stdout) as Report;
  const counts = ({ rows, published, updated, unchanged }: Report) => [
    rows,
    published,
    updated,
    unchanged,
  ];
  const { count } = REAL_ROWS;
  assert.equal(counts(first), [count, count - 1, 0, 0]);
  assert.equal(first.reported, [{ row: NAMELESS_ROW, reason: 'It has no name.' }]);

  await untilProjected(shop, first.position);
  const { rows } = await shop.pool.query(
    `select listing_id, name, brand, category, subcategory, description, price_paise, mrp_paise
     from catalogue.listing where store_id = $1`,
    [storeId],
  );
  const expected = listingsOf(list, storeId);
  assert.is(rows.length, expected.size);
  for (const { listing_id: id, ...row } of rows) assert.equal(row, expected.get(id), id);

  const head = await headOfLog(shop.client);
  const second = JSON.parse((await ops(args, env, list)).stdout) as Report;
  assert.equal(counts(second), [count, 0, 0, count - 1]);
  assert.equal(second.reported, first.reported);
  assert.equal(await eventsAfter(shop, head), []);
});

test.run();
