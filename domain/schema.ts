/** Pieces of JSON schemas by which the APIs tell of groceries in the same words. */

const text = { type: 'string' } as const;
const count = { type: 'integer', minimum: 0 } as const;

export const paise = { type: 'integer', description: 'Indian paise: 100 are a rupee' } as const;

export const pincode = {
  type: 'string',
  pattern: '^[1-9][0-9]{5}$',
  description: 'India Post PIN code',
} as const;

/** What the APIs' documents say of whatever is for a shop. */
export const forShopper =
  'Only for whose it is, by the session in their cookie: POST /api/write/session gives one.';
export const forShop = 'Only for the shop: takes its pass, as Authorization: Bearer.';

export const localNames = {
  type: 'object',
  properties: { hi: text, ta: text },
  description: 'Names in other languages, by ISO 639-1 code',
} as const;

export const contactOrNull = {
  type: ['object', 'null'],
  required: ['name', 'phone'],
  properties: { name: text, phone: text },
  description: 'Null without the right to see it',
} as const;

/** What is wanted of one article, at the price that a quote or an order has for it. */
export const orderLineFields = {
  listingId: text,
  name: text,
  names: localNames,
  pack: { type: ['string', 'null'] },
  quantity: count,
  pricePaise: paise,
  linePaise: paise,
};

/** Of one article in a shop's books, in pieces. */
export const stockFigures = {
  onHand: {
    type: ['integer', 'null'],
    description: 'Pieces by the books; null where nobody counts',
  },
  reserved: count,
  safetyBuffer: count,
  available: {
    ...count,
    type: ['integer', 'null'],
    description: 'Pieces that an order may have; null where nothing limits it',
  },
};
