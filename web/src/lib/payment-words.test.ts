import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OrderPayment, StoreOrder } from './contract.ts';
import { heldBack, missingPaise, moneyOf, refundFailureText, upiLinkOf } from './payment-words.ts';

const words = suite('payment words');

const payment: OrderPayment = {
  paymentId: '5b0f2c3e-7a5d-4f0e-9c1b-8a6d4e2f1c37',
  storeOrderId: null,
  method: 'upi',
  status: 'requested',
  amountPaise: 23_000,
  takenPaise: 0,
  refundedPaise: 0,
  refunds: [],
  expiresAt: null,
  upi: { vpa: 'kirana@okbank', name: 'Kirana' },
  failed: false,
};

words('links to a UPI app only where a shop is paid by UPI', () => {
  const orderId = '11111111-1111-4111-8111-1111111abcde';
  assert.match(upiLinkOf({ orderId }, payment)!, /am=230\.00.*tn=Order%201ABCDE$/);
  assert.is(upiLinkOf({ orderId }, { ...payment, upi: null }), null);
});

words('asks for what is missing, where a part of the money is there', () => {
  const half = { ...payment, takenPaise: 12_000, refundedPaise: 500 };
  assert.is(missingPaise(half), 11_500);
  assert.match(upiLinkOf({ orderId: 'o' }, half)!, /am=115\.00/);
});

words('tells what was kept and what goes back, over all payments', () => {
  const paid = { ...payment, takenPaise: 23_000, refundedPaise: 3_000 };
  assert.equal(moneyOf({ payments: [paid, paid, payment] }), {
    keptPaise: 40_000,
    refundedPaise: 6_000,
  });
});

words('names who hands over what did not go back by itself, and nothing else', () => {
  const refund = { refundNumber: 1, storeOrderId: 'a', amountPaise: 3_000 };
  const refunds = [
    { ...refund, status: 'failed' as const },
    { ...refund, status: 'failed' as const, amountPaise: 500 },
    { ...refund, status: 'succeeded' as const, storeOrderId: 'b' },
  ];
  const storeOrders = [
    { storeOrderId: 'a', storeName: 'Kirana' },
    { storeOrderId: 'b', storeName: 'Maligai' },
  ] as StoreOrder[];
  const order = { payments: [payment, { ...payment, refunds }], storeOrders };
  assert.equal(heldBack(order), [{ storeName: 'Kirana', paise: 3_500 }]);
  assert.equal(heldBack({ payments: [payment], storeOrders }), []);
});

words('says why money did not go back, in the gateway’s words where there are none of ours', () => {
  assert.is(refundFailureText('refund.failed'), 'the customer’s bank did not take it');
  assert.is(refundFailureText('Too small'), 'Razorpay says “Too small”');
});

words.run();
