import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import type { FastifyInstance } from 'fastify';
import { Rejected } from '../domain/rejection.ts';
import { inventory, itemOf, type StockLine } from '../domain/inventory/inventory.ts';
import { listing, listingId } from '../domain/catalogue/listing.ts';
import { Problem } from '../platform/http.ts';
import { idFrom } from '../platform/ids.ts';
import { hookRoute } from '../platform/route.ts';
import { count, list, object, text } from '../platform/schema.ts';
import { businessDate } from '../platform/time.ts';
import { refusalText } from '../wording/en/refusals.ts';
import type { Services } from './services.ts';
import { atPosition } from '../engine/commands/context.ts';
import type { CommandContext } from '../engine/commands/handle.ts';
import type { Caller } from '../engine/commands/route.ts';
import { RowRefused, columnsOf, readRow, type Columns, type ImportedRow } from './import-row.ts';
import { assertStoreExists, anybody } from './who.ts';

const MAX_IMPORT_BYTES = 1024 ** 3;
const MAX_ROW_BYTES = 1024 ** 2;
const MAX_ROWS = 1_000_000;
/** Rows that are appended side by side. */
const CHUNK_ROWS = 256;
/** Entries of the report that an answer lists; `reportedCount` counts them all. */
const MAX_LISTED_REPORTS = 1_000;
const PROGRESS_TYPE = 'application/x-ndjson';

export type ImportReport = {
  rows: number;
  published: number;
  updated: number;
  unchanged: number;
  reportedCount: number;
  /** The first `MAX_LISTED_REPORTS` rows that need a person; rows count from 1 below the header. */
  reported: { row: number; reason: string }[];
  /** What else the shop has to know, in sentences. */
  notes: string[];
};

type Import = { storeId: string; path: string; map: string | undefined; context: CommandContext };

const querystring = {
  type: 'object',
  additionalProperties: false,
  properties: {
    map: {
      type: 'string',
      maxLength: 1_000,
      description: 'field:column,… for columns whose names in the header differ from the fields',
    },
  },
} as const;

const reportSchema = object({
  rows: count,
  published: count,
  updated: count,
  unchanged: count,
  reportedCount: count,
  reported: list(
    object({ row: count, reason: text }),
    `The first ${MAX_LISTED_REPORTS} rows that need a person; row 1 is below the header`,
  ),
  notes: list(text, 'What else the shop has to know'),
});

export function importRoutes(app: FastifyInstance, services: Services): void {
  // A price list is never held in memory: the handler gets the stream.
  app.addContentTypeParser(
    ['text/csv', 'text/plain', 'application/csv', 'application/octet-stream'],
    (_request, payload, done) => done(null, payload),
  );

  hookRoute(app, {
    path: 'POST /stores/:storeId/imports',
    who: anybody,
    schema: { querystring, response: { 200: reportSchema }, consumes: ['text/csv'] },
    async run(request, reply, caller) {
      const { storeId } = request.params;
      const { map } = request.query as { map?: string };
      await assertStoreExists(services.handler, storeId);
      if (!(request.body instanceof Readable)) {
        throw new Problem(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send the price list as text/csv.');
      }
      const path = join(tmpdir(), `doorstep-import-${randomUUID()}.csv`);
      const order = { storeId, path, map, context: importContext(request.id, caller) };
      try {
        await pipeline(request.body, limitBytes(), createWriteStream(path, { mode: 0o600 }));
        const of = await checkFile(order);
        const steps = runImport(services, order, of);
        if (request.headers.accept === PROGRESS_TYPE) {
          const lines = Readable.from(asLines(services, steps, path));
          return reply.type(PROGRESS_TYPE).send(lines);
        }
        let last = await steps.next();
        while (!last.done) last = await steps.next();
        await rm(path);
        await atPosition(services.handler, reply, last.value.position);
        return reply.send(last.value.report);
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      }
    },
  });
}

/**
 * An import needs no Idempotency-Key: sent again, a row that stands already changes nothing, and
 * one that differs is meant.
 */
const importContext = (requestId: string, { actor }: Caller): CommandContext => ({
  commandId: randomUUID(),
  correlationId: requestId,
  causationId: requestId,
  actor,
});

function limitBytes(): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      bytes += chunk.length;
      if (bytes <= MAX_IMPORT_BYTES) return done(null, chunk);
      return done(
        new Problem(413, 'BODY_TOO_LARGE', 'A price list takes at most 1 GiB: split the file.'),
      );
    },
  });
}

/** Refuses bytes that are not UTF-8, where Node would quietly put U+FFFD in their place. */
function decodeUtf8(): Transform {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const refused = () =>
    new Problem(400, 'INVALID_UTF8', 'The file is not UTF-8: save it as "CSV UTF-8".');
  return new Transform({
    decodeStrings: false,
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      try {
        done(null, decoder.decode(chunk, { stream: true }));
      } catch {
        done(refused());
      }
    },
    flush(done: TransformCallback) {
      try {
        done(null, decoder.decode());
      } catch {
        done(refused());
      }
    },
  });
}

