import { randomUUID } from 'node:crypto';
import { jsonEvent } from '@eventstore/db-client';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { order } from '../domain/ordering/order.ts';
import { StreamDamaged } from '../engine/commands/stream-damaged.ts';
import { EXAMPLES } from '../test/golden/examples.ts';
import { environmentOf, ops } from '../test/ops.ts';
import { headOfCommands, openStore, startShop, type Shop } from '../test/shop.ts';

type Parked = { parked: { eventId: string; stream: string; by: string[]; error: string }[] };

const test = suite<{ shop: Shop }>('parked');
test.before.each(async (context) => {
  context.shop = await startShop();
});
test.after.each(({ shop }) => shop.stop());

const parkedIn = async (env: Record<string, string>) =>
  (JSON.parse((await ops(['parked', '--json'], env)).stdout) as Parked).parked;

/** Does something to the read models by hand. */
async function sql(shop: Shop, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: shop.databaseUrl });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

const projected = async (shop: Shop): Promise<void> =>
  void (await shop.read('/stores', `${await headOfCommands(shop.client)}`));

test('what is tried again gives the rows of a fresh fold', async ({ shop }) => {
  const env = environmentOf(shop);
  const { storeId, listingIds } = await openStore(shop);
  const [listingId] = listingIds;
  await projected(shop);
  await sql(shop, 'alter table catalogue.listing add constraint cheap check (price_paise < 13000)');
  await shop.importCsv(storeId, 'sku,name,price\ns1,Toor dal,140');
  await shop.importCsv(storeId, 'sku,name,price\ns2,Basmati,96');
  await projected(shop);
  const [parked, ...others] = await parkedIn(env);
  assert.equal([parked!.stream, parked!.by, others], [`listing-${listingId}`, ['catalogue'], []]);
  assert.match(parked!.error, 'cheap');
  const status = await ops(['status'], env);
  assert.match(status.stdout, 'npm run ops -- parked');

  const retried = await ops(['parked', 'retry'], env);
  assert.is(retried.code, 0, retried.stdout + retried.stderr);
  assert.match(retried.stdout, '1 event tried again; parked still: 0.');
  const prices = 'select price_paise as paise from catalogue.listing order by listing_id';
  assert.equal(await sql(shop, prices), [{ paise: 14_000 }, { paise: 9_600 }]);
  assert.equal(await parkedIn(env), []);
  const proof = await ops(['prove'], env);
  assert.is(proof.code, 0, proof.stdout);
});

test('what is dropped is so for its stream, every read model and every rebuild', async ({
  shop,
}) => {
  const env = environmentOf(shop);
  const orderId = randomUUID();
  const data = { ...EXAMPLES.OrderPlaced, parts: undefined };
  const schemaVersion = order.upcast!.OrderPlaced!.length + 1;
  const about = { commandId: orderId, $correlationId: orderId, $causationId: orderId };
  const metadata = { ...about, actor: 'test', at: new Date().toISOString(), schemaVersion };
  const event = jsonEvent({ type: 'OrderPlaced', data, metadata });
  await shop.client.appendToStream(`order-${orderId}`, event);
  const load = () => shop.handler.load(order, orderId, { fresh: true });
  const damaged = await load().catch((error: unknown) => error);
  assert.instance(damaged, StreamDamaged);
  await projected(shop);
  const place = `order-${orderId}@0`;
  const [parked] = await parkedIn(env);
  assert.equal(parked!.by.toSorted().slice(0, 3), ['commands', 'history', 'my_orders']);
  assert.match(parked!.error, 'its data.parts is missing');
  const shown = await ops(['parked'], env);
  assert.is(shown.code, 1);
  assert.match(shown.stdout, `OrderPlaced of ${place}`);

  const unreasoned = await ops(['parked', 'drop', place], env);
  assert.equal([unreasoned.code, unreasoned.stdout], [1, '']);
  assert.match(unreasoned.stderr, 'Say why');
  const unknown = await ops(['parked', 'drop', 'order-1@0', '--reason', 'why not'], env);
  assert.match(unknown.stderr, 'No parked event is "order-1@0"');

  const reason = ['--reason', 'put there by hand'];
  const dropped = await ops(['parked', 'drop', place, ...reason], env);
  assert.is(dropped.code, 0, dropped.stderr);
  assert.is((await load()).status, 'none');
  assert.is((await ops(['replay'], env)).code, 0);
  const left = await ops(['parked'], env);
  assert.is(left.code, 0, left.stdout);
  assert.match(left.stdout, `OrderPlaced of ${place}: put there by hand`);
  assert.equal(await sql(shop, 'select from projector.parked'), []);
  const proof = await ops(['prove'], env);
  assert.is(proof.code, 0, proof.stdout);
  const again = await ops(['parked', 'drop', place, ...reason], env);
  assert.match(again.stderr, 'No parked event');
});

test.run();
