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

/** What the browser of a guest sends. */
export type Guest = { cookie: string; 'sec-fetch-site': string };

type Sending = {
  type?: string;
  /** Where it is a shop's. */
  pass?: string | undefined;
  /** Where it is a shopper's. */
  guest?: Guest | undefined;
};

/** Sends a request to the APIs. Throws `Refused`. */
export async function send<T>(
  url: string,
  method = 'GET',
  body?: string,
  { type = 'application/json', pass, guest }: Sending = {},
): Promise<T> {
  const headers = {
    ...guest,
    ...(body !== undefined && { 'content-type': type }),
    ...(pass !== undefined && { authorization: `Bearer ${pass}` }),
  };
  const response = await ask(url, { method, headers, ...(body !== undefined && { body }) });
  return (await response.json()) as T;
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (response.ok) return response;
  throw new Refused(`${init.method} ${url}`, response.status, await response.text());
}

/** A new guest's session, from write-api or an edge in front of it. */
export async function openSession(url: string): Promise<Guest> {
  const sameOrigin = { 'sec-fetch-site': 'same-origin' };
  const session = `${url}/api/write/session`;
  const { headers } = await ask(session, { method: 'POST', headers: sameOrigin });
  const [cookie] = headers.getSetCookie();
  if (!cookie) throw new Error(`${session} gave no cookie`);
  return { ...sameOrigin, cookie: cookie.split(';')[0]! };
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
