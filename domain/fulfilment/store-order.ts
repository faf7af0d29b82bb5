import type { CreditReason } from '../money/invoices.ts';
import { evolve, type Decider, type Message, type Optional } from '../../engine/decider.ts';
import { assertNamedOnce } from '../lines.ts';
import { Rejected } from '../rejection.ts';
import { linePaise, sumPaise } from '../money/money.ts';
import {
  buyerShape,
  fullTerms,
  orderLineShape,
  storeOrderShape,
  type OrderLine,
  type OrderPart,
  type PlacedOrder,
} from '../ordering/order.ts';
import {
  basketOf,
  chargedOf,
  chargedPaise,
  isGivenUp,
  isSettled,
  isUntouched,
  isWeight,
  notReturned,
  mostGrams,
  ordered,
  restOf,
  toPick,
  withReturned,
  type StoreOrderLine,
  type Substitution,
} from './picking.ts';
import type { CartLine } from '../cart/cart.ts';
import type { OrderSlot } from '../slots/slot-day.ts';

/** What a shop's staff see of an order: what is theirs of it, and whom it is for. */
export type SubmittedStoreOrder = Omit<OrderPart, 'storeOrderId'> &
  Pick<PlacedOrder, 'personId' | 'sealedRecipient' | 'pincode' | 'payment'> & { orderId: string };

/** Why a shop does not take an order. */
export const REJECTION_REASONS = ['out-of-stock', 'closed', 'too-far', 'other'] as const;
export type StoreOrderRejection = (typeof REJECTION_REASONS)[number];

/** Why a shop that took an order cannot keep to it, and why a shopper no longer wants it. */
export const SHOP_CANCELS = [
  'out-of-stock',
  'closed',
  'not-reachable',
  'on-request',
  'refused',
  'not-fetched',
] as const;
export const SHOPPER_CANCELS = ['changed-mind', 'too-slow', 'by-mistake', 'other'] as const;
export type ShopCancel = (typeof SHOP_CANCELS)[number];
export type ShopperCancel = (typeof SHOPPER_CANCELS)[number];

/** Why pieces are not there. */
export const SHORT_REASONS = ['sold-out', 'damaged', 'expired'] as const;
export type ShortReason = (typeof SHORT_REASONS)[number];

/** How a shop knows without the code that the goods reached whom they are for. */
export const DELIVERY_PROOFS = ['known-customer', 'phone-call', 'neighbour', 'other'] as const;
export type DeliveryProof = (typeof DELIVERY_PROOFS)[number];

/** Back for sale, spoiled, or not brought back at all. */
export const RETURN_PLACES = ['shelf', 'write-off', 'none'] as const;
export type ReturnPlace = (typeof RETURN_PLACES)[number];

/** Wrong codes after which the code opens nothing any more: of 10,000 they are one in 2,000. */
export const MAX_WRONG_CODES = 5;

type Return = { returnId: string; lines: CartLine[]; reason: CreditReason; to: ReturnPlace };

/** `feePaise` is what goes back for the delivery. */
type Returned = Return & { feePaise: number };

/** What is wrong with what a shop brought: nobody is to pay for the way of it. */
const FAULTS: CreditReason[] = ['damaged', 'missing', 'wrong-item'];

/** Pieces that were on the books and cannot be sold. */
type Short = CartLine & { reason: ShortReason };

type Cancel = { by: 'shop'; reason: ShopCancel } | { by: 'shopper'; reason: ShopperCancel };

type ChosenSubstitute = {
  listingId: string;
  replaces: number;
  line: OrderLine;
  expiresAt: string;
};

type PickedLine = CartLine & { grams?: number };

type Nothing = Record<string, never>;

/** Whose it is: in every event, so that one event says which board and which order it moves. */
type Subject = { orderId: string; storeId: string };

type Delivered = Subject & { proof: 'code' | DeliveryProof | null };
type Packed = Subject & { lines: CartLine[] | null };

