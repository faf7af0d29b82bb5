import { cart } from '../domain/cart/cart.ts';
import { listing } from '../domain/catalogue/listing.ts';
import { storeOrder, type SubmittedStoreOrder } from '../domain/fulfilment/store-order.ts';
import { inventory } from '../domain/inventory/inventory.ts';
import { invoices, type InvoiceFee, type InvoiceLine } from '../domain/money/invoices.ts';
import { payment } from '../domain/money/payment.ts';
import { till } from '../domain/money/till.ts';
import {
  order,
  type OrderLine,
  type OrderPart,
  type PlacedOrder,
} from '../domain/ordering/order.ts';
import { slotDay } from '../domain/slots/slot-day.ts';
import { store } from '../domain/stores/store.ts';
import type { Decider, Message } from '../engine/decider.ts';
import type { StoredEvent } from '../platform/event-store.ts';

/** An id that says what it is of: `…-a00000000001`. */
const uuid = (number: number): string =>
  `00000000-0000-4000-8000-a${String(number).padStart(11, '0')}`;

const [ORDER, STORE_ORDER, OTHER_STORE_ORDER, PAYMENT] = [uuid(1), uuid(2), uuid(3), uuid(4)];
const [REJECTED, CANCELLED, WHOLE] = [uuid(5), uuid(6), uuid(7)];
const [PERSON, CART, RETURN] = [uuid(8), uuid(9), uuid(10)];
/** Of whoever ordered. */
export const GUEST = 'asha';
const SHOPPER = `guest:${GUEST}`;
const [STORE, DATE] = [uuid(20), '2026-11-21'];
const [DAL, GHEE, OIL] = [`${STORE}.dal`, `${STORE}.ghee`, `${STORE}.oil`];
const DAY = `${STORE}.${DATE}`;
const BEGUN_MS = Date.parse(`${DATE}T04:30:00Z`);
const EXPIRES = '2026-11-21T04:45:00.000Z';

const events: StoredEvent[] = [];

/** Events of one stream, each a second after the last one of the log. */
function say<S, C extends Message, E extends Message>(
  { category }: Decider<S, C, E>,
  id: string,
  ...said: NoInfer<E>[]
): void {
  const stream = `${category}-${id}`;
  const before = events.filter((event) => event.stream === stream).length;
  for (const [index, { type, data }] of said.entries()) {
    const number = events.length;
    const metadata = {
      $correlationId: `request ${number}`,
      $causationId: `cause ${number}`,
      commandId: `command ${number}`,
      actor: 'anonymous',
      at: new Date(BEGUN_MS + number * 1_000).toISOString(),
      schemaVersion: 1,
    };
    const place = { revision: BigInt(before + index), position: BigInt(number) };
    events.push({ stream, id: uuid(100 + number), type, data, metadata, ...place });
  }
}

const lineOf = (listingId: string, quantity: number, pricePaise: number): OrderLine => ({
  listingId,
  name: listingId,
  names: { hi: 'नाम' },
  pack: '1 kg',
  quantity,
  pricePaise,
  linePaise: quantity * pricePaise,
  gramsEach: 1_000,
  ifMissing: { wish: 'this-one', listingId: OIL },
});

const slot = { date: DATE, fromMinute: 600, toMinute: 720 };
const first: OrderPart = {
  storeOrderId: STORE_ORDER,
  storeId: STORE,
  lines: [lineOf(DAL, 3, 12_000), lineOf(GHEE, 2, 30_000)],
  feePaise: 2_500,
  minimumPaise: 10_000,
  fulfilment: 'delivery',
  slot,
  placeOfSupply: '29',
  totalPaise: 98_500,
};
const other: OrderPart = { ...first, storeOrderId: OTHER_STORE_ORDER, storeId: 'annapurna' };
const kept = {
  parts: [
    { ...first, lines: [lineOf(DAL, 2, 12_000), lineOf(GHEE, 2, 30_000)], totalPaise: 86_500 },
  ],
  leftOut: [
    { storeOrderId: STORE_ORDER, listingId: DAL, name: 'dal', wanted: 3, left: 2, reason: 'short' },
    {
      storeOrderId: OTHER_STORE_ORDER,
      listingId: DAL,
      name: 'dal',
      wanted: 3,
      left: 0,
      reason: 'none',
    },
  ],
};
const person = { personId: PERSON, sealedRecipient: 'sealed', pincode: '560001' };
const placed: PlacedOrder = {
  ...person,
  cartId: CART,
  shopper: SHOPPER,
  payment: 'upi',
  onShortage: 'whatever-each-shop-can',
  parts: [first, other],
  totalPaise: 197_000,
  quote: { totalPaise: 197_000, expiresAt: EXPIRES },
  expiresAt: EXPIRES,
};

