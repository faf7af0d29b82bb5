import { Refusal, type Decider, type Message } from '../decider.ts';
import { View, type Outcome, type Process, type Step } from '../process.ts';
import type { CommandContext, Handler } from '../commands/handle.ts';

/** Far more than any process needs: one that asks for more asks for ever. */
const MAX_ROUNDS = 100;

type AnyDecider = Decider<unknown, Message, Message>;

/** What steps are taken with. */
export type StepServices = {
  handler: Handler;
  now: () => Date;
  /** The context of a step's command: of each one anew. */
  contextOf: () => CommandContext;
  /** Resolves to what is answered outside. Throws a `Refusal` where that is no. */
  ask: (request: Message) => Promise<unknown>;
};

/** What is known in the end. `position` is that of the last event that was seen. */
export type Taken = {
  view: View;
  position: bigint;
  /** In how many milliseconds there may be more to do; undefined where nothing is waited for. */
  againMs?: number;
};

/**
 * Takes the steps that a process asks for, those of one answer side by side, and asks again with
 * what became of them, until there are none or it wants to wait. A refusal is an outcome like any
 * other; anything else that is thrown ends it, once no step of the same answer is under way, and
 * whoever called takes it up again: the streams know what was done.
 */
export async function takeSteps(
  process: Process,
  services: StepServices,
  begun: View = new View(),
): Promise<Taken> {
  let view = begun;
  let position = 0n;

  async function resultOf(step: Step): Promise<unknown> {
    switch (step.does) {
      case 'look':
        return services.handler.load(step.decider as AnyDecider, step.id, { fresh: true });
      case 'ask':
        return services.ask(step.request);
      case 'wait':
        return undefined;
      case 'take': {
        // A step is made by its decider's own type of command: the compiler saw them together.
        const decider = step.decider as AnyDecider;
        const context = services.contextOf();
        const outcome = await services.handler.handle(decider, step.id, step.command, context);
        if (outcome.position > position) position = outcome.position;
        return outcome.state;
      }
    }
  }

  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const steps = process(view, services.now().getTime());
    const waiting = steps.find((step) => step.does === 'wait');
    if (waiting) return { view, position, againMs: waiting.ms };
    if (steps.length === 0) return { view, position };
    const outcomes = await Promise.allSettled(steps.map((step) => outcomeOf(resultOf(step))));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected') throw outcome.reason;
      view = view.after(steps[index]!, outcome.value);
    }
  }
  throw new Error(`a process asks for more after ${MAX_ROUNDS} rounds of steps`);
}

async function outcomeOf(result: Promise<unknown>): Promise<Outcome<unknown>> {
  try {
    return { result: await result };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { refusal: error };
  }
}
