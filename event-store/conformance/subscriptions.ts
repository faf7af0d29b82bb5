import assert from 'node:assert/strict';
import {
  END,
  START,
  streamNameFilter,
  StreamDeletedError,
  type ResolvedEvent,
} from '@eventstore/db-client';
import {
  collect,
  event,
  events,
  follow,
  ids,
  newCategory,
  revisions,
  sentBy,
  upTo,
  type Cases,
  type Followed,
  type Server,
  type Subscription,
} from './case.ts';

const WRITERS = 10;
const WRITES_EACH = 60;

/**
 * Appends to a category from several writers, and follows `subscribe` from before and from the
 * midst of it until everything has come. Every event must have come once.
 */
export async function followedUnderLoad(
  { client, newStream }: Server,
  category: string,
  subscribe: () => Subscription,
): Promise<Followed[]> {
  const followed = [follow(subscribe())];
  const sent: string[] = [];
  const write = async (stream: string): Promise<void> => {
    for (let n = 0; n < WRITES_EACH; n += 1) {
      const each = event();
      await client.appendToStream(stream, each);
      sent.push(each.id);
      if (sent.length % 150 === 0) followed.push(follow(subscribe()));
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, () => write(newStream(category))));
  for (const { got, until, unsubscribe } of followed) {
    await until(() => got.length >= sent.length);
    await unsubscribe();
    assert.equal(got.length, sent.length);
    assert.deepEqual(new Set(ids(got)), new Set(sent));
  }
  return followed;
}

