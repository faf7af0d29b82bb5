import type { FastifyInstance } from 'fastify';
import { MAX_LINE_QUANTITY, type CartLine } from '../domain/cart/cart.ts';
import { Rejected } from '../domain/rejection.ts';
import { inventory, isPickKnown } from '../domain/inventory/inventory.ts';
import { CREDIT_REASONS, type CreditReason } from '../domain/money/invoices.ts';
import { listing, storeOfListing } from '../domain/catalogue/listing.ts';
import { quote, type OrderLine } from '../domain/ordering/order.ts';
import {
  DELIVERY_PROOFS,
  MAX_WRONG_CODES,
  REJECTION_REASONS,
  RETURN_PLACES,
  SHOPPER_CANCELS,
  SHOP_CANCELS,
  SHORT_REASONS,
  owedPaise,
  storeOrder,
  type DeliveryProof,
  type ReturnPlace,
  type ShopCancel,
  type ShopperCancel,
  type ShortReason,
  type StoreOrder,
  type StoreOrderRejection,
} from '../domain/fulfilment/store-order.ts';
import { idFrom } from '../platform/ids.ts';
import { paise } from '../domain/schema.ts';
import { bodyOf, noBody, object, text, uuid, type Schema } from '../platform/schema.ts';
import { codeOf } from '../platform/signature.ts';
import { businessDate } from '../platform/time.ts';
import type { Services } from './services.ts';
import { eventId, type Handler } from '../engine/commands/handle.ts';
import { commandRoute } from '../engine/commands/route.ts';
import { driveCredit, findInvoice } from './invoices.ts';
import { propose } from './substitution.ts';
import { shopperOfStoreOrder, shopOfStoreOrder } from './who.ts';

/** What a shopper gets to answer for a substitute, while the picker goes on with the rest. */
const SUBSTITUTE_ANSWER_MS = 5 * 60_000;
const MAX_LINES = 200;
const MAX_GRAMS = 1_000_000;

const listingIdOf = { type: 'string', minLength: 1, maxLength: 200 } as const;
const pieces = (minimum: number) =>
  ({ type: 'integer', minimum, maximum: MAX_LINE_QUANTITY, description: 'Pieces' }) as const;

const grams = {
  type: 'integer',
  minimum: 1,
  maximum: MAX_GRAMS,
  description: 'What they weigh together, where the article is loose',
} as const;

const linesSchema = (quantity: Schema, more: Record<string, Schema> = {}) => ({
  type: 'array',
  minItems: 1,
  maxItems: MAX_LINES,
  items: bodyOf({ listingId: listingIdOf, quantity, ...more }, ['listingId', 'quantity']),
});

const oneOf = (values: readonly string[]) => ({ type: 'string', enum: values });

const storeOrderParams = { type: 'object', properties: { storeOrderId: uuid } } as const;
const shopperParams = {
  type: 'object',
  properties: { orderId: uuid, storeOrderId: uuid },
} as const;

const answer = {
  storeOrderId: uuid,
  status: text,
  owedPaise: {
    ...paise,
    description: 'What the shopper owes for the store order as it stands, in paise',
  },
};

/** What a shop's staff do with a store order, each named in the path: /store-orders/{id}/accept. */
export function storeOrderRoutes(app: FastifyInstance, services: Services): void {
  const { handler } = services;
  const ofStoreOrder = {
    who: shopOfStoreOrder(services),
    params: storeOrderParams,
    id: ({ storeOrderId }: { storeOrderId: string }) => storeOrderId,
    decider: storeOrder,
    answer: object(answer),
    reply: (state: StoreOrder, { id }: { id: string }) => standing(id, state),
  };

  commandRoute(app, handler, {
    ...ofStoreOrder,
    path: 'POST /store-orders/:storeOrderId/accept',
    body: noBody,
    command: () => ({ type: 'AcceptStoreOrder', data: {} }),
  });

  commandRoute(app, handler, {
    ...ofStoreOrder,
    path: 'POST /store-orders/:storeOrderId/reject',
    body: { ...noBody, properties: { reason: oneOf(REJECTION_REASONS) } },
    command: (given: { reason?: StoreOrderRejection } | null) => ({
      type: 'RejectStoreOrder',
      data: { reason: given?.reason ?? 'other' },
    }),
  });

  commandRoute(app, handler, {
    ...ofStoreOrder,
    path: 'POST /store-orders/:storeOrderId/picks',
    body: bodyOf({
      lines: linesSchema({ ...pieces(0), description: 'Pieces in the basket now' }, { grams }),
    }),
    command: (data: { lines: (CartLine & { grams?: number })[] }) => ({ type: 'PickLines', data }),
  });

  commandRoute(app, handler, {
    ...ofStoreOrder,
    path: 'POST /store-orders/:storeOrderId/shorts',
    body: bodyOf({ listingId: listingIdOf, reason: oneOf(SHORT_REASONS) }),
    command: (data: { listingId: string; reason: ShortReason }) => ({ type: 'ShortLine', data }),
  });

  commandRoute(app, handler, {
    ...ofStoreOrder,
    path: 'POST /store-orders/:storeOrderId/pack',
    body: noBody,
    command: () => ({ type: 'PackStoreOrder', data: {} }),
  });

  commandRoute(app, handler, {
    ...ofStoreOrder,
    path: 'POST /store-orders/:storeOrderId/dispatch',
    body: noBody,
    command: () => ({ type: 'DispatchStoreOrder', data: {} }),
  });

  commandRoute(app, handler, {
    ...ofStoreOrder,
    path: 'POST /store-orders/:storeOrderId/cancel',
    body: bodyOf({ reason: oneOf(SHOP_CANCELS) }),
    command: ({ reason }: { reason: ShopCancel }) => ({
      type: 'CancelStoreOrder',
      data: { by: 'shop', reason },
    }),
  });

  shopperRoutes(app, services);
  substituteRoute(app, services);
  deliverRoute(app, services);
  returnRoute(app, services);
}

