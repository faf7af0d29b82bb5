import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evolve } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';
import {
  availableOf,
  inventory,
  itemOf,
  type Inventory,
  type InventoryCommand,
  type InventoryEvent,
  type StockLine,
} from './inventory.ts';
import { given } from '../../test/given.ts';

const rules = inventory.snapshot!;
const expiresAt = '2026-11-21T10:15:00.000Z';
const counted = (sku: string, quantity: number): InventoryEvent => ({
  type: 'StockCounted',
  data: { counts: [{ sku, quantity, was: null }], reason: 'first-count' },
});
const reserve = (storeOrderId: string, ...lines: StockLine[]) =>
  reserveIn(1, storeOrderId, ...lines);
const reserveIn = (round: number, storeOrderId: string, ...lines: StockLine[]) =>
  ({
    type: 'ReserveStock',
    data: { storeOrderId, orderId: 'o', round, lines, expiresAt },
  }) as const;
const reserved = (storeOrderId: string, ...lines: StockLine[]): InventoryEvent => ({
  type: 'StockReserved',
  data: reserve(storeOrderId, ...lines).data,
});

test('a count says only what differs from the books, and needs a reason for it', () => {
  const counts = [
    { sku: '1', quantity: 5 },
    { sku: '2', quantity: 3 },
  ];
  const books = given(inventory, counted('1', 5), counted('2', 0));
  books.when({ type: 'CountStock', data: { counts, reason: 'found' } }).gives({
    type: 'StockCounted',
    data: { counts: [{ sku: '2', quantity: 3, was: 0 }], reason: 'found' },
  });
  books.when({ type: 'CountStock', data: { counts, reason: null } }).rejected('REASON_REQUIRED');
  books.when({ type: 'CountStock', data: { counts: [counts[0]!], reason: null } }).gives();
});

test('a count of a shelf that changed meanwhile is refused, unless it agrees with the books', () => {
  const count = (expected: number | null | undefined, quantity: number): InventoryCommand => ({
    type: 'CountStock',
    data: { counts: [{ sku: '1', quantity, expected }], reason: 'miscounted' },
  });
  const sold: InventoryEvent = {
    type: 'SoldAtCounter',
    data: { lines: [{ sku: '1', quantity: 1 }] },
  };
  const books = given(inventory, counted('1', 5), sold);
  books.when(count(5, 7)).rejected('STALE_COUNT');
  books.when(count(null, 7)).rejected('STALE_COUNT');
  books.when(count(5, 4)).gives();
  books.when(count(undefined, 4)).gives();
  assert.is(books.decide(count(undefined, 7)).length, 1);
  assert.is(books.decide(count(4, 7)).length, 1);
});

test('an article is named once in what a shop says of its stock', () => {
  const lines = ['dal', 'rice', 'dal'].map((sku, index) => ({ sku, quantity: index + 1 }));
  for (const command of [
    { type: 'ReceiveStock', data: { lines } },
    { type: 'SellAtCounter', data: { lines } },
    { type: 'CountStock', data: { counts: lines, reason: 'found' } },
    { type: 'SetSafetyBuffer', data: { lines } },
  ] as const) {
    given(inventory).when(command).rejected('LINE_NAMED_TWICE');
  }
});

test('an order reserves all of its lines, or none and says which fell short', () => {
  const books = given(inventory, counted('1', 5), counted('2', 1), reserved('a', line('1', 2)));
  const command = reserve('b', line('1', 3), line('2', 2), line('untracked', 9));
  assert.throws(
    () => books.decide(command),
    (error: Rejected) =>
      assert.equal(error.facts, {
        because: 'stock',
        shortages: [{ sku: '2', wanted: 2, left: 1 }],
      }) ?? true,
  );
  books.when(reserve('b', line('1', 3))).gives(reserved('b', line('1', 3)));
  books.when(reserve('b', line('1', 4))).rejected('INSUFFICIENT_STOCK');
  books.when(reserve('a', line('1', 2))).gives();
});

