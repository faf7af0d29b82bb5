/**
 * The service PersistentSubscriptions: groups of consumers that share the events of a stream or of
 * $all. What groups there are is one document in the log, the stream that EventStoreDB has it in.
 */
import {
  status as code,
  type Metadata,
  type ServerDuplexStream,
  type ServiceError,
} from '@grpc/grpc-js';
import persistentPb from '@eventstore/db-client/generated/persistent_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import type { Log } from './log.ts';
import { CONFIG_STREAM, documentOf, parseConfigs } from './persistent-config.ts';
import {
  isStrategy,
  STRATEGIES,
  type Connection,
  type Consumer,
  type NackAction,
  type Settings,
} from './persistent-dispatch.ts';
import {
  ALL,
  append,
  deleteState,
  END,
  Group,
  ownEvent,
  readLast,
  type GroupConfig,
} from './persistent-group.ts';
import { infoOf } from './persistent-info.ts';
import { MalformedMessage } from '../platform/protobuf.ts';
import { frame, Frames } from './protobuf.ts';
import { filterOf, lastRevision } from './reads.ts';
import { asRefusal, closing, refusal } from './refusals.ts';
import { confirmationAnswer, decodeConsumerRequest, deliveryAnswer } from './wire.ts';

const { CreateResp, UpdateResp, DeleteResp, GetInfoResp, ListResp, ReplayParkedResp } =
  persistentPb;
const { Action } = persistentPb.ReadReq.Nack;

export type ConsumerCall = ServerDuplexStream<Buffer, Frames>;

const KEPT_CONFIGS = 2;
/** So much may wait for the connection of a consumer. */
const UNSENT_BYTES = 1024 * 1024;
const TICKS_PER_MS = 10_000;
/** The largest int64: what is above is a negative one, and -1 is the end. */
const LARGEST_REVISION = 2 ** 63;

type GroupName = { stream: string; group: string };

const NACK_ACTIONS: Record<number, NackAction | undefined> = {
  [Action.UNKNOWN]: 'retry',
  [Action.RETRY]: 'retry',
  [Action.PARK]: 'park',
  [Action.SKIP]: 'skip',
  // As EventStoreDB does, against its documentation: the event is let go, and the consumer goes on.
  [Action.STOP]: 'skip',
};

export class PersistentSubscriptions {
  private readonly log: Log;
  private loading: Promise<Map<string, Group>> | undefined;
  private changes: Promise<unknown> = Promise.resolve();
  private isClosing = false;
  /** A stream that had groups has a list of them, which may be empty. */
  private readonly listed = new Set<string>();

  constructor(log: Log) {
    this.log = log;
  }

  async create({ request }: { request: persistentPb.CreateReq }): Promise<persistentPb.CreateResp> {
    const options = request.getOptions();
    if (!options) throw refusal(code.INVALID_ARGUMENT, 'A group has options.');
    const name = { stream: streamOf(options), group: options.getGroupName() };
    const settings = settingsOf(name, options.getSettings());
    const filter = filterOf(options.getAll()?.getFilter());
    await this.change(async (groups) => {
      if (groups.has(keyOf(name))) throw exists(name);
      const config = { ...name, filter, settings, ...(await this.startOf(name, options)) };
      // Of a group of the same name whose deletion was interrupted.
      await deleteState(this.log, config);
      await this.save([...configsOf(groups), config]);
      groups.set(keyOf(name), new Group(this.log, config));
      this.listed.add(name.stream);
    });
    return new CreateResp();
  }

  /** Ends the subscriptions of all consumers, who come again to the group as it is now. */
  async update({ request }: { request: persistentPb.UpdateReq }): Promise<persistentPb.UpdateResp> {
    const options = request.getOptions();
    if (!options) throw refusal(code.INVALID_ARGUMENT, 'A group has options.');
    const name = { stream: streamOf(options), group: options.getGroupName() };
    const settings = settingsOf(name, options.getSettings());
    await this.change(async (groups) => {
      const old = existing(groups, name);
      const start = await this.startOf(name, options);
      const config = { ...name, filter: old.config.filter, settings, ...start };
      await this.save(configsOf(groups).map((each) => (each === old.config ? config : each)));
      await old.drop();
      groups.set(keyOf(name), new Group(this.log, config));
    });
    return new UpdateResp();
  }

  async delete({ request }: { request: persistentPb.DeleteReq }): Promise<persistentPb.DeleteResp> {
    const name = nameOf(request.getOptions());
    await this.change(async (groups) => {
      const { config } = existing(groups, name);
      await this.save(configsOf(groups).filter((each) => each !== config));
      await existing(groups, name).drop();
      groups.delete(keyOf(name));
      await deleteState(this.log, config);
    });
    return new DeleteResp();
  }