export type StoreOrderCommand =
  | Message<'SubmitStoreOrder', SubmittedStoreOrder>
  | Message<'AcceptStoreOrder', Nothing>
  | Message<'RejectStoreOrder', { reason: StoreOrderRejection }>
  /** `quantity` is what the shopper still wants of a line. */
  | Message<'ReduceLines', { lines: CartLine[] }>
  /** `quantity` is what is in the basket of a line, `grams` what it weighs where it is loose. */
  | Message<'PickLines', { lines: PickedLine[] }>
  | Message<'ShortLine', { listingId: string; reason: ShortReason }>
  /** `line` costs what the shop asks for it; without an answer by `expiresAt` the wish holds. */
  | Message<'ProposeSubstitute', { listingId: string; line: OrderLine; expiresAt: string }>
  /** `left` null: what was chosen is put aside; else so many pieces are left of it. */
  | Message<'SettleSubstitute', { listingId: string; chosenAt: number; left: number | null }>
  /** `none` at `expiresAt`, which says which proposal it was that nobody answered. */
  | Message<
      'DecideSubstitution',
      {
        listingId: string;
        substituteId: string;
        answer: 'accept' | 'decline' | 'none';
        expiresAt?: string;
      }
    >
  | Message<'PackStoreOrder', Nothing>
  | Message<'DispatchStoreOrder', Nothing>
  | Message<'DeliverStoreOrder', { proof: 'code' | 'wrong-code' | DeliveryProof }>
  | Message<'CancelStoreOrder', Cancel>
  | Message<'ReturnLines', Return>;

export type StoreOrderEvent =
  | Message<'StoreOrderSubmitted', SubmittedStoreOrder>
  | Message<'StoreOrderAccepted', Subject>
  | Message<'StoreOrderRejected', Subject & { reason: StoreOrderRejection }>
  /** Pieces that the shopper no longer wants. */
  | Message<'LineReduced', Subject & CartLine>
  /** Pieces of the line that are in the basket now. */
  | Message<'LinePicked', Subject & PickedLine>
  /** Pieces that are not there, of a line or of what was to come instead: nothing comes. */
  | Message<'LineShorted', Subject & CartLine & { reason: ShortReason | 'substitute-declined' }>
  /** It is proposed once its shop has put it aside. */
  | Message<'SubstituteChosen', Subject & ChosenSubstitute>
  | Message<
      'SubstituteUnavailable',
      Subject & { listingId: string; substituteId: string; left: number }
    >
  | Message<'SubstitutionProposed', Subject & ChosenSubstitute>
  | Message<
      'SubstitutionDecided',
      Subject & { listingId: string; accepted: boolean; by: 'shopper' | 'wish' }
    >
  /** `lines` is the basket; null where lines were not picked one by one yet: all of them. */
  | Message<'StoreOrderPacked', Packed>
  | Message<'StoreOrderDispatched', Subject>
  | Message<'DeliveryCodeMissed', Subject>
  /** `proof` is null where nobody was asked for one yet. */
  | Message<'StoreOrderDelivered', Delivered>
  | Message<'StoreOrderCancelled', Subject & Cancel>
  | Message<'LinesReturned', Subject & Returned>;

export type StoreOrderStatus =
  'submitted' | 'accepted' | 'rejected' | 'packed' | 'dispatched' | 'delivered' | 'cancelled';

export type StoreOrder = {
  status: 'none' | StoreOrderStatus;
  lines: StoreOrderLine[];
  feePaise: number;
  /** What the shop delivered from when it was ordered. */
  minimumPaise: number;
  slot: OrderSlot | null;
  placeOfSupply: OrderPart['placeOfSupply'];
  /** Whether its goods have left the shelf. */
  packed: boolean;
  wrongCodes: number;
  /** Oldest first. */
  shorts: Short[];
  /** Oldest first. */
  returns: Returned[];
  /** Events so far: which of two views of it is newer. */
  revision: number;
} & Subject &
  Pick<PlacedOrder, 'personId' | 'sealedRecipient' | 'pincode' | 'payment'>;

