import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { paymentOf } from '../../test/orders.ts';
import { given, type Known } from '../../test/process.ts';
import { MAX_REFUND_AGE_MS, type Refund } from './payment.ts';
import { refund } from './refund.ts';

const REQUESTED_MS = Date.parse('2026-11-21T10:00:00Z');
const ids = { paymentId: 'p', refundNumber: 1, refundId: 'rf' };
const next = (known: Known, nowMs = REQUESTED_MS) =>
  given(refund(ids, REQUESTED_MS), known).next(nowMs);

const paymentWith = (status: Refund['status']) => ({
  'payment-p': {
    ...paymentOf(null, 'paid', 2_000),
    refunds: [
      { refundNumber: 1, externalId: 'r1', amountPaise: 700, storeOrderId: null, storeId: null },
    ].map((one) => ({ ...one, status })),
  },
});

test('a refund that is asked for is made by whoever took the money, and by nobody once it is', () => {
  next({}).are('look at payment-p');
  for (const status of ['succeeded', 'failed'] as const) next(paymentWith(status)).are();
  const asked = next(paymentWith('requested'));
  asked.are('MakeRefund rf');
  const of = { paymentId: 'p', refundNumber: 1, externalId: 'r1', amountPaise: 700 };
  assert.equal(asked.dataOf('MakeRefund rf'), {
    method: 'razorpay',
    call: { refundId: 'rf', ...of },
    isLastTry: false,
  });
});

test('it is written down, looked at again, left to the shop or given up, as it is answered', () => {
  const answered = (answer: object) =>
    next({ ...paymentWith('requested'), 'MakeRefund rf': answer });
  const made = answered({ status: 'processed', externalId: 'x' });
  made.are('payment-p RecordRefund');
  assert.equal(made.dataOf('payment-p RecordRefund'), { refundNumber: 1, externalId: 'x' });
  answered({ status: 'pending', externalId: 'x' }).are(`wait ${60 * 60_000}`);
  answered({ status: 'by-hand' }).are();
  const not = answered({ status: 'not-made', reason: 'too old' });
  assert.equal(not.dataOf('payment-p GiveUpRefund'), { refundNumber: 1, reason: 'too old' });
});

test('what goes back elsewhere is taken over first, and then only the rest is asked for', () => {
  const known = paymentWith('requested');
  const elsewhere = { externalId: 'r1', amountPaise: 200, givenAs: 'x', status: 'processed' };
  const found = { status: 'elsewhere', refunds: [elsewhere] };
  const takesOver = next({ ...known, 'MakeRefund rf': found });
  takesOver.are('payment-p RecordRefundElsewhere x');
  assert.equal(takesOver.dataOf('payment-p RecordRefundElsewhere x'), elsewhere);
  const [own] = known['payment-p'].refunds;
  const taken = { ...own!, refundNumber: 2, amountPaise: 200, givenAs: 'x', isElsewhere: true };
  const state = { ...known['payment-p'], refunds: [{ ...own!, amountPaise: 500 }, taken] };
  const again = next({ 'payment-p': state, 'MakeRefund rf': found });
  again.are('MakeRefund rf x');
  const { call } = again.dataOf('MakeRefund rf x') as { call: object };
  assert.equal([Reflect.get(call, 'amountPaise'), Reflect.get(call, 'known')], [500, ['x']]);
});

test('after some days nobody is asked more than once more', () => {
  const isLast = (atMs: number) => {
    const data = next(paymentWith('requested'), REQUESTED_MS + atMs).dataOf('MakeRefund rf');
    return (data as { isLastTry: boolean }).isLastTry;
  };
  assert.equal([isLast(MAX_REFUND_AGE_MS), isLast(MAX_REFUND_AGE_MS + 1)], [false, true]);
});

test.run();
