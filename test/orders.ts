/** An order of two pieces at each of two shops, and what streams say of it, for tests of processes. */
import { cart } from '../domain/cart/cart.ts';
import { inventory, type Inventory } from '../domain/inventory/inventory.ts';
import { payment, type Payment } from '../domain/money/payment.ts';
import {
  order,
  type Order,
  type OrderEvent,
  type OrderPart,
  type PlacedOrder,
} from '../domain/ordering/order.ts';
import { slotDay, type SlotDay } from '../domain/slots/slot-day.ts';
import { folded } from './process.ts';
import { AT_ONCE, UNQUOTED } from './terms.ts';

export const PRICE_PAISE = 500;
export const EXPIRES_MS = Date.parse('2026-11-21T10:15:00Z');
export const SLOT = { date: '2026-11-22', fromMinute: 600, toMinute: 720 };
export const IDS = { orderId: 'o', paymentIdOf: (id: string) => `pay.${id}` };

export const storeOrderAt = (storeId: string, quantity = 2): OrderPart => {
  const line = { name: 'Ghee', names: {}, pack: null, pricePaise: PRICE_PAISE };
  const linePaise = quantity * PRICE_PAISE;
  return {
    ...AT_ONCE,
    storeOrderId: `${storeId}.o`,
    storeId,
    lines: [{ ...line, listingId: `${storeId}.ghee`, quantity, linePaise }],
    slot: SLOT,
    totalPaise: linePaise,
  };
};

export const placedOrder = (more: Partial<PlacedOrder> = {}): PlacedOrder => ({
  ...UNQUOTED,
  cartId: 'c',
  shopper: null,
  personId: 'p',
  sealedRecipient: '',
  pincode: '560001',
  payment: 'cash-on-delivery',
  parts: [storeOrderAt('near'), storeOrderAt('far')],
  totalPaise: 4 * PRICE_PAISE,
  expiresAt: new Date(EXPIRES_MS).toISOString(),
  ...more,
});

/** An order after what happened to it since it was placed. */
export const orderAfter = (more: Partial<PlacedOrder>, ...events: OrderEvent[]): Order =>
  folded(order, { type: 'OrderPlaced', data: placedOrder(more) }, ...events);

/** A shop's stock once so many pieces are reserved for its store order. */
export const reserved = (storeId: string, quantity = 2, round = 1): Inventory =>
  folded(inventory, {
    type: 'StockReserved',
    data: {
      storeOrderId: `${storeId}.o`,
      orderId: 'o',
      round,
      lines: [{ sku: 'ghee', quantity }],
      expiresAt: new Date(EXPIRES_MS).toISOString(),
    },
  });

export const held: SlotDay = slotDay.initial;
export const closed = cart.initial;

/** A payment of an order after so much came in; `status` `none` was never asked for. */
export const paymentOf = (
  storeId: string | null,
  status: Payment['status'],
  paidPaise = 0,
): Payment => ({
  ...payment.initial,
  status,
  orderId: 'o',
  storeId,
  storeOrderId: storeId && `${storeId}.o`,
  method: storeId ? 'upi' : 'razorpay',
  amountPaise: (storeId ? 2 : 4) * PRICE_PAISE,
  receipts: paidPaise > 0 ? [{ externalId: 'r1', amountPaise: paidPaise }] : [],
});
