import type { FastifyInstance } from 'fastify';
import { MAX_CART_LINES } from '../domain/cart/cart.ts';
import { Rejected } from '../domain/rejection.ts';
import { sumPaise } from '../domain/money/money.ts';
import {
  order,
  ORDER_CANCELLED,
  SHORTAGE_CHOICES,
  type AnyPlaced,
  type IfMissing,
  type OnShortage,
  type PlacedOrder,
} from '../domain/ordering/order.ts';
import { mobileFrom, type Recipient } from '../domain/ordering/recipient.ts';
import { PAYMENT_METHODS, type PaymentMethod } from '../domain/money/payment.ts';
import { applyQuote } from '../domain/ordering/quote.ts';
import { Problem } from '../platform/http.ts';
import { idFrom } from '../platform/ids.ts';
import { paise } from '../domain/schema.ts';
import { isGstin, writtenGstin } from '../domain/stores/gstin.ts';
import { bodyOf, count, list, noBody, object, text, uuid } from '../platform/schema.ts';
import type { Services } from './services.ts';
import { driveCheckout } from './checkout.ts';
import {
  coordinatesSchema,
  pickupIds,
  readAddress,
  slotWishes,
  stateSchema,
  writtenPincode,
  type Delivery,
} from './delivery.ts';
import { eventId } from '../engine/commands/handle.ts';
import { commandRoute } from '../engine/commands/route.ts';
import { assertPayable } from './payment-ports.ts';
import { destinationOf, priceCart, readQuote } from './quote.ts';
import { assertOwnCart, shopper, shopperOfOrder } from './who.ts';

/** What an order gets to be confirmed; the shops hold its goods meanwhile. */
const CHECKOUT_TIMEOUT_MS = 15 * 60_000;

/** A cart's 200 lines, their quote and a wish for each take less, in any script. */
const BODY_LIMIT_BYTES = 256 * 1024;

type Body = {
  cartId: string;
  quote: string;
  payment: PaymentMethod;
  onShortage?: OnShortage;
  /** By listing. */
  ifMissing?: Record<string, IfMissing>;
} & Recipient &
  Pick<Delivery, 'pickup' | 'slots'>;

const words = (maxLength: number) =>
  ({ type: 'string', minLength: 1, maxLength, pattern: '\\S' }) as const;

/** Of a line that the shop then does not have. */
const ifMissingSchema = {
  type: 'object',
  maxProperties: MAX_CART_LINES,
  description: 'What is to come instead, by listing: nothing, unless it is said here',
  additionalProperties: {
    anyOf: [
      {
        type: 'object',
        required: ['wish'],
        additionalProperties: false,
        properties: { wish: { type: 'string', enum: ['best-match', 'refund'] } },
      },
      {
        type: 'object',
        required: ['wish', 'listingId'],
        additionalProperties: false,
        properties: {
          wish: { type: 'string', enum: ['this-one'] },
          listingId: { type: 'string', minLength: 1, maxLength: 200 },
        },
      },
    ],
  },
} as const;

const newOrder = {
  type: 'object',
  required: ['cartId', 'quote', 'contact', 'address', 'payment'],
  additionalProperties: false,
  properties: {
    cartId: uuid,
    quote: { type: 'string', description: 'The token of the quote that the shopper accepted' },
    contact: {
      type: 'object',
      required: ['name', 'phone'],
      additionalProperties: false,
      properties: {
        name: words(120),
        phone: {
          type: 'string',
          maxLength: 40,
          description: 'An Indian mobile number: ten digits, +91 or 0 before them if you like',
        },
      },
    },
    address: {
      type: 'object',
      required: ['line1', 'city', 'pincode'],
      additionalProperties: false,
      properties: {
        line1: words(240),
        city: words(80),
        pincode: writtenPincode,
        state: stateSchema,
        location: coordinatesSchema,
      },
    },
    buyer: {
      ...bodyOf({ gstin: { type: 'string', maxLength: 40 }, legalName: words(200) }),
      description: 'The business that buys, for a bill with its GSTIN',
    },
    payment: { type: 'string', enum: PAYMENT_METHODS },
    onShortage: {
      type: 'string',
      enum: SHORTAGE_CHOICES,
      description: 'Left out: all or nothing',
    },
    pickup: pickupIds,
    slots: slotWishes,
    ifMissing: ifMissingSchema,
  },
} as const;

