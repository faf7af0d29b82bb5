import type { RefusalFacts, RejectionCode } from '../../domain/rejection.ts';
import { openingText } from './stores.ts';
import { clock, counted, form, rupees } from './words.ts';

const WORDS: { [Code in RejectionCode]: (facts: RefusalFacts[Code]) => string } = {
  BELOW_MINIMUM(facts) {
    const least = rupees(facts.minimumPaise);
    const missing = rupees(facts.missingPaise);
    return facts.because === 'ordered'
      ? `${facts.storeName} delivers from ${least} on: add ${missing} more.`
      : `The shop delivers from ${least} on: keep ${missing} more, or cancel.`;
  },
  CARDS_NOT_TAKEN: () => 'Not every shop of this order takes cards: choose another way to pay.',
  CART_EMPTY: () => 'The cart is empty: add something first.',
  CART_CHECKED_OUT: () => 'This cart was ordered already: open a new one.',
  CART_CHANGED: ({ because }) =>
    because === 'since-quoted'
      ? 'The cart or its delivery changed since it was quoted: ask for a new quote.'
      : 'The cart changed while it was ordered: look at it again.',
  CART_NOT_FOUND: () => 'There is no such cart: open one first.',
  CART_TOO_LARGE: ({ mostLines }) =>
    `A cart holds at most ${counted(mostLines, 'item', 'different items')}: order these first.`,
  CHECKOUT_EXPIRED: () => 'The order could not be placed in time: place it again.',
  CREDIT_ABOVE_INVOICE: ({ name, left }) =>
    `Of "${name}" ${left} can still be credited: credit no more.`,
  CREDIT_TOO_LATE: ({ number, until }) =>
    `${number} could be credited until ${until}: give back what you wish without a credit note.`,
  DELIVERY_CODE_LOCKED: () =>
    'Too many wrong codes: say how else you know that it reached the right person.',
  EDIT_RAISES: ({ name }) => `Of "${name}" fewer can be had, not more: order them as well.`,
  EDIT_TOO_LATE: () => 'The shop packs it already: ask the shop, or keep it.',
  INSUFFICIENT_STOCK(facts) {
    if (facts.because === 'stock') return 'There is not enough left.';
    if (facts.because === 'substitute') {
      const { left } = facts.shortages[0]!;
      return `Only ${left} ${form(left, 'is', 'are')} not promised to others.`;
    }
    const said = facts.shortages.map(({ left }, index) => {
      const name = facts.names[index]!;
      return left === 0 ? `${name} is sold out` : `only ${left} of ${name} left`;
    });
    return `${capitalised(said.join('; '))}. Change the cart to order.`;
  },
  INVALID_GSTIN: (facts) =>
    facts.because === 'malformed'
      ? `"${facts.gstin}" is not a GSTIN: compare its 15 characters with the registration certificate.`
      : 'A shop under the composition scheme has a GSTIN.',
  INVOICE_NOT_FOUND: () => 'There is no invoice yet: it is issued on delivery.',
  LINE_NAMED_TWICE: ({ article }) => `"${article}" is in two lines: make them one.`,
  LINE_NOT_FOUND: ({ listingId }) => `"${listingId}" is not in this order: look at its lines.`,
  LISTING_NOT_FOUND(facts) {
    if (facts.because === 'not-listed') return 'The shop never listed this: look for it again.';
    return facts.because === 'unknown'
      ? `No shop sells "${facts.listingId}": look for it again.`
      : `"${facts.listingId}" is no longer sold: remove it.`;
  },
  NOT_PICKED: ({ names }) => `Pick first, or say that it is not there: ${names.join(', ')}.`,
  ORDER_ALREADY_PLACED: () => 'This order was placed already.',
  ORDER_CANCELLED: () => 'You cancelled this order: place a new one.',
  ORDER_NOT_FOUND: () => 'There is no such order.',
  OUT_OF_AREA: ({ storeName, pincode }) => `${storeName} does not deliver to ${pincode}.`,
  OUT_OF_STATE({ because, storeName, stateName }) {
    const why = because === 'own-state-unknown' ? 'has to say first in which state it is' : null;
    return why
      ? `${storeName} ${why}, and may sell within it only: fetch it there.`
      : `${storeName} may sell within its own state only, and this is in ${stateName}: fetch it there.`;
  },
  PAID_ALREADY: ({ paidBy, externalId }) =>
    `This was paid by ${paidBy} already: if money came by ${externalId} as well, find ` +
    'out what it is for, or give it back.',
  PAYMENT_NOT_FOUND: () => 'There is no such payment.',
  PAYMENT_UNAVAILABLE(facts) {
    if (facts.because === 'not-now') {
      return 'This cannot be paid like that now: choose another way.';
    }
    return `${whyUnavailable(facts)}: choose another way to pay.`;
  },
  PICK_EXCEEDS_ORDERED: ({ name, wanted }) =>
    `Of "${name}" ${wanted} ${form(wanted, 'is', 'are')} wanted: pick no more.`,
  PRICE_ABOVE_MRP: () => 'The price is above the MRP: lower it.',
  PRICE_CHANGED: () =>
    'The quote no longer holds, and prices rose: ask for a new quote and accept it.',
  REASON_REQUIRED: ({ because }) =>
    because === 'till'
      ? 'The count differs from what should be there: count again, or say why.'
      : 'The count differs from the books: say why.',
  REFUND_ALREADY_GIVEN: ({ givenAs }) =>
    `This money was given back already: "${givenAs}" was noted. Give none again.`,
  REFUND_NOT_FOUND: () => 'There is no such refund.',
  REFUND_UNDER_WAY: () => 'This money goes back by itself: give none by hand.',
  RETURN_EXCEEDS_DELIVERED: ({ name, left }) => `Of "${name}" ${left} can still come back.`,
  RETURN_EXCEEDS_PICKED: () =>
    'The books no longer know what went out for this order: enter it as received, and return it ' +
    'as not brought back.',
  SLOT_FULL: (facts) =>
    facts.because === 'just-taken'
      ? JUST_TAKEN
      : `The slot from ${clock(facts.fromMinute)} to ${clock(facts.toMinute)} is full: choose another.`,
  SLOT_NOT_FOUND(facts) {
    if (facts.because === 'just-taken') return JUST_TAKEN;
    if (facts.because === 'no-such-slot') {
      return `No slot begins at ${clock(facts.fromMinute)}: choose again.`;
    }
    const { next } = facts;
    const later = next
      ? `the next is on ${next.date} from ${clock(next.fromMinute)} to ${clock(next.toMinute)}`
      : 'choose a later one';
    return `That slot has ${facts.because === 'begun' ? 'begun' : 'closed'}: ${later}.`;
  },
  STALE_COUNT: ({ because }) =>
    because === 'till'
      ? 'Cash moved since you looked: look again.'
      : 'Goods came or went while you counted: look at the books and count again.',
  STATE_NEEDED: ({ pincode, states }) =>
    states.length > 3
      ? `Say in which state ${pincode} is.`
      : `Say in which state ${pincode} is: ${states.map(({ name }) => name).join(' or ')}.`,
  STORE_ALREADY_REGISTERED: () => 'This shop is registered already.',
  STORE_CLOSED(facts) {
    const { storeName, opensAtMs } = facts;
    if (facts.because === 'holiday') {
      return `${storeName} is closed on ${facts.date}, a holiday: choose a slot of another day.`;
    }
    return opensAtMs === null
      ? `${storeName} is closed for now.`
      : `${storeName} is closed and opens ${openingText(opensAtMs, facts.atMs)}.`;
  },
  STORE_NOT_FOUND: ({ storeId }) =>
    storeId === undefined ? 'There is no such shop.' : `There is no shop "${storeId}".`,
  STORE_ORDER_NOT_FOUND: () => 'There is no such order at this shop.',
  STORE_PAUSED: ({ storeName }) => `${storeName} takes no orders just now: try again later.`,
  SUBSTITUTE_NOT_POSSIBLE(facts) {
    if (facts.because === 'in-the-order') {
      return 'That is in this order already: propose something else.';
    }
    return facts.because === 'already-replaced'
      ? `Something else takes the place of "${facts.name}".`
      : `Nothing of "${facts.name}" is missing.`;
  },
  TILL_CLOSED: ({ because }) => TILL_CLOSED[because],
  UPI_REFERENCE_USED: () =>
    'This UPI reference was used already for another order: look in the UPI app for the ' +
    'payment that came for this one.',
  WRONG_DELIVERY_CODE: ({ left }) =>
    left > 0
      ? `That is not the code: ask the customer again. ${left} more ${form(left, 'try', 'tries')}.`
      : 'That is not the code. Say how else you know that it reached the right person.',
  WRONG_PAYMENT_METHOD: ({ method }) => `This is paid by ${method}, not in this way.`,
  WRONG_STATUS(facts) {
    if (facts.because === 'step') {
      const { orderStatus, from, to } = facts;
      return `This order is ${orderStatus}; only one that is ${from.join(' or ')} can become ${to}.`;
    }
    if (facts.because === 'not-being-picked') {
      return `This order is ${facts.orderStatus}; only one that is accepted is picked.`;
    }
    return WRONG_STATUS[facts.because];
  },
  WRONG_WEIGHT: ({ name, quantity, mostGrams }) =>
    mostGrams > 0
      ? `"${name}" is loose: weigh the ${quantity}, in grams, at most ${mostGrams}.`
      : `Nothing of "${name}" is weighed: leave the grams out.`,
};

