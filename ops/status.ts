import { parseArgs } from 'node:util';
import { START } from '@eventstore/db-client';
import {
  asStored,
  connectEventStore,
  headOfLog,
  isSystemEvent,
  newestEvent,
  REACTOR_CHECKPOINT,
  REACTOR_LEASE,
  type EventStore,
} from '../platform/event-store.ts';
import { knownIdentityOf } from '../platform/log-identity.ts';
import { createPool, type Pool } from '../platform/postgres.ts';
import { READY_PATH, PROCESSES, processOf, type ProcessName } from '../platform/system.ts';
import { PROJECTIONS } from '../projector/app.ts';
import type { SetAsideTask } from '../engine/processes/task-list.ts';
import { REBUILD_LOCK } from '../engine/projections/checkpoint.ts';
import { readPurgesWaiting, type PurgesWaiting } from '../engine/projections/purges.ts';
import { isOfOtherLog } from '../engine/projections/same-log.ts';
import { FAILED, OK, printJson, reasonOf } from './command.ts';
import { optional, required } from './environment.ts';
import { count, counted, duration, table, withoutSecrets } from './format.ts';
import { operatorLog } from './log.ts';
import { parkedRows, readParkedEvents } from './parked-events.ts';

const HEALTH_TIMEOUT_MS = 3_000;
const READ_TIMEOUT_MS = 5_000;
const POOL_SIZE = 2;
/** An event waits and nothing moves for so long: the projector is not there, or is stuck. */
const STALLED_AFTER_MS = 10_000;
/**
 * What is to be purged at the edge waits for less than a second, or up to 5 s where a process died;
 * for so long only where the edge refused it, at once and after 1, 2 and 4 s.
 */
const PURGE_LATE_AFTER_MS = 10_000;
/** The newest part of the log is searched this far for an event that is ours. */
const MAX_EVENTS_SEARCHED = 1_000;

export const name = 'status';
export const summary =
  'one look at the whole: what is up, how far the read models are, what is parked';
export const usage = `Usage: npm run ops -- status [--json]

Looks at the event store, Postgres, every room whose address is known, each read model (how far it
is behind the end of the log, in log positions, and whether it is made from this log), rebuilds,
events that could not be projected, what waits to be purged from the edge, which reactor works, and
how far it is.

  --json   the same as JSON on stdout

Examples:
  npm run ops -- status
  npm run -s ops -- status --json | jq .parked

Exit code 1: something is down or stands still, an event is parked, or the edge is not purged.
Needs EVENT_STORE_URL and DATABASE_URL; PUBLIC_URL, READ_API_URL, REACTOR_URL and ORIGIN_… where they
are known.`;

type Service = { name: string; address: string; up: boolean; detail: string };

type ModelState = 'ok' | 'catching up' | 'unknown' | 'outdated' | 'rebuilding' | 'left over';
type ModelProblem = 'STALLED' | 'MISSING' | 'OF ANOTHER LOG';
type Model = {
  schema: string;
  state: ModelState | ModelProblem;
  version: number | null;
  position: number | null;
  /** Log positions up to the end of the log; null where one of the two is unknown. */
  behind: number | null;
  updatedAt: string | null;
};

type Parked = {
  count: number;
  newest: {
    /** Who could not read it: a read model, `reactor`, or `commands`, since its stream takes none. */
    projection: string;
    type: string;
    stream: string;
    /** In the log; null where no read model parked it. */
    position: number | null;
    error: string;
    /** Null where no read model parked it. */
    at: string | null;
  } | null;
};

type Reactor = {
  /** Which one works; null where none does. */
  holder: string | null;
  /** Everything up to here needs nothing more, but for tasks that were set aside. */
  position: number | null;
  behind: number | null;
  setAside: number;
  /** Of these, those that failed for so long that they are tried again only by the next start. */
  stopped: StoppedTask[];
};

type StoppedTask = { task: string; stream: string; because: string; since: string; tries: number };

type Status = {
  ok: boolean;
  services: Service[];
  /** Position of the newest event of the log. */
  head: number | null;
  readModels: Model[];
  parked: Parked | null;
  /** Tags whose answers the edge still keeps as they were. */
  purges: PurgesWaiting | null;
  reactor: Reactor | null;
  problems: string[];
};

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { json: { type: 'boolean' } } });
  const status = await look();
  if (values.json) printJson(status);
  else console.log(render(status).join('\n'));
  return status.ok ? OK : FAILED;
}

