import { START, eventTypeFilter } from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { slotDay } from '../domain/slots/slot-day.ts';
import {
  headOfCommands,
  newKey,
  openStore,
  recipient,
  startShop,
  takeAsShop,
  work,
  type Answer,
  type Shop,
} from '../test/shop.ts';
import { as } from '../test/write-api.ts';
import { businessDate } from '../platform/time.ts';

type Placed = {
  orderId: string;
  storeOrders: { storeOrderId: string }[];
  code?: string;
  detail?: string;
};
type Wanted = {
  pickup?: string[];
  slots?: object[];
  location?: object;
  /** What happens once it is quoted. */
  between?: () => Promise<unknown>;
};
type StoreOrder = {
  storeOrderId: string;
  slot: object | null;
  storeId: string;
  fulfilment: string;
  feePaise: number;
  totalPaise: number;
};
type Slots = { slots: { fromMinute: number; left: number }[] };
type Read = { totalPaise: number; storeOrders: StoreOrder[] };

const GHEE_PAISE = 65_000;
const HOME = { latitude: 12.9716, longitude: 77.5946 };

const test = suite<{ shop: Shop }>('delivery');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

const open = (shop: Shop) => openStore(shop, ['Ghee,650']);

const set = (shop: Shop, storeId: string, setting: string, body: object) =>
  shop.write('PUT', `/stores/${storeId}/${setting}`, body);

/** Orders one of the first item of each shop, at its quote; what refuses that refuses the order. */
async function order(
  shop: Shop,
  stores: { listingIds: string[] }[],
  { location, between, ...more }: Wanted = {},
): Promise<Answer<Placed>> {
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const { listingIds } of stores) {
    await shop.write('PUT', `/carts/${body.cartId}/items/${listingIds[0]}`, { quantity: 1 });
  }
  const { cartId } = body;
  const address = { pincode: '560001', ...(location && { location }) };
  const quotes = `/carts/${cartId}/quotes`;
  const quoted = await shop.write<Placed & { token: string }>('POST', quotes, { address, ...more });
  if (quoted.status !== 200) return quoted;
  await between?.();
  return shop.write('POST', '/orders', {
    cartId,
    quote: quoted.body.token,
    contact: recipient.contact,
    address: { ...recipient.address, ...address },
    payment: 'cash-on-delivery',
    ...more,
  });
}

const refused = ({ status, body }: Answer<Placed>) => [status, body.code];

test('a pause bites at once, and so does its end', async ({ shop }) => {
  const store = await open(shop);
  for (let round = 0; round < 3; round++) {
    await set(shop, store.storeId, 'pause', { paused: true });
    assert.equal(refused(await order(shop, [store])), [409, 'STORE_PAUSED']);
    await set(shop, store.storeId, 'pause', { paused: false });
    const between = () => set(shop, store.storeId, 'pause', { paused: true });
    assert.equal(refused(await order(shop, [store], { between })), [409, 'STORE_PAUSED']);
    await set(shop, store.storeId, 'pause', { paused: false });
    assert.is((await order(shop, [store])).status, 201);
  }
});

test('one closed shop of two refuses the order, which then is nowhere', async ({ shop }) => {
  const [near, closed] = [await open(shop), await open(shop)];
  await set(shop, closed.storeId, 'hours', { weekly: [], holidays: [] });
  assert.equal(refused(await order(shop, [near, closed])), [409, 'STORE_CLOSED']);
  const { position } = await set(shop, closed.storeId, 'hours', { weekly: null, holidays: [] });
  const board = await shop.read<{ storeOrders: object[] }>(
    `/stores/${near.storeId}/board`,
    position,
  );
  assert.is(board.body.storeOrders.length, 0);
  assert.is((await order(shop, [near, closed])).status, 201);
});

test('fees are part of the totals of store order, order and board; who fetches pays none', async ({
  shop,
}) => {
  const [brought, fetched] = [await open(shop), await open(shop)];
  const fee = {
    steps: [
      { fromMetres: 0, fromPaise: 0, feePaise: 3_000 },
      { fromMetres: 1_000, fromPaise: 0, feePaise: 4_550 },
    ],
    freeFromPaise: null,
  };
  const within = { centre: HOME, radiusMetres: 5_000 };
  for (const { storeId } of [brought, fetched]) {
    await set(shop, storeId, 'fee', fee);
    await set(shop, storeId, 'area', { pincodes: [], within });
    await set(shop, storeId, 'minimum', { minimumPaise: 10_000 });
  }
  const placed = await order(shop, [brought, fetched], {
    pickup: [fetched.storeId],
    location: { ...HOME, latitude: HOME.latitude + 0.02 },
  });
  assert.is(placed.status, 201, placed.body.detail);
  const { body } = await shop.read<Read>(`/orders/${placed.body.orderId}`, placed.position);
  const storeOrders = new Map(body.storeOrders.map((one) => [one.storeId, one]));
  const { fulfilment, feePaise, totalPaise } = storeOrders.get(brought.storeId)!;
  assert.equal([fulfilment, feePaise, totalPaise], ['delivery', 4_550, GHEE_PAISE + 4_550]);
  const { feePaise: none, ...collected } = storeOrders.get(fetched.storeId)!;
  assert.equal([collected.fulfilment, none, collected.totalPaise], ['pickup', 0, GHEE_PAISE]);
  assert.is(body.totalPaise, 2 * GHEE_PAISE + 4_550);
  const board = await shop.read<{ storeOrders: StoreOrder[] }>(`/stores/${fetched.storeId}/board`);
  assert.is(board.body.storeOrders[0]?.fulfilment, 'pickup');
});

