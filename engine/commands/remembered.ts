import { hash } from 'node:crypto';

/** How long a client's key stands for the command that it came with, where streams have no end. */
export const KEY_LIFETIME_MS = 24 * 60 * 60_000;
/** How far ahead the clock may be that a key's own time was read from. */
export const MAX_KEY_AHEAD_MS = 5 * 60_000;
/**
 * Beyond its lifetime a key is held for as long: it may have come before its own time, and of two
 * servers one may be late.
 */
const MARGIN_MS = 60 * 60_000;

/** Of an id: 2^48 commands of one stream before two of them are taken for one. */
const DIGEST_BYTES = 12;
const PRINT_BYTES = 4;
/** What one takes in memory, roughly, with its place in a map. */
const ENTRY_BYTES = 130;
/** What one takes when it is packed, roughly. */
const PACKED_CHARACTERS = 24;

/** That a command came: what of its request, and when, in milliseconds since 1970. */
export type Mark = { print: number; atMs: number };

const digestOf = (commandId: string): string =>
  hash('sha256', commandId, 'buffer').toString('latin1', 0, DIGEST_BYTES);

/** Tells two requests under one id apart; 0 for a command whose id says it all. */
export const printOf = (fingerprint: string | undefined): number =>
  fingerprint === undefined ? 0 : hash('sha256', fingerprint, 'buffer').readUInt32LE() || 1;

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** When a UUID of version 7 was made (RFC 9562, 5.7), in ms since 1970; undefined for any other. */
export const timeOfKey = (key: string): number | undefined =>
  UUID_V7.test(key) ? Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16) : undefined;

/**
 * Of a step that the system takes by itself: a new one for each try, so that it never comes again
 * (see `systemContext`), and what it does is idempotent by the stream's state.
 */
const NEVER_REPEATED = / [0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The commands that a stream knows, so that a repeat does nothing. A stream that ends knows all of
 * them, for ever. One without an end knows those of a day that may come again: by time and not by
 * number, so that no rush makes it forget. 50,000 a day take 6 MB here, and 900 KB in a snapshot.
 */
export class RememberedCommands {
  /** By digest of their ids, oldest first; behind those that are packed. */
  readonly #marks = new Map<string, Mark>();
  /** As they lay in a snapshot: a server that starts need not wait until they are opened. */
  #packed: string | undefined;
  readonly #forgets: boolean;

  constructor(forgets: boolean, packed?: string) {
    this.#forgets = forgets;
    this.#packed = packed;
  }

  get bytes(): number {
    const entries = this.#marks.size + (this.#packed?.length ?? 0) / PACKED_CHARACTERS;
    return Math.ceil(entries) * ENTRY_BYTES;
  }

  #all(): Map<string, Mark> {
    if (this.#packed === undefined) return this.#marks;
    const newer = [...this.#marks];
    this.#marks.clear();
    for (const [digest, mark] of [...marksIn(this.#packed), ...newer]) {
      this.#marks.delete(digest);
      this.#marks.set(digest, mark);
    }
    this.#packed = undefined;
    return this.#marks;
  }

  /** Undefined for what did not come, and for a key without a time of its own after its day. */
  find(commandId: string, nowMs: number): Mark | undefined {
    const mark = this.#all().get(digestOf(commandId));
    if (!mark || !this.#forgets) return mark;
    const isOver = nowMs - mark.atMs >= KEY_LIFETIME_MS && timeOfKey(commandId) === undefined;
    return isOver ? undefined : mark;
  }

  /** In place. What is older than a day by then is forgotten. */
  add(commandId: string, fingerprint: string | undefined, atMs: number, nowMs: number): void {
    if (this.#forgets && NEVER_REPEATED.test(commandId)) return;
    const digest = digestOf(commandId);
    // A key that is used anew after its day is as young as its newest use.
    this.#marks.delete(digest);
    this.#marks.set(digest, { print: printOf(fingerprint), atMs });
    if (!this.#forgets) return;
    // A server whose clock is ahead makes nobody forget.
    const beforeMs = Math.min(atMs, nowMs) - KEY_LIFETIME_MS - MARGIN_MS;
    for (const [oldest, mark] of this.#marks) {
      if (mark.atMs >= beforeMs) break;
      this.#marks.delete(oldest);
    }
  }

  /** As text: the digest, the print and the seconds since the one before, 18 bytes a command. */
  pack(): string {
    const bytes: number[] = [];
    let lastS = 0;
    for (const [digest, { print, atMs }] of this.#all()) {
      for (let i = 0; i < DIGEST_BYTES; i++) bytes.push(digest.charCodeAt(i));
      for (let i = 0; i < PRINT_BYTES; i++) bytes.push((print >>> (8 * i)) & 0xff);
      // Rounded up: rather a second too long than too short.
      const atS = Math.ceil(atMs / 1000);
      writeVarint(bytes, atS - lastS);
      lastS = atS;
    }
    return Buffer.from(bytes).toString('base64');
  }

  /** Of a stream without an end: what `pack` made of it. */
  static unpack(text: string): RememberedCommands {
    return new RememberedCommands(true, text);
  }
}

function* marksIn(packed: string): Generator<[string, Mark]> {
  const bytes = Buffer.from(packed, 'base64');
  let atS = 0;
  for (let at = 0; at < bytes.length;) {
    const digest = bytes.toString('latin1', at, at + DIGEST_BYTES);
    const print = bytes.readUInt32LE(at + DIGEST_BYTES);
    const { value, next } = readVarint(bytes, at + DIGEST_BYTES + PRINT_BYTES);
    atS += value;
    at = next;
    yield [digest, { print, atMs: atS * 1000 }];
  }
}

/** Seven bits a byte, lowest first; the lowest of all is the sign, for clocks that go back. */
function writeVarint(bytes: number[], value: number): void {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
}

function readVarint(bytes: Buffer, from: number): { value: number; next: number } {
  let [rest, factor, at] = [0, 1, from];
  for (; ; at++, factor *= 0x80) {
    const byte = bytes.readUInt8(at);
    rest += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
  }
  return { value: rest % 2 === 1 ? -(rest + 1) / 2 : rest / 2, next: at + 1 };
}
