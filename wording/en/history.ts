import type { PaymentMethod } from '../../domain/money/payment.ts';
import type { Article, BasketAt, HistoryEntry, HistoryFacts } from '../history.ts';
import { clock, counted, exactRupees, form, joined } from './words.ts';

/** Who does a thing where nobody signed in for it, and what was done. */
type Told = [by: string, what: string];

const SHOPPER = 'the shopper';
const STAFF = 'the shop’s staff';
const SYSTEM = 'the shop system';
/** Until people sign in, a request has no name. */
const NOBODY = 'anonymous';

/** In whose name the system does things by itself. */
const PROCESSES: Record<string, string> = {
  checkout: 'checkout, by itself',
  invoices: 'billing, by itself',
  fulfilment: 'fulfilment, by itself',
  settlement: 'settlement, by itself',
  'payment-gateway': 'the payment gateway',
  razorpay: 'Razorpay',
};

/** Reasons as part of a sentence; one that is not here stands as it is. */
const REASONS: Record<string, string> = {
  'out-of-stock': 'something is out of stock',
  closed: 'it is closed',
  'too-far': 'the address is too far away',
  other: 'another reason',
  'rejected-by-every-shop': 'no shop took its part',
  'order-rejected': 'the order was given up',
  'rejected-by-shop': 'the shop refused its part',
  returned: 'it was brought back',
  missing: 'it was missing',
  'wrong-item': 'the wrong item came',
  'sold-out': 'it was sold out',
  damaged: 'it was damaged',
  expired: 'it was past its date',
  'substitute-declined': 'nothing was to come instead',
  'not-reachable': 'nobody could be reached',
  refused: 'nobody wanted to take it',
  'not-fetched': 'nobody fetched it',
  'on-request': 'the shopper asked for it',
  'changed-mind': 'the shopper changed their mind',
  'too-slow': 'it took too long',
  'by-mistake': 'it was ordered by mistake',
  INSUFFICIENT_STOCK: 'not enough was left',
  SLOT_FULL: 'the slot was full',
  SLOT_NOT_FOUND: 'there was no such slot',
  CART_CHANGED: 'the cart had changed',
  CART_CHECKED_OUT: 'the cart had been ordered already',
  CHECKOUT_EXPIRED: 'it took too long',
  PAID_TOO_LATE: 'the payment came too late',
  PAYMENT_UNAVAILABLE: 'it could not be paid like that',
  CARDS_NOT_TAKEN: 'a shop took no cards any more',
  ORDER_CANCELLED: 'the shopper cancelled it',
  cancelled: 'its part was cancelled',
  'refund.failed': 'the bank did not take it',
  'not-taken-over': 'nobody took it over in three days',
};

const reasonText = (reason: string): string => REASONS[reason] ?? reason;

const nameOf = ({ name, pack }: Pick<Article, 'name' | 'pack'>): string =>
  pack ? `${name} ${pack}` : name;

/** `2 pieces of Toor dal 1 kg` */
const pieces = (article: Article): string =>
  `${counted(article.quantity, 'piece', 'pieces')} of ${nameOf(article)}`;

const goods = (articles: Article[]): string => joined(articles.map(pieces)) || 'Nothing';

/** The verb that goes with goods: one piece was, nothing was, two pieces or two articles were. */
const were = (articles: Article[]): string =>
  articles.length > 1 ? 'were' : form(articles[0]?.quantity ?? 1, 'was', 'were');

/** `the slot of 2026-11-21, 18:00 to 20:00, at Sri Lakshmi` */
function slotText({ slot, storeName }: HistoryFacts['SlotHeld']): string {
  const when = slot
    ? ` of ${slot.date}, ${clock(slot.fromMinute)} to ${clock(slot.toMinute)},`
    : '';
  return `the slot${when} at ${storeName}`;
}

/** What of a line was missing: `of Ghee 2 wanted, 1 left` */
function shortages({ shortages: short }: HistoryFacts['OrderRejected']): string {
  const texts = short.map((line) => `of ${nameOf(line)} ${line.wanted} wanted, ${line.left} left`);
  return texts.length > 0 ? ` (${texts.join('; ')})` : '';
}

/** `2 pieces of Toor dal at Sri Lakshmi; 1 piece of Ghee at Annapurna` */
const basketText = (baskets: BasketAt[]): string =>
  baskets.map(({ storeName, articles }) => `${goods(articles)} at ${storeName}`).join('; ');

/** What fell out of an order and why, and what stayed; undefined where nothing fell out. */
function remainder({ leftOut, kept }: HistoryFacts['OrderConfirmed']): string | undefined {
  if (leftOut.length === 0) return undefined;
  const fellOut = leftOut.map((line) => {
    const what = `${line.quantity - line.left} of ${pieces(line)} at ${line.storeName}`;
    return `${what}, since ${reasonText(line.reason)}`;
  });
  return `without ${fellOut.join('; ')}. What stayed: ${basketText(kept) || 'nothing'}`;
}

