import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLog } from '../platform/log.ts';
import { createPurger } from '../platform/purge.ts';

/** What CloudFront was asked to invalidate, batch by batch; `failing` requests are not answered well. */
type Context = {
  batches: string[][];
  failing: number;
  url: string;
  asked: () => Promise<string[]>;
  close: () => void;
};

const test = suite<Context>('purge');
// The client signs whatever it sends.
Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any' });

test.before.each(async (context) => {
  let heard = Promise.withResolvers<void>();
  context.batches = [];
  context.failing = 0;
  const itemsOf = (body: string) => [...body.matchAll(/<Path>(.*?)<\/Path>/g)].map((m) => m[1]!);
  const server = createServer((request: IncomingMessage, response) => {
    void text(request).then((body) => {
      if (context.failing-- > 0) return response.writeHead(403).end();
      context.batches.push(itemsOf(body));
      response.writeHead(201, { 'content-type': 'text/xml' }).end('<Invalidation/>');
      heard.resolve();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  context.asked = async () => {
    await heard.promise;
    heard = Promise.withResolvers();
    return context.batches.at(-1)!;
  };
  context.close = () => void server.close();
});
test.after.each(({ close }) => close());

/** What waits, as it is kept in a database. */
function queueOf(...tags: string[]) {
  const noted = tags.map((tag) => ({ tag }));
  return {
    noted,
    read: async () => [...noted],
    done: async (purged: { tag: string }[]) => {
      for (const each of purged) noted.splice(noted.indexOf(each), 1);
    },
  };
}

const purgerOf = (url: string, queue: ReturnType<typeof queueOf>) =>
  createPurger({
    distributionId: 'ETEST',
    endpoint: url,
    queue,
    everything: '*',
    log: createLog('test', 'silent'),
  });

test('what another process left to be purged is purged at the start, and what is noted later', async ({
  url,
  asked,
}) => {
  const queue = queueOf('store-1', 'stores');
  const purger = purgerOf(url, queue);
  assert.equal(await asked(), ['#store-1', '#stores']);
  queue.noted.push({ tag: 'store-2' });
  purger.wake();
  assert.equal(await asked(), ['#store-2']);
  await purger.close();
  assert.equal(queue.noted, []);
});

test('what could not be purged waits, and is tried again', async (context) => {
  context.failing = 1;
  const queue = queueOf('store-1');
  const purger = purgerOf(context.url, queue);
  assert.equal(await context.asked(), ['#store-1']);
  await purger.close();
  assert.equal([context.failing, queue.noted], [-1, []]);
});

test('a tag that no answer can have does not fail the others: everything goes', async ({
  url,
  asked,
}) => {
  for (const odd of ['store-a,b', 'store-ள', 'store-\n', `store-${'x'.repeat(300)}`, '*']) {
    const purger = purgerOf(url, queueOf('store-1', odd));
    assert.equal(await asked(), ['/*']);
    await purger.close();
  }
});

test.run();
