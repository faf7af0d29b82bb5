import { mock } from 'node:test';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cart } from '../domain/cart.ts';
import { Rejected, type Decider, type Message } from '../domain/decider.ts';
import { inventory, itemOf, type StockLine } from '../domain/inventory.ts';
import { fiscalYearOf, invoices, registerId, type Invoice } from '../domain/invoices.ts';
import { listing, listingId, skuOfListing } from '../domain/listing.ts';
import { order, type Order, type OrderPart, type PlacedOrder } from '../domain/order.ts';
import { leftIn, slotDay, slotDayId } from '../domain/slot-day.ts';
import {
  storeOrder,
  storeOrderEnded,
  type StoreOrder,
  type StoreOrderCommand,
} from '../domain/store-order.ts';
import { store } from '../domain/store.ts';
import { IS_THOROUGH } from '../local/testing.ts';
import {
  AppendOutcomeUnknown,
  isEventStoreUnavailable,
  type StoredEvent,
} from '../platform/event-store.ts';
import { Problem } from '../platform/http.ts';
import { idFrom } from '../platform/ids.ts';
import { driveCheckout, driveCompletion, type Cause, type Drivers } from './checkout.ts';
import { eventId, type CommandContext, type Handler } from './handle.ts';
import { driveInvoice } from './invoices.ts';
import { paymentPorts } from './payment.ts';
import { driveStock } from './store-order.ts';
import { MemoryLog, ReusedServer, Turns, pickFrom, type Pick } from './simulation.ts';

const driversOf = (handler: Handler): Drivers => ({ handler, payments: paymentPorts(handler) });

const HISTORIES = IS_THOROUGH ? 20_000 : 3_000;
const OPENED_MS = Date.parse('2026-11-21T04:30:00Z');
const CHECKOUT_MS = 15 * 60_000;
const SLOT = { date: '2026-11-22', fromMinute: 600, toMinute: 720 };
const STORES = 2;
const SKUS = ['dal', 'ghee'];
const LISTINGS = STORES * SKUS.length;
/** One of so many answers to an append gets lost. */
const LOST_ANSWERS = 40;
/** One of so many tasks of a reactor is its server's last. */
const FATAL_TASKS = 5;
const MAX_STEPS = 24;
/** Rounds in which the reactor has to be done with everything. */
const MAX_ROUNDS = 50;

class Killed extends Error {}

/** What may become of a step without anything being wrong: somebody takes it again. */
const isPassing = (error: unknown): boolean =>
  error instanceof Killed ||
  error instanceof AppendOutcomeUnknown ||
  error instanceof Problem ||
  isEventStoreUnavailable(error);

const context = (commandId: string, cause?: Cause): CommandContext => ({
  commandId,
  correlationId: commandId,
  causationId: commandId,
  actor: 'test',
  ...cause,
});

const causeOf = ({ id, metadata }: StoredEvent): Cause => ({
  correlationId: metadata.$correlationId,
  causationId: id,
});

const idOf = ({ stream }: StoredEvent): string => stream.slice(stream.indexOf('-') + 1);

const STAFF = {
  delivers: ['AcceptStoreOrder', 'PackStoreOrder', 'DispatchStoreOrder', 'DeliverStoreOrder'],
  'has it packed': ['AcceptStoreOrder', 'PackStoreOrder'],
  'does not look': [],
  rejects: ['RejectStoreOrder'],
  'accepts and rejects': ['AcceptStoreOrder', 'RejectStoreOrder'],
  'packs and rejects': ['AcceptStoreOrder', 'PackStoreOrder', 'RejectStoreOrder'],
} as const satisfies Record<string, StoreOrderCommand['type'][]>;

/** Which server takes a request: one of two that stay, or one that dies after so many steps. */
const serverChoice = fc.oneof(
  fc.constantFrom('a' as const, 'b' as const),
  fc.record({ diesAfter: fc.nat({ max: MAX_STEPS }) }),
);

