import type { Fulfilment, Order, StoreOrder, StoreOrderStatus, TimelineEntry } from './contract.ts';

/** The way of a shop's part, in order. A rejected or cancelled one leaves it. */
export const STEPS: { status: StoreOrderStatus; label: string }[] = [
  { status: 'submitted', label: 'Sent to the shop' },
  { status: 'accepted', label: 'Accepted' },
  { status: 'packed', label: 'Packed' },
  { status: 'dispatched', label: 'On the way' },
  { status: 'delivered', label: 'Delivered' },
];

/** Who fetches goods is not sent them. */
const PICKUP_LABELS: Partial<Record<StoreOrderStatus, string>> = {
  dispatched: 'Ready to fetch',
  delivered: 'Fetched',
};

export const labelOf = (
  { status, label }: (typeof STEPS)[number],
  fulfilment: Fulfilment,
): string => (fulfilment === 'pickup' ? (PICKUP_LABELS[status] ?? label) : label);

/** How far along a part is: 0 for just sent, 4 for delivered, -1 for given up. */
export const stepOf = (status: StoreOrderStatus): number =>
  STEPS.findIndex((step) => step.status === status);

const REASONS: Record<string, string> = {
  'out-of-stock': 'something is out of stock',
  closed: 'the shop is closed',
  'too-far': 'the address is too far away',
  'not-reachable': 'you could not be reached',
  'on-request': 'you asked for it',
  refused: 'you did not take it',
  'not-fetched': 'you did not fetch it',
  'rejected-by-every-shop': 'no shop could take it',
  INSUFFICIENT_STOCK: 'something had just sold out',
  SLOT_FULL: 'the slot had just been taken',
  CHECKOUT_EXPIRED: 'it took too long',
  PAYMENT_UNAVAILABLE: 'it could not be paid like that',
  ORDER_CANCELLED: 'you cancelled it',
};

/** Why it was rejected, as part of a sentence; null where that says nothing. */
export const reasonText = (reason: string | null): string | null => REASONS[reason ?? ''] ?? null;

/** Why a checkout came to nothing that waited for its payment. */
const UNPAID: Record<string, string> = {
  CHECKOUT_EXPIRED: 'It was not paid in time.',
  PAYMENT_UNAVAILABLE: 'It could not be paid like that.',
  ORDER_CANCELLED: 'You cancelled it before it was paid.',
  PAID_TOO_LATE: 'Your payment came too late, and goes back to you.',
};

export type Headline = {
  title: string;
  detail: string;
  tone: 'waiting' | 'moving' | 'ready' | 'done' | 'failed';
};

const plural = (count: number, one: string, many: string): string =>
  count === 1 ? one : `${count} ${many}`;

/** Nothing of it is coming, and nothing of it is to be paid. */
export const isGone = ({ status }: Pick<StoreOrder, 'status'>): boolean =>
  status === 'rejected' || status === 'cancelled';

/** The order at a glance: what the slowest part that is still open is doing. */
export function headlineOf(
  order: Pick<Order, 'status' | 'reason' | 'payment' | 'storeOrders'>,
): Headline {
  const { reason, payment, storeOrders } = order;
  if (order.status === 'awaiting-payment') {
    const detail = 'The shops begin as soon as it is there.';
    return { title: 'Waiting for your payment', detail, tone: 'waiting' };
  }
  if (order.status === 'rejected' && UNPAID[reason ?? '']) {
    return { title: 'Not ordered', detail: UNPAID[reason!]!, tone: 'failed' };
  }

  const kept = storeOrders.filter((part) => !isGone(part));
  const open = kept.filter((part) => part.status !== 'delivered');
  if (kept.length === 0) {
    return {
      title: storeOrders.some(({ status }) => status === 'cancelled')
        ? 'Cancelled'
        : 'Not accepted',
      detail: 'Nothing will be delivered, and there is nothing to pay.',
      tone: 'failed',
    };
  }
  if (open.length === 0) {
    const title = isPickup(kept) ? 'Fetched' : 'Delivered';
    return { title, detail: 'Enjoy. Thank you for buying nearby.', tone: 'done' };
  }
  const asking = open.find(({ lines }) =>
    lines.some(({ substitution }) => substitution?.status === 'proposed'),
  );
  if (asking) {
    const detail = `${asking.storeName} lacks something and asks you below.`;
    return { title: 'A question for you', detail, tone: 'waiting' };
  }
  const waiting = open.filter((part) => part.status === 'submitted');
  if (waiting.length > 0) {
    const shops = plural(waiting.length, waiting[0]!.storeName, 'shops');
    return { title: 'Order placed', detail: `Waiting for ${shops} to accept.`, tone: 'waiting' };
  }
  const slowest = open.toSorted((a, b) => stepOf(a.status) - stepOf(b.status))[0]!;
  const { storeName } = slowest;
  const fetched = slowest.fulfilment === 'pickup';
  const pay = payment === 'cash-on-delivery' ? 'Keep the cash ready, please.' : 'It is paid.';
  const titles = {
    accepted: 'Being packed',
    packed: fetched ? 'Packed' : 'Ready to go',
    dispatched: fetched ? 'Ready to fetch' : 'On the way',
  };
  const details = {
    accepted: `${storeName} is packing.`,
    packed: `${storeName} ${fetched ? 'puts it ready for you' : 'sends it out'} next.`,
    dispatched: fetched ? `${storeName} has it ready for you. ${pay}` : pay,
  };
  const status = slowest.status as keyof typeof titles;
  const tone = fetched && status === 'dispatched' ? 'ready' : 'moving';
  return { title: titles[status], detail: details[status], tone };
}

