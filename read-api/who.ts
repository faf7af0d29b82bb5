import { forShop, forShopper } from '../domain/schema.ts';
import { Problem, unauthorized } from '../platform/http.ts';
import type { Who } from '../platform/route.ts';
import { bearsSigned } from '../platform/signature.ts';
import { PASS_REQUIRED } from '../wording/en/stores.ts';
import type { Services } from './services.ts';

/**
 * Who may read what: a shopper by the session of their browser, what is theirs; a shop, as long as its
 * people cannot sign in, by its pass, which is its id signed with STORE_PASS_SECRET. Commands have
 * the same in write-api.
 */

export const anybody: Who = { name: 'anybody', identify: () => undefined };

/** Anybody whose browser has a session. Throws a `Problem` 401 SESSION_NEEDED. */
export const shopper = ({
  sessions,
}: Pick<Services, 'sessions'>): Who<unknown, { actor: string }> => ({
  name: 'a shopper',
  description: forShopper,
  identify: ({ headers }) => ({ actor: sessions.actorOf(headers) }),
});

type Shoppers = Pick<Services, 'pool' | 'sessions'>;

/** The shopper who placed it. Throws a `Problem` 404 for anybody else. */
export const shopperOfOrder = ({
  pool,
  sessions,
}: Shoppers): Who<{ orderId: string }, { actor: string }> => ({
  name: 'the shopper of the order',
  description: forShopper,
  async identify({ headers, params: { orderId } }) {
    const actor = sessions.actorOf(headers);
    const { rowCount } = await pool.query({
      name: 'who-order',
      text: 'select from my_orders.placed where order_id = $1 and shopper = $2',
      values: [orderId, actor],
    });
    if (!rowCount) throw orderNotFound();
    return { actor };
  },
});

export const orderNotFound = (): Problem =>
  new Problem(404, 'ORDER_NOT_FOUND', 'There is no such order.');

const storeOrderNotFound = (): Problem =>
  new Problem(404, 'STORE_ORDER_NOT_FOUND', 'There is no such order at a shop.');

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
    if (!row) throw storeOrderNotFound();
    if (!bearsSigned(storePassSecret, row.storeId, authorization)) throw passRequired();
    return row;
  },
});

/** Who has to do with a store order: its shop, and its shopper. Throws a `Problem` 404. */
export const shopOrShopper = ({
  pool,
  sessions,
  storePassSecret,
}: Shoppers & PassSecret): Who<{ storeOrderId: string }> => ({
  name: 'the shop of the store order, the shopper of the order',
  description: forShopper,
  async identify({ headers, params: { storeOrderId } }) {
    const { rows } = await pool.query<{ storeId: string; shopper: string | null }>({
      name: 'who-store-order-shopper',
      text: `select store_id as "storeId", shopper
        from my_orders.part join my_orders.placed using (order_id) where store_order_id = $1`,
      values: [storeOrderId],
    });
    const [known] = rows;
    if (known && bearsSigned(storePassSecret, known.storeId, headers.authorization)) {
      return;
    }
    const actor = sessions.actorOf(headers);
    if (!known || known.shopper !== actor) throw storeOrderNotFound();
  },
});
