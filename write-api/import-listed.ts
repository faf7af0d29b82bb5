import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'csv-parse';
import { headOfEvents } from '../platform/event-store.ts';
import { unavailable } from '../platform/http.ts';
import { sign } from '../platform/signature.ts';
import { paiseFromRupees } from '../domain/money/money.ts';
import { articleKey, isDerivedSku, type Article } from './import-row.ts';
import type { Services } from './services.ts';

/** Of a listing as it stands: what a price list is compared with. */
export type ListedArticle = { name: string; pricePaise: number; withdrawn: boolean };

/** A line of what read-api gives out as a shop's own price list. */
type Line = Record<'sku' | 'name' | 'brand' | 'pack' | 'price' | 'withdrawn', string>;

/** How often it is asked for while the rows have not come as far as the log. */
const MAX_TRIES = 10;
const RETRY_MS = 200;
const TIMEOUT_MS = 60_000;
/** Digits of a GTIN, which is what barcodes say (GS1 General Specifications, 7.9). */
const GTIN_LENGTHS = [8, 12, 13, 14];

/** What a shop lists, for sale or withdrawn, by its SKUs. */
export class Listed {
  readonly bySku = new Map<string, ListedArticle>();
  /** SKUs that were made here, by what their article is. */
  readonly #byKey = new Map<string, string>();
  /** SKUs of older logs that another form of Unicode spells. */
  readonly #byNfc = new Map<string, string>();

  add(sku: string, article: ListedArticle, key: string): void {
    this.bySku.set(sku, article);
    if (isDerivedSku(sku) && !this.#byKey.has(key)) this.#byKey.set(key, sku);
    const nfc = sku.normalize('NFC');
    if (nfc !== sku) this.#byNfc.set(nfc, sku);
  }

  /**
   * The SKU of the listing that a row is about, or is to become. An article without one has what was
   * made for it, in whichever release; `note` says what was not as the list has it.
   */
  skuOf(article: Article): { sku: string; note?: string } {
    const { sku } = article;
    if (sku === undefined) {
      const { key, formerSku } = article;
      if (this.bySku.has(key)) return { sku: key };
      return { sku: this.bySku.has(formerSku) ? formerSku : (this.#byKey.get(key) ?? key) };
    }
    if (this.bySku.has(sku)) return { sku };
    const spelled = this.#byNfc.get(sku);
    if (spelled !== undefined) return { sku: spelled };
    const whole = spellingsOf(sku).find((one) => this.bySku.has(one));
    if (whole === undefined) return { sku };
    const note =
      `A spreadsheet changed the SKU "${whole}" into "${sku}": it was taken for that listing. ` +
      'Format the column as text.';
    return { sku: whole, note };
  }
}

/** What a spreadsheet may have made an SKU of digits from: `101.0` of 101, a barcode without its 0. */
function spellingsOf(sku: string): string[] {
  const whole = sku.replace(/^(\d+)\.0+$/, '$1');
  if (!/^\d+$/.test(whole)) return [];
  const padded = GTIN_LENGTHS.filter((length) => length > whole.length)
    .map((length) => whole.padStart(length, '0'))
    .filter(isGtin);
  return whole === sku ? padded : [whole, ...padded];
}

/** Whether the last digit checks the others: weights 3 and 1 from the right, in all a whole ten. */
function isGtin(digits: string): boolean {
  const sum = Array.from(digits, Number)
    .toReversed()
    .reduce((total, digit, index) => total + digit * (index % 2 === 0 ? 1 : 3), 0);
  return sum % 10 === 0;
}

/**
 * What a shop lists now, every command up to now included: its own price list, as read-api gives it
 * out. It only proposes; what becomes of a listing its own stream decides. Throws a `Problem` 503
 * where it cannot be had.
 */
export async function readListed(services: Services, storeId: string): Promise<Listed> {
  const listed = new Listed();
  const answer = await askForList(services, storeId);
  const lines = parse({ bom: true, columns: true });
  const source = Readable.fromWeb(answer as Parameters<typeof Readable.fromWeb>[0]);
  source.on('error', (error) => lines.destroy(error));
  for await (const one of source.pipe(lines)) {
    const { sku, name, brand, pack, price, withdrawn } = one as Line;
    const article = { name, pricePaise: paiseFromRupees(price)!, withdrawn: withdrawn !== '' };
    listed.add(sku, article, articleKey(brand, name, pack));
  }
  return listed;
}

async function askForList(
  { client, handler, readApiUrl, storePassSecret, log }: Services,
  storeId: string,
): Promise<ReadableStream> {
  const path = `/api/read/stores/${encodeURIComponent(storeId)}/price-list?withdrawn=too`;
  const headers = {
    authorization: `Bearer ${sign(storePassSecret, storeId)}`,
    'doorstep-position': await handler.tokenOf(await headOfEvents(client)),
  };
  for (let tries = 1; ; tries++) {
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(new URL(path, readApiUrl()), { headers, signal });
      if (response.ok && response.body) return response.body;
      await response.body?.cancel();
      throw new Error(`read-api answered ${response.status}`);
    } catch (error) {
      if (tries < MAX_TRIES) {
        await delay(RETRY_MS);
        continue;
      }
      log.warn({ err: error }, 'what a shop lists cannot be read');
      throw unavailable(
        'CATALOGUE_UNAVAILABLE',
        'Nothing was done, since what the shop lists now cannot be read: try again in a moment.',
      );
    }
  }
}
