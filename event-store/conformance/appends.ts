import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  ANY,
  binaryEvent,
  DeadlineExceededError,
  EventStoreDBClient,
  jsonEvent,
  MaxAppendSizeExceededError,
  NO_STREAM,
  STREAM_EXISTS,
  StreamNotFoundError,
  WrongExpectedVersionError,
  type AppendToStreamOptions,
  type JSONEventData,
  type JSONType,
} from '@eventstore/db-client';
import {
  collect,
  credentialsOf,
  event,
  events,
  ids,
  refused,
  revisions,
  upTo,
  withOption,
  type Cases,
  type Server,
} from './case.ts';

const MAX_APPEND_BYTES = 1024 * 1024;
const SAME_CLOCK_MS = 60_000;

type Append = (
  stream: string,
  what: JSONEventData | JSONEventData[],
  more?: AppendToStreamOptions,
) => ReturnType<EventStoreDBClient['appendToStream']>;

async function wrongVersion(
  append: Promise<unknown>,
  stream: string,
  expected: unknown,
  actual: unknown,
): Promise<void> {
  const error = await refused(append, WrongExpectedVersionError);
  assert.equal(error.streamName, stream);
  assert.equal(error.expectedVersion, expected);
  assert.equal(error.actualVersion, actual);
}

const contents: Cases = {
  'an event reads back as it was appended': async ({ client, newStream }) => {
    const stream = newStream();
    const appended = jsonEvent({
      type: 'ItemAddedToCart',
      data: { name: 'अरहर दाल', quantity: 2, nested: [null, true, 1.5] },
      metadata: { commandId: 'c1' },
    });
    const { position } = await client.appendToStream(stream, appended);
    const [read] = await collect(client.readStream(stream));
    const { created, ...rest } = read!.event!;
    assert.deepEqual(rest, {
      streamId: stream,
      id: appended.id,
      revision: 0n,
      type: 'ItemAddedToCart',
      data: appended.data,
      metadata: appended.metadata,
      isJson: true,
      position,
    });
    assert.ok(Math.abs(created.getTime() - Date.now()) < SAME_CLOCK_MS);
    assert.equal(read!.link, undefined);
  },

  'a binary event reads back byte for byte, and so does its metadata': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    const [data, metadata] = [Buffer.from([0, 255, 7, 128]), Buffer.from([1, 2, 254, 255])];
    await client.appendToStream(stream, binaryEvent({ type: 'Blob', data, metadata }));
    const [read] = await collect(client.readStream(stream));
    assert.equal(read!.event!.isJson, false);
    assert.deepEqual(Buffer.from(read!.event!.data), data);
    assert.deepEqual(Buffer.from(read!.event!.metadata as Uint8Array), metadata);
  },

  'metadata may be JSON on a binary event, bytes on a JSON one, or absent': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    const bytes = Buffer.from([255, 0, 1]);
    await client.appendToStream(stream, [
      binaryEvent({ type: 'A', data: bytes, metadata: { note: 'ours' } }),
      jsonEvent({ type: 'B', data: {}, metadata: bytes }),
      jsonEvent({ type: 'C', data: {} }),
    ]);
    const [a, b, c] = await collect(client.readStream(stream));
    assert.deepEqual(a!.event!.metadata, { note: 'ours' });
    assert.deepEqual(Buffer.from(b!.event!.metadata as Uint8Array), bytes);
    assert.equal(c!.event!.metadata, undefined);
  },

  'any JSON is data': async ({ client, newStream }) => {
    const stream = newStream();
    // More than the client's types admit.
    const values: unknown[] = ['CC ‐ 1830', 7, -0.5, true, [], ['a', {}], { '': '' }];
    await client.appendToStream(
      stream,
      values.map((value) => event('Tested', value as JSONType)),
    );
    const read = await collect(client.readStream(stream));
    assert.deepEqual(
      read.map((each) => each.event!.data),
      values,
    );
  },

  'names of streams and types may be in any language': async ({ client, newStream }) => {
    const stream = `${newStream()}-அங்காடி 100% 🛒/?#`;
    await client.appendToStream(stream, event('தொடங்கியது'));
    const [read] = await collect(client.readStream(stream));
    assert.equal(read!.event!.streamId, stream);
    assert.equal(read!.event!.type, 'தொடங்கியது');
  },

  'an append answers with the revision and the position of its last event': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    const first = await client.appendToStream(stream, events(3));
    const second = await client.appendToStream(stream, event());
    assert.equal(first.success, true);
    assert.equal(first.nextExpectedRevision, 2n);
    assert.equal(second.nextExpectedRevision, 3n);
    assert.ok(second.position!.commit > first.position!.commit);
    const read = await collect(client.readStream(stream));
    assert.deepEqual(read[2]!.event!.position, first.position);
    assert.deepEqual(read[3]!.event!.position, second.position);
  },
};

