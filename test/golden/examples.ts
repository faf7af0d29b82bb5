import type { CartEvent } from '../../domain/cart/cart.ts';
import type { ListingEvent } from '../../domain/catalogue/listing.ts';
import type { StoreOrderEvent } from '../../domain/fulfilment/store-order.ts';
import type { InventoryEvent } from '../../domain/inventory/inventory.ts';
import type { InvoicesEvent } from '../../domain/money/invoices.ts';
import type { PaymentEvent } from '../../domain/money/payment.ts';
import type { TillEvent } from '../../domain/money/till.ts';
import type { UpiReferenceEvent } from '../../domain/money/upi-reference.ts';
import type { OrderEvent } from '../../domain/ordering/order.ts';
import type { SlotDayEvent } from '../../domain/slots/slot-day.ts';
import type { StoreEvent } from '../../domain/stores/store.ts';

type AnyEvent =
  | CartEvent
  | InventoryEvent
  | InvoicesEvent
  | ListingEvent
  | OrderEvent
  | PaymentEvent
  | SlotDayEvent
  | StoreEvent
  | StoreOrderEvent
  | TillEvent
  | UpiReferenceEvent;

/** What has a shape of its own is there, even where it may be null. */
type Shaped<T> = [Extract<T, object>] extends [never] ? T : Exclude<T, null | undefined>;

/** An example from which nothing is left out that may be there, and no list is empty. */
type Full<T> = T extends readonly (infer Item)[]
  ? [Full<Item>, ...Full<Item>[]]
  : T extends object
    ? { [Key in keyof T]-?: Full<Shaped<T[Key]>> }
    : T;

/** Names of what an example says and no event does: those that are spread in, too. */
type Extra<Given, Wanted> = Given extends readonly (infer Item)[]
  ? Extra<Item, Wanted extends readonly (infer Other)[] ? Other : never>
  : Given extends object
    ? | Exclude<keyof Given, KeysOf<Wanted>>
      | { [Key in keyof Given]: Extra<Given[Key], At<Wanted, Key>> }[keyof Given]
    : never;
type KeysOf<T> = T extends unknown ? keyof T : never;
type At<T, Key extends PropertyKey> = T extends Record<Key, infer Value> ? Value : never;
type None<T extends never> = T;

type Examples = { [Type in AnyEvent['type']]: Full<Extract<AnyEvent, { type: Type }>['data']> };

const [STORE_ID, ORDER_ID] = ['7d0f4a52-store', '0b9c6a3e-order'];
const STORE_ORDER_ID = '5e1d2c4b-store-order';
const GHEE = `${STORE_ID}.ghee`;
const AT = '2026-11-21T10:15:00.000Z';

const cartLine = { listingId: GHEE, quantity: 2 };
const stockLine = { sku: 'ghee', quantity: 2 };
const names = { hi: 'घी', ta: 'நெய்' };
const line = {
  listingId: GHEE,
  name: 'Ghee',
  names,
  pack: '1 l',
  quantity: 2,
  pricePaise: 65_000,
  linePaise: 130_000,
  gramsEach: 1_000,
  ifMissing: { wish: 'this-one', listingId: `${STORE_ID}.butter` },
} as const;
const terms = {
  feePaise: 2_500,
  minimumPaise: 10_000,
  fulfilment: 'delivery',
  slot: { date: '2026-11-22', fromMinute: 1_080, toMinute: 1_200 },
  placeOfSupply: '29',
} as const;
const goods = { storeId: STORE_ID, lines: [{ ...line }], totalPaise: 132_500 } as const;
const person = { personId: 'person', sealedRecipient: 'sealed', pincode: '560001' };
const place = { orderId: ORDER_ID, storeId: STORE_ID };
const paid = { orderId: ORDER_ID, storeOrderId: STORE_ORDER_ID, storeId: STORE_ID };
const held = { storeOrderId: STORE_ORDER_ID, orderId: ORDER_ID };
const cash = {
  paymentId: 'payment',
  orderId: ORDER_ID,
  storeOrderId: STORE_ORDER_ID,
  amountPaise: 132_500,
  at: AT,
};
const upi = {
  vpa: 'kirana@okbank',
  name: 'Kirana',
  merchant: { mc: '5411', mode: '02', purpose: '00', orgid: '159761', sign: 'MEUCIQ==' },
};
const taxed = {
  gstPercent: 12,
  taxablePaise: 116_072,
  cgstPaise: 6_964,
  sgstPaise: 6_964,
  igstPaise: 0,
};
const billed = {
  listingId: GHEE,
  name: 'Ghee',
  pack: '1 l',
  quantity: 2,
  pricePaise: 65_000,
  linePaise: 130_000,
  hsn: '0405',
  grams: 1_980,
  ...taxed,
};
const fee = {
  feePaise: 2_500,
  gstPercent: 12,
  taxablePaise: 2_232,
  cgstPaise: 134,
  sgstPaise: 134,
  igstPaise: 0,
};
const kept = {
  kept: {
    parts: [{ storeOrderId: STORE_ORDER_ID, ...goods, ...terms, lines: [{ ...line }] }],
    leftOut: [
      {
        storeOrderId: STORE_ORDER_ID,
        listingId: GHEE,
        name: 'Ghee',
        wanted: 3,
        left: 2,
        reason: 'INSUFFICIENT_STOCK',
      },
    ],
  },
} satisfies Examples['OrderReserved'];

