import { read } from '#lib/api.ts';
import { withQuery } from '#lib/catalogue.ts';
import type { Stores } from '#lib/contract.ts';
import { LOAD_ATTEMPTS, needed } from '#lib/load.ts';
import { pincodeFrom } from '#domain/ordering/recipient.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, setHeaders, url }) => {
  setHeaders({ 'cache-tag': 'stores' });
  const said = url.searchParams.get('pin') ?? '';
  const known = pincodeFrom(said);
  const pin = known ?? said.replace(/\s/g, '');
  const after = url.searchParams.get('after') ?? '';
  const stores = async (query: Record<string, string>) => {
    const path = withQuery('/api/read/stores', { ...query, ...(after && { after }) });
    return needed(read<Stores>(path, { fetch, attempts: LOAD_ATTEMPTS }));
  };
  const near = known ? await stores({ pin }) : null;
  const all = near?.stores.length ? null : await stores({});
  const next = (near?.stores.length ? near : all)?.next ?? null;
  return { pin, near: near?.stores ?? null, all: all?.stores ?? [], next };
};
