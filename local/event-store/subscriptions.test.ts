import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  END,
  EventStoreDBClient,
  eventTypeFilter,
  excludeSystemEvents,
  jsonEvent,
  streamNameFilter,
  StreamDeletedError,
  type AllStreamSubscription,
  type Filter,
  type JSONEventData,
  type Position,
  type ResolvedEvent,
  type StreamSubscription,
} from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startEventStore, type EventStore } from './server.ts';

const test = suite('event store subscriptions');
const dir = mkdtempSync(join(tmpdir(), 'event-store-'));
let store: EventStore;
let client: EventStoreDBClient;

test.before(async () => {
  store = await startEventStore({ dir });
  client = EventStoreDBClient.connectionString(store.url);
});
test.after(async () => {
  await client.dispose();
  await store.close();
  rmSync(dir, { recursive: true });
});

// What is held is only told from what is left lying about after a collection.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const newStream = (category = 'test'): string => `${category}-${randomUUID()}`;
const event = (type = 'Tested', text = ''): JSONEventData => jsonEvent({ type, data: { text } });
const events = (count: number, type?: string): JSONEventData[] =>
  Array.from({ length: count }, () => event(type));
const ids = (what: (ResolvedEvent | JSONEventData)[]): unknown[] =>
  what.map((each) => ('id' in each ? each.id : each.event?.id));

type Subscription = StreamSubscription | AllStreamSubscription;
/** Everything that a subscription tells, and a way to wait until it is as the test wants it. */
function follow(subscription: Subscription): {
  got: ResolvedEvent[];
  signals: string[];
  until: (done: () => boolean) => Promise<void>;
} {
  const got: ResolvedEvent[] = [];
  const signals: string[] = [];
  let check = (): void => {};
  const note = (signal: string) => (): void => {
    signals.push(signal);
    check();
  };
  subscription
    .on('confirmation', note('confirmation'))
    .on('caughtUp', note('caughtUp'))
    .on('error', (error: Error) => note(error.constructor.name)())
    .on('data', (resolved: ResolvedEvent) => {
      got.push(resolved);
      check();
    });
  const until = (done: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      check = () => done() && resolve();
      check();
    });
  return { got, signals, until };
}

test('a subscription sends what was, says that it caught up, and sends what comes', async () => {
  const stream = newStream();
  const [before, after] = [events(3), events(2)];
  await client.appendToStream(stream, before);
  const subscription = client.subscribeToStream(stream);
  const { got, signals, until } = follow(subscription);
  await until(() => signals.includes('caughtUp'));
  assert.equal(ids(got), ids(before));
  await client.appendToStream(newStream(), event());
  for (const each of after) await client.appendToStream(stream, each);
  await until(() => got.length === 5);
  assert.equal(ids(got), ids([...before, ...after]));
  assert.equal(signals, ['confirmation', 'caughtUp']);
  await subscription.unsubscribe();
});

test('a subscription begins behind the place that it names, or at the end', async () => {
  const stream = newStream();
  const [a, b, c, d] = [event(), event(), event(), event()];
  const { position } = await client.appendToStream(stream, [a, b]);
  await client.appendToStream(stream, c);
  const subscriptions = [
    client.subscribeToStream(stream, { fromRevision: 1n }),
    client.subscribeToAll({ fromPosition: position! }),
    client.subscribeToStream(stream, { fromRevision: END }),
    client.subscribeToAll({ fromPosition: END }),
  ];
  const followed = subscriptions.map(follow);
  for (const { signals, until } of followed) await until(() => signals.includes('caughtUp'));
  await client.appendToStream(stream, d);
  for (const { got, until } of followed) await until(() => ids(got).includes(d.id));
  assert.equal(
    followed.map(({ got }) => ids(got)),
    [ids([c, d]), ids([c, d]), ids([d]), ids([d])],
  );
  for (const subscription of subscriptions) await subscription.unsubscribe();
});

test('a subscription waits for a stream that does not exist yet', async () => {
  const stream = newStream();
  const subscription = client.subscribeToStream(stream);
  const { got, signals, until } = follow(subscription);
  await until(() => signals.includes('caughtUp'));
  await client.appendToStream(stream, event());
  await until(() => got.length === 1);
  await subscription.unsubscribe();
});

test('a subscription ends with the tombstone of its stream', async () => {
  const stream = newStream();
  await client.appendToStream(stream, event());
  const { signals, until } = follow(client.subscribeToStream(stream));
  await until(() => signals.includes('caughtUp'));
  await client.tombstoneStream(stream);
  await until(() => signals.includes(StreamDeletedError.name));
});

