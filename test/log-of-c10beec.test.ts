import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cart } from '../domain/cart/cart.ts';
import { inventory } from '../domain/inventory/inventory.ts';
import {
  order,
  type AnyPlaced,
  type OrderPart,
  type OrderStatus,
} from '../domain/ordering/order.ts';
import { isPerStoreOrder, keptPaise, payment, type Payment } from '../domain/money/payment.ts';
import { slotDay, slotDayId } from '../domain/slots/slot-day.ts';
import { storeOrder, type StoreOrderStatus } from '../domain/fulfilment/store-order.ts';
import {
  headOfCommands,
  startParts,
  startShop,
  work,
  type Parts,
  type Secrets,
  type Shop,
} from './shop.ts';
import { collectViolations, type Violations } from '../ops/prove/check.ts';
import { proveLog } from '../ops/prove/log.ts';
import { environmentOf, ops } from './ops.ts';
import { createLog } from '../platform/log.ts';
import { createPool } from '../platform/postgres.ts';
import { readRawLog } from '../platform/raw-events.ts';
import { followLog } from '../platform/subscription.ts';
import { createHandler, type Handler } from '../engine/commands/handle.ts';
import { paymentIdOf } from '../write-api/payment.ts';
import { SESSION_SECRET } from './session.ts';
import { STUCK_MS } from './until-so.ts';
import { loadPayment } from './write-api.ts';
import { wallClock } from './clock.ts';

/** How it was made stands in its README. */
const FIXTURE = join(import.meta.dirname, 'fixtures', 'c10beec');
const HOUR_MS = 3_600_000;

/** An order of the fixture, and the names by which its README tells of orders and shops. */
type Named = { orderId: string; cartId: string; storeOrderIds: string[] };
type Names = { shops: Record<string, string>; orders: Record<string, Named> };

type World = {
  shop: Shop;
  names: Names;
  /** By the names of the orders: how they stood in the log when it was restored. */
  made: Record<string, string>;
  /** Of tasks that failed, and what else was logged as an error. */
  failures: string[];
};

const fixture = (file: string): Promise<string> => readFile(join(FIXTURE, file), 'utf8');

const test = suite<World>('a log of c10beec');

test.before(async (world) => {
  world.names = JSON.parse(await fixture('names.json')) as Names;
  const kept = JSON.parse(await fixture('secrets.json')) as Omit<Secrets, 'SESSION_SECRETS'>;
  // There were no sessions.
  const secrets = { ...kept, SESSION_SECRETS: SESSION_SECRET };
  const parts = await startParts();
  await restore(parts);
  const handler = createHandler(parts.client, createLog('test', 'silent'), wallClock);
  world.made = await outcomesIn(handler, world.names);
  world.failures = [];
  const write = (line: string) => {
    const { level, task } = JSON.parse(line) as { level: number; task?: string };
    if (level >= pino.levels.values.error! || task) world.failures.push(line);
  };
  const log = pino({ level: 'warn' }, { write });
  const gatewayFile = await restoreGateway(parts);
  world.shop = await startShop({ parts, secrets, gatewayFile, log });
});
test.after(({ shop }) => shop.stop());

/** Fills the event store and the vault, as an operator does after a loss. */
async function restore({ eventStoreUrl, vaultUrl }: Parts): Promise<void> {
  const { code, stderr } = await ops(['log', 'restore', join(FIXTURE, 'log'), eventStoreUrl], {});
  assert.is(code, 0, stderr);
  const pool = createPool(vaultUrl, createLog('test', 'silent'));
  await pool.query(await fixture('vault.sql'));
  await pool.end();
}

/** What the gateway's stand-in knows of the payments. */
async function restoreGateway({ cleanup }: Parts): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-gateway-'));
  cleanup.add(() => rm(dir, { recursive: true }));
  const file = join(dir, 'gateway.sqlite');
  const database = new DatabaseSync(file);
  database.exec(await fixture('gateway.sql'));
  database.close();
  return file;
}

/** Orders, by name, as `outcomeOf` tells them. */
async function outcomesIn(handler: Handler, { orders }: Names): Promise<Record<string, string>> {
  const outcomes = await Promise.all(
    Object.entries(orders).map(async ([name, named]) => [name, await outcomeOf(handler, named)]),
  );
  return Object.fromEntries(outcomes) as Record<string, string>;
}

