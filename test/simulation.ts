import { WrongExpectedVersionError } from '@eventstore/db-client';
import * as assert from 'uvu/assert';
import {
  asStored,
  type EventMetadata,
  type EventStore,
  type StoredEvent,
  type UnplacedEvent,
} from '../platform/event-store.ts';
import { createLog } from '../platform/log.ts';
import { createHandler, type Handler } from '../engine/commands/handle.ts';
import type { RefundCall } from '../domain/money/refund.ts';
import type { ReturnCall } from '../domain/money/pay-shops.ts';
import type { ShopTransfer, TransferNews } from '../domain/money/transfer.ts';
import {
  GatewayRefused,
  unavailableMethod,
  type PaymentNews,
  type PaymentPort,
} from '../write-api/payment-ports.ts';
import { TaskList, type NewTask, type Task } from '../engine/processes/task-list.ts';
import { reactionTo, type ReactorServices } from '../write-api/reactions.ts';
import { wallClock } from './clock.ts';

/** A whole number from 0 to below `below`; the same ones again for the same seed. */
export type Pick = (below: number) => number;

/** Mulberry32. */
export function pickFrom(seed: number): Pick {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Lets one of those who wait go on at a time, in an order that `pick` decides. */
export class Turns {
  readonly #pick: Pick;
  readonly #waiting: (() => void)[] = [];

  constructor(pick: Pick) {
    this.#pick = pick;
  }

  take(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives turns until the work is done. Rejects where it waits for something else than a turn. */
  async until<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const end = () => void (done = true);
    work.then(end, end);
    for (;;) {
      // Whatever the last turn set going comes to its own next turn, or to its end.
      await new Promise((resolve) => setImmediate(resolve));
      if (done) return work;
      const [next] = this.#waiting.splice(this.#pick(this.#waiting.length), 1);
      if (!next) throw new Error('the work waits for something that is not here');
      next();
    }
  }
}

/** A log in memory that takes appends as the event store does: at the revision that is expected. */
export class MemoryLog {
  readonly events: StoredEvent[] = [];
  readonly #streams = new Map<string, StoredEvent[]>();

  stream(name: string): StoredEvent[] {
    return this.#streams.get(name) ?? [];
  }

  /** The position of the last event. Throws the client's `WrongExpectedVersionError`. */
  append(stream: string, events: UnplacedEvent[], expected: bigint): bigint {
    const known = this.stream(stream);
    const revision = BigInt(known.length) - 1n;
    if (revision !== expected) {
      const versions = { streamName: stream, expected, current: revision };
      throw new WrongExpectedVersionError(undefined, versions);
    }
    const stored = events.map((event, index): StoredEvent => {
      const { type, data, metadata } = event;
      const [id, place] = [event.id!, { revision: revision + BigInt(index + 1) }];
      const position = BigInt(this.events.length + index + 1);
      return { stream, id, type, data, metadata: metadata as EventMetadata, ...place, position };
    });
    this.events.push(...stored);
    this.#streams.set(stream, [...known, ...stored]);
    return BigInt(this.events.length);
  }

  /** What of the client `createHandler` uses; each call, and each answer, waits for a turn. */
  client(turn: () => Promise<void>): EventStore {
    const client = {
      appendEvents: async (stream: string, expected: bigint, events: UnplacedEvent[]) => {
        await turn();
        const position = this.append(stream, events, expected);
        await turn();
        return { position };
      },
      readNewest: async (stream: string) => this.stream(stream).at(-1),
      readEvents: (stream: string, from: bigint, maxCount?: number) =>
        this.#read(stream, Number(from), maxCount, turn),
      upcast: asStored,
    };
    return client as unknown as EventStore;
  }

  async *#read(
    name: string,
    from: number,
    maxCount: number | undefined,
    turn: () => Promise<void>,
  ) {
    await turn();
    yield* this.stream(name).slice(from, maxCount && from + maxCount);
  }
}

/**
 * A server for one history after the other: making one takes 2 ms, most of it for its caches. It
 * remembers nothing of a history whose streams have names of their own.
 */
export class ReusedServer {
  #client: EventStore | undefined;
  readonly handler: Handler;

  constructor() {
    const client = {
      appendEvents: (...args: Parameters<EventStore['appendEvents']>) =>
        this.#client!.appendEvents(...args),
      readNewest: (...args: Parameters<EventStore['readNewest']>) =>
        this.#client!.readNewest(...args),
      readEvents: (...args: Parameters<EventStore['readEvents']>) =>
        this.#client!.readEvents(...args),
      upcast: asStored,
    };
    this.handler = createHandler(client as EventStore, createLog('test', 'silent'), wallClock);
  }

  /** The server on another log. */
  on(client: EventStore): Handler {
    this.#client = client;
    return this.handler;
  }
}

/**
 * The reactor's map and its list of tasks over a log in memory; whose server does a task, and when,
 * `run` decides.
 */
export class SimulatedReactor {
  readonly #log: MemoryLog;
  #tasks = new TaskList<ReactorServices>();
  #seen = 0;

  constructor(log: MemoryLog) {
    this.#log = log;
  }

