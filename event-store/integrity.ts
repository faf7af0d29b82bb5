/**
 * How the log notices that its files are not as it wrote them: a checksum on every row, and beside
 * the database a note of how far writes were acknowledged.
 *
 * Checksums tell of rows that changed. Rows that are missing show as gaps: positions and revisions
 * have none, a stream's row says where the stream ends, and the note says where the log does.
 * SQLite would drop everything behind a damaged place in its write-ahead log and call that a
 * recovery; the note is what tells that from the end of the log.
 */
import { closeSync, constants, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/**
 * SQLite's codes for a file that is not what SQLite wrote: SQLITE_CORRUPT, SQLITE_NOTADB, and of a row
 * that says it is larger than any can be, SQLITE_TOOBIG.
 */
export const DAMAGE_SQLITE_CODES = [11, 18, 26];
/** SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ. */
const UNREADABLE_SQLITE_CODES = [266, 522];

export const databaseFile = (dir: string): string => join(dir, 'log.sqlite');

const ADVICE =
  'Keep the folder as it is for whoever looks into it, and restore a backup into an empty one: ' +
  'npm run ops -- help log';

/** What is on the disk is not what was written. The message names the file and what to do. */
export class DamagedLog extends Error {}

export const damaged = (file: string, what: string): DamagedLog =>
  new DamagedLog(`${file} is damaged: ${what}. ${ADVICE}`);

/** SQLite's own finding as ours; any other error as it is. */
export function asDamage(error: unknown, dir: string): Error {
  const { errcode = 0, message } = error as Error & { errcode?: number };
  return DAMAGE_SQLITE_CODES.includes(errcode & 0xff) || UNREADABLE_SQLITE_CODES.includes(errcode)
    ? damaged(databaseFile(dir), message)
    : (error as Error);
}

/** The columns of an event that its checksum covers; its id is in the record. */
export type EventRow = {
  position: number;
  stream: number;
  revision: number;
  createdMs: number;
  type: string;
  record: Uint8Array;
};

export const checksumOfEvent = (row: EventRow): number =>
  crc32(
    row.record,
    crc32(`${row.position} ${row.stream} ${row.revision} ${row.createdMs} ${row.type}`),
  );

const PRIVATE = 0o600;
const NOTE = /^(\d{16}) ([0-9a-f]{8})\n$/;

export const acknowledgedFile = (dir: string): string => join(dir, 'acknowledged');

const textOf = (position: number): string => {
  const digits = String(position).padStart(16, '0');
  return `${digits} ${crc32(digits).toString(16).padStart(8, '0')}\n`;
};

/**
 * The position up to which writes were acknowledged; 0 where that is not known. Throws DamagedLog.
 * After a power cut it may be an older one, since nothing waits for it to be on disk.
 */
export function readAcknowledged(dir: string): number {
  let text: string;
  try {
    text = readFileSync(acknowledgedFile(dir), 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  // A power cut right after the file was made leaves it empty, or its block unwritten.
  if (/^\0*$/.test(text)) return 0;
  const position = Number(NOTE.exec(text)?.[1]);
  if (Number.isNaN(position) || text !== textOf(position))
    throw damaged(acknowledgedFile(dir), 'its checksum does not fit');
  return position;
}

/** The note as its writer has it: overwritten in place, after each commit. */
export class Acknowledged {
  private readonly file: number;

  constructor(dir: string, position: number) {
    this.file = openSync(acknowledgedFile(dir), constants.O_RDWR | constants.O_CREAT, PRIVATE);
    this.set(position);
    fsyncSync(this.file);
  }

  set(position: number): void {
    writeSync(this.file, textOf(position), 0, 'latin1');
  }

  close(): void {
    closeSync(this.file);
  }
}
