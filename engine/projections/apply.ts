import type { StoredEvent } from '../../platform/event-store.ts';
import type { Logger } from '../../platform/log.ts';
import { isPostgresUnavailable, transaction, type Pool } from '../../platform/postgres.ts';
import { UnknownEventVersion } from '../upcast.ts';
import { isStorable } from '../../platform/text.ts';
import { PROJECTED_CHANNEL, moveCheckpoints, park, type Target } from './checkpoint.ts';
import { factOf } from './projection.ts';
import { ALL_TAGS, notePurges } from './purges.ts';
import { RowChanges, StepFailed } from './rows.ts';

/** How often an event is tried before it is parked. */
const MAX_TRIES = 3;
/** Postgres takes fewer than 8,000 bytes in a notification; what is longer is told as "anything". */
const MAX_NOTIFIED_BYTES = 7_900;
const MAX_NOTIFIED_TAGS = 100;

/** Events that a projection cannot apply, each with why. */
type Refused = Map<Target, Map<StoredEvent, Error>>;

/** What a projection made of events, and those that it parks instead. */
type Projected = { target: Target; changes: RowChanges; parked: Map<StoredEvent, Error> };

/** One projection's rows could not be written. */
class WriteFailed extends Error {
  readonly target: Target;
  constructor(target: Target, cause: unknown) {
    super(`the rows of ${target.schema} could not be written`, { cause });
    this.target = target;
  }
}

export type ApplyOptions = {
  pool: Pool;
  log: Logger;
  /** Tell readers (`PROJECTED_CHANNEL`): for live schemas, not for those being rebuilt. */
  notify: boolean;
  /** Ids of events that were dropped: they change no rows. */
  dropped?: ReadonlySet<string>;
  /** Whether what is known by a tag is to be purged from caches; noted with the rows. */
  isPurged?: (tag: string) => boolean;
  /** Whether a stream is one of those that are projected: all of them, where nobody says. */
  isOurs?: (stream: string) => boolean;
};

/** Those of one call, with what is left out filled in. */
type Options = Required<ApplyOptions>;

const EVERYTHING = { dropped: new Set<string>(), isPurged: () => false, isOurs: () => true };

/**
 * Applies events to every target that has not seen them: rows and checkpoints in one transaction.
 * Moves the targets' positions. Resolves to the tags of what changed. An event that cannot be
 * applied is parked and the rest goes on. Throws when Postgres cannot be reached, and
 * `CheckpointMoved`.
 */
export const applyEvents = (
  options: ApplyOptions,
  targets: Target[],
  events: StoredEvent[],
): Promise<Set<string>> => applyAll({ ...EVERYTHING, ...options }, targets, events);

async function applyAll(
  options: Options,
  targets: Target[],
  events: StoredEvent[],
): Promise<Set<string>> {
  try {
    return await applyTogether(options, targets, events);
  } catch (error) {
    if (!(error instanceof WriteFailed)) throw error;
    if (events.length === 1) return applyOrPark(options, targets, events[0]!);
    // Halving finds the bad event in a few more transactions, each of them complete.
    const middle = events.length >> 1;
    const first = await applyAll(options, targets, events.slice(0, middle));
    return first.union(await applyAll(options, targets, events.slice(middle)));
  }
}

/** Applies an event that failed; parks it for those projections that refuse it each time. */
async function applyOrPark(
  options: Options,
  targets: Target[],
  event: StoredEvent,
): Promise<Set<string>> {
  const refused: Refused = new Map();
  for (let tries = 1; ; tries++) {
    try {
      return await applyTogether(options, targets, [event], refused);
    } catch (error) {
      if (!(error instanceof WriteFailed) || refused.get(error.target)?.has(event)) throw error;
      if (tries % MAX_TRIES > 0) continue;
      refuse(refused, error.target, event, error.cause);
    }
  }
}

function refuse(refused: Refused, target: Target, event: StoredEvent, why: unknown): void {
  const error = why instanceof Error ? why : new Error(String(why));
  const events = refused.get(target);
  if (events) events.set(event, error);
  else refused.set(target, new Map([[event, error]]));
}

