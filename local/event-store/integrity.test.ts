import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { status } from '@grpc/grpc-js';
import { EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checksumOfStream,
  openForAppends,
  openForReads,
  rowLookup,
  sumOfName,
} from './database.ts';
import { startEventStore } from './server.ts';

const EVENTS = 20;

type Context = { dir: string; folder: string };
const test = suite<Context>('damaged files');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'event-store-'));
  context.dir = join(context.folder, 'log');
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

const connect = ({ url }: { url: string }): EventStoreDBClient =>
  EventStoreDBClient.connectionString(url);

/** A log with events in two streams; `whileOpen` sees its files before they are folded. */
async function writeLog(dir: string, whileOpen: () => void = () => {}): Promise<void> {
  const store = await startEventStore({ dir });
  const client = connect(store);
  for (const stream of ['cart-1', 'cart-2'])
    await client.appendToStream(
      stream,
      Array.from({ length: EVENTS }, (_, n) => jsonEvent({ type: 'Written', data: { n } })),
    );
  whileOpen();
  await client.dispose();
  await store.close();
}

test('a stream that is made while it is looked for is no damage', ({ dir }) => {
  mkdirSync(dir);
  const [writer, reader] = [openForAppends(dir, false), openForReads(dir)];
  const make = writer.prepare(
    `INSERT INTO stream (name, nameSum, head, truncateBefore, checksum) VALUES (?, ?, ?, ?, ?)`,
  );
  const state = { head: 0, truncateBefore: 0, maxCount: null, maxAgeS: null };
  const prepare = (sql: string) => {
    const statement = reader.prepare(sql);
    if (!sql.includes('WHERE name = ?')) return statement;
    const get = (name: string) => {
      const row = statement.get(name);
      if (!row) make.run(name, sumOfName(name), 0, 0, checksumOfStream(name, state));
      return row;
    };
    return { get };
  };
  const find = rowLookup({ prepare } as unknown as DatabaseSync, dir);
  assert.is(find('cart-1')?.head, 0);
  reader.close();
  writer.close();
});

const openError = (dir: string): Promise<string> =>
  startEventStore({ dir }).then(
    async (store) => {
      await store.close();
      return 'none';
    },
    (error: Error) => error.message,
  );

test('what has changed on disk is named and not served, and other streams go on', async ({
  dir,
}) => {
  await writeLog(dir);
  const db = new DatabaseSync(join(dir, 'log.sqlite'));
  db.exec("UPDATE event SET record = CAST(record || 'x' AS BLOB) WHERE position = 7");
  db.close();
  const said: string[] = [];
  const store = await startEventStore({ dir, damaged: (reason) => said.push(reason) });
  const client = connect(store);
  const read = async (stream: string): Promise<number> => {
    let count = 0;
    for await (const _ of client.readStream(stream)) count += 1;
    return count;
  };
  const error = await read('cart-1').catch((reason: unknown) => reason as Error);
  const { code, message } = error as Error & { code?: number };
  assert.is(code, status.DATA_LOSS);
  assert.match(message, 'log.sqlite is damaged: the event at position 7 has changed');
  assert.is(said.length, 1);
  assert.is(await read('cart-2'), EVENTS);
  const { success } = await client.appendToStream('cart-1', jsonEvent({ type: 'Next', data: {} }), {
    expectedRevision: BigInt(EVENTS - 1),
  });
  assert.ok(success);
  await client.dispose();
  await store.close();
});

test('a stream whose row has changed takes no append, and says so', async ({ dir }) => {
  await writeLog(dir);
  const db = new DatabaseSync(join(dir, 'log.sqlite'));
  db.exec("UPDATE stream SET head = 3 WHERE name = 'cart-1'");
  db.close();
  const store = await startEventStore({ dir });
  const client = connect(store);
  const append = (stream: string, expectedRevision: bigint | typeof NO_STREAM): Promise<string> =>
    client.appendToStream(stream, jsonEvent({ type: 'Next', data: {} }), { expectedRevision }).then(
      () => 'acknowledged',
      (error: Error) => error.message,
    );
  assert.match(await append('cart-1', 3n), "what it says of the stream 'cart-1' has changed");
  assert.is(await append('cart-3', NO_STREAM), 'acknowledged');
  await client.dispose();
  await store.close();
});

test('a write-ahead log that lost acknowledged events stays as it is and is not opened', async ({
  dir,
  folder,
}) => {
  const copy = join(folder, 'copy');
  await writeLog(dir, () => {
    mkdirSync(copy);
    for (const file of ['log.sqlite', 'log.sqlite-wal', 'acknowledged'])
      copyFileSync(join(dir, file), join(copy, file));
  });
  const wal = join(copy, 'log.sqlite-wal');
  truncateSync(wal, readFileSync(wal).length - 100);
  const before = readFileSync(wal);
  const message = await openError(copy);
  assert.match(message, `it ends at position ${EVENTS}`);
  assert.match(message, `events up to ${2 * EVENTS} were acknowledged`);
  assert.equal(readFileSync(wal), before);
});

test('a log whose database is gone is not begun anew', async ({ dir }) => {
  await writeLog(dir);
  rmSync(join(dir, 'log.sqlite'));
  assert.match(await openError(dir), `held ${2 * EVENTS} acknowledged events`);
});

test('a note that has changed is named', async ({ dir }) => {
  await writeLog(dir);
  truncateSync(join(dir, 'acknowledged'), 20);
  assert.match(await openError(dir), 'acknowledged is damaged');
});

test.run();
