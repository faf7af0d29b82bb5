import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { inFolder, type Drill, type Options, type Report } from './drill.ts';
import type { Damaged } from './damage-trials.ts';
import { end, launch, startStore } from './processes.ts';
import { Writer } from './record.ts';

const TRIALS = { short: 15, long: 3_000 };
const EVENTS = 3_000;
const STREAMS = 150;
const TRIALS_FILE = join(import.meta.dirname, 'damage-trials.ts');
const CHEAT_FILE = join(import.meta.dirname, 'cheat.ts');

/** The files of a log that was killed: its write-ahead log is not folded into the database. */
async function makeLog(dir: string, cheat: Options['cheat']): Promise<string> {
  const [live, pristine] = [join(dir, 'live'), join(dir, 'pristine')];
  const store = await startStore(live, { cheat });
  const writer = new Writer(store.url, { streams: STREAMS });
  await writer.until(({ acknowledged }) => acknowledged.length >= EVENTS, 'its events');
  await writer.stop();
  mkdirSync(pristine);
  for (const file of ['log.sqlite', 'log.sqlite-wal', 'acknowledged'])
    copyFileSync(join(live, file), join(pristine, file));
  await end(store.child, 'SIGTERM');
  return pristine;
}

export const damage: Drill = {
  name: 'damage',
  summary: 'a flipped bit, a torn sector, a cut file: an error that names it, never other data',
  cheats: ['skips-checksums'],
  run: ({ extent, cheat }: Options): Promise<Report> =>
    inFolder(async (dir) => {
      const pristine = await makeLog(dir, cheat);
      const found: Damaged[] = [];
      const trials = launch(
        TRIALS_FILE,
        {
          args: [pristine, String(TRIALS[extent])],
          env: cheat ? { CHEAT: cheat } : {},
          imports: cheat ? [CHEAT_FILE] : [],
        },
        (line) => found.push(JSON.parse(line) as Damaged),
      );
      const [code] = (await once(trials, 'close')) as [number];
      const count = (what: Damaged['result']): number =>
        found.filter(({ result }) => result === what).length;
      const wrong = found.filter(({ result }) => result === 'wrong');
      return {
        numbers: {
          trials: found.length,
          detectedOnStart: count('detected on start'),
          detectedOnUse: count('detected on use'),
          harmless: count('harmless'),
          wrong: wrong.length,
          repeatsNotRecognised: found.filter(({ isRepeatMissed }) => isRepeatMissed).length,
        },
        faults: [
          ...wrong.map(({ what, why }) => `${what}: ${why}`),
          ...(code === 0 ? [] : [`the trials ended with ${code}`]),
        ],
      };
    }),
};
