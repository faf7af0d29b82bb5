import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  copyFile,
  mkdtemp,
  readFile,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { binaryEvent, jsonEvent } from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { databaseFile } from '../event-store/integrity.ts';
import { startEventStore } from '../event-store/server.ts';
import {
  asStored,
  connectEventStore,
  REACTOR_CHECKPOINT,
  snapshotStreamOf,
} from '../platform/event-store.ts';
import { identityOf } from '../platform/log-identity.ts';
import { readRawLog, type RawEvent } from '../platform/raw-events.ts';
import { run } from './event-log.ts';
import { ArchiveWriter, readArchive, readManifest } from './event-log/archive.ts';
import { backUp } from './event-log/backup.ts';
import { checkArchive, checkStore } from './event-log/check.ts';
import { shopEvents } from './event-log/history.ts';
import { compare, transfer } from './event-log/transfer.ts';
import { ops, startOps } from '../test/ops.ts';
import { refusingReads } from '../test/refusing-reads.ts';
import { AppendCall, NO_REVISION } from '../platform/appends.ts';

/** What a test leaves behind; the last is undone first. */
type Undo = { undo: (() => Promise<unknown>)[] };
const test = suite<Undo>('log');
test.before.each((context) => {
  context.undo = [];
});
test.after.each(async ({ undo }) => {
  for (const each of undo.toReversed()) await each();
});

async function newFolder({ undo }: Undo): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-log-'));
  undo.push(() => rm(dir, { recursive: true }));
  return dir;
}

async function newStore(context: Undo) {
  const dir = await newFolder(context);
  const store = await startEventStore({ dir });
  const client = connectEventStore(store.url, asStored);
  let isOpen = true;
  const stop = async () => {
    if (!isOpen) return;
    isOpen = false;
    await client.dispose();
    await store.close();
  };
  context.undo.push(stop);
  return { dir, url: store.url, port: store.port, client, stop };
}
type Store = Awaited<ReturnType<typeof newStore>>;

/** Byte for byte, in the order of the log; without what differs from store to store. */
async function contentOf({ client }: Store, until?: bigint): Promise<string[]> {
  const lines: string[] = [];
  for await (const event of shopEvents(readRawLog(client, undefined))) {
    if (until !== undefined && event.position > until) break;
    const { stream, revision, type, isJson, data, metadata } = event;
    const isStores = type === '$streamDeleted' || (type === '$metadata' && metadata.length === 0);
    const bytes = [data, metadata].map((each) => Buffer.from(each).toString('hex'));
    lines.push([stream, revision, isStores ? '' : event.id, type, isJson, ...bytes].join(' '));
  }
  return lines;
}

const raw = (stream: string, data: string | Buffer, more: Partial<RawEvent> = {}): RawEvent => ({
  stream,
  revision: 0n,
  id: randomUUID(),
  type: 'Tested',
  isJson: true,
  data: Buffer.from(data),
  metadata: Buffer.from('{"at":"2026-01-02T03:04:05Z"}'),
  position: 0n,
  created: 0n,
  ...more,
});

async function append({ client }: Store, ...events: RawEvent[]): Promise<void> {
  const appends = await AppendCall.open(client);
  let expected = NO_REVISION;
  for (const event of events) await appends.append(event.stream, expected++, [event]);
  appends.close();
}

/** Carts of a few events each, as they come when many shop at once. */
async function fill({ client }: Store, events: number, carts = 100): Promise<void> {
  const one = (i: number) => jsonEvent({ type: 'ItemAddedToCart', data: { i, name: 'Toor dal' } });
  const name = (i: number) => `cart-${(i * 7) % carts}`;
  const appended = Array.from({ length: events }, (_, i) => client.appendToStream(name(i), one(i)));
  await Promise.all(appended);
}

const SAME_ID = randomUUID();

const json = (type: string) => jsonEvent({ type, data: { type } });

