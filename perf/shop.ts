import type { System } from './system.ts';

/** Sends a request to the APIs; throws when it is refused. */
export async function send<T>(
  url: string,
  method = 'GET',
  body?: string,
  type = 'application/json',
): Promise<T> {
  const response = await fetch(url, {
    method,
    ...(body !== undefined && { body, headers: { 'content-type': type } }),
  });
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status}`);
  return (await response.json()) as T;
}

/** A shop with so many listings, through the front door; its id. */
export async function openShop({ url }: System, listings: number): Promise<string> {
  const store = JSON.stringify({ name: 'Perf Kirana', city: 'Bengaluru', pincode: '560001' });
  const { storeId } = await send<{ storeId: string }>(`${url}/api/write/stores`, 'POST', store);
  const rows = Array.from({ length: listings }, (_, i) =>
    [`s${i}`, `Item number ${i}`, 'Sagar', `Aisle ${i % 12}`, '500 g', 10 + i, 12 + i, 20].join(
      ',',
    ),
  );
  const csv = ['sku,name,brand,category,pack,price,mrp,stock', ...rows].join('\n');
  await send(`${url}/api/write/stores/${storeId}/imports`, 'POST', csv, 'text/csv');
  return storeId;
}
