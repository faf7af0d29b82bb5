import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import swagger from '@fastify/swagger';
import fastify, {
  LogController,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { answerClientError } from './client-error.ts';
import { readyInTime, type Readiness } from './health.ts';
import type { Logger } from './log.ts';
import { hookRoute, whoOf, type Who } from './route.ts';
import { problem as problemSchema } from './schema.ts';
import { LIVE_PATH, READY_PATH } from './system.ts';
import { inNfc, isStorable } from './text.ts';

const BODY_LIMIT_BYTES = 64 * 1024;
/** A price list comes over a village's connection: that takes minutes. */
const REQUEST_TIMEOUT_MS = 10 * 60_000;
const KEEP_ALIVE_MS = 5_000;
/** A listing's id: a shop's, a dot, and an SKU of 64 characters that may take three bytes each. */
const MAX_PARAMETER_LENGTH = 256;
/** While draining: long enough for every keep-alive connection to hear `Connection: close`. */
const DRAIN_MS = 1_000;
const CLOSE_TIMEOUT_MS = 10_000;

export const PROBLEM_TYPE = 'application/problem+json';
export const POSITION_HEADER = 'doorstep-position';

/**
 * An error answer (RFC 9457): a stable `code` for programs, a `detail` that says what to do, and
 * whatever members of its own the `code` brings along.
 */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Record<string, string>;
  readonly facts: Readonly<Record<string, unknown>>;
  constructor(
    status: number,
    code: string,
    detail: string,
    { headers = {}, facts = {} }: Partial<Pick<Problem, 'headers' | 'facts'>> = {},
  ) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.headers = headers;
    this.facts = facts;
  }
}

/** "Not now": refused before anything was done, or with an outcome that a repeat will tell. */
export const unavailable = (code: string, detail: string): Problem =>
  new Problem(503, code, detail, { headers: { 'retry-after': '1' } });

/** Whoever asks brings nothing that shows who they are, or what shows somebody else. */
export const unauthorized = (code: string, detail: string): Problem =>
  new Problem(401, code, detail, { headers: { 'www-authenticate': 'Bearer' } });

/**
 * A path with an encoded letter, digit, `-`, `.`, `_` or `~` is the same as the one without (RFC 3986,
 * 6.2.2.2), and neither caches nor limits are to take it for another.
 */
const NEEDLESSLY_ENCODED = /^[^?]*%(?:2[DE]|3\d|4[1-9A-F]|5[\dAF]|6[1-9A-F]|7[\dAE])/i;
const notNormal = (): Problem =>
  new Problem(
    400,
    'MALFORMED_URL',
    'The path encodes what it need not: write letters, digits, - . _ and ~ as they are.',
  );

const FASTIFY_CODES: Record<string, string> = {
  FST_ERR_VALIDATION: 'INVALID_REQUEST',
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'INVALID_JSON',
  FST_ERR_CTP_INVALID_JSON_BODY: 'INVALID_JSON',
};

/** What the caller may know about an error that no room foresaw. */
function generalProblem(error: FastifyError): Problem {
  const status = error.statusCode ?? 500;
  if (status >= 500) return new Problem(500, 'INTERNAL', 'Something went wrong here: try again.');
  const code = FASTIFY_CODES[error.code] ?? (status === 413 ? 'BODY_TOO_LARGE' : 'INVALID_REQUEST');
  return new Problem(status, code, error.message);
}

export type AppOptions = {
  log: Logger;
  title: string;
  /** Where the routes live, e.g. `/api/read`; the OpenAPI document is at `openapi.json` below. */
  prefix: string;
  /**
   * Turns an error of the room's own into its answer, in the language that is asked for; undefined
   * for one it does not know.
   */
  problemOf?: (error: unknown, acceptLanguage: string | undefined) => Problem | undefined;
  /** Whether the room can serve. */
  ready: Readiness;
  /** Who may read the OpenAPI document. */
  whoReadsDocument: Who;
  routes: (app: FastifyInstance) => void;
};

/** The edge answers for itself at these addresses: here it is for who watches over the process. */
const whoeverReachesThePort: Who = { name: 'whoever reaches the port', identify: () => undefined };