/** Everything that is hard to repeat. */
async function writeOddities(store: Store): Promise<void> {
  const { client } = store;
  await append(
    store,
    raw('odd-1', '{"a":1.0,"b":12345678901234567890,"a":2,"10":1,"2":1e3}'),
    raw('odd-1', '{ "spaces" : [ ] }\n', { metadata: Buffer.from('{"price":3.10}') }),
    raw('odd-1', 'not JSON, though it says so'),
    raw('odd-1', ''),
    raw('odd-1', Buffer.from([0, 255, 254, 10]), { isJson: false, metadata: Buffer.from([255]) }),
    raw('odd-1', '{}', { id: SAME_ID, metadata: Buffer.alloc(0), type: 'मूल्य-बदला' }),
    raw('odd-1', '{}', { id: SAME_ID }),
    raw('odd-1', '"large"', { data: Buffer.alloc(900 * 1024, 'ab') }),
  );
  await append(store, raw('दुकान-सब्ज़ी 🛒 100%', '{}', { id: SAME_ID }));
  await client.appendToStream(
    'many',
    Array.from({ length: 700 }, () => json('One of many')),
  );
  await client.setStreamMetadata('many', {
    maxCount: 5,
    acl: { readRoles: ['$all'] },
    shop: 'आशा',
  });
  await client.appendToStream('many', [
    json('More'),
    binaryEvent({ type: 'B', data: Buffer.of(0) }),
  ]);

  await client.appendToStream('$projections-x', json('$ProjectionUpdated'));
  await client.setStreamMetadata('$projections-x', { maxCount: 1 });
  await client.appendToStream(REACTOR_CHECKPOINT, json('ReactorReachedPosition'));
  await client.appendToStream(snapshotStreamOf('inventory-1'), json('SnapshotTaken'));
  await writeDeletions(store);
}

async function writeDeletions({ client }: Store): Promise<void> {
  await client.appendToStream('deleted', [json('A'), json('B')]);
  await client.deleteStream('deleted');
  await client.appendToStream('twice', json('A'));
  await client.setStreamMetadata('twice', { maxAge: 3600 });
  await client.deleteStream('twice');
  await client.deleteStream('twice');
  await client.appendToStream('twice', [json('Back'), json('Again')]);
  await client.deleteStream('twice');
  await client.appendToStream('twice', json('Back once more'));
  await client.appendToStream('told', json('A'));
  await client.deleteStream('told');
  await client.setStreamMetadata('told', { maxCount: 3 });
  await client.setStreamMetadata('untold', { maxCount: 3 });
  await client.deleteStream('untold');
  await client.appendToStream('untold', json('A'));
  await client.appendToStream('gone', json('A'));
  await client.deleteStream('gone');
  await client.tombstoneStream('gone');
  await client.tombstoneStream('never there');
}

const from = ({ url }: Store) => ({ EVENT_STORE_URL: url });
const log = (args: string[], env = {}) => ops(['log', ...args], env);

async function done(args: string[], env = {}): Promise<string> {
  const { code, stdout, stderr } = await log(args, env);
  assert.is(code, 0, stdout + stderr);
  return stdout;
}

async function refused(args: string[], env = {}): Promise<string> {
  const { code, stdout, stderr } = await log(args, env);
  assert.is(code, 1, stdout + stderr);
  return stdout + stderr;
}

/**
 * A way to a store that can be caught in the middle: behind so many bytes `reached` resolves and,
 * as `what` says, nothing goes through any more, or an answer is lost and the connection with it.
 */