const standing = (storeOrderId: string, state: StoreOrder) => ({
  storeOrderId,
  status: state.status,
  owedPaise: owedPaise(state),
});

/** What a shopper does with a store order: /orders/{orderId}/store-orders/{id}/cancel. */
function shopperRoutes(app: FastifyInstance, services: Services): void {
  const { handler } = services;
  const ofStoreOrder = {
    who: shopperOfStoreOrder(services),
    params: shopperParams,
    id: ({ storeOrderId }: { storeOrderId: string }) => storeOrderId,
    decider: storeOrder,
    answer: object(answer),
    reply: (state: StoreOrder, { id }: { id: string }) => standing(id, state),
  };

  commandRoute(app, handler, {
    ...ofStoreOrder,
    path: 'POST /orders/:orderId/store-orders/:storeOrderId/lines',
    body: bodyOf({
      lines: linesSchema({ ...pieces(0), description: 'Pieces that are still wanted' }),
    }),
    command: (data: { lines: CartLine[] }) => ({ type: 'ReduceLines', data }),
  });

  commandRoute(app, handler, {
    ...ofStoreOrder,
    path: 'POST /orders/:orderId/store-orders/:storeOrderId/substitutions',
    body: bodyOf({
      listingId: listingIdOf,
      substituteId: listingIdOf,
      accept: { type: 'boolean' },
    }),
    command: ({ accept, ...data }: Record<'listingId' | 'substituteId', string> & Accept) => ({
      type: 'DecideSubstitution',
      data: { ...data, answer: accept ? 'accept' : 'decline' },
    }),
  });

  commandRoute(app, handler, {
    ...ofStoreOrder,
    path: 'POST /orders/:orderId/store-orders/:storeOrderId/cancel',
    body: bodyOf({ reason: oneOf(SHOPPER_CANCELS) }),
    command: ({ reason }: { reason: ShopperCancel }) => ({
      type: 'CancelStoreOrder',
      data: { by: 'shopper', reason },
    }),
  });
}

type Accept = { accept: boolean };

function substituteRoute(app: FastifyInstance, services: Services): void {
  const { handler, now } = services;
  commandRoute(app, handler, {
    path: 'POST /store-orders/:storeOrderId/substitutes',
    who: shopOfStoreOrder(services),
    params: storeOrderParams,
    id: ({ storeOrderId }) => storeOrderId,
    body: proposal,
    answer: object(answer),
    async run(wanted: Proposal, { id, context }) {
      const line = await substituteLine(handler, id, wanted);
      const expiresAt = new Date(now().getTime() + SUBSTITUTE_ANSWER_MS).toISOString();
      const data = { listingId: wanted.listingId, line, expiresAt };
      const { state, position } = await propose(services, id, data, context);
      return { position, answer: standing(id, state) };
    },
  });
}

