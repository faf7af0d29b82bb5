import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FastifyInstance } from 'fastify';
import type { ImportReport } from '../domain/catalogue/price-list.ts';
import { LIMITS } from '../domain/limits.ts';
import { Problem } from '../platform/http.ts';
import { Limiter } from '../platform/limits.ts';
import { hookRoute } from '../platform/route.ts';
import { count, list, object, orNull, text } from '../platform/schema.ts';
import { businessDate } from '../platform/time.ts';
import { paise } from '../domain/schema.ts';
import type { Services } from './services.ts';
import { atPosition } from '../engine/commands/context.ts';
import type { CommandContext } from '../engine/commands/handle.ts';
import type { Caller } from '../engine/commands/route.ts';
import { PRICE_UNITS, type PriceUnit } from './import-cell.ts';
import { parseMap } from './import-columns.ts';
import { openPriceList, readRows, type PriceListFile } from './import-file.ts';
import { readListed, type Listed } from './import-listed.ts';
import { IMPORT_MODES, ImportPlan, planText, type ImportMode } from './import-plan.ts';
import { RowRefused, readRow, type Reading } from './import-row.ts';
import { ImportWork, MAX_LISTED_REPORTS, type WorkOrder } from './import-work.ts';
import { registeredShop } from './who.ts';

const MAX_IMPORT_BYTES = 1024 ** 3;
const MAX_ROWS = 1_000_000;
/** Rows that are appended side by side. */
const CHUNK_ROWS = 256;
const PROGRESS_TYPE = 'application/x-ndjson';

/** What is asked of an import in its address. */
type Asked = {
  map?: string;
  mode?: ImportMode;
  unit?: PriceUnit;
  confirm?: string;
  'dry-run'?: string;
};

/** A list that is on this disk, what the shop lists, and what becomes of it. */
type Import = WorkOrder & { file: PriceListFile; reading: Reading; rows: number; plan: ImportPlan };

const querystring = {
  type: 'object',
  additionalProperties: false,
  properties: {
    map: {
      type: 'string',
      maxLength: 1_000,
      description:
        'field:column,… for columns whose names in the header differ from the fields; a column whose ' +
        'name has a comma in quotes',
    },
    mode: {
      type: 'string',
      enum: IMPORT_MODES,
      description: '`full`: what the list lacks is withdrawn',
    },
    unit: { type: 'string', enum: PRICE_UNITS, description: 'Of price and mrp; rupees' },
    confirm: {
      type: 'string',
      maxLength: 64,
      description: 'The digest of an answer 409 or of a rehearsal, to say that this is meant',
    },
    'dry-run': {
      type: 'string',
      enum: ['', 'true'],
      description: 'Does nothing, and answers with the counts that it would have',
    },
  },
} as const;

const unconfirmedSchema = object({
  digest: { ...text, description: 'What to send as `confirm`' },
  compared: { ...count, description: 'Prices of articles that the shop lists already' },
  doubled: count,
  halved: count,
  moved: { ...count, description: 'Prices that change by more than a quarter' },
  withdrawn: count,
  moves: list(object({ row: count, sku: text, name: text, fromPaise: paise, toPaise: paise })),
  withdrawals: list(object({ sku: text, name: text })),
});

const reportSchema = object({
  rows: { ...count, description: 'Rows below the header with anything in them' },
  published: count,
  updated: count,
  unchanged: { ...count, description: 'Rows that stood already, those that repeat another too' },
  refused: { ...count, description: 'Rows that were not taken' },
  withdrawn: count,
  reportedCount: count,
  reported: list(
    object({ row: count, reason: text }),
    `The first ${MAX_LISTED_REPORTS} rows that need a person, as a spreadsheet numbers them; of ` +
      'some only a cell was left out',
  ),
  notes: list(text, 'What else the shop has to know'),
  dryRun: { type: 'boolean', description: 'Nothing was done' },
  unconfirmed: orNull(unconfirmedSchema, 'Of a rehearsal: what would have to be confirmed'),
});

/** In a scope of their own: nothing else takes what is no JSON. */
export const importRoutes = (app: FastifyInstance, services: Services): void =>
  void app.register(async (scope) => importRoute(scope, services));

