/** Races that are too rare for generated histories to come by them: each is played step by step. */
import { randomUUID } from 'node:crypto';
import { mock } from 'node:test';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Rejected } from '../domain/rejection.ts';
import { inventory, type StockLine } from '../domain/inventory/inventory.ts';
import { listingId } from '../domain/catalogue/listing.ts';
import { sumPaise } from '../domain/money/money.ts';
import { order, type OrderLine } from '../domain/ordering/order.ts';
import { payment } from '../domain/money/payment.ts';
import { store as storeDecider } from '../domain/stores/store.ts';
import { storeOrder, type StoreOrderCommand } from '../domain/fulfilment/store-order.ts';
import { createLog } from '../platform/log.ts';
import { driveCheckout } from './checkout.ts';
import type { Drivers } from './processes.ts';
import { createHandler, type Handler } from '../engine/commands/handle.ts';
import { paymentIdOf } from './payment.ts';
import { paymentPorts } from './payment-ports.ts';
import type { ReactorServices } from './reactions.ts';
import { driveSettlement } from './settlement.ts';
import { MemoryLog, SimulatedGateway, SimulatedReactor } from '../test/simulation.ts';
import { driveStock } from './stock.ts';
import { propose } from './substitution.ts';
import {
  as,
  fillShelf,
  place,
  placeUnpaid,
  PRICE_PAISE,
  WANTED,
  type TestStore,
} from '../test/write-api.ts';
import { wallClock } from '../test/clock.ts';

const OPENED_MS = Date.parse('2026-11-21T04:30:00Z');
const cause = { correlationId: 'c', causationId: 'c' };

/** A shop on a log of its own, with as many pieces on its shelf as an order wants. */
type World = {
  reactor: SimulatedReactor;
  /** Another server, for which `ask` is the way to the gateway. */
  start: (ask?: () => Promise<void>) => ReactorServices;
  server: ReactorServices;
  store: TestStore;
};

const test = suite<World>('ordering');
test.before.each(async (world) => {
  mock.timers.enable({ apis: ['Date'], now: OPENED_MS });
  const log = new MemoryLog();
  const gateway = new SimulatedGateway(
    () => false,
    () => false,
  );
  world.start = (ask = async () => {}) => {
    const client = log.client(async () => {});
    const handler = createHandler(client, createLog('test', 'silent'), wallClock);
    const payments = paymentPorts(handler, gateway.port(ask));
    return { client, drivers: { handler, payments, now: wallClock } };
  };
  world.reactor = new SimulatedReactor(log);
  world.server = world.start();
  const storeId = randomUUID();
  world.store = { storeId, listingIds: [listingId(storeId, 's1')] };
  await fillShelf(world.server.drivers, storeId, WANTED);
  await openAccount(world.server.drivers, storeId);
});
test.after.each(() => mock.timers.reset());

/** Registers a shop that takes cards. */
async function openAccount({ handler }: Drivers, storeId: string): Promise<void> {
  const data = { name: 'Kirana', city: 'Bengaluru', pincode: '560001' };
  await handler.handle(storeDecider, storeId, { type: 'RegisterStore', data }, as());
  const account = { type: 'SetLinkedAccount', data: { account: 'acc_00000000000001' } } as const;
  await handler.handle(storeDecider, storeId, account, as());
}

/** A server that is slow to give commands of a type, and dies of the first of them if `isLast`. */
function slowAt(
  { handler, ...rest }: Drivers,
  type: string,
  meanwhile: () => Promise<unknown>,
  isLast = false,
): Drivers {
  const handle: Handler['handle'] = async (decider, id, command, context) => {
    if (command.type !== type) return handler.handle(decider, id, command, context);
    await meanwhile();
    const outcome = await handler.handle(decider, id, command, context);
    if (isLast) throw new Error('killed');
    return outcome;
  };
  return { ...rest, handler: { ...handler, handle } };
}

/** What is reserved for a store order. */
async function reservedFor(
  { server, store }: World,
  storeOrderId: string,
): Promise<StockLine[] | undefined> {
  const { handler } = server.drivers;
  const { reservations } = await handler.load(inventory, store.storeId, { fresh: true });
  return reservations.get(storeOrderId)?.lines;
}

/** Lets time pass, and the reactor do what is due, until nothing is, or is only later. */
async function settle({ reactor, server }: World, untilMs = Infinity): Promise<void> {
  for (;;) {
    const dueMs = Math.min(...reactor.dueTimes());
    if (dueMs > untilMs || dueMs === Infinity) return;
    mock.timers.setTime(Math.max(Date.now(), dueMs));
    await reactor.runDue((task) => task.run(server));
  }
}

