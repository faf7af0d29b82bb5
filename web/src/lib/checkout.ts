import { ApiError, command, newKey, readOwn } from './api.ts';
import type { Coordinates } from '#domain/stores/delivery.ts';
import type { IfMissing, OnShortage } from '#domain/ordering/order.ts';
import type { PaymentMethod } from '#domain/money/payment.ts';
import type { Address, Buyer, Cart, Contact, Order } from './contract.ts';
import type { DeliveryWishes } from './delivery-choice.svelte.ts';
import { keep, recall } from './storage.ts';

const ATTEMPT_KEY = 'doorstep.attempt';

type Placed = { orderId: string; totalPaise: number };
/** How an order is wanted: whereto, how it is paid, and what happens to what runs short. */
export type Wanted = DeliveryWishes & {
  contact: Contact;
  address: Address & { location?: Coordinates };
  buyer?: Buyer;
  payment: PaymentMethod;
  onShortage: OnShortage;
  /** By listing. */
  ifMissing: Record<string, IfMissing>;
};
type Attempt = { key: string; quote: string };

/**
 * Places the order of a cart, at an accepted quote's token. Throws `ApiError`.
 *
 * However often it is called, there is one order: an attempt keeps its key and its quote until it
 * is answered, in this tab's memory, so that another press, a reload or a lost answer repeats the
 * same command; and a cart can be ordered only once, so a changed address cannot order it again.
 */
export async function placeOrder(cartId: string, wanted: Wanted, quote: string): Promise<Placed> {
  const body = { cartId, ...wanted };
  const attempt = attemptFor(JSON.stringify(body), quote);
  try {
    const { key } = attempt;
    const accepting = { ...body, quote: attempt.quote };
    const placed = await command<Placed>('POST', '/api/write/orders', accepting, { key });
    keep(ATTEMPT_KEY, null, 'session');
    return placed;
  } catch (error) {
    const refused = error instanceof ApiError && error.status >= 400 && error.status < 500;
    if (!refused) throw error;
    keep(ATTEMPT_KEY, null, 'session');
    const placed = await orderedBefore(cartId, error);
    if (placed) return placed;
    // It was an earlier attempt, at an older quote, that came to nothing: this one is still to do.
    if (attempt.quote !== quote) return placeOrder(cartId, wanted, quote);
    throw error;
  }
}

/** The unanswered attempt with the same body, or a new one that is kept. */
function attemptFor(body: string, quote: string): Attempt {
  const [key, keptQuote, keptBody] = recall(ATTEMPT_KEY, 'session')?.split('\n') ?? [];
  if (key && keptQuote && keptBody === body) return { key, quote: keptQuote };
  const attempt = { key: newKey(), quote };
  keep(ATTEMPT_KEY, `${attempt.key}\n${quote}\n${body}`, 'session');
  return attempt;
}

/** The order that an earlier attempt did place, where that is why this one was refused. */
async function orderedBefore(cartId: string, error: ApiError): Promise<Placed | null> {
  if (error.code !== 'CART_CHECKED_OUT') return null;
  const { orderId } = await readOwn<Cart>(`/api/read/carts/${cartId}`);
  if (!orderId) return null;
  const { totalPaise } = await readOwn<Order>(`/api/read/orders/${orderId}`);
  return { orderId, totalPaise };
}