function openStore(): void {
  say(
    store,
    STORE,
    { type: 'StoreRegistered', data: { name: 'Lakshmi', city: 'Bengaluru', pincode: '560001' } },
    {
      type: 'TaxRegistrationSet',
      data: {
        gstin: null,
        composition: false,
        state: '29',
        fssai: null,
        legalName: 'Lakshmi Stores',
        address: '1st Cross',
      },
    },
    { type: 'UpiAddressSet', data: { upi: { vpa: 'lakshmi@okbank', name: 'Lakshmi' } } },
    {
      type: 'HoursSet',
      data: {
        weekly: [{ weekday: 1, fromMinute: 480, toMinute: 1_320 }],
        holidays: ['2026-11-08'],
      },
    },
    {
      type: 'ServiceAreaSet',
      data: {
        pincodes: ['560001'],
        within: { centre: { latitude: 12.97, longitude: 77.59 }, radiusMetres: 3_000 },
      },
    },
    { type: 'MinimumOrderSet', data: { minimumPaise: 10_000 } },
    {
      type: 'DeliveryFeeSet',
      data: {
        steps: [{ fromMetres: 0, fromPaise: 0, feePaise: 2_500 }],
        freeFromPaise: 100_000,
      },
    },
    { type: 'StorePaused', data: {} },
    { type: 'StoreResumed', data: {} },
  );
  const described = {
    names: { ta: 'பெயர்' },
    brand: 'Home',
    category: 'Staples',
    subcategory: 'Pulses',
    pack: '1 kg',
    description: 'As it is',
    hsn: '0713',
    gramsEach: 1_000,
  };
  for (const id of [DAL, GHEE, OIL]) {
    const price = { pricePaise: 11_000, mrpPaise: 13_000, gstPercent: 5, gstFrom: '2025-09-22' };
    say(
      listing,
      id,
      { type: 'ListingPublished', data: { name: id, ...described, ...price } },
      { type: 'ListingDescribed', data: { brand: 'Farm', gramsEach: 500 } },
      { type: 'GstRateSet', data: { gstFrom: '2027-04-01', gstPercent: 12 } },
      { type: 'PriceSet', data: { pricePaise: 12_000, mrpPaise: 14_000 } },
    );
  }
  const slots = [{ fromMinute: 600, toMinute: 720, capacity: 2 }];
  say(slotDay, DAY, { type: 'SlotCapacitySet', data: { slots } });
}

