import type { CartEvent } from '../domain/cart/cart.ts';
import type { InventoryEvent } from '../domain/inventory/inventory.ts';
import { LATE_WAIT_MS, type OrderEvent, type PlacedOrder } from '../domain/ordering/order.ts';
import {
  isPerPart,
  isPrepaid,
  type PaymentEvent,
  type RequestedPayment,
} from '../domain/money/payment.ts';
import type { SlotDayEvent } from '../domain/slots/slot-day.ts';
import type { StoreOrderEvent } from '../domain/fulfilment/store-order.ts';
import type { Reactions } from '../engine/processes/reactor.ts';
import type { NewTask as Task, Reaction as ReactionOf } from '../engine/processes/tasks.ts';
import type { EventStore, StoredEvent } from '../platform/event-store.ts';
import { businessDate } from '../platform/time.ts';
import { driveCheckout, driveCompletion, type Cause, type Drivers } from './checkout.ts';
import { driveCredit, driveInvoice, findInvoice, type Credited } from './invoices.ts';
import { lookAtPayment, paymentIdOf } from './payment.ts';
import { drivePaidOrder, driveRefund, driveSettlement } from './settlement.ts';
import { driveStock } from './stock.ts';
import { driveSubstitution } from './substitution.ts';
import { driveCash, driveTill, type CashMoved } from './cash.ts';

/** What the request that placed an order gets to finish the checkout itself. */
const GRACE_MS = 2_000;
/** How often a gateway is asked for what it may have failed to tell, and until how long after. */
const LOOK_EVERY_MS = 20_000;
const LOOK_AFTER_MS = 10 * 60_000;

type HeardEvent =
  OrderEvent | StoreOrderEvent | InventoryEvent | SlotDayEvent | PaymentEvent | CartEvent;

type Proposed = Extract<StoreOrderEvent, { type: 'SubstitutionProposed' }>['data'];
type SlotHold = Extract<SlotDayEvent, { type: 'SlotHeld' }>['data'];
type StockHold = Extract<InventoryEvent, { type: 'StockReserved' }>['data'];
type RefundNumber = { refundNumber: number };

/** What tasks are done with. */
export type ReactorServices = { client: EventStore; drivers: Drivers };

type NewTask = Task<ReactorServices>;
type Reaction = ReactionOf<ReactorServices>;

/** Events that ask for nothing have none. */
export const reactionTo = (event: StoredEvent): Reaction =>
  on[event.type as keyof typeof on]?.(event) ?? {};

