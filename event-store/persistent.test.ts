import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { credentials } from '@grpc/grpc-js';
import persistentGrpc from '@eventstore/db-client/generated/persistent_grpc_pb.js';
import persistentPb from '@eventstore/db-client/generated/persistent_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import {
  DeadlineExceededError,
  EventStoreDBClient,
  PARK,
  PersistentSubscriptionFailedError,
  persistentSubscriptionToAllSettingsFromDefaults as toAll,
  persistentSubscriptionToStreamSettingsFromDefaults as toStream,
  START,
  UnavailableError,
  type PersistentSubscriptionToStreamInfo,
  type PersistentSubscriptionToStreamSettings,
} from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { event, events, ids, refused as refusedWith } from './conformance/case.ts';
import { acknowledging, eventually, Follower } from './conformance/persistent.ts';
import { startEventStore, type EventStore } from './server.ts';

const test = suite('persistent subscriptions');
const dir = mkdtempSync(join(tmpdir(), 'event-store-'));
let store: EventStore;
let client: EventStoreDBClient;

const start = async (): Promise<void> => {
  store = await startEventStore({ dir });
  client = EventStoreDBClient.connectionString(store.url);
};
const stop = async (): Promise<void> => {
  await client.dispose();
  await store.close();
};
test.before(start);
test.after(async () => {
  await stop();
  rmSync(dir, { recursive: true });
});

const newStream = (category = 'test'): string => `${category}-${randomUUID()}`;

const GROUP = 'group';
const create = (
  stream: string,
  changes: Partial<PersistentSubscriptionToStreamSettings> = {},
): Promise<void> =>
  client.createPersistentSubscriptionToStream(
    stream,
    GROUP,
    toStream({ startFrom: START, ...changes }),
  );
const subscribe = (
  stream: string,
  bufferSize?: number,
  onEvent?: typeof acknowledging,
): Follower => {
  const options = bufferSize ? { bufferSize } : {};
  return new Follower(
    client.subscribeToPersistentSubscriptionToStream(stream, GROUP, options),
    onEvent,
  );
};
async function untilInfo(
  stream: string,
  isIt: (info: PersistentSubscriptionToStreamInfo) => boolean,
): Promise<void> {
  await eventually(() => client.getPersistentSubscriptionToStreamInfo(stream, GROUP), isIt);
}

