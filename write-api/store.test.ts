import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newKey, openStore, startShop, type Shop } from '../local/testing.ts';

const STORE = { name: 'Test Kirana', city: 'Bengaluru', pincode: '560001' };

const test = suite<{ shop: Shop }>('store');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

test('who registers a shop gets its pass, and nobody else', async ({ shop }) => {
  const key = { 'idempotency-key': newKey() };
  const register = (body: object) =>
    shop.write<{ storeId: string; pass: string }>('POST', '/stores', body, key);
  const first = await register(STORE);
  assert.is(first.status, 201);
  const { storeId, pass } = first.body;
  const again = await register(STORE);
  assert.equal([again.status, again.body], [201, first.body], 'the first answer may be lost');
  const other = await register({ ...STORE, name: 'Another Kirana' });
  assert.equal([other.status, other.body.pass], [422, undefined]);

  const authorization = `Bearer ${pass}`;
  const board = await shop.read(`/stores/${storeId}/board`, first.position, { authorization });
  assert.is(board.body.signedIn, true);
  const { storeId: second } = await openStore(shop);
  const foreign = await shop.read(`/stores/${second}/board`, null, { authorization });
  assert.is(foreign.body.signedIn, false);
});

test.run();
