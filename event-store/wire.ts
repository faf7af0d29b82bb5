/**
 * The messages of EventStoreDB's protocol that carry events, and the answers to them.
 *
 * Rare requests go through the classes that the client ships. Events do not: google-protobuf takes
 * longer than the rest of an append, and an event need not be understood to be stored. A proposed
 * event and a recorded one hold the same fields under other numbers, so an append only renumbers
 * them; the recorded bytes are what is stored, and what every read sends.
 *
 * Field numbers are those of streams.proto, shared.proto and status.proto in EventStoreDB's
 * repository.
 */
import { MalformedMessage } from '../platform/protobuf.ts';
import { eachField, EMPTY, lengthOf, Message } from './protobuf.ts';

/**
 * Expected revisions that are none, numbered as EventStoreDB numbers them in its error trailers.
 */
export const EXPECT = { noStream: -1, any: -2, streamExists: -4 } as const;

/**
 * A tombstone's revision. On the wire it is the largest int64, which a JavaScript number cannot
 * hold.
 */
export const TOMBSTONE_REVISION = Number.MAX_SAFE_INTEGER;
export const LARGEST_INT64 = 0x7fff_ffff_ffff_ffffn;

export const LINK_TYPE = '$>';

const TICKS_PER_MS = 10_000n;
const GRPC_CODE = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  internal: 13,
  dataLoss: 15,
};

// Requests

/**
 * An event as a client proposes it. `body` is a RecordedEvent without its revision, positions and
 * time of creation.
 */
export type ProposedEvent = { id: Buffer; type: string; body: Buffer; sizeBytes: number };

/**
 * What an append, a delete or a tombstone is about. `expected` is a revision or one of EXPECT; the
 * deadline may be Infinity.
 */
export type WriteOptions = { stream: string; expected: number; deadlineMs: number };

/**
 * A message of a BatchAppend call: options come with the first one of an append, `isFinal` with the
 * last.
 */
export type BatchAppendRequest = {
  correlation: Buffer;
  options: WriteOptions | undefined;
  proposals: Buffer[];
  isFinal: boolean;
};

export function decodeBatchAppend(bytes: Buffer): BatchAppendRequest {
  const request: BatchAppendRequest = {
    correlation: EMPTY,
    options: undefined,
    proposals: [],
    isFinal: false,
  };
  eachField(bytes, (field, value, chunk) => {
    if (field === 1) request.correlation = chunk;
    else if (field === 2) request.options = decodeWriteOptions(chunk);
    else if (field === 3) request.proposals.push(chunk);
    else if (field === 4) request.isFinal = value !== 0;
  });
  return request;
}

/**
 * A message of an Append call, or all of a Delete or a Tombstone: they number what they have in
 * common alike.
 */
export function decodeWrite(bytes: Buffer): { options?: WriteOptions; proposal?: Buffer } {
  const request: ReturnType<typeof decodeWrite> = {};
  eachField(bytes, (field, _, chunk) => {
    if (field === 1) request.options = decodeWriteOptions(chunk);
    else if (field === 2) request.proposal = chunk;
  });
  return request;
}

function decodeWriteOptions(bytes: Buffer): WriteOptions {
  const options = { stream: '', expected: EXPECT.any as number, deadlineMs: Infinity };
  eachField(bytes, (field, value, chunk) => {
    if (field === 1) eachField(chunk, (_, __, name) => (options.stream = name.toString()));
    else if (field === 2) options.expected = value;
    else if (field === 3) options.expected = EXPECT.noStream;
    else if (field === 5) options.expected = EXPECT.streamExists;
    else if (field === 6) options.deadlineMs = decodeTimestampMs(chunk);
  });
  return options;
}

function decodeTimestampMs(bytes: Buffer): number {
  let ms = 0;
  eachField(bytes, (field, value) => {
    ms += field === 1 ? value * 1000 : value / 1e6;
  });
  return ms;
}

/** The client has an error of its own for this. */
export class MissingType extends MalformedMessage {}

/**
 * A ProposedMessage renumbered into the body of a RecordedEvent. Throws MalformedMessage without a
 * UUID or a type.
 */
