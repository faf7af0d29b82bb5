import assert from 'node:assert/strict';
import {
  BACKWARDS,
  END,
  FORWARDS,
  START,
  StreamNotFoundError,
  UnknownError,
  type ReadStreamOptions,
} from '@eventstore/db-client';
import { collect, event, events, ids, refused, revisions, upTo, type Cases } from './case.ts';

/** More than a page of any server. */
const MANY = 1_200;
/** In $all a server may have written as many events of its own between two others. */
const WINDOW = 1_000;

export const reads: Cases = {
  'a stream reads from anywhere, both ways, as far as asked': async ({ client, newStream }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(MANY));
    const read = async (options: ReadStreamOptions) =>
      revisions(await collect(client.readStream(stream, options)));
    const all = upTo(MANY);
    assert.deepEqual(await read({}), all);
    assert.deepEqual(await read({ direction: FORWARDS, fromRevision: START }), all);
    assert.deepEqual(await read({ direction: BACKWARDS, fromRevision: END }), all.toReversed());
    assert.deepEqual(await read({ maxCount: 700 }), upTo(700));
    assert.deepEqual(await read({ maxCount: 10n ** 12n }), all);
    assert.deepEqual(await read({ maxCount: 1 }), [0n]);
    assert.deepEqual(await read({ fromRevision: 3n, maxCount: 2 }), [3n, 4n]);
    const backwards = { direction: BACKWARDS, maxCount: 2 } as const;
    assert.deepEqual(await read({ ...backwards, fromRevision: 3n }), [3n, 2n]);
    assert.deepEqual(await read({ ...backwards, fromRevision: 1n }), [1n, 0n]);
    assert.deepEqual(await read({ direction: BACKWARDS, fromRevision: START }), [0n]);
  },

  'a read from past the end has nothing forwards and everything backwards': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(3));
    const read = async (options: ReadStreamOptions) =>
      revisions(await collect(client.readStream(stream, options)));
    assert.deepEqual(await read({ fromRevision: 3n }), []);
    assert.deepEqual(await read({ fromRevision: 9_999n }), []);
    assert.deepEqual(await read({ direction: BACKWARDS, fromRevision: 9_999n }), [2n, 1n, 0n]);
  },

  'a read forwards from the end, and one of no events, is an error': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(3));
    await refused(collect(client.readStream(stream, { fromRevision: END })), UnknownError);
    await refused(collect(client.readStream(stream, { maxCount: 0 })), UnknownError);
  },

  'a missing stream is not found, whichever way it is read': async ({ client, newStream }) => {
    const stream = newStream();
    for (const options of [{}, { direction: BACKWARDS, fromRevision: END }] as const) {
      const read = collect(client.readStream(stream, options));
      assert.equal((await refused(read, StreamNotFoundError)).streamName, stream);
    }
  },

  'a read that is cancelled ends, and the client goes on': async ({ client, newStream }) => {
    const stream = newStream();
    await client.appendToStream(stream, events(MANY));
    const read = client.readStream(stream);
    for await (const each of read) {
      if (each.event?.revision !== 5n) continue;
      await read.cancel();
      break;
    }
    assert.equal((await collect(client.readStream(stream))).length, MANY);
  },

  '$all has every stream in the order of the commits, both ways': async ({ client, newStream }) => {
    const [a, b] = [newStream(), newStream()];
    const { position } = await client.appendToStream(a, event());
    await client.appendToStream(b, events(2));
    await client.appendToStream(a, event());
    const ofThese = ({ event: each }: { event?: { streamId: string } }) =>
      each?.streamId === a || each?.streamId === b;
    const forwards = (await collect(client.readAll({ fromPosition: position! }))).filter(ofThese);
    assert.deepEqual(
      forwards.map((each) => each.event?.streamId),
      [a, b, b, a],
    );
    const positions = forwards.map((each) => each.event!.position.commit);
    assert.ok(positions.every((each, at) => at === 0 || each > positions[at - 1]!));
    const backwards = client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: WINDOW });
    assert.deepEqual(
      ids((await collect(backwards)).filter(ofThese)).slice(0, 4),
      ids(forwards).toReversed(),
    );
  },

  '$all reads from a position on forwards, and from before it backwards': async ({
    client,
    newStream,
  }) => {
    const [first, second] = [event(), event()];
    await client.appendToStream(newStream(), first);
    const { position } = await client.appendToStream(newStream(), second);
    const forwards = client.readAll({ fromPosition: position!, maxCount: 1 });
    const backwards = client.readAll({
      direction: BACKWARDS,
      fromPosition: position!,
      maxCount: WINDOW,
    });
    assert.deepEqual(ids(await collect(forwards)), [second.id]);
    const before = ids(await collect(backwards));
    assert.ok(before.includes(first.id) && !before.includes(second.id));
  },

  '$all has nothing before its start': async ({ client }) => {
    const read = client.readAll({ direction: BACKWARDS, fromPosition: START });
    assert.deepEqual(await collect(read), []);
  },

  '$all reads as many events as asked': async ({ client, newStream }) => {
    await client.appendToStream(newStream(), events(5));
    assert.equal((await collect(client.readAll({ maxCount: 1 }))).length, 1);
    assert.equal((await collect(client.readAll({ maxCount: 3n }))).length, 3);
  },
};