test('out of the area and below the minimum are refused, and say so', async ({ shop }) => {
  const store = await open(shop);
  await set(shop, store.storeId, 'minimum', { minimumPaise: 70_000 });
  const below = await order(shop, [store]);
  assert.equal(refused(below), [409, 'BELOW_MINIMUM']);
  assert.match(below.body.detail!, 'add ₹50 more');
  await set(shop, store.storeId, 'area', { pincodes: ['560034'], within: null });
  assert.equal(refused(await order(shop, [store])), [409, 'OUT_OF_AREA']);
  assert.is((await order(shop, [store], { pickup: [store.storeId] })).status, 201);
});

test('a wish about a shop that the cart has nothing of is refused, and so is a second', async ({
  shop,
}) => {
  const [store, other] = [await open(shop), await open(shop)];
  const stray = await order(shop, [store], { pickup: [other.storeId] });
  assert.equal(refused(stray), [400, 'INVALID_REQUEST']);
  assert.match(stray.body.detail!, other.storeId);
  const twice = await order(shop, [store], { pickup: [store.storeId, store.storeId] });
  assert.equal(refused(twice), [400, 'INVALID_REQUEST']);
});

test('a bill has the goods and what bringing them cost', async ({ shop }) => {
  const store = await open(shop);
  const steps = [{ fromMetres: 0, fromPaise: 0, feePaise: 3_000 }];
  await set(shop, store.storeId, 'fee', { steps, freeFromPaise: null });
  const placed = await order(shop, [store]);
  const { storeOrderId } = placed.body.storeOrders[0]!;
  await shop.read(`/orders/${placed.body.orderId}`, placed.position);
  await work(shop, storeOrderId);
  type Billed = { storeOrders: { invoiceNumber: string | null }[] };
  const path = `/orders/${placed.body.orderId}`;
  await shop.untilLive<Billed>(path, (page) => page.storeOrders[0]!.invoiceNumber !== null);
  type Bill = { lines: object[]; totalPaise: number; fees: { feePaise: number }[] };
  const { body } = await shop.read<Bill>(`/store-orders/${storeOrderId}/invoice`);
  assert.equal([body.lines.length, body.totalPaise], [1, GHEE_PAISE + 3_000]);
  assert.equal(
    body.fees.map(({ feePaise }) => feePaise),
    [3_000],
  );
});

test('a shop’s page says how its goods come to people', async ({ shop }) => {
  const { storeId } = await open(shop);
  await set(shop, storeId, 'pause', { paused: true });
  const weekly = [{ weekday: 6, fromMinute: 540, toMinute: 1_500 }];
  const hours = { weekly, holidays: ['2026-11-08'] };
  const { position } = await set(shop, storeId, 'hours', hours);
  const { body } = await shop.read<{ delivery: object }>(`/stores/${storeId}`, position);
  assert.equal(body.delivery, {
    paused: true,
    hours,
    area: { pincodes: null, within: null },
    minimumPaise: 0,
    fee: { steps: [], freeFromPaise: null },
    slotClosing: { leadMinutes: 0, sameDayUntilMinute: null },
  });
});

const DATE = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
const slot = { fromMinute: 1_080, toMinute: 1_200 };

async function openWithSlots(shop: Shop, capacity: number) {
  const store = await open(shop);
  const body = { slots: [{ ...slot, capacity }] };
  await shop.write('PUT', `/stores/${store.storeId}/slots/${DATE}`, body);
  return { ...store, slots: [{ storeId: store.storeId, date: DATE, fromMinute: 1_080 }] };
}

async function leftOf(shop: Shop, storeId: string, position?: string | null): Promise<number[]> {
  const { body } = await shop.read<Slots>(`/stores/${storeId}/slots?date=${DATE}`, position);
  return body.slots.map(({ left }) => left);
}

