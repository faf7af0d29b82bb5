import { read } from '#lib/api.ts';
import { cataloguePath } from '#lib/catalogue.ts';
import type { Catalogue, StorePage } from '#lib/contract.ts';
import { LOAD_ATTEMPTS, needed } from '#lib/load.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, setHeaders, url }) => {
  const { storeId } = params;
  const category = url.searchParams.get('category') ?? '';
  const q = url.searchParams.get('q')?.trim() ?? '';
  const after = url.searchParams.get('after') ?? '';

  const options = { fetch, attempts: LOAD_ATTEMPTS };
  const storePath = `/api/read/stores/${encodeURIComponent(storeId)}`;
  const [store, catalogue] = await needed(
    Promise.all([
      read<StorePage>(storePath, options),
      read<Catalogue>(cataloguePath(storeId, { category, q, after }), options),
    ]),
  );
  setHeaders({ 'cache-tag': `store-${storeId}` });
  return { store, catalogue, category, q, after };
};
