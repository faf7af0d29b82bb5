import * as assert from 'uvu/assert';
import type { Decider, Message } from '../engine/decider.ts';
import { evolve, Refusal } from '../engine/decider.ts';
import { View, type Process, type Step } from '../engine/process.ts';
import type { RejectionCode } from '../domain/rejection.ts';
import { splitStream } from '../platform/stream-name.ts';

/**
 * What is known, by the names of steps: `order-o` of a stream that was looked at, `order-o
 * ConfirmOrder` of a command, `OpenPayment p` of a request. A `Refusal` is a refusal; anything
 * else is the state after it, or the answer. Later lines were seen later.
 */
export type Known = Record<string, unknown>;

/** Given what is known, a process asks for these steps next. */
export function given(process: Process, known: Known) {
  const view = Object.entries(known).reduce((before, [key, outcome]) => {
    const step = stepNamed(key);
    return before.after(
      step,
      outcome instanceof Refusal ? { refusal: outcome } : { result: outcome },
    );
  }, new View());
  return {
    next(nowMs = 0) {
      const steps = process(view, nowMs);
      return {
        steps,
        /** By their names, in whatever order, since they are taken side by side. */
        are: (...expected: string[]) =>
          assert.equal(steps.map(nameOf).toSorted(), expected.toSorted()),
        /** What the command or request of that name says. */
        dataOf: (key: string): unknown => dataOf(steps.find((step) => step.key === key)),
      };
    },
  };
}

function stepNamed(key: string): Step {
  const { category, id } = splitStream(key.split(' ')[0]!);
  if (id === '') return { key, does: 'ask', request: { type: category, data: {} } };
  return { key, does: 'look', decider: { category }, id };
}

function nameOf(step: Step): string {
  if (step.does === 'look') return `look at ${step.key}`;
  return step.does === 'wait' ? `wait ${step.ms}` : step.key;
}

function dataOf(step: Step | undefined): unknown {
  if (step?.does === 'take') return step.command.data;
  return step?.does === 'ask' ? step.request.data : undefined;
}

export const refused = (code: RejectionCode, facts = {}): Refusal => new Refusal(code, facts);

/** A stream's state after these events. */
export const folded = <S, C extends Message, E extends Message>(
  decider: Decider<S, C, E>,
  ...events: E[]
): S => events.reduce((state, event) => evolve(decider, state, event), decider.initial);
