import { sign } from '../platform/signature.ts';
import type { System } from './system.ts';

/** Longer than any import; nobody waits for ever. */
const TIMEOUT_MS = 120_000;

/** What the APIs refused, and why: `body` is their problem+json. */
export class Refused extends Error {
  readonly status: number;
  readonly body: { code?: string; [fact: string]: unknown };
  constructor(request: string, status: number, body: string) {
    super(`${request}: ${status} ${body}`);
    this.status = status;
    this.body = (status < 500 ? JSON.parse(body) : {}) as Refused['body'];
  }
}

/** Sends a request to the APIs; `pass` where it is a shop's. Throws `Refused`. */
export async function send<T>(
  url: string,
  method = 'GET',
  body?: string,
  { type = 'application/json', pass }: { type?: string; pass?: string | undefined } = {},
): Promise<T> {
  const headers = {
    ...(body !== undefined && { 'content-type': type }),
    ...(pass !== undefined && { authorization: `Bearer ${pass}` }),
  };
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers,
    ...(body !== undefined && { body }),
  });
  if (!response.ok) {
    throw new Refused(`${method} ${url}`, response.status, await response.text());
  }
  return (await response.json()) as T;
}

/** What proves to be a shop's own staff. */
export const passOf = ({ env }: Pick<System, 'env'>, storeId: string): string =>
  sign(env.STORE_PASS_SECRET!, storeId);

/** A shop with so many listings, `stock` pieces of each, through the front door; its id. */
export async function openShop(system: System, listings: number, stock = 20): Promise<string> {
  const rows = Array.from({ length: listings }, (_, i) =>
    [`s${i}`, `Item number ${i}`, 'Sagar', `Aisle ${i % 12}`, '500 g', 10 + i, 12 + i, stock].join(
      ',',
    ),
  );
  const csv = ['sku,name,brand,category,pack,price,mrp,stock', ...rows].join('\n');
  return registerShop(system, 'Perf Kirana', csv);
}

/** A shop with this price list; its id. Throws when a row of it was not taken. */
export async function registerShop({ url }: System, name: string, csv: string): Promise<string> {
  const store = JSON.stringify({ name, city: 'Bengaluru', pincode: '560001' });
  const stores = `${url}/api/write/stores`;
  const { storeId, pass } = await send<{ storeId: string; pass: string }>(stores, 'POST', store);
  const imports = `${stores}/${storeId}/imports`;
  const report = await send<ImportReport>(imports, 'POST', csv, { type: 'text/csv', pass });
  if (report.reportedCount > 0) throw new Error(`${name}: ${JSON.stringify(report.reported)}`);
  return storeId;
}

type ImportReport = { reportedCount: number; reported: { row: number; reason: string }[] };
