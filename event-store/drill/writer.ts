/**
 * Appends as clients do, in a process of its own, and says on stdout what was acknowledged: the
 * drill, which starts and kills the event store, holds that record. URL, the number of streams and,
 * if not as fast as it goes, the appends per second as arguments. On SIGTERM it ends after the
 * appends that it began.
 *
 * A stream's events are appended one after the other, each repeated under its id until there is an
 * answer. Even streams say which revision they expect, odd ones expect any.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ANY, EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import type { JSONEventType } from '@eventstore/db-client';
import type { Line } from './record.ts';

/** An append that has no answer by then is repeated. */
const ANSWER_WITHIN_MS = 2_000;
const RETRY_AFTER_MS = 25;
const WRONG_VERSION = 'wrong-expected-version';
const PADDING = 'x'.repeat(200);

const [url = '', streams = '16', perSecond = ''] = process.argv.slice(2);
const client = EventStoreDBClient.connectionString(url);
const run = randomUUID();
const everyMs = perSecond === '' ? 0 : (1000 * Number(streams)) / Number(perSecond);
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());

const now = (): number => performance.timeOrigin + performance.now();
const say = (line: Line): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

type Written = JSONEventType<'Written', { n: number; padding: string }>;

/** The revision that the append was acknowledged at, or why it was not. */
async function appendOnce(
  stream: string,
  n: number,
  event: ReturnType<typeof jsonEvent<Written>>,
  expectsAny: boolean,
): Promise<number | string> {
  const expectedRevision = expectsAny ? ANY : n === 0 ? NO_STREAM : BigInt(n - 1);
  const appended = client.appendToStream(stream, event, { expectedRevision }).then(
    ({ nextExpectedRevision }) => Number(nextExpectedRevision),
    (error: Error & { type?: string }) =>
      error.type === WRONG_VERSION ? WRONG_VERSION : error.message,
  );
  const timer = new AbortController();
  const late = delay(ANSWER_WITHIN_MS, 'no answer', { signal: timer.signal }).catch(() => '');
  const outcome = await Promise.race([appended, late]);
  timer.abort();
  return outcome;
}

async function writeStream(index: number): Promise<void> {
  const stream = `drill-${run}.${index}`;
  let dueMs = now() + (everyMs * index) / Number(streams);
  for (let n = 0; !stopping.signal.aborted; n += 1) {
    const event = jsonEvent<Written>({ type: 'Written', data: { n, padding: PADDING } });
    for (;;) {
      const outcome = await appendOnce(stream, n, event, index % 2 === 1);
      if (outcome === n) break;
      say({ stream, n, id: event.id, refused: String(outcome), atMs: now() });
      // Nothing but a lost event or a doubled one leads to another revision.
      if (typeof outcome === 'number' || outcome === WRONG_VERSION) return;
      await delay(RETRY_AFTER_MS);
    }
    say({ stream, n, id: event.id, atMs: now() });
    dueMs += everyMs;
    if (everyMs > 0) await delay(Math.max(dueMs - now(), 0));
  }
}

await Promise.all(Array.from({ length: Number(streams) }, (_, index) => writeStream(index)));
// `dispose` waits for a server that may be gone.
process.exit(0);
