import { parseArgs } from 'node:util';
import { DECIDERS } from '../domain/deciders.ts';
import { exactRupees } from '../wording/en/words.ts';
import { readParking } from '../engine/parking.ts';
import { upcasterOf } from '../engine/upcast.ts';
import {
  connectEventStore,
  headOfLog,
  type EventStore,
  type StoredEvent,
} from '../platform/event-store.ts';
import type { Logger } from '../platform/log.ts';
import { createPool, type Pool } from '../platform/postgres.ts';
import { NO_SYSTEM_EVENTS, readRawLog, type RawEvent } from '../platform/raw-events.ts';
import { PROJECTIONS } from '../projector/app.ts';
import {
  RebuildRunning,
  prepareDatabase,
  rebuildingAlone,
} from '../engine/projections/checkpoint.ts';
import { hasRowsOfOtherLog } from '../engine/projections/same-log.ts';
import { knownIdentityOf } from '../platform/log-identity.ts';
import { FAILED, OK, OperatorError, printJson } from './command.ts';
import { required } from './environment.ts';
import { count, counted, duration } from './format.ts';
import { operatorLog } from './log.ts';
import { Progress } from './progress.ts';
import { collectViolations, type Violations } from './prove/check.ts';
import { proveLog } from './prove/log.ts';
import type { ShopLedger } from './prove/payment.ts';
import { RowsProof } from './prove/rows.ts';

/** One holds the lock, one the copies of the live rows, one writes. */
const POOL_SIZE = 3;
/** What an operator asks for may go through all rows. */
const STATEMENT_MS = 5 * 60_000;

export const name = 'prove';
export const summary =
  'check that the whole log holds together, and that the read models say the same';
export const usage = `Usage: npm run ops -- prove [--json]

Folds the whole event log once, up to where it ends now, and checks what always has to hold:

  streams       every stream folds by its rules; a command takes effect once; a snapshot is what its
                stream folds to
  stock         nothing is promised twice; what is reserved is what open orders have; what is packed
                left the shelf; what a picker did not find is off the books; what came back is on
                them again
  slots         no slot takes more orders than it has places; places are held for open orders
  orders        they add up, stay within the quote that was accepted, and come to one end in time
  shops         each is handed its part; it picks what was ordered, and nobody owes more by it
  bills         numbers have no gap; what is in the basket is billed once; tax adds up; what came
                back is credited
  payments      money is asked for and taken once, and a transfer by UPI for one order; what is taken
                and not given back is what is owed; refunds arrive in time; each shop has of card
                payments what is owed for its parts, and is told what that comes to
  read models   no event is parked; each row, as it stood when this began, is what a fresh fold of
                the log gives

The system may run meanwhile: nothing live is touched or held up. The fresh fold is written beside
the live rows, as a rebuild is, and dropped afterwards; that and a copy of the live rows need twice
their space in Postgres. Ctrl-C is safe: the next proof or replay drops what is left.
Memory: the state of 50,000 streams and of each shop's stock and registers, and some 3 KB for each
order; 590 MB for 1.3 million events of 40,000 orders.

Read models that differ are mended by a replay. What does not hold in the log is for people to look
at: an event is never taken back.

  --json   the result as JSON on stdout

Examples:
  npm run ops -- prove
  npm run -s ops -- prove --json | jq .violations

Exit code 1: something does not hold; it says what, in which event of which stream or in which row.
Needs EVENT_STORE_URL and DATABASE_URL.`;

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { json: { type: 'boolean' } } });
  const env = required('EVENT_STORE_URL', 'DATABASE_URL');
  const progress = new Progress('proving', 'events');
  const log = operatorLog((line) => progress.say(line));
  const client = connectEventStore(env.EVENT_STORE_URL, upcasterOf(DECIDERS));
  const pool = createPool(env.DATABASE_URL, log, { max: POOL_SIZE, answerWithinMs: STATEMENT_MS });
  try {
    const proof = await prove({ client, pool, log, progress });
    progress.end();
    if (values.json) printJson(proof);
    else console.log(render(proof).join('\n'));
    return proof.ok ? OK : FAILED;
  } catch (error) {
    progress.end();
    if (!(error instanceof RebuildRunning)) throw error;
    throw new OperatorError(
      'The read models are being rebuilt or proved just now: let that finish ' +
        '(see: npm run ops -- status).',
    );
  } finally {
    await Promise.all([client.dispose(), pool.end()]);
  }
}

