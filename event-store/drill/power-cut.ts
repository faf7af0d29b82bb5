import { setTimeout as delay } from 'node:timers/promises';
import { cannotMount, loopDisk } from './disks.ts';
import { inFolder, percentile, type Drill, type Options, type Report } from './drill.ts';
import { end, endAll, startStore } from './processes.ts';
import { compare, faultsOf, Writer } from './record.ts';

const CUTS = { short: 2, long: 40 };
const STREAMS = 16;
const LIFE_MS = { shortest: 200, longest: 700 };

export const powerCut: Drill = {
  name: 'power-cut',
  summary: 'the disk loses what was not synced, at random moments: 0 lost, the log opens again',
  cheats: ['skips-fsync'],
  run({ extent, cheat }: Options): Promise<Report> {
    const reason = cannotMount('mkfs.ext4', 'perl');
    if (reason) return Promise.resolve({ skipped: reason });
    return inFolder(async (dir) => {
      const disk = loopDisk(dir);
      try {
        disk.mount();
      } catch (error) {
        return { skipped: `a loop device cannot be mounted here: ${(error as Error).message}` };
      }
      try {
        let store = await startStore(disk.path, { cheat });
        const writer = new Writer(store.url, { streams: STREAMS });
        const openedMs: number[] = [];
        while (openedMs.length < CUTS[extent] && writer.contradictions.length === 0) {
          await writer.nextAcknowledgement(performance.timeOrigin + performance.now());
          const { shortest, longest } = LIFE_MS;
          await delay(shortest + Math.random() * (longest - shortest));
          disk.cut();
          await end(store.child, 'SIGKILL');
          disk.unmount();
          disk.mount();
          const beganMs = performance.now();
          store = await startStore(disk.path, { port: store.port, cheat });
          openedMs.push(performance.now() - beganMs);
        }
        await writer.stop();
        const tally = await compare(store.url, [writer]);
        await end(store.child, 'SIGTERM');
        return {
          numbers: { cuts: openedMs.length, ...tally, openedP99Ms: percentile(openedMs, 0.99) },
          faults: faultsOf(tally),
        };
      } finally {
        await endAll();
        disk.unmount();
      }
    });
  },
};
