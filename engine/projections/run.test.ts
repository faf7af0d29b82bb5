import { randomUUID } from 'node:crypto';
import { on } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { jsonEvent } from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startParts } from '../../test/shop.ts';
import { startEventStore } from '../../event-store/server.ts';
import {
  append,
  asStored,
  connectEventStore,
  readStream,
  type EventStore,
} from '../../platform/event-store.ts';
import { Problem } from '../../platform/http.ts';
import { identityOf } from '../../platform/log-identity.ts';
import { createLog } from '../../platform/log.ts';
import { createPool, transaction, type Pool } from '../../platform/postgres.ts';
import { ownStreams } from '../own-streams.ts';
import { noteDropped, refOf } from '../parking.ts';
import { parsePosition, positionToken } from '../position.ts';
import { Projected } from '../reading/projected.ts';
import { UnknownEventVersion } from '../upcast.ts';
import { PROJECTED_CHANNEL } from './checkpoint.ts';
import { projection, type Projection } from './projection.ts';
import { ALL_TAGS, notePurges, purgeQueue, readPurgesWaiting } from './purges.ts';
import { defineTable } from './rows.ts';
import { rebuild, runProjector } from './run.ts';
import { refusingReads } from '../../test/refusing-reads.ts';
import { STUCK_MS, untilSo } from '../../test/until-so.ts';
import { NO_REVISION } from '../../platform/appends.ts';

const log = createLog('test', 'silent');
const notes = defineTable('note', { id: 'text', text: 'text', seen: 'bigint' }, ['id']);

type NoteEvent =
  | { type: 'NoteWritten'; data: { text: string } }
  | { type: 'NoteCursed'; data: { text: string } }
  | { type: 'NoteHalved'; data: { text: string } };

const notebook = (version = 1, spell = (text: string) => text): Projection =>
  projection<NoteEvent>({
    name: 'notebook',
    version,
    tables: [notes],
    on: {
      NoteWritten({ id, data, position }, rows) {
        rows.put(notes, { id, text: spell(data.text), seen: Number(position) });
        rows.changed(`note-${id}`);
      },
      NoteCursed({ id, data }, rows) {
        if (data.text === 'throws') throw new Error('a handler that throws');
        // Postgres takes no NUL: only the write fails.
        rows.put(notes, { id, text: 'nul \0', seen: 0 });
      },
      NoteHalved({ id, data }, rows) {
        rows.put(notes, { id, text: data.text, seen: 0 });
        throw new Error('a handler that throws after it changed a row');
      },
    },
  });

type Context = {
  client: EventStore;
  pool: Pool;
  databaseUrl: string;
  stop: () => Promise<void>;
};
const test = suite<Context>('run');

test.before.each(async (context) => {
  const parts = await startParts();
  context.client = parts.client;
  context.databaseUrl = parts.databaseUrl;
  context.pool = createPool(parts.databaseUrl, log);
  context.stop = async () => {
    await context.pool.end();
    await parts.stop();
  };
});
test.after.each(({ stop }) => stop());

async function write(
  client: EventStore,
  id: string,
  text: string,
  type = 'NoteWritten',
  schemaVersion = 1,
) {
  const metadata = {
    $correlationId: id,
    $causationId: id,
    commandId: id,
    actor: 'test',
    at: new Date(0).toISOString(),
    schemaVersion,
  };
  const event = { id: randomUUID(), type, data: { text }, metadata };
  return (await append(client, `note-${id}`, [event], NO_REVISION))!;
}

const rowsOf = async (pool: Pool) =>
  (await pool.query('select id, text from notebook.note order by id')).rows;

/** The same while nobody has made the table yet. */
async function notesOrNone(pool: Pool): Promise<object[]> {
  const { rows } = await pool.query(`select to_regclass('notebook.note') is not null as made`);
  return rows[0].made ? rowsOf(pool) : [];
}

/** Runs a projector until it has projected up to a position. */
async function runUntil(
  { client, pool }: Context,
  position: bigint,
  projections = [notebook()],
): Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const reached = async () => {
    const { rows } = await pool.query<{ position: number; version: number }>(
      `select position, version from projector.checkpoint where schema = 'notebook'`,
    );
    const { version } = projections[0]!;
    if (rows[0]?.version === version && BigInt(rows[0].position) >= position) stopping.abort();
  };
  const notified = await pool.connect();
  await notified.query(`listen ${PROJECTED_CHANNEL}`);
  notified.on('notification', () => void reached());
  const isPurged = (tag: string) => tag !== 'note-quiet';
  const running = runProjector({ client, pool, log, signal, projections, isPurged });
  await running;
  notified.release(true);
}