test('nothing is missed or repeated while catching up under concurrent appends', async () => {
  const streams = Array.from({ length: 20 }, () => newStream('busy'));
  const sent: unknown[] = [];
  const append = async (stream: string, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      const each = event();
      await client.appendToStream(stream, each);
      sent.push(each.id);
    }
  };
  const filter = streamNameFilter({ prefixes: ['busy-'] });
  const appending = Promise.all(streams.map((stream) => append(stream, 100)));
  await append(streams[0]!, 5);
  const subscriptions = Array.from({ length: 4 }, () => client.subscribeToAll({ filter }));
  const followed = subscriptions.map(follow);
  await appending;
  for (const { got, until } of followed) {
    await until(() => got.length >= sent.length);
    assert.is(got.length, sent.length);
    assert.equal(new Set(ids(got)), new Set(sent));
    const positions = got.map((each) => each.event!.position!.commit);
    assert.ok(positions.every((position, at) => at === 0 || position > positions[at - 1]!));
  }
  for (const subscription of subscriptions) await subscription.unsubscribe();
});

test('filters choose by stream or by type, by prefix or by expression', async () => {
  const [apple, pear] = [newStream('apple'), newStream('pear')];
  const { position } = await client.appendToStream(newStream(), event());
  await client.appendToStream(apple, [event('Red'), event('$system')]);
  await client.appendToStream(pear, [event('Green'), event('Ripe')]);
  await client.appendToStream(newStream(), event('Last'));
  const typesThrough = async (filter: Filter): Promise<unknown[]> => {
    const subscription = client.subscribeToAll({ fromPosition: position!, filter });
    const { got, signals, until } = follow(subscription);
    await until(() => signals.includes('caughtUp'));
    await subscription.unsubscribe();
    return got.map((each) => each.event?.type);
  };
  assert.equal(await typesThrough(streamNameFilter({ prefixes: ['pear-', 'apple-'] })), [
    'Red',
    '$system',
    'Green',
    'Ripe',
  ]);
  assert.equal(await typesThrough(streamNameFilter({ regex: '^pe.r-' })), ['Green', 'Ripe']);
  assert.equal(await typesThrough(eventTypeFilter({ prefixes: ['R'] })), ['Red', 'Ripe']);
  assert.equal(await typesThrough(eventTypeFilter({ regex: 'e+n$|^Last' })), ['Green', 'Last']);
  assert.equal(await typesThrough(excludeSystemEvents()), ['Red', 'Green', 'Ripe', 'Last']);
});

test('a filtered subscription says how far it looked, and goes on from there', async () => {
  const { position: before } = await client.appendToStream(newStream(), event());
  await client.appendToStream(newStream(), events(150, 'Other'));
  const checkpoints: bigint[] = [];
  const options = {
    prefixes: ['Wanted'],
    checkpointInterval: 2,
    checkpointReached: async (_: AllStreamSubscription, position: Position): Promise<void> => {
      checkpoints.push(position.commit - before!.commit);
    },
  };
  const first = client.subscribeToAll({ fromPosition: before!, filter: eventTypeFilter(options) });
  const { signals, until } = follow(first);
  await until(() => signals.includes('caughtUp'));
  // Two after 2 × 32 events each, and one on arrival.
  assert.equal(checkpoints, [64n, 128n, 150n]);
  await first.unsubscribe();

  const last = before!.commit + checkpoints.at(-1)!;
  const wanted = event('Wanted');
  await client.appendToStream(newStream(), wanted);
  const second = client.subscribeToAll({
    fromPosition: { commit: last, prepare: last },
    filter: eventTypeFilter(options),
  });
  const again = follow(second);
  await again.until(() => again.got.length === 1);
  assert.equal(ids(again.got), [wanted.id]);
  await second.unsubscribe();
});

test('a filter that is no expression is refused', async () => {
  const { signals, until } = follow(
    client.subscribeToAll({ filter: eventTypeFilter({ regex: '(' }) }),
  );
  await until(() => signals.includes('UnknownError'));
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
  await client.appendToStream(stream, event('Wide', text));
  const heldMiB = async (): Promise<number> => {
    // Buffers are given back in the background: the second collection waits for the first one's.
    collectGarbage();
    await setImmediate();
    collectGarbage();
    return process.memoryUsage().external / 1024 / 1024;
  };
  const heldBeforeMiB = await heldMiB();
  while (sent.length < count) {
    const batch = Array.from({ length: 40 }, () => event('Wide', text));
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
  await slow.unsubscribe();
  await quick.unsubscribe();
});

test.run();