/** The records of a CSV file (RFC 4180), header first. Throws a `Problem` when it is torn. */
async function* readRecords(path: string): AsyncGenerator<string[]> {
  const parser = parse({
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_ROW_BYTES,
  });
  const reading = pipeline(createReadStream(path), decodeUtf8(), parser);
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

/** Reads a file to its end before the first row counts. Returns its rows below the header. */
async function checkFile({ path, map }: Import): Promise<number> {
  let rows = -1;
  for await (const record of readRecords(path)) {
    if (rows < 0) columnsOf(record, map);
    rows += 1;
    if (rows > MAX_ROWS) {
      throw new Problem(413, 'TOO_MANY_ROWS', `A file takes at most ${MAX_ROWS} rows: split it.`);
    }
  }
  if (rows < 0) throw new Problem(400, 'INVALID_CSV', 'The file is empty: it needs a header row.');
  return rows;
}

/**
 * Every row becomes a listing, an update, or an entry in the report. Yields the rows done after
 * each chunk, of how many.
 */
async function* runImport(
  services: Services,
  order: Import,
  of: number,
): AsyncGenerator<{ rows: number; of: number }, { report: ImportReport; position: bigint }> {
  const work = new ImportWork(services, order);
  let columns: Columns | undefined;
  let chunk: { row: number; cells: string[] }[] = [];
  let row = 0;
  for await (const cells of readRecords(order.path)) {
    if (!columns) {
      columns = columnsOf(cells, order.map);
      continue;
    }
    row += 1;
    chunk.push({ row, cells });
    if (chunk.length < CHUNK_ROWS) continue;
    await work.take(chunk, columns);
    chunk = [];
    yield { rows: row, of };
  }
  if (columns) await work.take(chunk, columns);
  work.end(row);
  return { report: work.report, position: work.position };
}

async function* asLines(
  { handler, log }: Services,
  steps: ReturnType<typeof runImport>,
  path: string,
): AsyncGenerator<string> {
  try {
    let step = await steps.next();
    while (!step.done) {
      yield `${JSON.stringify(step.value)}\n`;
      step = await steps.next();
    }
    const { report, position } = step.value;
    yield `${JSON.stringify({ ...report, position: await handler.tokenOf(position) })}\n`;
  } catch (error) {
    // The status line has gone out long ago: the last line says that it broke.
    log.error({ err: error }, 'an import broke off');
    const detail = 'The import broke off: send the same file again, what is done stays done.';
    yield `${JSON.stringify({ status: 503, code: 'IMPORT_BROKE_OFF', detail })}\n`;
  } finally {
    await rm(path, { force: true });
  }
}

class ImportWork {
  readonly report: ImportReport = {
    rows: 0,
    published: 0,
    updated: 0,
    unchanged: 0,
    reportedCount: 0,
    reported: [],
    notes: [],
  };
  position = 0n;
  #services: Services;
  #order: Import;
  #rowOfSku = new Map<string, number>();
  /** Rows whose stock is not what the books say. */
  #otherStock = 0;
  #today: string;

  constructor(services: Services, order: Import) {
    this.#services = services;
    this.#order = order;
    this.#today = businessDate(services.now().getTime());
  }

  async take(chunk: { row: number; cells: string[] }[], columns: Columns): Promise<void> {
    const readable = chunk.flatMap(({ row, cells }) => {
      const imported = this.#read(row, cells, columns);
      return imported ? [{ row, ...imported }] : [];
    });
    const kept = await Promise.all(readable.map((item) => this.#publish(item)));
    const lines = readable.flatMap(({ sku, stock }, index) =>
      kept[index] && stock !== undefined ? [{ sku, quantity: stock }] : [],
    );
    if (lines.length > 0) await this.#openStock(lines, chunk[0]!.row);
  }

  end(rows: number): void {
    this.report.rows = rows;
    if (this.#otherStock === 0) return;
    const of = this.#otherStock === 1 ? '1 row' : `${this.#otherStock} rows`;
    this.report.notes.push(
      `The stock of ${of} was left as the books have it, since it was counted or received before: ` +
        'to correct it, count the shelf or enter what was received.',
    );
  }

  #refuse(row: number, reason: string): void {
    this.report.reportedCount += 1;
    if (this.report.reported.length < MAX_LISTED_REPORTS)
      this.report.reported.push({ row, reason });
  }

  #read(row: number, cells: string[], columns: Columns): ImportedRow | undefined {
    try {
      const imported = readRow(cells, columns, this.#today);
      const first = this.#rowOfSku.get(imported.sku);
      if (first !== undefined) {
        const what = columns.sku === undefined ? 'brand, name and pack' : 'SKU';
        this.#refuse(row, `It has the same ${what} as row ${first}: decide which one is right.`);
        return undefined;
      }
      this.#rowOfSku.set(imported.sku, row);
      return imported;
    } catch (error) {
      if (!(error instanceof RowRefused)) throw error;
      this.#refuse(row, error.message);
      return undefined;
    }
  }

  /** Resolves to whether the row stands. */
  async #publish({ row, sku, wish }: ImportedRow & { row: number }): Promise<boolean> {
    const { handler } = this.#services;
    const id = listingId(this.#order.storeId, sku);
    const command = { type: 'PublishListing', data: wish } as const;
    try {
      const outcome = await handler.handle(listing, id, command, this.#context('row', row));
      this.#reached(outcome.position);
      if (outcome.events.length === 0) this.report.unchanged += 1;
      else if (outcome.events.includes('ListingPublished')) this.report.published += 1;
      else this.report.updated += 1;
      return true;
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      this.#refuse(row, refusalText(error));
      return false;
    }
  }

  async #openStock(lines: StockLine[], row: number): Promise<void> {
    const command = { type: 'OpenStock', data: { lines } } as const;
    const context = this.#context('stock', row);
    const { handler } = this.#services;
    const outcome = await handler.handle(inventory, this.#order.storeId, command, context);
    this.#reached(outcome.position);
    const isOther = ({ sku, quantity }: StockLine) =>
      itemOf(outcome.state, sku).onHand !== quantity;
    this.#otherStock += lines.filter(isOther).length;
  }

  #reached(position: bigint): void {
    if (position > this.position) this.position = position;
  }

  #context(what: string, row: number): CommandContext {
    const { context } = this.#order;
    const commandId = idFrom('import', this.#order.storeId, context.commandId, what, row);
    return { ...context, commandId, causationId: context.commandId };
  }
}
