import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inventory, itemOf } from '../domain/inventory/inventory.ts';
import { order } from '../domain/ordering/order.ts';
import { slotDay, slotDayId } from '../domain/slots/slot-day.ts';
import { keptPaise, payment, type Payment } from '../domain/money/payment.ts';
import { till, tillId } from '../domain/money/till.ts';
import { upiReference } from '../domain/money/upi-reference.ts';
import { freePort } from '../platform/free-port.ts';
import { businessDate } from '../platform/time.ts';
import {
  headOfCommands,
  newKey,
  openStore,
  quoteCart,
  recipient,
  startShop,
  takeAsShop,
  work,
  type Answer,
  type Shop,
} from '../test/shop.ts';
import type { Services } from './services.ts';
import { lookAtPayment, paymentIdOf, upiReferenceIdOf } from './payment.ts';
import { GatewayRefused, GatewayUnavailable } from './payment-ports.ts';
import { connectRazorpay } from './razorpay-gateway.ts';
import { driveRefund } from './settlement.ts';
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
  SLOT,
  until,
  untilPayment,
  WANTED,
  type TestStore,
} from '../test/write-api.ts';
import { upiRoutes } from './upi.ts';

type Placed = {
  orderId: string;
  status: string;
  totalPaise: number;
  storeOrders: { storeOrderId: string; storeId: string }[];
  leftOut: { listingId: string; wanted: number; left: number }[];
};
type Read = {
  status: string;
  totalPaise: number;
  payments: {
    paymentId: string;
    status: string;
    amountPaise: number;
    takenPaise: number;
    refundedPaise: number;
    refunds: { refundNumber: number; storeOrderId: string; amountPaise: number; status: string }[];
    upi: { vpa: string } | null;
  }[];
  storeOrders: { storeId: string; status: string; totalPaise: number }[];
};
type Task = {
  paymentId: string;
  storeOrderId: string;
  contact: { name: string; phone: string } | null;
  todo: string;
  amountPaise: number;
  refundNumber: number | null;
  failureReason: string | null;
};
type Board = { payments: Task[] };

const test = suite<{ shop: Shop }>('payment');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

const checkOut = (
  shop: Shop,
  filled: { cartId: string; quote: string },
  how: object,
  key = newKey(),
): Promise<Answer<Placed>> =>
  shop.write('POST', '/orders', { ...filled, ...recipient, ...how }, { 'idempotency-key': key });

const pageOf = async (shop: Shop, { body, position }: Answer<Placed>): Promise<Read> =>
  (await shop.read<Read>(`/orders/${body.orderId}`, position)).body;

const untilPage = (shop: Shop, orderId: string, isSo: (page: Read) => boolean): Promise<Read> =>
  shop.untilLive<Read>(`/orders/${orderId}`, isSo);

test('an order by card waits for its money, and goes to the shops when it is there', async ({
  shop,
}) => {
  const stores = [await openShelf(shop, ON_SHELF), await openShelf(shop, ON_SHELF)];
  const filled = await fillCart(shop, stores);
  const key = newKey();
  const byCard = { payment: 'razorpay' };
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => checkOut(shop, filled, byCard, key)),
  );
  const different = new Set(answers.map(({ status, body }) => JSON.stringify({ status, body })));
  assert.is(different.size, 1, [...different].join('\n'));
  const [placed] = answers as [Answer<Placed>];
  assert.equal([placed.status, placed.body.status], [201, 'awaiting-payment']);
  const page = await pageOf(shop, placed);
  assert.is(page.status, 'awaiting-payment');
  assert.is(page.payments.length, 1);
  const { amountPaise } = page.payments[0]!;
  const { gatewayOrderId } = await loadPayment(shop, placed.body.orderId);
  assert.is(amountPaise, 2 * WANTED * PRICE_PAISE);
  const board = `/stores/${stores[0]!.storeId}/board`;
  const waiting = await shop.read<{ storeOrders: object[] }>(board, placed.position);
  assert.is(waiting.body.storeOrders.length, 0, 'no shop sees it before it is paid');

  shop.gateway.pay(gatewayOrderId!, { fails: true });
  shop.gateway.pay(gatewayOrderId!);
  const paid = await untilPage(shop, placed.body.orderId, ({ status }) => status === 'confirmed');
  assert.equal(paid.payments[0]!.takenPaise, amountPaise);
  const repeated = await checkOut(shop, filled, byCard, key);
  assert.equal(repeated.body, placed.body, 'a repeat gets the first answer');
  const other = { ...byCard, contact: { name: 'B', phone: '9876543210' } };
  assert.is((await checkOut(shop, filled, other, key)).status, 422);
});

test('webhooks count once, however often and in whatever order; forged and old ones never', async ({
  shop,
}) => {
  const { gateway, handler } = shop;
  const { webhooks } = gateway;
  const orderIds: string[] = [];
  for (let i = 0; i < 2; i++) {
    const { orderId } = await place(shop, [await openShelf(shop, ON_SHELF)], {
      payment: 'razorpay',
    });
    orderIds.push(orderId);
    await untilPayment(shop, orderId, ({ status }) => status === 'requested');
  }
  const [heard, unheard] = orderIds as [string, string];
  const { gatewayOrderId } = await loadPayment(shop, heard);
  webhooks.hold();
  const made = gateway.pay(gatewayOrderId!);
  assert.is(webhooks.held.length, 3, 'the payment, its order, and the share of its shop');

  const head = await headOfCommands(shop.client);
  const [captured] = webhooks.held;
  const forged = {
    ...captured!,
    signature: captured!.signature.replace(/./, (c) => (c === '0' ? '1' : '0')),
  };
  assert.is(await webhooks.send(forged), 401);
  assert.is(await webhooks.send({ ...captured!, body: `${captured!.body} ` }), 401);
  const longAgo = Math.floor(Date.now() / 1_000) - 26 * 3_600;
  const entity = { id: 'pay_x', order_id: gatewayOrderId! };
  const payload = { payment: { entity } };
  assert.is(await webhooks.send(webhooks.sign('payment.captured', payload, longAgo)), 400);
  const stranger = { payment: { entity: { ...entity, order_id: 'order_of_somebody_else' } } };
  assert.is(await webhooks.send(webhooks.sign('payment.captured', stranger)), 204);
  const noRefund = {
    refund: { entity: { id: 'rfnd_x', notes: { paymentId: newKey(), refundNumber: '1' } } },
  };
  assert.is(await webhooks.send(webhooks.sign('refund.processed', noRefund)), 204);
  assert.is(await headOfCommands(shop.client), head, 'nothing of it changed anything');

  const many = [...webhooks.held, ...webhooks.held, ...webhooks.held].toReversed();
  const statuses = await Promise.all(many.map((webhook) => webhooks.send(webhook)));
  assert.equal(new Set(statuses), new Set([204]));
  const { receipts } = await loadPayment(shop, heard);
  assert.equal(receipts, [{ externalId: made.id, amountPaise: WANTED * PRICE_PAISE }]);

  // A webhook that never comes: whoever asks finds out.
  const silent = await loadPayment(shop, unheard);
  gateway.pay(silent.gatewayOrderId!);
  await lookAtPayment(shop, paymentIdOf(unheard), { correlationId: 'c', causationId: 'c' });
  assert.is((await loadPayment(shop, unheard)).status, 'paid');
  await until(shop, async () => {
    const state = await handler.load(order, unheard, { fresh: true });
    return state.status === 'confirmed';
  });
  webhooks.release();
});

