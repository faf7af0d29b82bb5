import { read } from '#lib/api.ts';
import type { Store } from '#lib/contract.ts';
import { LOAD_ATTEMPTS, needed } from '#lib/load.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, setHeaders }) => {
  const path = `/api/read/stores/${encodeURIComponent(params.storeId)}`;
  const store = await needed(read<Store>(path, { fetch, attempts: LOAD_ATTEMPTS }));
  setHeaders({ 'cache-tag': `store-${params.storeId}` });
  return { store };
};
