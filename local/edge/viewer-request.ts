import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { runInNewContext } from 'node:vm';

/** Runs for every request before the cache is looked into. */
export type ViewerRequest = (request: Asked) => Outcome | Promise<Outcome>;

export type Asked = {
  request: IncomingMessage;
  /** What the edge calls it, of which there is no other. */
  requestId: string;
  path: string;
  query: string;
};

/** The path and query to go on with, or the answer. */
export type Outcome = Rewritten | Generated;
export type Rewritten = { path: string; query: string };
/** Its headers are a flat list of names and values. */
export type Generated = { status: number; headers: string[]; body: string };

/** What CloudFront's KeyValueStore holds, by key. */
export type KeyValues = Readonly<Record<string, string>>;

type QueryValue = { value: string; multiValue?: { value: string }[] };

/** The part of CloudFront's event that a viewer-request function of ours may use. */
type FunctionEvent = {
  version: '1.0';
  context: { eventType: 'viewer-request'; requestId: string };
  viewer: { ip: string };
  request: {
    method: string;
    uri: string;
    querystring: Record<string, QueryValue>;
    readonly headers: Record<string, { value: string }>;
    readonly cookies: Record<string, QueryValue>;
  };
};

/** An answer as a function makes one. */
type FunctionAnswer = {
  statusCode: number;
  headers?: Record<string, { value: string }>;
  cookies?: Record<string, { value: string; attributes?: string }>;
  body?: string;
};

type FunctionResult = FunctionEvent['request'] | FunctionAnswer;
type Handler = (event: FunctionEvent) => FunctionResult | Promise<FunctionResult>;

/** The modules of CloudFront's that a function may import. */
const IMPORT = /^import (\w+) from '(cloudfront|crypto)';$/gm;

/**
 * Compiles a function in CloudFront's JavaScript (cloudfront-js-2.0) in a context of its own,
 * without anything of Node's but what CloudFront has as well: digests, and its store of keys and
 * values.
 */
export function compileViewerRequest(
  code: string,
  file: string,
  keyValues: KeyValues,
): ViewerRequest {
  const script = code.replace(IMPORT, "const $1 = modules['$2'];");
  const modules = { crypto: { createHash, createHmac }, cloudfront: cloudFront(keyValues) };
  const context = { modules, console };
  const handler = runInNewContext(`${script}\n;handler`, context, { filename: file }) as Handler;
  return ({ request, requestId, path, query }) => {
    const result = handler({
      version: '1.0',
      context: { eventType: 'viewer-request', requestId },
      viewer: { ip: request.socket.remoteAddress ?? '' },
      request: {
        method: request.method!,
        uri: path,
        querystring: parseQuery(query),
        // Made when the function looks at them, which most do not.
        get headers() {
          // CloudFront gives cookies apart.
          const entries = Object.entries(request.headers).filter(([name]) => name !== 'cookie');
          return Object.fromEntries(
            entries.map(([name, value]) => [name, { value: String(value) }]),
          );
        },
        get cookies() {
          return parseCookies(request.headers.cookie);
        },
      },
    });
    // A promise of another context is none of ours.
    return 'then' in result ? result.then(outcomeOf) : outcomeOf(result);
  };
}

const cloudFront = (keyValues: KeyValues) => ({
  kvs: () => ({
    async get(key: string): Promise<string> {
      const value = keyValues[key];
      if (value === undefined) throw new Error(`KeyNotFound: ${key}`);
      return value;
    },
  }),
});

function outcomeOf(result: FunctionResult): Outcome {
  if (!('statusCode' in result)) {
    return { path: result.uri, query: formatQuery(result.querystring) };
  }
  const { statusCode: status, headers = {}, cookies = {}, body = '' } = result;
  const setCookies = Object.entries(cookies).flatMap(([name, { value, attributes }]) => [
    'set-cookie',
    attributes ? `${name}=${value}; ${attributes}` : `${name}=${value}`,
  ]);
  const plain = Object.entries(headers).flatMap(([name, { value }]) => [name, value]);
  return { status, headers: plain.concat(setCookies), body };
}

/** Only a space and a tab may stand around a name; of several of one name all are told. */
function parseCookies(header = ''): Record<string, QueryValue> {
  const cookies: Record<string, QueryValue> = Object.create(null);
  for (const pair of header.split(';')) {
    const [name, value] = splitPair(pair.replace(/^[ \t]+|[ \t]+$/g, ''));
    if (name !== '') addValue(cookies, name, value);
  }
  return cookies;
}

/** `a=1&b=2` as CloudFront gives it to a function: still percent-encoded, repeats kept apart. */
function parseQuery(query: string): Record<string, QueryValue> {
  const parsed: Record<string, QueryValue> = Object.create(null);
  if (query === '') return parsed;
  for (const pair of query.split('&')) {
    const [name, value] = splitPair(pair);
    addValue(parsed, name, value);
  }
  return parsed;
}

function addValue(values: Record<string, QueryValue>, name: string, value: string): void {
  const known = values[name];
  if (!known) values[name] = { value };
  else (known.multiValue ??= [{ value: known.value }]).push({ value });
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
