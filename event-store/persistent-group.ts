/**
 * One group of a persistent subscription. It reads the log for as long as it has consumers, and
 * keeps its checkpoint and its parked events in the log, in the streams where EventStoreDB keeps
 * them. The checkpoint covers only what was acknowledged, skipped, or parked on disk: after a crash
 * nothing is left out, and what came behind the checkpoint comes again.
 */
import { randomUUID } from 'node:crypto';
import { parseLink } from './links.ts';
import type { Log } from './log.ts';
import {
  Dispatch,
  Progress,
  type Connection,
  type Consumer,
  type Message,
  type Settings,
} from './persistent-dispatch.ts';
import { unframe } from './protobuf.ts';
import { lastRevision } from './reads.ts';
import type { Filter, Query } from './messages.ts';
import {
  decodeReadEvent,
  decodeRecord,
  EXPECT,
  linkBody,
  LINK_TYPE,
  ownBody,
  readEventOf,
  type Outcome,
  type ProposedEvent,
  type Recorded,
} from './wire.ts';

export const ALL = '$all';
/** Behind every revision and position. */
export const END = Number.MAX_SAFE_INTEGER;

const TICK_MS = 200;
/**
 * A checkpoint is due when a filter left this much out, whatever else is. Groups read each other's
 * checkpoints in $all, and must not answer each with one.
 */
const PASSED_EVENTS = 1_000;
const KEPT_CHECKPOINTS = 2;

/**
 * `startFrom` is a revision, or a position of $all: that of the first event to send. `startPosition`
 * is how EventStoreDB writes where the group was told to start, which may be the end at that time.
 */
export type GroupConfig = {
  stream: string;
  group: string;
  filter: Filter | undefined;
  startPosition: string;
  startFrom: number;
  settings: Settings;
};

export type GroupFigures = {
  isLive: boolean;
  lastCheckpointed: number | undefined;
  lastKnown: number | undefined;
  parked: number;
};

export class Group {
  readonly config: GroupConfig;
  readonly dispatch: Dispatch;
  private readonly log: Log;
  private readonly source: string | undefined;
  private readonly streams: { checkpoint: string; parked: string };
  private loading: Promise<void> | undefined;
  private readonly writing = new Set<Promise<Outcome>>();
  private clock: NodeJS.Timeout | undefined;
  isClosed = false;

  private isReading = false;
  private wake = (): void => {};
  private next = 0;
  private isLive = false;
  /** Of the query, from when it was live for the first time. */
  private live: number | undefined;
  private isNews = true;
  private progress = new Progress(-1);

  private checkpointed: number | undefined;
  private checkpointedCount = 0;
  private checkpointedMs = -Infinity;
  private isCheckpointing = false;
  /** How many events were read since the last checkpoint that are not for this group. */
  private passed = 0;

  /** Parked are the revisions from `first` to before `end`; those before `replayEnd` are replayed. */
  private parked = { first: 0, end: 0, replayNext: 0, replayEnd: 0 };
  private replayed = new Progress(-1);
  private isTruncating = false;

  constructor(log: Log, config: GroupConfig) {
    this.log = log;
    this.config = config;
    this.source = config.stream === ALL ? undefined : config.stream;
    this.streams = ownStreams(config);
    const hooks = {
      park: (message: Message, reason: string) => this.park(message, reason),
      progressed: () => this.progressed(),
    };
    this.dispatch = new Dispatch(config.settings, hooks, () => performance.now());
  }

  get isFull(): boolean {
    const { maxSubscriberCount } = this.config.settings;
    return maxSubscriberCount !== 0 && this.dispatch.consumers.length >= maxSubscriberCount;
  }

  /** Finds where the group was; to be awaited before it is used. Throws if that cannot be read. */
  async load(): Promise<void> {
    this.loading ??= this.loadState();
    try {
      await this.loading;
    } catch (error) {
      this.loading = undefined;
      throw error;
    }
  }

  connect(connection: Connection): Consumer {
    const consumer = this.dispatch.connect(connection);
    this.clock ??= setInterval(() => this.tick(), TICK_MS).unref();
    if (!this.isReading) void this.readWhileConsumed();
    return consumer;
  }

  disconnect(consumer: Consumer): void {
    this.dispatch.disconnect(consumer);
    if (this.dispatch.consumers.length > 0) return;
    clearInterval(this.clock);
    this.clock = undefined;
  }