  async getInfo({
    request,
  }: {
    request: persistentPb.GetInfoReq;
  }): Promise<persistentPb.GetInfoResp> {
    const info = await infoOf(await this.group(nameOf(request.getOptions())));
    return new GetInfoResp().setSubscriptionInfo(info);
  }

  async list({ request }: { request: persistentPb.ListReq }): Promise<persistentPb.ListResp> {
    const options = request.getOptions()?.getListForStream();
    const stream = options && (options.hasAll() ? ALL : textOf(options.getStream()));
    const groups = [...(await this.groups()).values()].filter(
      ({ config }) => stream === undefined || config.stream === stream,
    );
    if (stream !== undefined && groups.length === 0 && !this.listed.has(stream))
      throw missing({ stream, group: '' });
    for (const group of groups) await load(group);
    return new ListResp().setSubscriptionsList(await Promise.all(groups.map(infoOf)));
  }

  async replayParked({
    request,
  }: {
    request: persistentPb.ReplayParkedReq;
  }): Promise<persistentPb.ReplayParkedResp> {
    const options = request.getOptions();
    const name = nameOf(options);
    const stopAt = options?.hasStopAt() ? Number(options.getStopAt()) : END;
    if (stopAt < 0)
      throw failed(name, 'Parked messages cannot be replayed up to a negative revision.');
    (await this.group(name)).replayParked(stopAt);
    return new ReplayParkedResp();
  }

  /** Ends all subscriptions, and reads what groups there are anew. */
  async restartSubsystem(): Promise<sharedPb.Empty> {
    await this.change(async (groups) => {
      for (const group of groups.values()) await group.drop();
      this.loading = undefined;
    });
    return new sharedPb.Empty();
  }

  /** Nothing is sent any more. Whoever has the calls ends them. */
  async close(): Promise<void> {
    this.isClosing = true;
    const groups = await this.loading?.catch(() => undefined);
    for (const group of groups?.values() ?? []) await group.close();
  }

  /** The call of a consumer: events out, acknowledgements in. */
  read(call: ConsumerCall): void {
    let isOver = false;
    let isFirst = true;
    let joined: { group: Group; consumer: Consumer } | undefined;
    const leave = (): void => {
      isOver = true;
      joined?.group.disconnect(joined.consumer);
    };
    const join = async (bytes: Buffer): Promise<void> => {
      const options = persistentPb.ReadReq.Options.deserializeBinary(bytes);
      const name = nameOf(options);
      const bufferSize = options.getBufferSize();
      if (bufferSize < 1)
        throw refusal(code.INVALID_ARGUMENT, 'A consumer has a buffer for one event or more.');
      const group = await this.group(name);
      if (isOver) return;
      if (group.isClosed) throw this.isClosing ? closing() : dropped(name);
      if (group.isFull) throw full(name);
      call.write(new Frames(frame([confirmationAnswer(keyOf(name))])));
      joined = { group, consumer: group.connect(connectionOf(call, group, bufferSize)) };
    };
    const receive = async (bytes: Buffer): Promise<void> => {
      const { options, acknowledged, refused, action, reason } = decodeConsumerRequest(bytes);
      if (isFirst !== (options !== undefined))
        throw new MalformedMessage('A subscription begins with its options, and has them once.');
      isFirst = false;
      if (options) await join(options);
      if (!joined) return;
      const { group } = joined;
      if (acknowledged.length > 0) group.dispatch.acknowledge(acknowledged);
      const nackAction = NACK_ACTIONS[action];
      if (refused.length > 0 && !nackAction)
        throw new MalformedMessage(`${action} is not how an event can be refused.`);
      if (refused.length > 0) group.dispatch.refuse(refused, nackAction!, reason);
    };
    call.on('data', (bytes: Buffer) => {
      if (!isOver) receive(bytes).catch((error: unknown) => call.emit('error', asRefusal(error)));
    });
    call.on('end', () => {
      leave();
      call.end();
    });
    call.on('error', leave);
    call.on('cancelled', leave);
  }

  /** Ready to be used. */
  private async group(name: GroupName): Promise<Group> {
    return load(existing(await this.groups(), name));
  }

  private groups(): Promise<Map<string, Group>> {
    this.loading ??= this.loadGroups().catch((error: unknown) => {
      this.loading = undefined;
      throw error;
    });
    return this.loading;
  }

