import type { PaymentMethod } from '../domain/money/payment.ts';
import type { Message } from '../engine/decider.ts';
import type { Process, View } from '../engine/process.ts';
import type {
  MoveAnswer,
  MoveShares,
  ReturnAnswer,
  ReturnShare,
} from '../domain/money/pay-shops.ts';
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
  type PaymentPort,
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

type Request = OpenPayment | MakeRefund | MoveShares | ReturnShare;

const askOutside = (payments: PaymentPorts) => (asked: Message) => {
  const request = asked as Request;
  switch (request.type) {
    case 'OpenPayment':
      return open(payments, request.data);
    case 'MakeRefund':
      return refund(payments, request.data);
    case 'MoveShares':
      return moveShares(payments, request.data);
    case 'ReturnShare':
      return returnShare(payments, request.data);
  }
};

/** Throws `Rejected` CARDS_NOT_TAKEN, or PAYMENT_UNAVAILABLE, also where the gateway is away. */
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
const refund = (
  payments: PaymentPorts,
  { method, call, isLastTry }: MakeRefund['data'],
): Promise<RefundAnswer> =>
  answered<RefundAnswer>(payments, method, isLastTry, {
    ask: async (port) => (await port.refund(call)) ?? { status: 'by-hand' },
    not: (reason) => ({ status: 'not-made', reason }),
  });

/** Throws `GatewayUnavailable` while it may yet succeed. */
const moveShares = (
  payments: PaymentPorts,
  { method, call, isLastTry }: MoveShares['data'],
): Promise<MoveAnswer> =>
  answered<MoveAnswer>(payments, method, isLastTry, {
    ask: async (port) => ({ status: 'moved', transfers: (await port.moveShares?.(call)) ?? [] }),
    not: (reason) => ({ status: 'not-moved', reason }),
  });

/** Throws `GatewayUnavailable` while it may yet succeed. */
const returnShare = (
  payments: PaymentPorts,
  { method, call, isLastTry }: ReturnShare['data'],
): Promise<ReturnAnswer> =>
  answered<ReturnAnswer>(payments, method, isLastTry, {
    ask: async (port) => {
      if (!port.returnShare) throw new GatewayRefused(`${method} pays no shops`);
      return { status: 'returned', externalId: await port.returnShare(call) };
    },
    not: (reason) => ({ status: 'not-moved', reason }),
  });

async function answered<Answer>(
  payments: PaymentPorts,
  method: PaymentMethod,
  isLastTry: boolean,
  how: { ask: (port: PaymentPort) => Promise<Answer>; not: (reason: string) => Answer },
): Promise<Answer> {
  try {
    const port = payments[method];
    if (!port) throw new GatewayUnavailable(`payment by ${method} is not set up here`);
    return await how.ask(port);
  } catch (error) {
    if (error instanceof GatewayRefused) return how.not(error.message);
    if (!isLastTry) throw error;
    return how.not('not-taken-over');
  }
}