/**
 * The order and why it was rejected; its store orders, with the pieces and the slot that are held
 * for each; its payments, less what goes back, in rupees; and its cart. So `confirmed | accepted
 * (2, slot) | paid 460, 90 to go back | closed`.
 */
async function outcomeOf(handler: Handler, { orderId, cartId }: Named): Promise<string> {
  const placed = await handler.load(order, orderId, { fresh: true });
  if (placed.status === 'none') return 'none';
  const { status, reason, asked } = placed;
  const storeOrders = await Promise.all(asked.map((one) => storeOrderOutcome(handler, one)));
  const money = await Promise.all(
    paymentIdsOf(orderId, placed).map(async (paymentId) =>
      moneyOutcome(await handler.load(payment, paymentId, { fresh: true })),
    ),
  );
  const { status: cartStatus } = await handler.load(cart, cartId, { fresh: true });
  const said = [reason ? `${status} ${reason}` : status, storeOrders.join(', '), money.join(', ')];
  return [...said, cartStatus === 'open' ? 'open' : 'closed'].join(' | ');
}

const paymentIdsOf = (orderId: string, { payment: method, asked }: AnyPlaced): string[] =>
  isPerStoreOrder(method)
    ? asked.map(({ storeOrderId }) => paymentIdOf(storeOrderId))
    : [paymentIdOf(orderId)];

async function storeOrderOutcome(
  handler: Handler,
  { storeOrderId, storeId, slot }: OrderPart,
): Promise<string> {
  const { status } = await handler.load(storeOrder, storeOrderId, { fresh: true });
  const stock = await handler.load(inventory, storeId, { fresh: true });
  const pieces = stock.reservations
    .get(storeOrderId)
    ?.lines.reduce((n, line) => n + line.quantity, 0);
  const day = slot && (await handler.load(slotDay, slotDayId(storeId, slot.date), { fresh: true }));
  const held = [...(pieces ? [`${pieces}`] : []), ...(day?.held.has(storeOrderId) ? ['slot'] : [])];
  return held.length > 0 ? `${status} (${held.join(', ')})` : status;
}

const BACK = { requested: 'to go back', succeeded: 'back', failed: 'not back', void: 'no more' };

function moneyOutcome(state: Payment): string {
  const kept = state.receipts.length > 0 ? ` ${keptPaise(state) / 100}` : '';
  const refunds = state.refunds.map(
    ({ amountPaise, status }) => `, ${amountPaise / 100} ${BACK[status]}`,
  );
  return `${state.status}${kept}${refunds.join('')}`;
}

const sentences = (violations: Violations[]): string[] =>
  violations.flatMap(({ kind, first }) =>
    first.map(({ where, text }) => `${kind}: ${where}: ${text}`),
  );

/** What the log says that cannot be true an hour from now. */
async function violationsIn({ client }: Pick<Shop, 'client'>): Promise<Violations[]> {
  const { report, violations } = collectViolations();
  await proveLog(client, readRawLog(client, undefined), Date.now() + HOUR_MS, report);
  return violations;
}

