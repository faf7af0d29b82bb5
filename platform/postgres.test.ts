import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startParts } from '../test/shop.ts';
import { createLog } from './log.ts';
import { createPool, isPostgresUnavailable, transaction, type Pool } from './postgres.ts';

type Context = { pool: Pool; stop: () => Promise<void> };
const test = suite<Context>('Postgres');

test.before.each(async (context) => {
  const parts = await startParts();
  context.pool = createPool(parts.databaseUrl, createLog('test', 'silent'));
  context.stop = async () => {
    await context.pool.end();
    await parts.stop();
  };
});
test.after.each(({ stop }) => stop());

test('a connection that is lost between two queries costs its transaction, no more', async ({
  pool,
}) => {
  const failure: unknown = await transaction(pool, async (connection) => {
    const { rows } = await connection.query<{ pid: number }>('select pg_backend_pid() as pid');
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    connection.once('end', resolve);
    await pool.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
    await ended;
    await connection.query('select 1');
  }).catch((error: unknown) => error);
  assert.ok(isPostgresUnavailable(failure), String(failure));
  const next = await transaction(pool, (connection) => connection.query('select 1 as one'));
  assert.equal(next.rows, [{ one: 1 }]);
});

test.run();
