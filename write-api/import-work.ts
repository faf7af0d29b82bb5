import { createHash } from 'node:crypto';
import { Rejected } from '../domain/rejection.ts';
import { inventory, itemOf, type StockLine } from '../domain/inventory/inventory.ts';
import { listing, listingId, type ListingWish } from '../domain/catalogue/listing.ts';
import type { ImportReport, Unconfirmed } from '../domain/catalogue/price-list.ts';
import { lacksUnit } from '../domain/catalogue/pack.ts';
import { idFrom } from '../platform/ids.ts';
import { refusalText } from '../wording/en/refusals.ts';
import { counted } from '../wording/en/words.ts';
import type { CommandContext } from '../engine/commands/handle.ts';
import { StreamDamaged } from '../engine/commands/stream-damaged.ts';
import type { FileRow } from './import-file.ts';
import type { Listed } from './import-listed.ts';
import { RowRefused, readRow, type Reading } from './import-row.ts';
import type { Services } from './services.ts';

/** Entries of the report that an answer lists; `reportedCount` counts them all. */
export const MAX_LISTED_REPORTS = 1_000;

export type WorkOrder = {
  storeId: string;
  context: CommandContext;
  listed: Listed;
  /** Nothing is done, and everything is counted. */
  dryRun: boolean;
  unconfirmed: Unconfirmed | null;
};

/** A row that can be taken, and the listing that it is about. */
type ReadyRow = {
  row: number;
  sku: string;
  hasSku: boolean;
  wish: ListingWish;
  stock: number | undefined;
};

/** What a row says of the stock of its article. */
type RowStock = { row: number; line: StockLine };

/** A row that was taken: a later one for the same article is the same, or contradicts it. */
type TakenRow = { row: number; says: number };

const DIGEST_BYTES = 6;
/** Of listings that could not be withdrawn, in the report. */
const MAX_NAMED = 20;

/** Why nothing can be decided on a stream, for whoever imports: the rest of the list goes on. */
const damagedText = ({ event: { stream, revision, type } }: StreamDamaged): string =>
  `event ${revision} of ${stream} (${type}) cannot be read. Whoever runs this system mends it ` +
  '("npm run ops -- parked"); send the list again then.';

/** What a row says, in a number: that takes less room than the row. */
const saidBy = ({ wish, stock }: ReadyRow): number =>
  createHash('sha1')
    .update(JSON.stringify([wish, stock ?? null]))
    .digest()
    .readUIntBE(0, DIGEST_BYTES);

/** Makes listings of a list's rows, chunk by chunk, and the report. */
export class ImportWork {
  readonly report: ImportReport;
  position = 0n;
  readonly #services: Services;
  readonly #order: WorkOrder;
  readonly #reading: Reading;
  readonly #taken = new Map<string, TakenRow>();
  /** Of the chunk in hand. */
  #entries: ImportReport['reported'] = [];
  /** Rows whose stock is not what the books say. */
  #otherStock = 0;
  #packsWithoutUnit = 0;
  #withdrawals = 0;
  readonly #notWithdrawn: string[] = [];
  #whyNotWithdrawn = '';

  constructor(services: Services, order: WorkOrder, reading: Reading) {
    this.#services = services;
    this.#order = order;
    this.#reading = reading;
    this.report = {
      rows: 0,
      published: 0,
      updated: 0,
      unchanged: 0,
      refused: 0,
      withdrawn: 0,
      reportedCount: 0,
      reported: [],
      notes: [],
      dryRun: order.dryRun,
      unconfirmed: order.dryRun ? order.unconfirmed : null,
    };
  }

