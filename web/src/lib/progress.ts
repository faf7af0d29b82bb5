import { headlineText, isUnpaidReason, type Standing } from '#wording/en/orders.ts';
import type { Order, StoreOrder, StoreOrderStatus } from './contract.ts';

/** The way of a store order, in order. A rejected or cancelled one leaves it. */
export const STEPS: StoreOrderStatus[] = [
  'submitted',
  'accepted',
  'packed',
  'dispatched',
  'delivered',
];

/** How far along a store order is: 0 for just sent, 4 for delivered, -1 for given up. */
export const stepOf = (status: StoreOrderStatus): number => STEPS.indexOf(status);

/** Nothing of it is coming, and nothing of it is to be paid. */
export const isGone = ({ status }: Pick<StoreOrder, 'status'>): boolean =>
  status === 'rejected' || status === 'cancelled';

/** Whether nothing of it is brought: its shopper comes to fetch all of it. */
export const isPickup = (storeOrders: Pick<StoreOrder, 'fulfilment'>[]): boolean =>
  storeOrders.length > 0 && storeOrders.every(({ fulfilment }) => fulfilment === 'pickup');

export type Headline = {
  title: string;
  detail: string;
  tone: 'waiting' | 'moving' | 'ready' | 'done' | 'failed';
};

type Seen = Pick<Order, 'status' | 'reason' | 'payment' | 'storeOrders'>;

/** The order at a glance: what the slowest store order that is still open is doing. */
export function headlineOf(order: Seen): Headline {
  const standing = standingOf(order);
  return { ...headlineText(standing), tone: toneOf(standing) };
}

function standingOf({ status, reason, payment, storeOrders }: Seen): Standing {
  if (status === 'awaiting-payment') return { code: 'awaiting-payment' };
  if (status === 'rejected' && isUnpaidReason(reason)) return { code: 'unpaid', reason };

  const kept = storeOrders.filter((one) => !isGone(one));
  const open = kept.filter((one) => one.status !== 'delivered');
  if (kept.length === 0) {
    const cancelled = storeOrders.some((one) => one.status === 'cancelled');
    return { code: cancelled ? 'cancelled' : 'not-accepted' };
  }
  if (open.length === 0) return { code: isPickup(kept) ? 'fetched' : 'delivered' };
  const asking = open.find(({ lines }) =>
    lines.some(({ substitution }) => substitution?.status === 'proposed'),
  );
  if (asking) return { code: 'asked', storeName: asking.storeName };
  const waiting = open.filter((one) => one.status === 'submitted');
  if (waiting.length > 0) {
    return { code: 'submitted', storeName: waiting[0]!.storeName, stores: waiting.length };
  }
  const slowest = open.toSorted((a, b) => stepOf(a.status) - stepOf(b.status))[0]!;
  return {
    code: slowest.status as 'accepted' | 'packed' | 'dispatched',
    storeName: slowest.storeName,
    pickup: slowest.fulfilment === 'pickup',
    cash: payment === 'cash-on-delivery',
  };
}

const TONES: Record<Standing['code'], Headline['tone']> = {
  'awaiting-payment': 'waiting',
  unpaid: 'failed',
  cancelled: 'failed',
  'not-accepted': 'failed',
  delivered: 'done',
  fetched: 'done',
  asked: 'waiting',
  submitted: 'waiting',
  accepted: 'moving',
  packed: 'moving',
  dispatched: 'moving',
};

const toneOf = (standing: Standing): Headline['tone'] =>
  standing.code === 'dispatched' && standing.pickup ? 'ready' : TONES[standing.code];