test('an older view of a store order takes back nothing of a newer one', async (world) => {
  const { drivers } = world.server;
  const { orderId, data } = await place(drivers, [world.store]);
  await driveCheckout(drivers, orderId, cause);
  const { storeOrderId, lines } = data.parts[0]!;
  const take = (command: StoreOrderCommand) =>
    drivers.handler.handle(storeOrder, storeOrderId, command, as());
  await take({ type: 'AcceptStoreOrder', data: {} });
  assert.equal(await reservedFor(world, storeOrderId), [{ sku: 's1', quantity: WANTED }]);

  const slow = slowAt(world.start().drivers, 'ChangeReservation', async () => {
    const less = [{ listingId: lines[0]!.listingId, quantity: WANTED - 1 }];
    await take({ type: 'ReduceLines', data: { lines: less } });
    await driveStock(drivers, storeOrderId, cause);
  });
  await driveStock(slow, storeOrderId, cause);
  assert.equal(await reservedFor(world, storeOrderId), [{ sku: 's1', quantity: WANTED - 1 }]);
});

/**
 * An accepted store order, and what proposes a piece of `s2` for it; so many of that are counted.
 */
async function startSubstituting({ server, store }: World, counted: number) {
  const { handler } = server.drivers;
  const { orderId, data } = await place(server.drivers, [store]);
  await driveCheckout(server.drivers, orderId, cause);
  const { storeOrderId, lines } = data.parts[0]!;
  await handler.handle(storeOrder, storeOrderId, { type: 'AcceptStoreOrder', data: {} }, as());
  const counts = [{ sku: 's2', quantity: counted }];
  const count = { type: 'CountStock', data: { counts, reason: 'other' as const } } as const;
  await handler.handle(inventory, store.storeId, count, as());
  const [missing] = lines as [OrderLine];
  const line = { ...missing, listingId: listingId(store.storeId, 's2'), quantity: 1 };
  const expiresAt = new Date(OPENED_MS + 60_000).toISOString();
  const wanted = { listingId: missing.listingId, line, expiresAt };
  return { storeOrderId, substitute: (at: Drivers) => propose(at, storeOrderId, wanted, as()) };
}

test('of two orders that want the last piece instead, the first has it', async (world) => {
  const { server, store } = world;
  await fillShelf(server.drivers, store.storeId, WANTED);
  const first = await startSubstituting(world, 1);
  const second = await startSubstituting(world, 1);
  const slow = slowAt(world.start().drivers, 'ChangeReservation', () =>
    first.substitute(server.drivers),
  );
  const refusal = await second.substitute(slow).catch((error: unknown) => error);
  assert.ok(refusal instanceof Rejected && refusal.code === 'INSUFFICIENT_STOCK');
  assert.equal(await reservedFor(world, first.storeOrderId), [{ sku: 's2', quantity: 1 }]);
  const kept = [{ sku: 's1', quantity: WANTED }];
  assert.equal(await reservedFor(world, second.storeOrderId), kept);
});

test('a substitute that a server put aside after it was given up, and died, is for sale again', async (world) => {
  const { handler } = world.server.drivers;
  const { storeId } = world.store;
  const { storeOrderId, substitute } = await startSubstituting(world, 0);
  await settle(world);

  // Another server finds nothing left and gives it up; then goods come in.
  const lines = [{ sku: 's2', quantity: 1 }];
  const meanwhile = async () => {
    await driveStock(world.server.drivers, storeOrderId, cause);
    await handler.handle(inventory, storeId, { type: 'ReceiveStock', data: { lines } }, as());
    await settle(world);
  };
  const dying = slowAt(world.start().drivers, 'ChangeReservation', meanwhile, true);
  const death = await substitute(dying).catch((error: unknown) => error);
  assert.match(String(death), 'killed');
  assert.equal(await reservedFor(world, storeOrderId), lines, 'it took it before it died');

  await settle(world);
  assert.equal(await reservedFor(world, storeOrderId), [{ sku: 's1', quantity: WANTED }]);
});

test('what a server took for a late payment and died is undone, also when the money went back', async (world) => {
  const { drivers } = world.server;
  const { handler } = drivers;
  const { storeId } = world.store;
  const orderId = await placeUnpaid(drivers, world.store);
  await settle(world);
  const lines = [{ sku: 's1', quantity: WANTED }];
  await handler.handle(inventory, storeId, { type: 'SellAtCounter', data: { lines } }, as());
  const receipt = { externalId: 'late', amountPaise: WANTED * PRICE_PAISE };
  const late = { type: 'RecordPayment', data: receipt } as const;
  await handler.handle(payment, paymentIdOf(orderId), late, as());

  // Another server finds nothing left and gives the money back; then goods come in.
  const meanwhile = async () => {
    await driveSettlement(drivers, orderId, cause);
    await handler.handle(inventory, storeId, { type: 'ReceiveStock', data: { lines } }, as());
  };
  const dying = slowAt(world.start().drivers, 'ReserveStock', meanwhile, true);
  const death = await driveSettlement(dying, orderId, cause).catch((error: unknown) => error);
  assert.match(String(death), 'killed');
  const placed = await handler.load(order, orderId, { fresh: true });
  assert.ok(placed.status === 'rejected' && placed.reason === 'PAID_TOO_LATE');
  const { storeOrderId } = placed.parts[0]!;
  assert.equal(await reservedFor(world, storeOrderId), lines, 'it took them before it died');

  await settle(world);
  assert.is(await reservedFor(world, storeOrderId), undefined);
});