function keepStock(): void {
  const all = ['dal', 'ghee', 'oil'].map((sku) => ({ sku, quantity: 40 }));
  const dal = [{ sku: 'dal', quantity: 2 }];
  const one = [{ sku: 'dal', quantity: 1 }];
  const about = { storeOrderId: STORE_ORDER, orderId: ORDER };
  const two = { storeOrderId: OTHER_STORE_ORDER, orderId: ORDER };
  say(
    inventory,
    STORE,
    { type: 'StockReceived', data: { lines: all } },
    {
      type: 'StockCounted',
      data: { counts: [{ sku: 'oil', quantity: 38, was: 40 }], reason: 'miscounted' },
    },
    { type: 'SoldAtCounter', data: { lines: [{ sku: 'oil', quantity: 1 }] } },
    { type: 'SafetyBufferSet', data: { lines: [{ sku: 'oil', quantity: 3 }] } },
    { type: 'StockReserved', data: { ...about, round: 1, lines: dal, expiresAt: EXPIRES } },
    { type: 'StockReserved', data: { ...two, round: 1, lines: dal, expiresAt: EXPIRES } },
    { type: 'ReservationReleased', data: { ...two, lines: dal, reason: 'order-rejected' } },
    { type: 'ReservationChanged', data: { ...about, lines: one, was: dal, revision: 2 } },
    { type: 'StockWrittenOff', data: { ...about, lines: [{ ...one[0]!, reason: 'damaged' }] } },
    { type: 'StockPicked', data: { storeOrderId: STORE_ORDER, lines: one, reserved: one } },
    { type: 'StockReturned', data: { storeOrderId: STORE_ORDER, lines: one, to: 'shelf' } },
  );
  const hold = { round: 1, fromMinute: 600, expiresAt: EXPIRES };
  say(
    slotDay,
    DAY,
    { type: 'SlotHeld', data: { ...about, ...hold } },
    { type: 'SlotHeld', data: { ...two, ...hold } },
    { type: 'SlotConfirmed', data: about },
    { type: 'SlotReleased', data: { ...two, reason: 'order-rejected' } },
  );
}

function placeOrders(): void {
  say(
    cart,
    CART,
    { type: 'CartOpened', data: { shopper: SHOPPER } },
    { type: 'ItemAddedToCart', data: { listingId: DAL, quantity: 1 } },
    { type: 'ItemAddedToCart', data: { listingId: GHEE, quantity: 2 } },
    { type: 'ItemAddedToCart', data: { listingId: OIL, quantity: 1 } },
    { type: 'CartItemQuantityChanged', data: { listingId: DAL, quantity: 3 } },
    { type: 'ItemRemovedFromCart', data: { listingId: OIL } },
    { type: 'CartCheckedOut', data: { orderId: REJECTED, round: 1 } },
    { type: 'CartReopened', data: { orderId: REJECTED } },
    { type: 'CartCheckedOut', data: { orderId: ORDER, round: 1 } },
  );
  const rejected = [{ ...first, storeOrderId: uuid(11) }];
  say(
    order,
    REJECTED,
    { type: 'OrderPlaced', data: { ...placed, parts: rejected } },
    {
      type: 'OrderRejected',
      data: { reason: 'INSUFFICIENT_STOCK', shortages: [{ listingId: DAL, wanted: 3, left: 1 }] },
    },
  );
  say(
    order,
    CANCELLED,
    { type: 'OrderPlaced', data: { ...placed, parts: [{ ...first, storeOrderId: uuid(12) }] } },
    { type: 'OrderConfirmed', data: {} },
    { type: 'OrderCancelled', data: {} },
  );
  say(
    order,
    ORDER,
    { type: 'OrderPlaced', data: placed },
    { type: 'OrderReserved', data: { kept } },
    { type: 'OrderConfirmed', data: { kept } },
    { type: 'OrderCompleted', data: {} },
  );
}

