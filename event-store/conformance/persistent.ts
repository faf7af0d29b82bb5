/** What EventStoreDB documents of persistent subscriptions, a case for each promise. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { inspect } from 'node:util';
import {
  binaryEvent,
  DeadlineExceededError,
  DISPATCH_TO_SINGLE,
  END,
  eventTypeFilter,
  PARK,
  PersistentSubscriptionDoesNotExistError,
  PersistentSubscriptionDroppedError,
  PersistentSubscriptionExistsError,
  PersistentSubscriptionFailedError,
  persistentSubscriptionToAllSettingsFromDefaults as toAll,
  persistentSubscriptionToStreamSettingsFromDefaults as toStream,
  PersistentSubscriptionMaximumSubscribersReachedError,
  PINNED,
  RETRY,
  ROUND_ROBIN,
  SKIP,
  START,
  STOP,
  streamNameFilter,
  type BinaryEventData,
  type JSONEventData,
  type PersistentAction,
  type PersistentSubscriptionToAll,
  type PersistentSubscriptionToStream,
  type PersistentSubscriptionToStreamInfo,
  type PersistentSubscriptionToStreamSettings,
  type ResolvedEvent,
} from '@eventstore/db-client';
import {
  event,
  events,
  ids,
  newCategory,
  newGroup,
  refused,
  upTo,
  type Cases,
  type Server,
} from './case.ts';
import { linked } from './links.ts';

type Delivered = ResolvedEvent & { id: string; retryCount: number };
type Made = { stream: string; group: string; sent: JSONEventData[] };

/** Everything that a consumer is told, and a way to wait until it is as a case wants it. */
export class Follower {
  readonly got: Delivered[] = [];
  error: Error | undefined;
  private readonly subscription: PersistentSubscriptionToStream;
  private isReady = false;
  private check = (): void => {};

  constructor(
    subscription: PersistentSubscriptionToStream | PersistentSubscriptionToAll,
    onEvent: (follower: Follower, delivered: Delivered) => void = () => {},
  ) {
    this.subscription = subscription as PersistentSubscriptionToStream;
    this.subscription
      .on('confirmation', () => {
        this.isReady = true;
        this.check();
      })
      .on('error', (error: Error) => {
        this.error = error;
        this.check();
      })
      .on('data', (resolved) => {
        const delivered = { ...resolved, id: (resolved.event ?? resolved.link)!.id } as Delivered;
        this.got.push(delivered);
        onEvent(this, delivered);
        this.check();
      });
  }

  get ids(): string[] {
    return this.got.map(({ id }) => id);
  }

  until(done: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.check = () => done() && resolve();
      this.check();
    });
  }

  count(count: number): Promise<void> {
    return this.until(() => this.got.length >= count);
  }

  ready(): Promise<void> {
    return this.until(() => this.isReady);
  }

  failed(): Promise<void> {
    return this.until(() => this.error !== undefined);
  }

  ack(...delivered: Delivered[]): Promise<void> {
    return this.subscription.ack(...delivered);
  }

  nack(action: PersistentAction, ...delivered: Delivered[]): Promise<void> {
    return this.subscription.nack(action, 'for a reason', ...delivered);
  }

  stop(): Promise<void> {
    return this.subscription.unsubscribe();
  }
}

/** Acknowledges whatever it gets. */
export const acknowledging = (follower: Follower, delivered: Delivered): void =>
  void follower.ack(delivered);

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => assert.fail('It should have been refused.'),
    (error: unknown) => error as Error,
  );
}

const EVENTUALLY_MS = 10_000;

/** Asks until the answer is as it should be: figures follow acknowledgements, which nobody answers. */
export async function eventually<T>(
  ask: () => Promise<T>,
  isIt: (answer: T) => boolean,
): Promise<T> {
  const endMs = Date.now() + EVENTUALLY_MS;
  for (;;) {
    const answer = await ask();
    if (isIt(answer)) return answer;
    if (Date.now() > endMs) assert.fail(`It stayed ${inspect(answer)}.`);
    await setTimeout(20);
  }
}

/** A stream with events, and a group that starts at its first. */
async function arrange(
  { client, newStream }: Server,
  count: number,
  changes: Partial<PersistentSubscriptionToStreamSettings> = {},
): Promise<Made> {
  const [stream, group, sent] = [newStream(), newGroup(), events(count)];
  if (count > 0) await client.appendToStream(stream, sent);
  const settings = toStream({ startFrom: START, ...changes });
  await client.createPersistentSubscriptionToStream(stream, group, settings);
  return { stream, group, sent };
}

