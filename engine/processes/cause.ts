import { randomUUID } from 'node:crypto';
import { idFrom } from '../../platform/ids.ts';
import type { CommandContext } from '../commands/handle.ts';

/** What something is done because of. */
export type Cause = { correlationId: string; causationId: string };

/**
 * The context of a command that nobody sent but the system itself, in the name of `actor`. Its id
 * holds a space, which no client's Idempotency-Key can: nobody outside can use it up.
 *
 * @param news what makes the same id again, where somebody outside may tell the same thing twice.
 *   A step of a process has none and its id is new each time: whether it was taken is said by the
 *   state, and an id that is remembered would hold it back where the state asks for it again
 */
export const systemContext = (
  actor: string,
  cause: Cause,
  ...news: (string | number)[]
): CommandContext => ({
  ...cause,
  commandId: `${actor} ${news.length > 0 ? idFrom(...news) : randomUUID()}`,
  actor,
});
