import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Decider } from '../decider.ts';
import { eachRule, everyEvent, fold } from './fold.ts';
import type { Fact, Handler } from './projection.ts';
import { RowChanges, defineTable, json } from './rows.ts';

type Lamp = { on: boolean; turns: number };
type LampEvent =
  | { type: 'LampHung'; data: { room: string } }
  | { type: 'LampTurnedOn'; data: { by?: string } }
  | { type: 'LampTurnedOff'; data: { by?: string } };

const turned = ({ turns }: Lamp, on: boolean): Lamp => ({ on, turns: turns + 1 });
const lamp: Decider<Lamp, never, LampEvent> = {
  category: 'lamp',
  initial: { on: false, turns: 0 },
  decide: {},
  evolve: {
    LampHung: (state) => state,
    LampTurnedOn: (state) => turned(state, true),
    LampTurnedOff: (state) => turned(state, false),
  },
};

const lamps = defineTable(
  'lamp',
  { lamp_id: 'text', room: 'text', state: json<Lamp>(), last: 'text?' },
  ['lamp_id'],
);

const folded = fold(lamps, lamp, {
  key: 'lamp_id',
  stateOf: ({ state }) => state,
  columnsOf: (state, { data }: Fact<{ by?: string; room?: string }>, { last }) => ({
    state,
    last: data.by ?? last ?? null,
  }),
  begins: { LampHung: ({ data }) => ({ room: data.room }) },
  after: ({ id, type }, rows) => rows.changed(`${type} ${id}`),
});

/** What handlers make of events of one stream. */
function take(on: Record<string, Handler<never>>, events: LampEvent[]): RowChanges {
  const changes = new RowChanges();
  for (const [index, event] of events.entries()) {
    const at = new Date(index).toISOString();
    const position = BigInt(index);
    const fact = { id: '1', eventId: `${index}`, at, position, metadata: {}, ...event };
    on[event.type]?.(fact as unknown as Fact<never>, changes.at(fact));
  }
  return changes;
}

const test = suite('fold');

test('every event of a decider changes its row as the domain does', () => {
  assert.equal(Object.keys(folded), Object.keys(lamp.evolve));
  const changes = take(folded, [
    { type: 'LampHung', data: { room: 'hall' } },
    { type: 'LampTurnedOn', data: { by: 'Asha' } },
    { type: 'LampTurnedOff', data: {} },
  ]);
  const row = { lamp_id: '1', room: 'hall', state: { on: false, turns: 2 }, last: 'Asha' };
  assert.equal([...changes.of(lamps).values()], [{ kind: 'add', row }]);
  assert.equal([...changes.tags], ['LampHung 1', 'LampTurnedOn 1', 'LampTurnedOff 1']);
});

test('a handler for every event hears of none that is left out', () => {
  const on = everyEvent(lamp, ({ type }, rows) => rows.changed(type), ['LampHung']);
  assert.equal(Object.keys(on), ['LampTurnedOn', 'LampTurnedOff']);
});

test('each rule of a map gets a handler', () => {
  const rules = { LampTurnedOn: () => 'light', LampTurnedOff: () => 'dark' };
  const on = eachRule(
    rules,
    (rule) =>
      ({ data }, rows) =>
        rows.changed(rule(data)),
  );
  const changes = take(on, [
    { type: 'LampTurnedOn', data: {} },
    { type: 'LampHung', data: { room: 'hall' } },
    { type: 'LampTurnedOff', data: {} },
  ]);
  assert.equal([...changes.tags], ['light', 'dark']);
});

test.run();
