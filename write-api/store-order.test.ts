import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inventory, itemOf } from '../domain/inventory/inventory.ts';
import type { IfMissing } from '../domain/ordering/order.ts';
import { slotDay, slotDayId } from '../domain/slots/slot-day.ts';
import { storeOrder } from '../domain/fulfilment/store-order.ts';
import {
  STRANGER,
  newKey,
  openStore,
  quoteCart,
  recipient,
  startShop,
  takeAsShop,
  work,
  type Shop,
} from '../test/shop.ts';
import type { Invoice } from '../read-api/invoices.ts';
import type { Order, StoreOrder } from '../read-api/my-orders.ts';
import type { BoardOrder } from '../read-api/order-board.ts';
import { untilSo } from '../test/until-so.ts';

const STOCK = 10;
const FEE = 2_000;
const DATE = '2099-01-05';
const SLOT = { fromMinute: 1_080, toMinute: 1_200 };

const test = suite<{ shop: Shop }>('store-order');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

type Refusal = { code: string; detail: string };

/** A shop that has ten of each article, and brings them for a fee. */
async function openShelf(shop: Shop, loose?: string): Promise<string> {
  const names = ['Toor dal,120', 'Basmati,95.50', 'Sona masoori,80', 'Ghee,650'];
  const { storeId } = await openStore(shop, names);
  if (loose) await shop.importCsv(storeId, `sku,name,price,grams_each\n${loose}\n`);
  const received = ['s1', 's2', 's3', 's4'].map((sku) => ({ sku, quantity: STOCK }));
  await shop.write('POST', `/stores/${storeId}/stock/receive`, { lines: received });
  const steps = [{ fromMetres: 0, fromPaise: 0, feePaise: FEE }];
  await shop.write('PUT', `/stores/${storeId}/fee`, { steps, freeFromPaise: null });
  await shop.write('PUT', `/stores/${storeId}/slots/${DATE}`, {
    slots: [{ ...SLOT, capacity: 9 }],
  });
  return storeId;
}

/** A store order of three dals (₹120) and two rices (₹95.50), with what can be done to it. */
async function placeStoreOrder(
  shop: Shop,
  ifMissing: Record<string, IfMissing> = {},
  opened = openShelf(shop),
) {
  const storeId = await opened;
  const of = (sku: string) => `${storeId}.${sku}`;
  const slots = [{ storeId, date: DATE, fromMinute: SLOT.fromMinute }];
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  await shop.write('PUT', `/carts/${body.cartId}/items/${of('s1')}`, { quantity: 3 });
  await shop.write('PUT', `/carts/${body.cartId}/items/${of('s2')}`, { quantity: 2 });
  const quote = await quoteCart(shop, body.cartId, { slots });
  const wishes = Object.entries(ifMissing).map(([sku, wish]) => [of(sku), wish]);
  const placed = await shop.write<{ orderId: string; storeOrders: { storeOrderId: string }[] }>(
    'POST',
    '/orders',
    {
      cartId: body.cartId,
      quote,
      ...recipient,
      slots,
      payment: 'cash-on-delivery',
      ifMissing: Object.fromEntries(wishes),
    },
    { 'idempotency-key': newKey() },
  );
  assert.is(placed.status, 201);
  const { orderId } = placed.body;
  const { storeOrderId } = placed.body.storeOrders[0]!;
  await shop.read(`/orders/${orderId}`, placed.position);

  const send =
    (path: string, headers = {}) =>
    async (step: string, given?: object) => {
      const answer = await shop.write<Refusal & { owedPaise: number; status: string }>(
        'POST',
        `${path}/${step}`,
        given,
        headers,
      );
      return { ...answer, code: answer.body.code ?? answer.status };
    };
  return {
    orderId,
    storeOrderId,
    storeId,
    of,
    staff: send(`/store-orders/${storeOrderId}`, shop.asShop(storeId)),
    shopper: send(`/orders/${orderId}/store-orders/${storeOrderId}`),
    /** The shopper's page, followed live until the store order is as wanted. */
    until: async (wanted: (own: StoreOrder, order: Order) => boolean) => {
      const page = await shop.untilLive<Order>(`/orders/${orderId}`, (order) =>
        wanted(order.storeOrders[0]!, order),
      );
      return { own: page.storeOrders[0]!, order: page };
    },
    /** Resolves once the shop's books say so. */
    untilStock: (sku: string, wanted: { onHand: number; reserved: number }) =>
      untilSo(
        async () => {
          const stock = await shop.handler.load(inventory, storeId, { fresh: true });
          const { onHand, reserved } = itemOf(stock, sku);
          return onHand === wanted.onHand && reserved === wanted.reserved;
        },
        `${sku} stands at ${JSON.stringify(wanted)}`,
      ),
    /** Resolves once so many places of the day are taken. */
    untilSlots: (taken: number) =>
      untilSo(async () => {
        const day = await shop.handler.load(slotDay, slotDayId(storeId, DATE), { fresh: true });
        return day.held.size === taken;
      }, `${taken} places of the day are taken`),
  };
}

