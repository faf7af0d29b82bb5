import * as assert from 'uvu/assert';
import { cart } from '../domain/cart/cart.ts';
import { evolve } from '../engine/decider.ts';
import { inventory, itemOf, minus, type StockLine } from '../domain/inventory/inventory.ts';
import {
  fiscalYearOf,
  invoices,
  registerId,
  type CreditNote,
  type Invoice,
} from '../domain/money/invoices.ts';
import { leftOfShare } from '../domain/money/transfer.ts';
import { listingId } from '../domain/catalogue/listing.ts';
import { sumPaise } from '../domain/money/money.ts';
import { order, type AnyPlaced, type OrderPart } from '../domain/ordering/order.ts';
import {
  isPrepaid,
  keptPaise,
  payablePaise,
  payment,
  type Payment,
} from '../domain/money/payment.ts';
import { basketOf, isUndecided, reservedFor } from '../domain/fulfilment/picking.ts';
import { slotDay, slotDayId } from '../domain/slots/slot-day.ts';
import {
  owedPaise,
  storeOrder,
  storeOrderEnded,
  type StoreOrder,
} from '../domain/fulfilment/store-order.ts';
import { collectViolations, type Report } from '../ops/prove/check.ts';
import { proveEvents } from '../ops/prove/log.ts';
import { idFrom } from '../platform/ids.ts';
import { SKUS, SLOT, type World } from './ordering-world.ts';
import type { DuePayment } from '../domain/ordering/payments.ts';
import { paymentsOf } from '../write-api/payment.ts';

const HOUR_MS = 3_600_000;

type EndedStoreOrder = OrderPart & { at: StoreOrder };
type Ended = {
  id: string;
  state: AnyPlaced;
  /** What is left of the order. */
  storeOrders: EndedStoreOrder[];
  payments: { due: DuePayment; at: Payment }[];
};

/** Everything that has to be so when nothing is left to be done. Throws what is not. */
export async function assertInvariants(world: World): Promise<void> {
  const ends = await endsOf(world);
  for (const end of ends) {
    await assertEnded(world, end);
    assertPaidFirst(world, end);
    for (const due of end.payments) assertMoney(world, end, due);
    assertCash(end);
  }
  assertTransfers(ends);
  assertAnswers(world, ends);
  assertStock(world, ends);
  assertSlots(world, ends);
  assertBills(world, ends);
  await assertProved(world, ends);
}

/**
 * `prove` finds nothing in the log, an hour later, when nothing is under way any more; but for what
 * shops keep in vain.
 */
async function assertProved({ memory, calm }: World, ends: Ended[]): Promise<void> {
  const { report: keep, violations } = collectViolations();
  const inVain = ends.flatMap(({ storeOrders, payments }) =>
    storeOrders.filter(({ storeOrderId }) =>
      payments.some(({ at }) => keptInVainPaise(at, storeOrderId) > 0),
    ),
  );
  const report: Report = (kind, where, text, more) => {
    if (inVain.some(({ storeOrderId }) => text.includes(`paise for ${storeOrderId};`))) return;
    keep(kind, where, text, more);
  };
  const events = memory.events.map((event) => ({ event, atMs: Date.parse(event.metadata.at) }));
  await proveEvents(calm.client, events, Date.now() + HOUR_MS, report);
  assert.equal(violations, []);
}

/** Every order that was placed, with what became of its store orders and payments. */
async function endsOf(world: World): Promise<Ended[]> {
  const ends: Ended[] = [];
  for (const id of world.placed.keys()) {
    const state = await world.load(order, id);
    if (state.status === 'none') continue;
    const storeOrders: EndedStoreOrder[] = [];
    for (const one of state.parts) {
      storeOrders.push({ ...one, at: await world.load(storeOrder, one.storeOrderId) });
    }
    const payments: Ended['payments'] = [];
    for (const due of paymentsOf(id, state)) {
      payments.push({ due, at: await world.load(payment, due.paymentId) });
    }
    ends.push({ id, state, storeOrders, payments });
  }
  return ends;
}

