import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CreditNote, Invoice } from '../domain/invoices.ts';
import { inventory, type Inventory, type InventoryEvent } from '../domain/inventory.ts';
import type { PlacedOrder } from '../domain/order.ts';
import { startEventStore } from '../local/event-store/server.ts';
import { newKey, quoteCart, startShop, type Shop } from '../local/testing.ts';
import {
  connectEventStore,
  headOfLog,
  snapshotStreamOf,
  type StoredEvent,
} from '../platform/event-store.ts';
import { idFrom } from '../platform/ids.ts';
import { RawAppends, readRawLog, type RawEvent } from '../platform/raw-events.ts';
import { followLog, LogEvent } from '../platform/subscription.ts';
import { REBUILD_LOCK } from '../projector/checkpoint.ts';
import { shopEvents } from './event-log/history.ts';
import { collectLies } from './prove/check.ts';
import { proveLog } from './prove/log.ts';
import { Streams } from './prove/streams.ts';
import { environmentOf, ops } from './testing.ts';

const SLOT = { date: '2099-11-21', fromMinute: 1_080 };
const SETTLE_TIMEOUT_MS = 20_000;
const HOUR_MS = 3_600_000;
const NO_ORDER = '00000000-0000-4000-8000-000000000000';
const FAR = '2099-11-21T00:00:00.000Z';
const PAST = '2020-11-21T00:00:00.000Z';

/** A day of two shops: an order of each fate, all of it at rest. */
type Story = {
  shop: Shop;
  /** The shop that counts its stock and has slots. */
  storeId: string;
  /** Every event of the shops, in order. */
  history: RawEvent[];
  cartId: string;
  delivered: Placed;
  /** Accepted, and to be packed. */
  open: Placed;
  /** Rejected, since more was wanted than there was. */
  rejected: Placed;
};
type Placed = { orderId: string; storeOrderId: string };

const test = suite<Story>('prove');

test.before(async (story) => {
  const shop = (story.shop = await startShop());
  Object.assign(story, await liveADay(shop), { history: [] });
  for await (const event of shopEvents(readRawLog(shop.client, undefined))) {
    story.history.push(event);
  }
});
test.after(({ shop }) => shop.stop());

async function liveADay(shop: Shop): Promise<Omit<Story, 'shop' | 'history'>> {
  const [storeId, other] = [await openShop(shop), await openShop(shop)];
  await shop.write('PUT', `/stores/${storeId}/tax-registration`, {
    gstin: '29AAGCB7383J1Z4',
    legalName: 'Test Kirana Private Limited',
    address: '12, 4th Cross, Bengaluru 560001',
  });
  const lines = [{ sku: 'dal', quantity: 20 }];
  await shop.write('POST', `/stores/${storeId}/stock/receive`, { lines });
  await shop.write('POST', `/stores/${storeId}/stock/buffer`, {
    lines: [{ ...lines[0], quantity: 1 }],
  });
  const slots = [{ fromMinute: SLOT.fromMinute, toMinute: 1_200, capacity: 3 }];
  await shop.write('PUT', `/stores/${storeId}/slots/${SLOT.date}`, { slots });

  const inSlot = [{ storeId, ...SLOT }];
  const delivered = await buy(shop, { [`${storeId}.dal`]: 2, [`${other}.milk`]: 1 }, inSlot);
  for (const storeOrderId of delivered.storeOrderIds) {
    await work(shop, storeOrderId, 'accept', 'pack', 'dispatch', 'deliver');
  }
  const returned = await buy(shop, { [`${storeId}.dal`]: 1 }, inSlot);
  await work(shop, returned.storeOrderIds[0]!, 'accept', 'pack', 'reject');
  const open = await buy(shop, { [`${storeId}.dal`]: 3, [`${storeId}.milk`]: 1 }, inSlot);
  await work(shop, open.storeOrderIds[0]!, 'accept');
  const rejected = await buy(shop, { [`${storeId}.dal`]: 64 }, inSlot);
  const { body: cart } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const quantity of [1, 2]) {
    await shop.write('PUT', `/carts/${cart.cartId}/items/${storeId}.dal`, { quantity });
  }
  await untilSeen(shop, {
    InvoiceIssued: 2,
    OrderCompleted: 1,
    OrderRejected: 2,
    SlotReleased: 1,
    StockPicked: 3,
    StockReturned: 1,
  });
  const credit = { lines: [{ listingId: `${storeId}.dal`, quantity: 1 }], reason: 'damaged' };
  const path = `/store-orders/${delivered.storeOrderIds[0]}/credit-notes`;
  const credited = await shop.write('POST', path, credit);
  assert.is(credited.status, 201);
  // All of it is in the rows.
  while ((await shop.read('/stores', credited.position)).status === 503);
  const first = ({ orderId, storeOrderIds }: Ordered) => ({
    orderId,
    storeOrderId: storeOrderIds[0]!,
  });
  return {
    storeId,
    cartId: cart.cartId,
    delivered: first(delivered),
    open: first(open),
    rejected: first(rejected),
  };
}

