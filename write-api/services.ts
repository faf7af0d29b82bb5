import type { EventStore } from '../platform/event-store.ts';
import type { Logger } from '../platform/log.ts';
import type { Sessions } from '../platform/session.ts';
import type { Vault } from '../platform/vault.ts';
import type { Handler } from '../engine/commands/handle.ts';
import type { PaymentPorts } from './payment-ports.ts';
import type { Razorpay } from './razorpay-gateway.ts';

/** What the routes stand on. */
export type Services = {
  client: EventStore;
  handler: Handler;
  vault: Vault;
  /** Signs quotes. */
  quoteSecret: string;
  /** Makes the codes that shoppers tell at the door. */
  deliveryCodeSecret: string;
  storePassSecret: string;
  sessions: Sessions;
  /** The address that people type, `https://shop.example`. */
  publicUrl: string;
  /** Where read-api is: what a shop lists is read there before a price list changes it. */
  readApiUrl: () => string;
  /** Empty where nobody tells of UPI payments but the shops. */
  upiWebhookSecret: string;
  payments: PaymentPorts;
  /** Absent where nobody has an account there. */
  razorpay: Razorpay | undefined;
  log: Logger;
  now: () => Date;
};
