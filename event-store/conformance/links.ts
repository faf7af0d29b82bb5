import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import {
  BACKWARDS,
  binaryEvent,
  END,
  StreamNotFoundError,
  type BinaryEventData,
  type ReadStreamOptions,
  type ResolvedEvent,
} from '@eventstore/db-client';
import {
  collect,
  event,
  events,
  follow,
  ids,
  newCategory,
  refused,
  revisions,
  sentBy,
  Skipped,
  upTo,
  type Cases,
  type Server,
} from './case.ts';
import { followedUnderLoad } from './subscriptions.ts';

/** System projections write their streams a little after the events. */
const PROJECTED_WITHIN_MS = 5_000;
const PROJECTED_CHECK_MS = 20;

const link = (target: string): BinaryEventData =>
  binaryEvent({ type: '$>', data: Buffer.from(target) });
const targets = (read: ResolvedEvent[]): string[] =>
  read.map((each) => Buffer.from(each.event!.data as Uint8Array).toString());

/** Resolves when a computed stream has so many links, or skips where the server computes none. */
export async function linked({ client }: Server, stream: string, count: number): Promise<void> {
  const deadline = Date.now() + PROJECTED_WITHIN_MS;
  for (;;) {
    const found = await collect(client.readStream(stream)).catch((error: unknown) => {
      if (error instanceof StreamNotFoundError) return [];
      throw error;
    });
    if (found.length >= count) return;
    if (Date.now() > deadline) {
      assert.equal(found.length, 0, `${stream} has ${found.length} of ${count} links`);
      throw new Skipped('the system projections are not running');
    }
    await setTimeout(PROJECTED_CHECK_MS);
  }
}

const byHand: Cases = {
  'a link is an event like any other until it is resolved': async ({ client, newStream }) => {
    const [stream, links] = [newStream(), newStream()];
    const original = event('Original', { n: 1 });
    await client.appendToStream(stream, [event(), original]);
    const appended = link(`1@${stream}`);
    await client.appendToStream(links, appended);
    const [plain] = await collect(client.readStream(links));
    assert.equal(plain!.event!.type, '$>');
    assert.equal(plain!.event!.id, appended.id);
    assert.equal(plain!.link, undefined);
    const [resolved] = await collect(client.readStream(links, { resolveLinkTos: true }));
    assert.equal(resolved!.event!.id, original.id);
    assert.equal(resolved!.event!.streamId, stream);
    assert.equal(resolved!.event!.revision, 1n);
    assert.deepEqual(resolved!.event!.data, { n: 1 });
    assert.equal(resolved!.link!.id, appended.id);
    assert.equal(resolved!.link!.streamId, links);
    assert.equal(resolved!.link!.revision, 0n);
  },

  'links and events may be in one stream': async ({ client, newStream }) => {
    const [stream, mixed] = [newStream(), newStream()];
    const [original, own] = [event(), event()];
    await client.appendToStream(stream, original);
    await client.appendToStream(mixed, [own, link(`0@${stream}`)]);
    const options = { resolveLinkTos: true, direction: BACKWARDS, fromRevision: END } as const;
    const read = await collect(client.readStream(mixed, options));
    assert.deepEqual(ids(read), [original.id, own.id]);
    assert.deepEqual(
      read.map((each) => each.link?.revision),
      [1n, undefined],
    );
  },

  'a link whose event is gone is sent without an event': async ({ client, newStream }) => {
    const [deleted, buried, cut, links] = [newStream(), newStream(), newStream(), newStream()];
    for (const stream of [deleted, buried, cut]) await client.appendToStream(stream, events(2));
    await client.deleteStream(deleted);
    await client.tombstoneStream(buried);
    await client.setStreamMetadata(cut, { truncateBefore: 1 });
    const gone = [`0@${deleted}`, `0@${buried}`, `0@${cut}`, `7@${cut}`, `0@${newStream()}`];
    await client.appendToStream(links, [...gone, `1@${cut}`].map(link));
    const read = await collect(client.readStream(links, { resolveLinkTos: true }));
    assert.deepEqual(
      read.map((each) => each.event?.revision),
      [undefined, undefined, undefined, undefined, undefined, 1n],
    );
    assert.deepEqual(
      read.map((each) => each.link?.revision),
      upTo(6),
    );
  },

  '$all and subscriptions resolve links when asked': async ({ client, newStream }) => {
    const [stream, links] = [newStream(), newStream()];
    const original = event();
    await client.appendToStream(stream, original);
    const { position } = await client.appendToStream(links, link(`0@${stream}`));
    const at = { fromPosition: position!, maxCount: 1 };
    const [plain] = await collect(client.readAll(at));
    const [resolved] = await collect(client.readAll({ ...at, resolveLinkTos: true }));
    assert.equal(plain!.event!.type, '$>');
    assert.equal(resolved!.event!.id, original.id);
    assert.deepEqual(resolved!.link!.position, position);
    const sent = await sentBy(client.subscribeToStream(links, { resolveLinkTos: true }));
    assert.deepEqual(ids(sent), [original.id]);
    const unresolved = await sentBy(client.subscribeToStream(links));
    assert.equal(unresolved[0]!.event!.type, '$>');
  },
};

