import { mock } from 'node:test';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cart } from '../domain/cart/cart.ts';
import { inventory } from '../domain/inventory/inventory.ts';
import { listing, listingId, skuOfListing, storeOfListing } from '../domain/catalogue/listing.ts';
import { sumPaise } from '../domain/money/money.ts';
import { linkedAccountOf } from '../local/razorpay/transfers.ts';
import { AT_ONCE } from './terms.ts';
import {
  order,
  SHORTAGE_CHOICES,
  type IfMissing,
  type OrderLine,
  type OrderPart,
} from '../domain/ordering/order.ts';
import { payment, PAYMENT_METHODS, type Payment } from '../domain/money/payment.ts';
import { CREDIT_REASONS } from '../domain/money/invoices.ts';
import { notReturned, restOf, toPick, type StoreOrderLine } from '../domain/fulfilment/picking.ts';
import { slotDay, slotDayId } from '../domain/slots/slot-day.ts';
import {
  RETURN_PLACES,
  storeOrder,
  storeOrderEnded,
  type StoreOrder,
  type StoreOrderCommand,
} from '../domain/fulfilment/store-order.ts';
import { store } from '../domain/stores/store.ts';
import { IS_THOROUGH } from './thorough.ts';
import { idFrom } from '../platform/ids.ts';
import { businessDate } from '../platform/time.ts';
import { driveCheckout } from '../write-api/checkout.ts';
import { eventId } from '../engine/commands/handle.ts';
import { driveCredit, findInvoice } from '../write-api/invoices.ts';
import { assertInvariants } from './ordering-invariants.ts';
import { OPENED_MS, SKUS, SLOT, STORES, World, context, isPassing } from './ordering-world.ts';
import { propose } from '../write-api/substitution.ts';
import { paymentsOf, recordNews, recordUpi } from '../write-api/payment.ts';
import { gatewayNameOf, type Pick } from './simulation.ts';

const HISTORIES = IS_THOROUGH ? 20_000 : 700;
const CHECKOUT_MS = 15 * 60_000;
const SUBSTITUTE_MS = 5 * 60_000;
/** What passes before the reactor takes over what a request left undone. */
const SOON_MS = 5_000;
/** Beyond it no order is brought back. */
const MAX_LATE_MS = 45 * 60_000;
const LISTINGS = STORES * SKUS.length;
const PRICES = { dal: 1_050, ghee: 6_500, rice: 900 };
const LOOSE = 'dal';
const GRAMS_EACH = 500;
const FEE_PAISE = 2_500;
const MAX_STEPS = 24;

const someOf = <const T>(...weighted: [weight: number, value: T][]): fc.Arbitrary<T> =>
  fc.oneof(...weighted.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));

/** Which server takes a request: one of two that stay, or one that dies after so many steps. */
const serverChoice = fc.oneof(
  fc.constantFrom('a' as const, 'b' as const),
  fc.record({ diesAfter: fc.nat({ max: MAX_STEPS }) }),
);

/** What a shop does with a store order. */
const STEPS = ['accept', 'pick', 'pack', 'dispatch', 'deliver', 'take back'] as const;
const extra = fc.record({
  /** Before, or while, this step is taken; most can be done while a store order is picked. */
  at: fc.constantFrom(...STEPS.keys(), 1, 1, 1, 1, 1, 1),
  extra: someOf(
    [1, 'reject'],
    [4, 'pick some'],
    [2, 'short'],
    [6, 'substitute'],
    [2, 'want it'],
    [1, 'not want it'],
    [2, 'want less'],
    [1, 'cancel as shopper'],
    [1, 'cancel as shop'],
  ),
});

const staff = fc.record({
  steps: someOf([4, STEPS.length], [2, STEPS.length - 1], [1, 3], [1, 1], [1, 0]),
  extras: fc.oneof(
    fc.array(extra, { maxLength: 1 }),
    fc.array(extra, { minLength: 2, maxLength: 6 }),
  ),
});

