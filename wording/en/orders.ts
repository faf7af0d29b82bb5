import type { StoreOrderStatus } from '../../domain/fulfilment/store-order.ts';
import type { Fulfilment } from '../../domain/stores/delivery.ts';

/** Of the way of a store order; a rejected or cancelled one has left it. */
const STATUSES: Record<StoreOrderStatus, string> = {
  submitted: 'Sent to the shop',
  accepted: 'Accepted',
  packed: 'Packed',
  dispatched: 'On the way',
  delivered: 'Delivered',
  rejected: 'Rejected',
  cancelled: 'Cancelled',
};

/** Who fetches goods is not sent them. */
const PICKUP_STATUSES: Partial<typeof STATUSES> = {
  dispatched: 'Ready to fetch',
  delivered: 'Fetched',
};

export const statusText = (status: StoreOrderStatus, fulfilment: Fulfilment): string =>
  (fulfilment === 'pickup' ? PICKUP_STATUSES[status] : undefined) ?? STATUSES[status];

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
  CARDS_NOT_TAKEN: 'a shop takes no cards any more',
  ORDER_CANCELLED: 'you cancelled it',
};

/** Why it was rejected, as part of a sentence; null where that says nothing. */
export const reasonText = (reason: string | null): string | null => REASONS[reason ?? ''] ?? null;

/** Why a checkout came to nothing that waited for its payment. */
const UNPAID = {
  CHECKOUT_EXPIRED: 'It was not paid in time.',
  PAYMENT_UNAVAILABLE: 'It could not be paid like that.',
  CARDS_NOT_TAKEN: 'A shop takes no cards any more.',
  ORDER_CANCELLED: 'You cancelled it before it was paid.',
  PAID_TOO_LATE: 'Your payment came too late, and goes back to you.',
};
export type UnpaidReason = keyof typeof UNPAID;

export const isUnpaidReason = (reason: string | null): reason is UnpaidReason =>
  reason !== null && reason in UNPAID;

/** What the slowest of the shops is doing; `cash` is to be kept ready for it. */
type AtStore = { storeName: string; pickup: boolean; cash: boolean };

/** How an order stands at a glance, and what has to be known to say so. */
type Standings = {
  'awaiting-payment': object;
  unpaid: { reason: UnpaidReason };
  cancelled: object;
  'not-accepted': object;
  delivered: object;
  fetched: object;
  /** A shop asks what to bring instead. */
  asked: { storeName: string };
  /** Shops that have not accepted yet: how many, and one of them. */
  submitted: { storeName: string; stores: number };
  accepted: AtStore;
  packed: AtStore;
  dispatched: AtStore;
};
export type Standing = {
  [Code in keyof Standings]: { code: Code } & Standings[Code];
}[keyof Standings];

type Headline = { title: string; detail: string };

const NOTHING_COMES = 'Nothing will be delivered, and there is nothing to pay.';
const THANKS = 'Enjoy. Thank you for buying nearby.';

const HEADLINES: { [Code in keyof Standings]: (facts: Standings[Code]) => Headline } = {
  'awaiting-payment': () => ({
    title: 'Waiting for your payment',
    detail: 'The shops begin as soon as it is there.',
  }),
  unpaid: ({ reason }) => ({ title: 'Not ordered', detail: UNPAID[reason] }),
  cancelled: () => ({ title: 'Cancelled', detail: NOTHING_COMES }),
  'not-accepted': () => ({ title: 'Not accepted', detail: NOTHING_COMES }),
  delivered: () => ({ title: 'Delivered', detail: THANKS }),
  fetched: () => ({ title: 'Fetched', detail: THANKS }),
  asked: ({ storeName }) => ({
    title: 'A question for you',
    detail: `${storeName} lacks something and asks you below.`,
  }),
  submitted: ({ storeName, stores }) => ({
    title: 'Order placed',
    detail: `Waiting for ${stores === 1 ? storeName : `${stores} shops`} to accept.`,
  }),
  accepted: ({ storeName }) => ({ title: 'Being packed', detail: `${storeName} is packing.` }),
  packed: ({ storeName, pickup }) => ({
    title: pickup ? 'Packed' : 'Ready to go',
    detail: `${storeName} ${pickup ? 'puts it ready for you' : 'sends it out'} next.`,
  }),
  dispatched({ storeName, pickup, cash }) {
    const pay = cash ? 'Keep the cash ready, please.' : 'It is paid.';
    return {
      title: pickup ? 'Ready to fetch' : 'On the way',
      detail: pickup ? `${storeName} has it ready for you. ${pay}` : pay,
    };
  },
};

/** `{ title: 'Order placed', detail: 'Waiting for 2 shops to accept.' }` */
export const headlineText = (standing: Standing): Headline =>
  HEADLINES[standing.code](standing as never);

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

type TimelineEntry = {
  event: string;
  storeName: string | null;
  listingId: string | null;
  reason: string | null;
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
