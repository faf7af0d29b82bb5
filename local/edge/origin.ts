import * as http from 'node:http';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { DistributionOrigin } from './distribution.ts';

/** At the same time, each on a connection of its own: server-sent events hold theirs for hours. */
const MAX_REQUESTS = 8_192;
/** Of these with a body that is still to come: slow ones must leave room for everybody's commands. */
const MAX_UPLOADS = 256;
const MAX_IDLE_CONNECTIONS = 64;
const RETRY_MS = 50;
const LARGE_BODY_BYTES = 64 * 1024;
const EARLY_REFUSAL_MS = 50;

/** Why an origin gave no answer. `status` is what the viewer gets. */
export class OriginError extends Error {
  readonly status: 502 | 503 | 504;
  constructor(status: 502 | 503 | 504, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

export type OriginRequest = {
  method: string;
  /** With its query. */
  path: string;
  headers: OutgoingHttpHeaders;
  /** Whole, or an upload that is passed on as it comes. */
  body?: Buffer | IncomingMessage;
  /** How long to try again while the origin is away: it may just be restarting. */
  patienceMs: number;
  /** Aborts when nobody waits for the answer any longer. */
  signal?: AbortSignal;
};

/** Whether anything of a request may have reached the origin. */
type Progress = { connected: boolean };

/** The connections to one origin, which restarts now and then. */
export class Origin {
  readonly #address: { hostname: string; port: string };
  readonly #timeouts: { connectTimeoutMs: number; readTimeoutMs: number };
  readonly #agent = new http.Agent({ keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS });
  #underWay = 0;
  #uploads = 0;

  constructor(
    address: string,
    timeouts: Pick<DistributionOrigin, 'connectTimeoutMs' | 'readTimeoutMs'>,
  ) {
    const { hostname, port } = new URL(address);
    this.#address = { hostname, port };
    this.#timeouts = timeouts;
  }

  /**
   * Resolves with the head of the answer, its body to be read. Rejects with an `OriginError`. What
   * never reached the origin is sent again until it is, what may have reached it only once more
   * and only if it is a read; both as long as the request has patience.
   */
  async send(request: OriginRequest): Promise<IncomingMessage> {
    const deadline = Date.now() + request.patienceMs;
    let readsLeft = request.method === 'GET' || request.method === 'HEAD' ? 1 : 0;
    for (;;) {
      const progress = { connected: false };
      try {
        return await this.#attempt(request, progress);
      } catch (error) {
        if (error instanceof OriginError) throw error;
        const again = !progress.connected || readsLeft-- > 0;
        if (!again || request.signal?.aborted || Date.now() + RETRY_MS > deadline) {
          const what = progress.connected
            ? 'the connection to the origin broke'
            : 'the origin is away';
          throw new OriginError(502, what, { cause: error });
        }
      }
      await delay(RETRY_MS);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #attempt(request: OriginRequest, progress: Progress): Promise<IncomingMessage> {
    const { method, path, headers, body, signal } = request;
    const uploading = body && !Buffer.isBuffer(body) ? body : undefined;
    if (this.#underWay >= MAX_REQUESTS || (uploading && this.#uploads >= MAX_UPLOADS)) {
      throw new OriginError(503, 'too many requests wait for the origin');
    }
    return new Promise((resolve, reject) => {
      const options = { ...this.#address, agent: this.#agent, method, path, headers, signal };
      const outgoing = http.request(options);
      this.#underWay++;
      if (uploading) this.#uploads++;
      outgoing.on('close', () => {
        this.#underWay--;
        if (uploading) this.#uploads--;
      });
      outgoing.setTimeout(this.#timeouts.readTimeoutMs, () =>
        outgoing.destroy(new OriginError(504, 'the origin did not answer in time')),
      );
      outgoing.on('response', resolve);
      outgoing.on('error', (error) => {
        // The origin may end an upload early and still have answered: then this changes nothing.
        uploading?.unpipe(outgoing);
        reject(error);
      });
      whenConnected(outgoing, this.#timeouts.connectTimeoutMs, () => {
        progress.connected = true;
        // Not before: what is lost with a connection that never was could not be sent again.
        if (uploading) upload(uploading, outgoing);
        else outgoing.end(body);
      });
    });
  }
}

function whenConnected(outgoing: http.ClientRequest, timeoutMs: number, then: () => void): void {
  outgoing.on('socket', (socket) => {
    if (!socket.connecting) return then();
    const tooLong = setTimeout(() => socket.destroy(new Error('connect timed out')), timeoutMs);
    socket.once('connect', then);
    socket.once('close', () => clearTimeout(tooLong));
    socket.once('connect', () => clearTimeout(tooLong));
  });
}

/**
 * Sends a body on. An origin that refuses a large one by its head alone closes the connection, and
 * that would break under what we still write before we have read why: so it gets a moment to.
 */
function upload(body: IncomingMessage, outgoing: http.ClientRequest): void {
  if (Number(body.headers['content-length'] ?? Infinity) < LARGE_BODY_BYTES) {
    body.pipe(outgoing);
    return;
  }
  outgoing.flushHeaders();
  let sending = false;
  const start = setTimeout(() => {
    sending = true;
    body.pipe(outgoing);
  }, EARLY_REFUSAL_MS);
  outgoing.once('close', () => clearTimeout(start));
  outgoing.once('response', (incoming) => {
    if (sending) return;
    clearTimeout(start);
    // The connection is in the middle of a request that will never be whole.
    incoming.once('end', () => outgoing.destroy());
  });
}
