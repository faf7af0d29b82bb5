import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { createGunzip } from 'node:zlib';
import { IMPORT_COLUMNS, type ImportReport } from '../domain/catalogue/price-list.ts';
import { sign } from '../platform/signature.ts';
import { OK, OperatorError, printJson } from './command.ts';
import { optional, required } from './environment.ts';
import { count, counted, duration, table } from './format.ts';
import { Progress } from './progress.ts';

const PROGRESS_TYPE = 'application/x-ndjson';
/** Reported rows that fit on a screen; `--json` gives what the API lists. */
const MAX_SHOWN_REPORTS = 20;
/** Neither side said anything for so long: somebody is gone. */
const SILENCE_TIMEOUT_MS = 120_000;
const STDIN = '-';
const SEND_AGAIN = 'Send the same file again: what is done stays done.';
/** In lines as wide as those of the usage. */
const FIELDS = IMPORT_COLUMNS.join(', ').replace(/(.{50,60}) /g, `$1\n${' '.repeat(28)}`);

export const name = 'import';
export const summary = "send a price list (CSV) to a shop's catalogue";
export const usage = `Usage: npm run ops -- import FILE --store ID [options]

Every row of the file becomes a listing, an update of one, or an entry in the report with its row
number, as a spreadsheet shows it, and the reason. The same file again changes nothing. Its stock
is taken where nobody counted or received the article before.

  FILE                      CSV with a header row, in UTF-8, UTF-16 or Windows-1252, its columns
                            separated by commas, semicolons or tabs; NAME.gz is unpacked; - reads
                            stdin
  --store ID                the shop
  --map FIELD:COLUMN,...    fields whose columns have other names; a name with a comma in quotes.
                            Fields: ${FIELDS}.
                            Only name and price have to be there.
  --unit paise              price and mrp are in paise, not in rupees
  --mode full               what the file lacks is withdrawn from sale
  --dry-run                 does nothing, and shows the counts that it would have
  --confirm DIGEST          it is meant: for a file that doubles or halves a price, moves more than
                            a fifth of them by over a quarter, or withdraws anything. Without it,
                            such a file is refused with the DIGEST
  --json                    the report as JSON on stdout, with up to 1,000 reported rows

Examples:
  npm run ops -- import prices.csv --store 8c9b5f0e-…
  npm run ops -- import list.csv.gz --store 8c9b5f0e-… --map name:product,price:sale_price
  npm run ops -- import list.csv --store 8c9b5f0e-… --map 'price:"Rate, incl. GST"' --dry-run
  mysql … | npm run ops -- import - --store 8c9b5f0e-… --json

Goes to PUBLIC_URL, or to ORIGIN_WRITE_API where that is not set, with the shop's pass, which
STORE_PASS_SECRET makes.`;

/** What is passed on to the API as it is. */
const QUERY_OPTIONS = ['map', 'unit', 'mode', 'confirm'] as const;

/** A line of the answer: how far it is, the report at the end, or why it broke off. */
type Line = { rows: number; of: number } | ImportReport | { status: number; detail: string };

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      store: { type: 'string' },
      map: { type: 'string' },
      unit: { type: 'string' },
      mode: { type: 'string' },
      confirm: { type: 'string' },
      'dry-run': { type: 'boolean' },
      json: { type: 'boolean' },
    },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0 || values.store === undefined) {
    throw new OperatorError('One FILE and --store ID are needed. See: npm run ops -- help import');
  }
  const base = optional('PUBLIC_URL') ?? required('ORIGIN_WRITE_API').ORIGIN_WRITE_API;
  const url = new URL(`/api/write/stores/${encodeURIComponent(values.store)}/imports`, base);
  for (const option of QUERY_OPTIONS) {
    const value = values[option];
    if (value !== undefined) url.searchParams.set(option, value);
  }
  if (values['dry-run']) url.searchParams.set('dry-run', 'true');

  const startedMs = performance.now();
  const pass = sign(required('STORE_PASS_SECRET').STORE_PASS_SECRET, values.store);
  const answer = await send(file, url, pass);
  try {
    if (answer.statusCode !== 200) throw await refusal(answer);
    const report = await follow(answer);
    if (values.json) printJson(report);
    else show(report, performance.now() - startedMs);
    return OK;
  } finally {
    // Of a file that was refused, some may still be on its way.
    answer.destroy();
  }
}

