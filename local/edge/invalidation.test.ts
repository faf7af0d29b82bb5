import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { against, CATALOGUE, count, DISTRIBUTION_ID, PUBLIC, xCache } from '../../test/edge.ts';
import type { Handler } from '../../test/edge.ts';

const test = suite('edge: invalidation through CloudFront’s API');

test(
  'by path, by a path’s beginning, and by tag in any case',
  against(
    ({ url }, response, nth) =>
      count({ 'cache-tag': `store-${url!.includes('s1') ? 'S1' : 's2'},all` })(
        {} as IncomingMessage,
        response,
        nth,
      ),
    async ({ get, invalidate }) => {
      const paths = [
        '/api/read/stores/s1',
        '/api/read/stores/s1/catalogue?q=dal',
        '/api/read/stores/s2',
      ];
      const kept = async () => {
        const answers = await Promise.all(paths.map((path) => get(path)));
        return answers.map((answer) => xCache(answer) === 'Hit');
      };
      assert.equal(await kept(), [false, false, false]);
      assert.equal(await kept(), [true, true, true]);
      const { Invalidation, Location } = await invalidate('/api/read/stores/s1');
      assert.is(Invalidation?.Status, 'Completed');
      assert.ok(Location?.endsWith(Invalidation!.Id!));
      assert.equal(await kept(), [false, true, true]);
      await invalidate('/api/read/stores/s1*');
      assert.equal(await kept(), [false, false, true]);
      await invalidate('#STORE-s1', '/not&there');
      assert.equal(await kept(), [false, false, true]);
      await invalidate('#all');
      assert.equal(await kept(), [false, false, false]);
    },
  ),
);

test('an answer that was asked for before an invalidation is not kept after it', async () => {
  const held: ServerResponse[] = [];
  const handler: Handler = (_request, response) => void held.push(response);
  await against(handler, async ({ get, origin, invalidate }) => {
    const early = get(CATALOGUE);
    await once(origin, 'request');
    await invalidate('#store-s1');
    const late = get(CATALOGUE);
    await once(origin, 'request');
    const headers = { 'cache-control': PUBLIC, 'cache-tag': 'store-s1' };
    held[1]!.writeHead(200, headers).end('after');
    assert.is(await (await late).text(), 'after');
    held[0]!.writeHead(200, headers).end('before');
    assert.is(await (await early).text(), 'before');
    const now = await get(CATALOGUE);
    assert.is(xCache(now), 'Hit');
    assert.is(await now.text(), 'after');
  })();
});

test(
  'is refused for another distribution, for a wrong path and without the key',
  against(count(), async ({ url, invalidate }) => {
    const wrongPath = await invalidate('no-slash').catch((error: Error) => error);
    assert.is((wrongPath as Error).name, 'InvalidArgument');
    const path = `/2020-05-31/distribution/${DISTRIBUTION_ID}/invalidation`;
    assert.is((await fetch(url + path, { method: 'POST', body: '<Path>/*</Path>' })).status, 403);
    const signed = (key: string) => ({ authorization: `AWS4-HMAC-SHA256 Credential=${key}/x` });
    const stranger = await fetch(url + path, { method: 'POST', headers: signed('not-the-key') });
    assert.is(stranger.status, 403);
    const other = await fetch(url + path.replace(DISTRIBUTION_ID, 'EOTHER'), {
      method: 'POST',
      headers: signed('the-key'),
    });
    assert.is(other.status, 404);
    assert.match(await other.text(), 'NoSuchDistribution');
  }),
);

test.run();