test('what was projected once is not projected again after a restart', async (context) => {
  const { client, pool } = context;
  await runUntil(context, await write(client, 'a', 'one'));
  const first = await pool.query('select xmin from notebook.note');
  await runUntil(context, await write(client, 'b', 'two'));
  assert.equal(await rowsOf(pool), [
    { id: 'a', text: 'one' },
    { id: 'b', text: 'two' },
  ]);
  const again = await pool.query(`select xmin from notebook.note where id = 'a'`);
  assert.equal(again.rows, first.rows);
});

test('an event that cannot be applied is parked, and the others go on', async (context) => {
  const { client, pool } = context;
  await write(client, 'a', 'one');
  await write(client, 'bad', 'throws', 'NoteCursed');
  await write(client, 'worse', 'is refused by Postgres', 'NoteCursed');
  await runUntil(context, await write(client, 'b', 'two'));
  assert.equal(await rowsOf(pool), [
    { id: 'a', text: 'one' },
    { id: 'b', text: 'two' },
  ]);
  const parked = await pool.query('select stream from projector.parked order by position');
  assert.equal(parked.rows, [{ stream: 'note-bad' }, { stream: 'note-worse' }]);
});

test('what a handler did before it threw leaves no trace', async (context) => {
  const { client, pool } = context;
  await write(client, 'a', 'one');
  await write(client, 'half', 'half', 'NoteHalved');
  await runUntil(context, await write(client, 'b', 'two'));
  assert.equal(await rowsOf(pool), [
    { id: 'a', text: 'one' },
    { id: 'b', text: 'two' },
  ]);
  assert.is((await pool.query('select from projector.parked')).rowCount, 1);
});

test('tags that are longer than a notification stop nobody', async (context) => {
  const { client, pool } = context;
  const long = 'x'.repeat(9_000);
  await write(client, long, 'one');
  await runUntil(context, await write(client, 'b', 'two'));
  assert.equal(
    (await rowsOf(pool)).map(({ id }) => id),
    ['b', long],
  );
});

test('an event that was dropped changes no rows, and none when they are made anew', async (context) => {
  const { client, pool } = context;
  await write(client, 'bad', 'throws', 'NoteCursed');
  await write(client, 'a', 'one');
  await write(client, 'z', 'unwanted');
  const position = await write(client, 'b', 'two');
  for (const stream of ['note-bad', 'note-z']) {
    const [event] = await Array.fromAsync(readStream(client, stream));
    const drop = { ...refOf(event!), reason: 'a test', isFolded: false };
    await noteDropped(client, drop, 'test');
  }
  await runUntil(context, position);
  const rows = [
    { id: 'a', text: 'one' },
    { id: 'b', text: 'two' },
  ];
  assert.equal(await rowsOf(pool), rows);
  const { signal } = new AbortController();
  await rebuild({ client, pool, log, signal, projections: [notebook()] });
  assert.equal(await rowsOf(pool), rows);
  assert.is((await pool.query('select from projector.parked')).rowCount, 0);
});

test('what is to be purged is noted with the rows, and after a swap it is everything', async (context) => {
  const { client, pool } = context;
  const queue = purgeQueue(pool);
  const waiting = async () => (await queue.read()).map(({ tag }) => tag);
  assert.equal(await waiting(), []);
  await write(client, 'quiet', 'not kept anywhere');
  await runUntil(context, await write(client, 'a', 'one'));
  assert.equal(await waiting(), ['note-a']);
  const read = await queue.read();
  await runUntil(context, await write(client, 'a2', 'two'));
  await queue.done(read);
  assert.equal(await waiting(), ['note-a2'], 'what is noted meanwhile stays');
  await queue.done(await queue.read());
  const { signal } = new AbortController();
  await rebuild({ client, pool, log, signal, projections: [notebook()] });
  assert.equal(await waiting(), [ALL_TAGS]);
});