type Proof = {
  ok: boolean;
  /** Up to where the log was folded, and as of which position rows were compared. */
  position: number;
  rowsPosition: number;
  events: number;
  streams: number;
  orders: number;
  /** What each shop got by card into its own account. */
  shops: ShopLedger[];
  rows: number;
  tables: number;
  tookMs: number;
  violations: Violations[];
};

type Parts = { client: EventStore; pool: Pool; log: Logger; progress: Progress };

async function prove({ client, pool, log, progress }: Parts): Promise<Proof> {
  const nowMs = Date.now();
  const { report, violations } = collectViolations();
  await prepareDatabase(pool);
  const parking = await readParking(client);
  const dropped = new Set(parking.dropped.keys());
  for (const { by, stream, type, error } of parking.parked) {
    report('no event is parked', stream, `${by} could not read ${type}: ${error}`);
  }
  return rebuildingAlone(pool, log, async () => {
    const connection = await pool.connect();
    let rowsProof: RowsProof | undefined;
    try {
      rowsProof = await RowsProof.begin(pool, log, connection, PROJECTIONS, report, dropped);
      const rowsPosition = rowsProof.position;
      const head = await headOfLog(client);
      if (rowsPosition > head || (await hasRowsOfOtherLog(pool, await knownIdentityOf(client))))
        throw ofOtherLog();
      let done = 0;
      const onEvent = (event: StoredEvent) => {
        done += 1;
        progress.update({ done, fraction: Number(event.position) / Number(head) });
        return rowsProof!.take(event);
      };
      const events = logUntil(client, head);
      const proved = await proveLog(client, events, nowMs, report, onEvent, dropped);
      const compared = await rowsProof.compare(report);
      return {
        ok: violations.length === 0,
        position: Number(head),
        rowsPosition: Number(rowsPosition),
        ...proved,
        ...compared,
        tookMs: progress.elapsedMs,
        violations,
      };
    } finally {
      await rowsProof?.end();
      connection.release(true);
    }
  });
}

async function* logUntil(client: EventStore, head: bigint): AsyncGenerator<RawEvent> {
  for await (const event of readRawLog(client, undefined, NO_SYSTEM_EVENTS)) {
    if (event.position > head) return;
    yield event;
  }
}

const ofOtherLog = (): OperatorError =>
  new OperatorError(
    'The read models are of another log, or have seen events beyond the end of the log, which was ' +
      'restored or replaced: rebuild them with npm run ops -- replay, then prove again.',
  );

function render(proof: Proof): string[] {
  const { position, rowsPosition, events, streams, orders, rows, tables, tookMs } = proof;
  const { shops, violations } = proof;
  const folded = [counted(events, 'event'), counted(streams, 'stream'), counted(orders, 'order')];
  const compared = `${counted(rows, 'row')} in ${counted(tables, 'table')}`;
  const verdict =
    violations.length === 0
      ? 'All of it holds.'
      : `${counted(violations.length, 'thing')} that should always hold did not.`;
  return [
    `The log up to position ${count(position)}: ${folded.join(', ')}.`,
    `The read models at position ${count(rowsPosition)}: ${compared}.`,
    ...shops.map(renderLedger),
    ...violations.flatMap(renderViolations),
    `${verdict} It took ${duration(tookMs)}.`,
  ];
}

const renderLedger = (shop: ShopLedger): string => {
  const { storeId, payments, paidPaise, reversedPaise, returnedPaise } = shop;
  const has = paidPaise - reversedPaise + returnedPaise;
  const moved = [
    `${exactRupees(paidPaise)} in ${counted(payments, 'payment')}`,
    `${exactRupees(reversedPaise)} came back`,
    ...(returnedPaise > 0 ? [`${exactRupees(returnedPaise)} of that went to it again`] : []),
  ];
  return `By card, shop ${storeId} has ${exactRupees(has)}: ${moved.join(', ')}.`;
};

const renderViolations = ({ kind, count: found, first }: Violations): string[] => [
  '',
  `NOT SO: ${kind}`,
  ...first.map(({ where, text }) => `  ${where}: ${text}`),
  ...(found > first.length ? [`  and ${count(found - first.length)} more`] : []),
  '',
];
