import { isDeepStrictEqual } from 'node:util';
import type { StoredEvent } from '../../platform/event-store.ts';
import type { Logger } from '../../platform/log.ts';
import { transaction, type Connection, type Pool } from '../../platform/postgres.ts';
import { applyEvents } from '../../engine/projections/apply.ts';
import { createSchema, type Target } from '../../engine/projections/checkpoint.ts';
import type { Projection } from '../../engine/projections/projection.ts';
import type { Table } from '../../engine/projections/rows.ts';
import type { Report } from './check.ts';

const MAX_BATCH_EVENTS = 2_000;
const MAX_SHOWN_ROWS = 10;
const MAX_SHOWN_LENGTH = 200;

const READ_MODELS = 'every read model is there';
const PARKED = 'no event is parked';

/** The rows of a read model as they stood at `position`, and what is folded anew up to there. */
type Proof = { projection: Projection; position: bigint; fresh: Target };

/**
 * Compares the live read models, row by row, with those that a fresh fold of the log makes. Copies
 * the live rows first, with the position that they stand at, so that the projector goes on; then
 * fills schemas beside them, as a rebuild does, up to the same position.
 */
export class RowsProof {
  readonly #pool: Pool;
  readonly #log: Logger;
  /** Its temporary tables hold the copies. */
  readonly #connection: Connection;
  readonly #proofs: Proof[];
  readonly #dropped: ReadonlySet<string>;
  #batch: StoredEvent[] = [];

  private constructor(
    pool: Pool,
    log: Logger,
    connection: Connection,
    proofs: Proof[],
    dropped: ReadonlySet<string>,
  ) {
    this.#dropped = dropped;
    this.#pool = pool;
    this.#log = log;
    this.#connection = connection;
    this.#proofs = proofs;
  }

  /** Call it while nobody else rebuilds, on a `connection` that is thrown away afterwards. */
  static async begin(
    pool: Pool,
    log: Logger,
    connection: Connection,
    projections: Projection[],
    report: Report,
    dropped: ReadonlySet<string> = new Set(),
  ): Promise<RowsProof> {
    // A large read model takes longer than any statement of a service may.
    await connection.query('set statement_timeout = 0');
    await connection.query('begin isolation level repeatable read');
    const { rows } = await connection.query<{ schema: string; version: number; position: number }>(
      'select schema, version, position from projector.checkpoint',
    );
    const proofs: Proof[] = [];
    for (const projection of projections) {
      const { name, version } = projection;
      const live = rows.find(({ schema }) => schema === name);
      if (live?.version !== version) {
        const found = live ? `its rows are of version ${live.version}` : 'it has no rows';
        report(READ_MODELS, name, `${found}; the projector makes version ${version}`);
        continue;
      }
      for (const table of tablesOf(projection)) {
        await connection.query(
          `create temp table ${copyOf(projection, table)} as
           select ${columnsOf(table).join(', ')} from ${name}.${table.name}`,
        );
      }
      const fresh = { projection, schema: `${name}_next`, position: -1n };
      proofs.push({ projection, position: BigInt(live.position), fresh });
    }
    await connection.query('commit');
    await tellParked(connection, projections, report, dropped);
    await transaction(pool, async (other) => {
      for (const { projection, fresh } of proofs) {
        await createSchema(other, projection, fresh.schema);
      }
    });
    return new RowsProof(pool, log, connection, proofs, dropped);
  }

  /** The newest position that any of the rows stand at; -1 where there are none. */
  get position(): bigint {
    return this.#proofs.reduce((last, { position }) => (position > last ? position : last), -1n);
  }