async function look(): Promise<Status> {
  const env = required('EVENT_STORE_URL', 'DATABASE_URL');
  const client = connectEventStore(env.EVENT_STORE_URL, asStored);
  const pool = createPool(env.DATABASE_URL, operatorLog(), { max: POOL_SIZE });
  try {
    const names = Object.keys(PROCESSES) as ProcessName[];
    const [log, database, rooms] = await Promise.all([
      attempt(headOfLog(client)),
      attempt(readDatabase(pool)),
      Promise.all(names.map(checkRoom)),
    ]);
    const services = [
      service('event store', env.EVENT_STORE_URL, log.error),
      service('postgres', env.DATABASE_URL, database.error),
      ...rooms.filter((room) => room !== undefined),
    ];
    const head = log.value === undefined ? null : Number(log.value);
    const readModels = database.value ? await judgeModels(client, head, database.value) : [];
    const parked = database.value
      ? await readParked(log.value === undefined ? undefined : client, database.value.parked)
      : null;
    const purges = database.value?.purges ?? null;
    const reactor = log.value === undefined ? null : await readReactor(client, log.value);
    const problems = [
      ...services.filter(({ up }) => !up).map((each) => `${each.name} is down`),
      ...readModels.filter(isProblem).map(({ schema, state }) => `${schema} is ${state}`),
      ...(parked?.count ? [`${counted(parked.count, 'event')} parked`] : []),
      ...(purges && areLate(purges) ? ['the edge is not purged'] : []),
      ...(reactor && reactor.holder === null ? ['no reactor works'] : []),
      ...(reactor?.stopped.length ? [`${counted(reactor.stopped.length, 'task')} stopped`] : []),
    ];
    const ok = problems.length === 0;
    return { ok, services, head, readModels, parked, purges, reactor, problems };
  } finally {
    await Promise.all([client.dispose(), pool.end()]);
  }
}

type Attempt<T> = { value: T; error?: undefined } | { value?: undefined; error: Error };

/** That something does not answer is what this command is to tell, not a reason to give up. */
const attempt = <T>(work: Promise<T>): Promise<Attempt<T>> =>
  work.then(
    (value) => ({ value }),
    (error: Error) => ({ error }),
  );

function service(what: string, address: string, error: Error | undefined): Service {
  return {
    name: what,
    address: withoutSecrets(address),
    up: !error,
    detail: error ? reasonOf(error) : '',
  };
}

/** Undefined where its address is not known. */
async function checkRoom(room: ProcessName): Promise<Service | undefined> {
  const address = processOf(room)
    .address.map(optional)
    .find((value) => value !== undefined);
  if (address === undefined) return undefined;
  const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
  const answer = await attempt(fetch(new URL(READY_PATH, address), { signal }));
  if (answer.error) return { name: room, address, up: false, detail: reasonOf(answer.error) };
  const { ok, status } = answer.value;
  await answer.value.body?.cancel();
  return { name: room, address, up: ok, detail: ok ? '' : `its ${READY_PATH} answers ${status}` };
}

/** That the one that works has died is what its address tells, or another that follows it. */
async function readReactor(client: EventStore, head: bigint): Promise<Reactor> {
  const [lease, checkpoint] = await Promise.all([
    newestEvent(client, REACTOR_LEASE),
    newestEvent(client, REACTOR_CHECKPOINT),
  ]);
  const isHeld = lease && lease.type !== 'ReactorLeaseReleased';
  const reached = checkpoint?.data as { position: string; setAside?: SetAsideTask[] } | undefined;
  const setAside = reached?.setAside ?? [];
  const position = reached ? BigInt(reached.position) : null;
  return {
    holder: isHeld ? (lease.data as { holder: string }).holder : null,
    position: position === null ? null : Number(position),
    behind: position === null ? null : Number(head - position),
    setAside: setAside.length,
    stopped: setAside.flatMap(({ key, stream, stopped }) =>
      stopped ? [{ task: key, stream, ...stopped }] : [],
    ),
  };
}