function workStoreOrder(): void {
  const place = { orderId: ORDER, storeId: STORE };
  const { storeOrderId: _, ...submitted } = kept.parts[0]!;
  const about = { payment: 'upi', orderId: ORDER } as const;
  const handed: SubmittedStoreOrder = { ...submitted, ...person, ...about };
  const oil = { replaces: 1, line: lineOf(OIL, 1, 20_000), expiresAt: EXPIRES };
  say(
    storeOrder,
    STORE_ORDER,
    { type: 'StoreOrderSubmitted', data: handed },
    { type: 'LineReduced', data: { ...place, listingId: GHEE, quantity: 1 } },
    { type: 'StoreOrderAccepted', data: place },
    { type: 'LinePicked', data: { ...place, listingId: DAL, quantity: 1, grams: 950 } },
    {
      type: 'LineShorted',
      data: { ...place, listingId: DAL, quantity: 1, reason: 'damaged' },
    },
    { type: 'SubstituteChosen', data: { ...place, listingId: GHEE, ...oil } },
    {
      type: 'SubstituteUnavailable',
      data: { ...place, listingId: GHEE, substituteId: OIL, left: 0 },
    },
    { type: 'SubstituteChosen', data: { ...place, listingId: GHEE, ...oil } },
    { type: 'SubstitutionProposed', data: { ...place, listingId: GHEE, ...oil } },
    {
      type: 'SubstitutionDecided',
      data: { ...place, listingId: GHEE, accepted: true, by: 'shopper' },
    },
    {
      type: 'StoreOrderPacked',
      data: { ...place, lines: [DAL, OIL].map((listingId) => ({ listingId, quantity: 1 })) },
    },
    { type: 'StoreOrderDispatched', data: place },
    { type: 'DeliveryCodeMissed', data: place },
    { type: 'StoreOrderDelivered', data: { ...place, proof: 'code' } },
    {
      type: 'LinesReturned',
      data: {
        ...place,
        returnId: RETURN,
        lines: [{ listingId: DAL, quantity: 1 }],
        reason: 'damaged',
        to: 'shelf',
        feePaise: 2_500,
      },
    },
  );
  const turnedDown = { ...handed, orderId: CANCELLED };
  const there = { orderId: CANCELLED, storeId: STORE };
  say(
    storeOrder,
    uuid(12),
    { type: 'StoreOrderSubmitted', data: turnedDown },
    { type: 'StoreOrderRejected', data: { ...there, reason: 'closed' } },
  );
  say(
    storeOrder,
    uuid(11),
    { type: 'StoreOrderSubmitted', data: { ...handed, orderId: REJECTED } },
    {
      type: 'StoreOrderCancelled',
      data: { orderId: REJECTED, storeId: STORE, by: 'shopper', reason: 'too-slow' },
    },
  );
}

function pay(): void {
  const place = { orderId: ORDER, storeOrderId: STORE_ORDER, storeId: STORE };
  const money = { externalId: 'utr-1', amountPaise: 86_500 };
  say(
    payment,
    PAYMENT,
    {
      type: 'PaymentRequested',
      data: {
        ...place,
        method: 'upi',
        amountPaise: 86_500,
        expiresAt: EXPIRES,
        upi: { vpa: 'lakshmi@okbank', name: 'Lakshmi' },
      },
    },
    { type: 'PaymentFailed', data: { ...place, externalId: 'utr-0', reason: 'declined' } },
    { type: 'PaymentSucceeded', data: { ...place, ...money } },
    {
      type: 'LatePaymentSeen',
      data: { ...place, ...money, externalId: 'utr-2', why: 'paid-already' },
    },
    { type: 'RefundRequested', data: { ...place, ...money, externalId: 'utr-2', refundNumber: 1 } },
    {
      type: 'RefundFailed',
      data: { ...place, refundNumber: 1, amountPaise: 86_500, reason: 'refund.failed' },
    },
    {
      type: 'RefundSucceeded',
      data: { ...place, refundNumber: 1, amountPaise: 86_500, externalId: 'cash' },
    },
    { type: 'RefundRequested', data: { ...place, ...money, refundNumber: 2 } },
  );
  const whole = { orderId: REJECTED, storeOrderId: null, storeId: null };
  say(
    payment,
    WHOLE,
    {
      type: 'PaymentRequested',
      data: {
        ...whole,
        method: 'razorpay',
        amountPaise: 98_500,
        expiresAt: EXPIRES,
        gatewayOrderId: 'order_1',
      },
    },
    { type: 'PaymentCancelled', data: { ...whole, reason: 'INSUFFICIENT_STOCK' } },
  );
  const atDoor = { orderId: CANCELLED, storeOrderId: uuid(12), storeId: STORE };
  say(
    payment,
    uuid(13),
    {
      type: 'PaymentRequested',
      data: { ...atDoor, method: 'cash-on-delivery', amountPaise: 500, expiresAt: null },
    },
    { type: 'CashCollected', data: { ...atDoor, amountPaise: 500 } },
  );
}

