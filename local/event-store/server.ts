/** EventStoreDB's gRPC services over the local log. */
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossipPb from '@eventstore/db-client/generated/gossip_pb.js';
import monitoringGrpc from '@eventstore/db-client/generated/monitoring_grpc_pb.js';
import operationsGrpc from '@eventstore/db-client/generated/operations_grpc_pb.js';
import persistentGrpc from '@eventstore/db-client/generated/persistent_grpc_pb.js';
import projectionsGrpc from '@eventstore/db-client/generated/projections_grpc_pb.js';
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import featuresPb from '@eventstore/db-client/generated/serverfeatures_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import usersGrpc from '@eventstore/db-client/generated/users_grpc_pb.js';
import { serveAppend, serveBatchAppend, serveDelete } from './appends.ts';
import { openLog, type Log } from './log.ts';
import { closing, refusal } from './refusals.ts';
import { serveRead, type ReadCall } from './reads.ts';
import type { Frames } from './protobuf.ts';

/** The protocol that is spoken here is that of this release. */
const SERVER_VERSION = '23.10.0';
/**
 * Larger than any append that is accepted, so that a too large one is told so rather than cut off.
 */
const MAX_MESSAGE_BYTES = 17 * 1024 * 1024;
const CLOSE_GRACE_MS = 1_000;

const NOT_SERVED = {
  'Persistent subscriptions': persistentGrpc.PersistentSubscriptionsService,
  'Server-side projections': projectionsGrpc.ProjectionsService,
  Users: usersGrpc.UsersService,
  Operations: operationsGrpc.OperationsService,
  Monitoring: monitoringGrpc.MonitoringService,
};

export type EventStore = {
  /** A connection string for @eventstore/db-client. */
  url: string;
  port: number;
  /** Settles when the store cannot go on, with the reason. It acknowledges nothing from then on. */
  failed: Promise<Error>;
  /** Answers the appends that it took, ends every call as UNAVAILABLE and closes the files. */
  close: () => Promise<void>;
};

/**
 * Serves the log in `dir`. Port 0 is any free one; with a fixed one a restart is found at the same
 * address.
 */
export async function startEventStore(options: {
  dir: string;
  host?: string;
  port?: number;
  /** Told of each read and write that comes upon a damaged file; its caller gets DATA_LOSS. */
  damaged?: (reason: string) => void;
}): Promise<EventStore> {
  const host = options.host ?? '127.0.0.1';
  const log = await openLog(options.dir, options.damaged ?? (() => {}));
  const server = new grpc.Server({ 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES });
  const calls = new Set<OpenCall>();
  addStreams(server, log, (call) => {
    calls.add(call);
    call.on('cancelled', () => calls.delete(call));
  });
  addServerFeatures(server);
  addGossip(server);
  for (const [name, service] of Object.entries(NOT_SERVED)) addNotServed(server, name, service);

  const port = await listen(server, `${host}:${options.port ?? 0}`).catch(
    async (error: unknown) => {
      await log.close();
      throw error;
    },
  );
  const close = async (): Promise<void> => {
    await log.drain();
    // A turn of the event loop lets the last answers reach their calls, which then end behind them.
    await setImmediate();
    for (const call of calls) call.emit('error', closing());
    await shutDown(server);
    await log.close();
  };
  return { url: `esdb://${host}:${port}?tls=false`, port, failed: log.failed, close };
}

type Answer = grpc.sendUnaryData<Buffer>;
type OpenCall = ReadCall | grpc.ServerDuplexStream<Buffer, Frames>;

function addStreams(server: grpc.Server, log: Log, track: (call: OpenCall) => void): void {
  const rawRequest = { requestDeserialize: (bytes: Buffer): Buffer => bytes };
  const rawAnswer = { responseSerialize: (answer: Buffer): Buffer => answer };
  const framedAnswers = { responseSerialize: (frames: Frames) => frames as unknown as Buffer };
  const { read, append, batchAppend, delete: remove, tombstone } = streamsGrpc.StreamsService;
  server.addService(
    {
      read: { ...read, ...framedAnswers },
      batchAppend: { ...batchAppend, ...rawRequest, ...framedAnswers },
      append: { ...append, ...rawRequest, ...rawAnswer },
      delete: { ...remove, ...rawRequest, ...rawAnswer },
      tombstone: { ...tombstone, ...rawRequest, ...rawAnswer },
    },
    {
      read: (call: ReadCall) => {
        track(call);
        void serveRead(call, log);
      },
      batchAppend: (call: grpc.ServerDuplexStream<Buffer, Frames>) => {
        track(call);
        serveBatchAppend(call, log);
      },
      append: (call: grpc.ServerReadableStream<Buffer, Buffer>, answer: Answer) =>
        serveAppend(call, answer, log),
      delete: (call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: Answer) =>
        void serveDelete('delete', call, answer, log),
      tombstone: (call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: Answer) =>
        void serveDelete('tombstone', call, answer, log),
    },
  );
}

/**
 * The client asks this before its first append, and sends BatchAppend only to a server that names
 * it.
 */
function addServerFeatures(server: grpc.Server): void {
  const served = new featuresPb.SupportedMethods();
  served.setEventStoreServerVersion(SERVER_VERSION);
  for (const { path } of Object.values(streamsGrpc.StreamsService) as { path: string }[]) {
    const [, service = '', method = ''] = path.split('/');
    const supported = new featuresPb.SupportedMethod();
    supported.setServiceName(service.toLowerCase());
    supported.setMethodName(method.toLowerCase());
    served.addMethods(supported);
  }
  const getSupportedMethods: grpc.handleUnaryCall<sharedPb.Empty, featuresPb.SupportedMethods> = (
    _,
    done,
  ) => done(null, served);
  server.addService(featuresGrpc.ServerFeaturesService, { getSupportedMethods });
}

/** A cluster of one: clients that look for the leader find it at the address where they asked. */
function addGossip(server: grpc.Server): void {
  const instance = new sharedPb.UUID();
  instance.setString(randomUUID());
  const read: grpc.handleUnaryCall<sharedPb.Empty, gossipPb.ClusterInfo> = (call, done) => {
    const { hostname, port } = new URL(`http://${call.getHost()}`);
    const address = new gossipPb.EndPoint();
    address.setAddress(hostname);
    address.setPort(Number(port));
    const self = new gossipPb.MemberInfo();
    self.setInstanceId(instance);
    self.setTimeStamp(String(Date.now() * 10_000));
    self.setState(gossipPb.MemberInfo.VNodeState.LEADER);
    self.setIsAlive(true);
    self.setHttpEndPoint(address);
    const cluster = new gossipPb.ClusterInfo();
    cluster.setMembersList([self]);
    done(null, cluster);
  };
  server.addService(gossipGrpc.GossipService, { read });
}

function addNotServed(server: grpc.Server, name: string, service: grpc.ServiceDefinition): void {
  const refuse = (
    call: grpc.ServerWritableStream<unknown, unknown>,
    done?: grpc.sendUnaryData<unknown>,
  ): void => {
    const error = refusal(
      grpc.status.UNIMPLEMENTED,
      `${name} are not served by the local event store.`,
    );
    if (done) done(error);
    else call.emit('error', error);
  };
  server.addService(
    service,
    Object.fromEntries(Object.keys(service).map((method) => [method, refuse])),
  );
}

const listen = (server: grpc.Server, address: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });

/** Lets the last answers leave, but does not wait for clients that keep their connection open. */
const shutDown = (server: grpc.Server): Promise<void> =>
  new Promise((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), CLOSE_GRACE_MS);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
