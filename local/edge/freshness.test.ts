import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { freshnessOf } from './freshness.ts';

const NOW_MS = 1_000_000;
const policy = { minTtlMs: 0, defaultTtlMs: 0, maxTtlMs: 3_600_000, key: { headers: ['x-key'] } };

/** For how many seconds an answer is fresh, may be shown while renewed, and in trouble. */
function seconds(cacheControl: string, headers: NodeJS.Dict<string> = {}, status = 200) {
  const all = { 'cache-control': cacheControl, ...headers };
  const freshness = freshnessOf(status, all, policy, NOW_MS);
  return freshness && Object.values(freshness).map((untilMs) => (untilMs - NOW_MS) / 1000);
}

test('a shared lifetime counts before a private one, and the origin’s own age is taken off', () => {
  assert.equal(seconds('max-age=10'), [10, 10, 10]);
  assert.equal(seconds('public, max-age=10, s-maxage=60'), [60, 60, 60]);
  assert.equal(seconds('S-MaxAge="60"', { age: '20' }), [40, 40, 40]);
});

test('stale answers have the time that they were given', () => {
  assert.equal(
    seconds('s-maxage=60, stale-while-revalidate=30, stale-if-error=600'),
    [60, 90, 660],
  );
  assert.equal(seconds('s-maxage=60, stale-if-error=600', { age: '61' }), [-1, -1, 599]);
});

test('a policy’s limits hold whatever an answer says', () => {
  assert.equal(seconds('s-maxage=999999'), [3600, 3600, 3600]);
});

test('what is private, without a lifetime, a cookie or an error is not kept', () => {
  for (const refused of ['', 'public', 's-maxage=0', 's-maxage=x']) {
    assert.is(seconds(refused), undefined, refused);
  }
  for (const directive of ['no-store', 'private', 'no-cache', 'private="x"']) {
    assert.is(seconds(`${directive}, s-maxage=60`), undefined, directive);
  }
  assert.is(seconds('s-maxage=60', { 'set-cookie': 'a=1' }), undefined);
  assert.is(seconds('s-maxage=60', { 'content-encoding': 'br' }), undefined);
  assert.is(seconds('s-maxage=60', {}, 500), undefined);
  assert.is(seconds('s-maxage=60', {}, 206), undefined);
  assert.ok(seconds('s-maxage=60', {}, 404));
});

test('an answer may vary by what is in the key, and by nothing else', () => {
  assert.ok(seconds('s-maxage=60', { vary: 'Accept-Encoding, X-Key' }));
  assert.is(seconds('s-maxage=60', { vary: 'Cookie' }), undefined);
  assert.is(seconds('s-maxage=60', { vary: '*' }), undefined);
});

test.run();
