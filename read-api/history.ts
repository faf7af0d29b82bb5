import type { FastifyInstance } from 'fastify';
import { Problem } from '../platform/http.ts';
import { count, list, object, orNull, text, time, uuid } from '../platform/schema.ts';
import type { HistoryEvent, HistoryRow } from '../projector/history.ts';
import type { CardRow } from '../projector/order-board.ts';
import { readRoute } from '../engine/reading/route.ts';
import type { Services } from './app.ts';
import type { PaymentMethod } from './payments.ts';
import { orderNotFound, type OrderLine, type OrderSlot } from './my-orders.ts';
import { orderHolder, shopOfStoreOrder } from './who.ts';

export type WhyEntry = {
  /** From 1, in the order of the log. */
  number: number;
  at: string;
  /** Who did it, in words. */
  by: string;
  /** What happened, in words. */
  what: string;
  /**
   * The number of the entry that it was done because of; null for what somebody asked for, and
   * for a shop where it was another shop's doing.
   */
  becauseOf: number | null;
  /** The same for all that one request set going: the servers' logs have it too. */
  requestId: string;
};

export type Why = {
  /** Oldest first. */
  entries: WhyEntry[];
};

/** What a shop may know of it: its own part, and what is about the whole order. */
export type StoreOrderWhy = Why & { orderNumber: string };

type Part = { storeOrderId: string; storeId: string; lines: OrderLine[]; slot?: OrderSlot };

type CartLine = Pick<OrderLine, 'listingId' | 'quantity'>;

/** What words are made with. */
type About = {
  /** The order's parts, without those that are not to be seen. */
  parts: Part[];
  storeId: string | null;
  storeOrderId: string | null;
  /** The name of a shop; of this event's where none is given. */
  shop: (storeId?: string) => string;
  /** An amount; what all shops take together is not for one of them. */
  amount: (paise: number) => string;
};

type DataOf<Type> = Extract<HistoryEvent, { type: Type }>['data'];

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
  ORDER_CANCELLED: 'the shopper cancelled it',
  cancelled: 'its part was cancelled',
  'refund.failed': 'the bank did not take it',
  'not-taken-over': 'nobody took it over in three days',
};

const reasonText = (reason: string): string => REASONS[reason] ?? reason;

const money = new Intl.NumberFormat('en-IN', { style: 'currency', currency: 'INR' });
const rupees = (paise: number): string => money.format(paise / 100);

const MINUTES_PER_DAY = 1440;
const clock = (minute: number): string => {
  const ofDay = minute % MINUTES_PER_DAY;
  const padded = [Math.floor(ofDay / 60), ofDay % 60].map((one) => String(one).padStart(2, '0'));
  return padded.join(':');
};

const joined = (words: string[]): string =>
  words.length > 1 ? `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}` : (words[0] ?? '');

const pieces = (quantity: number, name: string): string =>
  `${quantity} ${quantity === 1 ? 'piece' : 'pieces'} of ${name}`;

const nameOf = ({ name, pack }: OrderLine): string => (pack ? `${name} ${pack}` : name);

/** Goods of a shop's stock by the names that the order gave them. */
function goods({ parts, storeId }: About, lines: { sku: string; quantity: number }[]): string {
  const known = parts.find((part) => part.storeId === storeId)?.lines ?? [];
  const named = lines.map(({ sku, quantity }) => {
    const line = known.find(({ listingId }) => listingId === `${storeId}.${sku}`);
    return pieces(quantity, line ? nameOf(line) : sku);
  });
  return joined(named) || 'Nothing';
}

/** Pieces of an article by the name that the order gave it. */
function article({ parts }: About, { listingId, quantity }: CartLine): string {
  const line = parts.flatMap((part) => part.lines).find((one) => one.listingId === listingId);
  return pieces(quantity, line ? nameOf(line) : listingId.slice(listingId.indexOf('.') + 1));
}

/** `2026-11-21, 18:00 to 20:00 at Sri Lakshmi` */
function slot({ parts, storeOrderId, shop }: About): string {
  const held = parts.find((part) => part.storeOrderId === storeOrderId)?.slot;
  const when = held
    ? ` of ${held.date}, ${clock(held.fromMinute)} to ${clock(held.toMinute)},`
    : '';
  return `the slot${when} at ${shop()}`;
}

/** What of a line was missing: `of Ghee 2 were wanted and 1 was left`. */
function shortages({ parts }: About, short: DataOf<'OrderRejected'>['shortages'] = []): string {
  const lines = parts.flatMap((part) => part.lines);
  const told = short.flatMap(({ listingId, wanted, left }) => {
    const line = lines.find((one) => one.listingId === listingId);
    return line ? [`of ${nameOf(line)} ${wanted} wanted, ${left} left`] : [];
  });
  return told.length > 0 ? ` (${told.join('; ')})` : '';
}