/** A signed notice of what was paid; resolves to the status of the answer. */
async function tellOfUpi(
  shop: Shop,
  notice: object,
  secret = shop.upiWebhookSecret,
): Promise<number> {
  const body = JSON.stringify(notice);
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  const headers = { 'content-type': 'application/json', 'x-upi-signature': signature };
  return (await fetch(`${shop.writeUrl}/upi/webhooks`, { method: 'POST', headers, body })).status;
}

/** A store order that waits to be paid by UPI. */
async function placeByUpi(shop: Shop, store: TestStore): Promise<string> {
  const { data } = await place(shop, [store], { payment: 'upi' });
  const { storeOrderId } = data.parts[0]!;
  await untilPayment(shop, storeOrderId, ({ status }) => status === 'requested');
  return storeOrderId;
}

test('a signed webhook that is none of the gateway is refused, and not to be sent again', async ({
  shop,
}) => {
  const send = async (body: string): Promise<number> => {
    const { webhookSecret } = shop.razorpay;
    const signature = createHmac('sha256', webhookSecret).update(body).digest('hex');
    return shop.gateway.webhooks.send({ eventId: newKey(), event: '', body, signature });
  };
  const whole = { event: 'refund.processed', created_at: Math.floor(Date.now() / 1_000) };
  const broken = [
    '',
    'payment.captured',
    'null',
    '[]',
    JSON.stringify(whole),
    JSON.stringify({ ...whole, payload: null }),
    JSON.stringify({ ...whole, payload: { payment: {} } }),
    JSON.stringify({ ...whole, payload: { refund: {} } }),
    JSON.stringify({ ...whole, created_at: 'now', payload: {} }),
  ];
  const statuses = await Promise.all(broken.map(send));
  assert.equal(
    statuses,
    broken.map(() => 400),
  );
});

test('a UPI payment that a webhook tells of counts once, also where the shop tells too', async ({
  shop,
}) => {
  const store = await openShelf(shop, ON_SHELF);
  const { orderId, data } = await place(shop, [store], { payment: 'upi' });
  const { storeOrderId } = data.parts[0]!;
  await untilPayment(shop, storeOrderId, ({ status }) => status === 'requested');
  const paymentId = paymentIdOf(storeOrderId);
  const notice = {
    reference: paymentId.replaceAll('-', ''),
    utr: '426100123456',
    amountPaise: WANTED * PRICE_PAISE,
    at: new Date().toISOString(),
  };
  const tell = (what: object, secret?: string) => tellOfUpi(shop, what, secret);
  const head = await headOfCommands(shop.client);
  assert.is(await tell(notice, 'somebody else'), 401);
  const yesterday = new Date(Date.now() - 26 * 3_600_000).toISOString();
  assert.is(await tell({ ...notice, at: yesterday }), 400);
  assert.is(await tell({ ...notice, at: 'now' }), 400);
  assert.is(await tell({ ...notice, utr: '42' }), 400);
  assert.is(await tell({ ...notice, amountPaise: 0.5 }), 400);
  assert.is(await tell({ ...notice, reference: newKey().replaceAll('-', '') }), 204);
  assert.is(await headOfCommands(shop.client), head, 'nothing of it changed anything');

  const statuses = await Promise.all(Array.from({ length: 10 }, () => tell(notice)));
  assert.equal(new Set(statuses), new Set([204]));
  const pass = { authorization: `Bearer ${shop.passOf(store.storeId)}` };
  const seen = { reference: notice.utr };
  assert.is((await shop.write('POST', `/payments/${paymentId}/receipts`, seen, pass)).status, 200);
  const { receipts } = await loadPayment(shop, storeOrderId);
  assert.equal(receipts, [{ externalId: notice.utr, amountPaise: WANTED * PRICE_PAISE }]);
  await until(shop, async () => {
    const state = await shop.handler.load(order, orderId, { fresh: true });
    return state.status === 'confirmed';
  });
});

