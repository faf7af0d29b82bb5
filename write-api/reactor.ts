import { ANY, BACKWARDS, END, StreamNotFoundError, jsonEvent } from '@eventstore/db-client';
import type { CartEvent } from '../domain/cart.ts';
import type { InventoryEvent } from '../domain/inventory.ts';
import type { OrderEvent, PlacedOrder } from '../domain/order.ts';
import type { PaymentEvent, RequestedPayment } from '../domain/payment.ts';
import type { SlotDayEvent } from '../domain/slot-day.ts';
import type { StoreOrderEvent } from '../domain/store-order.ts';
import { REACTOR_CHECKPOINT, type EventStore, type StoredEvent } from '../platform/event-store.ts';
import type { Logger } from '../platform/log.ts';
import { followLog, waitUnlessAborted } from '../platform/subscription.ts';
import { businessDate } from '../platform/time.ts';
import { driveCheckout, driveCompletion, type Cause } from './checkout.ts';
import type { Handler } from './handle.ts';
import { driveCredit, driveInvoice, findInvoice, type Credited } from './invoices.ts';
import { lookAtPayment, type PaymentPorts } from './payment.ts';
import { driveCash, drivePaidOrder, driveRefund, driveSettlement } from './settlement.ts';
import { driveStock, driveSubstitution } from './store-order.ts';
import { driveTill, type CashMoved } from './till.ts';

/** What the request that placed an order gets to finish the checkout itself. */
const GRACE_MS = 2_000;
const TICK_MS = 200;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/** Tries after which a task counts as stuck and is logged as an error, for somebody to look. */
const STUCK_AFTER_TRIES = 10;
/** How often a gateway is asked for what it may have failed to tell, and until how long after. */
const LOOK_EVERY_MS = 20_000;
const LOOK_AFTER_MS = 10 * 60_000;
const MAX_BATCH_EVENTS = 1_000;
/** An order that waits to be paid has some five of them for a quarter of an hour. */
const MAX_PENDING_TASKS = 100_000;
const MAX_RUNNING_TASKS = 16;
const CHECKPOINT_EVERY_MS = 5_000;

type HeardEvent =
  OrderEvent | StoreOrderEvent | InventoryEvent | SlotDayEvent | PaymentEvent | CartEvent;

type Proposed = Extract<StoreOrderEvent, { type: 'SubstitutionProposed' }>['data'];

type SlotHold = Extract<SlotDayEvent, { type: 'SlotHeld' }>['data'];
type StockHold = Extract<InventoryEvent, { type: 'StockReserved' }>['data'];
type RefundNumber = { refundNumber: number };

type Task = {
  /** Resolves to a number of milliseconds where it is to run again after so many. */
  run: () => Promise<unknown>;
  /** Log position of the event before the one that asks for it: from where it would be seen anew. */
  after: bigint | undefined;
  dueMs: number;
  tries: number;
  running: boolean;
  /** What the log has to show before it counts as done by somebody else. */
  lacks: Set<string>;
};

/**
 * Event → command, for what spans several streams: finishes the checkouts that their request did
 * not, moves the stock of what was packed or given up, lets wishes decide where nobody answered for
 * a substitute, bills what was delivered, credits what came back, gives back what is not owed, puts
 * cash into the till, and ends orders whose parts have. Every task is idempotent, so that any
 * number of write-apis may run a reactor each. Resolves when `signal` aborts.
 */