test('the safety buffer is kept back from orders, not from the counter', () => {
  const buffer: InventoryEvent = { type: 'SafetyBufferSet', data: { lines: [line('1', 2)] } };
  const books = given(inventory, counted('1', 5), buffer);
  books.when(reserve('a', line('1', 4))).rejected('INSUFFICIENT_STOCK');
  assert.is(books.decide(reserve('a', line('1', 3))).length, 1);
  const sale: InventoryCommand = { type: 'SellAtCounter', data: { lines: [line('1', 9)] } };
  books.when(sale).gives({ type: 'SoldAtCounter', data: sale.data });
});

test('what was promised before it was first counted is taken into account', () => {
  const books = given(inventory, reserved('a', line('1', 3)), counted('1', 4));
  books.when(reserve('b', line('1', 2))).rejected('INSUFFICIENT_STOCK');
  assert.is(books.decide(reserve('b', line('1', 1))).length, 1);
});

test('picked short, the rest is for sale again; what came back too, once', () => {
  const picked: InventoryEvent = {
    type: 'StockPicked',
    data: { storeOrderId: 'a', lines: [line('1', 2)], reserved: [line('1', 3)] },
  };
  const before = given(inventory, counted('1', 5), reserved('a', line('1', 3)));
  before
    .when({ type: 'PickStock', data: { storeOrderId: 'a', lines: [line('1', 2), line('2', 0)] } })
    .gives(picked);
  const after = given(inventory, counted('1', 5), reserved('a', line('1', 3)), picked);
  assert.equal(itemOf(after.state, '1'), { onHand: 3, reserved: 0, safetyBuffer: 0 });
  const back = (kept: number): InventoryCommand => ({
    type: 'ReturnStock',
    data: { storeOrderId: 'a', kept: [line('1', kept)], to: 'shelf' },
  });
  after.when(back(2)).gives();
  after.when(reserve('a', line('1', 3))).gives();
  const returned = after.decide(back(1));
  assert.equal(returned[0]?.data, { storeOrderId: 'a', lines: [line('1', 1)], to: 'shelf' });
  const again = given(inventory, reserved('a', line('1', 3)), picked, ...returned);
  again.when(back(1)).gives();
});

test('each round is reserved once, ends once, and takes over what the one before reserved', () => {
  const take = (round: number, pieces = 3) => reserveIn(round, 'a', line('1', pieces));
  const taken = (round: number, pieces?: number): InventoryEvent => ({
    type: 'StockReserved',
    data: take(round, pieces).data,
  });
  const reason = 'order-rejected';
  const release = (round?: number): InventoryCommand => ({
    type: 'ReleaseReservation',
    data: { storeOrderId: 'a', reason, round },
  });
  const released: InventoryEvent = {
    type: 'ReservationReleased',
    data: { storeOrderId: 'a', orderId: 'o', lines: [line('1', 3)], reason },
  };
  const shelf = counted('1', 3);
  given(inventory, shelf, taken(1)).when(release(2)).gives();
  given(inventory, shelf, taken(1), released).when(take(1)).gives();
  given(inventory, shelf, taken(1), released).when(take(2)).gives(taken(2));
  // All that is there is its own; more is refused, and what it has stays.
  given(inventory, shelf, taken(1)).when(take(2)).gives(released, taken(2));
  given(inventory, shelf, taken(1)).when(take(2, 4)).rejected('INSUFFICIENT_STOCK');
  const late = given(inventory, shelf, taken(1), released, taken(2));
  late.when(release(1)).gives();
  late.when(take(1)).gives();
  late.when(release(2)).gives(released);
  late.when(release()).gives(released);
  const { round: _, ...before } = take(1).data;
  const [asV2] = inventory.upcast!.StockReserved!;
  assert.equal(asV2(before as never), take(1).data);
});

