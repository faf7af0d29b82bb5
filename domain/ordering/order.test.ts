import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Rejected } from '../rejection.ts';
import type { Listing } from '../catalogue/listing.ts';
import {
  leftOutOf,
  order,
  storeOrderOf,
  quote,
  type OrderCommand,
  type OrderEvent,
  type OrderPart,
  type PlacedOrder,
} from './order.ts';
import { given } from '../../test/given.ts';
import { AT_ONCE, UNQUOTED } from '../../test/terms.ts';

const listed = (pricePaise: number): Listing => ({
  published: true,
  withdrawn: false,
  name: `at ${pricePaise}`,
  names: {},
  brand: null,
  category: 'Other',
  subcategory: null,
  pack: null,
  description: null,
  hsn: null,
  gramsEach: null,
  gstRates: [],
  pricePaise,
  mrpPaise: null,
});

const placedOrder: PlacedOrder = {
  cartId: 'c',
  shopper: null,
  personId: 'p',
  sealedRecipient: 'sealed',
  pincode: '560001',
  payment: 'cash-on-delivery',
  ...UNQUOTED,
  parts: [],
  totalPaise: 0,
  expiresAt: '2026-11-21T10:15:00.000Z',
};
const placed: OrderEvent = { type: 'OrderPlaced', data: placedOrder };
const confirmed: OrderEvent = { type: 'OrderConfirmed', data: {} };
const rejectedFor = (reason: string): OrderEvent => ({
  type: 'OrderRejected',
  data: { reason, shortages: [] },
});

test('a quote has a store order for each shop, in whole paise that add up', () => {
  const lines = [
    { listingId: 'a.1', quantity: 3 },
    { listingId: 'b.1', quantity: 1 },
    { listingId: 'a.2', quantity: 2 },
  ];
  const storeOrders = quote(lines, (id) => listed({ 'a.1': 1_001, 'a.2': 50, 'b.1': 99 }[id]!));
  assert.equal(
    storeOrders.map(({ storeId, totalPaise }) => [storeId, totalPaise]),
    [
      ['a', 3_103],
      ['b', 99],
    ],
  );
  assert.equal(
    storeOrders[0]!.lines.map((line) => line.linePaise),
    [3_003, 100],
  );
});

test('an empty cart and a listing that is gone have no quote', () => {
  const code = (expected: string) => (error: unknown) =>
    error instanceof Rejected && error.code === expected;
  assert.throws(() => quote([], () => undefined), code('CART_EMPTY'));
  assert.throws(
    () => quote([{ listingId: 'a.1', quantity: 1 }], () => ({ published: false })),
    code('LISTING_NOT_FOUND'),
  );
  const withdrawn = { ...listed(100), withdrawn: true } as Listing;
  assert.throws(
    () => quote([{ listingId: 'a.1', quantity: 1 }], () => withdrawn),
    code('LISTING_NOT_FOUND'),
  );
});

test('an order is placed once', () => {
  given(order).when({ type: 'PlaceOrder', data: placedOrder }).gives(placed);
  given(order, placed)
    .when({ type: 'PlaceOrder', data: placedOrder })
    .rejected('ORDER_ALREADY_PLACED');
});

test('an order ends completed when something was delivered, rejected when nothing was', () => {
  given(order, placed, confirmed)
    .when({ type: 'CompleteOrder', data: { delivered: true } })
    .gives({ type: 'OrderCompleted', data: {} });
  given(order, placed, confirmed)
    .when({ type: 'CompleteOrder', data: { delivered: false } })
    .gives(rejectedFor('rejected-by-every-shop'));
});

test('of two that drive a checkout to different ends the first is right', () => {
  const shortages = [{ listingId: 'a.1', wanted: 2, left: 1 }];
  const data = { reason: 'INSUFFICIENT_STOCK', shortages };
  given(order, placed).when({ type: 'RejectOrder', data }).gives({ type: 'OrderRejected', data });
  given(order, placed, confirmed).when({ type: 'RejectOrder', data }).gives();
  const rejected: OrderEvent = { type: 'OrderRejected', data };
  const { state } = given(order, placed, rejected);
  given(order, placed, rejected).when({ type: 'ConfirmOrder', data: {} }).gives();
  assert.equal(state.status !== 'none' && [state.confirmed, state.shortages], [false, shortages]);
});

test('what ended stays as it ended', () => {
  const rejected = rejectedFor('CART_CHANGED');
  given(order, placed, rejected).when({ type: 'ConfirmOrder', data: {} }).gives();
  given(order, placed, rejected)
    .when({ type: 'CompleteOrder', data: { delivered: true } })
    .gives();
});