async function openShop(shop: Shop): Promise<string> {
  const store = { name: 'Test Kirana', city: 'Bengaluru', pincode: '560001' };
  const { body } = await shop.write<{ storeId: string }>('POST', '/stores', store);
  const prices = ['sku,name,price,hsn,gst', 'dal,Toor dal,105,0713,5', 'milk,Milk,28,0401,0', ''];
  await shop.importCsv(body.storeId, prices.join('\n'));
  return body.storeId;
}

type Ordered = { orderId: string; storeOrderIds: string[] };

async function buy(
  shop: Shop,
  quantities: Record<string, number>,
  slots: object[] = [],
): Promise<Ordered> {
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const [listingId, quantity] of Object.entries(quantities)) {
    await shop.write('PUT', `/carts/${body.cartId}/items/${listingId}`, { quantity });
  }
  const wish = {
    cartId: body.cartId,
    quote: await quoteCart(shop, body.cartId, { slots }),
    contact: { name: 'Asha Rao', phone: '9876543210' },
    address: { line1: '12, 4th Cross', city: 'Bengaluru', pincode: '560001' },
    payment: 'cash-on-delivery',
    slots,
  };
  const key = newKey();
  await shop.write('POST', '/orders', wish, { 'idempotency-key': key });
  const orderId = idFrom('order', key);
  const storeIds = [...new Set(Object.keys(quantities).map((id) => id.split('.')[0]!))];
  return { orderId, storeOrderIds: storeIds.map((id) => idFrom('store-order', orderId, id)) };
}

async function work(shop: Shop, storeOrderId: string, ...steps: string[]): Promise<void> {
  for (const step of steps) {
    const { status } = await shop.write('POST', `/store-orders/${storeOrderId}/${step}`);
    assert.is(status, 200, step);
  }
}

/** Waits until the log has so many events of each type. */
async function untilSeen({ client, log }: Shop, wanted: Record<string, number>): Promise<void> {
  const left = new Map(Object.entries(wanted));
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, AbortSignal.timeout(SETTLE_TIMEOUT_MS)]);
  const consume = async ({ events }: { events: StoredEvent[] }) => {
    for (const { type } of events) {
      const more = left.get(type);
      if (more === 1) left.delete(type);
      else if (more) left.set(type, more - 1);
    }
    if (left.size === 0) done.abort();
  };
  await followLog({ client, after: undefined, maxBatch: 1_000, log, signal, consume });
  assert.equal([...left], [], 'the log lacks');
}

/** What a log says that cannot be true an hour from now, as sentences. */
async function liesIn(events: RawEvent[]): Promise<string[]> {
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-prove-'));
  const store = await startEventStore({ dir });
  const client = connectEventStore(store.url);
  const appends = await RawAppends.open(client);
  try {
    await Promise.all(
      events.map((event) => appends.append(event.stream, event.revision - 1n, [event])),
    );
    const { tell, lies } = collectLies();
    await proveLog(client, await headOfLog(client), Date.now() + HOUR_MS, tell);
    return lies.flatMap(({ kind, first }) =>
      first.map(({ where, text }) => `${kind}: ${where}: ${text}`),
    );
  } finally {
    appends.close();
    await client.dispose();
    await store.close();
    await rm(dir, { recursive: true });
  }
}

type Planted = {
  stream: string;
  type: string;
  data: unknown;
  /** Else those of a new command. */
  commandId?: string;
  id?: string;
  metadata?: object;
};

/** Events as somebody would append them behind the history, past all rules. */
function plant(history: RawEvent[], planted: Planted[]): RawEvent[] {
  const events = [...history];
  for (const { stream, type, data, commandId = newKey(), id, metadata } of planted) {
    const isJson = !(data instanceof Uint8Array);
    events.push({
      stream,
      revision: BigInt(events.filter((each) => each.stream === stream).length),
      id: id ?? idFrom(stream, commandId, 0),
      type,
      isJson,
      data: isJson ? Buffer.from(JSON.stringify(data)) : data,
      metadata: Buffer.from(JSON.stringify(metadata ?? { commandId })),
      position: 0n,
      created: 0n,
    });
  }
  return events;
}

