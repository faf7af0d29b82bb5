import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { jsonEvent } from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openStore, startParts, startShop, type Shop } from '../test/shop.ts';
import { parsePosition } from '../engine/position.ts';
import { append, headOfLog, REACTOR_CHECKPOINT, REACTOR_LEASE } from '../platform/event-store.ts';
import { PROJECTIONS } from '../projector/app.ts';
import { environmentOf, ops } from '../test/ops.ts';
import { NO_REVISION } from '../platform/appends.ts';

type Status = {
  ok: boolean;
  head: number;
  services: { name: string; up: boolean; address: string }[];
  readModels: { schema: string; state: string; position: number }[];
  parked: { count: number; newest: { type: string; projection: string; error: string } | null };
  purges: { count: number; since: string | null };
  reactor: { holder: string | null; position: number | null; setAside: number };
  problems: string[];
};

const test = suite<{ shop: Shop }>('status');
test.before.each(async (context) => {
  context.shop = await startShop();
});
test.after.each(({ shop }) => shop.stop());

const look = async (env: Record<string, string>) => {
  const [shown, json] = [await ops(['status'], env), await ops(['status', '--json'], env)];
  assert.is(shown.code, json.code);
  return { ...shown, status: JSON.parse(json.stdout) as Status };
};

/** An address where nobody listens. */
async function deadAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}

test('a healthy system', async ({ shop }) => {
  const { position } = await openStore(shop);
  await shop.read('/stores', position);
  const { code, stdout, status } = await look(environmentOf(shop));
  assert.is(code, 0, stdout);
  assert.match(stdout, 'All is well.');
  assert.ok(status.ok);
  const reached = Number(parsePosition(position!)!.position);
  assert.ok(status.head >= reached);
  assert.equal(
    status.services.map(({ name, up }) => [name, up]),
    [
      ['event store', true],
      ['postgres', true],
      ['read-api', true],
      ['write-api', true],
    ],
  );
  const models = status.readModels.map(({ schema }) => schema);
  assert.equal(
    models,
    PROJECTIONS.map(({ name }) => name),
  );
  for (const model of status.readModels) assert.ok(model.position >= reached);
  assert.equal(status.parked, { count: 0, newest: null });
  assert.equal(status.purges, { count: 0, since: null });
  assert.is(status.reactor.holder, 'test');
  assert.match(stdout, 'Reactor test works');
});

test('a parked event is shown with its reason, also after a replay', async ({ shop }) => {
  const event = {
    id: randomUUID(),
    type: 'PriceSet',
    data: { pricePaise: 1, mrpPaise: null },
    metadata: {
      $correlationId: 'test',
      $causationId: 'test',
      commandId: 'test',
      actor: 'test',
      at: new Date(0).toISOString(),
      schemaVersion: 1,
    },
  };
  const position = await append(shop.client, 'listing-nobody.s1', [event], NO_REVISION);
  await shop.read('/stores', String(position));
  const { code, stdout, status } = await look(environmentOf(shop));
  assert.is(code, 1);
  assert.match(stdout, '1 event PARKED');
  assert.match(stdout, 'catalogue refused PriceSet of listing-nobody.s1');
  assert.match(status.parked.newest!.error, 'found no row of catalogue.listing');
  assert.equal(status.problems, ['1 event parked']);

  assert.is((await ops(['replay'], environmentOf(shop))).code, 0);
  const after = await look(environmentOf(shop));
  assert.is(after.code, 1);
  assert.is(after.status.parked.count, 1);
});

test('a dead event store is told, and the rest is shown', async ({ shop }) => {
  const address = await deadAddress();
  const env = { ...environmentOf(shop), EVENT_STORE_URL: `esdb://me:secret@${address}?tls=false` };
  const { code, stdout, status } = await look(env);
  assert.is(code, 1);
  assert.match(stdout, new RegExp(`DOWN +event store +${address} +connect ECONNREFUSED`));
  assert.not.match(stdout, 'secret');
  assert.equal(status.problems, ['event store is down']);
  assert.equal(new Set(status.readModels.map(({ state }) => state)), new Set(['unknown']));
});

test('a dead Postgres and a dead room are told', async ({ shop }) => {
  const address = await deadAddress();
  const env = {
    ...environmentOf(shop),
    DATABASE_URL: `postgres://me:secret@${address}/doorstep`,
    PUBLIC_URL: `http://${address}`,
  };
  const { code, stdout, status } = await look(env);
  assert.is(code, 1);
  assert.not.match(stdout, 'secret');
  assert.equal(status.problems, ['postgres is down', 'edge is down']);
});

