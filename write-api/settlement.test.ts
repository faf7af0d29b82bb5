import { randomUUID } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AT_ONCE, UNQUOTED } from '../test/terms.ts';
import { order, type OrderPart, type PlacedOrder } from '../domain/ordering/order.ts';
import { keptPaise, payment } from '../domain/money/payment.ts';
import { storeOrder, type StoreOrderCommand } from '../domain/fulfilment/store-order.ts';
import { World, context } from '../test/ordering-world.ts';
import { paymentIdOf } from './payment.ts';
import { driveCash } from './cash.ts';
import { driveSettlement } from './settlement.ts';

const PRICE_PAISE = 50_000;
const FEE_PAISE = 2_000;

/** A store order of two pieces, paid at the door, that was delivered. */
async function deliver({ calm, stores, listings }: World) {
  const { handle } = calm.drivers.handler;
  const [orderId, storeOrderId] = [randomUUID(), randomUUID()];
  const [storeId, listingId] = [stores[0]!, listings[0]!];
  const line = { listingId, name: 'Ghee', names: {}, pack: null, pricePaise: PRICE_PAISE };
  const lines = [{ ...line, quantity: 2, linePaise: 2 * PRICE_PAISE }];
  const totalPaise = 2 * PRICE_PAISE + FEE_PAISE;
  const terms = { ...AT_ONCE, feePaise: FEE_PAISE };
  const wanted: OrderPart = { ...terms, storeOrderId, storeId, lines, totalPaise };
  const person = { personId: randomUUID(), sealedRecipient: '', pincode: '560001' };
  const how = { ...person, payment: 'cash-on-delivery' } as const;
  const rest = { cartId: randomUUID(), shopper: null, expiresAt: '2099-11-21T00:00:00Z' };
  const data: PlacedOrder = { ...how, ...rest, ...UNQUOTED, parts: [wanted], totalPaise };
  await handle(order, orderId, { type: 'PlaceOrder', data }, context(`place ${orderId}`));
  const confirm = { type: 'ConfirmOrder', data: {} } as const;
  await handle(order, orderId, confirm, context(`confirm ${orderId}`));
  const take = (command: StoreOrderCommand) =>
    handle(storeOrder, storeOrderId, command, context(`${command.type} ${storeOrderId}`));
  await take({ type: 'SubmitStoreOrder', data: { ...wanted, ...how, orderId } });
  await take({ type: 'AcceptStoreOrder', data: {} });
  await take({ type: 'PickLines', data: { lines: [{ listingId, quantity: 2 }] } });
  await take({ type: 'PackStoreOrder', data: {} });
  await take({ type: 'DispatchStoreOrder', data: {} });
  await take({ type: 'DeliverStoreOrder', data: { proof: 'code' } });
  return { orderId, storeOrderId, listingId, take };
}

test('cash is for all that was handed over, also where some came back before it was taken down', async () => {
  const world = new World({ seed: 1, faults: false, refuses: false });
  const { orderId, storeOrderId, listingId, take } = await deliver(world);
  const lines = [{ listingId, quantity: 1 }];
  const back = { returnId: randomUUID(), lines, reason: 'damaged', to: 'none' } as const;
  await take({ type: 'ReturnLines', data: back });
  const cause = { correlationId: orderId, causationId: orderId };
  const { drivers } = world.calm;
  await driveSettlement(drivers, orderId, cause);
  await driveCash(drivers, storeOrderId, cause);
  await driveSettlement(drivers, orderId, { ...cause, causationId: 'cash' });
  const state = await world.load(payment, paymentIdOf(storeOrderId));
  assert.equal(state.receipts, [{ externalId: 'cash', amountPaise: 2 * PRICE_PAISE + FEE_PAISE }]);
  assert.is(keptPaise(state), PRICE_PAISE + FEE_PAISE, 'the rest goes back');
});

test.run();
