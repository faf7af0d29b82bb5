import type { IncomingMessage, ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SESSION_PATH, Sessions } from '../../platform/session.ts';
import { wallClock } from '../../test/clock.ts';
import { createPair } from '../../test/edge.ts';
import { SESSION_SECRET } from '../../test/session.ts';

const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' };
const KEPT = { 'session-secrets': `${SESSION_SECRET},an-older-secret-of-the-tests-32-or-more` };

type Pair = Awaited<ReturnType<typeof createPair>>;

const test = suite<{ pair: Pair; sessions: Sessions }>('edge: sessions');
test.before.each(async (context) => {
  const origin = (_request: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(201, { 'cache-control': 'no-store' }).end();
  context.pair = await createPair(origin, { keyValues: KEPT });
  context.sessions = new Sessions(SESSION_SECRET, wallClock);
});
test.after.each(({ pair }) => pair.close());

const post = ({ url }: Pair, headers: Record<string, string>, path = SESSION_PATH) =>
  fetch(url + path, { method: 'POST', headers });

const cookieOf = (answer: Response) => answer.headers.getSetCookie()[0]!;

test('the edge makes a session by itself, the very one that an origin proves', async ({
  pair,
  sessions,
}) => {
  const answer = await post(pair, SAME_ORIGIN);
  assert.equal([answer.status, pair.seen.length], [204, 0]);
  assert.is(answer.headers.get('cache-control'), 'no-store');
  const [cookie, ...attributes] = cookieOf(answer).split('; ');
  const guest = sessions.actorOf({ cookie });
  const [, ...asOriginDoes] = sessions.cookieFor({ cookie }).split('; ');
  assert.equal(attributes, asOriginDoes);
  const another = cookieOf(await post(pair, SAME_ORIGIN)).split(';')[0]!;
  assert.is.not(sessions.actorOf({ cookie: another }), guest);
});

test('who has a session keeps it, also one that an origin made or an older secret', async ({
  pair,
  sessions,
}) => {
  const older = new Sessions(KEPT['session-secrets'].split(',')[1]!, wallClock);
  for (const maker of [sessions, older]) {
    const cookie = maker.cookieFor({}).split(';')[0]!;
    const answer = await post(pair, { ...SAME_ORIGIN, cookie: `theme=dark; ${cookie}` });
    const renewed = cookieOf(answer).split(';')[0]!;
    assert.is(sessions.actorOf({ cookie: renewed }), maker.actorOf({ cookie }));
  }
  const cookie = sessions.cookieFor({}).split(';')[0]!;
  const planted = new Sessions(SESSION_SECRET, wallClock).cookieFor({}).split(';')[0]!;
  for (const before of [`\u00a0${planted}`, '__Host-session=junk']) {
    const answer = await post(pair, { ...SAME_ORIGIN, cookie: `${before}; ${cookie}` });
    const renewed = cookieOf(answer).split(';')[0]!;
    assert.is(sessions.actorOf({ cookie: renewed }), sessions.actorOf({ cookie }), before);
  }
  const forged = `${sessions.cookieFor({}).split(';')[0]!.slice(0, -1)}!`;
  const answer = await post(pair, { ...SAME_ORIGIN, cookie: forged });
  assert.is(answer.status, 204, 'and whoever made theirs up gets a new one');
  assert.ok(sessions.actorOf({ cookie: cookieOf(answer).split(';')[0]! }));
  assert.is(pair.seen.length, 0);
});

test('whatever is out of the ordinary is for write-api to answer', async ({ pair }) => {
  const unusual: [string, Record<string, string>][] = [
    ['POST', {}],
    ['POST', { 'sec-fetch-site': 'cross-site' }],
    ['PUT', SAME_ORIGIN],
    ['GET', SAME_ORIGIN],
  ];
  for (const [method, headers] of unusual) {
    const answer = await fetch(pair.url + SESSION_PATH, { method, headers });
    assert.is(answer.status, 201, `${method} ${JSON.stringify(headers)}`);
    assert.equal(answer.headers.getSetCookie(), []);
  }
  assert.is(pair.seen.length, unusual.length);
});

test('without its store of keys the edge leaves it to write-api', async () => {
  const pair = await createPair((_, response) => void response.writeHead(204).end());
  try {
    const answer = await post(pair, SAME_ORIGIN);
    assert.equal([answer.status, pair.seen.length], [204, 1]);
    assert.is(pair.seen[0]!.url, SESSION_PATH);
  } finally {
    await pair.close();
  }
});

test.run();
