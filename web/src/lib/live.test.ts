import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ApiError, Fetch } from './api.ts';
import { follow, type LiveState } from './live.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, visit: number) => void;

const live = suite<{ server: Server; handle: Handler; fetch: Fetch }>('live');

live.before.each(async (context) => {
  let visits = 0;
  context.server = createServer((request, response) => context.handle(request, response, ++visits));
  await new Promise<void>((resolve) => context.server.listen(0, '127.0.0.1', resolve));
  const { port } = context.server.address() as AddressInfo;
  context.fetch = (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init);
});

live.after.each(async ({ server }) => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Follows until the values are there; gives them with the states that were seen on the way. */
function followed(serverFetch: Fetch, count: number) {
  return new Promise<{ values: number[]; states: LiveState[] }>((resolve, reject) => {
    const values: number[] = [];
    const states: LiveState[] = [];
    const stop = follow<number>({
      path: '/live',
      event: 'count',
      headers: () => new Headers({ authorization: 'Bearer pass' }),
      read: async () => (await serverFetch('/count', {})).json() as Promise<number>,
      onValue: (value) => {
        values.push(value);
      },
      onState: (state) => {
        states.push(state);
        if (values.length >= count) {
          stop();
          resolve({ values, states });
        }
      },
      onRefused: reject,
      fetch: serverFetch,
    });
  });
}

live('sends its headers and hands on every value', async (context) => {
  let authorization: string | undefined;
  context.handle = (request, response) => {
    authorization = request.headers.authorization;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(
      'event: count\ndata: 1\n\nevent: other\ndata: 9\n\n:\n\nevent: count\ndata: 2\n\n',
    );
  };
  assert.equal(await followed(context.fetch, 2), {
    values: [1, 2],
    states: ['connecting', 'live', 'live'],
  });
  assert.is(authorization, 'Bearer pass');
});

live('asks while there is no stream, and goes live again when there is', async (context) => {
  context.handle = (request, response, visit) => {
    if (request.url === '/count') response.end('5');
    else if (visit === 1) request.socket.destroy();
    else response.writeHead(200).write('event: count\ndata: 6\n\n');
  };
  assert.equal(await followed(context.fetch, 2), {
    values: [5, 6],
    states: ['connecting', 'polling', 'live'],
  });
});

live('goes on without a position that is of another log', async (context) => {
  context.handle = (request, response, visit) => {
    if (request.url === '/count') response.end('5');
    else if (visit === 1) {
      response.writeHead(409, { 'content-type': 'application/problem+json' });
      response.end('{"status":409,"code":"OTHER_LOG"}');
    } else response.writeHead(200).write('event: count\ndata: 6\n\n');
  };
  assert.equal(await followed(context.fetch, 2), {
    values: [5, 6],
    states: ['connecting', 'polling', 'live'],
  });
});

live('says that it is offline when asking fails too', async (context) => {
  context.handle = (request, response, visit) => {
    if (visit <= 2) request.socket.destroy();
    else response.writeHead(200).write('event: count\ndata: 1\n\n');
  };
  const { states } = await followed(context.fetch, 1);
  assert.equal(states, ['connecting', 'offline', 'live']);
});

live('ends when it is refused for good', async (context) => {
  context.handle = (_, response) => {
    response.writeHead(404, { 'content-type': 'application/problem+json' });
    response.end('{"code":"ORDER_NOT_FOUND","detail":"There is no such order."}');
  };
  const error = await followed(context.fetch, 1).catch((reason: ApiError) => reason);
  assert.is((error as ApiError).code, 'ORDER_NOT_FOUND');
});

live.run();
