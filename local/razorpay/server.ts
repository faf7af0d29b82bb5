import { createHmac } from 'node:crypto';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { READY_PATH } from '../../platform/system.ts';
import {
  MIN_PAISE,
  newId,
  nowSeconds,
  openEntities,
  Refused,
  type Capture,
  type Dispute,
  type Entities,
  type Notes,
  type Order,
  type Payment,
  type Refund,
  type Reversal,
  type Transfer,
} from './entities.ts';
import { createTransfers, type AskedTransfer } from './transfers.ts';

/** Tries to deliver a webhook; Razorpay itself tries for a day. */
const MAX_DELIVERIES = 8;
const FIRST_RETRY_MS = 250;
const DELIVERY_TIMEOUT_MS = 5_000;

/** How long, in minutes, a payment may take to be authorised and is still captured by itself. */
const MIN_CAPTURE_MINUTES = 12;
const MAX_CAPTURE_MINUTES = 30 * 24 * 60;

/** A webhook as it goes over the wire. */
export type Webhook = { eventId: string; event: string; body: string; signature: string };

export type RazorpayOptions = {
  keyId: string;
  keySecret: string;
  webhookSecret: string;
  /** Where webhooks go. */
  webhookUrl: () => string;
  host?: string;
  port?: number;
  /** A file that keeps everything, or `:memory:`. */
  file?: string;
};

export type RazorpayServer = Awaited<ReturnType<typeof startRazorpay>>;

/**
 * Razorpay's HTTP API on one machine: orders, payments, refunds, what goes to linked accounts, signed
 * webhooks, and the page where people pay, with buttons instead of a bank. Moves no money.
 * Resolves when it listens.
 */
export async function startRazorpay(options: RazorpayOptions) {
  const entities = openEntities(options.file ?? ':memory:');
  const webhooks = createWebhooks(options);
  const transfers = createTransfers(entities, webhooks);
  const refunds = createRefunds(entities, webhooks, transfers);
  const disputes = createDisputes(entities, webhooks);

  /** A try to pay an order; resolves when it is known here, whoever is told of it when. */
  function pay(orderId: string, { fails = false } = {}): Payment {
    const order = entities.find<Order>(orderId);
    const isCaptured = !fails && order.payment?.capture === 'automatic';
    const status = fails ? 'failed' : isCaptured ? 'captured' : 'authorized';
    const payment: Payment = {
      id: newId('pay'),
      entity: 'payment',
      amount: order.amount,
      amount_refunded: 0,
      currency: 'INR',
      order_id: orderId,
      status,
      captured: isCaptured,
      error_description: fails ? 'The bank declined the payment' : null,
      created_at: nowSeconds(),
    };
    const paid: Order = isCaptured
      ? { ...order, status: 'paid', amount_paid: order.amount }
      : { ...order, status: 'attempted' };
    entities.save(payment, orderId);
    entities.save(paid);
    const payload = { payment: { entity: payment } };
    webhooks.tell(`payment.${status}`, payload);
    if (isCaptured) webhooks.tell('order.paid', { ...payload, order: { entity: paid } });
    if (isCaptured && order.status !== 'paid') transfers.make(order.id);
    return payment;
  }

  const app = fastify();
  // What the API refuses and what a browser posts.
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof Refused ? error.status : 400;
    const description = error instanceof Error ? error.message : String(error);
    return reply.code(status).send({ error: { code: 'BAD_REQUEST_ERROR', description } });
  });
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    async (_request: FastifyRequest, body: string) => Object.fromEntries(new URLSearchParams(body)),
  );
  let isAway = (_path: string): boolean => false;
  app.addHook('onRequest', async (request) => {
    if (isAway(request.url)) throw new Refused(503, 'The gateway is away');
  });
  app.get(READY_PATH, async () => ({ ok: true }));
  apiRoutes(app, options, { entities, refunds, transfers });
  pageRoutes(app, entities, pay);
  const url = await app.listen({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 });

  return {
    url,
    pay,
    webhooks,
    /** While it is away, it answers nobody, or nobody who asks for such an address. */
    setAway: (away: boolean | RegExp) => {
      isAway = typeof away === 'boolean' ? () => away : (path) => away.test(path);
    },
    refunds,
    disputes,
    transfers,
    async close(): Promise<void> {
      webhooks.stop();
      await app.close();
      entities.close();
    },
  };
}

