import { evolve, eventTypes, type Decider, type Message } from '../decider.ts';
import type { DataOf, Fact, Handler, Handlers } from './projection.ts';
import type { KeyOf, Row, Table } from './rows.ts';

type Folding<State, E extends Message, T extends Table, Folded extends Partial<Row<T>>> = {
  /** The column that has the stream's name without its category. */
  key: keyof KeyOf<T> & string;
  /** The state that a row shows. */
  stateOf: (row: Row<T>) => State;
  /** The columns that follow from the state after an event; `row` is empty where it begins one. */
  columnsOf: (state: State, fact: Fact<E['data']>, row: Partial<Row<T>>) => Folded;
  /** The events that begin a row, and what it says besides. */
  begins?: {
    [Type in E['type']]?: (
      fact: Fact<DataOf<E, Type>>,
    ) => Omit<Row<T>, keyof Folded | keyof KeyOf<T>>;
  };
  /** What else an event does, once the row is changed: tags, a line of a timeline. */
  after?: Handler<E['data']>;
};

/**
 * Handlers for a table that shows a decider's own state, a row for each stream: every event of the
 * decider changes its row as the domain does, those that are yet to be thought of too.
 *
 *     on: {
 *       ...fold(carts, cart, { key: 'cart_id', stateOf, columnsOf, begins: { CartOpened } }),
 *       CartMerged(fact, rows) { … }, // what differs
 *     },
 */
export function fold<
  State,
  C extends Message,
  E extends Message,
  T extends Table,
  Folded extends Partial<Row<T>>,
>(
  table: T,
  decider: Decider<State, C, E>,
  { key, stateOf, columnsOf, begins = {}, after }: Folding<State, E, T, Folded>,
): Handlers<E> {
  const rules = decider as unknown as Decider<State, never, never>;
  const keyOf = ({ id }: Fact<unknown>) => ({ [key]: id }) as KeyOf<T>;
  const begin =
    (restOf: (fact: Fact<never>) => object): Handler<never> =>
    (fact, rows) => {
      const columns = columnsOf(evolve(rules, rules.initial, fact), fact, {});
      rows.add(table, { ...keyOf(fact), ...restOf(fact), ...columns } as unknown as Row<T>);
      after?.(fact, rows);
    };
  const change: Handler<never> = (fact, rows) => {
    rows.change(table, keyOf(fact), (row) =>
      columnsOf(evolve(rules, stateOf(row), fact), fact, row as Partial<Row<T>>),
    );
    after?.(fact, rows);
  };
  return handlersFor(eventTypes(decider), (type) => {
    const restOf = begins[type];
    return restOf ? begin(restOf) : change;
  });
}

/** A handler for every event of a decider but those that are left out, whatever comes to it. */
export const everyEvent = <
  State,
  C extends Message,
  E extends Message,
  Left extends E['type'] = never,
>(
  decider: Decider<State, C, E>,
  handler: Handler<Exclude<E, { type: Left }>['data']>,
  leftOut: readonly Left[] = [],
): Handlers<Exclude<E, { type: Left }>> => {
  const types = eventTypes(decider).filter(
    (type) => !(leftOut as readonly string[]).includes(type),
  );
  return handlersFor(types, () => handler);
};

type Rules = Record<string, (data: never) => unknown>;

/**
 * A handler for each rule of a map by event type that the domain's fold and read models share.
 *
 *     ...eachRule(itemChanges, (changesOf) => (fact, rows) => { … changesOf(fact.data) … })
 */
export const eachRule = <R extends Rules>(
  rules: R,
  handlerOf: (rule: (data: never) => ReturnType<R[keyof R]>) => Handler<never>,
): { [Type in keyof R]: Handler<Parameters<R[Type]>[0]> } =>
  handlersFor(Object.keys(rules), (type) => handlerOf(rules[type] as never)) as never;

const handlersFor = <E extends Message>(
  types: E['type'][],
  handlerOf: (type: E['type']) => Handler<never>,
): Handlers<E> =>
  Object.fromEntries(types.map((type) => [type, handlerOf(type)])) as unknown as Handlers<E>;
