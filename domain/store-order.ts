import { Rejected, type Decider, type Message } from './decider.ts';
import type { OrderPart, PlacedOrder } from './order.ts';
import type { CartLine } from './cart.ts';
import type { OrderSlot } from './slot-day.ts';

/** What a shop's staff see of an order: their own part and whom it is for. */
export type SubmittedStoreOrder = Omit<OrderPart, 'storeOrderId'> &
  Pick<PlacedOrder, 'personId' | 'sealedRecipient' | 'pincode' | 'payment'> & { orderId: string };

export const REJECTION_REASONS = ['out-of-stock', 'closed', 'too-far', 'other'] as const;
export type StoreOrderRejection = (typeof REJECTION_REASONS)[number];

type Nothing = Record<string, never>;

/** Whose it is: in every event, so that one event says which board and which order it moves. */
type Place = { orderId: string; storeId: string };

export type StoreOrderCommand =
  | Message<'SubmitStoreOrder', SubmittedStoreOrder>
  | Message<'AcceptStoreOrder', Nothing>
  | Message<'RejectStoreOrder', { reason: StoreOrderRejection }>
  | Message<'PackStoreOrder', Nothing>
  | Message<'DispatchStoreOrder', Nothing>
  | Message<'DeliverStoreOrder', Nothing>;

export type StoreOrderEvent =
  | Message<'StoreOrderSubmitted', SubmittedStoreOrder>
  | Message<'StoreOrderAccepted', Place>
  | Message<'StoreOrderRejected', Place & { reason: StoreOrderRejection }>
  | Message<'StoreOrderPacked', Place>
  | Message<'StoreOrderDispatched', Place>
  | Message<'StoreOrderDelivered', Place>;

export type StoreOrderStatus =
  'submitted' | 'accepted' | 'rejected' | 'packed' | 'dispatched' | 'delivered';

export type StoreOrder = {
  status: 'none' | StoreOrderStatus;
  lines: CartLine[];
  slot: OrderSlot | null;
  /** Whether its goods have left the shelf. */
  packed: boolean;
  /** Lines and fee as they were accepted. */
  totalPaise: number;
} & Place;

/** Nothing more will happen to it. */
export const storeOrderEnded = (status: StoreOrder['status']): boolean =>
  status === 'rejected' || status === 'delivered';

/** What the shopper owes for a part as it stands now. */
export const owedPaise = ({ status, totalPaise }: StoreOrder): number =>
  status === 'rejected' ? 0 : totalPaise;

/** The shop and order of a store order. Throws `Rejected` STORE_ORDER_NOT_FOUND. */
function placeOf({ status, orderId, storeId }: StoreOrder): Place {
  if (status === 'none') {
    throw new Rejected('STORE_ORDER_NOT_FOUND', 'There is no such order at this shop.');
  }
  return { orderId, storeId };
}

/**
 * Whether a step is to be taken: yes from one of `from`, no when it was taken already.
 * Throws `Rejected` WRONG_STATUS.
 */
function step({ status }: StoreOrder, to: StoreOrderStatus, from: StoreOrder['status'][]): boolean {
  if (status === to) return false;
  if (!from.includes(status)) {
    throw new Rejected(
      'WRONG_STATUS',
      `This order is ${status}; only one that is ${from.join(' or ')} can become ${to}.`,
    );
  }
  return true;
}

export const storeOrder: Decider<StoreOrder, StoreOrderCommand, StoreOrderEvent> = {
  category: 'storeorder',
  initial: {
    status: 'none',
    lines: [],
    slot: null,
    packed: false,
    totalPaise: 0,
    orderId: '',
    storeId: '',
  },

  decide: {
    SubmitStoreOrder: (state, data) =>
      state.status === 'none' ? [{ type: 'StoreOrderSubmitted', data }] : [],
    AcceptStoreOrder(state) {
      const data = placeOf(state);
      return step(state, 'accepted', ['submitted']) ? [{ type: 'StoreOrderAccepted', data }] : [];
    },
    RejectStoreOrder(state, { reason }) {
      const data = { ...placeOf(state), reason };
      return step(state, 'rejected', ['submitted', 'accepted', 'packed'])
        ? [{ type: 'StoreOrderRejected', data }]
        : [];
    },
    PackStoreOrder(state) {
      const data = placeOf(state);
      return step(state, 'packed', ['accepted']) ? [{ type: 'StoreOrderPacked', data }] : [];
    },
    DispatchStoreOrder(state) {
      const data = placeOf(state);
      return step(state, 'dispatched', ['packed']) ? [{ type: 'StoreOrderDispatched', data }] : [];
    },
    DeliverStoreOrder(state) {
      const data = placeOf(state);
      return step(state, 'delivered', ['dispatched'])
        ? [{ type: 'StoreOrderDelivered', data }]
        : [];
    },
  },

  evolve: {
    StoreOrderSubmitted: (state, { orderId, storeId, lines, totalPaise, slot = null }) => ({
      ...state,
      status: 'submitted',
      orderId,
      storeId,
      slot,
      totalPaise,
      lines: lines.map(({ listingId, quantity }) => ({ listingId, quantity })),
    }),
    StoreOrderAccepted: (state) => ({ ...state, status: 'accepted' }),
    StoreOrderRejected: (state) => ({ ...state, status: 'rejected' }),
    StoreOrderPacked: (state) => ({ ...state, status: 'packed', packed: true }),
    StoreOrderDispatched: (state) => ({ ...state, status: 'dispatched' }),
    StoreOrderDelivered: (state) => ({ ...state, status: 'delivered' }),
  },
};