type Checkpoint = {
  schema: string;
  version: number;
  position: number;
  updated_at: string;
  /** The id of the log that the rows are made from, where the projector noted it. */
  log: string | null;
};
type Database = {
  checkpoints: Checkpoint[];
  parked: Awaited<ReturnType<typeof parkedRows>>;
  purges: PurgesWaiting;
  rebuilding: boolean;
};

async function readDatabase(pool: Pool): Promise<Database> {
  const { rows: prepared } = await pool.query<{ ready: boolean }>(
    `select to_regclass('projector.parked') is not null as ready`,
  );
  if (!prepared[0]!.ready) {
    return { checkpoints: [], parked: [], purges: { count: 0, since: null }, rebuilding: false };
  }
  const { rows: checkpoints } = await pool.query<Checkpoint>(
    // As JSON, in which a column that a projector of an earlier release has not made is null.
    `select schema, version, position, updated_at, to_jsonb(each) ->> 'log' as log
     from projector.checkpoint each order by schema`,
  );
  const { rows: locks } = await pool.query(
    `select from pg_locks where locktype = 'advisory' and objid = $1 and granted
       and database = (select oid from pg_database where datname = current_database())`,
    [REBUILD_LOCK],
  );
  const purges = await readPurgesWaiting(pool);
  return { checkpoints, parked: await parkedRows(pool), purges, rebuilding: locks.length > 0 };
}

/** Counts events, whoever parked them. Without the log only those of the read models are known. */
async function readParked(client: EventStore | undefined, rows: Database['parked']) {
  const parked = client
    ? (await readParkedEvents(client, rows)).parked
    : [...new Map(rows.map((row) => [row.event_id, { ...row, by: [row.projection] }])).values()];
  const [newest] = parked;
  if (!newest) return { count: 0, newest: null };
  const { by, type, stream, position, error, at } = newest;
  const shown = { projection: by[0]!, type, stream, position, error, at };
  return { count: parked.length, newest: shown };
}

const areLate = ({ since }: PurgesWaiting): boolean =>
  since !== null && Date.now() - Date.parse(since) > PURGE_LATE_AFTER_MS;

const PROBLEMS = new Set<Model['state']>(['STALLED', 'MISSING', 'OF ANOTHER LOG']);
const isProblem = ({ state }: Model): boolean => PROBLEMS.has(state);

async function judgeModels(
  client: EventStore,
  head: number | null,
  { checkpoints, rebuilding }: Database,
): Promise<Model[]> {
  const identity = head === null ? undefined : await knownIdentityOf(client);
  const live = PROJECTIONS.map(async ({ name: schema, version }): Promise<Model> => {
    const row = checkpoints.find((each) => each.schema === schema);
    if (!row) {
      const unknown = { version: null, position: null, behind: null, updatedAt: null };
      return { schema, state: 'MISSING', ...unknown };
    }
    const model = modelOf(row, head);
    if (head === null) return { ...model, state: 'unknown' };
    if (isOfOtherLog(row, identity)) return { ...model, behind: null, state: 'OF ANOTHER LOG' };
    // What the event store writes for itself is never projected, so a position says too little.
    const waitingSince = await oldestWaiting(client, row.position);
    if (waitingSince === undefined) model.behind = 0;
    if (row.version !== version) return { ...model, state: 'outdated' };
    if (waitingSince === undefined) return { ...model, state: 'ok' };
    const stoodStillMs = Date.now() - Math.max(waitingSince, Date.parse(row.updated_at));
    return { ...model, state: stoodStillMs > STALLED_AFTER_MS ? 'STALLED' : 'catching up' };
  });
  const next = checkpoints
    .filter(({ schema }) => schema.endsWith('_next'))
    .map((row): Model => {
      return { ...modelOf(row, head), state: rebuilding ? 'rebuilding' : 'left over' };
    });
  return [...(await Promise.all(live)), ...next];
}

function modelOf({ schema, version, position, updated_at }: Checkpoint, head: number | null) {
  const behind = head === null ? null : Math.max(head - Math.max(position, 0), 0);
  // Before the first event there is no position.
  return {
    schema,
    version,
    position: position < 0 ? null : position,
    behind,
    updatedAt: updated_at,
  };
}

