/**
 * What of a log belongs to the shop, and how another event store is made to hold the same: the
 * steps that repeat it. Most steps append events as they stand. Three things cannot be appended,
 * since a store writes them itself when it is asked for something else: the tombstone of a stream,
 * the metadata of a stream that is deleted a second time, and the metadata with which a deleted
 * stream comes back when it is written to. These get ids of the target's own.
 */
import { isDeepStrictEqual } from 'node:util';
import { holdsPositions } from '../../platform/event-store.ts';
import { idFrom } from '../../platform/ids.ts';
import { splitStream } from '../../platform/stream-name.ts';
import { TOMBSTONE_REVISION, type RawEvent } from '../../platform/raw-events.ts';
import { OperatorError } from '../command.ts';

/** An event that the target is to hold. */
export type Entry = RawEvent & {
  /** The target writes it by itself: its id, and how its JSON is laid out, may differ. */
  isTargetsOwn?: boolean;
};

export type Step = {
  kind: 'append' | 'delete' | 'tombstone';
  stream: string;
  /** In the order in which the target will show them, of one stream but for its own metadata. */
  entries: Entry[];
  bytes: number;
};

/** An append may hold 1 MiB; smaller ones let many be under way. */
const MAX_STEP_BYTES = 256 * 1024;
const MAX_STEP_EVENTS = 256;

const FILLER_TYPE = '$scavenged';

const METADATA_PREFIX = '$$';
const metadataStreamOf = (stream: string): string => METADATA_PREFIX + stream;
/** The stream that a metadata stream tells about. */
export const describedBy = (stream: string): string | undefined =>
  stream.startsWith(METADATA_PREFIX) ? stream.slice(METADATA_PREFIX.length) : undefined;

export const isTombstone = ({ revision }: RawEvent): boolean => revision === TOMBSTONE_REVISION;

/**
 * Why the events of a stream are left out, in a word, such as `$projections`, `$ce` or `$stats`;
 * undefined for the streams of the shop and their metadata. What is in system streams is the
 * store's: links and statistics that the target makes anew, users and projections that are set up
 * there, and positions in this very log, which the reactor's checkpoint and snapshots hold as well.
 */
export function kindLeftOut(stream: string): string | undefined {
  const name = describedBy(stream) ?? stream;
  return holdsPositions(name) || name.startsWith('$') ? splitStream(name).category : undefined;
}

/** Counts by kind of what is left out. */
export type LeftOut = Record<string, number>;

/** The shop's events of a log; the others are counted in `leftOut`. */
export async function* shopEvents(
  events: AsyncIterable<RawEvent>,
  leftOut: LeftOut = {},
): AsyncGenerator<RawEvent> {
  for await (const event of events) {
    const kind = kindLeftOut(event.stream);
    if (kind === undefined) yield event;
    else leftOut[kind] = (leftOut[kind] ?? 0) + 1;
  }
}

/**
 * Puts an empty event where a scavenge has removed one, so that all others keep their revisions.
 * Its id is always the same, so that a copy that goes on knows it again. Keeps a revision for each
 * stream in memory. Throws an `OperatorError` where a stream goes backwards.
 */
export async function* withoutGaps(
  events: AsyncIterable<RawEvent>,
  onFilled: (stream: string) => void = () => {},
): AsyncGenerator<RawEvent> {
  const lastRevisions = new Map<string, bigint>();
  for await (const event of events) {
    const { stream, revision } = event;
    const next = (lastRevisions.get(stream) ?? -1n) + 1n;
    if (revision < next) {
      throw new OperatorError(
        `${whereIs(event)} comes after a later revision of its stream: the log is damaged. ` +
          'See: npm run ops -- log verify',
      );
    }
    if (!isTombstone(event)) {
      for (let missing = next; missing < revision; missing++) {
        onFilled(stream);
        yield filler(event, missing);
      }
      lastRevisions.set(stream, revision);
    }
    yield event;
  }
}

const filler = (before: RawEvent, revision: bigint): RawEvent => ({
  ...before,
  revision,
  id: idFrom('scavenged', before.stream, String(revision)),
  type: describedBy(before.stream) === undefined ? FILLER_TYPE : '$metadata',
  isJson: true,
  data: Buffer.from('{}'),
  metadata: Buffer.alloc(0),
});

/** Which streams are deleted, as their metadata says in the order of the log. */
class Deletions {
  readonly #deleted = new Set<string>();

  has(stream: string): boolean {
    return this.#deleted.has(stream);
  }

  see(event: RawEvent): void {
    const stream = describedBy(event.stream);
    if (isTombstone(event)) this.#deleted.delete(event.stream);
    else if (stream === undefined) return;
    else if (isDeletion(event)) this.#deleted.add(stream);
    else this.#deleted.delete(stream);
  }
}

