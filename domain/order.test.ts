import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Rejected } from './decider.ts';
import type { Listing } from './listing.ts';
import { order, quote, type OrderEvent, type PlacedOrder } from './order.ts';
import { given } from './testing.ts';

const listed = (pricePaise: number): Listing => ({
  published: true,
  name: `at ${pricePaise}`,
  names: {},
  brand: null,
  category: 'Other',
  subcategory: null,
  pack: null,
  description: null,
  hsn: null,
  gstRates: [],
  pricePaise,
  mrpPaise: null,
});

const placedOrder: PlacedOrder = {
  cartId: 'c',
  personId: 'p',
  sealedRecipient: 'sealed',
  pincode: '560001',
  payment: 'cash-on-delivery',
  parts: [],
  totalPaise: 0,
  expiresAt: '2026-11-21T10:15:00.000Z',
};
const placed: OrderEvent = { type: 'OrderPlaced', data: placedOrder };
const confirmed: OrderEvent = { type: 'OrderConfirmed', data: {} };

test('a quote has a part for each shop, in whole paise that add up', () => {
  const lines = [
    { listingId: 'a.1', quantity: 3 },
    { listingId: 'b.1', quantity: 1 },
    { listingId: 'a.2', quantity: 2 },
  ];
  const parts = quote(lines, (id) => listed({ 'a.1': 1_001, 'a.2': 50, 'b.1': 99 }[id]!));
  assert.equal(
    parts.map(({ storeId, totalPaise }) => [storeId, totalPaise]),
    [
      ['a', 3_103],
      ['b', 99],
    ],
  );
  assert.equal(
    parts[0]!.lines.map((line) => line.linePaise),
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
    .gives({ type: 'OrderRejected', data: { reason: 'rejected-by-every-shop' } });
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
  const rejected: OrderEvent = { type: 'OrderRejected', data: { reason: 'CART_CHANGED' } };
  given(order, placed, rejected).when({ type: 'ConfirmOrder', data: {} }).gives();
  given(order, placed, rejected)
    .when({ type: 'CompleteOrder', data: { delivered: true } })
    .gives();
});

test.run();