const storeOrder: OrderPart = {
  ...AT_ONCE,
  storeOrderId: 'so',
  storeId: 'a',
  lines: [
    {
      listingId: 'a.1',
      name: 'Ghee',
      names: {},
      pack: null,
      quantity: 3,
      pricePaise: 100,
      linePaise: 300,
    },
    {
      listingId: 'a.2',
      name: 'Dal',
      names: {},
      pack: null,
      quantity: 1,
      pricePaise: 50,
      linePaise: 50,
    },
  ],
  feePaise: 30,
  totalPaise: 380,
};

test('a store order shrinks to what its shop has, and says what was left out', () => {
  const kept = storeOrderOf(storeOrder, new Map([['a.1', 2]]));
  assert.equal([kept?.lines.length, kept?.lines[0]?.linePaise, kept?.totalPaise], [1, 200, 230]);
  const out = { storeOrderId: 'so', reason: 'INSUFFICIENT_STOCK' };
  assert.equal(leftOutOf(storeOrder, kept, 'INSUFFICIENT_STOCK'), [
    { ...out, listingId: 'a.1', name: 'Ghee', wanted: 3, left: 2 },
    { ...out, listingId: 'a.2', name: 'Dal', wanted: 1, left: 0 },
  ]);
  assert.is(storeOrderOf(storeOrder, new Map()), undefined);
  assert.equal(
    storeOrderOf(
      storeOrder,
      new Map([
        ['a.1', 9],
        ['a.2', 9],
      ]),
    ),
    storeOrder,
    'never more than was asked for',
  );
});

test('an order keeps what was asked, and goes on with what is left', () => {
  const kept = storeOrderOf(storeOrder, new Map([['a.1', 2]]))!;
  const asked: OrderEvent = { type: 'OrderPlaced', data: { ...placedOrder, parts: [storeOrder] } };
  const left = { parts: [kept], leftOut: leftOutOf(storeOrder, kept, 'INSUFFICIENT_STOCK') };
  const reserved: OrderEvent = { type: 'OrderReserved', data: { kept: left } };
  given(order, asked)
    .when({ type: 'ReserveOrder', data: { kept: left } })
    .gives(reserved);
  given(order, asked, reserved).when({ type: 'ReserveOrder', data: {} }).gives();
  given(order, asked, reserved).when({ type: 'ConfirmOrder', data: {} }).gives(confirmed);
  const { state } = given(order, asked, reserved, confirmed);
  assert.equal(
    state.status !== 'none' && [state.status, state.asked, state.parts, state.totalPaise],
    ['confirmed', [storeOrder], [kept], 230],
  );
});

test('a late payment brings an order back or not, once and for all', () => {
  const expired = rejectedFor('CHECKOUT_EXPIRED');
  const refused = rejectedFor('PAID_TOO_LATE');
  const reinstate: OrderCommand = { type: 'ReinstateOrder', data: {} };
  const refuse: OrderCommand = { type: 'RefuseLatePayment', data: {} };
  given(order, placed, expired).when(reinstate).gives(confirmed);
  given(order, placed, expired).when(refuse).gives(refused);
  given(order, placed, expired, confirmed).when(refuse).gives();
  given(order, placed, expired, refused).when(reinstate).gives();
  given(order, placed).when(reinstate).gives();
});

test('a shopper cancels an order that is not confirmed, and nothing brings it back', () => {
  const cancel: OrderCommand = { type: 'CancelOrder', data: {} };
  const cancelled = rejectedFor('ORDER_CANCELLED');
  const reserved: OrderEvent = { type: 'OrderReserved', data: {} };
  const expired = rejectedFor('CHECKOUT_EXPIRED');
  given(order, placed).when(cancel).gives(cancelled);
  given(order, placed, reserved).when(cancel).gives(cancelled);
  given(order, placed, reserved, expired).when(cancel).gives(cancelled);
  given(order, placed, reserved, cancelled).when(cancel).gives();
  given(order, placed, reserved, cancelled).when({ type: 'ConfirmOrder', data: {} }).gives();
  given(order, placed, reserved, cancelled).when({ type: 'ReinstateOrder', data: {} }).gives();
  given(order, placed, reserved, confirmed).when(cancel).rejected('WRONG_STATUS');
  given(order).when(cancel).rejected('ORDER_NOT_FOUND');
});

test.run();
