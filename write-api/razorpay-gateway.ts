import { orderNumber } from '../domain/ordering/order.ts';
import type { Payment, RefundElsewhere } from '../domain/money/payment.ts';
import { paymentNote } from '../wording/en/payments.ts';
import type { TransferCall } from '../domain/money/pay-shops.ts';
import type { ShopTransfer, TransferNews } from '../domain/money/transfer.ts';
import {
  GatewayRefused,
  GatewayUnavailable,
  unavailableMethod,
  type PaymentNews,
  type PaymentPort,
} from './payment-ports.ts';

/**
 * Of a whole call. A shopper who orders waits for it, and so does a webhook, which Razorpay gives up
 * after 5 s; what was done without an answer is found by its receipt when it is asked for again.
 */
const TIMEOUT_MS = 4_000;
/** Characters of an answer that are passed on. */
const MAX_TOLD = 300;
/**
 * The page of web to which whoever paid comes back. It names no order: a payment's id, which shops
 * read on their boards, must not lead to one. The browser knows its own.
 */
export const RETURN_PATH = '/payments/return';
/** Why a refund failed: Razorpay does not say more. */
export const FAILED_REFUND = 'refund.failed';
/**
 * Whatever is paid is captured at once, however the account is set up: what is only authorised goes
 * back to the shopper after some days. Minutes, as long as Razorpay asks banks for late answers.
 */
const CAPTURE = {
  capture: 'automatic',
  capture_options: {
    automatic_expiry_period: 7_200,
    manual_expiry_period: 7_200,
    refund_speed: 'normal',
  },
} as const;

/** It pays the shops as well. */
type RazorpayPort = PaymentPort & Required<Pick<PaymentPort, 'moveShares' | 'returnShare'>>;

type RazorpayKey = {
  /** Of the API and of the page where people pay; Razorpay's own is https://api.razorpay.com. */
  url: string;
  keyId: string;
  keySecret: string;
};

export type RazorpaySettings = RazorpayKey & {
  webhookSecret: string;
  /** The address that people type: where the browser comes back to. */
  publicUrl: string;
};

export type Razorpay = RazorpayPort & {
  webhookSecret: string;
  /** Where a browser posts which fields to pay. */
  checkoutOf: (
    paymentId: string,
    payment: Payment,
  ) => { url: string; fields: Record<string, string> };
  /** Our payment of an order of Razorpay's, and what happened to it; undefined where it is not ours. */
  lookUp: (
    gatewayOrderId: string,
  ) => Promise<{ paymentId: string; news: PaymentNews[] } | undefined>;
  /** A refund by what Razorpay calls it; undefined where there is none. */
  lookUpRefund: (externalId: string) => Promise<GatewayRefund | undefined>;
  /** A dispute, as money that goes back; undefined where there is none. */
  lookUpDispute: (externalId: string) => Promise<RefundElsewhere | undefined>;
  /** The order of Razorpay's that a payment of Razorpay's is for; undefined where there is none. */
  lookUpOrder: (externalId: string) => Promise<string | undefined>;
};

/**
 * Of the environment's variables; undefined where no key is set. Throws where one is and the rest
 * is not: payments would be taken that nobody hears of.
 */
export function razorpayFrom(
  env: Record<
    `RAZORPAY_${'URL' | 'KEY_ID' | 'KEY_SECRET' | 'WEBHOOK_SECRET'}` | 'PUBLIC_URL',
    string
  >,
): Razorpay | undefined {
  const keyId = env.RAZORPAY_KEY_ID;
  const keySecret = env.RAZORPAY_KEY_SECRET;
  const webhookSecret = env.RAZORPAY_WEBHOOK_SECRET;
  if (!keyId) return undefined;
  if (keySecret && webhookSecret) {
    const urls = { url: env.RAZORPAY_URL, publicUrl: env.PUBLIC_URL };
    return connectRazorpay({ ...urls, keyId, keySecret, webhookSecret });
  }
  throw new Error('RAZORPAY_KEY_ID also needs RAZORPAY_KEY_SECRET and RAZORPAY_WEBHOOK_SECRET');
}

