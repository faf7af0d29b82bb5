import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startShop, type Shop } from '../test/shop.ts';
import { environmentOf, ops } from '../test/ops.ts';

const STORE = { name: 'Test Kirana', city: 'Bengaluru', pincode: '560001' };

const test = suite<{ shop: Shop }>('pass');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

test('prints what whoever registered the shop was answered, however often', async ({ shop }) => {
  const { body } = await shop.write<{ storeId: string; pass: string }>('POST', '/stores', STORE);
  const args = ['pass', '--store', body.storeId];
  for (const { code, stdout } of [
    await ops(args, environmentOf(shop)),
    await ops(args, environmentOf(shop)),
  ]) {
    assert.is(code, 0);
    assert.is(stdout, `${body.pass}\n`);
  }
});

test('a shop that does not exist has none', async ({ shop }) => {
  const { code, stdout, stderr } = await ops(['pass', '--store', 'nobody'], environmentOf(shop));
  assert.is(code, 1);
  assert.is(stdout, '');
  assert.match(stderr, 'There is no shop "nobody". Its id is in the address of its page');
});

test('it says what it lacks', async ({ shop }) => {
  for (const args of [['pass'], ['pass', '--store', '']]) {
    const { code, stderr } = await ops(args, environmentOf(shop));
    assert.is(code, 1);
    assert.match(stderr, '--store ID is needed. See: npm run ops -- help pass');
  }
  const { STORE_PASS_SECRET: _, ...others } = environmentOf(shop);
  const { code, stderr } = await ops(['pass', '--store', 'any'], others);
  assert.is(code, 1);
  assert.match(stderr, 'STORE_PASS_SECRET is not set');
});

test.run();