test('a round that is over stays over, however many end after it', () => {
  const MINUTE_MS = 60_000;
  const startMs = Date.parse(expiresAt);
  let state = advance(inventory.initial, counted('1', 9_000));
  const orderOf = (minute: number): InventoryCommand => {
    const at = new Date(startMs + minute * MINUTE_MS).toISOString();
    const { data } = reserve(`${minute}`, line('1', 1));
    return { type: 'ReserveStock', data: { ...data, expiresAt: at } };
  };
  const happen = (wanted: InventoryCommand) => {
    state = decide(state, wanted).reduce(advance, state);
  };
  for (let minute = 0; minute < 3_000; minute++) {
    const data = { storeOrderId: `${minute}`, reason: 'cancelled' as const };
    happen(orderOf(minute));
    happen({ type: 'ReleaseReservation', data });
  }
  // Who was frozen all the time asks again: it gets nothing, remembered or not.
  for (let minute = 0; minute < 3_000; minute++) {
    assert.equal(outcome(state, orderOf(minute)), []);
  }
  assert.ok([...state.ended.recent.rounds, ...state.ended.older.rounds].length < 300);
  assert.is(outcome(state, orderOf(3_000)).length, 1);
});

test('what a picker misses is off the books, once, and is not for sale again', () => {
  const missed = (...of: [string, number][]): InventoryCommand => ({
    type: 'WriteOffStock',
    data: {
      storeOrderId: 'a',
      lines: of.map(([sku, pieces]) => ({ ...line(sku, pieces), reason: 'sold-out' })),
    },
  });
  const past = [counted('1', 3), counted('2', 9), reserved('a', line('1', 3), line('2', 2))];
  const before = given(inventory, ...past);
  const first = before.decide(missed(['1', 2]));
  assert.equal(
    first.map(({ data }) => data),
    [{ storeOrderId: 'a', orderId: 'o', lines: [{ ...line('1', 2), reason: 'sold-out' }] }],
  );
  const lines = [line('1', 1), line('2', 2)];
  const change = { storeOrderId: 'a', lines, chosen: [], revision: 4 };
  const changed = given(inventory, ...past, ...first).decide({
    type: 'ChangeReservation',
    data: change,
  });
  const after = given(inventory, ...past, ...first, ...changed);
  assert.equal(itemOf(after.state, '1'), { onHand: 1, reserved: 1, safetyBuffer: 0 });
  after.when(reserve('b', line('1', 1))).rejected('INSUFFICIENT_STOCK');
  after.when(missed(['1', 2])).gives();
  assert.is(after.decide(missed(['1', 2], ['2', 1])).length, 1);
  given(inventory)
    .when(missed(['1', 2]))
    .gives();
});

test('a price list opens the books of what nobody counted or received, and of nothing else', () => {
  const open = (...of: StockLine[]): InventoryCommand => ({
    type: 'OpenStock',
    data: { lines: of },
  });
  const before = given(inventory, counted('1', 5));
  const opened = before.decide(open(line('1', 9), line('2', 4)));
  const { state } = given(inventory, counted('1', 5), ...opened);
  assert.equal([itemOf(state, '1').onHand, itemOf(state, '2').onHand], [5, 4]);
  before.when(open(line('1', 9))).gives();
});

test('a reservation follows what is still to be picked, and an older view changes nothing', () => {
  const change = (revision: number, ...of: StockLine[]): InventoryCommand => ({
    type: 'ChangeReservation',
    data: { storeOrderId: 'a', lines: of, chosen: [], revision },
  });
  const before = given(inventory, counted('1', 5), reserved('a', line('1', 3)));
  const changed = before.decide(change(4, line('1', 1), line('2', 2)));
  const after = given(inventory, counted('1', 5), reserved('a', line('1', 3)), ...changed);
  assert.equal([itemOf(after.state, '1').reserved, itemOf(after.state, '2').reserved], [1, 2]);
  after.when(change(3, line('1', 2))).gives();
  after.when(change(5, line('1', 1), line('2', 2))).gives();
  given(inventory)
    .when(change(4, line('1', 1)))
    .gives();
});

