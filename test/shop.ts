import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BACKWARDS, END } from '@eventstore/db-client';
import pg from 'pg';
import { storeOrder } from '../domain/fulfilment/store-order.ts';
import {
  connectEventStore,
  isEnginesOwn,
  isSystemEvent,
  type EventStore,
} from '../platform/event-store.ts';
import { linkedAccountOf } from '../local/razorpay/transfers.ts';
import { createLog, type Logger } from '../platform/log.ts';
import { Sessions } from '../platform/session.ts';
import { codeOf, sign } from '../platform/signature.ts';
import { createPool } from '../platform/postgres.ts';
import { openVault } from '../platform/vault.ts';
import { PROJECTIONS, isOurs } from '../projector/app.ts';
import { runProjector } from '../engine/projections/run.ts';
import { createReadApi } from '../read-api/app.ts';
import { Projected } from '../engine/reading/projected.ts';
import { createWriteApi } from '../write-api/app.ts';
import { DECIDERS } from '../domain/deciders.ts';
import { upcasterOf } from '../engine/upcast.ts';
import { idOfCreation } from '../engine/commands/context.ts';
import { createHandler } from '../engine/commands/handle.ts';
import { reactions } from '../write-api/reactions.ts';
import { paymentPorts } from '../write-api/payment-ports.ts';
import { connectRazorpay } from '../write-api/razorpay-gateway.ts';
import { underLease } from '../engine/processes/lease.ts';
import { runReactor } from '../engine/processes/reactor.ts';
import { startEventStore } from '../event-store/server.ts';
import { startPostgres } from '../local/postgres.ts';
import { startRazorpay } from '../local/razorpay/server.ts';
import { headersOfGuest, SESSION_SECRET } from './session.ts';
import { STUCK_MS } from './until-so.ts';
import { wallClock } from './clock.ts';

/** Set by the test runner: a Postgres for all test files, where each makes databases of its own. */
export const TEST_POSTGRES_URL = 'TEST_POSTGRES_URL';

const MAX_READS = 60;

/** Undone in reverse order, all of it even when something fails. */
class Cleanup {
  #steps: (() => Promise<unknown>)[] = [];
  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.toReversed()) {
      await step().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'could not clean up');
  }
}