/** As other clients ask for a strategy that the one for JavaScript does not know. */
async function createPinnedByCorrelation(stream: string): Promise<void> {
  const identifier = new sharedPb.StreamIdentifier().setStreamName(Buffer.from(stream));
  const settings = new persistentPb.CreateReq.Settings()
    .setConsumerStrategy('PinnedByCorrelation')
    .setReadBatchSize(20)
    .setHistoryBufferSize(500);
  const from = new persistentPb.CreateReq.StreamOptions()
    .setStreamIdentifier(identifier)
    .setStart(new sharedPb.Empty());
  const options = new persistentPb.CreateReq.Options()
    .setStream(from)
    .setGroupName(GROUP)
    .setSettings(settings);
  const address = `127.0.0.1:${store.port}`;
  const raw = new persistentGrpc.PersistentSubscriptionsClient(
    address,
    credentials.createInsecure(),
  );
  await new Promise<void>((resolve, reject) => {
    raw.create(new persistentPb.CreateReq().setOptions(options), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  raw.close();
}

test('PinnedByCorrelation sends the events of a correlation to one consumer', async () => {
  const stream = newStream();
  await createPinnedByCorrelation(stream);
  const { settings } = await client.getPersistentSubscriptionToStreamInfo(stream, GROUP);
  assert.is(settings.consumerStrategyName, 'PinnedByCorrelation');
  const consumers = [1, 2].map(() => subscribe(stream, 10, acknowledging));
  for (const consumer of consumers) await consumer.ready();
  const correlations = Array.from({ length: 20 }, () => randomUUID());
  for (const _ of [1, 2, 3])
    await client.appendToStream(
      stream,
      correlations.map(($correlationId) => ({ ...event(), metadata: { $correlationId } })),
    );
  await untilInfo(stream, ({ stats }) => stats.totalItems === 60n && !stats.totalInFlightMessages);
  const [a, b] = consumers.map(
    ({ got }) =>
      new Set(
        got.map((each) => (each.event!.metadata as { $correlationId: string }).$correlationId),
      ),
  );
  assert.ok(a!.size > 0 && b!.size > 0);
  assert.equal(a!.size + b!.size, correlations.length);
  for (const consumer of consumers) await consumer.stop();
});

// EventStoreDB may have done it all the same.
test('a request about a group after its deadline is refused, and nothing happens', async () => {
  const [late, never, stream] = [{ deadline: 0 }, newStream(), newStream()];
  await create(stream);
  const settings = toStream({ maxRetryCount: 77 });
  for (const attempt of [
    () => client.createPersistentSubscriptionToStream(never, GROUP, settings, late),
    () => client.createPersistentSubscriptionToAll(GROUP, toAll(), late),
    () => client.updatePersistentSubscriptionToStream(stream, GROUP, settings, late),
    () => client.deletePersistentSubscriptionToStream(stream, GROUP, late),
  ])
    await refusedWith(attempt(), DeadlineExceededError);
  const groups = await client.listAllPersistentSubscriptions();
  assert.not.ok(groups.some(({ eventSource }) => [never, '$all'].includes(eventSource)));
  const own = groups.find(({ eventSource }) => eventSource === stream);
  assert.is(own?.settings.maxRetryCount, toStream().maxRetryCount);
});

test('a consumer is told that the store closes, and a group goes on after a restart', async () => {
  const stream = newStream();
  await create(stream, { checkPointAfter: 1, checkPointLowerBound: 1 });
  const before = subscribe(stream, 10, acknowledging);
  await client.appendToStream(stream, events(3));
  await untilInfo(stream, ({ stats }) => stats.lastCheckpointedEventRevision === 2n);
  const closing = store.close();
  await before.failed();
  assert.instance(before.error, UnavailableError);
  await closing;
  await client.dispose();
  await start();
  const later = event();
  await client.appendToStream(stream, later);
  const after = subscribe(stream);
  await after.count(1);
  assert.equal(after.ids, [later.id]);
  await after.stop();
});

test('a group that starts at the end misses nothing that came before a restart', async () => {
  const stream = newStream();
  await client.appendToStream(stream, events(2));
  await client.createPersistentSubscriptionToStream(stream, GROUP, toStream());
  const sent = event();
  await client.appendToStream(stream, sent);
  await stop();
  await start();
  const consumer = subscribe(stream);
  await consumer.count(1);
  assert.equal(consumer.ids, [sent.id]);
  await consumer.stop();
});

test('a group to $all does not answer its own checkpoints with checkpoints', async () => {
  const settings = toAll({ checkPointAfter: 1, checkPointLowerBound: 1 });
  await client.createPersistentSubscriptionToAll(GROUP, settings);
  const consumer = new Follower(
    client.subscribeToPersistentSubscriptionToAll(GROUP),
    acknowledging,
  );
  await consumer.ready();
  const stream = newStream();
  const { position } = await client.appendToStream(stream, event());
  const checkpoints = async (): Promise<number> => {
    let count = 0;
    const written = client.readStream(`$persistentsubscription-$all::${GROUP}-checkpoint`);
    for await (const { event: checkpoint } of written) count = Number(checkpoint!.revision) + 1;
    return count;
  };
  await eventually(
    () => client.getPersistentSubscriptionToAllInfo(GROUP),
    ({ stats }) => (stats.lastCheckpointedEventPosition?.commit ?? 0n) >= position!.commit,
  );
  const before = await checkpoints();
  // Three ticks, in each of which a checkpoint could be due.
  await setTimeout(700);
  assert.is(await checkpoints(), before);
  assert.not.ok(consumer.got.some((got) => got.event!.streamId.endsWith('-checkpoint')));
  await consumer.stop();
  await client.deletePersistentSubscriptionToAll(GROUP);
});

test('groups are refused with the reason while their configuration is not legible', async () => {
  const stream = '$persistentSubscriptionConfig';
  let good = {};
  for await (const { event: config } of client.readStream(stream)) good = config!.data;
  await client.appendToStream(stream, event());
  await client.restartPersistentSubscriptionSubsystem();
  const refused = await client.listAllPersistentSubscriptions().then(
    () => undefined,
    (error: Error) => error,
  );
  assert.match(refused!.message, `newest event of ${stream}`);
  await client.appendToStream(stream, { ...event('$PersistentConfig'), data: { ...good } });
  assert.ok((await client.listAllPersistentSubscriptions()).length > 0);
});

test('a group whose checkpoint is not legible says so, and sends nothing', async () => {
  const stream = newStream();
  await client.appendToStream(stream, events(3));
  await create(stream);
  await client.appendToStream(`$persistentsubscription-${stream}::${GROUP}-checkpoint`, event());
  const consumer = subscribe(stream);
  await consumer.failed();
  assert.instance(consumer.error, PersistentSubscriptionFailedError);
  assert.equal(consumer.got, []);
});

test('competing consumers get each of 3,000 events once while they are appended', async () => {
  const stream = newStream();
  await create(stream);
  const seen: string[] = [];
  const consumers = [1, 2, 3, 4].map(() =>
    subscribe(stream, 32, (follower, delivered) => {
      seen.push(delivered.id);
      acknowledging(follower, delivered);
    }),
  );
  const sent = Array.from({ length: 30 }, () => events(100));
  await Promise.all(sent.map((batch) => client.appendToStream(stream, batch)));
  await untilInfo(
    stream,
    ({ stats }) => stats.totalItems >= 3_000n && !stats.totalInFlightMessages,
  );
  assert.is(seen.length, 3_000);
  assert.equal(new Set(seen), new Set(ids(sent.flat())));
  for (const consumer of consumers) await consumer.stop();
});

// What is held is only told from what is left lying about after a collection.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('a consumer that stops reading costs a bounded memory, and misses nothing', async () => {
  const stream = newStream();
  await create(stream, { messageTimeout: 300, maxRetryCount: 1_000_000 });
  const wide = () => ({ ...event('Wide'), data: { text: 'x'.repeat(20_000) } });
  const subscription = client.subscribeToPersistentSubscriptionToStream(stream, GROUP, {
    bufferSize: 10_000,
  });
  const slow = new Follower(subscription);
  await slow.ready();
  subscription.pause();
  const heldMiB = async (): Promise<number> => {
    // Buffers are given back in the background: the second collection waits for the first one's.
    collectGarbage();
    await setImmediate();
    collectGarbage();
    return process.memoryUsage().external / 1024 / 1024;
  };
  const heldBeforeMiB = await heldMiB();
  const sent: string[] = [];
  while (sent.length < 2_500) {
    const batch = Array.from({ length: 40 }, wide);
    await client.appendToStream(stream, batch);
    sent.push(...batch.map(({ id }) => id));
  }
  // Time for everything to time out, more than once.
  await setTimeout(1_000);
  const grownMiB = (await heldMiB()) - heldBeforeMiB;
  // 50 MiB were appended. A group holds 16 of them, and a connection one or two.
  assert.ok(grownMiB < 32, `${grownMiB.toFixed(0)} MiB are held`);
  await slow.stop();
  const quick = subscribe(stream, 50, acknowledging);
  await quick.until(() => new Set(quick.ids).size === sent.length);
  assert.equal(new Set(quick.ids), new Set(sent));
  await quick.stop();
});

type Running = { child: ChildProcess; url: string; port: number };

/** The store as a process of its own, so that it can be killed. */
async function startProcess(folder: string, port: number): Promise<Running> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: { ...process.env, DATA_DIR: folder, PORT: String(port), HOST: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout }))
    return { child, ...(JSON.parse(line) as { url: string; port: number }) };
  throw new Error('The event store ended before it listened.');
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

