import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BACKWARDS,
  binaryEvent,
  DeadlineExceededError,
  END,
  EventStoreDBClient,
  jsonEvent,
  MaxAppendSizeExceededError,
  START,
  STREAM_EXISTS,
  NO_STREAM,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
  type JSONEventData,
  type ResolvedEvent,
} from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startEventStore, type EventStore } from './server.ts';

const MAX_APPEND_BYTES = 1024 * 1024;

const test = suite('event store');
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

const newStream = (): string => `test-${randomUUID()}`;
const event = (type = 'Tested', data: Record<string, string | number> = {}): JSONEventData =>
  jsonEvent({ type, data });
const events = (count: number): JSONEventData[] => Array.from({ length: count }, () => event());
const ids = (resolved: ResolvedEvent[]): (string | undefined)[] =>
  resolved.map((each) => each.event?.id);
const revisions = (resolved: ResolvedEvent[]): number[] =>
  resolved.map((each) => Number(each.event?.revision));

async function collect(source: AsyncIterable<ResolvedEvent>): Promise<ResolvedEvent[]> {
  const all: ResolvedEvent[] = [];
  for await (const each of source) all.push(each);
  return all;
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.unreachable('It should have been refused.'),
    (error: unknown) => error,
  );
}

test('an event reads back as it was appended', async () => {
  const stream = newStream();
  const json = jsonEvent({
    type: 'ItemAddedToCart',
    data: { name: 'अरहर दाल', quantity: 2 },
    metadata: { commandId: 'c1' },
  });
  const binary = binaryEvent({
    type: 'Blob',
    data: Buffer.from([0, 255, 7]),
    metadata: Buffer.from('raw'),
  });
  const before = Date.now();
  const result = await client.appendToStream(stream, [json, binary]);
  const [first, second] = await collect(client.readStream(stream));

  assert.is(result.nextExpectedRevision, 1n);
  assert.equal(first!.event!.data, json.data);
  assert.equal(first!.event!.metadata, json.metadata);
  assert.is(first!.event!.id, json.id);
  assert.is(first!.event!.type, 'ItemAddedToCart');
  assert.is(first!.event!.streamId, stream);
  assert.is(first!.event!.isJson, true);
  assert.ok(Math.abs(first!.event!.created.getTime() - before) < 60_000);
  assert.equal(Buffer.from(second!.event!.data as Uint8Array), Buffer.from([0, 255, 7]));
  assert.equal(Buffer.from(second!.event!.metadata as Uint8Array), Buffer.from('raw'));
  assert.is(second!.event!.isJson, false);
  assert.equal(second!.event!.position, result.position);
  assert.is(second!.commitPosition, result.position!.commit);
});

test('stream names and event types may be in any language', async () => {
  const stream = `${newStream()}-அங்காடி 100%`;
  await client.appendToStream(stream, event('தொடங்கியது'));
  const [only] = await collect(client.readStream(stream));
  assert.is(only!.event!.streamId, stream);
  assert.is(only!.event!.type, 'தொடங்கியது');
  const error = await rejection(client.deleteStream(stream, { expectedRevision: 7n }));
  assert.instance(error, WrongExpectedVersionError);
});

