import { randomUUID } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startParts, type Parts } from '../test/shop.ts';
import { startSilentProxy } from '../test/silent-proxy.ts';
import { untilSo } from '../test/until-so.ts';
import { AppendOutcomeUnknown, NO_REVISION } from './appends.ts';
import { isEventStoreUnavailable } from './connection.ts';
import {
  append,
  asStored,
  connectEventStore,
  headOfLog,
  readStream,
  type EventStore,
  type NewEvent,
} from './event-store.ts';

type Context = {
  parts: Parts;
  proxy: Awaited<ReturnType<typeof startSilentProxy>>;
  client: EventStore;
};

const test = suite<Context>('event store');
test.before.each(async (context) => {
  context.parts = await startParts();
  const { port } = new URL(context.parts.eventStoreUrl.replace('esdb:', 'http:'));
  context.proxy = await startSilentProxy({ host: '127.0.0.1', port: Number(port) });
  const url = `esdb://127.0.0.1:${context.proxy.port}?tls=false`;
  context.client = connectEventStore(url, asStored);
});
test.after.each(async ({ parts, proxy, client }) => {
  await proxy.stop();
  await client.dispose();
  await parts.stop();
});

const noted = (): NewEvent => {
  const id = randomUUID();
  const about = { $correlationId: id, $causationId: id, commandId: id, actor: 'test' };
  const metadata = { ...about, at: '2026-11-30T10:00:00.000Z', schemaVersion: 1 };
  return { id, type: 'Noted', data: { text: 'நெல்' }, metadata };
};

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test('what is appended is read back, in the place that was told', async ({ client }) => {
  const [first, second] = [noted(), noted()];
  const at = await append(client, 'note-1', [first, second], NO_REVISION);
  const events = await Array.fromAsync(readStream(client, 'note-1'));
  assert.equal(
    events.map(({ id, data, metadata, revision }) => [id, data, metadata, revision]),
    [first, second].map(({ id, data, metadata }, i) => [id, data, metadata, BigInt(i)]),
  );
  assert.is(events[1]!.position, at);
  assert.is(await append(client, 'note-1', [noted()], NO_REVISION), undefined, 'it has moved on');
  assert.is(await append(client, 'note-1', [first, second], NO_REVISION), at, 'a repeat');
});

test('a server that falls silent is given up, and found again once it speaks', async ({
  client,
  proxy,
}) => {
  assert.is(typeof (await append(client, 'note-1', [noted()], NO_REVISION)), 'bigint');
  proxy.fallSilent();
  const event = noted();
  const write = () => failureOf(append(client, 'note-1', [event], 0n));
  const read = () => failureOf(Array.fromAsync(readStream(client, 'note-1')));
  assert.instance(await write(), AppendOutcomeUnknown);
  assert.ok(isEventStoreUnavailable(await read()));
  assert.ok(isEventStoreUnavailable(await failureOf(headOfLog(client))));
  assert.instance(await write(), AppendOutcomeUnknown, 'a new connection is silent as well');
  proxy.speak();
  await untilSo(async () => !(await write()), 'it is written');
  const events = await Array.fromAsync(readStream(client, 'note-1'));
  assert.equal(events.map(({ id }) => id).slice(1), [event.id], 'once, however often it was tried');
});

test('of two clients that lose their server neither ends the process', async () => {
  const { eventStoreUrl, stop } = await startParts();
  const clients = [1, 2].map(() => connectEventStore(eventStoreUrl, asStored));
  const write = (each: EventStore) =>
    failureOf(append(each, `note-${randomUUID()}`, [noted()], NO_REVISION));
  assert.equal(await Promise.all(clients.map(write)), [undefined, undefined]);
  await stop();
  for (const each of clients) assert.instance(await write(each), AppendOutcomeUnknown);
  await Promise.all(clients.map((each) => each.dispose()));
});

test('a few refusals are final, whatever else a cluster says means: again', () => {
  const said = (code: number, message = '') => Object.assign(new Error(message), { code });
  for (const code of [1, 4, 8, 10, 13, 14])
    assert.ok(isEventStoreUnavailable(said(code)), `${code}`);
  for (const code of [3, 5, 7, 12, 16]) assert.not(isEventStoreUnavailable(said(code)), `${code}`);
  const metadata = new Metadata();
  metadata.set('exception', 'not-leader');
  assert.ok(isEventStoreUnavailable(Object.assign(said(5), { metadata })), 'ask another');
  metadata.set('exception', 'stream-deleted');
  assert.not(isEventStoreUnavailable(Object.assign(said(9), { metadata })));
  assert.ok(isEventStoreUnavailable(new Error('Failed to discover after 10 attempts.')));
  assert.not(isEventStoreUnavailable(new TypeError('undefined is not iterable')));
});

test.run();
