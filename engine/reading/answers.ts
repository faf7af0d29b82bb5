import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { POSITION_HEADER } from '../../platform/http.ts';
import type { Projected } from './projected.ts';

/** What is kept in memory, in characters of its JSON. */
const MAX_KEPT_LENGTH = 32 * 1024 * 1024;
/** The edge keeps an answer this long unless it is purged; a page on a phone is never older. */
const S_MAXAGE_S = 60;
const STALE_WHILE_REVALIDATE_S = 600;
const STALE_IF_ERROR_S = 86_400;

const PUBLIC_CACHING =
  `public, max-age=0, s-maxage=${S_MAXAGE_S}, ` +
  `stale-while-revalidate=${STALE_WHILE_REVALIDATE_S}, stale-if-error=${STALE_IF_ERROR_S}`;
export const PRIVATE_CACHING = 'private, no-store';

/** A value that is being read, or was, and the tags of what it was read from. */
type Entry = { tags: string[]; value: Promise<unknown>; length: number };

/**
 * What anybody may see, each read once from Postgres and kept until the projector says that one of
 * its tags changed: it is never older than what was heard. While the projector cannot be heard
 * nothing is kept.
 */
export class PublicAnswers {
  #entries = new LRUCache<string, Entry>({
    maxSize: MAX_KEPT_LENGTH,
    sizeCalculation: (entry) => entry.length,
  });
  #projected: Projected;
  #isPublic: (tag: string) => boolean;

  /** `isPublic` says of a tag whether caches are purged of what is known by it. */
  constructor(projected: Projected, isPublic: (tag: string) => boolean) {
    this.#projected = projected;
    this.#isPublic = isPublic;
    projected.onChange(({ tags }) => this.#forget(tags));
  }

  /**
   * Sends what `read` gives as a public answer, from memory where it is still current: under `key`,
   * which has whatever else than the address and the rows it follows from.
   */
  async send(
    request: FastifyRequest,
    reply: FastifyReply,
    tags: string[],
    read: () => Promise<object>,
    key = request.url,
  ): Promise<FastifyReply> {
    const { body, etag, position } = await this.current(key, tags, async () => {
      const readAt = this.#projected.token;
      const json = JSON.stringify(await read());
      const digest = createHash('sha1').update(json).digest('base64url');
      return { body: json, etag: `"${digest}"`, position: readAt };
    });
    reply
      .header('cache-control', PUBLIC_CACHING)
      .header('cache-tag', tags.join(','))
      .header('etag', etag);
    if (position !== undefined) reply.header(POSITION_HEADER, position);
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(body);
  }

  /**
   * What `read` gives, from memory where it is still current; one read for all who ask at once.
   * Throws for what no purge would reach.
   */
  current<T>(key: string, tags: string[], read: () => Promise<T>): Promise<T> {
    const { connected } = this.#projected;
    const known = connected ? this.#entries.get(key) : undefined;
    if (known) return known.value as Promise<T>;
    if (tags.length === 0 || !tags.every(this.#isPublic)) {
      throw new Error(
        `no purge would reach what is kept as ${key}, by its tags: ${tags.join(', ')}`,
      );
    }
    if (!connected) return read();
    const value = read();
    // Kept before it is read, so that a change meanwhile finds it and throws it out.
    const entry: Entry = { tags, value, length: 1 };
    this.#entries.set(key, entry);
    return value.then(
      (result) => {
        if (this.#entries.peek(key) === entry) {
          const length = JSON.stringify(result).length + key.length;
          this.#entries.set(key, { ...entry, length });
        }
        return result;
      },
      (error: unknown) => {
        if (this.#entries.peek(key) === entry) this.#entries.delete(key);
        throw error;
      },
    );
  }

  #forget(tags: string[] | null): void {
    if (!tags) return this.#entries.clear();
    const changed = new Set(tags.filter(this.#isPublic));
    if (changed.size === 0) return;
    for (const [key, entry] of this.#entries.entries()) {
      if (entry.tags.some((tag) => changed.has(tag))) this.#entries.delete(key);
    }
  }
}
