/**
 * Who of a group's consumers gets which event, and when it is sent again. Knows neither the log nor
 * gRPC. The rules are those of EventStoreDB (PersistentSubscription and its consumer strategies).
 */

/** Events that wait, are in flight or are being parked may take this much memory in a group. */
const HELD_BYTES = 16 * 1024 * 1024;
/** What an event takes beside its bytes. */
const MESSAGE_OVERHEAD_BYTES = 512;
/** As EventStoreDB has it: a stream is hashed to a bucket, and a bucket is pinned to a consumer. */
const BUCKETS = 1_024;
/** Latencies of so many acknowledged events are kept where extra statistics are asked for. */
const LATENCIES = 1_000;

export const STRATEGIES = [
  'DispatchToSingle',
  'RoundRobin',
  'Pinned',
  'PinnedByCorrelation',
] as const;
export type Strategy = (typeof STRATEGIES)[number];
export const isStrategy = (name: string | undefined): name is Strategy =>
  STRATEGIES.includes(name as Strategy);

/**
 * A time of 0 or less is none: no event times out, no checkpoint is due. No subscribers are any
 * number, and fewer than none nobody. Nothing is live with a live buffer for less than no event.
 */
export type Settings = {
  resolveLinkTos: boolean;
  extraStatistics: boolean;
  messageTimeoutMs: number;
  maxRetryCount: number;
  checkPointAfterMs: number;
  minCheckPointCount: number;
  maxCheckPointCount: number;
  maxSubscriberCount: number;
  liveBufferSize: number;
  readBatchSize: number;
  historyBufferSize: number;
  strategy: Strategy;
};

/** How far a source is, and how many events that were. */
export type Mark = { place: number; count: number };

/**
 * How far a source of events is done, although they are settled in any order. Places only grow.
 */
export class Progress {
  private last: Mark;
  /** By the place of each event that is not settled: the mark in front of it. */
  private readonly open = new Map<number, Mark>();

  constructor(place: number) {
    this.last = { place, count: 0 };
  }

  begin(place: number): void {
    this.open.set(place, this.last);
    this.last = { place, count: this.last.count + 1 };
  }

  /** There is nothing to settle up to this place. */
  pass(place: number): void {
    this.last = { place, count: this.last.count };
  }

  settle(place: number): void {
    this.open.delete(place);
  }

  /** Up to here everything is settled. */
  get settled(): Mark {
    for (const mark of this.open.values()) return mark;
    return this.last;
  }
}

/**
 * An event on its way to a consumer. `event` is a ReadEvent without its retry count, `key` what
 * pinned consumers are chosen by, `target` what a link to it says.
 */
export type Message = {
  id: string;
  event: Buffer;
  key: string;
  target: string;
  place: number;
  progress: Progress;
  retries: number;
};

/** Counts, and tells the rate since it was last asked. */
export class Meter {
  total = 0;
  private lastTotal = 0;
  private lastMs: number;

  constructor(nowMs: number) {
    this.lastMs = nowMs;
  }

  measure(nowMs: number): { total: number; sinceLast: number; perSecond: number } {
    const [sinceLast, elapsedMs] = [this.total - this.lastTotal, nowMs - this.lastMs];
    this.lastTotal = this.total;
    this.lastMs = nowMs;
    const perSecond = elapsedMs > 0 ? Math.round((sinceLast * 1000) / elapsedMs) : 0;
    return { total: this.total, sinceLast, perSecond };
  }
}

/** What a group knows of a consumer. `hasRoom` is false while the connection takes no more. */
export type Connection = {
  bufferSize: number;
  from: string;
  username: string;
  name: string;
  readonly hasRoom: boolean;
  send: (message: Message) => void;
  /** Ends the subscription; without an error, because the group was changed. */
  drop: (error?: unknown) => void;
};

export class Consumer {
  readonly connection: Connection;
  readonly meter: Meter;
  readonly number: number;
  readonly latenciesMs: number[] = [];
  inFlight = 0;