/** It has come to an end: confirmed and handed over, or given up and all of it undone. */
async function assertEnded(world: World, { id, state, storeOrders }: Ended): Promise<void> {
  const isSubmitted = storeOrders.map(({ at }) => at.status !== 'none');
  assert.equal(new Set(isSubmitted), new Set([state.confirmed]), 'handed over if confirmed');
  for (const { storeOrderId } of state.asked) {
    if (storeOrders.some((one) => one.storeOrderId === storeOrderId)) continue;
    assert.is(world.memory.stream(`storeorder-${storeOrderId}`).length, 0, 'left out is left out');
  }
  for (const { at } of storeOrders.filter((one) => one.at.status === 'accepted')) {
    const isAsked = at.lines.some(({ substitution }) => isUndecided(substitution));
    assert.not(isAsked, 'nobody waits for an answer for ever');
  }
  assert.is(state.status, statusOf(state, storeOrders));
  const { orderId } = await world.load(cart, state.cartId);
  assert.is(orderId === id, state.confirmed, 'the cart belongs to a confirmed order');
  const missing = state.asked.flatMap(({ lines }) =>
    lines.flatMap((line) => {
      const left = quantityOf(state.parts, line.listingId);
      return left < line.quantity ? [`${left} of ${line.quantity} ${line.listingId}`] : [];
    }),
  );
  assert.equal(
    state.leftOut.map((line) => `${line.left} of ${line.wanted} ${line.listingId}`).toSorted(),
    missing.toSorted(),
    'what is missing is known',
  );
  assert.ok(missing.length === 0 || state.onShortage === 'whatever-each-shop-can');
}

function statusOf({ confirmed }: AnyPlaced, storeOrders: EndedStoreOrder[]): string {
  if (!confirmed) return 'rejected';
  const statuses = storeOrders.map(({ at }) => at.status);
  if (!statuses.every(storeOrderEnded)) return 'confirmed';
  if (statuses.includes('delivered')) return 'completed';
  return statuses.includes('cancelled') ? 'cancelled' : 'rejected';
}

function assertAnswers({ answers }: World, ends: Ended[]): void {
  for (const { orderId, status, confirmed } of answers) {
    const { state } = ends.find(({ id }) => id === orderId)!;
    if (confirmed) assert.ok(state.confirmed, 'confirmed stays confirmed');
    if (status === 'given up') assert.not(state.confirmed, 'what was cancelled never comes back');
    if (status === 'rejected' && !isPrepaid(state.payment)) assert.not(state.confirmed);
  }
}

/** No shop begins with an order that has not been paid, unless it takes cash. */
function assertPaidFirst({ memory }: World, { id, state, payments }: Ended): void {
  const event = memory.stream(`order-${id}`).find(({ type }) => type === 'OrderConfirmed');
  if (!event || !isPrepaid(state.payment)) return;
  for (const { due } of payments) {
    const before = memory
      .stream(`payment-${due.paymentId}`)
      .filter(({ position }) => position < event.position);
    const amounts = before.map(({ type, data }) => {
      const { amountPaise } = data as { amountPaise: number };
      if (type === 'RefundRequested') return -amountPaise;
      return type === 'PaymentSucceeded' || type === 'LatePaymentSeen' ? amountPaise : 0;
    });
    assert.ok(sumPaise(amounts) >= due.amountPaise, 'paid before it was confirmed');
  }
}

/** What was taken and not given back is what is owed; both are so at the gateway too. */
function assertMoney(world: World, end: Ended, { due, at }: Ended['payments'][number]): void {
  const { payment: method } = end.state;
  const storeOrders = end.storeOrders.filter(
    ({ storeOrderId }) => !due.storeOrderId || storeOrderId === due.storeOrderId,
  );
  const isTaken = isPrepaid(method) || storeOrders.every((one) => one.at.status === 'delivered');
  const owed =
    end.state.confirmed && isTaken ? sumPaise(storeOrders.map((one) => owedPaise(one.at))) : 0;
  assert.is(keptPaise(at), payablePaise(method, owed), 'paid less refunded is owed');
  for (const { externalId, amountPaise } of at.receipts) {
    const refunds = at.refunds.filter((refund) => refund.externalId === externalId);
    const back = sumPaise(refunds.map((refund) => refund.amountPaise));
    assert.ok(back <= amountPaise, 'never more is given back than was taken');
  }
  if (method !== 'razorpay') return;
  const { news = [] } = world.gateway.orders.get(at.gatewayOrderId ?? '') ?? {};
  const captured = news.flatMap((one) => (one.status === 'captured' ? [one.externalId] : []));
  const known = at.receipts.map(({ externalId }) => externalId);
  assert.equal(known.toSorted(), captured.toSorted(), 'all money that came in is known, once');
  for (const { refundNumber, externalId, amountPaise, status } of at.refunds) {
    const made = world.gateway.refunds.get(idFrom('refund', due.paymentId, refundNumber));
    assert.is(status, made ? 'succeeded' : 'failed');
    if (made) assert.equal([made.externalId, made.amountPaise], [externalId, amountPaise]);
  }
  assertShares(world, end, at);
}

/**
 * What a shop keeps of its share that it got again for a refund which was refused, and was then
 * made after all by another call: nothing is left of its transfer that could come back a second
 * time (decision 72), and `prove` tells.
 */