  private async loadGroups(): Promise<Map<string, Group>> {
    const newest = await readLast(this.log, CONFIG_STREAM);
    const groups = new Map<string, Group>();
    for (const config of newest ? parseConfigs(newest.data.toString()) : []) {
      groups.set(keyOf(config), new Group(this.log, config));
      this.listed.add(config.stream);
    }
    return groups;
  }

  /** Changes are made one after the other, each on disk before it is in force. */
  private change(make: (groups: Map<string, Group>) => Promise<void>): Promise<void> {
    const made = this.changes.then(async () => make(await this.groups()));
    this.changes = made.catch(() => {
      // Whoever asked for it is told; the next one goes on.
    });
    return made;
  }

  private async save(configs: GroupConfig[]): Promise<void> {
    const [stream, metadataStream] = [CONFIG_STREAM, `$$${CONFIG_STREAM}`];
    if ((await lastRevision(this.log, metadataStream)) < 0) {
      const metadata = ownEvent(metadataStream, '$metadata', { $maxCount: KEPT_CONFIGS });
      await append(this.log, metadataStream, metadata);
    }
    const event = ownEvent(stream, '$PersistentConfig', documentOf(configs));
    const outcome = await append(this.log, stream, event);
    if (outcome.ok) return;
    if (outcome.reason === 'closing') throw closing();
    const reason = 'message' in outcome ? outcome.message : outcome.reason;
    throw refusal(code.INTERNAL, `The change was not written: ${reason}`);
  }

  /** The end is where it is now, so that a group misses nothing while nobody has subscribed. */
  private async startOf(
    name: GroupName,
    options: persistentPb.CreateReq.Options | persistentPb.UpdateReq.Options,
  ): Promise<{ startPosition: string; startFrom: number }> {
    const { log } = this;
    const all = options.getAll();
    if (all) {
      const position = all.getPosition();
      if (all.hasEnd()) return { startPosition: 'C:-1/P:-1', startFrom: log.head + 1 };
      if (!position) return { startPosition: 'C:0/P:0', startFrom: 0 };
      const [commit, prepare] = [position.getCommitPosition(), position.getPreparePosition()];
      if (Number(prepare) > Number(commit) || Number(commit) > log.head)
        throw failed(name, `C:${commit}/P:${prepare} is not a position in the log.`);
      return { startPosition: `C:${commit}/P:${prepare}`, startFrom: Number(commit) };
    }
    const stream = options.getStream();
    const old = Number(options.getSettings()?.getRevision() ?? 0);
    const isEnd = stream ? stream.hasEnd() : old >= LARGEST_REVISION;
    if (isEnd)
      return { startPosition: '-1', startFrom: (await lastRevision(log, name.stream)) + 1 };
    const startFrom = Math.min(stream ? Number(stream.getRevision()) : old, END);
    return { startPosition: String(startFrom), startFrom };
  }
}

// Requests

type StreamOptions = {
  hasAll: () => boolean;
  getStreamIdentifier: () => sharedPb.StreamIdentifier | undefined;
  getGroupName: () => string;
};

const textOf = (identifier: sharedPb.StreamIdentifier | undefined): string =>
  Buffer.from(identifier?.getStreamName_asU8() ?? []).toString();

function nameOf(options: StreamOptions | undefined): GroupName {
  if (!options) throw refusal(code.INVALID_ARGUMENT, 'The request names no group.');
  const stream = options.hasAll() ? ALL : textOf(options.getStreamIdentifier());
  return { stream, group: options.getGroupName() };
}

/** Clients before 21.10 name the stream elsewhere, and this one still does. */
function streamOf(
  options: persistentPb.CreateReq.Options | persistentPb.UpdateReq.Options,
): string {
  if (options.hasAll()) return ALL;
  const stream = textOf(
    options.getStream()?.getStreamIdentifier() ?? options.getStreamIdentifier(),
  );
  if (stream !== '' && stream !== ALL) return stream;
  throw refusal(code.UNKNOWN, 'A group has a stream, or all of them.');
}