const subscribe = (
  { client }: Server,
  { stream, group }: Omit<Made, 'sent'>,
  options: {
    bufferSize?: number;
    onEvent?: (follower: Follower, delivered: Delivered) => void;
  } = {},
): Follower => {
  const { onEvent, ...subscribing } = options;
  const subscription = client.subscribeToPersistentSubscriptionToStream(stream, group, subscribing);
  return new Follower(subscription, onEvent);
};

const infoOf = (
  { client }: Server,
  { stream, group }: Omit<Made, 'sent'>,
): Promise<PersistentSubscriptionToStreamInfo> =>
  client.getPersistentSubscriptionToStreamInfo(stream, group);

const managing: Cases = {
  'a group is created once, and its name may be used for another stream': async (context) => {
    const { client, newStream } = context;
    const { stream, group } = await arrange(context, 0);
    const again = client.createPersistentSubscriptionToStream(stream, group, toStream());
    const error = await rejection(again);
    assert.ok(error instanceof PersistentSubscriptionExistsError);
    const { streamName, groupName } = error;
    assert.deepEqual([streamName, groupName], [stream, group]);
    await client.createPersistentSubscriptionToStream(newStream(), group, toStream());
  },
  'a group that there is not is named as such by every request': async ({ client, newStream }) => {
    const [stream, group] = [newStream(), newGroup()];
    const requests = [
      client.updatePersistentSubscriptionToStream(stream, group, toStream()),
      client.deletePersistentSubscriptionToStream(stream, group),
      client.getPersistentSubscriptionToStreamInfo(stream, group),
      client.replayParkedMessagesToStream(stream, group),
      client.listPersistentSubscriptionsToStream(stream),
      client.updatePersistentSubscriptionToAll(group, toAll()),
      client.deletePersistentSubscriptionToAll(group),
      client.getPersistentSubscriptionToAllInfo(group),
      client.replayParkedMessagesToAll(group),
    ];
    for (const error of await Promise.all(requests.map(rejection)))
      assert.ok(error instanceof PersistentSubscriptionDoesNotExistError);
    for (const subscription of [
      client.subscribeToPersistentSubscriptionToStream(stream, group),
      client.subscribeToPersistentSubscriptionToAll(group),
    ]) {
      const consumer = new Follower(subscription);
      await consumer.failed();
      assert.ok(consumer.error instanceof PersistentSubscriptionDoesNotExistError);
    }
  },
  'the settings of a group are told as they were given': async (context) => {
    const { client } = context;
    const settings = toStream({
      startFrom: 7n,
      resolveLinkTos: true,
      extraStatistics: true,
      messageTimeout: 12_345,
      maxRetryCount: 3,
      checkPointAfter: 1_234,
      checkPointLowerBound: 4,
      checkPointUpperBound: 40,
      maxSubscriberCount: 5,
      liveBufferSize: 60,
      readBatchSize: 7,
      historyBufferSize: 80,
      consumerStrategyName: PINNED,
    });
    const { stream, group } = await arrange(context, 0, settings);
    const info = await client.getPersistentSubscriptionToStreamInfo(stream, group);
    assert.deepEqual(info.settings, settings);
    assert.deepEqual([info.eventSource, info.groupName], [stream, group]);
    const end = toAll({ startFrom: END });
    await client.createPersistentSubscriptionToAll(group, end);
    assert.deepEqual((await client.getPersistentSubscriptionToAllInfo(group)).settings, end);
  },
  'settings that contradict each other are refused, and make no group': async ({
    client,
    newStream,
  }) => {
    const [stream, group] = [newStream(), newGroup()];
    const settings = toStream({ readBatchSize: 100, historyBufferSize: 100 });
    const created = client.createPersistentSubscriptionToStream(stream, group, settings);
    assert.ok((await rejection(created)) instanceof PersistentSubscriptionFailedError);
    const info = client.getPersistentSubscriptionToStreamInfo(stream, group);
    assert.ok((await rejection(info)) instanceof PersistentSubscriptionDoesNotExistError);
  },
  'a group to $all cannot start behind the end of the log': async ({ client }) => {
    const far = 2n ** 50n;
    const settings = toAll({ startFrom: { commit: far, prepare: far } });
    const created = client.createPersistentSubscriptionToAll(newGroup(), settings);
    assert.ok((await rejection(created)) instanceof PersistentSubscriptionFailedError);
  },
  'groups are listed: all, those to a stream, those to $all': async (context) => {
    const { client } = context;
    const { stream, group } = await arrange(context, 0);
    const second = newGroup();
    await client.createPersistentSubscriptionToStream(stream, second, toStream());
    await client.createPersistentSubscriptionToAll(group, toAll());
    const names = (infos: { eventSource: string; groupName: string }[]): string[] =>
      infos.map(({ eventSource, groupName }) => `${eventSource} ${groupName}`).toSorted();
    const [ofStream, ofAll] = [
      [`${stream} ${group}`, `${stream} ${second}`].toSorted(),
      `$all ${group}`,
    ];
    assert.deepEqual(names(await client.listPersistentSubscriptionsToStream(stream)), ofStream);
    assert.ok(names(await client.listPersistentSubscriptionsToAll()).includes(ofAll));
    const all = names(await client.listAllPersistentSubscriptions());
    assert.ok([...ofStream, ofAll].every((name) => all.includes(name)));
    await client.deletePersistentSubscriptionToAll(group);
    const left = names(await client.listAllPersistentSubscriptions());
    assert.ok(!left.includes(ofAll));
  },
  'a group that is deleted drops its consumers, and one made again starts anew': async (
    context,
  ) => {
    const { client } = context;
    const made = await arrange(context, 3, { checkPointLowerBound: 1, checkPointAfter: 1 });
    const { stream, group, sent } = made;
    const consumer = subscribe(context, made, { onEvent: acknowledging });
    await consumer.count(3);
    await eventually(
      () => client.getPersistentSubscriptionToStreamInfo(stream, group),
      ({ stats }) => stats.lastCheckpointedEventRevision === 2n,
    );
    await client.deletePersistentSubscriptionToStream(stream, group);
    await consumer.failed();
    assert.ok(consumer.error instanceof PersistentSubscriptionDroppedError);
    const settings = toStream({ startFrom: START });
    await client.createPersistentSubscriptionToStream(stream, group, settings);
    const next = subscribe(context, made);
    await next.count(3);
    assert.deepEqual(next.ids, ids(sent));
    await next.stop();
  },
  'a group that is updated drops its consumers, and keeps its checkpoint': async (context) => {
    const { client } = context;
    const made = await arrange(context, 3, { checkPointLowerBound: 1, checkPointAfter: 1 });
    const { stream, group } = made;
    const consumer = subscribe(context, made, { onEvent: acknowledging });
    const ask = () => client.getPersistentSubscriptionToStreamInfo(stream, group);
    await eventually(ask, ({ stats }) => stats.lastCheckpointedEventRevision === 2n);
    const settings = toStream({ startFrom: START, maxRetryCount: 77 });
    await client.updatePersistentSubscriptionToStream(stream, group, settings);
    await consumer.failed();
    assert.ok(consumer.error instanceof PersistentSubscriptionDroppedError);
    assert.equal((await ask()).settings.maxRetryCount, 77);
    const next = subscribe(context, made);
    const later = event();
    await client.appendToStream(stream, later);
    await next.count(1);
    assert.deepEqual(next.ids, [later.id]);
    await next.stop();
  },
  'a group to $all that is updated keeps its filter': async ({ client, newStream }) => {
    const [stream, group] = [newStream(), newGroup()];
    const filter = streamNameFilter({ prefixes: [stream] });
    const settings = toAll({ startFrom: START });
    await client.createPersistentSubscriptionToAll(group, settings, { filter });
    const changed = toAll({ startFrom: START, maxRetryCount: 77 });
    await client.updatePersistentSubscriptionToAll(group, changed);
    const [sent, other] = [events(2), event()];
    await client.appendToStream(newStream(), other);
    await client.appendToStream(stream, sent);
    const consumer = new Follower(client.subscribeToPersistentSubscriptionToAll(group));
    await consumer.count(2);
    assert.deepEqual(consumer.ids, ids(sent));
    await consumer.stop();
    await client.deletePersistentSubscriptionToAll(group);
  },
  // Whether it happened all the same is not said, and may be so.
  'a request about a group after its deadline is refused': async (context) => {
    const { client, newStream } = context;
    const [late, never] = [{ deadline: 0 }, newStream()];
    const { stream, group } = await arrange(context, 0);
    const settings = toStream({ maxRetryCount: 77 });
    for (const attempt of [
      () => client.createPersistentSubscriptionToStream(never, group, settings, late),
      () => client.updatePersistentSubscriptionToStream(stream, group, settings, late),
      () => client.replayParkedMessagesToStream(stream, group, late),
      () => client.getPersistentSubscriptionToStreamInfo(stream, group, late),
      () => client.listAllPersistentSubscriptions(late),
      () => client.deletePersistentSubscriptionToStream(stream, group, late),
    ])
      await refused(attempt(), DeadlineExceededError);
  },
  'a group takes no more subscribers than it may': async (context) => {
    const made = await arrange(context, 0, { maxSubscriberCount: 1 });
    const first = subscribe(context, made);
    await first.ready();
    const second = subscribe(context, made);
    await second.failed();
    assert.ok(second.error instanceof PersistentSubscriptionMaximumSubscribersReachedError);
    await first.stop();
  },
};

