import type { Drill } from '../../event-store/drill/drill.ts';
import { DRILLS as OF_THE_EVENT_STORE } from '../../event-store/drill/drills.ts';
import { leader } from './leader.ts';
import { silentNetwork } from './silent-network.ts';
import { times } from './times.ts';

export const OF_THE_SHOP: Drill[] = [leader, silentNetwork, times];

/** What can go wrong, done on purpose: to the event store alone, and to the whole shop. */
export const DRILLS: Drill[] = [...OF_THE_EVENT_STORE, ...OF_THE_SHOP];