const checkout = fc.record({
  /** Pieces of each listing. */
  wanted: fc
    .array(fc.constantFrom<number>(0, 0, 0, 1, 1, 2, 3), {
      minLength: LISTINGS,
      maxLength: LISTINGS,
    })
    .filter((wanted) => wanted.some((quantity) => quantity > 0)),
  /** Another order of the cart that the checkout before it orders. */
  sameCart: someOf([2, false], [1, true]),
  slots: fc.boolean(),
  feePaise: fc.constantFrom(0, FEE_PAISE),
  onShortage: fc.constantFrom(...SHORTAGE_CHOICES),
  ifMissing: fc.constantFrom(undefined, 'refund', 'best-match', 'this-one'),
  /** The shopper goes on filling the cart meanwhile. */
  changesCart: someOf([5, false], [1, true]),
  /** The request and its repeats. */
  requests: fc.array(serverChoice, { minLength: 1, maxLength: 3 }),
  atOnce: fc.boolean(),
  payment: fc.constantFrom(...PAYMENT_METHODS),
  pays: fc.record({
    when: someOf([6, 'at once'], [3, 'late'], [1, 'never']),
    tries: fc.array(someOf([4, 'all'], [1, 'too little'], [1, 'in vain']), {
      minLength: 1,
      maxLength: 2,
    }),
    /** Of the shops that are paid each by itself. */
    onlyOne: someOf([5, false], [1, true]),
    /** How often the gateway says what was paid. */
    webhooks: fc.nat({ max: 3 }),
  }),
  /** The shopper thinks better of it. */
  cancels: someOf([6, 'never'], [2, 'at once'], [1, 'late']),
  staff: fc.array(staff, { minLength: STORES, maxLength: STORES }),
});

const history = fc.record({
  /** Of each listing; null where nobody counts. */
  stock: fc.array(fc.constantFrom(9, 6, 4, 3, 2, 1, 0, null), {
    minLength: LISTINGS,
    maxLength: LISTINGS,
  }),
  capacity: fc.constantFrom(3, 2, 1, 0),
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
  isSlow: someOf([3, false], [1, true]),
  /** Whether servers die and answers get lost. */
  faults: fc.boolean(),
  /** Whether the gateway says no now and then. */
  refuses: someOf([5, false], [1, true]),
  /** Whether a shop stops taking UPI meanwhile. */
  dropsUpi: someOf([7, false], [1, true]),
  /** Of the order in which everything happens. */
  seed: fc.nat(),
});

type History = typeof history extends fc.Arbitrary<infer T> ? T : never;
type Checkout = History['checkouts'][number];
type Staff = Checkout['staff'][number];
type Step = (typeof STEPS)[number] | Staff['extras'][number]['extra'];

function wishOf({ ifMissing }: Checkout, storeId: string): { ifMissing?: IfMissing } {
  if (!ifMissing) return {};
  return {
    ifMissing:
      ifMissing === 'this-one'
        ? { wish: 'this-one', listingId: listingId(storeId, 'rice') }
        : { wish: ifMissing },
  };
}

function lineOf(id: string, quantity: number): OrderLine {
  const sku = skuOfListing(id) as (typeof SKUS)[number];
  return {
    listingId: id,
    name: sku,
    names: {},
    pack: null,
    quantity,
    pricePaise: PRICES[sku],
    linePaise: PRICES[sku] * quantity,
  };
}

/** The store orders of an order of so many pieces of each listing. */
function storeOrdersOf(world: World, orderId: string, chosen: Checkout): OrderPart[] {
  return world.stores.flatMap((storeId): OrderPart[] => {
    const lines = world.listings
      .map((id, index) => lineOf(id, chosen.wanted[index]!))
      .filter((line) => line.quantity > 0 && storeOfListing(line.listingId) === storeId)
      .map((line) => ({
        ...line,
        ...(line.name === LOOSE && { gramsEach: GRAMS_EACH }),
        ...wishOf(chosen, storeId),
      }));
    if (lines.length === 0) return [];
    const storeOrderId = idFrom('store-order', orderId, storeId);
    const totalPaise = sumPaise(lines.map(({ linePaise }) => linePaise)) + chosen.feePaise;
    const { feePaise, slots } = chosen;
    const wanted = { ...AT_ONCE, storeOrderId, storeId, lines, feePaise, totalPaise };
    return [{ ...wanted, slot: slots ? SLOT : null }];
  });
}

