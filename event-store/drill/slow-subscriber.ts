import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inFolder, type Drill, type Options, type Report } from './drill.ts';
import { end, launch, startStore } from './processes.ts';
import { compare, faultsOf, Writer } from './record.ts';

/** Only the long form is held to a rate: beside the short one a machine may do other things. */
const PER_SECOND = { short: 1_000, long: 3_000 };
const PHASE_MS = { short: 2_000, long: 60_000 };
const STREAMS = 256;
const WARM_UP_MS = 1_500;
const GROWTH_MIB = 64;
const KEPT_SHARE = 0.9;
const SAMPLE_MS = 250;
const SUBSCRIBER = join(import.meta.dirname, 'subscriber.ts');

const residentMiB = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;

/** Appends per second, and the most memory that the store had meanwhile. */
async function measure(
  writer: Writer,
  pid: number,
  forMs: number,
): Promise<{ rate: number; peakMiB: number }> {
  const [beganMs, before] = [performance.now(), writer.acknowledged.length];
  let peakMiB = 0;
  while (performance.now() - beganMs < forMs) {
    await delay(SAMPLE_MS);
    peakMiB = Math.max(peakMiB, residentMiB(pid));
  }
  const tookS = (performance.now() - beganMs) / 1000;
  return { rate: Math.round((writer.acknowledged.length - before) / tookS), peakMiB };
}

export const slowSubscriber: Drill = {
  name: 'slow-subscriber',
  summary: 'a subscriber that takes 1 event/s: memory stays flat, appends keep 90 % of their rate',
  cheats: ['hoards-events'],
  run: ({ extent, cheat }: Options): Promise<Report> =>
    inFolder(async (dir) => {
      const store = await startStore(dir, { cheat });
      const pid = store.child.pid!;
      const writer = new Writer(store.url, { streams: STREAMS, perSecond: PER_SECOND[extent] });
      await writer.until(({ acknowledged }) => acknowledged.length > 0, 'its first append');
      await delay(WARM_UP_MS);
      const alone = await measure(writer, pid, PHASE_MS[extent]);
      let handled = 0;
      const subscriber = launch(SUBSCRIBER, { args: [store.url] }, () => (handled += 1));
      const beside = await measure(writer, pid, PHASE_MS[extent]);
      await end(subscriber, 'SIGKILL');
      await writer.stop();
      const tally = await compare(store.url, [writer]);
      await end(store.child, 'SIGTERM');
      const growthMiB = Math.round(beside.peakMiB - alone.peakMiB);
      const isSlower = extent === 'long' && beside.rate < KEPT_SHARE * alone.rate;
      return {
        numbers: {
          ...tally,
          appendsPerSecondAlone: alone.rate,
          appendsPerSecondBeside: beside.rate,
          peakMiBAlone: Math.round(alone.peakMiB),
          peakMiBBeside: Math.round(beside.peakMiB),
          growthMiB,
          handled,
        },
        faults: [
          ...faultsOf(tally),
          ...(growthMiB < GROWTH_MIB ? [] : [`memory grew by ${growthMiB} MiB`]),
          ...(isSlower ? [`appends fell from ${alone.rate}/s to ${beside.rate}/s`] : []),
          ...(handled === 0 ? ['the subscriber handled nothing'] : []),
        ],
      };
    }),
};
