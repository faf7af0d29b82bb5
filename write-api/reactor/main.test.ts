import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createHandler, type Handler } from '../../engine/commands/handle.ts';
import { startCluster } from '../../event-store/testing/cluster.ts';
import { underLease } from '../../engine/processes/lease.ts';
import { AppendOutcomeUnknown } from '../../platform/appends.ts';
import { lost } from '../../platform/connection.ts';
import { freePort } from '../../platform/free-port.ts';
import { newestEvent, REACTOR_LEASE, type EventStore } from '../../platform/event-store.ts';
import { createLog } from '../../platform/log.ts';
import { startCountingProxy } from '../../test/counting-proxy.ts';
import { RoomProcess } from '../../test/room-process.ts';
import { startParts } from '../../test/shop.ts';
import { fillShelf, ON_SHELF, place } from '../../test/write-api.ts';
import { paymentPorts } from '../payment-ports.ts';
import { reactions } from '../reactions.ts';
import { untilSo } from '../../test/until-so.ts';
import { within } from '../../test/promised-time.ts';
import { wallClock } from '../../test/clock.ts';
import { headersOfGuest } from '../../test/session.ts';

/** What is promised when the reactor that works dies. */
const DONE_WITHIN_MS = 5_000;
const ORDERS = 10;
const SECRET = randomUUID();
const SECRETS = Object.fromEntries(
  [
    'VAULT_SECRET',
    'QUOTE_SECRET',
    'SESSION_SECRETS',
    'STORE_PASS_SECRET',
    'DELIVERY_CODE_SECRET',
  ].map((name) => [name, SECRET]),
);

/** As a guest. */
const openCart = (url: string) =>
  fetch(url, { method: 'POST', headers: headersOfGuest('asha', SECRET) });

type Parts = Awaited<ReturnType<typeof startParts>>;
type Context = { parts: Parts; handler: Handler; happened: Happened; processes: RoomProcess[] };

const test = suite<Context>('reactors');
test.before.each(async (context) => {
  context.parts = await startParts();
  context.handler = createHandler(context.parts.client, createLog('test', 'silent'), wallClock);
  context.happened = new Happened(context.parts.client);
  context.processes = [];
});
test.after.each(async ({ parts, happened, processes }) => {
  await Promise.all(processes.map((one) => one.kill('SIGKILL')));
  await happened.stop();
  await parts.stop();
});

const WAITS = 'another holds the lease';
const HELD = 'the lease is held';
const LOST = 'the lease was lost';

function startReactor({ parts, processes }: Context, id: string, url = parts.eventStoreUrl) {
  const env = { EVENT_STORE_URL: url, REACTOR_ID: id };
  const started = new RoomProcess('write-api/reactor/main.ts', env);
  processes.push(started);
  return started;
}

const newestOfLease = ({ parts }: Context) => newestEvent(parts.client, REACTOR_LEASE);

const holderNow = async (context: Context): Promise<string | undefined> =>
  ((await newestOfLease(context))?.data as { holder: string } | undefined)?.holder;

/** Orders that nobody drives but a reactor, two seconds after they were placed. */
async function placeOrders({ handler }: Context, count: number): Promise<void> {
  const storeId = randomUUID();
  await fillShelf({ handler }, storeId, ON_SHELF);
  const opened = { storeId, listingIds: [`${storeId}.s1`] };
  await Promise.all(Array.from({ length: count }, () => place({ handler }, [opened])));
}

/** Each step of a checkout, which happens to an order, a store order or a payment once. */
const STEPS = [
  'StockReserved',
  'SlotHeld',
  'CartCheckedOut',
  'OrderConfirmed',
  'SlotConfirmed',
  'StoreOrderSubmitted',
  'PaymentRequested',
];

/** What of checkouts has happened so far, as the log tells it. */
class Happened extends EventEmitter {
  /** By step and by what it happened to: how often. */
  readonly #times = new Map<string, number>();
  readonly #events;