/** What needs no more than the key: what is opened, given back and asked. */
export const razorpayPortFrom = (
  env: Record<`RAZORPAY_${'URL' | 'KEY_ID' | 'KEY_SECRET'}`, string>,
): PaymentPort | undefined => {
  const { RAZORPAY_URL: url, RAZORPAY_KEY_ID: keyId, RAZORPAY_KEY_SECRET: keySecret } = env;
  if (keyId && !keySecret) throw new Error('RAZORPAY_KEY_ID also needs RAZORPAY_KEY_SECRET');
  return keyId ? callRazorpay({ url, keyId, keySecret }) : undefined;
};

type GatewayPayment = {
  id: string;
  amount: number;
  status: 'created' | 'authorized' | 'captured' | 'refunded' | 'failed';
  error_description: string | null;
};

export type GatewayRefund = {
  id: string;
  payment_id: string;
  amount: number;
  /** Our `refundId`. */
  receipt: string | null;
  notes: { paymentId?: string; refundNumber?: number | string };
  status: 'pending' | 'processed' | 'failed';
};

/** What a bank takes back, or may. */
type Dispute = {
  id: string;
  payment_id: string;
  amount: number;
  /** What was taken in the end. */
  amount_deducted: number;
  status: 'open' | 'under_review' | 'won' | 'lost' | 'closed';
};

/**
 * A shop's share of an order, in its linked account; made when a payment of the order is captured
 * (https://razorpay.com/docs/api/payments/route/fetch-transfer-order).
 */
type GatewayTransfer = {
  id: string;
  recipient: string;
  amount: number;
  amount_reversed: number;
  notes: { storeOrderId?: string };
  status: 'created' | 'pending' | 'processed' | 'failed' | 'reversed' | 'partially_reversed';
};

/** As an order asks for it (https://razorpay.com/docs/api/payments/route/create-transfers-orders). */
const askedTransfer = ({ storeOrderId, account, amountPaise }: ShopTransfer) => ({
  account,
  amount: amountPaise,
  currency: 'INR',
  notes: { storeOrderId },
  // What the shop sees of it as well.
  linked_account_notes: ['storeOrderId'],
  on_hold: false,
});

const TRANSFER_STATUS: Record<GatewayTransfer['status'], TransferNews['status']> = {
  created: 'pending',
  pending: 'pending',
  processed: 'processed',
  failed: 'failed',
  reversed: 'processed',
  partially_reversed: 'processed',
};

/** Of one payment; as many as Razorpay tells at once. */
const MAX_REFUNDS = 100;
const MAX_DISPUTES = 100;

/** Whether it was asked for here: it says for which payment of ours. */
export const isOwnRefund = ({ notes }: GatewayRefund): boolean => Boolean(notes.paymentId);

export const elsewhereOf = ({
  id,
  payment_id,
  amount,
  status,
}: GatewayRefund): RefundElsewhere => ({
  externalId: payment_id,
  amountPaise: amount,
  givenAs: id,
  status,
});

/** While it is open the money may go back; one that was lost, or closed with a loss, went back. */
function disputeOf({ id, payment_id, amount, amount_deducted, status }: Dispute): RefundElsewhere {
  const isLost = status === 'lost' || (status === 'closed' && amount_deducted > 0);
  const isOpen = status === 'open' || status === 'under_review';
  return {
    externalId: payment_id,
    amountPaise: amount,
    givenAs: id,
    status: isOpen ? 'pending' : isLost ? 'processed' : 'failed',
  };
}

/** Statuses that say "not now"; of 401 and 403 a wrong key is the reason, and no payment. */
const RETRIED = new Set([401, 403, 408, 409, 425, 429]);

/** Razorpay's HTTP API (https://razorpay.com/docs/api), as far as we need it. */
export function connectRazorpay(settings: RazorpaySettings): Razorpay {
  const { url, keyId, webhookSecret, publicUrl } = settings;
  return {
    ...callRazorpay(settings),
    webhookSecret,

    checkoutOf(paymentId, { orderId, amountPaise, gatewayOrderId }) {
      const fields = {
        key_id: keyId,
        order_id: gatewayOrderId!,
        amount: `${amountPaise}`,
        currency: 'INR',
        name: 'Doorstep Groceries',
        description: paymentNote(orderNumber(orderId)),
        callback_url: new URL(`/api/write/payments/${paymentId}/razorpay-return`, publicUrl).href,
        cancel_url: new URL(RETURN_PATH, publicUrl).href,
      };
      return { url: new URL('/v1/checkout/embedded', url).href, fields };
    },
  };
}

