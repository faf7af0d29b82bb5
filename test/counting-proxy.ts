import { EventEmitter, once } from 'node:events';
import { connect, constants, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';

const READ_PATH = '/event_store.client.streams.Streams/Read';
/** Before each message of gRPC: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

/** Subscriptions that are open, and the events that any has delivered. */
class Counts extends EventEmitter {
  subscriptions = 0;
  delivered = 0;

  /** Resolves once so many events were delivered. */
  async reach(delivered: number): Promise<void> {
    while (this.delivered < delivered) await once(this, 'delivered');
  }
}

/** A way to an event store (`esdb://…?tls=false`) that counts how much of the log is followed. */
export async function startCountingProxy(eventStoreUrl: string) {
  const counts = new Counts();
  const upstream = connect(eventStoreUrl.replace(/^esdb:/, 'http:').replace(/\?.*$/, ''));
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const request = upstream.request(headers);
    passOn(stream, request);
    if (headers[':path'] === READ_PATH) count(stream, request, counts);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `esdb://127.0.0.1:${(server.address() as AddressInfo).port}?tls=false`,
    counts,
    async stop() {
      upstream.destroy();
      server.close();
    },
  };
}

type Upstream = ReturnType<ReturnType<typeof connect>['request']>;

function passOn(stream: ServerHttp2Stream, request: Upstream): void {
  let trailers = {};
  stream.pipe(request);
  request.on('response', (headers, flags) => {
    if (stream.closed) return;
    const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    stream.respond(headers, { endStream, waitForTrailers: !endStream });
    if (!endStream) request.pipe(stream);
  });
  request.on('trailers', (sent) => (trailers = sent));
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  // Either end may be gone at any time: a process of a test is killed.
  stream.on('error', () => request.close(constants.NGHTTP2_CANCEL));
  stream.on('close', () => request.close(constants.NGHTTP2_CANCEL));
  request.on('error', () => stream.close(constants.NGHTTP2_CANCEL));
}

function count(stream: ServerHttp2Stream, request: Upstream, counts: Counts): void {
  let isSubscription = false;
  stream.on(
    'data',
    messagesIn((message) => {
      const options = streamsPb.ReadReq.deserializeBinary(message).getOptions();
      isSubscription = options?.hasSubscription() ?? false;
      if (!isSubscription) return;
      counts.subscriptions += 1;
      stream.on('close', () => (counts.subscriptions -= 1));
    }),
  );
  request.on(
    'data',
    messagesIn((message) => {
      if (!isSubscription) return;
      if (!streamsPb.ReadResp.deserializeBinary(message).hasEvent()) return;
      counts.delivered += 1;
      counts.emit('delivered');
    }),
  );
}

/** Cuts what arrives into messages of gRPC. */
function messagesIn(onMessage: (message: Uint8Array) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + rest.readUInt32BE(1);
      if (rest.length < end) return;
      onMessage(rest.subarray(PREFIX_BYTES, end));
      rest = rest.subarray(end);
    }
  };
}
