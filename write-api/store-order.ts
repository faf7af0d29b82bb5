import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { CartLine } from '../domain/cart/cart.ts';
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
  type StoreOrderCommand,
  type StoreOrderRejection,
} from '../domain/fulfilment/store-order.ts';
import { idFrom } from '../platform/ids.ts';
import { deliveryCode } from '../platform/pass.ts';
import { bodyOf, noBody, object, paise, text, uuid, type Schema } from '../platform/schema.ts';
import { businessDate } from '../platform/time.ts';
import type { Services } from './app.ts';
import { atPosition, commandHeaders, contextOf } from '../engine/commands/context.ts';
import { eventId, type Handler, type Outcome } from '../engine/commands/handle.ts';
import { driveCredit, findInvoice } from './invoices.ts';
import { propose } from './substitution.ts';

/** What a shopper gets to answer for a substitute, while the picker goes on with the rest. */
const SUBSTITUTE_ANSWER_MS = 5 * 60_000;
const MAX_LINES = 200;
const MAX_PIECES = 999;
const MAX_GRAMS = 1_000_000;

const listingIdOf = { type: 'string', minLength: 1, maxLength: 200 } as const;
const pieces = (minimum: number) =>
  ({ type: 'integer', minimum, maximum: MAX_PIECES, description: 'Pieces' }) as const;

const grams = {
  type: 'integer',
  minimum: 1,
  maximum: MAX_GRAMS,
  description: 'What they weigh together, where the article is loose',
} as const;

const linesOf = (quantity: Schema, more: Record<string, Schema> = {}) => ({
  type: 'array',
  minItems: 1,
  maxItems: MAX_LINES,
  items: bodyOf({ listingId: listingIdOf, quantity, ...more }, ['listingId', 'quantity']),
});

const oneOf = (values: readonly string[]) => ({ type: 'string', enum: values });

const partParams = { type: 'object', properties: { storeOrderId: uuid } } as const;
const shopperParams = {
  type: 'object',
  properties: { orderId: uuid, storeOrderId: uuid },
} as const;

const answer = {
  storeOrderId: uuid,
  status: text,
  owedPaise: { ...paise, description: 'What the shopper owes for the part as it stands, in paise' },
};

type PartRequest<Body = never> = { Params: { storeOrderId: string }; Body: Body };
type ShopperRequest<Body> = { Params: { orderId: string; storeOrderId: string }; Body: Body };

type Step = {
  body: object;
  commandOf: (body: never) => StoreOrderCommand;
};

/** What a shop's staff do, each named in the path: /store-orders/{id}/accept. */
const STEPS: Record<string, Step> = {
  accept: { body: noBody, commandOf: () => ({ type: 'AcceptStoreOrder', data: {} }) },
  reject: {
    body: { ...noBody, properties: { reason: oneOf(REJECTION_REASONS) } },
    commandOf: (given: { reason?: StoreOrderRejection } | null) => ({
      type: 'RejectStoreOrder',
      data: { reason: given?.reason ?? 'other' },
    }),
  },
  picks: {
    body: bodyOf({
      lines: linesOf({ ...pieces(0), description: 'Pieces in the basket now' }, { grams }),
    }),
    commandOf: (data: { lines: (CartLine & { grams?: number })[] }) => ({
      type: 'PickLines',
      data,
    }),
  },
  shorts: {
    body: bodyOf({ listingId: listingIdOf, reason: oneOf(SHORT_REASONS) }),
    commandOf: (data: { listingId: string; reason: ShortReason }) => ({ type: 'ShortLine', data }),
  },
  pack: { body: noBody, commandOf: () => ({ type: 'PackStoreOrder', data: {} }) },
  dispatch: { body: noBody, commandOf: () => ({ type: 'DispatchStoreOrder', data: {} }) },
  cancel: {
    body: bodyOf({ reason: oneOf(SHOP_CANCELS) }),
    commandOf: ({ reason }: { reason: ShopCancel }) => ({
      type: 'CancelStoreOrder',
      data: { by: 'shop', reason },
    }),
  },
};

/** What a shopper does with a part: /orders/{orderId}/store-orders/{id}/cancel. */
const SHOPPER_STEPS: Record<string, Step> = {
  lines: {
    body: bodyOf({ lines: linesOf({ ...pieces(0), description: 'Pieces that are still wanted' }) }),
    commandOf: (data: { lines: CartLine[] }) => ({ type: 'ReduceLines', data }),
  },
  substitutions: {
    body: bodyOf({
      listingId: listingIdOf,
      substituteId: listingIdOf,
      accept: { type: 'boolean' },
    }),
    commandOf: ({ accept, ...data }: Record<'listingId' | 'substituteId', string> & Accept) => ({
      type: 'DecideSubstitution',
      data: { ...data, answer: accept ? 'accept' : 'decline' },
    }),
  },
  cancel: {
    body: bodyOf({ reason: oneOf(SHOPPER_CANCELS) }),
    commandOf: ({ reason }: { reason: ShopperCancel }) => ({
      type: 'CancelStoreOrder',
      data: { by: 'shopper', reason },
    }),
  },
};

type Accept = { accept: boolean };

const told = (
  reply: FastifyReply,
  storeOrderId: string,
  { state, position }: Outcome<StoreOrder>,
  more: object = {},
) =>
  atPosition(reply, position).send({
    storeOrderId,
    status: state.status,
    owedPaise: owedPaise(state),
    ...more,
  });

