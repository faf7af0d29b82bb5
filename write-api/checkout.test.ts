import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cart } from '../domain/cart/cart.ts';
import { inventory, itemOf, type InventoryCommand } from '../domain/inventory/inventory.ts';
import { isOpen, order, type AnyPlaced, type OrderPart } from '../domain/ordering/order.ts';
import { isPrepaid, keptPaise, payment } from '../domain/money/payment.ts';
import { slotDay, slotDayId } from '../domain/slots/slot-day.ts';
import { storeOrder } from '../domain/fulfilment/store-order.ts';
import { startShop, type Shop } from '../test/shop.ts';
import { driveCheckout } from './checkout.ts';
import type { Drivers } from './processes.ts';
import { createHandler, type Handler } from '../engine/commands/handle.ts';
import { paymentIdOf, paymentsOf } from './payment.ts';
import { drivePaidOrder } from './settlement.ts';
import {
  as,
  ON_SHELF,
  openShelf,
  payFor,
  place,
  placeUnpaid,
  SLOT,
  until,
  WANTED,
  type Placing,
} from '../test/write-api.ts';
import { wallClock } from '../test/clock.ts';

const test = suite<{ shop: Shop }>('checkout');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

/** A server that dies after so many steps, the last of them done or its answer lost. */
function dyingHandler(shop: Shop, steps: number): Handler {
  const handler = createHandler(shop.client, shop.log, wallClock);
  let left = steps;
  return {
    ...handler,
    async handle(decider, id, command, context) {
      left -= 1;
      if (left < 0) throw new Error('killed');
      const outcome = await handler.handle(decider, id, command, context);
      if (left === 0) throw new Error('killed');
      return outcome;
    },
  };
}

const driversOf = (shop: Shop, handler: Handler): Drivers => ({ ...shop, handler });

/** Whether exactly what is owed is kept of what was taken; cash is taken at the door. */
async function isPaidFor(handler: Handler, orderId: string, placed: AnyPlaced): Promise<boolean> {
  const payments = await Promise.all(
    paymentsOf(orderId, placed).map(async ({ paymentId, amountPaise }) => {
      const state = await handler.load(payment, paymentId, { fresh: true });
      const owed = placed.confirmed && isPrepaid(placed.payment) ? amountPaise : 0;
      return keptPaise(state) === owed && (!placed.confirmed || state.amountPaise === amountPaise);
    }),
  );
  return payments.every(Boolean);
}

/** Whether an order has come to its end, everywhere. */
async function hasEnded({ handler }: Shop, orderId: string): Promise<boolean> {
  const state = await handler.load(order, orderId, { fresh: true });
  if (state.status === 'none' || isOpen(state)) return false;
  const ends = await Promise.all(
    state.asked.map(async ({ storeId, storeOrderId }) => {
      const isLeft = state.parts.some((one) => one.storeOrderId === storeOrderId);
      const stands = state.confirmed && isLeft;
      const handed = await handler.load(storeOrder, storeOrderId, { fresh: true });
      const stock = await handler.load(inventory, storeId, { fresh: true });
      const isReserved = stock.reservations.get(storeOrderId) !== undefined;
      const day = await handler.load(slotDay, slotDayId(storeId, SLOT.date), { fresh: true });
      const slot = day.held.get(storeOrderId);
      if (stands ? !slot?.confirmed : slot) return false;
      const isHandedOver = handed.status !== 'none';
      return isReserved === stands && isHandedOver === stands;
    }),
  );
  const { status } = await handler.load(cart, state.cartId, { fresh: true });
  const isSettled = await isPaidFor(handler, orderId, state);
  return isSettled && ends.every(Boolean) && status === (state.confirmed ? 'checked-out' : 'open');
}

const WHATEVER = { onShortage: 'whatever-each-shop-can' } as const;

type Kind = {
  kind: string;
  wanted: string;
  more: Placing;
  far?: { stock?: number; capacity?: number };
  isPaid?: boolean;
};

const KINDS: Kind[] = [
  { kind: 'goes through', wanted: 'confirmed', more: {} },
  { kind: 'finds too little', wanted: 'INSUFFICIENT_STOCK', more: {}, far: { stock: 1 } },
  { kind: 'finds its slot full', wanted: 'SLOT_FULL', more: {}, far: { capacity: 0 } },
  { kind: 'finds the cart changed', wanted: 'CART_CHANGED', more: { inCart: 7 } },
  { kind: 'took too long', wanted: 'CHECKOUT_EXPIRED', more: { expiresInMs: -1 } },
  { kind: 'is paid by card', wanted: 'confirmed', more: { payment: 'razorpay' } },
  { kind: 'is paid by UPI', wanted: 'confirmed', more: { payment: 'upi' } },
  {
    kind: 'is never paid',
    wanted: 'CHECKOUT_EXPIRED',
    more: { payment: 'razorpay', expiresInMs: 4_000 },
    isPaid: false,
  },
  { kind: 'goes on with what is left', wanted: 'confirmed', more: WHATEVER, far: { stock: 1 } },
  { kind: 'goes on without a shop', wanted: 'confirmed', more: WHATEVER, far: { capacity: 0 } },
  {
    kind: 'goes on with what is left and is paid',
    wanted: 'confirmed',
    more: { ...WHATEVER, payment: 'razorpay' },
    far: { stock: 1, capacity: 0 },
  },
];