test('a substitute is promised only where it is left, and to no older view lost again', () => {
  const choose = (id: string, revision: number, ...of: StockLine[]): InventoryCommand => ({
    type: 'ChangeReservation',
    data: { storeOrderId: id, lines: [line('1', 1), ...of], chosen: of, revision },
  });
  const orders = ['a', 'b'].map((id) => reserved(id, line('1', 1)));
  const shelf = [counted('1', 5), counted('2', 1), ...orders];
  const before = given(inventory, ...shelf);
  before.when(choose('a', 4, line('2', 2))).rejected('INSUFFICIENT_STOCK');
  const taken = before.decide(choose('a', 4, line('2', 1)));
  const after = given(inventory, ...shelf, ...taken);
  after.when(choose('b', 4, line('2', 1))).rejected('INSUFFICIENT_STOCK');
  after.when(choose('a', 4, line('2', 1))).gives();
  const again = after.decide(choose('a', 6, line('2', 1)));
  given(inventory, ...shelf, ...taken, ...again)
    .when(choose('a', 5))
    .gives();
});

// Whatever a shop and its shoppers do, in whatever order

function line(sku: string, quantity: number): StockLine {
  return { sku, quantity };
}

const skus = ['a', 'b', 'c'];
const quantity = fc.integer({ min: 1, max: 6 });
const lines = fc
  .uniqueArray(fc.constantFrom(...skus), { minLength: 1 })
  .chain((chosen) => fc.tuple(...chosen.map((sku) => quantity.map((pieces) => line(sku, pieces)))));
const storeOrderId = fc.constantFrom('1', '2', '3', '4', '5');
const rounds = fc.constantFrom(1, 2, 3);
const to = fc.constantFrom('shelf' as const, 'write-off' as const);

const command: fc.Arbitrary<InventoryCommand> = fc.oneof(
  lines.map((data) => ({ type: 'ReceiveStock' as const, data: { lines: data } })),
  lines.map((data) => ({ type: 'SellAtCounter' as const, data: { lines: data } })),
  fc
    .tuple(lines, fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }))
    .map(([counts, expected]) => ({
      type: 'CountStock' as const,
      data: { counts: counts.map((count) => ({ ...count, expected })), reason: 'other' as const },
    })),
  lines.map((data) => ({ type: 'OpenStock' as const, data: { lines: data } })),
  fc.tuple(fc.constantFrom(...skus), fc.integer({ min: 0, max: 2 })).map(([sku, pieces]) => ({
    type: 'SetSafetyBuffer' as const,
    data: { lines: [line(sku, pieces)] },
  })),
  {
    weight: 4,
    arbitrary: fc.tuple(rounds, storeOrderId, lines).map(([n, id, of]) => reserveIn(n, id, ...of)),
  },
  fc.tuple(storeOrderId, fc.option(rounds, { nil: undefined })).map(([id, round]) => ({
    type: 'ReleaseReservation' as const,
    data: { storeOrderId: id, reason: 'order-rejected' as const, round },
  })),
  fc.tuple(storeOrderId, lines).map(([id, of]) => ({
    type: 'PickStock' as const,
    data: { storeOrderId: id, lines: of },
  })),
  fc.tuple(storeOrderId, lines).map(([id, of]) => ({
    type: 'WriteOffStock' as const,
    data: {
      storeOrderId: id,
      lines: of.map((missing) => ({ ...missing, reason: 'damaged' as const })),
    },
  })),
  fc.tuple(storeOrderId, lines, fc.nat(9)).map(([id, of, revision]) => ({
    type: 'ChangeReservation' as const,
    data: { storeOrderId: id, lines: of, chosen: of, revision },
  })),
  fc.tuple(storeOrderId, fc.option(lines, { nil: [] }), to).map(([id, kept, where]) => ({
    type: 'ReturnStock' as const,
    data: { storeOrderId: id, kept, to: where },
  })),
);