const checkout = fc.record({
  /** Pieces of each listing. */
  wanted: fc
    .array(fc.nat({ max: 2 }), { minLength: LISTINGS, maxLength: LISTINGS })
    .filter((wanted) => wanted.some((quantity) => quantity > 0)),
  /** Another order of the cart that the checkout before it orders. */
  sameCart: fc.boolean(),
  slots: fc.boolean(),
  /** The shopper goes on filling the cart meanwhile. */
  changesCart: fc.nat({ max: 5 }).map((one) => one === 0),
  /** The request and its repeats. */
  requests: fc.array(serverChoice, { minLength: 1, maxLength: 3 }),
  atOnce: fc.boolean(),
  staff: fc.array(fc.constantFrom(...(Object.keys(STAFF) as (keyof typeof STAFF)[])), {
    minLength: STORES,
    maxLength: STORES,
  }),
});

const history = fc.record({
  /** Of each listing; null where nobody counts. */
  stock: fc.array(fc.option(fc.nat({ max: 9 })), {
    minLength: LISTINGS,
    maxLength: LISTINGS,
  }),
  capacity: fc.nat({ max: 3 }),
  checkouts: fc.array(checkout, { minLength: 1, maxLength: 3 }),
  /** Sold or received over the counter meanwhile. */
  counter: fc.array(
    fc.record({
      listing: fc.nat({ max: LISTINGS - 1 }),
      pieces: fc.constantFrom(-2, -1, 1, 2),
    }),
    { maxLength: 2 },
  ),
  /** Whether orders run out of time while they are checked out. */
  isSlow: fc.nat({ max: 3 }).map((one) => one === 0),
  /** Whether servers die and answers get lost. */
  faults: fc.boolean(),
  /** Of the order in which everything happens. */
  seed: fc.nat(),
});

type History = typeof history extends fc.Arbitrary<infer T> ? T : never;
type Checkout = History['checkouts'][number];

const pool: ReusedServer[] = [];
/** Played so far: their number is part of every name in them. */
let histories = 0;

/** One history: its log, its servers, and whose turn it is. */
class World {
  readonly memory = new MemoryLog();
  readonly pick: Pick;
  readonly turns: Turns;
  readonly stores: string[];
  readonly listings: string[];
  /** Two servers that stay, and one whose calls nobody waits for. */
  readonly a: Handler;
  readonly b: Handler;
  readonly calm: Handler;
  readonly placed = new Map<string, PlacedOrder>();
  /** What shoppers were told: whether their order is confirmed. */
  readonly answers: { orderId: string; confirmed: boolean }[] = [];
  readonly #faults: boolean;
  #servers = 0;
  #reactedTo = 0;
  #tasks: (() => Promise<unknown>)[] = [];

  constructor({ seed, faults }: History) {
    this.#faults = faults;
    histories += 1;
    this.stores = [`near${histories}`, `far${histories}`];
    this.listings = this.stores.flatMap((storeId) => SKUS.map((sku) => listingId(storeId, sku)));
    this.pick = pickFrom(seed);
    this.turns = new Turns(this.pick);
    const turn = async () => {
      await this.turns.take();
      if (faults && this.pick(LOST_ANSWERS) === 0)
        throw Object.assign(new Error('lost'), { code: 14 });
    };
    this.a = this.#server(turn);
    this.b = this.#server(turn);
    this.calm = this.#server(async () => {});
  }

  #server(turn: () => Promise<void>): Handler {
    const server = (pool[this.#servers++] ??= new ReusedServer());
    return server.on(this.memory.client(turn));
  }

  /** A server that dies after so many calls and answers, where any does. */
  mortal(steps: number): Handler {
    if (!this.#faults) return this.some();
    let left = steps;
    return this.#server(async () => {
      left -= 1;
      if (left < 0) throw new Killed();
      await this.turns.take();
    });
  }

  some(): Handler {
    return this.pick(2) === 0 ? this.a : this.b;
  }

  load<S, C extends Message, E extends Message>(decider: Decider<S, C, E>, id: string): Promise<S> {
    return this.calm.load(decider, id, { fresh: true });
  }

