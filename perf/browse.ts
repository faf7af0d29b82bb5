import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load, medianRun, type Load } from './load.ts';
import type { Result, ScenarioOptions } from './scenario.ts';
import { openShop } from './shop.ts';
import { startProgram, startSystem } from './system.ts';
import { takeTurns } from './turns.ts';

export const summary = "a catalogue's first page, from read-api and as a hit at the edge";

const CONNECTIONS = 32;
const LISTINGS = 250;
const TURN_SECONDS = 2;
const READ_BUDGET = 0.5;
const EDGE_BUDGET = 0.7;

export async function run({ seconds, runs }: ScenarioOptions): Promise<Result[]> {
  const system = await startSystem();
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-perf-'));
  const storeId = await openShop(system, LISTINGS);
  const path = `/api/read/stores/${storeId}/catalogue`;
  const body = await fullPage(`${system.env.ORIGIN_READ_API}${path}`);
  await writeFile(join(dir, 'body.json'), body);
  const bare = await startProgram('perf/bare.ts', { env: { BODY_FILE: join(dir, 'body.json') } });
  try {
    const askAt = (origin: string) => () =>
      load({ url: `${origin}${path}`, connections: CONNECTIONS, seconds: TURN_SECONDS }, system);
    const [ceilings, reads, hits] = await takeTurns(
      Math.ceil((runs * seconds) / TURN_SECONDS),
      askAt(bare.url),
      askAt(system.env.ORIGIN_READ_API!),
      askAt(system.url),
    );
    const ceiling = medianRun(ceilings);
    const compare = (name: string, ours: Load, budget: number, where: string): Result => ({
      name: `browse, ${name}`,
      what: `first pages/s (${body.length} bytes) ${where}, ${CONNECTIONS} connections`,
      value: ours.requestsPerSecond,
      ceiling: ceiling.requestsPerSecond,
      ceilingWhat: 'bare Fastify, the same bytes',
      budget,
      details: { ours, ceiling },
      cores: ours.cores,
      memory: system.usage(),
    });
    return [
      compare('read', medianRun(reads), READ_BUDGET, 'from read-api'),
      compare('edge', medianRun(hits), EDGE_BUDGET, 'as a hit at the edge'),
    ];
  } finally {
    await bare.stop();
    await system.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** The page once all that was imported is on it. */
async function fullPage(url: string): Promise<string> {
  for (;;) {
    const text = await (await fetch(url)).text();
    const { categories = [] } = JSON.parse(text) as { categories?: { count: number }[] };
    if (categories.reduce((sum, { count }) => sum + count, 0) === LISTINGS) return text;
  }
}