export function decodeProposal(proposal: Buffer, stream: string): ProposedEvent {
  let id: Buffer = EMPTY;
  let type: string | undefined;
  let payloadBytes = 0;
  const body = new Message(proposal.length + 3 * stream.length + 64);
  eachField(proposal, (field, _, chunk) => {
    if (field === 1) id = decodeUuid(chunk);
    else if (field === 2) {
      type ??= decodeEventType(chunk);
      body.bytes(6, chunk);
    } else if (field === 3 || field === 4) {
      payloadBytes += chunk.length;
      body.bytes(field + 4, chunk);
    }
  });
  if (id.length !== 16) throw new MalformedMessage('The id of an event is not a UUID in text.');
  if (type === undefined) throw new MissingType('The type of an event is missing.');
  if (type === '') throw new MalformedMessage('The type of an event is empty.');
  body.message(1, uuid(id)).message(2, streamIdentifier(stream));
  return { id, type, body: body.finish(), sizeBytes: payloadBytes + 2 * type.length };
}

function decodeEventType(mapEntry: Buffer): string | undefined {
  let isType = false;
  let type: string | undefined;
  eachField(mapEntry, (field, _, chunk) => {
    if (field === 1) isType = chunk.toString() === 'type';
    else if (isType) type = chunk.toString();
  });
  return type;
}

const decodeUuid = (bytes: Buffer): Buffer =>
  Buffer.from(decodeUuidText(bytes).replaceAll('-', ''), 'hex');

function decodeUuidText(bytes: Buffer): string {
  let text = '';
  eachField(bytes, (field, _, chunk) => {
    if (field === 2) text = chunk.toString('latin1').toLowerCase();
  });
  return text;
}

// Recorded events

const [JSON_CONTENT, OTHER_CONTENT] = ['application/json', 'application/octet-stream'];

/**
 * The body of an event that the store itself writes: the metadata of a soft delete, or a tombstone,
 * which has no data.
 */
export const ownBody = (id: Buffer, stream: string, type: string, json?: string): Buffer =>
  new Message()
    .message(1, uuid(id))
    .message(2, streamIdentifier(stream))
    .message(6, mapEntry('type', type))
    .message(6, mapEntry('content-type', json === undefined ? OTHER_CONTENT : JSON_CONTENT))
    .text(8, json ?? '')
    .finish();

/** The body of a link: `target` is `{revision}@{stream}`, `metadata` is JSON. */
export const linkBody = (id: Buffer, stream: string, target: string, metadata = ''): Buffer =>
  new Message()
    .message(1, uuid(id))
    .message(2, streamIdentifier(stream))
    .message(6, mapEntry('type', LINK_TYPE))
    .message(6, mapEntry('content-type', OTHER_CONTENT))
    .text(7, metadata)
    .text(8, target)
    .finish();

/** The RecordedEvent that is stored: a body with the place and time that the log gave it. */
export function recordedEvent(
  body: Uint8Array,
  at: { revision: number; position: number; createdMs: number },
): Buffer {
  const place = new Message()
    .number(3, at.revision === TOMBSTONE_REVISION ? LARGEST_INT64 : at.revision)
    .number(4, at.position)
    .number(5, at.position)
    .message(6, mapEntry('created', String(BigInt(at.createdMs) * TICKS_PER_MS)));
  return Buffer.concat([body, place.finish()]);
}

export function idOfRecord(record: Buffer): Buffer {
  let id: Buffer = EMPTY;
  eachField(record, (field, _, chunk) => {
    if (field === 1) id = decodeUuid(chunk);
  });
  return id;
}

export function streamOfRecord(record: Buffer): string {
  let stream = '';
  eachField(record, (field, _, chunk) => {
    if (field === 2) eachField(chunk, (__, ___, name) => (stream = name.toString()));
  });
  return stream;
}

export function dataOfRecord(record: Buffer): Buffer {
  let data: Buffer = EMPTY;
  eachField(record, (field, _, chunk) => {
    if (field === 8) data = chunk;
  });
  return data;
}

export function isJsonRecord(record: Buffer): boolean {
  let isJson = false;
  eachField(record, (field, _, chunk) => {
    if (field === 6) isJson ||= chunk.equals(JSON_ENTRY);
  });
  return isJson;
}

/** What a stored RecordedEvent says. The id is the text of a UUID. */
export type Recorded = {
  id: string;
  stream: string;
  revision: number;
  position: number;
  type: string;
  metadata: Buffer;
  data: Buffer;
};

