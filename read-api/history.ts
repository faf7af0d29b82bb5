import type { FastifyInstance } from 'fastify';
import { Problem } from '../platform/http.ts';
import { count, list, object, orNull, text, time, uuid, type Schema } from '../platform/schema.ts';
import { paise } from '../domain/schema.ts';
import type { CartLine } from '../domain/cart/cart.ts';
import type { OrderPart, PlacedOrder } from '../domain/ordering/order.ts';
import type { HistoryEvent, HistoryRow } from '../projector/history.ts';
import type { BoardOrderRow } from '../projector/order-board.ts';
import { readRoute } from '../engine/reading/route.ts';
import type { Services } from './services.ts';
import type { Article, BasketAt, HistoryFact, HistoryFacts } from '../wording/history.ts';
import type { OrderLine } from './my-orders.ts';
import { orderNotFound, shopOfStoreOrder, shopperOfOrder } from './who.ts';

/** Facts are those of `HistoryFacts` for the event: `wording` makes sentences of them. */
export type WhyEntry = {
  /** From 1, in the order of the log. */
  number: number;
  at: string;
  /** What happened: a type of event. */
  event: string;
  /** Who did it: `anonymous`, or a process of ours, such as `checkout`. */
  actor: string;
  facts: object;
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

/** What a shop may know of it: its own store order, and what is about the whole order. */
export type StoreOrderWhy = Why & { orderNumber: string };

type SeenStoreOrder = Pick<OrderPart, 'storeOrderId' | 'storeId' | 'lines' | 'slot'>;

/** What the facts of an event are made with. */
type About = {
  /** The store orders, without those that are not to be seen. */
  storeOrders: SeenStoreOrder[];
  storeId: string | null;
  storeOrderId: string | null;
  /** The store of the event, by name. */
  storeName: string;
  nameOfStore: (storeId: string) => string;
  /** An amount; what all shops take together is not for one of them. */
  amountPaise: (paise: number) => number | null;
};

type DataOf<Type> = Extract<HistoryEvent, { type: Type }>['data'];

const articleOf = ({ name, pack }: OrderLine, quantity: number): Article => ({
  name,
  pack,
  quantity,
});

/** Pieces of a listing by the name that the order gave it; by its SKU where it is in none. */
function article(storeOrders: SeenStoreOrder[], { listingId, quantity }: CartLine): Article {
  const line = storeOrders.flatMap(({ lines }) => lines).find((one) => one.listingId === listingId);
  if (line) return articleOf(line, quantity);
  return { name: listingId.slice(listingId.indexOf('.') + 1), pack: null, quantity };
}

/** What is moved in a shop's stock, by the names that the order gave it. */
const stock = (
  { storeOrders, storeId }: About,
  lines: { sku: string; quantity: number }[],
): Article[] =>
  lines.map(({ sku, quantity }) =>
    article(storeOrders, { listingId: `${storeId}.${sku}`, quantity }),
  );

const baskets = (
  storeOrders: Pick<SeenStoreOrder, 'storeId' | 'lines'>[],
  about: About,
): BasketAt[] =>
  storeOrders.map(({ storeId, lines }) => ({
    storeName: about.nameOfStore(storeId),
    articles: lines.map((line) => articleOf(line, line.quantity)),
  }));

/** What fell out of an order, as far as it is to be seen, and what stayed. */
function remainder(
  { kept }: DataOf<'OrderConfirmed'>,
  about: About,
): HistoryFacts['OrderConfirmed'] {
  const storeIds = new Map(about.storeOrders.map((one) => [one.storeOrderId, one.storeId]));
  const leftOut = (kept?.leftOut ?? []).flatMap(
    ({ storeOrderId, listingId, wanted, left, reason }) => {
      const storeId = storeIds.get(storeOrderId);
      if (storeId === undefined) return [];
      const wantedOf = article(about.storeOrders, { listingId, quantity: wanted });
      return [{ ...wantedOf, storeName: about.nameOfStore(storeId), left, reason }];
    },
  );
  const stayed = (kept?.parts ?? []).filter(({ storeOrderId }) => storeIds.has(storeOrderId));
  return { leftOut, kept: baskets(stayed, about) };
}

function shortages({ storeOrders }: About, short: DataOf<'OrderRejected'>['shortages'] = []) {
  const lines = storeOrders.flatMap((one) => one.lines);
  return short.flatMap(({ listingId, wanted, left }) => {
    const line = lines.find((one) => one.listingId === listingId);
    return line ? [{ name: line.name, pack: line.pack, wanted, left }] : [];
  });
}

const slot = ({ storeOrders, storeOrderId, storeName }: About): HistoryFacts['SlotHeld'] => ({
  storeName,
  slot: storeOrders.find((one) => one.storeOrderId === storeOrderId)?.slot ?? null,
});

const substitution = (
  { listingId, replaces, line }: DataOf<'SubstitutionProposed'>,
  { storeOrders, storeName }: About,
): HistoryFacts['SubstitutionProposed'] => ({
  storeName,
  article: article(storeOrders, { listingId, quantity: replaces }),
  substitute: articleOf(line, line.quantity),
});

const nothing = () => ({});
const atStore = (_: object, { storeName }: About) => ({ storeName });
const reasonOf = ({ reason }: { reason: string }) => ({ reason });
const shareOf = ({ amountPaise }: { amountPaise: number }, about: About) => ({
  storeName: about.storeName,
  amountPaise: about.amountPaise(amountPaise),
});
const stockMoved = (
  { lines }: { lines: { sku: string; quantity: number }[] },
  about: About,
): HistoryFacts['StockReserved'] => ({
  storeName: about.storeName,
  articles: stock(about, lines),
});

/** Keyed by event, so that the compiler asks for the facts of a new one. */
const FACTS: {
  [Type in HistoryEvent['type']]: (data: DataOf<Type>, about: About) => HistoryFacts[Type];
} = {
  OrderPlaced: (_, about) => ({ baskets: baskets(about.storeOrders, about) }),
  OrderReserved: remainder,
  OrderConfirmed: remainder,
  OrderRejected: ({ reason, shortages: short }, about) => ({
    reason,
    shortages: shortages(about, short),
  }),
  OrderCancelled: nothing,
  OrderCompleted: nothing,
  CartCheckedOut: nothing,
  CartReopened: nothing,
  StoreOrderSubmitted: atStore,
  StoreOrderAccepted: atStore,
  StoreOrderRejected: ({ reason }, { storeName }) => ({ storeName, reason }),
  LineReduced: (line, { storeOrders }) => ({ article: article(storeOrders, line) }),
  LinePicked: ({ grams = null, ...line }, { storeOrders, storeName }) => ({
    storeName,
    article: article(storeOrders, line),
    grams,
  }),
  LineShorted: ({ reason, ...line }, { storeOrders, storeName }) => ({
    storeName,
    article: article(storeOrders, line),
    reason,
  }),
  SubstituteChosen: substitution,
  SubstituteUnavailable: ({ left }, { storeName }) => ({ storeName, left }),
  SubstitutionProposed: substitution,
  SubstitutionDecided: ({ accepted, by }) => ({ accepted, by }),
  StoreOrderPacked: atStore,
  StoreOrderDispatched: atStore,
  DeliveryCodeMissed: atStore,
  StoreOrderDelivered: ({ proof }, { storeName }) => ({ storeName, proof }),
  StoreOrderCancelled: ({ by, reason }, { storeName }) => ({ storeName, by, reason }),
  LinesReturned: ({ lines, reason, feePaise }, { storeOrders, storeName }) => ({
    storeName,
    articles: lines.map((line) => article(storeOrders, line)),
    reason,
    feePaise,
  }),
  StockReserved: stockMoved,
  ReservationChanged: stockMoved,
  ReservationReleased: (data, about) => ({ ...stockMoved(data, about), ...reasonOf(data) }),
  StockWrittenOff: ({ lines }, about) => ({
    storeName: about.storeName,
    losses: lines.map((line) => ({ ...stock(about, [line])[0]!, reason: line.reason })),
  }),
  StockPicked: stockMoved,
  StockReturned: (data, about) => ({ ...stockMoved(data, about), to: data.to }),
  SlotHeld: (_, about) => slot(about),
  SlotConfirmed: (_, about) => slot(about),
  SlotReleased: ({ reason }, about) => ({ ...slot(about), reason }),
  InvoiceIssued: ({ number, totalPaise }, { storeName }) => ({ storeName, number, totalPaise }),
  CreditNoteIssued: ({ number, totalPaise, reason }, { storeName }) => ({
    storeName,
    number,
    totalPaise,
    reason,
  }),
  PaymentRequested: ({ amountPaise, method }, about) => ({
    amountPaise: about.amountPaise(amountPaise),
    method,
  }),
  PaymentCancelled: reasonOf,
  PaymentSucceeded: (data, about) => ({ amountPaise: about.amountPaise(data.amountPaise) }),
  PaymentFailed: reasonOf,
  LatePaymentSeen: ({ amountPaise, why }, about) => ({
    amountPaise: about.amountPaise(amountPaise),
    why,
  }),
  CashCollected: ({ amountPaise }, about) => ({
    storeName: about.storeName,
    amountPaise: about.amountPaise(amountPaise),
  }),
  RefundRequested: (data, about) => ({ amountPaise: about.amountPaise(data.amountPaise) }),
  RefundSucceeded: ({ amountPaise, externalId }, about) => ({
    amountPaise: about.amountPaise(amountPaise),
    externalId,
  }),
  RefundFailed: ({ amountPaise, reason }, about) => ({
    amountPaise: about.amountPaise(amountPaise),
    reason,
  }),
  RefundTakenOver: ({ amountPaise, givenAs }, about) => ({
    amountPaise: about.amountPaise(amountPaise),
    givenAs,
  }),
  RefundReduced: (data, about) => ({ amountPaise: about.amountPaise(data.amountPaise) }),
  TransferMade: shareOf,
  TransferReversed: shareOf,
  ReversalReturned: shareOf,
};

/** What is told of an event; of one that a newer projector wrote, nothing but its type. */
function factsOf({ type, data }: HistoryRow, about: About): object {
  const facts = (FACTS as Record<string, ((data: never, about: About) => object) | undefined>)[
    type
  ];
  return facts?.(data as never, about) ?? {};
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
  const { parts: all } = (placed ?? { parts: [] }) as Pick<PlacedOrder, 'parts'>;
  const storeOrders = all.filter(({ storeId }) => maySee(storeId));
  const { rows: stores } = await pool.query<{ store_id: string; name: string }>({
    name: 'history-stores',
    text: 'select store_id, name from catalogue.store where store_id = any($1)',
    values: [storeOrders.map(({ storeId }) => storeId)],
  });
  const names = new Map(stores.map(({ store_id: id, name }) => [id, name]));
  const seen = rows.filter((row) => maySee(row.store_id));
  const numbers = new Map(seen.map((row, index) => [row.event_id, index + 1]));
  const entries = seen.map((row, index) => {
    const { store_id: storeId, store_order_id: storeOrderId } = row;
    const nameOfStore = (id: string) => names.get(id) ?? id;
    const storeName = nameOfStore(storeId ?? '');
    const isForAll = onlyStoreId !== null && storeId === null;
    const amountPaise = (sum: number) => (isForAll ? null : sum);
    const about = { storeOrders, storeId, storeOrderId, storeName, nameOfStore, amountPaise };
    return {
      number: index + 1,
      at: row.at,
      event: row.type,
      actor: shownActor(row.actor),
      facts: factsOf(row, about),
      becauseOf: numbers.get(row.causation_id) ?? null,
      requestId: row.correlation_id,
    };
  });
  return { entries };
}

/** Which guest it was, by an id of theirs, is for nobody to read: what was done says that it was one. */
const shownActor = (actor: string): string => (actor.includes(':') ? 'anonymous' : actor);

/** The same for a shop, of its own store order. Throws a `Problem` 404. */
async function readStoreOrderWhy(services: Services, storeOrderId: string): Promise<StoreOrderWhy> {
  const { rows } = await services.pool.query<BoardOrderRow & { order_id: string }>({
    name: 'history-store-order',
    text: `select c.store_id, c.order_number, p.order_id
      from order_board.card c join my_orders.part p using (store_order_id)
      where store_order_id = $1`,
    values: [storeOrderId],
  });
  const row = rows[0];
  if (!row) throw new Problem(404, 'STORE_ORDER_NOT_FOUND', 'There is no such order at a shop.');
  const { entries } = await readWhy(services, row.order_id, row.store_id);
  return { orderNumber: row.order_number, entries };
}

const articleFields = { name: text, pack: orNull(text), quantity: count };
const articles = list(object(articleFields));
const basketList = list(object({ storeName: text, articles }));

const FACT_FIELDS: Record<HistoryFact, Schema> = {
  storeName: text,
  reason: { ...text, description: 'A code' },
  article: object(articleFields),
  articles,
  substitute: object(articleFields),
  baskets: { ...basketList, description: 'What was ordered, by shop' },
  kept: { ...basketList, description: 'What stayed in the order, by shop' },
  leftOut: list(object({ ...articleFields, storeName: text, left: count, reason: text })),
  shortages: list(object({ name: text, pack: orNull(text), wanted: count, left: count })),
  losses: list(object({ ...articleFields, reason: text })),
  left: { ...count, description: 'Pieces that are left' },
  grams: orNull(count, 'Null where it is not weighed'),
  accepted: { type: 'boolean' },
  by: { ...text, description: 'Whose decision it was' },
  proof: orNull(text, 'What the door was opened by'),
  feePaise: paise,
  to: { ...text, description: 'Where goods came back to: shelf, write-off' },
  slot: orNull(object({ date: text, fromMinute: count, toMinute: count })),
  number: { ...text, description: 'Of a bill or a credit note' },
  totalPaise: paise,
  amountPaise: orNull(paise, 'Indian paise; null where it is not for one shop to know'),
  method: text,
  why: { ...text, description: 'Why money came late' },
  externalId: { ...text, description: 'What whoever gave money back calls it; or cash' },
  givenAs: { ...text, description: 'What a gateway calls money that it gave back by itself' },
};

/** Each event has some of them. */
const historyFacts = {
  type: 'object',
  description: 'What is to be told of it, by event; nothing else is known of other events',
  properties: FACT_FIELDS,
};

const whyFields = {
  entries: list(
    object({
      number: { ...count, description: 'From 1, in the order of the log' },
      at: time,
      event: { ...text, description: 'What happened: a type of event' },
      actor: { ...text, description: 'Who did it: anonymous, or a process of ours' },
      facts: historyFacts,
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
    who: shopperOfOrder(services),
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