/** When the first event of ours after a position happened, in ms; undefined when there is none. */
async function oldestWaiting(client: EventStore, position: number): Promise<number | undefined> {
  const after = BigInt(position);
  const events = client.readAll({
    fromPosition: after < 0n ? START : { commit: after, prepare: after },
    maxCount: MAX_EVENTS_SEARCHED,
    deadline: READ_TIMEOUT_MS,
  });
  let oldest: number | undefined;
  // To its end, or the client could not be disposed of.
  for await (const { event } of events) {
    if (!event || isSystemEvent(event) || event.position.commit <= after) continue;
    oldest ??= event.created.getTime();
  }
  return oldest;
}

function render(status: Status): string[] {
  const { services, head, readModels, parked, purges, reactor, problems } = status;
  const rooms = services.map(({ up, name: what, address, detail }) => {
    return [up ? '  ok  ' : '  DOWN', what, address, detail];
  });
  return [
    ...table(rooms),
    '',
    head === null ? 'Where the log ends is not known.' : `The log ends at ${count(head)}.`,
    '',
    ...(readModels.length > 0 ? [...renderModels(readModels), ''] : []),
    ...(parked?.newest ? [...renderParked(parked.count, parked.newest), ''] : []),
    ...(purges?.count ? [...renderPurges(purges), ''] : []),
    ...(reactor ? [renderReactor(reactor), ...renderStopped(reactor.stopped), ''] : []),
    problems.length === 0 ? 'All is well.' : `PROBLEMS: ${problems.join('; ')}.`,
  ];
}

function renderModels(models: Model[]): string[] {
  const figure = (value: number | null) => (value === null ? '-' : count(value));
  const rows = models.map(({ state, schema, version, position, behind, updatedAt }) => {
    const moved = updatedAt === null ? '-' : ago(updatedAt);
    return [`  ${state}`, schema, figure(version), figure(position), figure(behind), moved];
  });
  return table([['  state', 'read model', 'version', 'position', 'behind', 'moved'], ...rows]);
}

const renderParked = (
  total: number,
  { projection, type, stream, position, error, at }: NonNullable<Parked['newest']>,
): string[] => [
  `${counted(total, 'event')} PARKED: the rows are missing. The newest${at ? `, ${ago(at)}` : ''}:`,
  `  ${projection} refused ${type} of ${stream}${position === null ? '' : ` at ${count(position)}`}`,
  `  ${error}`,
  '  What to do: npm run ops -- parked, then retry it or drop it (npm run ops -- help parked)',
];

function renderPurges(purges: PurgesWaiting): string[] {
  const { count: total, since } = purges;
  const late = areLate(purges);
  const what = `${counted(total, 'tag')} ${total === 1 ? 'waits' : 'wait'} to be purged`;
  const age = since === null ? '' : `, the oldest for ${duration(Date.now() - Date.parse(since))}`;
  if (!late) return [`${what} at the edge${age}.`];
  return [
    `THE EDGE IS NOT PURGED: ${what}${age}. It answers with what it has kept of them.`,
    '  The projector does it, and tries again at least every 30 s. What to do: see that it runs,',
    '  and what its log says of "the edge was not purged yet": the address of the edge',
    '  (CLOUDFRONT_ENDPOINT), the distribution (CLOUDFRONT_DISTRIBUTION_ID) or its AWS credentials.',
  ];
}

function renderReactor({ holder, position, behind, setAside }: Reactor): string {
  const who = holder === null ? 'NO REACTOR WORKS' : `Reactor ${holder} works`;
  const where =
    position === null
      ? 'nothing is noted yet'
      : `noted ${count(position)}, ${count(behind!)} behind`;
  return `${who}: ${where}, ${counted(setAside, 'task')} set aside.`;
}

function renderStopped(stopped: StoppedTask[]): string[] {
  if (stopped.length === 0) return [];
  const tasks = stopped.flatMap(({ task, stream, because, since, tries }) => [
    `  ${task}, asked for by ${stream}: ${count(tries)} tries, the first ${ago(since)}`,
    `    ${because}`,
  ]);
  const what = `${counted(stopped.length, 'task')} STOPPED, and nothing more happens by itself:`;
  const next = '  Put right what each of them says, then restart the reactor: it tries them again.';
  return [what, ...tasks, next];
}

const ago = (at: string): string => `${duration(Date.now() - Date.parse(at))} ago`;