/** Nothing more is to be done for it. */
export const storeOrderEnded = (status: StoreOrder['status']): boolean =>
  status === 'rejected' || status === 'delivered' || status === 'cancelled';

/**
 * What the shopper owes for the store order as it stands, in paise: never more than was accepted,
 * and no step raises it. Nothing once it is rejected or cancelled; what came back is taken off.
 */
export function owedPaise({ status, lines, feePaise, packed, returns }: StoreOrder): number {
  if (status === 'none' || status === 'rejected' || status === 'cancelled') return 0;
  return chargedPaise(lines, packed) + feePaise - sumPaise(returns.map((one) => one.feePaise));
}

/**
 * What a delivered store order cost at the door, in paise: what came back later is not taken off.
 */
export const deliveredPaise = ({ lines, feePaise }: StoreOrder): number =>
  sumPaise(basketOf(lines).map((line) => line.linePaise)) + feePaise;

/** Until the shop does something about a line, changing one costs nobody anything. */
export const isEditable = ({ status, lines }: Pick<StoreOrder, 'status' | 'lines'>): boolean =>
  (status === 'submitted' || status === 'accepted') && lines.every(isUntouched);

/** The shop and order of a store order. Throws `Rejected` STORE_ORDER_NOT_FOUND. */
export function subjectOf({ status, orderId, storeId }: StoreOrder): Subject {
  if (status === 'none') {
    throw new Rejected('STORE_ORDER_NOT_FOUND');
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
    throw new Rejected('WRONG_STATUS', { because: 'step', orderStatus: status, from, to });
  }
  return true;
}

function assertBeingPicked({ status }: StoreOrder): void {
  if (status === 'accepted') return;
  throw new Rejected('WRONG_STATUS', { because: 'not-being-picked', orderStatus: status });
}

/** The line of a store order that is being picked. Throws `Rejected`. */
function lineBeingPicked(state: StoreOrder, listingId: string): StoreOrderLine {
  assertBeingPicked(state);
  return lineOf(state, listingId);
}

function lineOf({ lines }: StoreOrder, listingId: string): StoreOrderLine {
  const line = lines.find((one) => one.listingId === listingId);
  if (line) return line;
  throw new Rejected('LINE_NOT_FOUND', { listingId });
}

const fold = (state: StoreOrder, events: StoreOrderEvent[]): StoreOrder =>
  events.reduce((before, event) => evolve(storeOrder, before, event), state);

/** The events, and the end of a store order of which they leave nothing to deliver. */
function endIfGivenUp(state: StoreOrder, events: StoreOrderEvent[], cancel: Cancel) {
  if (events.length === 0 || !fold(state, events).lines.every(isGivenUp)) return events;
  const end: StoreOrderEvent = {
    type: 'StoreOrderCancelled',
    data: { ...subjectOf(state), ...cancel },
  };
  return [...events, end];
}

/** Throws `Rejected` where a listing cannot take the place of the rest of a line. */
function assertCanReplace(state: StoreOrder, line: StoreOrderLine, substituteId: string): void {
  const { name } = line;
  if (line.substitution) {
    throw new Rejected('SUBSTITUTE_NOT_POSSIBLE', { because: 'already-replaced', name });
  }
  if (restOf(line) === 0) {
    throw new Rejected('SUBSTITUTE_NOT_POSSIBLE', { because: 'nothing-missing', name });
  }
  const taken = state.lines.flatMap((one) => [one.listingId, one.substitution?.line.listingId]);
  if (taken.includes(substituteId)) {
    throw new Rejected('SUBSTITUTE_NOT_POSSIBLE', { because: 'in-the-order' });
  }
}

