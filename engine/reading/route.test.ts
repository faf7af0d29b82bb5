import type { FastifyInstance } from 'fastify';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startParts } from '../../test/shop.ts';
import { Problem, createApp } from '../../platform/http.ts';
import { createLog } from '../../platform/log.ts';
import { createPool } from '../../platform/postgres.ts';
import type { Who } from '../../platform/route.ts';
import { object, text } from '../../platform/schema.ts';
import { PublicAnswers } from './answers.ts';
import { LivePages } from './live-pages.ts';
import { Projected } from './projected.ts';
import { readRoute } from './route.ts';

type Context = { app: FastifyInstance; reads: string[]; stop: () => Promise<void> };
const test = suite<Context>('read route');

const anybody: Who = { name: 'anybody', identify: () => undefined };

const resident: Who<unknown, string> = {
  name: 'a resident',
  identify({ headers: { authorization } }) {
    if (authorization) return authorization;
    throw new Problem(401, 'RESIDENTS_ONLY', 'Say who you are.');
  },
};

test.before(async (context) => {
  const { databaseUrl, cleanup } = await startParts();
  const log = createLog('test', 'silent');
  const pool = createPool(databaseUrl, log);
  cleanup.add(() => pool.end());
  await pool.query('create schema projector');
  await pool.query('create table projector.checkpoint (schema text, position bigint)');
  const projected = new Projected(databaseUrl, pool, log);
  await projected.start();
  cleanup.add(() => projected.stop());
  const answers = new PublicAnswers(projected, (tag) => tag.startsWith('door-'));
  const pages = new LivePages(projected);
  const services = { answers, pages, log, closing: new AbortController().signal, streams: [] };
  const reads: string[] = [];
  const answer = object({ said: text });
  const app = await createApp({
    log,
    title: 'doors',
    prefix: '',
    ready: async () => {},
    whoReadsDocument: anybody,
    routes: (routes) => {
      readRoute(routes, services, {
        path: 'GET /doors/:doorId',
        params: { type: 'object', properties: { doorId: text } },
        who: anybody,
        answer,
        answers: 'public',
        tags: ({ doorId }) => [`door-${doorId}`],
        async read({ params: { doorId } }) {
          reads.push(doorId);
          return { said: `door ${doorId}` };
        },
      });
      readRoute(routes, services, {
        path: 'GET /walls',
        who: anybody,
        answers: 'public',
        tags: () => ['door-1', 'wall'],
        read: async () => ({ said: 'no door' }),
      });
      readRoute(routes, services, {
        path: 'GET /mine',
        who: resident,
        query: { type: 'object', properties: { loud: text } },
        answer,
        answers: 'personal',
        read: async ({ caller }, { loud }: { loud?: string }) => ({
          said: loud ? caller.toUpperCase() : caller,
        }),
      });
    },
  });
  cleanup.add(() => app.close());
  Object.assign(context, { app, reads, stop: () => cleanup.run() });
});
test.after(({ stop }) => stop());

test('a public answer is read once, and tells the edge what it is of', async ({ app, reads }) => {
  const get = (headers = {}) => app.inject({ method: 'GET', url: '/doors/1', headers });
  const [first, again] = [await get(), await get()];
  assert.equal(first.json(), { said: 'door 1' });
  assert.match(String(first.headers['cache-control']), /^public, /);
  assert.is(first.headers['cache-tag'], 'door-1');
  assert.is(again.body, first.body);
  const { etag } = first.headers;
  assert.is((await get({ 'if-none-match': etag })).statusCode, 304);
  assert.equal(reads, ['1']);
});

test('what no purge would reach is not sent as a public answer', async ({ app }) => {
  const { statusCode, headers } = await app.inject({ method: 'GET', url: '/walls' });
  assert.equal([statusCode, headers['cache-control']], [500, 'no-store']);
});

test('a personal answer is for who asked, and nobody keeps it', async ({ app }) => {
  const stranger = await app.inject({ method: 'GET', url: '/mine' });
  assert.equal([stranger.statusCode, stranger.json<Problem>().code], [401, 'RESIDENTS_ONLY']);
  const headers = { authorization: 'asha' };
  const answer = await app.inject({ method: 'GET', url: '/mine?loud=1', headers });
  assert.equal(answer.json(), { said: 'ASHA' });
  assert.is(answer.headers['cache-control'], 'private, no-store');
});

test.run();
