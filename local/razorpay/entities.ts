import { randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';

/** Razorpay takes, gives back and moves nothing below a rupee. */
export const MIN_PAISE = 100;

export type Notes = Record<string, string>;
export type Capture = {
  capture: 'automatic' | 'manual';
  capture_options?: { automatic_expiry_period?: number };
};
export type Order = {
  id: string;
  entity: 'order';
  amount: number;
  amount_paid: number;
  currency: string;
  receipt: string | null;
  status: 'created' | 'attempted' | 'paid';
  notes: Notes;
  /** Whether payments are captured by themselves; without it they wait, authorised. */
  payment: Capture | null;
  created_at: number;
};
export type Payment = {
  id: string;
  entity: 'payment';
  amount: number;
  amount_refunded: number;
  currency: string;
  order_id: string;
  status: 'authorized' | 'captured' | 'failed';
  captured: boolean;
  error_description: string | null;
  created_at: number;
};
export type Refund = {
  id: string;
  entity: 'refund';
  amount: number;
  payment_id: string;
  receipt: string | null;
  notes: Notes;
  status: 'pending' | 'processed' | 'failed';
  created_at: number;
};
/** What a shopper's bank takes back, or may: the shop answers it on Razorpay's own pages. */
export type Dispute = {
  id: string;
  entity: 'dispute';
  payment_id: string;
  amount: number;
  /** What was taken in the end. */
  amount_deducted: number;
  currency: string;
  status: 'open' | 'under_review' | 'won' | 'lost' | 'closed';
  created_at: number;
};
/** What of an order goes into a linked account, once the order is paid. */
export type Transfer = {
  id: string;
  entity: 'transfer';
  status: 'created' | 'pending' | 'processed' | 'failed' | 'reversed' | 'partially_reversed';
  /** The order. */
  source: string;
  /** The linked account. */
  recipient: string;
  amount: number;
  amount_reversed: number;
  currency: string;
  notes: Notes;
  on_hold: boolean;
  created_at: number;
  processed_at: number | null;
};
/** What came back out of a linked account. */
export type Reversal = {
  id: string;
  entity: 'reversal';
  transfer_id: string;
  amount: number;
  currency: string;
  notes: Notes;
  created_at: number;
};
export type Entity = Order | Payment | Refund | Dispute | Transfer | Reversal;

/** What the stand-in's API says to a bad request. */
export class Refused extends Error {
  readonly status: number;
  constructor(status: number, description: string) {
    super(description);
    this.status = status;
  }
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1_000);
export const newId = (kind: string): string => `${kind}_${randomBytes(7).toString('hex')}`;

export type Entities = ReturnType<typeof openEntities>;

/** Everything by id, and what belongs to it in order. */
export function openEntities(file: string) {
  const db = new DatabaseSync(file);
  db.exec(`create table if not exists entity (
    id text primary key, parent text, idempotency_key text unique, body text not null)`);
  const one = db.prepare('select body from entity where id = ?');
  const byKey = db.prepare('select body from entity where idempotency_key = ?');
  const children = db.prepare('select body from entity where parent = ? order by rowid');
  const kind = db.prepare(
    `select body from entity where body ->> 'entity' = ? order by rowid desc`,
  );
  const upsert = db.prepare(`insert into entity (id, parent, idempotency_key, body)
    values (?, ?, ?, ?) on conflict (id) do update set body = excluded.body`);
  const parse = (row: unknown) => JSON.parse((row as { body: string }).body) as never;
  return {
    /** Throws `Refused`. */
    find<T extends Entity>(id: string): T {
      const row = one.get(id);
      if (!row) throw new Refused(400, 'The id provided does not exist');
      return parse(row);
    },
    made<T extends Entity>(key: string): T | undefined {
      const row = byKey.get(key);
      return row && parse(row);
    },
    under: <T extends Entity>(parent: string): T[] => children.all(parent).map(parse),
    /** Newest first. */
    all: <T extends Entity>(entity: T['entity']): T[] => kind.all(entity).map(parse),
    save(entity: Entity, parent: string | null = null, key: string | null = null): void {
      upsert.run(entity.id, parent, key, JSON.stringify(entity));
    },
    close: () => db.close(),
  };
}