const KILLS = 3;

test('after kill -9 exactly what came behind the checkpoint comes again, and what was parked is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'event-store-'));
  let running = await startProcess(folder, 0);
  // A process in which two clients append does not survive that one of them loses its server.
  await stop();
  client = EventStoreDBClient.connectionString(running.url);
  try {
    const stream = newStream();
    const sent = events(3_000);
    for (let at = 0; at < sent.length; at += 100)
      await client.appendToStream(stream, sent.slice(at, at + 100));
    await create(stream, { checkPointUpperBound: 20 });
    const info = () => client.getPersistentSubscriptionToStreamInfo(stream, GROUP);
    const [answered, refused] = [new Set<string>(), new Set<string>()];
    for (let round = 0; round <= KILLS; round += 1) {
      const { lastCheckpointedEventRevision: checkpoint = -1n } = (await info()).stats;
      if (round > 0) assert.ok(checkpoint >= 0n);
      assert.ok(sent.slice(0, Number(checkpoint) + 1).every(({ id }) => answered.has(id)));
      const consumer = subscribe(stream, 10, (follower, delivered) => {
        answered.add(delivered.id);
        const isRefused = delivered.event!.revision % 100n === 50n;
        if (isRefused) refused.add(delivered.id);
        const answer = isRefused ? follower.nack(PARK, delivered) : follower.ack(delivered);
        // The store may be gone meanwhile.
        answer.catch(() => {});
      });
      const isLast = round === KILLS;
      await consumer.until(() => answered.size >= (isLast ? sent.length : (round + 1) * 400));
      if (isLast) await untilInfo(stream, ({ stats }) => stats.outstandingMessagesCount === 0);
      const { parkedMessageCount } = (await info()).stats;
      await kill(running.child);
      assert.ok(consumer.got.every(({ event: each }) => each!.revision > checkpoint));
      running = await startProcess(folder, running.port);
      await client.dispose();
      client = EventStoreDBClient.connectionString(running.url);
      assert.ok((await info()).stats.parkedMessageCount >= parkedMessageCount);
    }
    assert.equal(answered, new Set(ids(sent)));
    const replaying = subscribe(stream, 10, acknowledging);
    await client.replayParkedMessagesToStream(stream, GROUP);
    await replaying.until(() => [...refused].every((id) => replaying.ids.includes(id)));
    await untilInfo(stream, ({ stats }) => stats.parkedMessageCount === 0n);
    await replaying.stop();
  } finally {
    await client.dispose();
    await kill(running.child);
    rmSync(folder, { recursive: true });
    await start();
  }
});

