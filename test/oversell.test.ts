import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inventory } from '../domain/inventory/inventory.ts';
import { order, type AnyPlaced } from '../domain/ordering/order.ts';
import { payment } from '../domain/money/payment.ts';
import { store } from '../domain/stores/store.ts';
import { startParts } from './shop.ts';
import type { EventStore } from '../platform/event-store.ts';
import { createLog } from '../platform/log.ts';
import { driveCheckout } from '../write-api/checkout.ts';
import { createHandler, type Handler } from '../engine/commands/handle.ts';
import { paymentIdOf, paymentsOf } from '../write-api/payment.ts';
import { paymentPorts } from '../write-api/payment-ports.ts';
import { drivePaidOrder } from '../write-api/settlement.ts';
import { as, fillShelf, place, WANTED, type TestStore } from './write-api.ts';
import { wallClock } from './clock.ts';

/** Orders of a run that are paid late: each can lose its goods by itself. */
const LATE_ORDERS = 4;
/** More than a stream remembers of the commands that it took. */
const OTHER_COMMANDS = 1_100;
/** How much later than the first the second server hears of the money; a run for each. */
const APART_MS = [0, 1, 2, 3];

const test = suite<{ parts: Awaited<ReturnType<typeof startParts>> }>('oversell');
test.before(async (context) => {
  context.parts = await startParts();
});
test.after(({ parts }) => parts.stop());

type Drive = (orderId: string) => Promise<unknown>;

type Server = {
  handler: Handler;
  /** Takes an order on until it waits for somebody, or is over. */
  drive: Drive;
  /** The same, because money came for it. */
  drivePaid: Drive;
};

/** A server with a cache and a memory of its own. How orders are driven stands here alone. */
function startServer(client: EventStore): Server {
  const handler = createHandler(client, createLog('test', 'silent'), wallClock);
  const drivers = { handler, payments: paymentPorts(handler), now: wallClock };
  const causeOf = (orderId: string) => ({ correlationId: orderId, causationId: orderId });
  return {
    handler,
    drive: (orderId) => driveCheckout(drivers, orderId, causeOf(orderId)),
    drivePaid: (orderId) => drivePaidOrder(drivers, orderId, causeOf(orderId)),
  };
}

/** A shop that takes UPI, with so many pieces of its one article. */
async function openShop({ handler }: Server, quantity: number): Promise<TestStore> {
  const storeId = randomUUID();
  const data = { name: 'Test Kirana', city: 'Bengaluru', pincode: '560001' };
  await handler.handle(store, storeId, { type: 'RegisterStore', data }, as());
  const upi = { vpa: 'kirana@okbank', name: 'Test Kirana' };
  await handler.handle(store, storeId, { type: 'SetUpiAddress', data: { upi } }, as());
  await fillShelf({ handler }, storeId, quantity);
  return { storeId, listingIds: [`${storeId}.s1`] };
}

async function load({ handler }: Server, orderId: string): Promise<AnyPlaced> {
  const state = await handler.load(order, orderId, { fresh: true });
  if (state.status === 'none') throw new Error(`order ${orderId} is not there`);
  return state;
}

/** An order by UPI that nobody paid in time: what was held for it is free again. */
async function placeAndGiveUp(server: Server, shop: TestStore): Promise<string> {
  const { handler } = server;
  const { orderId } = await place({ handler }, [shop], { payment: 'upi' });
  await server.drive(orderId);
  const data = { reason: 'CHECKOUT_EXPIRED' };
  for (const { paymentId } of paymentsOf(orderId, await load(server, orderId))) {
    await handler.handle(payment, paymentId, { type: 'CancelPayment', data }, as());
  }
  await handler.handle(order, orderId, { type: 'RejectOrder', data }, as());
  await server.drive(orderId);
  return orderId;
}

/** Its shop sees the money now. */
async function payLate(server: Server, orderId: string): Promise<void> {
  const { handler } = server;
  const { parts } = await load(server, orderId);
  for (const { storeOrderId, totalPaise: amountPaise } of parts) {
    const data = { externalId: randomUUID(), amountPaise };
    const command = { type: 'RecordPayment', data } as const;
    await handler.handle(payment, paymentIdOf(storeOrderId), command, as());
  }
}

/** What else goes on at a shop, which says nothing about the article in question. */
async function workOn({ handler }: Server, { storeId }: TestStore): Promise<void> {
  const lines = [{ sku: 'other', quantity: 1 }];
  const receive = () =>
    handler.handle(inventory, storeId, { type: 'ReceiveStock', data: { lines } }, as());
  const half = Array.from({ length: OTHER_COMMANDS / 2 });
  await Promise.all(half.map(receive));
  await Promise.all(half.map(receive));
}

/** By each store order what is reserved for it at a shop: pieces of its article. */
async function reservedAt({ handler }: Server, { storeId }: TestStore) {
  const { reservations } = await handler.load(inventory, storeId, { fresh: true });
  return new Map(
    [...reservations].map(([storeOrderId, { lines }]) => [
      storeOrderId,
      lines.reduce((sum, { quantity }) => sum + quantity, 0),
    ]),
  );
}

/** Both take the order on: the reactor of each sees the same event. */
async function hearOfMoney(
  one: Server,
  other: Server,
  orderId: string,
  apartMs: number,
): Promise<void> {
  const second = delay(apartMs).then(() => other.drivePaid(orderId));
  await Promise.all([one.drivePaid(orderId), second]);
}

for (const apartMs of APART_MS) {
  test(`what late money brings back is reserved: two servers, ${apartMs} ms apart`, async ({
    parts: { client },
  }) => {
    const [one, other] = [startServer(client), startServer(client)];
    const shop = await openShop(one, LATE_ORDERS * WANTED);
    const late: string[] = [];
    for (let i = 0; i < LATE_ORDERS; i++) late.push(await placeAndGiveUp(one, shop));
    await workOn(one, shop);
    for (const orderId of late) {
      await payLate(one, orderId);
      await hearOfMoney(one, other, orderId, apartMs);
    }
    const looker = startServer(client);
    const reserved = await reservedAt(looker, shop);
    for (const orderId of late) {
      const { status, parts } = await load(looker, orderId);
      assert.is(status, 'confirmed', 'all of it was there');
      const held = parts.map(({ storeOrderId }) => reserved.get(storeOrderId) ?? 0);
      assert.equal(held, [WANTED], `what is reserved for order ${orderId}, which is confirmed`);
    }
  });
}

test('never more is sold than there is, whoever comes after late money', async ({
  parts: { client },
}) => {
  const [one, other] = [startServer(client), startServer(client)];
  const shop = await openShop(one, LATE_ORDERS * WANTED);
  const late: string[] = [];
  for (let i = 0; i < LATE_ORDERS; i++) late.push(await placeAndGiveUp(one, shop));
  await workOn(one, shop);
  const next: string[] = [];
  for (const orderId of late) {
    await payLate(one, orderId);
    await hearOfMoney(one, other, orderId, 1);
    // Somebody else wants the same, and pays at the door.
    const { orderId: nextId } = await place({ handler: one.handler }, [shop]);
    await one.drive(nextId);
    next.push(nextId);
  }
  const orders = await Promise.all([...late, ...next].map((orderId) => load(one, orderId)));
  const sold = orders.filter(({ confirmed }) => confirmed).length * WANTED;
  assert.is(sold, LATE_ORDERS * WANTED, 'pieces sold, of as many that there were');
});

test.run();
