import { read } from '#lib/api.ts';
import type { Store } from '#lib/contract.ts';
import { LOAD_ATTEMPTS, needed } from '#lib/load.ts';
import { pincodeFrom } from '#domain/ordering/recipient.ts';
import type { PageLoad } from './$types';

type Stores = { stores: Store[] };

export const load: PageLoad = async ({ fetch, setHeaders, url }) => {
  setHeaders({ 'cache-tag': 'stores' });
  const said = url.searchParams.get('pin') ?? '';
  const known = pincodeFrom(said);
  const pin = known ?? said.replace(/\s/g, '');
  const stores = async (query: string) => {
    const path = `/api/read/stores${query}`;
    return (await needed(read<Stores>(path, { fetch, attempts: LOAD_ATTEMPTS }))).stores;
  };
  if (!known) return { pin, near: null, all: await stores('') };
  const near = await stores(`?pin=${pin}`);
  return { pin, near, all: near.length > 0 ? [] : await stores('') };
};