  /** What the reactor does about an event. */
  #tasksOf(event: StoredEvent): ((handler: Handler) => Promise<unknown>)[] {
    const { orderId } = event.data as { orderId: string };
    const cause = causeOf(event);
    const id = idOf(event);
    const complete = (handler: Handler) => driveCompletion(handler, orderId, cause);
    const moveStock = (handler: Handler) => driveStock(handler, id, cause);
    const bill = (handler: Handler) => driveInvoice(handler, id, event.metadata.at, cause);
    switch (event.type) {
      case 'OrderPlaced':
        return [(handler) => driveCheckout(driversOf(handler), id, cause)];
      case 'CartCheckedOut':
        return [(handler) => driveCheckout(driversOf(handler), orderId, cause)];
      case 'StoreOrderPacked':
        return [moveStock];
      case 'StoreOrderDelivered':
        return [bill, complete];
      case 'StoreOrderRejected':
        return [moveStock, complete];
      default:
        return [];
    }
  }

  #enqueue(events: StoredEvent[]): void {
    for (const event of events) {
      for (const run of this.#tasksOf(event)) {
        const task = async (): Promise<void> => {
          const isLast = this.pick(FATAL_TASKS) === 0;
          try {
            await run(isLast ? this.mortal(this.pick(MAX_STEPS)) : this.some());
          } catch (error) {
            if (!isPassing(error)) throw error;
            this.#tasks.push(task);
          }
        };
        this.#tasks.push(task);
      }
    }
  }

  /** Takes up whatever happened since, all at once; what fails stays to be done. */
  async react(): Promise<void> {
    this.#enqueue(this.memory.events.slice(this.#reactedTo));
    this.#reactedTo = this.memory.events.length;
    await Promise.all(this.#tasks.splice(0).map((task) => task()));
  }

  /** Reacts until nothing is left to be done. */
  async settle(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      await this.react();
      if (this.#tasks.length === 0 && this.#reactedTo === this.memory.events.length) return;
    }
    throw new Error('the reactor does not come to an end');
  }

  /** Does everything again, as a reactor does that starts from an old checkpoint. */
  async reactAnew(): Promise<void> {
    this.#reactedTo = 0;
    await this.settle();
  }

  /** What is held for an order after its time has run out: nobody else would see. */
  async releaseLate(): Promise<void> {
    const { events } = this.memory;
    for (const { type, data, ...event } of events) {
      const { orderId, storeOrderId } = data as { orderId: string; storeOrderId: string };
      const ends = { StockReserved: 'ReservationReleased', SlotHeld: 'SlotReleased' }[type];
      const isOver = (one: StoredEvent) =>
        (one.type === ends && Reflect.get(one.data as object, 'storeOrderId') === storeOrderId) ||
        (one.type === 'OrderConfirmed' && idOf(one) === orderId);
      if (!ends || events.some(isOver)) continue;
      await driveCheckout(driversOf(this.calm), orderId, causeOf({ type, data, ...event }));
    }
  }
}

const lineOf = (id: string, quantity: number) => ({
  listingId: id,
  name: skuOfListing(id),
  names: {},
  pack: null,
  quantity,
  pricePaise: 1_050,
  linePaise: 1_050 * quantity,
});

/** The parts of an order of so many pieces of each listing. */
function partsOf(world: World, orderId: string, { wanted, slots }: Checkout): OrderPart[] {
  return world.stores.flatMap((storeId): OrderPart[] => {
    const lines = world.listings
      .map((id, index) => lineOf(id, wanted[index]!))
      .filter((line) => line.quantity > 0 && line.listingId.startsWith(`${storeId}.`));
    if (lines.length === 0) return [];
    const storeOrderId = idFrom('store-order', orderId, storeId);
    const totalPaise = lines.reduce((sum, line) => sum + line.linePaise, 0);
    return [{ storeOrderId, storeId, lines, totalPaise, ...(slots && { slot: SLOT }) }];
  });
}

