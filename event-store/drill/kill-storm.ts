import { setTimeout as delay } from 'node:timers/promises';
import { inFolder, percentile, type Drill, type Options, type Report } from './drill.ts';
import { end, startStore } from './processes.ts';
import { compare, faultsOf, Writer } from './record.ts';

const KILLS = { short: 8, long: 200 };
const STREAMS = 16;
const LIFE_MS = { shortest: 50, longest: 300 };
/** From the kill to the next acknowledged append, start of the process included. Held when long. */
const BACK_WITHIN_MS = 2_000;

export const killStorm: Drill = {
  name: 'kill-storm',
  summary: `kill -9 at random moments under ${STREAMS} concurrent appends: 0 lost, 0 doubled, 0 gaps`,
  cheats: ['acknowledges-early', 'writes-repeats-again'],
  run: ({ extent, cheat }: Options): Promise<Report> =>
    inFolder(async (dir) => {
      let store = await startStore(dir, { cheat });
      const writer = new Writer(store.url, { streams: STREAMS });
      const backMs: number[] = [];
      await writer.until(({ acknowledged }) => acknowledged.length > 0, 'the first append');
      for (let kill = 0; kill < KILLS[extent]; kill += 1) {
        if (writer.contradictions.length > 0) break;
        const { shortest, longest } = LIFE_MS;
        await delay(shortest + Math.random() * (longest - shortest));
        const killedMs = performance.timeOrigin + performance.now();
        await end(store.child, 'SIGKILL');
        store = await startStore(dir, { port: store.port, cheat });
        // What was on its way when the store died is no sign that it is back.
        const deadMs = performance.timeOrigin + performance.now() - killedMs;
        backMs.push(deadMs + (await writer.nextAcknowledgement(killedMs + deadMs)));
      }
      await writer.stop();
      const tally = await compare(store.url, [writer]);
      await end(store.child, 'SIGTERM');
      const p99 = percentile(backMs, 0.99);
      const isSlow = extent === 'long' && p99 > BACK_WITHIN_MS;
      const slow = isSlow ? [`back after ${p99} ms, not ${BACK_WITHIN_MS}`] : [];
      const repeats = writer.refused.length;
      return {
        numbers: {
          kills: backMs.length,
          ...tally,
          repeats,
          backP50Ms: percentile(backMs, 0.5),
          backP99Ms: p99,
        },
        faults: [
          ...faultsOf(tally),
          ...slow,
          ...(repeats === 0 ? ['no kill interrupted an append'] : []),
        ],
      };
    }),
};