function callRazorpay({
  url,
  keyId,
  keySecret,
}: RazorpayKey): Omit<Razorpay, 'webhookSecret' | 'checkoutOf'> {
  const authorization = `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}`;

  const opening = new Map<string, Promise<{ id: string }>>();
  /** The last look at an order's transfers that is under way. */
  const moving = new Map<string, Promise<TransferNews[]>>();

  async function call<T>(path: string, body?: object, headers: object = {}): Promise<T> {
    let response: Response;
    let text: string;
    let answer: T | undefined;
    try {
      response = await fetch(new URL(`/v1/${path}`, url), {
        method: body ? 'POST' : 'GET',
        headers: { authorization, 'content-type': 'application/json', ...headers },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body && { body: JSON.stringify(body) }),
      });
      text = await response.text();
      // A proxy's page with a 200 is no answer either.
      if (response.ok) answer = JSON.parse(text) as T;
    } catch (error) {
      throw new GatewayUnavailable('Razorpay does not answer', { cause: error });
    }
    if (answer !== undefined) return answer;
    const { status } = response;
    if (status < 500 && !RETRIED.has(status)) throw new GatewayRefused(descriptionOf(text));
    throw new GatewayUnavailable(`Razorpay answered ${status} to ${path}: ${textOf(text)}`);
  }

  /** Undefined where there is no such thing. */
  async function find<T>(path: string): Promise<T | undefined> {
    try {
      return await call<T>(path);
    } catch (error) {
      if (error instanceof GatewayRefused) return undefined;
      throw error;
    }
  }

  async function newsOfOrder(gatewayOrderId: string): Promise<PaymentNews[]> {
    const { items } = await call<{ items: GatewayPayment[] }>(`orders/${gatewayOrderId}/payments`);
    return items.flatMap(newsOf);
  }

  /** What goes back of a payment of Razorpay's and was not asked for here. */
  async function elsewhere(externalId: string, refunds: GatewayRefund[]) {
    const disputes = await find<{ items: Dispute[] }>(`disputes?count=${MAX_DISPUTES}`);
    const own = (disputes?.items ?? []).filter(({ payment_id: id }) => id === externalId);
    const others = refunds.filter((refund) => !isOwnRefund(refund)).map(elsewhereOf);
    return [...others, ...own.map(disputeOf)].filter(({ status }) => status !== 'failed');
  }

  async function move({ paymentId, gatewayOrderId, reverse }: TransferCall) {
    const path = `orders/${gatewayOrderId}?expand[]=transfers`;
    const { transfers } = await call<{ transfers?: { items: GatewayTransfer[] } }>(path);
    const news: TransferNews[] = [];
    for (const one of transfers?.items ?? []) {
      const { storeOrderId } = one.notes;
      if (!storeOrderId) continue;
      const wanted = reverse.find((share) => share.storeOrderId === storeOrderId);
      const notes = { paymentId, storeOrderId };
      const reversed = await reverseUpTo(one, wanted?.reversedPaise ?? 0, notes);
      const { id: externalId, recipient: account, amount: amountPaise } = one;
      const status = TRANSFER_STATUS[one.status];
      news.push({ storeOrderId, account, externalId, amountPaise, status, ...reversed });
    }
    return news;
  }

  /**
   * Takes back what is missing, by what came back so far: a reversal has no key of its own by which
   * a repeat would be known (https://razorpay.com/docs/api/payments/route/reverse-a-transfer).
   */
  async function reverseUpTo(
    { id, amount, amount_reversed: reversedPaise, status }: GatewayTransfer,
    wantedPaise: number,
    notes: object,
  ): Promise<Pick<TransferNews, 'reversedPaise' | 'refused'>> {
    const missing = Math.min(wantedPaise, amount) - reversedPaise;
    if (missing <= 0 || TRANSFER_STATUS[status] !== 'processed') return { reversedPaise };
    try {
      await call(`transfers/${id}/reversals`, { amount: missing, notes });
      return { reversedPaise: reversedPaise + missing };
    } catch (error) {
      if (error instanceof GatewayRefused) return { reversedPaise, refused: error.message };
      throw error;
    }
  }

  return {
    async open({ paymentId, amountPaise }, transfers = []) {
      const shares = transfers.length > 0 && { transfers };
      const order = {
        amount: amountPaise,
        currency: 'INR',
        receipt: paymentId,
        payment: CAPTURE,
        ...(shares && { transfers: transfers.map(askedTransfer) }),
      };
      // Repeats that come at once share one order there; two would do no harm.
      const key = JSON.stringify(order);
      const made = opening.get(key) ?? call<{ id: string }>('orders', order);
      opening.set(key, made);
      try {
        return { gatewayOrderId: (await made).id, ...shares };
      } catch (error) {
        if (!(error instanceof GatewayRefused)) throw error;
        throw unavailableMethod({ because: 'gateway', said: error.message });
      } finally {
        opening.delete(key);
      }
    },

    async refund({ refundId, paymentId, refundNumber, externalId, known = [], ...asked }) {
      const { amountPaise: amount } = asked;
      const path = `payments/${externalId}/refund`;
      const { items } = await call<{ items: GatewayRefund[] }>(`${path}s?count=${MAX_REFUNDS}`);
      const made = items.find(({ receipt }) => receipt === refundId);
      const found = made ? [] : await elsewhere(externalId, items);
      const unknown = found.filter(({ givenAs }) => !known.includes(givenAs));
      if (unknown.length > 0) return { status: 'elsewhere', refunds: unknown };
      const body = { amount, receipt: refundId, notes: { paymentId, refundNumber } };
      // A key stands for one amount; what was asked for before was not made, or it were listed.
      const once = {
        'x-refund-idempotency': known.length > 0 ? `${refundId}-${amount}` : refundId,
      };
      const { id, status } = made ?? (await call<GatewayRefund>(path, body, once));
      if (status === 'failed') throw new GatewayRefused(FAILED_REFUND);
      return { externalId: id, status };
    },

    async moveShares(asked) {
      const { gatewayOrderId } = asked;
      // One after the other: what came back is read before more is taken back.
      const before = moving.get(gatewayOrderId)?.catch(() => []) ?? Promise.resolve([]);
      const moved = before.then(() => move(asked));
      moving.set(gatewayOrderId, moved);
      try {
        return await moved;
      } finally {
        if (moving.get(gatewayOrderId) === moved) moving.delete(gatewayOrderId);
      }
    },

    /**
     * Straight to the account: a payment that was refunded takes no more transfers
     * (https://razorpay.com/docs/api/payments/route/direct-transfers-idempotent-request).
     */
    async returnShare({ returnId, paymentId, storeOrderId, account, amountPaise: amount }) {
      const body = { account, amount, currency: 'INR', notes: { paymentId, storeOrderId } };
      const once = { 'x-transfer-idempotency': returnId };
      return (await call<{ id: string }>('transfers', body, once)).id;
    },

    look: ({ gatewayOrderId }) => newsOfOrder(gatewayOrderId!),

    async lookUp(gatewayOrderId) {
      const known = await find<{ receipt: string | null }>(`orders/${gatewayOrderId}`);
      if (!known?.receipt) return undefined;
      return { paymentId: known.receipt, news: await newsOfOrder(gatewayOrderId) };
    },

    lookUpRefund: (externalId) => find<GatewayRefund>(`refunds/${externalId}`),

    async lookUpDispute(externalId) {
      const found = await find<Dispute>(`disputes/${externalId}`);
      return found && disputeOf(found);
    },

    async lookUpOrder(externalId) {
      return (
        (await find<{ order_id: string | null }>(`payments/${externalId}`))?.order_id ?? undefined
      );
    },
  };
}

function newsOf({ id, amount, status, error_description }: GatewayPayment): PaymentNews[] {
  // What was given back had been captured.
  if (status === 'captured' || status === 'refunded') {
    return [{ externalId: id, status: 'captured', amountPaise: amount }];
  }
  if (status !== 'failed') return [];
  return [{ externalId: id, status, reason: error_description ?? 'failed' }];
}

/** Why Razorpay refused a request, as its answer describes it. */
function descriptionOf(answer: string): string {
  try {
    const { error } = JSON.parse(answer) as { error?: { description?: string } };
    return textOf(error?.description ?? answer);
  } catch {
    // No JSON: a proxy's page, perhaps.
    return textOf(answer);
  }
}

const textOf = (answer: string): string => answer.slice(0, MAX_TOLD);
