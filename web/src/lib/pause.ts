/** Waits, or stops waiting when the signal says so. Never rejects. */
export function pause(durationMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      resolve();
    };
    const timer = setTimeout(stop, durationMs);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop);
  });
}

/** Exponential backoff: doubles from `firstMs` with each attempt (from 1), up to `maxMs`. */
export function backoffMs(attempt: number, firstMs: number, maxMs: number): number {
  return Math.min(maxMs, firstMs * 2 ** (attempt - 1));
}
