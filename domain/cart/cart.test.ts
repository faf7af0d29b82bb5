import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_CART_LINES, cart, type CartCommand, type CartEvent } from './cart.ts';
import { given } from '../../test/given.ts';

const opened: CartEvent = { type: 'CartOpened', data: { shopper: 'guest:asha' } };
const added: CartEvent = { type: 'ItemAddedToCart', data: { listingId: 'a.1', quantity: 2 } };
const set = (listingId: string, quantity: number): CartCommand => ({
  type: 'SetCartItem',
  data: { listingId, quantity },
});

test('an item is added, changed and removed by its absolute quantity', () => {
  given(cart, opened).when(set('a.1', 2)).gives(added);
  given(cart, opened, added)
    .when(set('a.1', 5))
    .gives({ type: 'CartItemQuantityChanged', data: { listingId: 'a.1', quantity: 5 } });
  given(cart, opened, added)
    .when(set('a.1', 0))
    .gives({ type: 'ItemRemovedFromCart', data: { listingId: 'a.1' } });
});

test('what is so already changes nothing', () => {
  given(cart, opened, added).when(set('a.1', 2)).gives();
  given(cart, opened).when(set('a.1', 0)).gives();
  given(cart, opened)
    .when({ type: 'OpenCart', data: { shopper: 'guest:ravi' } })
    .gives();
});

test('a cart that was never opened, or was ordered, takes nothing', () => {
  given(cart).when(set('a.1', 1)).rejected('CART_NOT_FOUND');
  given(cart, opened, { type: 'CartCheckedOut', data: { orderId: 'o', round: 1 } })
    .when(set('a.1', 1))
    .rejected('CART_CHECKED_OUT');
});

test('a cart holds a bounded number of lines', () => {
  const full = Array.from({ length: MAX_CART_LINES }, (_, i): CartEvent => {
    return { type: 'ItemAddedToCart', data: { listingId: `a.${i}`, quantity: 1 } };
  });
  given(cart, opened, ...full)
    .when(set('b.1', 1))
    .rejected('CART_TOO_LARGE');
});

test('a cart is checked out once, with the lines that were ordered in whatever order', () => {
  const second: CartEvent = { type: 'ItemAddedToCart', data: { listingId: 'b.1', quantity: 1 } };
  const lines = [
    { listingId: 'b.1', quantity: 1 },
    { listingId: 'a.1', quantity: 2 },
  ];
  const checkOut: CartCommand = { type: 'CheckOutCart', data: { orderId: 'o', round: 1, lines } };
  const done: CartEvent = { type: 'CartCheckedOut', data: { orderId: 'o', round: 1 } };
  given(cart, opened, added, second).when(checkOut).gives(done);
  given(cart, opened, added, second, done).when(checkOut).gives();
  given(cart, opened, added, second, done)
    .when({ type: 'CheckOutCart', data: { orderId: 'other', round: 1, lines } })
    .rejected('CART_CHECKED_OUT');
  given(cart, opened, added).when(checkOut).rejected('CART_CHANGED');
});

test('a cart is given back by the order that closed it, and by no other', () => {
  const closed: CartEvent = { type: 'CartCheckedOut', data: { orderId: 'o', round: 1 } };
  const reopen = (orderId: string) => ({ type: 'ReopenCart', data: { orderId } }) as const;
  const reopened: CartEvent = { type: 'CartReopened', data: { orderId: 'o' } };
  given(cart, opened, added, closed).when(reopen('another')).gives();
  given(cart, opened, added, closed).when(reopen('o')).gives(reopened);
  given(cart, opened, added, closed, reopened).when(reopen('o')).gives();
  assert.is(given(cart, opened, added, closed, reopened).decide(set('a.1', 9)).length, 1);
});

test('each round of an order closes its cart once, and gives back what it closed itself', () => {
  const lines = [{ listingId: 'a.1', quantity: 2 }];
  const close = (round: number): CartCommand => ({
    type: 'CheckOutCart',
    data: { orderId: 'o', round, lines },
  });
  const closed = (round: number): CartEvent => ({
    type: 'CartCheckedOut',
    data: { orderId: 'o', round },
  });
  const reopen = (round?: number) =>
    ({ type: 'ReopenCart', data: { orderId: 'o', round } }) as const;
  const reopened: CartEvent = { type: 'CartReopened', data: { orderId: 'o' } };
  const first = [opened, added, closed(1)];
  given(cart, ...first)
    .when(reopen(2))
    .gives();
  given(cart, ...first, reopened)
    .when(close(1))
    .gives();
  given(cart, ...first, reopened)
    .when(close(2))
    .gives(closed(2));
  given(cart, ...first)
    .when(close(2))
    .gives(reopened, closed(2));
  const late = [...first, reopened, closed(2)];
  given(cart, ...late)
    .when(reopen(1))
    .gives();
  given(cart, ...late)
    .when(close(1))
    .gives();
  given(cart, ...late)
    .when(reopen(2))
    .gives(reopened);
  given(cart, ...late)
    .when(reopen())
    .gives(reopened);
});

test('a cart that was closed before rounds were counted was so in the first one', () => {
  const [asV2] = cart.upcast!.CartCheckedOut!;
  assert.equal(asV2({ orderId: 'o' } as never), { orderId: 'o', round: 1 });
});

test('whatever is set, the cart holds the last quantity of each item, and a repeat is silent', () => {
  const step = fc.tuple(fc.constantFrom('a.1', 'a.2', 'b.1'), fc.integer({ min: 0, max: 9 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const past: CartEvent[] = [opened];
      const wanted = new Map<string, number>();
      for (const [listingId, quantity] of steps) {
        past.push(...given(cart, ...past).decide(set(listingId, quantity)));
        assert.equal(given(cart, ...past).decide(set(listingId, quantity)), []);
        if (quantity > 0) wanted.set(listingId, quantity);
        else wanted.delete(listingId);
      }
      const { lines } = given(cart, ...past).state;
      assert.equal(
        Object.fromEntries(lines.map((line) => [line.listingId, line.quantity])),
        Object.fromEntries(wanted),
      );
    }),
  );
});

test.run();