const delivering: Cases = {
  'a group starts where it is told: at the start, at a revision, or at the end': async (
    context,
  ) => {
    const { client } = context;
    const [fromStart, sent] = await arrange(context, 3).then((made) => [made, made.sent] as const);
    const { stream } = fromStart;
    const [revision, end] = [newGroup(), newGroup()];
    const create = (group: string, startFrom: bigint | typeof END): Promise<void> =>
      client.createPersistentSubscriptionToStream(stream, group, toStream({ startFrom }));
    await create(revision, 1n);
    await create(end, END);
    const later = event();
    await client.appendToStream(stream, later);
    const all = [...ids(sent), later.id];
    for (const [group, expected] of [
      [fromStart.group, all],
      [revision, all.slice(1)],
      [end, all.slice(3)],
    ] as const) {
      const consumer = subscribe(context, { stream, group });
      await consumer.count(expected.length);
      assert.deepEqual(consumer.ids, expected);
      await consumer.stop();
    }
  },
  'a group from the end begins there where nothing is to be seen too': async (context) => {
    const { client, newStream } = context;
    const [stream, group] = [newStream(), newGroup()];
    await client.appendToStream(stream, events(3));
    await client.setStreamMetadata(stream, { truncateBefore: 3 });
    const settings = toStream({ startFrom: END });
    await client.createPersistentSubscriptionToStream(stream, group, settings);
    await client.setStreamMetadata(stream, {});
    const consumer = subscribe(context, { stream, group });
    const later = event();
    await client.appendToStream(stream, later);
    await consumer.count(1);
    assert.deepEqual(consumer.ids, [later.id]);
    await consumer.stop();
  },
  'a live group gets what comes, also where less is kept': async (context) => {
    const { client } = context;
    for (const metadata of [{ maxCount: 1 }, { truncateBefore: 100 }]) {
      const made = await arrange(context, 1);
      const consumer = subscribe(context, made, { bufferSize: 100, onEvent: acknowledging });
      await consumer.count(1);
      await eventually(
        () => infoOf(context, made),
        ({ status }) => status === 'Live',
      );
      await client.setStreamMetadata(made.stream, metadata);
      const later = events(30);
      await Promise.all(later.map((each) => client.appendToStream(made.stream, each)));
      await consumer.until(() => consumer.got.at(-1)?.event?.revision === 30n);
      const revisions = consumer.got.map(({ event: each }) => each!.revision);
      assert.deepEqual(revisions, upTo(31));
      await consumer.stop();
    }
  },
  'a group may wait for a stream that does not exist yet': async (context) => {
    const made = await arrange(context, 0);
    const consumer = subscribe(context, made);
    await consumer.ready();
    const sent = event();
    await context.client.appendToStream(made.stream, sent);
    await consumer.count(1);
    assert.deepEqual(consumer.ids, [sent.id]);
    assert.equal(consumer.got[0]!.event!.revision, 0n);
    assert.equal(consumer.got[0]!.retryCount, 0);
    await consumer.stop();
  },
  'a consumer gets no more than its buffer holds until it acknowledges': async (context) => {
    const made = await arrange(context, 5);
    const consumer = subscribe(context, made, { bufferSize: 2 });
    await consumer.count(2);
    const { client } = context;
    const info = await client.getPersistentSubscriptionToStreamInfo(made.stream, made.group);
    assert.equal(info.connections[0]!.inFlightMessages, 2);
    assert.equal(info.connections[0]!.availableSlots, 0);
    assert.equal(consumer.got.length, 2);
    await consumer.ack(consumer.got[0]!);
    await consumer.count(3);
    assert.deepEqual(consumer.ids, ids(made.sent).slice(0, 3));
    await consumer.stop();
  },
  'competing consumers each get a share, and together everything once': async (context) => {
    const made = await arrange(context, 100, { consumerStrategyName: ROUND_ROBIN });
    const seen: string[] = [];
    const options = { onEvent: acknowledging };
    const consumers = [1, 2, 3].map(() => subscribe(context, made, options));
    await Promise.all(consumers.map((consumer) => consumer.ready()));
    await context.client.appendToStream(made.stream, events(200));
    await eventually(
      () => Promise.resolve(consumers.reduce((sum, { got }) => sum + got.length, 0)),
      (sum) => sum >= 300,
    );
    for (const consumer of consumers) {
      assert.ok(consumer.got.length > 10);
      seen.push(...consumer.ids);
      await consumer.stop();
    }
    assert.equal(seen.length, 300);
    assert.equal(new Set(seen).size, 300);
  },
  'a group to $all sends the events that its filter chooses': async ({ client, newStream }) => {
    const [group, mark] = [newGroup(), randomUUID()];
    const [apple, pear] = [newStream(`apple${mark}`), newStream(`pear${mark}`)];
    const byStream = streamNameFilter({ prefixes: [`apple${mark}`] });
    const byType = eventTypeFilter({ regex: `^Ripe${mark}$` });
    const start = toAll({ startFrom: START });
    await client.createPersistentSubscriptionToAll(group, start, { filter: byStream });
    await client.createPersistentSubscriptionToAll(`${group}2`, start, { filter: byType });
    const [a, b, c] = [event(), event(`Ripe${mark}`), event()];
    await client.appendToStream(apple, a);
    await client.appendToStream(pear, b);
    await client.appendToStream(apple, c);
    const first = new Follower(client.subscribeToPersistentSubscriptionToAll(group));
    const second = new Follower(client.subscribeToPersistentSubscriptionToAll(`${group}2`));
    await first.count(2);
    await second.count(1);
    assert.deepEqual(first.ids, ids([a, c]));
    assert.deepEqual(second.ids, ids([b]));
    await first.stop();
    await second.stop();
  },
  'a group to $all starts at a position, which it includes': async ({ client, newStream }) => {
    const [group, stream] = [newGroup(), newStream()];
    await client.appendToStream(stream, event());
    const second = event();
    const { position } = await client.appendToStream(stream, second);
    const settings = toAll({ startFrom: position! });
    const filter = streamNameFilter({ prefixes: [stream] });
    await client.createPersistentSubscriptionToAll(group, settings, { filter });
    const consumer = new Follower(client.subscribeToPersistentSubscriptionToAll(group));
    await consumer.count(1);
    assert.deepEqual(consumer.ids, [second.id]);
    await consumer.stop();
    await client.deletePersistentSubscriptionToAll(group);
  },
  'links are resolved where the group says so, and acknowledged by the link': async (context) => {
    const { client, newStream } = context;
    const source = newStream();
    const sent = events(2);
    await client.appendToStream(source, sent);
    for (const resolveLinkTos of [true, false]) {
      const made = await arrange(context, 0, { resolveLinkTos });
      const links = [0, 1].map((at) => linkTo(source, at));
      await client.appendToStream(made.stream, links);
      const consumer = subscribe(context, made, { bufferSize: 1 });
      await consumer.count(1);
      const [{ event: got, link }] = consumer.got as [Delivered];
      assert.equal(got!.id, resolveLinkTos ? sent[0]!.id : links[0]!.id);
      assert.equal(link?.id, resolveLinkTos ? links[0]!.id : undefined);
      await consumer.ack(consumer.got[0]!);
      await consumer.count(2);
      await consumer.stop();
    }
  },
};

