/** Lists that are read page by page: by the place of the last item, so that none is missed or told twice. */
import { Problem } from '../platform/http.ts';
import { orNull, text } from '../platform/schema.ts';

export const afterSchema = {
  type: 'string',
  maxLength: 2_000,
  description: '`next` of the page before',
} as const;
export const limitTo = (most: number) =>
  ({ type: 'string', pattern: '^[0-9]{1,4}$', description: `1–${most}` }) as const;
export const nextSchema = orNull(
  text,
  'What to send as `after` for the next page; null on the last',
);

export const invalidCursor = (): Problem =>
  new Problem(400, 'INVALID_CURSOR', '`after` is not the `next` of a page: leave it out.');

/** The place of a page's last item, as a client sends it back. */
const encodeCursor = (cursor: string[]): string =>
  Buffer.from(JSON.stringify(cursor)).toString('base64url');

/**
 * What leads to the next page; null on the last. One row more than asked for was read: it tells
 * whether there is one.
 */
export const nextOf = <Row>(
  rows: Row[],
  limit: number,
  placeOf: (last: Row) => string[],
): string | null => (rows.length > limit ? encodeCursor(placeOf(rows[limit - 1]!)) : null);

/** The place that a cursor says, in so many parts. Throws a `Problem` 400. */
export function decodeCursor<Place extends string[]>(
  after: string,
  length: Place['length'],
): Place {
  try {
    const cursor: unknown = JSON.parse(Buffer.from(after, 'base64url').toString());
    if (
      Array.isArray(cursor) &&
      cursor.length === length &&
      cursor.every((p) => typeof p === 'string')
    ) {
      return cursor as Place;
    }
  } catch {
    // Falls through: whatever is wrong with it, it is none of ours.
  }
  throw invalidCursor();
}

/** As Postgres takes them, and as a cursor has them. */
const TIME = /^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A place among what is in the order of its time, and then of its id. Throws a `Problem` 400. */
export function placeInTime(after: string): [at: string, id: string] {
  const [at, id] = decodeCursor<[at: string, id: string]>(after, 2);
  if (!TIME.test(at) || Number.isNaN(Date.parse(at)) || !UUID.test(id)) throw invalidCursor();
  return [at, id];
}

/** How many a page is to have. Throws a `Problem` 400. */
export function pageSize(asked: string | undefined, usual: number, most: number): number {
  const limit = asked === undefined ? usual : Number(asked);
  if (limit >= 1 && limit <= most) return limit;
  throw new Problem(400, 'INVALID_REQUEST', `limit is 1 to ${most}.`);
}
