import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { asStored, connectEventStore, headOfLog } from '../platform/event-store.ts';
import { codeOf } from '../platform/signature.ts';
import { PRICE_LIST, readWorkload, type Basket, type Listing, type Workload } from './baskets.ts';
import { startMeter } from './load.ts';
import type { Result, ScenarioOptions } from './scenario.ts';
import { Refused, registerShop, passOf } from './shop.ts';
import { createCommands, type Commands, type Item, type Order } from './shopper.ts';
import { startSystem, type System } from './system.ts';

export const summary = 'real orders of many shops, from the cart to the door, and what they leave';

const ROOT = resolve(import.meta.dirname, '..');
/** At this rate, on average, the first half of the orders comes, as far apart as they were. */
const ORDERS_PER_SECOND = 20;
const KEPT_UP = 0.95;
const SHOPPERS = 64;
/** Of so many orders, the shops leave one for later. */
const LEFT_FOR_LATER_EVERY = 4;
const SHOPS_AT_ONCE = 8;
/** As many as one delivery note may have. */
const RECEIVED_LINES = 200;
/** The reactor acts within seconds: when nothing comes for so long, nothing will. */
const QUIET_MS = 3_000;
const MAX_SETTLING_SECONDS = 30;
const PATIENCE_MS = 120_000;
/** What `ops -- prove` grants the reactor: what is younger is not looked at for completeness. */
const GRACE_MS = 61_000;

type Shops = Map<string, string>;

type Phase = {
  orders: number;
  refused: number;
  seconds: number;
  /** How much later than due the last order began. */
  lateMs: number;
  cores: Record<string, number>;
};

export async function run({ orders, data }: ScenarioOptions): Promise<Result[]> {
  const workload = readWorkload(data, orders);
  const system = await startSystem();
  try {
    const commands = await createCommands(system.env.ORIGIN_WRITE_API!);
    const shops = await openShops(system, commands, workload);
    commands.latencies();
    const half = Math.ceil(workload.baskets.length / 2);
    const baskets = [workload.baskets.slice(0, half), workload.baskets.slice(half)] as const;
    const factor = factorOf(baskets[0]);
    const inTime = await serve(system, commands, shops, baskets[0], factor);
    const latenciesInTime = commands.latencies();
    const flatOut = await serve(system, commands, shops, baskets[1], Infinity);
    const latenciesFlatOut = commands.latencies();
    const settledSeconds = await settle(system);
    await delay(GRACE_MS);
    await prove(system);
    const [rate, fullRate] = [rateOf(inTime), rateOf(flatOut)];
    return [
      {
        name: 'workload, in time',
        what: `orders/s, ${phaseText(inTime)}`,
        value: rate,
        ceiling: ORDERS_PER_SECOND,
        ceilingWhat: `when they came, ${Math.round(factor).toLocaleString('en')} times as fast`,
        budget: KEPT_UP,
        latencies: latenciesInTime,
        cores: inTime.cores,
        details: { inTime, flatOut, leftOutLines: workload.leftOutLines },
      },
      {
        name: 'workload, flat out',
        what: `orders/s, ${phaseText(flatOut)}`,
        value: fullRate,
        ceiling: rate,
        ceilingWhat: 'in time',
        budget: 0,
        latencies: latenciesFlatOut,
        cores: flatOut.cores,
        memory: system.usage(),
      },
      {
        name: 'workload, settled',
        what: 's until stock, bills and orders have followed the last delivery',
        value: settledSeconds,
        ceiling: MAX_SETTLING_SECONDS,
        ceilingWhat: 'asked for',
        budget: 1,
        atMost: true,
      },
    ];
  } finally {
    await system.stop();
  }
}

const phaseText = ({ orders, refused }: Phase): string =>
  `${orders.toLocaleString('en')} of them, ${refused} refused for want of stock`;

const rateOf = ({ orders, seconds }: Phase): number => Math.round((10 * orders) / seconds) / 10;

/** How many times as fast as it was. */
function factorOf(baskets: Basket[]): number {
  const tookMs = baskets.at(-1)!.atMs - baskets[0]!.atMs;
  return tookMs / 1000 / (baskets.length / ORDERS_PER_SECOND);
}

