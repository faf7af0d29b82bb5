import { randomUUID } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { as } from '../test/write-api.ts';
import { startParts } from '../test/shop.ts';
import {
  append,
  connectEventStore,
  headOfLog,
  type EventStore,
  type StoredEvent,
} from '../platform/event-store.ts';
import { createLog } from '../platform/log.ts';
import { followLog } from '../platform/subscription.ts';
import { createHandler } from './commands/handle.ts';
import type { Decider, Message } from './decider.ts';
import { UnknownEventVersion, upcasterOf } from './upcast.ts';
import { NO_REVISION } from '../platform/appends.ts';
import { wallClock } from '../test/clock.ts';

/** Brightness: percent, after it was a word, after a lamp was either on or off. */
type Lamp = { percent: number };
type LampCommand = Message<'Shine', { percent: number }>;
type LampEvent = Message<'LampShone', { percent: number }>;

const lamp: Decider<Lamp, LampCommand, LampEvent> = {
  category: 'lamp',
  initial: { percent: 0 },
  decide: { Shine: (_, data) => [{ type: 'LampShone', data }] },
  evolve: { LampShone: (_, { percent }) => ({ percent }) },
  upcast: {
    LampShone: [
      ({ on }: { on: boolean }) => ({ level: on ? 'bright' : 'dark' }),
      ({ level }: { level: string }) => ({ percent: level === 'dark' ? 0 : 100 }),
    ],
  },
};

/** The release that reads percent and still writes words. */
const between: typeof lamp = {
  ...lamp,
  heldBack: { LampShone: ({ percent }) => ({ level: percent > 0 ? 'bright' : 'dark' }) },
};

/** The release before, which knows no percent. */
const before: Decider<{ level: string }, LampCommand, Message<'LampShone', { level: string }>> = {
  category: 'lamp',
  initial: { level: 'dark' },
  decide: { Shine: () => [] },
  evolve: { LampShone: (_, { level }) => ({ level }) },
  upcast: { LampShone: [({ on }: { on: boolean }) => ({ level: on ? 'bright' : 'dark' })] },
};

const log = createLog('test', 'silent');

/** A connection for each release, to one event store. */
type Context = { ours: EventStore; held: EventStore; older: EventStore; stop: () => Promise<void> };
const test = suite<Context>('upcast');
test.before(async (context) => {
  const { eventStoreUrl, cleanup, stop } = await startParts();
  const [ours, held, older] = [lamp, between, before].map((decider) =>
    connectEventStore(eventStoreUrl, upcasterOf([decider])),
  ) as [EventStore, EventStore, EventStore];
  for (const client of [ours, held, older]) cleanup.add(() => client.dispose());
  Object.assign(context, { ours, held, older, stop });
});
test.after(({ stop }) => stop());

/** Writes as some release did. */
async function write(client: EventStore, id: string, data: object, version?: number) {
  const { correlationId, causationId, ...rest } = as();
  const about = { ...rest, $correlationId: correlationId, $causationId: causationId, at: '' };
  const metadata = { ...about, ...(version && { schemaVersion: version }) } as typeof about & {
    schemaVersion: number;
  };
  const event = { id: randomUUID(), type: 'LampShone', data, metadata };
  await append(client, `lamp-${id}`, [event], NO_REVISION);
}

/** What everybody who follows the log sees of a stream. */
async function followed(client: EventStore, id: string, count: number): Promise<StoredEvent[]> {
  const stopping = new AbortController();
  const seen: StoredEvent[] = [];
  const consume = async ({ events }: { events: StoredEvent[] }) => {
    seen.push(...events.filter(({ stream }) => stream === `lamp-${id}`));
    if (seen.length >= count) stopping.abort();
  };
  const { signal } = stopping;
  await followLog({ client, after: undefined, maxBatch: 100, log, signal, consume });
  return seen;
}

test('whatever version an event was written in, it is read in the newest', async ({ ours }) => {
  for (const [data, version] of [
    [{ on: true }, undefined],
    [{ on: true }, 1],
    [{ level: 'bright' }, 2],
    [{ percent: 100 }, 3],
  ] as const) {
    const id = randomUUID();
    await write(ours, id, data, version);
    const state = await createHandler(ours, log, wallClock).load(lamp, id, { fresh: true });
    assert.equal(state, { percent: 100 });
    assert.equal((await followed(ours, id, 1))[0]!.data, { percent: 100 });
  }
});

test('an event is written in the newest version, and says so', async ({ ours }) => {
  const id = randomUUID();
  await createHandler(ours, log, wallClock).handle(
    lamp,
    id,
    { type: 'Shine', data: { percent: 40 } },
    as(),
  );
  const [event] = await followed(ours, id, 1);
  assert.equal([event!.data, event!.metadata.schemaVersion], [{ percent: 40 }, 3]);
});

test('a version is read one release before it is written: both releases work on one stream', async ({
  ours,
  held,
  older,
}) => {
  const id = randomUUID();
  const shine = { type: 'Shine', data: { percent: 40 } } as const;
  const { handle, load } = createHandler(held, log, wallClock);
  const { state } = await handle(between, id, shine, as());
  assert.equal(state, { percent: 100 }, 'what its version can say');
  assert.equal(await load(between, id, { fresh: true }), state);
  assert.equal(await createHandler(older, log, wallClock).load(before, id, { fresh: true }), {
    level: 'bright',
  });
  assert.is((await followed(older, id, 1))[0]!.metadata.schemaVersion, 2);
  const newer = createHandler(ours, log, wallClock);
  await newer.handle(lamp, id, shine, as());
  assert.equal(await load(between, id, { fresh: true }), { percent: 40 });
});

test('a version of a later release is refused, by what it is and where it stands', async ({
  ours,
  older,
}) => {
  const id = randomUUID();
  await createHandler(ours, log, wallClock).handle(
    lamp,
    id,
    { type: 'Shine', data: { percent: 40 } },
    as(),
  );
  const message =
    `LampShone of lamp-${id} has version 3, and this release reads up to version 2: ` +
    'a newer release wrote it. Start that one or a later one again.';
  const refused = await createHandler(older, log, wallClock)
    .load(before, id, { fresh: true })
    .catch((error: unknown) => error);
  assert.instance(refused, UnknownEventVersion);
  assert.is((refused as Error).message, message);
  // Who does not ask what it says is not stopped by it.
  const [event] = await followed(older, id, 1);
  assert.is(event!.type, 'LampShone');
  assert.throws(() => event!.data, message);
  assert.ok((await headOfLog(older)) > 0n);
});

test('what is no version is refused, and what no decider has is left as it is', () => {
  const upcast = upcasterOf([lamp]);
  const shone = { type: 'LampShone', stream: 'lamp-1' };
  for (const version of [0, -1, Number.NaN, 4]) {
    assert.throws(() => upcast(shone, version, {}), 'a newer release wrote it');
  }
  const data = { taken: 1 };
  assert.is(upcast({ type: 'SnapshotTaken', stream: 'lampsnapshot-1' }, 1, data), data);
});

test('an event has one name in one kind of streams', () => {
  assert.throws(() => upcasterOf([lamp, { ...lamp, category: 'torch' }]), 'an event LampShone');
});

test.run();
