import { checkout, completion } from '../domain/ordering/checkout.ts';
import { order, type Order } from '../domain/ordering/order.ts';
import { View } from '../engine/process.ts';
import type { Cause } from '../engine/processes/cause.ts';
import { paymentIdOf } from './payment.ts';
import { run, type Drivers } from './processes.ts';

/** Whatever becomes of an order by itself is done in this name. */
const ACTOR = 'checkout';

/**
 * Takes every step that an order still lacks (`domain/ordering/checkout.ts` says which), until it is
 * confirmed, waits to be paid, or is rejected and holds nothing. Resolves to it and to the log
 * position of the last event that this saw.
 */
export async function driveCheckout(
  drivers: Drivers,
  orderId: string,
  cause: Cause,
): Promise<{ state: Order; position: bigint }> {
  const known = await drivers.handler.load(order, orderId, { fresh: false });
  // One that is placed is not read again: its stream says at the decision whether it still was.
  const begun = known.status === 'placed' ? new View().seeing(order, orderId, known) : undefined;
  const process = checkout({ orderId, paymentIdOf });
  const { view, position } = await run(drivers, process, ACTOR, cause, begun);
  return { state: view.stateOf(order, orderId)!, position };
}

/** Ends an order once every shop is done with its store order. */
export async function driveCompletion(
  drivers: Drivers,
  orderId: string,
  cause: Cause,
): Promise<void> {
  await run(drivers, completion(orderId), ACTOR, cause);
}
