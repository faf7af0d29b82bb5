import { DRILLS as OF_EVENT_STORE } from '../../event-store/drill/drills.ts';
import type { Drill } from '../../event-store/drill/drill.ts';
import { poisonDrill } from './poison.ts';

/** What is done to a whole shop on purpose. */
export const OF_SHOP: Drill[] = [poisonDrill];

export const DRILLS: Drill[] = [...OF_EVENT_STORE, ...OF_SHOP];
