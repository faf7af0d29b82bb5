import { randomUUID } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { store } from '../domain/stores/store.ts';
import { STRANGER, newKey, openStore, startShop, type Shop } from '../test/shop.ts';

type Refusal = { code: string; detail: string };

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
  assert.is(board.status, 200);
  const { storeId: second } = await openStore(shop);
  const foreign = await shop.read(`/stores/${second}/board`, null, { authorization });
  assert.equal([foreign.status, foreign.body.code], [401, 'STORE_PASS_REQUIRED']);
});

const UPI = { upi: { vpa: 'kirana@okbank', name: 'Test Kirana' } };
const CARDS = { account: 'acc_Another0000001' };
const REGISTRATION = { gstin: null, legalName: 'Test Kirana', address: '12, 4th Cross, Bengaluru' };

for (const [setting, body] of [
  ['upi', UPI],
  ['tax-registration', REGISTRATION],
  ['linked-account', CARDS],
] as const) {
  test(`only the shop itself sets its ${setting}, and twice is once`, async ({ shop }) => {
    const { storeId } = await openStore(shop);
    const { storeId: otherId } = await openStore(shop);
    const put = (id: string, headers: Record<string, string>) =>
      shop.write<Refusal>('PUT', `/stores/${id}/${setting}`, body, headers);
    const load = () => shop.handler.load(store, storeId, { fresh: true });
    const before = await load();
    const madeUp = { authorization: `Bearer ${storeId}.${'x'.repeat(22)}` };
    for (const headers of [STRANGER, madeUp, shop.asShop(otherId)]) {
      const { status, body: refused } = await put(storeId, headers);
      assert.equal([status, refused.code], [401, 'STORE_PASS_REQUIRED']);
      assert.is(refused.detail, 'Only the shop can do this: sign in with its pass.');
    }
    assert.equal(await load(), before);
    const nobody = randomUUID();
    const unknown = await put(nobody, shop.asShop(nobody));
    assert.equal([unknown.status, unknown.body.code], [404, 'STORE_NOT_FOUND']);

    const own = { ...shop.asShop(storeId), 'idempotency-key': newKey() };
    const [first, second] = [await put(storeId, own), await put(storeId, own)];
    assert.equal([first.status, second.status, second.body], [200, 200, first.body]);
    assert.is(first.position, second.position, 'the second one added no event');
    const { upi, tax, linkedAccount } = await load();
    if (setting === 'upi') assert.equal(upi, UPI.upi);
    else if (setting === 'linked-account') assert.is(linkedAccount, CARDS.account);
    else assert.is(tax?.legalName, REGISTRATION.legalName);
  });
}

test('where card payments go is nobody’s to read, and can be taken away again', async ({
  shop,
}) => {
  const { storeId } = await openStore(shop);
  const path = `/stores/${storeId}/linked-account`;
  const set = (account: string | null) =>
    shop.write('PUT', path, { account }, shop.asShop(storeId));
  const read = async (position: string | null) =>
    JSON.stringify((await shop.read(`/stores/${storeId}`, position)).body);
  const page = await read((await set(CARDS.account)).position);
  assert.match(page, '"takesCards":true');
  assert.not.match(page, CARDS.account);
  for (const wrong of ['acc_1', 'GPWqTfJnPnuHgK', 'acc_GPWqTfJnPnuHg!', '']) {
    assert.is((await set(wrong)).status, 400, wrong);
  }
  assert.match(await read((await set(null)).position), '"takesCards":false');
});

test.run();
