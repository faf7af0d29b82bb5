import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Article, HistoryFacts } from '../history.ts';
import { historyText } from './history.ts';

const storeName = 'Sri Lakshmi';
const ghee: Article = { name: 'Ghee', pack: null, quantity: 1 };
const dal: Article = { name: 'Toor dal', pack: '1 kg', quantity: 2 };
const slot = { date: '2026-11-21', fromMinute: 1080, toMinute: 1440 };

/** Every event, with what is told of it and the sentences that are made of that. */
const LINES: {
  [Event in keyof HistoryFacts]: [facts: HistoryFacts[Event], by: string, what: string][];
} = {
  OrderPlaced: [
    [
      {
        baskets: [
          { storeName, articles: [dal, ghee] },
          { storeName: 'Annapurna', articles: [ghee] },
        ],
      },
      'the shopper',
      'Ordered: 2 pieces of Toor dal 1 kg and 1 piece of Ghee at Sri Lakshmi; 1 piece of Ghee at Annapurna',
    ],
  ],
  OrderReserved: [
    [{ leftOut: [], kept: [] }, 'the shop system', 'All of it was held until it is paid'],
    [
      {
        leftOut: [{ ...dal, storeName, left: 1, reason: 'INSUFFICIENT_STOCK' }],
        kept: [{ storeName, articles: [{ ...dal, quantity: 1 }] }],
      },
      'the shop system',
      'Held until it is paid, without 1 of 2 pieces of Toor dal 1 kg at Sri Lakshmi, ' +
        'since not enough was left. What stayed: 1 piece of Toor dal 1 kg at Sri Lakshmi',
    ],
  ],
  OrderConfirmed: [
    [{ leftOut: [], kept: [] }, 'the shop system', 'The order was confirmed'],
    [
      { leftOut: [{ ...ghee, storeName, left: 0, reason: 'SLOT_FULL' }], kept: [] },
      'the shop system',
      'The order was confirmed without 1 of 1 piece of Ghee at Sri Lakshmi, ' +
        'since the slot was full. What stayed: nothing',
    ],
  ],
  OrderRejected: [
    [
      { reason: 'CHECKOUT_EXPIRED', shortages: [] },
      'the shop system',
      'The order was given up: it took too long',
    ],
    [
      {
        reason: 'INSUFFICIENT_STOCK',
        shortages: [
          { name: 'Ghee', pack: null, wanted: 2, left: 1 },
          { name: 'Toor dal', pack: '1 kg', wanted: 1, left: 0 },
        ],
      },
      'the shop system',
      'The order was given up: not enough was left ' +
        '(of Ghee 2 wanted, 1 left; of Toor dal 1 kg 1 wanted, 0 left)',
    ],
  ],
  OrderCancelled: [[{}, 'the shop system', 'The order was closed: nothing of it was delivered']],
  OrderCompleted: [
    [{}, 'the shop system', 'The order was closed: every shop was done with its part'],
  ],
  CartCheckedOut: [[{}, 'the shop system', 'The cart was closed']],
  CartReopened: [[{}, 'the shop system', 'The cart was given back to the shopper']],
  StoreOrderSubmitted: [[{ storeName }, 'the shop system', 'Sri Lakshmi was handed its part']],
  StoreOrderAccepted: [[{ storeName }, 'the shop’s staff', 'Sri Lakshmi took its part']],
  StoreOrderRejected: [
    [
      { storeName, reason: 'closed' },
      'the shop’s staff',
      'Sri Lakshmi refused its part: it is closed',
    ],
  ],
  LineReduced: [
    [{ article: ghee }, 'the shopper', 'No longer wanted: 1 piece of Ghee'],
    [{ article: dal }, 'the shopper', 'No longer wanted: 2 pieces of Toor dal 1 kg'],
  ],
  LinePicked: [
    [
      { storeName, article: ghee, grams: null },
      'the shop’s staff',
      'Sri Lakshmi put 1 piece of Ghee in the basket',
    ],
    [
      { storeName, article: dal, grams: 1980 },
      'the shop’s staff',
      'Sri Lakshmi put 2 pieces of Toor dal 1 kg in the basket: 1980 g',
    ],
  ],
  LineShorted: [
    [
      { storeName, article: ghee, reason: 'sold-out' },
      'the shop’s staff',
      'Sri Lakshmi did not have 1 piece of Ghee: it was sold out',
    ],
  ],
  SubstituteChosen: [
    [
      { storeName, article: ghee, substitute: dal },
      'the shop’s staff',
      'Sri Lakshmi looked for 2 pieces of Toor dal 1 kg instead of 1 piece of Ghee',
    ],
  ],
  SubstituteUnavailable: [
    [{ storeName, left: 1 }, 'the shop system', 'Sri Lakshmi had too little of it: 1 left'],
  ],
  SubstitutionProposed: [
    [
      { storeName, article: ghee, substitute: dal },
      'the shop’s staff',
      'Sri Lakshmi offered 2 pieces of Toor dal 1 kg for 1 piece of Ghee',
    ],
  ],
  SubstitutionDecided: [
    [{ accepted: true, by: 'shopper' }, 'the shopper', 'The substitute was taken'],
    [
      { accepted: false, by: 'wish' },
      'the shop system',
      'The substitute was not taken, as was wished beforehand',
    ],
  ],
  StoreOrderPacked: [[{ storeName }, 'the shop’s staff', 'Sri Lakshmi packed its part']],
  StoreOrderDispatched: [[{ storeName }, 'the shop’s staff', 'Sri Lakshmi sent its part out']],
  DeliveryCodeMissed: [[{ storeName }, 'the shop’s staff', 'Sri Lakshmi was told a wrong code']],
  StoreOrderDelivered: [
    [{ storeName, proof: null }, 'the shop’s staff', 'Sri Lakshmi delivered its part'],
    [
      { storeName, proof: 'code' },
      'the shop’s staff',
      'Sri Lakshmi delivered its part on the shopper’s code',
    ],
    [
      { storeName, proof: 'neighbour' },
      'the shop’s staff',
      'Sri Lakshmi delivered its part to a neighbour, without the code',
    ],
  ],
  StoreOrderCancelled: [
    [
      { storeName, by: 'shopper', reason: 'changed-mind' },
      'the shopper',
      'The part of Sri Lakshmi was cancelled: the shopper changed their mind',
    ],
    [
      { storeName, by: 'shop', reason: 'not-fetched' },
      'the shop’s staff',
      'The part of Sri Lakshmi was cancelled: nobody fetched it',
    ],
  ],
  LinesReturned: [
    [
      { storeName, articles: [ghee], reason: 'damaged', feePaise: 0 },
      'the shop’s staff',
      'Sri Lakshmi took back 1 piece of Ghee: it was damaged',
    ],
    [
      { storeName, articles: [ghee, dal], reason: 'returned', feePaise: 3_000 },
      'the shop’s staff',
      'Sri Lakshmi took back 1 piece of Ghee and 2 pieces of Toor dal 1 kg, ' +
        'and the fee of ₹30.00: it was brought back',
    ],
  ],
  StockReserved: [
    [
      { storeName, articles: [ghee] },
      'the shop system',
      '1 piece of Ghee was put aside at Sri Lakshmi',
    ],
    [
      { storeName, articles: [dal] },
      'the shop system',
      '2 pieces of Toor dal 1 kg were put aside at Sri Lakshmi',
    ],
    [
      { storeName, articles: [ghee, ghee] },
      'the shop system',
      '1 piece of Ghee and 1 piece of Ghee were put aside at Sri Lakshmi',
    ],
    [{ storeName, articles: [] }, 'the shop system', 'Nothing was put aside at Sri Lakshmi'],
  ],
  ReservationChanged: [
    [
      { storeName, articles: [ghee] },
      'the shop system',
      '1 piece of Ghee stayed put aside at Sri Lakshmi',
    ],
  ],
  ReservationReleased: [
    [
      { storeName, articles: [dal], reason: 'cancelled' },
      'the shop system',
      '2 pieces of Toor dal 1 kg went back on sale at Sri Lakshmi: its part was cancelled',
    ],
  ],
  StockWrittenOff: [
    [
      { storeName, losses: [{ ...ghee, reason: 'expired' }] },
      'the shop system',
      '1 piece of Ghee (it was past its date) was written off at Sri Lakshmi',
    ],
    [
      { storeName, losses: [{ ...dal, reason: 'damaged' }] },
      'the shop system',
      '2 pieces of Toor dal 1 kg (it was damaged) were written off at Sri Lakshmi',
    ],
  ],
  StockPicked: [
    [
      { storeName, articles: [ghee] },
      'the shop system',
      '1 piece of Ghee was taken off the books at Sri Lakshmi',
    ],
  ],
  StockReturned: [
    [
      { storeName, articles: [ghee], to: 'shelf' },
      'the shop system',
      '1 piece of Ghee came back to Sri Lakshmi: for sale again',
    ],
    [
      { storeName, articles: [dal], to: 'write-off' },
      'the shop system',
      '2 pieces of Toor dal 1 kg came back to Sri Lakshmi: spoiled',
    ],
  ],
  SlotHeld: [
    [
      { storeName, slot },
      'the shop system',
      'A place was held in the slot of 2026-11-21, 18:00 to 00:00, at Sri Lakshmi',
    ],
  ],
  SlotConfirmed: [
    [{ storeName, slot: null }, 'the shop system', 'A place was taken in the slot at Sri Lakshmi'],
  ],
  SlotReleased: [
    [
      { storeName, slot: null, reason: 'order-rejected' },
      'the shop system',
      'The place was given back in the slot at Sri Lakshmi: the order was given up',
    ],
  ],
  InvoiceIssued: [
    [
      { storeName, number: '26-27/000001', totalPaise: 123_400 },
      'the shop system',
      'Sri Lakshmi billed ₹1,234.00 as 26-27/000001',
    ],
  ],
  CreditNoteIssued: [
    [
      { storeName, number: 'C/000001', totalPaise: 2_450, reason: 'missing' },
      'the shop’s staff',
      'Sri Lakshmi credited ₹24.50 as C/000001: it was missing',
    ],
  ],
  PaymentRequested: [
    [
      { amountPaise: 2_400, method: 'cash-on-delivery' },
      'the shop system',
      '₹24.00 was to be paid at the door',
    ],
    [{ amountPaise: null, method: 'upi' }, 'the shop system', 'The money was asked for, by UPI'],
  ],
  PaymentCancelled: [
    [
      { reason: 'ORDER_CANCELLED' },
      'the shop system',
      'The payment was given up: the shopper cancelled it',
    ],
  ],
  PaymentSucceeded: [[{ amountPaise: null }, 'the shop’s staff', 'The money came in']],
  PaymentFailed: [
    [{ reason: 'Card declined' }, 'the shop system', 'A try to pay failed: Card declined'],
  ],
  LatePaymentSeen: [
    [
      { amountPaise: 2_400, why: 'paid-already' },
      'the shop’s staff',
      '₹24.00 came in once more: it had been paid already',
    ],
  ],
  CashCollected: [
    [{ storeName, amountPaise: 2_400 }, 'the shop’s staff', 'Sri Lakshmi took ₹24.00 in cash'],
    [{ storeName, amountPaise: null }, 'the shop’s staff', 'Sri Lakshmi took the money in cash'],
  ],
  RefundRequested: [
    [{ amountPaise: 100 }, 'the shop system', '₹1.00 was to go back to the shopper'],
  ],
  RefundSucceeded: [
    [
      { amountPaise: 100, externalId: 'cash' },
      'the shop’s staff',
      '₹1.00 went back to the shopper in cash',
    ],
    [
      { amountPaise: 100, externalId: 'rfnd_1' },
      'the shop’s staff',
      '₹1.00 went back to the shopper as rfnd_1',
    ],
  ],
  RefundFailed: [
    [
      { amountPaise: 100, reason: 'refund.failed' },
      'the shop system',
      '₹1.00 could not be given back: the bank did not take it',
    ],
  ],
  RefundTakenOver: [
    [
      { amountPaise: 5_000, givenAs: 'rfnd_1' },
      'the shop system',
      '₹50.00 goes back by the payment gateway’s own doing, as rfnd_1',
    ],
  ],
  RefundReduced: [
    [{ amountPaise: 15_000 }, 'the shop system', '₹150.00 of a refund is left to be given'],
    [{ amountPaise: 0 }, 'the shop system', 'Nothing of a refund is left to be given'],
  ],
  TransferMade: [
    [
      { storeName, amountPaise: 2_400 },
      'the shop system',
      'Sri Lakshmi got ₹24.00 into its account',
    ],
    [
      { storeName, amountPaise: null },
      'the shop system',
      'Sri Lakshmi got its share into its account',
    ],
  ],
  TransferReversed: [
    [
      { storeName, amountPaise: 2_400 },
      'the shop system',
      '₹24.00 came back from the account of Sri Lakshmi, for a refund',
    ],
    [
      { storeName, amountPaise: null },
      'the shop system',
      'Money came back from the account of Sri Lakshmi, for a refund',
    ],
  ],
  ReversalReturned: [
    [
      { storeName, amountPaise: 2_400 },
      'the shop system',
      '₹24.00 went to the account of Sri Lakshmi again: the refund failed',
    ],
    [
      { storeName, amountPaise: null },
      'the shop system',
      'Money went to the account of Sri Lakshmi again: the refund failed',
    ],
  ],
};

const test = suite('history in English');

for (const [event, lines] of Object.entries(LINES)) {
  test(`tells of ${event}`, () => {
    for (const [facts, by, what] of lines as [object, string, string][]) {
      assert.equal(historyText({ event, actor: 'anonymous', facts }), { by, what });
    }
  });
}

test('names who did it: a process in words, anybody else as they are called', () => {
  const byOf = (actor: string) => historyText({ event: 'CartReopened', actor, facts: {} }).by;
  assert.is(byOf('checkout'), 'checkout, by itself');
  assert.is(byOf('razorpay'), 'Razorpay');
  assert.is(byOf('account-1'), 'account-1');
});

test('an event that it has no words for is told by its name', () => {
  const text = historyText({ event: 'ParcelLost', actor: 'anonymous', facts: {} });
  assert.equal(text, { by: 'the shop system', what: 'Parcel lost' });
});

test.run();
