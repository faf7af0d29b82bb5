import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binaryEvent, jsonEvent } from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startEventStore } from '../event-store/server.ts';
import { asStored, connectEventStore, type StoredEvent } from './event-store.ts';
import { createLog, type Logger } from './log.ts';
import { NO_SYSTEM_EVENTS, readRawLog, subscribeToLog, type ReadAnswer } from './raw-events.ts';
import { followLog } from './subscription.ts';
import { within } from '../test/promised-time.ts';

type Folder = { dir: string };
const test = suite<Folder>('followLog');
test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'doorstep-test-'));
});
test.after.each(({ dir }) => rmSync(dir, { recursive: true }));

const log = createLog('test', 'silent');
const event = (n: number) => jsonEvent({ type: 'Noted', data: { n }, metadata: { at: `${n}` } });

/** Follows until `enough` says so of all that came. */
async function follow(
  url: string,
  options: { after?: bigint; maxBatch?: number; typePrefixes?: string[]; log?: Logger },
  enough: (events: StoredEvent[], caughtUp: boolean) => boolean,
): Promise<StoredEvent[]> {
  const client = connectEventStore(url, asStored);
  const stopping = new AbortController();
  const got: StoredEvent[] = [];
  await followLog({
    client,
    maxBatch: 50,
    after: undefined,
    log,
    ...options,
    signal: stopping.signal,
    consume: async ({ events, caughtUp }) => {
      got.push(...events);
      if (enough(got, caughtUp)) stopping.abort();
    },
  });
  await client.dispose();
  return got;
}

test('every event once and in order, while they are written and across a restart', async ({
  dir,
}) => {
  let store = await startEventStore({ dir });
  const { url, port } = store;
  const client = connectEventStore(url, asStored);
  const sent: string[] = [];
  const write = async (count: number) => {
    for (let n = 0; n < count; n++) {
      const noted = event(sent.length);
      await client.appendToStream(`note-${n % 7}`, noted);
      sent.push(noted.id);
    }
  };
  await write(120);
  const half = Promise.withResolvers<void>();
  const following = follow(url, {}, (got) => {
    if (got.length >= 150) half.resolve();
    return got.length >= 300;
  });
  await write(100);
  await half.promise;
  await client.dispose();
  await store.close();
  store = await startEventStore({ dir, port });
  const again = connectEventStore(url, asStored);
  for (let n = 0; n < 80; n++) {
    const noted = event(sent.length);
    await again.appendToStream('note-later', noted);
    sent.push(noted.id);
  }
  const got = await following;
  assert.equal(
    got.map(({ id }) => id),
    sent,
  );
  assert.equal(
    got.map(({ data }) => data),
    sent.map((_, n) => ({ n })),
  );
  assert.is(got.at(-1)!.metadata.at, '299');
  await again.dispose();
  await store.close();
});

test('however long the event store was away, it is followed again at once', async ({ dir }) => {
  const store = await startEventStore({ dir });
  const { url, port } = store;
  await store.close();
  const awayFor6Tries = Promise.withResolvers<void>();
  let tries = 0;
  const counting = log.child({});
  counting.warn = () => {
    tries += 1;
    if (tries === 6) awayFor6Tries.resolve();
  };
  const following = follow(url, { log: counting }, (_, caughtUp) => caughtUp);
  await awayFor6Tries.promise;
  const back = await startEventStore({ dir, port });
  const backMs = performance.now();
  await following;
  const tookMs = performance.now() - backMs;
  await back.close();
  within(1_000, tookMs, 'an event store that was away long is followed again');
});

test('it says what the client says of an event, and nothing of the event store’s own', async ({
  dir,
}) => {
  const store = await startEventStore({ dir });
  const client = connectEventStore(store.url, asStored);
  const bytes = Buffer.from([0, 255, 1]);
  const stream = `கடை-${randomUUID()}`;
  await client.appendToStream(stream, [
    jsonEvent({ type: 'Noted', data: { text: 'दाल "1.0"' }, metadata: { at: 'now' } }),
    binaryEvent({ type: 'Packed', data: bytes }),
  ]);
  await client.setStreamMetadata(stream, { maxCount: 5 });
  await client.appendToStream(stream, jsonEvent({ type: 'Other', data: {} }));
  const isDone = (_: StoredEvent[], caughtUp: boolean) => caughtUp;
  const got = await follow(store.url, {}, isDone);
  const read: unknown[] = [];
  for await (const { event: each } of client.readStream(stream)) {
    read.push([each!.streamId, each!.id, each!.type, each!.revision, each!.position!.commit]);
  }
  assert.equal(
    got.map(({ stream: name, id, type, revision, position }) => [
      name,
      id,
      type,
      revision,
      position,
    ]),
    read,
  );
  assert.equal(got[0]!.data, { text: 'दाल "1.0"' });
  assert.equal(Buffer.from(got[1]!.data as Uint8Array), bytes);
  const chosen = await follow(
    store.url,
    { after: got[0]!.position, typePrefixes: ['Pack', 'No'] },
    isDone,
  );
  assert.equal(
    chosen.map(({ type }) => type),
    ['Packed'],
  );
  await client.dispose();
  await store.close();
});

test('what the event store writes for itself is left out by the server', async ({ dir }) => {
  const store = await startEventStore({ dir });
  const client = connectEventStore(store.url, asStored);
  const own = ['$>', '$statsCollected', '$'].map((type) => jsonEvent({ type, data: {} }));
  await client.appendToStream('$stats-1', own);
  await client.setStreamMetadata('note-1', { maxCount: 5 });
  await client.appendToStream('note-1', event(1));
  await client.appendToStream('$audit-1', jsonEvent({ type: 'Noted', data: {} }));
  const types = await Array.fromAsync(
    readRawLog(client, undefined, NO_SYSTEM_EVENTS),
    ({ type }) => type,
  );
  assert.equal(types, ['Noted', 'Noted']);
  const source = await subscribeToLog(client, undefined, NO_SYSTEM_EVENTS);
  const sent: string[] = [];
  for await (const answer of source as AsyncIterable<ReadAnswer>) {
    if (typeof answer === 'object') sent.push(answer.type);
    if (answer === 'caught-up') break;
  }
  assert.equal(sent, ['Noted', 'Noted']);
  const followed = await follow(store.url, {}, (_, caughtUp) => caughtUp);
  assert.is(followed.length, 2);
  await client.dispose();
  await store.close();
});

test.run();
