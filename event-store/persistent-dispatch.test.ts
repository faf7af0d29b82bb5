import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  Dispatch,
  Progress,
  type Connection,
  type Message,
  type Settings,
} from './persistent-dispatch.ts';

const SETTINGS: Settings = {
  resolveLinkTos: false,
  extraStatistics: false,
  messageTimeoutMs: 1_000,
  maxRetryCount: 2,
  checkPointAfterMs: 1_000,
  minCheckPointCount: 1,
  maxCheckPointCount: 1_000,
  maxSubscriberCount: 0,
  liveBufferSize: 10,
  readBatchSize: 5,
  historyBufferSize: 10,
  strategy: 'RoundRobin',
};

const test = suite('dispatch of a persistent subscription');

class RecordingProgress extends Progress {
  readonly settledPlaces: number[] = [];

  override settle(place: number): void {
    this.settledPlaces.push(place);
    super.settle(place);
  }
}

/** A dispatch with a clock of its own; parking ends when the test says so. */
function arrange(settings: Partial<Settings> = {}) {
  let nowMs = 0;
  const parked: { message: Message; reason: string; end: (isParked: boolean) => void }[] = [];
  const progress = new RecordingProgress(-1);
  const dispatch = new Dispatch(
    { ...SETTINGS, ...settings },
    {
      park: (message, reason) =>
        new Promise((end) => {
          parked.push({ message, reason, end });
        }),
      progressed: () => {},
    },
    () => nowMs,
  );
  const message = (place: number, changes: Partial<Message> = {}): Message => ({
    id: `id-${place}`,
    event: Buffer.alloc(10),
    key: '',
    target: '',
    place,
    progress,
    retries: 0,
    ...changes,
  });
  const connect = (bufferSize = 10) => {
    const got: [id: string, retries: number][] = [];
    const state = { hasRoom: true, isDropped: false };
    const connection: Connection = {
      bufferSize,
      from: '',
      username: '',
      name: '',
      get hasRoom() {
        return state.hasRoom;
      },
      send: ({ id, retries }) => void got.push([id, retries]),
      drop: () => (state.isDropped = true),
    };
    return { got, state, consumer: dispatch.connect(connection) };
  };
  const add = (...places: number[]): void => dispatch.add(places.map((place) => message(place)));
  const pass = (ms: number): void => {
    nowMs += ms;
    dispatch.expire();
  };
  return { dispatch, progress, parked, message, connect, add, pass };
}

const idsOf = (got: [id: string, retries: number][]): string[] => got.map(([id]) => id);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

test('progress stops in front of the first event that is not settled', () => {
  const progress = new Progress(4);
  for (const place of [5, 6, 9]) progress.begin(place);
  progress.pass(12);
  progress.settle(6);
  assert.equal(progress.settled, { place: 4, count: 0 });
  progress.settle(5);
  assert.equal(progress.settled, { place: 6, count: 2 });
  progress.settle(9);
  assert.equal(progress.settled, { place: 12, count: 3 });
});

test('an event that is being parked holds up the checkpoint, and comes again if it cannot be', async () => {
  const { dispatch, progress, parked, connect, add } = arrange();
  const { got } = connect();
  add(0, 1);
  dispatch.refuse(['id-0'], 'park', 'why');
  dispatch.acknowledge(['id-1']);
  assert.is(progress.settled.place, -1);
  assert.is(dispatch.counts.outstanding, 1);
  parked[0]!.end(false);
  await Promise.resolve();
  assert.equal(got, [
    ['id-0', 0],
    ['id-1', 0],
    ['id-0', 0],
  ]);
  dispatch.refuse(['id-0'], 'park', 'why');
  parked[1]!.end(true);
  await Promise.resolve();
  assert.is(progress.settled.place, 1);
});

test('an acknowledgement that comes after the time-out counts for whoever has the event', () => {
  const { dispatch, progress, connect, add, pass } = arrange();
  const first = connect(1);
  const second = connect(1);
  add(0);
  assert.equal(first.got, [['id-0', 0]]);
  pass(1_000);
  assert.equal(second.got, [['id-0', 1]]);
  dispatch.acknowledge(['id-0']);
  assert.is(progress.settled.place, 0);
  assert.is(second.consumer.availableSlots, 1);
});

test('nothing is sent to a consumer whose connection takes no more, however often it times out', () => {
  const { dispatch, connect, add, pass, parked } = arrange({ maxRetryCount: 1_000 });
  const { got, state } = connect(2);
  state.hasRoom = false;
  add(0, 1, 2);
  for (const _ of upTo(10)) pass(1_000);
  assert.equal(got, []);
  state.hasRoom = true;
  dispatch.proceed();
  assert.equal(idsOf(got), ['id-0', 'id-1']);
  assert.equal(parked, []);
});

test('of two events with one id the second waits until the first is settled', () => {
  const { dispatch, message, connect } = arrange();
  const { got } = connect();
  dispatch.add([message(0, { id: 'same' }), message(1, { id: 'same' }), message(2)]);
  assert.equal(idsOf(got), ['same', 'id-2']);
  dispatch.acknowledge(['same']);
  assert.equal(idsOf(got), ['same', 'id-2', 'same']);
});

