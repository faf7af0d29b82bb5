import { randomUUID } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startCluster, type Cluster } from '../event-store/testing/cluster.ts';
import { startParts, type Parts } from '../test/shop.ts';
import { untilSo } from '../test/until-so.ts';
import { AppendOutcomeUnknown, NO_REVISION } from './appends.ts';
import { discoverAnew, isEventStoreUnavailable } from './connection.ts';
import { asStored, connectEventStore, headOfLog, type EventStore } from './event-store.ts';
import { createLog } from './log.ts';
import { subscribeToLog } from './raw-events.ts';
import { followLog } from './subscription.ts';

type Context = { parts: Parts; cluster: Cluster; client: EventStore };

const log = createLog('test', 'silent');
const test = suite<Context>('cluster');
test.before.each(async (context) => {
  context.parts = await startParts();
  const { port } = new URL(context.parts.eventStoreUrl.replace('esdb:', 'http:'));
  context.cluster = await startCluster(Number(port));
  context.client = connectEventStore(context.cluster.url, asStored);
});
test.after.each(async ({ parts, cluster, client }) => {
  await client.dispose();
  await cluster.close();
  await parts.stop();
});

const note = () => ({ id: randomUUID(), type: 'Noted', data: {} });

const write = (client: EventStore, stream: string, event = note()) =>
  client.appendEvents(stream, NO_REVISION, [event]);

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Repeats it until it is written, which it may say of an earlier try; all others tell that. */
const untilWritten = (client: EventStore, stream: string, event = note()) =>
  untilSo(async () => {
    const failure = await failureOf(write(client, stream, event));
    if (failure) assert.instance(failure, AppendOutcomeUnknown);
    return !failure;
  }, `${stream} is written`);

test('a follower that is asked what only the leader answers says whom to ask', async ({
  cluster,
}) => {
  const url = `esdb://127.0.0.1:${cluster.nodes[1]!.port}?tls=false`;
  const client = connectEventStore(url, asStored);
  assert.ok(isEventStoreUnavailable(await failureOf(headOfLog(client))));
  await untilSo(async () => !(await failureOf(headOfLog(client))), 'the leader is asked');
  await write(client, 'note-1');
  await client.dispose();
});

test('a server that is not ready, or leads no more, is left: it says so append by append', async ({
  cluster,
  client,
}) => {
  const [first, second, third] = cluster.nodes;
  await write(client, 'note-1');
  first!.isReady = false;
  assert.instance(await failureOf(write(client, 'note-2')), AppendOutcomeUnknown);
  cluster.name(second!);
  await untilWritten(client, 'note-2');
  cluster.name(third!);
  assert.instance(await failureOf(write(client, 'note-3')), AppendOutcomeUnknown);
  await untilWritten(client, 'note-3');
});

test('a subscription leaves a server that the client has left', async ({ cluster }) => {
  const [first, second] = cluster.nodes;
  // Sooner than by the protocol's own signs of life.
  const client = connectEventStore(`${cluster.url}&keepAliveInterval=120000`, asStored);
  const stopping = new AbortController();
  const { signal } = stopping;
  const seen: string[] = [];
  const followed = followLog({
    client,
    after: undefined,
    maxBatch: 10,
    typePrefixes: ['Noted'],
    log,
    signal,
    consume: async ({ events }) => void seen.push(...events.map(({ stream }) => stream)),
  });
  await write(client, 'note-1');
  await untilSo(() => seen.length === 1, 'the first is seen');
  cluster.name(second!);
  await untilWritten(client, 'note-2');
  first!.freeze();
  await write(client, 'note-3');
  await untilSo(() => seen.length === 3, 'the others are seen');
  assert.equal(seen, ['note-1', 'note-2', 'note-3']);
  stopping.abort();
  await followed;
  await client.dispose();
});

test('whoever hears late of a lost server does no harm to the next connection', async ({
  cluster,
  client,
}) => {
  const old = await subscribeToLog(client, undefined, { typePrefixes: ['Noted'] });
  old.on('error', () => {});
  cluster.name(cluster.nodes[1]!);
  await untilSo(async () => !(await failureOf(headOfLog(client))), 'the leader is asked');
  const next = await subscribeToLog(client, undefined, { typePrefixes: ['Noted'] });
  let isOver = false;
  next.on('error', () => (isOver = true));
  const seen = new Promise((resolve) => next.on('data', (answer) => resolve(answer)));
  await discoverAnew(client, old);
  await write(client, 'note-1');
  await seen;
  assert.not(isOver);
  next.cancel();
});

test.run();
