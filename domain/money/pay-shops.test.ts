import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { paymentOf } from '../../test/orders.ts';
import { given, type Known } from '../../test/process.ts';
import { payShops } from './pay-shops.ts';
import type { Payment, Refund } from './payment.ts';
import { refund } from './refund.ts';
import type { Transfer, TransferNews } from './transfer.ts';

const PAID_MS = Date.parse('2026-11-21T10:00:00Z');
const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const returnIdOf = (id: string, number: number) => `return ${id} ${number}`;
const next = (known: Known, nowMs = PAID_MS) =>
  given(payShops({ paymentId: 'p', returnIdOf }, PAID_MS), known).next(nowMs);

const shareOf = (storeId: string, more: Partial<Transfer> = {}): Transfer => ({
  storeOrderId: `${storeId}.o`,
  storeId,
  account: `acc_${storeId}`,
  amountPaise: 1_000,
  ...more,
});
const paid = (transfers: Transfer[], refunds: Refund[] = []): Known => {
  const state: Payment = paymentOf(null, 'paid', 2_000);
  return { 'payment-p': { ...state, gatewayOrderId: 'g', transfers, refunds } };
};
const newsOf = (storeId: string, more: Partial<TransferNews> = {}): TransferNews => ({
  storeOrderId: `${storeId}.o`,
  account: `acc_${storeId}`,
  amountPaise: 1_000,
  externalId: `trf_${storeId}`,
  reversedPaise: 0,
  status: 'processed',
  ...more,
});
const made = { externalId: 'trf' };
const refundOf = (more: Partial<Refund>): Refund => ({
  refundNumber: 1,
  externalId: 'r1',
  amountPaise: 700,
  storeOrderId: 'near.o',
  storeId: 'near',
  status: 'requested',
  reversals: [{ storeOrderId: 'near.o', amountPaise: 700 }],
  ...more,
});

test('a gateway is asked until every shop has its share, and not at all where none is shared', () => {
  next({}).are('look at payment-p');
  next({ 'payment-p': paymentOf(null, 'paid', 2_000) }).are();
  const known = paid([shareOf('near'), shareOf('far')]);
  next(known).are('MoveShares p');
  const half = { transfers: [newsOf('near'), newsOf('far', { status: 'pending' })] };
  const answered = { ...known, 'MoveShares p': { status: 'moved', ...half } };
  const recording = next(answered);
  recording.are('payment-p RecordTransfers processed 0, pending 0');
  const said = 'payment-p RecordTransfers processed 0, pending 0';
  const recorded = { ...answered, [said]: known['payment-p'] };
  next(recorded).are('wait 20000');
  next(recorded, PAID_MS + 2 * HOUR_MS).are(`wait ${HOUR_MS}`);
  next(recorded, PAID_MS + 5 * DAY_MS).are();
  next(paid([shareOf('near', made), shareOf('far', made)])).are();
});

test('a payment that is not all there is in no account', () => {
  const half = { ...paymentOf(null, 'cancelled', 1_000), transfers: [shareOf('near')] };
  next({ 'payment-p': half }).are();
});

test('what goes back elsewhere is taken out of shares once it is made', () => {
  const elsewhere = refundOf({
    storeOrderId: null,
    storeId: null,
    isElsewhere: true,
    givenAs: 'x',
  });
  const shares = [shareOf('near', made), shareOf('far', made)];
  next(paid(shares, [elsewhere])).are();
  const isGiven = paid(shares, [{ ...elsewhere, status: 'succeeded' }]);
  next(isGiven).are('MoveShares p near.o 700');
  const refused = newsOf('near', { refused: 'empty' });
  const answer = { status: 'moved', transfers: [refused, newsOf('far')] };
  const asked = { ...isGiven, 'MoveShares p near.o 700': answer };
  const said = 'payment-p RecordTransfers processed 0, processed 0';
  next(asked).are(said);
  next({ ...asked, [said]: isGiven['payment-p'] }).are('wait 20000');
});

test('what came back and no refund took is sent again, and written down', () => {
  const returns = [{ amountPaise: 700, isMade: false }];
  const share = shareOf('near', { ...made, reversedPaise: 700, returns });
  const known = paid([share], [refundOf({ status: 'failed' })]);
  const asking = next(known);
  asking.are('ReturnShare return near.o 1');
  assert.equal((asking.dataOf('ReturnShare return near.o 1') as { call: object }).call, {
    paymentId: 'p',
    returnId: 'return near.o 1',
    storeOrderId: 'near.o',
    account: 'acc_near',
    amountPaise: 700,
  });
  const sent = {
    ...known,
    'ReturnShare return near.o 1': { status: 'returned', externalId: 'trf_2' },
  };
  next(sent).are('payment-p RecordReturn return near.o 1');
  const done = { ...share, returns: [{ amountPaise: 700, isMade: true }] };
  next(paid([done], [refundOf({ status: 'failed' })])).are();
});

const refunding = (known: Known, nowMs = PAID_MS) =>
  given(refund({ paymentId: 'p', refundNumber: 1, refundId: 'rf' }, PAID_MS), known).next(nowMs);

test('a refund first takes back what its shop has of it, and no more than that', () => {
  const known = paid([shareOf('near', made), shareOf('far', made)], [refundOf({})]);
  refunding(known).are('MoveShares p near.o 700');
  const near = newsOf('near', { reversedPaise: 700 });
  const moved = {
    ...known,
    'MoveShares p near.o 700': { status: 'moved', transfers: [near, newsOf('far')] },
  };
  const said = 'payment-p RecordTransfers processed 700, processed 0';
  refunding(moved).are(said);
  const reversed = [shareOf('near', { ...made, reversedPaise: 700 }), shareOf('far', made)];
  const state = paid(reversed, [refundOf({})])['payment-p'];
  refunding({ ...moved, [said]: state }).are('MakeRefund rf');
  // Whoever comes after one that died in between takes nothing back again.
  refunding(paid(reversed, [refundOf({})])).are('MakeRefund rf');
});

test('where a shop has it no longer, or a gateway says no, the shop gives it by hand', () => {
  const known = paid([shareOf('near', made)], [refundOf({})]);
  const answers = [
    { status: 'moved', transfers: [newsOf('near', { refused: 'empty' })] },
    { status: 'not-moved', reason: 'empty' },
  ];
  for (const answer of answers) {
    const recorded = { 'payment-p RecordTransfers processed 0': known['payment-p'] };
    const refusing = refunding({ ...known, 'MoveShares p near.o 700': answer, ...recorded });
    refusing.are('payment-p GiveUpRefund');
    const data = refusing.dataOf('payment-p GiveUpRefund');
    assert.equal(data, { refundNumber: 1, reason: 'empty' });
  }
});

test('a share that is on its way is waited for; of one that never came nothing is taken', () => {
  const known = paid([shareOf('near')], [refundOf({})]);
  const answered = (status: TransferNews['status']) => ({
    ...known,
    'MoveShares p near.o 700': { status: 'moved', transfers: [newsOf('near', { status })] },
    [`payment-p RecordTransfers ${status} 0`]: known['payment-p'],
  });
  refunding(answered('pending')).are('wait 20000');
  refunding(answered('failed')).are('MakeRefund rf');
  refunding(answered('pending'), PAID_MS + 4 * DAY_MS).are('MakeRefund rf');
});

test.run();