/** What had come to rest, or waits for people: it is as it was. */
const STAYS: Record<string, string> = {
  'older-delivered': 'completed | delivered | paid 715, 600 to go back | closed',
  'older-substituted': 'completed | delivered | paid 695 | closed',
  'older-accepted': 'confirmed | accepted (1) | requested | closed',
  'cash-after-close': 'completed | delivered | paid 310 | closed',
  'cash-returned-whole': 'completed | delivered | paid 0, 118 back, 118 back, 115.5 back | closed',
  'cash-returned-not-given':
    'completed | delivered | paid 115.5, 118 back, 118 to go back | closed',
  'picked-short': 'completed | delivered (slot) | paid 768 | closed',
  substituted: 'completed | delivered | paid 334 | closed',
  'substituted-by-wish': 'confirmed | packed | requested | closed',
  'code-locked': 'completed | delivered | paid 132 | closed',
  reduced: 'confirmed | submitted (3) | requested | closed',
  'reduced-to-nothing': 'cancelled | cancelled | requested | closed',
  'rejected-by-shop': 'rejected rejected-by-every-shop | rejected | requested | closed',
  'cancelled-packed': 'cancelled | cancelled | requested | closed',
  'cancelled-by-shopper': 'cancelled | cancelled | requested | closed',
  'too-little': 'rejected INSUFFICIENT_STOCK | none, none | none, none | open',
  'whatever-there-is': 'confirmed | submitted (1), dispatched | requested, requested | closed',
  'card-completed': 'completed | delivered (slot), rejected | paid 211, 310 back | closed',
  'card-refund-failed': 'confirmed | submitted (1), rejected | paid 115.5, 155 not back | closed',
  'card-refund-given-by-hand':
    'confirmed | submitted (1), rejected | paid 115.5, 155 back | closed',
  'card-refund-under-way':
    'confirmed | submitted (1), rejected | paid 115.5, 155 to go back | closed',
  'card-paid-twice': 'confirmed | submitted (1) | paid 345, 345 back | closed',
  'card-cancelled-unpaid': 'rejected ORDER_CANCELLED | none | cancelled | open',
  'card-unavailable': 'rejected PAYMENT_UNAVAILABLE | none | none | open',
  'card-expired': 'rejected CHECKOUT_EXPIRED | none | cancelled | open',
  'upi-in-two-sums': 'confirmed | accepted (2) | paid 463 | closed',
  'upi-by-hand': 'completed | delivered | paid 180 | closed',
  'upi-late-reinstated': 'confirmed | submitted (2, slot) | paid 660 | closed',
  'upi-late-refused': 'rejected PAID_TOO_LATE | none | paid 0, 90 back | open',
  'card-late-reinstated': 'confirmed | submitted (2) | paid 211 | closed',
  submitted: 'confirmed | submitted (1, slot) | requested | closed',
  accepted: 'confirmed | accepted (6, slot) | requested | closed',
  'picked-in-part': 'confirmed | accepted (6) | paid 1077 | closed',
  packed: 'confirmed | packed | requested | closed',
  dispatched: 'confirmed | dispatched (slot) | paid 1077 | closed',
  'proposed-best-match': 'confirmed | accepted (2) | requested | closed',
  'chosen-none-left': 'confirmed | accepted (3) | requested | closed',
};

/** What was cut in the middle, or had run out, ends so on any later day. */
const ENDS: Record<string, string | string[]> = {
  'cash-completed':
    'completed | delivered (slot), delivered | paid 198.72, 118 to go back, paid 180 | closed',
  'upi-late-half': 'rejected PAID_TOO_LATE | none, none | paid 0, 138 to go back, cancelled | open',
  'cut-at-once': 'rejected CHECKOUT_EXPIRED | none | none | open',
  'cut-reserving': 'rejected CHECKOUT_EXPIRED | none, none | none, none | open',
  'cut-before-its-verdict': 'rejected CHECKOUT_EXPIRED | none, none | none, none | open',
  'cut-handing-over':
    'confirmed | submitted (1, slot), submitted (1, slot) | requested, requested | closed',
  'cut-before-its-payment': 'rejected CHECKOUT_EXPIRED | none | none | open',
  'cut-reserving-too-late': 'rejected CHECKOUT_EXPIRED | none | none | open',
  'card-awaited': 'rejected CHECKOUT_EXPIRED | none, none | cancelled | open',
  'card-awaited-in-part': 'rejected CHECKOUT_EXPIRED | none, none | cancelled | open',
  'upi-awaited': 'rejected CHECKOUT_EXPIRED | none | cancelled | open',
  'upi-half-paid':
    'rejected PAID_TOO_LATE | none, none | paid 0, 115.5 to go back, cancelled | open',
  'upi-cut-telling': 'rejected CHECKOUT_EXPIRED | none | cancelled | open',
  'card-cut-when-paid': 'confirmed | submitted (1, slot) | paid 115.5 | closed',
  // Whichever comes first: that its time is over, or that somebody asks the gateway.
  'card-paid-untold': [
    'rejected PAID_TOO_LATE | none | paid 0, 115.5 back | open',
    'confirmed | submitted (1) | paid 115.5 | closed',
  ],
  'refund-cut-asking': 'confirmed | submitted (1), rejected | paid 115.5, 155 back | closed',
  'refund-cut-answered': 'confirmed | rejected, submitted (1) | paid 155, 115.5 back | closed',
  'refund-not-asked': 'cancelled | cancelled | paid 0, 211 back | closed',
  'cut-after-packing': 'confirmed | packed (slot) | requested | closed',
  'cut-after-delivery': 'completed | delivered (slot) | paid 1077 | closed',
  'cut-after-cash': 'completed | delivered | paid 138 | closed',
  'cut-after-shops-cancel': 'cancelled | cancelled | requested | closed',
  'cut-after-shoppers-cancel': 'cancelled | cancelled | requested | closed',
  'cut-after-rejecting': 'rejected rejected-by-every-shop | rejected | requested | closed',
  'cut-after-reducing': 'confirmed | submitted (5) | requested | closed',
  'cut-after-shorting': 'confirmed | accepted (4) | requested | closed',
  'proposed-refund': 'confirmed | accepted (1) | requested | closed',
  'chosen-best-match': 'confirmed | accepted (2) | requested | closed',
  'chosen-this-one': 'confirmed | accepted (2) | requested | closed',
  'older-cut': 'rejected CHECKOUT_EXPIRED | none | none | open',
};