type Webhooks = ReturnType<typeof createWebhooks>;

/** Signs webhooks and delivers each until it is taken, or keeps them for a test to send. */
function createWebhooks({ webhookSecret, webhookUrl }: RazorpayOptions) {
  const stopping = new AbortController();
  const held: Webhook[] = [];
  let holding = false;

  /** Resolves to the status of the answer. */
  async function send({ eventId, body, signature }: Webhook): Promise<number> {
    const response = await fetch(webhookUrl(), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-razorpay-signature': signature,
        'x-razorpay-event-id': eventId,
      },
      body,
      signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(DELIVERY_TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    return response.status;
  }

  async function deliver(webhook: Webhook, tries = 1): Promise<void> {
    const taken = await send(webhook).then(
      (status) => status < 300,
      () => false,
    );
    if (taken || tries === MAX_DELIVERIES || stopping.signal.aborted) return;
    const again = () => void deliver(webhook, tries + 1);
    setTimeout(again, FIRST_RETRY_MS * 2 ** tries).unref();
  }

  const sign = (event: string, payload: object, createdAt = nowSeconds()): Webhook => {
    const contains = Object.keys(payload);
    const body = JSON.stringify({
      entity: 'event',
      event,
      contains,
      payload,
      created_at: createdAt,
    });
    const signature = createHmac('sha256', webhookSecret).update(body).digest('hex');
    return { eventId: newId('evt'), event, body, signature };
  };

  return {
    held,
    send,
    sign,
    /** From now on webhooks wait in `held`. */
    hold: () => void (holding = true),
    /** What is in `held` is never delivered. */
    release(): void {
      holding = false;
      held.length = 0;
    },
    tell(event: string, payload: object): void {
      const webhook = sign(event, payload);
      if (holding) held.push(webhook);
      else void deliver(webhook);
    },
    stop: () => stopping.abort(),
  };
}

/** Takes back from the linked accounts what a refund takes. */
type ReverseAll = { reverse_all?: boolean | 0 | 1 };

type Transfers = ReturnType<typeof createTransfers>;
type Refunds = ReturnType<typeof createRefunds>;

/** Money that goes back: at once, or when a test says so. */
function createRefunds(entities: Entities, webhooks: Webhooks, transfers: Transfers) {
  let pending = false;
  const save = (refund: Refund, key: string | null = null) => {
    entities.save(refund, refund.payment_id, key);
    const event = refund.status === 'pending' ? 'created' : refund.status;
    webhooks.tell(`refund.${event}`, { refund: { entity: refund } });
    return refund;
  };
  return {
    of: (paymentId: string) =>
      entities.under<Refund | Dispute>(paymentId).filter((one) => one.entity === 'refund'),
    /** Throws `Refused`. */
    make(paymentId: string, asked: Partial<Refund> & ReverseAll, key: string | null): Refund {
      const made = key === null ? undefined : entities.made<Refund>(key);
      if (made) return made;
      const payment = entities.find<Payment>(paymentId);
      const { amount = payment.amount, receipt = null, notes = {} } = asked;
      const refunded = payment.amount_refunded + amount;
      if (!payment.captured || refunded > payment.amount || amount < MIN_PAISE) {
        throw new Refused(400, 'The refund amount is not allowed for this payment');
      }
      if (asked.reverse_all) transfers.reverseFor(payment.order_id, amount, payment.amount);
      entities.save({ ...payment, amount_refunded: refunded }, payment.order_id);
      const kind = { id: newId('rfnd'), entity: 'refund', amount, payment_id: paymentId } as const;
      const status = pending ? 'pending' : 'processed';
      return save({ ...kind, receipt, notes, status, created_at: nowSeconds() }, key);
    },
    /** From now on refunds wait, or no longer do. */
    wait: (waits: boolean) => void (pending = waits),
    end: (id: string, status: 'processed' | 'failed') =>
      save({ ...entities.find<Refund>(id), status }),
  };
}

/** Money that a bank takes back: while it is in dispute the shop does not have it. */
function createDisputes(entities: Entities, webhooks: Webhooks) {
  const save = (dispute: Dispute, event: string) => {
    entities.save(dispute, dispute.payment_id);
    const payment = entities.find<Payment>(dispute.payment_id);
    const payload = { payment: { entity: payment }, dispute: { entity: dispute } };
    webhooks.tell(`payment.dispute.${event}`, payload);
    return dispute;
  };
  /** What is in dispute cannot be refunded, and what was lost is gone. */
  const hold = (paymentId: string, paise: number) => {
    const payment = entities.find<Payment>(paymentId);
    const amount_refunded = payment.amount_refunded + paise;
    entities.save({ ...payment, amount_refunded }, payment.order_id);
  };
  return {
    open(paymentId: string, amount: number): Dispute {
      hold(paymentId, amount);
      const kind = { id: newId('disp'), entity: 'dispute', currency: 'INR' } as const;
      const about = { payment_id: paymentId, amount, amount_deducted: 0, created_at: nowSeconds() };
      return save({ ...kind, ...about, status: 'open' }, 'created');
    },
    end(id: string, status: 'won' | 'lost'): Dispute {
      const dispute = entities.find<Dispute>(id);
      const { amount, payment_id: paymentId } = dispute;
      if (status === 'won') hold(paymentId, -amount);
      return save({ ...dispute, status, amount_deducted: status === 'lost' ? amount : 0 }, status);
    },
  };
}

function isCapture({ capture, capture_options: options }: Capture): boolean {
  const minutes = options?.automatic_expiry_period ?? 0;
  if (capture !== 'automatic') return capture === 'manual';
  return (
    Number.isInteger(minutes) && minutes >= MIN_CAPTURE_MINUTES && minutes <= MAX_CAPTURE_MINUTES
  );
}

type NewOrder = Pick<Order, 'amount' | 'currency'> &
  Partial<Order> & { transfers?: AskedTransfer[] };

function apiRoutes(
  app: FastifyInstance,
  { keyId, keySecret }: RazorpayOptions,
  { entities, refunds, transfers }: { entities: Entities; refunds: Refunds; transfers: Transfers },
): void {
  const right = `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}`;
  const assertKeys = ({ headers }: FastifyRequest) => {
    if (headers.authorization !== right) throw new Refused(401, 'Authentication failed');
  };

  app.register(async (api) => {
    api.addHook('onRequest', async (request) => assertKeys(request));

    api.post<{ Body: NewOrder }>(
      '/v1/orders',
      async ({
        body: { amount, currency, receipt = null, notes = {}, payment = null, ...asked },
      }) => {
        const isRight = Number.isInteger(amount) && amount >= MIN_PAISE && currency === 'INR';
        if (!isRight) throw new Refused(400, 'Order amount less than minimum amount allowed');
        if (payment && !isCapture(payment)) {
          throw new Refused(400, 'The payment capture settings are invalid');
        }
        const made = { id: newId('order'), entity: 'order', status: 'created' } as const;
        const rest = { amount, amount_paid: 0, currency, receipt, notes, payment };
        const order: Order = { ...made, ...rest, created_at: nowSeconds() };
        transfers.assertPossible(amount, asked.transfers);
        entities.save(order);
        return { ...order, transfers: transfers.prepare(order, asked.transfers) };
      },
    );
    api.get<{ Params: { id: string }; Querystring: { 'expand[]'?: string } }>(
      '/v1/orders/:id',
      async ({ params, query }) => {
        const order = entities.find<Order>(params.id);
        if (query['expand[]'] !== 'transfers') return order;
        const items = transfers.of(order.id);
        return { ...order, transfers: { entity: 'collection', count: items.length, items } };
      },
    );
    api.post<{ Params: { id: string }; Body: { amount?: number; notes?: Notes } }>(
      '/v1/transfers/:id/reversals',
      async ({ params, body }) => transfers.reverse(params.id, body.amount, body.notes),
    );
    api.post<{ Body: AskedTransfer }>('/v1/transfers', async ({ body, headers }) => {
      const key = headers['x-transfer-idempotency'];
      return transfers.send(body, typeof key === 'string' ? key : null);
    });
    api.get<{ Params: { id: string } }>('/v1/transfers/:id/reversals', async ({ params }) => {
      const items = entities.under<Reversal>(entities.find(params.id).id);
      return { entity: 'collection', count: items.length, items };
    });
    api.get<{ Params: { id: string } }>('/v1/orders/:id/payments', async ({ params }) => {
      const items = entities
        .under<Payment | Transfer>(entities.find(params.id).id)
        .filter((one) => one.entity === 'payment');
      return { entity: 'collection', count: items.length, items };
    });
    api.post<{ Params: { id: string }; Body: Partial<Refund> }>(
      '/v1/payments/:id/refund',
      async ({ params, body, headers }) => {
        const key = headers['x-refund-idempotency'];
        return refunds.make(params.id, body, typeof key === 'string' ? key : null);
      },
    );
    api.get<{ Params: { id: string } }>('/v1/payments/:id/refunds', async ({ params }) => {
      const items = refunds.of(entities.find<Payment>(params.id).id);
      return { entity: 'collection', count: items.length, items };
    });
    api.get<{ Params: { kind: string; id: string } }>('/v1/:kind/:id', async ({ params }) =>
      entities.find(params.id),
    );
    api.get('/v1/disputes', async () => {
      const items = entities.all<Dispute>('dispute');
      return { entity: 'collection', count: items.length, items };
    });
  });
}

/** Razorpay's hosted page, as far as it can be without a bank. */
function pageRoutes(
  app: FastifyInstance,
  entities: Entities,
  pay: (orderId: string, how: { fails: boolean }) => Payment,
): void {
  app.post<{ Body: Notes }>('/v1/checkout/embedded', async ({ body }, reply) => {
    const { order_id: orderId = '', callback_url: callbackUrl = '' } = body;
    const { amount } = entities.find<Order>(orderId);
    const rupees = (amount / 100).toLocaleString('en-IN', { style: 'currency', currency: 'INR' });
    return reply.type('text/html; charset=utf-8').send(page(orderId, callbackUrl, rupees));
  });

  app.post<{ Params: { orderId: string }; Body: Notes }>(
    '/test/orders/:orderId/payments',
    async ({ params, body }, reply) => {
      pay(params.orderId, { fails: body.outcome === 'fails' });
      // The browser posts on to whoever asked for the payment.
      return reply.redirect(body.callback_url!, 307);
    },
  );
}

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const page = (orderId: string, callbackUrl: string, rupees: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Test payment</title>
<style>
  body { max-width: 360px; margin: 15vh auto; padding: 16px; font: 18px/1.5 system-ui; }
  button { display: block; width: 100%; min-height: 48px; margin-top: 16px; font: inherit; }
</style>
<h1>Test payment</h1>
<p>No bank takes part in this, and no money moves.</p>
<form method="post" action="/test/orders/${escaped(orderId)}/payments">
  <input type="hidden" name="callback_url" value="${escaped(callbackUrl)}">
  <button name="outcome" value="succeeds">Pay ${escaped(rupees)} (test)</button>
  <button name="outcome" value="fails">Let it fail</button>
</form>
</html>`;