function importRoute(app: FastifyInstance, services: Services): void {
  // A price list is never held in memory: the handler gets the stream.
  app.addContentTypeParser(
    ['text/csv', 'application/csv', 'application/octet-stream'],
    (_request, payload, done) => done(null, payload),
  );

  hookRoute(app, {
    path: 'POST /stores/:storeId/imports',
    who: registeredShop(services),
    limits: [new Limiter(LIMITS.imports), new Limiter(LIMITS.importsOfAll)],
    schema: { querystring, response: { 200: reportSchema }, consumes: ['text/csv'] },
    async run(request, reply, caller) {
      const { storeId } = request.params;
      if (!(request.body instanceof Readable)) {
        throw new Problem(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send the price list as text/csv.');
      }
      const path = join(tmpdir(), `doorstep-import-${randomUUID()}.csv`);
      try {
        const digest = await keep(request.body, path);
        const context = importContext(request.id, caller);
        const asked = request.query as Asked;
        const steps = runImport(
          services,
          await prepare(services, { storeId, context, asked, path, digest }),
        );
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

/** Writes what comes to a file; resolves to the digest of its bytes. Throws a `Problem` 413. */
async function keep(body: Readable, path: string): Promise<string> {
  let bytes = 0;
  const hash = createHash('sha256');
  const metered = new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      bytes += chunk.length;
      hash.update(chunk);
      if (bytes <= MAX_IMPORT_BYTES) return done(null, chunk);
      return done(
        new Problem(413, 'BODY_TOO_LARGE', 'A price list takes at most 1 GiB: split the file.'),
      );
    },
  });
  await pipeline(body, metered, createWriteStream(path, { mode: 0o600 }));
  return hash.digest('base64url');
}

/**
 * Reads a file to its end before the first row counts, beside what the shop lists. Throws a `Problem`:
 * for a file that is no list, and 409 where what it would do is to be confirmed first.
 */
async function prepare(
  services: Services,
  kept: { storeId: string; context: CommandContext; asked: Asked; path: string; digest: string },
): Promise<Import> {
  const { map, mode = 'add', unit = 'rupees', confirm, 'dry-run': dry } = kept.asked;
  const file = await openPriceList(kept.path, parseMap(map));
  const reading = { columns: file.columns, unit, today: businessDate(services.now().getTime()) };
  const listed = await readListed(services, kept.storeId);
  const plan = new ImportPlan(listed, mode, `${unit}\n${map ?? ''}\n${kept.digest}`);
  const rows = await look(plan, listed, file, reading);
  const unconfirmed = plan.unconfirmed();
  const dryRun = dry !== undefined;
  if (unconfirmed && !dryRun && confirm !== unconfirmed.digest) {
    throw new Problem(409, 'IMPORT_UNCONFIRMED', planText(unconfirmed), { facts: unconfirmed });
  }
  const { storeId, context } = kept;
  return { storeId, context, listed, dryRun, unconfirmed, file, reading, rows, plan };
}

/** Reads all rows for a plan; resolves to how many there are. Throws a `Problem`. */
async function look(
  plan: ImportPlan,
  listed: Listed,
  file: PriceListFile,
  reading: Reading,
): Promise<number> {
  let rows = 0;
  for await (const { row, cells } of readRows(file)) {
    rows += 1;
    if (rows > MAX_ROWS) {
      throw new Problem(413, 'TOO_MANY_ROWS', `A file takes at most ${MAX_ROWS} rows: split it.`);
    }
    try {
      const read = readRow(cells, reading);
      const { sku } = listed.skuOf(read);
      plan.name(sku);
      plan.price(row, sku, read.wish.pricePaise);
    } catch (error) {
      if (!(error instanceof RowRefused)) throw error;
      const { article } = error;
      if (article) plan.name(listed.skuOf(article).sku);
    }
  }
  return rows;
}

/**
 * Every row becomes a listing, an update, or an entry in the report. Yields the rows done after
 * each chunk, of how many.
 */
async function* runImport(
  services: Services,
  order: Import,
): AsyncGenerator<{ rows: number; of: number }, { report: ImportReport; position: bigint }> {
  const work = new ImportWork(services, order, order.reading);
  let chunk: { row: number; cells: string[] }[] = [];
  let rows = 0;
  for await (const row of readRows(order.file)) {
    rows += 1;
    chunk.push(row);
    if (chunk.length < CHUNK_ROWS) continue;
    await work.take(chunk);
    chunk = [];
    yield { rows, of: order.rows };
  }
  await work.take(chunk);
  const missing = order.plan.withdrawals();
  for (let at = 0; at < missing.length; at += CHUNK_ROWS) {
    await work.withdraw(missing.slice(at, at + CHUNK_ROWS));
    yield { rows, of: order.rows };
  }
  work.end(rows);
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
