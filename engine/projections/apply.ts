import type { StoredEvent } from '../../platform/event-store.ts';
import type { Logger } from '../../platform/log.ts';
import { isPostgresUnavailable, transaction, type Pool } from '../../platform/postgres.ts';
import { UnknownEventVersion } from '../upcast.ts';
import { PROJECTED_CHANNEL, moveCheckpoints, park, type Target } from './checkpoint.ts';
import { factOf } from './projection.ts';
import { RowChanges } from './rows.ts';

/** How often an event is tried before it is parked. */
const MAX_TRIES = 3;
/** Postgres takes 8,000 bytes in a notification; more tags than this are told as "anything". */
const MAX_NOTIFIED_TAGS = 100;

/** What a projection made of events, and those that its handlers threw at. */
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
  /** Whether a stream is one of those that are projected: all of them, where nobody says. */
  isOurs?: ((stream: string) => boolean) | undefined;
};

/**
 * Applies events to every target that has not seen them: rows and checkpoints in one transaction.
 * Moves the targets' positions. Resolves to the tags of what changed. An event that cannot be
 * applied is parked and the rest goes on. Throws when Postgres cannot be reached, and
 * `CheckpointMoved`.
 */
export async function applyEvents(
  options: ApplyOptions,
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
    const first = await applyEvents(options, targets, events.slice(0, middle));
    return first.union(await applyEvents(options, targets, events.slice(middle)));
  }
}

/** Applies an event that failed; parks it for those projections that refuse it each time. */
async function applyOrPark(
  options: ApplyOptions,
  targets: Target[],
  event: StoredEvent,
): Promise<Set<string>> {
  const refused = new Map<Target, Error>();
  for (let tries = 1; ; tries++) {
    try {
      return await applyTogether(options, targets, [event], refused);
    } catch (error) {
      if (!(error instanceof WriteFailed) || refused.has(error.target)) throw error;
      if (tries % MAX_TRIES > 0) continue;
      refused.set(error.target, error.cause instanceof Error ? error.cause : error);
    }
  }
}

async function applyTogether(
  { pool, log, notify, isOurs }: ApplyOptions,
  targets: Target[],
  events: StoredEvent[],
  refused = new Map<Target, Error>(),
): Promise<Set<string>> {
  const position = events.at(-1)!.position;
  const behind = targets.filter((target) => target.position < position);
  if (behind.length === 0) return new Set();
  const projected = project(
    behind,
    isOurs ? events.filter(({ stream }) => isOurs(stream)) : events,
    refused,
  );
  const tags = new Set<string>();
  await transaction(pool, async (connection) => {
    // Losing the last moments of a read model is harmless: its checkpoint goes with it.
    await connection.query('set local synchronous_commit = off');
    await moveCheckpoints(connection, behind, position);
    for (const { target, changes, parked } of projected) {
      try {
        await changes.flush(connection, target.schema);
      } catch (error) {
        throw isPostgresUnavailable(error) ? error : new WriteFailed(target, error);
      }
      for (const [event, error] of parked) await park(connection, target.schema, event, error);
      // Some are known only now: a change may depend on what the row held.
      for (const tag of changes.tags) tags.add(tag);
    }
    if (notify) {
      const told = tags.size <= MAX_NOTIFIED_TAGS ? [...tags] : null;
      const message = JSON.stringify({ position: position.toString(), tags: told });
      await connection.query('select pg_notify($1, $2)', [PROJECTED_CHANNEL, message]);
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

function project(
  targets: Target[],
  events: StoredEvent[],
  refused: Map<Target, Error>,
): Projected[] {
  const all = targets.map((target) => ({ target, changes: new RowChanges(), parked: new Map() }));
  const heardBy = new Map<string, Projected[]>();
  for (const event of events) {
    const { type } = event;
    let heard = heardBy.get(type);
    if (!heard) {
      heard = all.filter(({ target }) => Object.hasOwn(target.projection.on, type));
      heardBy.set(type, heard);
    }
    for (const { target, changes, parked } of heard) {
      if (event.position <= target.position) continue;
      try {
        const refusal = refused.get(target);
        if (refusal) throw refusal;
        const fact = factOf(event);
        target.projection.on[type]!(fact, changes.at(fact));
      } catch (error) {
        // Nothing is wrong with the event: a release that knows it shall apply it.
        if (error instanceof UnknownEventVersion) throw error;
        parked.set(event, error instanceof Error ? error : new Error(String(error)));
      }
    }
  }
  return all;
}
