import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ApiError, command, newKey, ownHeaders, read, readOwn, type Fetch } from './api.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const api = suite<{ server: Server; handle: Handler; fetch: Fetch }>('api');

api.before.each(async (context) => {
  context.server = createServer((request, response) => context.handle(request, response));
  await new Promise<void>((resolve) => context.server.listen(0, '127.0.0.1', resolve));
  const { port } = context.server.address() as AddressInfo;
  context.fetch = (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init);
});

api.after.each(async ({ server }) => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const JSON_TYPE = { 'content-type': 'application/json' };
const PROBLEM_TYPE = { 'content-type': 'application/problem+json' };

const failure = async (promise: Promise<unknown>): Promise<ApiError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, ApiError);
  return error as ApiError;
};

api('repeats a command that got no answer, with the same key', async (context) => {
  const keys: unknown[] = [];
  context.handle = (request, response) => {
    keys.push(request.headers['idempotency-key']);
    if (keys.length < 3) request.socket.destroy();
    else response.writeHead(201, { 'content-type': 'application/json' }).end('{"orderId":"o1"}');
  };
  const key = newKey();
  const answer = await command('POST', '/orders', {}, { key, fetch: context.fetch });
  assert.equal(answer, { orderId: 'o1' });
  assert.equal(keys, [key, key, key]);
});

api(
  'a command that is refused for want of a session asks for one, and is sent with its key',
  async (context) => {
    const asked: string[] = [];
    context.handle = ({ url, headers }, response) => {
      asked.push(`${url} ${String(headers['idempotency-key'])}`);
      if (url === '/api/write/session') return void response.writeHead(204).end();
      if (asked.length > 1) return void response.writeHead(201, JSON_TYPE).end('{"cartId":"c1"}');
      const problem = { code: 'SESSION_NEEDED', detail: 'none yet' };
      response.writeHead(401, PROBLEM_TYPE).end(JSON.stringify(problem));
    };
    const key = newKey();
    const answer = await command('POST', '/carts', {}, { key, fetch: context.fetch });
    assert.equal(answer, { cartId: 'c1' });
    assert.equal(asked, [`/carts ${key}`, '/api/write/session undefined', `/carts ${key}`]);
  },
);

api('a browser that keeps no cookie is told so, after one more try', async (context) => {
  let requests = 0;
  context.handle = ({ url }, response) => {
    requests += 1;
    if (url === '/api/write/session') return void response.writeHead(204).end();
    response.writeHead(401, PROBLEM_TYPE).end('{"code":"SESSION_NEEDED","detail":"none yet"}');
  };
  const sent = command('POST', '/carts', {}, { key: newKey(), fetch: context.fetch });
  const { code, message } = await failure(sent);
  assert.is(code, 'SESSION_NEEDED');
  assert.match(message, /keeps no cookies/);
  assert.is(requests, 3);
});

api('a key is a UUID of version 7, of this moment, and another each time', () => {
  const nowMs = Date.parse('2026-11-21T10:15:00.123Z');
  const keys = Array.from({ length: 1_000 }, () => newKey(nowMs));
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  for (const key of keys) {
    assert.match(key, form);
    assert.is(Number.parseInt(key.slice(0, 13).replace('-', ''), 16), nowMs);
  }
  assert.is(new Set(keys).size, keys.length);
});

api('gives up after its attempts and says that no answer came', async (context) => {
  let requests = 0;
  context.handle = (request) => {
    requests++;
    request.socket.destroy();
  };
  const error = await failure(read('/stores', { fetch: context.fetch, attempts: 2 }));
  assert.is(error.status, 0);
  assert.is(error.code, 'NO_ANSWER');
  assert.is(requests, 2);
});

api('does not repeat what was refused, and hands on why', async (context) => {
  let requests = 0;
  context.handle = (_, response) => {
    requests++;
    const problem = { status: 409, code: 'CART_CHECKED_OUT', detail: 'Open a new one.' };
    response.writeHead(409, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify(problem));
  };
  const options = { key: newKey(), fetch: context.fetch };
  const error = await failure(command('PUT', '/carts/c/items/l', { quantity: 1 }, options));
  assert.is(error.code, 'CART_CHECKED_OUT');
  assert.is(error.message, 'Open a new one.');
  assert.is(requests, 1);
});

api('reads again without a position that is of another log, and forgets it', async (context) => {
  const memory = new Map<string, string>();
  const define = (name: string, value: unknown) =>
    Object.defineProperty(globalThis, name, { value, configurable: true });
  define('document', {});
  define('sessionStorage', {
    getItem: (key: string) => memory.get(key) ?? null,
    setItem: (key: string, value: string) => memory.set(key, value),
    removeItem: (key: string) => memory.delete(key),
  });
  try {
    const positions: unknown[] = [];
    context.handle = (request, response) => {
      const position = request.headers['doorstep-position'];
      if (request.method === 'PUT') {
        response.setHeader('doorstep-position', '7f3a90bc.42');
      } else positions.push(position);
      const isRefused = position !== undefined;
      const type = isRefused ? 'application/problem+json' : 'application/json';
      response.writeHead(isRefused ? 409 : 200, { 'content-type': type });
      response.end(isRefused ? '{"status":409,"code":"OTHER_LOG"}' : '{"quantity":1}');
    };
    await command('PUT', '/carts/c', {}, { key: newKey(), fetch: context.fetch });
    assert.is(ownHeaders().get('doorstep-position'), '7f3a90bc.42');
    assert.equal(await readOwn('/carts/c', { fetch: context.fetch }), { quantity: 1 });
    assert.equal(positions, ['7f3a90bc.42', undefined]);
    assert.is(ownHeaders().get('doorstep-position'), null);
  } finally {
    define('document', undefined);
  }
});

api('waits as it is told by an answer that says "not now"', async (context) => {
  const times: number[] = [];
  context.handle = (_, response) => {
    times.push(performance.now());
    if (times.length === 1) response.writeHead(503, { 'retry-after': '1' }).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end('[]');
  };
  assert.equal(await read('/stores', { fetch: context.fetch }), []);
  assert.ok(times[1]! - times[0]! >= 990);
});

api.run();
