/** The answers of read-api, as the pages see them. Money in paise, times in RFC 3339 UTC. */
import type { Cart } from '../../../read-api/cart.ts';
import type { Recipient } from '#domain/ordering/recipient.ts';

export type { Cart, CartLine } from '../../../read-api/cart.ts';
export type {
  Catalogue,
  CatalogueItem,
  Listing,
  Store,
  Stores,
  StorePage,
} from '../../../read-api/catalogue.ts';
export type { StoreOrderWhy, WhyEntry } from '../../../read-api/history.ts';
export type {
  CreditNote,
  Invoice,
  InvoiceInShort,
  InvoicePage,
} from '../../../read-api/invoices.ts';
export type {
  Order,
  OrderLine,
  OwnOrders,
  StoreOrderLine,
  StoreOrder,
  TimelineEntry,
} from '../../../read-api/my-orders.ts';
export type { OrderPayment, PaymentTask } from '../../../read-api/payments.ts';
export type { Stock, StockItem } from '../../../read-api/stock.ts';
export type { Slot, Slots } from '../../../read-api/slots.ts';
export type { CashMovement, Till } from '../../../read-api/till.ts';
export type { Board, BoardOrder, BoardOrderPage } from '../../../read-api/order-board.ts';

export type { LocalNames } from '#domain/catalogue/listing.ts';
export type { StoreOrderStatus } from '#domain/fulfilment/store-order.ts';
export type { InvoiceFee, InvoiceLine } from '#domain/money/invoices.ts';
export type { PaymentMethod } from '#domain/money/payment.ts';
export type { OrderStatus } from '#domain/ordering/order.ts';
export type { OrderSlot } from '#domain/slots/slot-day.ts';
export type { Fulfilment } from '#domain/stores/delivery.ts';
export type { TaxRegistration as Registration } from '#domain/stores/store.ts';

export type CartStore = Cart['stores'][number];
export type Contact = Recipient['contact'];
export type Address = Recipient['address'];
export type Buyer = NonNullable<Recipient['buyer']>;