/** Places an order for each step after which its server can die, and lets it die there. */
async function dieEverywhere(shop: Shop, { more, far: limits = {}, isPaid = true }: Kind) {
  const near = await openShelf(shop, ON_SHELF);
  const far = await openShelf(shop, limits.stock ?? ON_SHELF, limits.capacity ?? ON_SHELF);
  const orderIds: string[] = [];
  for (let steps = 0, died = true; died; steps++) {
    const { orderId } = await place(shop, [near, far], more);
    const cause = { correlationId: orderId, causationId: orderId };
    died = await driveCheckout(driversOf(shop, dyingHandler(shop, steps)), orderId, cause).then(
      () => false,
      (error: Error) => error.message === 'killed',
    );
    orderIds.push(orderId);
  }
  assert.ok(orderIds.length > 3, 'it died after each step');
  if (isPaid && more.payment) for (const orderId of orderIds) await payFor(shop, orderId);
  return { near, orderIds };
}

test('a checkout ends, wherever its server died', async ({ shop }) => {
  const died = await Promise.all(KINDS.map((kind) => dieEverywhere(shop, kind)));
  for (const [index, { near, orderIds }] of died.entries()) {
    const { kind, wanted } = KINDS[index]!;
    for (const orderId of orderIds) await until(shop, () => hasEnded(shop, orderId));
    const orders = await Promise.all(
      orderIds.map((orderId) => shop.handler.load(order, orderId, { fresh: true })),
    );
    const ends = orders.map((state) =>
      state.status === 'none' || state.confirmed ? state.status : state.reason,
    );
    assert.equal(new Set(ends), new Set([wanted]), `a checkout that ${kind}`);
    const promised = wanted === 'confirmed' ? orderIds.length * WANTED : 0;
    const stock = await shop.handler.load(inventory, near.storeId, { fresh: true });
    assert.equal(itemOf(stock, 's1'), { onHand: ON_SHELF, reserved: promised, safetyBuffer: 0 });
  }
});

test('a store order without a slot is left out as a whole, and told so once', async ({ shop }) => {
  const near = await openShelf(shop, ON_SHELF);
  const far = await openShelf(shop, 1, 0);
  const { orderId, data } = await place(shop, [near, far], WHATEVER);
  const cause = { correlationId: orderId, causationId: orderId };
  const { state } = await driveCheckout(driversOf(shop, shop.handler), orderId, cause);
  const [, { storeOrderId }] = data.parts as [OrderPart, OrderPart];
  const line = { storeOrderId, listingId: far.listingIds[0]!, name: 'Ghee' };
  assert.equal(state.status !== 'none' && state.leftOut, [
    { ...line, wanted: WANTED, left: 0, reason: 'SLOT_FULL' },
  ]);
});

/** Rejects an order whose cart is closed, and waits until its checkout has been cleared up. */
async function giveUp(shop: Shop, { orderId, data }: Awaited<ReturnType<typeof place>>) {
  const ordered = data.parts.flatMap(({ lines }) => lines);
  const lines = ordered.map(({ listingId, quantity }) => ({ listingId, quantity }));
  const close = { type: 'CheckOutCart', data: { orderId, round: 1, lines } } as const;
  await shop.handler.handle(cart, data.cartId, close, as());
  const reject = { type: 'RejectOrder', data: { reason: 'CART_CHANGED' } } as const;
  await shop.handler.handle(order, orderId, reject, as());
  await until(shop, () => hasEnded(shop, orderId));
}

test('who reserves late, for an order that was given up, is undone; what is confirmed stays', async ({
  shop,
}) => {
  const { handler } = shop;
  const near = await openShelf(shop, ON_SHELF);
  const kept = await place(shop, [near], { expiresInMs: 500 });
  const cause = { correlationId: kept.orderId, causationId: kept.orderId };
  await driveCheckout(driversOf(shop, handler), kept.orderId, cause);

  const late = await place(shop, [near]);
  const { orderId, data } = late;
  const { storeOrderId } = data.parts[0]!;
  await giveUp(shop, late);

  const soon = () => new Date(Date.now() + 500).toISOString();
  const lines = [{ sku: 's1', quantity: WANTED }];
  const hold = { storeOrderId, orderId, round: 1, fromMinute: SLOT.fromMinute, expiresAt: soon() };
  const day = slotDayId(near.storeId, SLOT.date);
  await handler.handle(slotDay, day, { type: 'HoldSlot', data: hold }, as());
  assert.not(await hasEnded(shop, orderId));
  await until(shop, () => hasEnded(shop, orderId));

  const reserve = {
    type: 'ReserveStock',
    data: { storeOrderId, orderId, round: 1, lines, expiresAt: soon() },
  };
  await handler.handle(inventory, near.storeId, reserve as InventoryCommand, as());
  assert.not(await hasEnded(shop, orderId));
  await until(shop, () => hasEnded(shop, orderId));
  assert.ok(await hasEnded(shop, kept.orderId));
});

