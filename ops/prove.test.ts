import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { invoices, type CreditNote, type Invoice } from '../domain/money/invoices.ts';
import { evolve } from '../engine/decider.ts';
import { inventory, type Inventory } from '../domain/inventory/inventory.ts';
import { LATE_WAIT_MS, type OrderLine, type PlacedOrder } from '../domain/ordering/order.ts';
import type { Receipt, RequestedPayment } from '../domain/money/payment.ts';
import type { ShopTransfer } from '../domain/money/transfer.ts';
import { startEventStore } from '../event-store/server.ts';
import { linkedAccountOf } from '../local/razorpay/transfers.ts';
import {
  headOfCommands,
  newKey,
  quoteCart,
  recipient,
  startShop,
  takeAsShop,
  work,
  type Shop,
} from '../test/shop.ts';
import { EXAMPLES } from '../test/golden/examples.ts';
import { otherShape } from '../test/golden/shape.ts';
import { DECIDERS } from '../domain/deciders.ts';
import { upcasterOf } from '../engine/upcast.ts';
import {
  asStored,
  connectEventStore,
  snapshotStreamOf,
  type StoredEvent,
} from '../platform/event-store.ts';
import { idFrom } from '../platform/ids.ts';
import { readRawLog, type RawEvent } from '../platform/raw-events.ts';
import { followLog } from '../platform/subscription.ts';
import { REBUILD_LOCK } from '../engine/projections/checkpoint.ts';
import { shopEvents } from './event-log/history.ts';
import { collectViolations, type Violations } from './prove/check.ts';
import { proveLog } from './prove/log.ts';
import { Streams } from './prove/streams.ts';
import { environmentOf, ops } from '../test/ops.ts';
import { STUCK_MS } from '../test/until-so.ts';
import { AppendCall } from '../platform/appends.ts';
import { parsedLater } from '../platform/event-store.ts';

const SLOT = { date: '2099-11-21', fromMinute: 1_080 };
const toMinute = 1_200;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FEE_PAISE = 1_000;
const DAL_PAISE = 10_500;
const MILK_PAISE = 2_800;
const OPEN_PAISE = 3 * DAL_PAISE + MILK_PAISE + FEE_PAISE;
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
  /** Paid beforehand and delivered, one piece short of what was ordered. */
  prepaid: Placed;
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
  const registration = {
    gstin: '29AAGCB7383J1Z4',
    legalName: 'Test Kirana Private Limited',
    address: '12, 4th Cross, Bengaluru 560001',
  };
  const setTax = `/stores/${storeId}/tax-registration`;
  await shop.write('PUT', setTax, registration, shop.asShop(storeId));
  const lines = [{ sku: 'dal', quantity: 20 }];
  await shop.write('POST', `/stores/${storeId}/stock/receive`, { lines });
  await shop.write('POST', `/stores/${storeId}/stock/buffer`, {
    lines: [{ ...lines[0], quantity: 1 }],
  });
  const slots = [{ fromMinute: SLOT.fromMinute, toMinute: 1_200, capacity: 3 }];
  await shop.write('PUT', `/stores/${storeId}/slots/${SLOT.date}`, { slots });

  const fee = {
    steps: [{ fromMetres: 0, fromPaise: 0, feePaise: FEE_PAISE }],
    freeFromPaise: null,
  };
  await shop.write('PUT', `/stores/${storeId}/fee`, fee);

  const inSlot = { slots: [{ storeId, ...SLOT }] };
  const delivered = await buy(shop, { [`${storeId}.dal`]: 2, [`${other}.milk`]: 1 }, inSlot);
  for (const storeOrderId of delivered.storeOrderIds) await work(shop, storeOrderId);
  const cancelled = await buy(shop, { [`${storeId}.dal`]: 1 }, inSlot);
  await work(shop, cancelled.storeOrderIds[0]!, ['accept', 'pick', 'pack']);
  await take(shop, cancelled, 'cancel', { reason: 'closed' });
  const open = await buy(shop, { [`${storeId}.dal`]: 3, [`${storeId}.milk`]: 1 }, inSlot);
  await work(shop, open.storeOrderIds[0]!, ['accept']);
  const rejected = await buy(shop, { [`${storeId}.dal`]: 64 }, inSlot);
  const prepaid = await buy(shop, { [`${other}.milk`]: 3 }, { payment: 'razorpay' });
  await payAndDeliver(shop, prepaid, `${other}.milk`);
  const { body: cart } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const quantity of [1, 2]) {
    await shop.write('PUT', `/carts/${cart.cartId}/items/${storeId}.dal`, { quantity });
  }
  await untilSeen(shop, { InvoiceIssued: 3, CashCollected: 2 });
  const back = [{ listingId: `${storeId}.dal`, quantity: 1 }];
  await take(shop, delivered, 'returns', { lines: back, reason: 'damaged', to: 'shelf' });
  await untilSeen(shop, {
    OrderCompleted: 2,
    OrderCancelled: 1,
    OrderRejected: 1,
    SlotReleased: 1,
    StockPicked: 4,
    StockReturned: 2,
    CreditNoteIssued: 1,
    RefundRequested: 2,
    RefundSucceeded: 1,
    TransferMade: 1,
    TransferReversed: 1,
  });
  // All of it is in the rows.
  const position = `${await headOfCommands(shop.client)}`;
  await shop.read('/stores', position);
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
    prepaid: first(prepaid),
  };
}

/** Pays an order of three of a listing by card; the shop has two of them. */
async function payAndDeliver(shop: Shop, ordered: Ordered, listingId: string): Promise<void> {
  const requested = await untilSeen(shop, { StoreOrderSubmitted: 4, PaymentRequested: 5 });
  const { gatewayOrderId } = requested.data as RequestedPayment;
  shop.gateway.pay(gatewayOrderId!);
  await untilSeen(shop, { StoreOrderSubmitted: 5 });
  const [storeOrderId] = ordered.storeOrderIds as [string];
  await work(shop, storeOrderId, ['accept']);
  await take(shop, ordered, 'picks', { lines: [{ listingId, quantity: 2 }] });
  await take(shop, ordered, 'shorts', { listingId, reason: 'sold-out' });
  await work(shop, storeOrderId, ['pack', 'dispatch', 'deliver']);
}

async function openShop(shop: Shop): Promise<string> {
  const store = { name: 'Test Kirana', city: 'Bengaluru', pincode: '560001' };
  const { body } = await shop.write<{ storeId: string }>('POST', '/stores', store);
  const account = linkedAccountOf(body.storeId);
  const path = `/stores/${body.storeId}/linked-account`;
  await shop.write('PUT', path, { account }, shop.asShop(body.storeId));
  const prices = ['sku,name,price,hsn,gst', 'dal,Toor dal,105,0713,5', 'milk,Milk,28,0401,0', ''];
  await shop.importCsv(body.storeId, prices.join('\n'));
  return body.storeId;
}

type Ordered = { orderId: string; storeOrderIds: string[] };

