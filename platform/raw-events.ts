/**
 * Events byte for byte, both ways. The client parses data and metadata on a read and makes JSON of
 * them again on an append, which changes numbers (1.0, large integers), spaces and repeated keys.
 * Here the protocol's own messages go through the client's connection, so that its connection
 * string, its credentials and its way to the leader of a cluster hold as well.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { unpackToCommandError } from '@eventstore/db-client/dist/streams/appendToStream/unpackError.js';
import { parseUUID } from '@eventstore/db-client/dist/utils/grpcUUID.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { status, type CallOptions, type ClientReadableStream, type Metadata } from '@grpc/grpc-js';
import {
  headOfLog,
  isEventStoreUnavailable,
  NO_REVISION,
  type EventStore,
  type StoredEvent,
} from './event-store.ts';
import { Fields } from './protobuf.ts';

/** An event of the log, byte for byte. `revision` is `TOMBSTONE_REVISION` for a tombstone. */
export type RawEvent = Omit<StoredEvent<Uint8Array>, 'metadata'> & {
  metadata: Uint8Array;
  /** Of the two content types that there are, application/json and application/octet-stream. */
  isJson: boolean;
  /** When it was appended, in units of 100 ns since 1970. */
  created: bigint;
};

export const TOMBSTONE_REVISION = 0x7fff_ffff_ffff_ffffn;

/** How often a lost connection is taken up again without a single event in between. */
const MAX_TRIES = 6;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;
/** Nothing was answered for so long, although something should be. */
const SILENCE_TIMEOUT_MS = 30_000;

/** What the client keeps to itself; version 6.2.1. */
type Connection = {
  GRPCStreamCreator<Call>(
    service: typeof streamsGrpc.StreamsClient,
    name: string,
    open: (streams: streamsGrpc.StreamsClient) => Call,
  ): () => Promise<Call>;
  callArguments(
    own: { requiresLeader?: boolean },
    options: CallOptions,
  ): [metadata: Metadata, options: CallOptions];
};

function open<Call>(
  client: EventStore,
  name: string,
  start: (streams: streamsGrpc.StreamsClient, metadata: Metadata, options: CallOptions) => Call,
): Promise<Call> {
  const connection = client as unknown as Connection;
  const endless = { deadline: Infinity };
  return connection.GRPCStreamCreator(streamsGrpc.StreamsClient, name, (streams) =>
    start(streams, ...connection.callArguments({}, endless)),
  )();
}

/** Waits longer from try to try; throws the error when there were enough. */
export function patience(): { reset(): void; wait(error: unknown): Promise<void> } {
  let tries = 0;
  return {
    reset: () => (tries = 0),
    async wait(error) {
      tries += 1;
      if (tries >= MAX_TRIES || !isEventStoreUnavailable(error)) throw error;
      await delay(Math.min(FIRST_RETRY_MS * 2 ** tries, MAX_RETRY_MS));
    },
  };
}

/**
 * The whole log after a position (from its beginning without one) to where it ends now, also what
 * the event store writes for itself where no `filter` leaves it out. A lost connection is taken up
 * again.
 */
export async function* readRawLog(
  client: EventStore,
  after: bigint | undefined,
  filter?: EventFilter,
): AsyncGenerator<RawEvent> {
  const trouble = patience();
  let last = after;
  for (;;) {
    try {
      for await (const event of readAllFrom(client, optionsOfRead(last, undefined, filter))) {
        // A read begins with the event at its position.
        if (last !== undefined && event.position <= last) continue;
        yield event;
        last = event.position;
        trouble.reset();
      }
      return;
    } catch (error) {
      await trouble.wait(error);
    }
  }
}

/** The event at exactly that position; undefined where there is none. */
export async function readRawEventAt(
  client: EventStore,
  position: bigint,
): Promise<RawEvent | undefined> {
  for await (const event of readAllFrom(client, optionsOfRead(position, 1))) {
    if (event.position === position) return event;
  }
  return undefined;
}

/**
 * Whether a position up to the end of the log is an event's, or that of one which a scavenge took.
 * From any other EventStoreDB reads nothing, and says only that something went wrong: so it is asked
 * twice, and whether it answers otherwise.
 */
export async function isPosition(client: EventStore, position: bigint): Promise<boolean> {
  for (let tries = 1; tries <= 2; tries++) {
    try {
      await readRawEventAt(client, position);
      return true;
    } catch (error) {
      if ((error as { code?: unknown }).code !== status.UNKNOWN) throw error;
      await headOfLog(client);
    }
  }
  return false;
}

async function* readAllFrom(
  client: EventStore,
  options: streamsPb.ReadReq.Options,
): AsyncGenerator<RawEvent> {
  const call = await openRead(client, options);
  // What cancelling says is of no interest; what comes before it ends the loop.
  call.on('error', () => {});
  try {
    for await (const answer of call as AsyncIterable<ReadAnswer>) {
      if (typeof answer === 'object') yield answer;
    }
  } finally {
    call.cancel();
  }
}

