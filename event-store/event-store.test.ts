import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  AccessDeniedError,
  ANY,
  BACKWARDS,
  DeadlineExceededError,
  END,
  NO_STREAM,
  RequiredMetadataPropertyMissingError,
  STREAM_EXISTS,
  StreamNotFoundError,
  type EventData,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import monitoringGrpc from '@eventstore/db-client/generated/monitoring_grpc_pb.js';
import monitoringPb from '@eventstore/db-client/generated/monitoring_pb.js';
import operationsGrpc from '@eventstore/db-client/generated/operations_grpc_pb.js';
import operationsPb from '@eventstore/db-client/generated/operations_pb.js';
import usersGrpc from '@eventstore/db-client/generated/users_grpc_pb.js';
import usersPb from '@eventstore/db-client/generated/users_pb.js';
import { credentials } from '@grpc/grpc-js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  collect,
  connect,
  event,
  events,
  ids,
  newCategory,
  refused,
  revisions,
  type Server,
} from './conformance/case.ts';
import { parseUsers } from './credentials.ts';
import { databaseFile } from './integrity.ts';
import { startEventStore, type EventStore } from './server.ts';

// What EventStoreDB does as well is in the conformance suite.
const test = suite('event store');
const dir = mkdtempSync(join(tmpdir(), 'event-store-'));
let store: EventStore;
let client: EventStoreDBClient;
let newStream: Server['newStream'];

/** Credentials of its own send an append through the unary call. */
const UNARY = { credentials: { username: 'anybody', password: 'anything' } };

