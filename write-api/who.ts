import { payment, type Payment } from '../domain/money/payment.ts';
import { subjectOf, storeOrder } from '../domain/fulfilment/store-order.ts';
import { forShop } from '../domain/schema.ts';
import { store } from '../domain/stores/store.ts';
import { Rejected } from '../domain/rejection.ts';
import { StreamDamaged } from '../engine/commands/stream-damaged.ts';
import type { Caller } from '../engine/commands/route.ts';
import type { Handler } from '../engine/commands/handle.ts';
import { unauthorized } from '../platform/http.ts';
import type { Asking, Who } from '../platform/route.ts';
import { bearsSigned } from '../platform/signature.ts';
import { PASS_REQUIRED } from '../wording/en/stores.ts';
import type { Services } from './services.ts';

/**
 * Who may send which command, as long as nobody can sign in: ids that only one browser was told, and
 * the pass of a shop, which is its id signed with STORE_PASS_SECRET. Which shop it is, is for the
 * stream to say wherever an address names something else.
 */

/** Until people sign in, nobody knows who asks: this is where a session's name goes. */
const NOBODY_KNOWN: Caller = { actor: 'anonymous' };

export const anybody: Who<unknown, Caller> = { name: 'anybody', identify: () => NOBODY_KNOWN };

/** Only the browser that opened a cart was told its id: in the address, or of an order in its body. */
export const cartHolder: Who<unknown, Caller> = {
  name: 'whoever knows the cart',
  identify: () => NOBODY_KNOWN,
};

/** Only the browser that placed an order was told its id. */
export const orderHolder: Who<{ orderId: string }, Caller> = {
  name: 'whoever knows the order',
  identify: () => NOBODY_KNOWN,
};

/** The same, of the order that a store order is a part of. Throws `Rejected` ORDER_NOT_FOUND. */
export const orderHolderOf = ({
  handler,
}: Pick<Services, 'handler'>): Who<{ orderId: string; storeOrderId: string }, Caller> => ({
  name: orderHolder.name,
  async identify({ params: { orderId, storeOrderId } }) {
    const known = await knownStoreOrder(handler, storeOrderId);
    if (known.status === 'none' || known.orderId !== orderId) {
      throw new Rejected('ORDER_NOT_FOUND');
    }
    return NOBODY_KNOWN;
  },
});

/** A store order, once submitted, stays of its order: what this process saw is enough. */
async function knownStoreOrder(handler: Handler, storeOrderId: string) {
  const known = await handler.load(storeOrder, storeOrderId, { fresh: false });
  return known.status === 'none' ? handler.load(storeOrder, storeOrderId, { fresh: true }) : known;
}

type PassSecret = Pick<Services, 'storePassSecret'>;

/** Throws a `Problem` 401 for a request without the pass of this shop. */
function assertPassOf(
  { storePassSecret }: PassSecret,
  storeId: string | null,
  { headers }: Asking,
): void {
  if (storeId && bearsSigned(storePassSecret, storeId, headers.authorization)) return;
  throw unauthorized('STORE_PASS_REQUIRED', PASS_REQUIRED);
}

export const shop = (secret: PassSecret): Who<{ storeId: string }, Caller> => ({
  name: 'the shop',
  description: forShop,
  identify(request) {
    assertPassOf(secret, request.params.storeId, request);
    return NOBODY_KNOWN;
  },
});

/**
 * Throws STORE_NOT_FOUND. A shop, once registered, stays: what this process saw is enough. One that
 * cannot be read is there: its listings, stock and till, which are streams of their own, go on.
 */
export async function assertStoreExists(handler: Handler, storeId: string): Promise<void> {
  try {
    const { registered } = await handler.load(store, storeId, { fresh: false });
    if (registered) return;
    const now = await handler.load(store, storeId, { fresh: true });
    if (!now.registered) throw new Rejected('STORE_NOT_FOUND', { storeId });
  } catch (error) {
    if (!(error instanceof StreamDamaged)) throw error;
  }
}

/** A shop that there is. Throws `Rejected` STORE_NOT_FOUND. */
export const registeredShop = ({
  handler,
  ...secret
}: Pick<Services, 'handler'> & PassSecret): Who<{ storeId: string }, Caller> => ({
  name: 'the shop',
  description: forShop,
  async identify(request) {
    const { storeId } = request.params;
    await assertStoreExists(handler, storeId);
    assertPassOf(secret, storeId, request);
    return NOBODY_KNOWN;
  },
});

/** The shop that was handed a store order. Throws `Rejected` STORE_ORDER_NOT_FOUND. */
export const shopOfStoreOrder = ({
  handler,
  ...secret
}: Pick<Services, 'handler'> & PassSecret): Who<{ storeOrderId: string }, Caller> => ({
  name: 'the shop of the store order',
  description: forShop,
  async identify(request) {
    const { storeId } = subjectOf(await knownStoreOrder(handler, request.params.storeOrderId));
    assertPassOf(secret, storeId, request);
    return NOBODY_KNOWN;
  },
});

/** The shop that a payment is for; where a refund is named, the shop that has to give it back. */
export const shopOfPayment = ({
  handler,
  ...secret
}: Pick<Services, 'handler'> & PassSecret): Who<
  { paymentId: string; refundNumber?: string },
  Caller & { payment: Payment }
> => ({
  name: 'the shop of the payment',
  description: forShop,
  async identify(request) {
    const { paymentId, refundNumber } = request.params;
    const known = await handler.load(payment, paymentId, { fresh: true });
    const { storeId } = refundNumber ? (known.refunds[Number(refundNumber) - 1] ?? known) : known;
    assertPassOf(secret, storeId, request);
    return { ...NOBODY_KNOWN, payment: known };
  },
});
