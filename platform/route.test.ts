import type { FastifyInstance } from 'fastify';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Problem, createApp } from './http.ts';
import { createLog } from './log.ts';
import { hookRoute, type Who } from './route.ts';
import { bodyOf, text, uuid } from './schema.ts';

const DOOR = '6f0e3b7c-7e1a-4f43-9a55-0d7a1f4f1e11';
const anybody: Who = { name: 'anybody', identify: () => undefined };

const appWith = (routes: (app: FastifyInstance) => void) =>
  createApp({
    log: createLog('test', 'silent'),
    title: 'doors',
    prefix: '/api',
    ready: async () => {},
    whoReadsDocument: anybody,
    routes,
  });

/** Of each door only who says its id again; `asked` has the doors that it was asked about. */
const keyHolder = (asked: string[]): Who<{ doorId: string }, { opens: string }> => ({
  name: 'whoever holds the key',
  async identify({ params: { doorId }, headers }) {
    asked.push(doorId);
    await Promise.resolve();
    if (headers.authorization !== doorId) throw new Problem(401, 'KEY_REQUIRED', 'Show the key.');
    return { opens: doorId };
  },
});

const openApp = (asked: string[], opened: unknown[]) =>
  appWith((app) =>
    hookRoute(app, {
      path: 'POST /doors/:doorId/open',
      who: keyHolder(asked),
      schema: {
        params: { type: 'object', properties: { doorId: uuid } },
        querystring: { type: 'object', additionalProperties: false, properties: { slowly: text } },
        body: bodyOf({ why: text }),
      },
      run({ params, body }, reply, caller) {
        opened.push({ ...params, ...caller, body });
        return reply.code(204).send();
      },
    }),
  );

test('the address is judged first, then who calls, then the body', async () => {
  const [asked, opened]: [string[], unknown[]] = [[], []];
  const app = await openApp(asked, opened);
  const post = async (id: string, body: object | string, key?: string) => {
    const answer = await app.inject({
      method: 'POST',
      url: `/api/doors/${id}`,
      headers: { 'content-type': 'application/json', ...(key && { authorization: key }) },
      payload: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const { code, detail } = answer.payload ? answer.json<Record<string, string>>() : {};
    return [answer.statusCode, code, detail];
  };
  const right = { why: 'to go in' };
  assert.equal(await post('nowhere/open', right, 'nowhere'), [
    400,
    'INVALID_REQUEST',
    'params/doorId must match format "uuid"',
  ]);
  assert.equal(await post(`${DOOR}/open?loudly=1`, right, DOOR), [
    400,
    'INVALID_REQUEST',
    'querystring must NOT have additional properties',
  ]);
  assert.equal(asked, []);
  for (const body of [right, { wrong: true }, '{"torn']) {
    assert.equal(await post(`${DOOR}/open`, body), [401, 'KEY_REQUIRED', 'Show the key.']);
  }
  assert.is((await post(`${DOOR}/open`, { wrong: true }, DOOR))[0], 400);
  assert.equal(opened, []);
  assert.is((await post(`${DOOR}/open`, right, DOOR))[0], 204);
  assert.equal(opened, [{ doorId: DOOR, opens: DOOR, body: right }]);
  await app.close();
});

test('a page and its HEAD are for the same', async () => {
  const app = await appWith((routes) =>
    hookRoute(routes, {
      path: 'GET /doors/:doorId',
      who: keyHolder([]),
      schema: {},
      run: (_request, _reply, { opens }) => ({ opens }),
    }),
  );
  for (const method of ['GET', 'HEAD'] as const) {
    const url = `/api/doors/${DOOR}`;
    assert.is((await app.inject({ method, url })).statusCode, 401);
    const headers = { authorization: DOOR };
    assert.is((await app.inject({ method, url, headers })).statusCode, 200);
  }
  await app.close();
});

test('the OpenAPI document says how to prove who calls', async () => {
  const described = { ...keyHolder([]), description: 'Takes the key.' };
  const app = await appWith((routes) =>
    hookRoute(routes, {
      path: 'GET /doors/:doorId',
      who: described,
      schema: {},
      run: () => ({}),
    }),
  );
  const { paths } = (await app.inject({ url: '/api/openapi.json' })).json<{
    paths: Record<string, { get: { description: string } }>;
  }>();
  assert.is(paths['/api/doors/{doorId}']?.get.description, 'Takes the key.');
  await app.close();
});

test('an app with a route that does not say who may call it does not start', async () => {
  const open = appWith((routes) => routes.get('/doors', () => ({})));
  const error = await open.then(
    () => 'it started',
    ({ message }: Error) => message,
  );
  assert.is(error, 'GET /api/doors: who may call it?');
});

test('a body can prove who calls, before it is judged', async () => {
  const signer: Who<unknown, string> = {
    name: 'whoever signs',
    byBody: true,
    identify({ body }) {
      const { signed } = body as { signed?: string };
      if (!signed) throw new Problem(401, 'UNSIGNED', 'Sign it.');
      return signed;
    },
  };
  const app = await appWith((routes) =>
    hookRoute(routes, {
      path: 'POST /hooks',
      who: signer,
      schema: { body: bodyOf({ signed: text }) },
      run: (_request, _reply, by) => ({ by }),
    }),
  );
  const post = async (payload: object) => {
    const answer = await app.inject({ method: 'POST', url: '/api/hooks', payload });
    return [answer.statusCode, answer.json<{ by?: string }>().by];
  };
  assert.equal(await post({ more: 1 }), [401, undefined]);
  assert.equal(await post({ signed: 'me', more: 1 }), [400, undefined]);
  assert.equal(await post({ signed: 'me' }), [200, 'me']);
  await app.close();
});

test.run();