const CONSUMER = `
  const { EventStoreDBClient } = require('@eventstore/db-client');
  const [url, stream, group] = process.argv.slice(1);
  EventStoreDBClient.connectionString(url)
    .subscribeToPersistentSubscriptionToStream(stream, group)
    .on('error', () => {})
    .on('data', ({ event }) => console.log(event.id));
`;

for (const [signal, sentence] of [
  ['SIGKILL', 'what a consumer has whose process is killed goes to another at once'],
  ['SIGSTOP', 'what a consumer has whose process hangs goes to another after the time-out'],
] as const)
  test(sentence, async () => {
    const stream = newStream();
    const sent = events(5);
    await client.appendToStream(stream, sent);
    await create(stream, { messageTimeout: signal === 'SIGKILL' ? 60_000 : 400 });
    const child = spawn(process.execPath, ['-e', CONSUMER, store.url, stream, GROUP], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let got = 0;
    for await (const _ of createInterface({ input: child.stdout })) if ((got += 1) === 5) break;
    const ended = once(child, 'exit');
    child.kill(signal);
    const other = subscribe(stream, 10, acknowledging);
    await other.until(() => new Set(other.ids).size === 5);
    assert.equal(new Set(other.ids), new Set(ids(sent)));
    await other.stop();
    child.kill('SIGKILL');
    await ended;
  });

test.run();
