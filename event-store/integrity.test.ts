import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { status, type ServiceError } from '@grpc/grpc-js';
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

const PAGE_BYTES = 4096;
const LEAF_OF_TABLE = 0x0d;

const varint = (value: number): number[] =>
  value < 128
    ? [value]
    : [...varint(Math.floor(value / 128)).map((byte) => byte | 128), value % 128];

/** Has the row of an event say that it is of two gigabytes (https://sqlite.org/fileformat.html). */
function inflate(dir: string, position: number): void {
  const file = join(dir, 'log.sqlite');
  const db = new DatabaseSync(file);
  const found = db.prepare('SELECT id FROM event WHERE position = ?').get(position);
  db.close();
  const id = found!['id'] as Uint8Array;
  const bytes = readFileSync(file);
  const pages = Array.from({ length: bytes.length / PAGE_BYTES }, (_, n) =>
    bytes.subarray(n * PAGE_BYTES, (n + 1) * PAGE_BYTES),
  );
  const page = pages.find((each) => each[0] === LEAF_OF_TABLE && each.includes(id))!;
  const cells = Array.from({ length: page.readUInt16BE(3) }, (_, n) =>
    page.readUInt16BE(8 + 2 * n),
  );
  const cell = Math.max(...cells.filter((at) => at < page.indexOf(id)));
  // Behind the size of the row, two bytes, stand its position, the size of its head and the types of
  // its columns, of which the record is the seventh. So large a row leaves 489 bytes on this page.
  const types = [
    ...page.subarray(cell + 4, cell + 10),
    ...varint(4_000_000_012),
    ...page.subarray(cell + 12, cell + 16),
  ];
  page.set([...varint(489 + 4_092 * 600_000), position, types.length + 1, ...types], cell);
  writeFileSync(file, bytes);
}

test('a row that says it is larger than any can be is damage', async ({ dir }) => {
  await writeLog(dir);
  inflate(dir, 7);
  const store = await startEventStore({ dir });
  const client = connect(store);
  const read = async (): Promise<never> => {
    for await (const _ of client.readAll());
    throw new Error('all of it was read');
  };
  const { code, message } = await read().catch((error: unknown) => error as ServiceError);
  assert.is(code, status.DATA_LOSS, message);
  assert.match(message, 'log.sqlite is damaged: string or blob too big');
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