  /** Sends parked events again: those before revision `stopAt` of the parked stream. */
  replayParked(stopAt: number): void {
    const { parked } = this;
    parked.replayEnd = Math.max(parked.replayEnd, Math.min(stopAt, parked.end));
    this.wake();
  }

  /** Nothing is read or sent any more. Resolves when what was being written is. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearInterval(this.clock);
    this.wake();
    await Promise.all(this.writing);
  }

  /** Ends the subscriptions of all consumers too, who are told so. */
  async drop(): Promise<void> {
    this.isClosed = true;
    this.dispatch.dropAll();
    await this.close();
  }

  async figures(): Promise<GroupFigures> {
    const { source, log, parked } = this;
    const last = source === undefined ? log.head : await lastRevision(log, source);
    const isEmpty = source === undefined ? last === 0 : last < 0;
    const { liveBufferSize, historyBufferSize } = this.config.settings;
    // EventStoreDB reads as far as its buffer goes before there is a consumer.
    const readable = this.isReading ? 0 : this.dispatch.room(historyBufferSize);
    return {
      isLive: liveBufferSize >= 0 && this.next + readable > last,
      lastCheckpointed: this.checkpointed,
      lastKnown: isEmpty ? undefined : last,
      parked: parked.end - parked.replayNext,
    };
  }

  private async loadState(): Promise<void> {
    const { log, streams } = this;
    const checkpoint = await readLast(log, streams.checkpoint);
    this.checkpointed = checkpoint && checkpointedAt(checkpoint);
    this.next = this.checkpointed === undefined ? this.config.startFrom : this.checkpointed + 1;
    this.progress = new Progress(this.next - 1);
    const { events } = await readEvents(log, { ...forwards(streams.parked, 0), limit: 1 }, false);
    const end = (await lastRevision(log, streams.parked)) + 1;
    this.setParked(events[0]?.original.revision ?? end, end);
  }

  private setParked(first: number, end: number): void {
    this.parked = { first, end, replayNext: first, replayEnd: first };
    this.replayed = new Progress(first - 1);
  }

  private tick(): void {
    this.dispatch.expire();
    this.checkpoint(true);
  }

  private progressed(): void {
    this.checkpoint(false);
    this.truncateParked();
    this.wake();
  }

  // Reading