/** Metadata that truncates its stream before the largest revision that there can be. */
function isDeletion(event: RawEvent): boolean {
  const truncateBefore = jsonOf(event)?.$tb;
  return typeof truncateBefore === 'number' && truncateBefore >= Number.MAX_SAFE_INTEGER;
}

/** Undefined for what is no JSON object. */
export function jsonOf({ data }: RawEvent): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString());
    return value !== null && typeof value === 'object'
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The shop's events up to a position, in order and without gaps, as the steps that repeat them.
 * What a store writes together is not cut in two: the last entry may be right behind `until`.
 */
export async function* steps(events: AsyncIterable<RawEvent>, until: bigint): AsyncGenerator<Step> {
  const deletions = new Deletions();
  let run: Step | undefined;
  /** The stream that `run` brings back: the target will follow with metadata of it. */
  let broughtBack: string | undefined;
  for await (const event of events) {
    if (run && broughtBack !== undefined && event.stream === metadataStreamOf(broughtBack)) {
      // Of an append to the metadata of a deleted stream, the first event is the caller's.
      run.entries.push({ ...event, isTargetsOwn: true });
      deletions.see(event);
      yield run;
      [run, broughtBack] = [undefined, undefined];
      continue;
    }
    if (run && broughtBack !== undefined && event.stream !== run.stream) {
      throw notBroughtBack(broughtBack, event);
    }
    if (event.position > until && broughtBack === undefined) break;
    if (run && broughtBack === undefined && !fits(run, event)) {
      yield run;
      run = undefined;
    }
    const subject = describedBy(event.stream) ?? event.stream;
    const wasDeleted = deletions.has(subject);
    const kind = kindOf(event, wasDeleted);
    deletions.see(event);
    if (kind !== 'append') {
      if (run) yield run;
      run = undefined;
      yield { ...newStep(kind, event.stream), entries: [{ ...event, isTargetsOwn: true }] };
      continue;
    }
    run ??= newStep('append', event.stream);
    run.entries.push(event);
    run.bytes += event.data.length + event.metadata.length;
    if (wasDeleted) broughtBack = subject;
  }
  if (run) yield run;
}

const newStep = (kind: Step['kind'], stream: string): Step => ({
  kind,
  stream,
  entries: [],
  bytes: 0,
});

function kindOf(event: RawEvent, wasDeleted: boolean): Step['kind'] {
  if (isTombstone(event)) return 'tombstone';
  const isMetadata = describedBy(event.stream) !== undefined;
  return isMetadata && wasDeleted && isDeletion(event) ? 'delete' : 'append';
}

/** A stream's deletion ends a run, for what follows it means something else. */
const fits = (run: Step, event: RawEvent): boolean =>
  event.stream === run.stream &&
  (describedBy(event.stream) === undefined || run.entries.length === 0) &&
  run.entries.length < MAX_STEP_EVENTS &&
  run.bytes + event.data.length + event.metadata.length <= MAX_STEP_BYTES;

const notBroughtBack = (stream: string, next: RawEvent): OperatorError =>
  new OperatorError(
    `The deleted stream ${stream} was written to and did not come back before ${whereIs(next)}: ` +
      'no event store writes that, so it cannot be repeated.',
  );

/** The rest of a step of which the target holds the first entries; undefined if there is no such. */
export function restOf(step: Step, held: number): Step | undefined {
  if (held === 0) return step;
  // What belongs to one write of the store is there as a whole or not at all.
  if (step.entries.some(({ isTargetsOwn }) => isTargetsOwn)) return undefined;
  return { ...step, entries: step.entries.slice(held) };
}

/** In what an event differs from what it should be; undefined where it does not. */
export function difference(entry: Entry, event: RawEvent): string | undefined {
  if (event.stream !== entry.stream) return 'stream';
  if (event.revision !== entry.revision) return 'revision';
  if (event.type !== entry.type) return 'type';
  if (isTombstone(entry)) return undefined;
  if (entry.isTargetsOwn) {
    return isDeepStrictEqual(jsonOf(event), jsonOf(entry)) ? undefined : 'data';
  }
  if (event.id !== entry.id) return 'id';
  if (event.isJson !== entry.isJson) return 'content type';
  if (!Buffer.from(entry.data).equals(event.data)) return 'data';
  return Buffer.from(entry.metadata).equals(event.metadata) ? undefined : 'metadata';
}

/** "revision 3 of cart-7 (ItemAddedToCart, position 120)". */
export const whereIs = ({ stream, revision, type, position }: RawEvent): string =>
  `${revision === TOMBSTONE_REVISION ? 'the tombstone' : `revision ${revision}`} of ${stream} ` +
  `(${type}, position ${position})`;
