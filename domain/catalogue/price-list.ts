/**
 * A price list: a table with a row for each article that a shop sells. The shop's own is read with
 * these columns, and taken again it changes nothing.
 */
export const PRICE_LIST_COLUMNS = [
  'sku',
  'name',
  'name_hi',
  'name_ta',
  'brand',
  'category',
  'subcategory',
  'pack',
  'grams_each',
  'price',
  'mrp',
  'description',
  'hsn',
  'gst',
  'gst_from',
] as const;

/** What an import takes of a list: stock as well, where nobody counted it yet. */
export const IMPORT_COLUMNS = [...PRICE_LIST_COLUMNS, 'stock'] as const;

export type PriceListColumn = (typeof PRICE_LIST_COLUMNS)[number];
export type ImportColumn = (typeof IMPORT_COLUMNS)[number];

/** A price that changes far. Rows count as a spreadsheet shows them. */
export type PriceMove = {
  row: number;
  sku: string;
  name: string;
  fromPaise: number;
  toPaise: number;
};

/**
 * What an import would do that nobody should do by mistake. `digest` names just that: whoever sends
 * it back means it.
 */
export type Unconfirmed = {
  digest: string;
  /** Rows whose article is listed already, so that its price can be compared. */
  compared: number;
  doubled: number;
  halved: number;
  /** Prices that change by more than a quarter, the doubled and halved ones too. */
  moved: number;
  withdrawn: number;
  /** The first of each. */
  moves: PriceMove[];
  withdrawals: { sku: string; name: string }[];
};

/** What became of a list that was imported, or would if it were (`dryRun`). */
export type ImportReport = {
  rows: number;
  published: number;
  updated: number;
  unchanged: number;
  refused: number;
  withdrawn: number;
  reportedCount: number;
  /** The first rows that need a person, in order, as a spreadsheet counts. */
  reported: { row: number; reason: string }[];
  /** What else the shop has to know, in sentences. */
  notes: string[];
  dryRun: boolean;
  /** Of a rehearsal: what would have to be confirmed. */
  unconfirmed: Unconfirmed | null;
};
