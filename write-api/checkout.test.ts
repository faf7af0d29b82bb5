import { randomUUID } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cart } from '../domain/cart.ts';
import { inventory, itemOf, type InventoryCommand } from '../domain/inventory.ts';
import { order, type OrderPart, type PlacedOrder } from '../domain/order.ts';
import { slotDay, slotDayId } from '../domain/slot-day.ts';
import { storeOrder } from '../domain/store-order.ts';
import { openStore, startShop, type Shop } from '../local/testing.ts';
import { headOfLog } from '../platform/event-store.ts';
import { driveCheckout } from './checkout.ts';
import { createHandler, type CommandContext, type Handler } from './handle.ts';

/** Far beyond what the reactor waits before it takes over. */
const ENDS_WITHIN_MS = 15_000;
const ON_SHELF = 100;
const WANTED = 2;
const SLOT = { date: '2099-11-21', fromMinute: 1_080, toMinute: 1_200 };

const test = suite<{ shop: Shop }>('checkout');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

const as = (): CommandContext => {
  const id = randomUUID();
  return { commandId: id, correlationId: id, causationId: id, actor: 'test' };
};

type Store = { storeId: string; listingIds: string[] };

/** A shop with so many of its one item, and a slot for so many orders. */
async function openShelf(shop: Shop, quantity: number, capacity = ON_SHELF): Promise<Store> {
  const store = await openStore(shop, ['Ghee,650']);
  const lines = [{ sku: 's1', quantity }];
  const command = { type: 'ReceiveStock', data: { lines } } as const;
  await shop.handler.handle(inventory, store.storeId, command, as());
  const slots = [{ fromMinute: SLOT.fromMinute, toMinute: SLOT.toMinute, capacity }];
  const day = slotDayId(store.storeId, SLOT.date);
  await shop.handler.handle(slotDay, day, { type: 'SetSlotCapacity', data: { slots } }, as());
  return store;
}

/** An order of two pieces at each shop, placed and not yet driven; `inCart` is what its cart has. */
async function place(
  shop: Shop,
  stores: Store[],
  { inCart = WANTED, expiresInMs = 60_000 } = {},
): Promise<{ orderId: string; data: PlacedOrder }> {
  const { handle } = shop.handler;
  const cartId = randomUUID();
  await handle(cart, cartId, { type: 'OpenCart', data: {} }, as());
  const parts: OrderPart[] = [];
  for (const { storeId, listingIds } of stores) {
    const listingId = listingIds[0]!;
    const command = { type: 'SetCartItem', data: { listingId, quantity: inCart } } as const;
    await handle(cart, cartId, command, as());
    const line = { listingId, name: 'Ghee', names: {}, pack: null, pricePaise: 65_000 };
    const totalPaise = WANTED * line.pricePaise;
    const lines = [{ ...line, quantity: WANTED, linePaise: totalPaise }];
    parts.push({ storeOrderId: randomUUID(), storeId, lines, slot: SLOT, totalPaise });
  }
  const data: PlacedOrder = {
    cartId,
    personId: randomUUID(),
    sealedRecipient: '',
    pincode: '560001',
    payment: 'cash-on-delivery',
    parts,
    totalPaise: parts.reduce((sum, part) => sum + part.totalPaise, 0),
    expiresAt: new Date(Date.now() + expiresInMs).toISOString(),
  };
  const orderId = randomUUID();
  await handle(order, orderId, { type: 'PlaceOrder', data }, as());
  return { orderId, data };
}

/** A server that dies after so many steps, the last of them done or its answer lost. */
function dyingHandler(shop: Shop, steps: number): Handler {
  const handler = createHandler(shop.client, shop.log);
  let left = steps;
  return {
    load: handler.load,
    async handle(decider, id, command, context) {
      left -= 1;
      if (left < 0) throw new Error('killed');
      const outcome = await handler.handle(decider, id, command, context);
      if (left === 0) throw new Error('killed');
      return outcome;
    },
  };
}

/** Whether an order has come to its end, everywhere. */
async function hasEnded({ handler }: Shop, orderId: string): Promise<boolean> {
  const state = await handler.load(order, orderId, { fresh: true });
  if (state.status === 'none' || state.status === 'placed') return false;
  const ends = await Promise.all(
    state.parts.map(async ({ storeId, storeOrderId }) => {
      const part = await handler.load(storeOrder, storeOrderId, { fresh: true });
      const stock = await handler.load(inventory, storeId, { fresh: true });
      const isReserved = stock.reservations.get(storeOrderId) !== undefined;
      const day = await handler.load(slotDay, slotDayId(storeId, SLOT.date), { fresh: true });
      const slot = day.held.get(storeOrderId);
      if (state.confirmed ? !slot?.confirmed : slot) return false;
      const isHandedOver = part.status !== 'none';
      return isReserved === state.confirmed && isHandedOver === state.confirmed;
    }),
  );
  const { status } = await handler.load(cart, state.cartId, { fresh: true });
  return ends.every(Boolean) && status === (state.confirmed ? 'checked-out' : 'open');
}