const dataOf = <T>({ history }: Story, stream: string, type: string): T => {
  const found = history.find((event) => event.stream === stream && event.type === type)!;
  return JSON.parse(Buffer.from(found.data).toString()) as T;
};

test('a day of every fate holds, while the shops go on', async ({ shop, storeId }) => {
  const state = { settled: false };
  const proved = ops(['prove'], environmentOf(shop)).finally(() => (state.settled = true));
  let orders = 0;
  for (; !state.settled; orders++) await buy(shop, { [`${storeId}.milk`]: 1 });
  const { code, stdout, stderr } = await proved;
  assert.is(code, 0, stdout + stderr);
  assert.match(stdout, 'All of it holds.');
  assert.ok(orders > 2);
});

const event = (
  stream: string,
  type: string,
  data: unknown,
  more: Partial<Planted> = {},
): Planted => ({
  stream,
  type,
  data,
  ...more,
});

/** How the next event of a stream is called, or one that comes `later`. */
const next = ({ history }: Story, stream: string, later = 0): string =>
  `event ${history.filter((each) => each.stream === stream).length + later} of ${stream}`;

const streamsOf = ({ orderId, storeOrderId }: Placed) => ({
  order: `order-${orderId}`,
  part: `storeorder-${storeOrderId}`,
});

const inventoryOf = ({ storeId }: Story): string => `inventory-${storeId}`;
const slotDayOf = ({ storeId }: Story): string => `slotday-${storeId}.${SLOT.date}`;
const placedBy = (story: Story, { orderId }: Placed): PlacedOrder =>
  dataOf(story, `order-${orderId}`, 'OrderPlaced');
const registerOf = ({ history, storeId }: Story): string =>
  history.find(({ stream }) => stream.startsWith(`invoices-${storeId}`))!.stream;

const OPEN_LINES = [
  { sku: 'dal', quantity: 3 },
  { sku: 'milk', quantity: 1 },
];

/** An order like the open one, for which nobody has done anything. */
function newOrder(story: Story, change: Partial<PlacedOrder> = {}) {
  const like = placedBy(story, story.open);
  const [orderId, storeOrderId] = [newKey(), newKey()];
  const parts = like.parts.map((part) => ({ ...part, storeOrderId }));
  const streams = streamsOf({ orderId, storeOrderId });
  const { orderId: _, ...rest } = { orderId, ...like, parts, expiresAt: FAR, ...change };
  const reservation = { storeOrderId, orderId, lines: OPEN_LINES, expiresAt: FAR };
  const hold = { storeOrderId, orderId, fromMinute: SLOT.fromMinute, expiresAt: FAR };
  return {
    orderId,
    storeOrderId,
    ...streams,
    data: rest,
    placed: event(streams.order, 'OrderPlaced', rest),
    reserved: event(inventoryOf(story), 'StockReserved', reservation),
    held: event(slotDayOf(story), 'SlotHeld', hold),
    confirmed: event(streams.order, 'OrderConfirmed', {}),
    rejected: event(streams.order, 'OrderRejected', { reason: 'CHECKOUT_EXPIRED' }),
  };
}

/** A step of the open part. */
function stepOf({ open, storeId }: Story, type: string): Planted {
  const place = { orderId: open.orderId, storeId };
  return event(streamsOf(open).part, type, place);
}

/** What the shop does to the stock for the open part. */
function stockOf(story: Story, type: string, lines: object[], more: object = {}): Planted {
  const { orderId, storeOrderId } = story.open;
  return event(inventoryOf(story), type, { orderId, storeOrderId, lines, ...more });
}

const bill = (story: Story, change: Partial<Invoice>): Planted => {
  const register = registerOf(story);
  const known = dataOf<Invoice>(story, register, 'InvoiceIssued');
  const second = { sequence: 2, number: known.number.replace('01', '02') };
  return event(register, 'InvoiceIssued', { ...known, ...second, ...change });
};

const credit = (story: Story, change: Partial<CreditNote>): Planted => {
  const register = registerOf(story);
  const known = dataOf<CreditNote>(story, register, 'CreditNoteIssued');
  const number = known.number.replace('01', '02');
  const second = { creditNoteId: newKey(), sequence: 2, number };
  return event(register, 'CreditNoteIssued', { ...known, ...second, ...change });
};

type Fault = (story: Story) => {
  plant: Planted[];
  /** Every sentence that is said, each from its beginning on. */
  says: string[];
};

