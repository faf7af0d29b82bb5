import { once } from 'node:events';
import * as http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readDistribution } from './edge/distribution.ts';
import { against, CATALOGUE, count, DISTRIBUTION, PUBLIC, say, xCache } from '../test/edge.ts';
import type { Handler } from '../test/edge.ts';
import { within } from '../test/promised-time.ts';

const test = suite('edge: what is kept');

test(
  'a second viewer gets the first one’s answer, with its age',
  against(count({ age: '7' }), async ({ get, seen }) => {
    const first = await get(CATALOGUE);
    assert.is(xCache(first), 'Miss');
    assert.is(await first.text(), '1');
    const second = await get(CATALOGUE);
    assert.is(xCache(second), 'Hit');
    assert.ok(Number(second.headers.get('age')) >= 7);
    assert.is(second.headers.get('cache-control'), PUBLIC);
    assert.is(await second.text(), '1');
    assert.is(seen.length, 1);
  }),
);

test(
  'searches that mean the same are one entry, whatever else is in the address',
  against(count(), async ({ get, seen }) => {
    const searches = [
      '?q=basmati%20rice&category=Rice',
      '?category=Rice&q=%20Basmati++RICE%20&utm_source=x&limit=',
      '?category=Rice&q=BASMATI%20RICE&category=Dal',
    ];
    for (const search of searches) assert.is(await (await get(CATALOGUE + search)).text(), '1');
    assert.is(seen[0]!.url, `${CATALOGUE}?category=Rice&q=basmati%20rice`);
    assert.is(await (await get(`${CATALOGUE}?q=%E0%AE%85`)).text(), '2', 'another search');
    assert.is(
      (await get(`${CATALOGUE}?q=%E0%A`)).status,
      200,
      'torn UTF-8 is the origin’s business',
    );
    assert.is(seen[2]!.url, `${CATALOGUE}?q=%E0%A`);
  }),
);

test(
  'a read that waits for its own write never gets somebody else’s entry',
  against(count(), async ({ get, seen }) => {
    await get(CATALOGUE);
    const own = await get(CATALOGUE, { 'doorstep-position': '42' });
    assert.is(await own.text(), '2');
    assert.is(seen[1]!.headers['doorstep-position'], '42');
  }),
);

test(
  'cookies, languages and credentials neither split entries nor reach what is shared',
  against(count(), async ({ get, seen }) => {
    await get(CATALOGUE, { cookie: 'a=1', authorization: 'Bearer x', 'accept-language': 'ta' });
    assert.is(await (await get(CATALOGUE, { cookie: 'a=2' })).text(), '1');
    const { headers } = seen[0]!;
    assert.is(headers.cookie, undefined);
    assert.is(headers.authorization, undefined);
    assert.is(headers['accept-language'], undefined);
    assert.is(headers['x-forwarded-host'], 'shop.example');
    assert.is(headers['x-forwarded-proto'], 'https');
    assert.ok(headers['x-request-id']);
  }),
);

for (const [what, headers] of Object.entries({
  'private answers': { 'cache-control': 'private, no-store' },
  'answers without a lifetime': { 'cache-control': 'public' },
  'answers that set a cookie': { 'set-cookie': 'a=1' },
  'answers that vary by what is not in the key': { vary: 'Accept-Language' },
})) {
  test(
    `${what} are never kept, nor shared by those who ask at once`,
    against(count(headers), async ({ get }) => {
      const answers = await Promise.all([1, 2, 3].map(async () => (await get(CATALOGUE)).text()));
      assert.equal(answers.toSorted(), ['1', '2', '3']);
      assert.is(await (await get(CATALOGUE)).text(), '4');
    }),
  );
}

test(
  'an order board gets the shop’s pass and is never kept, whatever it says of itself',
  against(count(), async ({ get, seen }) => {
    const board = '/api/read/stores/s1/board';
    await get(board, { authorization: 'Bearer s1.mac', cookie: 'a=1' });
    assert.is(await (await get(board)).text(), '2');
    assert.is(seen[0]!.headers.authorization, 'Bearer s1.mac');
    assert.is(seen[0]!.headers.cookie, 'a=1');
  }),
);

test('to a payment write-api answers, and the page that comes after it is one of web', () => {
  const { behaviours } = readDistribution(DISTRIBUTION);
  const roomOf = (path: string) => behaviours.find(({ matches }) => matches(path))!.originId;
  for (const step of ['pay', 'razorpay-return', 'receipts', 'refunds/1/given']) {
    assert.is(roomOf(`/api/write/payments/8c9b5f0e/${step}`), 'write-api');
  }
  assert.is(roomOf('/payments/return'), 'web');
});

test('a hundred who miss at once are one request to the origin', async () => {
  const held: ServerResponse[] = [];
  const handler: Handler = (_request, response) => void held.push(response);
  await against(handler, async ({ get, origin, seen }) => {
    const asked = Promise.all(
      Array.from({ length: 100 }, async () => (await get(CATALOGUE)).text()),
    );
    if (held.length === 0) await once(origin, 'request');
    held[0]!.writeHead(200, { 'cache-control': PUBLIC }).end('one for all');
    assert.equal(new Set(await asked), new Set(['one for all']));
    assert.is(seen.length, 1);
  })();
});

test(
  'a viewer who has it already is told so',
  against(say('text', { etag: '"v1"' }), async ({ get, seen }) => {
    await get(CATALOGUE);
    for (const condition of ['"v1"', 'W/"v1"', '"v0", "v1"', '*']) {
      const again = await get(CATALOGUE, { 'if-none-match': condition });
      assert.is(again.status, 304, condition);
      assert.is(again.headers.get('etag'), '"v1"');
    }
    assert.is((await get(CATALOGUE, { 'if-none-match': '"v2"' })).status, 200);
    assert.is(seen.length, 1);
  }),
);

