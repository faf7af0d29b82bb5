/** Whose money it is: what each shop has in its own account of what was paid by card. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inventory } from '../domain/inventory/inventory.ts';
import { order } from '../domain/ordering/order.ts';
import { keptPaise, type Payment } from '../domain/money/payment.ts';
import { store } from '../domain/stores/store.ts';
import { linkedAccountOf } from '../local/razorpay/transfers.ts';
import { newKey, recipient, startShop, takeAsShop, type Answer, type Shop } from '../test/shop.ts';
import {
  as,
  fillCart,
  loadPayment,
  ON_SHELF,
  openShelf,
  payFor,
  place,
  placeUnpaid,
  PRICE_PAISE,
  until,
  untilPayment,
  WANTED,
  type TestStore,
} from '../test/write-api.ts';
import { paymentIdOf } from './payment.ts';
import { drivePayShops, driveRefund } from './settlement.ts';

const STORE_ORDER_PAISE = WANTED * PRICE_PAISE;
const cause = { correlationId: 'c', causationId: 'c' };

type Placed = { orderId: string; storeOrders: { storeOrderId: string; storeId: string }[] };

const test = suite<{ shop: Shop }>('shares');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

const checkOut = (
  shop: Shop,
  filled: { cartId: string; quote: string },
  how: string,
): Promise<Answer<Placed>> => {
  const wish = { ...filled, ...recipient, payment: how };
  return shop.write('POST', '/orders', wish, { 'idempotency-key': newKey() });
};

const setAccount = (shop: Shop, { storeId }: TestStore, account: string | null) =>
  shop.handler.handle(store, storeId, { type: 'SetLinkedAccount', data: { account } }, as());

/** What each of these shops has in its account. */
const balances = (shop: Shop, stores: TestStore[]): number[] =>
  stores.map(({ storeId }) => shop.gateway.transfers.balanceOf(linkedAccountOf(storeId)));

const hasShares = ({ transfers = [] }: Payment): boolean =>
  transfers.length > 0 && transfers.every(({ externalId }) => externalId !== undefined);

/** An order by card at these shops that is paid and confirmed, and of which each has its share. */
async function buy(shop: Shop, stores: TestStore[]) {
  const { body } = await checkOut(shop, await fillCart(shop, stores), 'razorpay');
  const { orderId } = body;
  await payFor(shop, orderId);
  await untilPayment(shop, orderId, hasShares);
  await until(shop, async () => {
    const state = await shop.handler.load(order, orderId, { fresh: true });
    return state.status === 'confirmed';
  });
  const [receipt] = (await loadPayment(shop, orderId)).receipts;
  const storeOrderAt = ({ storeId }: TestStore) =>
    body.storeOrders.find((one) => one.storeId === storeId)!.storeOrderId;
  return { orderId, storeOrderAt, gatewayId: receipt!.externalId };
}

const openTwo = async (shop: Shop): Promise<[TestStore, TestStore]> => [
  await openShelf(shop, ON_SHELF),
  await openShelf(shop, ON_SHELF),
];

const reject = (shop: Shop, storeOrderId: string) =>
  takeAsShop(shop, storeOrderId, 'reject', { reason: 'closed' });

const refundsAre = (shop: Shop, orderId: string, status: string, count: number) =>
  untilPayment(
    shop,
    orderId,
    ({ refunds }) => refunds.length === count && refunds.every((one) => one.status === status),
  );