async function startBrake({ undo }: Undo, port: number, bytes: number, what: 'hold' | 'cut') {
  const reached = Promise.withResolvers<void>();
  let passed = 0;
  let isOver = false;
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => {});
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.on('data', (chunk) => {
      passed += chunk.length;
      if (what === 'hold' && passed > bytes) reached.resolve();
      else far.write(chunk);
    });
    far.on('data', (chunk) => {
      passed += chunk.length;
      if (passed <= bytes || isOver) return near.write(chunk);
      reached.resolve();
      if (what === 'hold') return;
      isOver = true;
      far.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.push(async () => server.close());
  const url = `esdb://127.0.0.1:${(server.address() as AddressInfo).port}?tls=false`;
  return { url, reached: reached.promise, passed: () => passed };
}

/** Kills a command when it is in the middle of its work with a store. */
async function killHalfWay(
  context: Undo,
  { port }: Store,
  bytes: number,
  command: (url: string) => { args: string[]; env?: Record<string, string> },
): Promise<void> {
  const brake = await startBrake(context, port, bytes, 'hold');
  const { args, env } = command(brake.url);
  const { child, outcome } = startOps(['log', ...args], env ?? {});
  const ended = outcome.then(({ stderr }) => assert.unreachable(`it ended: ${stderr}`));
  await Promise.race([brake.reached, ended]);
  ended.catch(() => {});
  child.kill('SIGKILL');
  await once(child, 'close');
}

test('what is backed up while the shop runs is restored byte for byte', async (context) => {
  const [store, target] = [await newStore(context), await newStore(context)];
  const dir = await newFolder(context);
  await writeOddities(store);
  const state = { isOpen: true };
  const shop = (async () => {
    while (state.isOpen) await fill(store, 20);
  })();
  await fill(store, 1_000);
  const report = JSON.parse(await done(['backup', '--to', dir, '--json'], from(store)));
  assert.match(await done(['verify', store.url]), 'It is whole.');
  state.isOpen = false;
  await shop;
  assert.ok(report.events > 1_700);
  assert.equal(report.leftOut, { $projections: 2, reactor: 1, inventorysnapshot: 1 });
  const verified = JSON.parse(await done(['verify', dir, '--json']));
  assert.equal(verified.problems, []);
  assert.equal([verified.events, verified.streams], [report.events, report.streams]);
  const said = await done(['restore', dir, target.url]);
  assert.match(said, 'npm run ops -- replay');
  assert.equal(await contentOf(target), await contentOf(store, BigInt(report.position)));
  assert.match(await done(['verify', target.url]), 'It is whole.');
});

test('a copy of a copy is the same, and so are its streams to the client', async (context) => {
  const [a, b, c] = [await newStore(context), await newStore(context), await newStore(context)];
  await writeOddities(a);
  await fill(a, 300);
  assert.match(
    await done(['copy', a.url, b.url]),
    'Left out: 2 of $projections, 1 of reactor, 1 of inventorysnapshot',
  );
  const ofCopy = await identityOf(b.client);
  await done(['copy', b.url, c.url]);
  assert.equal(await contentOf(c), await contentOf(a));
  assert.is.not(await identityOf(c.client), ofCopy);
  const read = async ({ client }: Store, stream: string) => {
    const events: unknown[] = [];
    for await (const { event } of client.readStream(stream)) {
      events.push([event!.revision, event!.id, event!.type, event!.data, event!.metadata]);
    }
    return events;
  };
  for (const stream of ['odd-1', 'दुकान-सब्ज़ी 🛒 100%', 'many', 'twice', 'untold', 'cart-7']) {
    const events = await read(c, stream);
    assert.ok(events.length > 0);
    assert.equal(events, await read(a, stream));
  }
  const { metadata } = await c.client.getStreamMetadata('many');
  assert.equal(metadata, (await a.client.getStreamMetadata('many')).metadata);
  for (const [stream, type] of [
    ['deleted', 'stream-not-found'],
    ['gone', 'stream-deleted'],
  ]) {
    const error = await read(c, stream!).catch((each) => each);
    assert.is(error.type, type);
  }
});

test('a backup goes on from where it ended, and so does a copy', async (context) => {
  const [store, target] = [await newStore(context), await newStore(context)];
  const dir = await newFolder(context);
  await fill(store, 300);
  await done(['backup', '--to', dir], from(store));
  await done(['copy', store.url, target.url]);
  await fill(store, 200);
  const backup = JSON.parse(await done(['backup', '--to', dir, '--json'], from(store)));
  assert.equal([backup.added, backup.events, backup.streams], [200, 500, 100]);
  const copy = JSON.parse(await done(['copy', store.url, target.url, '--json']));
  assert.equal([copy.found, copy.written, copy.events], [300, 200, 500]);
  assert.match(await done(['verify', dir]), '500 events in 100 streams');
  assert.match(await done(['backup', '--to', dir], from(store)), '0 of them new');
  assert.equal(await contentOf(target), await contentOf(store));
});

test('a backup that is killed leaves the one before, and the next one goes on', async (context) => {
  const store = await newStore(context);
  const dir = await newFolder(context);
  await fill(store, 300);
  await done(['backup', '--to', dir], from(store));
  await fill(store, 3_000);
  await killHalfWay(context, store, 200_000, (url) => ({
    args: ['backup', '--to', dir],
    env: { EVENT_STORE_URL: url },
  }));
  assert.match(await done(['verify', dir]), '300 events');
  // What one that is killed later leaves behind.
  await copyFile(join(dir, '000001.zst'), join(dir, '000002.zst'));
  await writeFile(join(dir, 'manifest.json.new'), '{"manifest":');
  assert.match(await done(['verify', dir]), '300 events');
  assert.match(await done(['backup', '--to', dir], from(store)), '3,300 events, 3,000 of them new');
  assert.match(await done(['verify', dir]), '3,300 events');
});

test('a copy or a restore that is killed goes on', async (context) => {
  const [store, target] = [await newStore(context), await newStore(context)];
  const [restored, dir] = [await newStore(context), await newFolder(context)];
  await writeOddities(store);
  await fill(store, 1_000);
  await done(['backup', '--to', dir], from(store));
  const bytes = 1_250_000;
  await killHalfWay(context, target, bytes, (url) => ({ args: ['copy', store.url, url] }));
  await killHalfWay(context, restored, bytes, (url) => ({ args: ['restore', dir, url] }));
  for (const [half, args] of [
    [target, ['copy', store.url, target.url, '--json']],
    [restored, ['restore', dir, restored.url, '--json']],
  ] as const) {
    const before = await contentOf(half);
    const { found, written } = JSON.parse(await done([...args]));
    assert.ok(found > 0 && written > 0, `${found} and ${written}`);
    assert.is(found, before.length);
    assert.equal(await contentOf(half), await contentOf(store));
  }
});

test('a copy whose connection breaks, with an answer lost, mends itself', async (context) => {
  const store = await newStore(context);
  await fill(store, 200);
  await writeDeletions(store);
  await fill(store, 10);
  const read = () => readRawLog(store.client, undefined);
  const copyThrough = async (bytes: number) => {
    const target = await newStore(context);
    const brake = await startBrake(context, target.port, bytes, 'cut');
    const client = connectEventStore(brake.url, asStored);
    const { written } = await transfer(
      { name: 'source', read, until: 1_000n },
      { name: 'target', client },
      () => {},
    );
    await client.dispose();
    assert.equal(await contentOf(target), await contentOf(store));
    assert.is(written, (await contentOf(store)).length);
    await target.stop();
    return brake;
  };
  const whole = (await copyThrough(Infinity)).passed();
  // The deletions are in the last part of it.
  for (const part of [0.3, 0.75, 0.8, 0.85, 0.9, 0.95]) {
    await (
      await copyThrough(Math.round(whole * part))
    ).reached;
  }
});

test('a damaged backup is named by file and record, and nothing of it is restored', async (context) => {
  const [store, target] = [await newStore(context), await newStore(context)];
  const dir = await newFolder(context);
  await fill(store, 300);
  await done(['backup', '--to', dir], from(store));
  await fill(store, 300);
  await done(['backup', '--to', dir], from(store));
  const path = join(dir, '000001.zst');
  const whole = await readFile(path);
  const isTold = async (expected: RegExp) => {
    const { problems } = await checkArchive(dir, await readManifest(dir), () => {});
    assert.match(problems[0]!, expected);
  };
  for (const at of [whole.length >> 1, whole.length - 2]) {
    const flipped = Buffer.from(whole);
    flipped[at]! ^= 4;
    await writeFile(path, flipped);
    await isTold(/000001\.zst is damaged/);
  }
  await writeFile(path, whole);
  await truncate(path, whole.length >> 1);
  await isTold(/000001\.zst is cut off: it has \d+ of \d+ bytes, .* record \d+ of 300/);
  await unlink(path);
  await isTold(/000001\.zst cannot be read: ENOENT/);
  await writeFile(path, await readFile(join(dir, '000002.zst')));
  await isTold(/000001\.zst/);
  assert.match(await refused(['verify', dir]), /NOT WHOLE: .*\n {2}.*000001\.zst/);
  assert.match(await refused(['restore', dir, target.url]), 'Nothing was restored.');
  await writeFile(path, whole);
  assert.match(await done(['verify', dir]), 'It is whole.');
  const manifest = join(dir, 'manifest.json');
  await writeFile(
    manifest,
    (await readFile(manifest, 'utf8')).replace('"events": 600', '"events": 601'),
  );
  assert.match(await refused(['restore', dir, target.url]), 'manifest.json is damaged');
  assert.equal(await contentOf(target), []);
});

test('a backup of which a file is missing or cut off is not added to', async (context) => {
  const store = await newStore(context);
  const dir = await newFolder(context);
  for (let n = 0; n < 2; n += 1) {
    await fill(store, 100);
    await done(['backup', '--to', dir], from(store));
  }
  const [path, manifest] = [join(dir, '000001.zst'), await readManifest(dir)];
  const whole = await readFile(path);
  await fill(store, 100);
  const refusal = () => refused(['backup', '--to', dir], from(store));
  await truncate(path, whole.length - 1);
  assert.match(await refusal(), /000001\.zst has \d+ bytes and was written with \d+.*new folder/);
  await unlink(path);
  assert.match(await refusal(), /000001\.zst is missing.*log verify/);
  assert.equal(await readManifest(dir), manifest);
  await writeFile(path, whole);
  assert.match(await done(['backup', '--to', dir], from(store)), '100 of them new');
  assert.match(await done(['verify', dir]), 'It is whole.');
});

test('a folder that cannot be written to is told as what it is', async (context) => {
  const store = await newStore(context);
  const dir = await newFolder(context);
  await done(['backup', '--to', dir], from(store));
  const file = join(dir, 'manifest.json');
  const into = (to: string) => refused(['backup', '--to', to], from(store));
  assert.match(await into(file), /^There is something else of that name: EEXIST.*manifest\.json/);
  assert.match(await into(join(file, 'here')), /^Part of the path is not a folder: ENOTDIR/);
  if (!existsSync('/dev/full')) return;
  await fill(store, 10);
  await symlink('/dev/full', join(dir, '000001.zst'));
  assert.match(await into(dir), /^The disk is full: ENOSPC/m);
  assert.is((await readManifest(dir)).events, 0);
});

test('a store that holds something else is refused and left alone', async (context) => {
  const [store, target] = [await newStore(context), await newStore(context)];
  const dir = await newFolder(context);
  await fill(store, 100);
  await done(['backup', '--to', dir], from(store));
  await done(['copy', store.url, target.url]);
  await append(target, raw('its-own', '{}'));
  const before = await contentOf(target);
  const said = await refused(['copy', store.url, target.url]);
  assert.match(said, /revision 0 of its-own \(Tested, position 101\) is not in the source/);
  assert.match(said, 'Nothing was appended.');
  await fill(store, 1);
  for (const args of [
    ['copy', store.url, target.url],
    ['restore', dir, target.url],
  ]) {
    assert.match(await refused(args), 'its-own');
    assert.equal(await contentOf(target), before);
  }
});

test('a backup is not mixed with another log, or with another backup at work', async (context) => {
  const [store, other] = [await newStore(context), await newStore(context)];
  const dir = await newFolder(context);
  await fill(store, 100);
  await fill(other, 200);
  await done(['backup', '--to', dir], from(store));
  assert.match(await refused(['backup', '--to', dir], from(other)), 'a backup of another log');
  // EventStoreDB does not find nothing there, but refuses to look.
  const error = await backUp(refusingReads(store.client), dir, () => {}).catch((each) => each);
  assert.match(String(error), 'a backup of another log');
  const writer = await ArchiveWriter.open(dir);
  assert.match(await refused(['backup', '--to', dir], from(store)), 'Another backup into');
  writer.close();
  assert.match(await done(['backup', '--to', dir], from(store)), '100 events, 0 of them new');
  assert.match(await refused(['backup', '--to', other.dir], from(store)), 'holds other files');
});

test('a restore up to a position stops there, and can go on later', async (context) => {
  const [store, target] = [await newStore(context), await newStore(context)];
  const dir = await newFolder(context);
  await fill(store, 100);
  await writeOddities(store);
  await done(['backup', '--to', dir], from(store));
  await done(['restore', dir, target.url, '--up-to', '60']);
  assert.equal(await contentOf(target), await contentOf(store, 60n));
  assert.match(await refused(['restore', dir, target.url, '--up-to', '99999']), 'up to position');
  // Deletions and what brings streams back are in there: no position may be a trap.
  const manifest = await readManifest(dir);
  const into = { name: 'target', client: target.client };
  for (let until = 812n; until <= BigInt(manifest.position!); until++) {
    const source = { name: dir, read: () => readArchive(dir, manifest), until };
    const { until: last } = await transfer(source, into, () => {});
    await compare({ ...source, until: last }, into, () => {});
  }
  await done(['restore', dir, target.url]);
  assert.equal(await contentOf(target), await contentOf(store));
});

test('where a scavenge took events, the others keep their revisions', async (context) => {
  const target = await newStore(context);
  const events = [
    raw('cart-1', '{"n":3}', { revision: 3n, position: 10n }),
    raw('cart-2', '{"n":0}', { revision: 0n, position: 20n }),
    raw('$$cart-1', '{"$tb":3}', { revision: 1n, position: 30n, type: '$metadata' }),
    raw('cart-1', '{"n":4}', { revision: 4n, position: 40n }),
  ];
  async function* read() {
    yield* events;
  }
  const source = { name: 'scavenged', read, until: 40n };
  const copied = await transfer(source, { name: 'target', client: target.client }, () => {});
  assert.equal(copied.filled, { 'cart-1': 3, '$$cart-1': 1 });
  const again = await transfer(source, { name: 'target', client: target.client }, () => {});
  assert.is(again.written, 0);
  await compare(source, { name: 'target', client: target.client }, () => {});
  const seen: unknown[] = [];
  for await (const { event } of target.client.readStream('cart-1')) {
    seen.push([event!.revision, event!.id]);
  }
  assert.equal(seen, [
    [3n, events[0]!.id],
    [4n, events[3]!.id],
  ]);
});

test('a store whose file lost an event is told', async (context) => {
  const store = await newStore(context);
  await fill(store, 500);
  await store.stop();
  const database = new DatabaseSync(databaseFile(store.dir));
  database.exec('delete from event where position = 200');
  database.close();
  const reopened = await startEventStore({ dir: store.dir });
  context.undo.push(() => reopened.close());
  const said = await refused(['verify', reopened.url]);
  assert.match(said, /log\.sqlite is damaged: the event at position 200 is missing/);
});

test('a store whose streams read other than its log is told', async (context) => {
  const store = await newStore(context);
  await fill(store, 500);
  /** Reads of cart-9 end too early; in those of cart-8 one event is missing. */
  const readStream = async function* (name: string) {
    for await (const resolved of store.client.readStream(name)) {
      const { revision } = resolved.event!;
      const isLost =
        (name === 'cart-9' && revision === 4n) || (name === 'cart-8' && revision === 2n);
      if (!isLost) yield resolved;
    }
  };
  const liar = new Proxy(store.client, {
    get(client, key) {
      if (key === 'readStream') return readStream;
      const value: unknown = Reflect.get(client, key);
      return typeof value === 'function' ? (value.bind(client) as unknown) : value;
    },
  });
  const { problemCount, problems } = await checkStore(liar, () => {});
  assert.is(problemCount, 2);
  assert.match(problems.join(), 'cart-9 reads 4 events where the log has 5');
  assert.match(problems.join(), 'cart-8 reads something else than the next revision behind 1');
});

test('what is typed wrongly is refused with where to look', async (context) => {
  const dir = await newFolder(context);
  for (const [args, expected] of [
    [[], 'Say one of backup, verify, restore, copy'],
    [['burn'], 'Say one of backup, verify, restore, copy'],
    [['backup'], '--to DIR is needed'],
    [['copy', 'esdb://127.0.0.1:1?tls=false'], 'the ADDRESS to copy from and the one to copy to'],
    [['copy', dir, dir], 'is no address'],
    [['verify', dir], 'is no backup of a log'],
    [['verify', 'esdb://'], '"esdb://" is no address. One is esdb://'],
    [['verify', 'http://127.0.0.1'], 'is no address. One is esdb://'],
    [['verify', dir, '--to', dir], '--to is for log backup'],
    [['restore', dir, 'esdb://127.0.0.1:1?tls=false', '--up-to', 'now'], 'a whole number'],
  ] as const) {
    const message = await run([...args]).catch((error: Error) => error.message);
    assert.match(String(message), expected);
  }
});

test.run();
