import fastify from 'fastify';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../domain/limits.ts';
import { Problem } from './http.ts';
import { Limiter, viewerOf, type Limit } from './limits.ts';
import { hookRoute } from './route.ts';

const MINUTE_MS = 60_000;

const test = suite('limits');

const from = (address: string, url = '/quotes') => ({
  url,
  headers: { 'x-forwarded-for': address },
});

function refusal(run: () => unknown): [status: number, retryAfter: string] | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    assert.instance(error, Problem);
    const { status, headers } = error as Problem;
    return [status, headers['retry-after']!];
  }
}

test('who asks is what the edge wrote last, and a subscriber of IPv6 is a /64', () => {
  for (const [forwarded, viewer] of [
    [undefined, undefined],
    ['203.0.113.7', '203.0.113.7'],
    ['10.0.0.1, 8.8.8.8,203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ] as const) {
    assert.is(viewerOf({ 'x-forwarded-for': forwarded }), viewer, forwarded);
  }
});

test('a rush is taken, then as much as comes back, and each address has its own', () => {
  const limiter = new Limiter({ by: 'address', rate: { burst: 3, perMinute: 2 } });
  const take = (address: string, atMs: number) => refusal(() => limiter.take(from(address), atMs));
  for (let i = 0; i < 3; i++) assert.is(take('192.0.2.1', 0), undefined);
  assert.equal(take('192.0.2.1', 0), [429, '30']);
  assert.equal(take('192.0.2.1', 15_000), [429, '15']);
  assert.is(take('192.0.2.2', 0), undefined);
  assert.is(take('192.0.2.1', 30_000), undefined);
  assert.equal(take('192.0.2.1', 30_000), [429, '30']);
  for (let i = 0; i < 3; i++) assert.is(take('192.0.2.1', 60 * MINUTE_MS), undefined);
  assert.equal(take('192.0.2.1', 60 * MINUTE_MS), [429, '30']);
});

test('what is under way counts until it is over', () => {
  const limiter = new Limiter({ by: 'address-and-url', atOnce: 1 });
  const over = limiter.take(from('2001:db8::1', '/a?x'), 0);
  assert.equal(
    refusal(() => limiter.take(from('2001:db8::2', '/a?y'), 0)),
    [429, '5'],
  );
  assert.is(
    refusal(() => limiter.take(from('2001:db8::1', '/b'), 0)),
    undefined,
  );
  over();
  assert.is(
    refusal(() => limiter.take(from('2001:db8::2', '/a'), 0)),
    undefined,
  );
});

test('what did not come through the edge is ours, and only counts where all are counted', () => {
  const ours = { url: '/', headers: {} };
  const one: Limit = { by: 'address', rate: { burst: 1, perMinute: 1 }, atOnce: 1 };
  for (const [limit, second] of [
    [one, undefined],
    [{ ...one, by: 'everybody' }, [429, '5']],
  ] as const) {
    const limiter = new Limiter(limit);
    limiter.take(ours, 0);
    assert.equal(
      refusal(() => limiter.take(ours, 0)),
      second,
    );
  }
});

test("2,000 shoppers behind one carrier's address are not refused in a rush", () => {
  const limiters = {
    quotes: [new Limiter(LIMITS.quotesOfCart), new Limiter(LIMITS.quotes)],
    live: [new Limiter(LIMITS.streamsOfPage), new Limiter(LIMITS.streams)],
  };
  for (let shopper = 0; shopper < 2_000; shopper++) {
    for (const page of ['quotes', 'quotes', 'live'] as const) {
      const asked = from('203.0.113.7', `/${shopper}/${page}`);
      for (const limiter of limiters[page]) limiter.take(asked, 0);
    }
  }
  const [, quotes] = limiters.quotes;
  const more = () => quotes!.take(from('203.0.113.7'), 0);
  assert.ok(Array.from({ length: 2_000 }, () => refusal(more)).some((each) => each?.[0] === 429));
});

test('a route counts what it is asked, before it looks at who asks, until it is answered', async () => {
  const app = fastify();
  app.setErrorHandler((error: Problem, _request, reply) =>
    reply.code(error.status).headers(error.headers).send(error.code),
  );
  const asked: string[] = [];
  hookRoute(app, {
    path: 'GET /doors/:doorId',
    who: { name: 'anybody', identify: ({ params: { doorId } }) => void asked.push(doorId) },
    schema: {},
    limits: [
      new Limiter({ by: 'address', rate: { burst: 2, perMinute: 1 } }),
      new Limiter({ by: 'everybody', atOnce: 1 }),
    ],
    run: async () => 'open',
  });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const door = '5e1b4cd0-5c1e-4d19-9b3e-94f2b1f3a111';
  const ask = async () => {
    const answer = await fetch(`${url}/doors/${door}`, {
      headers: { 'x-forwarded-for': '192.0.2.1', connection: 'close' },
    });
    return [answer.status, await answer.text(), answer.headers.has('retry-after')];
  };
  assert.equal(await ask(), [200, 'open', false]);
  assert.equal(await ask(), [200, 'open', false]);
  assert.equal(await ask(), [429, 'TOO_MANY_REQUESTS', true]);
  assert.equal(asked, [door, door]);
  await app.close();
});

test.run();
