import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startParts, untilLive } from '../../test/shop.ts';
import { createApp } from '../../platform/http.ts';
import { createLog } from '../../platform/log.ts';
import { createPool } from '../../platform/postgres.ts';
import { PublicAnswers } from './answers.ts';
import { PROJECTED_CHANNEL } from '../projections/checkpoint.ts';
import { Projected } from './projected.ts';
import { readRoute } from './route.ts';

const anybody = { name: 'anybody', identify: () => undefined };

const test = suite('live pages');

test('a change while the first page is read is told', async () => {
  const { databaseUrl, cleanup } = await startParts();
  const log = createLog('test', 'silent');
  const pool = createPool(databaseUrl, log);
  cleanup.add(() => pool.end());
  await pool.query('create schema projector');
  await pool.query('create table projector.checkpoint (schema text, position bigint)');
  const projected = new Projected(databaseUrl, pool, log);
  await projected.start();
  cleanup.add(() => projected.stop());

  /** What the rows say; the first read of them sees 'old' and is slower than the change. */
  let rows = 'old';
  async function read(): Promise<{ rows: string }> {
    const seen = rows;
    if (seen === 'old') {
      rows = 'new';
      const told = new Promise((resolve) => projected.onChange(resolve));
      const message = '{"position":"1","tags":["order-1"]}';
      await pool.query('select pg_notify($1, $2)', [PROJECTED_CHANNEL, message]);
      await told;
    }
    return { rows: seen };
  }
  const answers = new PublicAnswers(projected, () => true);
  const services = { projected, answers, log, closing: new AbortController().signal, streams: [] };
  const app = await createApp({
    log,
    title: 'live pages',
    prefix: '',
    problemOf: () => undefined,
    ready: async () => {},
    whoReadsDocument: anybody,
    routes: (routes) => {
      readRoute(routes, services, {
        path: 'GET /live',
        who: anybody,
        answers: 'live',
        event: 'page',
        tags: () => ['order-1'],
        read,
      });
    },
  });
  cleanup.add(() => app.close());
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const page = await untilLive<{ rows: string }>(`${url}/live`, (sent) => sent.rows === 'new');
  assert.equal(page, { rows: 'new' });

  const listening = projected.listeners;
  const head = await fetch(`${url}/live`, { method: 'HEAD' });
  assert.is(head.status, 200);
  assert.is(head.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  assert.is(head.headers.get('cache-control'), 'private, no-store, no-transform');
  assert.is(await head.text(), '');
  assert.ok(projected.listeners <= listening, 'it follows nothing');
  await cleanup.run();
});

test.run();
