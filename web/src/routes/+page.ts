import { read } from '#lib/api.ts';
import type { Store } from '#lib/contract.ts';
import { LOAD_ATTEMPTS, needed } from '#lib/load.ts';
import { isPincode } from '#lib/recipient.ts';
import type { PageLoad } from './$types';

type Stores = { stores: Store[] };

export const load: PageLoad = async ({ fetch, setHeaders, url }) => {
  setHeaders({ 'cache-tag': 'stores' });
  const pin = url.searchParams.get('pin')?.replace(/\s/g, '') ?? '';
  const stores = async (query: string) => {
    const path = `/api/read/stores${query}`;
    return (await needed(read<Stores>(path, { fetch, attempts: LOAD_ATTEMPTS }))).stores;
  };
  if (!isPincode(pin)) return { pin, near: null, all: await stores('') };
  const near = await stores(`?pin=${pin}`);
  return { pin, near, all: near.length > 0 ? [] : await stores('') };
};
