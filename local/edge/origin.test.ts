import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import * as http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { against, CATALOGUE, createPair, listen, say } from '../../test/edge.ts';
import type { Handler } from '../../test/edge.ts';
import { within } from '../../test/promised-time.ts';

const passing = suite('edge: what is passed through');

passing(
  'an upload reaches the origin while it is still being sent',
  against(
    (request, response) => {
      request.once('data', (chunk) => response.write(`got ${chunk}`));
      request.on('end', () => response.end(', all of it'));
    },
    async ({ url }) => {
      const upload = http.request(`${url}/api/write/stores/s1/imports?map=sku:index`, {
        method: 'POST',
      });
      upload.write('first');
      const [answer] = (await once(upload, 'response')) as [IncomingMessage];
      assert.is(String((await once(answer, 'data'))[0]), 'got first');
      upload.end('rest');
      assert.is(String((await once(answer, 'data'))[0]), ', all of it');
    },
  ),
);

passing('a viewer who leaves in the middle of an upload ends it at the origin too', async () => {
  const ended = Promise.withResolvers<void>();
  const handler: Handler = (request) => {
    request.on('error', () => ended.resolve()).resume();
  };
  await against(handler, async ({ url, origin }) => {
    const upload = http.request(`${url}/api/write/x`, { method: 'POST' });
    upload.on('error', () => {});
    upload.write('first');
    await once(origin, 'request');
    upload.destroy();
    await ended.promise;
  })();
});

passing(
  'server-sent events arrive one by one, and stop at the origin when nobody looks',
  async () => {
    const left = Promise.withResolvers<void>();
    let send = (_event: string) => {};
    const handler: Handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.flushHeaders();
      send = (event) => void response.write(`data: ${event}\n\n`);
      response.on('close', () => left.resolve());
    };
    await against(handler, async ({ url }) => {
      const viewer = new AbortController();
      const answer = await fetch(`${url}/api/read/orders/o1/live`, {
        signal: viewer.signal,
        headers: { accept: 'text/event-stream' },
      });
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      for (const event of ['placed', 'accepted']) {
        send(event);
        assert.is((await reader.read()).value, `data: ${event}\n\n`);
      }
      viewer.abort();
      await left.promise;
    })();
  },
);

for (const [how, headers] of Object.entries({
  'and closes': { connection: 'close' },
  'and reads on': {},
})) {
  passing(
    `an origin that refuses an upload by its head ${how} is understood`,
    against(
      (_request, response) => void response.writeHead(413, headers).end('too large'),
      async ({ url, get }) => {
        for (let i = 0; i < 3; i++) {
          const answer = await fetch(`${url}/api/write/x`, {
            method: 'POST',
            body: Buffer.alloc(8 * 1024 * 1024),
          });
          assert.is(answer.status, 413);
          assert.is(await answer.text(), 'too large');
        }
        assert.is((await get('/')).status, 413, 'the next request is none the worse for it');
      },
    ),
  );
}

passing(
  'commands keep their query, key and body; pages take no commands',
  against(
    (request, response) => {
      request.pipe(response);
    },
    async ({ url, seen }) => {
      const command = { method: 'PUT', headers: { 'idempotency-key': 'k'.repeat(8) }, body: '{}' };
      const answer = await fetch(`${url}/api/write/x?b=2&a=1`, command);
      assert.is(await answer.text(), '{}');
      assert.is(seen[0]!.url, '/api/write/x?b=2&a=1');
      assert.is(seen[0]!.headers['idempotency-key'], 'k'.repeat(8));
      assert.is(seen[0]!.headers['x-forwarded-for'], '127.0.0.1');
      assert.is((await fetch(`${url}/cart`, { method: 'POST' })).status, 405);
    },
  ),
);

/** Resolves once so many connections of this process to the port were refused. */
function refusals(port: number, count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    const onSocket = (message: unknown) => {
      (message as { socket: Socket }).socket.once('error', (error: NodeJS.ErrnoException) => {
        const isOurs = error.code === 'ECONNREFUSED' && (error as { port?: number }).port === port;
        if (!isOurs || --left > 0) return;
        unsubscribe('net.client.socket', onSocket);
        resolve();
      });
    };
    subscribe('net.client.socket', onSocket);
  });
}

const trouble = suite('edge: when an origin is away');

trouble('requests wait for an origin that restarts, commands too', async () => {
  const pair = await createPair(say('back'));
  pair.origin.close();
  pair.origin.closeAllConnections();
  await once(pair.origin, 'close');
  const refused = refusals(pair.originPort, 2);
  const asked = Promise.all([
    pair.get(CATALOGUE),
    fetch(`${pair.url}/api/write/x`, { method: 'POST', body: 'do it' }),
  ]);
  await refused;
  await listen(pair.origin, pair.originPort);
  for (const answer of await asked) assert.is(answer.status, 200);
  assert.is(pair.seen.length, 2);
  await pair.close();
});

trouble('a command whose connection broke is not sent twice', async () => {
  const handler: Handler = (request) => request.resume().on('end', () => request.socket.destroy());
  await against(handler, async ({ url, get, seen }) => {
    const answer = await fetch(`${url}/api/write/x`, { method: 'POST', body: 'do it' });
    assert.is(answer.status, 502);
    assert.is(answer.headers.get('content-type'), 'application/problem+json');
    assert.is(answer.headers.get('retry-after'), '1');
    assert.is(((await answer.json()) as { code: string }).code, 'ORIGIN_UNAVAILABLE');
    assert.is(seen.length, 1);
    assert.is((await get(CATALOGUE)).status, 502);
    assert.is(seen.length, 3, 'a read was tried once more');
  })();
});

trouble('an origin that stays away is told of within the bound, to people as a page', async () => {
  const pair = await createPair(say(''));
  pair.origin.close();
  const startedMs = Date.now();
  const answer = await pair.get('/', { accept: 'text/html' });
  assert.is(answer.status, 502);
  assert.match(await answer.text(), 'back in a moment');
  within(3_000, Date.now() - startedMs, 'an origin that stays away is told of');
  await pair.close();
});

trouble('closing lets an answer that is under way finish', async () => {
  const held: ServerResponse[] = [];
  const handler: Handler = (_request, response) => void held.push(response);
  const pair = await createPair(handler);
  const asked = pair.get(CATALOGUE);
  await once(pair.origin, 'request');
  const closed = pair.edge.close();
  held[0]!.end('in time');
  assert.is(await (await asked).text(), 'in time');
  await closed;
  const refused = await pair.get(CATALOGUE).catch((error: Error) => error);
  assert.instance(refused, Error);
  pair.origin.close();
  pair.origin.closeAllConnections();
});

passing.run();
trouble.run();