function keptInVainPaise(at: Payment, id: string): number {
  const wasRefused = at.refunds.some(
    ({ storeOrderId, status, failureReason }) =>
      storeOrderId === id && status === 'succeeded' && failureReason !== undefined,
  );
  const { returns = [] } = at.transfers?.find(({ storeOrderId }) => storeOrderId === id) ?? {};
  const returnedPaise = sumPaise(returns.map(({ amountPaise }) => amountPaise));
  return wasRefused ? Math.max(0, returnedPaise - leftOfShare(at, id)) : 0;
}

/**
 * Each shop has of a payment by card what is owed for its store order, unless it gives money by
 * hand.
 */
function assertShares(world: World, { storeOrders, state }: Ended, at: Payment): void {
  const { shares = [] } = world.gateway.orders.get(at.gatewayOrderId ?? '') ?? {};
  if (!at.receipts.some(({ amountPaise }) => amountPaise >= at.amountPaise)) return;
  for (const { storeOrderId, amountPaise, account, reversedPaise } of shares) {
    const known = at.transfers!.find((one) => one.storeOrderId === storeOrderId)!;
    assert.equal([known.account, known.amountPaise], [account, amountPaise]);
    assert.is(known.reversedPaise ?? 0, reversedPaise, 'what came back is known');
    const returned = [...world.gateway.returns.values()].filter(
      (one) => one.storeOrderId === storeOrderId,
    );
    const returnedPaise = sumPaise(returned.map((one) => one.amountPaise));
    const isReturned = (known.returns ?? []).every(({ isMade }) => isMade);
    assert.ok(isReturned, 'what was to be returned was');
    const byHand = at.refunds.filter(
      (one) => one.storeOrderId === storeOrderId && one.status === 'failed',
    );
    const own = storeOrders.find((one) => one.storeOrderId === storeOrderId)!;
    const owed = state.confirmed ? owedPaise(own.at) : 0;
    const has = amountPaise - reversedPaise + returnedPaise;
    const left = sumPaise(
      byHand.flatMap((one) => one.reversals ?? []).map((one) => one.amountPaise),
    );
    const tooMuch = has - owed - left;
    const most = keptInVainPaise(at, storeOrderId);
    assert.ok(
      tooMuch >= 0 && tooMuch <= most,
      `the shop has what is owed for its part, and what it gives by hand: ${tooMuch} beyond`,
    );
  }
}

/** No transfer by UPI pays for two orders. */
function assertTransfers(ends: Ended[]): void {
  const receipts = ends
    .filter(({ state }) => state.payment === 'upi')
    .flatMap(({ payments }) => payments.flatMap(({ at }) => at.receipts));
  const references = new Set(receipts.map(({ externalId }) => externalId));
  assert.is(references.size, receipts.length, 'a UPI reference counts once');
}

/** At a door all that was handed over is paid for, whenever something of it comes back. */
function assertCash({ state, storeOrders, payments }: Ended): void {
  if (isPrepaid(state.payment)) return;
  for (const { at, storeOrderId } of storeOrders.filter((one) => one.at.status === 'delivered')) {
    const paid = payments.find(({ due }) => due.storeOrderId === storeOrderId)!;
    const basket = sumPaise(basketOf(at.lines).map(({ linePaise }) => linePaise));
    const taken = sumPaise(paid.at.receipts.map(({ amountPaise }) => amountPaise));
    const due = payablePaise(state.payment, basket + at.feePaise);
    assert.is(taken, due, 'the cash is for what was handed over');
  }
}

const quantityOf = (storeOrders: { lines: StockedLine[] }[], id: string): number =>
  storeOrders
    .flatMap(({ lines }) => lines)
    .filter((line) => line.listingId === id)
    .reduce((sum, { quantity }) => sum + quantity, 0);

type StockedLine = { listingId: string; quantity: number };

const isGivenUp = ({ at: { status } }: EndedStoreOrder): boolean =>
  status === 'rejected' || status === 'cancelled';

/** Nothing was oversold; what is reserved is what open orders want; the books follow the goods. */
function assertStock(world: World, ends: Ended[]): void {
  const storeOrders = ends.filter(({ state }) => state.confirmed).flatMap((end) => end.storeOrders);
  const kept = storeOrders.filter((one) => !isGivenUp(one));
  const waiting = kept
    .filter(({ at }) => !at.packed)
    .map(({ at }) => ({ lines: reservedFor(at.lines) }));
  const packed = kept.filter(({ at }) => at.packed);
  const gone = packed.map(({ at }) => ({ lines: basketOf(at.lines) }));
  const missing = storeOrders.map(({ at }) => ({ lines: at.shorts }));
  const back = packed.flatMap(({ at }) => at.returns.filter(({ to }) => to === 'shelf'));
  for (const storeId of world.stores) {
    const { state, base } = assertNeverOversold(world, storeId);
    for (const sku of SKUS) {
      const id = listingId(storeId, sku);
      const { onHand, reserved } = itemOf(state, sku);
      assert.is(reserved, quantityOf(waiting, id), `${id} is reserved for open orders`);
      if (base.isCounted(sku)) {
        const out = quantityOf(gone, id) + quantityOf(missing, id);
        const expected = base.of(sku) - out + quantityOf(back, id);
        assert.is(onHand, expected, `${id} on hand`);
      }
    }
  }
}

