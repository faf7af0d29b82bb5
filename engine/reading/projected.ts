import { EventEmitter } from 'node:events';
import pg from 'pg';
import { POSITION_HEADER, Problem, unavailable } from '../../platform/http.ts';
import type { Logger } from '../../platform/log.ts';
import { connectionOf, type Pool } from '../../platform/postgres.ts';
import { RETRY_MS } from '../../platform/time.ts';
import { isOfLog, positionToken, type Position } from '../position.ts';
import { PROJECTED_CHANNEL } from '../projections/checkpoint.ts';

/** How long a read waits for a command's events to be projected. */
const MAX_WAIT_MS = 1_000;
/** How often the connection is asked whether it still is one, and how long that may take. */
const BEAT_EVERY_MS = 1_000;
const BEAT_WITHIN_MS = 1_500;
/** Pages that stay open: server-sent events and waiting reads. */
const MAX_LISTENERS = 5_000;

/**
 * What became visible; `tags` is null when anything may have changed. `log` is the id of the log that
 * the rows are made from, where that is told: whenever it is another one.
 */
export type Change = { position: bigint; tags: string[] | null; log?: string | null };

/**
 * Hears from the projector, through Postgres, how far the rows have come and what changed. While
 * that connection is down nothing is known to be current: `connected` says so.
 */
export class Projected {
  position = -1n;
  connected = false;
  /** Of the log that the rows are made from, once it is told. */
  #identity: string | undefined;
  #changes = new EventEmitter().setMaxListeners(MAX_LISTENERS);
  #client: pg.Client | undefined;
  #stopped = false;
  #url: string;
  #pool: Pool;
  #log: Logger;
  #retry: NodeJS.Timeout | undefined;
  #beat: NodeJS.Timeout | undefined;

  constructor(url: string, pool: Pool, log: Logger) {
    this.#url = url;
    this.#pool = pool;
    this.#log = log;
  }

  async start(): Promise<void> {
    await this.#connect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#beat);
    await this.#client?.end();
  }

  /** Calls back after every commit of the projector; returns how to end that. */
  onChange(listener: (change: Change) => void): () => void {
    this.#changes.on('change', listener);
    return () => this.#changes.off('change', listener);
  }

  get listeners(): number {
    return this.#changes.listenerCount('change');
  }

  /** The place that the rows have come to, for clients; undefined before there is one. */
  get token(): string | undefined {
    if (this.position < 0n) return undefined;
    return this.#identity === undefined
      ? this.position.toString()
      : positionToken(this.#identity, this.position);
  }

  /**
   * Resolves once the rows have come as far as a position. Throws a 503 after `MAX_WAIT_MS`, and a
   * 409 for one of another log: what it stands for is not to be found in the rows of this one.
   */
  async reach(asked: Position): Promise<void> {
    if (this.#hasReached(asked)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const off = this.onChange(() => {
      try {
        if (this.#hasReached(asked)) resolve();
      } catch (error) {
        reject(error);
      }
    });
    const timer = setTimeout(
      () => reject(unavailable('NOT_YET', 'This is not to be seen yet: ask again in a second.')),
      MAX_WAIT_MS,
    );
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      off();
    }
  }

  #hasReached(asked: Position): boolean {
    if (isOfLog(asked, this.#identity)) return this.position >= asked.position;
    throw new Problem(
      409,
      'OTHER_LOG',
      `This ${POSITION_HEADER} is of another event log than what is read here, which was moved or ` +
        'restored since: ask again without it.',
    );
  }

  async #connect(): Promise<void> {
    if (this.#stopped) return;
    const client = new pg.Client(connectionOf(this.#url, BEAT_WITHIN_MS));
    this.#client = client;
    client.on('error', (error) => this.#log.warn({ err: error }, 'the projector is not heard'));
    client.on('notification', ({ payload }) => this.#heard(payload ?? '{}'));
    client.once('end', () => this.#lost(client));
    try {
      await client.connect();
      await client.query(`listen ${PROJECTED_CHANNEL}`);
      await this.#readPosition();
      this.connected = true;
      this.#beatLater(client);
    } catch (error) {
      this.#log.warn({ err: error }, 'cannot listen to the projector yet');
      await client.end().catch(() => this.#lost(client));
    }
  }

  /** A host that is gone ends no connection: only that nothing answers tells of it. */
  #beatLater(client: pg.Client): void {
    this.#beat = setTimeout(() => {
      client.query('select 1').then(
        () => this.#client === client && this.#beatLater(client),
        (error: unknown) => {
          this.#log.warn({ err: error }, 'Postgres has fallen silent');
          this.#lost(client);
          // With an answer outstanding this does not wait for one, it cuts the connection.
          client.end().catch((failure: unknown) => this.#log.debug({ err: failure }, 'cut'));
        },
      );
    }, BEAT_EVERY_MS);
  }

  #lost(client: pg.Client): void {
    if (this.#client !== client || this.#stopped) return;
    this.#client = undefined;
    this.connected = false;
    clearTimeout(this.#beat);
    this.#retry = setTimeout(() => {
      this.#connect().catch((error: unknown) =>
        this.#log.error({ err: error }, 'cannot listen to the projector'),
      );
    }, RETRY_MS);
  }

  /** What was said while nobody listened is lost: anything may have changed. */
  async #readPosition(): Promise<void> {
    // As JSON, in which a column that a projector of an earlier release has not made is null.
    const { rows } = await this.#pool.query<{ position: number | null; log: string | null }>(
      `select min(position) as position, min(to_jsonb(each) ->> 'log') as log
       from projector.checkpoint each where schema not like '%\\_next'`,
    );
    const { position, log } = rows[0]!;
    this.#tell({ position: BigInt(position ?? -1), tags: null, log });
  }

  #heard(payload: string): void {
    const { position, ...change } = JSON.parse(payload) as Omit<Change, 'position'> & {
      position: string;
    };
    this.#tell({ ...change, position: BigInt(position) });
  }

  #tell(change: Change): void {
    const isOtherLog = change.log && this.#identity !== change.log;
    if (isOtherLog) this.#identity = change.log!;
    // A rebuild that is swapped in may be a moment behind what was told before; of another log the
    // positions are other ones.
    if (isOtherLog || change.position > this.position) this.position = change.position;
    this.#changes.emit('change', change);
  }
}
