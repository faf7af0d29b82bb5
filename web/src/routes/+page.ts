import { read } from '#lib/api.ts';
import { withQuery } from '#lib/catalogue.ts';
import type { Stores } from '#lib/contract.ts';
import { LOAD_ATTEMPTS, needed } from '#lib/load.ts';
import { pincodeFrom } from '#domain/ordering/recipient.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, setHeaders, url }) => {
  setHeaders({ 'cache-tag': 'stores' });
<<<<<<< HEAD
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
=======
  const pin = url.searchParams.get('pin')?.replace(/\s/g, '') ?? '';
  const after = url.searchParams.get('after') ?? '';
  const stores = async (query: Record<string, string>) => {
    const path = withQuery('/api/read/stores', { ...query, ...(after && { after }) });
    return needed(read<Stores>(path, { fetch, attempts: LOAD_ATTEMPTS }));
  };
  const near = isPincode(pin) ? await stores({ pin }) : null;
  const all = near?.stores.length ? null : await stores({});
  const next = (near?.stores.length ? near : all)?.next ?? null;
  return { pin, near: near?.stores ?? null, all: all?.stores ?? [], next };
>>>>>>> door
};