test('what waits to be purged is shown, and is a problem once the edge refused it for long', async ({
  shop,
}) => {
  const { position } = await openStore(shop);
  await shop.read('/stores', position);
  const note = (tag: string, age: string) =>
    shop.pool.query(
      `insert into projector.purge (tag, noted_at) values ($1, now() - $2::interval)`,
      [tag, age],
    );
  // Noted in an hour, so that it is not late however long this machine takes.
  await note('store-new', '-1 hour');
  const young = await look(environmentOf(shop));
  assert.is(young.code, 0, young.stdout);
  assert.is(young.status.purges.count, 1);
  assert.match(young.stdout, '1 tag waits to be purged at the edge');

  await note('store-old', '2 minutes');
  await note('stores', '1 minute');
  const { code, stdout, status } = await look(environmentOf(shop));
  assert.is(code, 1);
  assert.equal(status.problems, ['the edge is not purged']);
  assert.is(status.purges.count, 3);
  assert.match(stdout, /THE EDGE IS NOT PURGED: 3 tags wait to be purged, the oldest for 2 min/);
  assert.match(stdout, /What to do: .*\n.*the edge was not purged yet/);
});

test('a table of purges that an earlier release made says no time, and is none the worse', async ({
  shop,
}) => {
  const { position } = await openStore(shop);
  await shop.read('/stores', position);
  await shop.pool.query('alter table projector.purge drop column noted_at');
  await shop.pool.query(`insert into projector.purge (tag) values ('store-1')`);
  const { code, stdout, status } = await look(environmentOf(shop));
  assert.is(code, 0, stdout);
  assert.equal(status.purges, { count: 1, since: null });
});

test('how far the reactor is noted to be is shown, and that none works', async () => {
  const parts = await startParts();
  try {
    const position = String(await headOfLog(parts.client));
    const setAside = [{ key: 'refund p.1', stream: 'payment-p', revision: '3' }];
    const noted = jsonEvent({ type: 'ReactorReachedPosition', data: { position, setAside } });
    await parts.client.appendToStream(REACTOR_CHECKPOINT, noted);
    const data = { holder: 'other', boot: 'first' };
    const released = jsonEvent({ type: 'ReactorLeaseReleased', data });
    await parts.client.appendToStream(REACTOR_LEASE, released);
    const { eventStoreUrl, databaseUrl } = parts;
    const env = { EVENT_STORE_URL: eventStoreUrl, DATABASE_URL: databaseUrl };
    const { code, stdout, status } = await look(env);
    assert.is(code, 1);
    assert.match(stdout, /NO REACTOR WORKS: noted \d+, \d+ behind, 1 task set aside\./);
    assert.match(status.problems.join(), 'no reactor works');
    assert.is(status.reactor.position, Number(position));
  } finally {
    await parts.stop();
  }
});

test('a task that failed for too long is told, with its reason and what to do', async ({
  shop,
}) => {
  const { position } = await openStore(shop);
  await shop.read('/stores', position);
  const stopped = {
    because: 'RangeError: Division by zero',
    since: new Date(Date.now() - 3_600_000).toISOString(),
    tries: 130,
  };
  const setAside = [{ key: 'invoice 1', stream: 'storeorder-p', revision: '5', stopped }];
  const noted = { position: String(await headOfLog(shop.client)), setAside };
  const event = jsonEvent({ type: 'ReactorReachedPosition', data: noted });
  await shop.client.appendToStream(REACTOR_CHECKPOINT, event);
  const { code, stdout, status } = await look(environmentOf(shop));
  assert.is(code, 1);
  assert.equal(status.problems, ['1 task stopped']);
  assert.match(stdout, '1 task STOPPED');
  assert.match(stdout, /invoice 1, asked for by storeorder-p: 130 tries, the first .* ago/);
  assert.match(stdout, 'RangeError: Division by zero');
  assert.match(stdout, 'restart the reactor');
});

test('a projector that never ran is told', async () => {
  const parts = await startParts();
  try {
    const { eventStoreUrl, databaseUrl } = parts;
    const env = { EVENT_STORE_URL: eventStoreUrl, DATABASE_URL: databaseUrl };
    const { code, status } = await look(env);
    assert.is(code, 1);
    assert.match(status.problems.join(), 'catalogue is MISSING');
  } finally {
    await parts.stop();
  }
});

test.run();
