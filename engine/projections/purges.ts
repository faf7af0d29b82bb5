import type { Connection, Pool } from '../../platform/postgres.ts';

/** Stands for whatever caches keep. */
export const ALL_TAGS = '*';

/** Far more than what is purged by name. */
const MAX_READ = 1_000;

/** A tag whose answers caches are to drop, and its place among what was noted. */
export type Noted = { tag: string; number: number };

export const PURGE_TABLES = [
  'create sequence if not exists projector.purge_number',
  `create table if not exists projector.purge (
     tag text primary key,
     number bigint not null default nextval('projector.purge_number'),
     noted_at timestamptz not null default now()
   )`,
];

const IS_READY = `select to_regclass('projector.purge') is not null as ready`;

/**
 * Notes in the transaction of the rows what is to be purged because of them: it is neither forgotten
 * by who dies before it is done, nor done for rows that were never written.
 */
export async function notePurges(connection: Connection, tags: string[]): Promise<void> {
  if (tags.length === 0) return;
  await connection.query(
    `insert into projector.purge (tag) select unnest($1::text[])
     on conflict (tag) do update set number = nextval('projector.purge_number')`,
    [tags],
  );
}

/** How much waits to be purged, and since when the oldest of it does. */
export type PurgesWaiting = { count: number; since: string | null };

export async function readPurgesWaiting(pool: Pool): Promise<PurgesWaiting> {
  const { rows: ready } = await pool.query<{ ready: boolean }>(IS_READY);
  if (!ready[0]!.ready) return { count: 0, since: null };
  const { rows } = await pool.query<PurgesWaiting>(
    // As JSON, in which a column that a projector of an earlier release has not made is null.
    `select count(*)::int as count, min((to_jsonb(each) ->> 'noted_at')::timestamptz) as since
     from projector.purge each`,
  );
  return rows[0]!;
}

/** What waits to be purged, for whoever does that. */
export const purgeQueue = (pool: Pool) => ({
  async read(): Promise<Noted[]> {
    const { rows: ready } = await pool.query<{ ready: boolean }>(IS_READY);
    if (!ready[0]!.ready) return [];
    const { rows } = await pool.query<Noted>(
      'select tag, number from projector.purge order by number limit $1',
      [MAX_READ],
    );
    return rows;
  },

  async done(purged: Noted[]): Promise<void> {
    const tags = purged.map(({ tag }) => tag);
    await pool.query(
      `delete from projector.purge where (tag, number) in
         (select * from unnest($1::text[], $2::bigint[]))`,
      [tags, purged.map(({ number }) => number)],
    );
    // What was noted again meanwhile waits since then, and not since it was noted first.
    await pool.query('update projector.purge set noted_at = now() where tag = any($1)', [tags]);
  },
});
