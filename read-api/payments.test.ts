import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { payment, type PaymentCommand } from '../domain/money/payment.ts';
import {
  headOfCommands,
  newKey,
  openStore,
  quoteCart,
  recipient,
  startShop,
  type Answer,
  type Shop,
} from '../test/shop.ts';
import { as } from '../test/write-api.ts';
import type { Order } from './my-orders.ts';
import type { Board } from './order-board.ts';

/** As many as a board shows. */
const SHOWN = 50;

const test = suite<{ shop: Shop }>('payments');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

async function order(shop: Shop, method: string) {
  const { storeId, listingIds } = await openStore(shop);
  const { body: cart } = await shop.write<{ cartId: string }>('POST', '/carts');
  await shop.write('PUT', `/carts/${cart.cartId}/items/${listingIds[0]!}`, { quantity: 1 });
  const quote = await quoteCart(shop, cart.cartId);
  const wish = { cartId: cart.cartId, quote, ...recipient, payment: method };
  type Placed = { orderId: string; storeOrders: { storeOrderId: string }[] };
  const key = { 'idempotency-key': newKey() };
  const { body } = await shop.write<Placed>('POST', '/orders', wish, key);
  return { storeId, orderId: body.orderId, storeOrderId: body.storeOrders[0]!.storeOrderId };
}

/** Reads once all that was done is projected. */
const readNow = async <T>(shop: Shop, path: string): Promise<Answer<T>> =>
  shop.read<T>(path, `${await headOfCommands(shop.client)}`);

test('money to give back comes before what may come late, however much of that there is', async ({
  shop,
}) => {
  const { storeId, orderId, storeOrderId } = await order(shop, 'cash-on-delivery');
  const place = { orderId, storeOrderId, storeId };
  const asked = { ...place, method: 'upi', amountPaise: 100, expiresAt: null } as const;
  const pay = async (commands: PaymentCommand[]) => {
    const id = newKey();
    for (const command of [{ type: 'RequestPayment', data: asked } as const, ...commands]) {
      await shop.handler.handle(payment, id, command, as());
    }
  };
  const receipt = { externalId: '123456789012', amountPaise: 100 };
  await pay([
    { type: 'RecordPayment', data: receipt },
    { type: 'SettlePayment', data: { owedPaise: 0 } },
  ]);
  await pay([]);
  for (let i = 0; i <= SHOWN; i++) {
    await pay([{ type: 'CancelPayment', data: { reason: 'CHECKOUT_EXPIRED' } }]);
  }
  const todosNow = async () => {
    const { body } = await readNow<Board>(shop, `/stores/${storeId}/board`);
    return body.payments.map(({ todo }) => todo);
  };
  const late = Array.from({ length: SHOWN - 2 }, () => 'confirm-late');
  assert.equal(await todosNow(), ['give-back', 'confirm', ...late]);
  // Three days later.
  await shop.pool.query(`update payments.payment set requested_at = requested_at - interval '3 d'`);
  assert.equal(await todosNow(), ['give-back', 'confirm']);
});

test('a try that failed is told until one succeeds', async ({ shop }) => {
  const { orderId } = await order(shop, 'razorpay');
  const path = `/orders/${orderId}`;
  const [asked] = (await readNow<Order>(shop, path)).body.payments;
  const { gatewayOrderId } = await shop.handler.load(payment, asked!.paymentId, { fresh: true });
  shop.gateway.pay(gatewayOrderId!, { fails: true });
  const failed = await shop.untilLive<Order>(path, ({ payments }) => payments[0]!.failed);
  assert.is(failed.payments[0]!.takenPaise, 0);
  shop.gateway.pay(gatewayOrderId!);
  const paid = await shop.untilLive<Order>(path, ({ payments }) => payments[0]!.takenPaise > 0);
  assert.is(paid.payments[0]!.failed, false);
});

test.run();