/** What the shopper said beforehand about a substitute that nobody answered for. */
const isWished = ({ ifMissing }: StoreOrderLine, substituteId: string): boolean =>
  ifMissing?.wish === 'best-match' ||
  (ifMissing?.wish === 'this-one' && ifMissing.listingId === substituteId);

/** What is left of a store order is worth the way, or it is nothing. */
function assertMinimum(state: StoreOrder, events: StoreOrderEvent[]): void {
  const { lines, minimumPaise } = fold(state, events);
  if (events.length === 0 || lines.every(isGivenUp)) return;
  const missingPaise = minimumPaise - chargedPaise(lines, false);
  if (missingPaise <= 0) return;
  throw new Rejected('BELOW_MINIMUM', { because: 'reduced', minimumPaise, missingPaise });
}

function assertEditable(state: StoreOrder): void {
  if (isEditable(state)) return;
  throw new Rejected('EDIT_TOO_LATE');
}

function assertKept({ lines }: StoreOrder, returned: CartLine[]): void {
  const kept = notReturned(lines);
  for (const { listingId, quantity } of returned) {
    const line = kept.find((one) => one.listingId === listingId);
    if (!line || line.quantity < quantity) {
      const { name = listingId, quantity: left = 0 } = line ?? {};
      throw new Rejected('RETURN_EXCEEDS_DELIVERED', { name, left });
    }
  }
}

/**
 * Whether the fee goes back: when nothing is kept of a delivery of which nothing was as it should be.
 */
export const isFeeBack = (reasons: CreditReason[], kept: { quantity: number }[]): boolean =>
  reasons.every((reason) => FAULTS.includes(reason)) &&
  kept.every(({ quantity }) => quantity === 0);

function feeBackPaise({ returns, lines, feePaise }: StoreOrder, back: Return): number {
  const reasons = [...returns, back].map(({ reason }) => reason);
  const kept = notReturned(withAllReturned(lines, back.lines));
  return isFeeBack(reasons, kept) ? feePaise : 0;
}

const withAllReturned = (lines: StoreOrderLine[], returned: CartLine[]): StoreOrderLine[] =>
  returned.reduce(
    (known, { listingId, quantity }) => withReturned(known, listingId, quantity),
    lines,
  );

const withLine = (
  state: StoreOrder,
  listingId: string,
  change: (line: StoreOrderLine) => Partial<StoreOrderLine>,
): Partial<StoreOrder> => ({
  lines: state.lines.map((line) =>
    line.listingId === listingId ? { ...line, ...change(line) } : line,
  ),
});

/** What is to come instead of a line, by its own listing. */
const substituteIn = ({ lines }: StoreOrder, listingId: string): Substitution | undefined =>
  lines
    .flatMap(({ substitution }) => substitution ?? [])
    .find(({ line }) => line.listingId === listingId);

/** Nothing comes of what a substitute was to stand for. */
const withoutSubstitute = ({ lines }: StoreOrder, listingId: string): Partial<StoreOrder> => ({
  lines: lines.map((line) =>
    line.substitution?.line.listingId === listingId
      ? { ...line, substitution: null, shorted: line.shorted + line.substitution.replaces }
      : line,
  ),
});

const after = (state: StoreOrder, change: Partial<StoreOrder>): StoreOrder => ({
  ...state,
  ...change,
  revision: state.revision + 1,
});

const subjectShape = { orderId: 'text', storeId: 'text' } as const;
const lineShape = { listingId: 'text', quantity: 'integer' } as const;
const chosenShape = {
  ...subjectShape,
  listingId: 'text',
  replaces: 'integer',
  line: orderLineShape,
  expiresAt: 'time',
} as const;