test('picked short, handed over with the code: stock, bill and what is owed say the same', async ({
  shop,
}) => {
  const placed = await placeStoreOrder(shop);
  const { staff, of } = placed;
  await staff('accept');
  assert.is((await staff('pack')).code, 'NOT_PICKED');
  const picks = { lines: [{ listingId: of('s1'), quantity: 2 }] };
  assert.is((await staff('picks', picks)).status, 200);
  await staff('shorts', { listingId: of('s1'), reason: 'damaged' });
  await placed.untilStock('s1', { onHand: STOCK - 1, reserved: 2 });
  await staff('picks', { lines: [{ listingId: of('s2'), quantity: 2 }] });
  const packed = await staff('pack');
  assert.equal([packed.status, packed.body.owedPaise], [200, 24_000 + 19_100 + FEE]);
  await placed.untilStock('s1', { onHand: STOCK - 3, reserved: 0 });
  await staff('dispatch');

  const { own: seen } = await placed.until(({ status }) => status === 'dispatched');
  assert.match(seen.deliveryCode!, /^\d{4}$/);
  assert.equal([seen.owedPaise, seen.lines[0]!.shorted], [24_000 + 19_100 + FEE, 1]);
  const wrong = `${(Number(seen.deliveryCode) + 1) % 10_000}`.padStart(4, '0');
  assert.is((await staff('deliver')).status, 400);
  assert.is((await staff('deliver', { code: wrong })).code, 'WRONG_DELIVERY_CODE');
  assert.is((await staff('deliver', { code: seen.deliveryCode })).body.status, 'delivered');
  assert.is((await staff('deliver', { code: seen.deliveryCode })).status, 200);

  const { own: billed } = await placed.until(({ invoiceNumber }) => invoiceNumber !== null);
  assert.is(billed.deliveryCode, null);
  const { body } = await shop.read<Invoice>(`/store-orders/${placed.storeOrderId}/invoice`);
  assert.is(body.totalPaise, billed.owedPaise);
  assert.equal(
    body.lines.map(({ quantity, linePaise }) => [quantity, linePaise]),
    [
      [2, 24_000],
      [2, 19_100],
    ],
  );
});

test('loose goods are billed by the scales, and what they weigh less goes back', async ({
  shop,
}) => {
  const placed = await placeStoreOrder(shop, {}, openShelf(shop, 's1,Tomato,120,500'));
  const { staff, of } = placed;
  await staff('accept');
  const picks = (grams?: number) => ({
    lines: [
      { listingId: of('s1'), quantity: 3, ...(grams && { grams }) },
      { listingId: of('s2'), quantity: 2 },
    ],
  });
  assert.is((await staff('picks', picks())).code, 'WRONG_WEIGHT');
  const mistyped = await staff('picks', picks(3_001));
  assert.match(mistyped.body.detail, 'in grams, at most 3000');
  assert.is((await staff('picks', picks(1_450))).body.owedPaise, 36_000 + 19_100 + FEE);
  assert.is((await staff('pack')).body.owedPaise, 34_800 + 19_100 + FEE);
  await work(shop, placed.storeOrderId, ['dispatch', 'deliver']);
  const { own: billed } = await placed.until(({ invoiceNumber }) => invoiceNumber !== null);
  const { body } = await shop.read<Invoice>(`/store-orders/${placed.storeOrderId}/invoice`);
  assert.equal([body.lines[0]!.grams, body.totalPaise], [1_450, billed.owedPaise]);
});

test('five wrong codes lock the code at every server, and the shop says how else it knows', async ({
  shop,
}) => {
  const { staff, storeOrderId } = await placeStoreOrder(shop);
  await work(shop, storeOrderId, ['accept', 'pick', 'pack', 'dispatch']);
  const code = shop.codeOf(storeOrderId);
  const wrong = code === '0000' ? '0001' : '0000';
  const left: unknown[] = [];
  for (let tries = 0; tries < 5; tries++) {
    const { body } = await staff('deliver', { code: wrong });
    left.push(Reflect.get(body, 'left'));
  }
  assert.equal(left, [4, 3, 2, 1, 0]);
  assert.is((await staff('deliver', { code })).code, 'DELIVERY_CODE_LOCKED');
  assert.is((await staff('deliver', { proof: 'a feeling' })).status, 400);
  assert.is((await staff('deliver', { proof: 'phone-call' })).body.status, 'delivered');
});

