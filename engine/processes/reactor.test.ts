import { randomUUID } from 'node:crypto';
import { jsonEvent } from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cart } from '../../domain/cart/cart.ts';
import { order, type PlacedOrder } from '../../domain/ordering/order.ts';
import { AT_ONCE, UNQUOTED } from '../../test/terms.ts';
import { newKey, openStore, startParts, startShop, type Shop } from '../../test/shop.ts';
import { headOfLog, REACTOR_CHECKPOINT } from '../../platform/event-store.ts';
import { createLog } from '../../platform/log.ts';
import { createHandler } from '../commands/handle.ts';
import { noteDropped, noteRetried, readParking } from '../parking.ts';
import { paymentPorts } from '../../write-api/payment-ports.ts';
import { reactions } from '../../write-api/reactions.ts';
import { runReactor } from './reactor.ts';
import { EXAMPLES } from '../../test/golden/examples.ts';
import { as, fillShelf, ON_SHELF, place, until } from '../../test/write-api.ts';
import { wallClock } from '../../test/clock.ts';

type Read = { status: string; timeline: { event: string }[] };

const test = suite<{ shop: Shop }>('reactor');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

/** What a server leaves behind that dies right after its first append. */
async function placeAndDie(shop: Shop, quantity: number): Promise<string> {
  const { storeId, listingIds } = await openStore(shop);
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  const listingId = listingIds[0]!;
  await shop.write('PUT', `/carts/${body.cartId}/items/${listingId}`, { quantity: 2 });
  const orderId = randomUUID();
  const line = { listingId, name: 'Toor dal', names: {}, pack: null, quantity };
  const price = { pricePaise: 12_000, linePaise: 12_000 * quantity };
  const wanted = { storeOrderId: randomUUID(), storeId, lines: [{ ...line, ...price }] };
  const data: PlacedOrder = {
    cartId: body.cartId,
    shopper: shop.guest,
    personId: randomUUID(),
    sealedRecipient: '',
    pincode: '560001',
    payment: 'cash-on-delivery',
    ...UNQUOTED,
    parts: [{ ...AT_ONCE, ...wanted, totalPaise: price.linePaise }],
    totalPaise: price.linePaise,
    expiresAt: new Date(Date.now() + 60_000).toISOString(),
  };
  await shop.handler.handle(order, orderId, { type: 'PlaceOrder', data }, as());
  return orderId;
}

test('a checkout whose server died is finished: shops get their store orders', async ({ shop }) => {
  const orderId = await placeAndDie(shop, 2);
  const read = await untilOrder(shop, orderId, ({ timeline }) => timeline.length === 3);
  assert.equal(
    read.timeline.map(({ event }) => event),
    ['OrderPlaced', 'OrderConfirmed', 'StoreOrderSubmitted'],
  );
});

test('a checkout whose cart had moved on is rejected, and the cart stays open', async ({
  shop,
}) => {
  const orderId = await placeAndDie(shop, 7);
  await untilOrder(shop, orderId, ({ status }) => status === 'rejected');
  const placed = await shop.handler.load(order, orderId, { fresh: true });
  const left = placed.status === 'none' ? undefined : placed;
  assert.is(left?.reason, 'CART_CHANGED');
  const state = await shop.handler.load(cart, left!.cartId, { fresh: true });
  assert.is(state.status, 'open');
});

test('a task that was set aside is tried again after a restart, although the checkpoint is past it', async () => {
  const { client, stop } = await startParts();
  const log = createLog('test', 'silent');
  const handler = createHandler(client, log, wallClock);
  const stopping = new AbortController();
  let running = Promise.resolve();
  try {
    const storeId = randomUUID();
    await fillShelf({ handler }, storeId, ON_SHELF);
    const opened = { storeId, listingIds: [`${storeId}.s1`] };
    const { orderId } = await place({ handler }, [opened]);
    const position = String(await headOfLog(client));
    const setAside = [{ key: `checkout ${orderId}`, stream: `order-${orderId}`, revision: '0' }];
    const checkpoint = { type: 'ReactorReachedPosition', data: { position, setAside } };
    await client.appendToStream(REACTOR_CHECKPOINT, jsonEvent(checkpoint));
    const payments = paymentPorts(handler);
    running = runReactor({
      client,
      reactions: reactions({ client, drivers: { handler, payments, now: wallClock } }),
      log,
      signal: stopping.signal,
    });
    await until({ client }, async () => {
      const { status } = await handler.load(order, orderId, { fresh: true });
      return status === 'confirmed';
    });
  } finally {
    stopping.abort();
    await running;
    await stop();
  }
});

test('an event that cannot be read is parked by name, and the reactor goes on', async () => {
  const { client, stop } = await startParts();
  const log = createLog('test', 'silent');
  const handler = createHandler(client, log, wallClock);
  const stopping = new AbortController();
  const services = {
    client,
    drivers: { handler, payments: paymentPorts(handler), now: wallClock },
  };
  const run = () =>
    runReactor({ client, reactions: reactions(services), log, signal: stopping.signal });
  let running = Promise.resolve();
  const parked = async () => (await readParking(client)).parked.map(({ by, type }) => [by, type]);
  try {
    const about = { commandId: 'by hand', at: wallClock().toISOString(), schemaVersion: 2 };
    const planted = [
      ['order-1', 'OrderPlaced', { ...EXAMPLES.OrderPlaced, parts: undefined }, about],
      ['order-2', 'OrderPlaced', EXAMPLES.OrderPlaced, { ...about, at: 'never' }],
      ['payment-3', 'PaymentSucceeded', {}, { ...about, schemaVersion: 1 }],
      ['reactor-checkpoint', 'ReactorReachedPosition', { position: 'nowhere' }, {}],
    ] as const;
    for (const [stream, type, data, metadata] of planted) {
      await client.appendToStream(stream, jsonEvent({ type, data, metadata }));
    }
    const storeId = randomUUID();
    await fillShelf({ handler }, storeId, ON_SHELF);
    running = run();
    const { orderId } = await place({ handler }, [{ storeId, listingIds: [`${storeId}.s1`] }]);
    await until({ client }, async () => {
      const { status } = await handler.load(order, orderId, { fresh: true });
      return status === 'confirmed';
    });
    const all = [
      ['reactor', 'OrderPlaced'],
      ['reactor', 'OrderPlaced'],
      ['reactor', 'PaymentSucceeded'],
    ];
    await until({ client }, async () => (await parked()).length === all.length);
    assert.equal(await parked(), all);
    // Tried again, it is parked again as long as nothing has changed.
    const [first] = (await readParking(client)).parked;
    await noteRetried(client, first!, 'test');
    assert.is((await parked()).length, all.length - 1);
    await until({ client }, async () => (await parked()).length === all.length);
    await noteDropped(client, { ...first!, reason: 'a test', isFolded: false }, 'test');
    assert.is((await parked()).length, all.length - 1);
  } finally {
    stopping.abort();
    await running;
    await stop();
  }
});

/** The order's page once it is as wanted; it may not be there yet at first. */
async function untilOrder(
  shop: Shop,
  orderId: string,
  wanted: (order: Read) => boolean,
): Promise<Read> {
  const { position } = await shop.write('POST', '/carts', undefined, {
    'idempotency-key': newKey(),
  });
  await shop.read(`/orders/${orderId}`, position);
  return shop.untilLive<Read>(`/orders/${orderId}`, wanted);
}

test.run();
