import type { FastifyInstance } from 'fastify';
import { Problem } from '../platform/http.ts';
import type { Pool } from '../platform/postgres.ts';
import { paise } from '../domain/schema.ts';
import { count, list, object, orNull, text, uuid } from '../platform/schema.ts';
import type { Cart as Filled } from '../domain/cart/cart.ts';
import type { CartRow } from '../projector/cart.ts';
import { readRoute } from '../engine/reading/route.ts';
import type { Services } from './services.ts';
import { ITEM_COLUMNS, itemFields, type CatalogueItem } from './catalogue.ts';
import { shopper } from './who.ts';

export type CartLine = CatalogueItem & {
  quantity: number;
  linePaise: number;
  /** Whether the shop has as many of it as the cart holds. */
  available: boolean;
};

export type Cart = {
  cartId: string;
  status: Exclude<Filled['status'], 'none'>;
  orderId: string | null;
  stores: { storeId: string; name: string; subtotalPaise: number; lines: CartLine[] }[];
  /** Pieces in all. */
  quantity: number;
  /** At today's prices; the order is priced anew when it is placed. */
  totalPaise: number;
};

type Line = CartLine & { storeId: string; storeName: string };

/** Throws a `Problem` 404 for a cart that is not this shopper's. */
async function readCart(pool: Pool, cartId: string, actor: string): Promise<Cart> {
  const { rows: carts } = await pool.query<CartRow>({
    name: 'cart',
    text: `select cart_id, status, order_id, lines from cart.cart
      where cart_id = $1 and shopper = $2`,
    values: [cartId, actor],
  });
  const cart = carts[0];
  if (!cart) throw new Problem(404, 'CART_NOT_FOUND', 'There is no such cart: open one first.');
  const { rows: lines } = await pool.query<Line>({
    name: 'cart-lines',
    text: `select ${ITEM_COLUMNS}, c.quantity,
        l.price_paise * c.quantity as "linePaise",
        coalesce(s.quantity >= c.quantity, true) and l.withdrawn_at is null as available,
        t.store_id as "storeId", t.name as "storeName"
      from rows from (json_to_recordset($1) as ("listingId" text, quantity integer))
          with ordinality as c("listingId", quantity, place)
        join catalogue.listing l on l.listing_id = c."listingId"
        join catalogue.store t using (store_id)
        left join catalogue.stock s using (listing_id)
      order by c.place`,
    values: [JSON.stringify(cart.lines)],
  });
  const stores = [...Map.groupBy(lines, (line) => line.storeId)].map(([storeId, group]) => ({
    storeId,
    name: group[0]!.storeName,
    subtotalPaise: group.reduce((sum, line) => sum + line.linePaise, 0),
    lines: group.map(({ storeId: _id, storeName: _name, ...line }) => line),
  }));
  return {
    cartId,
    status: cart.status as Cart['status'],
    orderId: cart.order_id,
    stores,
    quantity: lines.reduce((sum, line) => sum + line.quantity, 0),
    totalPaise: stores.reduce((sum, store) => sum + store.subtotalPaise, 0),
  };
}

const cartSchema = object({
  cartId: uuid,
  status: { type: 'string', enum: ['open', 'checked-out'] },
  orderId: orNull(uuid),
  stores: list(
    object({
      storeId: text,
      name: text,
      subtotalPaise: paise,
      lines: list(
        object({
          ...itemFields,
          quantity: count,
          linePaise: paise,
          available: { type: 'boolean' },
        }),
      ),
    }),
  ),
  quantity: count,
  totalPaise: paise,
});

const params = {
  type: 'object',
  properties: { cartId: uuid },
} as const;

export function cartRoutes(app: FastifyInstance, services: Services): void {
  readRoute(app, services, {
    path: 'GET /carts/:cartId',
    who: shopper(services),
    params,
    answer: cartSchema,
    answers: 'personal',
    read: ({ params: { cartId }, caller: { actor } }) => readCart(services.pool, cartId, actor),
  });
}
