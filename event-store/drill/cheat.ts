/**
 * Preloaded into an event store that is to be caught (`CHEAT=name node --import cheat.ts …`): the
 * same program, with one of its promises broken. A drill that does not find fault with these proves
 * nothing.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync } from 'node:sqlite';
import { isMainThread } from 'node:worker_threads';
import zlib from 'node:zlib';
import type { Log, Write } from '../log.ts';
import type { Outcome } from '../wire.ts';

const CHEATS = {
  'acknowledges-early': acknowledgesEarly,
  'writes-repeats-again': writesRepeatsAgain,
  'acknowledges-failures': acknowledgesFailures,
  'skips-fsync': skipsFsync,
  'skips-checksums': skipsChecksums,
  'hoards-events': hoardsEvents,
};
export type Cheat = keyof typeof CHEATS;

type Written = Log['write'];

/** Replaces `Log.write` by what `wrap` makes of it. */
async function rewrite(wrap: (write: Written) => Written): Promise<void> {
  if (!isMainThread) return;
  const { Log } = await import('../log.ts');
  const write: Written = Reflect.get(Log.prototype, 'write');
  Log.prototype.write = function (this: Log, given: Write): Promise<Outcome> {
    return wrap((each) => write.call(this, each))(given);
  };
}

/** The promised outcome of a write in a log that holds what was promised before. */
function promise(heads: Map<string, number>, { stream, events }: Write): Outcome {
  const revision = (heads.get(stream) ?? -1) + events.length;
  heads.set(stream, revision);
  return { ok: true, revision, position: revision };
}

async function acknowledgesEarly(): Promise<void> {
  const [heads, seen, LATER_MS] = [new Map<string, number>(), new Set<string>(), 50];
  await rewrite((write) => async (given) => {
    const first = given.events[0]?.id.toString('hex') ?? '';
    // What it began with and what is repeated it leaves to the log.
    if (seen.has(first) || (given.expected >= 0 && heads.get(given.stream) !== given.expected)) {
      const outcome = await write(given);
      if (outcome.ok) heads.set(given.stream, outcome.revision);
      return outcome;
    }
    seen.add(first);
    setTimeout(() => void write(given), LATER_MS);
    return promise(heads, given);
  });
}

async function writesRepeatsAgain(): Promise<void> {
  await rewrite((write) => async (given) => {
    const outcome = await write(given);
    const ANY = -2;
    const events = given.events.map((event) => ({ ...event, id: randomBytes(16) }));
    // Every repeat would do; writing a few unasked is found in the same way and needs no repeat.
    if (outcome.ok && outcome.revision % 20 === 19)
      await write({ ...given, expected: ANY, events });
    return outcome;
  });
}

async function acknowledgesFailures(): Promise<void> {
  const heads = new Map<string, number>();
  await rewrite((write) => async (given) => {
    const outcome = await write(given);
    if (outcome.ok) heads.set(given.stream, outcome.revision);
    return outcome.ok ? outcome : promise(heads, given);
  });
}

function skipsFsync(): void {
  const exec: DatabaseSync['exec'] = Reflect.get(DatabaseSync.prototype, 'exec');
  DatabaseSync.prototype.exec = function (sql) {
    exec.call(this, sql.replace('synchronous = NORMAL', 'synchronous = OFF'));
  };
  Reflect.set(fs, 'fdatasyncSync', () => {});
  syncBuiltinESMExports();
}

function skipsChecksums(): void {
  zlib.crc32 = () => 0;
  syncBuiltinESMExports();
}

async function hoardsEvents(): Promise<void> {
  const hoard: Buffer[] = [];
  await rewrite((write) => (given) => {
    for (const { body } of given.events) hoard.push(Buffer.alloc(64 * 1024, body));
    return write(given);
  });
}

const cheat = process.env['CHEAT'];
if (cheat) await CHEATS[cheat as Cheat]();
