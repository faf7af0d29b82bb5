import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SESSION_COOKIE, Sessions } from '../platform/session.ts';
import { headersOfGuest, OTHER_SECRET, SESSION_SECRET } from '../test/session.ts';
import { newKey, openStore, startShop, STRANGER, type Shop } from '../test/shop.ts';

const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' };
const DAY_MS = 24 * 60 * 60 * 1000;

const test = suite<{ shop: Shop }>('session');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

/** Asks for a session with these headers and no others. */
const ask = ({ writeUrl }: Shop, headers: Record<string, string>) =>
  fetch(`${writeUrl}/session`, { method: 'POST', headers });

const cookieIn = (answer: Response): string => answer.headers.getSetCookie()[0]!.split(';')[0]!;

const openCart = (shop: Shop, headers: Record<string, string>) =>
  shop.write<{ cartId: string; code: string }>('POST', '/carts', undefined, headers);

test('a session is a cookie that no page can read and no other site send', async ({ shop }) => {
  const answer = await ask(shop, SAME_ORIGIN);
  assert.is(answer.status, 204);
  assert.is(answer.headers.get('cache-control'), 'no-store');
  const [cookie, ...more] = answer.headers.getSetCookie();
  assert.equal(more, []);
  const [pair, ...attributes] = cookie!.split('; ');
  assert.ok(pair!.startsWith(`${SESSION_COOKIE}=1.`));
  const rest = ['Max-Age=15552000', 'Path=/', 'Secure', 'HttpOnly', 'SameSite=Lax'];
  assert.equal(attributes, rest);
  const { status } = await openCart(shop, { ...SAME_ORIGIN, cookie: pair! });
  assert.is(status, 201);
});

test('each browser is another guest, and stays the one it is when it asks again', async ({
  shop,
}) => {
  const sessions = new Sessions(SESSION_SECRET, shop.now);
  const first = cookieIn(await ask(shop, SAME_ORIGIN));
  const second = cookieIn(await ask(shop, SAME_ORIGIN));
  const again = cookieIn(await ask(shop, { ...SAME_ORIGIN, cookie: first }));
  const [one, other, same] = [first, second, again].map((cookie) => sessions.actorOf({ cookie }));
  assert.is.not(one, other);
  assert.is(same, one);
});

test('a session holds for half a year from when it was last asked for, and no longer', () => {
  let nowMs = Date.parse('2026-11-21T10:00:00Z');
  const sessions = new Sessions(SESSION_SECRET, () => new Date(nowMs));
  const cookie = sessions.cookieFor({}).split(';')[0]!;
  const actor = sessions.actorOf({ cookie });
  nowMs += 179 * DAY_MS;
  assert.is(sessions.actorOf({ cookie }), actor);
  const renewed = sessions.cookieFor({ cookie }).split(';')[0]!;
  nowMs += 179 * DAY_MS;
  assert.is(sessions.actorOf({ cookie: renewed }), actor);
  assert.throws(() => sessions.actorOf({ cookie }), /SESSION|Nothing was done/);
});

test('a new secret makes sessions, and those of the one before go on', ({ shop }) => {
  const before = new Sessions(OTHER_SECRET, shop.now);
  const cookie = before.cookieFor({}).split(';')[0]!;
  const both = new Sessions(`${SESSION_SECRET},${OTHER_SECRET}`, shop.now);
  const actor = before.actorOf({ cookie });
  assert.is(both.actorOf({ cookie }), actor);
  const renewed = both.cookieFor({ cookie }).split(';')[0]!;
  const after = new Sessions(SESSION_SECRET, shop.now);
  assert.is(after.actorOf({ cookie: renewed }), actor);
  assert.throws(() => after.actorOf({ cookie }));
});

test('nothing that was not made here is a session: not one of 1,000 flipped bits', ({ shop }) => {
  const sessions = new Sessions(SESSION_SECRET, shop.now);
  const { cookie } = headersOfGuest('asha');
  assert.is(sessions.actorOf({ cookie }), 'guest:asha');
  const begin = SESSION_COOKIE.length + 1;
  let accepted = 0;
  for (let flip = 0; flip < 1_000; flip++) {
    const at = begin + (flip % (cookie.length - begin));
    const bit = 1 << (Math.floor(flip / (cookie.length - begin)) % 8);
    const bent = String.fromCharCode(cookie.charCodeAt(at) ^ bit);
    const wrong = cookie.slice(0, at) + bent + cookie.slice(at + 1);
    try {
      // A bit that makes it end early, or spells the same base64url, is a session of nobody else.
      if (sessions.actorOf({ cookie: wrong }) !== 'guest:asha') accepted += 1;
    } catch (error) {
      assert.is((error as { code?: string }).code, 'SESSION_NEEDED');
    }
  }
  assert.is(accepted, 0);
  for (const none of ['', `${SESSION_COOKIE}=`, 'other=1', `${SESSION_COOKIE}=1.a.b.c.d.e`]) {
    assert.throws(() => sessions.actorOf({ cookie: none }));
  }
});