/** The same with each of the two calls by which the client appends. */
function byCall(call: 'BatchAppend' | 'Append'): Cases {
  // Credentials of its own send an append through the unary call.
  const through = ({ client, url }: Server): Append => {
    const own = call === 'Append' ? { credentials: credentialsOf(url) } : {};
    return (stream, what, more = {}) => client.appendToStream(stream, what, { ...own, ...more });
  };
  const cases: Cases = {
    'every expected revision is kept': async (server) => {
      const [append, stream] = [through(server), server.newStream()];
      const wrong = (
        expectedRevision: AppendToStreamOptions['expectedRevision'],
        actual: unknown,
      ) =>
        wrongVersion(
          append(stream, event(), { expectedRevision }),
          stream,
          expectedRevision,
          actual,
        );
      await wrong(STREAM_EXISTS, NO_STREAM);
      await wrong(0n, NO_STREAM);
      await append(stream, event(), { expectedRevision: NO_STREAM });
      await wrong(NO_STREAM, 0n);
      await append(stream, event(), { expectedRevision: STREAM_EXISTS });
      await append(stream, event(), { expectedRevision: 1n });
      await wrong(1n, 2n);
      await wrong(5n, 2n);
      const { nextExpectedRevision } = await append(stream, event(), { expectedRevision: ANY });
      assert.equal(nextExpectedRevision, 3n);
      assert.deepEqual(revisions(await collect(server.client.readStream(stream))), upTo(4));
    },

    'a repeat is answered like the first time and writes nothing': async (server) => {
      const [append, stream] = [through(server), server.newStream()];
      const [a, b, c] = [event('A'), event('B'), event('C')];
      const first = await append(stream, [a, b], { expectedRevision: NO_STREAM });
      await append(stream, c, { expectedRevision: 1n });
      for (const expectedRevision of [NO_STREAM, ANY, STREAM_EXISTS] as const) {
        const again = await append(stream, [a, b], { expectedRevision });
        assert.equal(again.success, true);
        assert.equal(again.nextExpectedRevision, first.nextExpectedRevision);
        // A server need not tell the position of what it wrote before.
        if (again.position) assert.deepEqual(again.position, first.position);
      }
      assert.deepEqual(ids(await collect(server.client.readStream(stream))), ids([a, b, c]));
    },

    'a repeat of some events of an append, in their order, is a repeat': async (server) => {
      const [append, stream] = [through(server), server.newStream()];
      const [a, b, c] = [event('A'), event('B'), event('C')];
      await append(stream, [a, b, c], { expectedRevision: NO_STREAM });
      const prefix = await append(stream, [a, b], { expectedRevision: NO_STREAM });
      const suffix = await append(stream, [b, c], { expectedRevision: 0n });
      const any = await append(stream, b, { expectedRevision: ANY });
      assert.deepEqual(
        [prefix, suffix, any].map((each) => each.nextExpectedRevision),
        [1n, 2n, 1n],
      );
      assert.equal((await collect(server.client.readStream(stream))).length, 3);
    },

    // A repeat that meets its original in flight may hear nothing of it.
    'an append that is sent twice at once is written once': async (server) => {
      const [append, stream] = [through(server), server.newStream()];
      for (const expectedRevision of [NO_STREAM, ANY] as const) {
        const same = events(3);
        const name = `${stream}-${expectedRevision}`;
        const sent = Array.from({ length: 5 }, () => append(name, same, { expectedRevision }));
        for (const outcome of await Promise.allSettled(sent))
          if (outcome.status === 'fulfilled') assert.equal(outcome.value.nextExpectedRevision, 2n);
          else assert.ok(outcome.reason instanceof DeadlineExceededError, String(outcome.reason));
        assert.deepEqual(ids(await collect(server.client.readStream(name))), ids(same));
      }
    },

    'known events at another revision than theirs are no repeat': async (server) => {
      const [append, stream] = [through(server), server.newStream()];
      const [a, b] = [event('A'), event('B')];
      await append(stream, [a, b], { expectedRevision: NO_STREAM });
      await wrongVersion(append(stream, b, { expectedRevision: NO_STREAM }), stream, NO_STREAM, 1n);
      await wrongVersion(append(stream, a, { expectedRevision: 0n }), stream, 0n, 1n);
      await wrongVersion(append(stream, a, { expectedRevision: 7n }), stream, 7n, 1n);
    },

    'known events followed by new ones are refused': async (server) => {
      const [append, stream] = [through(server), server.newStream()];
      const a = event('A');
      await append(stream, a, { expectedRevision: NO_STREAM });
      for (const expectedRevision of [NO_STREAM, ANY] as const)
        await refused(
          append(stream, [a, event()], { expectedRevision }),
          WrongExpectedVersionError,
        );
      assert.equal((await collect(server.client.readStream(stream))).length, 1);
    },

    'the same event in another stream is another event': async (server) => {
      const [append, a] = [through(server), event('A')];
      const streams = [server.newStream(), server.newStream()];
      for (const stream of streams)
        assert.equal((await append(stream, a)).nextExpectedRevision, 0n);
      for (const stream of streams)
        assert.deepEqual(ids(await collect(server.client.readStream(stream))), [a.id]);
    },

    'an append of 1 MiB fits': async (server) => {
      const [append, stream] = [through(server), server.newStream()];
      // What counts is data, metadata and two bytes for each character of the type.
      const empty = JSON.stringify({ text: '' }).length + 2 * 'Big'.length;
      const big = event('Big', { text: 'x'.repeat(MAX_APPEND_BYTES - empty) });
      await append(stream, big);
      const [read] = await collect(server.client.readStream(stream));
      assert.deepEqual(read!.event!.data, big.data);
    },

    'an append over 1 MiB is refused, and none of its events is written': async (server) => {
      const [append, stream] = [through(server), server.newStream()];
      const half = { text: 'x'.repeat(MAX_APPEND_BYTES / 2) };
      const append2 = append(stream, [event(), event('Big', half), event('Big', half)]);
      const error = await refused(append2, MaxAppendSizeExceededError);
      assert.equal(error.maxAppendSize, MAX_APPEND_BYTES);
      await refused(collect(server.client.readStream(stream)), StreamNotFoundError);
    },

    'an append after its deadline is refused, and nothing is written': async (server) => {
      const [append, stream] = [through(server), server.newStream()];
      await refused(append(stream, event(), { deadline: 0 }), DeadlineExceededError);
      await refused(collect(server.client.readStream(stream)), StreamNotFoundError);
    },

    'an event of an empty type is refused, and so is what comes with it': async (server) => {
      const [append, stream] = [through(server), server.newStream()];
      await refused(append(stream, [event(), event('')]), Error);
      await refused(collect(server.client.readStream(stream)), StreamNotFoundError);
    },

    'throwOnAppendFailure=false tells of a wrong revision without throwing': async (server) => {
      const stream = server.newStream();
      await server.client.appendToStream(stream, event());
      const url = withOption(server.url, 'throwOnAppendFailure=false');
      const client = EventStoreDBClient.connectionString(url);
      const append = through({ ...server, client });
      const result = await append(stream, event(), { expectedRevision: NO_STREAM });
      assert.equal(result.success, false);
      assert.equal(result.position, undefined);
      await client.dispose();
      assert.equal((await collect(server.client.readStream(stream))).length, 1);
    },

    'of concurrent appends at one revision one wins': async (server) => {
      const [append, stream] = [through(server), server.newStream()];
      const results = await Promise.allSettled(
        events(20).map((each) => append(stream, each, { expectedRevision: NO_STREAM })),
      );
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.equal((await collect(server.client.readStream(stream))).length, 1);
    },

    'concurrent appends at any revision all find a place, each in one piece': async (server) => {
      const [append, stream] = [through(server), server.newStream()];
      const appends = Array.from({ length: 50 }, () => [event(randomUUID()), event('Second')]);
      await Promise.all(appends.map((pair) => append(stream, pair)));
      const read = await collect(server.client.readStream(stream));
      assert.deepEqual(revisions(read), upTo(100));
      const places = new Map(ids(read).map((id, at) => [id, at]));
      for (const [first, second] of appends)
        assert.equal(places.get(second!.id), places.get(first!.id)! + 1);
    },
  };
  return Object.fromEntries(Object.entries(cases).map(([name, run]) => [`${name} (${call})`, run]));
}