/** An empty folder that `cleanup` removes. */
async function temporaryFolder(cleanup: Cleanup): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'doorstep-test-'));
  cleanup.add(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A new database on the run's Postgres, or on one of its own where a file is run by hand. */
async function newDatabases(cleanup: Cleanup, count: number): Promise<string[]> {
  let base = process.env[TEST_POSTGRES_URL];
  if (!base) {
    const postgres = await startPostgres({ dir: await temporaryFolder(cleanup), disposable: true });
    cleanup.add(() => postgres.stop());
    base = postgres.url('postgres');
  }
  const admin = new pg.Client({ connectionString: base });
  await admin.connect();
  const urls: string[] = [];
  for (let i = 0; i < count; i++) {
    const name = `test_${randomBytes(6).toString('hex')}`;
    await admin.query(`create database ${name} strategy file_copy`);
    const url = new URL(base);
    url.pathname = `/${name}`;
    urls.push(url.href);
  }
  cleanup.add(async () => {
    for (const url of urls) {
      await admin.query(`drop database if exists ${new URL(url).pathname.slice(1)} with (force)`);
    }
    await admin.end();
  });
  return urls;
}

export type Parts = Awaited<ReturnType<typeof startParts>>;

/** The real parts of a test: an event store with a client, and two databases, all empty. */
export async function startParts() {
  const cleanup = new Cleanup();
  const [databaseUrl, vaultUrl] = await newDatabases(cleanup, 2);
  const store = await startEventStore({ dir: await temporaryFolder(cleanup) });
  cleanup.add(() => store.close());
  const client = connectEventStore(store.url, upcasterOf(DECIDERS));
  cleanup.add(() => client.dispose());
  return {
    client,
    eventStoreUrl: store.url,
    databaseUrl: databaseUrl!,
    vaultUrl: vaultUrl!,
    cleanup,
    stop: () => cleanup.run(),
  };
}

export type Answer<T> = { status: number; headers: Headers; body: T; position: string | null };

export type Shop = Awaited<ReturnType<typeof startShop>>;

/** What a shop of the tests is run with, by the names of the environment's variables. */
export type Secrets = Record<
  | `RAZORPAY_${'KEY_ID' | 'KEY_SECRET' | 'WEBHOOK_SECRET'}`
  | `${'VAULT' | 'STORE_PASS' | 'QUOTE' | 'DELIVERY_CODE' | 'UPI_WEBHOOK'}_SECRET`
  | 'SESSION_SECRETS',
  string
>;

const SECRETS: Secrets = {
  VAULT_SECRET: 'a secret of the tests, 32 or more',
  STORE_PASS_SECRET: 'another-secret-of-the-tests-32-or-more',
  QUOTE_SECRET: 'a third secret of the tests, 32 or more',
  DELIVERY_CODE_SECRET: 'a fourth secret of the tests, 32 or more',
  SESSION_SECRETS: SESSION_SECRET,
  UPI_WEBHOOK_SECRET: 'a fifth secret of the tests, 32 or more',
  RAZORPAY_KEY_ID: 'rzp_test',
  RAZORPAY_KEY_SECRET: 'key secret',
  RAZORPAY_WEBHOOK_SECRET: 'webhook secret',
};

type ShopOptions = {
  /** The time by which routes judge. */
  now?: () => Date;
  /** With what is in them already; ended with the shop. */
  parts?: Parts;
  secrets?: Secrets;
  /** What the gateway knows already; see `RazorpayOptions`. */
  gatewayFile?: string;
  /** The way to the gateway, given its address. */
  toGateway?: (url: string) => Promise<string>;
  log?: Logger;
};

/**
 * The whole line in this process, over real HTTP: write-api with its reactor, projector, read-api,
 * on a real event store and a real Postgres.
 */
export async function startShop({
  now = wallClock,
  parts,
  secrets: given = SECRETS,
  gatewayFile = ':memory:',
  toGateway = async (url) => url,
  log = createLog('test', process.env.LOG_LEVEL ?? 'silent'),
}: ShopOptions = {}) {
  const { client, cleanup, eventStoreUrl, databaseUrl, vaultUrl } = parts ?? (await startParts());
  const pool = createPool(databaseUrl, log);
  const vaultPool = createPool(vaultUrl, log, { max: 4 });
  cleanup.add(() => pool.end());
  cleanup.add(() => vaultPool.end());
  const stopping = new AbortController();
  const { signal } = stopping;
  const vault = await openVault(vaultPool, given.VAULT_SECRET);
  const handler = createHandler(client, log, wallClock);
  let writeUrl = '';
  const keys = {
    keyId: given.RAZORPAY_KEY_ID,
    keySecret: given.RAZORPAY_KEY_SECRET,
    webhookSecret: given.RAZORPAY_WEBHOOK_SECRET,
  };
  const webhookUrl = () => `${writeUrl}/api/write/razorpay/webhooks`;
  const gateway = await startRazorpay({ ...keys, webhookUrl, file: gatewayFile });
  cleanup.add(() => gateway.close());
  const gatewayUrl = await toGateway(gateway.url);
  const here = { url: gatewayUrl, publicUrl: 'http://shop.test' };
  const razorpay = connectRazorpay({ ...keys, ...here });
  const payments = paymentPorts(handler, razorpay);
  const drivers = { handler, payments, now: wallClock };
  const reactor = underLease({
    client,
    holder: 'test',
    log,
    signal,
    work: (term) => runReactor({ client, reactions: reactions({ client, drivers }), log, ...term }),
  });
  const projector = runProjector({ client, pool, log, signal, projections: PROJECTIONS, isOurs });
  cleanup.add(async () => {
    stopping.abort();
    await Promise.all([reactor, projector]);
  });
  const projected = new Projected(databaseUrl, pool, log);
  await projected.start();
  cleanup.add(() => projected.stop());
  const storePassSecret = given.STORE_PASS_SECRET;
  const quoteSecret = given.QUOTE_SECRET;
  const deliveryCodeSecret = given.DELIVERY_CODE_SECRET;
  const upiWebhookSecret = given.UPI_WEBHOOK_SECRET;
  const sessions = new Sessions(given.SESSION_SECRETS, now);
  const secrets = { storePassSecret, quoteSecret, deliveryCodeSecret, upiWebhookSecret, sessions };
  let readUrl = '';
  const readApiUrl = () => readUrl;
  const services = {
    client,
    handler,
    vault,
    ...secrets,
    readApiUrl,
    publicUrl: 'http://shop.test',
    payments,
    razorpay,
    log,
    now,
  };
  const writeApi = await createWriteApi(services);
  const readApi = await createReadApi({ pool, projected, vault, ...secrets, log, now });
  writeUrl = await writeApi.listen({ port: 0, host: '127.0.0.1' });
  readUrl = await readApi.listen({ port: 0, host: '127.0.0.1' });
  cleanup.add(() => writeApi.close());
  cleanup.add(() => readApi.close());

  /** Of the newest command. */
  let newest: string | null = null;

  async function send<T>(url: string, init: RequestInit): Promise<Answer<T>> {
    const response = await fetch(url, init);
    const text = await response.text();
    const { status, headers } = response;
    const body = (text ? JSON.parse(text) : null) as T;
    return { status, headers, body, position: headers.get('doorstep-position') };
  }

  async function sendCommand<T>(path: string, init: RequestInit): Promise<Answer<T>> {
    const answer = await send<T>(`${writeUrl}/api/write${path}`, init);
    newest = answer.position ?? newest;
    return answer;
  }

  const asShop = (storeId: string) => ({
    authorization: `Bearer ${sign(storePassSecret, storeId)}`,
  });

  /** What the browser of another guest sends. */
  const newShopper = () => headersOfGuest(randomUUID(), given.SESSION_SECRETS);
  const shopper = newShopper();
  const guest = sessions.actorOf(shopper);

  /** Those of whoever may: a shop at its own addresses, and at those of its orders; the shopper. */
  async function headersOf(path: string): Promise<Record<string, string>> {
    const [, room, id] = /^\/(stores|store-orders)\/([^/?]+)/.exec(path) ?? [];
    if (!room || !id) return shopper;
    if (room === 'stores') return asShop(id);
    const { storeId } = await handler.load(storeOrder, id, { fresh: true });
    return storeId === '' ? {} : asShop(storeId);
  }

  return {
    client,
    pool,
    log,
    handler,
    payments,
    now,
    /** Who takes cards and UPI. */
    gateway,
    razorpay,
    writeUrl: `${writeUrl}/api/write`,
    readUrl: `${readUrl}/api/read`,
    databaseUrl,
    eventStoreUrl,
    upiWebhookSecret,
    storePassSecret,
    secrets: given,
    /** The headers of the shopper who sends and reads what is no shop's, where no other are given. */
    shopper,
    /** The same, as events name them. */
    guest,
    newShopper,
    passOf: (storeId: string) => sign(storePassSecret, storeId),
    /** Of the order that the shopper places under a key. */
    orderIdOf: (commandId: string) => idOfCreation('order', { actor: guest, commandId }),
    /** The headers of what a shop's own staff send. */
    asShop,
    codeOf: (storeOrderId: string) => codeOf(deliveryCodeSecret, storeOrderId),

    /** Sends a command, in the name of whoever may: a shop or the shopper; `body` as JSON. */
    write: async <T = Record<string, unknown>>(
      method: string,
      path: string,
      body?: unknown,
      headers: Record<string, string> = {},
    ) =>
      sendCommand<T>(path, {
        method,
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(await headersOf(path)),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),

    /** Sends a price list; `query` is how it is to be read, of which `map` may come alone. */
    importCsv: <T = Record<string, unknown>>(
      storeId: string,
      csv: string | ReadableStream | Uint8Array<ArrayBuffer>,
      query: string | Record<string, string> = {},
    ) =>
      sendCommand<T>(`/stores/${storeId}/imports${queryOf(query)}`, {
        method: 'POST',
        headers: { 'content-type': 'text/csv', ...asShop(storeId) },
        body: csv,
        duplex: 'half',
      }),

    /** Reads; with the position of a command, what that command did, as soon as it is to be read. */
    read: async <T = Record<string, unknown>>(
      path: string,
      position?: string | null,
      headers: Record<string, string> = {},
    ): Promise<Answer<T>> => {
      const wanted = {
        ...(position && { 'doorstep-position': position }),
        ...(await headersOf(path)),
        ...headers,
      };
      for (let tries = 1; ; tries++) {
        const answer = await send<T>(`${readUrl}/api/read${path}`, { headers: wanted });
        // On a busy machine it is not projected in the second that a read waits.
        if (!isNotYet(answer) || tries === MAX_READS) return answer;
      }
    },

    /** Follows a page live from the newest command on, as a browser does, until it is as wanted. */
    untilLive: async <T>(path: string, wanted: (page: T) => boolean) =>
      untilLive(`${readUrl}/api/read${path}/live`, wanted, newest, await headersOf(path)),

    stop: () => cleanup.run(),
  };
}

function queryOf(query: string | Record<string, string>): string {
  const search = new URLSearchParams(typeof query === 'string' ? { map: query } : query);
  return typeof query === 'string' && query === '' ? '' : `?${search.toString()}`;
}

const isNotYet = ({ status, body }: Answer<unknown>): boolean =>
  status === 503 && (body as { code?: string } | null)?.code === 'NOT_YET';

export async function untilLive<T>(
  url: string,
  wanted: (page: T) => boolean,
  position?: string | null,
  own: Record<string, string> = {},
): Promise<T> {
  const signal = AbortSignal.timeout(STUCK_MS);
  const headers = { ...own, ...(position && { 'doorstep-position': position }) };
  let response = await fetch(url, { signal, headers });
  // Not yet projected: it waited for a second.
  while (response.status === 503) response = await fetch(url, { signal, headers });
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const messages = text.split('\n\n');
    text = messages.pop()!;
    for (const message of messages) {
      const data = /^data: (.*)$/m.exec(message)?.[1];
      if (!data) continue;
      const page = JSON.parse(data) as T;
      if (wanted(page)) return page;
    }
  }
  throw new Error(`${url} ended: ${response.status} ${text}`);
}

/** A registered shop with a price list of `name,price` lines; its listings' ids, in that order. */
export async function openStore(shop: Shop, lines: string[] = ['Toor dal,120', 'Basmati,95.50']) {
  const store = { name: 'Test Kirana', city: 'Bengaluru', pincode: '560001' };
  const { body } = await shop.write<{ storeId: string }>('POST', '/stores', store);
  const account = linkedAccountOf(body.storeId);
  await shop.write('PUT', `/stores/${body.storeId}/linked-account`, { account });
  const rows = lines.map((line, index) => `s${index + 1},${line}`);
  const csv = ['sku,name,price', ...rows].join('\n');
  const imported = await shop.importCsv(body.storeId, csv);
  const listingIds = lines.map((_, index) => `${body.storeId}.s${index + 1}`);
  return { storeId: body.storeId, listingIds, position: imported.position };
}

/** The headers of whoever has neither a shop's pass nor a session. */
export const STRANGER = { authorization: '', cookie: '' };

/** Whom an order is for, as a shopper says it. */
export const recipient = {
  contact: { name: 'Asha Rao', phone: '+919876543210' },
  address: { line1: '12, 4th Cross', city: 'Bengaluru', pincode: '560001' },
};

/** Asks for a quote of a cart, and takes it: what an order says to accept it. */
export async function quoteCart(
  shop: Shop,
  cartId: string,
  delivery: object = {},
  headers: Record<string, string> = {},
): Promise<string> {
  const path = `/carts/${cartId}/quotes`;
  const wanted = { address: { pincode: '560001' }, ...delivery };
  const { status, body } = await shop.write<{ token: string }>('POST', path, wanted, headers);
  if (status !== 200) throw new Error(`no quote: ${JSON.stringify(body)}`);
  return body.token;
}

/**
 * The steps of a shop's work on a store order, in order. `pick` puts everything into the basket.
 */
export const STEPS = ['accept', 'pick', 'pack', 'dispatch', 'deliver'] as const;
export type StepName = (typeof STEPS)[number];

/** Takes steps of a store order's way to the door. Throws where one is refused. */
export async function work(
  shop: Shop,
  storeOrderId: string,
  steps: readonly StepName[] = STEPS,
): Promise<string | null> {
  let last: string | null = null;
  for (const step of steps) {
    const { status, body, position } = await takeStep(shop, storeOrderId, step);
    if (status !== 200) throw new Error(`${step}: ${JSON.stringify(body)}`);
    last = position;
  }
  return last;
}

/** Takes a step of a store order in the name of its shop. */
export async function takeAsShop<T = Record<string, unknown>>(
  shop: Shop,
  storeOrderId: string,
  step: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Answer<T>> {
  return shop.write<T>('POST', `/store-orders/${storeOrderId}/${step}`, body, headers);
}

async function takeStep(shop: Shop, storeOrderId: string, step: StepName) {
  const path = `/store-orders/${storeOrderId}`;
  if (step === 'deliver') {
    return shop.write('POST', `${path}/deliver`, { code: shop.codeOf(storeOrderId) });
  }
  if (step !== 'pick') return shop.write('POST', `${path}/${step}`);
  const { lines } = await shop.handler.load(storeOrder, storeOrderId, { fresh: true });
  const picks = lines.map((line) => {
    const quantity = line.quantity - line.reduced;
    const grams = line.gramsEach && line.gramsEach * quantity;
    return { listingId: line.listingId, quantity, ...(grams && { grams }) };
  });
  return shop.write('POST', `${path}/picks`, { lines: picks });
}

export const newKey = (): string => randomUUID();

/** More than what notes of the system can stand behind the newest event of a command. */
const NEWEST_EVENTS = 50;

/**
 * Position of the newest event that a command caused: what says that nothing happened stays as it
 * is while a reactor notes how far it has come.
 */
export async function headOfCommands(client: EventStore): Promise<bigint> {
  const newest = { direction: BACKWARDS, fromPosition: END, maxCount: NEWEST_EVENTS } as const;
  let head = 0n;
  for await (const { event } of client.readAll(newest)) {
    if (!event || isSystemEvent(event) || isEnginesOwn(event.streamId)) continue;
    if (head === 0n) head = event.position.commit;
  }
  return head;
}
