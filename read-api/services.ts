import type { Logger } from '../platform/log.ts';
import type { Pool } from '../platform/postgres.ts';
import type { Sessions } from '../platform/session.ts';
import type { Vault } from '../platform/vault.ts';
import type { PublicAnswers } from '../engine/reading/answers.ts';
import type { LivePages } from '../engine/reading/live-pages.ts';
import type { Limiting } from '../platform/route.ts';
import type { Projected } from '../engine/reading/projected.ts';

/** What the routes stand on. */
export type Services = {
  pool: Pool;
  projected: Projected;
  answers: PublicAnswers;
  /** Those that are followed live. */
  pages: LivePages;
  vault: Vault;
  storePassSecret: string;
  sessions: Sessions;
  /** Makes the codes that shoppers tell at the door. */
  deliveryCodeSecret: string;
  log: Logger;
  now: () => Date;
  /** Aborts when the server closes: pages that follow live are sent away. */
  closing: AbortSignal;
  /** How many live pages an address may follow. */
  streams: readonly Limiting[];
};