/** Sends the file as it is read; resolves to the head of the answer. */
async function send(file: string, url: URL, pass: string): Promise<http.IncomingMessage> {
  const size = file === STDIN ? undefined : await sizeOf(file);
  const source = file === STDIN ? process.stdin : createReadStream(file);
  const unpack = file.endsWith('.gz') ? createGunzip() : new PassThrough();
  const { request } = url.protocol === 'https:' ? https : http;
  const upload = request(url, {
    method: 'POST',
    headers: {
      'content-type': 'text/csv',
      accept: PROGRESS_TYPE,
      authorization: `Bearer ${pass}`,
    },
    timeout: SILENCE_TIMEOUT_MS,
  });
  upload.on('timeout', () => upload.destroy(new Error('it fell silent')));
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    upload.on('response', resolve).on('error', reject);
  });
  const progress = new Progress('sending', 'bytes');
  // A file that breaks off in the middle must not look like a whole one: then the pipeline
  // destroys the request, and the API drops what it got.
  const sent = pipeline(source, metered(progress, size), unpack, upload);
  try {
    // It may refuse before it has read everything: then its answer counts, not the broken pipe.
    return await Promise.race([answered, sent.then(() => answered)]);
  } catch (error) {
    throw uploadFailure(error as NodeJS.ErrnoException, url);
  } finally {
    progress.end();
    // Whichever of the two did not decide it may fail later, when nobody asks any more.
    sent.catch(() => undefined);
    answered.catch(() => undefined);
  }
}

async function sizeOf(file: string): Promise<number> {
  const found = await stat(file).catch((error: Error) => {
    throw new OperatorError(`The file cannot be read: ${error.message}`);
  });
  if (found.isFile()) return found.size;
  throw new OperatorError(`${file} is not a file.`);
}

/** Passes chunks on and shows how many bytes of how many have gone. */
function metered(progress: Progress, size: number | undefined) {
  return async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let done = 0;
    for await (const chunk of chunks) {
      done += chunk.length;
      progress.update({ done, fraction: size && done / size });
      yield chunk;
    }
  };
}

function uploadFailure({ code = '', message, path }: NodeJS.ErrnoException, url: URL) {
  const why = message || code;
  if (code.startsWith('Z_') || path !== undefined) {
    return new OperatorError(`The file cannot be read: ${why}. Nothing was imported.`);
  }
  return new OperatorError(`${url.origin} does not answer: ${why}. ${SEND_AGAIN}`);
}

/** What the API says about why it did not begin. */
async function refusal(answer: http.IncomingMessage): Promise<OperatorError> {
  const body = await text(answer);
  const isProblem = answer.headers['content-type']?.startsWith('application/problem+json');
  const detail = isProblem ? (JSON.parse(body) as { detail: string }).detail : undefined;
  return new OperatorError(detail ?? `The API answered ${answer.statusCode}: is this its address?`);
}

/** Shows how far the import is, up to the report. */
async function follow(answer: http.IncomingMessage): Promise<ImportReport> {
  const progress = new Progress('importing', 'rows');
  try {
    for await (const line of progressOf(answer)) {
      if ('detail' in line) throw new OperatorError(line.detail);
      const isReport = 'reported' in line;
      progress.update({ done: line.rows, fraction: isReport ? 1 : line.rows / line.of });
      if (isReport) return line;
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`The answer broke off: ${(error as Error).message}. ${SEND_AGAIN}`);
  } finally {
    progress.end();
  }
  throw new OperatorError(`The answer broke off. ${SEND_AGAIN}`);
}

async function* progressOf(answer: http.IncomingMessage): AsyncGenerator<Line> {
  let rest = '';
  for await (const chunk of answer.setEncoding('utf8')) {
    const lines = (rest + (chunk as string)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line) as Line;
  }
}

function show(report: ImportReport, tookMs: number): void {
  const { rows, published, updated, unchanged, refused, withdrawn, reportedCount } = report;
  const { reported, notes, dryRun, unconfirmed } = report;
  const kinds = { published, updated, unchanged, refused, withdrawn, reported: reportedCount };
  const rehearsed = dryRun ? ', rehearsed: nothing was done' : '';
  console.log(`${counted(rows, 'row')} in ${duration(tookMs)}${rehearsed}:`);
  const lines = Object.entries(kinds).map(([kind, rowsOfKind]) => [`  ${kind}`, count(rowsOfKind)]);
  console.log(table(lines).join('\n'));
  for (const note of notes) console.log(`\n${note}`);
  if (unconfirmed) console.log(`\nIt is to be confirmed: --confirm ${unconfirmed.digest}`);
  if (reportedCount === 0) return;
  console.log('\nReported, for the shop to look at:');
  const shown = reported.slice(0, MAX_SHOWN_REPORTS);
  console.log(table(shown.map(({ row, reason }) => [`  row ${row}`, reason])).join('\n'));
  const hidden = reportedCount - shown.length;
  if (hidden === 0) return;
  const listed = reportedCount > reported.length ? `the first ${count(reported.length)}` : 'them';
  console.log(`  … and ${count(hidden)} more: --json lists ${listed}.`);
}