export function decodeRecord(record: Buffer): Recorded {
  const recorded: Recorded = {
    id: '',
    stream: '',
    revision: 0,
    position: 0,
    type: '',
    metadata: EMPTY,
    data: EMPTY,
  };
  eachField(record, (field, value, chunk) => {
    if (field === 1) recorded.id = decodeUuidText(chunk);
    else if (field === 2) eachField(chunk, (_, __, name) => (recorded.stream = name.toString()));
    else if (field === 3) recorded.revision = value;
    else if (field === 4) recorded.position = value;
    else if (field === 6) recorded.type ||= decodeEventType(chunk) ?? '';
    else if (field === 7) recorded.metadata = chunk;
    else if (field === 8) recorded.data = chunk;
  });
  return recorded;
}

const streamIdentifier = (name: string): Message => new Message().text(3, name);

const mapEntry = (key: string, value: string): Message => new Message().text(1, key).text(2, value);
const JSON_ENTRY = mapEntry('content-type', JSON_CONTENT).finish();

const uuid = (id: Buffer): Message =>
  new Message().text(2, id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));

const allPosition = (position: number): Message =>
  new Message().number(1, position).number(2, position);

// Answers to reads: ReadResp

export const eventAnswer = (record: Uint8Array, position: number): Buffer => {
  const bytes = 1 + lengthOf(record.length) + record.length + 1 + lengthOf(position);
  const answer = new Message(bytes + 40).begin(1, bytes);
  return answer.bytes(1, record).number(3, position).finish();
};
/** A link with the event that it names, or without it where that is gone. */
export const resolvedAnswer = (
  event: Uint8Array | undefined,
  link: Uint8Array,
  position: number,
): Buffer => {
  const resolved = new Message().bytes(2, link).number(3, position);
  if (event) resolved.bytes(1, event);
  return new Message().message(1, resolved).finish();
};
export const confirmationAnswer = (subscriptionId: string): Buffer =>
  new Message().message(2, new Message().text(1, subscriptionId)).finish();
export const checkpointAnswer = (position: number): Buffer =>
  new Message().message(3, allPosition(position)).finish();
export const notFoundAnswer = (stream: string): Buffer =>
  new Message().message(4, new Message().message(1, streamIdentifier(stream))).finish();
export const caughtUpAnswer = (): Buffer => new Message().empty(8).finish();
export const fellBehindAnswer = (): Buffer => new Message().empty(9).finish();

// Persistent subscriptions. Their ReadEvent is that of the streams, with a retry count behind it.

/** What a consumer sends: first whom it is, then acknowledgements and refusals of events. */
export type ConsumerRequest = {
  options: Buffer | undefined;
  acknowledged: string[];
  refused: string[];
  /** ReadReq.Nack.Action. */
  action: number;
  reason: string;
};

export function decodeConsumerRequest(bytes: Buffer): ConsumerRequest {
  const request: ConsumerRequest = {
    options: undefined,
    acknowledged: [],
    refused: [],
    action: 0,
    reason: '',
  };
  eachField(bytes, (content, _, message) => {
    if (content === 1) request.options = message;
    else
      eachField(message, (field, value, chunk) => {
        if (field === 2)
          (content === 2 ? request.acknowledged : request.refused).push(decodeUuidText(chunk));
        else if (field === 3) request.action = value;
        else if (field === 4) request.reason = chunk.toString();
      });
  });
  return request;
}

/** The ReadEvent of a ReadResp; undefined for one that carries no event. */
export function readEventOf(answer: Buffer): Buffer | undefined {
  let event: Buffer | undefined;
  eachField(answer, (field, _, chunk) => {
    if (field === 1) event = chunk;
  });
  return event;
}

/** A ReadEvent taken apart. A link that was resolved has both, one that leads nowhere no event. */
export function decodeReadEvent(bytes: Buffer): { event?: Buffer; link?: Buffer } {
  const read: ReturnType<typeof decodeReadEvent> = {};
  eachField(bytes, (field, _, chunk) => {
    if (field === 1) read.event = chunk;
    else if (field === 2) read.link = chunk;
  });
  return read;
}

export function deliveryAnswer(readEvent: Buffer, retries: number): Buffer {
  const event = Buffer.concat([readEvent, new Message().number(5, retries).finish()]);
  return new Message(event.length + 20).bytes(1, event).finish();
}

// Answers to writes

/**
 * What a write came to. The position is that of its last event, and of an append of no events the
 * end of the log; a repeat of events that are not shown any more has none.
 */