test('what is out of date is asked for again by its tag, and sent again only if new', async () => {
  let version = '"v1"';
  // Born old: out of date when it arrives, and without a time in which it may be shown stale.
  const headers = { 'cache-control': 's-maxage=60, stale-if-error=600', age: '61' };
  const handler: Handler = (request, response) => {
    if (request.headers['if-none-match'] === version) response.writeHead(304, headers).end();
    else response.writeHead(200, { ...headers, etag: version }).end(`text of ${version}`);
  };
  await against(handler, async ({ get, seen }) => {
    await get(CATALOGUE);
    const same = await get(CATALOGUE);
    assert.is(xCache(same), 'RefreshHit');
    assert.is(await same.text(), 'text of "v1"');
    assert.is(seen[1]!.headers['if-none-match'], '"v1"');
    version = '"v2"';
    assert.is(await (await get(CATALOGUE)).text(), 'text of "v2"');
  })();
});

test('what is a little out of date is shown at once and renewed behind', async () => {
  const handler: Handler = (_request, response, nth) => {
    // The first answer is born old; what comes after is fresh.
    const age = nth === 1 ? '61' : '0';
    response.writeHead(200, { 'cache-control': PUBLIC, age }).end(`${nth}`);
  };
  await against(handler, async ({ get, origin }) => {
    await get(CATALOGUE);
    const renewed = once(origin, 'request');
    const stale = await get(CATALOGUE);
    assert.is(xCache(stale), 'Hit');
    assert.is(await stale.text(), '1');
    await renewed;
    await until(async () => (await (await get(CATALOGUE)).text()) === '2');
  })();
});

test('an origin in trouble is covered by what was kept, as long as that may be', async () => {
  let status = 200;
  const handler: Handler = (_request, response) => {
    const age = '61';
    const kept = { 'cache-control': 's-maxage=60, stale-if-error=600', age };
    response.writeHead(status, status === 200 ? kept : {}).end('good');
  };
  await against(handler, async ({ get, origin }) => {
    await get(CATALOGUE);
    status = 503;
    assert.is(await (await get(CATALOGUE)).text(), 'good');
    assert.is((await get('/api/read/never-seen')).status, 503, 'nothing was kept of this one');
    origin.close();
    origin.closeAllConnections();
    const startedMs = Date.now();
    assert.is(await (await get(CATALOGUE)).text(), 'good');
    within(1_000, Date.now() - startedMs, 'a kept answer covers an origin that is gone');
  })();
});

test('text is compressed as the viewer likes it, other things are not', async () => {
  const page = '<p>rice</p>'.repeat(501);
  const handler: Handler = ({ url }, response) => {
    const type = url === '/photo.avif' ? 'image/avif' : 'text/html';
    const headers = { 'cache-control': PUBLIC, 'content-type': type, etag: '"p"' };
    response.writeHead(200, headers).end(url === '/small' ? 'small' : page);
  };
  await against(handler, async ({ get, seen }) => {
    const encodings = { 'gzip, deflate, br': 'br', 'gzip, br;q=0': 'gzip', identity: null };
    for (const [accepted, used] of Object.entries(encodings)) {
      for (const time of ['first', 'second']) {
        const answer = await get('/', { 'accept-encoding': accepted });
        assert.is(answer.headers.get('content-encoding'), used, `${accepted}, ${time}`);
        assert.is(answer.headers.get('vary'), 'Accept-Encoding');
        assert.is(answer.headers.get('etag'), used ? 'W/"p"' : '"p"');
        assert.is(await answer.text(), page);
      }
    }
    assert.is(seen.length, 1);
    assert.is(seen[0]!.headers['accept-encoding'], undefined);
    assert.is((await get('/small')).headers.get('content-encoding'), null);
    assert.is((await get('/photo.avif')).headers.get('content-encoding'), null);
  })();
});

test(
  'a body that nobody expects does not hold up a read',
  against(count(), async ({ url }) => {
    const request = http.request(url + CATALOGUE, {
      method: 'GET',
      headers: { 'content-length': 4 },
    });
    request.end('body');
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    assert.is(answer.statusCode, 200);
    answer.resume();
  }),
);

test(
  'HEAD is answered from the same entry, without a body',
  against(say('12345'), async ({ url, seen }) => {
    for (const expected of ['Miss', 'Hit']) {
      const head = await fetch(`${url}/about`, { method: 'HEAD' });
      assert.is(xCache(head), expected);
      assert.is(head.headers.get('content-length'), '5');
      assert.is(await head.text(), '');
    }
    assert.is(seen[0]!.method, 'GET');
  }),
);

test(
  'the least recently used go when the budget is used up',
  against(
    (_request, response) => say('x'.repeat(100_000))(_request, response, 0),
    async ({ get, seen }) => {
      for (const path of ['/1', '/2', '/3', '/1']) await (await get(path)).text();
      assert.is(seen.length, 4, 'two fit, so the first was gone');
      assert.is(xCache(await get('/3')), 'Hit');
    },
    250_000,
  ),
);

test(
  'an answer that is too large to keep is passed through whole',
  against(
    (_request, response) => {
      response.writeHead(200, { 'cache-control': PUBLIC });
      for (let i = 0; i < 6; i++) response.write(Buffer.alloc(1024 * 1024, `${i}`));
      response.end();
    },
    async ({ get }) => {
      for (let i = 0; i < 2; i++) {
        const answer = await get('/film');
        assert.is(xCache(answer), 'Miss');
        const body = Buffer.from(await answer.arrayBuffer());
        assert.is(body.length, 6 * 1024 * 1024);
        assert.is(body.at(-1), '5'.charCodeAt(0));
      }
    },
  ),
);

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

test.run();
