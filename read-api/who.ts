import { forShop } from '../domain/schema.ts';
import { Problem, unauthorized } from '../platform/http.ts';
import type { Who } from '../platform/route.ts';
import { bearsSigned } from '../platform/signature.ts';
import { PASS_REQUIRED } from '../wording/en/stores.ts';
import type { Services } from './services.ts';

/**
 * Who may read what, as long as nobody can sign in: whoever was told an id, and a shop by its pass,
 * which is its id signed with STORE_PASS_SECRET. Commands have the same in write-api.
 */

export const anybody: Who = { name: 'anybody', identify: () => undefined };

/** Only the browser that opened a cart was told its id. */
export const cartHolder: Who<{ cartId: string }> = {
  name: 'whoever knows the cart',
  identify: () => undefined,
};

/** Only the browser that placed an order was told its id. */
export const orderHolder: Who<{ orderId: string }> = {
  name: 'whoever knows the order',
  identify: () => undefined,
};

type PassSecret = Pick<Services, 'storePassSecret'>;

const passRequired = (): Problem => unauthorized('STORE_PASS_REQUIRED', PASS_REQUIRED);

export const shop = ({ storePassSecret }: PassSecret): Who<{ storeId: string }> => ({
  name: 'the shop',
  description: forShop,
  identify({ params: { storeId }, headers: { authorization } }) {
    if (!bearsSigned(storePassSecret, storeId, authorization)) throw passRequired();
  },
});

/** The shop of a store order. Throws a `Problem` 404 for one that is at no shop. */
export const shopOfStoreOrder = ({
  pool,
  storePassSecret,
}: Pick<Services, 'pool'> & PassSecret): Who<{ storeOrderId: string }, { storeId: string }> => ({
  name: 'the shop of the store order',
  description: forShop,
  async identify({ params: { storeOrderId }, headers: { authorization } }) {
    const { rows } = await pool.query<{ storeId: string }>({
      name: 'who-store-order',
      text: 'select store_id as "storeId" from order_board.card where store_order_id = $1',
      values: [storeOrderId],
    });
    const [row] = rows;
    if (!row) throw new Problem(404, 'STORE_ORDER_NOT_FOUND', 'There is no such order at a shop.');
    if (!bearsSigned(storePassSecret, row.storeId, authorization)) throw passRequired();
    return row;
  },
});

/** Whom a bill is for is shown to its shop, and to whoever knows the id of the whole order. */
export const anybodyOrBuyerOrShop = ({
  storePassSecret,
}: PassSecret): Who<
  { storeOrderId: string },
  { maySeeBuyer: (of: { orderId: string; storeId: string }) => boolean }
> => ({
  name: 'whoever knows the store order; the buyer: the shop, whoever knows the order',
  identify: ({ query, headers: { authorization } }) => ({
    maySeeBuyer: ({ orderId, storeId }) =>
      (query as { orderId?: string }).orderId === orderId ||
      bearsSigned(storePassSecret, storeId, authorization),
  }),
});
