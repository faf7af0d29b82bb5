import { randomUUID } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inventory, itemOf, type InventoryEvent } from '../domain/inventory.ts';
import { startParts } from '../local/testing.ts';
import {
  NO_REVISION,
  append,
  connectEventStore,
  type EventStore,
  type NewEvent,
} from '../platform/event-store.ts';
import { createLog } from '../platform/log.ts';
import { createHandler, type CommandContext } from './handle.ts';

const LISTINGS = 5_000;
const EVENTS = 200_000;
const APPEND_EVENTS = 1_000;
const COLD_LOAD_MS = 100;

const log = createLog('test', 'silent');

type Context = { client: EventStore; stop: () => Promise<void> };
const test = suite<Context>('snapshot');

test.before(async (context) => {
  const parts = await startParts();
  context.client = connectEventStore(parts.eventStoreUrl);
  context.stop = async () => {
    await context.client.dispose();
    await parts.stop();
  };
});
test.after(({ stop }) => stop());

const as = (commandId: string = randomUUID()): CommandContext => ({
  commandId,
  correlationId: commandId,
  causationId: commandId,
  actor: 'test',
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
  if (i % 4 === 2) return { type: 'StockReserved', data: { ...ordered(i), orderId, expiresAt } };
  return { type: 'StockPicked', data: { ...ordered(i - 1), reserved: [] } };
}

test('a shop with 5,000 listings and 200,000 events is loaded in 100 ms', async ({ client }) => {
  const id = randomUUID();
  let revision = NO_REVISION;
  const t0 = performance.now();
  for (let i = 0; i < EVENTS; i += APPEND_EVENTS) {
    const events = Array.from({ length: APPEND_EVENTS }, (_, k) => eventOf(happened(i + k)));
    await append(client, `inventory-${id}`, events, revision);
    revision += BigInt(APPEND_EVENTS);
  }
  console.log('append', performance.now() - t0);
  const t1 = performance.now();
  const first = await createHandler(client, log).load(inventory, id, { fresh: false });
  console.log('first', performance.now() - t1);
  for (let i=0;i<5;i++) {
  const t2 = performance.now();
  const again = await createHandler(client, log).load(inventory, id, { fresh: false });
  console.log('second', performance.now() - t2);
  }
  assert.is(first.items.size, LISTINGS);
});

test.run();
