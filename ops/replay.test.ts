import { on } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  newKey,
  openStore,
  quoteCart,
  recipient,
  startParts,
  startShop,
  type Shop,
} from '../test/shop.ts';
import { createLog } from '../platform/log.ts';
import { createPool, type Pool } from '../platform/postgres.ts';
import { knownIdentityOf } from '../platform/log-identity.ts';
import { PROJECTIONS, isOurs } from '../projector/app.ts';
import { OF_OTHER_LOG, REBUILD_LOCK } from '../engine/projections/checkpoint.ts';
import { runProjector } from '../engine/projections/run.ts';
import { environmentOf, ops, startOps } from '../test/ops.ts';
import { STUCK_MS, untilSo } from '../test/until-so.ts';

const ITEMS = 2_000;
/** How long somebody may take to reach a lock that another holds. */

const SLOT_DATE = '2099-11-21';

const test = suite<{ shop: Shop; storeId: string; listingIds: string[] }>('replay');

test.before(async (context) => {
  const shop = await startShop();
  const items = Array.from({ length: ITEMS }, (_, i) => `Item ${i},${i + 1}.50`);
  const { storeId, listingIds } = await openStore(shop, items);
  Object.assign(context, { shop, storeId, listingIds });
  await shop.read('/stores', await placeOrder(shop, listingIds[0]!));
});
test.after(({ shop }) => shop.stop());

/** One of each read model: a cart, an order, its store order on the shop's board and in a slot. */
async function placeOrder(shop: Shop, listingId: string): Promise<string | null> {
  const { body: cart } = await shop.write<{ cartId: string }>('POST', '/carts');
  await shop.write('PUT', `/carts/${cart.cartId}/items/${listingId}`, { quantity: 2 });
  const [storeId] = listingId.split('.');
  const slots = [{ fromMinute: 1_080, toMinute: 1_200, capacity: 20 }];
  await shop.write('PUT', `/stores/${storeId}/slots/${SLOT_DATE}`, { slots });
  const order = {
    cartId: cart.cartId,
    quote: await quoteCart(shop, cart.cartId),
    ...recipient,
    payment: 'cash-on-delivery',
    slots: [{ storeId, date: SLOT_DATE, fromMinute: 1_080 }],
  };
  const placed = await shop.write('POST', '/orders', order, { 'idempotency-key': newKey() });
  assert.is(placed.status, 201);
  return placed.position;
}

/** Every row of every read model. */
async function dump(pool: Pool): Promise<Record<string, string[]>> {
  const { rows: tables } = await pool.query<{ name: string }>(
    `select table_schema || '.' || table_name as name from information_schema.tables
     where table_schema = any($1) order by 1`,
    [PROJECTIONS.map(({ name }) => name)],
  );
  const all: Record<string, string[]> = {};
  for (const { name } of tables) {
    const { rows } = await pool.query<{ row: string }>(
      `select row_to_json(t)::text as row from ${name} t order by 1`,
    );
    all[name] = rows.map(({ row }) => row);
  }
  return all;
}

/** What tells a swapped schema from the one that was there before. */
const schemaId = async (pool: Pool, name: string): Promise<number> =>
  (await pool.query('select oid from pg_namespace where nspname = $1', [name])).rows[0].oid;

/** Reads all the time until `work` has settled; resolves to the answers' status codes. */
async function readingDuring(work: Promise<unknown>, read: () => Promise<{ status: number }>) {
  const state = { settled: false };
  const done = work.finally(() => (state.settled = true));
  const statuses: number[] = [];
  while (!state.settled) statuses.push((await read()).status);
  await done;
  return statuses;
}

test('gives identical rows, while reads go on', async ({ shop, storeId }) => {
  const before = await dump(shop.pool);
  assert.is(before['catalogue.listing']!.length, ITEMS);
  const replay = ops(['replay'], environmentOf(shop));
  const paths = [`/stores/${storeId}/catalogue`, `/stores/${storeId}/board`];
  const statuses = await Promise.all(
    paths.map((path) => readingDuring(replay, () => shop.read(path))),
  );
  const { code, stdout, stderr } = await replay;
  assert.is(code, 0, stderr);
  assert.match(stdout, `${PROJECTIONS.map(({ name }) => name).join(', ')}: rebuilt from 2,0`);
  assert.match(stderr, /rebuilding {2}█{24} 100 % {2}2,0\d\d events/);
  const after = await dump(shop.pool);
  assert.equal(Object.keys(after), Object.keys(before));
  for (const [name, rows] of Object.entries(before)) assert.equal(after[name], rows, name);
  for (const seen of statuses) {
    assert.ok(seen.length > 10);
    assert.equal([...new Set(seen)], [200]);
  }
});

test('what is written after a replay is projected', async ({ shop, listingIds }) => {
  const position = await placeOrder(shop, listingIds[1]!);
  assert.is((await shop.read('/stores', position)).status, 200);
});

test('of one projection it touches only that', async ({ shop }) => {
  const ids = () => Promise.all(['catalogue', 'cart'].map((name) => schemaId(shop.pool, name)));
  const [catalogue, cart] = await ids();
  const args = ['replay', '--projection', 'catalogue', '--json'];
  const { code, stdout } = await ops(args, environmentOf(shop));
  assert.is(code, 0);
  assert.equal(JSON.parse(stdout).projections, ['catalogue']);
  const [catalogueNow, cartNow] = await ids();
  assert.is.not(catalogueNow, catalogue);
  assert.is(cartNow, cart);
});

