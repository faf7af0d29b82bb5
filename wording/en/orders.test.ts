import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { headlineText, isUnpaidReason, reasonText, statusText, timelineText } from './orders.ts';

const words = suite('orders');

words('calls a step by what the shopper sees of it', () => {
  assert.is(statusText('dispatched', 'delivery'), 'On the way');
  assert.is(statusText('dispatched', 'pickup'), 'Ready to fetch');
  assert.is(statusText('packed', 'pickup'), 'Packed');
});

words('says why nothing came of it, as part of a sentence', () => {
  assert.is(reasonText('closed'), 'the shop is closed');
  assert.is(reasonText('other'), null);
  assert.is(reasonText(null), null);
  assert.ok(isUnpaidReason('PAID_TOO_LATE'));
  assert.not(isUnpaidReason('closed'));
});

words('names one shop that is waited for, and counts several', () => {
  const submitted = { code: 'submitted', storeName: 'A' } as const;
  const detail = (stores: number) => headlineText({ ...submitted, stores }).detail;
  assert.is(detail(1), 'Waiting for A to accept.');
  assert.is(detail(2), 'Waiting for 2 shops to accept.');
});

words('says what a shop does next, and what is to be kept ready', () => {
  const at = (code: 'accepted' | 'packed' | 'dispatched', pickup: boolean, cash: boolean) =>
    headlineText({ code, storeName: 'A', pickup, cash });
  assert.equal(at('accepted', false, true), { title: 'Being packed', detail: 'A is packing.' });
  assert.equal(at('packed', false, true), {
    title: 'Ready to go',
    detail: 'A sends it out next.',
  });
  assert.equal(at('packed', true, true), {
    title: 'Packed',
    detail: 'A puts it ready for you next.',
  });
  assert.equal(at('dispatched', false, true), {
    title: 'On the way',
    detail: 'Keep the cash ready, please.',
  });
  assert.equal(at('dispatched', true, false), {
    title: 'Ready to fetch',
    detail: 'A has it ready for you. It is paid.',
  });
});

words('says what became of the whole', () => {
  const titles = (
    ['awaiting-payment', 'cancelled', 'not-accepted', 'delivered', 'fetched'] as const
  ).map((code) => headlineText({ code }).title);
  assert.equal(titles, [
    'Waiting for your payment',
    'Cancelled',
    'Not accepted',
    'Delivered',
    'Fetched',
  ]);
  assert.equal(headlineText({ code: 'unpaid', reason: 'CHECKOUT_EXPIRED' }), {
    title: 'Not ordered',
    detail: 'It was not paid in time.',
  });
  assert.equal(headlineText({ code: 'asked', storeName: 'A' }), {
    title: 'A question for you',
    detail: 'A lacks something and asks you below.',
  });
});

words('says in the timeline how a proposal was answered, and by whom', () => {
  const decided = { at: '', storeOrderId: 's', storeName: 'A', event: 'SubstitutionDecided' };
  const names = new Map([['s.rice', 'Rice']]);
  const text = (reason: string) => timelineText({ ...decided, listingId: 's.rice', reason }, names);
  assert.is(text('accepted-by-shopper'), 'You take what was proposed for Rice');
  assert.is(text('declined-by-wish'), 'No answer in time: nothing comes instead of Rice');
});

words('says in the timeline who could not take it, and why', () => {
  const entry = { at: '', storeOrderId: 's', storeName: 'Sharma Kirana', listingId: null };
  assert.is(
    timelineText({ ...entry, event: 'StoreOrderRejected', reason: 'out-of-stock' }),
    'Sharma Kirana could not take it: something is out of stock',
  );
  assert.is(
    timelineText({ ...entry, event: 'StoreOrderRejected', reason: 'other' }),
    'Sharma Kirana could not take it',
  );
});

words.run();