export async function runReactor(options: {
  client: EventStore;
  handler: Handler;
  payments: PaymentPorts;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { client, handler, payments, log, signal } = options;
  const drivers = { handler, payments };
  const pending = new Map<string, Task>();
  let seen = await loadCheckpoint(client);
  let saved = seen;
  let running = 0;

  const enqueue = (key: string, dueMs: number, run: Task['run'], lacks: string[] = []) =>
    pending.set(key, {
      run,
      after: seen,
      dueMs,
      tries: 0,
      running: false,
      lacks: new Set(lacks),
    });

  function complete(event: StoredEvent): void {
    const run = () => driveCompletion(handler, orderOf(event), causeOf(event));
    // A key for each event: a task that runs already may have read the parts too early.
    enqueue(`complete ${event.id}`, Date.now(), run);
  }

  function moveStock(event: StoredEvent): void {
    const run = () => driveStock(handler, idOf(event), causeOf(event));
    enqueue(`stock ${event.id}`, Date.now(), run);
  }

  function bill(event: StoredEvent): void {
    const { at } = event.metadata;
    const run = () => driveInvoice(handler, idOf(event), at, causeOf(event));
    enqueue(`invoice ${event.id}`, Date.now(), run);
  }

  function credit(event: StoredEvent): void {
    const date = businessDate(event.metadata.at);
    enqueue(`credit ${event.id}`, Date.now(), async () => {
      const found = await findInvoice({ handler, client }, idOf(event), date);
      await driveCredit(handler, found, event.data as Credited, date, causeOf(event));
    });
  }

  function settle(event: StoredEvent): void {
    const run = () => driveSettlement(drivers, orderOf(event), causeOf(event));
    enqueue(`settle ${event.id}`, Date.now(), run);
  }

  /** Of a part that has become smaller: goods that nobody takes, and money for them. */
  function lessIsOwed(event: StoredEvent): void {
    moveStock(event);
    settle(event);
  }

  function collect(event: StoredEvent): void {
    const run = () => driveCash(drivers, idOf(event), causeOf(event));
    enqueue(`cash ${event.id}`, Date.now(), run);
  }

  function putInTill(event: StoredEvent): void {
    const moved = { type: event.type, data: event.data } as CashMoved;
    const run = () => driveTill(handler, idOf(event), moved, event.metadata.at, causeOf(event));
    enqueue(`till ${event.id}`, Date.now(), run);
  }

  function drivePaid(event: StoredEvent, orderId: string): void {
    const run = () => drivePaidOrder(drivers, orderId, causeOf(event));
    enqueue(`paid ${event.id}`, Date.now(), run);
  }

  /** Asks about a payment until a while after nobody waits for it any more. */
  function lookRepeatedly(event: StoredEvent, expiresAt: string): void {
    const untilMs = Date.parse(expiresAt) + LOOK_AFTER_MS;
    const run = async () => {
      await lookAtPayment(drivers, idOf(event), causeOf(event));
      return Date.now() < untilMs ? LOOK_EVERY_MS : undefined;
    };
    enqueue(`look ${idOf(event)}`, Date.parse(event.metadata.at) + LOOK_EVERY_MS, run);
  }

  function letGoOfRefund(event: StoredEvent): void {
    pending.delete(refundKey(event));
  }

  /** Lets go of a checkout that its request has brought to its end. */
  function saw(orderId: string, step: string): void {
    const key = `checkout ${orderId}`;
    const lacks = pending.get(key)?.lacks;
    lacks?.delete(step);
    if (lacks?.size === 0) pending.delete(key);
  }

  function letGoOfSlot(event: StoredEvent): void {
    pending.delete(`slot ${(event.data as SlotHold).storeOrderId}`);
  }

  /** Keyed by event name, as in the rest of the code; other events are none of its business. */
  const on: Partial<Record<HeardEvent['type'], (event: StoredEvent) => void>> = {
    OrderPlaced(event) {
      const orderId = idOf(event);
      const { parts } = event.data as PlacedOrder;
      const run = () => driveCheckout(drivers, orderId, causeOf(event));
      const dueMs = Date.parse(event.metadata.at) + GRACE_MS;
      const lacks = ['OrderConfirmed', ...parts.map(({ storeOrderId }) => storeOrderId)];
      enqueue(`checkout ${orderId}`, dueMs, run, lacks);
    },
    OrderConfirmed(event) {
      saw(idOf(event), event.type);
      pending.delete(`cart ${idOf(event)}`);
    },
    OrderRejected: (event) => drivePaid(event, idOf(event)),
    StoreOrderSubmitted(event) {
      saw(orderOf(event), idOf(event));
      pending.delete(`reservation ${idOf(event)}`);
    },
    LineReduced: lessIsOwed,
    LineShorted: lessIsOwed,
    SubstitutionProposed(event) {
      lessIsOwed(event);
      const proposed = event.data as Proposed;
      const run = () => driveSubstitution(handler, idOf(event), proposed, causeOf(event));
      enqueue(substitutionOf(event), Date.parse(proposed.expiresAt), run);
    },
    SubstitutionDecided(event) {
      pending.delete(substitutionOf(event));
      settle(event);
    },
    StoreOrderPacked: lessIsOwed,
    StoreOrderDelivered(event) {
      bill(event);
      collect(event);
      complete(event);
    },
    StoreOrderRejected(event) {
      lessIsOwed(event);
      complete(event);
    },
    StoreOrderCancelled(event) {
      lessIsOwed(event);
      complete(event);
    },
    LinesReturned(event) {
      lessIsOwed(event);
      credit(event);
    },
    PaymentRequested(event) {
      const { orderId, expiresAt, gatewayOrderId } = event.data as RequestedPayment;
      if (!expiresAt) return;
      const run = () => driveCheckout(drivers, orderId, causeOf(event));
      enqueue(`payment ${idOf(event)}`, Date.parse(expiresAt), run);
      if (gatewayOrderId) lookRepeatedly(event, expiresAt);
    },
    PaymentCancelled: (event) => void pending.delete(`payment ${idOf(event)}`),
    PaymentSucceeded(event) {
      pending.delete(`payment ${idOf(event)}`);
      pending.delete(`look ${idOf(event)}`);
      drivePaid(event, orderOf(event));
    },
    LatePaymentSeen: (event) => drivePaid(event, orderOf(event)),
    CashCollected: putInTill,
    RefundRequested(event) {
      const { refundNumber } = event.data as RefundNumber;
      const { at } = event.metadata;
      const run = () => driveRefund(drivers, idOf(event), refundNumber, at, causeOf(event));
      enqueue(refundKey(event), Date.now(), run);
    },
    RefundSucceeded(event) {
      letGoOfRefund(event);
      putInTill(event);
    },
    RefundFailed: letGoOfRefund,
    /** Somebody may have reserved for an order that another gave up on: nobody else would see. */
    StockReserved(event) {
      const { storeOrderId, expiresAt } = event.data as StockHold;
      const run = () => driveCheckout(drivers, orderOf(event), causeOf(event));
      enqueue(`reservation ${storeOrderId}`, Date.parse(expiresAt), run);
    },
    /** A slot may be held as late as goods may be reserved. */
    SlotHeld(event) {
      const { storeOrderId, orderId, expiresAt } = event.data as SlotHold;
      const run = () => driveCheckout(drivers, orderId, causeOf(event));
      enqueue(`slot ${storeOrderId}`, Date.parse(expiresAt), run);
    },
    /** A cart may be closed as late, by who then dies: its shopper could order nothing from it. */
    CartCheckedOut(event) {
      const orderId = orderOf(event);
      const run = () => driveCheckout(drivers, orderId, causeOf(event));
      enqueue(`cart ${orderId}`, Date.parse(event.metadata.at) + GRACE_MS, run);
    },
    CartReopened: (event) => void pending.delete(`cart ${orderOf(event)}`),
    SlotConfirmed: letGoOfSlot,
    SlotReleased: letGoOfSlot,
    ReservationReleased(event) {
      pending.delete(`reservation ${(event.data as StockHold).storeOrderId}`);
    },
  };

  async function runTask(key: string, task: Task): Promise<void> {
    task.running = true;
    try {
      const againMs = await task.run();
      if (typeof againMs !== 'number') return void pending.delete(key);
      task.dueMs = Date.now() + againMs;
      task.running = false;
    } catch (error) {
      task.tries += 1;
      const retryMs = Math.min(FIRST_RETRY_MS * 2 ** task.tries, MAX_RETRY_MS);
      task.dueMs = Date.now() + retryMs;
      task.running = false;
      const level = task.tries < STUCK_AFTER_TRIES ? 'warn' : 'error';
      log[level]({ err: error, task: key, tries: task.tries, retryMs }, 'a task failed');
    }
  }

  /** As many at once as may run; each that ends makes room for the next. */
  function startDueTasks(): void {
    const nowMs = Date.now();
    for (const [key, task] of pending) {
      if (signal.aborted || running >= MAX_RUNNING_TASKS) return;
      if (task.running || task.dueMs > nowMs) continue;
      running += 1;
      void runTask(key, task).then(() => {
        running -= 1;
        startDueTasks();
      });
    }
  }

  async function runDueTasks(): Promise<void> {
    while (!signal.aborted) {
      startDueTasks();
      await waitUnlessAborted(TICK_MS, signal);
    }
  }

  /** Everything up to this position needs nothing more: tasks are kept in the order of the log. */
  function settled(): bigint | undefined {
    const [oldest] = pending.values();
    return oldest ? oldest.after : seen;
  }

  async function saveCheckpoints(): Promise<void> {
    while (!signal.aborted) {
      await waitUnlessAborted(CHECKPOINT_EVERY_MS, signal);
      const position = settled();
      if (position === undefined || position === saved) continue;
      try {
        await saveCheckpoint(client, position);
        saved = position;
      } catch (error) {
        log.warn({ err: error }, 'could not save the checkpoint: a restart reads more again');
      }
    }
  }

  const follow = followLog({
    client,
    after: seen,
    maxBatch: MAX_BATCH_EVENTS,
    typePrefixes: [
      'Order',
      'StoreOrder',
      'Line',
      'Substitution',
      'StockReserved',
      'ReservationReleased',
      'Slot',
      'Payment',
      'LatePayment',
      'CashCollected',
      'Refund',
      'CartCheckedOut',
      'CartReopened',
    ],
    log,
    signal,
    consume: async ({ events }) => {
      for (const event of events) {
        on[event.type as keyof typeof on]?.(event);
        seen = event.position;
      }
      while (pending.size > MAX_PENDING_TASKS && !signal.aborted) {
        await waitUnlessAborted(TICK_MS, signal);
      }
    },
  });
  await Promise.all([follow, runDueTasks(), saveCheckpoints()]);
}

/** A stream's name without its category. */
const idOf = ({ stream }: StoredEvent): string => stream.slice(stream.indexOf('-') + 1);

const refundKey = (event: StoredEvent): string =>
  `refund ${idOf(event)}.${(event.data as RefundNumber).refundNumber}`;

/** Whose it is: every event of a store order, a reservation, a payment and a closed cart says so. */
const orderOf = ({ data }: StoredEvent): string => (data as { orderId: string }).orderId;

/** Which line of which part a substitute was proposed for. */
const substitutionOf = (event: StoredEvent): string =>
  `substitution ${idOf(event)} ${(event.data as { listingId: string }).listingId}`;

const causeOf = (event: StoredEvent): Cause => ({
  correlationId: event.metadata.$correlationId,
  causationId: event.id,
});

async function loadCheckpoint(client: EventStore): Promise<bigint | undefined> {
  try {
    const newest = client.readStream(REACTOR_CHECKPOINT, {
      direction: BACKWARDS,
      fromRevision: END,
      maxCount: 1,
    });
    let position: bigint | undefined;
    for await (const { event } of newest) {
      position = event && BigInt((event.data as { position: string }).position);
    }
    return position;
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
    await client.setStreamMetadata(REACTOR_CHECKPOINT, { maxCount: 1 });
    return undefined;
  }
}

async function saveCheckpoint(client: EventStore, position: bigint): Promise<void> {
  const event = jsonEvent({
    type: 'ReactorReachedPosition',
    data: { position: position.toString() },
  });
  await client.appendToStream(REACTOR_CHECKPOINT, event, { expectedRevision: ANY });
}
