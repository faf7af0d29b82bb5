import type { Decider, Message } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';
import { sumPaise } from './money.ts';

/** Why a till holds something else than it should. */
export const CASH_REASONS = ['wrong-change', 'unrecorded-sale', 'theft', 'other'] as const;
export type CashReason = (typeof CASH_REASONS)[number];

/** What cash was for. `at` (RFC 3339) is when it changed hands: before the till's day, if late. */
type Cash = {
  paymentId: string;
  orderId: string;
  storeOrderId: string;
  amountPaise: number;
  at: string;
};
type CashBack = Cash & { refundNumber: number };

type Closing = {
  countedPaise: number;
  expectedPaise: number;
  /** Counted less expected: below zero, cash is missing. */
  differencePaise: number;
  /** Null where nothing differs. */
  reason: CashReason | null;
};

export type TillCommand =
  | Message<'OpenTill', { openingPaise: number }>
  | Message<'TakeCash', Cash>
  | Message<'GiveCashBack', CashBack>
  /** `expectedPaise` is what the till should have held when whoever counted looked. */
  | Message<
      'CloseTill',
      { countedPaise: number; expectedPaise?: number; reason: CashReason | null }
    >;

export type TillEvent =
  /** The change that is there in the morning; told again, it was told wrong before. */
  | Message<'TillOpened', { openingPaise: number }>
  | Message<'CashTaken', Cash>
  | Message<'CashGivenBack', CashBack>
  | Message<'TillClosed', Closing>;

type Moved = Extract<TillEvent, { type: 'CashTaken' | 'CashGivenBack' }>;

/** A shop's cash of one day. */
export type Till = {
  openingPaise: number;
  /** By payment and refund, what came in; below zero, what went back. */
  moved: ReadonlyMap<string, number>;
  closing: Closing | null;
};

/** What the till should hold. */
export const expectedPaise = ({ openingPaise, moved }: Pick<Till, 'openingPaise' | 'moved'>) =>
  openingPaise + sumPaise(moved.values());

/** Of cash that changed hands: each payment, and each of its refunds, does so once. */
export const keyOf = ({ paymentId, refundNumber }: { paymentId: string; refundNumber?: number }) =>
  `${paymentId}.${refundNumber ?? 'taken'}`;

/** Nothing where it is there already, also in a closed till. Throws `Rejected` TILL_CLOSED. */
function once({ moved, closing }: Till, event: Moved): Moved[] {
  if (moved.has(keyOf(event.data))) return [];
  if (closing) throw new Rejected('TILL_CLOSED', { because: 'cash-moved' });
  return [event];
}

const withMoved = (state: Till, key: string, amountPaise: number): Till => ({
  ...state,
  moved: new Map(state.moved).set(key, amountPaise),
});

/** A till that was closed is as it was counted; the same count again changes nothing. */
function assertSameClosing(
  closing: Closing,
  { countedPaise, reason }: Pick<Closing, 'countedPaise' | 'reason'>,
): void {
  const isSame =
    countedPaise === closing.countedPaise &&
    (closing.differencePaise === 0 || reason === closing.reason);
  if (isSame) return;
  throw new Rejected('TILL_CLOSED', { because: 'counted-otherwise', ...closing });
}

const cashShape = {
  paymentId: 'text',
  orderId: 'text',
  storeOrderId: 'text',
  amountPaise: 'integer',
  at: 'time',
} as const;

/**
 * A shop's till (cash up): what was taken and given back in cash on a day, and at its end what was
 * counted against it. Each payment and each refund is in one day's till, once; a closed one takes
 * no more.
 */
export const till: Decider<Till, TillCommand, TillEvent> = {
  category: 'till',
  initial: { openingPaise: 0, moved: new Map(), closing: null },

  decide: {
    OpenTill({ openingPaise: before, closing }, { openingPaise }) {
      if (openingPaise === before) return [];
      if (closing) throw new Rejected('TILL_CLOSED', { because: 'opened-again' });
      return [{ type: 'TillOpened', data: { openingPaise } }];
    },
    TakeCash: (state, data) => once(state, { type: 'CashTaken', data }),
    GiveCashBack: (state, data) => once(state, { type: 'CashGivenBack', data }),
    /** Throws TILL_CLOSED, STALE_COUNT, and REASON_REQUIRED for what differs. */
    CloseTill(state, { countedPaise, expectedPaise: seenPaise, reason }) {
      if (state.closing) {
        assertSameClosing(state.closing, { countedPaise, reason });
        return [];
      }
      const expected = expectedPaise(state);
      const facts = { because: 'till', expectedPaise: expected } as const;
      if (seenPaise !== undefined && seenPaise !== expected) {
        throw new Rejected('STALE_COUNT', facts);
      }
      const differencePaise = countedPaise - expected;
      if (differencePaise !== 0 && !reason) {
        throw new Rejected('REASON_REQUIRED', facts);
      }
      const data = {
        countedPaise,
        expectedPaise: expected,
        differencePaise,
        reason: differencePaise === 0 ? null : reason,
      };
      return [{ type: 'TillClosed', data }];
    },
  },

  evolve: {
    TillOpened: (state, { openingPaise }) => ({ ...state, openingPaise }),
    CashTaken: (state, data) => withMoved(state, keyOf(data), data.amountPaise),
    CashGivenBack: (state, data) => withMoved(state, keyOf(data), -data.amountPaise),
    TillClosed: (state, closing) => ({ ...state, closing }),
  },

  shapes: {
    TillOpened: { openingPaise: 'integer' },
    CashTaken: cashShape,
    CashGivenBack: { ...cashShape, refundNumber: 'integer' },
    TillClosed: {
      countedPaise: 'integer',
      expectedPaise: 'integer',
      differencePaise: 'integer',
      reason: 'text?',
    },
  },
};

/** A day's till is named after its shop and its date. */
export const tillId = (storeId: string, date: string): string => `${storeId}.${date}`;
