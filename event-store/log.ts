/**
 * The log as the services see it: writes that are answered once they are on disk, pages to read,
 * and news of commits.
 */
import { EventEmitter, once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { Worker, type ResourceLimits } from 'node:worker_threads';
import { metadataStreamOf } from './database.ts';
import { DamagedLog } from './integrity.ts';
import { linksOf } from './links.ts';
import type {
  Group,
  GroupResult,
  LogFolder,
  Page,
  Query,
  ReadReply,
  ReadRequest,
} from './messages.ts';
import type { Outcome, ProposedEvent, WriteOptions } from './wire.ts';

/**
 * A group is one transaction. What comes while one is on its way to the disk goes into the next, up
 * to this much.
 */
const GROUP_EVENTS = 2_048;
const GROUP_BYTES = 8 * 1024 * 1024;
/**
 * With this much waiting, callers should take no more from their clients until a commit has made
 * room.
 */
const QUEUE_BYTES = 32 * 1024 * 1024;
/**
 * The workers make short-lived objects only; V8's default would let each keep tens of megabytes of
 * them.
 */
const WORKER_LIMITS: ResourceLimits = { maxYoungGenerationSizeMb: 4 };

export type Write = WriteOptions & {
  kind: 'append' | 'delete' | 'tombstone';
  events: ProposedEvent[];
};
type Waiting = { write: Write; bytes: number; answer: (outcome: Outcome) => void };

export class Log {
  /** The last position that is on disk. */
  head: number;
  /**
   * Settles when the log cannot go on: the disk failed, or a worker died. Nothing is answered from
   * then on.
   */
  readonly failed: Promise<Error>;

  private readonly appender: Worker;
  private readonly reader: Worker;
  private readonly damaged: (reason: string) => void;
  private readonly signals = new EventEmitter().setMaxListeners(0);
  private fail!: (error: Error) => void;
  private closing = false;
  private hasFailed = false;

  private queue: Waiting[] = [];
  private queuedBytes = 0;
  /** The group that is on its way to the disk; empty when there is none. */
  private inFlight: Waiting[] = [];

  private readonly reads = new Map<
    number,
    { resolve: (page: Page) => void; reject: (e: Error) => void }
  >();
  private lastRead = 0;

  /** For `openLog`, which waits until the workers are ready. */
  constructor(appender: Worker, reader: Worker, head: number, damaged: (reason: string) => void) {
    this.appender = appender;
    this.reader = reader;
    this.head = head;
    this.damaged = damaged;
    this.failed = new Promise((resolve) => {
      this.fail = (error) => {
        if (this.hasFailed) return;
        this.hasFailed = true;
        for (const { reject } of this.reads.values()) reject(error);
        this.signals.emit('commit');
        resolve(error);
      };
    });
    for (const worker of [appender, reader]) {
      worker.on('error', (error) => this.fail(error as Error));
      worker.on('exit', () => this.closing || this.fail(new Error('A worker of the log ended.')));
    }
    appender.on('message', (result: GroupResult) => this.committed(result));
    reader.on('message', (reply: ReadReply) => this.replied(reply));
  }

  /**
   * Resolves after the commit that holds the write is on disk, or with why there is none. Never
   * rejects.
   */
  write(write: Write): Promise<Outcome> {
    if (this.closing) return Promise.resolve({ ok: false, reason: 'closing' });
    const bytes = write.events.reduce((sum, { id, body }) => sum + id.length + body.length, 0);
    return new Promise((answer) => {
      this.queue.push({ write, bytes, answer });
      this.queuedBytes += bytes;
      if (this.inFlight.length === 0) this.dispatch();
    });
  }

  get hasRoom(): boolean {
    return this.queuedBytes < QUEUE_BYTES;
  }

  read(query: Query): Promise<Page> {
    const id = ++this.lastRead;
    return new Promise((resolve, reject) => {
      this.reads.set(id, { resolve, reject });
      this.reader.postMessage({ id, query, head: this.head } satisfies ReadRequest);
    });
  }

  /**
   * Calls `changed` after each commit that wrote to the stream, or after every commit without one.
   * Returns how to stop.
   */
  watch(stream: string | undefined, changed: () => void): () => void {
    // An event of any stream may be one that a computed stream links to.
    const isOfAny = stream === undefined || linksOf(stream) !== undefined;
    const signal = isOfAny ? 'commit' : `commit to ${stream}`;
    this.signals.on(signal, changed);
    return () => this.signals.off(signal, changed);
  }

  /**
   * Refuses new writes from now on, and resolves when those that were accepted have been answered.
   */
  async drain(): Promise<void> {
    this.closing = true;
    while (this.inFlight.length > 0 && !this.hasFailed) await once(this.signals, 'commit');
  }

  async close(): Promise<void> {
    await this.drain();
    // The last connection to close folds the write-ahead log into the database, and only the
    // appender's may write.
    await this.reader.terminate();
    if (this.hasFailed) {
      await this.appender.terminate();
      return;
    }
    this.appender.postMessage('close');
    await once(this.appender, 'exit');
  }

  /** Sends the next group to the appender, without what came too late. */
  private dispatch(): void {
    const group: Waiting[] = [];
    let [taken, bytes, events] = [0, 0, 0];
    for (const waiting of this.queue) {
      if (events >= GROUP_EVENTS || bytes >= GROUP_BYTES) break;
      taken += 1;
      if (waiting.write.deadlineMs <= Date.now()) {
        this.queuedBytes -= waiting.bytes;
        waiting.answer({ ok: false, reason: 'timeout' });
        continue;
      }
      group.push(waiting);
      bytes += waiting.bytes;
      events += waiting.write.events.length;
    }
    this.queue = this.queue.slice(taken);
    this.inFlight = group;
    if (group.length === 0) return;
    const message = pack(group, bytes);
    this.appender.postMessage(message, [message.bytes.buffer]);
  }

  private committed(result: GroupResult): void {
    const group = this.inFlight;
    for (const { bytes } of group) this.queuedBytes -= bytes;
    this.dispatch();
    if ('error' in result) {
      const message = `Nothing was written: ${result.error}`;
      for (const { answer } of group) answer({ ok: false, reason: 'failed', message });
    } else {
      this.head = result.head;
      for (const [index, { answer }] of group.entries()) {
        const outcome = result.outcomes[index]!;
        if (!outcome.ok && outcome.reason === 'damaged') this.damaged(outcome.message);
        answer(outcome);
      }
    }
    for (const stream of new Set(group.map(({ write }) => write.stream))) {
      this.signals.emit(`commit to ${stream}`);
      // Deleting and recreating a stream write its metadata.
      this.signals.emit(`commit to ${metadataStreamOf(stream)}`);
    }
    this.signals.emit('commit');
  }

  private replied(reply: ReadReply): void {
    // What is not on disk yet is told to nobody: a power cut could make it undone.
    const isEarly = 'page' in reply && reply.page.found && reply.page.newest > this.head;
    if (isEarly && !this.hasFailed) {
      this.signals.once('commit', () => this.replied(reply));
      return;
    }
    const read = this.reads.get(reply.id);
    this.reads.delete(reply.id);
    if ('page' in reply) return read?.resolve(reply.page);
    if (reply.isDamage) this.damaged(reply.error);
    read?.reject(reply.isDamage ? new DamagedLog(reply.error) : new Error(reply.error));
  }
}

/**
 * A group as it crosses to the appender. All events are in one buffer, which is handed over rather
 * than copied again.
 */
function pack(group: Waiting[], totalBytes: number): Group & { bytes: Uint8Array<ArrayBuffer> } {
  const bytes = new Uint8Array(new ArrayBuffer(totalBytes));
  let end = 0;
  const put = (chunk: Uint8Array): number => {
    bytes.set(chunk, end);
    return (end += chunk.length);
  };
  const writes = group.map(({ write: { kind, stream, expected, events } }) => ({
    kind,
    stream,
    expected,
    events: events.map(({ id, type, body }) => ({ type, body: put(id), end: put(body) })),
  }));
  return { writes, bytes };
}

/**
 * Opens the log in `dir`, which is made where it does not exist. Takes as long for a million events
 * as for none. `damaged` is told each time that a read or a write comes upon damage, which then
 * gets no other answer.
 */
export async function openLog(
  workerData: LogFolder,
  damaged: (reason: string) => void,
): Promise<Log> {
  const { dir } = workerData;
  mkdirSync(dir, { recursive: true });
  const start = (file: string): Worker =>
    new Worker(new URL(file, import.meta.url), {
      workerData,
      resourceLimits: WORKER_LIMITS,
    });
  const [appender, reader] = [start('./append-worker.ts'), start('./read-worker.ts')];
  try {
    const [{ head }] = (await once(appender, 'message')) as [{ head: number }];
    reader.postMessage('the file is there');
    await once(reader, 'message');
    return new Log(appender, reader, head, damaged);
  } catch (cause) {
    await Promise.all([appender.terminate(), reader.terminate()]);
    const { message } = cause as Error;
    throw new Error(`The log in ${dir} cannot be opened: ${message}`, { cause });
  }
}
