/** Whether a log is whole: positions, revisions, and what each stream reads back. */
import { START, StreamDeletedError, StreamNotFoundError } from '@eventstore/db-client';
import type { EventStore } from '../../platform/event-store.ts';
import { readRawLog, type RawEvent } from '../../platform/raw-events.ts';
import { Damage, readSegment, type Manifest } from './archive.ts';
import { describedBy, isTombstone, jsonOf, whereIs } from './history.ts';

/** What is found beyond is only counted. */
const MAX_PROBLEMS = 20;
/** Streams that are read at a time. */
const STREAMS_AT_ONCE = 16;
/** How often a stream that is written to meanwhile is looked at again. */
const MAX_ROUNDS = 5;

export type Checked = {
  events: number;
  /** Those that hold more than a tombstone. */
  streams: number;
  /** Position of the last event. */
  position: string | null;
  /** Streams of which a scavenge has taken events. */
  scavenged: { streams: number; events: number; example: string | null };
  problemCount: number;
  /** The first of them. */
  problems: string[];
};

type StreamState = { last: bigint; isTombstoned: boolean; isScavenged: boolean };

/** What a stream's newest metadata hides. */
type Hidden = { before: bigint; maxCount: bigint | undefined; byAge: boolean };

type OnProgress = (events: number, position: bigint) => void;

/** Sees a log in order. Keeps some 200 bytes for each stream: a few million streams fit. */
class Checker {
  readonly streams = new Map<string, StreamState>();
  /** By the name of the stream that it tells about. */
  readonly hidden = new Map<string, Hidden>();
  readonly problems: string[] = [];
  problemCount = 0;
  events = 0;
  position: bigint | undefined;
  /** Something was not readable: what comes behind it begins anywhere. */
  isTorn = false;
  readonly #mayHaveGaps: boolean;
  #scavengedEvents = 0;
  #example: string | null = null;

  /**
   * A scavenge leaves streams that begin above revision 0. A gap in the middle is a loss, but for a
   * backup that was added to after a scavenge.
   */
  constructor(mayHaveGaps: boolean) {
    this.#mayHaveGaps = mayHaveGaps;
  }

  problem(text: string): void {
    this.problemCount += 1;
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(text);
  }

  see(event: RawEvent): void {
    this.events += 1;
    if (this.position !== undefined && event.position <= this.position) {
      this.problem(`${whereIs(event)} comes behind position ${this.position}`);
    }
    this.position = event.position;
    const state = this.streams.get(event.stream);
    if (state?.isTombstoned) this.problem(`${whereIs(event)} comes behind its stream's tombstone`);
    if (isTombstone(event)) {
      this.streams.set(event.stream, {
        last: state?.last ?? -1n,
        isTombstoned: true,
        isScavenged: state?.isScavenged ?? false,
      });
      return;
    }
    const isScavenged = this.#seeRevision(event, state?.last ?? -1n);
    if (state) {
      state.last = event.revision;
      state.isScavenged ||= isScavenged;
    } else {
      this.streams.set(event.stream, { last: event.revision, isTombstoned: false, isScavenged });
    }
    const described = describedBy(event.stream);
    if (described !== undefined) this.hidden.set(described, hiddenBy(event));
  }

  #seeRevision(event: RawEvent, last: bigint): boolean {
    if (event.revision === last + 1n || this.isTorn) return false;
    if (event.revision <= last) {
      this.problem(`${whereIs(event)} comes behind revision ${last} of its stream`);
      return false;
    }
    if (last >= 0n && !this.#mayHaveGaps) {
      this.problem(`${whereIs(event)} follows revision ${last}: what was between is lost`);
      return false;
    }
    this.#scavengedEvents += Number(event.revision - last - 1n);
    this.#example ??= `${event.stream}, of which ${event.revision} follows ${last < 0n ? 'nothing' : last}`;
    return true;
  }

  result(): Checked {
    return {
      events: this.events,
      streams: [...this.streams.values()].filter(({ last }) => last >= 0n).length,
      position: this.position === undefined ? null : String(this.position),
      scavenged: {
        streams: [...this.streams.values()].filter(({ isScavenged }) => isScavenged).length,
        events: this.#scavengedEvents,
        example: this.#example,
      },
      problemCount: this.problemCount,
      problems: this.problems,
    };
  }
}

function hiddenBy(event: RawEvent): Hidden {
  const { $tb, $maxCount, $maxAge } = jsonOf(event) ?? {};
  const whole = (value: unknown): bigint | undefined =>
    typeof value === 'number' && value > 0 ? BigInt(Math.trunc(value)) : undefined;
  return { before: whole($tb) ?? 0n, maxCount: whole($maxCount), byAge: Boolean($maxAge) };
}

