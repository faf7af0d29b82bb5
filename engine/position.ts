import type { EventStore } from '../platform/event-store.ts';
import { identityOf } from '../platform/log-identity.ts';
import type { Logger } from '../platform/log.ts';

/**
 * A place in a log, as a client gets it for what it did and sends it back to see that: `7f3a90bc.42`
 * is position 42 of the log whose id begins so. `log` is undefined in those of earlier releases,
 * which are a bare number.
 */
export type Position = { log: string | undefined; position: bigint };

/** Of a log's id: enough to tell apart the few logs that a client may meet. */
const LOG_DIGITS = 8;
const TOKEN = /^(?:([0-9a-f]{8})\.)?(\d{1,19})$/;
/** Until an event store is asked again which log it holds: another may have taken its place. */
const KNOWN_FOR_MS = 1_000;

export const positionToken = (log: string, position: bigint): string =>
  `${log.slice(0, LOG_DIGITS)}.${position}`;

/** Undefined for what is none. */
export function parsePosition(token: string): Position | undefined {
  const [, log, digits] = TOKEN.exec(token) ?? [];
  return digits === undefined ? undefined : { log, position: BigInt(digits) };
}

/** Whether a position is one of the log with this id; one that does not say of which may be. */
export const isOfLog = ({ log }: Position, identity: string | undefined): boolean =>
  log === undefined || identity === undefined || identity.startsWith(log);

/** Makes tokens of positions in the log that an event store holds. */
export function positionTokens(client: EventStore, log: Logger) {
  let identity: string | undefined;
  let asked: { answer: Promise<string>; untilMs: number } | undefined;
  return async (position: bigint): Promise<string> => {
    const nowMs = performance.now();
    if (!asked || nowMs >= asked.untilMs) {
      asked = { answer: identityOf(client), untilMs: nowMs + KNOWN_FOR_MS };
    }
    try {
      identity = await asked.answer;
    } catch (error) {
      // What was done is done, and is answered.
      log.warn({ err: error }, 'the event store does not say which log it holds');
      asked = undefined;
    }
    return identity === undefined ? position.toString() : positionToken(identity, position);
  };
}