export function storeOrderRoutes(app: FastifyInstance, services: Services): void {
  const { handler } = services;
  const take = (
    request: FastifyRequest<PartRequest<unknown>>,
    command: StoreOrderCommand,
  ): Promise<Outcome<StoreOrder>> =>
    handler.handle(storeOrder, request.params.storeOrderId, command, contextOf(request));

  for (const [step, { body: given, commandOf }] of Object.entries(STEPS)) {
    app.post<PartRequest>(
      `/store-orders/:storeOrderId/${step}`,
      { schema: schemaOf(partParams, given) },
      async (request, reply) => {
        const outcome = await take(request, commandOf(request.body as never));
        return told(reply, request.params.storeOrderId, outcome);
      },
    );
  }

  for (const [step, { body: given, commandOf }] of Object.entries(SHOPPER_STEPS)) {
    app.post<ShopperRequest<never>>(
      `/orders/:orderId/store-orders/:storeOrderId/${step}`,
      { schema: schemaOf(shopperParams, given) },
      async (request, reply) => {
        const { orderId, storeOrderId } = request.params;
        await assertPartOf(handler, orderId, storeOrderId);
        return told(reply, storeOrderId, await take(request, commandOf(request.body as never)));
      },
    );
  }

  app.post<PartRequest<Proposal>>(
    '/store-orders/:storeOrderId/substitutes',
    { schema: schemaOf(partParams, proposal) },
    async (request, reply) => {
      const { storeOrderId } = request.params;
      const { listingId } = request.body;
      const line = await substituteLine(handler, storeOrderId, request.body);
      const expiresAt = new Date(services.now().getTime() + SUBSTITUTE_ANSWER_MS).toISOString();
      const data = { listingId, line, expiresAt };
      const context = contextOf(request);
      return told(reply, storeOrderId, await propose(services, storeOrderId, data, context));
    },
  );

  app.post<PartRequest<{ code: string } | { proof: DeliveryProof }>>(
    '/store-orders/:storeOrderId/deliver',
    { schema: schemaOf(partParams, handedOver) },
    async (request, reply) => {
      const { storeOrderId } = request.params;
      const right = deliveryCode(services.deliveryCodeSecret, storeOrderId);
      const proof =
        'proof' in request.body
          ? request.body.proof
          : request.body.code === right
            ? 'code'
            : 'wrong-code';
      const outcome = await take(request, { type: 'DeliverStoreOrder', data: { proof } });
      if (proof === 'wrong-code' && outcome.state.status !== 'delivered') {
        throw wrongCode(MAX_WRONG_CODES - outcome.state.wrongCodes);
      }
      return told(reply, storeOrderId, outcome);
    },
  );

  app.post<PartRequest<ReturnBody>>(
    '/store-orders/:storeOrderId/returns',
    {
      schema: schemaOf(partParams, returned, {
        returnId: uuid,
        number: { ...text, description: 'Of the credit note' },
      }),
    },
    async (request, reply) => {
      const { storeOrderId } = request.params;
      const today = businessDate(services.now().getTime());
      const found = await findInvoice(services, storeOrderId, today);
      const context = contextOf(request);
      const returnId = idFrom('return', storeOrderId, context.commandId);
      if (request.body.to === 'shelf') await assertInBooks(handler, storeOrderId, returnId);
      const data = { ...request.body, returnId };
      const outcome = await take(request, { type: 'ReturnLines', data });
      const back = outcome.state.returns.find((one) => one.returnId === returnId)!;
      const { number, position } = await driveCredit(handler, found, back, today, {
        correlationId: context.correlationId,
        causationId: eventId(`${storeOrder.category}-${storeOrderId}`, context.commandId, 0),
      });
      const last = position > outcome.position ? position : outcome.position;
      return told(reply, storeOrderId, { ...outcome, position: last }, { returnId, number });
    },
  );
}

const schemaOf = (params: object, given: object, more: Record<string, object> = {}) => ({
  params,
  body: given,
  headers: commandHeaders,
  response: { 200: object({ ...answer, ...more }) },
});

/** Who knows the order's id is its shopper, until people sign in. */
async function assertPartOf(
  handler: Handler,
  orderId: string,
  storeOrderId: string,
): Promise<void> {
  const part = await handler.load(storeOrder, storeOrderId, { fresh: false });
  const known = part.status === 'none' ? await fresh(handler, storeOrderId) : part;
  if (known.status === 'none' || known.orderId !== orderId) {
    throw new Rejected('ORDER_NOT_FOUND', 'There is no such order.');
  }
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
  const [part] = quote([{ listingId: substituteId, quantity }], () => (isOwn ? sold : undefined));
  // A substitute is agreed on with its price: it is not weighed.
  const { gramsEach: _, ...line } = part!.lines[0]!;
  return line;
}

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

const wrongCode = (left: number): Rejected =>
  new Rejected(
    'WRONG_DELIVERY_CODE',
    left > 0
      ? `That is not the code: ask the customer again. ${left} more tries.`
      : 'That is not the code. Say how else you know that it reached the right person.',
    { left },
  );

type ReturnBody = { lines: CartLine[]; reason: CreditReason; to: ReturnPlace };

const returned = bodyOf({
  lines: linesOf(pieces(1)),
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
  throw new Rejected(
    'RETURN_EXCEEDS_PICKED',
    'The books no longer know what went out for this order: enter it as received, and return it ' +
      'as not brought back.',
  );
}
