import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Fetch } from './api.ts';
import { fetchList, listQuery, sendList } from './price-list.ts';

test('only what is otherwise than usual is asked for', () => {
  assert.is(listQuery({ unit: 'rupees', full: false, rehearse: false }), '');
  assert.is(
    listQuery({ unit: 'paise', full: true, rehearse: true }),
    'unit=paise&mode=full&dry-run=true',
  );
  assert.is(
    listQuery({ unit: 'rupees', full: true, rehearse: false, confirm: 'aB-_9' }),
    'mode=full&confirm=aB-_9',
  );
});

const define = (name: string, value: unknown) =>
  Object.defineProperty(globalThis, name, { value, configurable: true });

test('what is taken out after an import has what that changed', async () => {
  const kept = new Map<string, string>();
  define('document', {});
  define('sessionStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  });
  const asked: string[] = [];
  const request: Fetch = async (path, init) => {
    if (init.method) return Response.json({}, { headers: { 'doorstep-position': '7f3a90bc.42' } });
    asked.push(`${path} at ${new Headers(init.headers).get('doorstep-position')}`);
    // The rows have not come so far the first time.
    if (asked.length === 1) return new Response('', { status: 503 });
    return new Response('sku,name');
  };
  const how = { pass: 's1.mac', unit: 'rupees', full: false, rehearse: false } as const;
  await sendList('s1', new Blob(['sku,name']), { ...how, fetch: request });
  const list = await fetchList('s1', how.pass, { fetch: request });
  assert.is(await list.text(), 'sku,name');
  const wanted = '/api/read/stores/s1/price-list at 7f3a90bc.42';
  assert.equal(asked, [wanted, wanted]);
  define('document', undefined);
});

test.run();
