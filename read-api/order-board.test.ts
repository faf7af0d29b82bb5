import { randomUUID } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  newKey,
  openStore,
  quoteCart,
  recipient,
  startShop,
  takeAsShop,
  untilLive,
  type Shop,
} from '../test/shop.ts';
import type { Board } from './order-board.ts';

const PAGE = 300;
/** Open orders beside the one that was placed. */
const MORE = 2 * PAGE + 4;

type Context = { shop: Shop; storeId: string; storeOrderId: string };
const test = suite<Context>('order board');

test.before(async (context) => {
  const shop = (context.shop = await startShop());
  const { storeId, listingIds } = await openStore(shop);
  const { body: cart } = await shop.write<{ cartId: string }>('POST', '/carts');
  await shop.write('PUT', `/carts/${cart.cartId}/items/${listingIds[0]!}`, { quantity: 1 });
  const quote = await quoteCart(shop, cart.cartId);
  const wish = { cartId: cart.cartId, quote, ...recipient, payment: 'cash-on-delivery' };
  type Placed = { storeOrders: { storeOrderId: string }[] };
  const key = { 'idempotency-key': newKey() };
  const { body, position } = await shop.write<Placed>('POST', '/orders', wish, key);
  const { storeOrderId } = body.storeOrders[0]!;
  Object.assign(context, { storeId, storeOrderId });
  await shop.read(`/stores/${storeId}/board`, position, shop.asShop(storeId));
  await copyRow(context, MORE);
});
test.after(({ shop }) => shop.stop());

/** Rows as the projector makes them, four at each moment: so many orders take minutes to place. */
async function copyRow({ shop, storeOrderId }: Context, copies: number): Promise<void> {
  const { rows } = await shop.pool.query<{ name: string }>(
    `select column_name as name from information_schema.columns
     where table_schema = 'order_board' and table_name = 'card'
       and column_name not in ('store_order_id', 'submitted_at')`,
  );
  const columns = rows.map(({ name }) => name).join(', ');
  await shop.pool.query(
    `insert into order_board.card (store_order_id, submitted_at, ${columns})
     select gen_random_uuid(), submitted_at - interval '1 day' + n / 4 * interval '1 second',
       ${columns}
     from order_board.card, generate_series(1, $2) n where store_order_id = $1`,
    [storeOrderId, copies],
  );
}

const read = async ({ shop, storeId }: Context, query = ''): Promise<Board> => {
  const path = `/stores/${storeId}/board${query}`;
  const { status, body } = await shop.read<Board>(path, null, shop.asShop(storeId));
  assert.is(status, 200);
  return body;
};

const idsOf = ({ storeOrders }: Board): string[] => storeOrders.map((one) => one.storeOrderId);

test('pages follow each other without a gap or a repeat, the oldest first', async (context) => {
  const seen: string[] = [];
  const sizes: number[] = [];
  let after = '';
  do {
    const page = await read(context, after);
    assert.is(page.openOrders, MORE + 1);
    seen.push(...idsOf(page));
    sizes.push(page.storeOrders.length);
    after = page.next ? `?after=${page.next}` : '';
  } while (after);
  assert.equal(sizes, [PAGE, PAGE, 5]);
  assert.is(new Set(seen).size, MORE + 1);
  assert.is(seen.at(-1), context.storeOrderId);
  const all = await read(context, '?limit=3000');
  assert.equal(idsOf(all), seen);
  assert.equal([all.next, all.openOrders], [null, MORE + 1]);
});

test('what has ended is on the first page only, and is not open', async (context) => {
  const { shop } = context;
  const {
    storeOrders: [oldest],
    next,
  } = await read(context, '?limit=1');
  const change = (status: string, endedAt: string) =>
    shop.pool.query(
      `update order_board.card set status = $2, ended_at = ${endedAt} where store_order_id = $1`,
      [oldest!.storeOrderId, status],
    );
  await change('rejected', 'now()');
  const first = await read(context, '?limit=2');
  assert.equal([first.openOrders, first.storeOrders.length], [MORE, 3]);
  assert.is(idsOf(first)[2], oldest!.storeOrderId);
  const second = await read(context, `?limit=2&after=${next}`);
  assert.equal(idsOf(second), idsOf(first).slice(0, 2));
  assert.equal(second.payments, []);
  await change('submitted', 'null');
});

test('the live board has the page that is asked for, and changes with it', async (context) => {
  const { shop, storeId, storeOrderId } = context;
  const follow = (query: string, wanted: (board: Board) => boolean) => {
    const url = `${shop.readUrl}/stores/${storeId}/board/live${query}`;
    return untilLive<Board>(url, wanted, null, shop.asShop(storeId));
  };
  const { next } = await read(context, `?limit=${MORE}`);
  for (const query of ['', '?limit=450', `?after=${next}`]) {
    assert.equal(await follow(query, () => true), await read(context, query), query);
  }
  const isAccepted = ({ storeOrders }: Board) =>
    storeOrders.some((one) => one.storeOrderId === storeOrderId && one.status === 'accepted');
  const accepted = follow(`?after=${next}`, isAccepted);
  await takeAsShop(shop, storeOrderId, 'accept');
  assert.is((await accepted).openOrders, MORE + 1);
});

test('a cursor or a size that is none of a board is refused', async ({ shop, storeId }) => {
  const cursorOf = (...parts: unknown[]) =>
    `after=${Buffer.from(JSON.stringify(parts)).toString('base64url')}`;
  const odd = [
    cursorOf(new Date(0).toISOString()),
    cursorOf(new Date(0).toISOString(), 'x'),
    cursorOf('yesterday', randomUUID()),
    cursorOf('2026-13-41T10:00:00.000Z', randomUUID()),
    cursorOf(1, 2),
    'after=%00',
    'after=x',
    'limit=0',
    'limit=3001',
    'limit=many',
    'page=2',
  ];
  for (const query of odd) {
    for (const path of ['board', 'board/live']) {
      const address = `/stores/${storeId}/${path}?${query}`;
      assert.is((await shop.read(address, null, shop.asShop(storeId))).status, 400, address);
    }
  }
});

test.run();