/** Looks again at every event from now on until it is as wanted. */
async function until({ client }: Shop, isSo: () => Promise<boolean>): Promise<void> {
  const head = await headOfLog(client);
  if (await isSo()) return;
  const events = client.subscribeToAll({ fromPosition: { commit: head, prepare: head } });
  const tooLong = setTimeout(() => void events.unsubscribe(), ENDS_WITHIN_MS);
  try {
    for await (const { event } of events) {
      if (event && !event.type.startsWith('$') && (await isSo())) return;
    }
  } finally {
    clearTimeout(tooLong);
  }
  throw new Error(`it was not so within ${ENDS_WITHIN_MS} ms`);
}

const KINDS = [
  { kind: 'goes through', wanted: 'confirmed', more: {} },
  { kind: 'finds too little', wanted: 'INSUFFICIENT_STOCK', more: {} },
  { kind: 'finds its slot full', wanted: 'SLOT_FULL', more: {} },
  { kind: 'finds the cart changed', wanted: 'CART_CHANGED', more: { inCart: 7 } },
  { kind: 'took too long', wanted: 'CHECKOUT_EXPIRED', more: { expiresInMs: -1 } },
] as const;

/** Places an order for each step after which its server can die, and lets it die there. */
async function dieEverywhere(shop: Shop, { wanted, more }: (typeof KINDS)[number]) {
  const near = await openShelf(shop, ON_SHELF);
  const stock = wanted === 'INSUFFICIENT_STOCK' ? 1 : ON_SHELF;
  const far = await openShelf(shop, stock, wanted === 'SLOT_FULL' ? 0 : ON_SHELF);
  const orderIds: string[] = [];
  for (let steps = 0, died = true; died; steps++) {
    const { orderId } = await place(shop, [near, far], more);
    const cause = { correlationId: orderId, causationId: orderId };
    died = await driveCheckout(dyingHandler(shop, steps), orderId, cause).then(
      () => false,
      (error: Error) => error.message === 'killed',
    );
    orderIds.push(orderId);
  }
  assert.ok(orderIds.length > 3, 'it died after each step');
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

test('who reserves late, for an order that was given up, is undone; what is confirmed stays', async ({
  shop,
}) => {
  const { handler } = shop;
  const near = await openShelf(shop, ON_SHELF);
  const kept = await place(shop, [near], { expiresInMs: 500 });
  const cause = { correlationId: kept.orderId, causationId: kept.orderId };
  await driveCheckout(handler, kept.orderId, cause);

  const late = await place(shop, [near]);
  const { orderId, data } = late;
  const { storeOrderId, lines: ordered } = data.parts[0]!;
  const closing = ordered.map(({ listingId, quantity }) => ({ listingId, quantity }));
  const close = { type: 'CheckOutCart', data: { orderId, lines: closing } } as const;
  await handler.handle(cart, data.cartId, close, as());
  const reject = { type: 'RejectOrder', data: { reason: 'CART_CHANGED' } } as const;
  await handler.handle(order, orderId, reject, as());
  await until(shop, () => hasEnded(shop, orderId));

  const soon = () => new Date(Date.now() + 500).toISOString();
  const lines = [{ sku: 's1', quantity: WANTED }];
  const hold = { storeOrderId, orderId, fromMinute: SLOT.fromMinute, expiresAt: soon() };
  const day = slotDayId(near.storeId, SLOT.date);
  await handler.handle(slotDay, day, { type: 'HoldSlot', data: hold }, as());
  assert.not(await hasEnded(shop, orderId));
  await until(shop, () => hasEnded(shop, orderId));

  const reserve = {
    type: 'ReserveStock',
    data: { storeOrderId, orderId, lines, expiresAt: soon() },
  };
  await handler.handle(inventory, near.storeId, reserve as InventoryCommand, as());
  assert.not(await hasEnded(shop, orderId));
  await until(shop, () => hasEnded(shop, orderId));
  assert.ok(await hasEnded(shop, kept.orderId));
});

test('a cart that is closed late, for an order that was given up, is opened again', async ({
  shop,
}) => {
  const { handle } = shop.handler;
  const { orderId, data } = await place(shop, [await openShelf(shop, ON_SHELF)]);
  const reject = { type: 'RejectOrder', data: { reason: 'CHECKOUT_EXPIRED' } } as const;
  await handle(order, orderId, reject, as());
  await driveCheckout(shop.handler, orderId, { correlationId: orderId, causationId: orderId });
  const lines = data.parts[0]!.lines.map(({ listingId, quantity }) => ({ listingId, quantity }));
  const close = { type: 'CheckOutCart', data: { orderId, lines } } as const;
  await handle(cart, data.cartId, close, as());
  assert.not(await hasEnded(shop, orderId));
  await until(shop, () => hasEnded(shop, orderId));
});

test.run();