test('the reference of a UPI payment confirms one order, whoever gives it for another', async ({
  shop,
}) => {
  const [store, branch] = [await openShelf(shop, ON_SHELF), await openShelf(shop, ON_SHELF)];
  const storeOrderIds = [await placeByUpi(shop, store), await placeByUpi(shop, branch)];
  const utr = '426100777777';
  const requests = storeOrderIds.map((storeOrderId, at) => {
    const authorization = `Bearer ${shop.passOf([store, branch][at]!.storeId)}`;
    const headers = { authorization, 'idempotency-key': newKey() };
    const path = `/payments/${paymentIdOf(storeOrderId)}/receipts`;
    return (reference = utr) =>
      shop.write<{ detail: string }>('POST', path, { reference }, headers);
  });
  const answers = await Promise.all(requests.map((ask) => ask()));
  const statuses = answers.map(({ status }) => status);
  assert.equal(new Set(statuses), new Set([200, 409]), 'of two at once, one is the first');
  const [first, second] = [statuses.indexOf(200), statuses.indexOf(409)];
  assert.is(Reflect.get(answers[second]!.body, 'code'), 'UPI_REFERENCE_USED');
  assert.match(answers[second]!.body.detail, 'used already for another order');
  const text = JSON.stringify(answers[second]!.body);
  assert.not(
    text.includes(storeOrderIds[first]!) || text.includes(paymentIdOf(storeOrderIds[first]!)),
  );

  const again = await Promise.all(requests.map((ask) => ask()));
  assert.equal(
    again.map(({ status, body }) => ({ status, body })),
    answers.map(({ status, body }) => ({ status, body })),
    'a repeat is answered as the first time',
  );
  assert.is((await requests[first]!('426100888888')).status, 422);
  const notice = { utr, amountPaise: WANTED * PRICE_PAISE, at: new Date().toISOString() };
  const reference = paymentIdOf(storeOrderIds[second]!).replaceAll('-', '');
  assert.is(await tellOfUpi(shop, { ...notice, reference }), 204);
  const unpaid = await loadPayment(shop, storeOrderIds[second]!);
  assert.equal([unpaid.status, unpaid.receipts], ['requested', []]);

  const own = await requests[second]!('426100888888');
  assert.is(own.status, 200, 'the key of what was refused, and a reference, are free still');
  for (const storeOrderId of storeOrderIds) {
    const { status, receipts } = await loadPayment(shop, storeOrderId);
    assert.equal([status, receipts.length], ['paid', 1]);
  }
});

test('money that comes in several sums is asked for less and less; what is too much goes back', async ({
  shop,
}) => {
  const store = await openShelf(shop, ON_SHELF);
  const placed = await checkOut(shop, await fillCart(shop, [store]), { payment: 'upi' });
  const { orderId } = placed.body;
  const { paymentId } = (await pageOf(shop, placed)).payments[0]!;
  const reference = paymentId.replaceAll('-', '');
  const pay = (utr: string, amountPaise: number) =>
    tellOfUpi(shop, { reference, utr, amountPaise, at: new Date().toISOString() });
  assert.is(await pay('426100888881', PRICE_PAISE), 204);
  const half = await untilPage(shop, orderId, ({ payments }) => payments[0]!.takenPaise > 0);
  assert.equal([half.status, half.payments[0]!.status], ['awaiting-payment', 'requested']);
  const { payments } = (await shop.read<Board>(`/stores/${store.storeId}/board`)).body;
  assert.equal(
    payments.map(({ todo, amountPaise }) => [todo, amountPaise]),
    [['confirm', PRICE_PAISE]],
  );
  assert.is(await pay('426100888882', PRICE_PAISE + 700), 204);
  const page = await untilPage(shop, orderId, ({ status }) => status === 'confirmed');
  assert.is(page.payments[0]!.status, 'paid');
  const settled = await untilPage(shop, orderId, (one) => one.payments[0]!.refundedPaise > 0);
  assert.is(settled.payments[0]!.refundedPaise, 700);
});

test('money that came by UPI for no payment is told to whoever runs the shop', async ({ shop }) => {
  const { handler, upiWebhookSecret } = shop;
  const lines: string[] = [];
  const log = pino({ level: 'error' }, { write: (line) => void lines.push(line) });
  const app = fastify();
  upiRoutes(app, { handler, upiWebhookSecret, log, now: () => new Date() } as Services);
  const store = await openShelf(shop, ON_SHELF);
  const inCash = await place(shop, [store]);
  const cashId = paymentIdOf(inCash.data.parts[0]!.storeOrderId);
  await until(shop, async () => {
    const { status } = await handler.load(payment, cashId, { fresh: true });
    return status === 'requested';
  });
  const unknownId = newKey();
  for (const paymentId of [unknownId, cashId]) {
    const reference = paymentId.replaceAll('-', '');
    const notice = { reference, utr: '426100123499', amountPaise: 130_000 };
    const body = JSON.stringify({ ...notice, at: new Date().toISOString() });
    const signature = createHmac('sha256', upiWebhookSecret).update(body).digest('hex');
    const headers = { 'content-type': 'application/json', 'x-upi-signature': signature };
    const answer = await app.inject({ method: 'POST', url: '/upi/webhooks', headers, body });
    assert.is(answer.statusCode, 204);
  }
  const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(
    entries.map(({ paymentId, utr, amountPaise }) => ({ paymentId, utr, amountPaise })),
    [unknownId, cashId].map((paymentId) => {
      return { paymentId, utr: '426100123499', amountPaise: 130_000 };
    }),
  );
  assert.match(String(entries[0]!.msg), 'nobody asked for');
  assert.match(String(entries[1]!.msg), 'in another way');
});

/** Everything of an answer that its reader sees: what redirects it, other headers and the page. */
const wholeOf = async (answer: Response): Promise<string> =>
  JSON.stringify([[...answer.headers], await answer.text()]);

