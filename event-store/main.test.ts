import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { end, startStore } from './drill/processes.ts';

const test = suite('event store process');
const dir = mkdtempSync(join(tmpdir(), 'event-store-'));
test.after(() => rmSync(dir, { recursive: true }));

test('SIGTERM ends the process cleanly, with what it had accepted on disk', async () => {
  let server = await startStore(dir);
  const client = EventStoreDBClient.connectionString(server.url);
  const stream = `last-${randomUUID()}`;
  const appends = Array.from({ length: 500 }, () =>
    client.appendToStream(stream, jsonEvent({ type: 'Written', data: {} })).then(
      () => true,
      () => false,
    ),
  );
  await appends[0];
  const exitCode = await end(server.child, 'SIGTERM');
  const acknowledged = (await Promise.all(appends)).filter(Boolean).length;
  await client.dispose();

  assert.is(exitCode, 0);
  server = await startStore(dir, { port: server.port });
  const again = EventStoreDBClient.connectionString(server.url);
  let stored = 0;
  for await (const _ of again.readStream(stream)) stored += 1;
  assert.ok(stored >= acknowledged, `${acknowledged} acknowledged, ${stored} stored`);
  await again.dispose();
  await end(server.child, 'SIGTERM');
});

test('a variable that makes no sense ends it with a sentence', async () => {
  for (const [variables, sentence] of [
    [{ PORT: 'abc' }, 'PORT has to be a number up to 65535'],
    [{ PORT: '70000' }, 'PORT has to be a number up to 65535'],
    [{ DATA_DIR: '' }, 'DATA_DIR has to name the folder of the log'],
    [{ TLS_KEY_FILE: 'key.pem' }, 'TLS needs both'],
  ] as const) {
    const main = join(import.meta.dirname, 'main.ts');
    const env = { ...process.env, DATA_DIR: dir, PORT: '0', ...variables };
    const { status, stdout, stderr } = spawnSync(process.execPath, [main], { env });
    assert.is(status, 1);
    assert.is(stdout.toString(), '');
    assert.match(stderr.toString(), `The event store did not start: ${sentence}`);
    assert.is(stderr.toString().trim().split('\n').length, 1);
  }
});

test.run();