test('no more is read than the buffer and the memory of a group hold', () => {
  const { dispatch, message, connect, add } = arrange();
  add(0, 1, 2);
  assert.is(dispatch.room(10), 7);
  assert.is(dispatch.room(2), 0);
  dispatch.add([message(3, { event: Buffer.alloc(16 * 1024 * 1024) })]);
  connect(10);
  assert.is(dispatch.room(10), 0);
  dispatch.acknowledge(['id-3']);
  assert.is(dispatch.room(10), 10);
});

test('a pinned key stays with its consumer when another comes, unless it is in its share', () => {
  const { dispatch, message, connect } = arrange({ strategy: 'Pinned' });
  const keys = upTo(300).map((at) => `order-${at}`);
  const round = (first: number): void => {
    dispatch.add(keys.map((key, at) => message(first + at, { id: `${first} ${key}`, key })));
  };
  const keysOf = (got: [id: string, retries: number][], first: number): string[] =>
    idsOf(got)
      .filter((id) => id.startsWith(`${first} `))
      .map((id) => id.split(' ')[1]!);
  const consumers = [connect(2_000), connect(2_000)];
  round(0);
  consumers.push(connect(2_000));
  round(1_000);
  const [a, b, c] = consumers.map(({ got }) => [keysOf(got, 0), keysOf(got, 1_000)] as const);
  const movedFrom = ([before, after]: readonly [string[], string[]]): string[] =>
    before.filter((key) => !after.includes(key));
  assert.equal([...movedFrom(a!), ...movedFrom(b!)].toSorted(), c![1].toSorted());
  for (const { got } of consumers) assert.ok(keysOf(got, 1_000).length > 50);
});

test('events of a pinned key wait for their consumer, and others pass them', () => {
  const { dispatch, message, connect } = arrange({ strategy: 'Pinned' });
  const consumers = [connect(1), connect(1)];
  const keys = upTo(20).map((at) => `order-${at}`);
  dispatch.add(keys.map((key, at) => message(at, { id: key, key })));
  const [a, b] = consumers.map(({ got }) => idsOf(got));
  assert.is(a!.length, 1);
  assert.is(b!.length, 1);
  dispatch.acknowledge(a!);
  assert.is(consumers[1]!.got.length, 1);
});

test('whatever happens, each event is settled once, and no checkpoint passes one that is not', async () => {
  const steps = fc.array(fc.record({ kind: fc.nat(9), pick: fc.nat(50) }), { maxLength: 80 });
  const strategy = fc.constantFrom('RoundRobin', 'DispatchToSingle', 'Pinned');
  const holds = async (
    history: { kind: number; pick: number }[],
    chosen: Settings['strategy'],
  ): Promise<void> => {
    const { dispatch, progress, parked, message, connect, pass } = arrange({ strategy: chosen });
    const consumers: ReturnType<typeof connect>[] = [];
    let added = 0;
    const add = (): void => dispatch.add([message(added++, { key: String(added % 7) })]);
    const endPark = async (pick: number, isParked: boolean): Promise<void> => {
      parked.splice(pick % parked.length, 1)[0]?.end(isParked);
      await Promise.resolve();
    };
    const check = (): void => {
      const { settledPlaces } = progress;
      assert.is(new Set(settledPlaces).size, settledPlaces.length);
      const { fresh, again, outstanding } = dispatch.counts;
      assert.is(added - settledPlaces.length, fresh + again + outstanding);
      const open = upTo(added).find((place) => !settledPlaces.includes(place));
      assert.is(progress.settled.place, (open ?? added) - 1);
    };
    for (const { kind, pick } of history) {
      const of = consumers[pick % Math.max(consumers.length, 1)];
      const ids = idsOf(of?.got ?? []).slice(-1 - (pick % 3));
      if (kind < 3) add();
      else if (kind === 3) consumers.push(connect(1 + (pick % 4)));
      else if (kind === 4) pass(pick * 40);
      else if (kind === 5) await endPark(pick, pick % 3 > 0);
      else if (!of) continue;
      else if (kind === 6) dispatch.disconnect(of.consumer);
      else if (kind === 7) dispatch.refuse(ids, pick % 2 ? 'retry' : 'skip', '');
      else if (kind === 8) dispatch.refuse(ids, 'park', '');
      else dispatch.acknowledge(ids);
      check();
    }
    const last = connect(1_000);
    consumers.push(last);
    while (progress.settledPlaces.length < added) {
      const before = progress.settledPlaces.length;
      while (parked.length > 0) await endPark(0, true);
      for (const { got } of consumers) dispatch.acknowledge(idsOf(got));
      check();
      assert.ok(progress.settledPlaces.length > before, 'An event is held for ever.');
    }
  };
  await fc.assert(fc.asyncProperty(steps, strategy, holds));
});

test.run();
