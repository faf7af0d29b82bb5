import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { EventStoreDBClient, NotLeaderError } from '@eventstore/db-client';
import {
  collect,
  credentialsOf,
  events,
  ids,
  meet,
  refused,
  Skipped,
  type Cases,
  type Node,
  type Server,
} from './case.ts';

const REPLICATED_WITHIN_MS = 5_000;
const REPLICATED_CHECK_MS = 20;

/** The address of one node, with the credentials and the options of the cluster's. */
const addressOf = (url: string, { address, port }: Node): string =>
  url.replace(/^esdb(?:\+discover)?:\/\/((?:[^@/]*@)?)[^/?]+/, `esdb://$1${address}:${port}`);

/** The leader, and a client of a follower. Skips where there is one node. */
async function withFollower(
  { client, url }: Server,
  run: (follower: EventStoreDBClient, leader: Node) => Promise<void>,
): Promise<void> {
  const { nodes } = await meet(client);
  const leader = nodes.find(({ state }) => state === 'leader');
  const follower = nodes.find(({ state }) => state === 'follower');
  if (nodes.length < 2) throw new Skipped('the server is one node');
  assert.ok(leader && follower, 'The cluster has a leader and a follower.');
  const ofFollower = EventStoreDBClient.connectionString(addressOf(url, follower));
  try {
    await run(ofFollower, leader);
  } finally {
    await ofFollower.dispose();
  }
}

/** Asks until it is so: a follower is a little behind. */
async function soon(isIt: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + REPLICATED_WITHIN_MS;
  while (!(await isIt())) {
    assert.ok(Date.now() < endMs, `It was not so within ${REPLICATED_WITHIN_MS / 1000} s.`);
    await setTimeout(REPLICATED_CHECK_MS);
  }
}

export const cluster: Cases = {
  'a follower forwards an append to the leader, and has it soon': async (server) =>
    withFollower(server, async (follower) => {
      const [stream, sent] = [server.newStream(), events(2)];
      // By the unary call: what waits for the other one is shared by all clients of a process.
      const own = { credentials: credentialsOf(server.url), requiresLeader: false };
      const { nextExpectedRevision } = await follower.appendToStream(stream, sent, own);
      assert.equal(nextExpectedRevision, 1n);
      const read = server.client.readStream(stream, { requiresLeader: true });
      assert.deepEqual(ids(await collect(read)), ids(sent));
      const options = { requiresLeader: false };
      await soon(async () => {
        const found = await collect(follower.readStream(stream, options)).catch(() => []);
        return found.length === 2;
      });
    }),

  'a follower refuses what requires the leader, and names it': async (server) => {
    const [stream, sent] = [server.newStream(), events(1)];
    const own = { credentials: credentialsOf(server.url), requiresLeader: true };
    await withFollower(server, async (follower, leader) => {
      const append = follower.appendToStream(stream, sent, own);
      const { leader: named } = await refused(append, NotLeaderError);
      assert.deepEqual([named.address, named.port], [leader.address, leader.port]);
      // The client goes there by itself.
      await follower.appendToStream(stream, sent, own);
    });
    await withFollower(server, async (follower) => {
      const read = collect(follower.readStream(stream, { requiresLeader: true }));
      await refused(read, NotLeaderError);
    });
    assert.deepEqual(ids(await collect(server.client.readStream(stream))), ids(sent));
  },

  'the position that an append answers with is readable, at a follower too': async (server) =>
    withFollower(server, async (follower) => {
      const [stream, sent] = [server.newStream(), events(1)];
      const { position } = await server.client.appendToStream(stream, sent);
      const options = { fromPosition: position!, maxCount: 1 };
      for (const [client, requiresLeader] of [
        [server.client, true],
        [follower, false],
      ] as const)
        await soon(async () => {
          const read = await collect(client.readAll({ ...options, requiresLeader }));
          return ids(read)[0] === sent[0]!.id;
        });
    }),
};
