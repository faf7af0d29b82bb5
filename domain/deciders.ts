import { cart } from './cart/cart.ts';
import { listing } from './catalogue/listing.ts';
import { storeOrder } from './fulfilment/store-order.ts';
import { inventory } from './inventory/inventory.ts';
import { invoices } from './money/invoices.ts';
import { payment } from './money/payment.ts';
import { till } from './money/till.ts';
import { upiReference } from './money/upi-reference.ts';
import { order } from './ordering/order.ts';
import { slotDay } from './slots/slot-day.ts';
import { store } from './stores/store.ts';

/** The rules of every kind of stream that there is. */
export const DECIDERS = [
  cart,
  inventory,
  invoices,
  listing,
  order,
  payment,
  slotDay,
  store,
  storeOrder,
  till,
  upiReference,
] as const;