/** Reads every record of an archive. */
export async function checkArchive(
  dir: string,
  manifest: Manifest,
  onProgress: OnProgress,
): Promise<Checked> {
  const checker = new Checker(true);
  for (const segment of manifest.segments) {
    let first: bigint | undefined;
    try {
      for await (const event of readSegment(dir, segment)) {
        first ??= event.position;
        checker.see(event);
        onProgress(checker.events, event.position);
      }
      if (String(first) !== segment.first || String(checker.position) !== segment.last) {
        checker.problem(`${segment.file} holds other positions than the manifest says`);
      }
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      checker.problem(error.message);
      checker.isTorn = true;
    }
  }
  const result = checker.result();
  if (!checker.isTorn && result.events !== manifest.events) {
    checker.problem(`the manifest says ${manifest.events} events, and there are ${result.events}`);
  }
  if (!checker.isTorn && (result.position ?? undefined) !== manifest.last?.position) {
    checker.problem(`the manifest ends at another position than the last event`);
  }
  return checker.result();
}

/** Reads the whole log of a running store, then every stream. */
export async function checkStore(client: EventStore, onProgress: OnProgress): Promise<Checked> {
  const checker = new Checker(false);
  const readOn = async () => {
    for await (const event of readRawLog(client, checker.position)) {
      checker.see(event);
      onProgress(checker.events, event.position);
    }
  };
  await readOn();
  let suspects = [...checker.streams.keys()];
  for (let round = 1; suspects.length > 0; round++) {
    const found = await checkStreams(client, checker, suspects);
    suspects = [...found.keys()];
    // Of a running store a stream may have moved on since it was seen: then the log tells.
    const before = checker.position;
    await readOn();
    if (round === MAX_ROUNDS || checker.position === before) {
      for (const text of found.values()) checker.problem(text);
      break;
    }
  }
  return checker.result();
}

async function checkStreams(
  client: EventStore,
  checker: Checker,
  names: string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const queue = names.values();
  const work = async () => {
    for (const name of queue) {
      const text = await checkStream(client, name, checker);
      if (text !== undefined) found.set(name, text);
    }
  };
  await Promise.all(Array.from({ length: STREAMS_AT_ONCE }, work));
  return found;
}

/** What is wrong with what a stream reads back; undefined where nothing is. */
async function checkStream(
  client: EventStore,
  name: string,
  checker: Checker,
): Promise<string | undefined> {
  const { last, ...state } = checker.streams.get(name)!;
  const hidden = checker.hidden.get(name);
  const described = describedBy(name);
  const isTombstoned =
    state.isTombstoned ||
    (described !== undefined && checker.streams.get(described)?.isTombstoned === true);
  const read = await readBack(client, name, last);
  if (read === 'tombstone' || isTombstoned) {
    if ((read === 'tombstone') === isTombstoned) return undefined;
    return `${name} ${isTombstoned ? 'has a tombstone and can be read' : 'reads as tombstoned'}`;
  }
  if (read.gapAt !== undefined) {
    return `${name} reads something else than the next revision behind ${read.gapAt}`;
  }
  // Of a metadata stream only the newest event is ever shown.
  const maxCount = described === undefined ? hidden?.maxCount : 1n;
  const kept = maxCount === undefined ? 0n : read.newest - maxCount + 1n;
  const first = [0n, hidden?.before ?? 0n, kept].reduce((a, b) => (a > b ? a : b));
  const expected = first > last ? 0n : last - first + 1n;
  const mayBeLess = state.isScavenged || hidden?.byAge === true;
  if (mayBeLess ? read.events <= expected : read.events === expected) return undefined;
  return `${name} reads ${read.events} events where the log has ${expected}`;
}

type ReadBack = {
  /** Up to the last revision that was asked for. */
  events: bigint;
  /** That one, or a later one that has come since. */
  newest: bigint;
  gapAt: bigint | undefined;
};

async function readBack(
  client: EventStore,
  name: string,
  last: bigint,
): Promise<ReadBack | 'tombstone'> {
  const found: ReadBack = { events: 0n, newest: last, gapAt: undefined };
  let before: bigint | undefined;
  try {
    for await (const { event } of client.readStream(name, { fromRevision: START })) {
      const { revision } = event!;
      if (before !== undefined && revision !== before + 1n) found.gapAt ??= before;
      before = revision;
      if (revision <= last) found.events += 1n;
      else found.newest = revision;
    }
    return found;
  } catch (error) {
    if (error instanceof StreamDeletedError) return 'tombstone';
    if (error instanceof StreamNotFoundError) return found;
    throw error;
  }
}
