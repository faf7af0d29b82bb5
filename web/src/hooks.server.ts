import { PUBLIC_URL, READ_API_URL } from '$app/env/private';
import type { Handle, HandleFetch } from '@sveltejs/kit/hooks';

/** Pages look at no cookie, so that the edge may keep one copy for everybody. */
const PAGE_CACHE_CONTROL = 'public, max-age=0, s-maxage=30, stale-while-revalidate=300';
const READ_TIMEOUT_MS = 3_000;
/** Of `error.html`, for which SvelteKit says no policy. */
const ALONE =
  "default-src 'self'; style-src 'unsafe-inline'; object-src 'none'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'";
/** What `load` looks at in an answer; nothing else is written into the page. */
const READABLE_HEADERS = new Set(['content-type', 'retry-after']);

export const handle: Handle = async ({ event, resolve }) => {
  const response = await resolve(event, {
    filterSerializedResponseHeaders: (name) => READABLE_HEADERS.has(name),
  });
  const { headers, status } = response;
  if (headers.get('content-type')?.startsWith('text/html')) {
    headers.set('cache-control', status === 200 ? PAGE_CACHE_CONTROL : 'no-store');
    if (!headers.has('content-security-policy')) headers.set('content-security-policy', ALONE);
    headers.set('link', `<${PUBLIC_URL}${event.url.pathname}>; rel="canonical"`);
  }
  return response;
};

/**
 * Pages read from `/api/read/…` on their own origin. Rendered here, that is read-api itself, and
 * nothing of the visitor goes along, so that what comes back is the same for everybody.
 */
export const handleFetch: HandleFetch = ({ request }) => {
  const { pathname, search } = new URL(request.url);
  return fetch(`${READ_API_URL}${pathname}${search}`, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(READ_TIMEOUT_MS),
  });
};
