import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { binaryEvent } from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { evolve, type AnyDecider } from '../decider.ts';
import {
  inventory,
  itemOf,
  type InventoryCommand,
  type InventoryEvent,
} from '../../domain/inventory/inventory.ts';
import { within } from '../../test/promised-time.ts';
import { startParts } from '../../test/shop.ts';
import { IS_THOROUGH } from '../../test/thorough.ts';
import {
  append,
  snapshotStreamOf,
  type EventStore,
  type NewEvent,
} from '../../platform/event-store.ts';
import type { Problem } from '../../platform/http.ts';
import { createLog } from '../../platform/log.ts';
import { emptyOf } from './folded.ts';
import { createHandler, type CommandContext } from './handle.ts';
import { newestSnapshot, writeSnapshot } from './snapshot.ts';
import { as } from '../../test/write-api.ts';
import { NO_REVISION } from '../../platform/appends.ts';
import { wallClock } from '../../test/clock.ts';

const LISTINGS = 5_000;
const EVENTS = IS_THOROUGH ? 200_000 : 40_000;
const APPEND_EVENTS = 1_000;
const COLD_LOAD_MS = 100;
const EVERY = inventory.snapshot!.every;

const log = createLog('test', 'silent');
const rules = inventory.snapshot!;

type Context = { client: EventStore; stop: () => Promise<void> };
const test = suite<Context>('snapshot');

test.before(async (context) => {
  Object.assign(context, await startParts());
});
test.after(({ stop }) => stop());

const received = (quantity: number): InventoryCommand => ({
  type: 'ReceiveStock',
  data: { lines: [{ sku: 'a', quantity }] },
});

const eventOf = ({ type, data }: InventoryEvent): NewEvent => {
  const commandId = randomUUID();
  const rest = { $correlationId: commandId, $causationId: commandId, actor: 'test' };
  const at = '2026-11-21T10:00:00.000Z';
  return { id: randomUUID(), type, data, metadata: { ...rest, commandId, at, schemaVersion: 1 } };
};

/** What a busy shop does: deliveries, counter sales, and orders of three lines, picked in turn. */
function happened(i: number): InventoryEvent {
  const line = (k: number) => ({ sku: `sku-${(i * 7 + k) % LISTINGS}`, quantity: 1 + (k % 3) });
  const lines = [line(0), line(1), line(2)];
  if (i < LISTINGS / 5) {
    const skus = Array.from({ length: 5 }, (_, k) => `sku-${i * 5 + k}`);
    return { type: 'StockReceived', data: { lines: skus.map((sku) => ({ sku, quantity: 500 })) } };
  }
  const ordered = (n: number) => ({ storeOrderId: `${n}`.padStart(36, '0'), lines });
  const orderId = `${i}`.padStart(36, 'o');
  if (i % 4 === 0) return { type: 'SoldAtCounter', data: { lines: [line(0)] } };
  if (i % 4 === 1) return { type: 'StockReceived', data: { lines: [line(0)] } };
  const expiresAt = '2026-11-21T10:15:00.000Z';
  if (i % 4 === 2) {
    const data = { ...ordered(i), orderId, round: 1, expiresAt };
    return { type: 'StockReserved', data };
  }
  return { type: 'StockPicked', data: { ...ordered(i - 1), reserved: [] } };
}

async function appendAll(client: EventStore, stream: string, events: InventoryEvent[], after = 0) {
  for (let i = 0; i < events.length; i += APPEND_EVENTS) {
    const batch = events.slice(i, i + APPEND_EVENTS).map(eventOf);
    const done = await append(client, stream, batch, BigInt(after + i) + NO_REVISION);
    assert.ok(done);
  }
}

/** How long a server takes that has just started. */
async function coldLoadMs(client: EventStore, id: string): Promise<number> {
  const startedMs = performance.now();
  await createHandler(client, log, wallClock).load(inventory, id, { fresh: false });
  return performance.now() - startedMs;
}