  constructor(client: EventStore) {
    super();
    this.#events = client.subscribeToAll();
    this.#events.on('data', ({ event }) => {
      if (!event || !STEPS.includes(event.type)) return;
      const { storeOrderId } = event.data as { storeOrderId?: string };
      const what = `${event.type} ${storeOrderId ?? event.streamId}`;
      this.#times.set(what, (this.#times.get(what) ?? 0) + 1);
      this.emit('step');
    });
  }

  stop = () => this.#events.unsubscribe();

  /** Resolves when the first order is confirmed: of many, the others are half way then. */
  async begun(): Promise<void> {
    const isConfirmed = (what: string) => what.startsWith('OrderConfirmed');
    while (![...this.#times.keys()].some(isConfirmed)) await once(this, 'step');
  }

  /** Resolves when so many orders have gone all the way. */
  async done(orders: number): Promise<void> {
    while (this.#times.size < STEPS.length * orders) await once(this, 'step');
  }

  /** That so many orders have, each step of them once. */
  assertOnce(orders: number): void {
    assert.is(this.#times.size, STEPS.length * orders);
    assert.equal(
      [...this.#times].filter(([, times]) => times !== 1),
      [],
    );
  }
}

test('of three reactors one works, and what it leaves undone when it is killed is done within 5 s, once', async (context) => {
  const { happened } = context;
  const reactors = ['a', 'b', 'c'].map((id) => startReactor(context, id));
  await Promise.race(reactors.map((one) => one.says(HELD)));
  await placeOrders(context, ORDERS);
  await happened.begun();
  const working = reactors.filter((one) => one.hasSaid(HELD));
  assert.is(working.length, 1);
  await working[0]!.kill('SIGKILL');
  const diedMs = performance.now();
  await happened.done(ORDERS);
  const tookMs = performance.now() - diedMs;
  within(DONE_WITHIN_MS, tookMs, 'what a killed reactor left undone is done');
  happened.assertOnce(ORDERS);
  assert.is(reactors.filter((one) => one.hasSaid(HELD)).length, 2);
});

test('a reactor that was frozen finds that it lost the lease, and does nothing twice', async (context) => {
  const { happened } = context;
  const frozen = startReactor(context, 'frozen');
  await frozen.says(HELD);
  const other = startReactor(context, 'other');
  await placeOrders(context, ORDERS);
  await happened.begun();
  await frozen.kill('SIGSTOP');
  await other.says(HELD);
  await happened.done(ORDERS);
  await frozen.kill('SIGCONT');
  await frozen.says(LOST);
  assert.is(await holderNow(context), 'other');
  // It waits as any other does: the next tasks are the other's, and then its own.
  await placeOrders(context, 1);
  await happened.done(ORDERS + 1);
  assert.is(await holderNow(context), 'other');
  await other.kill('SIGKILL');
  await placeOrders(context, 1);
  await happened.done(ORDERS + 2);
  assert.is(await holderNow(context), 'frozen');
  happened.assertOnce(ORDERS + 2);
});

test('a reactor that is started again takes over from itself at once, and writes nothing meanwhile', async (context) => {
  const { happened } = context;
  const first = startReactor(context, 'here');
  await first.says(HELD);
  await placeOrders(context, 1);
  await happened.done(1);
  await first.kill('SIGKILL');
  await startReactor(context, 'here').says(HELD);
  // Nobody was asked: the two have taken it, one after the other.
  assert.is((await newestOfLease(context))!.revision, 1n);
});

test('a reactor that is stopped gives the lease back', async (context) => {
  const first = startReactor(context, 'first');
  await first.says(HELD);
  await first.kill('SIGTERM');
  assert.is((await newestOfLease(context))!.type, 'ReactorLeaseReleased');
  await startReactor(context, 'second').says(HELD);
  assert.is((await newestOfLease(context))!.revision, 2n);
});

test('what starts while no node of the event store is there waits for one', async (context) => {
  const { parts, processes } = context;
  const direct = new URL(parts.eventStoreUrl.replace('esdb:', 'http:'));
  const cluster = await startCluster(Number(direct.port));
  parts.cleanup.add(() => cluster.close());
  for (const node of cluster.nodes) node.die();
  const reactor = startReactor(context, 'here', cluster.url);
  const url = `http://127.0.0.1:${await freePort()}`;
  const urls = { EVENT_STORE_URL: cluster.url, VAULT_URL: parts.vaultUrl };
  const env = { ...SECRETS, ...urls, PUBLIC_URL: url, READ_API_URL: url, PORT: new URL(url).port };
  const writeApi = new RoomProcess('write-api/main.ts', env);
  processes.push(writeApi);
  await writeApi.says('listening');
  const open = () => openCart(`${url}/api/write/carts`);
  assert.is((await open()).status, 503);
  await reactor.says('the lease could not be looked at');
  for (const node of cluster.nodes) await node.revive();
  await reactor.says(HELD);
  await untilSo(async () => (await open()).status === 201, 'a command is taken');
});

test('a reactor that loses the event store at its first step begins anew', async ({ parts }) => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const tries = [new AppendOutcomeUnknown(undefined), lost('The event store does not answer.')];
  const work = async () => {
    const error = tries.shift();
    if (error) throw error;
    stopping.abort();
  };
  const log = createLog('test', 'silent');
  await underLease({ client: parts.client, holder: 'here', log, signal, work });
  assert.is(tries.length, 0);
  assert.ok(signal.aborted);
});

test('neither more write-apis nor more reactors read more of the log', async (context) => {
  const { parts, happened, processes } = context;
  const proxy = await startCountingProxy(parts.eventStoreUrl);
  parts.cleanup.add(() => proxy.stop());
  const startWriteApi = async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const PORT = new URL(url).port;
    const urls = {
      EVENT_STORE_URL: proxy.url,
      VAULT_URL: parts.vaultUrl,
      PUBLIC_URL: url,
      READ_API_URL: url,
    };
    const started = new RoomProcess('write-api/main.ts', { ...SECRETS, ...urls, PORT });
    processes.push(started);
    await started.says('listening');
    return `${url}/api/write/carts`;
  };
  const payments = paymentPorts(context.handler);
  const drivers = { handler: context.handler, payments, now: wallClock };
  const { subscribedTypes } = reactions({ client: parts.client, drivers });
  const isFollowed = (type = '') => subscribedTypes.some((prefix) => type.startsWith(prefix));
  const followed = async () => {
    let events = 0;
    for await (const { event } of parts.client.readAll()) if (isFollowed(event?.type)) events += 1;
    return events;
  };
  /** Lets each take a command, and orders be finished; then each event was delivered once. */
  const work = async (writeApis: string[], orders: number) => {
    const before = { events: await followed(), delivered: proxy.counts.delivered };
    for (const url of writeApis) assert.is((await openCart(url)).status, 201);
    await placeOrders(context, 3);
    await happened.done(orders);
    const since = (await followed()) - before.events;
    await proxy.counts.reach(before.delivered + since);
    assert.is(proxy.counts.delivered - before.delivered, since);
    assert.is(proxy.counts.subscriptions, 1, 'one reactor follows the log, and nobody else');
  };
  await startReactor(context, 'a', proxy.url).says(HELD);
  const writeApis = [await startWriteApi()];
  await work(writeApis, 3);

  for (const id of ['b', 'c']) await startReactor(context, id, proxy.url).says(WAITS);
  writeApis.push(...(await Promise.all([startWriteApi(), startWriteApi(), startWriteApi()])));
  await work(writeApis, 6);
});

test.run();
