import { setTimeout as delay } from 'node:timers/promises';
import { EventStoreDBClient } from '@eventstore/db-client';
import { inFolder, type Drill, type Options, type Report } from './drill.ts';
import { end, startStore } from './processes.ts';
import { compare, faultsOf, Writer } from './record.ts';

const STOPPED_MS = { short: 3_000, long: 30_000 };
const STREAMS = 16;
/** The client gives a silent connection up after 20 s; it ignores the deadline of a read. */
const READ_WITHIN_MS = 40_000;

/** How a read ends. */
async function read(client: EventStoreDBClient): Promise<string> {
  try {
    let count = 0;
    for await (const _ of client.readAll({ maxCount: 1 })) count += 1;
    return count === 1 ? 'answered' : 'empty';
  } catch (error) {
    return (error as { type?: string }).type ?? String(error);
  }
}

export const stopped: Drill = {
  name: 'stopped',
  summary: 'SIGSTOP and SIGCONT under appends: an error or an answer for each, nothing twice',
  cheats: ['writes-repeats-again'],
  run: ({ extent, cheat }: Options): Promise<Report> =>
    inFolder(async (dir) => {
      const store = await startStore(dir, { cheat });
      const writer = new Writer(store.url, { streams: STREAMS });
      await writer.until(({ acknowledged }) => acknowledged.length > 500, 'its first appends');
      const reader = EventStoreDBClient.connectionString(store.url);
      await read(reader);
      store.child.kill('SIGSTOP');
      const reading = Promise.race([
        read(reader),
        delay(READ_WITHIN_MS, 'nothing', { ref: false }),
      ]);
      await delay(STOPPED_MS[extent]);
      store.child.kill('SIGCONT');
      const backMs = await writer.nextAcknowledgement(performance.timeOrigin + performance.now());
      await writer.until(
        ({ acknowledged }) => new Set(acknowledged.slice(-200).map((line) => line.stream)).size > 8,
        'every stream to go on',
      );
      await writer.stop();
      const readEnded = await reading;
      await reader.dispose();
      const tally = await compare(store.url, [writer]);
      await end(store.child, 'SIGTERM');
      const repeats = writer.refused.length;
      return {
        numbers: {
          stoppedMs: STOPPED_MS[extent],
          ...tally,
          repeats,
          backMs: Math.round(backMs),
          read: readEnded,
        },
        faults: [
          ...faultsOf(tally),
          ...(repeats === 0 ? ['no append was repeated'] : []),
          ...(['answered', 'unavailable'].includes(readEnded)
            ? []
            : [`a read ended with: ${readEnded}`]),
        ],
      };
    }),
};
