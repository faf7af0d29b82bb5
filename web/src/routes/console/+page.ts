import { read } from '#lib/api.ts';
import { withQuery } from '#lib/catalogue.ts';
import type { Stores } from '#lib/contract.ts';
import { LOAD_ATTEMPTS, needed } from '#lib/load.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, setHeaders, url }) => {
  setHeaders({ 'cache-tag': 'stores' });
  const options = { fetch, attempts: LOAD_ATTEMPTS };
  const after = url.searchParams.get('after') ?? '';
  const path = withQuery('/api/read/stores', after ? { after } : {});
  return needed(read<Stores>(path, options));
};
