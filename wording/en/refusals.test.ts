import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RefusalFacts, RejectionCode } from '../../domain/rejection.ts';
import { refusalText } from './refusals.ts';

const storeName = 'Asha Stores';
const at = (text: string): number => Date.parse(`${text}+05:30`);
const atMs = at('2026-11-21T08:00:00');
const minimum = { minimumPaise: 25_050, missingPaise: 5_000 };

type Facts<Code extends RejectionCode> = NonNullable<RefusalFacts[Code]> | null;

/** Every code, with each of the sentences that there are for it. */
const SENTENCES: { [Code in RejectionCode]: [facts: Facts<Code>, sentence: string][] } = {
  BELOW_MINIMUM: [
    [
      { because: 'ordered', storeName, ...minimum },
      'Asha Stores delivers from ₹250.50 on: add ₹50 more.',
    ],
    [
      { because: 'reduced', minimumPaise: 1_50_000, missingPaise: 100 },
      'The shop delivers from ₹1,500 on: keep ₹1 more, or cancel.',
    ],
  ],
  CARDS_NOT_TAKEN: [[null, 'Not every shop of this order takes cards: choose another way to pay.']],
  CART_EMPTY: [[null, 'The cart is empty: add something first.']],
  CART_CHECKED_OUT: [[null, 'This cart was ordered already: open a new one.']],
  CART_CHANGED: [
    [
      { because: 'since-quoted' },
      'The cart or its delivery changed since it was quoted: ask for a new quote.',
    ],
    [{ because: 'while-ordered' }, 'The cart changed while it was ordered: look at it again.'],
  ],
  CART_NOT_FOUND: [[null, 'There is no such cart: open one first.']],
  CART_TOO_LARGE: [
    [{ mostLines: 200 }, 'A cart holds at most 200 different items: order these first.'],
    [{ mostLines: 1 }, 'A cart holds at most 1 item: order these first.'],
  ],
  CHECKOUT_EXPIRED: [[null, 'The order could not be placed in time: place it again.']],
  CREDIT_ABOVE_INVOICE: [
    [{ name: 'Ghee', left: 1 }, 'Of "Ghee" 1 can still be credited: credit no more.'],
  ],
  CREDIT_TOO_LATE: [
    [
      { number: '26-27/000001', until: '2027-11-30' },
      '26-27/000001 could be credited until 2027-11-30: give back what you wish without a credit note.',
    ],
  ],
  DELIVERY_CODE_LOCKED: [
    [null, 'Too many wrong codes: say how else you know that it reached the right person.'],
  ],
  EDIT_RAISES: [[{ name: 'Ghee' }, 'Of "Ghee" fewer can be had, not more: order them as well.']],
  EDIT_TOO_LATE: [[null, 'The shop packs it already: ask the shop, or keep it.']],
  INSUFFICIENT_STOCK: [
    [{ because: 'stock', shortages: [] }, 'There is not enough left.'],
    [
      { because: 'substitute', shortages: [{ sku: 's1', wanted: 2, left: 1 }] },
      'Only 1 is not promised to others.',
    ],
    [
      { because: 'substitute', shortages: [{ sku: 's1', wanted: 2, left: 0 }] },
      'Only 0 are not promised to others.',
    ],
    [
      {
        because: 'order',
        shortages: [
          { listingId: 'a.1', wanted: 2, left: 1 },
          { listingId: 'a.2', wanted: 1, left: 0 },
        ],
        names: ['Ghee', 'Poha'],
      },
      'Only 1 of Ghee left; Poha is sold out. Change the cart to order.',
    ],
  ],
  INVALID_GSTIN: [
    [
      { because: 'malformed', gstin: 'X' },
      '"X" is not a GSTIN: compare its 15 characters with the registration certificate.',
    ],
    [{ because: 'composition' }, 'A shop under the composition scheme has a GSTIN.'],
  ],
  INVOICE_NOT_FOUND: [[null, 'There is no invoice yet: it is issued on delivery.']],
  LINE_NAMED_TWICE: [[{ article: 's1' }, '"s1" is in two lines: make them one.']],
  LINE_NOT_FOUND: [[{ listingId: 'a.1' }, '"a.1" is not in this order: look at its lines.']],
  LISTING_NOT_FOUND: [
    [{ because: 'unknown', listingId: 'a.1' }, 'No shop sells "a.1": look for it again.'],
    [{ because: 'withdrawn', listingId: 'a.1' }, '"a.1" is no longer sold: remove it.'],
    [{ because: 'not-listed' }, 'The shop never listed this: look for it again.'],
  ],
  NOT_PICKED: [
    [
      { lines: ['a.1', 'a.2'], names: ['Ghee', 'Poha'] },
      'Pick first, or say that it is not there: Ghee, Poha.',
    ],
  ],
  ORDER_ALREADY_PLACED: [[null, 'This order was placed already.']],
  ORDER_CANCELLED: [[null, 'You cancelled this order: place a new one.']],
  ORDER_NOT_FOUND: [[null, 'There is no such order.']],
  OUT_OF_STATE: [
    [
      { because: 'not-registered', storeName, state: '03', stateName: 'Punjab' },
      'Asha Stores may sell within its own state only, and this is in Punjab: fetch it there.',
    ],
    [
      { because: 'own-state-unknown', storeName, state: '03', stateName: 'Punjab' },
      'Asha Stores has to say first in which state it is, and may sell within it only: fetch it there.',
    ],
  ],
  STATE_NEEDED: [
    [
      {
        pincode: '160055',
        states: [
          { code: '03', name: 'Punjab' },
          { code: '04', name: 'Chandigarh' },
        ],
      },
      'Say in which state 160055 is: Punjab or Chandigarh.',
    ],
  ],
  OUT_OF_AREA: [[{ storeName, pincode: '600017' }, 'Asha Stores does not deliver to 600017.']],
  PAID_ALREADY: [
    [
      { paidBy: '123', externalId: '456' },
      'This was paid by 123 already: if money came by 456 as well, find out what it is for, or give it back.',
    ],
  ],
  PAYMENT_NOT_FOUND: [[null, 'There is no such payment.']],
  PAYMENT_UNAVAILABLE: [
    [{ because: 'no-upi' }, 'A shop takes no UPI any more: choose another way to pay.'],
    [
      { because: 'not-every-shop' },
      'Not every shop can be paid like that: choose another way to pay.',
    ],
    [{ because: 'no-answer' }, 'The gateway does not answer: choose another way to pay.'],
    [{ because: 'not-now' }, 'This cannot be paid like that now: choose another way.'],
    [
      { because: 'not-set-up', method: 'razorpay' },
      'Payment by razorpay is not set up here: choose another way to pay.',
    ],
    [
      { because: 'gateway', said: 'The account is closed' },
      'The account is closed: choose another way to pay.',
    ],
  ],
  PICK_EXCEEDS_ORDERED: [
    [{ name: 'Ghee', wanted: 1 }, 'Of "Ghee" 1 is wanted: pick no more.'],
    [{ name: 'Ghee', wanted: 2 }, 'Of "Ghee" 2 are wanted: pick no more.'],
  ],
  PRICE_ABOVE_MRP: [[null, 'The price is above the MRP: lower it.']],
  PRICE_CHANGED: [
    [
      { lines: [], fees: [], differencePaise: 100 },
      'The quote no longer holds, and prices rose: ask for a new quote and accept it.',
    ],
  ],
  REASON_REQUIRED: [
    [
      { because: 'till', expectedPaise: 100 },
      'The count differs from what should be there: count again, or say why.',
    ],
    [{ because: 'stock' }, 'The count differs from the books: say why.'],
  ],
  REFUND_ALREADY_GIVEN: [
    [{ givenAs: 'cash' }, 'This money was given back already: "cash" was noted. Give none again.'],
  ],
  REFUND_NOT_FOUND: [[null, 'There is no such refund.']],
  REFUND_UNDER_WAY: [[null, 'This money goes back by itself: give none by hand.']],
  RETURN_EXCEEDS_DELIVERED: [[{ name: 'Ghee', left: 1 }, 'Of "Ghee" 1 can still come back.']],
  RETURN_EXCEEDS_PICKED: [
    [
      null,
      'The books no longer know what went out for this order: enter it as received, ' +
        'and return it as not brought back.',
    ],
  ],
  SLOT_FULL: [
    [
      { because: 'full', fromMinute: 1_080, toMinute: 1_200 },
      'The slot from 18:00 to 20:00 is full: choose another.',
    ],
    [{ because: 'just-taken' }, 'That slot was just taken: choose another.'],
  ],
  SLOT_NOT_FOUND: [
    [
      { because: 'closed', next: { date: '2026-11-22', fromMinute: 1_080, toMinute: 1_200 } },
      'That slot has closed: the next is on 2026-11-22 from 18:00 to 20:00.',
    ],
    [{ because: 'closed' }, 'That slot has closed: choose a later one.'],
    [{ because: 'begun' }, 'That slot has begun: choose a later one.'],
    [{ because: 'no-such-slot', fromMinute: 545 }, 'No slot begins at 09:05: choose again.'],
    [{ because: 'just-taken' }, 'That slot was just taken: choose another.'],
  ],
  STALE_COUNT: [
    [{ because: 'till', expectedPaise: 100 }, 'Cash moved since you looked: look again.'],
    [
      { because: 'stock', stale: [] },
      'Goods came or went while you counted: look at the books and count again.',
    ],
  ],
  STORE_ALREADY_REGISTERED: [[null, 'This shop is registered already.']],
  STORE_CLOSED: [
    [
      { because: 'hours', storeName, opensAtMs: at('2026-11-21T09:30:00'), atMs },
      'Asha Stores is closed and opens today at 09:30.',
    ],
    [{ because: 'hours', storeName, opensAtMs: null, atMs }, 'Asha Stores is closed for now.'],
    [
      { because: 'holiday', storeName, date: '2026-11-22', opensAtMs: null },
      'Asha Stores is closed on 2026-11-22, a holiday: choose a slot of another day.',
    ],
  ],
  STORE_NOT_FOUND: [
    [{}, 'There is no such shop.'],
    [{ storeId: 'asha' }, 'There is no shop "asha".'],
  ],
  STORE_ORDER_NOT_FOUND: [[null, 'There is no such order at this shop.']],
  STORE_PAUSED: [[{ storeName }, 'Asha Stores takes no orders just now: try again later.']],
  SUBSTITUTE_NOT_POSSIBLE: [
    [{ because: 'already-replaced', name: 'Ghee' }, 'Something else takes the place of "Ghee".'],
    [{ because: 'nothing-missing', name: 'Ghee' }, 'Nothing of "Ghee" is missing.'],
    [{ because: 'in-the-order' }, 'That is in this order already: propose something else.'],
  ],
  TILL_CLOSED: [
    [{ because: 'cash-moved' }, 'The till is closed: this is for a later day.'],
    [{ because: 'opened-again' }, 'This day is closed: begin the next one.'],
    [
      {
        because: 'counted-otherwise',
        countedPaise: 1,
        expectedPaise: 1,
        differencePaise: 0,
        reason: null,
      },
      'This day is closed and stays as it was counted: bring what is wrong into the next day’s count.',
    ],
  ],
  UPI_REFERENCE_USED: [
    [
      null,
      'This UPI reference was used already for another order: ' +
        'look in the UPI app for the payment that came for this one.',
    ],
  ],
  WRONG_DELIVERY_CODE: [
    [{ left: 2 }, 'That is not the code: ask the customer again. 2 more tries.'],
    [{ left: 1 }, 'That is not the code: ask the customer again. 1 more try.'],
    [{ left: 0 }, 'That is not the code. Say how else you know that it reached the right person.'],
  ],
  WRONG_PAYMENT_METHOD: [[{ method: 'upi' }, 'This is paid by upi, not in this way.']],
  WRONG_STATUS: [
    [
      { because: 'step', orderStatus: 'packed', from: ['submitted', 'accepted'], to: 'cancelled' },
      'This order is packed; only one that is submitted or accepted can become cancelled.',
    ],
    [
      { because: 'not-being-picked', orderStatus: 'packed' },
      'This order is packed; only one that is accepted is picked.',
    ],
    [{ because: 'decided' }, 'That was decided already: look at the order again.'],
    [{ because: 'not-delivered' }, 'Only what was delivered comes back: cancel it.'],
    [{ because: 'with-the-shops' }, 'The shops have this order: cancel their parts of it.'],
  ],
  WRONG_WEIGHT: [
    [
      { name: 'Onions', quantity: 2, mostGrams: 1_100 },
      '"Onions" is loose: weigh the 2, in grams, at most 1100.',
    ],
    [
      { name: 'Ghee', quantity: 1, mostGrams: 0 },
      'Nothing of "Ghee" is weighed: leave the grams out.',
    ],
  ],
};

const test = suite('refusals in English');

for (const [code, sentences] of Object.entries(SENTENCES)) {
  test(`says ${code}`, () => {
    for (const [facts, sentence] of sentences) {
      assert.is(refusalText({ code: code as RejectionCode, facts: facts ?? {} }), sentence);
    }
  });
}

test.run();