/** `2 pieces of Toor dal at Sri Lakshmi; 1 piece of Ghee at Annapurna` */
const basket = (parts: Pick<Part, 'storeId' | 'lines'>[], { shop }: About): string =>
  parts
    .map(({ storeId, lines }) => {
      const named = lines.map((line) => pieces(line.quantity, nameOf(line)));
      return `${joined(named)} at ${shop(storeId)}`;
    })
    .join('; ');

/** What fell out of an order and why, and what stayed; undefined where that is all of it. */
function remainder(about: About, { kept }: DataOf<'OrderConfirmed'>): string | undefined {
  const storeIds = new Map(about.parts.map((part) => [part.storeOrderId, part.storeId]));
  if (!kept) return undefined;
  const fellOut = kept.leftOut.flatMap(({ storeOrderId, listingId, wanted, left, reason }) => {
    const storeId = storeIds.get(storeOrderId);
    if (storeId === undefined) return [];
    const what = `${wanted - left} of ${article(about, { listingId, quantity: wanted })}`;
    return [`${what} at ${about.shop(storeId)}, since ${reasonText(reason)}`];
  });
  if (fellOut.length === 0) return undefined;
  const stayed = kept.parts.filter(({ storeOrderId }) => storeIds.has(storeOrderId));
  return `without ${fellOut.join('; ')}. What stayed: ${basket(stayed, about) || 'nothing'}`;
}

