import { setTimeout as delay } from 'node:timers/promises';
import { DECIDERS } from '../../domain/deciders.ts';
import { upcasterOf } from '../../engine/upcast.ts';
import type { Drill, Report } from '../../event-store/drill/drill.ts';
import { startCluster, type Cluster } from '../../event-store/testing/cluster.ts';
import { startParts, startShop } from '../shop.ts';
import { asStored, connectEventStore } from '../../platform/event-store.ts';
import { Load } from './load.ts';

const ROUNDS = { short: 1, long: 4 };
const BACK_AFTER_DEATH_MS = 3_000;
const BACK_AFTER_FREEZE_MS = 5_000;
/** How long the gossip goes on naming a leader that is frozen. */
const NAMED_MS = { short: 3_000, long: 8_000 };
/** How long a leader is not ready. */
const NOT_READY_MS = { short: 1_000, long: 5_000 };
/** How long all is well before the next trial. */
const WELL_MS = { short: 500, long: 2_000 };

/** A shop whose event store is a cluster, and what writes and reads there. */
async function shopOfCluster() {
  const parts = await startParts();
  const { port } = new URL(parts.eventStoreUrl.replace('esdb:', 'http:'));
  const cluster = await startCluster(Number(port));
  parts.cleanup.add(() => cluster.close());
  const connect = (url: string, upcast = asStored) => {
    const client = connectEventStore(url, upcast);
    parts.cleanup.add(() => client.dispose());
    return client;
  };
  const client = connect(cluster.url, upcasterOf(DECIDERS));
  const shop = await startShop({ parts: { ...parts, client, eventStoreUrl: cluster.url } });
  const load = new Load({
    shop,
    client: connect(cluster.url),
    direct: connect(parts.eventStoreUrl),
  });
  return { cluster, shop, load };
}

type Extent = 'short' | 'long';
type Trial = {
  /** Resolves at the moment from which writes must be back, and says what it could not do. */
  run: (cluster: Cluster, extent: Extent) => Promise<string | undefined | void>;
  /** Before the others name a new leader, time is counted from the fault. */
  countsFromFault?: boolean;
  backWithinMs?: number;
};

const TRIALS: Record<string, Trial> = {
  'calls that end with 13': {
    run: async (cluster) => cluster.leader().endCalls(),
  },
  'a subscriber too slow': {
    run: async (cluster) =>
      cluster.leader().endSubscriptions() === 0 ? 'nobody had subscribed' : undefined,
  },
  'a leader not ready': {
    async run(cluster, extent) {
      const leader = cluster.leader();
      leader.isReady = false;
      await delay(NOT_READY_MS[extent]);
      leader.isReady = true;
    },
  },
  'another leader': {
    run: async (cluster) => cluster.name(cluster.nodes.find((node) => node !== cluster.leader())!),
  },
  death: {
    run: (cluster) => cluster.die(cluster.leader()),
    countsFromFault: true,
    backWithinMs: BACK_AFTER_DEATH_MS,
  },
  freeze: {
    run: (cluster, extent) => cluster.freeze(cluster.leader(), NAMED_MS[extent]),
    backWithinMs: BACK_AFTER_FREEZE_MS,
  },
};

/** Does it to the leader, waits until all write again, and lets the node come back. */
async function tryOut(
  name: string,
  { cluster, load }: Awaited<ReturnType<typeof shopOfCluster>>,
  extent: Extent,
): Promise<{ backMs: number; fault: string | undefined }> {
  const { run, countsFromFault, backWithinMs } = TRIALS[name]!;
  const faultMs = performance.now();
  let fault = (await run(cluster, extent)) ?? undefined;
  const backMs = await load.back(countsFromFault ? faultMs : performance.now());
  const isLate = extent === 'long' && backWithinMs !== undefined && backMs > backWithinMs;
  if (isLate) fault = `writes were back after ${Math.round(backMs)} of ${backWithinMs} ms`;
  for (const node of cluster.nodes) if (!node.isAlive) await cluster.revive(node);
  return { backMs, fault: fault && `${name}: ${fault}` };
}

export const leader: Drill = {
  name: 'leader',
  summary:
    'a cluster’s leader dies, freezes, is not ready under load: writes back, none lost, none twice',
  cheats: [],
  async run({ extent }): Promise<Report> {
    const world = await shopOfCluster();
    try {
      const numbers: Record<string, string | number> = {};
      const faults: string[] = [];
      await world.load.start();
      await world.load.back();
      for (let round = 0; round < ROUNDS[extent]; round++) {
        for (const name of Object.keys(TRIALS)) {
          await delay(WELL_MS[extent]);
          const { backMs, fault } = await tryOut(name, world, extent);
          const longest = Math.max(backMs, Number.parseInt(String(numbers[name] ?? 0), 10));
          numbers[name] = `${Math.round(longest)} ms`;
          if (fault) faults.push(fault);
        }
      }
      faults.push(...(await world.load.end()));
      return { numbers: { ...numbers, ...world.load.numbers }, faults };
    } finally {
      await world.load.stop();
      await world.shop.stop();
    }
  },
};