const credentials = { username: 'anybody', password: 'anything' };
// Appends with credentials go through the unary call, all others through the client's one
// BatchAppend stream.
for (const [way, options] of [
  ['BatchAppend', {}],
  ['Append', { credentials }],
] as const) {
  const append = (
    stream: string,
    what: JSONEventData | JSONEventData[],
    more: Parameters<EventStoreDBClient['appendToStream']>[2] = {},
  ): ReturnType<EventStoreDBClient['appendToStream']> =>
    client.appendToStream(stream, what, { ...options, ...more });
  const wrong = async (
    promise: Promise<unknown>,
    expected: unknown,
    actual: unknown,
  ): Promise<void> => {
    const error = await rejection(promise);
    assert.instance(error, WrongExpectedVersionError);
    assert.is((error as WrongExpectedVersionError).expectedVersion, expected);
    assert.is((error as WrongExpectedVersionError).actualVersion, actual);
  };

  test(`${way} keeps every expected revision`, async () => {
    const stream = newStream();
    await wrong(
      append(stream, event(), { expectedRevision: STREAM_EXISTS }),
      'stream_exists',
      'no_stream',
    );
    await wrong(append(stream, event(), { expectedRevision: 0n }), 0n, 'no_stream');
    await append(stream, event(), { expectedRevision: NO_STREAM });
    await wrong(append(stream, event(), { expectedRevision: NO_STREAM }), 'no_stream', 0n);
    await append(stream, event(), { expectedRevision: STREAM_EXISTS });
    await append(stream, event(), { expectedRevision: 1n });
    await wrong(append(stream, event(), { expectedRevision: 1n }), 1n, 2n);
    await wrong(append(stream, event(), { expectedRevision: 5n }), 5n, 2n);
    const result = await append(stream, event());
    assert.is(result.nextExpectedRevision, 3n);
    assert.equal(revisions(await collect(client.readStream(stream))), [0, 1, 2, 3]);
  });

  test(`${way} answers a repeat like the first time and writes nothing`, async () => {
    const stream = newStream();
    const [a, b, c] = [event('A'), event('B'), event('C')];
    const first = await append(stream, [a, b], { expectedRevision: NO_STREAM });
    await append(stream, c, { expectedRevision: 1n });
    for (const expectedRevision of [NO_STREAM, 'any', STREAM_EXISTS] as const)
      assert.equal(await append(stream, [a, b], { expectedRevision }), first);
    assert.equal(ids(await collect(client.readStream(stream))), [a.id, b.id, c.id]);
    // A mixture of old and new is no repeat.
    await wrong(append(stream, [a, event()], { expectedRevision: NO_STREAM }), 'no_stream', 2n);
    await wrong(append(stream, [a, event()], { expectedRevision: 'any' }), 'any', 2n);
    // The same event in another stream is another event.
    assert.is((await append(newStream(), a, { expectedRevision: 'any' })).nextExpectedRevision, 0n);
  });

  test(`${way} writes all events of an append or none`, async () => {
    const stream = newStream();
    const big = event('Big', { text: 'x'.repeat(MAX_APPEND_BYTES / 2) });
    const error = await rejection(append(stream, [event(), big, { ...big, id: randomUUID() }]));
    assert.instance(error, MaxAppendSizeExceededError);
    assert.is((error as MaxAppendSizeExceededError).maxAppendSize, MAX_APPEND_BYTES);
    assert.instance(await rejection(collect(client.readStream(stream))), StreamNotFoundError);
    await append(stream, [event(), big]);
    assert.is((await collect(client.readStream(stream))).length, 2);
  });

  test(`${way} refuses what comes after its deadline`, async () => {
    const stream = newStream();
    const many = Array.from({ length: 5_000 }, () => event('Late', { text: 'x'.repeat(100) }));
    assert.instance(await rejection(append(stream, many, { deadline: 1 })), DeadlineExceededError);
    assert.instance(await rejection(collect(client.readStream(stream))), StreamNotFoundError);
  });
}

test('concurrent appends at one revision: one wins', async () => {
  const stream = newStream();
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, () =>
      client.appendToStream(stream, event(), { expectedRevision: NO_STREAM }),
    ),
  );
  assert.is(results.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.is((await collect(client.readStream(stream))).length, 1);
});

test('a stream reads from anywhere, both ways, as far as asked', async () => {
  const stream = newStream();
  // More than a page, so that reads go on over its end.
  await client.appendToStream(stream, events(1_200));
  const read = async (
    options: Parameters<EventStoreDBClient['readStream']>[1],
  ): Promise<number[]> => revisions(await collect(client.readStream(stream, options)));
  const upTo = (count: number): number[] =>
    Array.from({ length: count }, (_, revision) => revision);

  assert.equal(await read({}), upTo(1_200));
  assert.equal(await read({ direction: BACKWARDS, fromRevision: END }), upTo(1_200).toReversed());
  assert.equal(await read({ maxCount: 700 }), upTo(700));
  assert.equal(await read({ fromRevision: 3n, maxCount: 2 }), [3, 4]);
  assert.equal(await read({ direction: BACKWARDS, fromRevision: 3n, maxCount: 2 }), [3, 2]);
  assert.equal(await read({ direction: BACKWARDS, fromRevision: 9_999n, maxCount: 1 }), [1_199]);
  assert.equal(await read({ fromRevision: 1_200n }), []);
  assert.equal(await read({ fromRevision: END }), []);
  assert.equal(await read({ direction: BACKWARDS, fromRevision: START }), [0]);
});

test('$all has every stream in the order of the commits, both ways', async () => {
  const [a, b] = [newStream(), newStream()];
  const first = await client.appendToStream(a, event());
  await client.appendToStream(b, events(2));
  await client.appendToStream(a, event());
  const forwards = await collect(client.readAll({ fromPosition: first.position! }));
  const backwards = await collect(
    client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 4 }),
  );
  const from = await collect(
    client.readAll({ direction: BACKWARDS, fromPosition: first.position!, maxCount: 1 }),
  );

  assert.equal(
    forwards.map((each) => each.event?.streamId),
    [a, b, b, a],
  );
  assert.equal(ids(backwards), ids(forwards).toReversed());
  assert.is(from[0]!.event!.id, forwards[0]!.event!.id);
  const positions = forwards.map((each) => each.event!.position!.commit);
  assert.ok(positions.every((position, at) => at === 0 || position > positions[at - 1]!));
});

test('a missing stream is not found', async () => {
  const stream = newStream();
  const error = await rejection(collect(client.readStream(stream)));
  assert.instance(error, StreamNotFoundError);
  assert.is((error as StreamNotFoundError).streamName, stream);
});

