import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LIVE_PATH } from '../../platform/system.ts';
import { SESSION_PATH } from '../../platform/session.ts';
import { CATALOGUE, createPair, DISTRIBUTION, PUBLIC, xCache } from '../../test/edge.ts';
import type { Handler } from '../../test/edge.ts';
import { assertGuarded, pagePolicyOf, SECURITY_HEADERS } from '../../test/security-headers.ts';
import { SESSION_SECRET } from '../../test/session.ts';
import { readDistribution } from './distribution.ts';
import { API_PREFIX } from './invalidation.ts';

const LIVE = '/api/read/stores/s1/board/live';
const GONE = '/api/write/gone';
const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' };

type Pair = Awaited<ReturnType<typeof createPair>>;

const answersOf =
  (headers: Record<string, string>): Handler =>
  (request, response) => {
    if (request.url === GONE) return void request.socket.destroy();
    if (request.url === LIVE) {
      response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' });
      return void response.write(': open\n\n');
    }
    response.writeHead(200, { ...headers, 'cache-control': PUBLIC, etag: '"v1"' }).end('text');
  };

const test = suite<{ open: (headers?: Record<string, string>) => Promise<Pair>; pairs: Pair[] }>(
  'edge: headers of every answer',
);
test.before.each((context) => {
  context.pairs = [];
  context.open = async (headers = {}) => {
    const keyValues = { 'session-secrets': SESSION_SECRET };
    const pair = await createPair(answersOf(headers), { keyValues });
    context.pairs.push(pair);
    return pair;
  };
});
test.after.each(async ({ pairs }) => {
  for (const pair of pairs) await pair.close();
});

/** Of a request by its method and path. */
const ask = ({ url }: Pair, asked: string, headers: Record<string, string> = {}) => {
  const [method, path] = asked.split(' ') as [string, string];
  return fetch(url + path, { method, headers });
};

test('an answer has all of them, whoever gives it and however', async ({ open }) => {
  const pair = await open();
  const kinds: [asked: string, status: number, headers?: Record<string, string>][] = [
    [`GET ${CATALOGUE}`, 200],
    [`GET ${CATALOGUE}`, 200],
    [`HEAD ${CATALOGUE}`, 200],
    [`GET ${CATALOGUE}`, 304, { 'if-none-match': '"v1"' }],
    ['GET /', 200],
    ['GET /_app/immutable/start.js', 200],
    ['OPTIONS /', 200],
    ['POST /api/write/orders', 200],
    [`GET ${LIVE}`, 200],
    [`POST ${SESSION_PATH}`, 204, SAME_ORIGIN],
    ['DELETE /', 405],
    [`POST ${GONE}`, 502],
    [`GET ${LIVE_PATH}`, 200],
    [`POST ${API_PREFIX}distribution/E1/invalidation`, 403],
  ];
  for (const [asked, status, headers] of kinds) {
    const answer = await ask(pair, asked, headers);
    assert.is(answer.status, status, asked);
    assertGuarded(answer.headers, `${asked} ${status}`);
    await answer.body?.cancel();
  }
  const again = await ask(pair, `GET ${CATALOGUE}`);
  assert.is(xCache(again), 'Hit');
});

test('so has the answer to what is no request', async ({ open }) => {
  const { url } = await open();
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.end('this is no HTTP\r\n\r\n');
  const [status, ...lines] = (await text(socket)).split('\r\n\r\n')[0]!.split('\r\n');
  assert.is(status, 'HTTP/1.1 400 Bad Request');
  assertGuarded(new Headers(lines.map((line) => line.split(': ') as [string, string])), status!);
});

test('a page that the edge makes itself lets nothing in but its own style', async ({ open }) => {
  const answer = await ask(await open(), `POST ${GONE}`, { accept: 'text/html' });
  const policy = pagePolicyOf(answer.headers, 'the page');
  assert.equal(policy.get('default-src'), ["'none'"]);
  assert.match(policy.get('style-src')!.join(' '), /^'sha256-[\w+/]{43}='$/);
  assert.not.match(await answer.text(), ' style=');
  assertGuarded(answer.headers, 'the page', {
    'content-security-policy': answer.headers.get('content-security-policy'),
  });
});

test('an origin says its own policies of content and referrers, and none of the rest', async ({
  open,
}) => {
  const names = Object.keys(SECURITY_HEADERS);
  const pair = await open(Object.fromEntries(names.map((name) => [name, 'of the origin'])));
  const own = {
    'content-security-policy': 'of the origin',
    'referrer-policy': 'of the origin',
  };
  for (const asked of [
    `GET ${CATALOGUE}`,
    `GET ${CATALOGUE}`,
    `GET ${LIVE}`,
    'POST /api/write/x',
  ]) {
    const answer = await ask(pair, asked);
    assertGuarded(answer.headers, asked, own);
    await answer.body?.cancel();
  }
});

type Part = Record<string, unknown>;
type File = { ResponseHeadersPolicies: Part[]; DistributionConfig: { DefaultCacheBehavior: Part } };

test('what a policy asks for and the edge cannot do is refused, as is to have none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'doorstep-edge-'));
  try {
    cpSync(dirname(DISTRIBUTION), folder, { recursive: true });
    const file = join(folder, 'distribution.json');
    const readWith = (change: (policy: Part, behaviour: Part) => void) => () => {
      const whole = JSON.parse(readFileSync(DISTRIBUTION, 'utf8')) as File;
      change(whole.ResponseHeadersPolicies[0]!, whole.DistributionConfig.DefaultCacheBehavior);
      writeFileSync(file, JSON.stringify(whole));
      return readDistribution(file);
    };
    assert.is(readWith(() => {})().behaviours.length, 13);
    const changes: Record<string, (policy: Part, behaviour: Part) => void> = {
      'not CorsConfig': (policy) => void (policy.CorsConfig = {}),
      'not RemoveHeadersConfig': (policy) => void (policy.RemoveHeadersConfig = { Quantity: 0 }),
      'sets no XSSProtection': (policy) =>
        void (policy.SecurityHeadersConfig = { XSSProtection: { Protection: true } }),
      'no policy another': (_, behaviour) => void (behaviour.ResponseHeadersPolicyId = 'another'),
      'no policy undefined': (_, behaviour) => void delete behaviour.ResponseHeadersPolicyId,
    };
    for (const [refusal, change] of Object.entries(changes)) {
      assert.throws(readWith(change), new RegExp(refusal));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
