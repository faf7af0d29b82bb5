import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  END,
  eventTypeFilter,
  StreamDeletedError,
  streamNameFilter,
  type AllStreamSubscription,
  type EventStoreDBClient,
  type JSONEventData,
  type Position,
} from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  connect,
  event,
  events,
  follow,
  ids,
  revisions,
  sentBy,
  upTo,
  type Server,
} from './conformance/case.ts';
import { startEventStore, type EventStore } from './server.ts';

const test = suite('event store subscriptions');
const dir = mkdtempSync(join(tmpdir(), 'event-store-'));
let store: EventStore;
let client: EventStoreDBClient;
let newStream: Server['newStream'];

test.before(async () => {
  store = await startEventStore({ dir });
  ({ client, newStream } = connect(store.url));
});
test.after(async () => {
  await client.dispose();
  await store.close();
  rmSync(dir, { recursive: true });
});

// What is held is only told from what is left lying about after a collection.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('a filtered subscription counts what it looked at, and tells its place at the end', async () => {
  const { position: before } = await client.appendToStream(newStream(), event());
  await client.appendToStream(newStream(), events(150, 'Other'));
  const checkpoints: bigint[] = [];
  const filter = eventTypeFilter({
    prefixes: ['Wanted'],
    checkpointInterval: 2,
    checkpointReached: (_: AllStreamSubscription, position: Position): void => {
      checkpoints.push(position.commit - before!.commit);
    },
  });
  await sentBy(client.subscribeToAll({ fromPosition: before!, filter }));
  // Two after 2 × 32 events each, and one on arrival.
  assert.equal(checkpoints, [64n, 128n, 150n]);
});

test('a subscriber that stops reading stops nobody, costs no memory, misses nothing', async () => {
  const text = 'x'.repeat(20_000);
  const count = 4_000;
  const slow = client.subscribeToAll({
    fromPosition: END,
    filter: streamNameFilter({ prefixes: ['wide-'] }),
  });
  const { got, signals, until } = follow(slow);
  await until(() => signals.includes('caughtUp'));
  slow.pause();
  const quick = client.subscribeToAll({
    fromPosition: END,
    filter: streamNameFilter({ prefixes: ['wide-'] }),
  });
  let seen = 0;
  quick.on('data', () => (seen += 1));
  const sent: JSONEventData[] = [];
  const stream = newStream('wide');
  await client.appendToStream(stream, event('Wide', { text }));
  const heldMiB = async (): Promise<number> => {
    // Buffers are given back in the background: the second collection waits for the first one's.
    collectGarbage();
    await setImmediate();
    collectGarbage();
    return process.memoryUsage().external / 1024 / 1024;
  };
  const heldBeforeMiB = await heldMiB();
  while (sent.length < count) {
    const batch = Array.from({ length: 40 }, () => event('Wide', { text }));
    await client.appendToStream(stream, batch);
    sent.push(...batch);
  }
  await new Promise<void>((resolve) => {
    quick.on('data', () => seen > count && resolve());
    if (seen > count) resolve();
  });
  const grownMiB = (await heldMiB()) - heldBeforeMiB;
  // 80 MiB were appended; what waits for the slow one is a page and what the connection holds.
  assert.ok(grownMiB < 16, `${grownMiB.toFixed(0)} MiB are held`);
  assert.ok(got.length < 100);
  slow.resume();
  await until(() => got.length === count + 1);
  assert.equal(ids(got).slice(1), ids(sent));
  await until(() => signals.lastIndexOf('caughtUp') > signals.indexOf('fellBehind'));
  assert.ok(signals.includes('fellBehind'));
  await slow.unsubscribe();
  await quick.unsubscribe();
});

test('a subscriber that falls far behind is sent what its stream still shows', async () => {
  const stream = newStream();
  await client.setStreamMetadata(stream, { maxCount: 10 });
  const slow = client.subscribeToStream(stream);
  const { got, until } = follow(slow);
  await client.appendToStream(stream, event());
  await until(() => got.length === 1);
  slow.pause();
  // More than a connection holds.
  const data = { text: 'x'.repeat(1_000) };
  const batch = (): JSONEventData[] => Array.from({ length: 500 }, () => event('Wide', data));
  for (let n = 0; n < 20; n += 1) await client.appendToStream(stream, batch());
  slow.resume();
  await until(() => got.at(-1)!.event!.revision === 10_000n);
  assert.ok(got.length < 6_000, `${got.length} were sent`);
  const last = got.slice(-10).map((each) => each.event!.revision);
  assert.equal(last, upTo(10_001).slice(-10));
  await slow.unsubscribe();
});

test('a live subscription gets what came before the tombstone of its stream, and that', async () => {
  const stream = newStream();
  const { got, signals, until } = follow(client.subscribeToStream(stream));
  await until(() => signals.includes('caughtUp'));
  // Who looks through the whole log makes the subscription wait until the tombstone is there too.
  const filter = streamNameFilter({ prefixes: [newStream()] });
  const busy = Array.from({ length: 20 }, () => client.subscribeToAll({ filter }));
  const searching = busy.map(follow);
  for (const each of searching) await each.until(() => each.signals.includes('confirmation'));
  await client.appendToStream(stream, events(3));
  await client.tombstoneStream(stream);
  await until(() => signals.includes(StreamDeletedError.name));
  assert.equal(revisions(got), [...upTo(3), 2n ** 63n - 1n]);
  for (const each of busy) await each.unsubscribe();
});

test.run();
