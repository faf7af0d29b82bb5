import { randomUUID } from 'node:crypto';
import * as http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { answerClientError } from '../../platform/client-error.ts';
import { LIVE_PATH, READY_PATH } from '../../platform/system.ts';
import { createCache } from './cache.ts';
import type { Cache, Entry } from './cache.ts';
import type { Behaviour, Distribution, PolicyHeader } from './distribution.ts';
import { Fetcher } from './fetcher.ts';
import type { Target } from './fetcher.ts';
import { originHeaders, viewerHeaders } from './headers.ts';
import { answerApi, API_PREFIX } from './invalidation.ts';
import { Origin, OriginError } from './origin.ts';
import { answerProblem } from './problem.ts';
import type { ProblemStatus } from './problem.ts';
import { hasBody, isSmall, readWhole, watchBody } from './viewer-body.ts';
import { filterQuery } from './viewer-request.ts';
import type { Outcome, Rewritten } from './viewer-request.ts';

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;
/** An origin that died is back within a second; viewers may wait for that, not for longer. */
const PATIENCE_MS = 2_000;
const KEEP_ALIVE_MS = 65_000;
/** What viewers get. An upload may take as long as it takes, if only it comes (`watchBody`). */
const VIEWER_TIMEOUTS: ViewerTimeouts = { headMs: 10_000, bodyMs: 15_000, idleMs: 75_000 };
/** While draining: time for kept-alive connections to hear `Connection: close`, then to finish. */
const DRAIN_MS = 500;
const CLOSE_TIMEOUT_MS = 5_000;

export type ViewerTimeouts = {
  /** From the connection, or the first byte of one more request, to the end of its head. */
  headMs: number;
  /** Silence within a body. */
  bodyMs: number;
  /** Nothing in either direction: longer than any origin may think, and than a heartbeat. */
  idleMs: number;
};

export type EdgeOptions = {
  distribution: Distribution;
  /** The address of each origin by its id. */
  origins: Record<string, string>;
  distributionId: string;
  /** The AWS key id of whoever may invalidate. */
  purgeKeyId: string;
  /** Under which address people know us. */
  publicUrl: string;
  cacheBytes?: number;
  viewerTimeouts?: ViewerTimeouts;
  /** Hears of every request that got no answer from an origin. */
  onFailure?: (error: unknown, request: IncomingMessage) => void;
};

/**
 * A shared HTTP cache that behaves as CloudFront does with the same distribution: what one machine
 * has in place of CloudFront. Its own addresses are those of its health,
 * and CloudFront's API.
 */
export class Edge {
  readonly server: http.Server;
  readonly #options: EdgeOptions;
  readonly #publicUrl: URL;
  readonly #origins: Map<string, Origin>;
  readonly #cache: Cache;
  readonly #fetcher: Fetcher;
  readonly #timeouts: ViewerTimeouts;
  /** Answers that are being passed through, with what they are. */
  readonly #streams = new Map<ServerResponse, string | undefined>();
  readonly #requestIdPrefix = randomUUID();
  #requestCount = 0;
  #draining = false;

