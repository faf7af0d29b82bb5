import type { CartEvent } from '../domain/cart/cart.ts';
import { DECIDERS } from '../domain/deciders.ts';
import type { InventoryEvent } from '../domain/inventory/inventory.ts';
import { LATE_WAIT_MS, type OrderEvent } from '../domain/ordering/order.ts';
import { isPerStoreOrder, isPrepaid, type PaymentEvent } from '../domain/money/payment.ts';
import type { SlotDayEvent } from '../domain/slots/slot-day.ts';
import type { StoreOrderEvent } from '../domain/fulfilment/store-order.ts';
import { StreamDamaged } from '../engine/commands/stream-damaged.ts';
import { ownStreams } from '../engine/own-streams.ts';
import type { Reactions } from '../engine/processes/reactor.ts';
import type { NewTask as Task, Reaction as ReactionOf } from '../engine/processes/task-list.ts';
import { type EventStore, type StoredEvent } from '../platform/event-store.ts';
import { isPostgresUnavailable } from '../platform/postgres.ts';
import { businessDate } from '../platform/time.ts';
import { factOf, type Fact } from '../engine/projections/projection.ts';
import { driveCheckout, driveCompletion } from './checkout.ts';
import { driveCredit, driveInvoice, findInvoice, type Credited } from './invoices.ts';
import { lookAtPayment, paymentIdOf } from './payment.ts';
import { GatewayUnavailable } from './payment-ports.ts';
import { drivePaidOrder, drivePayShops, driveRefund, driveSettlement } from './settlement.ts';
import { driveStock } from './stock.ts';
import { driveSubstitution } from './substitution.ts';
import type { Drivers } from './processes.ts';
import { driveCash, driveTill, type CashMoved } from './cash.ts';
import { AppendOutcomeUnknown } from '../platform/appends.ts';
import { isEventStoreUnavailable } from '../platform/connection.ts';

/** What the request that placed an order gets to finish the checkout itself. */
const GRACE_MS = 2_000;
/** How often a gateway is asked for what it may have failed to tell, and until how long after. */
const LOOK_EVERY_MS = 20_000;
const LOOK_AFTER_MS = 10 * 60_000;

type HeardEvent =
  OrderEvent | StoreOrderEvent | InventoryEvent | SlotDayEvent | PaymentEvent | CartEvent;

/** What an event of a type says. */
type DataOf<Type extends HeardEvent['type']> = Extract<HeardEvent, { type: Type }>['data'];

/** What tasks are done with. */
export type ReactorServices = { client: EventStore; drivers: Drivers };

type NewTask = Task<ReactorServices>;
type Reaction = ReactionOf<ReactorServices>;

/** An event that asks for something, whatever it says. */
type Cause = Pick<Fact<unknown>, 'id' | 'eventId' | 'metadata' | 'at'>;
/** Every event of a store order, a reservation, a payment and a closed cart says whose it is. */
type OfOrder = Fact<{ orderId: string }>;

