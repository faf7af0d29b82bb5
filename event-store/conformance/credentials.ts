import assert from 'node:assert/strict';
import { AccessDeniedError, EventStoreDBClient, StreamNotFoundError } from '@eventstore/db-client';
import {
  collect,
  connect,
  credentialsOf,
  event,
  refused,
  Skipped,
  withCredentials,
  type Cases,
  type Server,
} from './case.ts';

/** Skips where the server lets everybody in, or where nobody told who may. */
async function needUsers({ url, newStream }: Server): Promise<void> {
  if (withCredentials(url, 'a:b').length === url.length + 'a:b@'.length)
    throw new Skipped('the address has no credentials');
  const { client } = connect(withCredentials(url, 'nobody:wrong'));
  const read = await collect(client.readStream(newStream())).catch((error: unknown) => error);
  await client.dispose();
  if (read instanceof StreamNotFoundError) throw new Skipped('the server checks no credentials');
}

/** Every kind of call is refused, and nothing is written. */
async function shutOut(server: Server, url: string): Promise<void> {
  const stream = server.newStream();
  const stranger = EventStoreDBClient.connectionString(url);
  for (const attempt of [
    () => stranger.appendToStream(stream, event()),
    () => stranger.appendToStream(stream, event(), { credentials: credentialsOf(url) }),
    () => stranger.deleteStream(stream),
    () => stranger.tombstoneStream(stream),
    () => stranger.setStreamMetadata(stream, {}),
    () => collect(stranger.readStream(stream)),
    () => collect(stranger.readAll({ maxCount: 1 })),
    () => collect(stranger.subscribeToStream(stream)),
    () => collect(stranger.subscribeToAll()),
  ])
    await refused(attempt(), AccessDeniedError);
  await stranger.dispose();
  await refused(collect(server.client.readStream(stream)), StreamNotFoundError);
}

export const credentials: Cases = {
  'a wrong password is refused, whatever is asked': async (server) => {
    await needUsers(server);
    const { username } = credentialsOf(server.url);
    await shutOut(server, withCredentials(server.url, `${encodeURIComponent(username)}:wrong`));
  },

  'an unknown user is refused, whatever is asked': async (server) => {
    await needUsers(server);
    await shutOut(server, withCredentials(server.url, 'nobody:anything'));
  },

  'the credentials of a call come before those of the connection': async (server) => {
    await needUsers(server);
    const { client, url, newStream } = server;
    const stream = newStream();
    const wrong = { credentials: { username: 'nobody', password: 'wrong' } };
    await refused(client.appendToStream(stream, event(), wrong), AccessDeniedError);
    await refused(collect(client.readStream(stream, wrong)), AccessDeniedError);
    const stranger = EventStoreDBClient.connectionString(withCredentials(url, 'nobody:wrong'));
    const right = { credentials: credentialsOf(url) };
    await stranger.appendToStream(stream, event(), right);
    assert.equal((await collect(stranger.readStream(stream, right))).length, 1);
    await stranger.dispose();
  },
};
