/**
 * EventStoreDB's protocol as thin as it gets: HTTP/2 from Node, frames written and counted by hand.
 * What it reaches is the store's limit, not the client's.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { Fields } from '../platform/protobuf.ts';
import { optionsOfRead } from '../platform/raw-events.ts';

const FRAME_HEADER_BYTES = 5;
/** For calls and the connection: what Node's default of 64 KiB costs is not the store's. */
const WINDOW_BYTES = 8 * 1024 * 1024;

const SERVICE = '/event_store.client.streams.Streams';
export const READ_PATH = `${SERVICE}/Read`;
const BATCH_APPEND_PATH = `${SERVICE}/BatchAppend`;

/** gRPC's prefix: not compressed, and the length. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(FRAME_HEADER_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, FRAME_HEADER_BYTES);
  return framed;
}

/** Calls `visit` with each message, without a copy of what lies within one chunk. */
async function eachMessage(
  call: http2.ClientHttp2Stream,
  visit: (message: Buffer) => void,
): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  call.on('data', (chunk: Buffer) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      visit(bytes.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
    rest = bytes.subarray(at);
  });
  let status = '0';
  call.on('trailers', (trailers) => (status = trailers['grpc-status'] as string));
  await once(call, 'close');
  if (status !== '0') throw new Error(`gRPC status ${status}`);
}

type Connection = { call: (path: string) => http2.ClientHttp2Stream; close: () => void };

async function connect(url: string): Promise<Connection> {
  const { host } = new URL(url.replace('esdb:', 'http:'));
  const session = http2.connect(`http://${host}`, {
    settings: { initialWindowSize: WINDOW_BYTES },
  });
  await once(session, 'connect');
  session.setLocalWindowSize(WINDOW_BYTES);
  const headers = { ':method': 'POST', te: 'trailers', 'content-type': 'application/grpc' };
  return {
    call: (path) => session.request({ ...headers, ':path': path }),
    close: () => session.close(),
  };
}

/** Reads `$all` to its end; calls back with each answer's bytes. */
export async function readAllRaw(url: string, visit: (message: Buffer) => void): Promise<void> {
  const request = new streamsPb.ReadReq();
  request.setOptions(optionsOfRead(undefined));
  const connection = await connect(url);
  const call = connection.call(READ_PATH);
  call.end(frame(request.serializeBinary()));
  await eachMessage(call, visit);
  connection.close();
}

// As much of protobuf as an append is made of.

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
const number = (tag: number, value: number): Buffer =>
  Buffer.from([...varint(tag * 8), ...varint(value)]);
function field(tag: number, ...parts: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([...varint(tag * 8 + 2), ...varint(body.length)]), body]);
}
const uuid = (tag: number, high: number, low: number): Buffer => {
  const hex = high.toString(16).padStart(8, '0') + low.toString(16).padStart(24, '0');
  return field(tag, field(2, hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')));
};
const metadata = (key: string, value: string): Buffer => field(2, field(1, key), field(2, value));

/** What every event of the writer holds beside its id; as large as an item put in a cart. */
const EVENT = Buffer.concat([
  metadata('type', 'ItemAddedToCart'),
  metadata('content-type', 'application/json'),
  field(3, JSON.stringify({ actor: 'anonymous', note: 'x'.repeat(250) })),
  field(4, JSON.stringify({ listingId: 'x'.repeat(40), quantity: 1 })),
]);

/** A BatchAppendReq of `events` new events behind `revision`, -1 for a stream that is not there. */
function appendRequest(slot: number, turn: number, revision: number, events: number): Buffer {
  const stream = field(1, field(3, `thin-${process.pid}.${slot}`));
  const expected = revision < 0 ? field(3) : number(2, revision);
  const proposed = Array.from({ length: events }, (_, index) =>
    field(3, uuid(1, slot, turn * events + index), EVENT),
  );
  return Buffer.concat([
    uuid(1, slot, turn),
    field(2, stream, expected),
    ...proposed,
    number(4, 1),
  ]);
}

/** The first 32 bits of a UUID, which comes as text. */
function slotOf(id: Fields): number {
  id.next();
  return Number.parseInt(id.text().slice(0, 8), 16);
}

/** What a BatchAppendResp says: whether it acknowledges, and the slot of its correlation id. */
function readAnswer(answer: Buffer): { slot: number; acknowledged: boolean } {
  let [slot, acknowledged] = [-1, false];
  const fields = new Fields(answer);
  while (fields.next()) {
    if (fields.field === 1) slot = slotOf(fields.inner());
    else if (fields.field === 3) acknowledged = true;
  }
  return { slot, acknowledged };
}

/**
 * Keeps `inFlight` appends under way, each to a stream of its own at its exact revision, until
 * `isOver`. Resolves to how many events were acknowledged, and throws when one was refused.
 */
export async function appendRaw(
  url: string,
  options: { inFlight: number; eventsPerAppend: number; isOver: (events: number) => boolean },
): Promise<number> {
  const { inFlight, eventsPerAppend, isOver } = options;
  const connection = await connect(url);
  const call = connection.call(BATCH_APPEND_PATH);
  const turns = Array.from({ length: inFlight }, () => 0);
  let acknowledged = 0;
  let open = inFlight;
  let refused: Error | undefined;
  const send = (slot: number): void => {
    const turn = turns[slot]!;
    turns[slot] = turn + 1;
    call.write(frame(appendRequest(slot, turn, turn * eventsPerAppend - 1, eventsPerAppend)));
  };
  turns.forEach((_, slot) => send(slot));
  await eachMessage(call, (answer) => {
    const { slot, acknowledged: isAcknowledged } = readAnswer(answer);
    if (!isAcknowledged) {
      refused = new Error('an append was refused');
      return call.close();
    }
    acknowledged += eventsPerAppend;
    if (!isOver(acknowledged)) return send(slot);
    open -= 1;
    if (open === 0) call.end();
  });
  connection.close();
  if (refused) throw refused;
  return acknowledged;
}
