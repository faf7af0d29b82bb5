import { Refusal } from '../engine/decider.ts';

type Shortage = { wanted: number; left: number };
type Minimum = { minimumPaise: number; missingPaise: number };

/**
 * Every reason for which the domain refuses a command, and what is told of it: a program finds in it
 * which of the things it asked for were wrong, and `wording` makes a sentence of it. Codes and facts
 * are stable: clients match on them. `because` tells apart what one code stands for; names of facts
 * are none of those that a problem has by itself (`status`, `type`, `title`, `detail`).
 */
export type RefusalFacts = {
  BELOW_MINIMUM:
    ({ because: 'ordered'; storeName: string } & Minimum) | ({ because: 'reduced' } & Minimum);
  /** Some of the shops have no account of their own for it. */
  CARDS_NOT_TAKEN: null;
  CART_EMPTY: null;
  CART_CHECKED_OUT: null;
  CART_CHANGED: { because: 'since-quoted' | 'while-ordered' };
  CART_NOT_FOUND: null;
  CART_TOO_LARGE: { mostLines: number };
  CHECKOUT_EXPIRED: null;
  CREDIT_ABOVE_INVOICE: { name: string; left: number };
  /** `until` is the last business date. */
  CREDIT_TOO_LATE: { number: string; until: string };
  DELIVERY_CODE_LOCKED: null;
  EDIT_RAISES: { name: string };
  EDIT_TOO_LATE: null;
  INSUFFICIENT_STOCK:
    | { because: 'stock'; shortages: (Shortage & { sku: string })[] }
    | { because: 'substitute'; shortages: (Shortage & { sku: string })[] }
    /** `names` is what the listings are called, in their order. */
    | { because: 'order'; shortages: (Shortage & { listingId: string })[]; names: string[] };
  INVALID_GSTIN: { because: 'malformed'; gstin: string } | { because: 'composition' };
  INVOICE_NOT_FOUND: null;
  /** `article` is a listing or an SKU. */
  LINE_NAMED_TWICE: { article: string };
  LINE_NOT_FOUND: { listingId: string };
  LISTING_NOT_FOUND:
    { because: 'unknown' | 'withdrawn'; listingId: string } | { because: 'not-listed' };
  /** `lines` are listings, `names` what they are called. */
  NOT_PICKED: { lines: string[]; names: string[] };
  ORDER_ALREADY_PLACED: null;
  ORDER_CANCELLED: null;
  ORDER_NOT_FOUND: null;
  OUT_OF_AREA: { storeName: string; pincode: string };
  /** Where it was to be brought: `state` is its code. */
  OUT_OF_STATE: {
    because: 'not-registered' | 'own-state-unknown';
    storeName: string;
    state: string;
    stateName: string;
  };
  /** `paidBy` is the reference that it was paid by. */
  PAID_ALREADY: { paidBy: string; externalId: string };
  PAYMENT_NOT_FOUND: null;
  /** `said` is what the gateway says. */
  PAYMENT_UNAVAILABLE:
    | { because: 'not-now' }
    | { because: 'no-upi' | 'not-every-shop' | 'no-answer' }
    | { because: 'not-set-up'; method: string }
    | { because: 'gateway'; said: string };
  PICK_EXCEEDS_ORDERED: { name: string; wanted: number };
  PRICE_ABOVE_MRP: null;
  PRICE_CHANGED: {
    lines: { listingId: string; quotedPaise: number; pricePaise: number }[];
    fees: { storeId: string; quotedPaise: number; feePaise: number }[];
    differencePaise: number;
  };
  REASON_REQUIRED: { because: 'till'; expectedPaise: number } | { because: 'stock' };
  REFUND_ALREADY_GIVEN: { givenAs: string };
  REFUND_NOT_FOUND: null;
  REFUND_UNDER_WAY: null;
  RETURN_EXCEEDS_DELIVERED: { name: string; left: number };
  RETURN_EXCEEDS_PICKED: null;
  /** Minutes of the day. */
  SLOT_FULL: { because: 'full'; fromMinute: number; toMinute: number } | { because: 'just-taken' };
  SLOT_NOT_FOUND:
    /** `next` is the first that is free; absent where none is in sight. */
    | { because: 'begun' | 'closed'; next?: { date: string; fromMinute: number; toMinute: number } }
    | { because: 'just-taken' }
    | { because: 'no-such-slot'; fromMinute: number };
  STALE_COUNT:
    | { because: 'till'; expectedPaise: number }
    | {
        because: 'stock';
        stale: { sku: string; expected?: number | null; onHand: number | null }[];
      };
  /** The states in which a PIN code may lie. */
  STATE_NEEDED: { pincode: string; states: { code: string; name: string }[] };
  STORE_ALREADY_REGISTERED: null;
  /** In ms since 1970; `opensAtMs` is null where it does not open for two months. */
  STORE_CLOSED: { storeName: string; opensAtMs: number | null } & (
    { because: 'hours'; atMs: number } | { because: 'holiday'; date: string }
  );
  STORE_NOT_FOUND: { storeId?: string };
  STORE_ORDER_NOT_FOUND: null;
  STORE_PAUSED: { storeName: string };
  SUBSTITUTE_NOT_POSSIBLE:
    { because: 'already-replaced' | 'nothing-missing'; name: string } | { because: 'in-the-order' };
  TILL_CLOSED:
    | { because: 'cash-moved' | 'opened-again' }
    | {
        because: 'counted-otherwise';
        countedPaise: number;
        expectedPaise: number;
        differencePaise: number;
        reason: string | null;
      };
  UPI_REFERENCE_USED: null;
  /** Tries that are left. */
  WRONG_DELIVERY_CODE: { left: number };
  WRONG_PAYMENT_METHOD: { method: string };
  WRONG_STATUS:
    | { because: 'step'; orderStatus: string; from: string[]; to: string }
    | { because: 'not-being-picked'; orderStatus: string }
    | { because: 'decided' | 'not-delivered' | 'with-the-shops' };
  /** `mostGrams` is 0 for what is not weighed. */
  WRONG_WEIGHT: { name: string; quantity: number; mostGrams: number };
};

export type RejectionCode = keyof RefusalFacts;

type Refused = {
  [Code in RejectionCode]: RefusalFacts[Code] extends null
    ? [code: Code]
    : [code: Code, facts: RefusalFacts[Code]];
}[RejectionCode];

/** The domain refused a command, for one of the reasons that it has. */
export class Rejected extends Refusal<RejectionCode> {
  constructor(...[code, facts]: Refused) {
    super(code, facts);
  }
}
