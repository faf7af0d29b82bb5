import { building } from '$app/env';
import { defineEnvVars } from '@sveltejs/kit/env';

/**
 * An origin without a path, e.g. `http://127.0.0.1:4001`. Throws for anything else when the
 * process starts; the build loads the app as well, and has no addresses yet.
 */
function origin(value: string | undefined): string {
  if (building) return '';
  const url = value && URL.canParse(value) ? new URL(value) : undefined;
  if (!url || url.pathname !== '/' || url.search || !/^https?:$/.test(url.protocol)) {
    throw new Error('must be an origin such as http://127.0.0.1:4001');
  }
  return url.origin;
}

export const variables = defineEnvVars({
  READ_API_URL: { schema: origin, description: 'Where pages that are rendered here read from.' },
  PUBLIC_URL: { schema: origin, description: 'The address that shoppers know: the edge.' },
});
