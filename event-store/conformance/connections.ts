import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import {
  EventStoreDBClient,
  persistentSubscriptionToStreamSettingsFromDefaults as toStream,
} from '@eventstore/db-client';
import {
  collect,
  event,
  events,
  follow,
  ids,
  newGroup,
  withOption,
  type Cases,
  type Server,
} from './case.ts';

/** Appends with the one client that does, and reads with one of another address. */
async function readThrough({ client, newStream }: Server, url: string): Promise<void> {
  const [stream, sent] = [newStream(), events(2)];
  await client.appendToStream(stream, sent);
  const other = EventStoreDBClient.connectionString(url);
  assert.deepEqual(ids(await collect(other.readStream(stream))), ids(sent));
  await other.dispose();
}

/** The address with every node named twice, by which the client asks who is in the cluster. */
const asCluster = (url: string): string =>
  url.replace(/^(esdb:\/\/(?:[^@/]*@)?)([^/?]+)/, '$1$2,$2');

const PINGS_MS = 300;

export const connections: Cases = {
  'esdb+discover finds the node': async (server) =>
    readThrough(server, server.url.replace(/^esdb:/, 'esdb+discover:')),

  'whichever node is preferred, one is found': async (server) => {
    for (const preference of ['leader', 'follower', 'random', 'read_only_replica'])
      await readThrough(server, withOption(asCluster(server.url), `nodePreference=${preference}`));
  },

  'a call may ask for the leader, or not': async ({ client, newStream }) => {
    const [stream, sent] = [newStream(), events(2)];
    for (const [at, requiresLeader] of [true, false].entries()) {
      await client.appendToStream(stream, sent[at]!, { requiresLeader });
      const read = await collect(client.readStream(stream, { requiresLeader }));
      assert.deepEqual(ids(read), ids(sent.slice(0, at + 1)));
    }
  },

  'a connection has the name that it is given': async ({ client, url, newStream }) => {
    const [stream, group] = [newStream(), newGroup()];
    await client.createPersistentSubscriptionToStream(stream, group, toStream());
    const named = EventStoreDBClient.connectionString(withOption(url, 'connectionName=asha'));
    const subscription = named.subscribeToPersistentSubscriptionToStream(stream, group);
    await new Promise((resolve) => subscription.on('confirmation', resolve).on('data', () => {}));
    const info = await client.getPersistentSubscriptionToStreamInfo(stream, group);
    assert.deepEqual(
      info.connections.map(({ connectionName }) => connectionName),
      ['asha'],
    );
    await subscription.unsubscribe();
    await named.dispose();
  },

  'a connection that is kept alive, or is not, stays': async ({ client, url, newStream }) => {
    for (const option of ['keepAliveInterval=50', 'keepAliveInterval=-1&keepAliveTimeout=-1']) {
      const stream = newStream();
      await client.appendToStream(stream, event());
      const other = EventStoreDBClient.connectionString(withOption(url, option));
      const subscription = other.subscribeToStream(stream);
      const { got, signals, until } = follow(subscription);
      await until(() => signals.includes('caughtUp'));
      await setTimeout(PINGS_MS);
      await client.appendToStream(stream, event());
      await until(() => got.length === 2);
      assert.deepEqual(signals, ['confirmation', 'caughtUp']);
      await subscription.unsubscribe();
      await other.dispose();
    }
  },
};