const computed: Cases = {
  '$ce- has a link to each event of a category, in the order of $all': async (server) => {
    const { client, newStream } = server;
    const category = newCategory();
    const [a, b] = [newStream(category), newStream(category)];
    const sent = events(4);
    for (const [at, each] of sent.entries()) await client.appendToStream(at % 2 ? b : a, each);
    await client.appendToStream(newStream(), event());
    await linked(server, `$ce-${category}`, 4);
    const plain = await collect(client.readStream(`$ce-${category}`));
    assert.deepEqual(targets(plain), [`0@${a}`, `0@${b}`, `1@${a}`, `1@${b}`]);
    assert.deepEqual(revisions(plain), upTo(4));
    assert.ok(plain.every((each) => each.event!.type === '$>'));
    const resolved = await collect(client.readStream(`$ce-${category}`, { resolveLinkTos: true }));
    assert.deepEqual(ids(resolved), ids(sent));
    assert.deepEqual(
      resolved.map((each) => each.link?.id),
      ids(plain),
    );
    assert.ok(resolved.every((each) => each.link!.streamId === `$ce-${category}`));
  },

  'a category ends at the first hyphen': async (server) => {
    const { client } = server;
    const category = newCategory();
    const streams = [
      `${category}-a-b`,
      `${category}-c`,
      category,
      `${category}x-d`,
      `$${category}-e`,
    ];
    for (const stream of streams) await client.appendToStream(stream, event());
    await linked(server, `$ce-${category}`, 2);
    assert.deepEqual(targets(await collect(client.readStream(`$ce-${category}`))), [
      `0@${category}-a-b`,
      `0@${category}-c`,
    ]);
  },

  '$et- has a link to each event of a type': async (server) => {
    const { client, newStream } = server;
    const type = newCategory();
    const [a, b] = [newStream(), newStream()];
    await client.appendToStream(a, [event(), event(type), event()]);
    await client.appendToStream(b, event(type));
    await linked(server, `$et-${type}`, 2);
    const read = await collect(client.readStream(`$et-${type}`));
    assert.deepEqual(targets(read), [`1@${a}`, `0@${b}`]);
    const resolved = await collect(client.readStream(`$et-${type}`, { resolveLinkTos: true }));
    assert.ok(resolved.every((each) => each.event!.type === type));
  },

  'a link in a category is linked to by what it links to': async (server) => {
    const { client, newStream } = server;
    const category = newCategory();
    const stream = newStream();
    const original = event();
    await client.appendToStream(stream, original);
    await client.appendToStream(newStream(category), link(`0@${stream}`));
    await linked(server, `$ce-${category}`, 1);
    assert.deepEqual(targets(await collect(client.readStream(`$ce-${category}`))), [`0@${stream}`]);
    const options = { resolveLinkTos: true };
    const read = await collect(client.readStream(`$ce-${category}`, options));
    assert.deepEqual(ids(read), [original.id]);
  },

  'a computed stream reads from anywhere, both ways, as far as asked': async (server) => {
    const { client, newStream } = server;
    const category = newCategory();
    await client.appendToStream(newStream(category), events(1_200));
    const stream = `$ce-${category}`;
    await linked(server, stream, 1_200);
    const read = async (options: ReadStreamOptions): Promise<unknown> => {
      const plain = await collect(client.readStream(stream, options));
      const resolved = await collect(
        client.readStream(stream, { ...options, resolveLinkTos: true }),
      );
      assert.deepEqual(
        resolved.map((each) => each.link?.revision),
        revisions(plain),
      );
      return revisions(plain);
    };
    const all = upTo(1_200);
    assert.deepEqual(await read({}), all);
    assert.deepEqual(await read({ fromRevision: 700n }), all.slice(700));
    assert.deepEqual(await read({ fromRevision: 3n, maxCount: 2 }), [3n, 4n]);
    assert.deepEqual(await read({ fromRevision: 1_200n }), []);
    const backwards = { direction: BACKWARDS } as const;
    assert.deepEqual(await read({ ...backwards, fromRevision: END }), all.toReversed());
    assert.deepEqual(await read({ ...backwards, fromRevision: 1n }), [1n, 0n]);
    assert.deepEqual(await read({ ...backwards, fromRevision: 9_999n, maxCount: 1 }), [1_199n]);
    assert.deepEqual(await read({ ...backwards, fromRevision: 600n, maxCount: 2 }), [600n, 599n]);
  },

  'a category or a type that nothing has is not found': async (server) => {
    const category = newCategory();
    for (const stream of [`$ce-${category}`, `$et-${category}`])
      for (const options of [{}, { direction: BACKWARDS, fromRevision: END }] as const) {
        const read = collect(server.client.readStream(stream, options));
        assert.equal((await refused(read, StreamNotFoundError)).streamName, stream);
      }
  },

  'a category keeps the links to a deleted stream': async (server) => {
    const { client, newStream } = server;
    const category = newCategory();
    const [gone, kept] = [newStream(category), newStream(category)];
    await client.appendToStream(gone, event());
    await client.appendToStream(kept, event());
    await linked(server, `$ce-${category}`, 2);
    await client.deleteStream(gone);
    const read = await collect(client.readStream(`$ce-${category}`, { resolveLinkTos: true }));
    assert.deepEqual(
      read.slice(0, 2).map((each) => [each.event?.streamId, each.link?.revision]),
      [
        [undefined, 0n],
        [kept, 1n],
      ],
    );
  },

  'a subscription to a category sends what was and what comes': async (server) => {
    const { client, newStream } = server;
    const category = newCategory();
    const sent = events(6);
    const append = (each: (typeof sent)[number]) =>
      client.appendToStream(newStream(category), each);
    for (const each of sent.slice(0, 3)) await append(each);
    await linked(server, `$ce-${category}`, 3);
    const subscribe = (fromRevision: bigint | typeof END | undefined) =>
      client.subscribeToStream(`$ce-${category}`, {
        resolveLinkTos: true,
        ...(fromRevision !== undefined && { fromRevision }),
      });
    const open = [subscribe(undefined), subscribe(1n), subscribe(END), subscribe(4n)];
    const followed = open.map(follow);
    for (const { signals, until } of followed) await until(() => signals.includes('caughtUp'));
    for (const each of sent.slice(3)) await append(each);
    const expected = [sent, sent.slice(2), sent.slice(3), sent.slice(5)];
    for (const [at, { got, until }] of followed.entries()) {
      await until(() => got.length >= expected[at]!.length);
      assert.deepEqual(ids(got), ids(expected[at]!));
      const first = BigInt(sent.length - got.length);
      assert.deepEqual(
        got.map((each) => each.link!.revision),
        upTo(got.length).map((each) => first + each),
      );
    }
    for (const subscription of open) await subscription.unsubscribe();
  },

  'a subscription waits for a category that nothing has yet': async (server) => {
    const { client, newStream } = server;
    const [known, category] = [newCategory(), newCategory()];
    await client.appendToStream(newStream(known), event());
    await linked(server, `$ce-${known}`, 1);
    const subscription = client.subscribeToStream(`$ce-${category}`, { resolveLinkTos: true });
    const { got, signals, until } = follow(subscription);
    await until(() => signals.includes('confirmation'));
    const first = event();
    await client.appendToStream(newStream(category), first);
    await until(() => got.length === 1);
    assert.deepEqual(ids(got), [first.id]);
    await subscription.unsubscribe();
  },

  'a category misses and repeats nothing between catching up and live, under load': async (
    server,
  ) => {
    const { client, newStream } = server;
    const category = newCategory();
    await client.appendToStream(newStream(category), event());
    await linked(server, `$ce-${category}`, 1);
    const subscribe = () =>
      client.subscribeToStream(`$ce-${category}`, { fromRevision: 0n, resolveLinkTos: true });
    for (const { got } of await followedUnderLoad(server, category, subscribe))
      assert.deepEqual(
        got.map((each) => each.link!.revision),
        upTo(got.length).map((each) => each + 1n),
      );
  },
};

export const links: Cases = { ...byHand, ...computed };
