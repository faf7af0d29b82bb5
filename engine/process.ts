import type { Decider, Message, Refusal } from './decider.ts';

/**
 * The rules of what spans several streams: what is known in, steps out. Pure, as a decider is: the
 * runner (`engine/processes/steps.ts`) takes the steps, and asks again with what became of them,
 * until there are none. The steps of one answer do not depend on each other and are taken side by
 * side; what depends on an outcome is asked for once it is known.
 *
 *     nothing known                   →  look at the order
 *     it is placed                    →  reserve at `near`, reserve at `far`
 *     `near` did, `far` has too few   →  reject the order
 *     it is rejected                  →  release at `near`
 *
 * Any number of servers may run the same process on the same streams, each as late as it likes: a
 * step's command does nothing where the stream's state says that it was taken, or that its time is
 * over. No process may count on a command's id being remembered.
 */
export type Process = (view: View, nowMs: number) => Step[];

declare const RESULT: unique symbol;

/**
 * What a process asks for. `key` names it within its process; what became of it is known by that.
 * `Result` is the state of the stream after it, or what was answered.
 */
export type Step<Result = unknown> = { key: string; readonly [RESULT]?: Result } & (
  | { does: 'take'; decider: { category: string }; id: string; command: Message }
  | { does: 'look'; decider: { category: string }; id: string }
  /** Of somebody outside of the log, such as a payment gateway. */
  | { does: 'ask'; request: Message }
  /** Nothing can be done before so many milliseconds have passed. */
  | { does: 'wait'; ms: number }
);

export type Outcome<Result> = { result: Result } | { refusal: Refusal };

/** @param nth tells it from other steps of the same type on the same stream */
export const take = <S, C extends Message, E extends Message>(
  decider: Decider<S, C, E>,
  id: string,
  command: C,
  nth: string | number = '',
): Step<S> => {
  const key = `${decider.category}-${id} ${command.type} ${nth}`.trim();
  return { key, does: 'take', decider, id, command };
};

/** The stream as it is now. */
export const look = <S, C extends Message, E extends Message>(
  decider: Decider<S, C, E>,
  id: string,
): Step<S> => ({ key: `${decider.category}-${id}`, does: 'look', decider, id });

/** @param about tells it from other requests of the same type */
export const ask = <Answer>(request: Message, about: string): Step<Answer> => {
  return { key: `${request.type} ${about}`, does: 'ask', request };
};

export const wait = (ms: number): Step => ({ key: 'wait', does: 'wait', ms });

/** What is known: streams as they were last seen, and what became of each step that was taken. */
export class View {
  readonly #states: ReadonlyMap<string, unknown>;
  readonly #outcomes: ReadonlyMap<string, Outcome<unknown>>;

  constructor(
    states: ReadonlyMap<string, unknown> = new Map(),
    outcomes: ReadonlyMap<string, Outcome<unknown>> = new Map(),
  ) {
    this.#states = states;
    this.#outcomes = outcomes;
  }

  /** Undefined where nobody looked. */
  stateOf<S, C extends Message, E extends Message>(
    { category }: Decider<S, C, E>,
    id: string,
  ): S | undefined {
    return this.#states.get(`${category}-${id}`) as S | undefined;
  }

  /** Undefined where it was not taken. */
  outcomeOf<Result>({ key }: Step<Result>): Outcome<Result> | undefined {
    return this.#outcomes.get(key) as Outcome<Result> | undefined;
  }

  /** Undefined where it was not taken, or refused. */
  resultOf<Result>(step: Step<Result>): Result | undefined {
    const outcome = this.outcomeOf(step);
    return outcome && 'result' in outcome ? outcome.result : undefined;
  }

  untaken(steps: Step[]): Step[] {
    return steps.filter((step) => !this.outcomeOf(step));
  }

  /** The view of who has seen a stream as well. */
  seeing<S, C extends Message, E extends Message>(
    { category }: Decider<S, C, E>,
    id: string,
    state: S,
  ): View {
    return new View(new Map(this.#states).set(`${category}-${id}`, state), this.#outcomes);
  }

  /** The view once it is known what became of a step. */
  after(step: Step, outcome: Outcome<unknown>): View {
    const outcomes = new Map(this.#outcomes).set(step.key, outcome);
    const isOfStream = step.does === 'take' || step.does === 'look';
    if (!isOfStream || !('result' in outcome)) return new View(this.#states, outcomes);
    const stream = `${step.decider.category}-${step.id}`;
    return new View(new Map(this.#states).set(stream, outcome.result), outcomes);
  }
}