const overComputed: Cases = {
  'a group to a category sends its events, those that come later too': async (server) => {
    const { client, newStream } = server;
    const category = newCategory();
    const [first, second] = [events(2), events(3)];
    await client.appendToStream(newStream(category), first);
    await linked(server, `$ce-${category}`, 2);
    const made = { stream: `$ce-${category}`, group: newGroup(), sent: [] };
    const settings = toStream({ startFrom: START, resolveLinkTos: true });
    await client.createPersistentSubscriptionToStream(made.stream, made.group, settings);
    const consumer = subscribe(server, made);
    await consumer.count(2);
    await client.appendToStream(newStream(category), second);
    await consumer.count(5);
    assert.deepEqual(consumer.ids, ids([...first, ...second]));
    for (const delivered of consumer.got) await consumer.ack(delivered);
    await consumer.stop();
  },
};

const linkTo = (stream: string, revision: number): BinaryEventData =>
  binaryEvent({ type: '$>', data: Buffer.from(`${revision}@${stream}`) });

const refusing: Cases = {
  'an event that is refused with retry comes again, and says how often it did': async (context) => {
    const made = await arrange(context, 1);
    const consumer = subscribe(context, made);
    await consumer.count(1);
    await consumer.nack(RETRY, consumer.got[0]!);
    await consumer.count(2);
    await consumer.nack(RETRY, consumer.got[1]!);
    await consumer.count(3);
    assert.deepEqual(
      consumer.got.map(({ id, retryCount }) => [id, retryCount]),
      [0, 1, 2].map((retryCount) => [made.sent[0]!.id, retryCount]),
    );
    await consumer.stop();
  },
  'events that come again come before new ones': async (context) => {
    const made = await arrange(context, 3);
    const consumer = subscribe(context, made, { bufferSize: 1 });
    await consumer.count(1);
    await consumer.nack(RETRY, consumer.got[0]!);
    await consumer.count(2);
    await consumer.ack(consumer.got[1]!);
    await consumer.count(3);
    const [a, b] = ids(made.sent);
    assert.deepEqual(consumer.ids, [a, a, b]);
    await consumer.stop();
  },
  'an event that is refused more often than it may is parked': async (context) => {
    const made = await arrange(context, 1, { maxRetryCount: 2 });
    const onEvent = (follower: Follower, delivered: Delivered): void =>
      void follower.nack(RETRY, delivered);
    const consumer = subscribe(context, made, { onEvent });
    await eventually(
      () => infoOf(context, made),
      ({ stats }) => stats.parkedMessageCount === 1n,
    );
    assert.deepEqual(
      consumer.got.map(({ retryCount }) => retryCount),
      [0, 1, 2],
    );
    await consumer.stop();
  },
  // Documented is that the consumer is stopped.
  'an event that is refused with stop is let go, and the consumer goes on': async (context) => {
    const made = await arrange(context, 3);
    const consumer = subscribe(context, made, {
      bufferSize: 1,
      onEvent: (follower, delivered) => void follower.nack(STOP, delivered),
    });
    await consumer.count(3);
    assert.deepEqual(consumer.ids, ids(made.sent));
    const { stats } = await infoOf(context, made);
    assert.equal(stats.parkedMessageCount, 0n);
    await consumer.stop();
  },
  'an event that is skipped does not come again, and is not parked': async (context) => {
    const made = await arrange(context, 2);
    const consumer = subscribe(context, made, { bufferSize: 1 });
    await consumer.count(1);
    await consumer.nack(SKIP, consumer.got[0]!);
    await consumer.count(2);
    assert.deepEqual(consumer.ids, ids(made.sent));
    assert.equal((await infoOf(context, made)).stats.parkedMessageCount, 0n);
    await consumer.stop();
  },
  'an event that is parked does not hold up the others, and is linked to with the reason': async (
    context,
  ) => {
    const made = await arrange(context, 2);
    const consumer = subscribe(context, made, { bufferSize: 1 });
    await consumer.count(1);
    await consumer.nack(PARK, consumer.got[0]!);
    await consumer.count(2);
    assert.deepEqual(consumer.ids, ids(made.sent));
    const { stats } = await eventually(
      () => infoOf(context, made),
      (info) => info.stats.parkedMessageCount > 0n,
    );
    assert.equal(stats.parkedMessageCount, 1n);
    const parked = `$persistentsubscription-${made.stream}::${made.group}-parked`;
    for await (const { event: link } of context.client.readStream(parked)) {
      assert.equal(link!.type, '$>');
      assert.equal(Buffer.from(link!.data as Uint8Array).toString(), `0@${made.stream}`);
      const { added, reason } = link!.metadata as { added: string; reason: string };
      assert.match(reason, /for a reason/);
      assert.ok(Math.abs(Date.parse(added) - Date.now()) < 60_000);
    }
    await consumer.stop();
  },
  'parked events are replayed as links that are resolved, once they are asked for': async (
    context,
  ) => {
    const made = await arrange(context, 3);
    const consumer = subscribe(context, made);
    await consumer.count(3);
    await consumer.nack(PARK, ...consumer.got.slice(0, 2));
    await consumer.ack(consumer.got[2]!);
    await eventually(
      () => infoOf(context, made),
      ({ stats }) => stats.parkedMessageCount === 2n,
    );
    await context.client.replayParkedMessagesToStream(made.stream, made.group);
    await consumer.count(5);
    const replayed = consumer.got.slice(3);
    assert.deepEqual(ids(replayed), ids(made.sent).slice(0, 2));
    const parked = `$persistentsubscription-${made.stream}::${made.group}-parked`;
    assert.ok(replayed.every(({ link }) => link?.streamId === parked));
    await consumer.ack(...replayed);
    await eventually(
      () => infoOf(context, made),
      ({ stats }) => stats.parkedMessageCount === 0n,
    );
    await consumer.stop();
  },
  'a replay stops where it is told, and what is parked again is not replayed by it': async (
    context,
  ) => {
    const made = await arrange(context, 3);
    const parking = (follower: Follower, delivered: Delivered): void =>
      void follower.nack(PARK, delivered);
    const consumer = subscribe(context, made, { onEvent: parking });
    const parkedCount = (count: bigint): Promise<unknown> =>
      eventually(
        () => infoOf(context, made),
        ({ stats }) => stats.parkedMessageCount === count,
      );
    await parkedCount(3n);
    const { stream, group, sent } = made;
    await context.client.replayParkedMessagesToStream(stream, group, { stopAt: 2 });
    await consumer.count(5);
    await parkedCount(3n);
    assert.deepEqual(consumer.ids.slice(3), ids(sent).slice(0, 2));
    await consumer.stop();
  },
  'parked events of a group to $all are replayed': async ({ client, newStream }) => {
    const [stream, group, sent] = [newStream(), newGroup(), event()];
    const filter = streamNameFilter({ prefixes: [stream] });
    await client.createPersistentSubscriptionToAll(group, toAll(), { filter });
    const consumer = new Follower(client.subscribeToPersistentSubscriptionToAll(group));
    await client.appendToStream(stream, sent);
    await consumer.count(1);
    await consumer.nack(PARK, consumer.got[0]!);
    await eventually(
      () => client.getPersistentSubscriptionToAllInfo(group),
      ({ stats }) => stats.parkedMessageCount === 1n,
    );
    await client.replayParkedMessagesToAll(group);
    await consumer.count(2);
    assert.deepEqual(consumer.ids, [sent.id, sent.id]);
    await consumer.stop();
    await client.deletePersistentSubscriptionToAll(group);
  },
  'an event that is not acknowledged in time comes again, and is parked in the end': async (
    context,
  ) => {
    const made = await arrange(context, 1, { messageTimeout: 100, maxRetryCount: 1 });
    const consumer = subscribe(context, made);
    await consumer.count(2);
    assert.deepEqual(
      consumer.got.map(({ id, retryCount }) => [id, retryCount]),
      [0, 1].map((retryCount) => [made.sent[0]!.id, retryCount]),
    );
    await eventually(
      () => infoOf(context, made),
      ({ stats }) => stats.parkedMessageCount === 1n,
    );
    await consumer.stop();
  },
  'what a consumer has not acknowledged when it goes away is sent to another': async (context) => {
    const made = await arrange(context, 4);
    const first = subscribe(context, made);
    await first.count(4);
    await first.ack(first.got[1]!);
    await eventually(
      () => infoOf(context, made),
      ({ stats }) => stats.outstandingMessagesCount === 3,
    );
    const second = subscribe(context, made);
    await second.ready();
    await first.stop();
    await second.count(3);
    const [a, , c, d] = ids(made.sent);
    assert.deepEqual(second.ids, [a, c, d]);
    assert.ok(second.got.every(({ retryCount }) => retryCount === 1));
    await second.stop();
  },
};