/** Opens the shops and counts their stock. */
async function openShops(world: World, { stock, capacity }: History): Promise<void> {
  const { handle } = world.calm.drivers.handler;
  for (const id of world.listings) {
    const { name, pricePaise } = lineOf(id, 1);
    const data = { name, pricePaise, gstPercent: 5 };
    await handle(listing, id, { type: 'PublishListing', data }, context(`list ${id}`));
  }
  for (const storeId of world.stores) {
    const counts = SKUS.flatMap((sku) => {
      const quantity = stock[world.listings.indexOf(listingId(storeId, sku))]!;
      return quantity === null ? [] : [{ sku, quantity }];
    });
    const count = { type: 'CountStock', data: { counts, reason: 'first-count' } } as const;
    await handle(inventory, storeId, count, context(`count ${storeId}`));
    const data = { name: storeId, city: 'Bengaluru', pincode: '560001' };
    await handle(store, storeId, { type: 'RegisterStore', data }, context(`open ${storeId}`));
    const upi = { vpa: 'kirana@okbank', name: storeId };
    const address = { type: 'SetUpiAddress', data: { upi } } as const;
    await handle(store, storeId, address, context(`upi ${storeId}`));
    const account = {
      type: 'SetLinkedAccount',
      data: { account: linkedAccountOf(storeId) },
    } as const;
    await handle(store, storeId, account, context(`account ${storeId}`));
    const slots = [{ fromMinute: SLOT.fromMinute, toMinute: SLOT.toMinute, capacity }];
    const day = slotDayId(storeId, SLOT.date);
    const command = { type: 'SetSlotCapacity', data: { slots } } as const;
    await handle(slotDay, day, command, context(`slots ${day}`));
  }
}

/** Fills the carts, and gives each checkout its order. */
async function fillCarts(world: World, { checkouts }: History): Promise<void> {
  const { handle } = world.calm.drivers.handler;
  let last: { cartId: string; wanted: number[] } | undefined;
  for (const [index, one] of checkouts.entries()) {
    const orderId = idFrom('order', world.number, index);
    const { cartId, wanted } =
      last && one.sameCart ? last : { cartId: `cart${world.number}.${index}`, ...one };
    if (cartId !== last?.cartId) {
      await handle(
        cart,
        cartId,
        { type: 'OpenCart', data: { shopper: null } },
        context(`open ${cartId}`),
      );
      for (const [at, quantity] of wanted.entries()) {
        const data = { listingId: world.listings[at]!, quantity };
        await handle(cart, cartId, { type: 'SetCartItem', data }, context(`fill ${cartId} ${at}`));
      }
    }
    last = { cartId, wanted };
    const parts = storeOrdersOf(world, orderId, { ...one, wanted });
    world.placed.set(orderId, {
      cartId,
      shopper: null,
      personId: idFrom('person', orderId),
      sealedRecipient: '',
      pincode: '560001',
      payment: one.payment,
      onShortage: one.onShortage,
      quote: null,
      parts,
      totalPaise: sumPaise(parts.map(({ totalPaise }) => totalPaise)),
      expiresAt: new Date(OPENED_MS + CHECKOUT_MS).toISOString(),
    });
  }
}

