import type { IncomingMessage } from 'node:http';
import { Answer } from './answer.ts';
import { concerns, labelsOf } from './cache.ts';
import type { Cache, Entry } from './cache.ts';
import type { Behaviour } from './distribution.ts';
import { freshnessOf } from './freshness.ts';
import type { Freshness } from './freshness.ts';

/** A larger answer is passed through and not kept. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
/** After a failed refresh the old answer is given for so long before the origin is asked again. */
const REFRESH_PAUSE_MS = 1_000;
/** Invalidated while one answer was under way; beyond, it counts as overtaken in any case. */
const MAX_REMEMBERED_ITEMS = 1_000;
const EVERYTHING = '/*';

/** What is to be fetched, by whom it may be shared, and how the origin is asked for it. */
export type Target = {
  key: string;
  /** The path, with the query that is in the key. */
  url: string;
  behaviour: Behaviour;
};

export type Fetched =
  | { kind: 'whole'; entry: Entry; refreshed: boolean }
  /** Not to be shared: the body is still to be read, after `begun`, by one viewer. */
  | { kind: 'stream'; incoming: IncomingMessage; begun: Buffer[] };

type Ask = (headers: Record<string, string>) => Promise<IncomingMessage>;

/** One question to an origin, and the invalidations that came while it was asked. */
type Flight = { landed: Promise<Fetched>; invalidated: string[] };

/** Fetches what may be shared, once for all who want it at the same time. */
export class Fetcher {
  readonly #cache: Cache;
  readonly #tagHeader: string | undefined;
  /** Those that may still be joined, by key. */
  readonly #joinable = new Map<string, Flight>();
  readonly #flights = new Set<Flight>();

  constructor(cache: Cache, tagHeader: string | undefined) {
    this.#cache = cache;
    this.#tagHeader = tagHeader;
  }

  /**
   * Asks the origin, and keeps what may be kept. Answers undefined to those who waited for
   * somebody else's answer that then could not be shared.
   */
  async fetch(target: Target, ask: Ask, stale: Entry | undefined): Promise<Fetched | undefined> {
    const other = this.#joinable.get(target.key);
    if (!other) return this.#takeOff(target, ask, stale);
    const fetched = await other.landed;
    return fetched.kind === 'whole' ? fetched : undefined;
  }

  /** The same in the background, where nobody is already at it. */
  refresh(target: Target, ask: Ask, stale: Entry): void {
    if (this.#joinable.has(target.key) || Date.now() < stale.nextRefreshMs) return;
    stale.nextRefreshMs = Date.now() + REFRESH_PAUSE_MS;
    this.#takeOff(target, ask, stale).then(
      (fetched) => void (fetched.kind === 'stream' && fetched.incoming.destroy()),
      // The old answer stays for as long as it may, and the next viewer asks again.
      () => {},
    );
  }

  /** Drops what these items name, also where it is only just being fetched. */
  invalidate(items: string[]): void {
    this.#cache.invalidate(items);
    for (const flight of this.#flights) {
      flight.invalidated.push(...items);
      if (flight.invalidated.length > MAX_REMEMBERED_ITEMS) flight.invalidated = [EVERYTHING];
    }
    // Whoever asks from now on must not get the answer to an older question.
    this.#joinable.clear();
  }

  #takeOff(target: Target, ask: Ask, stale: Entry | undefined): Promise<Fetched> {
    const invalidated: string[] = [];
    const flight: Flight = { invalidated, landed: NOT_YET };
    flight.landed = this.#fly(target, ask, stale, flight).finally(() => {
      this.#flights.delete(flight);
      if (this.#joinable.get(target.key) === flight) this.#joinable.delete(target.key);
    });
    this.#flights.add(flight);
    this.#joinable.set(target.key, flight);
    return flight.landed;
  }

  async #fly(target: Target, ask: Ask, stale: Entry | undefined, flight: Flight): Promise<Fetched> {
    const { behaviour, key, url } = target;
    const incoming = await ask(stale ? conditions(stale.answer) : {});
    const nowMs = Date.now();
    const { statusCode: status = 502, headers } = incoming;
    const unchanged = status === 304 && stale !== undefined;
    const freshness = freshnessOf(unchanged ? 200 : status, headers, behaviour, nowMs);
    const tooLarge = Number(headers['content-length']) > MAX_KEPT_BYTES;
    if (!unchanged && (!freshness || tooLarge)) {
      // An error does not prove that the old answer is wrong; anything else replaces it.
      if (status < 500) this.#cache.delete(key);
      return { kind: 'stream', incoming, begun: [] };
    }

    const { chunks, ended } = await readUpTo(incoming, MAX_KEPT_BYTES);
    if (!ended) return { kind: 'stream', incoming, begun: chunks };
    const tags = this.#tagHeader === undefined ? undefined : headers[this.#tagHeader];
    const entry: Entry = {
      answer: unchanged ? stale.answer : new Answer(incoming, Buffer.concat(chunks), behaviour),
      labels: unchanged && tags === undefined ? stale.labels : labelsOf(url, tags),
      bornMs: nowMs - (Number(headers['age']) * 1000 || 0),
      freshness: freshness ?? NEVER_AGAIN,
      nextRefreshMs: 0,
    };
    // What was asked before an invalidation may show what was before it: given to those who asked
    // by then, but not kept.
    const overtaken = flight.invalidated.some((item) => concerns(item, entry.labels));
    if (freshness && !overtaken) this.#cache.set(key, entry);
    return { kind: 'whole', entry, refreshed: unchanged };
  }
}

const NOT_YET = new Promise<never>(() => {});
const NEVER_AGAIN: Freshness = { freshUntilMs: 0, whileRevalidateUntilMs: 0, ifErrorUntilMs: 0 };

/** So that the origin may answer 304 instead of the same again. */
function conditions({ etag, lastModified }: Answer): Record<string, string> {
  if (etag !== undefined) return { 'if-none-match': etag };
  return lastModified === undefined ? {} : { 'if-modified-since': lastModified };
}

/** Reads a body to its end, or stops once more than `limit` bytes came, with the rest unread. */
async function readUpTo(
  incoming: IncomingMessage,
  limit: number,
): Promise<{ chunks: Buffer[]; ended: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const settle = (ended: boolean) => {
      incoming.off('data', onData).off('end', onEnd).off('error', reject);
      resolve({ chunks, ended });
    };
    const onEnd = () => settle(true);
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= limit) return;
      incoming.pause();
      settle(false);
    };
    incoming.on('data', onData).on('end', onEnd).on('error', reject);
  });
}