/** What one store has to do of an order, from the board to the door and back. */
export const storeOrder: Decider<StoreOrder, StoreOrderCommand, StoreOrderEvent> = {
  category: 'storeorder',
  initial: {
    status: 'none',
    lines: [],
    feePaise: 0,
    minimumPaise: 0,
    slot: null,
    placeOfSupply: null,
    packed: false,
    wrongCodes: 0,
    shorts: [],
    returns: [],
    revision: 0,
    orderId: '',
    storeId: '',
    personId: '',
    sealedRecipient: '',
    pincode: '',
    payment: 'cash-on-delivery',
  },

  decide: {
    SubmitStoreOrder: (state, data) =>
      state.status === 'none' ? [{ type: 'StoreOrderSubmitted', data }] : [],
    AcceptStoreOrder(state) {
      const data = subjectOf(state);
      return step(state, 'accepted', ['submitted']) ? [{ type: 'StoreOrderAccepted', data }] : [];
    },
    RejectStoreOrder(state, { reason }) {
      const data = { ...subjectOf(state), reason };
      return step(state, 'rejected', ['submitted']) ? [{ type: 'StoreOrderRejected', data }] : [];
    },

    /**
     * Throws `Rejected` EDIT_TOO_LATE, EDIT_RAISES for more, which is for another order, and
     * BELOW_MINIMUM. The fee stays as it was accepted.
     */
    ReduceLines(state, { lines }) {
      const place = subjectOf(state);
      assertNamedOnce(lines.map(({ listingId }) => listingId));
      const events = lines.flatMap(({ listingId, quantity }): StoreOrderEvent[] => {
        const line = lineOf(state, listingId);
        const less = line.quantity - line.reduced - quantity;
        if (less === 0) return [];
        assertEditable(state);
        if (less < 0) throw new Rejected('EDIT_RAISES', { name: line.name });
        return [{ type: 'LineReduced', data: { ...place, listingId, quantity: less } }];
      });
      assertMinimum(state, events);
      return endIfGivenUp(state, events, { by: 'shopper', reason: 'changed-mind' });
    },

    /** Throws `Rejected` PICK_EXCEEDS_ORDERED, and WRONG_WEIGHT. */
    PickLines(state, { lines }) {
      const place = subjectOf(state);
      assertNamedOnce(lines.map(({ listingId }) => listingId));
      return lines.flatMap(({ listingId, quantity, grams }): StoreOrderEvent[] => {
        const before = lineOf(state, listingId);
        if (before.picked === quantity && before.grams === grams) return [];
        const line = lineBeingPicked(state, listingId);
        if (quantity > toPick(line)) {
          const wanted = toPick(line);
          throw new Rejected('PICK_EXCEEDS_ORDERED', { name: line.name, wanted });
        }
        if (!isWeight(line, quantity, grams)) {
          const most = Math.max(0, mostGrams(line, quantity));
          throw new Rejected('WRONG_WEIGHT', { name: line.name, quantity, mostGrams: most });
        }
        const weighed = grams === undefined ? {} : { grams };
        return [{ type: 'LinePicked', data: { ...place, listingId, quantity, ...weighed } }];
      });
    },

    /**
     * What is not picked of a line, or was to come instead of one, is not there. An order of which
     * nothing is there ends.
     */
    ShortLine(state, { listingId, reason }) {
      const place = subjectOf(state);
      const substitute = substituteIn(state, listingId);
      const quantity = substitute?.line.quantity ?? restOf(lineOf(state, listingId));
      if (quantity === 0) return [];
      assertBeingPicked(state);
      const data = { ...place, listingId, quantity, reason };
      const events: StoreOrderEvent[] = [{ type: 'LineShorted', data }];
      return endIfGivenUp(state, events, { by: 'shop', reason: 'out-of-stock' });
    },

    /**
     * Chooses something else for what is not picked of a line, at its own price and for no more
     * than was accepted. It is offered once it is put aside.
     */
    ProposeSubstitute(state, { listingId, line: asked, expiresAt }) {
      const place = subjectOf(state);
      const line = lineBeingPicked(state, listingId);
      const proposed = line.substitution?.line;
      if (proposed?.listingId === asked.listingId && proposed.quantity === asked.quantity) {
        return [];
      }
      assertCanReplace(state, line, asked.listingId);
      const replaces = restOf(line);
      const charged = chargedOf(linePaise(line.pricePaise, replaces), asked.linePaise);
      const data = { ...place, listingId, replaces, line: { ...asked, linePaise: charged } };
      return [{ type: 'SubstituteChosen', data: { ...data, expiresAt } }];
    },

    /**
     * Offers what was chosen, or gives it up. What the shopper chose beforehand needs no answer;
     * what was settled already, or chosen anew since, stays as it is.
     */
    SettleSubstitute(state, { listingId, chosenAt, left }) {
      const place = subjectOf(state);
      const { substitution, ifMissing } = lineOf(state, listingId);
      const isOpen = state.status === 'accepted' && substitution?.status === 'chosen';
      if (!isOpen || substitution.chosenAt !== chosenAt) return [];
      const { replaces, line, expiresAt } = substitution;
      if (left !== null) {
        const data = { ...place, listingId, substituteId: line.listingId, left };
        return [{ type: 'SubstituteUnavailable', data }];
      }
      const data = { ...place, listingId, replaces, line, expiresAt };
      const events: StoreOrderEvent[] = [{ type: 'SubstitutionProposed', data }];
      if (ifMissing?.wish === 'this-one' && ifMissing.listingId === line.listingId) {
        const decided = { ...place, listingId, accepted: true, by: 'wish' } as const;
        events.push({ type: 'SubstitutionDecided', data: decided });
      }
      return events;
    },

    /** Of what is declined nothing comes. Throws WRONG_STATUS where it was decided otherwise. */
    DecideSubstitution(state, { listingId, substituteId, answer, expiresAt }) {
      const place = subjectOf(state);
      const line = lineOf(state, listingId);
      const { substitution } = line;
      if (expiresAt !== undefined && substitution?.expiresAt !== expiresAt) return [];
      const isThis = substitution?.line.listingId === substituteId;
      const isOpen = state.status === 'accepted' && isThis && substitution.status === 'proposed';
      if (!isOpen) {
        const isDone = answer === 'accept' ? isThis && substitution.status === 'accepted' : !isThis;
        if (answer === 'none' || isDone) return [];
        throw new Rejected('WRONG_STATUS', { because: 'decided' });
      }
      const accepted = answer === 'none' ? isWished(line, substituteId) : answer === 'accept';
      const by = answer === 'none' ? 'wish' : 'shopper';
      const data = { ...place, listingId, accepted, by } as const;
      const events: StoreOrderEvent[] = [{ type: 'SubstitutionDecided', data }];
      if (accepted) return events;
      const { replaces: quantity } = substitution;
      const shorted = { ...place, listingId, quantity, reason: 'substitute-declined' } as const;
      events.push({ type: 'LineShorted', data: shorted });
      return endIfGivenUp(state, events, { by: 'shop', reason: 'out-of-stock' });
    },

    /** Throws `Rejected` NOT_PICKED with the lines of which something is still open. */
    PackStoreOrder(state) {
      const place = subjectOf(state);
      if (!step(state, 'packed', ['accepted'])) return [];
      const open = state.lines.filter((line) => !isSettled(line));
      if (open.length > 0) {
        throw new Rejected('NOT_PICKED', {
          lines: open.map(({ listingId }) => listingId),
          names: open.map(({ name }) => name),
        });
      }
      const lines = basketOf(state.lines).map(({ listingId, quantity }) => ({
        listingId,
        quantity,
      }));
      return [{ type: 'StoreOrderPacked', data: { ...place, lines } }];
    },
    DispatchStoreOrder(state) {
      const data = subjectOf(state);
      return step(state, 'dispatched', ['packed']) ? [{ type: 'StoreOrderDispatched', data }] : [];
    },

    /** A wrong code is counted, not refused: no server forgets it. Throws DELIVERY_CODE_LOCKED. */
    DeliverStoreOrder(state, { proof }) {
      const place = subjectOf(state);
      if (!step(state, 'delivered', ['dispatched'])) return [];
      const isByCode = proof === 'code' || proof === 'wrong-code';
      if (isByCode && state.wrongCodes >= MAX_WRONG_CODES) {
        throw new Rejected('DELIVERY_CODE_LOCKED');
      }
      if (proof === 'wrong-code') return [{ type: 'DeliveryCodeMissed', data: place }];
      return [{ type: 'StoreOrderDelivered', data: { ...place, proof } }];
    },

    /** By the shopper until it is packed; by the shop until it is delivered: nobody may be there. */
    CancelStoreOrder(state, data) {
      const place = subjectOf(state);
      const until: StoreOrderStatus[] =
        data.by === 'shopper' ? ['submitted', 'accepted'] : ['accepted', 'packed', 'dispatched'];
      return step(state, 'cancelled', until)
        ? [{ type: 'StoreOrderCancelled', data: { ...place, ...data } }]
        : [];
    },

    /** Throws `Rejected` RETURN_EXCEEDS_DELIVERED. */
    ReturnLines(state, { lines, ...data }) {
      const place = subjectOf(state);
      if (state.returns.some(({ returnId }) => returnId === data.returnId)) return [];
      if (state.status !== 'delivered') {
        throw new Rejected('WRONG_STATUS', { because: 'not-delivered' });
      }
      const sums = Map.groupBy(lines, ({ listingId }) => listingId);
      const returned = [...sums].map(([listingId, same]) => ({
        listingId,
        quantity: same.reduce((sum, line) => sum + line.quantity, 0),
      }));
      assertKept(state, returned);
      const back = { ...data, lines: returned };
      const feePaise = feeBackPaise(state, back);
      return [{ type: 'LinesReturned', data: { ...place, ...back, feePaise } }];
    },
  },

  evolve: {
    StoreOrderSubmitted: (state, { lines, slot, feePaise, minimumPaise, ...data }) => {
      const { orderId, storeId, personId, sealedRecipient, pincode, placeOfSupply, payment } = data;
      const person = { personId, sealedRecipient, pincode, payment };
      const place = { orderId, storeId, slot, placeOfSupply, feePaise, minimumPaise };
      return after(state, {
        status: 'submitted',
        ...place,
        ...person,
        lines: lines.map(ordered),
      });
    },
    StoreOrderAccepted: (state) => after(state, { status: 'accepted' }),
    StoreOrderRejected: (state) => after(state, { status: 'rejected' }),
    LineReduced: (state, { listingId, quantity }) =>
      after(
        state,
        withLine(state, listingId, ({ reduced }) => ({ reduced: reduced + quantity })),
      ),
    LinePicked: (state, { listingId, quantity, grams }) =>
      after(
        state,
        withLine(state, listingId, () => ({ picked: quantity, grams })),
      ),
    LineShorted: (state, { listingId, quantity, reason }) =>
      after(state, {
        ...(substituteIn(state, listingId)
          ? withoutSubstitute(state, listingId)
          : withLine(state, listingId, ({ shorted }) => ({ shorted: shorted + quantity }))),
        ...(reason !== 'substitute-declined' && {
          shorts: [...state.shorts, { listingId, quantity, reason }],
        }),
      }),
    SubstituteChosen: (state, { listingId, replaces, line, expiresAt }) =>
      after(
        state,
        withLine(state, listingId, () => ({
          substitution: {
            status: 'chosen',
            chosenAt: state.revision + 1,
            replaces,
            line,
            expiresAt,
            returned: 0,
          },
          unavailable: undefined,
        })),
      ),
    SubstituteUnavailable: (state, { listingId, substituteId, left }) =>
      after(
        state,
        withLine(state, listingId, () => ({
          substitution: null,
          unavailable: { listingId: substituteId, left },
        })),
      ),
    SubstitutionProposed: (state, { listingId, replaces, line, expiresAt }) =>
      after(
        state,
        withLine(state, listingId, () => ({
          substitution: { status: 'proposed', replaces, line, expiresAt, returned: 0 },
        })),
      ),
    SubstitutionDecided: (state, { listingId, accepted }) =>
      after(
        state,
        withLine(state, listingId, ({ substitution }) => ({
          substitution: accepted ? { ...substitution!, status: 'accepted' } : null,
        })),
      ),
    StoreOrderPacked(state, { lines }) {
      const all = state.lines.map((line) => ({ ...line, picked: line.quantity }));
      return after(state, { status: 'packed', packed: true, ...(!lines && { lines: all }) });
    },
    StoreOrderDispatched: (state) => after(state, { status: 'dispatched' }),
    DeliveryCodeMissed: (state) => after(state, { wrongCodes: state.wrongCodes + 1 }),
    StoreOrderDelivered: (state) => after(state, { status: 'delivered' }),
    StoreOrderCancelled: (state) => after(state, { status: 'cancelled' }),
    LinesReturned: (state, { orderId: _o, storeId: _s, ...returned }) =>
      after(state, {
        returns: [...state.returns, returned],
        lines: withAllReturned(state.lines, returned.lines),
      }),
  },

  upcast: {
    StoreOrderSubmitted: [
      (data: Optional<SubmittedStoreOrder, TermsName>) => ({ ...data, ...fullTerms(data) }),
      (data: Optional<SubmittedStoreOrder, 'placeOfSupply'>) => ({ ...data, ...fullTerms(data) }),
    ],
    StoreOrderPacked: [
      ({ lines = null, ...data }: Optional<Packed, 'lines'>) => ({ ...data, lines }),
    ],
    StoreOrderDelivered: [
      ({ proof = null, ...data }: Optional<Delivered, 'proof'>) => ({ ...data, proof }),
    ],
    LinesReturned: [
      ({ feePaise = 0, ...data }: Optional<Subject & Returned, 'feePaise'>) => ({
        ...data,
        feePaise,
      }),
    ],
  },

  shapes: {
    StoreOrderSubmitted: { ...storeOrderShape, ...buyerShape, orderId: 'text' },
    StoreOrderAccepted: subjectShape,
    StoreOrderRejected: { ...subjectShape, reason: 'text' },
    LineReduced: { ...subjectShape, ...lineShape },
    LinePicked: { ...subjectShape, ...lineShape, grams: 'integer?' },
    LineShorted: { ...subjectShape, ...lineShape, reason: 'text' },
    SubstituteChosen: chosenShape,
    SubstituteUnavailable: {
      ...subjectShape,
      listingId: 'text',
      substituteId: 'text',
      left: 'integer',
    },
    SubstitutionProposed: chosenShape,
    SubstitutionDecided: {
      ...subjectShape,
      listingId: 'text',
      accepted: 'boolean',
      by: 'text',
    },
    StoreOrderPacked: { ...subjectShape, lines: ['?', [lineShape]] },
    StoreOrderDispatched: subjectShape,
    DeliveryCodeMissed: subjectShape,
    StoreOrderDelivered: { ...subjectShape, proof: 'text?' },
    StoreOrderCancelled: { ...subjectShape, by: 'text', reason: 'text' },
    LinesReturned: {
      ...subjectShape,
      returnId: 'text',
      lines: [lineShape],
      reason: 'text',
      to: 'text',
      feePaise: 'integer',
    },
  },
};

/** What a store order did not say before there was a choice. */
type TermsName = 'feePaise' | 'minimumPaise' | 'fulfilment' | 'slot' | 'placeOfSupply';