  constructor(connection: Connection, number: number, nowMs: number) {
    this.connection = connection;
    this.number = number;
    this.meter = new Meter(nowMs);
  }

  get availableSlots(): number {
    return this.connection.bufferSize - this.inFlight;
  }

  get isFree(): boolean {
    return this.availableSlots > 0 && this.connection.hasRoom;
  }

  noteLatency(ms: number): void {
    if (this.latenciesMs.push(ms) > LATENCIES) this.latenciesMs.shift();
  }
}

type Delivery = { message: Message; consumer: Consumer; sentMs: number };
export type NackAction = 'retry' | 'park' | 'skip';

/** `park` resolves with whether the event is on disk among the parked ones. Never rejects. */
export type Hooks = {
  park: (message: Message, reason: string) => Promise<boolean>;
  progressed: () => void;
};

export class Dispatch {
  /** The next one to be asked comes first. */
  consumers: Consumer[] = [];
  readonly meter: Meter;

  private readonly settings: Settings;
  private readonly hooks: Hooks;
  private readonly now: () => number;
  private pins: Consumer[] = [];
  private connected = 0;

  private fresh: Message[] = [];
  private again: Message[] = [];
  /** By id, in the order in which they were sent, which is that in which they time out. */
  private readonly inFlight = new Map<string, Delivery>();
  private parking = 0;
  private heldBytes = 0;

  constructor(settings: Settings, hooks: Hooks, now: () => number) {
    this.settings = settings;
    this.hooks = hooks;
    this.now = now;
    this.meter = new Meter(now());
  }

  get counts(): { fresh: number; again: number; outstanding: number } {
    const outstanding = this.inFlight.size + this.parking;
    return { fresh: this.fresh.length, again: this.again.length, outstanding };
  }

  /** How many more events may be read: no more than `capacity` may wait. */
  room(capacity: number): number {
    if (this.heldBytes >= HELD_BYTES) return 0;
    return Math.max(capacity - this.fresh.length - this.again.length, 0);
  }

  connect(connection: Connection): Consumer {
    const consumer = new Consumer(connection, ++this.connected, this.now());
    this.consumers.push(consumer);
    this.pin();
    this.proceed();
    return consumer;
  }

  /** What the consumer has not acknowledged goes to the others, or waits for one. */
  disconnect(consumer: Consumer): void {
    if (!this.consumers.includes(consumer)) return;
    this.consumers = this.consumers.filter((each) => each !== consumer);
    this.pin();
    for (const delivery of this.inFlight.values())
      if (delivery.consumer === consumer) this.retry(this.take(delivery));
    this.proceed();
  }

  /** Events of the log, in its order. */
  add(messages: Message[]): void {
    for (const message of messages) this.begin(message);
    this.fresh.push(...messages);
    this.proceed();
  }

  /** Parked events, which go before the others. */
  addParked(messages: Message[]): void {
    for (const message of messages) {
      this.begin(message);
      this.queueAgain(message);
    }
    this.proceed();
  }

  /** Whoever has the event: an acknowledgement after a time-out counts as well. */
  acknowledge(ids: string[]): void {
    for (const id of ids) {
      const delivery = this.inFlight.get(id);
      if (!delivery) continue;
      if (this.settings.extraStatistics)
        delivery.consumer.noteLatency(this.now() - delivery.sentMs);
      this.settle(this.take(delivery));
    }
    this.proceed();
  }

  refuse(ids: string[], action: NackAction, reason: string): void {
    for (const id of ids) {
      const delivery = this.inFlight.get(id);
      if (!delivery) continue;
      const message = this.take(delivery);
      if (action === 'skip') this.settle(message);
      else if (action === 'retry') this.retryOrPark(message);
      else this.park(message, `Client explicitly NAK'ed message.\n${reason}`);
    }
    this.proceed();
  }

  /** Sends again, or parks, what was sent too long ago. */
  expire(): void {
    const { messageTimeoutMs } = this.settings;
    if (messageTimeoutMs <= 0) return;
    const expiredMs = this.now() - messageTimeoutMs;
    for (const delivery of this.inFlight.values()) {
      if (delivery.sentMs > expiredMs) break;
      this.retryOrPark(this.take(delivery));
    }
    this.proceed();
  }