/**
 * An HTTP API with the house rules: strict schemas, problem+json, OpenAPI, /livez and /readyz. Throws for a
 * route that does not say who may call it.
 */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestIdHeader: 'x-request-id',
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
    clientErrorHandler: answerClientError,
    // What is asked for before any route is found; as every other refusal.
    frameworkErrors: (error, _request, reply) => {
      const isMalformed = error.code === 'FST_ERR_BAD_URL';
      const message = 'The address is malformed: percent-encode it, as UTF-8.';
      const problem = isMalformed
        ? new Problem(400, 'MALFORMED_URL', message)
        : generalProblem(error);
      void sendProblem(reply, problem);
    },
    // A wrong type or an unknown field is refused, never guessed at.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: false } },
  }) as unknown as FastifyInstance;
  acceptJson(app);
  answerProblems(app, options);
  app.addHook('onRequest', async (request) => {
    if (NEEDLESSLY_ENCODED.test(request.url)) throw notNormal();
    if (!isStorable(request.params) || !isStorable(request.query)) throw notText();
    // Names in the path are ids, which are taken as they were given out.
    request.query = inNfc(request.query);
  });
  // A body that is refused by its head is still on its way: closing now would lose the answer.
  app.addHook('onSend', async (_request, reply) => {
    if (reply.statusCode === 413) reply.removeHeader('connection');
  });
  app.addHook('onRoute', (route) => {
    if (!whoOf(route)) throw new Error(`${String(route.method)} ${route.url}: who may call it?`);
    const response = {
      ...(route.schema?.response as object),
      '4xx': problemSchema,
      '5xx': problemSchema,
    };
    route.schema = { ...route.schema, response };
  });
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: options.title, version: '1' } },
  });
  hookRoute(app, {
    path: `GET ${LIVE_PATH}`,
    who: whoeverReachesThePort,
    schema: { hide: true },
    run: async () => ({ ok: true }),
  });
  hookRoute(app, {
    path: `GET ${READY_PATH}`,
    who: whoeverReachesThePort,
    schema: { hide: true },
    run: async () => {
      await readyInTime(options.ready).catch((error: unknown) => {
        options.log.warn({ err: error }, 'not ready');
        throw unavailable('NOT_READY', 'It waits for what it needs: ask again in a moment.');
      });
      return { ok: true };
    },
  });
  await app.register(
    async (scope) => {
      options.routes(scope);
      hookRoute(scope, {
        path: 'GET /openapi.json',
        who: options.whoReadsDocument,
        schema: { hide: true },
        run: () => app.swagger(),
      });
    },
    { prefix: options.prefix },
  );
  return app;
}

/**
 * JSON in UTF-8 (RFC 8259, 8.1): broken bytes are refused instead of read as U+FFFD. Text comes in
 * in one form of Unicode (NFC), however a keyboard or a file system spells it.
 */
function acceptJson(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (request: FastifyRequest, body: Buffer, done) => {
      if (body.length === 0) return done(null, undefined);
      if (!isUtf8(body)) {
        return done(new Problem(400, 'INVALID_UTF8', 'The body is not UTF-8: encode it as such.'));
      }
      const text = body.toString();
      const isEscaped = text.includes('\\u');
      const isNfc = text === text.normalize('NFC');
      // Only what is escaped can be in UTF-8 and not be text. It calls back by itself, with the value
      // or with an error of Fastify's.
      void parseJson(request, text, (error, value) => {
        const refused = error ?? (isEscaped && !isStorable(value) ? notText() : null);
        done(refused, refused || (isNfc && !isEscaped) ? value : inNfc(value));
      });
      return undefined;
    },
  );
}

const notText = (): Problem =>
  new Problem(
    400,
    'INVALID_TEXT',
    'It holds U+0000 or half of a surrogate pair, which is no text: leave that out.',
  );

function answerProblems(app: FastifyInstance, { problemOf, log }: AppOptions): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem =
      error instanceof Problem
        ? error
        : (problemOf?.(error, request.headers['accept-language']) ?? generalProblem(error));
    if (problem.status >= 500) {
      log.error({ err: error, requestId: request.id, url: request.routeOptions.url }, 'failed');
    }
    return sendProblem(reply.headers(problem.headers), problem);
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      new Problem(404, 'NOT_FOUND', `Nothing is at ${request.method} ${request.url}.`),
    ),
  );
}

function sendProblem(reply: FastifyReply, { status, code, message, facts }: Problem) {
  return reply
    .code(status)
    .header('cache-control', 'no-store')
    .type(PROBLEM_TYPE)
    .send({ ...facts, type: 'about:blank', title: code, status, code, detail: message });
}

/** Listens until the process is asked to end (SIGTERM, SIGINT); then drains, closes and exits. */
export async function serve(
  app: FastifyInstance,
  {
    host,
    port,
    log,
    onClose,
  }: { host: string; port: string; log: Logger; onClose: () => Promise<void> },
): Promise<void> {
  let draining = false;
  app.addHook('onSend', async (_request, reply) => {
    if (draining) reply.header('connection', 'close');
  });
  const address = await app.listen({ host, port: Number(port) });
  log.info({ address }, 'listening');
  const stop = async () => {
    if (draining) return;
    draining = true;
    setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref();
    await new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
    app.server.closeIdleConnections();
    await app.close();
    await onClose();
    process.exit(0);
  };
  const onSignal = () =>
    void stop().catch((error: unknown) => {
      log.error({ err: error }, 'could not close cleanly');
      process.exit(1);
    });
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
}
