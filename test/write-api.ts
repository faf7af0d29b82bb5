import { randomUUID } from 'node:crypto';
import { cart } from '../domain/cart/cart.ts';
import { inventory } from '../domain/inventory/inventory.ts';
import {
  order,
  type OnShortage,
  type OrderPart,
  type PlacedOrder,
} from '../domain/ordering/order.ts';
import { payment, type Payment, type PaymentMethod } from '../domain/money/payment.ts';
import { slotDay, slotDayId } from '../domain/slots/slot-day.ts';
import { store } from '../domain/stores/store.ts';
import { AT_ONCE, UNQUOTED } from './terms.ts';
import { openStore, quoteCart, type Shop } from './shop.ts';
import { headOfLog } from '../platform/event-store.ts';
import { driveCheckout } from '../write-api/checkout.ts';
import type { Drivers } from '../write-api/processes.ts';
import type { CommandContext } from '../engine/commands/handle.ts';
import { paymentIdOf, paymentsOf } from '../write-api/payment.ts';
import { STUCK_MS } from './until-so.ts';

/** Far beyond what the reactor waits before it takes over. */
export const ON_SHELF = 100;
export const WANTED = 2;
export const PRICE_PAISE = 65_000;
export const SLOT = { date: '2099-11-21', fromMinute: 1_080, toMinute: 1_200 };

export const as = (commandId: string = randomUUID()): CommandContext => ({
  commandId,
  correlationId: commandId,
  causationId: commandId,
  actor: 'test',
});

export type TestStore = { storeId: string; listingIds: string[] };

/** A shop with so many of its one item, and a slot for so many orders. */
export async function openShelf(
  shop: Shop,
  quantity: number,
  capacity = ON_SHELF,
): Promise<TestStore> {
  const opened = await openStore(shop, ['Ghee,650']);
  await fillShelf(shop, opened.storeId, quantity, capacity);
  const upi = { vpa: 'kirana@okbank', name: 'Test Kirana' };
  const address = { type: 'SetUpiAddress', data: { upi } } as const;
  await shop.handler.handle(store, opened.storeId, address, as());
  return opened;
}

export async function fillShelf(
  { handler }: Pick<Shop, 'handler'>,
  storeId: string,
  quantity: number,
  capacity = ON_SHELF,
): Promise<void> {
  const lines = [{ sku: 's1', quantity }];
  await handler.handle(inventory, storeId, { type: 'ReceiveStock', data: { lines } }, as());
  const slots = [{ fromMinute: SLOT.fromMinute, toMinute: SLOT.toMinute, capacity }];
  const day = slotDayId(storeId, SLOT.date);
  await handler.handle(slotDay, day, { type: 'SetSlotCapacity', data: { slots } }, as());
}

export type Placing = {
  inCart?: number;
  expiresInMs?: number;
  payment?: PaymentMethod;
  onShortage?: OnShortage;
};

/** An order of two pieces at each shop, placed and not yet driven; `inCart` is what its cart has. */
export async function place(
  shop: Pick<Shop, 'handler'> & Partial<Pick<Shop, 'guest'>>,
  stores: TestStore[],
  { inCart = WANTED, expiresInMs = 60_000, ...more }: Placing = {},
): Promise<{ orderId: string; data: PlacedOrder }> {
  const { handle } = shop.handler;
  const cartId = randomUUID();
  const { guest: shopper = null } = shop;
  await handle(cart, cartId, { type: 'OpenCart', data: { shopper } }, as());
  const parts: OrderPart[] = [];
  for (const { storeId, listingIds } of stores) {
    const listingId = listingIds[0]!;
    const command = { type: 'SetCartItem', data: { listingId, quantity: inCart } } as const;
    await handle(cart, cartId, command, as());
    const line = { listingId, name: 'Ghee', names: {}, pack: null, pricePaise: PRICE_PAISE };
    const totalPaise = WANTED * line.pricePaise;
    const lines = [{ ...line, quantity: WANTED, linePaise: totalPaise }];
    parts.push({ ...AT_ONCE, storeOrderId: randomUUID(), storeId, lines, slot: SLOT, totalPaise });
  }
  const data: PlacedOrder = {
    cartId,
    shopper,
    personId: randomUUID(),
    sealedRecipient: '',
    pincode: '560001',
    payment: more.payment ?? 'cash-on-delivery',
    ...UNQUOTED,
    ...(more.onShortage && { onShortage: more.onShortage }),
    parts,
    totalPaise: parts.reduce((sum, one) => sum + one.totalPaise, 0),
    expiresAt: new Date(Date.now() + expiresInMs).toISOString(),
  };
  const orderId = randomUUID();
  await handle(order, orderId, { type: 'PlaceOrder', data }, as());
  return { orderId, data };
}