export const subscriptions: Cases = {
  'a subscription is confirmed, sends what was, says so, and sends what comes': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    const [before, after] = [events(3), events(2)];
    await client.appendToStream(stream, before);
    const subscription = client.subscribeToStream(stream);
    const { got, signals, until } = follow(subscription);
    await until(() => signals.includes('caughtUp'));
    assert.deepEqual(ids(got), ids(before));
    await client.appendToStream(newStream(), event());
    for (const each of after) await client.appendToStream(stream, each);
    await until(() => got.length === 5);
    assert.deepEqual(ids(got), ids([...before, ...after]));
    assert.deepEqual(signals, ['confirmation', 'caughtUp']);
    assert.ok(subscription.id);
    await subscription.unsubscribe();
  },

  'a subscription begins behind the place that it names, or at the end': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    const [a, b, c, d] = [event(), event(), event(), event()];
    const { position } = await client.appendToStream(stream, [a, b]);
    await client.appendToStream(stream, c);
    const mine = { filter: streamNameFilter({ prefixes: [stream] }) };
    const open = [
      client.subscribeToStream(stream, { fromRevision: START }),
      client.subscribeToStream(stream, { fromRevision: 1n }),
      client.subscribeToAll({ fromPosition: position!, ...mine }),
      client.subscribeToStream(stream, { fromRevision: END }),
      client.subscribeToAll({ fromPosition: END, ...mine }),
    ];
    const followed = open.map(follow);
    for (const { signals, until } of followed) await until(() => signals.includes('caughtUp'));
    await client.appendToStream(stream, d);
    for (const { got, until } of followed) await until(() => ids(got).includes(d.id));
    assert.deepEqual(
      followed.map(({ got }) => ids(got)),
      [[a, b, c, d], [c, d], [c, d], [d], [d]].map(ids),
    );
    for (const subscription of open) await subscription.unsubscribe();
  },

  'a subscription to all sends every stream in the order of the commits': async ({
    client,
    newStream,
  }) => {
    const [a, b] = [newStream(), newStream()];
    const { position } = await client.appendToStream(a, event());
    const sent = [event(), event(), event()];
    for (const [at, each] of sent.entries()) await client.appendToStream(at % 2 ? a : b, each);
    const got = await sentBy(client.subscribeToAll({ fromPosition: position! }));
    const own = got.filter((each) => [a, b].includes(each.event!.streamId));
    assert.deepEqual(ids(own), ids(sent));
    const positions = got.map((each) => each.event!.position!.commit);
    assert.ok(positions.every((each, at) => at === 0 || each > positions[at - 1]!));
  },

  'a subscription waits for a stream that does not exist yet': async ({ client, newStream }) => {
    const stream = newStream();
    const subscription = client.subscribeToStream(stream);
    const { got, signals, until } = follow(subscription);
    await until(() => signals.includes('confirmation'));
    const first = event();
    await client.appendToStream(stream, first);
    await until(() => got.length === 1);
    assert.deepEqual(ids(got), [first.id]);
    await subscription.unsubscribe();
  },

  'a subscription from past the end sends only what comes behind its place': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(2));
    const subscription = client.subscribeToStream(stream, { fromRevision: 3n });
    const { got, signals, until } = follow(subscription);
    await until(() => signals.includes('confirmation'));
    await client.appendToStream(stream, events(4));
    await until(() => got.length === 2);
    assert.deepEqual(revisions(got), [4n, 5n]);
    await subscription.unsubscribe();
  },

  'a subscription goes on when its stream is deleted and written again': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(2));
    const subscription = client.subscribeToStream(stream);
    const { got, signals, until } = follow(subscription);
    await until(() => signals.includes('caughtUp'));
    await client.deleteStream(stream);
    await client.appendToStream(stream, event());
    await until(() => got.length === 3);
    assert.deepEqual(revisions(got), upTo(3));
    await subscription.unsubscribe();
  },

  'a subscription ends with the tombstone of its stream': async ({ client, newStream }) => {
    const stream = newStream();
    await client.appendToStream(stream, event());
    const { got, signals, until } = follow(client.subscribeToStream(stream));
    await until(() => signals.includes('caughtUp'));
    await client.tombstoneStream(stream);
    await until(() => signals.includes(StreamDeletedError.name));
    assert.deepEqual(
      got.map((each) => each.event!.type),
      ['Tested', '$streamDeleted'],
    );
  },

  'a subscription to a stream with a tombstone is refused, and sends nothing': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.appendToStream(stream, event());
    await client.tombstoneStream(stream);
    for (const fromRevision of [START, END, 0n] as const) {
      const { got, signals, until } = follow(client.subscribeToStream(stream, { fromRevision }));
      await until(() => signals.includes(StreamDeletedError.name));
      assert.deepEqual(got, []);
    }
  },

  'a subscription to a stream that is cut sends what is left': async ({ client, newStream }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(6));
    await client.setStreamMetadata(stream, { truncateBefore: 4 });
    assert.deepEqual(revisions(await sentBy(client.subscribeToStream(stream))), [4n, 5n]);
  },

  'a live subscription gets what comes, also where less is kept': async ({ client, newStream }) => {
    for (const metadata of [{ maxCount: 1 }, { truncateBefore: 100 }]) {
      const stream = newStream();
      await client.appendToStream(stream, events(2));
      await client.setStreamMetadata(stream, metadata);
      const subscription = client.subscribeToStream(stream, { fromRevision: 1n });
      const { got, signals, until } = follow(subscription);
      await until(() => signals.includes('caughtUp'));
      await Promise.all(events(30).map((each) => client.appendToStream(stream, each)));
      await until(() => got.at(-1)?.event?.revision === 31n);
      assert.deepEqual(revisions(got), upTo(32).slice(2));
      await subscription.unsubscribe();
    }
  },

  'a subscription from the end begins there where nothing is to be seen too': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(3));
    await client.setStreamMetadata(stream, { truncateBefore: 3 });
    const subscription = client.subscribeToStream(stream, { fromRevision: END });
    const { got, signals, until } = follow(subscription);
    await until(() => signals.includes('confirmation'));
    await client.setStreamMetadata(stream, {});
    await client.appendToStream(stream, event());
    await until(() => got.length > 0);
    assert.deepEqual(revisions(got), [3n]);
    await subscription.unsubscribe();
  },

  'a subscription to $$name sends metadata as it changes': async ({ client, newStream }) => {
    const stream = newStream();
    const subscription = client.subscribeToStream(`$$${stream}`);
    const { got, signals, until } = follow(subscription);
    await until(() => signals.includes('confirmation'));
    await client.setStreamMetadata(stream, { maxCount: 7 });
    await until(() => got.length === 1);
    await client.deleteStream(stream);
    await until(() => got.length === 2);
    assert.deepEqual(got[0]!.event!.data, { $maxCount: 7 });
    await subscription.unsubscribe();
  },

  'after unsubscribing nothing comes any more': async ({ client, newStream }) => {
    const stream = newStream();
    const [ended, other] = [client.subscribeToStream(stream), client.subscribeToStream(stream)];
    const [first, second] = [follow(ended), follow(other)];
    await client.appendToStream(stream, event());
    await first.until(() => first.got.length === 1);
    await ended.unsubscribe();
    await client.appendToStream(stream, event());
    await second.until(() => second.got.length === 2);
    assert.equal(first.got.length, 1);
    await other.unsubscribe();
  },

  'a subscription is an async iterable': async ({ client, newStream }) => {
    const stream = newStream();
    const sent = events(3);
    await client.appendToStream(stream, sent);
    const got: string[] = [];
    const subscription = client.subscribeToStream(stream);
    for await (const { event: each } of subscription) {
      got.push(each!.id);
      if (got.length === sent.length) break;
    }
    await subscription.unsubscribe();
    assert.deepEqual(got, ids(sent));
  },

  'nothing is missed or repeated between catching up and live, under load': async (server) => {
    const category = newCategory();
    const filter = streamNameFilter({ prefixes: [`${category}-`] });
    const subscribe = () => server.client.subscribeToAll({ filter });
    for (const { got } of await followedUnderLoad(server, category, subscribe)) {
      const positions = got.map((each) => each.event!.position!.commit);
      assert.ok(positions.every((each, at) => at === 0 || each > positions[at - 1]!));
    }
  },

  // EventStoreDB 23.10 ends a live one that is too slow; 24.10 lets it catch up again.
  'a subscriber that pauses misses nothing, or is told to come again': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    const got: ResolvedEvent[] = [];
    let subscription = client.subscribeToStream(stream);
    let followed = follow(subscription);
    await followed.until(() => followed.signals.includes('confirmation'));
    subscription.pause();
    for (let n = 0; n < 20; n += 1) await client.appendToStream(stream, events(100));
    assert.equal((await collect(client.readStream(stream))).length, 2_000);
    subscription.resume();
    const isEnded = (): boolean => followed.signals.some((signal) => signal.endsWith('Error'));
    const has = (): number => got.length + followed.got.length;
    await followed.until(() => has() >= 2_000 || isEnded());
    while (has() < 2_000) {
      got.push(...followed.got);
      const last = got.at(-1)?.event?.revision;
      subscription = client.subscribeToStream(stream, { fromRevision: last ?? START });
      followed = follow(subscription);
      await followed.until(() => has() >= 2_000 || isEnded());
    }
    got.push(...followed.got);
    assert.deepEqual(revisions(got), upTo(2_000));
    await subscription.unsubscribe();
  },
};
