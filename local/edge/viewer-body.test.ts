import { once } from 'node:events';
import * as http from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createPair, type Handler } from '../../test/edge.ts';
import type { ViewerTimeouts } from './app.ts';

const NEVER_MS = 600_000;
const PATIENT: ViewerTimeouts = { headMs: NEVER_MS, bodyMs: NEVER_MS, idleMs: NEVER_MS };
const TRICKLE_MS = 20;
/** A piece of a chunked body is six bytes: less than 240 of them a second. */
const TRICKLE_CHUNKS_MS = 60;

const test = suite('edge: viewers that are slow or silent');

/** Answers a request once it is whole. */
const whenWhole: Handler = (request, response) => {
  request.resume().once('end', () => response.end('done'));
};

async function against(
  viewerTimeouts: Partial<ViewerTimeouts>,
  handler: Handler,
  run: (pair: Awaited<ReturnType<typeof createPair>>, open: () => Socket) => Promise<void>,
): Promise<void> {
  const pair = await createPair(handler, { viewerTimeouts: { ...PATIENT, ...viewerTimeouts } });
  const sockets: Socket[] = [];
  const open = () => {
    const socket = connect(Number(new URL(pair.url).port), '127.0.0.1');
    // Being thrown out in the middle of a word is what is tested.
    socket.on('error', () => {});
    sockets.push(socket);
    return socket;
  };
  try {
    await run(pair, open);
  } finally {
    for (const socket of sockets) socket.destroy();
    await pair.close();
  }
}

/** Resolves to all that the edge says, once it has closed. */
function saidTo(socket: Socket): Promise<string> {
  let said = '';
  socket.on('data', (chunk) => (said += String(chunk)));
  return new Promise((resolve) => socket.once('close', () => resolve(said)));
}

/** Sends a piece now and then for as long as it may. Who still sends may lose what is said to them. */
async function trickle(socket: Socket, piece = 'x', everyMs = TRICKLE_MS): Promise<string> {
  const timer = setInterval(() => socket.writable && socket.write(piece), everyMs);
  const said = await saidTo(socket);
  clearInterval(timer);
  return said;
}

function assertRefused(said: string, status: number, code: string): void {
  assert.is.not(said, '');
  const [head, body] = said.split('\r\n\r\n') as [string, string];
  assert.match(head, `HTTP/1.1 ${status} `);
  assert.match(head.toLowerCase(), 'content-type: application/problem+json');
  assert.match(head.toLowerCase(), 'connection: close');
  // It may come in chunks.
  const json = body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1);
  assert.is((JSON.parse(json) as { code: string }).code, code);
}

test('a head that trickles, or never begins, is given up', () =>
  against({ headMs: 300 }, whenWhole, async ({ seen }, open) => {
    const trickling = Array.from({ length: 20 }, () => {
      const socket = open();
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
      return trickle(socket);
    });
    const silent = open();
    await saidTo(silent);
    for (const said of await Promise.all(trickling)) {
      if (said !== '') assertRefused(said, 408, 'REQUEST_TIMEOUT');
    }
    assert.is(seen.length, 0);
  }));

const headOf = (length: string, path = '/api/write/x'): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\n${length}\r\n\r\n`;

test('a command whose body is silent, or trickles, never reaches its origin', () =>
  against({ bodyMs: 300 }, whenWhole, async ({ seen }, open) => {
    const silent = open();
    silent.write(headOf('Content-Length: 10'));
    assertRefused(await saidTo(silent), 408, 'REQUEST_TIMEOUT');
    const trickling = open();
    trickling.write(headOf('Content-Length: 60000'));
    await trickle(trickling);
    assert.is(seen.length, 0);
  }));

test('an upload that trickles is given up, at its origin too', () => {
  const ended = Promise.withResolvers<void>();
  const handler: Handler = (request) => void request.on('error', () => ended.resolve()).resume();
  return against({ bodyMs: 300 }, handler, async ({ seen }, open) => {
    const upload = open();
    upload.write(headOf('Transfer-Encoding: chunked'));
    await trickle(upload, '1\r\nx\r\n', TRICKLE_CHUNKS_MS);
    await ended.promise;
    assert.is(seen.length, 1);
  });
});

test('the body of a request that was refused by its head cannot go on for ever', () =>
  against({ bodyMs: 300 }, whenWhole, async (_, open) => {
    const refused = open();
    refused.write(headOf('Content-Length: 60000', '/cart'));
    const [answer] = (await once(refused, 'data')) as [Buffer];
    assert.match(String(answer), 'HTTP/1.1 405 ');
    await trickle(refused);
  }));

test('a slow upload takes as long as it takes', () =>
  against({ bodyMs: 500 }, whenWhole, async ({ url }) => {
    const upload = http.request(`${url}/api/write/stores/s1/imports`, { method: 'POST' });
    const answered = once(upload, 'response');
    for (let i = 0; i < 60; i++) {
      upload.write('x'.repeat(100));
      await new Promise((resolve) => setTimeout(resolve, TRICKLE_MS));
    }
    upload.end();
    const [answer] = (await answered) as [IncomingMessage];
    assert.is(answer.statusCode, 200);
    answer.resume();
  }));

test('silent uploads leave room for commands', () =>
  against({}, whenWhole, async ({ url }, open) => {
    const refusals = Array.from({ length: 300 }, () => {
      const socket = open();
      socket.write(headOf('Transfer-Encoding: chunked'));
      return once(socket, 'data');
    });
    // Some 256 of them wait with the origin.
    assert.match(String(await Promise.any(refusals)), 'HTTP/1.1 503 ');
    const answer = await fetch(`${url}/api/write/x`, { method: 'POST', body: 'do it' });
    assert.is(await answer.text(), 'done');
  }));

test('a connection on which nothing happens any more is closed', () =>
  against(
    { idleMs: 300 },
    () => undefined,
    async (_, open) => {
      const socket = open();
      socket.write('GET /api/read/orders/o1 HTTP/1.1\r\nHost: x\r\n\r\n');
      socket.resume();
      await once(socket, 'close');
    },
  ));

test('what is no HTTP is refused in the form of every other refusal', () =>
  against({}, whenWhole, async (_, open) => {
    for (const [sent, status, code] of [
      ['GET / HTP\r\n\r\n', 400, 'MALFORMED_REQUEST'],
      [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
    ] as const) {
      const socket = open();
      socket.write(sent);
      assertRefused(await saidTo(socket), status, code);
    }
  }));

test.run();
