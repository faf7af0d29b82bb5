import { existsSync } from 'node:fs';
import { open, readdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { OK, OperatorError, reasonOf } from './command.ts';
import { logsFolder, required } from './environment.ts';
import { counted } from './format.ts';

/** Elasticsearch's own template for `logs-*-*` makes the stream, its fields and its rollover. */
const DATA_STREAM = 'logs-doorstep-default';
const STATE_FILE = 'shipped.json';
const BATCH_BYTES = 1024 ** 2;
/** A file that is shipped to its end and longer than this is emptied: disks are finite. */
const EMPTY_ABOVE_BYTES = 16 * 1024 ** 2;
const LOOK_EVERY_MS = 1_000;
const REQUEST_TIMEOUT_MS = 30_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/** With `--once`, somebody waits for the end. */
const MAX_TRIES_ONCE = 5;
const TOO_MANY_REQUESTS = 429;
const LEVEL_ERROR = 50;

export const name = 'ship-logs';
export const summary = "send the rooms' log files to Elasticsearch, and go on doing so";
export const usage = `Usage: npm run ops -- ship-logs [--from DIR] [--once]

Sends every line of DIR/*.log to Elasticsearch's data stream ${DATA_STREAM}. How far each file
has been sent is noted in DIR/${STATE_FILE} after Elasticsearch has it: an outage or a restart loses
nothing, and at worst repeats the last batch.

  --from DIR   the folder of the log files; default: DATA_DIR/logs
  --once       send what is there, and end

Examples:
  ELASTICSEARCH_URL=http://user:password@localhost:9200 npm run ops -- ship-logs

Needs ELASTICSEARCH_URL.`;

type Document = Record<string, unknown>;
type Offsets = Record<string, number>;
/** Resolves when Elasticsearch has them. */
type Send = (documents: Document[]) => Promise<void>;

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { from: { type: 'string' }, once: { type: 'boolean' } },
  });
  const dir = values.from ?? logsFolder();
  if (!existsSync(dir)) throw new OperatorError(`There is no folder ${dir}.`);
  const maxTries = values.once ? MAX_TRIES_ONCE : Infinity;
  const send = sender(required('ELASTICSEARCH_URL').ELASTICSEARCH_URL, maxTries);
  // To be killed at any moment is normal: what was not noted is sent again.
  do {
    await shipFolder(dir, send);
    if (!values.once) await delay(LOOK_EVERY_MS);
  } while (!values.once);
  return OK;
}

async function shipFolder(dir: string, send: Send): Promise<void> {
  const stateFile = join(dir, STATE_FILE);
  const before: Offsets = existsSync(stateFile)
    ? (JSON.parse(await readFile(stateFile, 'utf8')) as Offsets)
    : {};
  const names = (await readdir(dir)).filter((file) => file.endsWith('.log'));
  const offsets: Offsets = Object.fromEntries(names.map((file) => [file, before[file] ?? 0]));
  const note = async () => {
    await writeFile(`${stateFile}.new`, JSON.stringify(offsets));
    await rename(`${stateFile}.new`, stateFile);
  };
  for (const file of names) {
    const path = join(dir, file);
    const { size } = await stat(path);
    // Somebody emptied it.
    if (size < offsets[file]!) offsets[file] = 0;
    for (;;) {
      const lines = await readLines(path, offsets[file]!);
      if (lines.length === 0) break;
      const room = basename(file, '.log');
      const texts = lines
        .toString()
        .split('\n')
        .filter((line) => line !== '');
      await send(texts.map((line) => documentOf(line, room)));
      offsets[file]! += lines.length;
      await note();
    }
    if (await emptied(path, offsets[file]!)) offsets[file] = 0;
  }
  // Also when nothing was new: the age of this file tells whether this process does its work.
  await note();
}

/** Whole lines from an offset on, as many as fit a batch. */
async function readLines(path: string, offset: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(BATCH_BYTES),
      0,
      BATCH_BYTES,
      offset,
    );
    const read = buffer.subarray(0, bytesRead);
    const end = read.lastIndexOf('\n') + 1;
    // A line longer than a batch is cut, or nothing behind it would ever be sent.
    return end === 0 && bytesRead === BATCH_BYTES ? read : read.subarray(0, end);
  } finally {
    await file.close();
  }
}

/**
 * Empties a long file of which everything was sent. Its writer appends, so it goes on at the new
 * end; a line that is written between the two looks at its size is the price.
 */
async function emptied(path: string, offset: number): Promise<boolean> {
  if (offset < EMPTY_ABOVE_BYTES || (await stat(path)).size !== offset) return false;
  await truncate(path);
  return true;
}

/** A line of pino's as Elasticsearch's logs have it; anything else, such as a crash, as an error. */
function documentOf(line: string, room: string): Document {
  try {
    const { time, msg, ...rest } = JSON.parse(line) as Document;
    return { '@timestamp': time ?? new Date().toISOString(), message: msg, room, ...rest };
  } catch {
    return { '@timestamp': new Date().toISOString(), message: line, room, level: LEVEL_ERROR };
  }
}

/** Sends through the bulk API, again and again; rejects after `maxTries`. */
function sender(address: string, maxTries: number): Send {
  const url = new URL(`/${DATA_STREAM}/_bulk`, address);
  const secret = Buffer.from(`${url.username}:${url.password}`).toString('base64');
  const headers = { 'content-type': 'application/x-ndjson', authorization: `Basic ${secret}` };
  // fetch takes no address that holds a password.
  url.username = url.password = '';

  return async (documents) => {
    let waiting = documents;
    let retryMs = FIRST_RETRY_MS;
    for (let tries = 1; waiting.length > 0; tries++) {
      try {
        const before = waiting.length;
        waiting = await bulk(url, headers, waiting);
        if (waiting.length === 0) return;
        throw new Error(`it took ${before - waiting.length} of ${counted(before, 'line')}`);
      } catch (error) {
        const failure = `Elasticsearch does not take the logs: ${reasonOf(error)}`;
        if (tries === maxTries) throw new OperatorError(failure);
        console.error(`${failure}; the next try is in ${retryMs} ms`);
      }
      await delay(retryMs);
      retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
    }
  };
}

type BulkAnswer = { items: { create: { status: number; error?: { reason: string } } }[] };

/** Resolves to those that have to be sent again; those that it will never take are dropped. */
async function bulk(
  url: URL,
  headers: Record<string, string>,
  documents: Document[],
): Promise<Document[]> {
  const lines = documents.map((document) => `{"create":{}}\n${JSON.stringify(document)}\n`);
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  const answer = await fetch(url, { method: 'POST', headers, body: lines.join(''), signal });
  if (!answer.ok) throw new Error(`HTTP ${answer.status} ${(await answer.text()).slice(0, 200)}`);
  const outcomes = ((await answer.json()) as BulkAnswer).items.map(({ create }) => create);
  const isBusy = (status: number) => status === TOO_MANY_REQUESTS || status >= 500;
  const refused = outcomes.filter(({ status }) => status >= 400 && !isBusy(status));
  if (refused.length > 0) {
    console.error(`${counted(refused.length, 'line')} refused: ${refused[0]!.error?.reason}`);
  }
  return documents.filter((_, i) => isBusy(outcomes[i]!.status));
}
