import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { PRICE_LIST_COLUMNS, type PriceListColumn } from '../domain/catalogue/price-list.ts';
import { PRIVATE_CACHING } from '../engine/reading/answers.ts';
import type { Pool } from '../platform/postgres.ts';
import { hookRoute } from '../platform/route.ts';
import type { Services } from './services.ts';
import { findStore } from './catalogue.ts';
import { shop } from './who.ts';
import type { ListingRow } from '../projector/catalogue.ts';

const PAGE = 1_000;
/** Spreadsheets take a file for UTF-8 by this. */
const BYTE_ORDER_MARK = '\ufeff';
/** GST came into force (Notification 9/2017-Central Tax): a rate that held since ever, since then. */
const GST_BEGAN = '2017-07-01';

const querystring = {
  type: 'object',
  additionalProperties: false,
  properties: {
    withdrawn: {
      type: 'string',
      enum: ['too'],
      description: 'Also what is not for sale, with a column `withdrawn` that says since when',
    },
  },
} as const;

/** An import reads `&amp;` as `&`: what looks like that and is meant as it stands is written so. */
const escaped = (text: string): string => text.replace(/&(?=#?\w+;)/g, '&amp;');

const quoted = (cell: string): string =>
  /[",;\t\r\n|]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;

const rupees = (paise: number): string =>
  `${Math.floor(paise / 100)}.${String(paise % 100).padStart(2, '0')}`;

/** A listing as a row of a price list; of its GST rates the newest, and since when it holds. */
function rowOf(row: ListingRow): Record<PriceListColumn, string> {
  const { gstPercent, gstFrom } = row.gst_rates.at(-1)!;
  const isKnown = gstPercent !== null;
  return {
    sku: row.listing_id.slice(row.store_id.length + 1),
    name: escaped(row.name),
    name_hi: escaped(row.names.hi ?? ''),
    name_ta: escaped(row.names.ta ?? ''),
    brand: escaped(row.brand ?? ''),
    category: escaped(row.category),
    subcategory: escaped(row.subcategory ?? ''),
    pack: escaped(row.pack ?? ''),
    grams_each: String(row.grams_each ?? ''),
    price: rupees(row.price_paise),
    mrp: row.mrp_paise === null ? '' : rupees(row.mrp_paise),
    description: escaped(row.description ?? ''),
    hsn: row.hsn ?? '',
    gst: isKnown ? String(gstPercent) : '',
    gst_from: gstFrom || (isKnown ? GST_BEGAN : ''),
  };
}

/** A page of a shop's listings by their ids. */
async function readRows(pool: Pool, storeId: string, after: string, withdrawnToo: boolean) {
  const { rows } = await pool.query<ListingRow>({
    name: 'price-list',
    text: `select * from catalogue.listing
      where store_id = $1 and listing_id > $2 and ($3 or withdrawn_at is null)
      order by listing_id limit $4`,
    values: [storeId, after, withdrawnToo, PAGE],
  });
  return rows;
}

async function* csvOf(pool: Pool, storeId: string, withdrawnToo: boolean): AsyncGenerator<string> {
  let rows = await readRows(pool, storeId, '', withdrawnToo);
  const columns = [...PRICE_LIST_COLUMNS, ...(withdrawnToo ? ['withdrawn'] : [])];
  yield `${BYTE_ORDER_MARK}${columns.join(',')}\r\n`;
  while (rows.length > 0) {
    const lines = rows.map((row) => {
      const byColumn = rowOf(row);
      const cells: string[] = PRICE_LIST_COLUMNS.map((column) => byColumn[column]);
      if (withdrawnToo) cells.push(row.withdrawn_at ?? '');
      return `${cells.map(quoted).join(',')}\r\n`;
    });
    yield lines.join('');
    rows = await readRows(pool, storeId, rows.at(-1)!.listing_id, withdrawnToo);
  }
}

/** A shop's own price list, as it stands: imported again it changes nothing. */
export function priceListRoutes(app: FastifyInstance, services: Services): void {
  const { pool } = services;
  hookRoute(app, {
    path: 'GET /stores/:storeId/price-list',
    who: shop(services),
    schema: { querystring, produces: ['text/csv'] },
    async run(request, reply) {
      const { storeId } = request.params;
      const { withdrawn } = request.query as { withdrawn?: 'too' };
      await findStore(pool, storeId);
      return reply
        .header('cache-control', PRIVATE_CACHING)
        .header('content-disposition', 'attachment; filename="price-list.csv"')
        .type('text/csv; charset=utf-8')
        .send(Readable.from(csvOf(pool, storeId, withdrawn === 'too')));
    },
  });
}
