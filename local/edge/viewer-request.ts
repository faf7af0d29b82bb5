import type { IncomingMessage } from 'node:http';
import { runInNewContext } from 'node:vm';

/** Runs for every request before the cache is looked into; answers the path and query to go on with. */
export type ViewerRequest = (request: IncomingMessage, path: string, query: string) => Rewritten;

export type Rewritten = { path: string; query: string };

type QueryValue = { value: string; multiValue?: { value: string }[] };

/** The part of CloudFront's event that a viewer-request function of ours may use. */
type FunctionEvent = {
  version: '1.0';
  context: { eventType: 'viewer-request' };
  viewer: { ip: string };
  request: {
    method: string;
    uri: string;
    querystring: Record<string, QueryValue>;
    readonly headers: Record<string, { value: string }>;
    cookies: Record<string, { value: string }>;
  };
};

/**
 * Compiles a function in CloudFront's JavaScript (cloudfront-js-2.0) in a context of its own,
 * without anything of Node's. It must be synchronous and give the request back.
 */
export function compileViewerRequest(code: string, file: string): ViewerRequest {
  const handler = runInNewContext(`${code}\n;handler`, {}, { filename: file }) as (
    event: FunctionEvent,
  ) => FunctionEvent['request'];
  return (request, path, query) => {
    const { uri, querystring } = handler({
      version: '1.0',
      context: { eventType: 'viewer-request' },
      viewer: { ip: request.socket.remoteAddress ?? '' },
      request: {
        method: request.method!,
        uri: path,
        querystring: parseQuery(query),
        // Made when the function looks at them, which most do not.
        get headers() {
          const entries = Object.entries(request.headers);
          return Object.fromEntries(
            entries.map(([name, value]) => [name, { value: String(value) }]),
          );
        },
        cookies: {},
      },
    });
    return { path: uri, query: formatQuery(querystring) };
  };
}

/** `a=1&b=2` as CloudFront gives it to a function: still percent-encoded, repeats kept apart. */
function parseQuery(query: string): Record<string, QueryValue> {
  const parsed: Record<string, QueryValue> = Object.create(null);
  if (query === '') return parsed;
  for (const pair of query.split('&')) {
    const [name, value] = splitPair(pair);
    const known = parsed[name];
    if (!known) parsed[name] = { value };
    else (known.multiValue ??= [{ value: known.value }]).push({ value });
  }
  return parsed;
}

function formatQuery(querystring: Record<string, QueryValue>): string {
  let query = '';
  for (const name in querystring) {
    const { value, multiValue } = querystring[name]!;
    for (const each of multiValue ?? [{ value }]) {
      query += `${query === '' ? '' : '&'}${name}=${each.value}`;
    }
  }
  return query;
}

/** Keeps the parameters that are on the list, in the order in which they came. */
export function filterQuery(query: string, allowed: Set<string>): string {
  if (query === '') return query;
  return query
    .split('&')
    .filter((pair) => allowed.has(splitPair(pair)[0]))
    .join('&');
}

function splitPair(pair: string): [name: string, value: string] {
  const at = pair.indexOf('=');
  return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
}