/** The books of a shop, and what they would say of those articles that were counted first. */
function assertNeverOversold(world: World, storeId: string) {
  let state = inventory.initial;
  const counted = new Map<string, number>();
  const move = (lines: StockLine[], sign: number) => {
    for (const { sku, quantity } of lines) {
      if (counted.has(sku)) counted.set(sku, counted.get(sku)! + sign * quantity);
    }
  };
  for (const event of world.memory.stream(`inventory-${storeId}`)) {
    state = evolve(inventory, state, event);
    const { type, data } = event;
    const { lines = [], counts = [] } = data as { lines?: StockLine[]; counts?: StockLine[] };
    for (const { sku, quantity } of counts) counted.set(sku, quantity);
    if (type === 'StockReceived') move(lines, 1);
    if (type === 'SoldAtCounter') move(lines, -1);
    if (type !== 'StockReserved' && type !== 'ReservationChanged') continue;
    const { was = [] } = data as { was?: StockLine[] };
    for (const { sku } of minus(lines, was)) {
      const { onHand, reserved } = itemOf(state, sku);
      assert.ok(onHand === null || onHand >= reserved, `${sku} was promised beyond the shelf`);
    }
  }
  const base = {
    isCounted: (sku: string) => counted.has(sku),
    of: (sku: string) => counted.get(sku)!,
  };
  return { state, base };
}

/** No slot was given to more orders than it has places, and who is to come has one. */
function assertSlots(world: World, ends: Ended[]): void {
  for (const storeId of world.stores) {
    const day = slotDayId(storeId, SLOT.date);
    let state = slotDay.initial;
    for (const event of world.memory.stream(`slotday-${day}`)) {
      state = evolve(slotDay, state, event);
      assert.ok(state.held.size <= state.slots[0]!.capacity, 'a slot is more than full');
    }
    const coming = ends
      .filter(({ state: { confirmed } }) => confirmed)
      .flatMap(({ storeOrders }) => storeOrders)
      .filter((one) => one.storeId === storeId && one.slot && !isGivenUp(one))
      .map(({ storeOrderId }) => storeOrderId);
    assert.equal(new Set(state.held.keys()), new Set(coming), 'held by who is to come');
    assert.ok([...state.held.values()].every(({ confirmed }) => confirmed));
  }
}

/**
 * What was delivered is billed, to the line, and nothing else; what came back is credited, and so
 * the papers say what is owed. Numbers have no gap.
 */
function assertBills(world: World, ends: Ended[]): void {
  for (const storeId of world.stores) {
    const register = registerId(storeId, fiscalYearOf(SLOT.date));
    const papers = world.memory.stream(`${invoices.category}-${register}`);
    const dataOf = (wanted: string) =>
      papers.filter(({ type }) => type === wanted).map(({ data }) => data);
    const bills = dataOf('InvoiceIssued') as Invoice[];
    const notes = dataOf('CreditNoteIssued') as CreditNote[];
    for (const series of [bills, notes]) {
      assert.equal(
        series.map(({ sequence }) => sequence),
        series.map((_, index) => index + 1),
      );
    }
    const delivered = ends
      .flatMap(({ storeOrders }) => storeOrders)
      .filter((one) => one.storeId === storeId && one.at.status === 'delivered');
    assert.equal(
      bills.map(({ storeOrderId }) => storeOrderId).toSorted(),
      delivered.map(({ storeOrderId }) => storeOrderId).toSorted(),
      'what was delivered is billed, once',
    );
    for (const { storeOrderId, at } of delivered) {
      const bill = bills.find((one) => one.storeOrderId === storeOrderId)!;
      const basket = basketOf(at.lines);
      assert.equal(bill.lines.map(said), basket.map(said));
      const before = sumPaise(basket.map(({ linePaise }) => linePaise)) + at.feePaise;
      assert.is(bill.totalPaise, before, 'billed is what was owed');
      const credits = notes.filter((note) => note.storeOrderId === storeOrderId);
      assert.is(credits.length, at.returns.length);
      const credited = sumPaise(credits.map(({ totalPaise }) => totalPaise));
      assert.is(bill.totalPaise - credited, owedPaise(at), 'billed less credited is owed');
    }
  }
}

const said = (line: StockedLine & { linePaise: number }): string =>
  `${line.quantity} ${line.listingId} ${line.linePaise}`;