const ORDER_STATUSES: OrderStatus[] = [
  'placed',
  'awaiting-payment',
  'confirmed',
  'rejected',
  'cancelled',
  'completed',
];
const STORE_ORDER_STATUSES: StoreOrderStatus[] = [
  'submitted',
  'accepted',
  'rejected',
  'packed',
  'dispatched',
  'delivered',
  'cancelled',
];

/** Which orders are otherwise than they should be, in sentences. */
const wrongIn = (
  outcomes: Record<string, string>,
  expected: Record<string, string | string[]>,
): string[] =>
  Object.entries(expected).flatMap(([name, right]) => {
    const is = outcomes[name]!;
    return [right].flat().includes(is)
      ? []
      : [`${name}: it is ${is}, not ${[right].flat().join(' or ')}`];
  });

/** Looks again whenever something happened, until nothing is wrong; resolves to what is. */
async function settled({ shop }: World, wrong: () => Promise<string[]>): Promise<string[]> {
  const { client, log } = shop;
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, AbortSignal.timeout(STUCK_MS)]);
  let last: string[] = [];
  const consume = async () => {
    last = await wrong();
    if (last.length === 0) done.abort();
  };
  await followLog({ client, after: undefined, maxBatch: 1_000, log, signal, consume });
  return last;
}

test('it has orders in every status, and their store orders as well', ({ made }) => {
  const [orders, storeOrders] = [new Set<string>(), new Set<string>()];
  for (const [order_, statuses] of Object.values(made).map((outcome) => outcome.split(' | '))) {
    orders.add(order_!.split(' ')[0]!);
    for (const one of statuses!.split(', ')) storeOrders.add(one.split(' ')[0]!);
  }
  assert.equal(
    ORDER_STATUSES.filter((status) => !orders.has(status)),
    [],
  );
  assert.equal(
    STORE_ORDER_STATUSES.filter((status) => !storeOrders.has(status)),
    [],
  );
  assert.equal(wrongIn(made, STAYS), []);
  assert.equal(
    Object.keys(made).toSorted(),
    Object.keys({ ...STAYS, ...ENDS }).toSorted(),
    'of each order it is said what becomes of it',
  );
});

test('what was open ends, what was at rest stays, and all of it holds', async (world) => {
  const { shop, names, failures } = world;
  const wrong = await settled(world, async () => [
    ...wrongIn(await outcomesIn(shop.handler, names), { ...STAYS, ...ENDS }),
    ...sentences(await violationsIn(shop)),
  ]);
  assert.equal(wrong, []);
  assert.equal(failures, [], 'no task failed');
});

test('each refund that was cut was made once', async ({ shop, names }) => {
  for (const name of ['refund-cut-asking', 'refund-cut-answered']) {
    const { receipts, refunds } = await loadPayment(shop, names.orders[name]!.orderId);
    const made = shop.gateway.refunds.of(receipts[0]!.externalId);
    assert.equal(
      made.map(({ id, amount }) => [id, amount]),
      refunds.map(({ givenAs, amountPaise }) => [givenAs, amountPaise]),
      name,
    );
    assert.is(made.length, 1, name);
  }
});

