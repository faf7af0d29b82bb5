/** What a process says of itself to whoever watches over it, at `LIVE_PATH` and `READY_PATH`. */
import { createServer } from 'node:http';
import type { Logger } from './log.ts';
import { LIVE_PATH, READY_PATH } from './system.ts';

const READY_WITHIN_MS = 2_000;

/** Whether a process can do its work now: rejects with what it lacks, and never takes long. */
export type Readiness = () => Promise<void>;

/** `ready`, or a rejection when it has no answer: what is silent is not there. */
export async function readyInTime(ready: Readiness): Promise<void> {
  const { promise: silence, reject } = Promise.withResolvers<never>();
  const why = new Error(`no answer within ${READY_WITHIN_MS} ms`);
  const timer = setTimeout(() => reject(why), READY_WITHIN_MS);
  try {
    await Promise.race([ready(), silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** For a process that serves nobody else. Returns how to end it. */
export function serveHealth(
  { host, port, log }: { host: string; port: string; log: Logger },
  ready: Readiness,
): () => void {
  const server = createServer((request, response) => {
    const answer = (status: number, ok: boolean) =>
      response
        .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
        .end(JSON.stringify({ ok }));
    if (request.url === LIVE_PATH) return answer(200, true);
    if (request.url !== READY_PATH) return answer(404, false);
    return void readyInTime(ready).then(
      () => answer(200, true),
      (error: unknown) => {
        log.warn({ err: error }, 'not ready');
        answer(503, false);
      },
    );
  });
  server.listen(Number(port), host);
  return () => server.close();
}