/** Keyed by event name, as in the rest of the code. */
const on: Partial<Record<HeardEvent['type'], (event: StoredEvent) => Reaction>> = {
  OrderPlaced(event) {
    const { parts, payment } = event.data as PlacedOrder;
    const handedOver = parts.flatMap(({ storeOrderId }) =>
      isPrepaid(payment) ? [storeOrderId] : [storeOrderId, paymentIdOf(storeOrderId)],
    );
    const lacks = ['OrderConfirmed', ...handedOver];
    const callsGateway = !isPerPart(payment);
    const task = checkOut(event, 'checkout', idOf(event), grace(event));
    return { tasks: [{ ...task, lacks, callsGateway }] };
  },
  OrderConfirmed: (event) => ({
    done: [{ key: `checkout ${idOf(event)}`, step: event.type }, { key: `cart ${idOf(event)}` }],
  }),
  OrderRejected: (event) => ({ tasks: [drivePaid(event, idOf(event))] }),
  StoreOrderSubmitted: (event) => ({
    done: [
      { key: `checkout ${orderOf(event)}`, step: idOf(event) },
      { key: `reservation ${idOf(event)}` },
    ],
  }),
  LineReduced: (event) => ({ tasks: lessIsOwed(event) }),
  LineShorted: (event) => ({ tasks: lessIsOwed(event) }),
  SubstituteChosen: (event) => ({ tasks: [moveStock(event)] }),
  SubstituteUnavailable: (event) => ({ tasks: [moveStock(event)] }),
  SubstitutionProposed(event) {
    const proposed = event.data as Proposed;
    const decide: NewTask = {
      key: substitutionOf(event),
      dueMs: Date.parse(proposed.expiresAt),
      run: ({ drivers }) =>
        driveSubstitution(drivers.handler, idOf(event), proposed, causeOf(event)),
    };
    return { tasks: [settle(event), decide] };
  },
  SubstitutionDecided: (event) => ({
    done: [{ key: substitutionOf(event) }],
    tasks: [settle(event)],
  }),
  StoreOrderPacked: (event) => ({ tasks: lessIsOwed(event) }),
  StoreOrderDelivered: (event) => ({ tasks: [bill(event), collect(event), complete(event)] }),
  StoreOrderRejected: (event) => ({ tasks: [...lessIsOwed(event), complete(event)] }),
  StoreOrderCancelled: (event) => ({ tasks: [...lessIsOwed(event), complete(event)] }),
  LinesReturned: (event) => ({ tasks: [...lessIsOwed(event), credit(event)] }),
  PaymentRequested(event) {
    const { orderId, expiresAt, gatewayOrderId } = event.data as RequestedPayment;
    if (!expiresAt) return { done: [{ key: `checkout ${orderId}`, step: idOf(event) }] };
    // Its reservations bring it to its end as well, unless it was asked for after they ended.
    const giveUp = checkOut(event, 'payment', orderId, Date.parse(expiresAt), idOf(event));
    return { tasks: [giveUp, ...(gatewayOrderId ? [lookRepeatedly(event, expiresAt)] : [])] };
  },
  PaymentCancelled: (event) => ({ done: [{ key: `payment ${idOf(event)}` }] }),
  PaymentSucceeded: (event) => ({
    done: [{ key: `payment ${idOf(event)}` }, { key: `look ${idOf(event)}` }],
    tasks: [drivePaid(event, orderOf(event))],
  }),
  LatePaymentSeen: (event) => ({ tasks: [drivePaid(event, orderOf(event))] }),
  /** What came back before it was taken down is to be given back. */
  CashCollected: (event) => ({ tasks: [putInTill(event), settle(event)] }),
  RefundRequested(event) {
    const { refundNumber } = event.data as RefundNumber;
    const { at } = event.metadata;
    const refund = now(refundOf(event), ({ drivers }) =>
      driveRefund(drivers, idOf(event), refundNumber, at, causeOf(event)),
    );
    return { tasks: [{ ...refund, callsGateway: true }] };
  },
  RefundSucceeded: (event) => ({
    done: [{ key: refundOf(event) }],
    tasks: [putInTill(event)],
  }),
  RefundFailed: (event) => ({ done: [{ key: refundOf(event) }] }),
  /** Somebody may have reserved for an order that another gave up on: nobody else would see. */
  StockReserved(event) {
    const { storeOrderId, expiresAt } = event.data as StockHold;
    const dueMs = Date.parse(expiresAt);
    return { tasks: [checkOut(event, 'reservation', orderOf(event), dueMs, storeOrderId)] };
  },
  /** Somebody may have looked at the part too early: what it has now is what counts. */
  ReservationChanged: (event) => ({
    tasks: [moveStock(event, (event.data as StockHold).storeOrderId)],
  }),
  /** A slot may be held as late as goods may be reserved. */
  SlotHeld(event) {
    const { storeOrderId, expiresAt } = event.data as SlotHold;
    const dueMs = Date.parse(expiresAt);
    return { tasks: [checkOut(event, 'slot', orderOf(event), dueMs, storeOrderId)] };
  },
  /** A cart may be closed as late, by who then dies: its shopper could order nothing from it. */
  CartCheckedOut: (event) => ({
    tasks: [{ ...checkOut(event, 'cart', orderOf(event), grace(event)), callsGateway: true }],
  }),
  CartReopened: (event) => ({ done: [{ key: `cart ${orderOf(event)}` }] }),
  SlotConfirmed: (event) => ({ done: [{ key: slotOf(event) }] }),
  SlotReleased: (event) => ({ done: [{ key: slotOf(event) }] }),
  ReservationReleased: (event) => ({
    done: [{ key: `reservation ${(event.data as StockHold).storeOrderId}` }],
  }),
};

/**
 * Finishes the checkouts that their request did not, moves the stock of what was packed or given up,
 * lets wishes decide where nobody answered for a substitute, bills what was delivered, credits what
 * came back, gives back what is not owed, puts cash into the till, and ends orders whose parts have.
 */
export const reactions = (services: ReactorServices): Reactions<ReactorServices> => ({
  services,
  subscribedTypes: Object.keys(on),
  reactionTo,
});

