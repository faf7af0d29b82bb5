import { test } from 'uvu';
import { storeOrder, type StoreOrderCommand, type StoreOrderEvent } from './store-order.ts';
import { given } from './testing.ts';

const place = { orderId: 'o', storeId: 's' };
const submitted: StoreOrderEvent = {
  type: 'StoreOrderSubmitted',
  data: {
    ...place,
    personId: 'p',
    sealedRecipient: 'sealed',
    pincode: '560001',
    payment: 'cash-on-delivery',
    lines: [],
    totalPaise: 0,
  },
};
const accepted: StoreOrderEvent = { type: 'StoreOrderAccepted', data: place };
const packed: StoreOrderEvent = { type: 'StoreOrderPacked', data: place };
const dispatched: StoreOrderEvent = { type: 'StoreOrderDispatched', data: place };
const delivered: StoreOrderEvent = { type: 'StoreOrderDelivered', data: place };

const line: [StoreOrderCommand, StoreOrderEvent][] = [
  [{ type: 'AcceptStoreOrder', data: {} }, accepted],
  [{ type: 'PackStoreOrder', data: {} }, packed],
  [{ type: 'DispatchStoreOrder', data: {} }, dispatched],
  [{ type: 'DeliverStoreOrder', data: {} }, delivered],
];

test('a part goes from the board to the door one step at a time, and a repeat is silent', () => {
  const past: StoreOrderEvent[] = [submitted];
  for (const [command, event] of line) {
    given(storeOrder, ...past)
      .when(command)
      .gives(event);
    past.push(event);
    given(storeOrder, ...past)
      .when(command)
      .gives();
  }
});

test('no step is skipped and none is taken back', () => {
  given(storeOrder, submitted).when(line[2]![0]).rejected('WRONG_STATUS');
  given(storeOrder, submitted, accepted, packed).when(line[0]![0]).rejected('WRONG_STATUS');
  given(storeOrder).when(line[0]![0]).rejected('STORE_ORDER_NOT_FOUND');
});

test('a shop rejects what is still on its counter, not what is on its way', () => {
  const reject: StoreOrderCommand = { type: 'RejectStoreOrder', data: { reason: 'closed' } };
  const rejected: StoreOrderEvent = {
    type: 'StoreOrderRejected',
    data: { ...place, reason: 'closed' },
  };
  given(storeOrder, submitted).when(reject).gives(rejected);
  given(storeOrder, submitted, accepted).when(reject).gives(rejected);
  given(storeOrder, submitted, accepted, packed, dispatched).when(reject).rejected('WRONG_STATUS');
  given(storeOrder, submitted, rejected).when(line[0]![0]).rejected('WRONG_STATUS');
});

test.run();
