import pg from 'pg';
import type { Logger } from './log.ts';

export type Pool = pg.Pool;
export type Connection = pg.PoolClient;

const CONNECT_TIMEOUT_MS = 3_000;
/** Of a server that is asked by people: who has no answer by then shall hear that there is none. */
const ANSWER_TIMEOUT_MS = 5_000;
/** How soon a connection is probed on which nothing is said. */
const KEEP_ALIVE_MS = 5_000;
/**
 * A connection on which nothing is said may have fallen silent, and whoever is given it next would wait
 * for nothing: none is trusted for longer than an answer may take.
 */
const IDLE_TIMEOUT_MS = 5_000;
const GRACE_MS = 500;

// Counts, paise and log positions stay far below 2^53: read them as numbers.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);
// Times leave as they are stored in events: RFC 3339 in UTC.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => new Date(text).toISOString());

/** What the network says: other codes of Node's are of files, and no reason to wait for Postgres. */
const NETWORK_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/**
 * How every connection to Postgres is made: none waits for ever for a host that has fallen silent.
 * Postgres gives up a statement that takes longer, and we a moment later, since it may not hear us.
 */
export const connectionOf = (url: string, answerWithinMs = ANSWER_TIMEOUT_MS): pg.ClientConfig => ({
  connectionString: url,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  statement_timeout: answerWithinMs,
  query_timeout: answerWithinMs + GRACE_MS,
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
});

/** A bounded set of connections that survives a restart of Postgres, and its silence. */
export function createPool(
  url: string,
  log: Logger,
  { max = 10, answerWithinMs = ANSWER_TIMEOUT_MS }: { max?: number; answerWithinMs?: number } = {},
): Pool {
  const pool = new pg.Pool({
    ...connectionOf(url, answerWithinMs),
    max,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
  });
  // A connection without a listener ends the process when it is lost: the pool listens to the idle
  // ones, nobody to those in use that wait for no answer just then.
  const onLost = (error: Error) => log.warn({ err: error }, 'a Postgres connection was lost');
  pool.on('connect', (connection) => connection.on('error', onLost));
  pool.on('error', (error) => log.debug({ err: error }, 'it was idle'));
  return pool;
}

/** Runs `work` in one transaction: all of it is kept, or nothing. */
export async function transaction<T>(
  pool: Pool,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await pool.connect();
  let broken: Error | undefined;
  try {
    await connection.query('begin');
    const result = await work(connection);
    await connection.query('commit');
    return result;
  } catch (error) {
    // One that has not answered would not answer this either.
    if (isPostgresUnavailable(error)) broken = error as Error;
    else await connection.query('rollback').catch((failure: Error) => (broken = failure));
    throw error;
  } finally {
    // A connection that could not even roll back is thrown away, not given to the next.
    connection.release(broken);
  }
}

/** Whether Postgres could not be reached, as against having refused what it was asked. */
export function isPostgresUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  // Class 08: connection; 57P0x: shutting or starting up; 57014: it took too long; 53: out of
  // resources; 40: lost a race.
  if (/^(?:08|57P|57014|53|40)/.test(code) || NETWORK_ERRORS.has(code)) return true;
  return code === '' && /connection|timeout/i.test(error.message);
}