  #follow(): void {
    for (; this.#seen < this.#log.events.length; this.#seen++) {
      const event = this.#log.events[this.#seen]!;
      const { done = [], tasks = [] } = reactionTo(event);
      for (const one of done) this.#tasks.done(one);
      const { stream, revision } = event;
      for (const task of tasks) {
        this.#tasks.add(task, { stream, revision, after: BigInt(this.#seen) });
      }
    }
  }

  /** Starts anew from the checkpoint that it would have kept. */
  restart(): void {
    const { position = 0n, setAside } = this.#tasks.settled(BigInt(this.#seen));
    this.#tasks = new TaskList();
    this.#seen = Number(position);
    for (const { key, stream, revision } of setAside) {
      const event = this.#log.stream(stream)[Number(revision)]!;
      const task = reactionTo(event).tasks!.find((one) => one.key === key)!;
      this.#tasks.add(task, { stream, revision: event.revision, after: position }, true);
    }
  }

  /** When something is to be done, in milliseconds since 1970. */
  dueTimes(): number[] {
    this.#follow();
    return Array.from(this.#tasks, ({ dueMs }) => dueMs);
  }

  /**
   * All that is due, at once. What `run` resolves to `failed` for is tried again later; to a number,
   * after so many ms.
   */
  async runDue(run: (task: Task<ReactorServices>) => Promise<unknown>): Promise<void> {
    this.#follow();
    const tasks = this.#tasks;
    const nowMs = Date.now();
    const due = Array.from(tasks).filter(({ dueMs }) => dueMs <= nowMs);
    await Promise.all(
      due.map(async (task) => {
        const outcome = await run(task);
        if (!tasks.has(task)) return;
        if (outcome === FAILED) tasks.failed(task, Date.now(), { because: '', passes: true });
        else tasks.succeeded(task, outcome, Date.now());
      }),
    );
  }

  /** Every task that the log ever asked for. */
  all(): NewTask<ReactorServices>[] {
    return this.#log.events.flatMap((event) => reactionTo(event).tasks ?? []);
  }
}

/** What a run of a task comes to that failed in passing. */
export const FAILED = 'failed';

type GatewayOrder = {
  paymentId: string;
  amountPaise: number;
  news: PaymentNews[];
  /** What shops are to have of it, and what came back of that. */
  shares: (ShopTransfer & { reversedPaise: number; isMade: boolean })[];
};

/** A payment gateway in memory. It is asked, and answers, when it is its turn. */
export class SimulatedGateway {
  readonly orders = new Map<string, GatewayOrder>();
  /** By `refundId`. */
  readonly refunds = new Map<string, RefundCall>();
  /** By `returnId`. */
  readonly returns = new Map<string, ReturnCall>();
  readonly #refuses: () => boolean;
  /** Whether a refund is not made at once. */
  readonly #waits: () => boolean;

  constructor(refuses: () => boolean, waits: () => boolean) {
    this.#refuses = refuses;
    this.#waits = waits;
  }

  /** `turn` may throw what a lost connection throws. */
  port(turn: () => Promise<void>): PaymentPort {
    return {
      open: async ({ paymentId, amountPaise }, transfers = []) => {
        await turn();
        if (this.#refuses())
          throw unavailableMethod({ because: 'gateway', said: 'The gateway says no' });
        const gatewayOrderId = `order_${this.orders.size + 1}`;
        const shares = transfers.map((one) => ({ ...one, reversedPaise: 0, isMade: false }));
        this.orders.set(gatewayOrderId, { paymentId, amountPaise, news: [], shares });
        await turn();
        return { gatewayOrderId, transfers };
      },
      moveShares: async ({ gatewayOrderId, reverse }) => {
        await turn();
        const { news, shares, amountPaise } = this.orders.get(gatewayOrderId)!;
        const isPaid = news.some(
          (one) => one.status === 'captured' && one.amountPaise >= amountPaise,
        );
        const answer = shares.map((share): TransferNews => {
          const { storeId: _, isMade, ...transfer } = share;
          const externalId = `trf_${share.storeOrderId}`;
          if (!isMade) {
            share.isMade = isPaid && !this.#waits();
            return { ...transfer, externalId, status: 'pending' };
          }
          const wanted = reverse.find(({ storeOrderId }) => storeOrderId === share.storeOrderId);
          const more = (wanted?.reversedPaise ?? 0) - share.reversedPaise;
          const refused = more > 0 && this.#refuses() ? 'empty' : undefined;
          assert.ok((wanted?.reversedPaise ?? 0) <= share.amountPaise, 'no more than the share');
          if (more > 0 && !refused) share.reversedPaise += more;
          const { reversedPaise } = share;
          const said = { ...transfer, externalId, reversedPaise, status: 'processed' } as const;
          return refused ? { ...said, refused } : said;
        });
        await turn();
        return answer;
      },
      refund: async (call) => {
        await turn();
        const known = this.refunds.get(call.refundId);
        if (known) assert.equal(known, call, 'a refund is repeated as it was');
        else if (this.#refuses()) throw new GatewayRefused('no');
        this.refunds.set(call.refundId, call);
        await turn();
        const status = !known && this.#waits() ? 'pending' : 'processed';
        return { externalId: gatewayNameOf(call), status };
      },
      returnShare: async (call) => {
        await turn();
        const known = this.returns.get(call.returnId);
        if (known) assert.equal(known, call, 'what is returned is repeated as it was');
        else if (this.#refuses()) throw new GatewayRefused('no');
        this.returns.set(call.returnId, call);
        await turn();
        return `trf_${call.returnId}`;
      },
      look: async ({ gatewayOrderId }) => {
        await turn();
        return [...this.orders.get(gatewayOrderId!)!.news];
      },
    };
  }

  /** The shopper tries to pay an order there. */
  pay(gatewayOrderId: string, amountPaise: number | null): void {
    const { news } = this.orders.get(gatewayOrderId)!;
    const externalId = `pay_${gatewayOrderId}.${news.length + 1}`;
    news.push(
      amountPaise === null
        ? { externalId, status: 'failed', reason: 'declined' }
        : { externalId, status: 'captured', amountPaise },
    );
  }
}

/** What the gateway calls a refund. */
export const gatewayNameOf = ({ refundId }: RefundCall): string => `rfnd_${refundId}`;
