import { read } from '#lib/api.ts';
import type { Store } from '#lib/contract.ts';
import { LOAD_ATTEMPTS, needed } from '#lib/load.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, setHeaders }) => {
  setHeaders({ 'cache-tag': 'stores' });
  const options = { fetch, attempts: LOAD_ATTEMPTS };
  return needed(read<{ stores: Store[] }>('/api/read/stores', options));
};
