import type { ImportReport, Unconfirmed } from '#domain/catalogue/price-list.ts';
import { keepPosition, problemOf, readOwn, type Fetch } from './api.ts';

export type ListOptions = {
  pass: string | null;
  unit: 'rupees' | 'paise';
  /** What the list lacks is withdrawn. */
  full: boolean;
  rehearse: boolean;
  /** The digest of what is meant. */
  confirm?: string;
};

/** How it is asked: by the browser, where nobody says. */
type Way = { fetch?: Fetch };

/** As long as a large list takes over a slow line. */
const TIMEOUT_MS = 10 * 60_000;
const CONFLICT = 409;

const pathOf = (api: 'read' | 'write', storeId: string, what: string): string =>
  `/api/${api}/stores/${encodeURIComponent(storeId)}/${what}`;

const headersOf = (pass: string | null): Record<string, string> =>
  pass ? { authorization: `Bearer ${pass}` } : {};

/** How a list is to be taken, as write-api asks for it. */
export function listQuery({ unit, full, rehearse, confirm }: Omit<ListOptions, 'pass'>): string {
  return new URLSearchParams({
    ...(unit === 'paise' && { unit }),
    ...(full && { mode: 'full' }),
    ...(rehearse && { 'dry-run': 'true' }),
    ...(confirm !== undefined && { confirm }),
  }).toString();
}

/**
 * Sends a price list. Resolves to its report, or to what has to be confirmed before it is taken.
 * Sent again it changes nothing twice. Throws `ApiError`.
 */
export async function sendList(
  storeId: string,
  file: Blob,
  { pass, fetch: request = fetch, ...options }: ListOptions & Way,
): Promise<{ report: ImportReport } | { unconfirmed: Unconfirmed }> {
  const query = listQuery(options);
  const response = await request(`${pathOf('write', storeId, 'imports')}${query && `?${query}`}`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', ...headersOf(pass) },
    body: file,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.ok) {
    keepPosition(response);
    return { report: (await response.json()) as ImportReport };
  }
  const problem = response.clone();
  if (response.status === CONFLICT) {
    const facts = (await response.json()) as Partial<Unconfirmed>;
    if (facts.digest !== undefined) return { unconfirmed: facts as Unconfirmed };
  }
  throw await problemOf(problem);
}

/** The shop's own list, as it stands with what was just imported. Throws `ApiError`. */
export const fetchList = (storeId: string, pass: string | null, way: Way = {}): Promise<Blob> =>
  readOwn<Blob>(pathOf('read', storeId, 'price-list'), {
    ...way,
    pass,
    take: (response) => response.blob(),
    withinMs: TIMEOUT_MS,
  });
