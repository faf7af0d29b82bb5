import type { Message } from '../engine/decider.ts';
import type { Process, View } from '../engine/process.ts';
import type { MakeRefund, RefundAnswer } from '../domain/money/refund.ts';
import type { OpenPayment } from '../domain/ordering/checkout.ts';
import type { HowToPay } from '../domain/ordering/payments.ts';
import type { Handler } from '../engine/commands/handle.ts';
import { systemContext, type Cause } from '../engine/processes/cause.ts';
import { takeSteps, type Taken } from '../engine/processes/steps.ts';
import {
  GatewayRefused,
  GatewayUnavailable,
  portOf,
  unavailableMethod,
  type PaymentPorts,
} from './payment-ports.ts';

/** What processes are run with. */
export type Drivers = { handler: Handler; payments: PaymentPorts; now: () => Date };

/**
 * Takes the steps of a process in the name of `actor`. Throws what ended it, such as
 * `AppendOutcomeUnknown` or `GatewayUnavailable`: whoever runs it again goes on from there.
 */
export const run = (
  { handler, payments, now }: Drivers,
  process: Process,
  actor: string,
  cause: Cause,
  begun?: View,
): Promise<Taken> => {
  const contextOf = () => systemContext(actor, cause);
  return takeSteps(process, { handler, now, contextOf, ask: askOutside(payments) }, begun);
};

type Request = OpenPayment | MakeRefund;

const askOutside = (payments: PaymentPorts) => (asked: Message) => {
  const request = asked as Request;
  return request.type === 'OpenPayment'
    ? open(payments, request.data)
    : refund(payments, request.data);
};

/** Throws `Rejected` PAYMENT_UNAVAILABLE, also where the gateway is away. */
async function open(
  payments: PaymentPorts,
  { method, due }: OpenPayment['data'],
): Promise<HowToPay> {
  try {
    return await portOf(payments, method).open(due);
  } catch (error) {
    if (!(error instanceof GatewayUnavailable)) throw error;
    throw unavailableMethod({ because: 'no-answer' });
  }
}

/** Throws `GatewayUnavailable` while it may yet succeed. */
async function refund(
  payments: PaymentPorts,
  { method, call, isLastTry }: MakeRefund['data'],
): Promise<RefundAnswer> {
  try {
    const port = payments[method];
    if (!port) throw new GatewayUnavailable(`payment by ${method} is not set up here`);
    return (await port.refund(call)) ?? { status: 'by-hand' };
  } catch (error) {
    if (error instanceof GatewayRefused) return { status: 'not-made', reason: error.message };
    if (!isLastTry) throw error;
    return { status: 'not-made', reason: 'not-taken-over' };
  }
}