test('the browser comes back, also before any webhook, and nobody learns of the order', async ({
  shop,
}) => {
  const { orderId } = await place(shop, [await openShelf(shop, ON_SHELF)], { payment: 'razorpay' });
  await untilPayment(shop, orderId, ({ status }) => status === 'requested');
  const { gatewayOrderId } = await loadPayment(shop, orderId);
  shop.gateway.webhooks.hold();
  const pay = `${shop.writeUrl}/payments/${paymentIdOf(orderId)}/pay`;
  const asked = await fetch(pay, { headers: shop.shopper });
  const html = await asked.text();
  const [, script] = /<script>(.*)<\/script>/.exec(html)!;
  const hash = createHash('sha256').update(script!).digest('base64');
  const policy = asked.headers.get('content-security-policy')!.split('; ');
  assert.ok(policy.includes("default-src 'none'") && policy.includes("frame-ancestors 'none'"));
  assert.ok(policy.includes(`script-src 'sha256-${hash}'`), policy.join('; '));
  assert.ok(policy.includes(`form-action ${shop.gateway.url}`), policy.join('; '));
  assert.is(asked.headers.get('referrer-policy'), 'strict-origin');
  const fieldOf = (name: string) => new RegExp(`name="${name}" value="([^"]+)"`).exec(html)?.[1];
  assert.is(fieldOf('order_id'), gatewayOrderId);
  const { pathname } = new URL(fieldOf('callback_url')!);
  const callback_url = new URL(pathname, shop.writeUrl).href;
  assert.is(fieldOf('cancel_url'), 'http://shop.test/payments/return');
  const body = new URLSearchParams({ callback_url, outcome: 'succeeds' });
  const url = `${shop.gateway.url}/test/orders/${gatewayOrderId!}/payments`;
  const page = await fetch(url, { method: 'POST', body, redirect: 'manual' });
  assert.equal([page.status, page.headers.get('location')], [307, callback_url]);
  const back = await fetch(callback_url, { method: 'POST', body, redirect: 'manual' });
  assert.equal([back.status, back.headers.get('location')], [303, '/payments/return']);
  assert.is((await loadPayment(shop, orderId)).status, 'paid');
  shop.gateway.webhooks.release();
  for (const [paymentId, status] of [
    [newKey(), 404],
    ['1', 400],
  ] as const) {
    const unknown = callback_url.replace(paymentIdOf(orderId), paymentId);
    assert.is((await fetch(unknown, { method: 'POST', body, redirect: 'manual' })).status, status);
  }
  const late = await fetch(pay, { headers: shop.shopper, redirect: 'manual' });
  assert.is(late.headers.get('location'), '/payments/return', 'nobody is asked to pay twice');
  const again = await fetch(callback_url, { method: 'POST', body, redirect: 'manual' });
  assert.equal([again.status, again.headers.get('location')], [303, '/payments/return']);
  const wholes = await Promise.all([back, late, again].map(wholeOf));
  for (const answer of [html, JSON.stringify([...asked.headers]), ...wholes]) {
    assert.not.match(answer, orderId);
    assert.not.match(answer, orderId.replaceAll('-', ''));
  }
});

test('what a shop does not deliver goes back by itself, once', async ({ shop }) => {
  const stores = [await openShelf(shop, ON_SHELF), await openShelf(shop, ON_SHELF)];
  const placed = await checkOut(shop, await fillCart(shop, stores), { payment: 'razorpay' });
  const { orderId, storeOrders } = placed.body;
  await payFor(shop, orderId);
  await untilPage(shop, orderId, ({ status }) => status === 'confirmed');
  await takeAsShop(shop, storeOrders[0]!.storeOrderId, 'reject', { reason: 'closed' });
  const isDone = ({ refunds }: Payment) => refunds[0]?.status === 'succeeded';
  await untilPayment(shop, orderId, isDone);
  const state = await loadPayment(shop, orderId);
  assert.is(keptPaise(state), WANTED * PRICE_PAISE);
  // Whoever replays the log from its beginning asks for it again.
  const cause = { correlationId: 'c', causationId: 'c' };
  await driveRefund(shop, paymentIdOf(orderId), 1, new Date().toISOString(), cause);
  const [receipt] = state.receipts;
  assert.equal(
    shop.gateway.refunds.of(receipt!.externalId).map(({ amount }) => amount),
    [WANTED * PRICE_PAISE],
  );
  const page = await untilPage(shop, orderId, ({ payments }) => payments[0]!.refundedPaise > 0);
  assert.is(page.payments[0]!.refundedPaise, WANTED * PRICE_PAISE);
});

test('what a gateway cannot give back the shop by whose doing it is gives by hand', async ({
  shop,
}) => {
  const stores = [await openShelf(shop, ON_SHELF), await openShelf(shop, ON_SHELF)];
  const placed = await checkOut(shop, await fillCart(shop, stores), { payment: 'razorpay' });
  const { orderId, storeOrders } = placed.body;
  const [kept, refusing] = storeOrders as [Placed['storeOrders'][0], Placed['storeOrders'][0]];
  await payFor(shop, orderId);
  await untilPage(shop, orderId, ({ status }) => status === 'confirmed');
  await takeAsShop(shop, refusing.storeOrderId, 'reject', { reason: 'closed' });
  await untilPayment(shop, orderId, ({ refunds }) => refunds[0]?.status === 'succeeded');

  const paymentId = paymentIdOf(orderId);
  const { webhooks, refunds } = shop.gateway;
  const [receipt] = (await loadPayment(shop, orderId)).receipts;
  const made = refunds.end(refunds.of(receipt!.externalId)[0]!.id, 'failed');
  const owed = { refundNumber: 1, amountPaise: WANTED * PRICE_PAISE };
  const { storeOrderId } = refusing;
  const isFailed = ({ payments }: Read) => payments[0]!.refunds[0]?.status === 'failed';
  const page = await untilPage(shop, orderId, isFailed);
  assert.equal(page.payments[0]!.refunds, [{ ...owed, storeOrderId, status: 'failed' }]);

  const passOf = ({ storeId }: { storeId: string }) => ({
    authorization: `Bearer ${shop.passOf(storeId)}`,
  });
  const tasksAt = async (at: { storeId: string }, headers: Record<string, string> = {}) =>
    (await shop.read<Board>(`/stores/${at.storeId}/board`, null, headers)).body.payments;
  const [task] = await tasksAt(refusing, passOf(refusing));
  const { todo, failureReason, contact } = task!;
  assert.equal({ todo, failureReason }, { todo: 'give-back', failureReason: 'refund.failed' });
  assert.equal([task!.amountPaise, task!.storeOrderId], [owed.amountPaise, storeOrderId]);
  assert.is(contact?.name, recipient.contact.name);
  const boardPath = `/stores/${refusing.storeId}/board/${storeOrderId}`;
  const shown = await shop.untilLive<Board>(boardPath, ({ payments }) => payments.length === 1);
  assert.equal(shown.payments[0]!.contact, contact);
  assert.equal(await tasksAt(kept, passOf(kept)), [], 'nobody else is to give it as well');

  const given = `/payments/${paymentId}/refunds/1/given`;
  const say = (headers: Record<string, string>) =>
    shop.write('POST', given, { reference: 'cash' }, headers);
  assert.is((await say({})).status, 401);
  for (const headers of [{}, passOf(kept)]) {
    const { status, body } = await say(headers);
    assert.equal([status, Reflect.get(body, 'code')], [401, 'STORE_PASS_REQUIRED']);
  }
  const said = await say(passOf(refusing));
  assert.is(said.status, 200);
  assert.is((await say(passOf(refusing))).status, 200);
  await untilPage(shop, orderId, ({ payments }) => payments[0]!.refunds[0]!.status === 'succeeded');
  assert.equal(await tasksAt(refusing), []);
  const again = webhooks.sign('refund.failed', { refund: { entity: made } });
  assert.is(await webhooks.send(again), 204);
  const [refund] = (await loadPayment(shop, orderId)).refunds;
  assert.equal([refund!.status, refund!.givenAs], ['succeeded', 'cash']);
  await until(shop, async () => {
    const id = tillId(refusing.storeId, businessDate(new Date().toISOString()));
    const { moved } = await shop.handler.load(till, id, { fresh: true });
    return [...moved.values()].some((paise) => paise === -owed.amountPaise);
  });
});