test('what one shop gave back is no reason to forget what another still holds', async ({
  shop,
}) => {
  const { handler } = shop;
  const stores = [await openShelf(shop, ON_SHELF), await openShelf(shop, ON_SHELF)];
  const late = await place(shop, stores);
  const { orderId, data } = late;
  await giveUp(shop, late);

  const expiresAt = new Date(Date.now() + 500).toISOString();
  const lines = [{ sku: 's1', quantity: WANTED }];
  for (const { storeId, storeOrderId } of data.parts) {
    const reservation = { storeOrderId, orderId, round: 1, lines, expiresAt };
    await handler.handle(inventory, storeId, { type: 'ReserveStock', data: reservation }, as());
  }
  const [first] = data.parts;
  const release = {
    type: 'ReleaseReservation',
    data: { storeOrderId: first!.storeOrderId, reason: 'order-rejected' },
  } as const;
  await handler.handle(inventory, first!.storeId, release, as());
  assert.not(await hasEnded(shop, orderId));
  await until(shop, () => hasEnded(shop, orderId));
});

test('a cart that is closed late, for an order that was given up, is opened again', async ({
  shop,
}) => {
  const { handle } = shop.handler;
  const { orderId, data } = await place(shop, [await openShelf(shop, ON_SHELF)]);
  const reject = { type: 'RejectOrder', data: { reason: 'CHECKOUT_EXPIRED' } } as const;
  await handle(order, orderId, reject, as());
  await driveCheckout(shop, orderId, { correlationId: orderId, causationId: orderId });
  const lines = data.parts[0]!.lines.map(({ listingId, quantity }) => ({ listingId, quantity }));
  const close = { type: 'CheckOutCart', data: { orderId, round: 1, lines } } as const;
  await handle(cart, data.cartId, close, as());
  assert.not(await hasEnded(shop, orderId));
  await until(shop, () => hasEnded(shop, orderId));
});

/** More than the steps that a late payment takes. */
const LATE_STEPS = 18;

/** Orders by card that were given up; then paid, while a server dies after each step of it. */
async function payLateAndDie(shop: Shop, sellOut: boolean): Promise<string[]> {
  const store = await openShelf(shop, ON_SHELF);
  const placing = Array.from({ length: LATE_STEPS }, () => placeUnpaid(shop, store));
  const orderIds = await Promise.all(placing);
  const causeOf = (orderId: string) => ({ correlationId: orderId, causationId: orderId });
  for (const orderId of orderIds) await until(shop, () => hasEnded(shop, orderId));
  const lines = [{ sku: 's1', quantity: ON_SHELF }];
  const sell = { type: 'SellAtCounter', data: { lines } } as const;
  if (sellOut) await shop.handler.handle(inventory, store.storeId, sell, as());
  await Promise.all(
    orderIds.map(async (orderId, steps) => {
      await payFor(shop, orderId);
      const drivers = driversOf(shop, dyingHandler(shop, steps));
      // It was killed, or lost its race against the others: the reactor goes on.
      await drivePaidOrder(drivers, orderId, causeOf(orderId)).catch((error: unknown) =>
        assert.instance(error, Error),
      );
    }),
  );
  return orderIds;
}

test('what is paid late comes back or goes back, wherever its server died', async ({ shop }) => {
  const [back, gone] = await Promise.all([payLateAndDie(shop, false), payLateAndDie(shop, true)]);
  const endOf = async (orderId: string) => {
    await until(shop, async () => {
      const state = await shop.handler.load(payment, paymentIdOf(orderId), { fresh: true });
      const isPaid = state.receipts.length > 0;
      const isBack = state.refunds.every(({ status }) => status === 'succeeded');
      return isPaid && isBack && (await hasEnded(shop, orderId));
    });
    const state = await shop.handler.load(order, orderId, { fresh: true });
    return state.status === 'none' ? state.status : (state.reason ?? state.status);
  };
  assert.equal(new Set(await Promise.all(back.map(endOf))), new Set(['confirmed']));
  assert.equal(new Set(await Promise.all(gone.map(endOf))), new Set(['PAID_TOO_LATE']));
});

test.run();
