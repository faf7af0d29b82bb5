import { isEventStoreUnavailable } from '../../platform/connection.ts';
import type { EventStore } from '../../platform/event-store.ts';
import type { Logger } from '../../platform/log.ts';
import {
  isPostgresUnavailable,
  transaction,
  type Connection,
  type Pool,
} from '../../platform/postgres.ts';
import { followLog, waitUnlessAborted, type Batch } from '../../platform/subscription.ts';
import { RETRY_MS } from '../../platform/time.ts';
import { readParking } from '../parking.ts';
import { applyEvents } from './apply.ts';
import {
  CheckpointMoved,
  PROJECTED_CHANNEL,
  RebuildRunning,
  createSchema,
  lockSchemas,
  openLive,
  prepareDatabase,
  rebuildingAlone,
  resumeAfter,
  type Target,
} from './checkpoint.ts';
import type { Projection } from './projection.ts';
import { ALL_TAGS, notePurges } from './purges.ts';
import { LogReplaced, assertStillHeld, disownAnyway, disownOtherLogs } from './same-log.ts';

/** Events that are applied in one transaction. */
const MAX_BATCH_EVENTS = 2_000;
/** Until somebody looks again whether another process's rebuild has ended. */
const OTHER_REBUILD_MS = 5_000;
/**
 * A swap that waits longer for readers of the old tables steps back and tries again: before Postgres
 * looks for deadlocks, which it does after a second, and ends the reader.
 */
const SWAP_LOCK_TIMEOUT_MS = 300;
const SWAP_RETRY_MS = 500;
const MAX_SWAP_TRIES = 30;
/** Postgres: `lock_timeout` ran out. */
const LOCK_NOT_AVAILABLE = '55P03';

export type Projector = {
  client: EventStore;
  pool: Pool;
  log: Logger;
  signal: AbortSignal;
  projections: Projection[];
  /** Whether caches keep what is known by a tag, so that it is noted what to purge. */
  isPurged?: (tag: string) => boolean;
  /** Whether a stream is one of those that are projected: all of them, where nobody says. */
  isOurs?: (stream: string) => boolean;
};

/**
 * Keeps the live read models up with the log, for ever; those that are new or of another version
 * are built beside them and swapped in. `onChanged` hears the tags of every commit. Resolves when `signal`
 * aborts.
 */
export async function runProjector(
  projector: Projector,
  onChanged: (tags: Set<string>) => void = () => {},
): Promise<void> {
  const { client, pool, log, signal } = projector;
  while (!signal.aborted) {
    const round = new AbortController();
    const both = AbortSignal.any([signal, round.signal]);
    try {
      await prepareDatabase(pool);
      const identity = await disownOtherLogs(projector);
      const { current, outdated } = await openLive(pool, projector.projections, identity);
      const options = { ...(await optionsOf(projector)), notify: true };
      const rebuilt =
        outdated.length > 0
          ? rebuild({ ...projector, projections: outdated, signal: both })
              .catch((error: unknown) => waitForOther(error, both))
              .then(() => round.abort())
          : undefined;
      const followed = followLog({
        client,
        after: resumeAfter(current),
        maxBatch: MAX_BATCH_EVENTS,
        log,
        signal: both,
        beforeResuming: () => assertStillHeld({ client, log, signal: both }, identity),
        consume: async ({ events }) => {
          if (events.length === 0) return;
          onChanged(await applyEvents(options, current, events));
        },
      });
      await Promise.all([followed, rebuilt]);
    } catch (error) {
      round.abort();
      const isOtherNow = error instanceof CheckpointMoved || error instanceof LogReplaced;
      const isAway = isPostgresUnavailable(error) || isEventStoreUnavailable(error);
      if (!isOtherNow && !isAway) throw error;
      log.warn({ err: error }, 'the projector takes up again from its checkpoints');
      await waitUnlessAborted(RETRY_MS, signal);
    }
  }
}

/** Lets somebody else's rebuild go on for a while: it may be the very one that is needed here. */
async function waitForOther(error: unknown, signal: AbortSignal): Promise<void> {
  if (!(error instanceof RebuildRunning)) throw error;
  await waitUnlessAborted(OTHER_REBUILD_MS, signal);
}

/** How events are applied: whatever is live, or being rebuilt. */
async function optionsOf({ client, pool, log, isOurs, isPurged }: Projector) {
  // Ids of the events that people decided to leave out of every read model.
  const dropped = new Set((await readParking(client)).dropped.keys());
  return { pool, log, dropped, ...(isOurs && { isOurs }), ...(isPurged && { isPurged }) };
}

type OnProgress = (position: bigint, events: number) => void;