test('a refund that the gateway is at waits for its word, and a webhook is only a hint', async ({
  shop,
}) => {
  const { webhooks, refunds } = shop.gateway;
  refunds.wait(true);
  const placed = await checkOut(shop, await fillCart(shop, [await openShelf(shop, ON_SHELF)]), {
    payment: 'razorpay',
  });
  const { orderId, storeOrders } = placed.body;
  await payFor(shop, orderId);
  await untilPage(shop, orderId, ({ status }) => status === 'confirmed');
  await takeAsShop(shop, storeOrders[0]!.storeOrderId, 'reject', { reason: 'closed' });
  await untilPayment(shop, orderId, ({ refunds: asked }) => asked.length === 1);
  const cause = { correlationId: 'c', causationId: 'c' };
  const paymentId = paymentIdOf(orderId);
  const look = () => driveRefund(shop, paymentId, 1, new Date().toISOString(), cause);
  assert.type(await look(), 'number', 'it is looked at again');
  const [receipt] = (await loadPayment(shop, orderId)).receipts;
  const made = refunds.of(receipt!.externalId);
  assert.equal(
    made.map(({ status }) => status),
    ['pending'],
  );
  const { id } = made[0]!;
  const statusOf = async () => (await loadPayment(shop, orderId)).refunds[0]!.status;
  for (const event of ['refund.processed', 'refund.failed']) {
    const hint = webhooks.sign(event, { refund: { entity: { id } } });
    assert.is(await webhooks.send(hint), 204);
    assert.is(await statusOf(), 'requested', `${event} at its word`);
  }
  refunds.end(id, 'processed');
  await untilPayment(shop, orderId, (state) => state.refunds[0]!.status === 'succeeded');
  assert.is(await look(), undefined);
  assert.is(refunds.of(receipt!.externalId).length, 1);
  refunds.wait(false);
});

/** An order at one shop by card that was paid, and what the gateway calls its payment. */
async function payByCard(shop: Shop) {
  const store = await openShelf(shop, ON_SHELF);
  const placed = await checkOut(shop, await fillCart(shop, [store]), { payment: 'razorpay' });
  const { orderId, storeOrders } = placed.body;
  await payFor(shop, orderId);
  await untilPage(shop, orderId, ({ status }) => status === 'confirmed');
  const { receipts } = await loadPayment(shop, orderId);
  return {
    orderId,
    storeOrderId: storeOrders[0]!.storeOrderId,
    gatewayId: receipts[0]!.externalId,
  };
}

/** What somebody does on the gateway's own pages. */
async function refundAtGateway(shop: Shop, gatewayId: string, amount: number): Promise<string> {
  const { RAZORPAY_KEY_ID: id, RAZORPAY_KEY_SECRET: secret } = shop.secrets;
  const response = await fetch(`${shop.gateway.url}/v1/payments/${gatewayId}/refund`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ amount, notes: { comment: 'one damaged' } }),
  });
  assert.is(response.status, 200);
  return ((await response.json()) as { id: string }).id;
}

const cancelByShopper = (shop: Shop, orderId: string, storeOrderId: string) => {
  const path = `/orders/${orderId}/store-orders/${storeOrderId}/cancel`;
  return shop.write('POST', path, { reason: 'changed-mind' });
};

const ALL_PAISE = WANTED * PRICE_PAISE;

for (const isTold of [true, false]) {
  const how = isTold ? 'its webhook tells' : 'no webhook tells';
  test(`a refund that is made at the gateway is not given again, where ${how}`, async ({
    shop,
  }) => {
    const { orderId, storeOrderId, gatewayId } = await payByCard(shop);
    const { webhooks, refunds } = shop.gateway;
    webhooks.hold();
    const refundId = await refundAtGateway(shop, gatewayId, 5_000);
    const [webhook] = webhooks.held;
    webhooks.release();
    if (isTold) {
      assert.equal([await webhooks.send(webhook!), await webhooks.send(webhook!)], [204, 204]);
      const isBack = ({ payments: [one] }: Read) => one!.refunds[0]?.status === 'succeeded';
      const page = await untilPage(shop, orderId, isBack);
      assert.is(page.payments[0]!.refundedPaise, 5_000);
      assert.equal(page.payments[0]!.refunds, [
        { refundNumber: 1, storeOrderId: null, amountPaise: 5_000, status: 'succeeded' },
      ]);
    }
    assert.is((await cancelByShopper(shop, orderId, storeOrderId)).status, 200);
    const isSettled = (state: Payment) =>
      keptPaise(state) === 0 && state.refunds.every(({ status }) => status === 'succeeded');
    await untilPayment(shop, orderId, isSettled);
    const state = await loadPayment(shop, orderId);
    const [elsewhere, own] = state.refunds.toSorted((a, b) => a.amountPaise - b.amountPaise);
    assert.equal([elsewhere!.amountPaise, elsewhere!.isElsewhere], [5_000, true]);
    assert.equal([own!.amountPaise, own!.isElsewhere], [ALL_PAISE - 5_000, undefined]);
    assert.is(state.refunds.find(({ isElsewhere }) => isElsewhere)!.givenAs, refundId);
    const atGateway = refunds.of(gatewayId).map(({ amount }) => amount);
    assert.equal(new Set(atGateway), new Set([5_000, ALL_PAISE - 5_000]));
    assert.is(atGateway.length, 2);
  });
}