/** What somebody does on the gateway's own pages. */
async function atGateway(shop: Shop, path: string, body: object): Promise<number> {
  const { RAZORPAY_KEY_ID: id, RAZORPAY_KEY_SECRET: secret } = shop.secrets;
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const response = await fetch(`${shop.gateway.url}/v1/${path}`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  await response.body?.cancel();
  return response.status;
}

test('a shop without an account is not offered cards, and where one of two has none, nor is the other', async ({
  shop,
}) => {
  const [near, far] = await openTwo(shop);
  const offered = async (stores: TestStore[]) => {
    const { cartId } = await fillCart(shop, stores);
    const path = `/carts/${cartId}/quotes`;
    return (await shop.write<{ payments: string[] }>('POST', path)).body.payments;
  };
  assert.equal(await offered([near, far]), ['cash-on-delivery', 'upi', 'razorpay']);
  await setAccount(shop, far, null);
  assert.equal(await offered([near, far]), ['cash-on-delivery', 'upi']);
  assert.equal(await offered([near]), ['cash-on-delivery', 'upi', 'razorpay']);
  const filled = await fillCart(shop, [near, far]);
  const refused = await checkOut(shop, filled, 'razorpay');
  assert.equal([refused.status, Reflect.get(refused.body, 'code')], [409, 'CARDS_NOT_TAKEN']);
  assert.is((await checkOut(shop, filled, 'upi')).status, 201);
});

test('a shop that lost its account while it was ordered is not paid by card', async ({ shop }) => {
  const [near, far] = await openTwo(shop);
  await setAccount(shop, far, null);
  const { orderId } = await place(shop, [near, far], { payment: 'razorpay' });
  await until(shop, async () => {
    const state = await shop.handler.load(order, orderId, { fresh: true });
    return state.status === 'rejected' && state.reason === 'CARDS_NOT_TAKEN';
  });
  assert.is((await loadPayment(shop, orderId)).gatewayOrderId, undefined, 'nobody could pay');
});

test('an account that the gateway does not know is no way to pay', async ({ shop }) => {
  const [near] = await openTwo(shop);
  shop.gateway.transfers.close(linkedAccountOf(near.storeId));
  const refused = await checkOut(shop, await fillCart(shop, [near]), 'razorpay');
  assert.equal([refused.status, Reflect.get(refused.body, 'code')], [409, 'PAYMENT_UNAVAILABLE']);
});

test('what is paid by card goes to each shop’s own account, once', async ({ shop }) => {
  const stores = await openTwo(shop);
  const { orderId } = await buy(shop, stores);
  assert.equal(balances(shop, stores), [STORE_ORDER_PAISE, STORE_ORDER_PAISE]);
  const state = await loadPayment(shop, orderId);
  assert.equal(
    state.transfers!.map(({ storeId, account, amountPaise }) => [storeId, account, amountPaise]),
    stores.map(({ storeId }) => [storeId, linkedAccountOf(storeId), STORE_ORDER_PAISE]),
  );
  const again = () => drivePayShops(shop, paymentIdOf(orderId), new Date().toISOString(), cause);
  assert.equal([await again(), await again()], [undefined, undefined]);
  assert.equal(await loadPayment(shop, orderId), state);
});

test('a transfer that takes its time is heard of from a webhook, sent twice, or by asking', async ({
  shop,
}) => {
  const stores = await openTwo(shop);
  const { transfers, webhooks } = shop.gateway;
  transfers.wait(true);
  const { body } = await checkOut(shop, await fillCart(shop, stores), 'razorpay');
  await payFor(shop, body.orderId);
  await untilPayment(shop, body.orderId, ({ status }) => status === 'paid');
  transfers.wait(false);
  const paymentId = paymentIdOf(body.orderId);
  const look = () => drivePayShops(shop, paymentId, new Date().toISOString(), cause);
  assert.type(await look(), 'number', 'it is looked at again');
  const { gatewayOrderId } = await loadPayment(shop, body.orderId);
  webhooks.hold();
  const made = transfers.of(gatewayOrderId!).map(({ id }) => transfers.end(id, 'processed'));
  webhooks.release();
  const webhook = webhooks.sign('transfer.processed', { transfer: { entity: made[0]! } });
  assert.equal([await webhooks.send(webhook), await webhooks.send(webhook)], [204, 204]);
  assert.ok(hasShares(await loadPayment(shop, body.orderId)));
  assert.is(await look(), undefined);
  const stranger = { transfer: { entity: { id: 'trf_x', source: 'order_of_somebody_else' } } };
  assert.is(await webhooks.send(webhooks.sign('transfer.processed', stranger)), 204);
});

test('what one shop does not deliver comes back from that shop alone, once', async ({ shop }) => {
  const [near, far] = await openTwo(shop);
  const { orderId, storeOrderAt } = await buy(shop, [near, far]);
  await takeAsShop(shop, storeOrderAt(near), 'accept', {});
  const shorts = { listingId: near.listingIds[0]!, reason: 'sold-out' };
  const picked = { lines: [{ listingId: near.listingIds[0]!, quantity: 1 }] };
  await takeAsShop(shop, storeOrderAt(near), 'picks', picked);
  await takeAsShop(shop, storeOrderAt(near), 'shorts', shorts);
  await refundsAre(shop, orderId, 'succeeded', 1);
  assert.equal(balances(shop, [near, far]), [PRICE_PAISE, STORE_ORDER_PAISE]);
  await driveRefund(shop, paymentIdOf(orderId), 1, new Date().toISOString(), cause);
  assert.equal(balances(shop, [near, far]), [PRICE_PAISE, STORE_ORDER_PAISE]);
});

test('an order that nobody delivers comes back from every shop, each by itself', async ({
  shop,
}) => {
  const [near, far] = await openTwo(shop);
  const { orderId, storeOrderAt, gatewayId } = await buy(shop, [near, far]);
  await reject(shop, storeOrderAt(near));
  await reject(shop, storeOrderAt(far));
  await refundsAre(shop, orderId, 'succeeded', 2);
  assert.equal(balances(shop, [near, far]), [0, 0]);
  assert.is(keptPaise(await loadPayment(shop, orderId)), 0);
  const given = shop.gateway.refunds.of(gatewayId).map(({ amount }) => amount);
  assert.equal(given, [STORE_ORDER_PAISE, STORE_ORDER_PAISE]);
});

test('late money that goes back is in nobody’s account', async ({ shop }) => {
  const near = await openShelf(shop, WANTED);
  const orderId = await placeUnpaid(shop, near);
  await until(shop, async () => {
    const { reservations } = await shop.handler.load(inventory, near.storeId, { fresh: true });
    return reservations.size === 0;
  });
  const lines = [{ sku: 's1', quantity: 1 }];
  const sold = { type: 'SellAtCounter', data: { lines } } as const;
  await shop.handler.handle(inventory, near.storeId, sold, as());
  await payFor(shop, orderId);
  await refundsAre(shop, orderId, 'succeeded', 1);
  assert.equal(balances(shop, [near]), [0]);
});

test('money that came twice is the operator’s to give back, and no shop’s', async ({ shop }) => {
  const [near] = await openTwo(shop);
  const { orderId, storeOrderAt } = await buy(shop, [near]);
  const { gatewayOrderId } = await loadPayment(shop, orderId);
  shop.gateway.pay(gatewayOrderId!);
  await refundsAre(shop, orderId, 'succeeded', 1);
  assert.equal(balances(shop, [near]), [STORE_ORDER_PAISE]);
  await reject(shop, storeOrderAt(near));
  await refundsAre(shop, orderId, 'succeeded', 2);
  assert.equal(balances(shop, [near]), [0], 'now it is for the goods');
});

test('an account that a shop changes later moves nothing of what was paid before', async ({
  shop,
}) => {
  const [near, far] = await openTwo(shop);
  const { orderId, storeOrderAt } = await buy(shop, [near, far]);
  const other = linkedAccountOf(newKey());
  await setAccount(shop, near, other);
  await reject(shop, storeOrderAt(near));
  await refundsAre(shop, orderId, 'succeeded', 1);
  assert.equal(balances(shop, [near, far]), [0, STORE_ORDER_PAISE]);
  assert.is(shop.gateway.transfers.balanceOf(other), 0);
  const second = await buy(shop, [near]);
  assert.is(shop.gateway.transfers.balanceOf(other), STORE_ORDER_PAISE);
  await setAccount(shop, near, null);
  await reject(shop, second.storeOrderAt(near));
  await refundsAre(shop, second.orderId, 'succeeded', 1);
  assert.is(shop.gateway.transfers.balanceOf(other), 0);
});

test('who dies between taking money back and giving it back does not take it twice', async ({
  shop,
}) => {
  const [near, far] = await openTwo(shop);
  const { orderId, storeOrderAt, gatewayId } = await buy(shop, [near, far]);
  shop.gateway.setAway(/refund/);
  await reject(shop, storeOrderAt(near));
  await untilPayment(shop, orderId, ({ transfers }) =>
    transfers!.some(({ reversedPaise }) => reversedPaise === STORE_ORDER_PAISE),
  );
  assert.equal(balances(shop, [near, far]), [0, STORE_ORDER_PAISE]);
  shop.gateway.setAway(false);
  const at = new Date().toISOString();
  const drive = () => driveRefund(shop, paymentIdOf(orderId), 1, at, cause);
  await Promise.all([drive(), drive()]);
  await refundsAre(shop, orderId, 'succeeded', 1);
  assert.equal(balances(shop, [near, far]), [0, STORE_ORDER_PAISE]);
  assert.is(shop.gateway.refunds.of(gatewayId).length, 1);
});

test('an answer that got lost after money was taken back is found by asking', async ({ shop }) => {
  const [near, far] = await openTwo(shop);
  const { orderId, storeOrderAt } = await buy(shop, [near, far]);
  const { gatewayOrderId } = await loadPayment(shop, orderId);
  const share = shop.gateway.transfers
    .of(gatewayOrderId!)
    .find(({ recipient: account }) => account === linkedAccountOf(near.storeId))!;
  // As the gateway stands when it did so and nobody heard: the same for whoever did it by hand.
  assert.is(
    await atGateway(shop, `transfers/${share.id}/reversals`, { amount: STORE_ORDER_PAISE }),
    200,
  );
  await reject(shop, storeOrderAt(near));
  await refundsAre(shop, orderId, 'succeeded', 1);
  assert.equal(balances(shop, [near, far]), [0, STORE_ORDER_PAISE]);
});

test('a refund that fails in the end leaves the shop its money, to give it by hand', async ({
  shop,
}) => {
  const [near, far] = await openTwo(shop);
  const { orderId, storeOrderAt, gatewayId } = await buy(shop, [near, far]);
  const { refunds } = shop.gateway;
  await reject(shop, storeOrderAt(near));
  await refundsAre(shop, orderId, 'succeeded', 1);
  assert.equal(balances(shop, [near, far]), [0, STORE_ORDER_PAISE]);
  refunds.end(refunds.of(gatewayId)[0]!.id, 'failed');
  await untilPayment(shop, orderId, ({ transfers }) =>
    transfers!.some(({ returns }) => returns?.[0]?.isMade === true),
  );
  assert.equal(balances(shop, [near, far]), [STORE_ORDER_PAISE, STORE_ORDER_PAISE]);
  const path = `/payments/${paymentIdOf(orderId)}/refunds/1/given`;
  const given = await shop.write('POST', path, { reference: 'cash' }, shop.asShop(near.storeId));
  assert.is(given.status, 200);
  const again = () => drivePayShops(shop, paymentIdOf(orderId), new Date().toISOString(), cause);
  assert.equal([await again(), await again()], [undefined, undefined]);
  assert.equal(balances(shop, [near, far]), [STORE_ORDER_PAISE, STORE_ORDER_PAISE]);
});

test('what a shop no longer has in its account it gives by hand', async ({ shop }) => {
  const [near, far] = await openTwo(shop);
  const { orderId, storeOrderAt, gatewayId } = await buy(shop, [near, far]);
  shop.gateway.transfers.empty(linkedAccountOf(near.storeId));
  await reject(shop, storeOrderAt(near));
  await reject(shop, storeOrderAt(far));
  const isSettled = ({ refunds }: Payment) =>
    refunds.length === 2 && refunds.every(({ status }) => status !== 'requested');
  await untilPayment(shop, orderId, isSettled);
  const { refunds } = await loadPayment(shop, orderId);
  assert.equal(
    new Map(refunds.map(({ storeId, status }) => [storeId, status])),
    new Map([
      [near.storeId, 'failed'],
      [far.storeId, 'succeeded'],
    ]),
  );
  assert.match(refunds.find(({ status }) => status === 'failed')!.failureReason!, 'balance');
  assert.equal(balances(shop, [near, far]), [STORE_ORDER_PAISE, 0]);
  assert.is(shop.gateway.refunds.of(gatewayId).length, 1);
});

for (const reverse_all of [false, true]) {
  const how = reverse_all ? 'and taken back there' : 'and not taken back';
  test(`a refund of all that is made at the gateway ${how} comes out of every share, once`, async ({
    shop,
  }) => {
    const stores = await openTwo(shop);
    const { orderId, gatewayId } = await buy(shop, stores);
    const body = { amount: 2 * STORE_ORDER_PAISE, reverse_all };
    assert.is(await atGateway(shop, `payments/${gatewayId}/refund`, body), 200);
    await untilPayment(shop, orderId, ({ transfers }) =>
      transfers!.every(({ reversedPaise }) => reversedPaise === STORE_ORDER_PAISE),
    );
    assert.equal(balances(shop, stores), [0, 0]);
    const at = new Date().toISOString();
    assert.is(await drivePayShops(shop, paymentIdOf(orderId), at, cause), undefined);
    assert.equal(balances(shop, stores), [0, 0]);
  });
}

test('a refund that is made at the gateway comes out of the share that it is for', async ({
  shop,
}) => {
  const [near, far] = await openTwo(shop);
  const { orderId, storeOrderAt, gatewayId } = await buy(shop, [near, far]);
  shop.gateway.transfers.empty(linkedAccountOf(near.storeId));
  await reject(shop, storeOrderAt(near));
  await refundsAre(shop, orderId, 'failed', 1);
  const body = { amount: STORE_ORDER_PAISE };
  assert.is(await atGateway(shop, `payments/${gatewayId}/refund`, body), 200);
  await untilPayment(shop, orderId, ({ refunds }) =>
    refunds.some(({ isElsewhere, status }) => isElsewhere && status === 'succeeded'),
  );
  const { refunds } = await loadPayment(shop, orderId);
  const [share] = refunds.find(({ isElsewhere }) => isElsewhere)!.reversals!;
  assert.equal(share, { storeOrderId: storeOrderAt(near), amountPaise: STORE_ORDER_PAISE });
  assert.equal(
    balances(shop, [near, far]),
    [STORE_ORDER_PAISE, STORE_ORDER_PAISE],
    'far has to give nothing',
  );
});

test.run();