const FAULTS: Record<string, Fault> = {
  'a stream that nobody has rules for': () => ({
    plant: [event('basket-1', 'BasketOpened', {})],
    says: ['every stream folds: event 0 of basket-1: there are no rules for streams of that name'],
  }),

  'an event that no rule knows': (story) => ({
    plant: [event(`cart-${story.cartId}`, 'ItemStolen', {})],
    says: [
      `every stream folds: ${next(story, `cart-${story.cartId}`)}: there is no rule for ItemStolen`,
    ],
  }),

  'an event that its rule cannot fold': (story) => ({
    plant: [event(inventoryOf(story), 'StockReceived', { lines: 7 })],
    says: [`every stream folds: ${next(story, inventoryOf(story))}: its rule fails on it: `],
  }),

  'an event under an id that is not its own': (story) => ({
    plant: [event(`store-${story.storeId}`, 'StorePaused', {}, { commandId: 'c-1', id: newKey() })],
    says: [
      `a command takes effect once: ${next(story, `store-${story.storeId}`)}: ` +
        'its id is not that of event 0 of command c-1',
    ],
  }),

  'an event of no command': (story) => ({
    plant: [event(`store-${story.storeId}`, 'StorePaused', {}, { metadata: {} })],
    says: [
      `a command takes effect once: ${next(story, `store-${story.storeId}`)}: ` +
        'its metadata does not say of which command it is',
    ],
  }),

  'a command that took effect twice': (story) => {
    const stream = `cart-${story.cartId}`;
    const first = story.history.find((each) => each.stream === stream)!;
    const { commandId } = JSON.parse(Buffer.from(first.metadata).toString());
    const id = idFrom(stream, commandId, 1);
    return {
      plant: [event(stream, 'CartOpened', {}, { commandId, id })],
      says: [
        `a command takes effect once: ${next(story, stream)}: ` +
          `command ${commandId} took effect before`,
      ],
    };
  },

  'a snapshot of something else': (story) => {
    const stream = inventoryOf(story);
    const state = { items: [['dal', 99, 0, 0]], reservations: [], recent: [], older: [] };
    const kept = { version: inventory.snapshot!.version, revision: '0', state };
    const name = snapshotStreamOf(stream);
    return {
      plant: [event(name, 'SnapshotTaken', gzipSync(JSON.stringify(kept)))],
      says: [`a snapshot is what its stream folds to: ${name}: from it, ${stream} does not fold`],
    };
  },

  'goods that are promised twice': (story) => {
    const { storeOrderId, orderId } = story.rejected;
    const lines = [{ sku: 'dal', quantity: 64 }];
    const stream = inventoryOf(story);
    return {
      plant: [event(stream, 'StockReserved', { storeOrderId, orderId, lines, expiresAt: PAST })],
      says: [
        `nothing is promised twice: ${next(story, stream)}: it reserves 64 × dal of 14 left`,
        'what is reserved is what open orders have: ' +
          `event 1 of order-${orderId}: 64 × dal are reserved still for ${storeOrderId}`,
      ],
    };
  },

  'a reservation for no order': (story) => {
    const { reserved, orderId, storeOrderId } = newOrder(story);
    return {
      plant: [reserved],
      says: [
        `what is reserved is what open orders have: ${next(story, inventoryOf(story))}: ` +
          `order ${orderId} has no part ${storeOrderId} here`,
      ],
    };
  },

  'a reservation of something else than was ordered': (story) => {
    const { placed, reserved, storeOrderId } = newOrder(story);
    const lines = [{ sku: 'dal', quantity: 2 }];
    return {
      plant: [placed, { ...reserved, data: { ...(reserved.data as object), lines } }],
      says: [
        `what is reserved is what open orders have: ${next(story, inventoryOf(story))}: ` +
          `it reserves 2 × dal for ${storeOrderId}; ordered are 1 × milk, 3 × dal`,
      ],
    };
  },

  'a reservation that outlives its order': (story) => {
    const order = newOrder(story, { expiresAt: PAST });
    return {
      plant: [order.placed, order.reserved, order.rejected],
      says: [
        `what is reserved is what open orders have: event 1 of ${order.order}: ` +
          `1 × milk, 3 × dal are reserved still for ${order.storeOrderId}`,
      ],
    };
  },

  'a release of less than was reserved': (story) => {
    const { storeOrderId } = story.open;
    const lines = [{ sku: 'dal', quantity: 3 }];
    return {
      plant: [
        stepOf(story, 'StoreOrderRejected'),
        event(streamsOf(story.open).order, 'OrderRejected', { reason: 'rejected-by-every-shop' }),
        stockOf(story, 'ReservationReleased', lines, { reason: 'rejected-by-shop' }),
        event(slotDayOf(story), 'SlotReleased', { ...story.open, reason: 'rejected-by-shop' }),
      ],
      says: [
        `what is reserved is what open orders have: ${next(story, inventoryOf(story))}: ` +
          `for ${storeOrderId} it frees 3 × dal; reserved was 1 × milk, 3 × dal`,
      ],
    };
  },

  'an order to be packed for which nothing is reserved': (story) => ({
    plant: [stockOf(story, 'ReservationReleased', OPEN_LINES, { reason: 'rejected-by-shop' })],
    says: [
      `what is reserved is what open orders have: event 1 of ${streamsOf(story.open).part}: ` +
        `nothing is reserved for ${story.open.storeOrderId}, which is to be packed`,
    ],
  }),

  'goods that left the shelf and were not packed': (story) => ({
    plant: [stockOf(story, 'StockPicked', OPEN_LINES, { reserved: OPEN_LINES })],
    says: [
      `what is packed left the shelf, and nothing else did: ${next(story, inventoryOf(story))}: ` +
        `${story.open.storeOrderId} was not packed`,
      `what is reserved is what open orders have: event 1 of ${streamsOf(story.open).part}: ` +
        `nothing is reserved for ${story.open.storeOrderId}, which is to be packed`,
    ],
  }),

  'packed goods that are on the books still': (story) => {
    const { part } = streamsOf(story.open);
    return {
      plant: [stepOf(story, 'StoreOrderPacked')],
      says: [
        `what is reserved is what open orders have: event 2 of ${part}: 1 × milk, 3 × dal are`,
        `what is packed left the shelf, and nothing else did: event 2 of ${part}: ` +
          '1 × milk, 3 × dal were packed and are on the books still',
      ],
    };
  },

  'a place in a full slot': (story) => {
    const { placed, held } = newOrder(story);
    const slots = [{ fromMinute: SLOT.fromMinute, toMinute: 1_200, capacity: 2 }];
    return {
      plant: [placed, event(slotDayOf(story), 'SlotCapacitySet', { slots }), held],
      says: [
        `no slot takes more orders than it has places: ${next(story, slotDayOf(story), 1)}: ` +
          'all 2 places were taken',
      ],
    };
  },

  'a place in a slot that there is not': (story) => {
    const { orderId, storeOrderId, placed, held } = newOrder(story);
    return {
      plant: [placed, { ...held, data: { ...(held.data as object), fromMinute: 5 } }],
      says: [
        `no slot takes more orders than it has places: ${next(story, slotDayOf(story))}: ` +
          'no slot begins in minute 5',
        `places in slots are held for open orders: ${next(story, slotDayOf(story))}: ` +
          `order ${orderId} has no part ${storeOrderId} in this slot`,
      ],
    };
  },

  'a place that outlives its order': (story) => {
    const order = newOrder(story, { expiresAt: PAST });
    return {
      plant: [order.placed, order.held, order.rejected],
      says: [
        `places in slots are held for open orders: event 1 of ${order.order}: ` +
          `${order.storeOrderId} holds its place still`,
      ],
    };
  },

  'a place that is given back twice': (story) => {
    const { orderId, storeOrderId } = story.rejected;
    const data = { orderId, storeOrderId, reason: 'order-rejected' };
    return {
      plant: [event(slotDayOf(story), 'SlotReleased', data)],
      says: [
        `places in slots are held for open orders: ${next(story, slotDayOf(story))}: ` +
          `${storeOrderId} held no place`,
      ],
    };
  },

  'an order to be packed without its place': (story) => ({
    plant: [event(slotDayOf(story), 'SlotReleased', { ...story.open, reason: 'order-rejected' })],
    says: [
      `places in slots are held for open orders: event 1 of ${streamsOf(story.open).part}: ` +
        `${story.open.storeOrderId} is to be packed and holds no place`,
    ],
  }),

  'a checkout that is stuck': (story) => {
    const { order, placed } = newOrder(story, { expiresAt: PAST });
    return {
      plant: [placed],
      says: [
        `orders come to an end: event 0 of ${order}: it is placed still, and expired at ${PAST}`,
      ],
    };
  },

  'a confirmed order that no shop was handed': (story) => {
    const { order, placed, reserved, held, confirmed } = newOrder(story);
    return {
      plant: [placed, reserved, held, confirmed],
      says: [`orders come to an end: event 1 of ${order}: it is confirmed, and was not handed`],
    };
  },

  'an order that nobody ends': (story) => ({
    plant: [
      stepOf(story, 'StoreOrderRejected'),
      stockOf(story, 'ReservationReleased', OPEN_LINES, { reason: 'rejected-by-shop' }),
      event(slotDayOf(story), 'SlotReleased', { ...story.open, reason: 'rejected-by-shop' }),
    ],
    says: [
      `orders come to an end: event 1 of ${streamsOf(story.open).order}: ` +
        'every shop is done, and it has no end',
    ],
  }),

  'an order with two ends': (story) => {
    const { order } = streamsOf(story.delivered);
    return {
      plant: [event(order, 'OrderRejected', { reason: 'CHECKOUT_EXPIRED' })],
      says: [
        `an order goes on from where it was: ${next(story, order)}: ` +
          'it was completed, not placed or confirmed',
      ],
    };
  },

  'an order that ends before its shops are done': (story) => {
    const { order } = streamsOf(story.open);
    return {
      plant: [event(order, 'OrderCompleted', {})],
      says: [
        `an order goes on from where it was: ${next(story, order)}: ` +
          `its part at ${story.storeId} is accepted`,
      ],
    };
  },

  'an order that is not the sum of its parts': (story) => {
    const { order, placed, data } = newOrder(story);
    const totalPaise = data.totalPaise - 1;
    return {
      plant: [{ ...placed, data: { ...data, totalPaise } }],
      says: [
        `an order is the sum of its parts, within its quote: event 0 of ${order}: ` +
          `its parts are ${data.totalPaise} paise, and it asks for ${totalPaise}`,
      ],
    };
  },

  'a part that is not the sum of its lines': (story) => {
    const { order, placed, data, storeOrderId } = newOrder(story);
    const parts = data.parts.map((part) => ({ ...part, feePaise: 1 }));
    return {
      plant: [{ ...placed, data: { ...data, parts } }],
      says: [
        `an order is the sum of its parts, within its quote: event 0 of ${order}: ` +
          `the lines and fee of ${storeOrderId} are ${data.totalPaise + 1} paise`,
      ],
    };
  },

  'an order above its quote': (story) => {
    const { order, placed, data } = newOrder(story);
    const quote = { totalPaise: data.totalPaise - 1, expiresAt: FAR };
    return {
      plant: [{ ...placed, data: { ...data, quote } }],
      says: [
        `an order is the sum of its parts, within its quote: event 0 of ${order}: ` +
          `it asks for ${data.totalPaise} paise, and the shopper accepted ${quote.totalPaise}`,
      ],
    };
  },

  'a shop that is handed something else than was ordered': (story) => {
    const { part, orderId, placed, reserved, held, confirmed, data } = newOrder(story);
    const [{ storeOrderId: _, ...own }] = data.parts as [PlacedOrder['parts'][0]];
    const submitted = { ...own, orderId, lines: own.lines.slice(0, 1) };
    return {
      plant: [placed, reserved, held, confirmed, event(part, 'StoreOrderSubmitted', submitted)],
      says: [
        `a shop is handed what was ordered and confirmed: event 0 of ${part}: ` +
          `it is handed 3 × dal for ${own.totalPaise} paise; ordered were 1 × milk, 3 × dal for`,
      ],
    };
  },

  'a shop that is handed what is not confirmed': (story) => {
    const { part, orderId, placed, data } = newOrder(story);
    const [{ storeOrderId: _, ...own }] = data.parts as [PlacedOrder['parts'][0]];
    return {
      plant: [placed, event(part, 'StoreOrderSubmitted', { ...own, orderId })],
      says: [
        `a shop is handed what was ordered and confirmed: event 0 of ${part}: its order is placed`,
      ],
    };
  },

  'a shop that goes on with what it delivered': (story) => {
    const { part } = streamsOf(story.delivered);
    return {
      plant: [event(part, 'StoreOrderDelivered', {})],
      says: [
        `a store order goes on from where it was: ${next(story, part)}: it was delivered already`,
      ],
    };
  },

  'a gap in the numbers of bills': (story) => {
    const gap = { sequence: 3, number: '26-27/000003' };
    const register = registerOf(story);
    return {
      plant: [credit(story, gap)],
      says: [
        `the numbers of bills and credit notes have no gap: ${next(story, register)}: ` +
          '26-27/000003 (3) comes after number 1',
      ],
    };
  },

  'a delivery that is billed twice': (story) => ({
    plant: [bill(story, {})],
    says: [
      'what is delivered is billed once, and nothing else is: ' +
        `${next(story, registerOf(story))}: ` +
        `${story.delivered.storeOrderId} was billed already by event 0 of ${registerOf(story)}`,
    ],
  }),

  'a bill for what was not delivered': (story) => ({
    plant: [bill(story, { storeOrderId: story.open.storeOrderId })],
    says: [
      'what is delivered is billed once, and nothing else is: ' +
        `${next(story, registerOf(story))}: ` +
        `${story.open.storeOrderId} was not delivered`,
    ],
  }),

  'a bill over something else than was delivered': (story) => {
    const lines = dataOf<Invoice>(story, registerOf(story), 'InvoiceIssued').lines;
    return {
      plant: [...deliver(story), bill(story, { storeOrderId: story.open.storeOrderId, lines })],
      says: [
        'what is delivered is billed once, and nothing else is: ' +
          `${next(story, registerOf(story))}: ` +
          'it bills 2 × dal; delivered were 1 × milk, 3 × dal',
      ],
    };
  },

  'a delivery without a bill': (story) => ({
    plant: deliver(story),
    says: [
      'what is delivered is billed once, and nothing else is: ' +
        `event 4 of ${streamsOf(story.open).part}: ` +
        `${story.open.storeOrderId} was delivered and has no invoice`,
    ],
  }),

  'tax that is not shared in halves': (story) => {
    const { lines } = dataOf<CreditNote>(story, registerOf(story), 'CreditNoteIssued');
    const [line] = lines as [CreditNote['lines'][0]];
    const [cgstPaise, sgstPaise] = [line.cgstPaise + 1, line.sgstPaise - 1];
    return {
      plant: [credit(story, { lines: [{ ...line, cgstPaise, sgstPaise }] })],
      says: [
        `bills and their tax add up: ${next(story, registerOf(story))}: ` +
          `of ${story.storeId}.dal CGST is ${cgstPaise} paise and SGST ${sgstPaise}`,
      ],
    };
  },

  'a bill that does not add up': (story) => ({
    plant: [credit(story, { totalPaise: 1 })],
    says: [
      `bills and their tax add up: ${next(story, registerOf(story))}: ` +
        'its lines are 10500 paise, and its total 1',
    ],
  }),

  'tax at another rate than the bill says': (story) => {
    const known = dataOf<Invoice>(story, registerOf(story), 'InvoiceIssued');
    const lines = known.lines.map((line) => ({ ...line, gstPercent: 18 }));
    return {
      plant: [bill(story, { lines })],
      says: [
        `bills and their tax add up: ${next(story, registerOf(story))}: ` +
          `half of 18 % in ${story.storeId}.dal is 1602 paise, not 500`,
        'what is delivered is billed once, and nothing else is: ',
      ],
    };
  },

  'more credit than was billed': (story) => {
    const known = dataOf<CreditNote>(story, registerOf(story), 'CreditNoteIssued');
    const lines = [1, 2].flatMap(() => known.lines);
    return {
      plant: [credit(story, { lines, totalPaise: 2 * known.totalPaise })],
      says: [
        `no more is credited than was billed: ${next(story, registerOf(story))}: ` +
          '31500 of 21000 paise are credited with it',
      ],
    };
  },

  'credit for what was never billed': (story) => ({
    plant: [credit(story, { storeOrderId: story.open.storeOrderId })],
    says: [
      `no more is credited than was billed: ${next(story, registerOf(story))}: ` +
        `${story.open.storeOrderId} has no invoice`,
    ],
  }),

  'an event that does not say what its name promises': (story) => {
    const { order, placed, data } = newOrder(story);
    return {
      plant: [{ ...placed, data: { ...data, parts: null } }],
      says: [`every event says what its name promises: event 0 of ${order}: OrderPlaced cannot be`],
    };
  },
};

