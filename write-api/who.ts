import { payment, type Payment } from '../domain/money/payment.ts';
import { subjectOf, storeOrder } from '../domain/fulfilment/store-order.ts';
import { cart } from '../domain/cart/cart.ts';
import { order } from '../domain/ordering/order.ts';
import { forShop, forShopper } from '../domain/schema.ts';
import { store, type Store } from '../domain/stores/store.ts';
import { Rejected } from '../domain/rejection.ts';
import { StreamDamaged } from '../engine/commands/stream-damaged.ts';
import { ANONYMOUS } from '../engine/commands/context.ts';
import type { Caller } from '../engine/commands/route.ts';
import type { Handler } from '../engine/commands/handle.ts';
import { Problem, unauthorized } from '../platform/http.ts';
import { isSameOrigin } from '../platform/session.ts';
import type { Asking, Who } from '../platform/route.ts';
import { bearsSigned } from '../platform/signature.ts';
import { PASS_REQUIRED } from '../wording/en/stores.ts';
import type { Services } from './services.ts';

/**
 * Who may send which command: a shopper by the session of their browser, what is theirs; a shop, as
 * long as its people cannot sign in, by its pass, which is its id signed with STORE_PASS_SECRET. Whose
 * something is, is for its stream to say wherever an address names something else. What is somebody
 * else's is answered as what does not exist.
 */

/** Until its people sign in, nobody knows who of a shop asks: this is where their name goes. */
const NOBODY_KNOWN: Caller = { actor: ANONYMOUS };

export const anybody: Who<unknown, Caller> = { name: 'anybody', identify: () => NOBODY_KNOWN };

type Shoppers = Pick<Services, 'handler' | 'sessions' | 'publicUrl'>;

/** Nobody of another site is to act in a shopper's name, nor to change who they are. */
export function assertSameOrigin({ publicUrl }: Pick<Services, 'publicUrl'>, asking: Asking): void {
  if (isSameOrigin(asking.headers, new URL(publicUrl).origin)) return;
  throw new Problem(
    403,
    'CROSS_SITE',
    'Whoever writes with a session has to do so from a page of this shop: a browser says so in ' +
      'Sec-Fetch-Site or Origin, and so has anything else.',
  );
}

/** Who sends a command with a session. Throws a `Problem`: 401 SESSION_NEEDED, 403 CROSS_SITE. */
function writerOf(services: Omit<Shoppers, 'handler'>, asking: Asking): Caller {
  const actor = services.sessions.actorOf(asking.headers);
  assertSameOrigin(services, asking);
  return { actor };
}

/** Anybody whose browser has a session: a guest. */
export const shopper = (services: Omit<Shoppers, 'handler'>): Who<unknown, Caller> => ({
  name: 'a shopper',
  description: forShopper,
  identify: (request) => writerOf(services, request),
});

// Whose a cart, an order or a store order is never changes: what this process saw is enough, unless
// there was none of it then.
const isNone = ({ status }: { status: string }): boolean => status === 'none';

/** Throws `Rejected` CART_NOT_FOUND for a cart that is not this shopper's. */
export async function assertOwnCart(
  handler: Handler,
  cartId: string,
  actor: string,
): Promise<void> {
  const known = await handler.load(cart, cartId, { fresh: isNone });
  if (known.shopper !== actor) throw new Rejected('CART_NOT_FOUND');
}

/** The shopper whose cart it is. */
export const shopperOfCart = (services: Shoppers): Who<{ cartId: string }, Caller> => ({
  name: 'the shopper of the cart',
  description: forShopper,
  async identify(request) {
    const caller = writerOf(services, request);
    await assertOwnCart(services.handler, request.params.cartId, caller.actor);
    return caller;
  },
});

async function isOwnOrder(handler: Handler, orderId: string, actor: string): Promise<boolean> {
  const known = await handler.load(order, orderId, { fresh: isNone });
  return known.status !== 'none' && known.shopper === actor;
}

/** The shopper who placed it. Throws `Rejected` ORDER_NOT_FOUND. */
export const shopperOfOrder = (services: Shoppers): Who<{ orderId: string }, Caller> => ({
  name: 'the shopper of the order',
  description: forShopper,
  async identify(request) {
    const caller = writerOf(services, request);
    const isOwn = await isOwnOrder(services.handler, request.params.orderId, caller.actor);
    if (!isOwn) throw new Rejected('ORDER_NOT_FOUND');
    return caller;
  },
});

/** The same, of the order that a store order is a part of. */
export const shopperOfStoreOrder = (
  services: Shoppers,
): Who<{ orderId: string; storeOrderId: string }, Caller> => ({
  name: 'the shopper of the order',
  description: forShopper,
  async identify(request) {
    const caller = await shopperOfOrder(services).identify(request);
    const { orderId, storeOrderId } = request.params;
    const known = await knownStoreOrder(services.handler, storeOrderId);
    if (known.status === 'none' || known.orderId !== orderId) {
      throw new Rejected('ORDER_NOT_FOUND');
    }
    return caller;
  },
});

/**
 * The shopper who pays, with the payment. Of anybody else and any other payment nothing is known: who
 * opens a page's address is to see a page.
 */
export const shopperOfPayment = ({
  handler,
  sessions,
}: Shoppers): Who<{ paymentId: string }, Payment | undefined> => ({
  name: 'the shopper of the payment; a page for anybody else',
  async identify({ headers, params: { paymentId } }) {
    const actor = sessions.find(headers);
    if (actor === undefined) return undefined;
    const known = await handler.load(payment, paymentId, { fresh: true });
    if (known.status === 'none') return undefined;
    return (await isOwnOrder(handler, known.orderId, actor)) ? known : undefined;
  },
});

const knownStoreOrder = (handler: Handler, storeOrderId: string) =>
  handler.load(storeOrder, storeOrderId, { fresh: isNone });

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
    const isUnknown = ({ registered }: Store) => !registered;
    const known = await handler.load(store, storeId, { fresh: isUnknown });
    if (isUnknown(known)) throw new Rejected('STORE_NOT_FOUND', { storeId });
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
