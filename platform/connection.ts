/**
 * The client's connection to the event store, with what it lacks: it waits for ever for a server that
 * has fallen silent, and goes back to the same one as long as a cluster's gossip names it. Here
 * whoever hears nothing for `SILENCE_MS` throws the connection away, so that the next who asks
 * discovers the cluster anew, until somebody answers.
 */
import { setImmediate } from 'node:timers/promises';
import { EventStoreDBClient } from '@eventstore/db-client';
import { isCommandError } from '@eventstore/db-client/dist/utils/CommandError.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { status, type CallOptions, type Metadata } from '@grpc/grpc-js';

/** A server that is well answers within some milliseconds. */
const SILENCE_MS = 2_500;
const TICK_MS = 250;
/** Of one member of a cluster that is asked who leads it; the client's own five are too long. */
const GOSSIP_TIMEOUT_S = 1;

type Call = { cancel(): void };
type GrpcClient = object;

/** What the client keeps to itself; version 6.2.1. */
type Connection = {
  GRPCStreamCreator<Opened>(
    service: typeof streamsGrpc.StreamsClient,
    name: string,
    open: (streams: streamsGrpc.StreamsClient) => Opened,
  ): () => Promise<Opened>;
  callArguments(
    own: { requiresLeader?: boolean },
    options: CallOptions,
  ): [metadata: Metadata, options: CallOptions];
  getGRPCClient(service: typeof streamsGrpc.StreamsClient, name: string): Promise<GrpcClient>;
  handleError(client: GrpcClient, error: Error): Promise<void>;
  disposableStreams: Set<Call>;
};

const connectionOf = (client: EventStoreDBClient): Connection => client as unknown as Connection;

/** Throws for a connection string that is none. */
export function connect(url: string): EventStoreDBClient {
  const mark = url.includes('?') ? '&' : '?';
  const isSet = /[?&]gossipTimeout=/i.test(url);
  return EventStoreDBClient.connectionString(
    isSet ? url : `${url}${mark}gossipTimeout=${GOSSIP_TIMEOUT_S}`,
  );
}

/**
 * Opens a call of the protocol's own at the leader, where there are several servers, which ends
 * when it is cancelled or the connection is lost.
 */
export function openCall<Opened extends Call>(
  client: EventStoreDBClient,
  name: string,
  start: (streams: streamsGrpc.StreamsClient, metadata: Metadata, options: CallOptions) => Opened,
): Promise<Opened> {
  const connection = connectionOf(client);
  const endless = { deadline: Infinity };
  return connection.GRPCStreamCreator(streamsGrpc.StreamsClient, name, (streams) => {
    const call = start(streams, ...connection.callArguments({ requiresLeader: true }, endless));
    wentOver.set(call, streams);
    return call;
  })();
}

/** The client has one at a time, and an older call may still be open on the last. */
const wentOver = new WeakMap<Call, GrpcClient>();

/** Whether what is asked now goes to where this call went. */
export async function isOnNewestConnection(
  client: EventStoreDBClient,
  call: Call,
): Promise<boolean> {
  const name = 'isOnNewestConnection';
  const newest = await connectionOf(client).getGRPCClient(streamsGrpc.StreamsClient, name);
  return wentOver.get(call) === newest;
}

/** An error after which nobody knows what happened: `isEventStoreUnavailable` holds for it. */
export const lost = (message: string): Error =>
  Object.assign(new Error(message), { type: 'unavailable', code: status.UNAVAILABLE });

/**
 * Throws the connection away that a call went over, and ends all that is open on it, as lost: whatever
 * is asked next finds a server anew. Of many who ask for it at once one does it, and whoever comes
 * late does no harm to the next connection.
 */
export async function discoverAnew(client: EventStoreDBClient, call: Call): Promise<void> {
  const connection = connectionOf(client);
  const grpc = wentOver.get(call);
  if (!grpc) return;
  await connection.handleError(grpc, lost('The event store does not answer.'));
  // What was just being opened is on the list only then.
  await setImmediate();
  for (const open of connection.disposableStreams) if (wentOver.get(open) === grpc) open.cancel();
}

/**
 * Calls back once when nothing was heard for `SILENCE_MS`. Time in which this process did not run, and
 * could therefore hear nothing, does not count.
 */
export class Silence {
  readonly #ticks: NodeJS.Timeout;
  readonly #fell = Promise.withResolvers<never>();
  #isPaused = false;
  #heardMs = performance.now();
  #tickedMs = this.#heardMs;

  constructor(onSilent: () => void) {
    // Whoever waits hears of it; where nobody does, it must not end the process.
    this.#fell.promise.catch(() => {});
    this.#ticks = setInterval(() => {
      const nowMs = performance.now();
      this.#heardMs += Math.max(0, nowMs - this.#tickedMs - 2 * TICK_MS);
      this.#tickedMs = nowMs;
      if (this.#isPaused) this.#heardMs = nowMs;
      if (nowMs - this.#heardMs < SILENCE_MS) return;
      this.end();
      this.#fell.reject(lost('The event store does not answer.'));
      onSilent();
    }, TICK_MS);
  }

  /** What was begun, or a rejection where it falls silent before. */
  orElse<T>(begun: Promise<T>): Promise<T> {
    return Promise.race([begun, this.#fell.promise]);
  }

  heard(): void {
    this.#isPaused = false;
    this.#heardMs = performance.now();
  }

  /** Nothing is listened for until something is heard. */
  pause(): void {
    this.#isPaused = true;
  }

  end(): void {
    clearInterval(this.#ticks);
  }
}

/**
 * Ends a read that has fallen silent, with all else that is open on the connection, as lost. As long
 * as it is not opened there is no connection to be given up.
 */
export function watchRead(client: EventStoreDBClient, opened: () => Call | undefined): Silence {
  return new Silence(() => {
    const call = opened();
    // The read itself tells that it was lost.
    if (call) discoverAnew(client, call).catch(() => {});
  });
}

/** A follower that was asked what only the leader answers. */
const NOT_LEADER = 'not-leader';

/** Refusals that a repeat would meet again; whatever else is said comes of the server's own trouble. */
const FINAL_TYPES = new Set([
  'wrong-expected-version',
  'stream-deleted',
  'stream-not-found',
  'no-stream',
  'not-found',
  'access-denied',
  'invalid-argument',
  'invalid-transaction',
  'maximum-append-size-exceeded',
  'missing-required-metadata-property',
  'unsupported',
]);
const FINAL_CODES = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.UNIMPLEMENTED,
  // What was found damaged stays so.
  status.DATA_LOSS,
]);

/**
 * Whether the event store could not do what it was asked just now, as against having refused it: it
 * is away, not ready, busy, without a leader, or has ended the call.
 */
export function isEventStoreUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.message.startsWith('Failed to discover')) return true;
  const { code, metadata } = error as { code?: unknown; metadata?: Metadata };
  const type = (error as { type?: unknown }).type ?? metadata?.get('exception')[0];
  // Its code is that of what is not found.
  if (type === NOT_LEADER) return true;
  const isOfServer = isCommandError(error) || (typeof code === 'number' && code in status);
  if (!isOfServer && type !== 'unavailable') return false;
  return !FINAL_CODES.has(code as number) && !FINAL_TYPES.has(type as string);
}