const placedOrder = object({
  orderId: uuid,
  status: {
    type: 'string',
    enum: ['confirmed', 'awaiting-payment'],
    description: 'Of an order that waits to be paid, /api/read/orders/{id} tells how',
  },
  totalPaise: paise,
  storeOrders: list(object({ storeOrderId: uuid, storeId: text })),
  leftOut: list(
    object({ listingId: text, name: text, wanted: count, left: count, reason: text }),
    'Lines of which the shops had too little, and how many of them stayed in',
  ),
});

const params = { type: 'object', properties: { orderId: uuid } } as const;
const cancelled = object({ orderId: uuid, status: text });

export function orderRoutes(app: FastifyInstance, services: Services): void {
  const { handler } = services;

  commandRoute(app, handler, {
    path: 'POST /orders',
    who: shopper(services),
    creates: 'order',
    body: newOrder,
    bodyLimit: BODY_LIMIT_BYTES,
    answer: placedOrder,
    async run(wanted: Body, { id: orderId, context, caller: { actor } }) {
      await assertOwnCart(handler, wanted.cartId, actor);
      const data = await priceOnce(services, orderId, wanted, actor);
      const command = { type: 'PlaceOrder', data } as const;
      const placed = await handler.handle(order, orderId, command, context);
      const { state, position } = await driveCheckout(services, orderId, {
        correlationId: context.correlationId,
        causationId: eventId(`${order.category}-${orderId}`, context.commandId, 0),
      });
      if (state.status === 'none') throw new Error(`order ${orderId} was placed and is gone`);
      const { parts, totalPaise, leftOut, confirmed, reason } = state;
      const reserved = state.reserved && !CANNOT_BE_PAID.has(reason ?? '');
      if (!confirmed && !reserved) throw rejectedCheckout(state);
      // A repeat hears what the first heard, whatever came of the payment since.
      const status = reserved ? 'awaiting-payment' : 'confirmed';
      const storeOrders = parts.map(({ storeOrderId, storeId }) => ({ storeOrderId, storeId }));
      const answer = { orderId, status, totalPaise, storeOrders, leftOut };
      return { position: newest(placed.position, position), answer };
    },
  });

  commandRoute(app, handler, {
    path: 'POST /orders/:orderId/cancel',
    who: shopperOfOrder(services),
    params,
    id: ({ orderId }) => orderId,
    body: noBody,
    answer: cancelled,
    async run(_, { id: orderId, context }) {
      const command = { type: 'CancelOrder', data: {} } as const;
      const outcome = await handler.handle(order, orderId, command, context);
      // Gives back whatever is held for it: the cart is open again with the answer.
      const { state, position } = await driveCheckout(services, orderId, {
        correlationId: context.correlationId,
        causationId: eventId(`${order.category}-${orderId}`, context.commandId, 0),
      });
      const answer = { orderId, status: state.status };
      return { position: newest(outcome.position, position), answer };
    },
  });
}

const newest = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** A repeat is not priced again: what was placed stands, and `handle` compares the requests. */
async function priceOnce(
  services: Services,
  orderId: string,
  body: Body,
  actor: string,
): Promise<PlacedOrder> {
  const { handler } = services;
  const known = await handler.load(order, orderId, { fresh: false });
  if (known.status !== 'none') return known;
  try {
    return { ...(await price(services, orderId, body)), shopper: actor };
  } catch (error) {
    // The cart may be closed because the same request, sent twice at once, was placed meanwhile.
    const placed = await handler.load(order, orderId, { fresh: true });
    if (placed.status === 'none') throw error;
    return placed;
  }
}

