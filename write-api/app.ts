import { Rejected, type RejectionCode } from '../domain/rejection.ts';
import { inRequest, isBegun } from '../engine/commands/request.ts';
import { UnknownEventVersion } from '../engine/upcast.ts';
import { headOfLog } from '../platform/event-store.ts';
import { Problem, createApp, unavailable } from '../platform/http.ts';
import { isPostgresUnavailable } from '../platform/postgres.ts';
import { languageFor } from '../wording/language.ts';
import { cartRoutes } from './cart.ts';
import { importRoutes } from './import.ts';
import { inventoryRoutes } from './inventory.ts';
import { listingRoutes } from './listing.ts';
import { orderRoutes } from './order.ts';
import { paymentRoutes } from './payment.ts';
import { GatewayUnavailable } from './payment-ports.ts';
import { quoteRoutes } from './quote.ts';
import { sessionRoutes } from './session.ts';
import { razorpayRoutes } from './razorpay.ts';
import { storeOrderRoutes } from './store-order.ts';
import { deliveryRoutes } from './delivery.ts';
import { storeRoutes } from './store.ts';
import { tillRoutes } from './till.ts';
import { upiRoutes } from './upi.ts';
import { anybody } from './who.ts';
import type { Services } from './services.ts';
import { AppendOutcomeUnknown } from '../platform/appends.ts';
import { isEventStoreUnavailable } from '../platform/connection.ts';

const STATUS_OF: Record<RejectionCode, number> = {
  BELOW_MINIMUM: 409,
  CARDS_NOT_TAKEN: 409,
  CART_EMPTY: 409,
  CART_CHECKED_OUT: 409,
  CART_CHANGED: 409,
  CART_NOT_FOUND: 404,
  CART_TOO_LARGE: 409,
  CHECKOUT_EXPIRED: 409,
  CREDIT_ABOVE_INVOICE: 409,
  CREDIT_TOO_LATE: 409,
  DELIVERY_CODE_LOCKED: 409,
  EDIT_RAISES: 409,
  EDIT_TOO_LATE: 409,
  INSUFFICIENT_STOCK: 409,
  INVALID_GSTIN: 422,
  INVOICE_NOT_FOUND: 404,
  LINE_NAMED_TWICE: 422,
  LINE_NOT_FOUND: 404,
  LISTING_NOT_FOUND: 404,
  NOT_PICKED: 409,
  ORDER_ALREADY_PLACED: 409,
  ORDER_CANCELLED: 409,
  ORDER_NOT_FOUND: 404,
  OUT_OF_AREA: 409,
  OUT_OF_STATE: 409,
  PAID_ALREADY: 409,
  PAYMENT_NOT_FOUND: 404,
  PAYMENT_UNAVAILABLE: 409,
  PICK_EXCEEDS_ORDERED: 409,
  PRICE_ABOVE_MRP: 422,
  PRICE_CHANGED: 409,
  REASON_REQUIRED: 422,
  REFUND_ALREADY_GIVEN: 409,
  REFUND_NOT_FOUND: 404,
  REFUND_UNDER_WAY: 409,
  RETURN_EXCEEDS_DELIVERED: 409,
  RETURN_EXCEEDS_PICKED: 409,
  SLOT_FULL: 409,
  SLOT_NOT_FOUND: 409,
  STALE_COUNT: 409,
  STATE_NEEDED: 422,
  STORE_ALREADY_REGISTERED: 409,
  STORE_CLOSED: 409,
  STORE_NOT_FOUND: 404,
  STORE_ORDER_NOT_FOUND: 404,
  STORE_PAUSED: 409,
  SUBSTITUTE_NOT_POSSIBLE: 409,
  TILL_CLOSED: 409,
  UPI_REFERENCE_USED: 409,
  WRONG_DELIVERY_CODE: 409,
  WRONG_PAYMENT_METHOD: 409,
  WRONG_STATUS: 409,
  WRONG_WEIGHT: 422,
};

function problemOf(error: unknown, acceptLanguage: string | undefined): Problem | undefined {
  if (error instanceof Rejected) {
    const { code, facts } = error;
    const detail = languageFor(acceptLanguage).refusalText({ code, facts });
    return new Problem(STATUS_OF[code], code, detail, { facts });
  }
  if (error instanceof UnknownEventVersion) {
    return unavailable(
      'NEWER_RELEASE_NEEDED',
      'A newer release has written here, and this server is of an older one: try again.',
    );
  }
  if (error instanceof AppendOutcomeUnknown) return outcomeUnknown();
  if (error instanceof GatewayUnavailable) {
    return unavailable(
      'PAYMENT_GATEWAY_UNAVAILABLE',
      'Payments do not answer right now: repeat the request with the same Idempotency-Key.',
    );
  }
  if (isEventStoreUnavailable(error) || isPostgresUnavailable(error)) {
    return isBegun()
      ? outcomeUnknown()
      : unavailable(
          'UNAVAILABLE',
          'Nothing was done now: try again in a moment, with the same Idempotency-Key.',
        );
  }
  return undefined;
}

const outcomeUnknown = (): Problem =>
  unavailable(
    'OUTCOME_UNKNOWN',
    'It may or may not have been done: repeat the request with the same Idempotency-Key.',
  );

export const createWriteApi = (services: Services) =>
  createApp({
    log: services.log,
    title: 'Doorstep Groceries: commands',
    prefix: '/api/write',
    problemOf,
    ready: async () => void (await headOfLog(services.client)),
    whoReadsDocument: anybody,
    routes: (app) => {
      app.addHook('preHandler', (_request, _reply, done) => inRequest(done));
      sessionRoutes(app, services);
      storeRoutes(app, services);
      deliveryRoutes(app, services);
      importRoutes(app, services);
      listingRoutes(app, services);
      cartRoutes(app, services);
      quoteRoutes(app, services);
      orderRoutes(app, services);
      paymentRoutes(app, services);
      razorpayRoutes(app, services);
      upiRoutes(app, services);
      storeOrderRoutes(app, services);
      inventoryRoutes(app, services);
      tillRoutes(app, services);
    },
  });
