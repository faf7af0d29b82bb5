import { setTimeout as delay } from 'node:timers/promises';
import { order } from '../../domain/ordering/order.ts';
import { keptPaise, type Payment } from '../../domain/money/payment.ts';
import { quoteCart, recipient, takeAsShop, type Shop } from '../shop.ts';
import {
  loadPayment,
  ON_SHELF,
  openShelf,
  payFor,
  PRICE_PAISE,
  until,
  type TestStore,
} from '../write-api.ts';

const GIVE_UP_MS = 60_000;
const ASK_EVERY_MS = 250;

type Placed = { orderId: string; code?: string; storeOrders: { storeOrderId: string }[] };
type Silence = { fallSilent: () => void; speak: () => void };
type Outcome = { backMs: number; faults: string[] };

async function orderOne(shop: Shop, { listingIds }: TestStore, method: string) {
  const { body: cart } = await shop.write<{ cartId: string }>('POST', '/carts');
  await shop.write('PUT', `/carts/${cart.cartId}/items/${listingIds[0]!}`, { quantity: 1 });
  const quote = await quoteCart(shop, cart.cartId);
  const wanted = { cartId: cart.cartId, quote, payment: method, ...recipient };
  return shop.write<Placed>('POST', '/orders', wanted);
}

async function orderByCard(shop: Shop, store: TestStore): Promise<Placed> {
  const { status, body } = await orderOne(shop, store, 'razorpay');
  if (status !== 201) throw new Error(`no order: ${JSON.stringify(body)}`);
  return body;
}

const statusOf = async (shop: Shop, { orderId }: Placed): Promise<string> =>
  (await shop.handler.load(order, orderId, { fresh: true })).status;

const paymentOf = (shop: Shop, { orderId }: Placed): Promise<Payment> => loadPayment(shop, orderId);

/** What was given back at the gateway of an order that was paid there. */
async function refundsOf(shop: Shop, placed: Placed): Promise<number[]> {
  const { receipts } = await paymentOf(shop, placed);
  return receipts.flatMap(({ externalId }) =>
    shop.gateway.refunds.of(externalId).map(({ amount }) => amount),
  );
}

/** Not placed, and that is said: another way can be chosen, or the same asked again. */
const isHonestRefusal = ({ status, body, headers }: Awaited<ReturnType<typeof orderOne>>) =>
  (status === 409 && body.code === 'PAYMENT_UNAVAILABLE') ||
  (status === 503 && headers.has('retry-after'));

/**
 * The payment gateway is silent for us, and not for shoppers: one pays on its page meanwhile, a shop
 * gives up what was paid, and others order. What needs no gateway goes on, nobody is told of money
 * that nobody knows of, and once the gateway speaks again all is made up for, once.
 */
export async function silenceGateway(
  shop: Shop,
  proxy: Silence,
  silentMs: number,
): Promise<Outcome> {
  const faults: string[] = [];
  const store = await openShelf(shop, ON_SHELF);
  const givenUp = await orderByCard(shop, store);
  await payFor(shop, givenUp.orderId);
  await until(shop, async () => (await statusOf(shop, givenUp)) === 'confirmed');
  const unpaid = await orderByCard(shop, store);
  const { gatewayOrderId } = await paymentOf(shop, unpaid);

  proxy.fallSilent();
  const silentAt = performance.now();
  shop.gateway.pay(gatewayOrderId!);
  const [byCard, byCash, rejected] = await Promise.all([
    orderOne(shop, store, 'razorpay'),
    orderOne(shop, store, 'cash-on-delivery'),
    takeAsShop(shop, givenUp.storeOrders[0]!.storeOrderId, 'reject', { reason: 'closed' }),
  ]);
  if (!isHonestRefusal(byCard)) faults.push(`an order by card got ${byCard.status}`);
  if (byCash.status !== 201) faults.push(`an order that is paid in cash got ${byCash.status}`);
  if (rejected.status !== 200) faults.push(`a shop that rejected got ${rejected.status}`);
  do {
    await delay(ASK_EVERY_MS);
    const said = await statusOf(shop, unpaid);
    if (said !== 'awaiting-payment') {
      faults.push(`what is being paid is ${said} while nobody can know`);
      break;
    }
  } while (performance.now() - silentAt < silentMs);

  proxy.speak();
  const spokeAt = performance.now();
  const isBack = async () => {
    const [paid, back] = await Promise.all([statusOf(shop, unpaid), refundsOf(shop, givenUp)]);
    if (paid !== 'confirmed' || back.length === 0) return false;
    return (await orderOne(shop, store, 'razorpay')).status === 201;
  };
  while (!(await isBack()) && performance.now() - spokeAt < GIVE_UP_MS) await delay(ASK_EVERY_MS);
  const backMs = performance.now() - spokeAt;
  await until(shop, async () => {
    const { refunds } = await paymentOf(shop, givenUp);
    return refunds.every(({ status }) => status === 'succeeded');
  });
  faults.push(...(await countFaults(shop, { givenUp, unpaid })));
  return { backMs, faults };
}

/** What was taken or given more than once, or not at all. */
async function countFaults(
  shop: Shop,
  { givenUp, unpaid }: Record<'givenUp' | 'unpaid', Placed>,
): Promise<string[]> {
  const [back, taken, left] = await Promise.all([
    refundsOf(shop, givenUp),
    paymentOf(shop, unpaid).then(keptPaise),
    paymentOf(shop, givenUp).then(keptPaise),
  ]);
  return [
    ...(back.join() === `${PRICE_PAISE}`
      ? []
      : [`given back at the gateway: ${back.join()} paise`]),
    ...(taken === PRICE_PAISE ? [] : [`of what was paid meanwhile ${taken} paise are known`]),
    ...(left === 0 ? [] : [`of what was given back ${left} paise are counted as kept`]),
  ];
}