/** Opens the shops, counts their stock and fills the carts; gives each checkout its order. */
async function prepare(world: World, { stock, capacity, checkouts }: History) {
  const { handle } = world.calm;
  for (const id of world.listings) {
    const data = { name: id, pricePaise: 1_050, gstPercent: 5 };
    await handle(listing, id, { type: 'PublishListing', data }, context(`list ${id}`));
  }
  for (const [index, quantity] of stock.entries()) {
    if (quantity === null) continue;
    const [storeId, sku] = world.listings[index]!.split('.') as [string, string];
    const counts = [{ sku, quantity }];
    const command = { type: 'CountStock', data: { counts, reason: 'first-count' } } as const;
    await handle(inventory, storeId, command, context(`count ${index}`));
  }
  for (const storeId of world.stores) {
    const data = { name: storeId, city: 'Bengaluru', pincode: '560001' };
    await handle(store, storeId, { type: 'RegisterStore', data }, context(`open ${storeId}`));
    const slots = [{ fromMinute: SLOT.fromMinute, toMinute: SLOT.toMinute, capacity }];
    const day = slotDayId(storeId, SLOT.date);
    const command = { type: 'SetSlotCapacity', data: { slots } } as const;
    await handle(slotDay, day, command, context(`slots ${day}`));
  }
  let last: { cartId: string; wanted: number[] } | undefined;
  for (const [index, one] of checkouts.entries()) {
    const orderId = idFrom('order', histories, index);
    const { cartId, wanted } =
      last && one.sameCart ? last : { cartId: `cart${histories}.${index}`, ...one };
    if (cartId !== last?.cartId) {
      await handle(cart, cartId, { type: 'OpenCart', data: {} }, context(`open ${cartId}`));
      for (const [at, quantity] of wanted.entries()) {
        const data = { listingId: world.listings[at]!, quantity };
        await handle(cart, cartId, { type: 'SetCartItem', data }, context(`fill ${cartId} ${at}`));
      }
    }
    last = { cartId, wanted };
    const parts = partsOf(world, orderId, { ...one, wanted });
    world.placed.set(orderId, {
      cartId,
      personId: idFrom('person', orderId),
      sealedRecipient: '',
      pincode: '560001',
      payment: 'cash-on-delivery',
      parts,
      totalPaise: parts.reduce((sum, part) => sum + part.totalPaise, 0),
      expiresAt: new Date(OPENED_MS + CHECKOUT_MS).toISOString(),
    });
  }
}

/** Asks for an order as a shopper's browser does: again with the same key where no answer came. */
async function request(world: World, orderId: string, on: Checkout['requests'][number]) {
  const data = world.placed.get(orderId)!;
  const handler = typeof on === 'string' ? world[on] : world.mortal(on.diesAfter);
  const commandId = `place ${orderId}`;
  try {
    await handler.handle(order, orderId, { type: 'PlaceOrder', data }, context(commandId));
    const { state } = await driveCheckout(driversOf(handler), orderId, {
      correlationId: commandId,
      causationId: eventId(`${order.category}-${orderId}`, commandId, 0),
    });
    if (state.status !== 'none') world.answers.push({ orderId, confirmed: state.confirmed });
  } catch (error) {
    if (!isPassing(error)) throw error;
  }
}

async function shop(world: World, orderId: string, { requests, atOnce, changesCart }: Checkout) {
  const { cartId } = world.placed.get(orderId)!;
  const asked = atOnce
    ? Promise.all(requests.map((on) => request(world, orderId, on)))
    : requests.reduce(
        (before, on) => before.then(() => request(world, orderId, on)),
        Promise.resolve(),
      );
  const changed = changesCart
    ? attempt(world, cart, cartId, {
        type: 'SetCartItem',
        data: { listingId: world.listings[0]!, quantity: 9 },
      })
    : undefined;
  await Promise.all([asked, changed]);
}

/** A command that somebody gives once; it may be refused, and its answer may get lost. */
async function attempt<S, C extends Message, E extends Message>(
  world: World,
  decider: Decider<S, C, E>,
  id: string,
  command: C,
): Promise<void> {
  const key = context(`${id} ${command.type} ${world.pick(2 ** 30)}`);
  try {
    await world.some().handle(decider, id, command, key);
  } catch (error) {
    if (!isPassing(error) && !(error instanceof Rejected)) throw error;
  }
}

/** A shop's staff work a part, some of it twice. */
async function work(world: World, storeOrderId: string, staff: keyof typeof STAFF) {
  for (const type of STAFF[staff]) {
    const command = { type, data: { reason: 'closed' } } as unknown as StoreOrderCommand;
    const once = () => attempt(world, storeOrder, storeOrderId, command);
    await (world.pick(3) === 0 ? Promise.all([once(), once()]) : once());
  }
}

async function serveCounter(world: World, counter: History['counter']) {
  for (const { listing: index, pieces } of counter) {
    const [storeId, sku] = world.listings[index]!.split('.') as [string, string];
    const lines = [{ sku, quantity: Math.abs(pieces) }];
    const type = pieces < 0 ? 'SellAtCounter' : 'ReceiveStock';
    await attempt(world, inventory, storeId, { type, data: { lines } });
  }
}