/**
 * What is ordered: the cart as it is now, at the prices that were accepted, for a sealed recipient.
 */
async function price(
  services: Services,
  orderId: string,
  { cartId, quote, contact, address: written, payment, pickup, slots, ...body }: Body,
): Promise<Omit<PlacedOrder, 'shopper'>> {
  const { handler, vault, quoteSecret, now } = services;
  const { onShortage = 'all-or-nothing', ifMissing = {} } = body;
  const phone = mobileFrom(contact.phone);
  if (!phone) throw new Problem(400, 'INVALID_REQUEST', 'contact/phone: write 10 digits.');
  const address = readAddress(written);
  const delivery = { address, pickup, slots };
  const at = now();
  const asked = await priceCart(handler, cartId, delivery, at);
  const accepted = readQuote(quoteSecret, cartId, quote);
  const parts = applyQuote(accepted, asked, destinationOf(delivery), at).map((storeOrder) => ({
    ...storeOrder,
    lines: storeOrder.lines.map((line) => {
      const wish = ifMissing[line.listingId];
      return { ...line, ...(wish && { ifMissing: wish }) };
    }),
    storeOrderId: idFrom('store-order', orderId, storeOrder.storeId),
  }));
  await assertPayable(
    services,
    payment,
    parts.map(({ storeId }) => storeId),
  );
  const personId = idFrom('person', orderId);
  const buyer = body.buyer && readBuyer(body.buyer);
  const recipient: Recipient = {
    ...(buyer && { buyer }),
    contact: { name: contact.name.trim(), phone },
    address: { ...address, line1: address.line1.trim(), city: address.city.trim() },
  };
  return {
    cartId,
    personId,
    sealedRecipient: await vault.seal(personId, recipient),
    pincode: address.pincode,
    payment,
    onShortage,
    parts,
    totalPaise: sumPaise(parts.map((one) => one.totalPaise)),
    quote: { totalPaise: accepted.totalPaise, expiresAt: accepted.expiresAt },
    expiresAt: new Date(at.getTime() + CHECKOUT_TIMEOUT_MS).toISOString(),
  };
}

/** Throws `Rejected` INVALID_GSTIN. */
function readBuyer({ gstin: written, legalName }: NonNullable<Recipient['buyer']>) {
  const gstin = writtenGstin(written);
  if (!isGstin(gstin)) throw new Rejected('INVALID_GSTIN', { because: 'malformed', gstin });
  return { gstin, legalName: legalName.trim() };
}

/** Why an order that was reserved is refused at once. */
const CANNOT_BE_PAID = new Set(['PAYMENT_UNAVAILABLE', 'CARDS_NOT_TAKEN']);

function rejectedCheckout(state: AnyPlaced): Rejected {
  const { reason, shortages } = state;
  if (reason === 'INSUFFICIENT_STOCK') {
    const lines = state.asked.flatMap((one) => one.lines);
    const names = shortages.map(
      ({ listingId }) => lines.find((line) => line.listingId === listingId)!.name,
    );
    return new Rejected(reason, { because: 'order', shortages, names });
  }
  if (reason === 'SLOT_FULL') return new Rejected(reason, { because: 'just-taken' });
  if (reason === 'SLOT_NOT_FOUND') return new Rejected(reason, { because: 'just-taken' });
  if (reason === 'CHECKOUT_EXPIRED') return new Rejected(reason);
  if (reason === 'CARDS_NOT_TAKEN') return new Rejected(reason);
  if (reason === 'PAYMENT_UNAVAILABLE') return new Rejected(reason, { because: 'not-now' });
  if (reason === ORDER_CANCELLED) return new Rejected(reason);
  return reason === 'CART_CHECKED_OUT'
    ? new Rejected(reason)
    : new Rejected('CART_CHANGED', { because: 'while-ordered' });
}