async function buy(
  shop: Shop,
  quantities: Record<string, number>,
  how: { slots?: object[]; payment?: string } = {},
): Promise<Ordered> {
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const [listingId, quantity] of Object.entries(quantities)) {
    await shop.write('PUT', `/carts/${body.cartId}/items/${listingId}`, { quantity });
  }
  const wish = {
    cartId: body.cartId,
    quote: await quoteCart(shop, body.cartId, { slots: how.slots }),
    ...recipient,
    payment: 'cash-on-delivery',
    ...how,
  };
  const key = newKey();
  await shop.write('POST', '/orders', wish, { 'idempotency-key': key });
  const orderId = shop.orderIdOf(key);
  const storeIds = [...new Set(Object.keys(quantities).map((id) => id.split('.')[0]!))];
  return { orderId, storeOrderIds: storeIds.map((id) => idFrom('store-order', orderId, id)) };
}

async function take(
  shop: Shop,
  { storeOrderIds: [storeOrderId] }: Ordered,
  step: string,
  body: object,
): Promise<void> {
  const answer = await takeAsShop(shop, storeOrderId!, step, body);
  assert.is(answer.status, 200, JSON.stringify(answer.body));
}

/** Waits until the log has so many events of each type. Resolves to the last of those. */
async function untilSeen(
  { client, log }: Shop,
  wanted: Record<string, number>,
): Promise<StoredEvent> {
  const left = new Map(Object.entries(wanted));
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, AbortSignal.timeout(STUCK_MS)]);
  let last: StoredEvent | undefined;
  const consume = async ({ events }: { events: StoredEvent[] }) => {
    for (const event of events) {
      const more = left.get(event.type);
      if (!more) continue;
      last = event;
      if (more === 1) left.delete(event.type);
      else left.set(event.type, more - 1);
    }
    if (left.size === 0) done.abort();
  };
  await followLog({ client, after: undefined, maxBatch: 1_000, log, signal, consume });
  assert.equal([...left], [], 'the log lacks');
  return last!;
}

/** What a log says that cannot be true an hour from now, as sentences. */
async function violationsIn(
  { shop }: Story,
  events: RawEvent[],
  laterMs = HOUR_MS,
): Promise<string[]> {
  const { report, violations } = collectViolations();
  await proveLog(shop.client, events, Date.now() + laterMs, report);
  return sentences(violations);
}

/** The same, out of an event store of its own. */
async function violationsInStore(events: RawEvent[]): Promise<string[]> {
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-prove-'));
  const store = await startEventStore({ dir });
  const client = connectEventStore(store.url, upcasterOf(DECIDERS));
  const appends = await AppendCall.open(client);
  try {
    await Promise.all(
      events.map((event) => appends.append(event.stream, event.revision - 1n, [event])),
    );
    const { report, violations } = collectViolations();
    await proveLog(client, readRawLog(client, undefined), Date.now() + HOUR_MS, report);
    return sentences(violations);
  } finally {
    appends.close();
    await client.dispose();
    await store.close();
    await rm(dir, { recursive: true });
  }
}

const sentences = (violations: Violations[]): string[] =>
  violations.flatMap(({ kind, first }) =>
    first.map(({ where, text }) => `${kind}: ${where}: ${text}`),
  );

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
      created: events.at(-1)!.created,
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
  assert.match(stdout, 'has ₹56.00: ₹84.00 in 1 payment, ₹28.00 came back.');
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
  storeOrder: `storeorder-${storeOrderId}`,
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
  const parts = like.parts.map((one) => ({ ...one, storeOrderId }));
  const streams = streamsOf({ orderId, storeOrderId });
  const rest = { ...like, parts, expiresAt: FAR, ...change };
  const { expiresAt } = rest;
  const reservation = { storeOrderId, orderId, lines: OPEN_LINES, expiresAt };
  const hold = { storeOrderId, orderId, fromMinute: SLOT.fromMinute, expiresAt };
  const { storeId, totalPaise: amountPaise } = parts[0]!;
  const method = rest.payment;
  const { personId, sealedRecipient, pincode } = rest;
  const buyer = { personId, sealedRecipient, pincode, payment: method };
  const due = { orderId, storeOrderId, storeId, method, amountPaise, expiresAt: null };
  const payment = `payment-${newKey()}`;
  return {
    orderId,
    storeOrderId,
    ...streams,
    data: rest,
    placed: event(streams.order, 'OrderPlaced', rest),
    reserved: event(inventoryOf(story), 'StockReserved', reservation),
    held: event(slotDayOf(story), 'SlotHeld', hold),
    waits: event(streams.order, 'OrderReserved', {}),
    payment,
    asked: event(payment, 'PaymentRequested', due),
    confirmed: event(streams.order, 'OrderConfirmed', {}),
    submitted: event(streams.storeOrder, 'StoreOrderSubmitted', { ...buyer, ...parts[0], orderId }),
    rejected: event(streams.order, 'OrderRejected', { reason: 'CHECKOUT_EXPIRED' }),
  };
}

/** A step of the open store order. */
function stepOf({ open, storeId }: Story, type: string, more: object = {}): Planted {
  const place = { orderId: open.orderId, storeId };
  return event(streamsOf(open).storeOrder, type, { ...place, ...more });
}

/** What is paid for an order or a store order by itself. */
const paymentOf = (id: string): string => `payment-${idFrom('payment', id)}`;

/** Something that happens to a payment of the story. */
function paid({ history }: Story, id: string, type: string, data: object): Planted {
  const stream = paymentOf(id);
  const { orderId, storeOrderId, storeId } = JSON.parse(
    Buffer.from(history.find((each) => each.stream === stream)!.data).toString(),
  );
  return event(stream, type, { orderId, storeOrderId, storeId, ...data });
}

const OWED = 'what is paid and not given back is what is owed';
const keeps = (story: Story, id: string, later: number, paise: number, owed: number): string =>
  `${OWED}: ${next(story, paymentOf(id), later)}: ` +
  `${paise} paise are paid and not given back; owed are ${owed}`;

/** What the shop does to the stock for the open store order. */
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

/** The bill of the open store order. */
function billOfOpen(story: Story, change: Partial<Invoice> = {}): Planted {
  const known = dataOf<Invoice>(story, registerOf(story), 'InvoiceIssued');
  const { parts } = placedBy(story, story.open);
  const lines = parts[0]!.lines.map((line) => {
    const gstPercent = line.listingId.endsWith('dal') ? 5 : 0;
    return { ...line, hsn: null, gstPercent };
  });
  const of = { ...known, storeOrderId: story.open.storeOrderId, lines, feePaise: FEE_PAISE };
  const data = { ...of, payment: 'cash-on-delivery' as const };
  const [issued] = invoices.decide.IssueInvoice(invoices.initial, data);
  const { fees, totalPaise, lines: billed } = issued!.data as Invoice;
  const own = { storeOrderId: story.open.storeOrderId, lines: billed, totalPaise };
  return bill(story, { ...own, ...(fees && { fees }), ...change });
}

const credit = (story: Story, change: Partial<CreditNote>): Planted => {
  const register = registerOf(story);
  const known = dataOf<CreditNote>(story, register, 'CreditNoteIssued');
  const number = known.number.replace('01', '02');
  const second = { creditNoteId: newKey(), sequence: 2, number };
  return event(register, 'CreditNoteIssued', { ...known, ...second, ...change });
};

