/**
 * Times that are promised for a machine that does nothing else. `npm test` proves behaviour, whatever
 * else the machine does, so it only prints them; `npm run drill -- times` holds them.
 */
import * as assert from 'uvu/assert';

/** Set where no other work runs beside the tests, and times are therefore held. */
export const TIMES_ARE_HELD = 'TIMES_ARE_HELD';

/** The lines that `within` prints, for whoever collects them: after the dots of tests before. */
export const PROMISED_TIME = /promised: (.+): (\d+) of (\d+) ms$/gm;

/** That `what` took no longer than was promised, where times are held. */
export function within(limitMs: number, tookMs: number, what: string): void {
  const took = `promised: ${what}: ${Math.round(tookMs)} of ${limitMs} ms`;
  console.log(took);
  if (process.env[TIMES_ARE_HELD]) assert.ok(tookMs <= limitMs, took);
}
