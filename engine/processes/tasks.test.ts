import { mock } from 'node:test';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLog } from '../../platform/log.ts';
import { Tasks } from './tasks.ts';

const test = suite<{ tasks: Tasks<unknown>; did: string[]; stopping: AbortController }>('tasks');

test.before.each((context) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  context.stopping = new AbortController();
  const log = createLog('test', 'silent');
  context.tasks = new Tasks<unknown>({}, log, context.stopping.signal, () => new Date());
  context.did = [];
});
test.after.each(() => mock.timers.reset());

/** That an event after this position asks for it. */
const at = (after: bigint | undefined) => ({ stream: 'order-1', revision: 7n, after });

const does = (did: string[], what: string) => async () => void did.push(what);

/** Lets time pass, and what it set going come to its end. */
async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await new Promise((resolve) => setImmediate(resolve));
}

test('each is done at its time, and again after a failure until it succeeds', async (context) => {
  const { tasks, did } = context;
  let failures = 2;
  const run = async () => {
    did.push('tried');
    if (failures-- > 0) throw new Error('not yet');
  };
  tasks.add({ key: 'later', dueMs: 1_000, run: does(did, 'later') }, at(1n));
  tasks.add({ key: 'failing', dueMs: 0, run }, at(2n));
  await pass(0);
  assert.equal(did, ['tried']);
  await pass(1_000);
  assert.equal(did.toSorted(), ['later', 'tried', 'tried']);
  assert.is(tasks.size, 1);
  await pass(2_000);
  assert.is(tasks.size, 0);
  await pass(60_000);
  assert.equal(did.toSorted(), ['later', 'tried', 'tried', 'tried']);
});

test('none begins where that is not allowed any more, though it was due before', async ({
  did,
}) => {
  let isAllowed = true;
  const { signal } = new AbortController();
  const tasks = new Tasks<unknown>(
    {},
    createLog('test', 'silent'),
    signal,
    () => new Date(),
    () => isAllowed,
  );
  tasks.add({ key: 'before', dueMs: 100, run: does(did, 'before') }, at(1n));
  tasks.add({ key: 'after', dueMs: 200, run: does(did, 'after') }, at(2n));
  await pass(100);
  isAllowed = false;
  await pass(60_000);
  assert.equal(did, ['before']);
});

test('one that asks to run again does, until it asks no more', async ({ tasks, did }) => {
  const run = async () => {
    did.push('looked');
    return did.length < 3 ? 100 : undefined;
  };
  tasks.add({ key: 'look', dueMs: 0, run }, at(undefined));
  for (let i = 0; i < 5; i++) await pass(100);
  assert.is(did.length, 3);
  assert.is(tasks.size, 0);
});

test('one that goes on failing ends when nobody waits for it any more', async ({ tasks, did }) => {
  const run = async () => {
    did.push('tried');
    throw new Error('never');
  };
  tasks.add({ key: 'look', dueMs: 0, untilMs: 20_000, run }, at(1n));
  await pass(0);
  for (let i = 0; i < 40; i++) await pass(10_000);
  assert.is(tasks.size, 0);
  assert.is(tasks.settled(9n).position, 9n);
  const tried = did.length;
  assert.ok(tried >= 10, `tried ${tried} times`);
  await pass(60_000);
  assert.is(did.length, tried);
});

test('one that is stuck is named and holds nobody up, and is done when it can be', async ({
  tasks,
  did,
}) => {
  let isBroken = true;
  const run = async () => {
    if (isBroken) throw new Error('not like this');
    did.push('stock');
  };
  const stuck = { key: 'stock', stream: 'order-1', revision: '7' };
  tasks.add({ key: 'stock', dueMs: 0, run }, at(1n));
  tasks.add({ key: 'later', dueMs: 600_000, run: does(did, 'later') }, at(5n));
  await pass(0);
  assert.equal(tasks.settled(9n), { position: 1n, setAside: [] });
  for (let i = 0; i < 40; i++) await pass(10_000);
  assert.equal(tasks.settled(9n), { position: 5n, setAside: [stuck] });
  isBroken = false;
  await pass(30_000);
  assert.equal(did, ['stock']);
  assert.equal(tasks.settled(9n), { position: 5n, setAside: [] });

  isBroken = true;
  tasks.add({ key: 'stock', dueMs: 0, run }, at(2n), true);
  assert.equal(tasks.settled(9n), { position: 5n, setAside: [] }, 'it would be seen again');
  await pass(200_000);
  assert.equal(tasks.settled(9n), { position: 9n, setAside: [stuck] });
});

const HOUR_MS = 60 * 60_000;

test('one that fails for an hour is stopped, with its reason, until the next start', async ({
  tasks,
  did,
}) => {
  const run = async () => {
    did.push('tried');
    throw new RangeError('Division by zero');
  };
  tasks.add({ key: 'invoice', dueMs: 0, run }, at(1n));
  await pass(0);
  for (let spentMs = 0; spentMs < HOUR_MS + 60_000; spentMs += 10_000) await pass(10_000);
  const tries = did.length;
  await pass(HOUR_MS);
  assert.is(did.length, tries);
  const stopped = {
    because: 'RangeError: Division by zero',
    since: new Date(0).toISOString(),
    tries,
  };
  const named = [{ key: 'invoice', stream: 'order-1', revision: '7', stopped }];
  assert.equal(tasks.settled(9n), { position: 9n, setAside: named });
  // The next start makes it again from its event.
  tasks.add({ key: 'invoice', dueMs: 0, run: does(did, 'billed') }, at(9n), true);
  await pass(0);
  assert.is(did.at(-1), 'billed');
  assert.equal(tasks.settled(9n), { position: 9n, setAside: [] });
});

