import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OrderPayment, StoreOrder } from './contract.ts';
import { heldBack, missingPaise, moneyOf, moneyRows, upiLinkOf } from './payments.ts';

const words = suite('payments');

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

const refund = { refundNumber: 1, storeOrderId: 'a', amountPaise: 3_000 };
const given = { ...refund, status: 'succeeded' as const };
const coming = { ...refund, status: 'requested' as const, amountPaise: 500 };

words('tells what came in, what was given back and what is to be, over all payments', () => {
  const paid = { ...payment, takenPaise: 23_000, refunds: [given, coming] };
  const failed = {
    ...payment,
    takenPaise: 100,
    refunds: [{ ...coming, status: 'failed' as const }],
  };
  assert.equal(moneyOf({ payments: [paid, failed, payment] }), {
    takenPaise: 23_100,
    givenBackPaise: 3_000,
    comingBackPaise: 1_000,
  });
});

words('adds up an order’s money to what it costs in the end', () => {
  const cash = { payment: 'cash-on-delivery' as const };
  const storeOrder = (status: string) => ({ status, owedPaise: 700 }) as StoreOrder;
  const waiting = {
    ...cash,
    payments: [],
    storeOrders: [storeOrder('packed'), storeOrder('rejected')],
  };
  assert.equal(moneyRows(waiting), [{ label: 'Cash to keep ready', paise: 700 }]);
  assert.equal(moneyRows({ ...waiting, storeOrders: [storeOrder('cancelled')] }), [
    { label: 'To pay', paise: 0 },
  ]);

  const paid = { ...payment, takenPaise: 23_000, refunds: [given, coming] };
  const delivered = { ...cash, payments: [paid], storeOrders: [storeOrder('delivered')] };
  assert.equal(moneyRows(delivered), [
    { label: 'Paid in cash', paise: 23_000 },
    { label: 'Given back to you', paise: 3_000 },
    { label: 'Still comes back to you', paise: 500 },
    { label: 'Costs you in the end', paise: 19_500 },
  ]);
  const prepaid = { ...delivered, payment: 'upi' as const, payments: [{ ...paid, refunds: [] }] };
  assert.equal(moneyRows(prepaid), [{ label: 'Paid', paise: 23_000 }]);
});

words('names who hands over what did not go back by itself, and nothing else', () => {
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

words.run();