test('where nobody answered for a substitute, the shopper’s wish decided', async (world) => {
  const { shop, names } = world;
  const linesOf = async (name: string) => {
    const [id] = names.orders[name]!.storeOrderIds;
    const { lines } = await shop.handler.load(storeOrder, id!, { fresh: true });
    const { substitution, shorted, unavailable } = lines[1]!;
    return [substitution?.status ?? null, shorted, unavailable?.left ?? null];
  };
  assert.equal(await linesOf('proposed-best-match'), ['accepted', 0, null]);
  assert.equal(await linesOf('proposed-refund'), [null, 2, null]);
  assert.equal(await linesOf('chosen-best-match'), ['accepted', 0, null]);
  assert.equal(await linesOf('chosen-this-one'), ['accepted', 0, null]);
  assert.equal(await linesOf('chosen-none-left'), [null, 0, 0]);
});

test('the read models are what the log gives, and its people are known', async ({
  shop,
  names,
}) => {
  const position = `${await headOfCommands(shop.client)}`;
  await shop.read('/stores', position);
  const { code, stdout, stderr } = await ops(['prove'], environmentOf(shop));
  assert.is(code, 0, stdout + stderr);
  assert.match(stdout, 'All of it holds.');
  const contactAt = async (shopName: string, name: string) => {
    const storeId = names.shops[shopName]!;
    const path = `/stores/${storeId}/board/${names.orders[name]!.storeOrderIds[0]!}`;
    const headers = { authorization: `Bearer ${shop.passOf(storeId)}` };
    const { body } = await shop.read<{ contact: { name: string } | null }>(path, null, headers);
    return body.contact?.name;
  };
  assert.is(await contactAt('Old Corner Stores', 'older-accepted'), 'Lakshmi Gupta');
  assert.is(await contactAt('Sharma Kirana', 'accepted'), 'Imran Khan');
  // Who placed it had no session: what their browser remembers opens nothing.
  assert.is((await shop.read(`/orders/${names.orders.accepted!.orderId}`)).status, 404);
});

test('the shops go on with it: goods go out, and money comes and goes', async (world) => {
  const { shop, names } = world;
  const named = (name: string) => names.orders[name]!;
  const steps = ['pick', 'pack', 'dispatch', 'deliver'] as const;
  for (const name of ['older-accepted', 'accepted']) {
    await work(shop, named(name).storeOrderIds[0]!, steps);
  }
  // The gateway is done with what it was at, and money comes for what was given up.
  const underWay = await loadPayment(shop, named('card-refund-under-way').orderId);
  const [pending] = shop.gateway.refunds.of(underWay.receipts[0]!.externalId);
  shop.gateway.refunds.end(pending!.id, 'processed');
  const late = await loadPayment(shop, named('card-awaited').orderId);
  shop.gateway.pay(late.gatewayOrderId!);
  // Whoever told of a transfer and died repeats it.
  const [cut] = named('upi-cut-telling').storeOrderIds;
  const pass = { authorization: `Bearer ${shop.passOf(names.shops['Sharma Kirana']!)}` };
  const receipts = `/payments/${paymentIdOf(cut!)}/receipts`;
  const given = await shop.write('POST', receipts, { reference: '426100999999' }, pass);
  assert.is(given.status, 200);
  const wrong = await settled(world, async () => [
    ...wrongIn(await outcomesIn(shop.handler, names), {
      'older-accepted': 'completed | delivered | paid 600 | closed',
      accepted: 'completed | delivered (slot) | paid 1077 | closed',
      'card-refund-under-way':
        'confirmed | submitted (1), rejected | paid 115.5, 155 back | closed',
      'card-awaited': 'rejected PAID_TOO_LATE | none, none | paid 0, 270.5 back | open',
      'upi-cut-telling': 'rejected PAID_TOO_LATE | none | paid 0, 115.5 to go back | open',
    }),
    ...sentences(await violationsIn(shop)),
  ]);
  assert.equal(wrong, []);
});

test.run();