const start = async (): Promise<void> => {
  store = await startEventStore({ dir });
  ({ client, newStream } = connect(store.url));
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

test('a write that waits longer than its deadline is not begun', async () => {
  const stream = newStream();
  const large = Array.from({ length: 5_000 }, () => event('Late', { text: 'x'.repeat(100) }));
  await refused(client.appendToStream(stream, large, { deadline: 1 }), DeadlineExceededError);
  await refused(collect(client.readStream(stream)), StreamNotFoundError);
});

test('a repeat is answered with the position of the first time', async () => {
  const stream = newStream();
  const [a, b] = [event(), event()];
  const first = await client.appendToStream(stream, [a, b], { expectedRevision: NO_STREAM });
  await client.appendToStream(stream, event());
  for (const expectedRevision of [NO_STREAM, ANY, STREAM_EXISTS] as const)
    assert.equal(await client.appendToStream(stream, [a, b], { expectedRevision }), first);
});

test('a repeat at any revision is recognised a thousand events later, at its own for ever', async () => {
  const stream = newStream();
  const [a, b] = [event('A'), event('B')];
  const later = events(1_000);
  await client.appendToStream(stream, [a, b], { expectedRevision: NO_STREAM });
  await client.appendToStream(stream, later);
  await stop();
  await start();
  const repeat = async (what: EventData[], expectedRevision: typeof ANY | bigint) =>
    (await client.appendToStream(stream, what, { expectedRevision })).nextExpectedRevision;
  assert.is(await repeat(later, ANY), 1_001n);
  assert.is(await repeat([b], ANY), 1n);
  assert.is(await repeat([a], ANY), 1_002n, 'it is written again');
  assert.is(await repeat([b], 0n), 1n);
});

test('a read of no events of $all has none, where EventStoreDB reads on for ever', async () => {
  assert.equal(await collect(client.readAll({ maxCount: 0 })), []);
});

test('a delete or a tombstone after its deadline does not happen', async () => {
  const stream = newStream();
  await client.appendToStream(stream, event());
  await refused(client.deleteStream(stream, { deadline: 0 }), DeadlineExceededError);
  await refused(client.tombstoneStream(stream, { deadline: 0 }), DeadlineExceededError);
  assert.is((await collect(client.readStream(stream))).length, 1);
});

test('what is not the name of a stream is refused by each call', async () => {
  for (const name of ['', '$$'])
    for (const options of [{}, UNARY])
      await refused(client.appendToStream(name, event(), options), Error);
});

test('a repeat that ends before it begins is told at once that nobody knows', async () => {
  const stream = newStream();
  const [a, b, c] = [event(), event(), event()];
  await client.appendToStream(stream, [a, b, c]);
  await refused(client.appendToStream(stream, [c, a]), DeadlineExceededError);
  await refused(client.appendToStream(stream, [c, a], UNARY), DeadlineExceededError);
  assert.is((await collect(client.readStream(stream))).length, 3);
});

test('metadata that makes no sense is kept and says nothing', async () => {
  const stream = newStream();
  await client.appendToStream(stream, events(10));
  const senseless = event('$metadata', { $maxCount: 2, $tb: 1.5 });
  await client.appendToStream(`$$${stream}`, senseless);
  assert.is((await collect(client.readStream(stream))).length, 10);
  await client.appendToStream(`$$${stream}`, event('$metadata', 'no object'));
  assert.is((await collect(client.readStream(stream))).length, 10);
  await client.deleteStream(stream);
  for (const data of ['no object', []])
    await client.appendToStream(`$$${stream}`, event('$metadata', data));
  assert.is((await collect(client.readStream(stream))).length, 10);
});

test('a computed stream is not written to, and says so', async () => {
  const category = newCategory();
  await client.appendToStream(newStream(category), event());
  for (const attempt of [
    () => client.appendToStream(`$ce-${category}`, event()),
    () => client.appendToStream(`$et-${category}`, event(), { expectedRevision: STREAM_EXISTS }),
    () => client.setStreamMetadata(`$ce-${category}`, { maxCount: 1 }),
    () => client.deleteStream(`$ce-${category}`),
    () => client.tombstoneStream(`$ce-${category}`),
  ])
    assert.match((await refused(attempt(), Error)).message, 'is computed from other streams');
  assert.is((await collect(client.readStream(`$ce-${category}`))).length, 1);
});

test('nothing is written to $all', async () => {
  for (const attempt of [
    () => client.appendToStream('$all', event()),
    () => client.appendToStream('$all', event(), UNARY),
    () => client.deleteStream('$all'),
    () => client.tombstoneStream('$all'),
  ])
    await refused(attempt(), AccessDeniedError);
});

test('an event without a type is refused by the name of what is missing', async () => {
  const stream = newStream();
  const untyped = { ...event(), type: undefined as unknown as string };
  const append = client.appendToStream(stream, untyped, UNARY);
  const error = await refused(append, RequiredMetadataPropertyMissingError);
  assert.equal(error.requiredMetadataProperties, ['type', 'content-type']);
  const batch = await refused(client.appendToStream(stream, untyped), Error);
  assert.match(batch.message, 'The type of an event is missing');
  await refused(collect(client.readStream(stream)), StreamNotFoundError);
});

test('a computed link has the same id each time, and the time and place of its event', async () => {
  const category = newCategory();
  const streams = [newStream(category), newStream(category)];
  for (const stream of streams) await client.appendToStream(stream, events(2));
  const forwards = await collect(client.readStream(`$ce-${category}`, { resolveLinkTos: true }));
  const backwards = await collect(
    client.readStream(`$ce-${category}`, { direction: BACKWARDS, fromRevision: END }),
  );
  assert.equal(
    forwards.map((each) => each.link?.id),
    ids(backwards).toReversed(),
  );
  assert.is(new Set(ids(backwards)).size, 4);
  for (const each of forwards) {
    assert.equal(each.link!.created, each.event!.created);
    assert.equal(each.link!.position, each.event!.position);
  }
});

test('computed links are not in $all', async () => {
  const category = newCategory();
  const { position } = await client.appendToStream(newStream(category), events(2));
  await collect(client.readStream(`$ce-${category}`));
  const read = await collect(client.readAll({ fromPosition: position! }));
  assert.equal(revisions(read), [1n]);
});

test('the projections whose streams are always there may be enabled', async () => {
  await client.enableProjection('$by_category');
  await client.enableProjection('$by_event_type');
  const other = await refused(client.enableProjection('$by_correlation_id'), Error);
  assert.match(other.message, /UNIMPLEMENTED.*runs no projections/);
});

test('what is not served says why', async () => {
  const why = async (attempt: Promise<unknown>): Promise<string> =>
    (await refused(attempt, Error)).message;
  assert.match(await why(client.listProjections()), /UNIMPLEMENTED.*runs no projections/);
  const create = client.createProjection('p', 'fromAll()');
  assert.match(await why(create), /UNIMPLEMENTED.*runs no projections/);
  const insecure = credentials.createInsecure();
  const address = `127.0.0.1:${store.port}`;
  const operations = new operationsGrpc.OperationsClient(address, insecure);
  const scavenge = new Promise((resolve, reject) => {
    const request = new operationsPb.StartScavengeReq();
    operations.startScavenge(request, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  assert.match(await why(scavenge), /UNIMPLEMENTED.*no scavenge/);
  const monitoring = new monitoringGrpc.MonitoringClient(address, insecure);
  const statistics = collect(monitoring.stats(new monitoringPb.StatsReq()));
  assert.match(await why(statistics), /UNIMPLEMENTED.*keeps no statistics/);
  const users = new usersGrpc.UsersClient(address, insecure);
  const details = collect(users.details(new usersPb.DetailsReq()));
  assert.match(await why(details), /UNIMPLEMENTED.*manages no users/);
  for (const stub of [operations, monitoring, users]) stub.close();
});

test('users need TLS, and sense', async () => {
  const unsafe = startEventStore({ dir, users: { asha: 'secret' } });
  assert.match((await refused(unsafe, Error)).message, 'Users need TLS');
  assert.equal(parseUsers('{"asha":"a:b"}'), { asha: 'a:b' });
  for (const json of ['', 'asha:secret', '[]', '{}', '{"a:b":"x"}', '{"asha":""}', '{"asha":7}'])
    assert.throws(() => parseUsers(json), /The users have to be a JSON object/);
});

test('a log of another format is refused, with what to do', async () => {
  const old = mkdtempSync(join(tmpdir(), 'event-store-'));
  const file = new DatabaseSync(databaseFile(old));
  file.exec('PRAGMA user_version = 1');
  file.close();
  const error = await refused(startEventStore({ dir: old }), Error);
  assert.match(error.message, /has format 1, and this program reads \d+\. .*log copy FROM TO/);
  rmSync(old, { recursive: true });
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
  const error = await refused(startEventStore({ dir }), Error);
  assert.match(error.message, 'another process');
});

test.run();
