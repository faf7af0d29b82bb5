/**
 * As much of protobuf's encoding and of gRPC's framing as messages with events need.
 * https://protobuf.dev/programming-guides/encoding/
 */

import { Fields } from '../platform/protobuf.ts';

const VARINT = 0;
const BYTES = 2;

const FRAME_HEADER_BYTES = 5;

export const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Calls `visit` with each field: a number as `value`, anything with a length as `chunk`, which is a
 * view of `bytes`.
 */
export function eachField(
  bytes: Buffer,
  visit: (field: number, value: number, chunk: Buffer) => void,
): void {
  const fields = new Fields(bytes);
  while (fields.next()) visit(fields.field, fields.value, fields.chunk());
}

/** Writes the fields of one message, in any order, into a buffer that grows. */
export class Message {
  private buffer: Buffer;
  private at = 0;

  constructor(expectedBytes = 96) {
    this.buffer = Buffer.allocUnsafe(expectedBytes);
  }

  /** An unsigned number: a JavaScript one up to 2^53, a BigInt above. */
  number(field: number, value: number | bigint): this {
    this.header(field, VARINT);
    if (typeof value === 'number') {
      this.varint(value);
      return this;
    }
    for (; value >= 128n; value >>= 7n) this.buffer[this.at++] = Number(value & 127n) | 128;
    this.buffer[this.at++] = Number(value);
    return this;
  }

  bytes(field: number, chunk: Uint8Array): this {
    this.header(field, BYTES, chunk.length);
    this.varint(chunk.length);
    this.buffer.set(chunk, this.at);
    this.at += chunk.length;
    return this;
  }

  /** The header of a message whose fields come next, and are so long. */
  begin(field: number, bytes: number): this {
    this.header(field, BYTES);
    this.varint(bytes);
    return this;
  }

  text(field: number, text: string): this {
    return this.bytes(field, Buffer.from(text));
  }

  message(field: number, message: Message): this {
    return this.bytes(field, message.finish());
  }

  /** A field whose presence is all that it says. */
  empty(field: number): this {
    return this.bytes(field, EMPTY);
  }

  finish(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  private header(field: number, kind: number, chunkBytes = 0): void {
    const needed = this.at + chunkBytes + 20;
    if (needed > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.buffer.length));
      this.buffer.copy(larger, 0, 0, this.at);
      this.buffer = larger;
    }
    this.varint(field * 8 + kind);
  }

  private varint(value: number): void {
    for (; value >= 128; value = Math.floor(value / 128))
      this.buffer[this.at++] = (value % 128) | 128;
    this.buffer[this.at++] = value;
  }
}

/** How many bytes an unsigned number takes. */
export function lengthOf(value: number): number {
  let bytes = 1;
  for (; value >= 128; value = Math.floor(value / 128)) bytes += 1;
  return bytes;
}

/**
 * Messages one after the other, each behind gRPC's prefix, in a buffer of its own that can go to
 * another thread.
 */
export function frame(messages: Uint8Array[]): Uint8Array<ArrayBuffer> {
  let bytes = 0;
  for (const message of messages) bytes += FRAME_HEADER_BYTES + message.length;
  const frames = new Uint8Array(new ArrayBuffer(bytes));
  const view = new DataView(frames.buffer);
  let at = 0;
  for (const message of messages) {
    view.setUint32(at + 1, message.length);
    frames.set(message, at + FRAME_HEADER_BYTES);
    at += FRAME_HEADER_BYTES + message.length;
  }
  return frames;
}

/** The messages that `frame` joined, as views of its bytes. */
export function unframe(frames: Uint8Array): Buffer[] {
  const bytes = Buffer.from(frames.buffer, frames.byteOffset, frames.length);
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at + FRAME_HEADER_BYTES;
    at = start + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(start, at));
  }
  return messages;
}

/**
 * Lets one write to a grpc-js call carry many messages; a write for each costs a turn of the event
 * loop, which would be what limits reads. grpc-js asks a serialized message for its `byteLength`,
 * allocates five bytes more, writes its own prefix and lets the message `copy` itself behind it.
 * This one copies whole frames over that prefix.
 */
export class Frames {
  private frames: Uint8Array<ArrayBuffer>;

  constructor(frames: Uint8Array<ArrayBuffer>) {
    this.frames = frames;
  }

  get byteLength(): number {
    return this.frames.length - FRAME_HEADER_BYTES;
  }

  copy(target: Uint8Array<ArrayBuffer>): void {
    target.set(this.frames);
    free(this.frames);
    this.frames = target;
  }

  /**
   * Frees the memory at once, when the message has been sent. V8 would let 64 MiB of such buffers
   * gather before it looks for them.
   */
  release(): void {
    free(this.frames);
  }
}

function free({ buffer, byteLength }: Uint8Array<ArrayBuffer>): void {
  // What shares its memory with others is left to them.
  if (buffer.byteLength === byteLength) buffer.transfer(0);
}
