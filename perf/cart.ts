import { load, medianRun, type LoadOptions } from './load.ts';
import type { Result, ScenarioOptions } from './main.ts';
import { openShop, send } from './shop.ts';
import { startProgram, startSystem } from './system.ts';

export const summary = 'PUT of an item through write-api, each shopper their own cart, durable';

const CONNECTIONS = 64;
const LISTINGS = 50;
const BUDGET = 0.7;

/** Every request of a shopper changes their cart, so that every one is an append. */
const shopper =
  (carts: string[], storeId: string): LoadOptions['setupClient'] =>
  (client, index) => {
    let turn = 0;
    const setupRequest = (request: object) => {
      const item = turn % LISTINGS;
      const quantity = 1 + (Math.floor(turn / LISTINGS) % 99);
      turn += 1;
      const path = `/api/write/carts/${carts[index]}/items/${storeId}.s${item}`;
      return { ...request, path, body: JSON.stringify({ quantity }) };
    };
    const headers = { 'content-type': 'application/json' };
    client.setRequests([{ method: 'PUT', headers, setupRequest }]);
  };

export async function run({ seconds, runs }: ScenarioOptions): Promise<Result[]> {
  const system = await startSystem();
  const { EVENTSTORE_URL, ORIGIN_WRITE_API } = system.env;
  const bare = await startProgram('perf/bare.ts', { EVENTSTORE_URL: EVENTSTORE_URL! });
  try {
    const storeId = await openShop(system, LISTINGS);
    const newCarts = () =>
      Promise.all(
        Array.from({ length: CONNECTIONS }, async () => {
          const url = `${ORIGIN_WRITE_API}/api/write/carts`;
          return (await send<{ cartId: string }>(url, 'POST')).cartId;
        }),
      );
    const shape = { connections: CONNECTIONS, seconds };
    const ceilings = [];
    const measured = [];
    for (let i = 0; i <= runs; i++) {
      const setupClient = shopper(await newCarts(), storeId)!;
      const ceiling = await load({ ...shape, url: bare.url, setupClient }, system);
      const ours = await load({ ...shape, url: ORIGIN_WRITE_API!, setupClient }, system);
      // The first pair warms both up.
      if (i === 0) continue;
      ceilings.push(ceiling);
      measured.push(ours);
    }
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
