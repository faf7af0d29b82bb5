/** The answers of read-api, as the pages see them. Money in paise, times in RFC 3339 UTC. */
import type { Cart } from '../../../read-api/cart.ts';
import type { CatalogueItem } from '../../../read-api/catalogue.ts';
import type { Order, Recipient } from '../../../read-api/my-orders.ts';

export type { Cart, CartLine } from '../../../read-api/cart.ts';
export type {
  Catalogue,
  CatalogueItem,
  Listing,
  Store,
  StorePage,
} from '../../../read-api/catalogue.ts';
export type { StoreOrderWhy, WhyEntry } from '../../../read-api/history.ts';
export type {
  CreditNote,
  Invoice,
  InvoiceInShort,
  InvoiceFee,
  InvoiceLine,
  InvoicePage,
  Registration,
} from '../../../read-api/invoices.ts';
export type {
  Fulfilment,
  Order,
  OrderLine,
  OrderSlot,
  PartLine,
  StoreOrder,
  StoreOrderStatus,
  TimelineEntry,
} from '../../../read-api/my-orders.ts';
export type { OrderPayment, PaymentMethod, PaymentTask } from '../../../read-api/payments.ts';
export type { Stock, StockItem } from '../../../read-api/stock.ts';
export type { Slot, Slots } from '../../../read-api/slots.ts';
export type { CashMovement, Till } from '../../../read-api/till.ts';
export type { Board, BoardCard, BoardCardPage } from '../../../read-api/order-board.ts';

export type LocalNames = CatalogueItem['names'];
export type CartStore = Cart['stores'][number];
export type OrderStatus = Order['status'];
export type Contact = Recipient['contact'];
export type Address = Recipient['address'];