test('a dispute holds its money back, and what it is lost of is not given again', async ({
  shop,
}) => {
  const { disputes, refunds } = shop.gateway;
  const lost = await payByCard(shop);
  const { id } = disputes.open(lost.gatewayId, 5_000);
  await untilPayment(shop, lost.orderId, (state) => keptPaise(state) === ALL_PAISE - 5_000);
  disputes.end(id, 'lost');
  await untilPayment(shop, lost.orderId, ({ refunds: [one] }) => one?.status === 'succeeded');
  await cancelByShopper(shop, lost.orderId, lost.storeOrderId);
  await untilPayment(shop, lost.orderId, ({ refunds: [, own] }) => own?.status === 'succeeded');
  assert.is(keptPaise(await loadPayment(shop, lost.orderId)), 0);
  const given = refunds.of(lost.gatewayId).map(({ amount }) => amount);
  assert.equal(given, [ALL_PAISE - 5_000]);

  const won = await payByCard(shop);
  const second = disputes.open(won.gatewayId, ALL_PAISE);
  await untilPayment(shop, won.orderId, (state) => keptPaise(state) === 0);
  await cancelByShopper(shop, won.orderId, won.storeOrderId);
  await untilPage(shop, won.orderId, ({ status }) => status === 'cancelled');
  assert.equal(refunds.of(won.gatewayId), [], 'the bank may take it');
  disputes.end(second.id, 'won');
  await untilPayment(shop, won.orderId, ({ refunds: [, own] }) => own?.status === 'succeeded');
  assert.is(keptPaise(await loadPayment(shop, won.orderId)), 0);
});

test('paid twice is given back once', async ({ shop }) => {
  const { orderId } = await place(shop, [await openShelf(shop, ON_SHELF)], { payment: 'razorpay' });
  await payFor(shop, orderId);
  await untilPayment(shop, orderId, ({ status }) => status === 'paid');
  const { gatewayOrderId } = await loadPayment(shop, orderId);
  shop.gateway.pay(gatewayOrderId!);
  await untilPayment(shop, orderId, ({ refunds }) => refunds[0]?.status === 'succeeded');
  const state = await loadPayment(shop, orderId);
  assert.is(state.receipts.length, 2);
  assert.is(keptPaise(state), WANTED * PRICE_PAISE);
});

test('money that comes late brings the order back while all of it can be had', async ({ shop }) => {
  const orderId = await placeUnpaid(shop, await openShelf(shop, ON_SHELF));
  await payFor(shop, orderId);
  await until(shop, async () => {
    const state = await shop.handler.load(order, orderId, { fresh: true });
    return state.status === 'confirmed';
  });
  assert.is(keptPaise(await loadPayment(shop, orderId)), WANTED * PRICE_PAISE);
  const { payments } = await untilPage(shop, orderId, ({ status }) => status === 'confirmed');
  assert.equal([payments[0]!.status, payments[0]!.takenPaise], ['paid', WANTED * PRICE_PAISE]);
});

test('money that comes too late goes back', async ({ shop }) => {
  const store = await openShelf(shop, WANTED);
  const orderId = await placeUnpaid(shop, store);
  await until(shop, async () => {
    const { reservations } = await shop.handler.load(inventory, store.storeId, { fresh: true });
    return reservations.size === 0;
  });
  const lines = [{ sku: 's1', quantity: 1 }];
  const sold = { type: 'SellAtCounter', data: { lines } } as const;
  await shop.handler.handle(inventory, store.storeId, sold, as());
  await payFor(shop, orderId);
  await untilPayment(shop, orderId, ({ refunds }) => refunds[0]?.status === 'succeeded');
  assert.is(keptPaise(await loadPayment(shop, orderId)), 0);
  const state = await shop.handler.load(order, orderId, { fresh: true });
  assert.equal(state.status !== 'none' && [state.status, state.reason], [
    'rejected',
    'PAID_TOO_LATE',
  ]);
});

test('nobody is at the door: the goods and the money go back, and nothing is billed', async ({
  shop,
}) => {
  const store = await openShelf(shop, ON_SHELF);
  const placed = await checkOut(shop, await fillCart(shop, [store]), { payment: 'razorpay' });
  const { orderId, storeOrders } = placed.body;
  const { storeOrderId } = storeOrders[0]!;
  await payFor(shop, orderId);
  await untilPage(shop, orderId, ({ status }) => status === 'confirmed');
  await work(shop, storeOrderId, ['accept', 'pick', 'pack', 'dispatch']);
  const cancel = () => takeAsShop(shop, storeOrderId, 'cancel', { reason: 'not-reachable' });
  assert.equal([(await cancel()).status, (await cancel()).status], [200, 200]);
  const deliver = { proof: 'phone-call' };
  const refused = await shop.write('POST', `/store-orders/${storeOrderId}/deliver`, deliver);
  assert.is(refused.status, 409);
  await untilPayment(shop, orderId, ({ refunds }) => refunds[0]?.status === 'succeeded');
  assert.is(keptPaise(await loadPayment(shop, orderId)), 0);
  await until(shop, async () => {
    const stock = await shop.handler.load(inventory, store.storeId, { fresh: true });
    const { onHand, reserved } = itemOf(stock, 's1');
    return onHand === ON_SHELF && reserved === 0;
  });
  await untilPage(shop, orderId, ({ status }) => status === 'cancelled');
  assert.is((await shop.read(`/store-orders/${storeOrderId}/invoice`)).status, 404);
});

test('what a shop’s own QR says is in the link to pay it', async ({ shop }) => {
  const store = await openShelf(shop, ON_SHELF);
  const path = `/stores/${store.storeId}/upi`;
  const merchant = { mc: '5411', mode: '02' };
  const upi = { vpa: 'kirana@okbank', name: 'Test Kirana', merchant };
  const set = (body: object) => shop.write('PUT', path, body, shop.asShop(store.storeId));
  const [first, second] = [await set({ upi }), await set({ upi })];
  assert.equal([first.status, second.status], [200, 200]);
  assert.is(second.position, first.position, 'the same again changes nothing');
  assert.is((await set({ upi: { ...upi, merchant: { mc: '54' } } })).status, 400);
  const placed = await checkOut(shop, await fillCart(shop, [store]), { payment: 'upi' });
  assert.equal((await pageOf(shop, placed)).payments[0]!.upi, upi);
});