test('a deleted stream is not found, and goes on counting when it is written again', async () => {
  const stream = newStream();
  await client.appendToStream(stream, events(3));
  await client.setStreamMetadata(stream, { owner: 'asha' });
  const wrong = await rejection(client.deleteStream(stream, { expectedRevision: 9n }));
  assert.instance(wrong, WrongExpectedVersionError);
  assert.is((wrong as WrongExpectedVersionError).actualVersion, 2n);
  const { position } = await client.deleteStream(stream, { expectedRevision: 2n });
  assert.ok(position!.commit > 0n);
  assert.instance(await rejection(collect(client.readStream(stream))), StreamNotFoundError);
  const exists = client.appendToStream(stream, event(), { expectedRevision: STREAM_EXISTS });
  assert.instance(await rejection(exists), StreamDeletedError);

  await client.appendToStream(stream, events(2), { expectedRevision: NO_STREAM });
  assert.equal(revisions(await collect(client.readStream(stream))), [3, 4]);
  assert.is((await client.getStreamMetadata(stream)).metadata?.truncateBefore, 3);
});

test('metadata set on a deleted stream does not bring its events back', async () => {
  const stream = newStream();
  await client.appendToStream(stream, events(2));
  await client.deleteStream(stream);
  await client.setStreamMetadata(stream, { owner: 'asha' });
  assert.equal(await collect(client.readStream(stream)), []);
  assert.equal((await client.getStreamMetadata(stream)).metadata, {
    owner: 'asha',
    truncateBefore: 2,
  });
});

test('what never was cannot be deleted', async () => {
  assert.instance(await rejection(client.deleteStream(newStream())), WrongExpectedVersionError);
});

test('a tombstone is for ever', async () => {
  const stream = newStream();
  await client.appendToStream(stream, event());
  assert.instance(
    await rejection(client.tombstoneStream(stream, { expectedRevision: NO_STREAM })),
    WrongExpectedVersionError,
  );
  await client.tombstoneStream(stream, { expectedRevision: 0n });
  for (const attempt of [
    () => collect(client.readStream(stream)),
    () => client.appendToStream(stream, event()),
    () => client.appendToStream(stream, event(), { credentials }),
    () => client.deleteStream(stream),
    () => client.tombstoneStream(stream),
    () => client.setStreamMetadata(stream, {}),
    () => collect(client.subscribeToStream(stream)),
  ]) {
    const error = await rejection(attempt());
    assert.instance(error, StreamDeletedError);
    assert.ok([stream, `$$${stream}`].includes((error as StreamDeletedError).streamName));
  }
});

test('metadata is kept, and cuts what it says off the front', async () => {
  const stream = newStream();
  assert.is((await client.getStreamMetadata(stream)).metadata, undefined);
  await client.appendToStream(stream, events(10));
  await client.setStreamMetadata(stream, { maxCount: 4, cacheControl: 60, note: 'ours' });
  const { metadata } = await client.getStreamMetadata(stream);
  assert.equal(metadata, { maxCount: 4, cacheControl: 60, note: 'ours' });
  assert.equal(revisions(await collect(client.readStream(stream))), [6, 7, 8, 9]);
  await client.setStreamMetadata(stream, { truncateBefore: 8 }, { expectedRevision: 0n });
  assert.equal(revisions(await collect(client.readStream(stream))), [8, 9]);
  const backwards = client.readStream(stream, { direction: BACKWARDS, fromRevision: END });
  assert.equal(revisions(await collect(backwards)), [9, 8]);
  await client.setStreamMetadata(stream, { maxAge: 3_600 });
  assert.is((await collect(client.readStream(stream))).length, 10);
  await client.appendToStream(
    `$$${stream}`,
    event('$metadata', { $maxAge: -1, $maxCount: 'x', $tb: 1.5 }),
  );
  assert.is((await collect(client.readStream(stream))).length, 9);
});

test('what is not served yet says so', async () => {
  const error = await rejection(collect(client.readStream('$ce-cart')));
  assert.match((error as Error).message, 'not served yet');
  const projection = client.createProjection('carts', 'fromAll()');
  assert.match(((await rejection(projection)) as Error).message, /UNIMPLEMENTED.*projections/);
});

test('a client that looks for the leader of a cluster finds it', async () => {
  await client.dispose();
  client = EventStoreDBClient.connectionString(
    `esdb://127.0.0.1:${store.port},127.0.0.1:${store.port}?tls=false`,
  );
  assert.is((await client.appendToStream(newStream(), event())).success, true);
});

test('everything is there after a restart', async () => {
  const stream = newStream();
  const [a, b] = [event(), event()];
  const { position } = await client.appendToStream(stream, a);
  await stop();
  await start();
  const second = await client.appendToStream(stream, b, { expectedRevision: 0n });
  assert.ok(second.position!.commit > position!.commit);
  assert.equal(await client.appendToStream(stream, a), {
    success: true,
    nextExpectedRevision: 0n,
    position,
  });
  assert.equal(ids(await collect(client.readStream(stream))), [a.id, b.id]);
});

test('one folder is served by one store', async () => {
  const error = await rejection(startEventStore({ dir }));
  assert.match((error as Error).message, 'another process');
});

test.run();
