import type { FastifyReply, FastifyRequest } from 'fastify';
import { unavailable } from '../../platform/http.ts';
import { PRIVATE_CACHING } from './answers.ts';
import type { Limiting } from '../../platform/route.ts';
import type { Logger } from '../../platform/log.ts';
import type { LivePage, LivePages } from './live-pages.ts';

/** Keeps proxies from closing a quiet stream, and tells us of pages that are gone. */
const HEARTBEAT_MS = 15_000;
const MAX_STREAMS = 5_000;
/** What a browser waits before it connects again. */
const RECONNECT_MS = 1_000;
const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // A proxy that compressed it would hold events back.
  'cache-control': `${PRIVATE_CACHING}, no-transform`,
  'x-accel-buffering': 'no',
};

/** What live pages stand on. `closing` aborts when the server closes: they are sent away. */
export type LiveServices = {
  pages: LivePages;
  log: Logger;
  closing: AbortSignal;
  /** How many an address may follow. */
  streams: readonly Limiting[];
};

/**
 * Sends what a page says as server-sent events (WHATWG HTML, 9.2): at once, and again after every
 * commit of the projector that changed one of its tags. Changes that come while one is read are
 * told together, and it is read once for all who follow it under the same `key`. HEAD has the same
 * headers at once, or the same refusal (RFC 9110, 9.3.2).
 */
export async function sendLive(
  { pages, log, closing }: LiveServices,
  request: FastifyRequest,
  reply: FastifyReply,
  key: string | symbol,
  page: LivePage,
): Promise<void> {
  if (request.method === 'HEAD') {
    await page.read();
    return void reply.hijack().raw.writeHead(200, HEADERS).end();
  }
  if (pages.streams >= MAX_STREAMS) {
    throw unavailable('BUSY', 'Too many pages follow live: ask for the page without /live.');
  }
  const { raw } = reply;
  let due = false;
  // Until the first page is sent, changes only make the next one due.
  let busy = true;
  // Before the first read: what changes while it is under way would else be missed.
  const followed = pages.follow(key, page, () => {
    due = true;
    void sendDue();
  });
  async function sendDue(): Promise<void> {
    if (busy) return;
    busy = true;
    try {
      // A page that does not keep up gets the newest state once it does, not every one.
      while (due && !raw.writableNeedDrain && !raw.destroyed) {
        due = false;
        raw.write(await followed.message());
      }
    } catch (error) {
      log.warn({ err: error, requestId: request.id }, 'a live page was closed: it connects again');
      raw.end();
    } finally {
      busy = false;
    }
  }
  raw.once('close', followed.end);
  let first: string;
  try {
    first = await followed.message();
  } catch (error) {
    followed.end();
    throw error;
  }
  reply.hijack();
  if (raw.destroyed) return;
  raw.writeHead(200, HEADERS);
  const heartbeat = setInterval(() => raw.write(': still here\n\n'), HEARTBEAT_MS);
  raw.on('drain', () => void sendDue());
  const end = () => raw.end();
  closing.addEventListener('abort', end);
  raw.on('close', () => {
    clearInterval(heartbeat);
    closing.removeEventListener('abort', end);
  });
  raw.write(`retry: ${RECONNECT_MS}\n\n`);
  raw.write(first);
  busy = false;
  await sendDue();
}
