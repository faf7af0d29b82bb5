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
import projectionsPb from '@eventstore/db-client/generated/projections_pb.js';
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import featuresPb from '@eventstore/db-client/generated/serverfeatures_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import usersGrpc from '@eventstore/db-client/generated/users_grpc_pb.js';
import { serveAppend, serveBatchAppend, serveDelete } from './appends.ts';
import { checkCredentials, type Users } from './credentials.ts';
import { openLog, type Log } from './log.ts';
import { PersistentSubscriptions, type ConsumerCall } from './persistent.ts';
import { asRefusal, closing, refusal } from './refusals.ts';
import { serveRead, type ReadCall } from './reads.ts';
import type { Frames } from './protobuf.ts';

/** The protocol that is spoken here, and the answers that are given, are those of this release. */
const SERVER_VERSION = '24.10.4-local';
/**
 * Larger than any append that is accepted, so that a too large one is told so rather than cut off.
 */
const MAX_MESSAGE_BYTES = 17 * 1024 * 1024;
const CLOSE_GRACE_MS = 1_000;

/** Services with the sentence that answers each of their calls. */
const NOT_SERVED: [service: grpc.ServiceDefinition, why: string][] = [
  [
    usersGrpc.UsersService,
    'The local event store manages no users: it is given them when it starts.',
  ],
  [
    operationsGrpc.OperationsService,
    'The local event store needs no operations: it has no scavenge, no index merge and no cluster.',
  ],
  [
    monitoringGrpc.MonitoringService,
    'The local event store keeps no statistics: watch its process and its log.',
  ],
];

const NO_PROJECTIONS =
  'The local event store runs no projections: read or subscribe to $ce- and $et- streams.';
/** Their streams are computed when they are read: nobody need enable them, and everybody may. */
const ALWAYS_ON = ['$by_category', '$by_event_type'];

export type EventStore = {
  /** A connection string for @eventstore/db-client. */
  url: string;
  port: number;
  /** Settles when the store cannot go on, with the reason. It acknowledges nothing from then on. */
  failed: Promise<Error>;
  /** Answers the appends that it took, ends every call as UNAVAILABLE and closes the files. */
  close: () => Promise<void>;
};

export type EventStoreOptions = {
  dir: string;
  /** Answers before the disk has it. Only ever to measure what the disk costs. */
  noSync?: boolean;
  host?: string | undefined;
  /** 0 is any free one; with a fixed one a restart is found at the same address. */
  port?: number | undefined;
  /** A certificate and its key, in PEM. */
  tls?: { certificate: Buffer; key: Buffer } | undefined;
  /** Who may call; without, any credentials are accepted, and none. */
  users?: Users | undefined;
  /** Told of each read and write that comes upon a damaged file; its caller gets DATA_LOSS. */
  damaged?: (reason: string) => void;
};

/** Serves the log in `dir`. */
export async function startEventStore(options: EventStoreOptions): Promise<EventStore> {
  const { dir, noSync = false, host = '127.0.0.1', tls, users, damaged = () => {} } = options;
  if (users && !tls)
    throw new Error(
      'Users need TLS, with a certificate and a key: clients send passwords only so.',
    );
  const log = await openLog({ dir, noSync }, damaged);
  const server = new grpc.Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    interceptors: users ? [checkCredentials(users)] : [],
  });
  const calls = new Set<OpenCall>();
  const track = (call: OpenCall): void => {
    calls.add(call);
    call.on('cancelled', () => calls.delete(call));
  };
  addStreams(server, log, track);
  const persistent = new PersistentSubscriptions(log);
  addPersistentSubscriptions(server, persistent, track);
  addServerFeatures(server);
  addGossip(server);
  addProjections(server);
  for (const [service, why] of NOT_SERVED)
    server.addService(
      service,
      refusingAll(service, () => refusal(grpc.status.UNIMPLEMENTED, why)),
    );

  const port = await listen(server, `${host}:${options.port ?? 0}`, tls).catch(
    async (error: unknown) => {
      await log.close();
      throw error;
    },
  );
  const close = async (): Promise<void> => {
    await persistent.close();
    await log.drain();
    // A turn of the event loop lets the last answers reach their calls, which then end behind them.
    await setImmediate();
    for (const call of calls) call.emit('error', closing());
    await shutDown(server);
    await log.close();
  };
  return {
    url: `esdb://${host}:${port}?tls=${tls !== undefined}`,
    port,
    failed: log.failed,
    close,
  };
}

type Answer = grpc.sendUnaryData<Buffer>;
type OpenCall = ReadCall | grpc.ServerDuplexStream<Buffer, Frames>;

