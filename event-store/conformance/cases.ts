/** The conformance suite: what EventStoreDB's client documents, by topic. */
import { appends } from './appends.ts';
import type { Cases } from './case.ts';
import { cluster } from './cluster.ts';
import { connections } from './connections.ts';
import { credentials } from './credentials.ts';
import { deletes } from './deletes.ts';
import { filters } from './filters.ts';
import { links } from './links.ts';
import { metadata } from './metadata.ts';
import { persistent } from './persistent.ts';
import { reads } from './reads.ts';
import { subscriptions } from './subscriptions.ts';

export const TOPICS: Record<string, Cases> = {
  appends,
  reads,
  deletes,
  metadata,
  subscriptions,
  filters,
  links,
  persistent,
  connections,
  credentials,
  cluster,
};