  async take(event: StoredEvent): Promise<void> {
    this.#batch.push(event);
    if (this.#batch.length >= MAX_BATCH_EVENTS) await this.#apply();
  }

  async #apply(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    const dropped = this.#dropped;
    const options = { pool: this.#pool, log: this.#log, notify: false, dropped };
    const groups = Map.groupBy(this.#proofs, ({ position }) => position);
    for (const [until, proofs] of groups) {
      const events = batch.filter(({ position }) => position <= until);
      const targets = proofs.map(({ fresh }) => fresh);
      if (events.length > 0) await applyEvents(options, targets, events);
    }
  }

  /** Tells which rows differ. Resolves to how many were compared. */
  async compare(report: Report): Promise<{ rows: number; tables: number }> {
    await this.#apply();
    const compared = { rows: 0, tables: 0 };
    for (const { projection, fresh } of this.#proofs) {
      for (const table of tablesOf(projection)) {
        compared.rows += await compareTable(
          this.#connection,
          projection,
          fresh.schema,
          table,
          report,
        );
        compared.tables += 1;
      }
    }
    return compared;
  }

  /** Leaves nothing behind of what was filled. */
  async end(): Promise<void> {
    const schemas = this.#proofs.map(({ fresh }) => fresh.schema);
    await transaction(this.#pool, async (connection) => {
      for (const schema of schemas) await connection.query(`drop schema ${schema} cascade`);
      await connection.query('delete from projector.checkpoint where schema = any($1)', [schemas]);
      await connection.query('delete from projector.parked where projection = any($1)', [schemas]);
    });
  }
}

/** Its tables, and those that keep the versions of their rows. */
const tablesOf = ({ tables }: Projection): Table[] =>
  tables.flatMap((table) => (table.versions ? [table, table.versions] : [table]));
const columnsOf = ({ columns }: Table): string[] => Object.keys(columns);
const copyOf = ({ name }: Projection, table: Table): string => `live_${name}_${table.name}`;

async function tellParked(
  connection: Connection,
  projections: Projection[],
  report: Report,
  dropped: ReadonlySet<string>,
): Promise<void> {
  const { rows } = await connection.query<
    Record<'projection' | 'event_id' | 'stream' | 'type' | 'error', string>
  >(
    `select projection, event_id, stream, type, split_part(error, e'\\n', 1) as error
     from projector.parked where projection = any($1) order by position`,
    [projections.map(({ name }) => name)],
  );
  for (const { projection, event_id: id, stream, type, error } of rows) {
    if (dropped.has(id)) continue;
    report(PARKED, stream, `${projection} could not apply ${type}: ${error}`);
  }
}

type Values = Record<string, unknown>;
type Difference = { live: Values | null; fresh: Values | null; count: number };

/** Tells which rows differ. Resolves to how many the fresh table has. */
async function compareTable(
  connection: Connection,
  projection: Projection,
  schema: string,
  table: Table,
  report: Report,
): Promise<number> {
  const { columns } = table;
  const names = columnsOf(table);
  const key = table.key.join(', ');
  // Of JSON it is the value that counts, not how it was written down.
  const valueOf = (side: string, name: string) =>
    columns[name]!.startsWith('json') ? comparable(`${side}.${name}`) : `${side}.${name}`;
  const valuesOf = (side: string) => names.map((name) => valueOf(side, name)).join(', ');
  const fresh = `${schema}.${table.name}`;
  const { rows } = await connection.query<Difference>(
    `select to_json(live) as live, to_json(fresh) as fresh, count(*) over () as count
     from ${copyOf(projection, table)} live
     full join (select ${names.join(', ')} from ${fresh}) fresh using (${key})
     where (${valuesOf('live')}) is distinct from (${valuesOf('fresh')})
     order by ${key} limit ${MAX_SHOWN_ROWS}`,
  );
  const name = `${projection.name}.${table.name}`;
  for (const [index, row] of rows.entries()) {
    const more = index === rows.length - 1 ? row.count - rows.length : 0;
    report(`the rows of ${name} are what the log gives`, whichOf(table, row), textOf(row), more);
  }
  const { rows: counted } = await connection.query<{ count: number }>(
    `select count(*) as count from ${fresh}`,
  );
  return counted[0]!.count;
}

/** The value of JSON; the text where it holds an escape that `jsonb` refuses, such as U+0000. */
const comparable = (json: string): string =>
  `case when ${json}::text ~ '\\\\u(0000|[dD][89a-fA-F])' then to_jsonb(${json}::text)
     else ${json}::jsonb end`;

/** The row by its key. */
const whichOf = ({ key, name }: Table, { live, fresh }: Difference): string =>
  [name, ...key.map((column) => `${column} ${String((live ?? fresh)![column])}`)].join(', ');

function textOf({ live, fresh }: Difference): string {
  if (!live) return 'it is missing';
  if (!fresh) return 'it should not be there';
  return Object.keys(fresh)
    .filter((column) => !isDeepStrictEqual(live[column], fresh[column]))
    .map((column) => `${column} is ${shown(live[column])} and should be ${shown(fresh[column])}`)
    .join('; ');
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}
