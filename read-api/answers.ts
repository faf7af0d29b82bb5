import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { POSITION_HEADER } from '../platform/http.ts';
import type { Projected } from './projected.ts';

/** Public answers that are kept in memory, in bytes of their bodies. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024;
/** The edge keeps an answer this long unless it is purged; a page on a phone is never older. */
const S_MAXAGE_S = 60;
const STALE_WHILE_REVALIDATE_S = 600;
const STALE_IF_ERROR_S = 86_400;

const PUBLIC_CACHING =
  `public, max-age=0, s-maxage=${S_MAXAGE_S}, ` +
  `stale-while-revalidate=${STALE_WHILE_REVALIDATE_S}, stale-if-error=${STALE_IF_ERROR_S}`;
export const PRIVATE_CACHING = 'private, no-store';

/** A shop's, or the list of shops; orders and boards change far more often and are never kept. */
const PUBLIC_TAG = /^store/;

type Answer = { body: string; etag: string; position: string };
/** What is being read, or was, and by which tags it is known. */
type Entry = { tags: string[]; answer: Promise<Answer>; bytes: number };

/**
 * The public answers, each read once from Postgres and kept until the projector says that one of
 * its tags changed: an answer is never older than what was heard. While the projector cannot be
 * heard nothing is kept.
 */
export class PublicAnswers {
  #entries = new LRUCache<string, Entry>({
    maxSize: MAX_KEPT_BYTES,
    sizeCalculation: (entry) => entry.bytes,
  });
  #projected: Projected;

  constructor(projected: Projected) {
    this.#projected = projected;
    projected.onChange(({ tags }) => this.#forget(tags));
  }

  /** Sends the answer of `read`, from memory where it is still current. */
  async send(
    request: FastifyRequest,
    reply: FastifyReply,
    tags: string[],
    read: () => Promise<object>,
  ): Promise<FastifyReply> {
    const { body, etag, position } = await this.#answer(request.url, tags, read);
    reply
      .header('cache-control', PUBLIC_CACHING)
      .header('cache-tag', tags.join(','))
      .header('etag', etag)
      .header(POSITION_HEADER, position);
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(body);
  }

  #answer(key: string, tags: string[], read: () => Promise<object>): Promise<Answer> {
    if (!this.#projected.connected) return this.#read(read);
    const known = this.#entries.get(key);
    if (known) return known.answer;
    const answer = this.#read(read);
    // Kept before it is read, so that a change meanwhile finds it and throws it out.
    const entry: Entry = { tags, answer, bytes: 1 };
    this.#entries.set(key, entry);
    const settled = answer.then(
      ({ body }) => {
        entry.bytes = Buffer.byteLength(body) + key.length;
        if (this.#entries.peek(key) === entry) this.#entries.set(key, entry);
      },
      () => {
        if (this.#entries.peek(key) === entry) this.#entries.delete(key);
      },
    );
    return settled.then(() => answer);
  }

  async #read(read: () => Promise<object>): Promise<Answer> {
    const position = this.#projected.position.toString();
    const body = JSON.stringify(await read());
    const digest = createHash('sha1').update(body).digest('base64url');
    return { body, etag: `"${digest}"`, position };
  }

  #forget(tags: string[] | null): void {
    if (!tags) return this.#entries.clear();
    const changed = new Set(tags.filter((tag) => PUBLIC_TAG.test(tag)));
    if (changed.size === 0) return;
    for (const [key, entry] of this.#entries.entries()) {
      if (entry.tags.some((tag) => changed.has(tag))) this.#entries.delete(key);
    }
  }
}