/**
 * One event of each type as it is written today. A type that changes does not compile here, or is no
 * longer what the golden file of its category has as the newest version.
 */
export const EXAMPLES = {
  CartOpened: { shopper: 'guest:7d0f4a52' },
  ItemAddedToCart: cartLine,
  CartItemQuantityChanged: cartLine,
  ItemRemovedFromCart: { listingId: GHEE },
  CartCheckedOut: { orderId: ORDER_ID, round: 2 },
  CartReopened: { orderId: ORDER_ID },

  StockReceived: { lines: [stockLine] },
  StockCounted: { counts: [{ ...stockLine, was: 3 }], reason: 'damaged' },
  SoldAtCounter: { lines: [stockLine] },
  SafetyBufferSet: { lines: [stockLine] },
  StockReserved: { ...held, round: 2, lines: [stockLine], expiresAt: AT },
  ReservationChanged: { ...held, lines: [stockLine], was: [stockLine], revision: 3 },
  ReservationReleased: { ...held, lines: [stockLine], reason: 'order-rejected' },
  StockWrittenOff: { ...held, lines: [{ ...stockLine, reason: 'sold-out' }] },
  StockPicked: { storeOrderId: STORE_ORDER_ID, lines: [stockLine], reserved: [stockLine] },
  StockReturned: { storeOrderId: STORE_ORDER_ID, lines: [stockLine], to: 'shelf' },

  InvoiceIssued: {
    ...held,
    ...person,
    date: '2026-11-21',
    placeOfSupply: '29',
    supplier: {
      gstin: '29AAACB1234C1Z5',
      composition: false,
      state: '29',
      fssai: '11217332000123',
      legalName: 'Kirana Stores LLP',
      address: '12 MG Road, Bengaluru',
      storeName: 'Kirana',
    },
    sequence: 1,
    number: '26-27/000001',
    kind: 'tax-invoice',
    lines: [billed],
    fees: [fee],
    totalPaise: 132_500,
    roundingPaise: -40,
  },
  CreditNoteIssued: {
    ...held,
    creditNoteId: 'credit-note',
    sequence: 1,
    number: 'C26-27/000001',
    date: '2026-11-22',
    invoiceNumber: '26-27/000001',
    reason: 'damaged',
    lines: [billed],
    fees: [fee],
    totalPaise: 132_500,
  },

  ListingPublished: {
    name: 'Ghee',
    names,
    brand: 'Nandini',
    category: 'Dairy',
    subcategory: 'Ghee',
    pack: '1 l',
    description: 'Of cow’s milk',
    hsn: '0405',
    gramsEach: 1_000,
    pricePaise: 65_000,
    mrpPaise: 70_000,
    gstPercent: 12,
    gstFrom: '2025-09-22',
  },
  ListingDescribed: {
    name: 'Ghee',
    names,
    brand: 'Nandini',
    category: 'Dairy',
    subcategory: 'Ghee',
    pack: '1 l',
    description: 'Of cow’s milk',
    hsn: '0405',
    gramsEach: 1_000,
    gstPercent: 12,
  },
  GstRateSet: { gstFrom: '2025-09-22', gstPercent: 12 },
  PriceSet: { pricePaise: 65_000, mrpPaise: 70_000 },
  ListingWithdrawn: {},
  ListingRelisted: {},

  OrderPlaced: {
    cartId: 'cart',
    shopper: 'guest:7d0f4a52',
    ...person,
    payment: 'upi',
    onShortage: 'whatever-each-shop-can',
    parts: [{ storeOrderId: STORE_ORDER_ID, ...goods, ...terms, lines: [{ ...line }] }],
    totalPaise: 132_500,
    quote: { totalPaise: 132_500, expiresAt: AT },
    expiresAt: AT,
  },
  OrderReserved: kept,
  OrderConfirmed: kept,
  OrderRejected: {
    reason: 'INSUFFICIENT_STOCK',
    shortages: [{ listingId: GHEE, wanted: 2, left: 1 }],
  },
  OrderCancelled: {},
  OrderCompleted: {},

  PaymentRequested: {
    ...paid,
    method: 'upi',
    amountPaise: 132_500,
    expiresAt: AT,
    upi: { ...upi },
    gatewayOrderId: 'order_1',
    transfers: [
      {
        storeOrderId: paid.storeOrderId,
        storeId: paid.storeId,
        account: 'acc_GPWqTfJnPnuHgK',
        amountPaise: 132_500,
      },
    ],
  },
  PaymentCancelled: { ...paid, reason: 'CHECKOUT_EXPIRED' },
  PaymentSucceeded: { ...paid, externalId: '426100999999', amountPaise: 132_500 },
  PaymentFailed: { ...paid, externalId: 'pay_1', reason: 'declined' },
  LatePaymentSeen: { ...paid, externalId: 'pay_2', amountPaise: 132_500, why: 'cancelled' },
  CashCollected: { ...paid, amountPaise: 132_500 },
  RefundRequested: {
    ...paid,
    refundNumber: 1,
    externalId: 'pay_2',
    amountPaise: 132_500,
    reversals: [{ storeOrderId: paid.storeOrderId, amountPaise: 132_500 }],
  },
  RefundSucceeded: { ...paid, refundNumber: 1, amountPaise: 132_500, externalId: 'rfnd_1' },
  RefundTakenOver: {
    ...paid,
    refundNumber: 2,
    externalId: 'pay_1',
    amountPaise: 5_000,
    givenAs: 'rfnd_2',
    reversals: [{ storeOrderId: paid.storeOrderId, amountPaise: 5_000 }],
  },
  RefundReduced: { ...paid, refundNumber: 1, amountPaise: 127_500 },
  RefundFailed: { ...paid, refundNumber: 1, amountPaise: 132_500, reason: 'refund.failed' },
  TransferMade: {
    ...paid,
    externalId: 'trf_1',
    account: 'acc_GPWqTfJnPnuHgK',
    amountPaise: 132_500,
  },
  TransferReversed: { ...paid, externalId: 'trf_1', amountPaise: 5_000 },
  ReversalReturned: { ...paid, returnNumber: 1, externalId: 'trf_2', amountPaise: 5_000 },

  SlotCapacitySet: { slots: [{ fromMinute: 1_080, toMinute: 1_200, capacity: 20 }] },
  SlotHeld: { ...held, round: 2, fromMinute: 1_080, expiresAt: AT },
  SlotConfirmed: held,
  SlotReleased: { ...held, reason: 'cancelled' },

  StoreRegistered: { name: 'Kirana', city: 'Bengaluru', pincode: '560001' },
  TaxRegistrationSet: {
    gstin: '29AAACB1234C1Z5',
    composition: false,
    state: '29',
    fssai: '11217332000123',
    legalName: 'Kirana Stores LLP',
    address: '12 MG Road, Bengaluru',
  },
  UpiAddressSet: { upi: { ...upi } },
  LinkedAccountSet: { account: 'acc_GPWqTfJnPnuHgK' },
  HoursSet: {
    weekly: [{ weekday: 1, fromMinute: 540, toMinute: 1_260 }],
    holidays: ['2026-11-08'],
  },
  ServiceAreaSet: {
    pincodes: ['560001'],
    within: { centre: { latitude: 12.97, longitude: 77.59 }, radiusMetres: 5_000 },
  },
  MinimumOrderSet: { minimumPaise: 10_000 },
  DeliveryFeeSet: {
    steps: [{ fromMetres: 0, fromPaise: 0, feePaise: 2_500 }],
    freeFromPaise: 50_000,
  },
  SlotClosingSet: { leadMinutes: 60, sameDayUntilMinute: 660 },
  StorePaused: {},
  StoreResumed: {},

  StoreOrderSubmitted: {
    orderId: ORDER_ID,
    ...person,
    payment: 'upi',
    ...goods,
    ...terms,
    lines: [{ ...line }],
  },
  StoreOrderAccepted: place,
  StoreOrderRejected: { ...place, reason: 'closed' },
  LineReduced: { ...place, ...cartLine },
  LinePicked: { ...place, ...cartLine, grams: 1_980 },
  LineShorted: { ...place, ...cartLine, reason: 'sold-out' },
  SubstituteChosen: { ...place, listingId: GHEE, replaces: 1, line: { ...line }, expiresAt: AT },
  SubstituteUnavailable: { ...place, listingId: GHEE, substituteId: 'butter', left: 0 },
  SubstitutionProposed: {
    ...place,
    listingId: GHEE,
    replaces: 1,
    line: { ...line },
    expiresAt: AT,
  },
  SubstitutionDecided: { ...place, listingId: GHEE, accepted: true, by: 'shopper' },
  StoreOrderPacked: { ...place, lines: [cartLine] },
  StoreOrderDispatched: place,
  DeliveryCodeMissed: place,
  StoreOrderDelivered: { ...place, proof: 'code' },
  StoreOrderCancelled: { ...place, by: 'shop', reason: 'out-of-stock' },
  LinesReturned: {
    ...place,
    returnId: 'return',
    lines: [cartLine],
    reason: 'damaged',
    to: 'write-off',
    feePaise: 2_500,
  },

  TillOpened: { openingPaise: 100_000 },
  CashTaken: cash,
  CashGivenBack: { ...cash, refundNumber: 1 },
  TillClosed: {
    countedPaise: 232_400,
    expectedPaise: 232_500,
    differencePaise: -100,
    reason: 'wrong-change',
  },

  UpiReferenceUsed: { vpa: 'kirana@okbank', utr: '426100999999', paymentId: 'payment' },
} satisfies Examples;

export type NothingExtra = None<Extra<typeof EXAMPLES, Examples>>;