/** Keyed by event name, as in the rest of the code. */
const on: { [Type in HeardEvent['type']]?: (fact: Fact<DataOf<Type>>) => Reaction } = {
  OrderPlaced(fact) {
    const { parts, payment } = fact.data;
    const handedOver = parts.flatMap(({ storeOrderId }) =>
      isPrepaid(payment) ? [storeOrderId] : [storeOrderId, paymentIdOf(storeOrderId)],
    );
    const lacks = ['OrderConfirmed', ...handedOver];
    const callsGateway = !isPerStoreOrder(payment);
    const task = checkOut(fact, 'checkout', fact.id, grace(fact));
    return { tasks: [{ ...task, lacks, callsGateway }] };
  },
  OrderConfirmed: ({ id, type }) => ({
    done: [{ key: `checkout ${id}`, step: type }, { key: `cart ${id}` }],
  }),
  OrderRejected: (fact) => ({ tasks: [drivePaid(fact, fact.id)] }),
  StoreOrderSubmitted: ({ id, data }) => ({
    done: [{ key: `checkout ${data.orderId}`, step: id }, { key: `reservation ${id}` }],
  }),
  LineReduced: (fact) => ({ tasks: lessIsOwed(fact) }),
  LineShorted: (fact) => ({ tasks: lessIsOwed(fact) }),
  SubstituteChosen: (fact) => ({ tasks: [moveStock(fact)] }),
  SubstituteUnavailable: (fact) => ({ tasks: [moveStock(fact)] }),
  SubstitutionProposed(fact) {
    const decide: NewTask = {
      key: substitutionOf(fact),
      dueMs: Date.parse(fact.data.expiresAt),
      run: ({ drivers }) => driveSubstitution(drivers.handler, fact.id, fact.data, causeOf(fact)),
    };
    return { tasks: [settle(fact), decide] };
  },
  SubstitutionDecided: (fact) => ({
    done: [{ key: substitutionOf(fact) }],
    tasks: [settle(fact)],
  }),
  StoreOrderPacked: (fact) => ({ tasks: lessIsOwed(fact) }),
  StoreOrderDelivered: (fact) => ({ tasks: [bill(fact), collect(fact), complete(fact)] }),
  StoreOrderRejected: (fact) => ({ tasks: [...lessIsOwed(fact), complete(fact)] }),
  StoreOrderCancelled: (fact) => ({ tasks: [...lessIsOwed(fact), complete(fact)] }),
  LinesReturned: (fact) => ({ tasks: [...lessIsOwed(fact), credit(fact)] }),
  PaymentRequested(fact) {
    const { orderId, expiresAt, gatewayOrderId } = fact.data;
    if (!expiresAt) return { done: [{ key: `checkout ${orderId}`, step: fact.id }] };
    // Its reservations bring it to its end as well, unless it was asked for after they ended.
    const giveUp = checkOut(fact, 'payment', orderId, Date.parse(expiresAt), fact.id);
    return { tasks: [giveUp, ...(gatewayOrderId ? [lookRepeatedly(fact, expiresAt)] : [])] };
  },
  PaymentCancelled: ({ id }) => ({ done: [{ key: `payment ${id}` }] }),
  PaymentSucceeded: (fact) => ({
    done: [{ key: `payment ${fact.id}` }, { key: `look ${fact.id}` }],
    tasks: [drivePaid(fact, fact.data.orderId), ...paysShops(fact)],
  }),
  LatePaymentSeen: (fact) => ({
    tasks: [drivePaid(fact, fact.data.orderId), ...paysShops(fact)],
  }),
  /** What came back before it was taken down is to be given back. */
  CashCollected: (fact) => ({
    tasks: [putInTill(fact, { type: 'CashCollected', data: fact.data }), settle(fact)],
  }),
  RefundRequested(fact) {
    const refund = atOnce(refundOf(fact), ({ drivers }) =>
      driveRefund(drivers, fact.id, fact.data.refundNumber, fact.at, causeOf(fact)),
    );
    return { tasks: [{ ...refund, callsGateway: true }] };
  },
  /**
   * Nothing has taken its money from the shops yet where somebody else began it; nor where it was
   * given up on first, as they may have that again.
   */
  RefundSucceeded: (fact) => ({
    done: [{ key: refundOf(fact) }],
    tasks: [putInTill(fact, { type: 'RefundSucceeded', data: fact.data }), payShops(fact)],
  }),
  /** What came to nothing elsewhere may have to go back from here. */
  RefundReduced: (fact) => ({ tasks: [settle(fact)] }),
  /** What it took of a shop's share already goes back there. */
  RefundFailed: (fact) => ({
    done: [{ key: refundOf(fact) }],
    tasks: [payShops(fact)],
  }),
  /** Somebody may have reserved for an order that another gave up on: nobody else would see. */
  StockReserved(fact) {
    const { storeOrderId, orderId, expiresAt } = fact.data;
    const dueMs = Date.parse(expiresAt);
    return { tasks: [checkOut(fact, 'reservation', orderId, dueMs, storeOrderId)] };
  },
  /** Somebody may have looked at the store order too early: what it has now is what counts. */
  ReservationChanged: (fact) => ({ tasks: [moveStock(fact, fact.data.storeOrderId)] }),
  /** A slot may be held as late as goods may be reserved. */
  SlotHeld(fact) {
    const { storeOrderId, orderId, expiresAt } = fact.data;
    const dueMs = Date.parse(expiresAt);
    return { tasks: [checkOut(fact, 'slot', orderId, dueMs, storeOrderId)] };
  },
  /** A cart may be closed as late, by who then dies: its shopper could order nothing from it. */
  CartCheckedOut: (fact) => ({
    tasks: [{ ...checkOut(fact, 'cart', fact.data.orderId, grace(fact)), callsGateway: true }],
  }),
  CartReopened: ({ data }) => ({ done: [{ key: `cart ${data.orderId}` }] }),
  SlotConfirmed: ({ data }) => ({ done: [{ key: `slot ${data.storeOrderId}` }] }),
  SlotReleased: ({ data }) => ({ done: [{ key: `slot ${data.storeOrderId}` }] }),
  ReservationReleased: ({ data }) => ({ done: [{ key: `reservation ${data.storeOrderId}` }] }),
};

const isOurs = ownStreams(DECIDERS);

/** Events that ask for nothing have none, nor have those of anybody else who writes to the log. */
export function reactionTo(event: StoredEvent): Reaction {
  if (!isOurs(event.stream)) return {};
  // The map is keyed by event type, which the compiler cannot follow through a lookup.
  const { [event.type]: react } = on as Record<string, (fact: Fact<never>) => Reaction>;
  return react?.(factOf(event)) ?? {};
}

/**
 * Finishes the checkouts that their request did not, moves the stock of what was packed or given
 * up, lets wishes decide where nobody answered for a substitute, bills what was delivered, credits
 * what came back, gives back what is not owed, puts cash into the till, and ends orders whose store
 * orders have.
 */