/** A cart with two pieces of the one item of each shop, and a quote of it. */
export async function fillCart(
  shop: Shop,
  stores: TestStore[],
): Promise<{ cartId: string; quote: string }> {
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const { listingIds } of stores) {
    const quantity = { quantity: WANTED };
    await shop.write('PUT', `/carts/${body.cartId}/items/${listingIds[0]!}`, quantity);
  }
  return { cartId: body.cartId, quote: await quoteCart(shop, body.cartId) };
}

/** The payment of an order, or of a store order that is paid by itself, as it is now. */
export const loadPayment = ({ handler }: Pick<Shop, 'handler'>, id: string): Promise<Payment> =>
  handler.load(payment, paymentIdOf(id), { fresh: true });

export const untilPayment = (
  shop: Pick<Shop, 'client' | 'handler'>,
  id: string,
  isSo: (state: Payment) => boolean,
): Promise<void> => until(shop, async () => isSo(await loadPayment(shop, id)));

/** Looks again at every event from now on until it is as wanted. */
export async function until(
  { client }: Pick<Shop, 'client'>,
  isSo: () => Promise<boolean>,
): Promise<void> {
  const head = await headOfLog(client);
  if (await isSo()) return;
  const events = client.subscribeToAll({ fromPosition: { commit: head, prepare: head } });
  const tooLong = setTimeout(() => void events.unsubscribe(), STUCK_MS);
  try {
    for await (const { event } of events) {
      if (event && !event.type.startsWith('$') && (await isSo())) return;
    }
  } finally {
    clearTimeout(tooLong);
  }
  throw new Error(`it was not so within ${STUCK_MS} ms`);
}

/** Pays whatever is asked for an order, as soon as it is. */
export async function payFor(shop: Shop, orderId: string): Promise<void> {
  const { handler, gateway } = shop;
  await until(shop, async () => {
    const placed = await handler.load(order, orderId, { fresh: true });
    if (placed.status === 'none' || placed.status === 'placed') return false;
    const payments = await Promise.all(
      paymentsOf(orderId, placed).map(async ({ paymentId }) => {
        const state = await handler.load(payment, paymentId, { fresh: true });
        return { paymentId, ...state };
      }),
    );
    if (payments.some(({ status }) => status === 'none')) return false;
    for (const { paymentId, amountPaise, gatewayOrderId } of payments) {
      const data = { externalId: randomUUID(), amountPaise };
      if (gatewayOrderId) gateway.pay(gatewayOrderId);
      else await handler.handle(payment, paymentId, { type: 'RecordPayment', data }, as());
    }
    return true;
  });
}

/** An order by card that waited for its money, and was given up. */
export async function placeUnpaid(shop: Drivers, opened: TestStore): Promise<string> {
  const { orderId } = await place(shop, [opened], { payment: 'razorpay' });
  await driveCheckout(shop, orderId, { correlationId: orderId, causationId: orderId });
  const reason = 'CHECKOUT_EXPIRED';
  const cancel = { type: 'CancelPayment', data: { reason } } as const;
  await shop.handler.handle(payment, paymentIdOf(orderId), cancel, as());
  await shop.handler.handle(order, orderId, { type: 'RejectOrder', data: { reason } }, as());
  return orderId;
}