const strategies: Cases = {
  'DispatchToSingle fills one consumer before it asks the next': async (context) => {
    const made = await arrange(context, 0, { consumerStrategyName: DISPATCH_TO_SINGLE });
    const consumers = [1, 2].map(() => subscribe(context, made, { bufferSize: 3 }));
    for (const consumer of consumers) await consumer.ready();
    await context.client.appendToStream(made.stream, events(3));
    await eventually(
      () => infoOf(context, made),
      ({ stats }) => stats.totalInFlightMessages === 3,
    );
    const { connections } = await infoOf(context, made);
    assert.deepEqual(
      new Set(connections.map(({ inFlightMessages }) => inFlightMessages)),
      new Set([0, 3]),
    );
    await context.client.appendToStream(made.stream, events(2));
    await eventually(
      () => infoOf(context, made),
      ({ stats }) => stats.totalInFlightMessages === 5,
    );
    for (const consumer of consumers) await consumer.stop();
  },
  'RoundRobin asks one consumer after the other': async (context) => {
    const made = await arrange(context, 0, { consumerStrategyName: ROUND_ROBIN });
    const consumers = [1, 2, 3].map(() => subscribe(context, made));
    for (const consumer of consumers) await consumer.ready();
    await context.client.appendToStream(made.stream, events(9));
    for (const consumer of consumers) await consumer.count(3);
    for (const consumer of consumers) assert.equal(consumer.got.length, 3);
    for (const consumer of consumers) await consumer.stop();
  },
  'Pinned sends the events of a stream to one consumer, in their order': async ({
    client,
    newStream,
  }) => {
    const [group, mark] = [newGroup(), `pinned${randomUUID()}`];
    const filter = streamNameFilter({ prefixes: [mark] });
    const settings = toAll({ consumerStrategyName: PINNED });
    await client.createPersistentSubscriptionToAll(group, settings, { filter });
    const subscribed = (): Follower =>
      new Follower(client.subscribeToPersistentSubscriptionToAll(group), acknowledging);
    const consumers = [subscribed(), subscribed()];
    for (const consumer of consumers) await consumer.ready();
    const streams = Array.from({ length: 20 }, () => newStream(mark));
    for (let round = 0; round < 5; round += 1)
      for (const stream of streams) await client.appendToStream(stream, event());
    await eventually(
      () => Promise.resolve(consumers.reduce((sum, { got }) => sum + got.length, 0)),
      (sum) => sum === 100,
    );
    for (const stream of streams) {
      const shares = consumers.map(({ got }) =>
        got.filter((each) => each.event!.streamId === stream),
      );
      const [all] = shares.filter((share) => share.length > 0) as [Delivered[]];
      assert.deepEqual(
        all.map((each) => each.event!.revision),
        [0n, 1n, 2n, 3n, 4n],
      );
    }
    for (const consumer of consumers) {
      assert.ok(consumer.got.length > 0);
      await consumer.stop();
    }
    await client.deletePersistentSubscriptionToAll(group);
  },
};