test('no other host can give a browser a session, nor keep it from having one', ({ shop }) => {
  const sessions = new Sessions(SESSION_SECRET, shop.now);
  const { cookie: own } = headersOfGuest('asha');
  const { cookie: planted } = headersOfGuest('mallory');
  // A browser sees no prefix `__Host-` behind these, and takes the cookie from whichever host.
  for (const odd of ['\u00a0', '\u000b', '\u000c', '\ufeff', '\u2028', '\u0085']) {
    assert.is(sessions.actorOf({ cookie: `${odd}${planted}; ${own}` }), 'guest:asha');
    assert.is(sessions.find({ cookie: `${odd}${planted}` }), undefined);
  }
  const other = planted.replace('__Host', '__host');
  for (const before of [
    `${SESSION_COOKIE}=junk`,
    `${SESSION_COOKIE}=`,
    planted.slice(0, -1),
    other,
  ]) {
    assert.is(sessions.actorOf({ cookie: `${before}; ${own}` }), 'guest:asha', before);
  }
  assert.is(sessions.actorOf({ cookie: `theme=a=b ;\t${own} ; more` }), 'guest:asha');
});

test('a key is its sender’s: another guest’s is another command', async ({ shop }) => {
  const key = { 'idempotency-key': newKey() };
  const first = await openCart(shop, key);
  const other = shop.newShopper();
  const second = await openCart(shop, { ...other, ...key });
  assert.equal([first.status, second.status], [201, 201]);
  assert.is.not(first.body.cartId, second.body.cartId);
  assert.is((await openCart(shop, { ...other, ...key })).body.cartId, second.body.cartId);
  assert.is((await openCart(shop, key)).body.cartId, first.body.cartId);
});

test('a write without a session does nothing and says so; with one, its key is as new', async ({
  shop,
}) => {
  const key = { 'idempotency-key': newKey() };
  const refused = await openCart(shop, { ...STRANGER, ...key });
  assert.equal([refused.status, refused.body.code], [401, 'SESSION_NEEDED']);
  const opened = await openCart(shop, key);
  assert.is(opened.status, 201);
});

test('another site can neither act in a shopper’s name nor change who they are', async ({
  shop,
}) => {
  const { cookie } = shop.shopper;
  const { host } = new URL(shop.writeUrl);
  const right: Record<string, string>[] = [SAME_ORIGIN, { origin: 'http://shop.test' }];
  const wrong: Record<string, string>[] = [
    {},
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'https://shop.test' },
    { origin: 'http://evil@shop.test' },
    { origin: `http://${host}` },
    { origin: `http://${host}`, 'x-forwarded-host': host },
    { origin: 'http://shop.test', 'sec-fetch-site': 'cross-site' },
  ];
  // `fetch` says of itself where it comes from; these say what they are told to.
  const post = (path: string, headers: Record<string, string>) =>
    fetch(`${shop.writeUrl}${path}`, { method: 'POST', headers });
  for (const headers of right) {
    assert.is((await post('/session', headers)).status, 204, JSON.stringify(headers));
    assert.is((await post('/carts', { ...headers, cookie })).status, 201);
  }
  for (const headers of wrong) {
    for (const path of ['/session', '/carts']) {
      const answer = await post(path, { ...headers, cookie });
      const { code } = (await answer.json()) as { code: string };
      assert.equal(
        [answer.status, code],
        [403, 'CROSS_SITE'],
        `${path} ${JSON.stringify(headers)}`,
      );
      assert.equal(answer.headers.getSetCookie(), []);
    }
  }
});

test('of somebody else’s cart nobody hears that there is one', async ({ shop }) => {
  const { listingIds } = await openStore(shop);
  const { body, position } = await openCart(shop, {});
  const other = shop.newShopper();
  const path = `/carts/${body.cartId}`;
  const put = (headers: Record<string, string>) =>
    shop.write('PUT', `${path}/items/${listingIds[0]!}`, { quantity: 1 }, headers);
  assert.is((await put(other)).body.code, 'CART_NOT_FOUND');
  assert.is((await put({})).status, 200);
  for (const cartId of [body.cartId, newKey()]) {
    const seen = await shop.read(`/carts/${cartId}`, position, other);
    assert.equal([seen.status, seen.body.code], [404, 'CART_NOT_FOUND']);
    const quoted = await shop.write('POST', `/carts/${cartId}/quotes`, {}, other);
    assert.equal([quoted.status, quoted.body.code], [404, 'CART_NOT_FOUND']);
  }
});

test.run();