const now = (key: string, run: NewTask['run']): NewTask => ({ key, dueMs: Date.now(), run });

const grace = ({ metadata }: StoredEvent): number => Date.parse(metadata.at) + GRACE_MS;

/** Goes on with an order, because of what its key names by `id`. */
const checkOut = (
  event: StoredEvent,
  because: string,
  orderId: string,
  dueMs: number,
  id = orderId,
): NewTask => ({
  key: `${because} ${id}`,
  dueMs,
  run: ({ drivers }) => driveCheckout(drivers, orderId, causeOf(event)),
});

/** A key for each event: a task that runs already may have read the parts too early. */
const complete = (event: StoredEvent): NewTask =>
  now(`complete ${event.id}`, ({ drivers }) =>
    driveCompletion(drivers.handler, orderOf(event), causeOf(event)),
  );

const moveStock = (event: StoredEvent, storeOrderId = idOf(event)): NewTask =>
  now(`stock ${event.id}`, ({ drivers }) =>
    driveStock(drivers.handler, storeOrderId, causeOf(event)),
  );

const bill = (event: StoredEvent): NewTask =>
  now(`invoice ${event.id}`, ({ drivers }) =>
    driveInvoice(drivers.handler, idOf(event), event.metadata.at, causeOf(event)),
  );

function credit(event: StoredEvent): NewTask {
  const date = businessDate(event.metadata.at);
  return now(`credit ${event.id}`, async ({ client, drivers: { handler } }) => {
    const found = await findInvoice({ handler, client }, idOf(event), date);
    await driveCredit(handler, found, event.data as Credited, date, causeOf(event));
  });
}

const settle = (event: StoredEvent): NewTask =>
  now(`settle ${event.id}`, ({ drivers }) =>
    driveSettlement(drivers, orderOf(event), causeOf(event)),
  );

/** Of a part that has become smaller: goods that nobody takes, and money for them. */
const lessIsOwed = (event: StoredEvent): NewTask[] => [moveStock(event), settle(event)];

const collect = (event: StoredEvent): NewTask =>
  now(`cash ${event.id}`, ({ drivers }) => driveCash(drivers, idOf(event), causeOf(event)));

const putInTill = (event: StoredEvent): NewTask => {
  const moved = { type: event.type, data: event.data } as CashMoved;
  return now(`till ${event.id}`, ({ drivers: { handler } }) =>
    driveTill(handler, idOf(event), moved, event.metadata.at, causeOf(event)),
  );
};

function drivePaid(event: StoredEvent, orderId: string): NewTask {
  const waitUntilMs = Date.parse(event.metadata.at) + LATE_WAIT_MS;
  return now(`paid ${event.id}`, ({ drivers }) =>
    drivePaidOrder(drivers, orderId, causeOf(event), waitUntilMs),
  );
}

/** Asks about a payment until a while after nobody waits for it any more. */
function lookRepeatedly(event: StoredEvent, expiresAt: string): NewTask {
  const untilMs = Date.parse(expiresAt) + LOOK_AFTER_MS;
  return {
    key: `look ${idOf(event)}`,
    dueMs: Date.parse(event.metadata.at) + LOOK_EVERY_MS,
    untilMs,
    callsGateway: true,
    run: async ({ drivers }) => {
      await lookAtPayment(drivers, idOf(event), causeOf(event));
      return Date.now() < untilMs ? LOOK_EVERY_MS : undefined;
    },
  };
}

/** A stream's name without its category. */
const idOf = ({ stream }: StoredEvent): string => stream.slice(stream.indexOf('-') + 1);

/** Whose it is: every event of a store order, a reservation, a payment and a closed cart says so. */
const orderOf = ({ data }: StoredEvent): string => (data as { orderId: string }).orderId;

const slotOf = ({ data }: StoredEvent): string => `slot ${(data as SlotHold).storeOrderId}`;

const refundOf = (event: StoredEvent): string =>
  `refund ${idOf(event)}.${(event.data as RefundNumber).refundNumber}`;

/** Which line of which part a substitute was proposed for. */
const substitutionOf = (event: StoredEvent): string =>
  `substitution ${idOf(event)} ${(event.data as { listingId: string }).listingId}`;

const causeOf = (event: StoredEvent): Cause => ({
  correlationId: event.metadata.$correlationId,
  causationId: event.id,
});
