import * as assert from 'uvu/assert';
import { evolve, type Decider, type Message } from '../engine/decider.ts';
import { Rejected, type RejectionCode } from '../domain/rejection.ts';

/** Given past events, when a command comes, then these events or this rejection. */
export function given<State, C extends Message, E extends Message>(
  decider: Decider<State, C, E>,
  ...past: E[]
) {
  const fold = (events: E[]) =>
    events.reduce((state, event) => evolve(decider, state, event), decider.initial);
  const decide = (command: C): E[] =>
    decider.decide[command.type as C['type']](fold(past), command.data);
  return {
    when: (command: C) => ({
      gives: (...expected: E[]) => assert.equal(decide(command), expected),
      rejected: (code: RejectionCode) =>
        assert.throws(
          () => decide(command),
          (error: unknown) => error instanceof Rejected && error.code === code,
        ),
    }),
    decide,
    state: fold(past),
  };
}
