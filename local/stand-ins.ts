import type { VariableName } from '../platform/env.ts';

type StandIn = { entry: string; variables: readonly VariableName[]; heapMiB: number };

/** Processes of ours that take the place of somebody else's servers on one machine. */
export const STAND_INS = {
  'event-store': { entry: 'event-store/main.ts', variables: ['HOST', 'PORT'], heapMiB: 384 },
  razorpay: {
    entry: 'local/razorpay/main.ts',
    variables: [
      'HOST',
      'PORT',
      'LOG_LEVEL',
      'RAZORPAY_KEY_ID',
      'RAZORPAY_KEY_SECRET',
      'RAZORPAY_WEBHOOK_SECRET',
      'ORIGIN_WRITE_API',
    ],
    heapMiB: 128,
  },
} as const satisfies Record<string, StandIn>;

export type StandInName = keyof typeof STAND_INS;
