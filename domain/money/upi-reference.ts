import type { Decider, Message } from '../../engine/decider.ts';
import { Rejected } from '../rejection.ts';

/** `vpa` is where the money was paid to; `utr`, 12 digits, is what both UPI apps call it. */
export type UpiTransfer = { vpa: string; utr: string };

type Use = UpiTransfer & { paymentId: string };

export type UpiReferenceCommand = Message<'UseUpiReference', Use>;
export type UpiReferenceEvent = Message<'UpiReferenceUsed', Use>;

export type UpiReference = {
  /** Null until it is used. */
  paymentId: string | null;
};

/** What is the same for two mentions of one transfer, however its address is written. */
export const upiTransferText = ({ vpa, utr }: UpiTransfer): string => `${vpa.toLowerCase()} ${utr}`;

/**
 * A transfer by UPI, as its receiver's app shows it: it pays for one order's payment and for no
 * other. A stream for each, so that of two payments that name it at once one is the first.
 */
export const upiReference: Decider<UpiReference, UpiReferenceCommand, UpiReferenceEvent> = {
  category: 'upireference',
  initial: { paymentId: null },

  decide: {
    /** Throws `Rejected` UPI_REFERENCE_USED. */
    UseUpiReference({ paymentId }, data) {
      if (paymentId === data.paymentId) return [];
      if (paymentId === null) return [{ type: 'UpiReferenceUsed', data }];
      throw new Rejected('UPI_REFERENCE_USED');
    },
  },

  evolve: {
    UpiReferenceUsed: (_, { paymentId }) => ({ paymentId }),
  },

  shapes: {
    UpiReferenceUsed: { vpa: 'text', utr: 'text', paymentId: 'text' },
  },
};