test('200 shoppers race for a slot of 20: exactly 20 get it, the others keep their carts', async ({
  shop,
}) => {
  const { slots, ...store } = await openWithSlots(shop, 20);
  const answers = await Promise.all(
    Array.from({ length: 200 }, () => order(shop, [store], { slots })),
  );
  const of = (wanted: number) => answers.filter(({ status }) => status === wanted);
  assert.is(of(201).length, 20);
  assert.equal(new Set(of(409).map(({ body }) => body.code)), new Set(['SLOT_FULL']));
  assert.is(of(409).length, 180);
  const stream = await shop.handler.load(slotDay, `${store.storeId}.${DATE}`, { fresh: true });
  const held = [...stream.held.values()];
  assert.equal([held.length, held.every(({ confirmed }) => confirmed)], [20, true]);
  const last = await shop.write('POST', '/carts');
  assert.equal(await leftOf(shop, store.storeId, last.position), [0]);
});

test('a slot is on the order, and free again when its shop rejects it', async ({ shop }) => {
  const { slots, ...store } = await openWithSlots(shop, 1);
  await set(shop, store.storeId, 'hours', { weekly: [], holidays: [] });
  const placed = await order(shop, [store], { slots });
  assert.is(placed.status, 201, placed.body.detail);
  const { body } = await shop.read<Read>(`/orders/${placed.body.orderId}`, placed.position);
  const [storeOrder] = body.storeOrders;
  assert.equal(storeOrder?.slot, { date: DATE, ...slot });
  assert.equal(refused(await order(shop, [store], { slots })), [409, 'SLOT_FULL']);
  await takeAsShop(shop, storeOrder!.storeOrderId, 'reject', { reason: 'other' });
  await untilReleased(shop, storeOrder!.storeOrderId);
  assert.is((await order(shop, [store], { slots })).status, 201);
});

test('an order that fails at one shop leaves no slot held at another', async ({ shop }) => {
  const [free, full] = [await openWithSlots(shop, 5), await openWithSlots(shop, 1)];
  const both = { slots: [...free.slots, ...full.slots] };
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => order(shop, [free, full], both)),
  );
  assert.is(answers.filter(({ status }) => status === 201).length, 1);
  const day = await shop.handler.load(slotDay, `${free.storeId}.${DATE}`, { fresh: true });
  assert.is(day.held.size, 1);
});

test('a slot that has begun, or is none, is refused', async ({ shop }) => {
  const store = await open(shop);
  const past = '2026-01-26';
  const path = `/stores/${store.storeId}/slots`;
  const day = { slots: [{ ...slot, capacity: 5 }] };
  const late = await shop.write<Placed>('PUT', `${path}/${past}`, day);
  assert.equal(
    [late.status, late.body.detail],
    [400, `${past} is over: set the slots of today or later.`],
  );
  const command = { type: 'SetSlotCapacity', data: day } as const;
  await shop.handler.handle(slotDay, `${store.storeId}.${past}`, command, as());
  for (const date of [past, DATE]) {
    const slots = [{ storeId: store.storeId, date, fromMinute: 1_080 }];
    assert.equal(refused(await order(shop, [store], { slots })), [409, 'SLOT_NOT_FOUND']);
  }
  const twice = [slot, slot].map((one) => ({ ...one, capacity: 1 }));
  assert.is((await shop.write('PUT', `${path}/${DATE}`, { slots: twice })).status, 400);
  assert.is((await shop.write('PUT', `${path}/tomorrow`, { slots: [] })).status, 400);
  const nowhere = `/stores/${newKey()}/slots/${DATE}`;
  assert.is((await shop.write('PUT', nowhere, { slots: [] })).status, 404);
  assert.equal(await leftOf(shop, store.storeId), []);
});

/** A slot of tomorrow at 18:00, and how many minutes from now that is. */
function tomorrow() {
  const date = businessDate(Date.now() + 24 * 3_600_000);
  const beginsMs = Date.parse(`${date}T18:00:00+05:30`);
  return { date, minutesAhead: Math.floor((beginsMs - Date.now()) / 60_000) };
}

test('a slot closes before it begins, as long as the shop says, and the next one is told', async ({
  shop,
}) => {
  const store = await open(shop);
  const { date, minutesAhead } = tomorrow();
  const day = [slot, { fromMinute: 1_200, toMinute: 1_320 }].map((one) => ({
    ...one,
    capacity: 5,
  }));
  await set(shop, store.storeId, `slots/${date}`, { slots: day });
  const slots = [{ storeId: store.storeId, date, fromMinute: 1_080 }];
  const close = (leadMinutes: number, sameDayUntilMinute: number | null = null) =>
    set(shop, store.storeId, 'slot-closing', { leadMinutes, sameDayUntilMinute });
  const [first, second] = [await close(minutesAhead + 60), await close(minutesAhead + 60)];
  assert.equal([first.status, second.status], [200, 200]);
  assert.is(second.position, first.position, 'the same again changes nothing');
  const late = await order(shop, [store], { slots });
  assert.equal(refused(late), [409, 'SLOT_NOT_FOUND']);
  const { because, next } = late.body as unknown as { because: string; next: object };
  assert.equal([because, next], ['closed', { date, fromMinute: 1_200, toMinute: 1_320 }]);
  const page = await shop.read<{ delivery: { slotClosing: object } }>(
    `/stores/${store.storeId}`,
    second.position,
  );
  const closing = { leadMinutes: minutesAhead + 60, sameDayUntilMinute: null };
  assert.equal(page.body.delivery.slotClosing, closing);
  await close(minutesAhead - 60);
  assert.is((await order(shop, [store], { slots })).status, 201);
  assert.is((await close(-1)).status, 400);
  assert.is((await close(0, 1_441)).status, 400);
});

