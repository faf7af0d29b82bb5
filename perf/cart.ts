import { load, medianRun, type Load, type LoadOptions } from './load.ts';
import type { Result, ScenarioOptions } from './scenario.ts';
import { openSession, openShop, send, type Guest } from './shop.ts';
import { startProgram, startSystem, type System } from './system.ts';
import { takeTurns } from './turns.ts';

export const summary = 'PUT of an item through write-api, each shopper their own cart, durable';

const CONNECTIONS = 64;
export const LISTINGS = 50;
const BUDGET = 0.7;
/** What a cart holds of each item before; every request sets another quantity. */
const FIRST_QUANTITY = 2;

/** A cart for each shopper, at a shop; the browsers of all send the same session. */
type Carts = { carts: string[]; guest: Guest; storeId: string };

/** Every request of a shopper changes their cart, so that every one is an append. */
const shopper =
  ({ carts, guest, storeId }: Carts, round: number): LoadOptions['setupClient'] =>
  (client, index) => {
    let turn = 0;
    const setupRequest = (request: object) => {
      const item = turn % LISTINGS;
      const quantity = FIRST_QUANTITY + ((round * 7 + Math.floor(turn / LISTINGS)) % 90);
      turn += 1;
      const path = `/api/write/carts/${carts[index]}/items/${storeId}.s${item}`;
      return { ...request, path, body: JSON.stringify({ quantity }) };
    };
    const headers = { 'content-type': 'application/json', ...guest };
    client.setRequests([{ method: 'PUT', headers, setupRequest }]);
  };

/** Puts items into carts for a while; `round` is another one each time. */
export const putItems = (
  { url, ...carts }: Carts & { url: string },
  round: number,
  seconds: number,
  system: System,
): Promise<Load> => {
  const setupClient = shopper(carts, round);
  return load({ url, connections: CONNECTIONS, seconds, setupClient }, system);
};

export async function run({ seconds, runs }: ScenarioOptions): Promise<Result[]> {
  const system = await startSystem();
  const { EVENT_STORE_URL, ORIGIN_WRITE_API } = system.env;
  const bare = await startProgram('perf/bare.ts', { env: { EVENT_STORE_URL: EVENT_STORE_URL! } });
  try {
    const storeId = await openShop(system, LISTINGS);
    const newCarts = () => fillCarts(ORIGIN_WRITE_API!, storeId);
    const bareShop = { url: bare.url, ...(await newCarts()) };
    const ourShop = { url: ORIGIN_WRITE_API!, ...(await newCarts()) };
    const [ceilings, measured] = await takeTurns(
      runs,
      (round) => putItems(bareShop, round, seconds, system),
      (round) => putItems(ourShop, round, seconds, system),
    );
    const [ceiling, ours] = [medianRun(ceilings), medianRun(measured)];
    return [
      {
        name: 'cart',
        what: `items put in carts/s, ${CONNECTIONS} shoppers`,
        value: ours.requestsPerSecond,
        ceiling: ceiling.requestsPerSecond,
        ceilingWhat: 'bare Fastify, one append through the same client',
        budget: BUDGET,
        details: { ours, ceiling },
        cores: ours.cores,
        memory: system.usage(),
      },
    ];
  } finally {
    await bare.stop();
    await system.stop();
  }
}

/** A cart for each shopper that holds one of every item, so that each request changes a line. */
export async function fillCarts(writeApi: string, storeId: string): Promise<Carts> {
  const guest = await openSession(writeApi);
  const fill = async () => {
    const carts = `${writeApi}/api/write/carts`;
    const { cartId } = await send<{ cartId: string }>(carts, 'POST', undefined, { guest });
    for (let item = 0; item < LISTINGS; item++) {
      const path = `${carts}/${cartId}/items/${storeId}.s${item}`;
      await send(path, 'PUT', '{"quantity":1}', { guest });
    }
    return cartId;
  };
  return { carts: await Promise.all(Array.from({ length: CONNECTIONS }, fill)), guest, storeId };
}
