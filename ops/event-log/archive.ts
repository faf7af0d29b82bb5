/**
 * A log in a folder. `manifest.json` says what is valid; it is replaced as a whole and last, so a
 * backup that was interrupted at any moment leaves the state before it. Segments, `000001.zst` and
 * on, are never changed: Zstandard over records, of which each is
 *
 *     length of the rest   4 bytes, little endian, as all numbers
 *     CRC-32 of the rest   4 bytes
 *     length of the head   4 bytes
 *     head                 JSON: stream, revision, id, type, isJson, position, created (100 ns
 *                          since 1970), and the length of the data
 *     data, metadata       as they stood in the log
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { crc32, createZstdDecompress, zstdCompress } from 'node:zlib';
import type { RawEvent } from '../../platform/raw-events.ts';
import { OperatorError, reasonOf } from '../command.ts';
import type { LeftOut } from './history.ts';

const FORMAT = 1;
const MANIFEST = 'manifest.json';
const LOCK = 'lock.sqlite';
const SEGMENT = /^\d{6,}\.zst$/;
/** Before compression; it is held in memory, when it is written and when it is read. */
const SEGMENT_BYTES = 16 * 1024 ** 2;
const LENGTH_BYTES = 4;
const PREFIX_BYTES = 2 * LENGTH_BYTES;

export type Segment = {
  file: string;
  bytes: number;
  sha256: string;
  events: number;
  /** Positions in the log. */
  first: string;
  last: string;
};

export type Manifest = {
  format: number;
  madeAt: string;
  /** How far the log was read: it holds all of the shop's events up to there. Null before. */
  position: string | null;
  /** The last event, by which the log is known again. */
  last: { position: string; id: string } | null;
  events: number;
  /** Streams whose first event (revision 0) it holds. */
  streams: number;
  leftOut: LeftOut;
  segments: Segment[];
};

/** What was found where; several of these make a report. */
export class Damage extends OperatorError {}

const EMPTY: Manifest = {
  format: FORMAT,
  madeAt: '',
  position: null,
  last: null,
  events: 0,
  streams: 0,
  leftOut: {},
  segments: [],
};

const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Throws `Damage`, or an `OperatorError` where there is no archive. */
export async function readManifest(dir: string): Promise<Manifest> {
  const path = join(dir, MANIFEST);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new OperatorError(`${dir} is no backup of a log: there is no ${path}.`);
  });
  let file: { manifest: Manifest; sha256: string };
  try {
    file = JSON.parse(text) as typeof file;
  } catch (error) {
    throw new Damage(`${path} is damaged: ${reasonOf(error)}`);
  }
  if (sha256(JSON.stringify(file.manifest)) !== file.sha256) {
    throw new Damage(`${path} is damaged: its checksum is another.`);
  }
  if (file.manifest.format !== FORMAT) {
    throw new OperatorError(
      `${path} has format ${file.manifest.format}; this program reads ${FORMAT}.`,
    );
  }
  return file.manifest;
}

async function writeManifest(dir: string, manifest: Manifest): Promise<void> {
  const path = join(dir, MANIFEST);
  const content = { sha256: sha256(JSON.stringify(manifest)), manifest };
  await writeDurably(`${path}.new`, JSON.stringify(content, null, 2));
  // What it names has to be in the folder before it is.
  await syncFolder(dir);
  await rename(`${path}.new`, path);
  await syncFolder(dir);
}

async function writeDurably(path: string, content: string | Buffer): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Adds to the archive in a folder, alone; nothing of it counts before `commit`. */
export class ArchiveWriter {
  readonly #dir: string;
  readonly #lock: DatabaseSync;
  readonly #manifest: Manifest;
  #records: Buffer[] = [];
  #bytes = 0;
  #first: RawEvent | undefined;
  #last: RawEvent | undefined;