test('a substitute is asked for, taken from stock, and billed at no more than was accepted', async ({
  shop,
}) => {
  const placed = await placeStoreOrder(shop);
  const { staff, shopper, of } = placed;
  await staff('accept');
  const offer = (sku: string, quantity: number) =>
    staff('substitutes', { listingId: of('s2'), substituteId: of(sku), quantity });
  assert.is((await offer('s9', 1)).code, 'LISTING_NOT_FOUND');
  assert.is((await offer('s3', STOCK + 1)).code, 'INSUFFICIENT_STOCK');
  assert.is((await offer('s4', 1)).status, 200);
  assert.is((await offer('s4', 1)).status, 200);
  await placed.untilStock('s4', { onHand: STOCK, reserved: 1 });
  await placed.untilStock('s2', { onHand: STOCK, reserved: 0 });
  const { own: asked } = await placed.until(({ lines }) => lines[1]!.substitution !== null);
  assert.is(asked.lines[1]!.substitution!.line.linePaise, 19_100);
  const answer = { listingId: of('s2'), substituteId: of('s4'), accept: true };
  assert.is((await shopper('substitutions', answer)).body.owedPaise, 36_000 + 19_100 + FEE);
  assert.is((await shopper('substitutions', { ...answer, accept: false })).code, 'WRONG_STATUS');
  await staff('picks', { lines: [{ listingId: of('s1'), quantity: 3 }] });
  await staff('pack');
  await placed.untilStock('s4', { onHand: STOCK - 1, reserved: 0 });
});

test('a substitute that was taken and is not there is short: nothing is paid or kept for it', async ({
  shop,
}) => {
  const placed = await placeStoreOrder(shop);
  const { staff, shopper, of } = placed;
  await staff('accept');
  await staff('substitutes', { listingId: of('s2'), substituteId: of('s4'), quantity: 1 });
  await shopper('substitutions', { listingId: of('s2'), substituteId: of('s4'), accept: true });
  const answer = await staff('shorts', { listingId: of('s4'), reason: 'damaged' });
  assert.equal([answer.status, answer.body.owedPaise], [200, 36_000 + FEE]);
  await placed.untilStock('s4', { onHand: STOCK - 1, reserved: 0 });
  await staff('picks', { lines: [{ listingId: of('s1'), quantity: 3 }] });
  assert.is((await staff('pack')).status, 200);
});

test('of a substitute that several orders want, as much is offered as is there', async ({
  shop,
}) => {
  const opened = openShelf(shop);
  const all = await Promise.all(Array.from({ length: 3 }, () => placeStoreOrder(shop, {}, opened)));
  await Promise.all(all.map(({ staff }) => staff('accept')));
  const answers = await Promise.all(
    all.map(({ staff, of }) => {
      return staff('substitutes', { listingId: of('s2'), substituteId: of('s4'), quantity: STOCK });
    }),
  );
  const codes = answers.map(({ code }) => code);
  assert.equal(codes.toSorted(), [200, 'INSUFFICIENT_STOCK', 'INSUFFICIENT_STOCK']);
  const refused = answers.find(({ code }) => code === 'INSUFFICIENT_STOCK')!;
  assert.match(refused.body.detail, 'Only 0 are not promised');
  await all[0]!.untilStock('s4', { onHand: STOCK, reserved: STOCK });
  const { staff, until: seen, of } = all[codes.indexOf('INSUFFICIENT_STOCK')]!;
  const { own } = await seen(({ lines }) => lines[1]!.substitution === null);
  assert.equal([own.lines[1]!.shorted, own.lines[1]!.quantity], [0, 2]);
  const other = { listingId: of('s2'), substituteId: of('s3'), quantity: 1 };
  assert.is((await staff('substitutes', other)).status, 200);
});

test('a proposal that is repeated hears what the first heard, also that too little was left', async ({
  shop,
}) => {
  const { staff, storeOrderId, of, storeId } = await placeStoreOrder(shop);
  await staff('accept');
  const path = `/store-orders/${storeOrderId}/substitutes`;
  const headers = { 'idempotency-key': newKey() };
  const offer = { listingId: of('s2'), substituteId: of('s4'), quantity: STOCK + 1 };
  const ask = () => shop.write<Refusal>('POST', path, offer, headers);
  assert.is((await ask()).body.code, 'INSUFFICIENT_STOCK');
  const lines = [{ sku: 's4', quantity: 1 }];
  await shop.write('POST', `/stores/${storeId}/stock/receive`, { lines });
  assert.is((await ask()).body.code, 'INSUFFICIENT_STOCK');
  assert.is((await staff('substitutes', offer)).status, 200);
});

