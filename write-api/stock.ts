import { stock } from '../domain/fulfilment/stock.ts';
import type { Cause } from '../engine/processes/cause.ts';
import { run, type Drivers } from './processes.ts';

/** Whatever follows by itself from what became of a store order is done in this name. */
export const ACTOR = 'fulfilment';

/**
 * Does to a shop's stock and slots what happened to its store order
 * (`domain/fulfilment/stock.ts`). Resolves to the log position of the last event that this saw.
 */
export async function driveStock(
  drivers: Drivers,
  storeOrderId: string,
  cause: Cause,
): Promise<bigint> {
  return (await run(drivers, stock(storeOrderId), ACTOR, cause)).position;
}
