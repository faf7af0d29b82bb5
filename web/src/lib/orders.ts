import type { Order } from './contract.ts';
import { keep, recallJson } from './storage.ts';

const ORDERS_KEY = 'doorstep.orders';
const MAX_REMEMBERED = 20;

/** What this browser remembers of an order: enough for a list, and nothing about a person. */
export type RememberedOrder = {
  orderId: string;
  placedAt: string;
  totalPaise: number;
  shops: string[];
};

/** The orders that were placed in this browser, newest first. */
export function rememberedOrders(): RememberedOrder[] {
  const orders = recallJson(ORDERS_KEY);
  return Array.isArray(orders) ? (orders as RememberedOrder[]) : [];
}

export const inShort = ({
  orderId,
  placedAt,
  totalPaise,
  storeOrders,
}: Order): RememberedOrder => ({
  orderId,
  placedAt,
  totalPaise,
  shops: storeOrders.map((part) => part.storeName),
});

export function rememberOrder(order: RememberedOrder): void {
  const others = rememberedOrders().filter((other) => other.orderId !== order.orderId);
  const orders = [order, ...others]
    .toSorted((a, b) => b.placedAt.localeCompare(a.placedAt))
    .slice(0, MAX_REMEMBERED);
  keep(ORDERS_KEY, JSON.stringify(orders));
}