const advance = (state: Inventory, event: InventoryEvent): Inventory =>
  evolve(inventory, state, event);
const decide = (state: Inventory, { type, data }: InventoryCommand): InventoryEvent[] =>
  inventory.decide[type](state, data as never);

/** The events that a command causes, none where it is refused. */
function outcome(state: Inventory, wanted: InventoryCommand): InventoryEvent[] {
  try {
    return decide(state, wanted);
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    return [];
  }
}

/** A state as plain data, in an order that does not depend on how it came about. */
const plain = (state: Inventory) =>
  Object.fromEntries(
    Object.entries(rules.pack(state)).map(([name, entries]) => [
      name,
      (entries as [string][]).toSorted(([a], [b]) => a.localeCompare(b)),
    ]),
  );

/** The books by plain addition, from what happened. */
class Ledger {
  onHand = new Map<string, number>();
  reservations = new Map<string, StockLine[]>();

  enter({ type, data }: InventoryEvent): void {
    const move = (of: StockLine[], sign: number) => {
      for (const { sku, quantity: pieces } of of) {
        const known = this.onHand.get(sku);
        if (known !== undefined) this.onHand.set(sku, known + sign * pieces);
      }
    };
    const isTracked = ({ sku }: StockLine) => this.onHand.has(sku);
    if (type === 'StockReceived') {
      for (const received of data.lines) if (!isTracked(received)) this.onHand.set(received.sku, 0);
      move(data.lines, 1);
    }
    if (type === 'StockCounted') {
      for (const { sku, quantity: pieces, was } of data.counts) {
        assert.is(was, this.onHand.get(sku) ?? null);
        this.onHand.set(sku, (this.onHand.get(sku) ?? 0) + (pieces - (was ?? 0)));
      }
    }
    if (type === 'SoldAtCounter' || type === 'StockWrittenOff') move(data.lines, -1);
    if (type === 'StockReserved') this.reservations.set(data.storeOrderId, data.lines);
    if (type === 'ReservationChanged') {
      assert.equal(data.was, this.reservations.get(data.storeOrderId));
      this.reservations.set(data.storeOrderId, data.lines);
    }
    if (type === 'ReservationReleased') this.reservations.delete(data.storeOrderId);
    if (type === 'StockPicked') {
      this.reservations.delete(data.storeOrderId);
      move(data.lines, -1);
    }
    if (type === 'StockReturned' && data.to === 'shelf') move(data.lines, 1);
  }

  reserved(sku: string): number {
    return [...this.reservations.values()]
      .flat()
      .reduce((sum, reservation) => sum + (reservation.sku === sku ? reservation.quantity : 0), 0);
  }
}

/** What of the shelf is promised to nobody; below zero the shop cannot keep its promises. */
const free = (state: Inventory, sku: string): number => {
  const { onHand, reserved: promised } = itemOf(state, sku);
  return (onHand ?? Infinity) - promised;
};

test('the books add up after every step, and no order is promised what is not there', () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 60 }), (commands) => {
      const ledger = new Ledger();
      let state = inventory.initial;
      for (const wanted of commands) {
        const before = state;
        for (const event of outcome(state, wanted)) {
          ledger.enter(event);
          state = advance(state, event);
        }
        for (const sku of skus) {
          const item = itemOf(state, sku);
          assert.is(item.onHand, ledger.onHand.get(sku) ?? null);
          assert.is(item.reserved, ledger.reserved(sku));
          assert.ok((availableOf(item) ?? 0) >= 0);
          const isPromised = item.reserved > itemOf(before, sku).reserved;
          assert.ok(
            !isPromised || free(state, sku) >= item.safetyBuffer,
            'promised beyond the shelf',
          );
          const isByOrders = /^(?:Release|Return)/.test(wanted.type);
          if (isByOrders) assert.ok(free(state, sku) >= free(before, sku), 'goods were lost');
        }
      }
    }),
    { numRuns: 3_000 },
  );
});

