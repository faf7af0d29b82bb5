/**
 * Damages copies of a log, opens each, and asks it for everything. The folder of the log and the
 * number of trials as arguments; a line of JSON on stdout for each.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DamagedLog } from '../integrity.ts';
import { openLog, type Log, type Write } from '../log.ts';
import type { Query } from '../messages.ts';
import { EXPECT, type Outcome, type ProposedEvent } from '../wire.ts';
import { DatabaseSync } from 'node:sqlite';

export type Damaged = {
  what: string;
  result: 'detected on start' | 'detected on use' | 'harmless' | 'wrong';
  why?: string;
  /** A repeated append that expects any revision was written again. */
  isRepeatMissed: boolean;
};

const SECTOR_BYTES = 512;
const APPENDS = 4;
const FILTERS = 2;
const END = Number.MAX_SAFE_INTEGER;

type Stream = { name: string; head: number; ids: Buffer[]; positions: number[] };

/** What was written, by way of SQLite alone. */
function readStreams(dir: string): Stream[] {
  const db = new DatabaseSync(join(dir, 'log.sqlite'), { readOnly: true });
  const streams = new Map<string, Stream>();
  const rows = db
    .prepare(
      `SELECT name, event.id AS id, position FROM event JOIN stream ON stream.id = event.stream
        ORDER BY position`,
    )
    .all() as { name: string; id: Uint8Array; position: number }[];
  for (const { name, id, position } of rows) {
    const stream = streams.get(name) ?? { name, head: -1, ids: [], positions: [] };
    stream.head += 1;
    stream.ids.push(Buffer.from(id));
    stream.positions.push(position);
    streams.set(name, stream);
  }
  db.close();
  return [...streams.values()];
}

/**
 * Everything that can be asked of a log, limited to what was there before anything was added. The
 * filtered ones come first, and find what is added.
 */
function queriesOf(streams: Stream[]): Query[] {
  const head = Math.max(...streams.flatMap(({ positions }) => positions));
  const all = { stream: undefined, limit: head };
  return [
    { ...all, from: 0, forwards: true, filter: { on: 'type', prefixes: ['Writ'] } },
    { ...all, from: 0, forwards: true, filter: { on: 'stream', regex: '.5$' } },
    { ...all, from: 0, forwards: true },
    { ...all, from: head, forwards: false },
    ...streams.flatMap(({ name, head: last }) => [
      { stream: name, from: 0, forwards: true, limit: last + 1 },
      { stream: name, from: last, forwards: false, limit: last + 1 },
    ]),
  ];
}

/** Answers one after the other, as one string; the damage that was found instead is thrown. */
async function readAll(log: Log, query: Query): Promise<string> {
  const frames: Uint8Array[] = [];
  let { from, limit } = query;
  for (;;) {
    const page = await log.read({ ...query, from, limit });
    if (!page.found) return page.reason;
    frames.push(page.frames);
    from = page.next;
    // A filter's limit is of what fits it, so that it reads on to the end.
    if (!query.filter) limit -= page.events;
    if (page.end || limit <= 0) return Buffer.concat(frames).toString('latin1');
  }
}

/** Changes one of the files, and says how. */
function harm(dir: string): string {
  const chance = randomInt(100);
  const name = chance < 50 ? 'log.sqlite' : chance < 95 ? 'log.sqlite-wal' : 'acknowledged';
  const file = join(dir, name);
  const bytes = readFileSync(file);
  const at = randomInt(bytes.length);
  const sector = at - (at % SECTOR_BYTES);
  const kind = randomInt(10);
  if (kind < 5) bytes[at]! ^= 1 << randomInt(8);
  else if (kind < 7) bytes.fill(0, sector, Math.min(sector + SECTOR_BYTES, bytes.length));
  else if (kind < 9) randomBytes(Math.min(SECTOR_BYTES, bytes.length - sector)).copy(bytes, sector);
  writeFileSync(file, bytes);
  if (kind === 9) truncateSync(file, at);
  const how = kind < 5 ? 'a bit flipped' : kind < 7 ? 'zeroes' : kind < 9 ? 'noise' : 'cut off';
  return `${how} at ${at} of ${bytes.length} in ${name}`;
}

/** Thrown where an answer is neither what was written nor a named error. */
class Wrong extends Error {}