/** Whether nothing of it is brought: its shopper comes to fetch all of it. */
export const isPickup = (parts: Pick<StoreOrder, 'fulfilment'>[]): boolean =>
  parts.length > 0 && parts.every(({ fulfilment }) => fulfilment === 'pickup');

const ENTRIES: Record<string, (shop: string, item: string) => string> = {
  OrderPlaced: () => 'You placed the order',
  OrderReserved: () => 'The shops hold everything for you',
  PaymentSucceeded: () => 'Your payment is there',
  PaymentFailed: () => 'A payment did not go through',
  LatePaymentSeen: () => 'More money came in',
  RefundRequested: () => 'Money is going back to you',
  RefundSucceeded: () => 'Money was given back',
  RefundFailed: (shop) => `${shop} has been told to hand you the money`,
  OrderConfirmed: () => 'Order confirmed',
  OrderRejected: () => 'The order came to nothing',
  OrderCancelled: () => 'Order cancelled',
  OrderCompleted: () => 'Everything is delivered',
  StoreOrderSubmitted: (shop) => `Sent to ${shop}`,
  StoreOrderAccepted: (shop) => `${shop} accepted`,
  StoreOrderRejected: (shop) => `${shop} could not take it`,
  LineReduced: (_, item) => `You want less of ${item}`,
  LineShorted: (shop, item) => `${shop} does not have ${item}`,
  SubstitutionProposed: (shop, item) => `${shop} proposes something for ${item}`,
  StoreOrderPacked: (shop) => `${shop} packed it`,
  StoreOrderDispatched: (shop) => `${shop} sent it out`,
  StoreOrderDelivered: (shop) => `${shop} delivered`,
  StoreOrderCancelled: (shop) => `The part of ${shop} was cancelled`,
  LinesReturned: (shop) => `${shop} took something back`,
};

/** What differs where the shopper fetches it. */
const PICKUP_ENTRIES: typeof ENTRIES = {
  StoreOrderDispatched: (shop) => `${shop} has it ready for you`,
  StoreOrderDelivered: (shop) => `You fetched it from ${shop}`,
};

/** Who answered what a shop proposed: the shopper, or the wish from before, for want of an answer. */
const DECISIONS: Record<string, (item: string) => string> = {
  'accepted-by-shopper': (item) => `You take what was proposed for ${item}`,
  'declined-by-shopper': (item) => `You want nothing instead of ${item}`,
  'accepted-by-wish': (item) => `No answer in time: you get what was proposed for ${item}`,
  'declined-by-wish': (item) => `No answer in time: nothing comes instead of ${item}`,
};

/**
 * A line of the timeline: `Sharma Kirana could not take it: something is out of stock`.
 *
 * @param names of the order's items, by listing
 * @param fetched whether its shopper comes for what it is about
 */
export function timelineText(
  { event, storeName, listingId, reason }: TimelineEntry,
  names: ReadonlyMap<string, string> = new Map(),
  fetched = false,
): string {
  const item = names.get(listingId ?? '') ?? 'an item';
  const decision = DECISIONS[reason ?? ''];
  if (decision) return decision(item);
  const entry = (fetched ? PICKUP_ENTRIES[event] : undefined) ?? ENTRIES[event];
  const text = entry?.(storeName ?? 'the shop', item) ?? event;
  const why = reasonText(reason);
  return why ? `${text}: ${why}` : text;
}