export const reactions = (services: ReactorServices): Reactions<ReactorServices> => ({
  services,
  subscribedTypes: Object.keys(on),
  reactionTo,
  now: services.drivers.now,
  passes: (error) =>
    error instanceof GatewayUnavailable ||
    error instanceof AppendOutcomeUnknown ||
    // Somebody mends it, and nobody has to start the reactor anew for that.
    error instanceof StreamDamaged ||
    isEventStoreUnavailable(error) ||
    isPostgresUnavailable(error),
});

/** Due as soon as it is heard of. */
const atOnce = (key: string, run: NewTask['run']): NewTask => ({ key, dueMs: 0, run });

const grace = ({ at }: Cause): number => Date.parse(at) + GRACE_MS;

/** Goes on with an order, because of what its key names by `id`. */
const checkOut = (
  fact: Cause,
  because: string,
  orderId: string,
  dueMs: number,
  id = orderId,
): NewTask => ({
  key: `${because} ${id}`,
  dueMs,
  run: ({ drivers }) => driveCheckout(drivers, orderId, causeOf(fact)),
});

/** A key for each event: a task that runs already may have read the store orders too early. */
const complete = (fact: OfOrder): NewTask =>
  atOnce(`complete ${fact.eventId}`, ({ drivers }) =>
    driveCompletion(drivers, fact.data.orderId, causeOf(fact)),
  );

const moveStock = (fact: Cause, storeOrderId = fact.id): NewTask =>
  atOnce(`stock ${fact.eventId}`, ({ drivers }) =>
    driveStock(drivers, storeOrderId, causeOf(fact)),
  );

const bill = (fact: Cause): NewTask =>
  atOnce(`invoice ${fact.eventId}`, ({ drivers }) =>
    driveInvoice(drivers.handler, fact.id, fact.at, causeOf(fact)),
  );

function credit(fact: Fact<Credited>): NewTask {
  const date = businessDate(fact.at);
  return atOnce(`credit ${fact.eventId}`, async ({ client, drivers: { handler } }) => {
    const found = await findInvoice({ handler, client }, fact.id, date);
    await driveCredit(handler, found, fact.data, date, causeOf(fact));
  });
}

const settle = (fact: OfOrder): NewTask =>
  atOnce(`settle ${fact.eventId}`, ({ drivers }) =>
    driveSettlement(drivers, fact.data.orderId, causeOf(fact)),
  );

/** Of a store order that has become smaller: goods that nobody takes, and money for them. */
const lessIsOwed = (fact: OfOrder): NewTask[] => [moveStock(fact), settle(fact)];

const collect = (fact: Cause): NewTask =>
  atOnce(`cash ${fact.eventId}`, ({ drivers }) => driveCash(drivers, fact.id, causeOf(fact)));

const putInTill = (fact: Cause, moved: CashMoved): NewTask =>
  atOnce(`till ${fact.eventId}`, ({ drivers: { handler } }) =>
    driveTill(handler, fact.id, moved, fact.at, causeOf(fact)),
  );

function drivePaid(fact: Cause, orderId: string): NewTask {
  const waitUntilMs = Date.parse(fact.at) + LATE_WAIT_MS;
  return atOnce(`paid ${fact.eventId}`, ({ drivers }) =>
    drivePaidOrder(drivers, orderId, causeOf(fact), waitUntilMs),
  );
}

/** Of a payment for a whole order, which a gateway splits. */
const paysShops = (fact: Fact<{ storeOrderId: string | null }>): NewTask[] =>
  fact.data.storeOrderId === null ? [payShops(fact)] : [];

function payShops(fact: Cause): NewTask {
  const pay = atOnce(`shares ${fact.eventId}`, ({ drivers }) =>
    drivePayShops(drivers, fact.id, fact.at, causeOf(fact)),
  );
  return { ...pay, callsGateway: true };
}

/** Asks about a payment until a while after nobody waits for it any more. */
function lookRepeatedly(fact: Cause, expiresAt: string): NewTask {
  const untilMs = Date.parse(expiresAt) + LOOK_AFTER_MS;
  return {
    key: `look ${fact.id}`,
    dueMs: Date.parse(fact.at) + LOOK_EVERY_MS,
    untilMs,
    callsGateway: true,
    run: async ({ drivers }) => {
      await lookAtPayment(drivers, fact.id, causeOf(fact));
      return drivers.now().getTime() < untilMs ? LOOK_EVERY_MS : undefined;
    },
  };
}

const refundOf = ({ id, data }: Fact<{ refundNumber: number }>): string =>
  `refund ${id}.${data.refundNumber}`;

/** Which line of which store order a substitute was proposed for. */
const substitutionOf = ({ id, data }: Fact<{ listingId: string }>): string =>
  `substitution ${id} ${data.listingId}`;

const causeOf = ({ eventId, metadata }: Cause) => ({
  correlationId: metadata.$correlationId,
  causationId: eventId,
});