async function askAll(log: Log, queries: Query[], expected: string[]): Promise<number> {
  let detected = 0;
  for (const [index, query] of queries.entries()) {
    let answer: string;
    try {
      answer = await readAll(log, query);
    } catch (error) {
      if (!isNamed(error)) throw new Wrong(`a read failed with: ${(error as Error).message}`);
      detected += 1;
      continue;
    }
    if (answer !== expected[index]) throw new Wrong(`other data for ${JSON.stringify(query)}`);
  }
  return detected;
}

const isNamed = (error: unknown): boolean =>
  error instanceof DamagedLog || (error as Error).message.includes('is damaged: ');

/** A write's outcome; undefined where damage was found instead. */
async function tryWrite(
  log: Log,
  stream: string,
  expected: number,
  id: Buffer,
): Promise<Outcome | undefined> {
  const event: ProposedEvent = { id, type: 'Written', body: Buffer.alloc(0), sizeBytes: 0 };
  const write: Write = { kind: 'append', stream, expected, events: [event], deadlineMs: END };
  const outcome = await Promise.race([log.write(write), log.failed]);
  if (outcome instanceof Error || ('message' in outcome && isNamed(new Error(outcome.message)))) {
    if (outcome instanceof Error && !isNamed(outcome)) throw new Wrong(outcome.message);
    return undefined;
  }
  return outcome;
}

function mustBe(outcome: Outcome | undefined, revision: number, what: string): void {
  if (outcome && !(outcome.ok && outcome.revision === revision))
    throw new Wrong(`${what}: ${JSON.stringify(outcome)}`);
}

/** Repeats and new appends. Returns how many found damage, and how many repeats were not known. */
async function appendSome(
  log: Log,
  streams: Stream[],
): Promise<{ detected: number; missed: number }> {
  let [detected, missed] = [0, 0];
  for (let append = 0; append < APPENDS; append += 1) {
    const { name, head, ids } = streams[randomInt(streams.length)]!;
    const [id, at] = [randomBytes(16), randomInt(head + 1)];
    const old = await tryWrite(log, name, at - 1, ids[at]!);
    mustBe(old, at, 'a repeat was not recognised');
    const anyOld = await tryWrite(log, name, EXPECT.any, ids[at]!);
    if (anyOld && !(anyOld.ok && anyOld.revision === at)) throw new Wrong('a repeat was refused');
    if (anyOld?.ok && anyOld.revision > head) missed += 1;
    const next = await tryWrite(log, name, head, id);
    mustBe(next, head + 1, 'an append was refused');
    const first = await tryWrite(
      log,
      `new-${id.toString('hex')}`,
      EXPECT.noStream,
      randomBytes(16),
    );
    mustBe(first, 0, 'a first append was refused');
    detected += [old, anyOld, next, first].filter((outcome) => !outcome).length;
    streams = streams.filter((stream) => stream.name !== name);
  }
  return { detected, missed };
}

async function runTrial(pristine: string, streams: Stream[], expected: string[]): Promise<Damaged> {
  const dir = mkdtempSync(join(pristine, '..', 'trial-'));
  cpSync(pristine, dir, { recursive: true });
  const what = harm(dir);
  let log: Log | undefined;
  try {
    log = await openLog({ dir, noSync: false }, () => {});
    const queries = queriesOf(streams);
    const before = await askAll(log, queries, expected);
    const { detected, missed } = await appendSome(log, streams);
    const after = await askAll(
      log,
      queries.filter(({ filter }) => !filter),
      expected.slice(FILTERS),
    );
    const result = before + detected + after > 0 ? 'detected on use' : 'harmless';
    return { what, result, isRepeatMissed: missed > 0 };
  } catch (error) {
    const why = (error as Error).message;
    const isSeen = !(error instanceof Wrong) && !log && why.includes(dir);
    return { what, why, result: isSeen ? 'detected on start' : 'wrong', isRepeatMissed: false };
  } finally {
    await log?.close();
    rmSync(dir, { recursive: true });
  }
}

const [pristine = '', trials = ''] = process.argv.slice(2);
const whole = mkdtempSync(join(pristine, '..', 'whole-'));
cpSync(pristine, whole, { recursive: true });
const streams = readStreams(whole);
const log = await openLog({ dir: whole, noSync: false }, () => {});
const expected: string[] = [];
for (const query of queriesOf(streams)) expected.push(await readAll(log, query));
await log.close();
for (let trial = 0; trial < Number(trials); trial += 1) {
  const damaged = await runTrial(pristine, streams, expected);
  console.log(JSON.stringify(damaged));
  // One is enough to find a cheat out.
  if (damaged.result === 'wrong' && process.env['CHEAT']) break;
}
