import type { FastifyReply, FastifyRequest } from 'fastify';
import { unavailable } from '../../platform/http.ts';
import { PRIVATE_CACHING } from './answers.ts';
import type { Limiting } from '../../platform/route.ts';
import type { Logger } from '../../platform/log.ts';
import type { Projected } from './projected.ts';

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
  projected: Projected;
  log: Logger;
  closing: AbortSignal;
  /** How many an address may follow. */
  streams: readonly Limiting[];
};

/**
 * Sends what `read` gives as server-sent events (WHATWG HTML, 9.2): at once, and again after every
 * commit of the projector that changed one of `tags`. Changes that come while one is read are
 * told together. HEAD has the same headers at once, or the same refusal (RFC 9110, 9.3.2).
 */
export async function sendLive(
  { projected, log, closing }: LiveServices,
  request: FastifyRequest,
  reply: FastifyReply,
  options: { event: string; tags: string[]; read: () => Promise<object> },
): Promise<void> {
  if (request.method === 'HEAD') {
    await options.read();
    return void reply.hijack().raw.writeHead(200, HEADERS).end();
  }
  if (projected.listeners >= MAX_STREAMS) {
    throw unavailable('BUSY', 'Too many pages follow live: ask for the page without /live.');
  }
  const { raw } = reply;
  let due = false;
  // Until the first page is sent, changes only make the next one due.
  let busy = true;
  // Before the first read: what changes while it is under way would else be missed.
  const off = projected.onChange(({ tags }) => {
    if (tags && !options.tags.some((tag) => tags.includes(tag))) return;
    due = true;
    void sendDue();
  });
  const send = (data: object) =>
    raw.write(
      `event: ${options.event}\nid: ${projected.position}\ndata: ${JSON.stringify(data)}\n\n`,
    );
  async function sendDue(): Promise<void> {
    if (busy) return;
    busy = true;
    try {
      // A page that does not keep up gets the newest state once it does, not every one.
      while (due && !raw.writableNeedDrain && !raw.destroyed) {
        due = false;
        send(await options.read());
      }
    } catch (error) {
      log.warn({ err: error, requestId: request.id }, 'a live page was closed: it connects again');
      raw.end();
    } finally {
      busy = false;
    }
  }
  raw.once('close', off);
  let first: object;
  try {
    first = await options.read();
  } catch (error) {
    off();
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
  send(first);
  busy = false;
  await sendDue();
}
