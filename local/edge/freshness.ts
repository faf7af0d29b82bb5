/** Until when an answer may be used, in milliseconds since 1970. */
export type Freshness = {
  freshUntilMs: number;
  /** Until then it may be used while a newer one is fetched (RFC 5861, 3). */
  whileRevalidateUntilMs: number;
  /** Until then it may be used where a newer one cannot be had (RFC 5861, 4). */
  ifErrorUntilMs: number;
};

/** What a cache policy says of it. */
export type Policy = {
  minTtlMs: number;
  defaultTtlMs: number;
  maxTtlMs: number;
  key: { headers: string[] };
};

/** RFC 9110, 15.1, without 206: what may be kept if it says for how long. */
const STORABLE_STATUS = new Set([200, 203, 204, 300, 301, 308, 404, 410]);

/**
 * How long a shared cache may keep this answer (RFC 9111), or undefined when it may not at all.
 * Stricter than CloudFront in two points that our design rests on: nothing with a `Set-Cookie` is
 * kept, and nothing that varies by what is not in the cache key. Nor is what the origin encoded
 * although nobody asked it to: not every viewer could read that.
 */
export function freshnessOf(
  status: number,
  headers: NodeJS.Dict<string | string[]>,
  policy: Policy,
  nowMs: number,
): Freshness | undefined {
  if (!STORABLE_STATUS.has(status) || headers['set-cookie'] !== undefined) return undefined;
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') return undefined;
  const vary = words(headers['vary']);
  if (vary.some((name) => name !== 'accept-encoding' && !policy.key.headers.includes(name))) {
    return undefined;
  }
  const directives = new Map(
    words(headers['cache-control']).map((word) => {
      const [name, value] = word.split('=');
      return [name!, value === undefined ? Number.NaN : Number(value.replaceAll('"', ''))];
    }),
  );
  if (['no-store', 'no-cache', 'private'].some((name) => directives.has(name))) return undefined;

  const ms = (name: string) => (directives.get(name) ?? Number.NaN) * 1000;
  const said = [ms('s-maxage'), ms('max-age')].find((value) => !Number.isNaN(value));
  const lifetimeMs = Math.min(
    Math.max(said ?? policy.defaultTtlMs, policy.minTtlMs),
    policy.maxTtlMs,
  );
  const ageMs = Number(headers['age'] ?? 0) * 1000 || 0;
  const freshUntilMs = nowMs - ageMs + lifetimeMs;
  const freshness = {
    freshUntilMs,
    whileRevalidateUntilMs: freshUntilMs + (ms('stale-while-revalidate') || 0),
    ifErrorUntilMs: freshUntilMs + (ms('stale-if-error') || 0),
  };
  // What could never be served again is not worth its room.
  return Math.max(...Object.values(freshness)) > nowMs ? freshness : undefined;
}

function words(header: string | string[] | undefined): string[] {
  if (header === undefined) return [];
  return String(header)
    .toLowerCase()
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