/** The open part goes its way to the door, and its order ends. */
const deliver = (story: Story): Planted[] => [
  stepOf(story, 'StoreOrderPacked'),
  stockOf(story, 'StockPicked', OPEN_LINES, { reserved: OPEN_LINES }),
  stepOf(story, 'StoreOrderDispatched'),
  stepOf(story, 'StoreOrderDelivered'),
  event(streamsOf(story.open).order, 'OrderCompleted', {}),
];

test('says in JSON what it proved, and leaves nothing behind', async ({ shop, history }) => {
  const { code, stdout } = await ops(['prove', '--json'], environmentOf(shop));
  assert.is(code, 0);
  const { ok, position, rowsPosition, events, lies } = JSON.parse(stdout);
  assert.ok(ok);
  assert.equal(lies, []);
  assert.ok(events >= history.length);
  assert.ok(rowsPosition > 0 && rowsPosition <= position);
  const left = await shop.pool.query(
    `select schema from projector.checkpoint where schema like '%_next'
     union select nspname from pg_namespace where nspname like '%_next'`,
  );
  assert.equal(left.rows, []);
});

test('waits for no rebuild: it says that one is under way', async ({ shop }) => {
  const other = await shop.pool.connect();
  try {
    await other.query('select pg_advisory_lock($1)', [REBUILD_LOCK]);
    const { code, stderr } = await ops(['prove'], environmentOf(shop));
    assert.is(code, 1);
    assert.match(stderr, 'being rebuilt or proved just now');
  } finally {
    other.release(true);
  }
});

