import { ApiError, OTHER_LOG, problemOf, type Fetch } from './api.ts';
import { eventStreamParser } from './event-stream.ts';
import { backoffMs, pause } from './pause.ts';

const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 15_000;
/** The server sends at least a comment every 15 s: after this long the connection is dead. */
const SILENCE_MS = 45_000;

/**
 * `live`: changes arrive as they happen. `polling`: the stream is down, but asking works, so the
 * page is a few seconds behind at most. `offline`: nothing is known since the last value.
 */
export type LiveState = 'connecting' | 'live' | 'polling' | 'offline';

export type LiveOptions<T> = {
  /** Address of the event stream. */
  path: string;
  /** Only events of this name carry a value. */
  event: string;
  headers: () => Headers;
  /** Asks once for the same value, while there is no stream. */
  read: (signal: AbortSignal) => Promise<T>;
  onValue: (value: T) => void;
  onState: (state: LiveState) => void;
  /** The server refused for good (not found, no access): the end of it. */
  onRefused: (error: ApiError) => void;
  fetch?: Fetch;
};

/**
 * Follows a value that changes on the server. While the stream is down it asks instead, ever less
 * often up to a cap, and at once when the phone is back online or the page is looked at again.
 * Returns the function that stops it.
 */
export function follow<T>(options: LiveOptions<T>): () => void {
  const stopping = new AbortController();
  void run(options, stopping.signal);
  return () => stopping.abort();
}

/** For ever, until stopped or refused: a page stays as long as somebody looks at it. */
async function run<T>(options: LiveOptions<T>, stopped: AbortSignal): Promise<void> {
  const { onState, onRefused } = options;
  onState('connecting');
  for (let failures = 1; !stopped.aborted; failures++) {
    try {
      const received = await readStream(options, stopped);
      if (received) failures = 1;
      if (stopped.aborted) return;
      options.onValue(await options.read(stopped));
      onState('polling');
    } catch (error) {
      if (stopped.aborted) return;
      if (error instanceof ApiError && isRefusal(error)) return onRefused(error);
      onState('offline');
    }
    const waitMs = backoffMs(failures, FIRST_RETRY_MS, MAX_RETRY_MS);
    console.info(`live stream lost, trying again in ${waitMs} ms`);
    await pauseUntilWoken(waitMs, stopped);
  }
}

/** A position of another log is forgotten, and goes with no request after that. */
const isRefusal = ({ status, code }: ApiError): boolean =>
  status >= 400 && status < 500 && status !== 408 && status !== 429 && code !== OTHER_LOG;

/** Reads until the connection ends, however it ends. True when at least one value came. */
async function readStream<T>(options: LiveOptions<T>, stopped: AbortSignal): Promise<boolean> {
  const connection = new AbortController();
  const signal = AbortSignal.any([stopped, connection.signal]);
  let silence = setTimeout(() => connection.abort(), SILENCE_MS);
  let received = false;
  try {
    const response = await (options.fetch ?? fetch)(options.path, {
      headers: options.headers(),
      signal,
    });
    if (!response.ok) throw await problemOf(response);
    const parse = eventStreamParser();
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const piece = await reader?.read();
      if (!piece || piece.done) break;
      clearTimeout(silence);
      silence = setTimeout(() => connection.abort(), SILENCE_MS);
      for (const { event, data } of parse(piece.value)) {
        if (event !== options.event) continue;
        options.onValue(JSON.parse(data) as T);
        options.onState('live');
        received = true;
      }
    }
  } catch (error) {
    if (error instanceof ApiError && isRefusal(error)) throw error;
    if (!stopped.aborted) console.info('live stream ended:', String(error));
  } finally {
    clearTimeout(silence);
  }
  return received;
}

/** Waits, but no longer than until the phone is online or the page is looked at again. */
async function pauseUntilWoken(durationMs: number, stopped: AbortSignal): Promise<void> {
  const woken = new AbortController();
  const wake = () => {
    if (typeof document === 'undefined' || document.visibilityState === 'visible') woken.abort();
  };
  const page = typeof window === 'undefined' ? undefined : window;
  page?.addEventListener('online', wake);
  page?.addEventListener('visibilitychange', wake);
  await pause(durationMs, AbortSignal.any([stopped, woken.signal]));
  page?.removeEventListener('online', wake);
  page?.removeEventListener('visibilitychange', wake);
}
