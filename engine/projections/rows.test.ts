import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startParts } from '../../test/shop.ts';
import { createLog } from '../../platform/log.ts';
import { createPool, transaction, type Pool } from '../../platform/postgres.ts';
import { RowChanges, createStatements, defineTable, type Rows } from './rows.ts';

const counters = defineTable(
  'counter',
  { shop: 'text', item: 'bigint', amount: 'bigint', note: 'text?' },
  ['shop', 'item'],
);

const tracked = defineTable('tracked', { item: 'bigint', amount: 'bigint' }, ['item'], {
  versions: { indexes: [] },
});

const MOMENT = { at: '2026-11-21T04:30:00.000Z', position: 1n };

type Step =
  | { kind: 'add' | 'put'; item: number; amount: number }
  | { kind: 'change'; item: number; note: string }
  | { kind: 'delete'; item: number };

const test = suite<{ pool: Pool; stop: () => Promise<void> }>('rows');
test.before(async (context) => {
  const parts = await startParts();
  context.pool = createPool(parts.databaseUrl, createLog('test', 'silent'));
  for (const schema of ['together', 'apart']) {
    await context.pool.query(`create schema ${schema}`);
    const statements = [counters, tracked].flatMap((table) => createStatements(table, schema));
    for (const sql of statements) await context.pool.query(sql);
  }
  context.stop = async () => {
    await context.pool.end();
    await parts.stop();
  };
});
test.after(({ stop }) => stop());

function take(rows: Rows, step: Step): void {
  const key = { shop: 'a', item: step.item };
  if (step.kind === 'add') rows.add(counters, { ...key, amount: step.amount, note: null });
  if (step.kind === 'put') rows.put(counters, { ...key, amount: step.amount, note: null });
  if (step.kind === 'change')
    rows.change(counters, key, ({ amount }) => ({ amount: amount + 1, note: step.note }));
  if (step.kind === 'delete') rows.delete(counters, key);
}

const dump = async (pool: Pool, schema: string) =>
  (await pool.query(`select * from ${schema}.counter order by shop, item`)).rows;

test('a batch leaves the same rows as its events one at a time', async ({ pool }) => {
  const item = fc.integer({ min: 1, max: 4 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({
      kind: fc.constantFrom('add' as const, 'put' as const),
      item,
      amount: fc.integer({ min: 0, max: 9 }),
    }),
    fc.record({
      kind: fc.constant('change' as const),
      item,
      note: fc.string({ maxLength: 3, unit: 'grapheme-ascii' }),
    }),
    fc.record({ kind: fc.constant('delete' as const), item }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await pool.query('truncate together.counter, apart.counter');
      const there = new Set<number>();
      // A log only ever changes what is there, and adds what is not.
      const valid = steps.filter(({ kind, item: at }) => {
        const fits = kind === 'change' ? there.has(at) : kind !== 'add' || !there.has(at);
        if (kind === 'put' || kind === 'add') there.add(at);
        if (kind === 'delete') there.delete(at);
        return fits;
      });
      const together = new RowChanges();
      valid.forEach((one) => take(together.at(MOMENT), one));
      await transaction(pool, (connection) => together.flush(connection, 'together'));
      for (const one of valid) {
        const alone = new RowChanges();
        take(alone.at(MOMENT), one);
        await transaction(pool, (connection) => alone.flush(connection, 'apart'));
      }
      assert.equal(await dump(pool, 'together'), await dump(pool, 'apart'));
    }),
    { numRuns: 60 },
  );
});

test('a table that keeps versions has one of a row for each command, whatever the batches', async ({
  pool,
}) => {
  // The second and the third event are of one command, which is their time.
  const events = [0, 1, 1, 2].map((second, index) => ({
    at: new Date(second * 1_000).toISOString(),
    position: BigInt(index + 1),
  }));
  const takeAll = async (batch: typeof events) => {
    const changes = new RowChanges();
    for (const moment of batch) {
      const rows = changes.at(moment);
      if (moment.position === 1n) rows.add(tracked, { item: 1, amount: 0 });
      else rows.change(tracked, { item: 1 }, ({ amount }) => ({ amount: amount + 1 }));
    }
    await transaction(pool, (connection) => changes.flush(connection, 'together'));
  };
  for (const sizes of [[4], [1, 3], [2, 2], [1, 1, 1, 1]]) {
    await pool.query('truncate together.tracked, together.tracked_version');
    let from = 0;
    for (const size of sizes) await takeAll(events.slice(from, (from += size)));
    const { rows } = await pool.query('select * from together.tracked_version order by position');
    assert.equal(
      rows,
      [0, 2, 3].map((last) => ({
        item: 1,
        amount: last,
        at: events[last]!.at,
        position: last + 1,
      })),
    );
    const { rows: now } = await pool.query('select * from together.tracked');
    assert.equal(now, [{ item: 1, amount: 3 }]);
  }
  const rows = new RowChanges().at(MOMENT);
  assert.throws(() => rows.put(tracked, { item: 1, amount: 9 }), /keeps versions/);
  assert.throws(() => rows.delete(tracked, { item: 1 }), /keeps versions/);
});

test('a change of a row that is not there is an error, not a silence', async ({ pool }) => {
  const changes = new RowChanges();
  changes.at(MOMENT).change(counters, { shop: 'nobody', item: 1 }, () => ({ note: 'x' }));
  let failure: unknown;
  await transaction(pool, (connection) => changes.flush(connection, 'together')).catch(
    (error: unknown) => (failure = error),
  );
  assert.match(String(failure), 'a change found no row');
});

test.run();