function keepBooks(): void {
  const tax = { taxablePaise: 11_428, cgstPaise: 286, sgstPaise: 286, igstPaise: 0 };
  const { names: _n, ifMissing: _i, gramsEach: _g, ...line } = lineOf(DAL, 1, 12_000);
  const lines: InvoiceLine[] = [{ ...line, hsn: '0713', gstPercent: 5, grams: 950, ...tax }];
  const fees: InvoiceFee[] = [{ gstPercent: 5, feePaise: 2_500, ...tax }];
  const about = { storeOrderId: STORE_ORDER, orderId: ORDER, date: DATE };
  const supplier = {
    gstin: null,
    composition: false,
    state: '29',
    fssai: null,
    legalName: 'Lakshmi Stores',
    address: '1st Cross',
    storeName: 'Lakshmi',
  };
  say(
    invoices,
    `${STORE}.2026-27`,
    {
      type: 'InvoiceIssued',
      data: {
        ...about,
        ...person,
        supplier,
        placeOfSupply: '29',
        sequence: 1,
        number: 'A26/1',
        kind: 'tax-invoice',
        lines,
        fees,
        totalPaise: 14_500,
        roundingPaise: 0,
      },
    },
    {
      type: 'CreditNoteIssued',
      data: {
        ...about,
        creditNoteId: RETURN,
        sequence: 1,
        number: 'CA26/1',
        invoiceNumber: 'A26/1',
        reason: 'damaged',
        lines,
        fees,
        totalPaise: 14_500,
      },
    },
  );
  const cash = { paymentId: PAYMENT, orderId: ORDER, storeOrderId: STORE_ORDER };
  const moved = { ...cash, amountPaise: 500, at: EXPIRES };
  const closing = { countedPaise: 900, expectedPaise: 1_000, differencePaise: -100 };
  say(
    till,
    DAY,
    { type: 'TillOpened', data: { openingPaise: 1_000 } },
    { type: 'CashTaken', data: moved },
    { type: 'CashGivenBack', data: { ...moved, refundNumber: 1 } },
    { type: 'TillClosed', data: { ...closing, reason: 'wrong-change' } },
  );
  const withdrawn = { type: 'ListingWithdrawn', data: {} } as const;
  say(listing, OIL, withdrawn);
  say(listing, DAL, withdrawn, { type: 'ListingRelisted', data: {} });
}

/** What came to be said later: after all else, whose times and places stay as they are. */
function sayLater(): void {
  const whole = { orderId: REJECTED, storeOrderId: null, storeId: null };
  const refund = { ...whole, refundNumber: 1, amountPaise: 5_000 };
  say(
    payment,
    WHOLE,
    { type: 'RefundTakenOver', data: { ...refund, externalId: 'pay_1', givenAs: 'rfnd_1' } },
    { type: 'RefundReduced', data: { ...refund, amountPaise: 0 } },
  );
  const closing = { leadMinutes: 60, sameDayUntilMinute: 660 };
  say(store, STORE, { type: 'SlotClosingSet', data: closing });
  say(store, STORE, { type: 'LinkedAccountSet', data: { account: 'acc_GPWqTfJnPnuHgK' } });
  const share = { orderId: REJECTED, storeOrderId: uuid(14), storeId: STORE, externalId: 'trf_1' };
  const returned = { returnNumber: 1, amountPaise: 5_000 };
  const made = { ...share, account: 'acc_GPWqTfJnPnuHgK', amountPaise: 98_500 };
  say(
    payment,
    WHOLE,
    { type: 'TransferMade', data: made },
    { type: 'TransferReversed', data: { ...share, amountPaise: 5_000 } },
    { type: 'ReversalReturned', data: { ...share, externalId: 'trf_2', ...returned } },
  );
}

for (const tell of [openStore, keepStock, placeOrders, workStoreOrder, pay, keepBooks, sayLater]) {
  tell();
}

/**
 * A log in which every event that read models hear of happens, in an order in which a shop's day
 * could be told. It stays as it is: digests of what is made of it are pinned.
 */
export const EVERY_EVENT: readonly StoredEvent[] = events;

/** What that log is about. */
export const EVERY_ID = {
  storeId: STORE,
  listingId: DAL,
  cartId: CART,
  orderId: ORDER,
  storeOrderId: STORE_ORDER,
  date: DATE,
};
