import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { append, asStored, connectEventStore } from '../platform/event-store.ts';
import { median } from './load.ts';
import type { Result, ScenarioOptions } from './scenario.ts';
import { openShop } from './shop.ts';
import { startSystem, type System } from './system.ts';
import { NO_REVISION } from '../platform/appends.ts';

export const summary = 'events/s that a rebuild of all read models applies, beside the live ones';

const ROOT = resolve(import.meta.dirname, '..');
const BUDGET = 0.8;
const LISTINGS = 250;
const APPENDS_IN_FLIGHT = 128;
/** A cart's life: opened, six items, one of them changed. */
const EVENTS_OF_A_CART = 8;
const LIMIT_MS = 15 * 60_000;

export async function run({ runs, events }: ScenarioOptions): Promise<Result[]> {
  const system = await startSystem();
  try {
    const storeId = await openShop(system, LISTINGS);
    const results: Result[] = [];
    let written = 0;
    for (const total of events) {
      await writeCarts(system, storeId, total - written);
      written = total;
      results.push(await measure(system, total, runs));
    }
    return results;
  } finally {
    await system.stop();
  }
}

async function measure(system: System, total: number, runs: number): Promise<Result> {
  const ceilings: number[] = [];
  const ours: number[] = [];
  for (let i = 0; i < runs; i++) {
    const client = await json<{ perSecond: number }>(system, 'perf/store-load.ts', 'read');
    const replay = await json<{ eventsPerSecond: number }>(
      system,
      'ops/main.ts',
      'replay',
      '--json',
    );
    ceilings.push(client.perSecond);
    ours.push(replay.eventsPerSecond);
  }
  return {
    name: `replay, ${total.toLocaleString('en')} events`,
    what: 'events/s that `ops -- replay` applies to all read models',
    value: Math.round(median(ours)),
    ceiling: Math.round(median(ceilings)),
    ceilingWhat: 'the client alone reads $all',
    budget: BUDGET,
    details: { ours, ceilings },
    memory: system.usage(),
  };
}

/** What a program of ours says in JSON. */
async function json<T>(system: System, file: string, ...args: string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...system.env },
    timeout: LIMIT_MS,
  });
  return JSON.parse(stdout) as T;
}

/** Writes carts as write-api would, but a whole cart an append: the log is what is measured here. */
async function writeCarts({ env }: System, storeId: string, events: number): Promise<void> {
  const client = connectEventStore(env.EVENT_STORE_URL!, asStored);
  let left = Math.ceil(events / EVENTS_OF_A_CART);
  const writer = async () => {
    while (left-- > 0) {
      await append(client, `cart-${randomUUID()}`, cartEvents(storeId), NO_REVISION);
    }
  };
  await Promise.all(Array.from({ length: APPENDS_IN_FLIGHT }, writer));
  await client.dispose();
}

function cartEvents(storeId: string) {
  const line = (i: number, quantity: number) => ({
    listingId: `${storeId}.s${i % LISTINGS}`,
    quantity,
  });
  const first = Math.floor(Math.random() * LISTINGS);
  const facts: [type: string, data: object][] = [
    ['CartOpened', {}],
    ...[0, 1, 2, 3, 4, 5].map((i): [string, object] => ['ItemAddedToCart', line(first + i, 1)]),
    ['CartItemQuantityChanged', line(first, 3)],
  ];
  return facts.map(([type, data]) => {
    const id = randomUUID();
    const at = new Date().toISOString();
    const cause = { $correlationId: id, $causationId: id, commandId: id };
    return { id, type, data, metadata: { ...cause, actor: 'anonymous', at, schemaVersion: 1 } };
  });
}
