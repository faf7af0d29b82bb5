import { EventStoreDBClient } from '@eventstore/db-client';
import { cannotMount, mountMemory } from './disks.ts';
import { inFolder, type Drill, type Options, type Report } from './drill.ts';
import { end, endAll, startStore } from './processes.ts';
import { compare, faultsOf, Writer } from './record.ts';

const DISK_MIB = { short: 4, long: 200 };
const STREAMS = 16;
/** Enough refusals to see that none of them was acknowledged in between. */
const REFUSALS = 200;
const FULL = /disk is full/;
/** Some 1,700 events fill a MiB: a store that takes more than this acknowledges what it has not. */
const FULL_PER_MIB = 3_000;
const FILL_TIMEOUT_MS = 300_000;

async function countEvents(url: string): Promise<number> {
  const client = EventStoreDBClient.connectionString(url);
  let count = 0;
  for await (const _ of client.readAll()) count += 1;
  await client.dispose();
  return count;
}

export const diskFull: Drill = {
  name: 'disk-full',
  summary: 'a small file system fills up: appends are refused, reads go on, room brings them back',
  cheats: ['acknowledges-failures'],
  run({ extent, cheat }: Options): Promise<Report> {
    const reason = cannotMount();
    if (reason) return Promise.resolve({ skipped: reason });
    return inFolder(async (dir) => {
      let disk: ReturnType<typeof mountMemory>;
      try {
        disk = mountMemory(dir, DISK_MIB[extent]);
      } catch (error) {
        return { skipped: `a tmpfs cannot be mounted here: ${(error as Error).message}` };
      }
      try {
        const store = await startStore(disk.path, { cheat });
        const writer = new Writer(store.url, { streams: STREAMS });
        const isFull = ({ refused }: Writer): boolean =>
          refused.length >= REFUSALS ||
          writer.acknowledged.length > FULL_PER_MIB * DISK_MIB[extent];
        await writer.until(isFull, 'the disk to fill up', FILL_TIMEOUT_MS);
        const unclear = writer.refused.filter(({ refused }) => !FULL.test(refused!));
        const readWhileFull = await countEvents(store.url);
        disk.resize(2 * DISK_MIB[extent]);
        const backMs = await writer.nextAcknowledgement(performance.timeOrigin + performance.now());
        await writer.stop();
        const tally = await compare(store.url, [writer]);
        const code = await end(store.child, 'SIGTERM');
        return {
          numbers: {
            diskMiB: DISK_MIB[extent],
            ...tally,
            refused: writer.refused.length,
            readWhileFull,
            backMs: Math.round(backMs),
          },
          faults: [
            ...faultsOf(tally),
            ...(unclear.length > 0 ? [`a refusal said: ${unclear[0]!.refused}`] : []),
            ...(writer.refused.length === 0 ? ['the disk never filled up'] : []),
            ...(code === 0 ? [] : ['the store did not live through it']),
          ],
        };
      } finally {
        await endAll();
        disk.unmount();
      }
    });
  },
};
