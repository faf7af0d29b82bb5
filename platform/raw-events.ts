/**
 * Events byte for byte. The client parses data and metadata on a read, which changes numbers (1.0,
 * large integers), spaces and repeated keys.
 * Here the protocol's own messages go through the client's connection, so that its connection
 * string, its credentials and its way to the leader of a cluster hold as well.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStoreDBClient } from '@eventstore/db-client';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { status, type ClientReadableStream } from '@grpc/grpc-js';
import type { ProposedEvent } from './appends.ts';
import { isEventStoreUnavailable, openCall, watchRead } from './connection.ts';
import { Fields } from './protobuf.ts';

/** An event of the log, byte for byte. `revision` is `TOMBSTONE_REVISION` for a tombstone. */
export type RawEvent = ProposedEvent & {
  stream: string;
  /** Place in the stream, from 0. */
  revision: bigint;
  /** Place in the whole log. */
  position: bigint;
  /** When it was appended, in units of 100 ns since 1970. */
  created: bigint;
};

export const TOMBSTONE_REVISION = 0x7fff_ffff_ffff_ffffn;

/** How often a lost connection is taken up again without a single event in between. */
const MAX_TRIES = 6;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

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
  client: EventStoreDBClient,
  after: bigint | undefined,
  filter?: EventFilter,
): AsyncGenerator<RawEvent> {
  const trouble = patience();
  let last = after;
  for (;;) {
    try {
      for await (const event of readAnswers(client, optionsOfRead(last, undefined, filter))) {
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
  client: EventStoreDBClient,
  position: bigint,
): Promise<RawEvent | undefined> {
  for await (const event of readAnswers(client, optionsOfRead(position, 1))) {
    if (event.position === position) return event;
  }
  return undefined;
}

/**
 * Whether a position up to the end of the log is an event's, or that of one which a scavenge took.
 * From any other EventStoreDB reads nothing, and says only that something went wrong: so it is asked
 * twice, and whether it answers otherwise.
 */
export async function isPosition(client: EventStoreDBClient, position: bigint): Promise<boolean> {
  for (let tries = 1; tries <= 2; tries++) {
    try {
      await readRawEventAt(client, position);
      return true;
    } catch (error) {
      if ((error as { code?: unknown }).code !== status.UNKNOWN) throw error;
      await Array.fromAsync(newestRawEvents(client, '$all', 1));
    }
  }
  return false;
}

/** A stream's events from a revision on, oldest first; none where there is no such stream. */
export function readRawStream(
  client: EventStoreDBClient,
  stream: string,
  from: bigint,
  maxCount: number = Number.MAX_SAFE_INTEGER,
): AsyncGenerator<RawEvent> {
  const of = new streamsPb.ReadReq.Options.StreamOptions();
  of.setStreamIdentifier(identifierOf(stream));
  of.setRevision(String(from));
  const options = optionsOfReading();
  options.setStream(of);
  return readAnswers(client, counted(options, maxCount));
}

/** The newest events of a stream, or of the whole log (`$all`), newest first. */
export function newestRawEvents(
  client: EventStoreDBClient,
  stream: string,
  maxCount: number,
): AsyncGenerator<RawEvent> {
  const { Options } = streamsPb.ReadReq;
  const options = optionsOfReading();
  if (stream === '$all') {
    const all = new Options.AllOptions();
    all.setEnd(new sharedPb.Empty());
    options.setAll(all);
  } else {
    const of = new Options.StreamOptions();
    of.setStreamIdentifier(identifierOf(stream));
    of.setEnd(new sharedPb.Empty());
    options.setStream(of);
  }
  counted(options, maxCount).setReadDirection(Options.ReadDirection.BACKWARDS);
  return readAnswers(client, options);
}

/**
 * What a follower of a cluster knows may be old, so the leader is asked. A server that falls silent
 * is given up: then this throws, and the next who asks discovers the cluster anew.
 */
async function* readAnswers(
  client: EventStoreDBClient,
  options: streamsPb.ReadReq.Options,
): AsyncGenerator<RawEvent> {
  let call: ClientReadableStream<ReadAnswer> | undefined;
  const silence = watchRead(client, () => call);
  const opening = openRead(client, options);
  try {
    call = await silence.orElse(opening);
    // What cancelling says is of no interest; what comes before it ends the loop.
    call.on('error', () => {});
    for await (const answer of call as AsyncIterable<ReadAnswer>) {
      silence.pause();
      if (typeof answer === 'object') yield answer;
      silence.heard();
    }
  } finally {
    silence.end();
    // Also one that is opened only after it was given up.
    opening.then(
      (opened) => opened.cancel(),
      () => {},
    );
  }
}

function identifierOf(stream: string): sharedPb.StreamIdentifier {
  const identifier = new sharedPb.StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream));
  return identifier;
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
  client: EventStoreDBClient,
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
  return counted(optionsOfAll(from, filter), maxCount);
}

function counted(options: streamsPb.ReadReq.Options, maxCount: number): streamsPb.ReadReq.Options {
  options.setReadDirection(streamsPb.ReadReq.Options.ReadDirection.FORWARDS);
  options.setCount(String(maxCount));
  return options;
}

function optionsOfAll(from: bigint | undefined, filter?: EventFilter): streamsPb.ReadReq.Options {
  const all = new streamsPb.ReadReq.Options.AllOptions();
  if (from === undefined) {
    all.setStart(new sharedPb.Empty());
  } else {
    const position = new streamsPb.ReadReq.Options.Position();
    position.setCommitPosition(String(from));
    position.setPreparePosition(String(from));
    all.setPosition(position);
  }
  const options = optionsOfReading(filter);
  options.setAll(all);
  return options;
}

function optionsOfReading(filter?: EventFilter): streamsPb.ReadReq.Options {
  const uuids = new streamsPb.ReadReq.Options.UUIDOption();
  uuids.setString(new sharedPb.Empty());
  const options = new streamsPb.ReadReq.Options();
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
  client: EventStoreDBClient,
  options: streamsPb.ReadReq.Options,
): Promise<ClientReadableStream<ReadAnswer>> {
  const request = new streamsPb.ReadReq();
  request.setOptions(options);
  const { path, requestSerialize } = streamsGrpc.StreamsService.read;
  return openCall(client, 'readRawLog', (streams, metadata, callOptions) =>
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