test('a tag waits since it was noted first, and after a purge since it was noted again', async (context) => {
  const { client, pool } = context;
  const queue = purgeQueue(pool);
  await runUntil(context, await write(client, 'a', 'one'));
  const long = new Date(0).toISOString();
  await pool.query('update projector.purge set noted_at = $1', [long]);
  const noteAgain = () => transaction(pool, (connection) => notePurges(connection, ['note-a']));
  await noteAgain();
  assert.equal(await readPurgesWaiting(pool), { count: 1, since: long });
  const read = await queue.read();
  await noteAgain();
  await queue.done(read);
  const { count, since } = await readPurgesWaiting(pool);
  assert.equal([count, since === long], [1, false]);
  await queue.done(await queue.read());
  assert.equal(await readPurgesWaiting(pool), { count: 0, since: null });
});

test('a new version is built from the log beside the old one and swapped in', async (context) => {
  const { client, pool } = context;
  await write(client, 'a', 'one');
  const position = await write(client, 'b', 'two');
  await runUntil(context, position);
  await runUntil(context, position, [notebook(2, (text) => text.toUpperCase())]);
  assert.equal(await rowsOf(pool), [
    { id: 'a', text: 'ONE' },
    { id: 'b', text: 'TWO' },
  ]);
});

/** Looks after every commit of a projector, until what is looked for is there. */
async function until(pool: Pool, isThere: () => Promise<boolean>): Promise<void> {
  const connection = await pool.connect();
  try {
    await connection.query(`listen ${PROJECTED_CHANNEL}`);
    const signal = AbortSignal.timeout(STUCK_MS);
    const commits = on(connection, 'notification', { signal });
    while (!(await isThere())) await commits.next();
  } finally {
    connection.release(true);
  }
}

test('a new read model is built beside the others, which go on meanwhile', async (context) => {
  const { client, pool } = context;
  await runUntil(context, await write(client, 'a', 'one'));
  const isBuilt = async (): Promise<boolean> =>
    (await pool.query(`select to_regclass('diary.note') is not null as built`)).rows[0].built;
  // Holds the build of the new one up.
  const brake = await pool.connect();
  await brake.query('begin; create schema diary_next');
  const stopping = new AbortController();
  const { signal } = stopping;
  const projections = [notebook(), { ...notebook(), name: 'diary' }];
  const running = runProjector({ client, pool, log, signal, projections });
  try {
    await write(client, 'b', 'two');
    await until(pool, async () => (await rowsOf(pool)).length === 2);
    assert.is(await isBuilt(), false);
    await brake.query('rollback');
    await until(pool, isBuilt);
    const { rows } = await pool.query('select id, text from diary.note order by id');
    assert.equal(rows, await rowsOf(pool));
  } finally {
    brake.release(true);
    stopping.abort();
    await running;
  }
});

test('a rebuild beside a live projector loses nothing that is written meanwhile', async (context) => {
  const { client, pool } = context;
  const stopping = new AbortController();
  const { signal } = stopping;
  const projections = [notebook()];
  await write(client, 'first', 'note');
  const live = runProjector({ client, pool, log, signal, projections });
  const writing = (async () => {
    let last = 0n;
    for (let i = 0; i < 300; i++) last = await write(client, `n${i}`, String(i));
    return last;
  })();
  for (let i = 0; i < 3; i++) await rebuild({ client, pool, log, signal, projections });
  const last = await writing;
  stopping.abort();
  await live;
  await runUntil(context, last > 0n ? await write(client, 'z', 'z') : last);
  const { rows } = await pool.query('select count(*)::int as count from notebook.note');
  assert.is(rows[0].count, 302);
});

test('a swap steps back for whoever reads from two schemas, in whatever order', async (context) => {
  const { client, pool } = context;
  const position = await write(client, 'a', 'one');
  const projections = [{ ...notebook(), name: 'diary' }, notebook()];
  await runUntil(context, position, projections);
  const isHeldUp = async (): Promise<boolean> => {
    const waiting = `select from pg_locks where not granted and mode = 'AccessExclusiveLock'`;
    return (await pool.query(waiting)).rowCount === 1;
  };
  const { signal } = new AbortController();
  for (const [first, second] of [
    ['diary', 'notebook'],
    ['notebook', 'diary'],
  ]) {
    const reader = await pool.connect();
    try {
      await reader.query(`begin; select from ${first}.note`);
      const swapped = rebuild({ client, pool, log, signal, projections });
      while (!(await isHeldUp()));
      const { rows } = await reader.query(`select id, text from ${second}.note`);
      assert.equal(rows, [{ id: 'a', text: 'one' }]);
      await reader.query('commit');
      assert.is(await swapped, true);
    } finally {
      reader.release(true);
    }
  }
});