test('what waits for a gateway that is away is tried every few seconds, however long that lasts', async ({
  did,
}) => {
  const { signal } = new AbortController();
  const log = createLog('test', 'silent');
  const now = () => new Date();
  const tasks = new Tasks<unknown>(
    {},
    log,
    signal,
    now,
    () => true,
    () => true,
  );
  const fails = (what: string) => async () => {
    did.push(what);
    throw new Error('nobody answers');
  };
  tasks.add({ key: 'refund', dueMs: 0, callsGateway: true, run: fails('refund') }, at(1n));
  tasks.add({ key: 'stock', dueMs: 0, run: fails('stock') }, at(2n));
  await pass(0);
  for (let spentMs = 0; spentMs < HOUR_MS; spentMs += 2_000) await pass(2_000);
  did.length = 0;
  for (let spentMs = 0; spentMs < 60_000; spentMs += 2_000) await pass(2_000);
  assert.is(did.filter((what) => what === 'refund').length, 15);
  assert.is(did.filter((what) => what === 'stock').length, 2);
});

test('what fails in an outage is tried until that ends, however long it lasts', async ({ did }) => {
  const { signal } = new AbortController();
  const log = createLog('test', 'silent');
  const now = () => new Date();
  const passes = (error: unknown) => error instanceof TypeError;
  const tasks = new Tasks<unknown>({}, log, signal, now, () => true, passes);
  let isAway = true;
  const run = async () => {
    if (isAway) throw new TypeError('fetch failed');
    did.push('done');
  };
  tasks.add({ key: 'refund', dueMs: 0, run }, at(1n));
  await pass(0);
  for (let spentMs = 0; spentMs < 3 * HOUR_MS; spentMs += 10_000) await pass(10_000);
  assert.is(tasks.size, 1);
  isAway = false;
  await pass(30_000);
  assert.equal(did, ['done']);
});

test('one that waits long is named and holds nobody up', async ({ tasks }) => {
  let againMs = 20_000;
  tasks.add({ key: 'refund', dueMs: 0, run: async () => againMs }, at(1n));
  await pass(0);
  assert.equal(tasks.settled(9n), { position: 1n, setAside: [] });
  againMs = 60 * 60_000;
  await pass(20_000);
  const named = [{ key: 'refund', stream: 'order-1', revision: '7' }];
  assert.equal(tasks.settled(9n), { position: 9n, setAside: named });
});

test('what the log shows to be done is not done again', async ({ tasks, did }) => {
  tasks.add({ key: 'a', dueMs: 10, run: does(did, 'a'), lacks: ['x', 'y'] }, at(1n));
  tasks.add({ key: 'b', dueMs: 10, run: does(did, 'b'), lacks: ['x', 'y'] }, at(2n));
  tasks.add({ key: 'c', dueMs: 10, run: does(did, 'c') }, at(3n));
  tasks.done({ key: 'a', step: 'x' });
  tasks.done({ key: 'a', step: 'y' });
  tasks.done({ key: 'b', step: 'x' });
  tasks.done({ key: 'c' });
  await pass(10);
  assert.equal(did, ['b']);
});

test('the log is settled up to the oldest task, also where one took the place of another', async ({
  tasks,
  did,
}) => {
  assert.is(tasks.settled(9n).position, 9n);
  tasks.add({ key: 'a', dueMs: 10, run: does(did, 'old a') }, at(1n));
  tasks.add({ key: 'b', dueMs: 20, run: does(did, 'b') }, at(2n));
  assert.is(tasks.settled(9n).position, 1n);
  tasks.add({ key: 'a', dueMs: 30, run: does(did, 'a') }, at(3n));
  assert.is(tasks.settled(9n).position, 2n);
  await pass(20);
  assert.is(tasks.settled(9n).position, 3n);
  await pass(10);
  assert.equal(did, ['b', 'a']);
  assert.is(tasks.settled(9n).position, 9n);
});

test('a few run at once, each that ends makes room, and none begins after the end', async (context) => {
  const { tasks, did, stopping } = context;
  const running: (() => void)[] = [];
  for (let i = 0; i < 20; i++) {
    const run = () => new Promise<void>((done) => void running.push(done));
    tasks.add({ key: `task ${i}`, dueMs: 0, run }, at(1n));
  }
  await pass(0);
  assert.is(running.length, 16);
  running[0]!();
  await pass(0);
  assert.is(running.length, 17);
  tasks.add({ key: 'late', dueMs: 50, run: does(did, 'late') }, at(1n));
  stopping.abort();
  running[1]!();
  await pass(50);
  assert.is(running.length, 17);
  assert.equal(did, []);
});

test('tasks that wait for a gateway that is silent leave room for the others', async ({
  tasks,
  did,
}) => {
  const answers: (() => void)[] = [];
  for (let i = 0; i < 40; i++) {
    const run = () => new Promise<void>((answer) => void answers.push(answer));
    tasks.add({ key: `refund ${i}`, dueMs: 0, callsGateway: true, run }, at(1n));
  }
  for (let i = 0; i < 40; i++) {
    tasks.add({ key: `stock ${i}`, dueMs: 0, run: does(did, 'stock') }, at(1n));
  }
  await pass(0);
  assert.is(did.length, 40);
  assert.is(answers.length, 4);
  answers[0]!();
  await pass(0);
  assert.is(answers.length, 5);
});

test.run();