async function applyTogether(
  { pool, log, notify, dropped, isPurged, isOurs }: Options,
  targets: Target[],
  events: StoredEvent[],
  refused: Refused = new Map(),
): Promise<Set<string>> {
  const position = events.at(-1)!.position;
  const behind = targets.filter((target) => target.position < position);
  if (behind.length === 0) return new Set();
  const ours = events.filter(({ stream }) => isOurs(stream));
  const projected = project(behind, ours, refused, dropped);
  const tags = new Set<string>();
  await transaction(pool, async (connection) => {
    // Losing the last moments of a read model is harmless: its checkpoint goes with it.
    await connection.query('set local synchronous_commit = off');
    await moveCheckpoints(connection, behind, position);
    for (const { target, changes, parked } of projected) {
      try {
        await changes.flush(connection, target.schema);
      } catch (error) {
        const isStep = error instanceof StepFailed;
        if (!isStep && isPostgresUnavailable(error)) throw error;
        throw new WriteFailed(target, error);
      }
      for (const [event, error] of parked) await park(connection, target.schema, event, error);
      // Some are known only now: a change may depend on what the row held.
      for (const tag of changes.tags) tags.add(tag);
    }
    if (notify) {
      await notePurges(connection, [...tags].filter(isPurged).map(storableTag));
      const payload = notification(position, tags);
      await connection.query('select pg_notify($1, $2)', [PROJECTED_CHANNEL, payload]);
    }
  });
  for (const target of behind) target.position = position;
  for (const { target, parked } of projected) {
    for (const [{ type, position: at }, error] of parked) {
      const where = { projection: target.projection.name, type, position: at.toString() };
      log.error({ err: error, ...where }, 'an event was parked: its rows are missing');
    }
  }
  return tags;
}

/** What is said to readers; they forget everything where the tags are too many or too long. */
function notification(position: bigint, tags: Set<string>): string {
  const message = (known: string[] | null) =>
    JSON.stringify({ position: position.toString(), tags: known });
  const all = tags.size <= MAX_NOTIFIED_TAGS ? message([...tags]) : message(null);
  return Buffer.byteLength(all) <= MAX_NOTIFIED_BYTES ? all : message(null);
}

/** A tag is made of what an event says. One that Postgres cannot hold is nobody's: all are purged. */
const storableTag = (tag: string): string => (isStorable(tag) ? tag : ALL_TAGS);

/** What the targets make of events. One that a handler throws at leaves no trace in its rows. */
function project(
  targets: Target[],
  events: StoredEvent[],
  refused: Refused,
  dropped: ReadonlySet<string>,
): Projected[] {
  for (;;) {
    const all = targets.map((target) => ({ target, changes: new RowChanges(), parked: new Map() }));
    // A handler may have changed rows before it threw: all is made anew without the event.
    if (projectInto(all, events, refused, dropped)) return all;
  }
}

/** Whether every event was applied that was not refused before. Adds to those that are. */
function projectInto(
  all: Projected[],
  events: StoredEvent[],
  refused: Refused,
  dropped: ReadonlySet<string>,
): boolean {
  let isComplete = true;
  const heardBy = new Map<string, Projected[]>();
  for (const event of events) {
    const { type } = event;
    if (dropped.has(event.id)) continue;
    let heard = heardBy.get(type);
    if (!heard) {
      heard = all.filter(({ target }) => Object.hasOwn(target.projection.on, type));
      heardBy.set(type, heard);
    }
    for (const { target, changes, parked } of heard) {
      if (event.position <= target.position) continue;
      const refusal = refused.get(target)?.get(event);
      if (refusal) {
        parked.set(event, refusal);
        continue;
      }
      try {
        const fact = factOf(event);
        target.projection.on[type]!(fact, changes.at(fact));
      } catch (error) {
        // Nothing is wrong with the event: a release that knows it shall apply it.
        if (error instanceof UnknownEventVersion) throw error;
        refuse(refused, target, event, error);
        isComplete = false;
      }
    }
  }
  return isComplete;
}