/** Asks for an order as a shopper's browser does: again with the same key where no answer came. */
async function request(world: World, orderId: string, on: Checkout['requests'][number]) {
  const data = world.placed.get(orderId)!;
  const { drivers } = typeof on === 'string' ? world[on] : world.mortal(on.diesAfter);
  const commandId = `place ${orderId}`;
  try {
    await drivers.handler.handle(order, orderId, { type: 'PlaceOrder', data }, context(commandId));
    const { state } = await driveCheckout(drivers, orderId, {
      correlationId: commandId,
      causationId: eventId(`${order.category}-${orderId}`, commandId, 0),
    });
    if (state.status === 'none') return;
    const { status, confirmed } = state;
    world.answers.push({ orderId, status, confirmed });
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
  const changed =
    changesCart &&
    world.attempt(cart, cartId, {
      type: 'SetCartItem',
      data: { listingId: world.listings[0]!, quantity: 9 },
    });
  await Promise.all([asked, changed]);
}

/** Refused once it is confirmed; else it never will be. */
async function cancel(world: World, orderId: string): Promise<void> {
  const key = `cancel ${orderId} ${world.pick(2 ** 30)}`;
  const cause = { correlationId: key, causationId: key };
  await world.bravely(async () => {
    const { drivers } = world.some();
    const command = { type: 'CancelOrder', data: {} } as const;
    await drivers.handler.handle(order, orderId, command, context(key));
    const { state } = await driveCheckout(drivers, orderId, cause);
    if (state.status === 'none') return;
    world.answers.push({ orderId, status: 'given up', confirmed: state.confirmed });
  });
}

type Asked = Payment & { paymentId: string };

/** The payments that a shopper was asked for. */
async function askedOf(world: World, orderId: string): Promise<Asked[]> {
  const placed = await world.load(order, orderId);
  if (placed.status === 'none') return [];
  const states = await Promise.all(
    paymentsOf(orderId, placed).map(async ({ paymentId }) => {
      return { ...(await world.load(payment, paymentId)), paymentId };
    }),
  );
  return states.filter(({ status }) => status !== 'none');
}

/** Pays what was asked for, unless that was tried already; and whoever heard of it tells. */
async function pay(world: World, orderId: string, { onlyOne, tries, webhooks }: Checkout['pays']) {
  const asked = await askedOf(world, orderId);
  for (const one of asked.slice(0, onlyOne ? 1 : undefined)) {
    if (one.method === 'upi') await confirmUpi(world, one, tries.length);
    if (one.method === 'razorpay') await payByGateway(world, one, tries, webhooks);
  }
}

/** The shop, or its bank, says that money came by UPI; perhaps twice, or of another's. */
async function confirmUpi(
  world: World,
  { paymentId, amountPaise, receipts }: Asked,
  times: number,
) {
  if (receipts.length > 0) return;
  for (let time = 1; time <= times; time++) {
    const utr = world.pick(4) === 0 ? `${world.number}` : `${paymentId} ${time}`;
    const type = world.pick(2) === 0 ? 'RecordPayment' : 'RecordPaymentByHand';
    const record = { type, data: { externalId: utr, amountPaise } } as const;
    const say = (): Promise<void> => {
      const key = context(`confirm ${paymentId} ${world.pick(2 ** 30)}`);
      return world.bravely(() => {
        const { handler } = world.some().drivers;
        return recordUpi(handler, paymentId, record, key);
      });
    };
    await (world.pick(3) === 0 ? Promise.all([say(), say()]) : say());
  }
}

async function payByGateway(
  world: World,
  { paymentId, gatewayOrderId, amountPaise }: Asked,
  tries: ('all' | 'too little' | 'in vain')[],
  webhooks: number,
): Promise<void> {
  const { news } = world.gateway.orders.get(gatewayOrderId!)!;
  if (news.length > 0) return;
  const amounts = { all: amountPaise, 'too little': Math.ceil(amountPaise / 2), 'in vain': null };
  const tell = async (): Promise<void> => {
    const { handler } = world.some().drivers;
    const cause = { correlationId: paymentId, causationId: gatewayOrderId! };
    await world.bravely(() => recordNews(handler, paymentId, [...news], cause));
  };
  for (const one of tries) {
    world.gateway.pay(gatewayOrderId!, amounts[one]);
    await Promise.all(Array.from({ length: webhooks }, tell));
  }
}

/**
 * What was paid is told again, in another order, and what was given back by hand or by the gateway.
 * Of what was paid in time and never told, the reactor finds out by itself.
 */
async function tellLate(world: World, orderId: string, { when }: Checkout['pays']): Promise<void> {
  const cause = { correlationId: orderId, causationId: orderId };
  for (const { paymentId, gatewayOrderId, receipts, refunds } of await askedOf(world, orderId)) {
    const { drivers } = world.some();
    const { news = [] } = world.gateway.orders.get(gatewayOrderId ?? '') ?? {};
    if (when === 'late' || receipts.length > 0) {
      await world.bravely(() => recordNews(drivers.handler, paymentId, news.toReversed(), cause));
    }
    for (const { refundNumber, status } of refunds) {
      const made = world.gateway.refunds.get(idFrom('refund', paymentId, refundNumber));
      if (gatewayOrderId ? !made : status !== 'requested' || world.pick(2) === 0) continue;
      const data = { refundNumber, externalId: made ? gatewayNameOf(made) : 'cash' };
      await world.attempt(payment, paymentId, { type: 'RecordRefund', data });
    }
  }
}

const pickOf = (pick: Pick, { listingId: id, name }: StoreOrderLine, quantity: number) => ({
  listingId: id,
  quantity,
  ...(name === LOOSE && quantity > 0 && { grams: quantity * (GRAMS_EACH - 100 + pick(200)) }),
});

/** What is done to a store order next; undefined where that makes no sense. */
function commandOf(
  { pick }: World,
  { lines }: StoreOrder,
  step: Step,
): StoreOrderCommand | undefined {
  const line = lines[pick(lines.length)]!;
  const { listingId: id, substitution } = line;
  switch (step) {
    case 'accept':
      return { type: 'AcceptStoreOrder', data: {} };
    case 'reject':
      return { type: 'RejectStoreOrder', data: { reason: 'closed' } };
    case 'pick':
      return {
        type: 'PickLines',
        data: { lines: lines.map((one) => pickOf(pick, one, toPick(one))) },
      };
    case 'pick some':
      return { type: 'PickLines', data: { lines: [pickOf(pick, line, pick(toPick(line) + 1))] } };
    case 'short': {
      const missing = pick(2) === 0 ? id : (substitution?.line.listingId ?? id);
      return { type: 'ShortLine', data: { listingId: missing, reason: 'sold-out' } };
    }
    case 'want it':
    case 'not want it': {
      const answer = step === 'want it' ? 'accept' : 'decline';
      const substituteId = substitution?.line.listingId ?? id;
      return { type: 'DecideSubstitution', data: { listingId: id, substituteId, answer } };
    }
    case 'want less': {
      const less = { listingId: id, quantity: pick(line.quantity) };
      // Named twice, it is refused, and nothing is taken off.
      return { type: 'ReduceLines', data: { lines: pick(4) === 0 ? [less, less] : [less] } };
    }
    case 'pack':
      return { type: 'PackStoreOrder', data: {} };
    case 'dispatch':
      return { type: 'DispatchStoreOrder', data: {} };
    case 'deliver':
      return { type: 'DeliverStoreOrder', data: { proof: 'code' } };
    case 'cancel as shopper':
      return { type: 'CancelStoreOrder', data: { by: 'shopper', reason: 'changed-mind' } };
    case 'cancel as shop':
      return { type: 'CancelStoreOrder', data: { by: 'shop', reason: 'out-of-stock' } };
    case 'substitute':
    case 'take back':
      return undefined;
  }
}

/**
 * Something else is chosen for a store order, at times for all store orders of its shop at once.
 */
async function substitute(world: World, id: string): Promise<void> {
  const { storeId } = await world.load(storeOrder, id);
  const storeOrders = [...world.placed.values()].flatMap((placed) => placed.parts);
  const same = storeOrders.filter((one) => one.storeId === storeId);
  const ids = world.pick(2) === 0 ? [id] : same.map(({ storeOrderId }) => storeOrderId);
  await Promise.all(ids.map((one) => substituteOne(world, one)));
}

/** As the route does it. */
async function substituteOne(world: World, id: string): Promise<void> {
  const { pick, listings } = world;
  await world.attempt(storeOrder, id, { type: 'AcceptStoreOrder', data: {} });
  const { lines, storeId } = await world.load(storeOrder, id);
  const open = lines.filter((line) => restOf(line) > 0 && !line.substitution);
  const others = listings.filter(
    (one) => storeOfListing(one) === storeId && !lines.some((line) => line.listingId === one),
  );
  if (open.length === 0 || others.length === 0) return;
  const { listingId: missing } = open[pick(open.length)]!;
  // Most shops offer the same for whatever is missing: several orders want its last pieces.
  const offered = pick(3) === 0 ? pick(others.length) : others.length - 1;
  const line = lineOf(others[offered]!, 1 + pick(2));
  const expiresAt = new Date(Date.now() + SUBSTITUTE_MS).toISOString();
  const data = { listingId: missing, line, expiresAt };
  const key = context(`${id} substitute ${pick(2 ** 30)}`);
  const server = pick(4) === 0 ? world.mortal(pick(MAX_STEPS)) : world.some();
  await world.bravely(() => propose(server.drivers, id, data, key));
}

/** One step, by two people at once now and then. */
async function take(world: World, id: string, step: Step): Promise<void> {
  if (step === 'take back') return takeBack(world, id);
  if (step === 'substitute') return substitute(world, id);
  const command = commandOf(world, await world.load(storeOrder, id), step);
  if (!command) return;
  const once = () => world.attempt(storeOrder, id, command);
  await (world.pick(4) === 0 ? Promise.all([once(), once()]) : once());
}

/** A piece comes back and is credited, as the route does it. */
async function takeBack(world: World, id: string): Promise<void> {
  const { lines } = await world.load(storeOrder, id);
  const kept = notReturned(lines).filter(({ quantity }) => quantity > 0);
  if (kept.length === 0) return;
  const { listingId: back, quantity } = kept[world.pick(kept.length)]!;
  const data = {
    returnId: idFrom('return', id, world.pick(2 ** 30)),
    lines: [{ listingId: back, quantity: 1 + world.pick(quantity) }],
    reason: CREDIT_REASONS[world.pick(CREDIT_REASONS.length)]!,
    to: RETURN_PLACES[world.pick(RETURN_PLACES.length)]!,
  };
  const today = businessDate(Date.now());
  const cause = { correlationId: data.returnId, causationId: data.returnId };
  await world.bravely(async () => {
    const { client, drivers } = world.some();
    const found = await findInvoice({ client, handler: drivers.handler }, id, today);
    const command = { type: 'ReturnLines', data } as const;
    const key = context(data.returnId, cause);
    const { state } = await drivers.handler.handle(storeOrder, id, command, key);
    const credited = state.returns.find(({ returnId }) => returnId === data.returnId)!;
    await driveCredit(drivers.handler, found, credited, today, cause);
  });
}

/**
 * A shop works a store order as far as it goes; what else happens to it happens at the same time.
 */
async function work(world: World, id: string, { steps, extras }: Staff): Promise<void> {
  for (const [index, step] of STEPS.slice(0, steps).entries()) {
    if (world.memory.stream(`storeorder-${id}`).length === 0) return;
    const { status } = await world.load(storeOrder, id);
    if (storeOrderEnded(status) && (status !== 'delivered' || step !== 'take back')) continue;
    const now: Step[] = [step];
    for (const one of extras.filter(({ at }) => at === index)) {
      if (world.pick(2) === 0) now.push(one.extra);
      else await take(world, id, one.extra);
    }
    await Promise.all(now.map((one) => take(world, id, one)));
  }
}

async function serveCounter(world: World, counter: History['counter']) {
  for (const { listing: index, pieces } of counter) {
    const [storeId, sku] = world.listings[index]!.split('.') as [string, string];
    const lines = [{ sku, quantity: Math.abs(pieces) }];
    const type = pieces < 0 ? 'SellAtCounter' : 'ReceiveStock';
    await world.attempt(inventory, storeId, { type, data: { lines } });
  }
}

/** Plays a history until nothing is left to be done. */
async function play(played: History): Promise<World> {
  mock.timers.setTime(OPENED_MS);
  const world = new World(played);
  await openShops(world, played);
  await fillCarts(world, played);
  const orders = [...world.placed].map(([id, { parts }], index) => ({
    id,
    parts,
    ...played.checkouts[index]!,
  }));
  type One = (typeof orders)[number];
  const { turns, pick } = world;

  const wait = async (most: number) => {
    for (let turn = pick(most); turn > 0; turn--) await turns.take();
  };
  const lookOnce = async () => {
    await wait(60);
    world.passTo(Date.now() + pick(SOON_MS));
    await world.react();
  };
  /** A look may begin before the one before it has ended, as that of another server's reactor. */
  const reactNowAndThen = () => Promise.all(Array.from({ length: pick(5) }, lookOnce));
  const wakeOnce = () => wait(60).then(() => world.wake());
  const wakeNowAndThen = () => Promise.all(Array.from({ length: pick(4) }, wakeOnce));
  const runOut = () => wait(60).then(() => world.passTo(OPENED_MS + CHECKOUT_MS));
  const dropUpi = () =>
    wait(60).then(() =>
      world.attempt(store, world.stores[0]!, { type: 'SetUpiAddress', data: { upi: null } }),
    );
  const serve = ({ parts, staff: each }: One) =>
    Promise.all(
      parts.map(({ storeId, storeOrderId }) =>
        work(world, storeOrderId, each[world.stores.indexOf(storeId)]!),
      ),
    );
  const payIf = async ({ id, pays }: One, when: string) =>
    pays.when === when && pay(world, id, pays);
  const cancelIf = async ({ id, cancels }: One, when: string) =>
    cancels === when && wait(60).then(() => cancel(world, id));
  const together = (...all: Promise<unknown>[]) =>
    turns.until(Promise.all([...all, reactNowAndThen(), wakeNowAndThen()]));
  const settle = (untilMs: number) => turns.until(world.settle(untilMs));

  await together(
    ...orders.map(async (one) => {
      await shop(world, one.id, one);
      await payIf(one, 'at once');
      await serve(one);
    }),
    ...orders.map((one) => cancelIf(one, 'at once')),
    serveCounter(world, played.counter),
    ...(played.isSlow ? [runOut()] : []),
    ...(played.dropsUpi ? [dropUpi()] : []),
  );
  await settle(Date.now() + SOON_MS);
  await together(...orders.map((one) => payIf(one, 'at once').then(() => serve(one))));
  await settle(Infinity);
  world.passTo(OPENED_MS + CHECKOUT_MS + pick(MAX_LATE_MS));
  await together(
    ...orders.map((one) => payIf(one, 'late').then(() => tellLate(world, one.id, one.pays))),
    ...orders.map((one) => cancelIf(one, 'late')),
  );
  await settle(Date.now() + SOON_MS);
  await together(
    ...orders.map((one) => Promise.all([serve(one), tellLate(world, one.id, one.pays)])),
  );
  await settle(Infinity);
  // A refund whose answer was lost, while another call for it was refused: the gateway tells.
  await turns.until(Promise.all(orders.map((one) => tellLate(world, one.id, one.pays))));
  await settle(Infinity);
  return world;
}

const test = suite('ordering');
test.before(() => mock.timers.enable({ apis: ['Date'], now: OPENED_MS }));
test.after(() => mock.timers.reset());

test('whatever races, dies and repeats: nothing is oversold, stuck, or paid or billed twice', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (played) => {
      const world = await play(played);
      await assertInvariants(world);
      const { events } = world.memory;
      const before = events.length;
      assert.is(new Set(events.map(({ id }) => id)).size, before, 'no event is there twice');
      await world.reactAnew();
      const more = events.slice(before).map(({ stream, type }) => `${stream} ${type}`);
      assert.equal(more, [], 'doing everything again changes nothing');
      await world.wakeAll();
      await world.turns.until(world.settle(Infinity));
      await assertInvariants(world);
    }),
    { numRuns: HISTORIES, includeErrorInReport: true },
  );
});

test.run();
