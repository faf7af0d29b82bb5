import { IMPORT_COLUMNS, type ImportColumn } from '../domain/catalogue/price-list.ts';
import { Problem } from '../platform/http.ts';

/** Which column, from 0, holds which field. */
export type Columns = Partial<Record<ImportColumn, number>> & { width: number };

/** The columns whose names in the file differ from ours. */
export type NamedColumns = Map<ImportColumn, string>;

/** The only columns that have to be there. */
const REQUIRED: ImportColumn[] = ['name', 'price'];
/** `field:column`, or `field:"a column, with a comma"` */
const PAIR = /\s*([^:,]*?)\s*:\s*(?:"((?:[^"]|"")*)"\s*|([^,]*))(?:,|$)/y;

const isField = (name: string): name is ImportColumn =>
  (IMPORT_COLUMNS as readonly string[]).includes(name);

const problem = (detail: string): Problem => new Problem(400, 'INVALID_COLUMNS', detail);

/** The same name however it is spelled: `Price` and ` price`. */
const plain = (name: string): string => name.normalize('NFC').trim().toLowerCase();

/** Reads `field:column,field:column`. Throws a `Problem`. */
export function parseMap(map = ''): NamedColumns {
  const named: NamedColumns = new Map();
  for (PAIR.lastIndex = 0; PAIR.lastIndex < map.length;) {
    const rest = map.slice(PAIR.lastIndex);
    const [, field = '', quoted, bare = ''] = PAIR.exec(map) ?? [];
    const column = quoted?.replaceAll('""', '"') ?? bare;
    if (!isField(field) || column.trim() === '') {
      throw problem(
        `"${rest}" in map is not field:column; fields are ${IMPORT_COLUMNS.join(', ')}. ` +
          'A column whose name has a comma stands in quotes.',
      );
    }
    named.set(field, plain(column));
  }
  return named;
}

/** Whether a row names the columns that a list has to have. */
export function isHeader(cells: string[], named: NamedColumns): boolean {
  const names = new Set(cells.map(plain));
  return REQUIRED.every((field) => names.has(named.get(field) ?? field));
}

/** Finds each field's column in the header row. Throws a `Problem` that says what is missing. */
export function columnsOf(header: string[], named: NamedColumns): Columns {
  const names = header.map(plain);
  const columns: Columns = { width: header.length };
  const has = `it has ${header.map((name) => `"${name.trim()}"`).join(', ')}`;
  for (const field of IMPORT_COLUMNS) {
    const name = named.get(field) ?? field;
    const at = names.indexOf(name);
    if (at < 0 && named.has(field)) throw problem(`The header has no column "${name}": ${has}.`);
    if (at >= 0 && names.indexOf(name, at + 1) >= 0) {
      throw problem(`The header has two columns "${name}": rename one of them.`);
    }
    if (at >= 0) columns[field] = at;
  }
  const missing = REQUIRED.filter((field) => columns[field] === undefined);
  if (missing.length > 0) {
    throw problem(
      `No column for ${missing.join(' and ')} in the header; ${has}. Name it there, or say which ` +
        `one it is by map, as ${missing[0]}:"its name".`,
    );
  }
  return columns;
}
