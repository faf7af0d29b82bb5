/**
 * Reads protobuf's encoding, https://protobuf.dev/programming-guides/encoding/, for the messages
 * that carry events: google-protobuf takes longer than the rest of what is done with one.
 */

const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;

export class MalformedMessage extends Error {}

/** The fields of a message, one after the other: `next()` goes to each, false at the end. */
export class Fields {
  /** The number of the field. */
  field = 0;
  /** Of a number. Exact up to 2^53. */
  value = 0;
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  /** Where the bytes of a field with a length are. */
  #from = 0;
  #to = 0;

  constructor(bytes: Buffer, from = 0, to: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  /** Throws `MalformedMessage`. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.#varint();
    this.field = tag >>> 3;
    const kind = tag & 7;
    this.value = kind === VARINT ? this.#varint() : 0;
    let length = 0;
    if (kind === BYTES) length = this.#varint();
    else if (kind === FIXED_64) length = 8;
    else if (kind === FIXED_32) length = 4;
    else if (kind !== VARINT)
      throw new MalformedMessage('A message has a field of an unknown kind.');
    this.#from = this.#at;
    this.#to = this.#at += length;
    if (this.#at > this.#end) throw new MalformedMessage('A message ends inside a field.');
    return true;
  }

  /** The field as a message. */
  inner(): Fields {
    return new Fields(this.#bytes, this.#from, this.#to);
  }

  text(): string {
    return this.#bytes.toString('utf8', this.#from, this.#to);
  }

  /** A view of the field's bytes. */
  chunk(): Buffer {
    return this.#bytes.subarray(this.#from, this.#to);
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new MalformedMessage('A message ends inside a number.');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }
}