  private async readWhileConsumed(): Promise<void> {
    this.isReading = true;
    const unwatch = this.log.watch(this.source, () => {
      this.isNews = true;
      this.wake();
    });
    // What was committed while nobody watched.
    this.isNews = true;
    try {
      while (!this.isClosed && this.dispatch.consumers.length > 0) {
        const limit = this.readLimit();
        if (limit > 0 && this.parked.replayNext < this.parked.replayEnd) await this.readParked();
        else if (limit > 0 && this.isNews) await this.readLog(limit);
        else await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } catch (error) {
      this.dropConsumers(error);
    } finally {
      unwatch();
      this.isReading = false;
    }
  }

  private dropConsumers(error?: unknown): void {
    for (const consumer of this.dispatch.consumers) {
      this.disconnect(consumer);
      consumer.connection.drop(error);
    }
  }

  private get batchSize(): number {
    return Math.max(this.config.settings.readBatchSize, 1);
  }

  /** A page is read when a batch has room. One that is searched with a filter may fill the room. */
  private readLimit(): number {
    const { liveBufferSize, historyBufferSize } = this.config.settings;
    const batch = this.batchSize;
    const room = this.dispatch.room(
      this.isLive ? Math.max(liveBufferSize, batch) : historyBufferSize,
    );
    if (room < batch) return 0;
    return this.config.filter ? room : batch;
  }

  private async readLog(limit: number): Promise<void> {
    // A commit from now on is news: the page may or may not hold it.
    this.isNews = false;
    const { filter, settings } = this.config;
    const query = { ...forwards(this.source, this.next), limit, live: this.live, filter };
    const page = await readEvents(this.log, query, settings.resolveLinkTos);
    if (this.isClosed) return;
    // What was live when its stream got a tombstone has it as its last event, and waits on.
    if (page.isTombstoned && this.live === undefined) return this.dropConsumers();
    const wanted = page.events.filter(({ original }) => !isOfAllGroups(original.stream));
    const messages = wanted.map((event) => {
      const { revision, position } = event.original;
      return this.message(event, this.source === undefined ? position : revision, this.progress);
    });
    this.next = page.next;
    this.isLive = page.end;
    if (page.end) this.live = Math.max(settings.liveBufferSize, this.batchSize);
    if (!page.end) this.isNews = true;
    this.passed += page.considered - messages.length;
    this.dispatch.add(messages);
    this.progress.pass(page.next - 1);
  }

  private async readParked(): Promise<void> {
    const { replayNext, replayEnd } = this.parked;
    const limit = Math.min(this.batchSize, replayEnd - replayNext);
    const query = { ...forwards(this.streams.parked, replayNext), limit };
    const page = await readEvents(this.log, query, true);
    if (this.isClosed) return;
    this.parked.replayNext = page.end ? replayEnd : page.next;
    this.dispatch.addParked(
      page.events.map((event) => this.message(event, event.original.revision, this.replayed)),
    );
    this.replayed.pass(this.parked.replayNext - 1);
    this.truncateParked();
  }

  private message({ bytes, original, event }: ReadEvent, place: number, of: Progress): Message {
    const target = event ? `${event.revision}@${event.stream}` : original.data.toString();
    const key = this.pinnedBy(event ?? original);
    return { id: original.id, event: bytes, key, target, place, progress: of, retries: 0 };
  }

  private pinnedBy({ stream, type, data, metadata }: Recorded): string {
    const { strategy } = this.config.settings;
    if (strategy === 'PinnedByCorrelation') {
      const correlation = correlationOf(metadata);
      if (correlation !== undefined) return correlation;
    } else if (strategy !== 'Pinned') return '';
    return (type === LINK_TYPE && parseLink(data)?.stream) || stream;
  }

  // Checkpoint

  private checkpoint(isTick: boolean): void {
    if (this.isCheckpointing || this.isClosed) return;
    const { checkPointAfterMs, minCheckPointCount, maxCheckPointCount } = this.config.settings;
    const { place, count } = this.progress.settled;
    const since = count - this.checkpointedCount;
    const isTime =
      isTick &&
      checkPointAfterMs > 0 &&
      performance.now() - this.checkpointedMs >= checkPointAfterMs;
    const isDue =
      since >= Math.max(maxCheckPointCount, 1) ||
      (isTime && since >= Math.max(minCheckPointCount, 1)) ||
      this.passed >= PASSED_EVENTS;
    if (isDue && place > (this.checkpointed ?? this.config.startFrom - 1))
      void this.writeCheckpoint(place, count);
  }

  private async writeCheckpoint(place: number, count: number): Promise<void> {
    this.isCheckpointing = true;
    const stream = this.streams.checkpoint;
    const text = this.source === undefined ? `C:${place}/P:${place}` : String(place);
    if (this.checkpointed === undefined)
      void this.write(
        `$$${stream}`,
        ownEvent(`$$${stream}`, '$metadata', { $maxCount: KEPT_CHECKPOINTS }),
      );
    const outcome = await this.write(stream, ownEvent(stream, '$SubscriptionCheckpoint', text));
    this.isCheckpointing = false;
    // Without it the next acknowledgement or tick tries again.
    if (!outcome.ok) return;
    this.checkpointed = place;
    this.checkpointedCount = count;
    this.checkpointedMs = performance.now();
    this.passed = 0;
  }

  // Parked events

  private async park({ target }: Message, reason: string): Promise<boolean> {
    const stream = this.streams.parked;
    const id = newId();
    const metadata = JSON.stringify({ added: new Date().toISOString(), reason });
    const body = linkBody(id, stream, target, metadata);
    const outcome = await this.write(stream, { id, type: LINK_TYPE, body, sizeBytes: 0 });
    if (!outcome.ok) return false;
    this.parked.end = outcome.revision + 1;
    return true;
  }

  /** Parked events that were replayed are forgotten when they are settled, and not before. */
  private truncateParked(): void {
    const first = this.replayed.settled.place + 1;
    if (first > this.parked.first && !this.isTruncating && !this.isClosed)
      void this.writeTruncation(first);
  }

  private async writeTruncation(first: number): Promise<void> {
    this.isTruncating = true;
    const stream = `$$${this.streams.parked}`;
    const outcome = await this.write(stream, ownEvent(stream, '$metadata', { $tb: first }));
    this.isTruncating = false;
    if (!outcome.ok) return;
    this.parked.first = first;
    this.truncateParked();
  }

  private async write(stream: string, event: ProposedEvent): Promise<Outcome> {
    const write = append(this.log, stream, event);
    this.writing.add(write);
    const outcome = await write;
    this.writing.delete(write);
    return outcome;
  }
}

/** Forgets the checkpoint and the parked events of a group that is gone. */
export async function deleteState(log: Log, config: GroupConfig): Promise<void> {
  for (const stream of Object.values(ownStreams(config)))
    if (await readLast(log, stream))
      await log.write({ kind: 'delete', stream, ...UNCONDITIONAL, events: [] });
}

function ownStreams({ stream, group }: GroupConfig): { checkpoint: string; parked: string } {
  const prefix = `$persistentsubscription-${stream}::${group}`;
  return { checkpoint: `${prefix}-checkpoint`, parked: `${prefix}-parked` };
}

/** The state of groups to $all is in $all, and is sent to no group, as in EventStoreDB. */
const isOfAllGroups = (stream: string): boolean =>
  /^(\$\$)?\$persistentsubscription-\$all::.*-(checkpoint|parked)$/s.test(stream);

function checkpointedAt({ stream, data }: Recorded): number {
  const [, position, revision] = /^"(?:C:(\d+)\/P:\d+|(\d+))"$/.exec(data.toString()) ?? [];
  if (position !== undefined || revision !== undefined) return Number(position ?? revision);
  throw new Error(`The last event of ${stream} is no checkpoint. Delete or create the group anew.`);
}

function correlationOf(metadata: Buffer): string | undefined {
  try {
    const { $correlationId } = JSON.parse(metadata.toString() || '{}') as Record<string, unknown>;
    return typeof $correlationId === 'string' ? $correlationId : undefined;
  } catch {
    // Metadata need not be JSON. What is not has no correlation.
    return undefined;
  }
}

// The log, as groups and their configuration use it

const UNCONDITIONAL = { expected: EXPECT.any, deadlineMs: Infinity };

const newId = (): Buffer => Buffer.from(randomUUID().replaceAll('-', ''), 'hex');

export function ownEvent(stream: string, type: string, data: unknown): ProposedEvent {
  const id = newId();
  return { id, type, body: ownBody(id, stream, type, JSON.stringify(data)), sizeBytes: 0 };
}

export const append = (log: Log, stream: string, ...events: ProposedEvent[]): Promise<Outcome> =>
  log.write({ kind: 'append', stream, ...UNCONDITIONAL, events });

const forwards = (stream: string | undefined, from: number): Omit<Query, 'limit'> => ({
  stream,
  from,
  forwards: true,
});

/** The newest event of a stream that is to be seen. */
export async function readLast(log: Log, stream: string): Promise<Recorded | undefined> {
  const query = { stream, from: END, forwards: false, limit: 1 };
  const { events } = await readEvents(log, query, false);
  return events[0]?.original;
}

/** `original` is what was read; `event` what it links to, or itself where it is no resolved link. */
type ReadEvent = { bytes: Buffer; original: Recorded; event: Recorded | undefined };

/** A stream that there is not has no events. */
async function readEvents(
  log: Log,
  query: Query,
  resolveLinks: boolean,
): Promise<{
  events: ReadEvent[];
  next: number;
  end: boolean;
  considered: number;
  isTombstoned?: boolean;
}> {
  const checkpoints = { every: Infinity, considered: 0 };
  const page = await log.read({ ...query, resolveLinks, checkpoints });
  if (!page.found) {
    const isTombstoned = page.reason === 'stream-deleted';
    return { events: [], next: page.next, end: true, considered: 0, isTombstoned };
  }
  const events: ReadEvent[] = [];
  for (const answer of unframe(page.frames)) {
    const bytes = readEventOf(answer);
    if (bytes) events.push(readEvent(bytes));
  }
  const { next, end, considered } = page;
  return { events, next, end, considered };
}

function readEvent(bytes: Buffer): ReadEvent {
  const { event, link } = decodeReadEvent(bytes);
  const original = decodeRecord((link ?? event)!);
  // A copy, because the page is as large as all its events.
  return {
    bytes: Buffer.from(bytes),
    original,
    event: event && link ? decodeRecord(event) : original,
  };
}