  constructor(options: EdgeOptions) {
    const { distribution, origins, cacheBytes = DEFAULT_CACHE_BYTES } = options;
    this.#options = options;
    this.#publicUrl = new URL(options.publicUrl);
    this.#origins = new Map(
      distribution.origins.map((each) => [each.id, new Origin(origins[each.id]!, each)]),
    );
    this.#cache = createCache(cacheBytes);
    this.#fetcher = new Fetcher(this.#cache, distribution.tagHeader);
    this.#timeouts = options.viewerTimeouts ?? VIEWER_TIMEOUTS;
    const { headMs, idleMs } = this.#timeouts;
    this.server = http.createServer(
      {
        requestTimeout: 0,
        headersTimeout: headMs,
        connectionsCheckingInterval: headMs / 10,
        keepAliveTimeout: KEEP_ALIVE_MS,
      },
      (request, response) => this.#onRequest(request, response),
    );
    this.server.timeout = idleMs;
    const { responseHeaders } = this.#behaviourOf('/');
    this.server.on('clientError', (error, socket) =>
      answerClientError(error, socket, responseHeaders),
    );
  }

  /** Lets what is under way finish, within a bounded time, and closes. */
  async close(): Promise<void> {
    this.#draining = true;
    for (const [response, type] of this.#streams) {
      // They would never end by themselves; whoever listens comes back to the next edge.
      if (type?.startsWith('text/event-stream')) response.end();
    }
    await delay(DRAIN_MS);
    const closed = new Promise((done) => this.server.close(done));
    const enough = setTimeout(() => this.server.closeAllConnections(), CLOSE_TIMEOUT_MS);
    await closed;
    clearTimeout(enough);
    for (const origin of this.#origins.values()) origin.close();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (this.#draining) response.setHeader('Connection', 'close');
    const late = hasBody(request) ? watchBody(request, this.#timeouts.bodyMs) : undefined;
    late?.addEventListener('abort', () => this.#giveUp(request, response));
    try {
      const pending = this.#answer(request, response, request.url!, late);
      pending?.catch((error: unknown) => this.#fail(request, response, error));
    } catch (error) {
      this.#fail(request, response, error);
    }
  }

  /** Answers a hit at once; what takes longer is a promise. */
  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    url: string,
    late: AbortSignal | undefined,
  ): Promise<void> | undefined {
    const { distributionId, purgeKeyId } = this.#options;
    if (url === LIVE_PATH || url === READY_PATH) {
      this.#setPolicy(response, url);
      response.writeHead(200, { 'Cache-Control': 'no-store' }).end('{"ok":true}');
      return undefined;
    }
    if (url.startsWith(API_PREFIX)) {
      this.#setPolicy(response, url);
      const invalidate = (items: string[]) => this.#fetcher.invalidate(items);
      return answerApi(request, response, { distributionId, purgeKeyId, invalidate });
    }
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const query = mark < 0 ? '' : url.slice(mark + 1);
    const behaviour = this.#behaviourOf(path);
    const { method } = request;
    if (!behaviour.methods.has(method!)) {
      this.#refuse(request, response, 405, { Allow: [...behaviour.methods].join(', ') });
      return undefined;
    }
    if (!behaviour.viewerRequest) {
      return this.#goOn(request, response, behaviour, { path, query }, late);
    }
    const requestId = this.#nextRequestId();
    const outcome = behaviour.viewerRequest({ request, requestId, path, query });
    if (!('then' in outcome)) return this.#goOn(request, response, behaviour, outcome, late);
    return outcome.then((later) => this.#goOn(request, response, behaviour, later, late));
  }

  #goOn(
    request: IncomingMessage,
    response: ServerResponse,
    behaviour: Behaviour,
    outcome: Outcome,
    late: AbortSignal | undefined,
  ): Promise<void> | undefined {
    if ('status' in outcome) {
      // Nobody wants what it brought.
      request.resume();
      const head = viewerHeaders(outcome.headers, behaviour.responseHeaders);
      response.writeHead(outcome.status, head).end(outcome.body);
      return undefined;
    }
    const { path, query } = outcome;
    const { method } = request;
    if (!behaviour.cached || (method !== 'GET' && method !== 'HEAD')) {
      return this.#pass(request, response, behaviour, addressOf(path, query), late);
    }
    return this.#answerShared(request, response, targetOf(request, behaviour, outcome));
  }

  #answerShared(
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
  ): Promise<void> | undefined {
    const entry = this.#cache.get(target.key);
    const nowMs = Date.now();
    if (!entry || nowMs >= entry.freshness.whileRevalidateUntilMs) {
      return this.#miss(request, response, target, entry);
    }
    if (nowMs >= entry.freshness.freshUntilMs) {
      this.#fetcher.refresh(target, (extra) => this.#ask(request, target, 0, extra), entry);
    }
    return entry.answer.serve(request, response, 'Hit', ageS(entry, nowMs));
  }

  /** Gives what the origin answers, or what was kept where the origin has no answer. */
  async #miss(
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
    stale: Entry | undefined,
  ): Promise<void> {
    const usable = stale && Date.now() < stale.freshness.ifErrorUntilMs ? stale : undefined;
    const giveStale = async (entry: Entry) =>
      entry.answer.serve(request, response, 'Error', ageS(entry, Date.now()));
    const ask = (extra: Record<string, string>) =>
      this.#ask(request, target, usable ? 0 : PATIENCE_MS, extra);
    let fetched;
    try {
      fetched = await this.#fetcher.fetch(target, ask, stale);
    } catch (error) {
      if (usable) return giveStale(usable);
      throw error;
    }
    if (!fetched) return this.#pass(request, response, target.behaviour, target.url);
    if (fetched.kind === 'whole') {
      const how = fetched.refreshed ? 'RefreshHit' : 'Miss';
      return fetched.entry.answer.serve(request, response, how);
    }
    if (usable && fetched.incoming.statusCode! >= 500) {
      fetched.incoming.destroy();
      return giveStale(usable);
    }
    const { incoming, begun } = fetched;
    const { responseHeaders } = target.behaviour;
    return this.#stream(incoming, response, responseHeaders, begun, request.method === 'HEAD');
  }

  /** Asks the origin for what may be shared: nothing of this viewer but what is in the key. */
  #ask(
    request: IncomingMessage,
    { behaviour, url }: Target,
    patienceMs: number,
    extra: Record<string, string>,
  ): Promise<IncomingMessage> {
    const headers = { ...this.#originHeaders(request, behaviour), ...extra };
    return this.#originOf(behaviour).send({ method: 'GET', path: url, headers, patienceMs });
  }

  /**
   * Passes a request and its answer through, both as they come, and keeps nothing. A command waits
   * here until it is whole: silent ones must not use up what an origin takes at the same time.
   */
  async #pass(
    request: IncomingMessage,
    response: ServerResponse,
    behaviour: Behaviour,
    url: string,
    late?: AbortSignal,
  ): Promise<void> {
    const viewer = new AbortController();
    response.on('close', () => {
      if (!response.writableFinished) viewer.abort();
    });
    const isWhole = late && isSmall(request);
    const body = isWhole ? await readWhole(request, late) : late && request;
    const incoming = await this.#originOf(behaviour).send({
      method: request.method!,
      path: url,
      headers: this.#originHeaders(request, behaviour),
      body,
      patienceMs: PATIENCE_MS,
      signal: late ? AbortSignal.any([viewer.signal, late]) : viewer.signal,
    });
    await this.#stream(incoming, response, behaviour.responseHeaders);
  }

  async #stream(
    incoming: IncomingMessage,
    response: ServerResponse,
    policy: readonly PolicyHeader[],
    begun: Buffer[] = [],
    headOnly = false,
  ): Promise<void> {
    const head = viewerHeaders(incoming.rawHeaders, policy);
    response.writeHead(incoming.statusCode!, head.concat('X-Cache', 'Miss from cloudfront'));
    if (headOnly) {
      incoming.destroy();
      response.end();
      return;
    }
    // Of server-sent events the first may be long in coming: the viewer is to know that it is in.
    if (incoming.headers['content-length'] === undefined) response.flushHeaders();
    for (const chunk of begun) response.write(chunk);
    this.#streams.set(response, incoming.headers['content-type']);
    try {
      await pipeline(incoming, response);
    } finally {
      this.#streams.delete(response);
    }
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    // What is left of an upload is read and dropped, or its sender would not look at the answer.
    request.resume();
    if (response.destroyed || response.writableEnded) return;
    this.#options.onFailure?.(error, request);
    if (response.headersSent) return void response.destroy();
    const status = error instanceof OriginError ? error.status : 502;
    this.#refuse(request, response, status, { 'Retry-After': '1' });
  }

  /** Ends a request whose body does not come. */
  #giveUp(request: IncomingMessage, response: ServerResponse): void {
    if (response.headersSent) return void request.destroy();
    this.#refuse(request, response, 408, { Connection: 'close' });
  }

  #refuse(
    request: IncomingMessage,
    response: ServerResponse,
    status: ProblemStatus,
    headers: http.OutgoingHttpHeaders,
  ): void {
    this.#setPolicy(response, request.url!);
    answerProblem(request, response, status, headers);
  }

  /** For an answer of the edge's own, which says instead of it what it has to say itself. */
  #setPolicy(response: ServerResponse, url: string): void {
    const { responseHeaders } = this.#behaviourOf(url.split('?', 1)[0]!);
    for (const { name, value } of responseHeaders) response.setHeader(name, value);
  }

  #behaviourOf(path: string): Behaviour {
    return this.#options.distribution.behaviours.find(({ matches }) => matches(path))!;
  }

  #originOf({ originId }: Behaviour): Origin {
    return this.#origins.get(originId)!;
  }

  #originHeaders(request: IncomingMessage, behaviour: Behaviour): http.OutgoingHttpHeaders {
    return originHeaders(request, behaviour, this.#publicUrl, this.#nextRequestId());
  }

  #nextRequestId(): string {
    return `${this.#requestIdPrefix}-${(++this.#requestCount).toString(36)}`;
  }
}

const addressOf = (path: string, query: string): string =>
  query === '' ? path : `${path}?${query}`;

function targetOf(
  request: IncomingMessage,
  behaviour: Behaviour,
  { path, query }: Rewritten,
): Target {
  const { key } = behaviour;
  const url = addressOf(path, filterQuery(query, key.queries));
  let id = url;
  // A line end cannot be in a path, and a header cannot be in two lines.
  for (const name of key.headers) id += `\n${String(request.headers[name] ?? '')}`;
  return { key: id, url, behaviour };
}

const ageS = ({ bornMs }: Entry, nowMs: number): number =>
  Math.max(0, Math.floor((nowMs - bornMs) / 1000));
