import { setTimeout as delay } from 'node:timers/promises';

/** What is waited for by an event is taken for stuck after so long, however busy the machine is. */
export const STUCK_MS = 120_000;

const TRIES = 1_500;
const PAUSE_MS = 20;

/**
 * Asks again and again of what tells of no event when it is so. It gives up after so many answers
 * and not after a time, since a machine that is busy answers slowly.
 */
export async function untilSo(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (await isSo()) return;
    await delay(PAUSE_MS);
  }
  throw new Error(`it never was so: ${what}`);
}
