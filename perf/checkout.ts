import { asStored, connectEventStore, headOfLog, isEnginesOwn } from '../platform/event-store.ts';
import { readRawLog } from '../platform/raw-events.ts';
import { LISTINGS, fillCarts, putItems } from './cart.ts';
import { medianRun, quantile, startMeter, type Load } from './load.ts';
import type { Result, ScenarioOptions } from './scenario.ts';
import { Refused, openShop } from './shop.ts';
import { createCommands, type Commands, type Item, type Latency } from './shopper.ts';
import { startSystem, type System } from './system.ts';
import { takeTurns } from './turns.ts';

export const summary = 'whole checkouts: three items at two shops, to the confirmed order, durable';

const SHOPPERS = 64;
const SHOPS = 16;
/** Nothing is to run out. */
const PLENTY = 1_000_000;
/** Enough to count what one appends. */
const COUNTED_ORDERS = 10;
const BUDGET = 0.25;

/** Shoppers who want what is left of a shop: as many items, one of each. */
const RIVALS = 64;
/** So many of them want the same item, and take the next one where they come too late. */
const RIVALS_PER_ITEM = 8;
const MAX_P99_MS = 500;

type Checkouts = Load & { latencies: Latency[] };

export async function run({ seconds, runs }: ScenarioOptions): Promise<Result[]> {
  const system = await startSystem();
  try {
    const url = system.env.ORIGIN_WRITE_API!;
    const shops: string[] = [];
    for (let i = 0; i < SHOPS; i++) shops.push(await openShop(system, LISTINGS, PLENTY));
    const storeId = shops[0]!;
    const carts = { url, ...(await fillCarts(url, storeId)) };
    const [ceilings, measured] = await takeTurns(
      runs,
      (round) => putItems(carts, round, seconds, system),
      () => checkOut(system, shops, seconds),
    );
    const [ceiling, ours] = [medianRun(ceilings), medianRun(measured)];
    const { requestsPerSecond: ordersPerSecond, latencies } = ours;
    const appendsPerOrder = await countAppends(system, shops);
    return [
      {
        name: 'checkout',
        what: `appends/s of ${ordersPerSecond} orders/s, ${appendsPerOrder} each, ${SHOPPERS} shoppers`,
        value: Math.round(ordersPerSecond * appendsPerOrder),
        ceiling: ceiling.requestsPerSecond,
        ceilingWhat: 'items put in carts/s, one append each',
        budget: BUDGET,
        details: { ours, ceiling },
        latencies,
        cores: ours.cores,
        memory: system.usage(),
      },
      await contendOften(system, runs),
    ];
  } finally {
    await system.stop();
  }
}

/** Shoppers who check out one cart after the other for a while. */
async function checkOut(system: System, shops: string[], seconds: number): Promise<Checkouts> {
  const commands = await createCommands(system.env.ORIGIN_WRITE_API!);
  const coresSince = startMeter(system);
  const beganMs = performance.now();
  const elapsed = () => (performance.now() - beganMs) / 1000;
  let orders = 0;
  const ordersMs: number[] = [];
  const shopper = async () => {
    while (elapsed() < seconds) {
      const startedMs = performance.now();
      await commands.buy(basket(shops, orders++));
      ordersMs.push(performance.now() - startedMs);
    }
  };
  await Promise.all(Array.from({ length: SHOPPERS }, shopper));
  const took = elapsed();
  return {
    requestsPerSecond: Math.round((10 * orders) / took) / 10,
    p50Ms: quantile(ordersMs, 0.5),
    p99Ms: quantile(ordersMs, 0.99),
    cores: coresSince(took),
    latencies: commands.latencies(),
  };
}

/** Two items at one shop and one at another; each order others. */
function basket(shops: string[], turn: number): Item[] {
  const [near, far] = [shops[turn % SHOPS]!, shops[(turn + 1) % SHOPS]!];
  const item = (storeId: string, at: number): Item => {
    return { listingId: `${storeId}.s${at % LISTINGS}`, quantity: 2 };
  };
  return [item(near, turn), item(near, turn + 1), item(far, turn)];
}

/** What an order appends, from the log; the services' own bookkeeping aside. */
async function countAppends({ env }: System, shops: string[]): Promise<number> {
  const client = connectEventStore(env.EVENT_STORE_URL!, asStored);
  const commands = await createCommands(env.ORIGIN_WRITE_API!);
  const after = await headOfLog(client);
  for (let turn = 0; turn < COUNTED_ORDERS; turn++) await commands.buy(basket(shops, turn));
  let appends = 0;
  for await (const { stream } of readRawLog(client, after)) {
    if (!stream.startsWith('$') && !isEnginesOwn(stream)) appends += 1;
  }
  await client.dispose();
  return appends / COUNTED_ORDERS;
}

/** The median of so many races. */
async function contendOften(system: System, runs: number): Promise<Result> {
  const races: Latency[][] = [];
  for (let i = 0; i < runs; i++) races.push(await contend(system));
  const ordersOf = (race: Latency[]) => race.find(({ command }) => command === 'order')!;
  const sorted = races.toSorted((a, b) => ordersOf(a).p99Ms - ordersOf(b).p99Ms);
  const latencies = sorted[sorted.length >> 1]!;
  const orders = ordersOf(latencies);
  return {
    name: 'checkout, contention',
    what: `ms p99 of ${orders.count} orders for the last ${RIVALS} items, ${RIVALS} shoppers`,
    value: orders.p99Ms,
    ceiling: MAX_P99_MS,
    ceilingWhat: 'asked for',
    budget: 1,
    atMost: true,
    latencies,
    details: { p99Ms: races.map((race) => ordersOf(race).p99Ms) },
  };
}

/** 64 shoppers race for the last one of 64 items. Throws unless each gets one. */
async function contend(system: System): Promise<Latency[]> {
  const storeId = await openShop(system, RIVALS, 1);
  const commands = await createCommands(system.env.ORIGIN_WRITE_API!);
  const carts = await Promise.all(Array.from({ length: RIVALS }, () => commands.openCart()));
  commands.latencies();
  const bought = await Promise.all(
    carts.map((cartId, rival) => buyWhatIsLeft(commands, cartId, storeId, rival)),
  );
  if (new Set(bought).size !== RIVALS) throw new Error('an item was sold twice');
  return commands.latencies();
}

/** Orders the first item that the others left; its SKU. */
async function buyWhatIsLeft(
  commands: Commands,
  cartId: string,
  storeId: string,
  rival: number,
): Promise<string> {
  const first = rival - (rival % RIVALS_PER_ITEM);
  for (let at = first; at < first + RIVALS_PER_ITEM; at++) {
    const listingId = `${storeId}.s${at}`;
    await commands.setItem(cartId, { listingId, quantity: 1 });
    try {
      await commands.order(cartId);
      return listingId;
    } catch (error) {
      if (!(error instanceof Refused) || error.body.code !== 'INSUFFICIENT_STOCK') throw error;
    }
    await commands.setItem(cartId, { listingId, quantity: 0 });
  }
  throw new Error(`shopper ${rival} got nothing, although there was one for each`);
}