/** The other piece of what was delivered comes back, and the money for it goes back. */
function comesBack(story: Story, to = 'none', feePaise = 0): Planted[] {
  const { delivered, storeId } = story;
  const lines = [{ listingId: `${storeId}.dal`, quantity: 1 }];
  const data = { orderId: delivered.orderId, storeId, returnId: newKey(), lines, reason: 'other' };
  const refund = { refundNumber: 2, externalId: 'cash', amountPaise: DAL_PAISE + feePaise };
  return [
    event(streamsOf(delivered).storeOrder, 'LinesReturned', {
      ...data,
      to,
      ...(feePaise > 0 && { feePaise }),
    }),
    paid(story, delivered.storeOrderId, 'RefundRequested', refund),
  ];
}

/** What of the payment by card went to which account. */
function shareOf(story: Story): ShopTransfer {
  const stream = paymentOf(story.prepaid.orderId);
  return dataOf<RequestedPayment>(story, stream, 'PaymentRequested').transfers![0]!;
}

type Fault = (story: Story) => {
  plant: Planted[];
  /** Every sentence that is said, each from its beginning on. */
  says: string[];
};

const FAULTS: Record<string, Fault> = {
  'an event that no rule knows': (story) => ({
    plant: [event(`cart-${story.cartId}`, 'ItemStolen', {})],
    says: [
      `every stream folds: ${next(story, `cart-${story.cartId}`)}: it does not fold: there is no rule for ItemStolen`,
    ],
  }),

  'an event that its rule cannot fold': (story) => ({
    plant: [
      stockOf(story, 'StockWrittenOff', [{ sku: 'dal', quantity: 1, reason: 'damaged' }], {
        storeOrderId: NO_ORDER,
      }),
    ],
    says: [`every stream folds: ${next(story, inventoryOf(story))}: it does not fold: `],
  }),

  'an event of another shape than its own': (story) => ({
    plant: [event(inventoryOf(story), 'StockReceived', { lines: 7 })],
    says: [
      `every event says what its name promises: ${next(story, inventoryOf(story))}: ` +
        'StockReceived cannot be read: its data.lines is no list',
    ],
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

  'goods that are promised twice': (story) => {
    const { storeOrderId, orderId } = story.rejected;
    const lines = [{ sku: 'dal', quantity: 64 }];
    const stream = inventoryOf(story);
    return {
      plant: [event(stream, 'StockReserved', { storeOrderId, orderId, lines, expiresAt: PAST })],
      says: [
        `nothing is promised twice: ${next(story, stream)}: it reserves 64 × dal of 15 left`,
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
    const { placed, reserved, held, confirmed, asked, submitted, ...order } = newOrder(story);
    const lines = [{ sku: 'dal', quantity: 2 }];
    const wrong = { ...reserved, data: { ...(reserved.data as object), lines } };
    return {
      plant: [placed, wrong, held, confirmed, asked, submitted],
      says: [
        `what is reserved is what open orders have: event 1 of ${order.order}: ` +
          `it needs 1 × milk, 3 × dal at ${story.storeId}; reserved is 2 × dal`,
        `what is reserved is what open orders have: event 0 of ${order.storeOrder}: ` +
          'it needs 1 × milk, 3 × dal; reserved is 2 × dal',
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
        stepOf(story, 'StoreOrderRejected', { reason: 'closed' }),
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
      `what is reserved is what open orders have: ` +
        `event 1 of ${streamsOf(story.open).storeOrder}: ` +
        `nothing is reserved for ${story.open.storeOrderId}, which is to be packed`,
    ],
  }),

  'goods that left the shelf and were not packed': (story) => ({
    plant: [stockOf(story, 'StockPicked', OPEN_LINES, { reserved: OPEN_LINES })],
    says: [
      `what is packed left the shelf, and nothing else did: ${next(story, inventoryOf(story))}: ` +
        `${story.open.storeOrderId} was not packed`,
      `what is reserved is what open orders have: ` +
        `event 1 of ${streamsOf(story.open).storeOrder}: ` +
        `nothing is reserved for ${story.open.storeOrderId}, which is to be packed`,
    ],
  }),

  'packed goods that are on the books still': (story) => {
    const { storeOrder } = streamsOf(story.open);
    return {
      plant: [stepOf(story, 'StoreOrderPacked')],
      says: [
        `what is reserved is what open orders have: event 2 of ${storeOrder}: ` +
          `1 × milk, 3 × dal are`,
        `what is packed left the shelf, and nothing else did: event 2 of ${storeOrder}: ` +
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
      `places in slots are held for open orders: event 1 of ${streamsOf(story.open).storeOrder}: ` +
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
    const { order, placed, reserved, held, confirmed, asked } = newOrder(story);
    return {
      plant: [placed, reserved, held, confirmed, asked],
      says: [`orders come to an end: event 1 of ${order}: it is confirmed, and was not handed`],
    };
  },

  'an order that waits to be paid for ever': (story) => {
    const change = { payment: 'razorpay', expiresAt: PAST } as const;
    const { order, placed, reserved, held, waits, asked } = newOrder(story, change);
    return {
      plant: [placed, reserved, held, waits, asked],
      says: [
        `orders come to an end: event 1 of ${order}: ` +
          `it is awaiting-payment still, and expired at ${PAST}`,
      ],
    };
  },

  'an order that nobody ends': (story) => ({
    plant: [
      stepOf(story, 'StoreOrderRejected', { reason: 'closed' }),
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
          'it was completed, not placed or awaiting-payment or confirmed',
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

  'a store order that is not the sum of its lines': (story) => {
    const { order, placed, data, storeOrderId } = newOrder(story);
    const parts = data.parts.map((one) => ({ ...one, feePaise: 1 }));
    return {
      plant: [{ ...placed, data: { ...data, parts } }],
      says: [
        `an order is the sum of its parts, within its quote: event 0 of ${order}: ` +
          `the lines and fee of ${storeOrderId} are ${data.totalPaise - FEE_PAISE + 1} paise`,
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
    const { storeOrder, placed, reserved, held, confirmed, asked, submitted, ...order } =
      newOrder(story);
    const [own] = order.data.parts as [PlacedOrder['parts'][0]];
    const wrong = { ...(submitted.data as object), lines: own.lines.slice(0, 1) };
    return {
      plant: [placed, reserved, held, confirmed, asked, { ...submitted, data: wrong }],
      says: [
        `a shop is handed what was ordered and confirmed: event 0 of ${storeOrder}: ` +
          `it is handed 3 × dal for ${own.totalPaise} paise; ordered were 1 × milk, 3 × dal for`,
        `what is reserved is what open orders have: event 0 of ${storeOrder}: it needs 3 × dal; `,
      ],
    };
  },

  'a shop that is handed what is not confirmed': (story) => {
    const { storeOrder, placed, submitted } = newOrder(story);
    return {
      plant: [placed, submitted],
      says: [
        `a shop is handed what was ordered and confirmed: event 0 of ${storeOrder}: ` +
          `its order is placed`,
      ],
    };
  },

  'a shop that goes on with what it delivered': (story) => {
    const { delivered, storeId } = story;
    const { storeOrder } = streamsOf(delivered);
    return {
      plant: [event(storeOrder, 'StoreOrderDelivered', { ...delivered, storeId, proof: null })],
      says: [
        `a store order goes on from where it was: ${next(story, storeOrder)}: ` +
          `it was delivered already`,
      ],
    };
  },

  'a gap in the numbers of bills': (story) => {
    const gap = { sequence: 3, number: '26-27/000003' };
    const register = registerOf(story);
    return {
      plant: [...comesBack(story), credit(story, gap)],
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
          'it bills 2 × dal for 21000; delivered were 1 × milk for 2800, 3 × dal for 31500',
      ],
    };
  },

  'a delivery without a bill': (story) => ({
    plant: deliver(story),
    says: [
      'what is delivered is billed once, and nothing else is: ' +
        `event 4 of ${streamsOf(story.open).storeOrder}: ` +
        `${story.open.storeOrderId} was delivered and has no invoice`,
    ],
  }),

  'tax that is not shared in halves': (story) => {
    const { lines } = dataOf<CreditNote>(story, registerOf(story), 'CreditNoteIssued');
    const [line] = lines as [CreditNote['lines'][0]];
    const [cgstPaise, sgstPaise] = [line.cgstPaise + 1, line.sgstPaise - 1];
    return {
      plant: [...comesBack(story), credit(story, { lines: [{ ...line, cgstPaise, sgstPaise }] })],
      says: [
        `bills and their tax add up: ${next(story, registerOf(story))}: ` +
          `of ${story.storeId}.dal CGST is ${cgstPaise} paise and SGST ${sgstPaise}`,
      ],
    };
  },

  'a bill that does not add up': (story) => ({
    plant: [...comesBack(story), credit(story, { totalPaise: 1 })],
    says: [
      `bills and their tax add up: ${next(story, registerOf(story))}: ` +
        'its lines are 10500 paise, and its total 1',
      'what came back is credited, and nothing else is: ' +
        `${next(story, streamsOf(story.delivered).storeOrder)}: ` +
        `10501 paise are credited, and 21000`,
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

  'credit for what did not come back': (story) => ({
    plant: [credit(story, {})],
    says: [
      `what came back is credited, and nothing else is: ${next(story, registerOf(story))}: ` +
        '1 × dal did not come back',
      'what came back is credited, and nothing else is: ' +
        `${next(story, streamsOf(story.delivered).storeOrder, -1)}: ` +
        `21000 paise are credited, and 10500`,
    ],
  }),

  'something that came back without credit': (story) => ({
    plant: comesBack(story),
    says: [
      'what came back is credited, and nothing else is: ' +
        `${next(story, streamsOf(story.delivered).storeOrder)}: ` +
        `1 × dal came back and are not credited`,
    ],
  }),

  'credit for what was never billed': (story) => ({
    plant: [credit(story, { storeOrderId: story.open.storeOrderId })],
    says: [
      `what came back is credited, and nothing else is: ${next(story, registerOf(story))}: ` +
        `${story.open.storeOrderId} has no invoice`,
    ],
  }),

  'a reservation that does not follow its order': (story) => ({
    plant: [stepOf(story, 'LineReduced', { listingId: `${story.storeId}.milk`, quantity: 1 })],
    says: [
      'what is reserved is what open orders have: ' +
        `${next(story, streamsOf(story.open).storeOrder)}: ` +
        `it needs 3 × dal; reserved is 1 × milk, 3`,
    ],
  }),

  'missing goods that stay on the books': (story) => {
    const missing = { listingId: `${story.storeId}.milk`, quantity: 1, reason: 'sold-out' };
    const place = next(story, streamsOf(story.open).storeOrder);
    return {
      plant: [stepOf(story, 'LineShorted', missing)],
      says: [
        `what a picker did not find is off the books: ${place}: 1 × milk: sold-out, and on the`,
        `what is reserved is what open orders have: ${place}: it needs 3 × dal; reserved is 1 × milk`,
      ],
    };
  },

  'goods that nobody missed off the books': (story) => {
    const { orderId, storeOrderId } = story.open;
    const lines = [{ sku: 'milk', quantity: 1, reason: 'damaged' }];
    return {
      plant: [event(inventoryOf(story), 'StockWrittenOff', { orderId, storeOrderId, lines })],
      says: [
        `what a picker did not find is off the books: ${next(story, inventoryOf(story))}: ` +
          'nobody missed 1 × milk: damaged',
      ],
    };
  },

  'goods and a place for a store order that fell out': (story) => {
    const onShortage = 'whatever-each-shop-can';
    const { order, data, ...rest } = newOrder(story, { onShortage, expiresAt: PAST });
    const out = { ...data.parts[0]!, storeOrderId: newKey() };
    const parts = [...data.parts, out];
    const placed = { ...data, parts, quote: undefined, totalPaise: 2 * data.totalPaise };
    const kept = { parts: data.parts, leftOut: [] };
    const own = (planted: Planted): Planted => {
      const { storeOrderId } = out;
      return { ...planted, data: { ...(planted.data as object), storeOrderId } };
    };
    return {
      plant: [
        event(slotDayOf(story), 'SlotCapacitySet', { slots: [{ ...SLOT, toMinute, capacity: 9 }] }),
        event(order, 'OrderPlaced', placed),
        rest.reserved,
        rest.held,
        own(rest.reserved),
        own(rest.held),
        event(order, 'OrderConfirmed', { kept }),
        rest.asked,
        rest.submitted,
      ],
      says: [
        `what is reserved is what open orders have: event 1 of ${order}: ` +
          `1 × milk, 3 × dal are reserved still for ${out.storeOrderId}`,
        `places in slots are held for open orders: event 1 of ${order}: ` +
          `${out.storeOrderId} holds its place still`,
      ],
    };
  },

  'an order of which more is left than was ordered': (story) => {
    const onShortage = 'whatever-each-shop-can';
    const { order, placed, data } = newOrder(story, { onShortage });
    const [storeOrder] = data.parts as [PlacedOrder['parts'][0]];
    const [dal, milk] = storeOrder.lines as [OrderLine, OrderLine];
    const less = { ...dal, quantity: 4, linePaise: 4 * DAL_PAISE };
    const kept = {
      ...storeOrder,
      lines: [less, milk],
      totalPaise: storeOrder.totalPaise + DAL_PAISE,
    };
    return {
      plant: [placed, event(order, 'OrderReserved', { kept: { parts: [kept], leftOut: [] } })],
      says: [
        `what is left of an order is what was ordered, or less: event 1 of ${order}: ` +
          `4 of ${story.storeId}.dal are left of 3`,
        `what is reserved is what open orders have: event 1 of ${order}: it needs 1 × milk, 4 ×`,
        'what is reserved is what open orders have: ',
        'places in slots are held for open orders: ',
      ],
    };
  },

  'an order that is given up for good twice': (story) => {
    const { order } = streamsOf(story.rejected);
    const refused = event(order, 'OrderRejected', { reason: 'PAID_TOO_LATE' });
    return {
      plant: [refused, refused],
      says: [
        `an order goes on from where it was: ${next(story, order, 1)}: ` +
          'it was rejected for good, not rejected',
      ],
    };
  },

  'an order that is cancelled after it was given up for good': (story) => {
    const { order } = streamsOf(story.rejected);
    const cancelled = event(order, 'OrderRejected', { reason: 'ORDER_CANCELLED' });
    return {
      plant: [cancelled, cancelled],
      says: [
        `an order goes on from where it was: ${next(story, order, 1)}: ` +
          'it was rejected for good, not placed or awaiting-payment or rejected',
      ],
    };
  },

  'an order that ends otherwise than its shops did': (story) => {
    const { order } = streamsOf(story.open);
    return {
      plant: [
        stepOf(story, 'StoreOrderCancelled', { by: 'shop', reason: 'closed' }),
        stockOf(story, 'ReservationReleased', OPEN_LINES, { reason: 'cancelled' }),
        event(slotDayOf(story), 'SlotReleased', { ...story.open, reason: 'cancelled' }),
        event(order, 'OrderCompleted', {}),
      ],
      says: [
        `an order goes on from where it was: ${next(story, order)}: ` +
          'by what its shops did it is cancelled, not completed',
      ],
    };
  },

  'a line that is picked beyond what was ordered': (story) => ({
    plant: [stepOf(story, 'LinePicked', { listingId: `${story.storeId}.dal`, quantity: 4 })],
    says: [
      `a shop picks what was ordered, or says what became of it: ` +
        `${next(story, streamsOf(story.open).storeOrder)}: ` +
        `of ${story.storeId}.dal 4 are picked, and 3 wanted`,
    ],
  }),

  'a line that is packed and was not picked': (story) => {
    const { storeOrder } = streamsOf(story.open);
    const listingId = `${story.storeId}.dal`;
    const lines = [{ listingId, quantity: 3 }];
    const wrong = [{ listingId, quantity: 4 }];
    return {
      plant: [
        stepOf(story, 'LinePicked', lines[0]),
        stepOf(story, 'StoreOrderPacked', { lines: wrong }),
        stockOf(story, 'StockPicked', [{ sku: 'dal', quantity: 3 }], { reserved: OPEN_LINES }),
      ],
      says: [
        `a shop picks what was ordered, or says what became of it: ` +
          `${next(story, storeOrder, 1)}: ` +
          `nobody said what becomes of the rest of ${story.storeId}.milk`,
        `a shop picks what was ordered, or says what became of it: ` +
          `${next(story, storeOrder, 1)}: ` +
          'it packs 4 × dal; picked were 3 × dal',
      ],
    };
  },

  'other goods that left the shelf than were packed': (story) => ({
    plant: [
      stepOf(story, 'StoreOrderPacked'),
      stockOf(story, 'StockPicked', OPEN_LINES.slice(0, 1), { reserved: OPEN_LINES }),
    ],
    says: [
      `what is packed left the shelf, and nothing else did: ${next(story, inventoryOf(story))}: ` +
        '3 × dal left the shelf; packed were 1 × milk, 3 × dal',
    ],
  }),

  'a substitute that is promised to another order already': (story) => {
    const { storeId, open } = story;
    const [line] = placedBy(story, open).parts[0]!.lines as [OrderLine];
    const ghee = { ...line, listingId: `${storeId}.ghee`, quantity: 2, linePaise: MILK_PAISE };
    const of = { listingId: `${storeId}.milk`, replaces: 1, line: ghee, expiresAt: FAR };
    const lines = [OPEN_LINES[0]!, { sku: 'ghee', quantity: 2 }];
    return {
      plant: [
        event(inventoryOf(story), 'StockReceived', { lines: [{ sku: 'ghee', quantity: 1 }] }),
        stepOf(story, 'SubstituteChosen', of),
        stockOf(story, 'ReservationChanged', lines, { was: OPEN_LINES, revision: 3 }),
        stepOf(story, 'SubstitutionProposed', of),
      ],
      says: [
        `nothing is promised twice: ${next(story, inventoryOf(story), 1)}: ` +
          'it reserves 2 × ghee of 1 left',
      ],
    };
  },

  'a substitute that makes it dearer': (story) => {
    const { storeId, open } = story;
    const [line] = placedBy(story, open).parts[0]!.lines as [OrderLine];
    const ghee = { ...line, listingId: `${storeId}.ghee`, quantity: 1, linePaise: 65_000 };
    const of = { listingId: `${storeId}.milk`, replaces: 1 };
    const lines = [OPEN_LINES[0]!, { sku: 'ghee', quantity: 1 }];
    return {
      plant: [
        stepOf(story, 'SubstitutionProposed', { ...of, line: ghee, expiresAt: FAR }),
        stockOf(story, 'ReservationChanged', lines, { was: OPEN_LINES, revision: 3 }),
        stepOf(story, 'SubstitutionDecided', { ...of, accepted: true, by: 'wish' }),
      ],
      says: [
        `no step of a shop raises what is owed: ${next(story, streamsOf(open).storeOrder, 1)}: ` +
          `${OPEN_PAISE} paise were owed, and now ${OPEN_PAISE - MILK_PAISE + 65_000} are`,
      ],
    };
  },

  'something that comes back of what was not delivered': (story) => {
    const lines = [{ listingId: `${story.storeId}.dal`, quantity: 1 }];
    const returned = { returnId: newKey(), lines, reason: 'other', to: 'none' };
    return {
      plant: [stepOf(story, 'LinesReturned', returned)],
      says: [
        `a store order goes on from where it was: ` +
          `${next(story, streamsOf(story.open).storeOrder)}: ` +
          'it was accepted, and nothing can come back of it',
      ],
    };
  },

  'goods that came back and are not on the books': (story) => ({
    plant: [...comesBack(story, 'shelf'), credit(story, {})],
    says: [
      'what came back is on the books again: ' +
        `${next(story, streamsOf(story.delivered).storeOrder)}: 1 × dal came back and are not on`,
    ],
  }),

  'a fee that goes back with what was only not liked': (story) => ({
    plant: [...comesBack(story, 'none', FEE_PAISE), credit(story, {})],
    says: [
      'a fee goes back with the last of its goods, if none were as they should be: ' +
        `${next(story, streamsOf(story.delivered).storeOrder)}: ` +
        `${FEE_PAISE} paise of it go back; due are 0`,
      'what came back is credited, and nothing else is: ' +
        `${next(story, streamsOf(story.delivered).storeOrder)}: ` +
        `${2 * DAL_PAISE} paise are credited, and ${2 * DAL_PAISE + FEE_PAISE} came back`,
    ],
  }),

  'goods that come back from nobody': (story) => {
    const { storeOrderId } = story.delivered;
    const lines = [{ sku: 'dal', quantity: 1 }];
    return {
      plant: [event(inventoryOf(story), 'StockReturned', { storeOrderId, lines, to: 'shelf' })],
      says: [
        `what came back is on the books again: ${next(story, inventoryOf(story))}: ` +
          '1 × dal did not come back from anybody',
      ],
    };
  },

  'a bill that leaves the delivery out': (story) => ({
    plant: [...deliver(story), billOfOpen(story, { fees: [], totalPaise: OPEN_PAISE - FEE_PAISE })],
    says: [
      'what is delivered is billed once, and nothing else is: ' +
        `${next(story, registerOf(story))}: ` +
        `it asks for ${OPEN_PAISE - FEE_PAISE} paise; owed were ${OPEN_PAISE}`,
    ],
  }),

  'money that nobody asked for': () => {
    const receipt = { orderId: NO_ORDER, externalId: 'pay_1', amountPaise: 100 };
    return {
      plant: [event('payment-1', 'PaymentSucceeded', receipt)],
      says: [
        'money is asked for once, and only what was asked for comes in: ' +
          'event 0 of payment-1: nobody asked for it',
      ],
    };
  },

  'money that is asked for twice': (story) => {
    const known = dataOf<object>(story, paymentOf(story.open.storeOrderId), 'PaymentRequested');
    return {
      plant: [event('payment-1', 'PaymentRequested', known)],
      says: [
        'money is asked for once, and only what was asked for comes in: ' +
          'event 0 of payment-1: it was asked for already',
      ],
    };
  },

  'more money asked for than was ordered for': (story) => {
    const { placed, reserved, held, confirmed, asked, submitted, payment } = newOrder(story);
    const amountPaise = OPEN_PAISE + 1;
    const wrong = { ...asked, data: { ...(asked.data as object), amountPaise } };
    return {
      plant: [placed, reserved, held, confirmed, wrong, submitted],
      says: [
        `money is asked for once, and only what was asked for comes in: event 0 of ${payment}: ` +
          `it asks for ${amountPaise} paise; ordered was for ${OPEN_PAISE}`,
      ],
    };
  },

  'an order for which nobody asks the money': (story) => {
    const { order, placed, reserved, held, confirmed, submitted, storeOrderId } = newOrder(story);
    return {
      plant: [placed, reserved, held, confirmed, submitted],
      says: [
        `money is asked for once, and only what was asked for comes in: event 1 of ${order}: ` +
          `nobody asked for the money for ${storeOrderId}`,
      ],
    };
  },

  'money that is taken twice': (story) => {
    const { orderId } = story.prepaid;
    const { externalId, amountPaise } = dataOf<Receipt>(
      story,
      paymentOf(orderId),
      'PaymentSucceeded',
    );
    return {
      plant: [paid(story, orderId, 'PaymentSucceeded', { externalId, amountPaise })],
      says: [
        `money is taken once: ${next(story, paymentOf(orderId))}: it was paid already`,
        `money is taken once: ${next(story, paymentOf(orderId))}: ${externalId} was taken already`,
        keeps(story, orderId, 0, 5 * MILK_PAISE, 2 * MILK_PAISE),
      ],
    };
  },

  'a transfer by UPI that pays for two orders': (story) => {
    const upi = { vpa: 'kirana@okbank', name: 'Test Kirana' };
    const utr = '426100123456';
    const orders = [1, 2].map(() => newOrder(story, { payment: 'upi' }));
    const confirmed = ({ orderId, storeOrderId, data, payment, ...rest }: (typeof orders)[0]) => {
      const { storeId, totalPaise: amountPaise } = data.parts[0]!;
      const due = { orderId, storeOrderId, storeId, amountPaise };
      const asked = { ...due, method: 'upi', expiresAt: FAR, upi };
      return [
        rest.placed,
        rest.reserved,
        rest.held,
        rest.waits,
        event(payment, 'PaymentRequested', asked),
        event(payment, 'PaymentSucceeded', { ...due, externalId: utr }),
        rest.confirmed,
        rest.submitted,
      ];
    };
    const [first, second] = orders.map(({ payment }) => payment) as [string, string];
    const paymentId = first.replace('payment-', '');
    const transfer = `upireference-${newKey()}`;
    return {
      plant: [
        event(slotDayOf(story), 'SlotCapacitySet', { slots: [{ ...SLOT, toMinute, capacity: 9 }] }),
        event(transfer, 'UpiReferenceUsed', { vpa: upi.vpa, utr, paymentId }),
        ...orders.flatMap(confirmed),
      ],
      says: [
        `a transfer by UPI pays for one order: event 1 of ${second}: ` +
          `${utr} is for payment ${paymentId} by event 0 of ${transfer}`,
      ],
    };
  },

  'late money that is kept': (story) => {
    const { orderId } = story.prepaid;
    const receipt = { externalId: 'pay_1', amountPaise: 100, why: 'paid-already' };
    return {
      plant: [paid(story, orderId, 'LatePaymentSeen', receipt)],
      says: [keeps(story, orderId, 0, 2 * MILK_PAISE + 100, 2 * MILK_PAISE)],
    };
  },

  'more given back than was taken': (story) => {
    const { orderId } = story.prepaid;
    const { externalId } = dataOf<Receipt>(story, paymentOf(orderId), 'PaymentSucceeded');
    const refund = { refundNumber: 2, externalId, amountPaise: 2 * MILK_PAISE + 1 };
    return {
      plant: [
        paid(story, orderId, 'RefundRequested', refund),
        paid(story, orderId, 'RefundSucceeded', refund),
      ],
      says: [
        `no more is given back than was taken: ${next(story, paymentOf(orderId))}: ` +
          `${3 * MILK_PAISE + 1} paise of the ${3 * MILK_PAISE} of ${externalId} go back`,
        keeps(story, orderId, 1, -1, 2 * MILK_PAISE),
      ],
    };
  },

  'a share of a card payment that went to somebody else': (story) => {
    const { orderId, storeOrderId } = story.prepaid;
    const share = shareOf(story);
    const data = { ...share, storeOrderId, externalId: 'trf_2', account: 'acc_Stranger000001' };
    const where = next(story, paymentOf(orderId));
    return {
      plant: [paid(story, orderId, 'TransferMade', data)],
      says: [
        `what is paid by card goes to the accounts of its shops: ${where}: ` +
          `${share.amountPaise} paise went to acc_Stranger000001; asked for was ` +
          `${share.amountPaise} paise to ${share.account}`,
        `what is paid by card goes to the accounts of its shops: ${where}: the shop had it already`,
      ],
    };
  },

  'a card payment of which more came back from a shop than was given back': (story) => {
    const { orderId, storeOrderId } = story.prepaid;
    const { storeId } = shareOf(story);
    const data = { storeOrderId, storeId, externalId: 'trf_1', amountPaise: 100 };
    return {
      plant: [paid(story, orderId, 'TransferReversed', data)],
      says: [
        `each shop has of card payments what is owed for its parts: ` +
          `${next(story, paymentOf(orderId))}: shop ${storeId} has ${2 * MILK_PAISE - 100} paise ` +
          `for ${storeOrderId}; it should have ${2 * MILK_PAISE}`,
      ],
    };
  },

  'a card payment that nobody passed on to its shop': (story) => {
    const commandId = newKey();
    const order = newOrder(story, { payment: 'razorpay' });
    const { orderId, storeOrderId, payment } = order;
    const { storeId } = story;
    const whole = { orderId, storeOrderId: null, storeId: null };
    const share = { storeOrderId, storeId, account: 'acc_1', amountPaise: OPEN_PAISE };
    const asked = { ...(order.asked.data as object), ...whole, transfers: [share] };
    const receipt = { ...whole, externalId: 'pay_9', amountPaise: OPEN_PAISE };
    return {
      plant: [
        order.placed,
        order.reserved,
        order.held,
        order.waits,
        event(payment, 'PaymentRequested', asked, {
          commandId,
          metadata: { commandId, schemaVersion: 3 },
        }),
        event(payment, 'PaymentSucceeded', receipt),
        order.confirmed,
        order.submitted,
      ],
      says: [
        `each shop has of card payments what is owed for its parts: event 1 of ${payment}: ` +
          `shop ${storeId} has 0 paise for ${storeOrderId}; it should have ${OPEN_PAISE}`,
      ],
    };
  },

  'a refund of something else than was asked for': (story) => {
    const { storeOrderId } = story.delivered;
    const refund = { refundNumber: 1, externalId: '426100123456', amountPaise: DAL_PAISE + 1 };
    return {
      plant: [paid(story, storeOrderId, 'RefundSucceeded', refund)],
      says: [
        `no more is given back than was taken: ${next(story, paymentOf(storeOrderId))}: ` +
          `refund 1 is over ${DAL_PAISE + 1} paise; asked for were ${DAL_PAISE}`,
      ],
    };
  },

  'a confirmed order that is not paid': (story) => {
    const { order, payment, placed, reserved, held, waits, asked, confirmed, submitted } = newOrder(
      story,
      { payment: 'razorpay' },
    );
    return {
      plant: [placed, reserved, held, waits, asked, confirmed, submitted],
      says: [
        `what is paid before it is delivered is confirmed when it is paid: event 2 of ${order}: ` +
          `0 of ${OPEN_PAISE} paise are paid`,
        `${OWED}: event 0 of ${payment}: 0 paise are paid and not given back; owed are`,
      ],
    };
  },

  'cash that differs from what is owed': (story) => ({
    plant: [...handOver(story), billOfOpen(story), ...collect(story, OPEN_PAISE - 1)],
    says: [
      'cash that is collected is what is owed: ' +
        `${next(story, paymentOf(story.open.storeOrderId))}: ` +
        `${OPEN_PAISE - 1} paise were collected; owed at the door were ${OPEN_PAISE}`,
      keeps(story, story.open.storeOrderId, 0, OPEN_PAISE - 1, OPEN_PAISE),
    ],
  }),

  'cash that is in no till': (story) => {
    const [collected] = collect(story, OPEN_PAISE);
    return {
      plant: [...handOver(story), billOfOpen(story), collected!],
      says: [
        'cash that changes hands is in its shop’s till, once: ' +
          `${next(story, paymentOf(story.open.storeOrderId))}: ${OPEN_PAISE} paise are in no till`,
      ],
    };
  },

  'cash in a till that nobody collected': (story) => {
    const [, taken] = collect(story, OPEN_PAISE);
    return {
      plant: [taken!],
      says: [
        'cash that changes hands is in its shop’s till, once: ' +
          `event 0 of ${tillOf(story)}: nobody moved ${OPEN_PAISE} paise for payment`,
      ],
    };
  },

  'a till that is closed with something else than it held': (story) => {
    const closing = {
      countedPaise: 500,
      expectedPaise: 400,
      differencePaise: 100,
      reason: 'other',
    };
    return {
      plant: [event(tillOf(story), 'TillClosed', closing)],
      says: [
        'a till is closed with what should have been in it: ' +
          `event 0 of ${tillOf(story)}: it says 400 paise and a difference of 100; in it were 0`,
      ],
    };
  },

  'a delivery that nobody paid': (story) => ({
    plant: [...handOver(story), billOfOpen(story)],
    says: [keeps(story, story.open.storeOrderId, -1, 0, OPEN_PAISE)],
  }),

  'an event that does not say what its name promises': (story) => {
    const { order, placed, data } = newOrder(story);
    const commandId = newKey();
    const metadata = { commandId, schemaVersion: 3 };
    return {
      plant: [{ ...placed, commandId, metadata, data: { ...data, parts: null } }],
      says: [`every event says what its name promises: event 0 of ${order}: OrderPlaced cannot be`],
    };
  },
};

/** The open store order goes its way to the door, and its order ends. */
const handOver = (story: Story): Planted[] => [
  stepOf(story, 'StoreOrderPacked'),
  stockOf(story, 'StockPicked', OPEN_LINES, { reserved: OPEN_LINES }),
  stepOf(story, 'StoreOrderDispatched'),
  stepOf(story, 'StoreOrderDelivered'),
  event(streamsOf(story.open).order, 'OrderCompleted', {}),
];

/** Cash for the open store order, which goes into the till. */
function collect(story: Story, amountPaise: number): Planted[] {
  const { orderId, storeOrderId } = story.open;
  const cash = { paymentId: paymentOf(storeOrderId).slice('payment-'.length), orderId };
  const at = new Date(0).toISOString();
  return [
    paid(story, storeOrderId, 'CashCollected', { amountPaise }),
    event(tillOf(story), 'CashTaken', { ...cash, storeOrderId, amountPaise, at }),
  ];
}

const tillOf = ({ storeId }: Story): string => `till-${storeId}.2099-11-21`;

/** It goes to the door, and is paid there. */
const deliver = (story: Story): Planted[] => [...handOver(story), ...collect(story, OPEN_PAISE)];

test('says in JSON what it proved, and leaves nothing behind', async (story) => {
  const { shop, history } = story;
  const { code, stdout } = await ops(['prove', '--json'], environmentOf(shop));
  assert.is(code, 0);
  const { ok, position, rowsPosition, events, shops, violations } = JSON.parse(stdout);
  assert.ok(ok);
  assert.equal(violations, []);
  const { storeId } = shareOf(story);
  const moved = { paidPaise: 3 * MILK_PAISE, reversedPaise: MILK_PAISE, returnedPaise: 0 };
  assert.equal(shops, [{ storeId, payments: 1, ...moved }], 'what each shop has by card');
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

test('what other programs have in the same log is nothing of ours', async (story) => {
  const names = ['basket-1', 'cart', '-', 'samples.cart-1', 'दुकान-1'];
  const theirs = names.map((stream) =>
    event(stream, 'ItemAddedToCart', { sku: 7 }, { commandId: newKey() }),
  );
  const { report, violations } = collectViolations();
  const nowMs = Date.now() + HOUR_MS;
  const projected: string[] = [];
  const ours = await proveLog(story.shop.client, story.history, nowMs, report, ({ stream }) => {
    projected.push(stream);
  });
  const events = plant(story.history, theirs);
  assert.is(events.length, story.history.length + names.length);
  const seen = await proveLog(story.shop.client, events, nowMs, report, ({ stream }) => {
    assert.not.ok(names.includes(stream));
    projected.push(stream);
  });
  assert.equal(seen, ours);
  assert.is(projected.length, 2 * ours.events);
  assert.equal(violations, []);
});

test('a stream whose state is no longer held is read anew', async (story) => {
  const past = story.history.filter(({ stream }) => stream === inventoryOf(story));
  const { upcast } = story.shop.client;
  const newest = parsedLater(past.pop()!, upcast);
  let state = inventory.initial;
  for (const raw of past) state = evolve(inventory, state, parsedLater(raw, upcast));
  const { report, violations } = collectViolations();
  const states = await new Streams(story.shop.client, report).take(newest);
  const { pack } = inventory.snapshot!;
  assert.equal(pack(states!.before as Inventory), pack(state));
  assert.equal(violations, []);
});

test('what the system wrote has the shape and the version of its golden', async (story) => {
  const { upcast } = story.shop.client;
  const types = new Set<string>();
  for (const raw of story.history) {
    const example = EXAMPLES[raw.type as keyof typeof EXAMPLES] as object | undefined;
    if (!example) continue;
    types.add(raw.type);
    const { data, metadata } = parsedLater(raw, asStored);
    assert.is(otherShape(example, data), undefined, raw.type);
    // Of the newest version, it is read as it stands.
    assert.is(upcast(raw, metadata.schemaVersion, data), data, raw.type);
  }
  assert.ok(types.size > 25, `only ${types.size} types of events`);
});

test('what was left behind in the log holds an hour later', async ({ history }) => {
  assert.equal(await violationsInStore(history), []);
});

test('an order that is brought back by a late payment holds', async (story) => {
  const order = newOrder(story, { payment: 'upi', expiresAt: PAST });
  const { orderId, storeOrderId, payment, reserved, held } = order;
  const free = { orderId, storeOrderId, reason: 'order-rejected' };
  const receipt = { externalId: '123456789012', amountPaise: OPEN_PAISE, why: 'cancelled' };
  const planted = [
    order.placed,
    reserved,
    held,
    order.waits,
    order.asked,
    event(payment, 'PaymentCancelled', { orderId, storeOrderId, reason: 'CHECKOUT_EXPIRED' }),
    order.rejected,
    event(inventoryOf(story), 'ReservationReleased', { ...free, lines: OPEN_LINES }),
    event(slotDayOf(story), 'SlotReleased', free),
    event(payment, 'LatePaymentSeen', { orderId, storeOrderId, ...receipt }),
    reserved,
    held,
    order.confirmed,
    order.submitted,
  ];
  assert.equal(await violationsIn(story, plant(story.history, planted)), []);
});

test('a log from before anybody asked for money holds, unless it was handed over on proof', async (story) => {
  const { history } = story;
  const before = history.slice(
    0,
    history.findIndex(({ type }) => type === 'OrderPlaced'),
  );
  const { data, order, storeOrder, orderId, storeOrderId, ...own } = newOrder(story);
  const { storeId } = data.parts[0]!;
  const step = (type: string, more: object = {}) =>
    event(storeOrder, type, { orderId, storeId, ...more });
  const picked = { orderId, storeOrderId, lines: OPEN_LINES, reserved: OPEN_LINES };
  const { sequence, number } = dataOf<Invoice>(story, registerOf(story), 'InvoiceIssued');
  const handedOver = (delivery: object): RawEvent[] =>
    plant(before, [
      own.placed,
      own.reserved,
      own.held,
      own.confirmed,
      own.submitted,
      step('StoreOrderAccepted'),
      step('StoreOrderPacked'),
      event(inventoryOf(story), 'StockPicked', picked),
      step('StoreOrderDispatched'),
      step('StoreOrderDelivered', delivery),
      billOfOpen(story, { storeOrderId, sequence, number }),
      event(order, 'OrderCompleted', {}),
    ]);
  assert.equal(await violationsIn(story, handedOver({})), []);
  assert.equal(await violationsIn(story, handedOver({ proof: 'code' })), [
    `money is asked for once, and only what was asked for comes in: event 2 of ${order}: ` +
      `nobody asked for the money for ${storeOrderId}`,
  ]);
});

test('is caught: a snapshot of something else', async (story) => {
  const stream = inventoryOf(story);
  const { pack, version } = inventory.snapshot!;
  const state = { ...pack(inventory.initial), items: [['dal', 99, 0, 0]] };
  const kept = { version, revision: '0', position: '0', state, commands: [] };
  const name = snapshotStreamOf(stream);
  const taken = event(name, 'SnapshotTaken', gzipSync(JSON.stringify(kept)));
  const [violation, ...others] = await violationsInStore(plant(story.history, [taken]));
  assert.match(
    violation!,
    `a snapshot is what its stream folds to: ${name}: from it, ${stream} does`,
  );
  assert.equal(others, []);
});

test('is caught: money that is not given back for days', async (story) => {
  const { storeOrderId } = story.delivered;
  assert.equal(await violationsIn(story, story.history, 4 * DAY_MS), [
    `money that goes back arrives in time: ${next(story, paymentOf(storeOrderId), -1)}: ` +
      'refund 1 is under way still',
  ]);
});

test('is caught: late money that waits for the rest of it for too long', async (story) => {
  const { storeId } = story;
  const { orderId, storeOrderId, payment, placed, asked, rejected } = newOrder(story, {
    payment: 'upi',
  });
  const half = { externalId: '426100999999', amountPaise: 100, why: 'too-little' };
  const late = event(payment, 'LatePaymentSeen', { orderId, storeOrderId, storeId, ...half });
  const events = plant(story.history, [placed, asked, rejected, late]);
  assert.equal(await violationsIn(story, events, LATE_WAIT_MS), []);
  assert.equal(await violationsIn(story, events), [
    `${OWED}: event 1 of ${payment}: 100 paise are paid and not given back; owed are 0`,
  ]);
});

test('is caught: a refund that failed and that nobody gave by hand for days', async (story) => {
  const { storeOrderId } = story.delivered;
  const reason = 'refund.failed';
  const failure = { refundNumber: 1, amountPaise: DAL_PAISE, reason };
  const failed = paid(story, storeOrderId, 'RefundFailed', failure);
  assert.equal(await violationsIn(story, plant(story.history, [failed])), []);
  assert.equal(await violationsIn(story, plant(story.history, [failed]), 4 * DAY_MS), [
    `money that goes back arrives in time: ${next(story, paymentOf(storeOrderId), -1)}: ` +
      'refund 1 failed, and nobody gave it by hand',
  ]);
});

for (const [name, fault] of Object.entries(FAULTS)) {
  test(`is caught: ${name}`, async (story) => {
    const { plant: planted, says } = fault(story);
    const violations = await violationsIn(story, plant(story.history, planted));
    assert.equal(
      violations.map((violation, index) => violation.slice(0, says[index]?.length)),
      says,
      violations.join('\n'),
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
${JSON.stringify({ ...SLOT, toMinute: 1_200 })}; fee_paise is 7 and should be ${FEE_PAISE}`,
  },
  {
    name: 'a row that was deleted',
    plant: ({ storeId }) => `delete from catalogue.stock where listing_id = '${storeId}.milk'`,
    says: ({ storeId }) => `NOT SO: the rows of catalogue.stock are what the log gives
  stock, listing_id ${storeId}.milk: it is missing`,
  },
  {
    name: 'what a row was before, deleted',
    plant: ({ open }) =>
      `delete from my_orders.part_version where store_order_id = '${open.storeOrderId}'
         and status = 'accepted'`,
    says: ({ open }) => `NOT SO: the rows of my_orders.part_version are what the log gives
  part_version, store_order_id ${open.storeOrderId}, at `,
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
  cart: its rows are of version 1; the projector makes version 3`,
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
