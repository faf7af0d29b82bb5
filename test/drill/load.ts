import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AppendOutcomeUnknown } from '../../platform/appends.ts';
import { isEventStoreUnavailable } from '../../platform/connection.ts';
import { append, readStream, type EventStore } from '../../platform/event-store.ts';
import { createLog } from '../../platform/log.ts';
import { followLog } from '../../platform/subscription.ts';
import { READY_PATH } from '../../platform/system.ts';
import { newKey, openStore, type Shop } from '../shop.ts';
import { untilSo } from '../until-so.ts';

/** Of each kind: of those that append, and of those that send commands to the shop. */
const WRITERS = 4;
const WRITE_EVERY_MS = 30;
const READ_EVERY_MS = 100;
const TYPE = 'DrillNoted';

/** One try of a writer's that was answered as done. */
type Done = { begunMs: number; doneMs: number };

/**
 * What writes to an event store, reads and follows it whatever happens to it, repeating what was not
 * answered, and holds the log against what it was told.
 */
export class Load {
  readonly #shop: Shop;
  readonly #client: EventStore;
  readonly #direct: EventStore;
  readonly #stopping = new AbortController();
  readonly #work: Promise<void>[] = [];
  readonly #faults = new Set<string>();
  readonly #done = new Map<string, Done[]>();
  /** Ids of the events that each stream was told to hold, oldest first. */
  readonly #noted = new Map<string, string[]>();
  readonly #followed: { stream: string; id: string }[] = [];
  #storeId = '';
  #received = 0;
  #notNow = 0;

  /** `direct` goes to the store itself, past whatever happens to the way of the others. */
  constructor(over: { shop: Shop; client: EventStore; direct: EventStore }) {
    this.#shop = over.shop;
    this.#client = over.client;
    this.#direct = over.direct;
  }

  async start(): Promise<void> {
    this.#storeId = (await openStore(this.#shop)).storeId;
    for (let n = 1; n <= WRITERS; n++) {
      const stream = `note-${n}`;
      this.#noted.set(stream, []);
      this.#repeatedly(WRITE_EVERY_MS, () => this.#note(stream));
      this.#repeatedly(WRITE_EVERY_MS, () => this.#receive(`receipts ${n}`));
      this.#repeatedly(READ_EVERY_MS, () => this.#readBack(stream));
    }
    this.#repeatedly(READ_EVERY_MS, () => this.#askWhetherReady());
    this.#work.push(this.#follow());
  }

  /** Waits until each writer was told of a try that it began after this; how long that took. */
  async back(sinceMs = performance.now()): Promise<number> {
    const firsts = () =>
      [...this.#done.values()].map((done) => done.find(({ begunMs }) => begunMs >= sinceMs));
    const isBack = () => this.#done.size === 2 * WRITERS && firsts().every(Boolean);
    await untilSo(isBack, 'all write again');
    return Math.max(...firsts().map((first) => first!.doneMs)) - sinceMs;
  }

  get numbers(): Record<string, number> {
    return { appends: this.#followed.length, commands: this.#received, 'not now': this.#notNow };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#work);
  }

  /** Ends it, and says where the log, or what was followed of it, is not as it was told. */
  async end(): Promise<string[]> {
    await this.back();
    const noted = () => [...this.#noted.values()].reduce((sum, { length }) => sum + length, 0);
    const hasFollowed = untilSo(
      () => this.#followed.length >= noted(),
      'the follower has seen all',
    );
    await hasFollowed.catch((error: unknown) => this.#faults.add(String(error)));
    // Writers end when what they have in hand is done; the follower sees that or not.
    await this.stop();
    for (const [stream, ids] of this.#noted) {
      const held = (await Array.fromAsync(readStream(this.#direct, stream))).map(({ id }) => id);
      if (held.join() !== ids.join())
        this.#faults.add(`${stream} holds ${held.length} events, told ${ids.length}, or others`);
      const seen = this.#followed.flatMap((each) => (each.stream === stream ? [each.id] : []));
      if (seen.join() !== held.slice(0, seen.length).join())
        this.#faults.add(`${stream} was followed otherwise than it is: twice, or out of order`);
    }
    const stock = await Array.fromAsync(readStream(this.#direct, `inventory-${this.#storeId}`));
    const received = stock.filter(({ type }) => type === 'StockReceived').length;
    if (received !== this.#received)
      this.#faults.add(`${received} receipts in the log, told ${this.#received}`);
    return [...this.#faults];
  }

  #repeatedly(everyMs: number, doOnce: () => Promise<void>): void {
    const go = async (): Promise<void> => {
      while (!this.#stopping.signal.aborted) {
        await doOnce();
        await delay(everyMs);
      }
    };
    this.#work.push(go());
  }

  /** The same again, until it is done. */
  async #untilDone(writer: string, isDone: () => Promise<boolean>): Promise<void> {
    for (;;) {
      const begunMs = performance.now();
      if (await isDone()) {
        const done = this.#done.get(writer) ?? [];
        this.#done.set(writer, [...done.slice(-50), { begunMs, doneMs: performance.now() }]);
        return;
      }
      this.#notNow += 1;
      await delay(WRITE_EVERY_MS);
    }
  }

  async #note(stream: string): Promise<void> {
    const ids = this.#noted.get(stream)!;
    const id = randomUUID();
    const about = { $correlationId: id, $causationId: id, commandId: id, actor: 'drill' };
    const metadata = { ...about, at: new Date().toISOString(), schemaVersion: 1 };
    const event = { id, type: TYPE, data: {}, metadata };
    await this.#untilDone(stream, async () => {
      try {
        await append(this.#client, stream, [event], BigInt(ids.length) - 1n);
        return true;
      } catch (error) {
        if (!(error instanceof AppendOutcomeUnknown))
          this.#faults.add(`an append: ${String(error)}`);
        return false;
      }
    });
    ids.push(id);
  }

  async #receive(writer: string): Promise<void> {
    const key = { 'idempotency-key': newKey() };
    const lines = [{ sku: 's1', quantity: 1 }];
    const path = `/stores/${this.#storeId}/stock/receive`;
    await this.#untilDone(writer, async () => {
      const { status, body } = await this.#shop.write('POST', path, { lines }, key);
      const isHonest = status === 200 || status === 503;
      if (!isHonest) this.#faults.add(`a command got ${status} ${String(body.code)}`);
      return status === 200;
    });
    this.#received += 1;
  }

  /** What was told to be there is there, whoever answers. */
  async #readBack(stream: string): Promise<void> {
    const ids = this.#noted.get(stream)!;
    const last = ids.length - 1;
    if (last < 0) return;
    try {
      const [event] = await Array.fromAsync(readStream(this.#client, stream, BigInt(last), 1));
      if (event?.id !== ids[last]) this.#faults.add(`${stream}: what was written is not read`);
    } catch (error) {
      if (!isEventStoreUnavailable(error)) this.#faults.add(`a read: ${String(error)}`);
    }
  }

  async #askWhetherReady(): Promise<void> {
    const { status } = await fetch(new URL(READY_PATH, this.#shop.writeUrl));
    if (status !== 200 && status !== 503) this.#faults.add(`whether it is ready: ${status}`);
  }

  #follow(): Promise<void> {
    return followLog({
      client: this.#client,
      after: undefined,
      maxBatch: 50,
      typePrefixes: [TYPE],
      log: createLog('drill', 'silent'),
      signal: this.#stopping.signal,
      consume: async ({ events }) => {
        this.#followed.push(...events.map(({ stream, id }) => ({ stream, id })));
      },
    });
  }
}