test('whatever an order asks for twice happens once', () => {
  const ofOrders = command.filter(({ type }) =>
    /^(?:Reserve|Release|Pick|Set|Change|Return|WriteOff)/.test(type),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), ofOrders, (past, wanted) => {
      let state = inventory.initial;
      for (const earlier of past) state = outcome(state, earlier).reduce(advance, state);
      const once = outcome(state, wanted).reduce(advance, state);
      assert.equal(outcome(once, wanted), []);
    }),
    { numRuns: 1_000 },
  );
});

test('a lost race leaves no trace; a replay and a snapshot at any place fold to the same', () => {
  const races = fc.array(fc.tuple(command, fc.boolean()), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(races, fc.nat(), (steps, cut) => {
      const log: InventoryEvent[] = [];
      let state = inventory.initial;
      for (const [wanted, loses] of steps) {
        const events = outcome(state, wanted);
        const next = events.reduce(advance, state);
        // Who loses has evolved its own copy already, and goes back to where it was.
        if (loses) continue;
        state = next;
        log.push(...events);
      }
      const expected = plain(state);
      assert.equal(plain(log.reduce(advance, inventory.initial)), expected);
      const at = cut % (log.length + 1);
      const half = rules.pack(log.slice(0, at).reduce(advance, inventory.initial));
      const unpacked = rules.unpack(JSON.parse(JSON.stringify(half)));
      assert.equal(plain(log.slice(at).reduce(advance, unpacked)), expected);
    }),
    { numRuns: 1_000 },
  );
});

test('goods can be returned for a thousand orders after theirs', () => {
  let state = advance(inventory.initial, counted('1', 9_000));
  const pick = (id: string) =>
    outcome(state, { type: 'PickStock', data: { storeOrderId: id, lines: [line('1', 1)] } });
  for (let i = 0; i < 3_000; i++) {
    state = outcome(state, reserve(`${i}`, line('1', 1))).reduce(advance, state);
    state = pick(`${i}`).reduce(advance, state);
  }
  const back = (id: string) =>
    outcome(state, { type: 'ReturnStock', data: { storeOrderId: id, kept: [], to: 'shelf' } });
  assert.is(back('1000').length, 1);
  assert.is(back('999').length, 0);
  assert.is(pick('2999').length, 0);
  assert.is(pick('0').length, 0);
});

test('a fold that changed has a new snapshot version', () => {
  let state = inventory.initial;
  const happen = (wanted: InventoryCommand) =>
    (state = outcome(state, wanted).reduce(advance, state));
  for (let i = 0; i < 100; i++) {
    const of = [line(skus[i % 3]!, 1 + (i % 4)), line('d', i % 3)];
    const id = `${i}`;
    if (i % 3 === 0) happen({ type: 'ReceiveStock', data: { lines: of } });
    if (i % 31 === 0) happen({ type: 'CountStock', data: { counts: of, reason: 'other' } });
    if (i % 7 === 0) happen({ type: 'SellAtCounter', data: { lines: of } });
    if (i % 11 === 0) happen({ type: 'SetSafetyBuffer', data: { lines: [of[0]!] } });
    happen(reserve(id, ...of));
    if (i % 3 === 1) happen({ type: 'PickStock', data: { storeOrderId: id, lines: [of[0]!] } });
    if (i % 5 === 1)
      happen({ type: 'ReturnStock', data: { storeOrderId: id, kept: [], to: 'shelf' } });
    if (i % 5 === 2)
      happen({
        type: 'ReleaseReservation',
        data: { storeOrderId: id, reason: 'rejected-by-shop' },
      });
  }
  const digest = createHash('sha256')
    .update(JSON.stringify(plain(state)))
    .digest('hex');
  assert.equal([rules.version, digest.slice(0, 12)], [2, '4be9f78699b1']);
});

test.run();
