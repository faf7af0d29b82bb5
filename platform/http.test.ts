import type { FastifyRequest } from 'fastify';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from './http.ts';
import { createLog } from './log.ts';
import { hookRoute } from './route.ts';

type World = { url: string; close: () => Promise<void> };
const test = suite<World>('http');
const anybody = { name: 'anybody', identify: () => undefined };

test.before(async (world) => {
  const app = await createApp({
    log: createLog('test', 'silent'),
    title: 'echo',
    prefix: '/api',
    ready: async () => {},
    whoReadsDocument: anybody,
    routes: (routes) => {
      const run = async ({ body, query }: FastifyRequest) => ({ ok: true, body, query });
      hookRoute(routes, { path: 'POST /names/:name', who: anybody, schema: {}, run });
      hookRoute(routes, { path: 'GET /names/:name', who: anybody, schema: {}, run });
    },
  });
  world.url = await app.listen({ port: 0, host: '127.0.0.1' });
  world.close = () => app.close();
});
test.after(({ close }) => close());

/** Status, kind of answer and code of what is answered. */
async function refusalOf(answer: Response): Promise<[number, string, string]> {
  const { code } = (await answer.json()) as { code: string };
  const [kind] = answer.headers.get('content-type')!.split(';');
  return [answer.status, kind!, code];
}

const PROBLEM = 'application/problem+json';
const post = (url: string, body: string) =>
  fetch(`${url}/api/names/a`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });

test('text that no store can hold is refused at the door, wherever it stands', async ({ url }) => {
  for (const body of [
    String.raw`{"name":"a\u0000b"}`,
    String.raw`{"name":"a\ud83d"}`,
    String.raw`{"names":[{"of":"\udc00a"}]}`,
    String.raw`{"a\u0000":1}`,
  ]) {
    assert.equal(await refusalOf(await post(url, body)), [400, PROBLEM, 'INVALID_TEXT'], body);
  }
  for (const path of ['/api/names/a%00b', '/api/names/a?q=a%00b', '/api/names/a?q%00=a']) {
    const answer = await fetch(`${url}${path}`);
    assert.equal(await refusalOf(answer), [400, PROBLEM, 'INVALID_TEXT'], path);
  }
});

test('escaped text that is text is taken', async ({ url }) => {
  assert.is((await post(url, String.raw`{"name":"\u0905\ud83d\ude00 \\u0000"}`)).status, 200);
});

test('text comes in in one form of Unicode, spelled out or escaped, in bodies and queries', async ({
  url,
}) => {
  const [composed, apart] = ['Nescaf\u00e9 \u0915\u093c', 'Nescafe\u0301 \u0958'];
  const escaped = String.raw`{"names":[{"of":"Nescafe\u0301 \u0958"}]}`;
  for (const body of [JSON.stringify({ names: [{ of: apart }] }), escaped]) {
    const answer = (await (await post(url, body)).json()) as { body: unknown };
    assert.equal(answer.body, { names: [{ of: composed }] }, body);
  }
  const asked = await fetch(`${url}/api/names/a?q=${encodeURIComponent(apart)}`);
  assert.equal(((await asked.json()) as { query: unknown }).query, { q: composed });
});

test('a malformed address is refused in the same form as everything else', async ({ url }) => {
  for (const path of ['/api/names/%ff', '/api/names/%E0%A4%A', '/%']) {
    assert.equal(await refusalOf(await fetch(`${url}${path}`)), [400, PROBLEM, 'MALFORMED_URL']);
  }
});

test.run();