test('an event of a later release stops the projector, and is not parked', async (context) => {
  const { client, pool } = context;
  await runUntil(context, await write(client, 'a', 'one'));
  await write(client, 'b', 'two', 'NoteWritten', 2);
  const { signal } = new AbortController();
  const stopped = runProjector({ client, pool, log, signal, projections: [notebook()] });
  const failure = await stopped.catch((error: unknown) => error);
  assert.instance(failure, UnknownEventVersion);
  assert.equal(await rowsOf(pool), [{ id: 'a', text: 'one' }]);
  assert.is((await pool.query('select from projector.parked')).rowCount, 0);
});

test('rows from events that the log does not have stop the projector', async (context) => {
  const { client, pool } = context;
  const position = await write(client, 'a', 'one');
  await runUntil(context, position);
  await pool.query('update projector.checkpoint set position = position + 1000000');
  let failure: unknown;
  const { signal } = new AbortController();
  await runProjector({ client, pool, log, signal, projections: [notebook()] }).catch(
    (error: unknown) => (failure = error),
  );
  assert.match(String(failure), 'ops -- replay');
});

/** An event store at an address at which one log may take another's place. */
async function startStoreAt(port = 0) {
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-run-'));
  const store = await startEventStore({ dir, port });
  const stop = async () => {
    await store.close();
    await rm(dir, { recursive: true });
  };
  return { ...store, stop };
}

/** Runs a projector until the rows are these. */
async function runUntilRows(
  { client, pool }: Context,
  rows: object[],
  projections = [notebook()],
): Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = runProjector({ client, pool, log, signal, projections });
  await untilSo(async () => isDeepStrictEqual(await rowsOf(pool), rows), 'the rows are so');
  stopping.abort();
  await running;
}

test('rows of another log are built anew, and readers are told', async (context) => {
  const { client, pool, databaseUrl } = context;
  const first = await identityOf(client);
  for (const id of ['a', 'b', 'c']) await write(client, id, 'of the first');
  const far = await write(client, 'd', 'of the first');
  await runUntil(context, far);
  const projected = new Projected(databaseUrl, pool, log);
  const other = await startStoreAt();
  const moved = { ...context, client: connectEventStore(other.url, asStored) };
  try {
    await projected.start();
    assert.is(projected.token, positionToken(first, far));
    // What is known of a place is worth nothing in the other log, though it has as many events.
    const near = await write(moved.client, 'a', 'of the second');
    assert.ok(near < far);
    await runUntilRows(moved, [{ id: 'a', text: 'of the second' }]);
    const second = await identityOf(moved.client);
    assert.is.not(second, first);
    await untilSo(() => projected.token === positionToken(second, projected.position), 'told');
    const last = await write(moved.client, 'b', 'of the second');
    const waits = projected.reach(parsePosition(positionToken(second, last))!);
    assert.ok(projected.position < last, 'it is not taken for seen because of what was before');
    await runUntil(moved, last);
    await waits;
    const refused = await projected
      .reach(parsePosition(positionToken(first, far))!)
      .catch((error: unknown) => error);
    assert.instance(refused, Problem);
    assert.equal([(refused as Problem).status, (refused as Problem).code], [409, 'OTHER_LOG']);
    await projected.reach({ log: undefined, position: near });
  } finally {
    await projected.stop();
    await moved.client.dispose();
    await other.stop();
  }
});