test('an unknown projection is refused with those that there are', async ({ shop }) => {
  const { code, stderr } = await ops(['replay', '--projection', 'carts'], environmentOf(shop));
  assert.is(code, 1);
  assert.match(stderr, 'There is no projection "carts". There are catalogue, cart, my_orders');
});

test('a second one at the same time is refused', async ({ shop }) => {
  const first = await shop.pool.connect();
  try {
    await first.query('select pg_advisory_lock($1)', [REBUILD_LOCK]);
    const { code, stderr } = await ops(['replay'], environmentOf(shop));
    assert.is(code, 1);
    assert.match(stderr, 'A rebuild is already under way');
  } finally {
    first.release(true);
  }
});

test('a reader that holds the old rows for long delays it and does not break it', async ({
  shop,
}) => {
  const reader = await shop.pool.connect();
  await reader.query('begin');
  await reader.query('select from catalogue.listing limit 1');
  const { child, outcome } = startOps(['replay'], environmentOf(shop));
  const signal = AbortSignal.timeout(STUCK_MS);
  for await (const [text] of on(child.stderr, 'data', { signal })) {
    if (String(text).includes('readers hold the old tables')) break;
  }
  await reader.query('commit');
  reader.release();
  const { code, stdout } = await outcome;
  assert.is(code, 0);
  assert.match(stdout, 'swapped in');
});

test('Ctrl-C leaves the live ones untouched', async ({ shop }) => {
  const before = await schemaId(shop.pool, 'catalogue');
  // Held here, so that it is in the middle for certain.
  const brake = await shop.pool.connect();
  await brake.query('begin; lock table projector.checkpoint in exclusive mode');
  const { child, outcome } = startOps(['replay'], environmentOf(shop));
  const deadline = Date.now() + STUCK_MS;
  for (let waits = false; !waits;) {
    assert.ok(Date.now() < deadline, 'the replay did not begin');
    const { rowCount } = await shop.pool.query(
      `select from pg_stat_activity where wait_event_type = 'Lock'
         and query like 'insert into projector.checkpoint%'`,
    );
    waits = rowCount === 1;
  }
  child.kill('SIGINT');
  await brake.query('commit');
  brake.release();
  const { code, stderr } = await outcome;
  assert.is(code, 1);
  assert.match(stderr, 'Stopped. The live read models are untouched.');
  assert.is(await schemaId(shop.pool, 'catalogue'), before);
  assert.is((await ops(['replay'], environmentOf(shop))).code, 0);
});

test('works where the projector has never run', async ({ shop }) => {
  const parts = await startParts();
  const pool = createPool(parts.databaseUrl, createLog('test', 'silent'));
  try {
    const env = { EVENT_STORE_URL: shop.eventStoreUrl, DATABASE_URL: parts.databaseUrl };
    const { code, stderr } = await ops(['replay'], env);
    assert.is(code, 0, stderr);
    assert.equal(await dump(pool), await dump(shop.pool));
  } finally {
    await pool.end();
    await parts.stop();
  }
});

test('read models of a log that was restored elsewhere say so, and are built anew', async ({
  shop,
}) => {
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-ops-'));
  const parts = await startParts();
  const { client, databaseUrl: DATABASE_URL, eventStoreUrl: EVENT_STORE_URL } = parts;
  const log = createLog('test', 'silent');
  const pool = createPool(DATABASE_URL, log);
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> | undefined;
  try {
    const before = { EVENT_STORE_URL: shop.eventStoreUrl, DATABASE_URL };
    assert.is((await ops(['replay'], before)).code, 0);
    const backup = join(dir, 'backup');
    assert.is((await ops(['log', 'backup', '--to', backup], before)).code, 0);
    const restored = await ops(['log', 'restore', backup, EVENT_STORE_URL, '--up-to', '1000'], {});
    assert.is(restored.code, 0, restored.stderr);
    assert.match(restored.stdout, 'npm run ops -- replay');

    const moved = { EVENT_STORE_URL, DATABASE_URL };
    const status = await ops(['status'], moved);
    assert.is(status.code, 1);
    assert.match(status.stdout, 'PROBLEMS: catalogue is OF ANOTHER LOG');
    const refused = await ops(['prove'], moved);
    assert.match(refused.stderr, 'The read models are of another log');

    running = runProjector({ client, pool, log, signal, projections: PROJECTIONS, isOurs });
    const stale = `select from projector.checkpoint where version = $1 or log <> $2`;
    await untilSo(async () => {
      const identity = await knownIdentityOf(client);
      return !!identity && (await pool.query(stale, [OF_OTHER_LOG, identity])).rowCount === 0;
    }, 'the rows are of the restored log');
    const proof = await ops(['prove', '--json'], moved);
    const { violations } = JSON.parse(proof.stdout) as { violations: { kind: string }[] };
    // A log that is cut in the middle of an order has orders that were not finished.
    assert.equal(
      violations.map(({ kind }) => kind).filter((kind) => /rows|read model|parked/.test(kind)),
      [],
    );
  } finally {
    stopping.abort();
    await running;
    await pool.end();
    await parts.stop();
    await rm(dir, { recursive: true });
  }
});

test.run();