/** Which events the server is to send, by their types. */
export type EventFilter = { typePrefixes: string[] } | { typeRegex: string };

/**
 * All but what the event store writes for itself. Its links and statistics can be many times what
 * everybody else writes.
 */
export const NO_SYSTEM_EVENTS: EventFilter = { typeRegex: '^[^$].*' };

/** How many events the server may look through before it says where it is. */
const SEARCH_WINDOW = 1_000;

/** A subscription to the whole log after a position: what comes, until it is cancelled. */
export function subscribeToLog(
  client: EventStore,
  after: bigint | undefined,
  filter: EventFilter,
): Promise<ClientReadableStream<ReadAnswer>> {
  const { Options } = streamsPb.ReadReq;
  const options = optionsOfAll(after, filter);
  options.setSubscription(new Options.SubscriptionOptions());
  return openRead(client, options);
}

/** Of a read of `$all` from a position, without one from its beginning, to where it ends now. */
export function optionsOfRead(
  from: bigint | undefined,
  maxCount: number = Number.MAX_SAFE_INTEGER,
  filter?: EventFilter,
): streamsPb.ReadReq.Options {
  const options = optionsOfAll(from, filter);
  options.setReadDirection(streamsPb.ReadReq.Options.ReadDirection.FORWARDS);
  options.setCount(String(maxCount));
  return options;
}

function optionsOfAll(
  from: bigint | undefined,
  filter: EventFilter | undefined,
): streamsPb.ReadReq.Options {
  const all = new streamsPb.ReadReq.Options.AllOptions();
  if (from === undefined) {
    all.setStart(new sharedPb.Empty());
  } else {
    const position = new streamsPb.ReadReq.Options.Position();
    position.setCommitPosition(String(from));
    position.setPreparePosition(String(from));
    all.setPosition(position);
  }
  const uuids = new streamsPb.ReadReq.Options.UUIDOption();
  uuids.setString(new sharedPb.Empty());
  const options = new streamsPb.ReadReq.Options();
  options.setAll(all);
  options.setResolveLinks(false);
  options.setUuidOption(uuids);
  if (filter) options.setFilter(filterOptions(filter));
  else options.setNoFilter(new sharedPb.Empty());
  return options;
}

function filterOptions(filter: EventFilter): streamsPb.ReadReq.Options.FilterOptions {
  const { FilterOptions } = streamsPb.ReadReq.Options;
  const types = new FilterOptions.Expression();
  if ('typeRegex' in filter) types.setRegex(filter.typeRegex);
  else types.setPrefixList(filter.typePrefixes);
  const options = new FilterOptions();
  options.setEventType(types);
  options.setMax(SEARCH_WINDOW);
  options.setCheckpointintervalmultiplier(1);
  return options;
}

function openRead(
  client: EventStore,
  options: streamsPb.ReadReq.Options,
): Promise<ClientReadableStream<ReadAnswer>> {
  const request = new streamsPb.ReadReq();
  request.setOptions(options);
  const { path, requestSerialize } = streamsGrpc.StreamsService.read;
  return open(client, 'readRawLog', (streams, metadata, callOptions) =>
    streams.makeServerStreamRequest(
      path,
      requestSerialize,
      decodeReadAnswer,
      request,
      metadata,
      callOptions,
    ),
  );
}

/** An event, or whether the subscription is at the end of the log. */
export type ReadAnswer = RawEvent | 'caught-up' | 'fell-behind' | 'other';

// Numbers of the fields of ReadResp and of what is in it: streams.proto and shared.proto.

function decodeReadAnswer(bytes: Buffer): ReadAnswer {
  const answer = new Fields(bytes);
  while (answer.next()) {
    if (answer.field === 1) return decodeReadEvent(answer.inner());
    if (answer.field === 8) return 'caught-up';
    if (answer.field === 9) return 'fell-behind';
  }
  return 'other';
}

function decodeReadEvent(read: Fields): ReadAnswer {
  while (read.next()) if (read.field === 1) return decodeRecord(read.inner());
  return 'other';
}

function decodeRecord(record: Fields): RawEvent {
  const event: RawEvent = {
    stream: '',
    revision: 0n,
    id: '',
    type: '',
    isJson: false,
    data: NOTHING,
    metadata: NOTHING,
    position: 0n,
    created: 0n,
  };
  while (record.next()) {
    const { field } = record;
    if (field === 1) event.id = innerText(record, 2);
    else if (field === 2) event.stream = innerText(record, 3);
    else if (field === 3) event.revision = revisionOf(record.value);
    else if (field === 5) event.position = BigInt(record.value);
    else if (field === 6) decodeAbout(record.inner(), event);
    else if (field === 7) event.metadata = record.chunk();
    else if (field === 8) event.data = record.chunk();
  }
  return event;
}

const NOTHING = Buffer.alloc(0);

/** The largest int64 is the one revision that a number does not hold. */
const revisionOf = (value: number): bigint =>
  value > Number.MAX_SAFE_INTEGER ? TOMBSTONE_REVISION : BigInt(value);