/** Keyed by event, so that the compiler asks for the words of a new one. */
const WORDS: { [Type in HistoryEvent['type']]: (data: DataOf<Type>, about: About) => Told } = {
  OrderPlaced: (_, about) => [SHOPPER, `Ordered: ${basket(about.parts, about)}`],
  OrderReserved(data, about) {
    const rest = remainder(about, data);
    return [
      SYSTEM,
      rest ? `Held until it is paid, ${rest}` : 'All of it was held until it is paid',
    ];
  },
  OrderConfirmed(data, about) {
    const rest = remainder(about, data);
    return [SYSTEM, rest ? `The order was confirmed ${rest}` : 'The order was confirmed'];
  },
  OrderRejected: (data, about) => [
    SYSTEM,
    `The order was given up: ${reasonText(data.reason)}${shortages(about, data.shortages)}`,
  ],
  OrderCancelled: () => [SYSTEM, 'The order was closed: nothing of it was delivered'],
  OrderCompleted: () => [SYSTEM, 'The order was closed: every shop was done with its part'],
  CartCheckedOut: () => [SYSTEM, 'The cart was closed'],
  CartReopened: () => [SYSTEM, 'The cart was given back to the shopper'],
  StoreOrderSubmitted: (_, { shop }) => [SYSTEM, `${shop()} was handed its part`],
  StoreOrderAccepted: (_, { shop }) => [STAFF, `${shop()} took its part`],
  StoreOrderRejected: ({ reason }, { shop }) => [
    STAFF,
    `${shop()} refused its part: ${reasonText(reason)}`,
  ],
  LineReduced: (line, about) => [SHOPPER, `No longer wanted: ${article(about, line)}`],
  LinePicked: ({ grams, ...line }, about) => [
    STAFF,
    `${about.shop()} put ${article(about, line)} in the basket` + (grams ? `: ${grams} g` : ''),
  ],
  LineShorted: ({ reason, ...line }, about) => [
    STAFF,
    `${about.shop()} did not have ${article(about, line)}: ${reasonText(reason)}`,
  ],
  SubstituteChosen: ({ line, ...of }, about) => [
    STAFF,
    `${about.shop()} looked for ${pieces(line.quantity, nameOf(line))} ` +
      `instead of ${article(about, { ...of, quantity: of.replaces })}`,
  ],
  SubstituteUnavailable: ({ left }, { shop }) => [
    SYSTEM,
    `${shop()} had too little of it: ${left} left`,
  ],
  SubstitutionProposed: ({ listingId, replaces, line }, about) => [
    STAFF,
    `${about.shop()} offered ${pieces(line.quantity, nameOf(line))} ` +
      `for ${article(about, { listingId, quantity: replaces })}`,
  ],
  SubstitutionDecided: ({ accepted, by }) => [
    by === 'shopper' ? SHOPPER : SYSTEM,
    (accepted ? 'The substitute was taken' : 'The substitute was not taken') +
      (by === 'wish' ? ', as was wished beforehand' : ''),
  ],
  StoreOrderPacked: (_, { shop }) => [STAFF, `${shop()} packed its part`],
  StoreOrderDispatched: (_, { shop }) => [STAFF, `${shop()} sent its part out`],
  DeliveryCodeMissed: (_, { shop }) => [STAFF, `${shop()} was told a wrong code`],
  StoreOrderDelivered: ({ proof }, { shop }) => [
    STAFF,
    `${shop()} delivered its part${proof ? PROOFS[proof] : ''}`,
  ],
  StoreOrderCancelled: ({ by, reason }, { shop }) => [
    by === 'shopper' ? SHOPPER : STAFF,
    `The part of ${shop()} was cancelled: ${reasonText(reason)}`,
  ],
  LinesReturned: ({ lines, reason, feePaise }, about) => [
    STAFF,
    `${about.shop()} took back ${joined(lines.map((line) => article(about, line)))}` +
      `${feePaise ? `, and the fee of ${rupees(feePaise)}` : ''}: ${reasonText(reason)}`,
  ],
  StockReserved: ({ lines }, about) => [
    SYSTEM,
    `${goods(about, lines)} were put aside at ${about.shop()}`,
  ],
  ReservationChanged: ({ lines }, about) => [
    SYSTEM,
    `${goods(about, lines)} stayed put aside at ${about.shop()}`,
  ],
  ReservationReleased: ({ lines, reason }, about) => [
    SYSTEM,
    `${goods(about, lines)} went back on sale at ${about.shop()}: ${reasonText(reason)}`,
  ],
  StockWrittenOff: ({ lines }, about) => [
    SYSTEM,
    `${joined(lines.map((line) => `${goods(about, [line])} (${reasonText(line.reason)})`))} ` +
      `were written off at ${about.shop()}`,
  ],
  StockPicked: ({ lines }, about) => [
    SYSTEM,
    `${goods(about, lines)} were taken off the books at ${about.shop()}`,
  ],
  StockReturned: ({ lines, to }, about) => [
    SYSTEM,
    `${goods(about, lines)} came back to ${about.shop()}: ` +
      (to === 'shelf' ? 'for sale again' : 'spoiled'),
  ],
  SlotHeld: (_, about) => [SYSTEM, `A place was held in ${slot(about)}`],
  SlotConfirmed: (_, about) => [SYSTEM, `A place was taken in ${slot(about)}`],
  SlotReleased: ({ reason }, about) => [
    SYSTEM,
    `The place was given back in ${slot(about)}: ${reasonText(reason)}`,
  ],
  InvoiceIssued: ({ number, totalPaise }, { shop }) => [
    SYSTEM,
    `${shop()} billed ${rupees(totalPaise)} as ${number}`,
  ],
  CreditNoteIssued: ({ number, totalPaise, reason }, { shop }) => [
    STAFF,
    `${shop()} credited ${rupees(totalPaise)} as ${number}: ${reasonText(reason)}`,
  ],
  PaymentRequested: ({ amountPaise, method }, { amount }) => [
    SYSTEM,
    method === 'cash-on-delivery'
      ? `${amount(amountPaise)} were to be paid at the door`
      : `${amount(amountPaise)} were asked for, by ${METHODS[method]}`,
  ],
  PaymentCancelled: ({ reason }) => [SYSTEM, `The payment was given up: ${reasonText(reason)}`],
  PaymentSucceeded: ({ amountPaise }, { amount }) => [STAFF, `${amount(amountPaise)} came in`],
  PaymentFailed: ({ reason }) => [SYSTEM, `A try to pay failed: ${reasonText(reason)}`],
  LatePaymentSeen: ({ amountPaise, why }, { amount }) => [
    STAFF,
    `${amount(amountPaise)} came in ${LATE[why]}`,
  ],
  CashCollected: ({ amountPaise }, { amount, shop }) => [
    STAFF,
    `${shop()} took ${amount(amountPaise)} in cash`,
  ],
  RefundRequested: ({ amountPaise }, { amount }) => [
    SYSTEM,
    `${amount(amountPaise)} were to go back to the shopper`,
  ],
  RefundSucceeded: ({ amountPaise, externalId }, { amount }) => [
    STAFF,
    `${amount(amountPaise)} went back to the shopper ` +
      (externalId === 'cash' ? 'in cash' : `as ${externalId}`),
  ],
  RefundFailed: ({ amountPaise, reason }, { amount }) => [
    SYSTEM,
    `${amount(amountPaise)} could not be given back: ${reasonText(reason)}`,
  ],
};

/** What the door was opened by. */
const PROOFS: Record<NonNullable<DataOf<'StoreOrderDelivered'>['proof']>, string> = {
  code: ' on the shopper’s code',
  'known-customer': ' to a customer whom it knew, without the code',
  'phone-call': ' after a phone call, without the code',
  neighbour: ' to a neighbour, without the code',
  other: ' on another proof than the code',
};

const LATE: Record<DataOf<'LatePaymentSeen'>['why'], string> = {
  cancelled: 'when nobody waited for it any more',
  'paid-already': 'once more: it had been paid already',
  'too-little': 'and was too little',
};

const METHODS: Record<PaymentMethod, string> = {
  'cash-on-delivery': 'cash',
  upi: 'UPI',
  razorpay: 'Razorpay',
};

