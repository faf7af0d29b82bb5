import {
  MIN_PAISE,
  newId,
  nowSeconds,
  Refused,
  type Entities,
  type Notes,
  type Order,
  type Reversal,
  type Transfer,
} from './entities.ts';

const ACCOUNT = /^acc_[A-Za-z0-9]{14}$/;

/** A shop's account that is there, as all are here that look like one. */
export const linkedAccountOf = (storeId: string): string =>
  `acc_${storeId
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .padStart(14, '0')
    .slice(-14)}`;

/** Tells whoever asked for webhooks. */
type Tells = { tell: (event: string, payload: object) => void };

/** As an order asks for it. */
export type AskedTransfer = {
  account: string;
  amount: number;
  currency: string;
  notes?: Notes;
  on_hold?: boolean | 0 | 1;
};

/** Razorpay Route: the shares of an order in the accounts of those whose money it is. */
export function createTransfers(entities: Entities, webhooks: Tells) {
  const closed = new Set<string>();
  const empty = new Set<string>();
  let waits = false;

  const of = (orderId: string): Transfer[] =>
    entities.under<Transfer | Order>(orderId).filter((one) => one.entity === 'transfer');

  const save = (transfer: Transfer): Transfer => {
    entities.save(transfer, transfer.source);
    return transfer;
  };

  function end(id: string, status: 'processed' | 'failed'): Transfer {
    const processed_at = status === 'processed' ? nowSeconds() : null;
    const ended = save({ ...entities.find<Transfer>(id), status, processed_at });
    webhooks.tell(`transfer.${status}`, { transfer: { entity: ended } });
    return ended;
  }

  /** Throws `Refused`. */
  function reverse(id: string, asked?: number, notes: Notes = {}): Reversal {
    const transfer = entities.find<Transfer>(id);
    const { amount: all, amount_reversed: before, currency, recipient } = transfer;
    const amount = asked ?? all - before;
    const reversed = before + amount;
    const isMade = transfer.processed_at !== null;
    if (!isMade || !Number.isInteger(amount) || amount < MIN_PAISE || reversed > all) {
      throw new Refused(400, 'The reversal amount is not allowed for this transfer');
    }
    if (empty.has(recipient)) {
      throw new Refused(400, 'The linked account does not have sufficient balance');
    }
    const status = reversed === all ? 'reversed' : 'partially_reversed';
    save({ ...transfer, amount_reversed: reversed, status });
    const kind = { id: newId('rvrsl'), entity: 'reversal', transfer_id: id } as const;
    const reversal: Reversal = { ...kind, amount, currency, notes, created_at: nowSeconds() };
    entities.save(reversal, id);
    return reversal;
  }

  /** Throws `Refused`. */
  function assertRight({ account, amount, currency }: AskedTransfer): void {
    if (!ACCOUNT.test(account) || closed.has(account)) {
      throw new Refused(400, 'The linked account id provided does not exist');
    }
    if (!Number.isInteger(amount) || amount < MIN_PAISE || currency !== 'INR') {
      throw new Refused(400, 'Transfer amount less than minimum amount allowed');
    }
  }

  const newTransfer = (source: string, asked: AskedTransfer): Transfer => ({
    id: newId('trf'),
    entity: 'transfer',
    status: 'created',
    source,
    recipient: asked.account,
    amount: asked.amount,
    amount_reversed: 0,
    currency: asked.currency,
    notes: asked.notes ?? {},
    on_hold: Boolean(asked.on_hold),
    created_at: nowSeconds(),
    processed_at: null,
  });

  return {
    of,
    reverse,
    end,
    /** Throws `Refused` for what no order can ask for. */
    assertPossible(orderAmount: number, asked: AskedTransfer[] = []): void {
      for (const one of asked) assertRight(one);
      if (asked.reduce((sum, { amount }) => sum + amount, 0) > orderAmount) {
        throw new Refused(400, 'The sum of transfers is greater than the order amount');
      }
    },
    /** They wait for the order to be paid. */
    prepare: (order: Order, asked: AskedTransfer[] = []): Transfer[] =>
      asked.map((one) => save(newTransfer(order.id, one))),
    /** Out of the operator's own account, once for each key. Throws `Refused`. */
    send(asked: AskedTransfer, key: string | null): Transfer {
      const made = key === null ? undefined : entities.made<Transfer>(key);
      if (made && (made.amount !== asked.amount || made.recipient !== asked.account)) {
        throw new Refused(400, 'Different request body for the same idempotency key');
      }
      if (made) return made;
      assertRight(asked);
      const sent = newTransfer('acc_Operator000000', asked);
      entities.save(sent, sent.source, key);
      return end(sent.id, 'processed');
    },
    /** The order is paid. */
    make(orderId: string): void {
      for (const transfer of of(orderId)) {
        if (waits) save({ ...transfer, status: 'pending' });
        else end(transfer.id, 'processed');
      }
    },
    /** With a refund of all, or of a part where there is one transfer; throws `Refused`. */
    reverseFor(orderId: string, amount: number, paid: number): void {
      const made = of(orderId);
      if (amount < paid && made.length > 1) {
        throw new Refused(400, 'reverse_all is not possible for a part of several transfers');
      }
      for (const { id, amount: all, amount_reversed: reversed } of made) {
        const left = Math.min(amount, all - reversed);
        if (left > 0) reverse(id, left);
      }
    },
    /** From now on transfers wait until they are ended, or no longer do. */
    wait: (isSlow: boolean) => void (waits = isSlow),
    /** Nothing can be sent to an account any more. */
    close: (account: string) => void closed.add(account),
    /** Its money went on to the shop's bank: nothing can be taken back from it. */
    empty: (account: string) => void empty.add(account),
    /** What an account has got and kept. */
    balanceOf: (account: string): number =>
      entities
        .all<Transfer>('transfer')
        .filter(({ recipient, processed_at: at }) => recipient === account && at !== null)
        .reduce((sum, { amount, amount_reversed: reversed }) => sum + amount - reversed, 0),
  };
}