  /** Sends what can be sent. Events that were sent before go first. */
  proceed(): void {
    this.again = this.sendFrom(this.again);
    this.fresh = this.sendFrom(this.fresh);
    this.hooks.progressed();
  }

  dropAll(): void {
    const { consumers } = this;
    this.consumers = [];
    for (const { connection } of consumers) connection.drop();
  }

  /** Returns what has to wait. */
  private sendFrom(queue: Message[]): Message[] {
    const waiting: Message[] = [];
    for (const [at, message] of queue.entries()) {
      if (!this.consumers.some(({ isFree }) => isFree))
        return at === 0 ? queue : waiting.concat(queue.slice(at));
      // Acknowledgements name ids, so of two events with one id the second waits for the first.
      const consumer = this.inFlight.has(message.id) ? undefined : this.choose(message);
      if (consumer) this.send(message, consumer);
      else waiting.push(message);
    }
    return waiting;
  }

  private send(message: Message, consumer: Consumer): void {
    this.inFlight.set(message.id, { message, consumer, sentMs: this.now() });
    consumer.inFlight += 1;
    consumer.meter.total += 1;
    this.meter.total += 1;
    consumer.connection.send(message);
  }

  /** Undefined while the consumer that the event is pinned to is busy. Somebody is free. */
  private choose(message: Message): Consumer | undefined {
    const { strategy } = this.settings;
    if (strategy === 'Pinned' || strategy === 'PinnedByCorrelation') {
      const pinned = this.pins[hash(message.key) % BUCKETS]!;
      return pinned.isFree ? pinned : undefined;
    }
    const at = this.consumers.findIndex(({ isFree }) => isFree);
    const [chosen, ...after] = this.consumers.slice(at) as [Consumer, ...Consumer[]];
    const before = this.consumers.slice(0, at);
    this.consumers =
      strategy === 'RoundRobin' ? [...after, ...before, chosen] : [chosen, ...after, ...before];
    return chosen;
  }

  /** Each bucket to the consumer that draws highest: who comes or goes moves only its own share. */
  private pin(): void {
    if (this.consumers.length === 0) return;
    this.pins = Array.from({ length: BUCKETS }, (_, bucket) =>
      this.consumers.reduce((a, b) =>
        hash(`${a.number}/${bucket}`) >= hash(`${b.number}/${bucket}`) ? a : b,
      ),
    );
  }

  private take(delivery: Delivery): Message {
    this.inFlight.delete(delivery.message.id);
    delivery.consumer.inFlight -= 1;
    return delivery.message;
  }

  private retryOrPark(message: Message): void {
    const { maxRetryCount } = this.settings;
    if (message.retries < maxRetryCount) this.retry(message);
    else this.park(message, `Reached retry count of ${maxRetryCount}`);
  }

  private retry(message: Message): void {
    message.retries += 1;
    this.queueAgain(message);
  }

  private queueAgain(message: Message): void {
    const { progress, place } = message;
    const at = this.again.findIndex((each) => each.progress === progress && each.place > place);
    this.again.splice(at < 0 ? this.again.length : at, 0, message);
  }

  /** What cannot be parked is sent again, so that it is not lost. */
  private park(message: Message, reason: string): void {
    this.parking += 1;
    void this.hooks.park(message, reason).then((isParked) => {
      this.parking -= 1;
      if (isParked) this.settle(message);
      else this.queueAgain(message);
      this.proceed();
    });
  }

  private begin(message: Message): void {
    message.progress.begin(message.place);
    this.heldBytes += message.event.length + MESSAGE_OVERHEAD_BYTES;
  }

  private settle(message: Message): void {
    message.progress.settle(message.place);
    this.heldBytes -= message.event.length + MESSAGE_OVERHEAD_BYTES;
  }
}

/** FNV-1a with a final mix, 32 bits. http://www.isthe.com/chongo/tech/comp/fnv/ */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1)
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
