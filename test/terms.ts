import type { OrderPart, PlacedOrder } from '../domain/ordering/order.ts';

/** Of a store order that is brought at once, for nothing. */
export const AT_ONCE = {
  feePaise: 0,
  minimumPaise: 0,
  placeOfSupply: null,
  fulfilment: 'delivery',
  slot: null,
} as const satisfies Partial<OrderPart>;

/** Of an order that was not quoted, and is wanted as a whole. */
export const UNQUOTED = {
  onShortage: 'all-or-nothing',
  quote: null,
} as const satisfies Partial<PlacedOrder>;
