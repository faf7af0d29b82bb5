import { read } from '#lib/api.ts';
import type { Listing, Store } from '#lib/contract.ts';
import { LOAD_ATTEMPTS, needed } from '#lib/load.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, setHeaders }) => {
  const options = { fetch, attempts: LOAD_ATTEMPTS };
  const listing = await needed(
    read<Listing>(`/api/read/listings/${encodeURIComponent(params.listingId)}`, options),
  );
  const store = await needed(
    read<Store>(`/api/read/stores/${encodeURIComponent(listing.storeId)}`, options),
  );
  setHeaders({ 'cache-tag': `store-${listing.storeId}` });
  return { listing, store };
};
