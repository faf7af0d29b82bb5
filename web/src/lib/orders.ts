import { ApiError, readOwn } from './api.ts';
import type { Order, OwnOrders } from './contract.ts';
import { keep, recall, recallJson } from './storage.ts';

const ORDERS_KEY = 'doorstep.orders';
const PAYING_KEY = 'doorstep.paying';
const MAX_REMEMBERED = 20;

/** What this browser remembers of an order: enough for a list, and nothing about a person. */
export type RememberedOrder = {
  orderId: string;
  placedAt: string;
  totalPaise: number;
  shops: string[];
  /** The cart that it was ordered from: its shopper's again, should it come to nothing. */
  cartId?: string;
};

/**
 * A page of the orders that this shopper placed, newest first, from `after` on. None where this
 * browser has no session: nobody ever ordered in it. Throws `ApiError`.
 */
export async function readOwnOrders(
  after: string | null,
): Promise<{ orders: RememberedOrder[]; next: string | null }> {
  const query = after === null ? '' : `?after=${encodeURIComponent(after)}`;
  try {
    const { orders, next } = await readOwn<OwnOrders>(`/api/read/me/orders${query}`);
    return { orders: orders.map(({ stores: shops, ...order }) => ({ ...order, shops })), next };
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return { orders: [], next: null };
    throw error;
  }
}

/** The orders that were placed in this browser, as far as it remembers them; newest first. */
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
  shops: storeOrders.map((one) => one.storeName),
});

/** Remembers an order, or what is new about it. */
export function rememberOrder(order: RememberedOrder): void {
  const known = rememberedOrders();
  const before = known.find((other) => other.orderId === order.orderId);
  const others = known.filter((other) => other !== before);
  const orders = [{ ...before, ...order }, ...others]
    .toSorted((a, b) => b.placedAt.localeCompare(a.placedAt))
    .slice(0, MAX_REMEMBERED);
  keep(ORDERS_KEY, JSON.stringify(orders));
}

/** The cart that an order was placed from here; null once it was taken back. */
export const cartOf = (orderId: string): string | null =>
  rememberedOrders().find((order) => order.orderId === orderId)?.cartId ?? null;

export function forgetCartOf(orderId: string): void {
  const order = rememberedOrders().find((one) => one.orderId === orderId);
  if (order) rememberOrder({ ...order, cartId: undefined });
}

/** Remembers which order's payment is opened, before the browser leaves for the gateway's page. */
export function rememberPaying(orderId: string): void {
  keep(PAYING_KEY, orderId, 'session');
  // For a payment that comes back in another tab than it was opened from.
  keep(PAYING_KEY, orderId);
}

/**
 * The order whose payment this browser comes back from: the one that this tab went off to pay, else
 * the one that any tab did, else the newest that was placed here. Null where there is none at all.
 */
export const orderBeingPaid = (): string | null =>
  recall(PAYING_KEY, 'session') ?? recall(PAYING_KEY) ?? rememberedOrders()[0]?.orderId ?? null;
