import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { Problem } from '../platform/http.ts';
import { columnsOf, isHeader, type Columns, type NamedColumns } from './import-columns.ts';

/** What spreadsheets write text in. */
type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/** How the records of a file are written down. */
type Format = { path: string; encoding: Encoding; delimiter: string };

/** A file, and where in it the rows of a price list are. */
export type PriceListFile = Format & {
  columns: Columns;
  /** Records before the first row below the header. */
  before: number;
  /** Of those, the ones that Excel does not show: a line `sep=;`. */
  hidden: number;
};

/** A row as Excel numbers it, from 1. */
export type FileRow = { row: number; cells: string[] };

const MAX_ROW_BYTES = 1024 ** 2;
/** Where a header stands that has a title, an address and a date above it. */
const HEADER_WITHIN = 30;
const DELIMITERS = [',', ';', '\t', '|'];
const HEAD_BYTES = 4_096;

/** What tells Windows-1252, where every byte is a character, from UTF-8 that was damaged. */
const NEVER_WINDOWS = /[\xfe\xff\x81\x8d\x8f\x90\x9d]/;
const UTF8_SEQUENCE = /[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}/g;
const HIGH_BYTES = /[\x80-\xff]/g;

const notText = (): Problem =>
  new Problem(
    400,
    'INVALID_UTF8',
    'The file is not UTF-8, nor UTF-16 or Windows-1252: save it as "CSV UTF-8".',
  );

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** UTF-16 by its mark, or since every other byte of what is mostly ASCII is zero. */
function utf16In(head: Buffer): Encoding | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  const zeros = [0, 0];
  for (const [at, byte] of head.entries()) if (byte === 0) zeros[at % 2]! += 1;
  const many = head.length / 4;
  if (zeros[1]! > many && zeros[0] === 0) return 'utf-16le';
  if (zeros[0]! > many && zeros[1] === 0) return 'utf-16be';
  return undefined;
}

async function isUtf8File(path: string): Promise<boolean> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const chunk of createReadStream(path)) {
      decoder.decode(chunk as Buffer, { stream: true });
    }
    decoder.decode();
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** Damaged UTF-8 is mostly UTF-8 still; read as Windows-1252 it would be nonsense. */
async function isWindowsFile(path: string): Promise<boolean> {
  let sequences = 0;
  let highBytes = 0;
  for await (const chunk of createReadStream(path)) {
    const bytes = (chunk as Buffer).toString('latin1');
    if (NEVER_WINDOWS.test(bytes)) return false;
    sequences += bytes.match(UTF8_SEQUENCE)?.length ?? 0;
    highBytes += bytes.match(HIGH_BYTES)?.length ?? 0;
  }
  // A sequence has two bytes or more: that many are left over.
  return sequences * 3 < highBytes;
}

/** Throws a `Problem` for what is no text that is known here. */
async function encodingOf(path: string, head: Buffer): Promise<Encoding> {
  const wide = utf16In(head);
  if (wide) return wide;
  if (await isUtf8File(path)) return 'utf-8';
  if (await isWindowsFile(path)) return 'windows-1252';
  throw notText();
}

/** Refuses bytes that are no text, where Node would quietly put U+FFFD in their place. */
function decode(encoding: Encoding): Transform {
  const decoder = new TextDecoder(encoding, { fatal: true });
  return new Transform({
    decodeStrings: false,
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      try {
        done(null, decoder.decode(chunk, { stream: true }));
      } catch {
        done(notText());
      }
    },
    flush(done: TransformCallback) {
      try {
        done(null, decoder.decode());
      } catch {
        done(notText());
      }
    },
  });
}

/**
 * The records of a CSV file (RFC 4180), empty lines too; a line ends as any system ends it. Throws a
 * `Problem` when it is torn.
 */
async function* readRecords({ path, encoding, delimiter }: Format): AsyncGenerator<string[]> {
  const parser = parse({
    delimiter,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    max_record_size: MAX_ROW_BYTES,
  });
  const reading = pipeline(createReadStream(path), decode(encoding), parser);
  // It fails through the parser too, where it is thrown.
  reading.catch(() => undefined);
  try {
    for await (const record of parser) yield record as string[];
    await reading;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = 'lines' in error ? ` (line ${String(error.lines)})` : '';
    throw new Problem(400, 'INVALID_CSV', `The file is not CSV${line}: ${error.message}.`);
  }
}

const isEmpty = (cells: string[]): boolean => cells.every((cell) => cell.trim() === '');

/** The records at the beginning, as far as they can be read in this format. */
async function firstRecords(format: Format): Promise<string[][]> {
  const records: string[][] = [];
  try {
    for await (const record of readRecords(format)) {
      if (records.push(record) === HEADER_WITHIN) break;
    }
  } catch (error) {
    // Whether it is torn is for whoever reads all of it, in the format that is right.
    if (!(error instanceof Problem)) throw error;
  }
  return records;
}

/** The format and the place of the header: the first row that names what a list has to have. */
async function findHeader(
  formats: Format[],
  hidden: number,
  named: NamedColumns,
): Promise<{ format: Format; at: number; header: string[] }> {
  const found: { format: Format; at: number; header: string[] }[] = [];
  for (const format of formats) {
    const records = await firstRecords(format);
    const at = records.findIndex((cells, index) => index >= hidden && isHeader(cells, named));
    if (at >= 0) return { format, at, header: records[at]! };
    const first = records.findIndex((cells, index) => index >= hidden && !isEmpty(cells));
    if (first >= 0) found.push({ format, at: first, header: records[first]! });
  }
  // None has them: whatever comes closest says best what is missing.
  const [best] = found.toSorted((a, b) => b.header.length - a.header.length);
  if (best) return best;
  // Either nothing is in it, or it is torn before anything is: reading it says so.
  for await (const cells of readRecords(formats[0]!)) if (!isEmpty(cells)) break;
  throw new Problem(400, 'INVALID_CSV', 'The file is empty: it needs a header row.');
}

/**
 * Looks at how a price list is written down: its encoding, what separates its columns (a line `sep=;`
 * says so, or it is what makes the header's columns), and under how many titles its header stands.
 * Throws a `Problem` for what is no list.
 */
export async function openPriceList(path: string, named: NamedColumns): Promise<PriceListFile> {
  const head = await headOf(path);
  const encoding = await encodingOf(path, head);
  const start = new TextDecoder(encoding).decode(head);
  const said = /^"?sep=(.)"?(?:\r|\n|$)/i.exec(start)?.[1];
  const hidden = said === undefined ? 0 : 1;
  const delimiters = said === undefined ? DELIMITERS : [said];
  const formats = delimiters.map((delimiter) => ({ path, encoding, delimiter }));
  const { format, at, header } = await findHeader(formats, hidden, named);
  return { ...format, columns: columnsOf(header, named), before: at + 1, hidden };
}

/** The rows below the header that have anything in them. Throws a `Problem` when it is torn. */
export async function* readRows(file: PriceListFile): AsyncGenerator<FileRow> {
  let row = -file.hidden;
  let records = 0;
  for await (const cells of readRecords(file)) {
    row += 1;
    records += 1;
    if (records > file.before && !isEmpty(cells)) yield { row, cells };
  }
}
