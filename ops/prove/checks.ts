import type { Book } from './book.ts';
import type { Check, Report } from './check.ts';
import { inventoryCheck } from './inventory.ts';
import { invoicesCheck } from './invoices.ts';
import { orderCheck } from './order.ts';
import { paymentCheck } from './payment.ts';
import { slotDayCheck } from './slot-day.ts';
import { storeOrderCheck } from './store-order.ts';
import { tillCheck } from './till.ts';

/** Every check of the log. What they write into the book they may read from each other. */
export const CHECKS: ((book: Book, report: Report) => Check)[] = [
  orderCheck,
  storeOrderCheck,
  inventoryCheck,
  slotDayCheck,
  invoicesCheck,
  paymentCheck,
  tillCheck,
];