/** `LineShorted` → `Line shorted`: what a newer projector wrote is told as well as can be. */
const plainName = (type: string): string =>
  type.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

function tell({ type, data, actor }: HistoryRow, about: About): { by: string; what: string } {
  const words = (WORDS as Record<string, ((data: never, about: About) => Told) | undefined>)[type];
  const [by, what] = words ? words(data as never, about) : [SYSTEM, plainName(type)];
  return { by: actor === NOBODY ? by : (PROCESSES[actor] ?? actor), what };
}

const COLUMNS = `e.position, e.order_id, store_order_id, e.store_id, e.type, e.at, e.actor, e.event_id,
  e.causation_id, e.correlation_id, e.data`;

/** What happened to an order, as far as `storeId` may know of it: null for all. */
async function readWhy(
  { pool }: Services,
  orderId: string,
  onlyStoreId: string | null,
): Promise<Why> {
  const { rows } = await pool.query<HistoryRow>({
    name: 'history',
    text: `select ${COLUMNS} from history.event e where order_id = $1
      union all
      select ${COLUMNS} from history.event e join my_orders.part p using (store_order_id)
      where e.order_id is null and p.order_id = $1
      order by position`,
    values: [orderId],
  });
  if (rows.length === 0) throw orderNotFound();
  const maySee = (storeId: string | null) =>
    onlyStoreId === null || storeId === null || storeId === onlyStoreId;
  const placed = rows.find(({ type }) => type === 'OrderPlaced')?.data;
  const { parts: all } = (placed ?? { parts: [] }) as { parts: Part[] };
  const parts = all.filter(({ storeId }) => maySee(storeId));
  const { rows: stores } = await pool.query<{ store_id: string; name: string }>({
    name: 'history-stores',
    text: 'select store_id, name from catalogue.store where store_id = any($1)',
    values: [parts.map(({ storeId }) => storeId)],
  });
  const names = new Map(stores.map(({ store_id: id, name }) => [id, name]));
  const seen = rows.filter((row) => maySee(row.store_id));
  const numbers = new Map(seen.map((row, index) => [row.event_id, index + 1]));
  const entries = seen.map((row, index) => {
    const { store_id: storeId, store_order_id: storeOrderId } = row;
    const shop = (id = storeId ?? '') => names.get(id) ?? id;
    const isForAll = onlyStoreId !== null && storeId === null;
    const amount = (paise: number) => (isForAll ? 'The money' : rupees(paise));
    return {
      number: index + 1,
      at: row.at,
      ...tell(row, { parts, storeId, storeOrderId, shop, amount }),
      becauseOf: numbers.get(row.causation_id) ?? null,
      requestId: row.correlation_id,
    };
  });
  return { entries };
}

/** The same for a shop, of its own part. Throws a `Problem` 404. */
async function readStoreOrderWhy(services: Services, storeOrderId: string): Promise<StoreOrderWhy> {
  const { rows } = await services.pool.query<CardRow & { order_id: string }>({
    name: 'history-store-order',
    text: `select c.store_id, c.order_number, p.order_id
      from order_board.card c join my_orders.part p using (store_order_id)
      where store_order_id = $1`,
    values: [storeOrderId],
  });
  const card = rows[0];
  if (!card) throw new Problem(404, 'STORE_ORDER_NOT_FOUND', 'There is no such order at a shop.');
  const { entries } = await readWhy(services, card.order_id, card.store_id);
  return { orderNumber: card.order_number, entries };
}

const whyFields = {
  entries: list(
    object({
      number: { ...count, description: 'From 1, in the order of the log' },
      at: time,
      by: { ...text, description: 'Who did it, in words' },
      what: { ...text, description: 'What happened, in words' },
      becauseOf: orNull(
        count,
        'Number of the entry that it was done because of; null for what somebody asked for, ' +
          'and for a shop where it was another shop’s doing',
      ),
      requestId: { ...text, description: 'The same for all that one request set going' },
    }),
    'Oldest first',
  ),
};

export function historyRoutes(app: FastifyInstance, services: Services): void {
  readRoute(app, services, {
    path: 'GET /orders/:orderId/why',
    who: orderHolder,
    params: { type: 'object', properties: { orderId: uuid } },
    answer: object(whyFields),
    answers: 'personal',
    read: ({ params: { orderId } }) => readWhy(services, orderId, null),
  });

  readRoute(app, services, {
    path: 'GET /store-orders/:storeOrderId/why',
    who: shopOfStoreOrder(services),
    params: { type: 'object', properties: { storeOrderId: uuid } },
    answer: object({ orderNumber: text, ...whyFields }),
    answers: 'personal',
    read: ({ params: { storeOrderId } }) => readStoreOrderWhy(services, storeOrderId),
  });
}