test('latitude and longitude that changed places are refused', async ({ shop }) => {
  const store = await open(shop);
  const swapped = { latitude: HOME.longitude, longitude: HOME.latitude };
  const around = (centre: object) => ({ pincodes: [], within: { centre, radiusMetres: 5_000 } });
  assert.is((await set(shop, store.storeId, 'area', around(swapped))).status, 400);
  assert.is((await set(shop, store.storeId, 'area', around(HOME))).status, 200);
  assert.is((await order(shop, [store], { location: swapped })).status, 400);
  assert.is((await order(shop, [store], { location: HOME })).status, 201);
});

test('on a holiday nothing comes, whatever slots its day has; before the shop opens it may', async ({
  shop,
}) => {
  const { slots, ...store } = await openWithSlots(shop, 5);
  const weekly = [{ weekday: 0, fromMinute: 540, toMinute: 600 }];
  const holiday = () => set(shop, store.storeId, 'hours', { weekly, holidays: [DATE] });
  assert.is((await order(shop, [store], { slots })).status, 201);
  const closed = await order(shop, [store], { slots, between: holiday });
  assert.equal(refused(closed), [409, 'STORE_CLOSED']);
  assert.match(closed.body.detail!, `is closed on ${DATE}, a holiday`);
  const { body: cart } = await shop.write<{ cartId: string }>('POST', '/carts');
  await shop.write('PUT', `/carts/${cart.cartId}/items/${store.listingIds[0]}`, { quantity: 1 });
  const quoted = await shop.write<Placed>('POST', `/carts/${cart.cartId}/quotes`, { slots });
  assert.equal(refused(quoted), [409, 'STORE_CLOSED']);
  assert.equal(await leftOf(shop, store.storeId, (await holiday()).position), [0]);
  const opened = await set(shop, store.storeId, 'hours', { weekly, holidays: [] });
  assert.equal(await leftOf(shop, store.storeId, opened.position), [4]);
  assert.is((await order(shop, [store], { slots })).status, 201);
});

/** Resolves once a store order's slot is free again. */
async function untilReleased({ client }: Shop, storeOrderId: string): Promise<void> {
  const filter = eventTypeFilter({ prefixes: ['SlotReleased'] });
  const events = client.subscribeToAll({ fromPosition: START, filter });
  const tooLong = setTimeout(() => void events.unsubscribe(), 15_000);
  try {
    for await (const { event } of events) {
      if ((event!.data as StoreOrder).storeOrderId === storeOrderId) return;
    }
  } finally {
    clearTimeout(tooLong);
  }
  throw new Error('the slot stayed held');
}

test('a bad setting says what is wrong, a repeated one does nothing: both append nothing', async ({
  shop,
}) => {
  const { storeId } = await open(shop);
  const span = (fromMinute: number, toMinute: number) => ({
    weekly: [{ weekday: 0, fromMinute, toMinute }],
    holidays: [],
  });
  await set(shop, storeId, 'hours', span(540, 1_500));
  const head = await headOfCommands(shop.client);
  const tried: [number, string, object][] = [
    [200, 'hours', span(540, 1_500)],
    [200, 'pause', { paused: false }],
    [200, 'minimum', { minimumPaise: 0 }],
    [400, 'hours', span(540, 540)],
    [400, 'hours', span(60, 1_501)],
    [400, 'hours', { weekly: null, holidays: ['8 November'] }],
    [400, 'area', { pincodes: ['012345'], within: null }],
    [400, 'minimum', { minimumPaise: -1 }],
    [400, 'minimum', { minimumPaise: 1.5 }],
    [400, 'fee', { steps: [] }],
    [400, 'pause', {}],
  ];
  for (const [status, setting, body] of tried) {
    const answer = await set(shop, storeId, setting, body);
    assert.is(answer.status, status, `${setting} ${JSON.stringify(body)}`);
  }
  assert.is((await set(shop, newKey(), 'pause', { paused: true })).status, 404);
  assert.is(await headOfCommands(shop.client), head);
});

test.run();