const telling: Cases = {
  'the information on a group counts what was sent, and who has how much of it': async (
    context,
  ) => {
    const made = await arrange(context, 5, { extraStatistics: true });
    const idle = await infoOf(context, made);
    assert.deepEqual(idle.connections, []);
    assert.equal(idle.stats.totalItems, 0n);
    assert.equal(idle.stats.lastCheckpointedEventRevision, undefined);
    const consumer = subscribe(context, made, { bufferSize: 4 });
    await consumer.count(4);
    await consumer.ack(consumer.got[0]!);
    await consumer.count(5);
    const { status, stats, connections } = await infoOf(context, made);
    assert.match(status, /Live/);
    assert.equal(stats.totalItems, 5n);
    assert.equal(stats.totalInFlightMessages, 4);
    assert.equal(stats.lastKnownEventRevision, 4n);
    const [{ totalItems, inFlightMessages, availableSlots, extraStatistics }] = connections as [
      (typeof connections)[0],
    ];
    assert.deepEqual([totalItems, inFlightMessages, availableSlots], [5n, 4, 0]);
    assert.ok(extraStatistics!.get('highest')! >= 0n);
    await consumer.stop();
  },
  'a checkpoint is written after as many events as the upper bound says': async (context) => {
    const made = await arrange(context, 10, {
      checkPointAfter: 60_000,
      checkPointLowerBound: 1,
      checkPointUpperBound: 4,
    });
    const consumer = subscribe(context, made);
    await consumer.count(10);
    // The checkpoint stops in front of the first event that is not acknowledged.
    await consumer.ack(...consumer.got.filter((_, at) => at !== 6));
    await eventually(
      () => infoOf(context, made),
      ({ stats }) => stats.lastCheckpointedEventRevision === 5n,
    );
    await consumer.stop();
  },
  'a restart of the subsystem drops consumers, and groups go on from their checkpoints': async (
    context,
  ) => {
    const made = await arrange(context, 3, { checkPointAfter: 1, checkPointLowerBound: 1 });
    const consumer = subscribe(context, made, { onEvent: acknowledging });
    await eventually(
      () => infoOf(context, made),
      ({ stats }) => stats.lastCheckpointedEventRevision === 2n,
    );
    await context.client.restartPersistentSubscriptionSubsystem();
    await consumer.failed();
    assert.ok(consumer.error instanceof PersistentSubscriptionDroppedError);
    const later = event();
    await context.client.appendToStream(made.stream, later);
    const next = subscribe(context, made);
    await next.count(1);
    assert.deepEqual(next.ids, [later.id]);
    await next.stop();
  },
};

export const persistent: Cases = {
  ...managing,
  ...delivering,
  ...overComputed,
  ...refusing,
  ...strategies,
  ...telling,
};