function innerText(message: Fields, field: number): string {
  const inner = message.inner();
  while (inner.next()) if (inner.field === field) return inner.text();
  return '';
}

/** An entry of what EventStoreDB itself notes about an event. */
function decodeAbout(entry: Fields, event: RawEvent): void {
  let [key, value] = ['', ''];
  while (entry.next()) {
    if (entry.field === 1) key = entry.text();
    else if (entry.field === 2) value = entry.text();
  }
  if (key === 'type') event.type = value;
  else if (key === 'content-type') event.isJson = value === 'application/json';
  else if (key === 'created') event.created = BigInt(value);
}

/** An error after which nobody knows what happened: `isEventStoreUnavailable` holds for it. */
export const lost = (message: string): Error =>
  Object.assign(new Error(message), { type: 'unavailable' });

type Answer = { resolve: (position: bigint) => void; reject: (error: unknown) => void };

/**
 * One BatchAppend call: appends happen in the order in which they are asked for, any number of
 * them unanswered. After an error nothing is known of those, and another call has to be opened.
 */
export class RawAppends {
  readonly #call: Awaited<ReturnType<typeof openBatchAppend>>;
  readonly #waiting = new Map<string, Answer>();
  #silence: NodeJS.Timeout | undefined;
  #failed: { error: unknown } | undefined;

  static async open(client: EventStore): Promise<RawAppends> {
    return new RawAppends(await openBatchAppend(client));
  }

  private constructor(call: Awaited<ReturnType<typeof openBatchAppend>>) {
    this.#call = call;
    call.on('data', (answer: streamsPb.BatchAppendResp) => this.#answered(answer));
    call.on('error', (error: unknown) => this.#fail(error));
    call.on('end', () => this.#fail(lost('The event store ended the call.')));
  }

  /**
   * Appends at exactly `expected`, the revision of the stream's last event or `NO_REVISION`.
   * Resolves when the events are on disk, with the position of the last one: an older one, or 0,
   * where they were there already. Rejects with the client's error classes.
   */
  append(stream: string, expected: bigint, events: RawEvent[]): Promise<bigint> {
    if (this.#failed) return Promise.reject(this.#failed.error);
    const correlation = randomUUID();
    const answered = new Promise<bigint>((resolve, reject) => {
      this.#waiting.set(correlation, { resolve, reject });
    });
    this.#call.write(appendRequest(correlation, stream, expected, events));
    this.#silence ??= this.#watch();
    return answered;
  }

  close(): void {
    this.#fail(lost('The call was closed.'));
  }

  #answered(answer: streamsPb.BatchAppendResp): void {
    const correlation = parseUUID(answer.getCorrelationId()!);
    const waiting = this.#waiting.get(correlation);
    this.#waiting.delete(correlation);
    clearTimeout(this.#silence);
    this.#silence = this.#waiting.size > 0 ? this.#watch() : undefined;
    const error = answer.getError();
    const stream = Buffer.from(answer.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString();
    if (error?.getDetails()) waiting?.reject(unpackToCommandError(error, stream));
    else if (error) waiting?.reject(new Error(error.getMessage()));
    else waiting?.resolve(BigInt(answer.getSuccess()?.getPosition()?.getCommitPosition() ?? 0));
  }

  #watch(): NodeJS.Timeout {
    return setTimeout(
      () => this.#fail(lost('The event store does not answer.')),
      SILENCE_TIMEOUT_MS,
    );
  }

  #fail(error: unknown): void {
    this.#failed ??= { error };
    clearTimeout(this.#silence);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#call.cancel();
  }
}

const openBatchAppend = (client: EventStore) =>
  open(client, 'appendRaw', (streams, ...rest) => streams.batchAppend(...rest));

function appendRequest(
  correlation: string,
  stream: string,
  expected: bigint,
  events: RawEvent[],
): streamsPb.BatchAppendReq {
  const identifier = new sharedPb.StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream));
  const options = new streamsPb.BatchAppendReq.Options();
  options.setStreamIdentifier(identifier);
  if (expected === NO_REVISION) options.setNoStream(new sharedPb.Empty());
  else options.setStreamPosition(String(expected));
  const request = new streamsPb.BatchAppendReq();
  request.setCorrelationId(uuid(correlation));
  request.setOptions(options);
  request.setProposedMessagesList(events.map(proposal));
  request.setIsFinal(true);
  return request;
}

function proposal(event: RawEvent): streamsPb.BatchAppendReq.ProposedMessage {
  const message = new streamsPb.BatchAppendReq.ProposedMessage();
  message.setId(uuid(event.id));
  message.getMetadataMap().set('type', event.type);
  message
    .getMetadataMap()
    .set('content-type', event.isJson ? 'application/json' : 'application/octet-stream');
  message.setData(event.data);
  message.setCustomMetadata(event.metadata);
  return message;
}

function uuid(text: string): sharedPb.UUID {
  const id = new sharedPb.UUID();
  id.setString(text);
  return id;
}
