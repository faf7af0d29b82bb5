/**
 * That rows are made from the log that is read now. An event store may hold another one than before:
 * the shop moved there, with `ops log copy`, or a backup was restored. Events have other positions
 * there, so that rows cannot go on from where they stand: they are built anew.
 */
import { headOfLog, type EventStore } from '../../platform/event-store.ts';
import { identityOf, renewIdentity } from '../../platform/log-identity.ts';
import type { Logger } from '../../platform/log.ts';
import { transaction, type Pool } from '../../platform/postgres.ts';
import { isPosition } from '../../platform/raw-events.ts';
import { waitUnlessAborted } from '../../platform/subscription.ts';
import { RETRY_MS } from '../../platform/time.ts';
import { NOTHING, OF_OTHER_LOG, PROJECTED_CHANNEL } from './checkpoint.ts';

type Parts = { client: EventStore; pool: Pool; log: Logger };

/**
 * Resolves to the id of the log, once no live rows claim to be of it that are of another one: those
 * wait to be built anew. Throws where rows of this very log have seen events that it does not have:
 * it was put back to an earlier state, and somebody has to know.
 */
export async function disownOtherLogs(parts: Parts): Promise<string> {
  const { identity, others, astray } = await judge(parts);
  if (astray.length > 0) {
    throw new Error(
      `${astray.join(', ')} has seen events that are not in the log, or are beyond the end of the ` +
        'log, which was restored or replaced: rebuild the read models with `npm run ops -- replay`',
    );
  }
  await disown(parts, identity, others);
  return identity;
}

/**
 * As `disownOtherLogs`, for whoever was told to build rows anew, and does so whatever they have seen.
 * A log that was put back gets another id: what comes now gets positions that others have had.
 */
export async function disownAnyway(parts: Parts): Promise<string> {
  const { identity, others, astray } = await judge(parts);
  if (astray.length === 0) {
    await disown(parts, identity, others);
    return identity;
  }
  const renewed = await renewIdentity(parts.client);
  const all = await liveRows(parts.pool);
  await disown(
    parts,
    renewed,
    all.map(({ schema }) => schema),
  );
  return renewed;
}

/** Whether rows are made from another log than the one with this id, as far as is known. */
export const isOfOtherLog = (
  { version, log }: { version: number; log: string | null },
  identity: string | undefined,
): boolean => version === OF_OTHER_LOG || (log !== null && log !== identity);

/** Whether some live rows are made from another log than the one with this id. */
export const hasRowsOfOtherLog = async (
  pool: Pool,
  identity: string | undefined,
): Promise<boolean> => (await liveRows(pool)).some((row) => isOfOtherLog(row, identity));

/** Of the live rows, which say that they are of another log, and which this one knows nothing of. */
async function judge({ client, pool }: Parts) {
  const identity = await identityOf(client);
  const rows = await liveRows(pool);
  const isOther = (row: LiveRows) => row.log !== null && row.log !== identity;
  const head = await headOfLog(client);
  const isKnown = new Map<bigint, boolean>([[NOTHING, true]]);
  const astray: string[] = [];
  for (const row of rows) {
    if (isOther(row)) continue;
    const { position, schema } = row;
    const known =
      isKnown.get(position) ?? (position <= head && (await isPosition(client, position)));
    isKnown.set(position, known);
    if (!known) astray.push(schema);
  }
  // Where nobody noted it, and all is known that they have seen, they are of this one.
  if (astray.length === 0 && rows.some(({ log }) => log === null)) {
    await pool.query('update projector.checkpoint set log = $1 where log is null', [identity]);
  }
  return { identity, others: rows.filter(isOther).map(({ schema }) => schema), astray };
}

type LiveRows = { schema: string; version: number; position: bigint; log: string | null };

async function liveRows(pool: Pool): Promise<LiveRows[]> {
  const { rows } = await pool.query<Omit<LiveRows, 'position'> & { position: number }>(
    `select schema, version, position, log from projector.checkpoint
     where schema not like '%\\_next'`,
  );
  return rows.map((row) => ({ ...row, position: BigInt(row.position) }));
}

/** Notes that rows are of no position of this log, and tells readers which it is. */
async function disown({ pool, log }: Parts, identity: string, schemas: string[]): Promise<void> {
  if (schemas.length === 0) return;
  log.warn({ schemas, identity }, 'these rows are of another log than this: they are built anew');
  await transaction(pool, async (connection) => {
    await connection.query(
      `update projector.checkpoint set log = $1, version = $2, position = $3
       where schema = any($4)`,
      [identity, OF_OTHER_LOG, NOTHING.toString(), schemas],
    );
    const message = JSON.stringify({ position: NOTHING.toString(), tags: null, log: identity });
    await connection.query('select pg_notify($1, $2)', [PROJECTED_CHANNEL, message]);
  });
}

/** The event store holds another log than the one that was followed. */
export class LogReplaced extends Error {
  constructor() {
    super('the event store holds another log than before');
    this.name = 'LogReplaced';
  }
}

/** Waits until the event store says which log it holds. Throws `LogReplaced` where it is another. */
export async function assertStillHeld(
  { client, log, signal }: { client: EventStore; log: Logger; signal: AbortSignal },
  identity: string,
): Promise<void> {
  while (!signal.aborted) {
    const held = await identityOf(client).catch((error: unknown) =>
      log.warn({ err: error }, 'the event store does not say which log it holds'),
    );
    if (held === identity) return;
    if (held !== undefined) throw new LogReplaced();
    await waitUnlessAborted(RETRY_MS, signal);
  }
}