/**
 * Fills new schemas from the whole log beside the live ones and swaps them in once they have
 * caught up; readers never notice. `onProgress` hears the position after each batch. Resolves to
 * whether they were swapped in: `signal` may abort before. Throws `RebuildRunning`.
 */
export async function rebuild(
  projector: Projector,
  onProgress: OnProgress = () => {},
): Promise<boolean> {
  const { pool, log } = projector;
  await prepareDatabase(pool);
  return rebuildingAlone(pool, log, () => fillAndSwap(projector, onProgress));
}

async function fillAndSwap(projector: Projector, onProgress: OnProgress): Promise<boolean> {
  const { client, pool, log, signal, projections } = projector;
  const identity = await disownAnyway({ client, pool, log });
  const targets = await transaction(pool, async (connection) => {
    const created: Target[] = [];
    for (const projection of projections) {
      const next = `${projection.name}_next`;
      created.push(await createSchema(connection, projection, next, identity));
    }
    return created;
  });
  const options = { ...(await optionsOf(projector)), notify: false };
  const done = new AbortController();
  const consume = async ({ events, caughtUp }: Batch) => {
    if (events.length > 0) {
      await applyEvents(options, targets, events);
      onProgress(events.at(-1)!.position, events.length);
    }
    if (caughtUp && (await swapWhenFree(pool, targets, log, signal))) done.abort();
  };
  const both = AbortSignal.any([signal, done.signal]);
  await followLog({
    client,
    after: undefined,
    maxBatch: MAX_BATCH_EVENTS,
    log,
    signal: both,
    beforeResuming: () => assertStillHeld({ client, log, signal: both }, identity),
    consume,
  });
  return done.signal.aborted;
}

/** Swaps in as soon as readers of the old tables leave room: one that waits holds up the others. */
async function swapWhenFree(
  pool: Pool,
  targets: Target[],
  log: Logger,
  signal: AbortSignal,
): Promise<boolean> {
  for (let tries = 1; !signal.aborted; tries++) {
    try {
      return await swapIn(pool, targets);
    } catch (error) {
      const isHeld = error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE;
      if (!isHeld || tries === MAX_SWAP_TRIES) throw error;
      log.warn({ tries }, 'readers hold the old tables: the swap is tried again');
      await waitUnlessAborted(SWAP_RETRY_MS, signal);
    }
  }
  return false;
}

/**
 * Keeps readers from the old tables, all of them before anything is done to one: who reads from two
 * schemas and has the one would wait for the other, and the swap for him.
 */
async function lockTables(connection: Connection, targets: Target[]): Promise<void> {
  const { rows } = await connection.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname = any($1) order by 1`,
    [targets.map(({ projection }) => projection.name)],
  );
  if (rows.length === 0) return;
  const names = rows.map(({ name }) => name).join(', ');
  await connection.query(`lock table ${names} in access exclusive mode`);
}

/**
 * Puts rebuilt schemas in the place of the live ones, unless those have seen more of the log.
 * The live projector finds its checkpoint moved and goes on from the new one.
 */
async function swapIn(pool: Pool, targets: Target[]): Promise<boolean> {
  return transaction(pool, async (connection) => {
    await connection.query(`set local lock_timeout = ${SWAP_LOCK_TIMEOUT_MS}`);
    // A projector that starts for the first time makes the very schemas that are swapped in.
    await lockSchemas(connection);
    const { rows } = await connection.query<{ schema: string; position: number }>(
      'select schema, position from projector.checkpoint where schema = any($1) for update',
      [targets.map(({ projection }) => projection.name)],
    );
    const liveOf = new Map(rows.map(({ schema, position }) => [schema, BigInt(position)]));
    const behind = targets.some(
      ({ projection, position }) => position < (liveOf.get(projection.name) ?? position),
    );
    if (behind) return false;
    await lockTables(connection, targets);
    for (const { projection, schema } of targets) {
      const live = projection.name;
      await connection.query(`drop schema if exists ${live} cascade`);
      await connection.query(`alter schema ${schema} rename to ${live}`);
      await connection.query('delete from projector.checkpoint where schema = $1', [live]);
      await connection.query('update projector.checkpoint set schema = $2 where schema = $1', [
        schema,
        live,
      ]);
      await connection.query('delete from projector.parked where projection = $1', [live]);
      await connection.query('update projector.parked set projection = $2 where projection = $1', [
        schema,
        live,
      ]);
    }
    // Whatever was made otherwise shows, wherever it is kept.
    await notePurges(connection, [ALL_TAGS]);
    const position = targets[0]!.position.toString();
    const message = JSON.stringify({ position, tags: null });
    await connection.query('select pg_notify($1, $2)', [PROJECTED_CHANNEL, message]);
    return true;
  });
}