test('a stream whose state is no longer held is read anew', async (story) => {
  const past = story.history.filter(({ stream }) => stream === inventoryOf(story));
  const newest = new LogEvent(past.pop()!);
  let state = inventory.initial;
  for (const raw of past) {
    const { type, data } = new LogEvent(raw);
    state = inventory.evolve[type as InventoryEvent['type']](state, data as never);
  }
  const { tell, lies } = collectLies();
  const states = await new Streams(story.shop.client, tell).take(newest);
  const { pack } = inventory.snapshot!;
  assert.equal(pack(states!.before as Inventory), pack(state));
  assert.equal(lies, []);
});

test('what was left behind in the log holds an hour later', async ({ history }) => {
  assert.equal(await liesIn(history), []);
});

for (const [name, fault] of Object.entries(FAULTS)) {
  test(`is caught: ${name}`, async (story) => {
    const { plant: planted, says } = fault(story);
    const lies = await liesIn(plant(story.history, planted));
    assert.equal(
      lies.map((lie, index) => lie.slice(0, says[index]?.length)),
      says,
      lies.join('\n'),
    );
  });
}

type RowFault = {
  name: string;
  plant: (story: Story) => string;
  says: (story: Story) => string;
};

/** What somebody does to the rows by hand. */
const ROW_FAULTS: RowFault[] = [
  {
    name: 'a row that was changed',
    plant: ({ open }) =>
      `update my_orders.part set fee_paise = 7, slot = null where order_id = '${open.orderId}'`,
    says: ({ open }) => `NOT SO: the rows of my_orders.part are what the log gives
  part, store_order_id ${open.storeOrderId}: slot is null and should be \
${JSON.stringify({ ...SLOT, toMinute: 1_200 })}; fee_paise is 7 and should be 0`,
  },
  {
    name: 'a row that was deleted',
    plant: ({ storeId }) => `delete from catalogue.stock where listing_id = '${storeId}.milk'`,
    says: ({ storeId }) => `NOT SO: the rows of catalogue.stock are what the log gives
  stock, listing_id ${storeId}.milk: it is missing`,
  },
  {
    name: 'a row that nothing in the log gives',
    plant: ({ storeId }) =>
      `insert into slots.hold values ('${NO_ORDER}', '${storeId}', '${SLOT.date}', 5)`,
    says: () => `NOT SO: the rows of slots.hold are what the log gives
  hold, store_order_id ${NO_ORDER}: it should not be there`,
  },
  {
    name: 'an event that is parked',
    plant: () =>
      `insert into projector.parked (projection, position, event_id, stream, type, error)
       values ('cart', 5, '${NO_ORDER}', 'cart-1', 'CartOpened', 'Error: too full')`,
    says: () => `NOT SO: no event is parked
  cart-1: cart could not apply CartOpened: Error: too full`,
  },
  {
    name: 'a read model of another version',
    plant: () => `update projector.checkpoint set version = 1 where schema = 'cart'`,
    says: () => `NOT SO: every read model is there
  cart: its rows are of version 1; the projector makes version 2`,
  },
];

test('what was done to the rows by hand is caught, and mended by a replay', async (story) => {
  const { shop } = story;
  for (const { plant: sql } of ROW_FAULTS) await shop.pool.query(sql(story));
  const { code, stdout } = await ops(['prove'], environmentOf(shop));
  assert.is(code, 1);
  for (const { name, says } of ROW_FAULTS) assert.match(stdout, says(story), `${name}\n${stdout}`);
  assert.match(stdout, `${ROW_FAULTS.length} things that should always hold did not.`);
  assert.is((await ops(['replay'], environmentOf(shop))).code, 0);
  assert.is((await ops(['prove'], environmentOf(shop))).code, 0);
});

test.run();
