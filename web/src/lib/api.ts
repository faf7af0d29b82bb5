import { backoffMs, pause } from './pause.ts';
import { askAgain, knownSession, renewIfOld } from './session.ts';
import { keep, recall } from './storage.ts';

const REQUEST_TIMEOUT_MS = 10_000;
const MAX_ATTEMPTS = 4;
const FIRST_RETRY_MS = 300;
const MAX_RETRY_MS = 4_000;
/** Too busy, or a gateway without an answer: the same request may do better in a moment. */
const PASSING_STATUSES = new Set([0, 429, 502, 503, 504]);

const POSITION_HEADER = 'doorstep-position';
const POSITION_KEY = 'doorstep.position';
/** The shop's log was moved or restored since the position was given: it means nothing there. */
export const OTHER_LOG = 'OTHER_LOG';

/**
 * A request that did not work. `message` tells a person what is wrong and what to do;
 * `code` is the API's stable code; `status` is 0 when no answer came at all.
 */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly retryAfterMs: number;
  constructor(status: number, code: string, detail: string, retryAfterMs = 0) {
    super(detail);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What of `fetch` is needed here. Kit's own has it, and so does a test's. */
export type Fetch = (path: string, init: RequestInit) => Promise<Response>;

type Options = {
  /** Kit's own fetch inside `load`; the browser's otherwise. */
  fetch?: Fetch;
  /** The shop's pass, for its staff. */
  pass?: string | null;
  signal?: AbortSignal;
  /** How often to try in all before giving up. */
  attempts?: number;
  /** What of an answer is wanted; JSON otherwise. */
  take?: (response: Response) => Promise<unknown>;
  /** How long it may take. */
  withinMs?: number;
};

/**
 * A key for one command, however often it is sent: a UUID of version 7 (RFC 9562), which says when it
 * was made, so that nobody takes a very late repeat for a new command. Works on plain http, unlike
 * randomUUID.
 */
export function newKey(nowMs = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  new DataView(bytes.buffer).setBigUint64(0, (BigInt(nowMs) << 16n) | 0x7000n | randomOf(bytes));
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The twelve random bits behind the version. */
const randomOf = (bytes: Uint8Array): bigint => BigInt(((bytes[6]! & 0x0f) << 8) | bytes[7]!);

/** Reads what everybody may see. Throws `ApiError`. */
export function read<T>(path: string, options: Options = {}): Promise<T> {
  return send<T>(path, {}, options);
}

/**
 * Reads what this person just changed: waits until the read side has seen their last command.
 * Where it does not catch up within the attempts, or cannot, an older answer is better than none.
 * Throws `ApiError`.
 */
export async function readOwn<T>(path: string, options: Options = {}): Promise<T> {
  const headers = ownHeaders(options.pass);
  try {
    return await send<T>(path, { headers }, options);
  } catch (error) {
    const isBehind =
      error instanceof ApiError && (error.status === 503 || error.code === OTHER_LOG);
    if (!isBehind || !headers.has(POSITION_HEADER)) throw error;
    keep(POSITION_KEY, null, 'session');
    return await send<T>(path, { headers: ownHeaders(options.pass) }, options);
  }
}

/** The headers of a personal read: the last own command's position and the shop's pass. */
export function ownHeaders(pass?: string | null): Headers {
  const headers = new Headers();
  const position = recall(POSITION_KEY, 'session');
  if (position) headers.set(POSITION_HEADER, position);
  if (pass) headers.set('authorization', `Bearer ${pass}`);
  return headers;
}

/**
 * Sends a command, again with the same key where no answer came: no answer means "unknown", never
 * "failed". Where this browser has no session yet, it asks for one first. Throws `ApiError`.
 */
export async function command<T>(
  method: 'POST' | 'PUT',
  path: string,
  body: unknown,
  { key, ...options }: Options & { key: string },
): Promise<T> {
  const headers = new Headers({ 'content-type': 'application/json', 'idempotency-key': key });
  if (options.pass) headers.set('authorization', `Bearer ${options.pass}`);
  const ask = (session: string) => send<void>(session, { method: 'POST' }, withoutAnswer(options));
  await renewIfOld(ask);
  const since = knownSession();
  const sendIt = () => send<T>(path, { method, headers, body: JSON.stringify(body) }, options);
  try {
    return await sendIt();
  } catch (error) {
    if (!needsSession(error)) throw error;
    await askAgain(since, ask);
  }
  try {
    return await sendIt();
  } catch (error) {
    throw needsSession(error) ? new ApiError(401, SESSION_NEEDED, NO_COOKIES) : error;
  }
}

const SESSION_NEEDED = 'SESSION_NEEDED';
const NO_COOKIES =
  'This browser keeps no cookies for the shop: allow them, and open the shop by an address that begins with https.';

const needsSession = (error: unknown): boolean =>
  error instanceof ApiError && error.code === SESSION_NEEDED;

const withoutAnswer = (options: Options): Options => ({ ...options, take: async () => undefined });

async function send<T>(path: string, init: RequestInit, options: Options): Promise<T> {
  const { signal, attempts = MAX_ATTEMPTS } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await sendOnce<T>(path, init, options);
    } catch (error) {
      const passing = error instanceof ApiError && PASSING_STATUSES.has(error.status);
      if (!passing || attempt >= attempts || signal?.aborted) throw error;
      const waitMs = backoffMs(attempt, FIRST_RETRY_MS, MAX_RETRY_MS);
      await pause(Math.min(MAX_RETRY_MS, Math.max(waitMs, error.retryAfterMs)), signal);
    }
  }
}

async function sendOnce<T>(path: string, init: RequestInit, options: Options): Promise<T> {
  const { fetch: request = fetch, signal, withinMs = REQUEST_TIMEOUT_MS } = options;
  const { take = (response: Response) => response.json() } = options;
  const timeout = AbortSignal.timeout(withinMs);
  try {
    const response = await request(path, {
      ...init,
      // The edge keeps answers, and is told when they change; a browser is not, so it has to ask.
      cache: 'no-cache',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    if (!response.ok) throw await problemOf(response);
    if (init.method !== undefined) keepPosition(response);
    return (await take(response)) as T;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(0, 'NO_ANSWER', 'No answer. Check your connection and try again.');
  }
}

/** A command without an event, such as asking for a quote, leaves the last position standing. */
export function keepPosition({ headers }: Response): void {
  const position = headers.get(POSITION_HEADER);
  if (position) keep(POSITION_KEY, position, 'session');
}

/**
 * What an error answer says (RFC 9457), or something as useful where it says nothing. The last own
 * position is forgotten where it is refused as one of another log.
 */
export async function problemOf(response: Response): Promise<ApiError> {
  const { status, headers } = response;
  const isProblem = headers.get('content-type')?.includes('problem+json');
  const problem: unknown = isProblem ? await response.json() : undefined;
  const { code, detail } = (problem ?? {}) as { code?: string; detail?: string };
  if (code === OTHER_LOG) keep(POSITION_KEY, null, 'session');
  return new ApiError(
    status,
    code ?? `HTTP_${status}`,
    detail ?? 'This is not working right now. Try again in a moment.',
    Number(headers.get('retry-after') ?? 0) * 1000 || 0,
  );
}
