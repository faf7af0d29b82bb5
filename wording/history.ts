import type {
  DeliveryProof,
  ShopCancel,
  ShopperCancel,
  StoreOrderRejection,
} from '../domain/fulfilment/store-order.ts';
import type { CreditReason } from '../domain/money/invoices.ts';
import type { LateReason, PaymentMethod } from '../domain/money/payment.ts';
import type { OrderSlot } from '../domain/slots/slot-day.ts';

/** Pieces of a listing, by the name that the order gave it. */
export type Article = { name: string; pack: string | null; quantity: number };

/** What one store has of an order. */
export type BasketAt = { storeName: string; articles: Article[] };

/** `quantity` was wanted of it and `left` stayed in. */
export type LeftOut = Article & { storeName: string; left: number; reason: string };

/** What fell out of an order and what stayed; nothing fell out of a whole one. */
type Remainder = { leftOut: LeftOut[]; kept: BasketAt[] };

type Nothing = object;
type AtStore = { storeName: string };
type Reason = { reason: string };
type Goods = AtStore & { articles: Article[] };
type AtSlot = AtStore & { slot: OrderSlot | null };
/** Null where it is for other stores too, and so for none of them to know. */
type Amount = { amountPaise: number | null };

/** What is told of each event that is about an order; amounts are in paise. */
export type HistoryFacts = {
  OrderPlaced: { baskets: BasketAt[] };
  OrderReserved: Remainder;
  OrderConfirmed: Remainder;
  OrderRejected: Reason & {
    shortages: { name: string; pack: string | null; wanted: number; left: number }[];
  };
  OrderCancelled: Nothing;
  OrderCompleted: Nothing;
  CartCheckedOut: Nothing;
  CartReopened: Nothing;
  StoreOrderSubmitted: AtStore;
  StoreOrderAccepted: AtStore;
  StoreOrderRejected: AtStore & { reason: StoreOrderRejection };
  LineReduced: { article: Article };
  /** `grams` is null where it is not weighed. */
  LinePicked: AtStore & { article: Article; grams: number | null };
  LineShorted: AtStore & Reason & { article: Article };
  SubstituteChosen: AtStore & { article: Article; substitute: Article };
  SubstituteUnavailable: AtStore & { left: number };
  SubstitutionProposed: AtStore & { article: Article; substitute: Article };
  SubstitutionDecided: { accepted: boolean; by: 'shopper' | 'wish' };
  StoreOrderPacked: AtStore;
  StoreOrderDispatched: AtStore;
  DeliveryCodeMissed: AtStore;
  /** `proof` is null where nobody was asked for one yet. */
  StoreOrderDelivered: AtStore & { proof: 'code' | DeliveryProof | null };
  StoreOrderCancelled: AtStore & { by: 'shop' | 'shopper'; reason: ShopCancel | ShopperCancel };
  LinesReturned: Goods & { reason: CreditReason; feePaise: number };
  StockReserved: Goods;
  ReservationChanged: Goods;
  ReservationReleased: Goods & Reason;
  StockWrittenOff: AtStore & { losses: (Article & Reason)[] };
  StockPicked: Goods;
  StockReturned: Goods & { to: 'shelf' | 'write-off' };
  SlotHeld: AtSlot;
  SlotConfirmed: AtSlot;
  SlotReleased: AtSlot & Reason;
  InvoiceIssued: AtStore & { number: string; totalPaise: number };
  CreditNoteIssued: AtStore & Reason & { number: string; totalPaise: number };
  PaymentRequested: Amount & { method: PaymentMethod };
  PaymentCancelled: Reason;
  PaymentSucceeded: Amount;
  PaymentFailed: Reason;
  LatePaymentSeen: Amount & { why: LateReason };
  CashCollected: AtStore & Amount;
  RefundRequested: Amount;
  /** `externalId` is what whoever gave it back calls it: `cash` where it is handed over. */
  RefundSucceeded: Amount & { externalId: string };
  RefundFailed: Amount & Reason;
  /** `givenAs` is what the gateway calls it. */
  RefundTakenOver: Amount & { givenAs: string };
  RefundReduced: Amount;
  TransferMade: AtStore & Amount;
  TransferReversed: AtStore & Amount;
  ReversalReturned: AtStore & Amount;
};

/** The names of all facts that some event has. */
export type HistoryFact = {
  [Event in keyof HistoryFacts]: keyof HistoryFacts[Event];
}[keyof HistoryFacts];

/** What happened, who did it as a code, and what is to be told of it. */
export type HistoryEntry = { event: string; actor: string; facts: object };
