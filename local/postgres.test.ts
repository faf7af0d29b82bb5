import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startPostgres } from './postgres.ts';
import { untilSo } from '../test/until-so.ts';

const test = suite<{ dir: string }>('local postgres');
test.before.each((context) => {
  context.dir = fs.mkdtempSync(join(tmpdir(), 'doorstep-postgres-'));
});
test.after.each(({ dir }) => fs.rmSync(dir, { recursive: true, force: true }));

/** Runs one statement and answers its rows. */
async function query(url: string, sql: string, values: unknown[] = []) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

async function untilGone(pid: number): Promise<void> {
  await untilSo(() => !fs.existsSync(`/proc/${pid}`), `process ${pid} has ended`);
}

test('what is written is there after a stop and another start', async ({ dir }) => {
  const first = await startPostgres({ dir });
  const url = await first.createDatabase('shop');
  await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await first.stop();

  const second = await startPostgres({ dir });
  assert.is(await second.createDatabase('shop'), second.url('shop'), 'it is there already');
  assert.equal(await query(second.url('shop'), 'SELECT * FROM kept'), [{ answer: 42 }]);
  await second.stop();
});

test('only who knows the password gets in, and only the owner may read it', async ({ dir }) => {
  const postgres = await startPostgres({ dir });
  const wrong = postgres.url('postgres').replace(/:[^:@]+@/, ':guess@');
  const refusal = query(wrong, 'SELECT 1').then(
    () => 'let in',
    (error: Error) => error.message,
  );
  assert.match(await refusal, 'password authentication failed');
  assert.is(fs.statSync(join(dir, 'password')).mode & 0o777, 0o600);
  await postgres.stop();
});

test('lower-casing and trigrams know every script of India', async ({ dir }) => {
  const postgres = await startPostgres({ dir });
  const url = postgres.url('postgres');
  await query(url, 'CREATE EXTENSION pg_trgm');
  const [row] = await query(
    url,
    `SELECT lower('ÀÉ RICE') AS lower,
            word_similarity('चावल', 'बासमती चावल') AS hindi,
            word_similarity('பருப்பு', 'துவரம் பருப்பு') AS tamil,
            current_setting('fsync') AS fsync`,
  );
  assert.equal(row, { lower: 'àé rice', hindi: 1, tamil: 1, fsync: 'on' });
  await postgres.stop();
});

test('a server that was killed is recovered with all that was committed', async ({ dir }) => {
  const first = await startPostgres({ dir });
  await query(first.url('postgres'), 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n');
  process.kill(first.pid, 'SIGKILL');
  assert.match(await first.exited, 'SIGKILL');

  const second = await startPostgres({ dir });
  const rows = await query(second.url('postgres'), 'SELECT count(*)::int AS n FROM kept');
  assert.equal(rows, [{ n: 1000 }]);
  await second.stop();
});

test('a server that still runs in the folder makes way for the new one', async ({ dir }) => {
  const first = await startPostgres({ dir });
  const second = await startPostgres({ dir });
  await first.exited;
  assert.equal(await query(second.url('postgres'), 'SELECT 1 AS one'), [{ one: 1 }]);
  await second.stop();
});

test('a pid that came round again is not taken for a server', async ({ dir }) => {
  const first = await startPostgres({ dir });
  const pidFile = join(dir, 'data/postmaster.pid');
  const text = fs.readFileSync(pidFile, 'utf8');
  await first.stop();
  fs.writeFileSync(pidFile, text.replace(/^\d+/, `${process.pid}`));
  const second = await startPostgres({ dir });
  await second.stop();
});

test('a first start that was killed half way is begun anew', async ({ dir }) => {
  fs.mkdirSync(join(dir, 'data.unfinished/base'), { recursive: true });
  fs.writeFileSync(join(dir, 'password'), 'old');
  const postgres = await startPostgres({ dir });
  await query(postgres.url('postgres'), 'SELECT 1');
  await postgres.stop();
});

test('it does not outlive the process that started it, not even a killed one', async ({ dir }) => {
  const starter = spawn(
    process.execPath,
    [
      '--input-type=module-typescript',
      '--eval',
      `const { startPostgres } = await import(process.env.MODULE);
       console.log((await startPostgres({ dir: process.env.DIR })).pid);`,
    ],
    {
      env: { ...process.env, DIR: dir, MODULE: new URL('postgres.ts', import.meta.url).href },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const [pid] = (await once(starter.stdout, 'data')) as [Buffer];
  starter.kill('SIGKILL');
  await untilGone(Number(pid));
});

test.run();
