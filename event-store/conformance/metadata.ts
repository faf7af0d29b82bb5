import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import {
  BACKWARDS,
  binaryEvent,
  END,
  NO_STREAM,
  STREAM_EXISTS,
  StreamNotFoundError,
  WrongExpectedVersionError,
  type StreamMetadata,
} from '@eventstore/db-client';
import { collect, event, events, refused, revisions, type Cases } from './case.ts';

const EXPIRY_CHECK_MS = 50;

export const metadata: Cases = {
  'metadata reads back as it was set, with custom keys and an access list': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    const set: StreamMetadata = {
      maxAge: 86_400,
      maxCount: 1_000,
      truncateBefore: 0,
      cacheControl: 60,
      acl: { readRoles: ['$all'], writeRoles: ['$admins', 'asha'], metaReadRoles: ['$all'] },
      note: 'ours',
      nested: { list: [1, 'two', null] },
    };
    await client.setStreamMetadata(stream, set);
    const got = await client.getStreamMetadata(stream);
    assert.equal(got.streamName, stream);
    assert.deepEqual(got.metadata, set);
  },

  'a stream without metadata has none': async ({ client, newStream }) => {
    const stream = newStream();
    assert.deepEqual(await client.getStreamMetadata(stream), { streamName: stream });
    await client.appendToStream(stream, event());
    assert.equal((await client.getStreamMetadata(stream)).metadata, undefined);
  },

  'metadata is replaced as a whole, at the revision of its own stream': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.setStreamMetadata(stream, { maxCount: 2 }, { expectedRevision: NO_STREAM });
    const again = client.setStreamMetadata(stream, {}, { expectedRevision: NO_STREAM });
    await refused(again, WrongExpectedVersionError);
    await client.setStreamMetadata(stream, { note: 'ours' }, { expectedRevision: 0n });
    assert.deepEqual((await client.getStreamMetadata(stream)).metadata, { note: 'ours' });
  },

  'metadata is the newest event of the stream $$name, and may be appended there': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.setStreamMetadata(stream, { maxCount: 5 });
    await client.appendToStream(`$$${stream}`, event('$metadata', { $maxCount: 2, note: 'ours' }));
    const [read, ...older] = await collect(client.readStream(`$$${stream}`));
    assert.deepEqual(older, []);
    assert.equal(read!.event!.type, '$metadata');
    assert.equal(read!.event!.revision, 1n);
    assert.deepEqual(read!.event!.data, { $maxCount: 2, note: 'ours' });
    await client.appendToStream(stream, events(4));
    assert.deepEqual(revisions(await collect(client.readStream(stream))), [2n, 3n]);
    const got = await client.getStreamMetadata(stream);
    assert.deepEqual(got.metadata, { maxCount: 2, note: 'ours' });
  },

  '$maxCount keeps the newest events': async ({ client, newStream }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(10));
    await client.setStreamMetadata(stream, { maxCount: 4 });
    const read = async () => revisions(await collect(client.readStream(stream)));
    assert.deepEqual(await read(), [6n, 7n, 8n, 9n]);
    await client.appendToStream(stream, event());
    assert.deepEqual(await read(), [7n, 8n, 9n, 10n]);
    const backwards = client.readStream(stream, { direction: BACKWARDS, fromRevision: END });
    assert.deepEqual(revisions(await collect(backwards)), [10n, 9n, 8n, 7n]);
    const early = client.readStream(stream, { fromRevision: 2n, maxCount: 2 });
    assert.deepEqual(revisions(await collect(early)), [7n, 8n]);
  },

  '$tb hides what is before it, and brings it back when it is set lower': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(10));
    const read = async () => revisions(await collect(client.readStream(stream)));
    await client.setStreamMetadata(stream, { truncateBefore: 8 });
    assert.deepEqual(await read(), [8n, 9n]);
    const backwards = client.readStream(stream, { direction: BACKWARDS, fromRevision: 5n });
    assert.deepEqual(await collect(backwards), []);
    await client.setStreamMetadata(stream, { truncateBefore: 7 });
    assert.deepEqual(await read(), [7n, 8n, 9n]);
  },

  '$tb beyond the end hides everything, also what is yet to come': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(3));
    await client.setStreamMetadata(stream, { truncateBefore: 5 });
    assert.deepEqual(await collect(client.readStream(stream)), []);
    const { nextExpectedRevision } = await client.appendToStream(stream, events(3));
    assert.equal(nextExpectedRevision, 5n);
    assert.deepEqual(revisions(await collect(client.readStream(stream))), [5n]);
  },

  'only the largest $tb that there can be deletes the stream': async ({ client, newStream }) => {
    for (const [tb, isDeleted] of [
      ['9007199254740991', false],
      ['9223372036854775806', false],
      ['9223372036854775807', true],
    ] as const) {
      const stream = newStream();
      await client.appendToStream(stream, events(3));
      // A number of JavaScript's cannot hold it.
      const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => number };
      const $tb = rawJSON(tb);
      await client.appendToStream(`$$${stream}`, event('$metadata', { $tb }));
      const found = await collect(client.readStream(stream)).catch((error: unknown) => error);
      if (isDeleted) assert.ok(found instanceof StreamNotFoundError);
      else assert.deepEqual(found, []);
    }
  },

  'what is not as it has to be voids all of the metadata; bytes are none': async ({
    client,
    newStream,
  }) => {
    const json = [
      { $maxCount: 1, $tb: 1.5 },
      { $maxCount: 1, $maxAge: 'x' },
      { $maxCount: 1, $acl: '$userStreamAcl' },
    ];
    const data = Buffer.from('{"$maxCount":1}');
    const senseless = json.map((each) => event('$metadata', each));
    for (const each of [...senseless, binaryEvent({ type: '$metadata', data })]) {
      const stream = newStream();
      await client.appendToStream(stream, events(3));
      await client.setStreamMetadata(stream, { maxCount: 2 });
      await client.appendToStream(`$$${stream}`, each);
      assert.equal((await collect(client.readStream(stream))).length, 3);
    }
  },

  'of $maxCount and $tb the one that hides more holds': async ({ client, newStream }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(10));
    const read = async () => revisions(await collect(client.readStream(stream)));
    await client.setStreamMetadata(stream, { truncateBefore: 8, maxCount: 5 });
    assert.deepEqual(await read(), [8n, 9n]);
    await client.setStreamMetadata(stream, { truncateBefore: 3, maxCount: 1 });
    assert.deepEqual(await read(), [9n]);
  },

  '$maxAge hides events that are older, in seconds': async ({ client, newStream }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(2));
    await client.setStreamMetadata(stream, { maxAge: 3_600 });
    assert.equal((await collect(client.readStream(stream))).length, 2);
    await client.setStreamMetadata(stream, { maxAge: 1 });
    while ((await collect(client.readStream(stream))).length > 0) await setTimeout(EXPIRY_CHECK_MS);
    const { nextExpectedRevision } = await client.appendToStream(stream, event());
    assert.equal(nextExpectedRevision, 2n);
    await client.setStreamMetadata(stream, { maxAge: 3_600 });
    assert.equal(revisions(await collect(client.readStream(stream))).at(-1), 2n);
  },

  'metadata makes a stream exist': async ({ client, newStream }) => {
    const stream = newStream();
    await client.setStreamMetadata(stream, { note: 'ours' });
    await client.appendToStream(stream, event(), { expectedRevision: STREAM_EXISTS });
    assert.deepEqual(revisions(await collect(client.readStream(stream))), [0n]);
  },

  'metadata set before the first event holds for it': async ({ client, newStream }) => {
    const stream = newStream();
    await client.setStreamMetadata(stream, { maxCount: 1 });
    await client.appendToStream(stream, events(3), { expectedRevision: NO_STREAM });
    assert.deepEqual(revisions(await collect(client.readStream(stream))), [2n]);
  },
};
