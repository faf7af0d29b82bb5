import { isIP } from 'node:net';
import { Problem } from './http.ts';

/** What may be asked for. Without one of the numbers that is not counted. */
export type Limit = {
  /** What is counted together: all that an address asks for, its requests to one URL, or all there are. */
  by: 'address' | 'address-and-url' | 'everybody';
  /** So many in a rush, and then what comes back each minute. */
  rate?: { burst: number; perMinute: number };
  /** Under way at the same time. */
  atOnce?: number;
};

type Counted = { left: number; atMs: number; underWay: number };

export type Counting = { url: string; headers: NodeJS.Dict<string | string[]> };

/** Counters of some 100 bytes each: beyond, the oldest are forgotten. */
const MAX_COUNTED = 100_000;
/** When there are too many at once nobody knows when one ends. */
const RETRY_AT_ONCE_S = 5;

/**
 * Who asks, as the edge tells it: the last entry of X-Forwarded-For, which is the one that the edge
 * itself wrote. An IPv6 address stands for its /64, since that is what a subscriber has. Undefined
 * for a request that did not come through the edge: one of our own.
 */
export function viewerOf(headers: Counting['headers']): string | undefined {
  const forwarded = headers['x-forwarded-for'];
  if (forwarded === undefined) return undefined;
  const last = String(forwarded).split(',').at(-1)!.trim();
  const address = last.replace(/^::ffff:(?=\d+\.)/i, '');
  if (isIP(address) !== 6) return address;
  // As the WHATWG writes it: in one way, without a zone; then without what is left out.
  const { hostname } = new URL(`http://[${address.split('%', 1)[0]}]`);
  const [before, after] = hostname.slice(1, -1).split('::') as [string, string?];
  const groups = before === '' ? [] : before.split(':');
  if (after !== undefined) {
    const groupsAfter = after === '' ? [] : after.split(':');
    while (groups.length + groupsAfter.length < 8) groups.push('0');
    groups.push(...groupsAfter);
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** Counts in this process alone: where there are several, each gives what the limit says. */
export class Limiter {
  readonly #limit: Limit;
  readonly #counted = new Map<string, Counted>();
  readonly isOfThing: boolean;

  constructor(limit: Limit) {
    this.#limit = limit;
    this.isOfThing = limit.by === 'address-and-url';
  }

  /**
   * Counts a request at `nowMs`. Throws a `Problem` 429 with `Retry-After`; returns what is to be
   * called once it is over.
   */
  take(request: Counting, nowMs: number): () => void {
    const key = this.#keyOf(request);
    if (key === undefined) return () => {};
    const { rate, atOnce = Infinity } = this.#limit;
    const counted = this.#at(key, nowMs);
    if (counted.underWay >= atOnce) throw tooMany(RETRY_AT_ONCE_S);
    if (rate) {
      const msEach = 60_000 / rate.perMinute;
      counted.left = Math.min(rate.burst, counted.left + (nowMs - counted.atMs) / msEach);
      counted.atMs = nowMs;
      if (counted.left < 1) throw tooMany(Math.ceil(((1 - counted.left) * msEach) / 1000));
      counted.left -= 1;
    }
    counted.underWay += 1;
    return () => {
      counted.underWay -= 1;
      // Nothing is left to remember of it.
      if (!rate && counted.underWay === 0) this.#counted.delete(key);
    };
  }

  #keyOf({ url, headers }: Counting): string | undefined {
    const { by } = this.#limit;
    if (by === 'everybody') return by;
    const viewer = viewerOf(headers);
    return viewer && this.isOfThing ? `${viewer} ${url.split('?', 1)[0]}` : viewer;
  }

  #at(key: string, nowMs: number): Counted {
    const known = this.#counted.get(key);
    if (known) return known;
    const counted = { left: this.#limit.rate?.burst ?? 0, atMs: nowMs, underWay: 0 };
    this.#counted.set(key, counted);
    if (this.#counted.size > MAX_COUNTED) {
      const [oldest] = this.#counted.keys();
      this.#counted.delete(oldest!);
    }
    return counted;
  }
}

const tooMany = (retryAfterS: number): Problem =>
  new Problem(
    429,
    'TOO_MANY_REQUESTS',
    'Too many of these come from your address: wait as long as Retry-After says, in seconds.',
    { headers: { 'retry-after': `${retryAfterS}` } },
  );