test('a shop confirms what came by UPI, and says when it gave money back', async ({ shop }) => {
  const store = await openShelf(shop, ON_SHELF);
  const placed = await checkOut(shop, await fillCart(shop, [store]), { payment: 'upi' });
  const { orderId, storeOrders } = placed.body;
  const { storeId } = store;
  const page = await pageOf(shop, placed);
  assert.is(page.payments[0]!.upi?.vpa, 'kirana@okbank');
  const { paymentId } = page.payments[0]!;
  const board = (position: string | null) => shop.read<Board>(`/stores/${storeId}/board`, position);
  const todo = { paymentId, todo: 'confirm', amountPaise: WANTED * PRICE_PAISE };
  const [task] = (await board(placed.position)).body.payments;
  assert.equal([task?.paymentId, task?.todo, task?.amountPaise], Object.values(todo));

  const say = (path: string, reference: string, pass: string) =>
    shop.write('POST', `/payments/${paymentId}/${path}`, { reference }, { authorization: pass });
  const pass = `Bearer ${shop.passOf(storeId)}`;
  assert.is((await say('receipts', '123456789012', '')).status, 401);
  assert.is((await say('receipts', '123456789012', `Bearer ${shop.passOf('other')}`)).status, 401);
  assert.is((await say('receipts', '1234', pass)).status, 400);
  assert.is((await say('receipts', '123456789012', pass)).status, 200);
  assert.is((await say('receipts', '123456789012', pass)).status, 200);
  const mistyped = await say('receipts', '123456789013', pass);
  assert.equal([mistyped.status, Reflect.get(mistyped.body, 'code')], [409, 'PAID_ALREADY']);
  assert.match(String(Reflect.get(mistyped.body, 'detail')), '123456789012');
  const transfer = upiReferenceIdOf({ vpa: 'kirana@okbank', utr: '123456789013' });
  const used = await shop.handler.load(upiReference, transfer, { fresh: true });
  assert.is(used.paymentId, null, 'whoever paid by it can still be told');
  await untilPage(shop, orderId, ({ status }) => status === 'confirmed');

  await takeAsShop(shop, storeOrders[0]!.storeOrderId, 'reject', { reason: 'closed' });
  await untilPage(shop, orderId, ({ payments }) => payments[0]!.refundedPaise > 0);
  const [back] = (await board(null)).body.payments;
  assert.equal([back?.todo, back?.refundNumber], ['give-back', 1]);
  const given = await say('refunds/1/given', '210987654321', pass);
  assert.is(given.status, 200);
  assert.equal((await board(given.position)).body.payments, []);
  assert.is((await say('refunds/1/given', '210987654321', pass)).status, 200);
  for (const other of ['210987654322', 'cash']) {
    const { status, body } = await say('refunds/1/given', other, pass);
    assert.equal([status, Reflect.get(body, 'code')], [409, 'REFUND_ALREADY_GIVEN']);
    assert.match(String(Reflect.get(body, 'detail')), '210987654321');
  }
});

/** What a shop holds for orders: of its one item, and of its one day's slots. */
async function heldAt({ handler }: Shop, { storeId }: TestStore): Promise<number> {
  const { reservations } = await handler.load(inventory, storeId, { fresh: true });
  const { held } = await handler.load(slotDay, slotDayId(storeId, SLOT.date), { fresh: true });
  return reservations.size + held.size;
}

test('an order that waits for its money is cancelled: all of it is free, and the cart is open', async ({
  shop,
}) => {
  const store = await openShelf(shop, ON_SHELF);
  const { orderId, data } = await place(shop, [store], { payment: 'razorpay' });
  await untilPayment(shop, orderId, ({ status }) => status === 'requested');
  assert.is(await heldAt(shop, store), 2);
  const [key, path] = [newKey(), `/orders/${orderId}/cancel`];
  const cancel = (with_ = key) => shop.write('POST', path, {}, { 'idempotency-key': with_ });
  const answers = await Promise.all([cancel(), cancel(), cancel(newKey())]);
  for (const { status, body } of [...answers, await cancel()]) {
    assert.equal([status, body], [200, { orderId, status: 'rejected' }]);
  }
  assert.is(await heldAt(shop, store), 0);
  const page = await untilPage(
    shop,
    orderId,
    ({ payments }) => payments[0]!.status !== 'requested',
  );
  assert.equal([page.status, page.payments[0]!.status], ['rejected', 'cancelled']);
  const filled = { cartId: data.cartId, quote: await quoteCart(shop, data.cartId) };
  const bought = await checkOut(shop, filled, { payment: 'cash-on-delivery' });
  assert.is(bought.status, 201, 'its cart can be ordered again');
  assert.is((await cancel(newKey())).status, 200, 'the same again changes nothing');
  const late = await shop.write('POST', `/orders/${bought.body.orderId}/cancel`);
  assert.equal([late.status, Reflect.get(late.body, 'code')], [409, 'WRONG_STATUS']);

  await payFor(shop, orderId);
  await untilPayment(shop, orderId, ({ refunds }) => refunds[0]?.status === 'succeeded');
  assert.is(keptPaise(await loadPayment(shop, orderId)), 0);
  const state = await shop.handler.load(order, orderId, { fresh: true });
  assert.is(state.status !== 'none' && state.reason, 'ORDER_CANCELLED', 'nothing brings it back');
});

test('paid and cancelled at once: it is ordered and paid, or neither', async ({ shop }) => {
  const store = await openShelf(shop, ON_SHELF);
  for (let i = 0; i < 8; i++) {
    const { orderId } = await place(shop, [store], { payment: 'razorpay' });
    await untilPayment(shop, orderId, ({ status }) => status === 'requested');
    const { gatewayOrderId } = await loadPayment(shop, orderId);
    shop.gateway.pay(gatewayOrderId!);
    // Each a little later than the one before it.
    for (let looks = 0; looks < i; looks++) await loadPayment(shop, orderId);
    const cancelled = await shop.write('POST', `/orders/${orderId}/cancel`);
    const isPaid = ({ receipts }: Payment) => receipts.length > 0;
    await untilPayment(shop, orderId, isPaid);
    const kept = cancelled.status === 409 ? WANTED * PRICE_PAISE : 0;
    await untilPayment(shop, orderId, (state) => isPaid(state) && keptPaise(state) === kept);
    const state = await shop.handler.load(order, orderId, { fresh: true });
    assert.is(state.status, cancelled.status === 409 ? 'confirmed' : 'rejected');
  }
});