test('a payment that is asked for when its order was given up is not waited for', async (world) => {
  const { drivers } = world.server;
  const { orderId, data } = await place(drivers, [world.store], { payment: 'razorpay' });
  const slow = world.start(async () => {
    mock.timers.setTime(Date.parse(data.expiresAt));
    await settle(world);
  });
  await driveCheckout(slow.drivers, orderId, cause);
  const load = () => drivers.handler.load(payment, paymentIdOf(orderId), { fresh: true });
  assert.is((await load()).status, 'requested', 'the gateway was as slow to answer');
  await settle(world);
  assert.is((await load()).status, 'cancelled');
});

/** An order by UPI at two shops that nobody paid in time. */
async function placeAtTwo(world: World) {
  const { drivers } = world.server;
  const other = randomUUID();
  await fillShelf(drivers, other, WANTED);
  await openAccount(drivers, other);
  const stores = [world.store, { storeId: other, listingIds: [listingId(other, 's1')] }];
  for (const { storeId } of stores) {
    const upi = { vpa: 'kirana@okbank', name: 'Kirana' };
    const address = { type: 'SetUpiAddress', data: { upi } } as const;
    await drivers.handler.handle(storeDecider, storeId, address, as());
  }
  const { orderId, data } = await place(drivers, stores, { payment: 'upi' });
  await driveCheckout(drivers, orderId, cause);
  await settle(world);
  const paymentIds = data.parts.map(({ storeOrderId }) => paymentIdOf(storeOrderId));
  return { orderId, expiredMs: Date.parse(data.expiresAt), paymentIds };
}

/** A shop sees its money so long after the order ran out of time; the reactor hears of it. */
async function payAt(world: World, atMs: number, paymentId: string): Promise<void> {
  await settle(world, atMs);
  mock.timers.setTime(atMs);
  const data = { externalId: paymentId, amountPaise: WANTED * PRICE_PAISE };
  const command = { type: 'RecordPayment', data } as const;
  await world.server.drivers.handler.handle(payment, paymentId, command, as());
  await settle(world, atMs);
}

const MINUTE_MS = 60_000;

test('shops that are paid late, one after the other, bring their order back', async (world) => {
  const { orderId, expiredMs, paymentIds } = await placeAtTwo(world);
  const load = () => world.server.drivers.handler.load(order, orderId, { fresh: true });
  assert.is((await load()).status, 'rejected');
  await payAt(world, expiredMs + 5 * MINUTE_MS, paymentIds[0]!);
  assert.is((await load()).status, 'rejected');
  await payAt(world, expiredMs + 14 * MINUTE_MS, paymentIds[1]!);
  assert.is((await load()).status, 'confirmed');
  await settle(world);
  for (const paymentId of paymentIds) {
    const state = await world.server.drivers.handler.load(payment, paymentId, { fresh: true });
    assert.equal([state.status, state.refunds], ['paid', []]);
  }
});

test('late money waits for the rest of it for ten minutes, and then goes back', async (world) => {
  const { orderId, expiredMs, paymentIds } = await placeAtTwo(world);
  const { load } = world.server.drivers.handler;
  const backOf = async (paymentId: string): Promise<number> => {
    const { refunds } = await load(payment, paymentId, { fresh: true });
    return sumPaise(refunds.map(({ amountPaise }) => amountPaise));
  };
  const [first, second] = paymentIds as [string, string];
  await payAt(world, expiredMs + 5 * MINUTE_MS, first);
  // A server that starts anew goes on waiting: from the log.
  world.reactor.restart();
  await settle(world, expiredMs + 14 * MINUTE_MS);
  assert.is(await backOf(first), 0);
  await settle(world, expiredMs + 15 * MINUTE_MS);
  assert.is(await backOf(first), WANTED * PRICE_PAISE);
  await payAt(world, expiredMs + 16 * MINUTE_MS, second);
  assert.is(await backOf(second), WANTED * PRICE_PAISE);
  const state = await load(order, orderId, { fresh: true });
  assert.is(state.status !== 'none' && state.reason, 'PAID_TOO_LATE');
});

test.run();