test('without an answer the shopper’s wish decides: here, nothing comes and nothing is paid', async () => {
  const asking = await startShop({ now: () => new Date(Date.now() - 5 * 60_000 + 300) });
  try {
    const placed = await placeStoreOrder(asking, {
      s1: { wish: 'best-match' },
      s2: { wish: 'refund' },
    });
    const { staff, of } = placed;
    await staff('accept');
    await staff('substitutes', { listingId: of('s1'), substituteId: of('s3'), quantity: 3 });
    await staff('substitutes', { listingId: of('s2'), substituteId: of('s4'), quantity: 1 });
    const { own: decided } = await placed.until(
      ({ lines }) => lines[0]!.substitution?.status === 'accepted' && lines[1]!.shorted === 2,
    );
    assert.is(decided.owedPaise, 24_000 + FEE);
    await placed.untilStock('s4', { onHand: STOCK, reserved: 0 });
  } finally {
    await asking.stop();
  }
});

test('the shopper takes lines back until the shop picks; who does not know the order cannot', async ({
  shop,
}) => {
  const placed = await placeStoreOrder(shop);
  const { staff, shopper, of } = placed;
  const wish = (sku: string, quantity: number) => ({ lines: [{ listingId: of(sku), quantity }] });
  const other = `/orders/${newKey()}/store-orders/${placed.storeOrderId}/lines`;
  assert.is((await shop.write('POST', other, wish('s1', 1))).status, 404);
  assert.is((await shopper('lines', wish('s1', 4))).code, 'EDIT_RAISES');
  assert.is((await shopper('lines', wish('s1', 1))).body.owedPaise, 12_000 + 19_100 + FEE);
  await placed.untilStock('s1', { onHand: STOCK, reserved: 1 });
  await staff('accept');
  await staff('picks', wish('s2', 1));
  assert.is((await shopper('lines', wish('s1', 0))).code, 'EDIT_TOO_LATE');
});

test('the shopper keeps what the shop delivers from, or cancels', async ({ shop }) => {
  const storeId = await openShelf(shop);
  const minimum = { minimumPaise: 45_000 };
  await shop.write('PUT', `/stores/${storeId}/minimum`, minimum);
  const { shopper, of } = await placeStoreOrder(shop, {}, Promise.resolve(storeId));
  await shop.write('PUT', `/stores/${storeId}/minimum`, { minimumPaise: 0 });
  const wish = (sku: string, quantity: number) => ({ lines: [{ listingId: of(sku), quantity }] });
  const refused = await shopper('lines', wish('s1', 2));
  assert.is(refused.code, 'BELOW_MINIMUM');
  assert.match(refused.body.detail, 'delivers from ₹450 on: keep ₹19 more, or cancel');
  assert.is((await shopper('lines', wish('s2', 1))).body.owedPaise, 36_000 + 9_550 + FEE);
  assert.is((await shopper('cancel', { reason: 'changed-mind' })).body.status, 'cancelled');
});

test('cancelled by the shopper, or by the shop when packed: goods and slot are free again', async ({
  shop,
}) => {
  const early = await placeStoreOrder(shop);
  const cancelled = await early.shopper('cancel', { reason: 'changed-mind' });
  assert.equal([cancelled.body.status, cancelled.body.owedPaise], ['cancelled', 0]);
  await early.untilStock('s1', { onHand: STOCK, reserved: 0 });
  const { order } = await early.until((_, { status }) => status === 'cancelled');
  assert.is(order.timeline.at(-1)?.event, 'OrderCancelled');

  const late = await placeStoreOrder(shop);
  await work(shop, late.storeOrderId, ['accept', 'pick', 'pack']);
  await late.untilStock('s1', { onHand: STOCK - 3, reserved: 0 });
  await late.untilSlots(1);
  assert.is((await late.shopper('cancel', { reason: 'too-slow' })).code, 'WRONG_STATUS');
  assert.is((await late.staff('cancel', { reason: 'whim' })).status, 400);
  assert.is((await late.staff('cancel', { reason: 'not-reachable' })).body.owedPaise, 0);
  await late.untilStock('s1', { onHand: STOCK, reserved: 0 });
  await late.untilSlots(0);
});

type Placed = Awaited<ReturnType<typeof placeStoreOrder>>;