/** Plays a history until nothing is left to be done. */
async function play(told: History): Promise<World> {
  mock.timers.setTime(OPENED_MS);
  const world = new World(told);
  await prepare(world, told);
  const orders = [...world.placed].map(([id, { parts }], index) => ({
    id,
    parts,
    ...told.checkouts[index]!,
  }));
  const runOut = async () => {
    for (let turn = world.pick(60); turn > 0; turn--) await world.turns.take();
    mock.timers.setTime(OPENED_MS + CHECKOUT_MS);
  };
  const reactNowAndThen = async () => {
    for (let round = world.pick(4); round > 0; round--) {
      await world.turns.take();
      await world.react();
    }
  };
  const serve = ({ parts, staff }: (typeof orders)[number]) =>
    Promise.all(
      parts.map(({ storeId, storeOrderId }) =>
        work(world, storeOrderId, staff[world.stores.indexOf(storeId)]!),
      ),
    );
  await world.turns.until(
    Promise.all([
      ...orders.map((one) => shop(world, one.id, one).then(() => serve(one))),
      serveCounter(world, told.counter),
      reactNowAndThen(),
      ...(told.isSlow ? [runOut()] : []),
    ]),
  );
  await world.turns.until(world.settle());
  await world.turns.until(Promise.all([...orders.map(serve), reactNowAndThen()]));
  await world.turns.until(world.settle());
  mock.timers.setTime(OPENED_MS + CHECKOUT_MS);
  // Where nobody died, everybody undid what came to nothing without waiting for that.
  if (told.faults) await world.releaseLate();
  return world;
}

type Placed = Exclude<Order, { status: 'none' }>;
type Ended = { id: string; state: Placed; parts: (OrderPart & { at: StoreOrder })[] };

/** Every order that was placed, with what became of its parts. */
async function endsOf(world: World): Promise<Ended[]> {
  const ends: Ended[] = [];
  for (const id of world.placed.keys()) {
    const state = await world.load(order, id);
    if (state.status === 'none') continue;
    const parts: Ended['parts'] = [];
    for (const part of state.parts) {
      parts.push({ ...part, at: await world.load(storeOrder, part.storeOrderId) });
    }
    ends.push({ id, state, parts });
  }
  return ends;
}

/** Every order has come to an end: confirmed and handed over, or given up and all of it undone. */
async function assertEnded(world: World, ends: Ended[]): Promise<void> {
  for (const { id, state, parts } of ends) {
    const isSubmitted = parts.map(({ at }) => at.status !== 'none');
    assert.equal(new Set(isSubmitted), new Set([state.confirmed]), 'handed over if confirmed');
    const isOver = parts.every(({ at }) => storeOrderEnded(at.status));
    const isDelivered = parts.some(({ at }) => at.status === 'delivered');
    const done = isDelivered ? 'completed' : 'rejected';
    assert.is(state.status, state.confirmed ? (isOver ? done : 'confirmed') : 'rejected');
    const { orderId } = await world.load(cart, state.cartId);
    assert.is(orderId === id, state.confirmed, 'the cart belongs to a confirmed order');
  }
  for (const { orderId, confirmed } of world.answers) {
    const end = ends.find(({ id }) => id === orderId);
    assert.is(end?.state.confirmed, confirmed, 'what the shopper was told stays true');
  }
}

const quantityOf = (parts: OrderPart[], id: string): number =>
  parts
    .flatMap(({ lines }) => lines)
    .filter((line) => line.listingId === id)
    .reduce((sum, { quantity }) => sum + quantity, 0);