function deliverRoute(app: FastifyInstance, services: Services): void {
  const { handler, deliveryCodeSecret } = services;
  const proofOf = (given: HandedOver, storeOrderId: string) => {
    if ('proof' in given) return given.proof;
    return given.code === codeOf(deliveryCodeSecret, storeOrderId) ? 'code' : 'wrong-code';
  };
  commandRoute(app, handler, {
    path: 'POST /store-orders/:storeOrderId/deliver',
    who: shopOfStoreOrder(services),
    params: storeOrderParams,
    id: ({ storeOrderId }) => storeOrderId,
    body: handedOver,
    decider: storeOrder,
    command: (given: HandedOver, { id }) => ({
      type: 'DeliverStoreOrder',
      data: { proof: proofOf(given, id) },
    }),
    answer: object(answer),
    reply(state, { body, id }) {
      // A wrong code is noted, so that tries are counted, and refused all the same.
      if (proofOf(body, id) === 'wrong-code' && state.status !== 'delivered') {
        throw wrongCode(MAX_WRONG_CODES - state.wrongCodes);
      }
      return standing(id, state);
    },
  });
}

function returnRoute(app: FastifyInstance, services: Services): void {
  const { handler } = services;
  commandRoute(app, handler, {
    path: 'POST /store-orders/:storeOrderId/returns',
    who: shopOfStoreOrder(services),
    params: storeOrderParams,
    id: ({ storeOrderId }) => storeOrderId,
    body: returned,
    answer: object({
      ...answer,
      returnId: uuid,
      number: { ...text, description: 'Of the credit note' },
    }),
    async run(wanted: ReturnBody, { id, context }) {
      const today = businessDate(services.now().getTime());
      const found = await findInvoice(services, id, today);
      const returnId = idFrom('return', id, context.commandId);
      if (wanted.to === 'shelf') await assertInBooks(handler, id, returnId);
      const command = { type: 'ReturnLines', data: { ...wanted, returnId } } as const;
      const outcome = await handler.handle(storeOrder, id, command, context);
      const back = outcome.state.returns.find((one) => one.returnId === returnId)!;
      const { number, position } = await driveCredit(handler, found, back, today, {
        correlationId: context.correlationId,
        causationId: eventId(`${storeOrder.category}-${id}`, context.commandId, 0),
      });
      const last = position > outcome.position ? position : outcome.position;
      return { position: last, answer: { ...standing(id, outcome.state), returnId, number } };
    },
  });
}

const fresh = (handler: Handler, storeOrderId: string): Promise<StoreOrder> =>
  handler.load(storeOrder, storeOrderId, { fresh: true });

type Proposal = { listingId: string; substituteId: string; quantity: number };

const proposal = bodyOf({
  listingId: listingIdOf,
  substituteId: listingIdOf,
  quantity: pieces(1),
});

/**
 * What a shop proposes, at its own price today. Throws `Rejected` LISTING_NOT_FOUND, also for
 * another shop's listing.
 */
async function substituteLine(
  handler: Handler,
  storeOrderId: string,
  { substituteId, quantity }: Proposal,
): Promise<OrderLine> {
  const { storeId } = await fresh(handler, storeOrderId);
  const sold = await handler.load(listing, substituteId, { fresh: true });
  const isOwn = storeOfListing(substituteId) === storeId;
  const [priced] = quote([{ listingId: substituteId, quantity }], () => (isOwn ? sold : undefined));
  // A substitute is agreed on with its price: it is not weighed.
  const { gramsEach: _, ...line } = priced!.lines[0]!;
  return line;
}

type HandedOver = { code: string } | { proof: DeliveryProof };

const handedOver = {
  anyOf: [
    bodyOf({
      code: { type: 'string', pattern: '^[0-9]{4}$', description: 'As the customer says' },
    }),
    bodyOf({
      proof: { ...oneOf(DELIVERY_PROOFS), description: 'What is known instead of a code' },
    }),
  ],
};

const wrongCode = (left: number): Rejected => new Rejected('WRONG_DELIVERY_CODE', { left });

type ReturnBody = { lines: CartLine[]; reason: CreditReason; to: ReturnPlace };

const returned = bodyOf({
  lines: linesSchema(pieces(1)),
  reason: oneOf(CREDIT_REASONS),
  to: { ...oneOf(RETURN_PLACES), description: 'Where the goods go; `none`: nothing came back' },
});

/** Throws `Rejected` where a shop's books no longer know what went out for an order. */
async function assertInBooks(
  handler: Handler,
  storeOrderId: string,
  returnId: string,
): Promise<void> {
  const { storeId, returns } = await fresh(handler, storeOrderId);
  if (returns.some((one) => one.returnId === returnId)) return;
  const stock = await handler.load(inventory, storeId, { fresh: true });
  if (isPickKnown(stock, storeOrderId)) return;
  throw new Rejected('RETURN_EXCEEDS_PICKED');
}