export const appends: Cases = {
  ...contents,
  ...byCall('BatchAppend'),
  ...byCall('Append'),

  // By the unary call only: sent through the other it would spoil that call for later appends. And
  // nothing is sent to the stream `$$`, which stops EventStoreDB 23.10 for good.
  'an append to a stream without a name is refused': async ({ client, url }) => {
    const own = { credentials: credentialsOf(url) };
    await refused(client.appendToStream('', event(), own), Error);
  },

  'an append that the client sends in many messages is one append': async ({
    client,
    newStream,
  }) => {
    const stream = newStream();
    const many = events(500);
    const options = { batchAppendSize: 1_000, expectedRevision: NO_STREAM } as const;
    const { nextExpectedRevision } = await client.appendToStream(stream, many, options);
    assert.equal(nextExpectedRevision, 499n);
    assert.deepEqual(ids(await collect(client.readStream(stream))), ids(many));
  },

  'any number of such appends may come at the same time as ordinary ones': async ({
    client,
    newStream,
  }) => {
    const ordinary = newStream();
    const inParts = Array.from({ length: 150 }, async () => {
      const [stream, parts] = [newStream(), events(5)];
      await Promise.all([
        client.appendToStream(ordinary, event()),
        client.appendToStream(stream, parts, { batchAppendSize: 1 }),
      ]);
      assert.deepEqual(ids(await collect(client.readStream(stream))), ids(parts));
    });
    await Promise.all(inParts);
    assert.equal((await collect(client.readStream(ordinary))).length, 150);
  },

  'the default deadline of the connection string holds': async ({ url, newStream }) => {
    const late = EventStoreDBClient.connectionString(withOption(url, 'defaultDeadline=1'));
    const stream = newStream();
    const large = Array.from({ length: 3_000 }, () => event('Late', { text: 'x'.repeat(100) }));
    await refused(late.appendToStream(stream, large), DeadlineExceededError);
    await late.dispose();
  },
};
