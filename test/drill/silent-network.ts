import { setTimeout as delay } from 'node:timers/promises';
import { upcasterOf } from '../../engine/upcast.ts';
import { DECIDERS } from '../../domain/deciders.ts';
import type { Drill, Report } from '../../event-store/drill/drill.ts';
import { connectEventStore } from '../../platform/event-store.ts';
import { READY_PATH } from '../../platform/system.ts';
import { openStore, startParts, startShop, type Shop } from '../shop.ts';
import { startSilentProxy } from '../silent-proxy.ts';
import { silenceGateway } from './silent-gateway.ts';
import { STUCK_MS } from '../until-so.ts';

const SILENT_MS = { short: 6_000, long: 60_000 };
const BACK_WITHIN_MS = 10_000;
/** As long as nobody knows yet that it is silent, what was read before may be answered. */
const NOTICED_WITHIN_MS = 4_000;
const GIVE_UP_MS = 60_000;
const ASK_EVERY_MS = 250;

type Proxy = Awaited<ReturnType<typeof startSilentProxy>>;
type Server = 'Postgres' | 'the event store';
type Silenced = { backMs: number; faults: string[] };
type World = Awaited<ReturnType<typeof shopBehindProxies>>;

/** A shop whose ways to its servers can fall silent. */
async function shopBehindProxies() {
  const parts = await startParts();
  const proxyOf = async (url: string) => {
    const { hostname, port } = new URL(url.replace(/^esdb:/, 'http:'));
    const proxy = await startSilentProxy({ host: hostname, port: Number(port) });
    parts.cleanup.add(() => proxy.stop());
    const through = (direct: string) => direct.replace(`:${port}`, `:${proxy.port}`);
    return { proxy, through };
  };
  const postgres = await proxyOf(parts.databaseUrl);
  const eventStore = await proxyOf(parts.eventStoreUrl);
  const client = connectEventStore(eventStore.through(parts.eventStoreUrl), upcasterOf(DECIDERS));
  parts.cleanup.add(() => client.dispose());
  const databaseUrl = postgres.through(parts.databaseUrl);
  const vaultUrl = postgres.through(parts.vaultUrl);
  const gateway = Promise.withResolvers<Proxy>();
  const toGateway = async (url: string) => {
    const { proxy, through } = await proxyOf(url);
    gateway.resolve(proxy);
    return through(url);
  };
  const shop = await startShop({ parts: { ...parts, client, databaseUrl, vaultUrl }, toGateway });
  const proxies: Record<Server, Proxy> = {
    Postgres: postgres.proxy,
    'the event store': eventStore.proxy,
  };
  return { shop, proxies, gateway: await gateway.promise };
}

type StorePage = { delivery: { paused: boolean } };
type Asked = { status: number; paused: boolean | undefined };

async function askWhetherPaused(shop: Shop, storeId: string): Promise<Asked> {
  const signal = AbortSignal.timeout(STUCK_MS);
  const answer = await fetch(`${shop.readUrl}/stores/${storeId}`, { signal });
  const { delivery } = (await answer.json()) as Partial<StorePage>;
  return { status: answer.status, paused: delivery?.paused };
}

const pause = (shop: Shop, storeId: string, paused: boolean) =>
  shop.write('PUT', `/stores/${storeId}/pause`, { paused });

/**
 * One server is silent, and a shop pauses meanwhile, or tries to. What is read says so, or that it
 * cannot be told just now; once the server speaks again, all is as it was.
 */
async function fallSilent(
  { shop, proxies }: Pick<World, 'shop' | 'proxies'>,
  server: Server,
  silentMs: number,
): Promise<Silenced> {
  const faults: string[] = [];
  const { storeId, position } = await openStore(shop);
  await shop.read(`/stores/${storeId}`, position);
  proxies[server].fallSilent();
  const silentAt = performance.now();
  const wrote = pause(shop, storeId, true);
  while (performance.now() - silentAt < silentMs) {
    const askedMs = performance.now() - silentAt;
    const { status, paused } = await askWhetherPaused(shop, storeId);
    const isHonest = status === 503 || paused === true || server === 'the event store';
    if (askedMs > NOTICED_WITHIN_MS && !isHonest) {
      faults.push(`after ${Math.round(askedMs)} ms it is said that the shop is open`);
      break;
    }
    await delay(ASK_EVERY_MS);
  }
  const answered = await wrote;
  if (![200, 503].includes(answered.status)) faults.push(`a write got ${answered.status}`);
  proxies[server].speak();
  const spokeAt = performance.now();
  const backMs = await backAfter(shop, storeId, spokeAt);
  return { backMs, faults };
}

/** Until a pause is taken, is read, and every room says that it is ready. */
async function backAfter(shop: Shop, storeId: string, spokeAt: number): Promise<number> {
  for (;;) {
    const { status, position } = await pause(shop, storeId, true);
    if (status === 200) {
      const read = await shop.read<StorePage>(`/stores/${storeId}`, position);
      const origins = [shop.writeUrl, shop.readUrl].map((url) => new URL(url).origin);
      const ready = await Promise.all(origins.map((origin) => fetch(`${origin}${READY_PATH}`)));
      const isBack =
        read.status === 200 && read.body.delivery.paused && ready.every(({ ok }) => ok);
      if (isBack || performance.now() - spokeAt > GIVE_UP_MS) return performance.now() - spokeAt;
    }
    await delay(ASK_EVERY_MS);
  }
}

export const silentNetwork: Drill = {
  name: 'silent-network',
  summary:
    'packets to Postgres, the event store or the payment gateway are dropped without a reset: ' +
    'back within 10 s',
  cheats: [],
  async run({ extent }): Promise<Report> {
    const world = await shopBehindProxies();
    try {
      const numbers: Record<string, string> = {};
      const faults: string[] = [];
      const note = (server: string, { backMs, faults: found }: Silenced) => {
        numbers[`${server} back after`] = `${Math.round(backMs)} ms`;
        faults.push(...found.map((fault) => `${server}: ${fault}`));
        if (backMs > BACK_WITHIN_MS) faults.push(`${server}: back after ${Math.round(backMs)} ms`);
      };
      const silentMs = SILENT_MS[extent];
      for (const server of Object.keys(world.proxies) as Server[]) {
        note(server, await fallSilent(world, server, silentMs));
      }
      note('the gateway', await silenceGateway(world.shop, world.gateway, silentMs));
      return { numbers, faults };
    } finally {
      await world.shop.stop();
    }
  },
};