const money = (paise: number | null): string => (paise === null ? 'The money' : exactRupees(paise));

/** What a door was opened by. */
const PROOFS: Record<NonNullable<HistoryFacts['StoreOrderDelivered']['proof']>, string> = {
  code: ' on the shopper’s code',
  'known-customer': ' to a customer whom it knew, without the code',
  'phone-call': ' after a phone call, without the code',
  neighbour: ' to a neighbour, without the code',
  other: ' on another proof than the code',
};

const LATE: Record<HistoryFacts['LatePaymentSeen']['why'], string> = {
  cancelled: 'when nobody waited for it any more',
  'paid-already': 'once more: it had been paid already',
  'too-little': 'and was too little',
};

const METHODS: Record<PaymentMethod, string> = {
  'cash-on-delivery': 'cash',
  upi: 'UPI',
  razorpay: 'Razorpay',
};

const WORDS: { [Event in keyof HistoryFacts]: (facts: HistoryFacts[Event]) => Told } = {
  OrderPlaced: ({ baskets }) => [SHOPPER, `Ordered: ${basketText(baskets)}`],
  OrderReserved(facts) {
    const rest = remainder(facts);
    return [
      SYSTEM,
      rest ? `Held until it is paid, ${rest}` : 'All of it was held until it is paid',
    ];
  },
  OrderConfirmed(facts) {
    const rest = remainder(facts);
    return [SYSTEM, rest ? `The order was confirmed ${rest}` : 'The order was confirmed'];
  },
  OrderRejected: (facts) => [
    SYSTEM,
    `The order was given up: ${reasonText(facts.reason)}${shortages(facts)}`,
  ],
  OrderCancelled: () => [SYSTEM, 'The order was closed: nothing of it was delivered'],
  OrderCompleted: () => [SYSTEM, 'The order was closed: every shop was done with its part'],
  CartCheckedOut: () => [SYSTEM, 'The cart was closed'],
  CartReopened: () => [SYSTEM, 'The cart was given back to the shopper'],
  StoreOrderSubmitted: ({ storeName }) => [SYSTEM, `${storeName} was handed its part`],
  StoreOrderAccepted: ({ storeName }) => [STAFF, `${storeName} took its part`],
  StoreOrderRejected: ({ storeName, reason }) => [
    STAFF,
    `${storeName} refused its part: ${reasonText(reason)}`,
  ],
  LineReduced: ({ article }) => [SHOPPER, `No longer wanted: ${pieces(article)}`],
  LinePicked: ({ storeName, article, grams }) => [
    STAFF,
    `${storeName} put ${pieces(article)} in the basket` + (grams ? `: ${grams} g` : ''),
  ],
  LineShorted: ({ storeName, article, reason }) => [
    STAFF,
    `${storeName} did not have ${pieces(article)}: ${reasonText(reason)}`,
  ],
  SubstituteChosen: ({ storeName, article, substitute }) => [
    STAFF,
    `${storeName} looked for ${pieces(substitute)} instead of ${pieces(article)}`,
  ],
  SubstituteUnavailable: ({ storeName, left }) => [
    SYSTEM,
    `${storeName} had too little of it: ${left} left`,
  ],
  SubstitutionProposed: ({ storeName, article, substitute }) => [
    STAFF,
    `${storeName} offered ${pieces(substitute)} for ${pieces(article)}`,
  ],
  SubstitutionDecided: ({ accepted, by }) => [
    by === 'shopper' ? SHOPPER : SYSTEM,
    (accepted ? 'The substitute was taken' : 'The substitute was not taken') +
      (by === 'wish' ? ', as was wished beforehand' : ''),
  ],
  StoreOrderPacked: ({ storeName }) => [STAFF, `${storeName} packed its part`],
  StoreOrderDispatched: ({ storeName }) => [STAFF, `${storeName} sent its part out`],
  DeliveryCodeMissed: ({ storeName }) => [STAFF, `${storeName} was told a wrong code`],
  StoreOrderDelivered: ({ storeName, proof }) => [
    STAFF,
    `${storeName} delivered its part${proof ? PROOFS[proof] : ''}`,
  ],
  StoreOrderCancelled: ({ storeName, by, reason }) => [
    by === 'shopper' ? SHOPPER : STAFF,
    `The part of ${storeName} was cancelled: ${reasonText(reason)}`,
  ],
  LinesReturned: ({ storeName, articles, feePaise, reason }) => [
    STAFF,
    `${storeName} took back ${joined(articles.map(pieces))}` +
      `${feePaise ? `, and the fee of ${exactRupees(feePaise)}` : ''}: ${reasonText(reason)}`,
  ],
  StockReserved: ({ storeName, articles }) => [
    SYSTEM,
    `${goods(articles)} ${were(articles)} put aside at ${storeName}`,
  ],
  ReservationChanged: ({ storeName, articles }) => [
    SYSTEM,
    `${goods(articles)} stayed put aside at ${storeName}`,
  ],
  ReservationReleased: ({ storeName, articles, reason }) => [
    SYSTEM,
    `${goods(articles)} went back on sale at ${storeName}: ${reasonText(reason)}`,
  ],
  StockWrittenOff: ({ storeName, losses }) => [
    SYSTEM,
    `${joined(losses.map((loss) => `${pieces(loss)} (${reasonText(loss.reason)})`))} ` +
      `${were(losses)} written off at ${storeName}`,
  ],
  StockPicked: ({ storeName, articles }) => [
    SYSTEM,
    `${goods(articles)} ${were(articles)} taken off the books at ${storeName}`,
  ],
  StockReturned: ({ storeName, articles, to }) => [
    SYSTEM,
    `${goods(articles)} came back to ${storeName}: ` +
      (to === 'shelf' ? 'for sale again' : 'spoiled'),
  ],
  SlotHeld: (facts) => [SYSTEM, `A place was held in ${slotText(facts)}`],
  SlotConfirmed: (facts) => [SYSTEM, `A place was taken in ${slotText(facts)}`],
  SlotReleased: (facts) => [
    SYSTEM,
    `The place was given back in ${slotText(facts)}: ${reasonText(facts.reason)}`,
  ],
  InvoiceIssued: ({ storeName, number, totalPaise }) => [
    SYSTEM,
    `${storeName} billed ${exactRupees(totalPaise)} as ${number}`,
  ],
  CreditNoteIssued: ({ storeName, number, totalPaise, reason }) => [
    STAFF,
    `${storeName} credited ${exactRupees(totalPaise)} as ${number}: ${reasonText(reason)}`,
  ],
  PaymentRequested: ({ amountPaise, method }) => [
    SYSTEM,
    method === 'cash-on-delivery'
      ? `${money(amountPaise)} was to be paid at the door`
      : `${money(amountPaise)} was asked for, by ${METHODS[method]}`,
  ],
  PaymentCancelled: ({ reason }) => [SYSTEM, `The payment was given up: ${reasonText(reason)}`],
  PaymentSucceeded: ({ amountPaise }) => [STAFF, `${money(amountPaise)} came in`],
  PaymentFailed: ({ reason }) => [SYSTEM, `A try to pay failed: ${reasonText(reason)}`],
  LatePaymentSeen: ({ amountPaise, why }) => [STAFF, `${money(amountPaise)} came in ${LATE[why]}`],
  CashCollected: ({ storeName, amountPaise }) => [
    STAFF,
    `${storeName} took ${amountPaise === null ? 'the money' : money(amountPaise)} in cash`,
  ],
  RefundRequested: ({ amountPaise }) => [
    SYSTEM,
    `${money(amountPaise)} was to go back to the shopper`,
  ],
  RefundSucceeded: ({ amountPaise, externalId }) => [
    STAFF,
    `${money(amountPaise)} went back to the shopper ` +
      (externalId === 'cash' ? 'in cash' : `as ${externalId}`),
  ],
  RefundFailed: ({ amountPaise, reason }) => [
    SYSTEM,
    `${money(amountPaise)} could not be given back: ${reasonText(reason)}`,
  ],
  RefundTakenOver: ({ amountPaise, givenAs }) => [
    SYSTEM,
    `${money(amountPaise)} goes back by the payment gateway’s own doing, as ${givenAs}`,
  ],
  RefundReduced: ({ amountPaise }) => [
    SYSTEM,
    amountPaise === 0
      ? 'Nothing of a refund is left to be given'
      : `${money(amountPaise)} of a refund is left to be given`,
  ],
  TransferMade: ({ storeName, amountPaise }) => [
    SYSTEM,
    `${storeName} got ${amountPaise === null ? 'its share' : money(amountPaise)} into its account`,
  ],
  TransferReversed: ({ storeName, amountPaise }) => [
    SYSTEM,
    `${amountPaise === null ? 'Money' : money(amountPaise)} came back from the account of ${storeName}, for a refund`,
  ],
  ReversalReturned: ({ storeName, amountPaise }) => [
    SYSTEM,
    `${amountPaise === null ? 'Money' : money(amountPaise)} went to the account of ${storeName} again: the refund failed`,
  ],
};

/** `LineShorted` → `Line shorted`: what a newer server tells of is told as well as can be. */
const plainName = (type: string): string =>
  type.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** A line of an order's past: `{ by: 'the shop’s staff', what: 'Test Kirana packed its part' }`. */
export function historyText({ event, actor, facts }: HistoryEntry): { by: string; what: string } {
  const words = (WORDS as Record<string, ((facts: never) => Told) | undefined>)[event];
  const [by, what] = words ? words(facts as never) : [SYSTEM, plainName(event)];
  return { by: actor === NOBODY ? by : (PROCESSES[actor] ?? actor), what };
}