/** What a step is answered without a pass, with a made-up one, and with another shop's. */
async function refusals(shop: Shop, placed: Placed, step: string, body: object, otherId: string) {
  const path = `/store-orders/${placed.storeOrderId}/${step}`;
  const madeUp = { authorization: `Bearer ${placed.storeId}.${'x'.repeat(22)}` };
  const passes = [STRANGER, madeUp, shop.asShop(otherId)];
  return Promise.all(
    passes.map(async (headers) => {
      const answer = await shop.write<Refusal>('POST', path, body, headers);
      return [answer.status, answer.body.code];
    }),
  );
}

const REFUSED = Array.from({ length: 3 }, () => [401, 'STORE_PASS_REQUIRED']);

test('only its own shop ends a store order or takes goods back, and twice is once', async ({
  shop,
}) => {
  const otherId = await openShelf(shop);
  const toReject = await placeStoreOrder(shop);
  const toCancel = await placeStoreOrder(shop);
  const toReturn = await placeStoreOrder(shop);
  await work(shop, toCancel.storeOrderId, ['accept']);
  await work(shop, toReturn.storeOrderId);
  await toReturn.until(({ invoiceNumber }) => invoiceNumber !== null);
  const lines = [{ listingId: toReturn.of('s1'), quantity: 1 }];
  const ends: [Placed, string, object][] = [
    [toReject, 'reject', { reason: 'closed' }],
    [toCancel, 'cancel', { reason: 'not-reachable' }],
    [toReturn, 'returns', { lines, reason: 'damaged', to: 'write-off' }],
  ];
  for (const [placed, step, body] of ends) {
    const load = () => shop.handler.load(storeOrder, placed.storeOrderId, { fresh: true });
    const before = await load();
    assert.equal(await refusals(shop, placed, step, body, otherId), REFUSED, step);
    assert.equal(await load(), before, `${step} did nothing`);
    const unknown = `/store-orders/${newKey()}/${step}`;
    const nobody = await shop.write<Refusal>('POST', unknown, body, shop.asShop(placed.storeId));
    assert.equal([nobody.status, nobody.body.code], [404, 'STORE_ORDER_NOT_FOUND'], step);
    const key = { 'idempotency-key': newKey() };
    const say = () => takeAsShop(shop, placed.storeOrderId, step, body, key);
    const [first, second] = [await say(), await say()];
    assert.equal([first.status, second.status, second.body], [200, 200, first.body], step);
  }
});

test('what comes back goes to the shelf or to waste, and is credited by itself', async ({
  shop,
}) => {
  const placed = await placeStoreOrder(shop);
  const { staff, of } = placed;
  await work(shop, placed.storeOrderId);
  await placed.until(({ invoiceNumber }) => invoiceNumber !== null);
  const back = (sku: string, quantity: number, to: string) => ({
    lines: [{ listingId: of(sku), quantity }],
    reason: 'damaged',
    to,
  });
  assert.is((await staff('returns', back('s1', 4, 'shelf'))).code, 'RETURN_EXCEEDS_DELIVERED');
  assert.is((await staff('returns', back('s1', 1, 'shelf'))).body.owedPaise, 24_000 + 19_100 + FEE);
  assert.is((await staff('returns', back('s2', 2, 'write-off'))).body.owedPaise, 24_000 + FEE);
  const last = await staff('returns', back('s1', 2, 'shelf'));
  assert.is(last.body.owedPaise, 0, 'nothing was as it should be: neither was the way');
  await placed.untilStock('s1', { onHand: STOCK, reserved: 0 });
  await placed.untilStock('s2', { onHand: STOCK - 2, reserved: 0 });
  const path = `/store-orders/${placed.storeOrderId}/invoice`;
  const { body } = await shop.read<Invoice>(path, last.position);
  assert.equal([body.creditNotes.length, body.totalPaise - body.creditedPaise], [3, 0]);
});

test('staff open one order of their shop, and no other shop’s', async ({ shop }) => {
  const placed = await placeStoreOrder(shop);
  const path = (storeId: string) => `/stores/${storeId}/board/${placed.storeOrderId}`;
  const headers = { authorization: `Bearer ${shop.passOf(placed.storeId)}` };
  const { body } = await shop.read<BoardOrder>(path(placed.storeId), null, headers);
  assert.equal([body.contact?.name, body.lines.length], ['Asha Rao', 2]);
  assert.not('deliveryCode' in body);
  assert.is((await shop.read(path(placed.storeId), null, STRANGER)).status, 401);
  const { storeId } = await openStore(shop);
  assert.is((await shop.read(path(storeId))).status, 404);
});

test.run();