test(`of a shop with 5,000 listings and ${EVENTS} events only the newest are read`, async ({
  client,
}) => {
  const id = randomUUID();
  const stream = `inventory-${id}`;
  const past = Array.from({ length: EVENTS }, (_, i) => happened(i));
  const newest = Array.from({ length: EVERY - 1 }, (_, i) => happened(EVENTS + i));
  await appendAll(client, stream, past);
  // The first to load it reads it all, and leaves a snapshot for the others.
  await createHandler(client, log, wallClock).load(inventory, id, { fresh: false });
  await appendAll(client, stream, newest, EVENTS);
  within(COLD_LOAD_MS, await coldLoadMs(client, id), 'a cold load of a shop');
  // What the snapshot has is not missed.
  await client.setStreamMetadata(stream, { truncateBefore: EVENTS });

  const loaded = await createHandler(client, log, wallClock).load(inventory, id, { fresh: false });
  const folded = [...past, ...newest].reduce(
    (state, event) => evolve(inventory, state, event),
    inventory.initial,
  );
  assert.is(loaded.items.size, LISTINGS);
  for (const [sku, item] of folded.items) assert.equal(itemOf(loaded, sku), item);
  assert.is(loaded.reservations.size, folded.reservations.size);
});

/** The commands are answered before the snapshot is taken that they are due for. */
async function untilSnapshot(client: EventStore, id: string): Promise<void> {
  for await (const { event } of client.subscribeToStream(`inventorysnapshot-${id}`)) {
    if (event) return;
  }
}

test('a repeat is recognised by a server that knows the first only from a snapshot', async ({
  client,
}) => {
  const id = randomUUID();
  const context = as();
  const writer = createHandler(client, log, wallClock);
  const rest = Array.from({ length: EVERY - 1 }, () => as());
  await writer.handle(inventory, id, received(5), context);
  await Promise.all(rest.map((by) => writer.handle(inventory, id, received(1), by)));
  await untilSnapshot(client, id);
  const receive = (by: CommandContext) =>
    createHandler(client, log, wallClock).handle(inventory, id, received(5), by);
  const { state, events } = await receive(context);
  assert.equal(events, []);
  assert.is(itemOf(state, 'a').onHand, 5 + rest.length);
  const reused = await receive({ ...context, fingerprint: 'another' }).catch((error) => error);
  assert.is((reused as Problem).code, 'IDEMPOTENCY_KEY_REUSED');
});

test('a snapshot that is outdated or broken is passed over', async ({ client }) => {
  const id = randomUUID();
  await createHandler(client, log, wallClock).handle(inventory, id, received(5), as());
  const load = () => createHandler(client, log, wallClock).load(inventory, id, { fresh: false });
  const snapshotOf = (version: number, quantity: number) => {
    const state = { ...rules.pack(inventory.initial), items: [['a', quantity, 0, 0]] };
    const kept = { version, revision: '0', position: '0', state, commands: [] };
    return gzipSync(JSON.stringify(kept));
  };
  const put = (data: Uint8Array) =>
    client.appendToStream(`inventorysnapshot-${id}`, binaryEvent({ type: 'SnapshotTaken', data }));
  const { version } = inventory.snapshot!;
  await put(snapshotOf(version, 77));
  assert.is(itemOf(await load(), 'a').onHand, 77);
  await put(snapshotOf(version - 1, 77));
  assert.is(itemOf(await load(), 'a').onHand, 5);
  await put(Buffer.from('not a snapshot'));
  assert.is(itemOf(await load(), 'a').onHand, 5);
});

test('a snapshot’s stream keeps only the newest, wherever a server died that wrote one', async ({
  client,
}) => {
  const folded = emptyOf(inventory as unknown as AnyDecider<typeof inventory.initial>);
  const isBounded = async (stream: string) =>
    (await client.getStreamMetadata(snapshotStreamOf(stream))).metadata?.maxCount === 1;
  const keep = (by: EventStore, stream: string) => writeSnapshot(by, log, rules, stream, folded);
  /** Dies right before it appends to a stream that begins so. */
  const dyingAt = (beginning: string): EventStore =>
    Object.assign(Object.create(client), {
      appendEvents: (...args: Parameters<EventStore['appendEvents']>) =>
        args[0].startsWith(beginning)
          ? Promise.reject(new Error('killed'))
          : client.appendEvents(...args),
    });

  const first = `inventory-${randomUUID()}`;
  await keep(dyingAt('inventorysnapshot-'), first);
  assert.ok(await isBounded(first), 'before there is anything to keep');
  const second = `inventory-${randomUUID()}`;
  await keep(dyingAt('$$'), second);
  assert.is(await newestSnapshot(client, second), undefined);
  const old = `inventory-${randomUUID()}`;
  const data = Buffer.from('of a server that died before it said how many to keep');
  await client.appendToStream(snapshotStreamOf(old), binaryEvent({ type: 'SnapshotTaken', data }));
  await keep(client, old);
  assert.ok(await isBounded(old));
});

test.run();
