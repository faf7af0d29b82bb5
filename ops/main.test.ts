import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startShop, type Shop } from '../test/shop.ts';
import { environmentOf, ops } from '../test/ops.ts';

const test = suite('the command line');
let shop: Shop;
test.before(async () => {
  shop = await startShop();
});
test.after(() => shop.stop());

test('--help lists every command', async () => {
  const { code, stdout } = await ops(['--help'], {});
  assert.is(code, 0);
  for (const name of ['status', 'replay', 'prove', 'import', 'pass', 'log', 'ship-logs'])
    assert.match(stdout, `  ${name}`);
});

test('help shows a command with examples, and so does its --help', async () => {
  const { code, stdout } = await ops(['help', 'replay'], {});
  assert.is(code, 0);
  assert.match(stdout, 'npm run ops -- replay --projection catalogue');
  assert.is((await ops(['replay', '--help'], {})).stdout, stdout);
});

test('an unknown command is refused with those that there are', async () => {
  const { code, stdout, stderr } = await ops(['reply'], {});
  assert.is(code, 1);
  assert.is(stdout, '');
  assert.match(stderr, 'There is no command "reply". There are status, replay, prove, import');
});

test('an unknown option is refused with where to look', async () => {
  const { code, stderr } = await ops(['status', '--jsn'], {});
  assert.is(code, 1);
  assert.match(stderr, '--jsn');
  assert.match(stderr, 'npm run ops -- help status');
});

test('without any system it says what to set or to start', async () => {
  const { code, stderr } = await ops(['status'], {});
  assert.is(code, 1);
  assert.match(stderr, 'EVENT_STORE_URL is not set');
  assert.match(stderr, 'npm start');
});

test('the system that runs on this machine is found by its file', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-ops-'));
  try {
    const lines = Object.entries(environmentOf(shop)).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(join(dir, 'doorstep.env'), lines.join(''));
    const { code, stdout, stderr } = await ops(['status'], { DATA_DIR: dir });
    assert.is(code, 0, stdout + stderr);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test.run();