/** Nothing was oversold; what is reserved is what open orders want; the books follow the goods. */
function assertStock(world: World, { stock }: History, ends: Ended[]): void {
  const isCounted = (id: string) => stock[world.listings.indexOf(id)] !== null;
  const confirmed = ends.filter(({ state }) => state.confirmed).flatMap(({ parts }) => parts);
  const waiting = confirmed.filter(({ at }) => !at.packed && at.status !== 'rejected');
  const gone = confirmed.filter(({ at }) => at.packed && at.status !== 'rejected');
  for (const storeId of world.stores) {
    let state = inventory.initial;
    const base = new Map<string, number>();
    const move = (lines: StockLine[], sign: number) => {
      for (const { sku, quantity } of lines) {
        const known = base.get(sku) ?? (sign > 0 ? 0 : undefined);
        if (known !== undefined) base.set(sku, known + sign * quantity);
      }
    };
    for (const { type, data } of world.memory.stream(`inventory-${storeId}`)) {
      state = inventory.evolve[type as keyof typeof inventory.evolve](state, data as never);
      const { lines = [], counts = [] } = data as { lines?: StockLine[]; counts?: StockLine[] };
      if (type === 'StockCounted') move(counts, 1);
      if (type === 'StockReceived') move(lines, 1);
      if (type === 'SoldAtCounter') move(lines, -1);
      if (type !== 'StockReserved') continue;
      for (const { sku } of lines) {
        const { onHand, reserved } = itemOf(state, sku);
        assert.ok(onHand === null || onHand >= reserved, `${sku} was promised beyond the shelf`);
      }
    }
    for (const sku of SKUS) {
      const id = listingId(storeId, sku);
      const { onHand, reserved } = itemOf(state, sku);
      assert.is(reserved, quantityOf(waiting, id), `${id} is reserved for open orders`);
      if (isCounted(id)) assert.is(onHand, base.get(sku)! - quantityOf(gone, id), `${id} on hand`);
    }
  }
}

/** No slot was given to more orders than it has places, and who is to come has one. */
function assertSlots(world: World, ends: Ended[]): void {
  for (const storeId of world.stores) {
    const day = slotDayId(storeId, SLOT.date);
    let state = slotDay.initial;
    for (const { type, data } of world.memory.stream(`slotday-${day}`)) {
      const before = state;
      state = slotDay.evolve[type as keyof typeof slotDay.evolve](state, data as never);
      if (type === 'SlotHeld') assert.ok(leftIn(before, before.slots[0]!) > 0, 'a full slot');
    }
    const coming = ends
      .filter(({ state: { confirmed } }) => confirmed)
      .flatMap(({ parts }) => parts)
      .filter((part) => part.storeId === storeId && part.slot && part.at.status !== 'rejected')
      .map(({ storeOrderId }) => storeOrderId);
    assert.equal(new Set(state.held.keys()), new Set(coming), 'held by who is to come');
    assert.ok([...state.held.values()].every(({ confirmed }) => confirmed));
  }
}

/** What was delivered is billed, to the line, and nothing else; numbers have no gap. */
function assertBills(world: World, ends: Ended[]): void {
  for (const storeId of world.stores) {
    const register = registerId(storeId, fiscalYearOf('2026-11-21'));
    const bills = world.memory.stream(`${invoices.category}-${register}`);
    const billed = bills.map(({ data }) => data as Invoice);
    const said = (lines: { listingId: string; quantity: number; linePaise: number }[]) =>
      lines.map((line) => `${line.quantity} ${line.listingId} ${line.linePaise}`).join();
    const delivered = ends
      .flatMap(({ parts }) => parts)
      .filter((part) => part.storeId === storeId && part.at.status === 'delivered');
    assert.equal(
      billed.map(({ storeOrderId, lines }) => `${storeOrderId} ${said(lines)}`).toSorted(),
      delivered.map(({ storeOrderId, lines }) => `${storeOrderId} ${said(lines)}`).toSorted(),
    );
    assert.equal(
      billed.map(({ sequence }) => sequence),
      billed.map((_, index) => index + 1),
    );
  }
}

const test = suite('ordering');
test.before(() => mock.timers.enable({ apis: ['Date'], now: OPENED_MS }));
test.after(() => mock.timers.reset());

test('whatever races, dies and repeats: nothing is oversold, stuck or billed twice', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (told) => {
      const world = await play(told);
      const ends = await endsOf(world);
      await assertEnded(world, ends);
      assertStock(world, told, ends);
      assertSlots(world, ends);
      assertBills(world, ends);
      const { events } = world.memory;
      const before = events.length;
      assert.is(new Set(events.map(({ id }) => id)).size, before, 'no event is there twice');
      await world.turns.until(world.reactAnew());
      assert.is(events.length, before, 'doing everything again changes nothing');
    }),
    { numRuns: HISTORIES, includeErrorInReport: true },
  );
});

test.run();
