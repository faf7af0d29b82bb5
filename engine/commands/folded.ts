import type { AnyDecider } from '../decider.ts';
import { NO_REVISION } from '../../platform/appends.ts';

/** The newest commands of a stream that a repeat is recognised against. */
export const MAX_REMEMBERED_COMMANDS = 1_000;

/** Commands that a stream remembers: id → fingerprint of the request, oldest first. */
export type Remembered = Map<string, string | undefined>;

/** A stream as far as it was read: what it folded to, and up to which event. */
export type Folded<State> = {
  state: State;
  revision: bigint;
  position: bigint;
  commands: Remembered;
};

/** A stream before its first event. */
export const emptyOf = <State>({ initial }: AnyDecider<State>): Folded<State> => ({
  state: initial,
  revision: NO_REVISION,
  position: 0n,
  commands: new Map(),
});

/** Adds a command, in place; the oldest is forgotten where there are too many. */
export function remember(
  commands: Remembered,
  commandId: string,
  fingerprint: string | undefined,
): void {
  commands.set(commandId, fingerprint);
  if (commands.size <= MAX_REMEMBERED_COMMANDS) return;
  const [oldest] = commands.keys();
  commands.delete(oldest!);
}