/** Each of the jobs once, so many at a time. */
async function inParallel<Job>(
  atOnce: number,
  jobs: Iterable<Job>,
  work: (job: Job) => Promise<void>,
): Promise<void> {
  const queue = jobs[Symbol.iterator]();
  const worker = async () => {
    for (let next = queue.next(); !next.done; next = queue.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** The shops by the data's number: half of their stock is counted, half of it received. */
async function openShops(system: System, commands: Commands, { shops }: Workload): Promise<Shops> {
  const ids: Shops = new Map();
  await inParallel(SHOPS_AT_ONCE, shops, async ([store, listings]) => {
    const all = [...listings.values()];
    const counted = ({ stock }: Listing) => Math.floor(stock / 2);
    const rows = all.map((listing) => [...listing.row, counted(listing)]);
    const csv = [[...PRICE_LIST, 'stock'], ...rows].map(csvLine).join('\n');
    const storeId = await registerShop(system, `Shop ${store}`, csv);
    const received = all.map((listing) => {
      return { sku: listing.sku, quantity: listing.stock - counted(listing) };
    });
    const lines = received.filter(({ quantity }) => quantity > 0);
    for (let at = 0; at < lines.length; at += RECEIVED_LINES) {
      const body = { lines: lines.slice(at, at + RECEIVED_LINES) };
      const path = `/stores/${storeId}/stock/receive`;
      await commands.take('receive', 'POST', path, body, passOf(system, storeId));
    }
    ids.set(store, storeId);
  });
  return ids;
}

const csvLine = (cells: (string | number)[]): string =>
  cells.map((cell) => `"${`${cell}`.replaceAll('"', '""')}"`).join(',');

/** Places orders as far apart as they were, `factor` times as fast, and has shops work on them. */
async function serve(
  system: System,
  commands: Commands,
  shops: Shops,
  baskets: Basket[],
  factor: number,
): Promise<Phase> {
  const coresSince = startMeter(system);
  const beganMs = performance.now();
  const phase = { orders: baskets.length, refused: 0, lateMs: 0 };
  await inParallel(SHOPPERS, baskets.entries(), async ([turn, { atMs, items }]) => {
    const dueMs = beganMs + (atMs - baskets[0]!.atMs) / factor;
    await delay(Math.max(0, dueMs - performance.now()));
    phase.lateMs = Math.max(phase.lateMs, Math.round(performance.now() - dueMs));
    const ordered = wanted(items, shops);
    const placed = await buy(commands, ordered);
    if (!placed) phase.refused += 1;
    else if (turn % LEFT_FOR_LATER_EVERY > 0) await deliver(system, commands, placed, ordered);
  });
  const seconds = (performance.now() - beganMs) / 1000;
  return { ...phase, seconds, cores: coresSince(seconds) };
}

const wanted = (items: Basket['items'], shops: Shops): Item[] =>
  items.map(({ store, sku, quantity }) => ({ listingId: `${shops.get(store)}.${sku}`, quantity }));

/** Undefined where a shop has too little: then it says so of what was wanted, and truly. */
async function buy(commands: Commands, items: Item[]): Promise<Order | undefined> {
  try {
    return await commands.buy(items);
  } catch (error) {
    if (!(error instanceof Refused) || error.body.code !== 'INSUFFICIENT_STOCK') throw error;
    const shortages = error.body.shortages as { listingId: string; left: number }[];
    const isHonest = shortages.every(({ listingId, left }) =>
      items.some((item) => item.listingId === listingId && item.quantity > left),
    );
    if (shortages.length === 0 || !isHonest) throw error;
    return undefined;
  }
}

/** Every store order, step by step, all that was ordered in its basket. */
async function deliver(
  system: System,
  commands: Commands,
  { storeOrders }: Order,
  items: Item[],
): Promise<void> {
  for (const { storeOrderId, storeId } of storeOrders) {
    const pass = passOf(system, storeId);
    const step = (name: string, body?: object) =>
      commands.take(name, 'POST', `/store-orders/${storeOrderId}/${name}`, body, pass);
    await step('accept');
    await step('picks', {
      lines: items.filter(({ listingId }) => listingId.startsWith(`${storeId}.`)),
    });
    await step('pack');
    await step('dispatch');
    await step('deliver', { code: codeOf(system.env.DELIVERY_CODE_SECRET!, storeOrderId) });
  }
}

/** Waits until nothing more follows from what was done; how many seconds that took. */
async function settle({ env }: System): Promise<number> {
  const client = connectEventStore(env.EVENT_STORE_URL!, asStored);
  const beganMs = performance.now();
  let head = -1n;
  let movedMs = beganMs;
  while (performance.now() - movedMs < QUIET_MS) {
    const now = await headOfLog(client);
    if (now !== head) movedMs = performance.now();
    if (movedMs - beganMs > PATIENCE_MS) throw new Error('the log does not come to rest');
    head = now;
    await delay(QUIET_MS / 10);
  }
  await client.dispose();
  return Math.round((movedMs - beganMs) / 100) / 10;
}

/** Has every invariant checked over the whole log. Throws when one does not hold. */
async function prove({ env }: System): Promise<void> {
  const child = spawn(process.execPath, [join(ROOT, 'ops/main.ts'), 'prove'], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    // Stdout is for the results.
    stdio: ['ignore', 2, 2],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error('what the orders left behind is not proven: see above');
}
