import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startParts, untilLive } from '../../test/shop.ts';
import { createApp } from '../../platform/http.ts';
import { createLog } from '../../platform/log.ts';
import { createPool } from '../../platform/postgres.ts';
import type { Who } from '../../platform/route.ts';
import { untilSo } from '../../test/until-so.ts';
import { PublicAnswers } from './answers.ts';
import { PROJECTED_CHANNEL } from '../projections/checkpoint.ts';
import { LivePages } from './live-pages.ts';
import { Projected } from './projected.ts';
import { readRoute } from './route.ts';

const anybody = { name: 'anybody', identify: () => undefined };
const FOLLOWERS = 20;

/** A live page for each `path`, on a Postgres on which it is told what changed. */
async function startPages(
  page: (tell: (...tags: string[]) => Promise<void>) => () => Promise<object>,
  who: Who = anybody,
) {
  const { databaseUrl, cleanup } = await startParts();
  const log = createLog('test', 'silent');
  const pool = createPool(databaseUrl, log);
  cleanup.add(() => pool.end());
  await pool.query('create schema projector');
  await pool.query('create table projector.checkpoint (schema text, position bigint)');
  const projected = new Projected(databaseUrl, pool, log);
  await projected.start();
  cleanup.add(() => projected.stop());
  /** Resolves when it was heard. */
  async function tell(...tags: string[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const off = projected.onChange(resolve);
    const message = JSON.stringify({ position: '1', tags });
    await pool.query('select pg_notify($1, $2)', [PROJECTED_CHANNEL, message]);
    await promise;
    off();
  }
  const answers = new PublicAnswers(projected, () => true);
  const pages = new LivePages(projected);
  const { signal: closing } = new AbortController();
  const services = { answers, pages, log, closing, streams: [] };
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
        who,
        answers: 'live',
        event: 'page',
        tags: () => ['order-1'],
        read: page(tell),
      });
    },
  });
  cleanup.add(() => app.close());
  const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/live`;
  return { url, tell, projected, pages, stop: () => cleanup.run() };
}

const test = suite('live pages');

test('a change while the first page is read is told', async () => {
  /** What the rows say; the first read of them sees 'old' and is slower than the change. */
  let rows = 'old';
  const { url, projected, stop } = await startPages((tell) => async () => {
    const seen = rows;
    if (seen === 'old') {
      rows = 'new';
      await tell('order-1');
    }
    return { rows: seen };
  });
  const page = await untilLive<{ rows: string }>(url, (sent) => sent.rows === 'new');
  assert.equal(page, { rows: 'new' });

  const listening = projected.listeners;
  const head = await fetch(url, { method: 'HEAD' });
  assert.is(head.status, 200);
  assert.is(head.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  assert.is(head.headers.get('cache-control'), 'private, no-store, no-transform');
  assert.is(await head.text(), '');
  assert.ok(projected.listeners <= listening, 'it follows nothing');
  await stop();
});

/** Follows a page as many do, changes it once all have it, and waits until all know. */
async function followAll(who: Who): Promise<{ first: number; changed: number }> {
  let rows = 'old';
  let reads = 0;
  const { url, tell, projected, pages, stop } = await startPages(
    () => async () => {
      reads += 1;
      return { rows };
    },
    who,
  );
  let waiting = FOLLOWERS;
  const all = Promise.withResolvers<void>();
  const quiet = projected.listeners;
  const following = Array.from({ length: FOLLOWERS }, (_, index) =>
    untilLive<{ rows: string }>(
      url,
      (sent) => {
        if (sent.rows === 'old' && --waiting === 0) all.resolve();
        return sent.rows === 'new';
      },
      null,
      { authorization: `${index}` },
    ),
  );
  await all.promise;
  const first = reads;
  assert.is(pages.streams, FOLLOWERS);
  await tell('order-2');
  rows = 'new';
  await tell('order-1');
  await Promise.all(following);
  const changed = reads - first;
  await untilSo(async () => pages.streams === 0, 'nobody follows it any more');
  assert.is(projected.listeners, quiet);
  await stop();
  return { first, changed };
}

test('what many follow is read once for all of them, at first and with each change', async () => {
  assert.equal(await followAll(anybody), { first: 1, changed: 1 });
});

test('where callers are told apart, each has a page that was read for itself', async () => {
  const by: Who = { name: 'by name', identify: ({ headers }) => headers.authorization };
  assert.equal(await followAll(by), { first: FOLLOWERS, changed: FOLLOWERS });
});

test('what could not be read is not kept: the next who asks has it', async () => {
  let isBroken = true;
  const { url, stop } = await startPages(() => async () => {
    if (isBroken) throw new Error('not now');
    return { rows: 'new' };
  });
  assert.is((await fetch(url)).status, 500);
  isBroken = false;
  assert.equal(await untilLive(url, () => true), { rows: 'new' });
  await stop();
});

test.run();