export type Outcome = { ok: true; revision: number; position: number | undefined } | Refused;
export type Refused =
  | { ok: false; reason: 'wrong-expected-version'; current: number }
  | { ok: false; reason: 'maximum-append-size-exceeded'; limitBytes: number }
  | { ok: false; reason: 'stream-deleted' | 'timeout' }
  | { ok: false; reason: 'bad-request' | 'missing-type' | 'access-denied'; message: string }
  | { ok: false; reason: 'overloaded' | 'failed' | 'damaged'; message: string }
  | { ok: false; reason: 'closing' };

/** BatchAppendResp. */
export function batchAppendAnswer(
  correlation: Buffer,
  options: WriteOptions,
  outcome: Exclude<Outcome, { reason: 'closing' }>,
): Buffer {
  const answer = new Message().bytes(1, correlation).message(4, streamIdentifier(options.stream));
  if (outcome.ok) answer.message(3, success(outcome));
  else answer.message(2, status(options, outcome));
  return answer.finish();
}

/**
 * AppendResp. A wrong expected version is an answer here; the other refusals are a gRPC status with
 * trailers.
 */
export function appendAnswer(
  options: WriteOptions,
  outcome: Extract<Outcome, { ok: true } | { reason: 'wrong-expected-version' }>,
): Buffer {
  if (outcome.ok) return new Message().message(1, success(outcome)).finish();
  const wrong = new Message();
  if (outcome.current < 0) wrong.empty(7);
  else wrong.number(6, outcome.current);
  addExpected(wrong, options.expected, { revision: 8, any: 9, streamExists: 10, noStream: 11 });
  return new Message().message(2, wrong).finish();
}

/** DeleteResp and TombstoneResp. */
export const deleteAnswer = (position: number): Buffer =>
  new Message().message(1, allPosition(position)).finish();

function success({ revision, position }: Extract<Outcome, { ok: true }>): Message {
  const message = new Message();
  if (revision < 0) message.empty(2);
  else message.number(1, revision);
  if (position === undefined) message.empty(4);
  else message.message(3, allPosition(position));
  return message;
}

/** google.rpc.Status, whose details name the class of error that the client throws. */
function status(
  { stream, expected }: WriteOptions,
  refused: Exclude<Refused, { reason: 'closing' }>,
): Message {
  const build = (code: number, detail?: string, value = new Message()): Message => {
    // The client shows the message only of what its own types do not cover.
    const type = detail ? `event_store.client.${detail}` : 'google.protobuf.Empty';
    return new Message()
      .number(1, code)
      .text(2, 'message' in refused ? refused.message : refused.reason)
      .message(3, new Message().text(1, `type.googleapis.com/${type}`).message(2, value));
  };
  switch (refused.reason) {
    case 'wrong-expected-version': {
      const wrong = new Message();
      if (refused.current < 0) wrong.empty(2);
      else wrong.number(1, refused.current);
      addExpected(wrong, expected, { revision: 3, any: 4, streamExists: 5, noStream: 6 });
      return build(GRPC_CODE.failedPrecondition, 'WrongExpectedVersion', wrong);
    }
    case 'stream-deleted': {
      const deleted = new Message().message(1, streamIdentifier(stream));
      return build(GRPC_CODE.failedPrecondition, 'StreamDeleted', deleted);
    }
    case 'maximum-append-size-exceeded': {
      const limit = new Message().number(1, refused.limitBytes);
      return build(GRPC_CODE.invalidArgument, 'MaximumAppendSizeExceeded', limit);
    }
    case 'timeout':
      return build(GRPC_CODE.deadlineExceeded, 'Timeout');
    case 'bad-request':
    case 'missing-type':
      return build(GRPC_CODE.invalidArgument);
    case 'access-denied':
      return build(GRPC_CODE.permissionDenied, 'AccessDenied');
    case 'overloaded':
      return build(GRPC_CODE.resourceExhausted);
    case 'failed':
      return build(GRPC_CODE.internal);
    case 'damaged':
      return build(GRPC_CODE.dataLoss);
  }
}

function addExpected(
  message: Message,
  expected: number,
  fields: { revision: number; any: number; streamExists: number; noStream: number },
): void {
  if (expected >= 0) message.number(fields.revision, expected);
  else if (expected === EXPECT.noStream) message.empty(fields.noStream);
  else if (expected === EXPECT.streamExists) message.empty(fields.streamExists);
  else message.empty(fields.any);
}