function settingsOf(
  name: GroupName,
  from: persistentPb.CreateReq.Settings | persistentPb.UpdateReq.Settings | undefined,
): Settings {
  if (!from) throw refusal(code.INVALID_ARGUMENT, 'A group has settings.');
  const named = ('getConsumerStrategy' in from && from.getConsumerStrategy()) || undefined;
  const strategy = named ?? STRATEGIES[from.getNamedConsumerStrategy()];
  if (!isStrategy(strategy)) throw failed(name, `Consumer strategy ${strategy} does not exist.`);
  const settings: Settings = {
    resolveLinkTos: from.getResolveLinks(),
    extraStatistics: from.getExtraStatistics(),
    messageTimeoutMs: from.hasMessageTimeoutTicks()
      ? Math.trunc(Number(from.getMessageTimeoutTicks()) / TICKS_PER_MS)
      : from.getMessageTimeoutMs(),
    maxRetryCount: from.getMaxRetryCount(),
    checkPointAfterMs: from.hasCheckpointAfterTicks()
      ? Math.trunc(Number(from.getCheckpointAfterTicks()) / TICKS_PER_MS)
      : from.getCheckpointAfterMs(),
    minCheckPointCount: from.getMinCheckpointCount(),
    maxCheckPointCount: from.getMaxCheckpointCount(),
    maxSubscriberCount: from.getMaxSubscriberCount(),
    liveBufferSize: from.getLiveBufferSize(),
    readBatchSize: from.getReadBatchSize(),
    historyBufferSize: from.getHistoryBufferSize(),
    strategy,
  };
  const { readBatchSize, historyBufferSize } = settings;
  if (readBatchSize >= historyBufferSize)
    throw failed(name, 'readBatchSize is not less than historyBufferSize.');
  return settings;
}

// Groups

const keyOf = ({ stream, group }: GroupName): string => `${stream}::${group}`;

const configsOf = (groups: Map<string, Group>): GroupConfig[] =>
  Array.from(groups.values(), ({ config }) => config);

function existing(groups: Map<string, Group>, name: GroupName): Group {
  const group = groups.get(keyOf(name));
  if (!group) throw missing(name);
  return group;
}

async function load(group: Group): Promise<Group> {
  await group.load().catch((error: unknown) => {
    throw failed(group.config, error instanceof Error ? error.message : String(error));
  });
  return group;
}

/**
 * What is sent in one turn leaves in one write. A consumer that does not read is sent no more than
 * its connection and UNSENT_BYTES hold, however often events time out that it was sent.
 */
function connectionOf(call: ConsumerCall, group: Group, bufferSize: number): Connection {
  let unsentBytes = 0;
  let answers: Buffer[] = [];
  const flush = (): void => {
    const frames = new Frames(frame(answers));
    const sentBytes = answers.reduce((sum, { length }) => sum + length, 0);
    answers = [];
    if (!call.writable) return;
    call.write(frames, () => {
      const wasFull = unsentBytes >= UNSENT_BYTES;
      unsentBytes -= sentBytes;
      if (wasFull) group.dispatch.proceed();
    });
  };
  return {
    bufferSize,
    from: call.getPeer(),
    username: usernameOf(call.metadata),
    name: String(call.metadata.get('connection-name')[0] ?? '<unknown>'),
    get hasRoom() {
      return unsentBytes < UNSENT_BYTES;
    },
    send({ event, retries }) {
      const answer = deliveryAnswer(event, retries);
      unsentBytes += answer.length;
      if (answers.push(answer) === 1) queueMicrotask(flush);
    },
    drop: (error = dropped(group.config)) => void call.emit('error', asRefusal(error)),
  };
}

function usernameOf(metadata: Metadata): string {
  const [, basic = ''] = /^Basic (.+)$/i.exec(String(metadata.get('authorization')[0])) ?? [];
  return Buffer.from(basic, 'base64').toString().split(':')[0] || 'anonymous';
}

// Refusals: the statuses and trailers from which the client makes its own error classes

const about = (exception: string, { stream, group }: GroupName): Record<string, string> => ({
  exception,
  'stream-name': stream,
  'group-name': group,
});

const told = ({ stream, group }: GroupName): string =>
  `Subscription group ${group} on stream ${stream}`;

const exists = (name: GroupName): ServiceError =>
  refusal(
    code.ALREADY_EXISTS,
    `${told(name)} exists.`,
    about('persistent-subscription-exists', name),
  );

const missing = (name: GroupName): ServiceError =>
  refusal(
    code.NOT_FOUND,
    `${told(name)} does not exist.`,
    about('persistent-subscription-does-not-exist', name),
  );

const full = (name: GroupName): ServiceError =>
  refusal(
    code.FAILED_PRECONDITION,
    `${told(name)} has as many subscribers as it may.`,
    about('maximum-subscribers-reached', name),
  );

const dropped = (name: GroupName): ServiceError =>
  refusal(
    code.CANCELLED,
    `${told(name)} was dropped.`,
    about('persistent-subscription-dropped', name),
  );

const failed = (name: GroupName, reason: string): ServiceError =>
  refusal(code.INTERNAL, `${told(name)} failed: '${reason}'`, {
    ...about('persistent-subscription-failed', name),
    reason,
  });
