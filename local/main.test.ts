import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { jsonEvent } from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startEventStore } from '../event-store/server.ts';
import { asStored, connectEventStore, newestEvent } from '../platform/event-store.ts';
import { freePort } from '../platform/free-port.ts';
import { untilSo } from '../test/until-so.ts';

const ROOT = join(import.meta.dirname, '..');

const test = suite<{ dir: string }>('main');
test.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'doorstep-main-'));
  // Where root starts it, Postgres is another user.
  await chmod(context.dir, 0o711);
});
test.after.each(({ dir }) => rm(dir, { recursive: true, force: true }));

/** `npm start` as a service manager starts it: who knows npm's own process and no other. */
async function npmStart(dir: string, env: Record<string, string>) {
  const port = await freePort();
  const child = spawn('npm', ['start'], {
    cwd: ROOT,
    env: { ...process.env, PORT: `${port}`, DATA_DIR: dir, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  const said = () => lines.join('\n');
  await untilSo(
    () => said().includes('is open') || child.exitCode !== null,
    'it says that it runs',
  );
  return { child, url: `http://localhost:${port}`, said };
}

test('a named event store keeps the events; npm ends all when it alone is told to', async (context) => {
  const { dir } = context;
  const store = await startEventStore({ dir: join(dir, 'elsewhere'), port: 0 });
  const client = connectEventStore(store.url, asStored);
  await client.appendToStream('theirs-1', jsonEvent({ type: 'Noted', data: {} }));
  const { child, url, said } = await npmStart(join(dir, 'data'), { EVENT_STORE_URL: store.url });
  try {
    assert.match(said(), `Events  ${store.url}`);
    assert.not.match(said(), 'Demo shops');
    const opened = await fetch(`${url}/api/write/stores`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
      body: JSON.stringify({ name: 'Asha Stores', city: 'Panvel', pincode: '410206' }),
    });
    assert.is(opened.status, 201, await opened.clone().text());
    const { storeId } = (await opened.json()) as { storeId: string };
    const newest = await newestEvent(client, `store-${storeId}`);
    assert.is(newest?.type, 'StoreRegistered');
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    await client.dispose();
    await store.close();
  }
  assert.match(said(), 'is stopping');
  const refused = await fetch(url).catch((error: unknown) => error);
  assert.instance(refused, Error, 'nothing is left that answers');
});

test.run();
