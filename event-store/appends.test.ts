import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { eachField, Message } from './protobuf.ts';
import { startEventStore, type EventStore } from './server.ts';

const test = suite('event store appends');
const dir = mkdtempSync(join(tmpdir(), 'event-store-'));
let store: EventStore;
test.before(async () => void (store = await startEventStore({ dir })));
test.after(async () => {
  await store.close();
  rmSync(dir, { recursive: true });
});

const [WRITTEN, TIMED_OUT, OVERLOADED] = [0, 4, 8];
const LATER_MS = 60_000;

/** A call by which appends are sent in parts of one event each, and the status of each answer. */
function batchAppend() {
  const client = new Client(`127.0.0.1:${store.port}`, credentials.createInsecure());
  const raw = (bytes: Buffer): Buffer => bytes;
  const path = '/event_store.client.streams.Streams/BatchAppend';
  const call = client.makeBidiStreamRequest(path, raw, raw);
  const statuses = new Map<string, number>();
  let check = (): void => {};
  call.on('data', (answer: Buffer) => {
    let [append, status] = ['', WRITTEN];
    eachField(answer, (field, _, chunk) => {
      if (field === 1) eachField(chunk, (__, ___, text) => (append = text.toString()));
      if (field === 2) eachField(chunk, (code, value) => code === 1 && (status = value));
    });
    statuses.set(append, status);
    check();
  });
  return {
    statuses,
    begin: (append: string, dataBytes: number, deadlineMs = LATER_MS): void => {
      const deadline = new Message()
        .number(1, Math.floor((Date.now() + deadlineMs) / 1000))
        .number(2, ((Date.now() + deadlineMs) % 1000) * 1e6);
      const stream = new Message().message(1, new Message().text(3, `parts-${append}`));
      const first = part(append, dataBytes).message(2, stream.empty(4).message(6, deadline));
      call.write(first.finish());
    },
    finish: (append: string): void => void call.write(part(append, 0).number(4, 1).finish()),
    until: (answered: number): Promise<void> =>
      new Promise((resolve) => {
        check = () => statuses.size >= answered && resolve();
        check();
      }),
    end: async (): Promise<void> => {
      call.end();
      await once(call, 'end');
      client.close();
    },
  };
}

function part(append: string, dataBytes: number): Message {
  const event = new Message()
    .message(1, new Message().text(2, randomUUID()))
    .message(2, new Message().text(1, 'type').text(2, 'Part'))
    .bytes(4, Buffer.alloc(dataBytes));
  return new Message().message(1, new Message().text(2, append)).message(3, event);
}

test('of too many unfinished appends only those that are too many are refused', async () => {
  const { statuses, begin, finish, until, end } = batchAppend();
  const appends = Array.from({ length: 80 }, () => randomUUID());
  for (const append of appends) begin(append, 1_000_000);
  await until(13);
  for (const append of appends) finish(append);
  await until(appends.length);
  const [kept, refused] = [appends.slice(0, 67), appends.slice(67)];
  assert.ok(kept.every((append) => statuses.get(append) === WRITTEN));
  assert.ok(refused.every((append) => statuses.get(append) === OVERLOADED));
  // What they held is free again.
  const later = randomUUID();
  begin(later, 1_000_000);
  finish(later);
  await until(appends.length + 1);
  assert.is(statuses.get(later), WRITTEN);
  await end();
});

test('an append whose rest does not come by its deadline is refused, and no other', async () => {
  const { statuses, begin, finish, until, end } = batchAppend();
  const [abandoned, other] = [randomUUID(), randomUUID()];
  begin(abandoned, 10, 200);
  begin(other, 10);
  await until(1);
  assert.is(statuses.get(abandoned), TIMED_OUT);
  finish(abandoned);
  finish(other);
  await until(2);
  assert.is(statuses.get(other), WRITTEN);
  await end();
});

test('a unary append is refused as soon as it is too large', async () => {
  const client = new Client(`127.0.0.1:${store.port}`, credentials.createInsecure());
  const raw = (bytes: Buffer): Buffer => bytes;
  const path = '/event_store.client.streams.Streams/Append';
  const refused = new Promise<ServiceError>((resolve, reject) => {
    const call = client.makeClientStreamRequest(path, raw, raw, (error) =>
      error ? resolve(error) : reject(new Error('It was not refused.')),
    );
    const stream = new Message().message(1, new Message().text(3, 'too-large'));
    call.write(new Message().message(1, stream.empty(4)).finish());
    const event = new Message()
      .message(1, new Message().text(2, randomUUID()))
      .message(2, new Message().text(1, 'type').text(2, 'Part'))
      .bytes(4, Buffer.alloc(600_000));
    // It never ends.
    for (let parts = 0; parts < 2; parts += 1) call.write(new Message().message(2, event).finish());
  });
  const { code, metadata } = await refused;
  assert.is(code, grpcStatus.INVALID_ARGUMENT);
  assert.equal(metadata.get('exception'), ['maximum-append-size-exceeded']);
  client.close();
});

test.run();
