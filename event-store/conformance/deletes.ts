import assert from 'node:assert/strict';
import {
  ANY,
  DeadlineExceededError,
  END,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  StreamNotFoundError,
  UnknownError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import {
  collect,
  credentialsOf,
  event,
  events,
  ids,
  refused,
  revisions,
  type Cases,
} from './case.ts';

export const deletes: Cases = {
  'a deleted stream is not found, and goes on counting when it is written again': async ({
    client,
    newStream,
  }) => {
    for (const expectedRevision of [NO_STREAM, ANY, 2n] as const) {
      const stream = newStream();
      await client.appendToStream(stream, events(3));
      const { position } = await client.deleteStream(stream, { expectedRevision: 2n });
      assert.ok(position!.commit > 0n);
      await refused(collect(client.readStream(stream)), StreamNotFoundError);
      const written = await client.appendToStream(stream, events(2), { expectedRevision });
      assert.equal(written.nextExpectedRevision, 4n);
      assert.deepEqual(revisions(await collect(client.readStream(stream))), [3n, 4n]);
    }
  },

  'a delete at another revision is refused': async ({ client, newStream }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(3));
    const at9 = client.deleteStream(stream, { expectedRevision: 9n });
    const error = await refused(at9, WrongExpectedVersionError);
    assert.equal(error.streamName, stream);
    assert.equal(error.expectedVersion, 9n);
    assert.equal(error.actualVersion, 2n);
    const atNone = client.deleteStream(stream, { expectedRevision: NO_STREAM });
    await refused(atNone, WrongExpectedVersionError);
    assert.equal((await collect(client.readStream(stream))).length, 3);
  },

  'an append that is refused names its stream in any language; a delete is only refused': async ({
    client,
    newStream,
  }) => {
    const stream = `${newStream()}-அங்காடி 100%`;
    await client.appendToStream(stream, event());
    const append = client.appendToStream(stream, event(), { expectedRevision: 7n });
    assert.equal((await refused(append, WrongExpectedVersionError)).streamName, stream);
    // Its refusal would travel in trailers, which hold ASCII only.
    await refused(client.deleteStream(stream, { expectedRevision: 7n }), UnknownError);
    assert.equal((await collect(client.readStream(stream))).length, 1);
  },

  // Whether it happened all the same is not said, and may be so.
  'a delete or a tombstone after its deadline is refused': async ({ client, newStream }) => {
    for (const remove of ['deleteStream', 'tombstoneStream'] as const) {
      const stream = newStream();
      await client.appendToStream(stream, event());
      await refused(client[remove](stream, { deadline: 0 }), DeadlineExceededError);
      await client.tombstoneStream(newStream(), { deadline: 60_000 });
    }
  },

  'a delete that expects the stream to exist is not served': async ({ client, newStream }) => {
    const stream = newStream();
    await client.appendToStream(stream, event());
    // More than the client's types admit.
    const expectedRevision = STREAM_EXISTS as unknown as typeof ANY;
    await refused(client.deleteStream(stream, { expectedRevision }), UnknownError);
    assert.equal((await collect(client.readStream(stream))).length, 1);
  },

  'what never was cannot be deleted': async ({ client, newStream }) => {
    await refused(client.deleteStream(newStream()), WrongExpectedVersionError);
  },

  'a deleted stream does not exist: STREAM_EXISTS and another revision are refused': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(3));
    await client.deleteStream(stream);
    const exists = client.appendToStream(stream, event(), { expectedRevision: STREAM_EXISTS });
    assert.equal((await refused(exists, StreamDeletedError)).streamName, stream);
    const at7 = client.appendToStream(stream, event(), { expectedRevision: 7n });
    assert.equal((await refused(at7, WrongExpectedVersionError)).actualVersion, 2n);
    await refused(collect(client.readStream(stream)), StreamNotFoundError);
  },

  'a deleted stream that is written again has a $tb behind its old events': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(3));
    await client.deleteStream(stream);
    await client.appendToStream(stream, event());
    const { metadata } = await client.getStreamMetadata(stream);
    assert.equal(metadata?.truncateBefore, 3);
  },

  'metadata set on a deleted stream does not bring its events back': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(2));
    await client.deleteStream(stream);
    await client.setStreamMetadata(stream, { owner: 'asha' });
    assert.deepEqual(await collect(client.readStream(stream)), []);
    const { metadata } = await client.getStreamMetadata(stream);
    assert.deepEqual(metadata, { owner: 'asha', truncateBefore: 2 });
  },

  'a tombstone is for ever': async ({ client, url, newStream }) => {
    const stream = newStream();
    await client.appendToStream(stream, event());
    const { position } = await client.tombstoneStream(stream, { expectedRevision: 0n });
    assert.ok(position!.commit > 0n);
    for (const attempt of [
      () => collect(client.readStream(stream)),
      () => client.appendToStream(stream, event()),
      () => client.appendToStream(stream, event(), { expectedRevision: NO_STREAM }),
      () => client.appendToStream(stream, event(), { expectedRevision: STREAM_EXISTS }),
      () => client.appendToStream(stream, event(), { credentials: credentialsOf(url) }),
      () => client.deleteStream(stream),
      () => client.tombstoneStream(stream),
      () => client.setStreamMetadata(stream, {}),
    ]) {
      const error = await refused(attempt(), StreamDeletedError);
      assert.ok([stream, `$$${stream}`].includes(error.streamName));
    }
  },

  'a tombstone at another revision is refused': async ({ client, newStream }) => {
    const stream = newStream();
    await client.appendToStream(stream, event());
    for (const expectedRevision of [NO_STREAM, 5n] as const)
      await refused(
        client.tombstoneStream(stream, { expectedRevision }),
        WrongExpectedVersionError,
      );
    assert.equal((await collect(client.readStream(stream))).length, 1);
  },

  'a deleted stream may get a tombstone, and so may one that never was': async ({
    client,
    newStream,
  }) => {
    const [deleted, never] = [newStream(), newStream()];
    await client.appendToStream(deleted, event());
    await client.deleteStream(deleted);
    await client.tombstoneStream(deleted);
    await client.tombstoneStream(never, { expectedRevision: NO_STREAM });
    for (const stream of [deleted, never])
      await refused(collect(client.readStream(stream)), StreamDeletedError);
  },

  '$all keeps the events of a deleted stream': async ({ client, newStream }) => {
    const stream = newStream();
    const kept = event();
    const { position } = await client.appendToStream(stream, kept);
    await client.deleteStream(stream);
    const read = client.readAll({ fromPosition: position!, maxCount: 1 });
    assert.deepEqual(ids(await collect(read)), [kept.id]);
    const past = client.readAll({ fromPosition: END });
    assert.deepEqual(await collect(past), []);
  },
};