  /**
   * Makes the folder where there is none. Throws an `OperatorError` for one that is not ours, and
   * `Damage` for one whose files are not as large as they were.
   */
  static async open(dir: string): Promise<ArchiveWriter> {
    await mkdir(dir, { recursive: true });
    const files = await readdir(dir);
    if (!files.includes(MANIFEST)) {
      if (files.some((file) => SEGMENT.test(file))) {
        throw new OperatorError(`${join(dir, MANIFEST)} is missing: back up into a new folder.`);
      }
      if (files.some((file) => !file.startsWith(LOCK) && file !== `${MANIFEST}.new`)) {
        throw new OperatorError(`${dir} holds other files: back up into a new folder.`);
      }
    }
    const lock = lockFolder(dir);
    try {
      if (!files.includes(MANIFEST)) await writeManifest(dir, EMPTY);
      const manifest = await readManifest(dir);
      for (const segment of manifest.segments) await assertThere(dir, segment);
      return new ArchiveWriter(dir, lock, manifest);
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  private constructor(dir: string, lock: DatabaseSync, manifest: Manifest) {
    this.#dir = dir;
    this.#lock = lock;
    this.#manifest = manifest;
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  async add(event: RawEvent): Promise<void> {
    const record = encode(event);
    if (this.#bytes + record.length > SEGMENT_BYTES) await this.#writeSegment();
    this.#records.push(record);
    this.#bytes += record.length;
    this.#first ??= event;
    this.#last = event;
    this.#manifest.events += 1;
    if (event.revision === 0n) this.#manifest.streams += 1;
  }

  /** Resolves when all that was added is on disk and counts. */
  async commit(position: bigint, leftOut: LeftOut): Promise<Manifest> {
    await this.#writeSegment();
    const manifest = this.#manifest;
    for (const [kind, events] of Object.entries(leftOut)) {
      manifest.leftOut[kind] = (manifest.leftOut[kind] ?? 0) + events;
    }
    manifest.position = String(position);
    manifest.madeAt = new Date().toISOString();
    await writeManifest(this.#dir, manifest);
    return manifest;
  }

  close(): void {
    this.#lock.close();
  }

  async #writeSegment(): Promise<void> {
    if (!this.#first || !this.#last) return;
    const { segments } = this.#manifest;
    const file = `${String(segments.length + 1).padStart(6, '0')}.zst`;
    const content = await promisify(zstdCompress)(Buffer.concat(this.#records, this.#bytes));
    // A backup that was interrupted may have left one of that name, of which nobody knows.
    await writeDurably(join(this.#dir, file), content);
    segments.push({
      file,
      bytes: content.length,
      sha256: sha256(content),
      events: this.#records.length,
      first: String(this.#first.position),
      last: String(this.#last.position),
    });
    this.#manifest.last = { position: String(this.#last.position), id: this.#last.id };
    [this.#records, this.#bytes, this.#first, this.#last] = [[], 0, undefined, undefined];
  }
}

/** Whether its bytes are right takes reading all of them, which is for `log verify`. */
async function assertThere(dir: string, { file, bytes }: Segment): Promise<void> {
  const path = join(dir, file);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  if (found?.size === bytes) return;
  const is = found ? `has ${found.size} bytes and was written with ${bytes}` : 'is missing';
  throw new Damage(
    `${path} ${is}, so nothing was added. Put the file back from a copy, or back up into a new ` +
      `folder. What is wrong in all: npm run ops -- log verify ${dir}`,
  );
}

/** The kernel takes the lock back whenever its holder ends; a file with a pid would stay. */
function lockFolder(dir: string): DatabaseSync {
  const lock = new DatabaseSync(join(dir, LOCK), { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    throw new OperatorError(`Another backup into ${dir} is under way: let it finish.`, {
      cause: error,
    });
  }
}

/** All events of an archive, in order. Throws `Damage` at the first one that is not as written. */
export async function* readArchive(dir: string, manifest: Manifest): AsyncGenerator<RawEvent> {
  for (const segment of manifest.segments) yield* readSegment(dir, segment);
}

/** Throws `Damage`, which names the file and the record, behind what is still sound. */
export async function* readSegment(dir: string, segment: Segment): AsyncGenerator<RawEvent> {
  const path = join(dir, segment.file);
  const content = await readFile(path).catch((error: Error) => {
    throw new Damage(`${path} cannot be read: ${error.message}`);
  });
  const { text, error } = await decompress(content);
  let records = 0;
  let before = '';
  for (let at = 0; at < text.length; records++) {
    const found = decode(text, at);
    if (!found) break;
    yield found.event;
    before = `, behind revision ${found.event.revision} of ${found.event.stream}`;
    at = found.end;
  }
  const record = `record ${records + 1} of ${segment.events}${before}`;
  if (content.length < segment.bytes) {
    const is = `it has ${content.length} of ${segment.bytes} bytes`;
    throw new Damage(`${path} is cut off: ${is}, and is not sound from ${record} on.`);
  }
  if (error || records !== segment.events) {
    const reason = error ? ` (${reasonOf(error)})` : '';
    throw new Damage(`${path} is damaged from ${record} on${reason}.`);
  }
  if (sha256(content) !== segment.sha256) {
    throw new Damage(`${path} is damaged: its checksum is another, though each record is sound.`);
  }
}

/** As much as can be had, and the error that ended it. */
async function decompress(content: Buffer): Promise<{ text: Buffer; error?: unknown }> {
  const chunks: Buffer[] = [];
  try {
    const unpacked = Readable.from([content], { objectMode: false }).pipe(createZstdDecompress());
    for await (const chunk of unpacked) chunks.push(chunk as Buffer);
    return { text: Buffer.concat(chunks) };
  } catch (error) {
    return { text: Buffer.concat(chunks), error };
  }
}

type Head = {
  stream: string;
  revision: string;
  id: string;
  type: string;
  isJson: boolean;
  position: string;
  created: string;
  dataBytes: number;
};

function encode(event: RawEvent): Buffer {
  const { stream, id, type, isJson, data, metadata } = event;
  const head: Head = {
    stream,
    revision: String(event.revision),
    id,
    type,
    isJson,
    position: String(event.position),
    created: String(event.created),
    dataBytes: data.length,
  };
  const headBytes = Buffer.from(JSON.stringify(head));
  const prefix = Buffer.alloc(PREFIX_BYTES + LENGTH_BYTES);
  prefix.writeUInt32LE(headBytes.length, PREFIX_BYTES);
  const record = Buffer.concat([prefix, headBytes, data, metadata]);
  record.writeUInt32LE(record.length - PREFIX_BYTES, 0);
  record.writeUInt32LE(crc32(record.subarray(PREFIX_BYTES)), LENGTH_BYTES);
  return record;
}

/** The record at an offset, and where it ends; undefined where there is no sound one. */
function decode(text: Buffer, at: number): { event: RawEvent; end: number } | undefined {
  if (at + PREFIX_BYTES > text.length) return undefined;
  const start = at + PREFIX_BYTES;
  const end = start + text.readUInt32LE(at);
  if (end > text.length) return undefined;
  const rest = text.subarray(start, end);
  if (crc32(rest) !== text.readUInt32LE(at + LENGTH_BYTES)) return undefined;
  const payload = rest.subarray(LENGTH_BYTES + rest.readUInt32LE(0));
  const json = rest.toString('utf8', LENGTH_BYTES, rest.length - payload.length);
  const { dataBytes, revision, position, created, ...head } = JSON.parse(json) as Head;
  const event = {
    ...head,
    revision: BigInt(revision),
    position: BigInt(position),
    created: BigInt(created),
    data: payload.subarray(0, dataBytes),
    metadata: payload.subarray(dataBytes),
  };
  return { event, end };
}