const RAW_REQUEST = { requestDeserialize: (bytes: Buffer): Buffer => bytes };
const RAW_ANSWER = { responseSerialize: (answer: Buffer): Buffer => answer };
const FRAMED_ANSWERS = { responseSerialize: (frames: Frames) => frames as unknown as Buffer };

function addStreams(server: grpc.Server, log: Log, track: (call: OpenCall) => void): void {
  const { read, append, batchAppend, delete: remove, tombstone } = streamsGrpc.StreamsService;
  server.addService(
    {
      read: { ...read, ...FRAMED_ANSWERS },
      batchAppend: { ...batchAppend, ...RAW_REQUEST, ...FRAMED_ANSWERS },
      append: { ...append, ...RAW_REQUEST, ...RAW_ANSWER },
      delete: { ...remove, ...RAW_REQUEST, ...RAW_ANSWER },
      tombstone: { ...tombstone, ...RAW_REQUEST, ...RAW_ANSWER },
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

function addPersistentSubscriptions(
  server: grpc.Server,
  persistent: PersistentSubscriptions,
  track: (call: OpenCall) => void,
): void {
  const unary =
    <Request, Response>(
      serve: (call: grpc.ServerUnaryCall<Request, Response>) => Promise<Response>,
    ): grpc.handleUnaryCall<Request, Response> =>
    (call, answer) => {
      if (Number(call.getDeadline()) <= Date.now())
        return answer(refusal(grpc.status.DEADLINE_EXCEEDED, 'The deadline has passed.'));
      void serve(call).then(
        (response) => answer(null, response),
        (error: unknown) => answer(asRefusal(error)),
      );
    };
  const { read } = persistentGrpc.PersistentSubscriptionsService;
  server.addService(
    {
      ...persistentGrpc.PersistentSubscriptionsService,
      read: { ...read, ...RAW_REQUEST, ...FRAMED_ANSWERS },
    },
    {
      create: unary(persistent.create.bind(persistent)),
      update: unary(persistent.update.bind(persistent)),
      delete: unary(persistent.delete.bind(persistent)),
      getInfo: unary(persistent.getInfo.bind(persistent)),
      list: unary(persistent.list.bind(persistent)),
      replayParked: unary(persistent.replayParked.bind(persistent)),
      restartSubsystem: unary(() => persistent.restartSubsystem()),
      read: (call: ConsumerCall) => {
        track(call);
        persistent.read(call);
      },
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
  const add = (definition: object, features: string[]): void => {
    for (const { path } of Object.values(definition) as { path: string }[]) {
      const [, service = '', method = ''] = path.split('/');
      const supported = new featuresPb.SupportedMethod();
      supported.setServiceName(service.toLowerCase());
      supported.setMethodName(method.toLowerCase());
      supported.setFeaturesList(features);
      served.addMethods(supported);
    }
  };
  add(streamsGrpc.StreamsService, []);
  add(persistentGrpc.PersistentSubscriptionsService, ['stream', 'all']);
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

function addProjections(server: grpc.Server): void {
  const refuse = (): grpc.ServiceError => refusal(grpc.status.UNIMPLEMENTED, NO_PROJECTIONS);
  const enable: grpc.handleUnaryCall<projectionsPb.EnableReq, projectionsPb.EnableResp> = (
    { request },
    done,
  ) => {
    const name = request.getOptions()?.getName() ?? '';
    if (ALWAYS_ON.includes(name)) done(null, new projectionsPb.EnableResp());
    else done(refuse());
  };
  const { ProjectionsService: service } = projectionsGrpc;
  server.addService(service, { ...refusingAll(service, refuse), enable });
}

/** Answers each call of a service with an error. */
function refusingAll(
  service: grpc.ServiceDefinition,
  refuse: () => grpc.ServiceError,
): grpc.UntypedServiceImplementation {
  const answer = (
    call: grpc.ServerWritableStream<unknown, unknown>,
    done?: grpc.sendUnaryData<unknown>,
  ): void => {
    if (done) done(refuse());
    else call.emit('error', refuse());
  };
  return Object.fromEntries(Object.keys(service).map((method) => [method, answer]));
}

const listen = (
  server: grpc.Server,
  address: string,
  tls: EventStoreOptions['tls'],
): Promise<number> =>
  new Promise((resolve, reject) => {
    const credentials = tls
      ? grpc.ServerCredentials.createSsl(null, [
          { cert_chain: tls.certificate, private_key: tls.key },
        ])
      : grpc.ServerCredentials.createInsecure();
    server.bindAsync(address, credentials, (error, port) =>
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