test('who cannot be paid like that is not asked, and nothing is placed', async ({ shop }) => {
  const store = await openStore(shop, ['Ghee,650']);
  const filled = await fillCart(shop, [store]);
  const quoted = await shop.write<{ payments: string[] }>('POST', `/carts/${filled.cartId}/quotes`);
  assert.equal(quoted.body.payments, ['cash-on-delivery', 'razorpay']);
  const refused = await checkOut(shop, filled, { payment: 'upi' });
  assert.equal([refused.status, Reflect.get(refused.body, 'code')], [409, 'PAYMENT_UNAVAILABLE']);
  assert.is((await checkOut(shop, filled, { payment: 'cash-on-delivery' })).status, 201);
  const bad = await shop.write(
    'PUT',
    `/stores/${store.storeId}/upi`,
    { upi: { vpa: 'x', name: 'X' } },
    shop.asShop(store.storeId),
  );
  assert.is(bad.status, 400);
});

test('an amount that the gateway does not take is refused at once, and nothing stays held', async ({
  shop,
}) => {
  const { storeId, listingIds } = await openStore(shop, ['Matches,0.50']);
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  const item = `/carts/${body.cartId}/items/${listingIds[0]!}`;
  await shop.write('PUT', item, { quantity: 1 });
  const filled = { cartId: body.cartId, quote: await quoteCart(shop, body.cartId) };
  const refused = await checkOut(shop, filled, { payment: 'razorpay' });
  assert.equal([refused.status, Reflect.get(refused.body, 'code')], [409, 'PAYMENT_UNAVAILABLE']);
  const { reservations } = await shop.handler.load(inventory, storeId, { fresh: true });
  assert.is(reservations.size, 0);
  assert.is((await checkOut(shop, filled, { payment: 'cash-on-delivery' })).status, 201);
});

test('cash is taken down when a store order is delivered: what is owed, once', async ({ shop }) => {
  const store = await openShelf(shop, ON_SHELF);
  const placed = await checkOut(shop, await fillCart(shop, [store]), {
    payment: 'cash-on-delivery',
  });
  const { storeOrderId } = placed.body.storeOrders[0]!;
  await work(shop, storeOrderId);
  await work(shop, storeOrderId, ['deliver']);
  await untilPayment(shop, storeOrderId, ({ status }) => status === 'paid');
  const state = await loadPayment(shop, storeOrderId);
  assert.equal(state.receipts, [{ externalId: 'cash', amountPaise: WANTED * PRICE_PAISE }]);
});

test('whatever each shop can: what is short stays out, and is told and not charged', async ({
  shop,
}) => {
  const [near, far, none] = [
    await openShelf(shop, ON_SHELF),
    await openShelf(shop, 1),
    await openShelf(shop, 0),
  ];
  const filled = await fillCart(shop, [near, far, none]);
  const how = { payment: 'cash-on-delivery', onShortage: 'whatever-each-shop-can' };
  const placed = await checkOut(shop, filled, how);
  assert.is(placed.status, 201);
  assert.is(placed.body.totalPaise, 3 * PRICE_PAISE);
  assert.equal(
    placed.body.leftOut.map(({ listingId, wanted, left }) => ({ listingId, wanted, left })),
    [
      { listingId: far.listingIds[0], wanted: 2, left: 1 },
      { listingId: none.listingIds[0], wanted: 2, left: 0 },
    ],
  );
  const page = await pageOf(shop, placed);
  assert.equal([page.status, page.totalPaise], ['confirmed', 3 * PRICE_PAISE]);
  const statusAt = ({ storeId }: TestStore) =>
    page.storeOrders.find((one) => one.storeId === storeId)?.status;
  assert.equal([near, far, none].map(statusAt), ['submitted', 'submitted', 'rejected']);

  const nothing = await fillCart(shop, [none]);
  const refused = await checkOut(shop, nothing, how);
  assert.equal([refused.status, Reflect.get(refused.body, 'code')], [409, 'INSUFFICIENT_STOCK']);
});

test('a gateway that is away is not one that says no', async ({ shop }) => {
  const keys = {
    keyId: 'rzp_test',
    keySecret: 'wrong',
    webhookSecret: 'w',
    publicUrl: shop.writeUrl,
  };
  const due = { paymentId: newKey(), storeOrderId: null, storeId: null, amountPaise: 100 };
  const refund = { ...due, refundId: newKey(), refundNumber: 1, externalId: 'pay_none' };
  const failure = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);
  const stranger = connectRazorpay({ ...keys, url: shop.gateway.url });
  assert.instance(await failure(stranger.open(due)), GatewayUnavailable);
  const away = connectRazorpay({ ...keys, url: `http://127.0.0.1:${await freePort()}` });
  assert.instance(await failure(away.open(due)), GatewayUnavailable);
  const page = createServer((_, response) => response.end('<h1>Welcome to the hotel</h1>'));
  await once(page.listen(0, '127.0.0.1'), 'listening');
  const { port } = page.address() as AddressInfo;
  const hotel = connectRazorpay({ ...keys, url: `http://127.0.0.1:${port}` });
  const said = await failure(hotel.open(due));
  page.close();
  page.closeAllConnections();
  assert.instance(said, GatewayUnavailable, 'a page is no answer');
  const refused = await failure(shop.payments.razorpay!.refund(refund));
  assert.instance(refused, GatewayRefused);
  assert.is((refused as Error).message, 'The id provided does not exist');
});

test('while the gateway is away nothing is held: the same cart is ordered in another way', async ({
  shop,
}) => {
  const store = await openShelf(shop, ON_SHELF);
  const filled = await fillCart(shop, [store]);
  shop.gateway.setAway(true);
  const key = newKey();
  const byCard = () => checkOut(shop, filled, { payment: 'razorpay' }, key);
  for (const refused of [await byCard(), await byCard()]) {
    assert.equal([refused.status, Reflect.get(refused.body, 'code')], [409, 'PAYMENT_UNAVAILABLE']);
  }
  shop.gateway.setAway(false);
  assert.is(await heldAt(shop, store), 0);
  assert.is((await checkOut(shop, filled, { payment: 'cash-on-delivery' })).status, 201);
});

test.run();
