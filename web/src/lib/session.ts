import { keep, recall } from './storage.ts';

/**
 * The session by which the APIs know this browser is a cookie, which no page can read: what is kept
 * here is only when it was asked for.
 */
const SESSION_KEY = 'doorstep.session';
const SESSION_PATH = '/api/write/session';
/** It lasts for half a year from the last time that it was asked for. */
const RENEW_AFTER_MS = 30 * 24 * 60 * 60 * 1000;

/** Asks for the session; throws what says that there is none. */
type Ask = (path: string) => Promise<void>;

/** Which session this browser has: another text once it asked for another. Null before it ever did. */
export const knownSession = (): string | null => recall(SESSION_KEY);

/** Has a session that grows old last longer; the guest stays the same. */
export async function renewIfOld(ask: Ask, nowMs = Date.now()): Promise<void> {
  const since = knownSession();
  if (since !== null && nowMs - Date.parse(since) > RENEW_AFTER_MS) await askAgain(since, ask);
}

/**
 * Asks for a session, unless another tab did since it was `since`: of two guests that one browser
 * became, one would lose their cart.
 */
export const askAgain = (since: string | null, ask: Ask): Promise<void> =>
  inTurn(async () => {
    if (since !== knownSession()) return;
    await ask(SESSION_PATH);
    keep(SESSION_KEY, new Date().toISOString());
  });

/** One after the other, over all tabs; where a browser has no locks, within this one. */
let last: Promise<void> = Promise.resolve();
function inTurn(work: () => Promise<void>): Promise<void> {
  const { locks } = globalThis.navigator ?? {};
  if (locks) return locks.request(SESSION_KEY, work);
  const turn = last.then(work);
  last = turn.catch(() => undefined);
  return turn;
}
