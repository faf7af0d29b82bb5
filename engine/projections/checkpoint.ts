import type { StoredEvent } from '../../platform/event-store.ts';
import type { Logger } from '../../platform/log.ts';
import { transaction, type Connection, type Pool } from '../../platform/postgres.ts';
import type { Projection } from './projection.ts';
import { PURGE_TABLES } from './purges.ts';
import { createStatements } from './rows.ts';

/** On this channel every commit says how far the rows have come, and what it changed. */
export const PROJECTED_CHANNEL = 'projected';

/** Postgres's advisory lock of whoever rebuilds. */
export const REBUILD_LOCK = 7227;

/** The position of a projection that has seen no event. */
export const NOTHING = -1n;

/** Stands for the version of rows that are of another log than the one that is followed. */
export const OF_OTHER_LOG = 0;

/** A projection and the schema that it fills: its own name, or `…_next` while it is rebuilt. */
export type Target = { projection: Projection; schema: string; position: bigint };

/** Held by whoever makes or swaps schemas, until the transaction ends. */
export const lockSchemas = (connection: Connection) =>
  connection.query('select pg_advisory_xact_lock(7226)');

/** Somebody else moved the checkpoint: another projector, or a rebuild that was swapped in. */
export class CheckpointMoved extends Error {}

/** Makes what projections stand on, where it is missing. */
export async function prepareDatabase(pool: Pool): Promise<void> {
  await transaction(pool, async (connection) => {
    // Two projectors that start at once would trip over "if not exists".
    await lockSchemas(connection);
    await connection.query('create extension if not exists pg_trgm');
    await connection.query('create schema if not exists projector');
    await connection.query(`create table if not exists projector.checkpoint (
      schema text primary key,
      version integer not null,
      position bigint not null,
      updated_at timestamptz not null default now(),
      log text
    )`);
    // Which log rows are of was not told by earlier releases, nor since when a purge waits.
    await addColumn(connection, 'checkpoint', 'log text');
    await connection.query(`create table if not exists projector.parked (
      projection text not null,
      position bigint not null,
      event_id uuid not null,
      stream text not null,
      type text not null,
      error text not null,
      parked_at timestamptz not null default now(),
      primary key (projection, position)
    )`);
    for (const statement of PURGE_TABLES) await connection.query(statement);
    await addColumn(connection, 'purge', 'noted_at timestamptz not null default now()');
  });
}

/** Adds a column where it is missing; where it is there, the table is not locked for it. */
async function addColumn(connection: Connection, table: string, column: string): Promise<void> {
  const { rowCount } = await connection.query(
    'select from pg_attribute where attrelid = $1::regclass and attname = $2',
    [`projector.${table}`, column.split(' ')[0]],
  );
  if (rowCount === 0) await connection.query(`alter table projector.${table} add column ${column}`);
}

/** Somebody else rebuilds just now. */
export class RebuildRunning extends Error {}

/**
 * Does `work` while nobody else rebuilds: two would empty each other's new schemas. Throws
 * `RebuildRunning` at once when somebody does. The lock is the connection's, so that it cannot
 * outlive a process that was killed.
 */
export async function rebuildingAlone<T>(
  pool: Pool,
  log: Logger,
  work: () => Promise<T>,
): Promise<T> {
  const connection = await pool.connect();
  try {
    const { rows } = await connection.query<{ taken: boolean }>(
      'select pg_try_advisory_lock($1) as taken',
      [REBUILD_LOCK],
    );
    if (!rows[0]!.taken)
      throw new RebuildRunning('another rebuild of the read models is under way');
    return await work();
  } finally {
    // Not left to the end of the connection, which takes a moment: somebody may ask at once.
    // With a lost connection the lock is gone; the checkpoints still keep two rebuilds from mixing.
    await connection
      .query('select pg_advisory_unlock_all()')
      .catch((error: unknown) => log.warn({ err: error }, 'the rebuild lost its lock'));
    connection.release(true);
  }
}

/**
 * Makes a projection's schema, empty, in place of one of that name. `log` is the id of the log that
 * it is filled from.
 */
export async function createSchema(
  connection: Connection,
  projection: Projection,
  schema: string,
  log: string | null = null,
): Promise<Target> {
  await connection.query(`drop schema if exists ${schema} cascade`);
  await connection.query(`create schema ${schema}`);
  await connection.query('delete from projector.parked where projection = $1', [schema]);
  for (const table of projection.tables) {
    for (const statement of createStatements(table, schema)) await connection.query(statement);
  }
  await connection.query(
    `insert into projector.checkpoint (schema, version, position, log) values ($1, $2, $3, $4)
     on conflict (schema) do update
       set version = $2, position = $3, log = $4, updated_at = now()`,
    [schema, projection.version, NOTHING.toString(), log],
  );
  return { projection, schema, position: NOTHING };
}

/**
 * The live schemas as they stand; where there is none at all, every projection gets an empty one.
 * A projection whose version differs is `outdated`: its rows are served as they are until a rebuild
 * is swapped in. So is a new one, which would else have the others wait for it: it is not served
 * until then.
 */
export async function openLive(
  pool: Pool,
  projections: Projection[],
  log: string,
): Promise<{ current: Target[]; outdated: Projection[] }> {
  return transaction(pool, async (connection) => {
    await lockSchemas(connection);
    const { rows } = await connection.query<{ schema: string; version: number; position: number }>(
      'select schema, version, position from projector.checkpoint',
    );
    const rowOf = ({ name }: Projection) => rows.find(({ schema }) => schema === name);
    const isFirstStart = !projections.some(rowOf);
    const current: Target[] = [];
    const outdated: Projection[] = [];
    for (const projection of projections) {
      const { name: schema, version } = projection;
      const row = rowOf(projection);
      if (isFirstStart) current.push(await createSchema(connection, projection, schema, log));
      else if (row?.version !== version) outdated.push(projection);
      else current.push({ projection, schema, position: BigInt(row.position) });
    }
    return { current, outdated };
  });
}

/** From where the log has to be read for all of these; undefined for its start. */
export function resumeAfter(targets: Target[]): bigint | undefined {
  const oldest = targets.reduce(
    (least, { position }) => (position < least ? position : least),
    targets[0]?.position ?? NOTHING,
  );
  return oldest === NOTHING ? undefined : oldest;
}

/** Moves checkpoints from where they were to `position`. Throws `CheckpointMoved`. */
export async function moveCheckpoints(
  connection: Connection,
  targets: Target[],
  position: bigint,
): Promise<void> {
  const { rowCount } = await connection.query(
    `update projector.checkpoint c set position = $3, updated_at = now()
     from unnest($1::text[], $2::bigint[]) as expected(schema, position)
     where c.schema = expected.schema and c.position = expected.position`,
    [
      targets.map(({ schema }) => schema),
      targets.map((target) => target.position.toString()),
      position.toString(),
    ],
  );
  if (rowCount !== targets.length) throw new CheckpointMoved('a checkpoint was moved elsewhere');
}

/** Notes that a schema lacks what an event should have made of its rows. */
export async function park(
  connection: Connection,
  schema: string,
  event: StoredEvent,
  error: Error,
): Promise<void> {
  await connection.query(
    `insert into projector.parked (projection, position, event_id, stream, type, error)
     values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
    [
      schema,
      event.position.toString(),
      event.id,
      storable(event.stream),
      storable(event.type),
      storable(error.stack ?? error.message),
    ],
  );
}

/** What Postgres can hold of a text that comes out of the log: an event is parked, whatever it is. */
const storable = (text: string): string => text.toWellFormed().replaceAll('\0', '\ufffd');
