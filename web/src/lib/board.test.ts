import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  arrivals,
  storeOrdersOf,
  COLUMNS,
  MOST_OPEN,
  nextOf,
  OPEN_PAGE,
  pageOf,
  toGivePaise,
  withAnswers,
} from './board.ts';
import type { Board, BoardOrder, PaymentTask, StoreOrderStatus } from './contract.ts';

const board = suite('board');

const storeOrder = (storeOrderId: string, status: StoreOrderStatus, minute = 0): BoardOrder => ({
  storeOrderId,
  orderNumber: storeOrderId,
  status,
  submittedAt: `2026-11-21T10:0${minute}:00Z`,
  changedAt: `2026-11-21T11:0${minute}:00Z`,
  fulfilment: 'delivery',
  slot: null,
  feePaise: 0,
  totalPaise: 100,
  owedPaise: 100,
  wrongCodes: 0,
  invoiceNumber: null,
  payment: 'cash-on-delivery',
  reason: null,
  pincode: '600017',
  contact: null,
  address: null,
  lines: [],
});

const of = (...storeOrders: BoardOrder[]): Board => ({
  storeId: 's',
  name: 'S',
  payments: [],
  storeOrders,
  openOrders: storeOrders.length,
  next: null,
});

const column = (name: string) => COLUMNS.find((one) => one.name === name)!;
const ids = (storeOrders: BoardOrder[]) => storeOrders.map((one) => one.storeOrderId);

board('shows every status in exactly one column', () => {
  const statuses = COLUMNS.flatMap((one) => one.statuses).toSorted();
  const all = [
    'accepted',
    'cancelled',
    'delivered',
    'dispatched',
    'packed',
    'rejected',
    'submitted',
  ];
  assert.equal(statuses, all);
});

board('says how many of the open orders it shows, and how many more can be', () => {
  const all = of(
    storeOrder('a', 'submitted'),
    storeOrder('b', 'packed'),
    storeOrder('c', 'delivered'),
  );
  assert.is(pageOf(all, OPEN_PAGE), null);
  const some = { ...all, openOrders: 5, next: 'cursor' };
  assert.equal(pageOf(some, OPEN_PAGE), { shown: 2, open: 5, more: 3 });
  const many = { ...some, openOrders: 9_999 };
  assert.is(pageOf(many, OPEN_PAGE)?.more, OPEN_PAGE);
  assert.is(pageOf(many, MOST_OPEN)?.more, 0);
});

board('puts what waits longest first, and what was done last first', () => {
  const shown = of(storeOrder('late', 'submitted', 5), storeOrder('early', 'submitted', 1));
  assert.equal(ids(storeOrdersOf(shown, column('New'))), ['early', 'late']);
  const done = of(storeOrder('before', 'delivered', 1), storeOrder('after', 'rejected', 5));
  assert.equal(ids(storeOrdersOf(done, column('Done'))), ['after', 'before']);
});

board('keeps what waits to be fetched among what is ready, to be handed over', () => {
  const waiting: BoardOrder = { ...storeOrder('waiting', 'dispatched'), fulfilment: 'pickup' };
  const shown = of(waiting, storeOrder('out', 'dispatched'), storeOrder('packed', 'packed'));
  assert.equal(ids(storeOrdersOf(shown, column('Ready'))), ['waiting', 'packed']);
  assert.equal(ids(storeOrdersOf(shown, column('On the way'))), ['out']);
  assert.is(nextOf(waiting)?.label, 'Hand over');
  assert.is(nextOf({ status: 'packed', fulfilment: 'pickup' })?.label, 'Ready to fetch');
  assert.is(nextOf({ status: 'packed', fulfilment: 'delivery' })?.label, 'Out for delivery');
});

board('does not move a store order back when an older board arrives after the answer', () => {
  const answered = new Map<string, StoreOrderStatus>([['a', 'accepted']]);
  assert.is(
    withAnswers(of(storeOrder('a', 'submitted')), answered).storeOrders[0]?.status,
    'accepted',
  );
  assert.ok(answered.has('a'));
});

board('forgets the answer when the board has caught up', () => {
  const answered = new Map<string, StoreOrderStatus>([['a', 'accepted']]);
  assert.is(withAnswers(of(storeOrder('a', 'packed')), answered).storeOrders[0]?.status, 'packed');
  assert.not.ok(answered.has('a'));
});

board('lets a rejection stand against an older board', () => {
  const answered = new Map<string, StoreOrderStatus>([['a', 'rejected']]);
  assert.is(
    withAnswers(of(storeOrder('a', 'packed')), answered).storeOrders[0]?.status,
    'rejected',
  );
});

board('announces each new order once', () => {
  const now = of(
    storeOrder('a', 'submitted'),
    storeOrder('b', 'submitted'),
    storeOrder('c', 'accepted'),
  );
  assert.equal(ids(arrivals(now, new Set(['a']))), ['b']);
});

board('adds up what is to be given back of an order by hand', () => {
  const task = (storeOrderId: string, todo: PaymentTask['todo'], amountPaise: number) =>
    ({ storeOrderId, todo, amountPaise }) as PaymentTask;
  const tasks = [
    task('a', 'give-back', 300),
    task('a', 'give-back', 40),
    task('a', 'confirm', 1_000),
    task('b', 'give-back', 7),
  ];
  assert.is(toGivePaise(tasks, storeOrder('a', 'delivered')), 340);
  assert.is(toGivePaise(tasks, storeOrder('c', 'delivered')), 0);
});

board.run();
