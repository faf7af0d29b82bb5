import type { IncomingMessage } from 'node:http';

/** What a body has to come at on average, once its time is over: the slowest line is faster. */
const MIN_BYTES_PER_S = 240;
/** A command takes no more: it is read before its origin is bothered with it. */
const SMALL_BODY_BYTES = 64 * 1024;

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;

/** Its sender said that it is small; what does not say so is passed on as it comes. */
export const isSmall = ({ headers }: IncomingMessage): boolean =>
  Number(headers['content-length'] ?? Infinity) <= SMALL_BODY_BYTES;

/**
 * Watches a body come in. The signal aborts when nothing of it came for `patienceMs`, or when it
 * took longer than that and comes at less than 240 bytes a second: one that trickles. Time in which
 * nobody here reads does not count.
 */
export function watchBody(request: IncomingMessage, patienceMs: number): AbortSignal {
  const late = new AbortController();
  const { socket } = request;
  const tickMs = patienceMs / 10;
  const bytesBefore = socket.bytesRead;
  let bytesSeen = bytesBefore;
  let silentMs = 0;
  let readingMs = 0;
  const tick = setInterval(() => {
    if (request.complete || socket.destroyed) return stop();
    if (!request.readableFlowing) return;
    readingMs += tickMs;
    silentMs = socket.bytesRead > bytesSeen ? 0 : silentMs + tickMs;
    bytesSeen = socket.bytesRead;
    const dueBytes = ((readingMs - patienceMs) / 1000) * MIN_BYTES_PER_S;
    if (silentMs < patienceMs && bytesSeen - bytesBefore >= dueBytes) return;
    stop();
    late.abort();
  }, tickMs).unref();
  const stop = () => clearInterval(tick);
  request.once('end', stop).once('close', stop);
  return late.signal;
}

/** Reads a small body. Rejects where its viewer leaves, or is `late`. */
export function readWhole(request: IncomingMessage, late: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    late.addEventListener('abort', () => reject(new Error('the body did not come in time')));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the viewer left')));
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
  });
}