test('a log that takes the place of another under a running projector is noticed', async (context) => {
  const { pool } = context;
  const before = await startStoreAt();
  const client = connectEventStore(before.url, asStored);
  const stopping = new AbortController();
  const { signal } = stopping;
  for (const id of ['a', 'b', 'c']) await write(client, id, 'of the first');
  const running = runProjector({ client, pool, log, signal, projections: [notebook()] });
  let after: Awaited<ReturnType<typeof startStoreAt>> | undefined;
  try {
    await untilSo(async () => (await notesOrNone(pool)).length === 3, 'three notes');
    await before.stop();
    after = await startStoreAt(before.port);
    const writer = connectEventStore(after.url, asStored);
    await write(writer, 'x', 'of the second');
    await writer.dispose();
    const isNew = async () =>
      isDeepStrictEqual(await notesOrNone(pool), [{ id: 'x', text: 'of the second' }]);
    await untilSo(isNew, 'the rows are of the second log');
  } finally {
    stopping.abort();
    await running;
    await client.dispose();
    await after?.stop();
  }
});

test('a projector that starts before the event store waits for it', async (context) => {
  const { pool } = context;
  const first = await startStoreAt();
  const client = connectEventStore(first.url, asStored);
  await write(client, 'a', 'one');
  await first.stop();
  const stopping = new AbortController();
  const { signal } = stopping;
  const tried = Promise.withResolvers<void>();
  const heard = createLog('test', 'silent');
  heard.warn = () => tried.resolve();
  const running = runProjector({ client, pool, log: heard, signal, projections: [notebook()] });
  let second: Awaited<ReturnType<typeof startStoreAt>> | undefined;
  try {
    await Promise.race([tried.promise, running.then(() => assert.unreachable('it ended'))]);
    second = await startStoreAt(first.port);
    const writer = connectEventStore(second.url, asStored);
    await write(writer, 'b', 'two');
    await writer.dispose();
    await untilSo(async () => (await notesOrNone(pool)).length === 1, 'a note');
  } finally {
    stopping.abort();
    await running;
    await client.dispose();
    await second?.stop();
  }
});

test('rows that an earlier release made of this log stay as they are', async (context) => {
  const { client, pool } = context;
  await runUntil(context, await write(client, 'a', 'one'));
  const first = await pool.query('select xmin from notebook.note');
  await pool.query('alter table projector.checkpoint drop column log');
  await runUntil(context, await write(client, 'b', 'two'));
  const again = await pool.query(`select xmin from notebook.note where id = 'a'`);
  assert.equal(again.rows, first.rows);
  const { rows } = await pool.query('select log from projector.checkpoint');
  assert.equal(rows, [{ log: await identityOf(client) }]);
});

test('a rebuild is swapped in for rows that have seen more than the log has', async (context) => {
  const { client, pool } = context;
  await runUntil(context, await write(client, 'a', 'one'));
  await pool.query('update projector.checkpoint set position = position + 1000000');
  const before = await identityOf(client);
  const { signal } = new AbortController();
  assert.is(await rebuild({ client, pool, log, signal, projections: [notebook()] }), true);
  assert.is.not(await identityOf(client), before, 'what comes has positions that others had');
  await runUntil(context, await write(client, 'b', 'two'));
  assert.is((await rowsOf(pool)).length, 2);
});

test('a position that the event store knows of no event stops the projector', async (context) => {
  const { pool } = context;
  await runUntil(context, await write(context.client, 'a', 'one'));
  const client = refusingReads(context.client);
  const { signal } = new AbortController();
  const stopped = runProjector({ client, pool, log, signal, projections: [notebook()] });
  assert.match(String(await stopped.catch((error: unknown) => error)), 'ops -- replay');
});

test('events of other programs are not projected, whatever they are called', async (context) => {
  const { client, pool } = context;
  const theirs = (stream: string) =>
    client.appendToStream(stream, jsonEvent({ type: 'NoteWritten', data: { text: 7 } }));
  for (const stream of ['theirs-1', 'note', 'notes-1']) await theirs(stream);
  await write(client, 'a', 'one');
  const stopping = new AbortController();
  const { signal } = stopping;
  const isOurs = ownStreams([{ category: 'note' }]);
  const projections = [notebook()];
  const running = runProjector({ client, pool, log, signal, projections, isOurs });
  await untilSo(async () => (await notesOrNone(pool)).length > 0, 'a note');
  await rebuild({ client, pool, log, signal, projections, isOurs });
  stopping.abort();
  await running;
  assert.equal(await rowsOf(pool), [{ id: 'a', text: 'one' }]);
  assert.is((await pool.query('select from projector.parked')).rowCount, 0);
});

test.run();
