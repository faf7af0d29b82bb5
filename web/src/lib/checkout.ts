import { ApiError, command, newKey, readOwn } from './api.ts';
import type { Address, Cart, Contact } from './contract.ts';
import type { DeliveryWishes } from './delivery-choice.svelte.ts';
import { keep, recall } from './storage.ts';

const ATTEMPT_KEY = 'doorstep.attempt';

/**
 * Places the order of a cart and gives the order's id. Throws `ApiError`.
 *
 * However often it is called, there is one order: an attempt keeps its key until it is answered,
 * in this tab's memory, so that another press, a reload or a lost answer repeats the same
 * command; and a cart can be ordered only once, so a changed address cannot order it again.
 */
export async function placeOrder(
  cartId: string,
  wanted: { contact: Contact; address: Address } & DeliveryWishes,
): Promise<string> {
  const body = { cartId, ...wanted, payment: 'cash-on-delivery' };
  try {
    const { orderId } = await command<{ orderId: string }>('POST', '/api/write/orders', body, {
      key: keyFor(JSON.stringify(body)),
    });
    keep(ATTEMPT_KEY, null, 'session');
    return orderId;
  } catch (error) {
    const refused = error instanceof ApiError && error.status >= 400 && error.status < 500;
    if (refused) keep(ATTEMPT_KEY, null, 'session');
    const orderId = refused ? await orderedBefore(cartId, error) : null;
    if (orderId) return orderId;
    throw error;
  }
}

/** The key of the unanswered attempt with the same body, or a new one that is kept for it. */
function keyFor(body: string): string {
  const [keptKey, keptBody] = recall(ATTEMPT_KEY, 'session')?.split('\n') ?? [];
  if (keptKey && keptBody === body) return keptKey;
  const key = newKey();
  keep(ATTEMPT_KEY, `${key}\n${body}`, 'session');
  return key;
}

/** The order that an earlier attempt did place, where that is why this one was refused. */
async function orderedBefore(cartId: string, error: ApiError): Promise<string | null> {
  if (error.code !== 'CART_CHECKED_OUT') return null;
  return (await readOwn<Cart>(`/api/read/carts/${cartId}`)).orderId;
}