const JUST_TAKEN = 'That slot was just taken: choose another.';

const TILL_CLOSED: Record<RefusalFacts['TILL_CLOSED']['because'], string> = {
  'cash-moved': 'The till is closed: this is for a later day.',
  'opened-again': 'This day is closed: begin the next one.',
  'counted-otherwise':
    'This day is closed and stays as it was counted: bring what is wrong into the next day’s count.',
};

const WRONG_STATUS = {
  decided: 'That was decided already: look at the order again.',
  'not-delivered': 'Only what was delivered comes back: cancel it.',
  'with-the-shops': 'The shops have this order: cancel their parts of it.',
};

const WHY_UNAVAILABLE = {
  'no-upi': 'A shop takes no UPI any more',
  'not-every-shop': 'Not every shop can be paid like that',
  'no-answer': 'The gateway does not answer',
};

function whyUnavailable(
  facts: Exclude<RefusalFacts['PAYMENT_UNAVAILABLE'], { because: 'not-now' }>,
): string {
  if (facts.because === 'gateway') return facts.said;
  if (facts.because === 'not-set-up') return `Payment by ${facts.method} is not set up here`;
  return WHY_UNAVAILABLE[facts.because];
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What is wrong and what to do about it: `The cart is empty: add something first.` */
export const refusalText = ({ code, facts }: { code: RejectionCode; facts: object }): string =>
  (WORDS[code] as (facts: never) => string)(facts as never);