  async take(chunk: FileRow[]): Promise<void> {
    let rows = chunk.flatMap((row) => this.#read(row) ?? []);
    const stocks: RowStock[] = [];
    while (rows.length > 0) {
      // Of rows for one article the next one waits until it is known whether the first one stands.
      const { now, later } = this.#sort(rows);
      const stands = await Promise.all(now.map((row) => this.#publish(row)));
      for (const [index, row] of now.entries()) {
        if (!stands[index]) continue;
        this.#taken.set(row.sku, { row: row.row, says: saidBy(row) });
        if (row.stock === undefined) continue;
        stocks.push({ row: row.row, line: { sku: row.sku, quantity: row.stock } });
      }
      rows = later;
    }
    if (stocks.length > 0) await this.#openStock(stocks, chunk[0]!.row);
    this.#enter();
  }

  async withdraw(skus: string[]): Promise<void> {
    await Promise.all(skus.map((sku) => this.#withdrawOne(sku)));
  }

  async #withdrawOne(sku: string): Promise<void> {
    const { dryRun, storeId } = this.#order;
    const { handler } = this.#services;
    const id = listingId(storeId, sku);
    const command = { type: 'WithdrawListing', data: {} } as const;
    const context = this.#context('withdraw', this.#withdrawals++);
    try {
      if (dryRun) await handler.load(listing, id, { fresh: true });
      else this.#reached((await handler.handle(listing, id, command, context)).position);
      this.report.withdrawn += 1;
    } catch (error) {
      if (!(error instanceof StreamDamaged)) throw error;
      this.#notWithdrawn.push(sku);
      this.#whyNotWithdrawn ||= damagedText(error);
    }
  }

  end(rows: number): void {
    this.report.rows = rows;
    if (this.#otherStock > 0) {
      this.report.notes.push(
        `The stock of ${counted(this.#otherStock, 'row', 'rows')} was left as the books have it, ` +
          'since it was counted or received before: to correct it, count the shelf or enter what ' +
          'was received.',
      );
    }
    const stay = this.#notWithdrawn;
    if (stay.length > 0) {
      const named = stay.toSorted().slice(0, MAX_NAMED).join(', ');
      const more = stay.length > MAX_NAMED ? ', …' : '';
      this.report.notes.push(
        `${counted(stay.length, 'listing', 'listings')} could not be withdrawn (${named}${more}): ` +
          this.#whyNotWithdrawn,
      );
    }
    if (this.#packsWithoutUnit > 0) {
      this.report.notes.push(
        `The pack of ${counted(this.#packsWithoutUnit, 'row', 'rows')} is a number without a unit, ` +
          'so that no unit price can be shown: write 1000 g or 1000 ml.',
      );
    }
  }

  #tell(row: number, reason: string): void {
    this.#entries.push({ row, reason });
  }

  #refuse(row: number, reason: string): void {
    this.report.refused += 1;
    this.#tell(row, reason);
  }

  /** Puts what is to be told of a chunk into the report, in the order of the rows. */
  #enter(): void {
    const { reported } = this.report;
    this.report.reportedCount += this.#entries.length;
    const room = MAX_LISTED_REPORTS - reported.length;
    reported.push(...this.#entries.toSorted((a, b) => a.row - b.row).slice(0, room));
    this.#entries = [];
  }

  #read({ row, cells }: FileRow): ReadyRow | undefined {
    try {
      const read = readRow(cells, this.#reading);
      const { wish, stock } = read;
      const { sku, note } = this.#order.listed.skuOf(read);
      for (const reason of [...(note ? [note] : []), ...read.odd]) this.#tell(row, reason);
      if (lacksUnit(wish.pack ?? null)) this.#packsWithoutUnit += 1;
      return { row, sku, hasSku: read.sku !== undefined, wish, stock };
    } catch (error) {
      if (!(error instanceof RowRefused)) throw error;
      this.#refuse(row, error.message);
      return undefined;
    }
  }

  /** Which rows are first for their article; one that repeats another is done with that. */
  #sort(rows: ReadyRow[]): { now: ReadyRow[]; later: ReadyRow[] } {
    const now = new Map<string, ReadyRow>();
    const later: ReadyRow[] = [];
    for (const row of rows) {
      const taken = this.#taken.get(row.sku);
      if (taken) this.#repeat(row, taken);
      else if (now.has(row.sku)) later.push(row);
      else now.set(row.sku, row);
    }
    return { now: [...now.values()], later };
  }

  #repeat(row: ReadyRow, taken: TakenRow): void {
    if (taken.says === saidBy(row)) {
      this.report.unchanged += 1;
      return;
    }
    this.#refuse(
      row.row,
      row.hasSku
        ? `It has the same SKU as row ${taken.row}, and says something else: keep one of the two, ` +
            'or give it an SKU of its own.'
        : `It has the same brand, name and pack as row ${taken.row}, and says something else. If ` +
            'they are two articles, give them SKUs: a column sku with a number for each.',
    );
  }

  /** What a row comes to: the types of its events. Throws `Rejected`. */
  async #decide({ row, sku, wish }: ReadyRow): Promise<string[]> {
    const { handler } = this.#services;
    const { storeId, dryRun, listed } = this.#order;
    const id = listingId(storeId, sku);
    if (dryRun) {
      const isKnown = listed.bySku.has(sku);
      const known = isKnown ? handler.load(listing, id, { fresh: true }) : listing.initial;
      return listing.decide.PublishListing(await known, wish).map(({ type }) => type);
    }
    const command = { type: 'PublishListing', data: wish } as const;
    const outcome = await handler.handle(listing, id, command, this.#context('row', row));
    this.#reached(outcome.position);
    return outcome.events;
  }

  /** Resolves to whether the row stands. */
  async #publish(row: ReadyRow): Promise<boolean> {
    try {
      const events = await this.#decide(row);
      if (events.length === 0) this.report.unchanged += 1;
      else if (events.includes('ListingPublished')) this.report.published += 1;
      else this.report.updated += 1;
      return true;
    } catch (error) {
      const isDamaged = error instanceof StreamDamaged;
      if (!isDamaged && !(error instanceof Rejected)) throw error;
      this.#refuse(row.row, isDamaged ? `Not taken: ${damagedText(error)}` : refusalText(error));
      return false;
    }
  }

  /** Where the shop's books cannot be read, the rows are told of, and their listings stand. */
  async #openStock(stocks: RowStock[], firstRow: number): Promise<void> {
    const lines = stocks.map(({ line }) => line);
    try {
      this.#otherStock += await this.#countOther(lines, firstRow);
    } catch (error) {
      if (!(error instanceof StreamDamaged)) throw error;
      for (const { row } of stocks)
        this.#tell(row, `Its stock was not taken: ${damagedText(error)}`);
    }
  }

  /** Opens the books of what they do not know; resolves to how many of the others they differ in. */
  async #countOther(lines: StockLine[], firstRow: number): Promise<number> {
    const { storeId, dryRun } = this.#order;
    const { handler } = this.#services;
    if (dryRun) {
      const books = await handler.load(inventory, storeId, { fresh: false });
      const isOther = ({ sku, quantity }: StockLine) =>
        ![null, quantity].includes(itemOf(books, sku).onHand);
      return lines.filter(isOther).length;
    }
    const command = { type: 'OpenStock', data: { lines } } as const;
    const context = this.#context('stock', firstRow);
    const outcome = await handler.handle(inventory, storeId, command, context);
    this.#reached(outcome.position);
    const isOther = ({ sku, quantity }: StockLine) =>
      itemOf(outcome.state, sku).onHand !== quantity;
    return lines.filter(isOther).length;
  }

  #reached(position: bigint): void {
    if (position > this.position) this.position = position;
  }

  #context(what: string, number: number): CommandContext {
    const { context } = this.#order;
    const commandId = idFrom('import', this.#order.storeId, context.commandId, what, number);
    return { ...context, commandId, causationId: context.commandId };
  }
}
