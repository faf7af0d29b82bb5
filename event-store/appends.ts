/** The services that write: BatchAppend, Append, Delete and Tombstone. */
import {
  status,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import { whyReadOnly } from './links.ts';
import type { Log } from './log.ts';
import { MalformedMessage } from '../platform/protobuf.ts';
import { frame, Frames } from './protobuf.ts';
import { asRefusal, refusal, writeRefusal } from './refusals.ts';
import {
  appendAnswer,
  batchAppendAnswer,
  decodeBatchAppend,
  decodeProposal,
  decodeWrite,
  deleteAnswer,
  EXPECT,
  MissingType,
  type Outcome,
  type ProposedEvent,
  type Refused,
  type WriteOptions,
} from './wire.ts';

const ALL = '$all';
/** EventStoreDB's default. */
const MAX_APPEND_BYTES = 1024 * 1024;
/** A BatchAppend call is not read from while its client has this many answers to come. */
const MAX_UNANSWERED = 4_096;
/** So much may appends take of which a call has sent a part, and each for so long. */
const UNFINISHED_BYTES = 64 * 1024 * 1024;
const UNFINISHED_MS = 30_000;
/** What a part takes beside its bytes. */
const PART_OVERHEAD_BYTES = 1024;

/** Why nothing is written to a stream of this name; undefined where it may be. */
function refusedFor(stream: string): Refused | undefined {
  if (stream === ALL)
    return { ok: false, reason: 'access-denied', message: 'Events are in $all by themselves.' };
  const isName = stream !== '' && stream !== '$$';
  const message = isName ? whyReadOnly(stream) : `'${stream}' is not the name of a stream.`;
  return message === undefined ? undefined : { ok: false, reason: 'bad-request', message };
}

/** One append, as its messages arrive. It keeps no event once it is refused. */
class Append {
  readonly options: WriteOptions;
  refused: Refused | undefined;
  private events: ProposedEvent[] = [];
  private sizeBytes = 0;

  constructor(options: WriteOptions) {
    this.options = options;
    if (options.deadlineMs <= Date.now()) this.refuse({ ok: false, reason: 'timeout' });
    const refused = refusedFor(options.stream);
    if (refused) this.refuse(refused);
  }

  add(proposal: Buffer): void {
    if (this.refused) return;
    try {
      const event = decodeProposal(proposal, this.options.stream);
      this.events.push(event);
      this.sizeBytes += event.sizeBytes;
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      const reason = error instanceof MissingType ? 'missing-type' : 'bad-request';
      this.refuse({ ok: false, reason, message: error.message });
    }
    if (this.sizeBytes > MAX_APPEND_BYTES)
      this.refuse({
        ok: false,
        reason: 'maximum-append-size-exceeded',
        limitBytes: MAX_APPEND_BYTES,
      });
  }

  async finish(log: Log): Promise<Outcome> {
    return this.refused ?? log.write({ kind: 'append', ...this.options, events: this.events });
  }

  refuse(refused: Refused): void {
    this.refused = refused;
    this.events = [];
  }
}

/**
 * The appends of a call that have begun and not ended. One that would take too much, or takes too
 * long, is refused and handed to `end`; the others go on.
 */
class Unfinished {
  private readonly appends = new Map<
    string,
    { append: Append; bytes: number; timer: NodeJS.Timeout }
  >();
  private bytes = 0;
  private readonly end: (correlation: Buffer, append: Append) => void;

  constructor(end: (correlation: Buffer, append: Append) => void) {
    this.end = end;
  }

  get(key: string): Append | undefined {
    return this.appends.get(key)?.append;
  }

  keep(key: string, correlation: Buffer, append: Append, partBytes: number): void {
    const added = partBytes + PART_OVERHEAD_BYTES;
    const kept = this.appends.get(key) ?? {
      append,
      bytes: 0,
      timer: this.expire(key, correlation, append),
    };
    this.appends.set(key, kept);
    kept.bytes += added;
    this.bytes += added;
    if (this.bytes <= UNFINISHED_BYTES) return;
    const message = 'Too many appends of this client have begun and not ended.';
    append.refuse({ ok: false, reason: 'overloaded', message });
    this.forget(key);
    this.end(correlation, append);
  }

  forget(key: string): void {
    const kept = this.appends.get(key);
    if (!kept) return;
    clearTimeout(kept.timer);
    this.bytes -= kept.bytes;
    this.appends.delete(key);
  }

  forgetAll(): void {
    for (const key of this.appends.keys()) this.forget(key);
  }

  private expire(key: string, correlation: Buffer, append: Append): NodeJS.Timeout {
    const leftMs = Math.min(append.options.deadlineMs - Date.now(), UNFINISHED_MS);
    // A copy, because this one is part of the whole message.
    const own = Buffer.from(correlation);
    return setTimeout(() => {
      append.refuse({ ok: false, reason: 'timeout' });
      this.forget(key);
      this.end(own, append);
    }, leftMs);
  }
}

/**
 * One call carries all appends of a client, in messages that name their append by a correlation id.
 */
export function serveBatchAppend(call: ServerDuplexStream<Buffer, Frames>, log: Log): void {
  const answers: Buffer[] = [];
  let unanswered = 0;

  const regulate = (): void => {
    if (unanswered < MAX_UNANSWERED && log.hasRoom) call.resume();
    else call.pause();
  };
  const endWhenAnswered = (): void => {
    if (call.readableEnded && unanswered === 0) call.end();
  };
  const flush = (): void => {
    const sent = answers.splice(0);
    call.write(new Frames(frame(sent)), () => {
      unanswered -= sent.length;
      regulate();
      endWhenAnswered();
    });
  };
  const finish = async (correlation: Buffer, append: Append): Promise<void> => {
    const outcome = await append.finish(log);
    // This call ends as well then, after the answers that are due, and that is the answer to the
    // rest.
    if (!outcome.ok && outcome.reason === 'closing') return;
    // The answers that one commit brings leave in one write.
    if (answers.push(batchAppendAnswer(correlation, append.options, outcome)) === 1)
      queueMicrotask(flush);
  };
  const end = (correlation: Buffer, append: Append): void => {
    unanswered += 1;
    void finish(correlation, append);
  };
  const unfinished = new Unfinished(end);
  const receive = (bytes: Buffer): void => {
    const { correlation, options, proposals, isFinal } = decodeBatchAppend(bytes);
    const key = correlation.toString('latin1');
    const append = unfinished.get(key) ?? (options && new Append(options));
    // Nothing is known of the later messages of an append that was refused at an earlier one.
    if (!append) return;
    for (const proposal of proposals) append.add(proposal);
    if (!isFinal && !append.refused) {
      unfinished.keep(key, correlation, append, bytes.length);
      return;
    }
    unfinished.forget(key);
    end(correlation, append);
  };

  call.on('data', (bytes: Buffer) => {
    try {
      receive(bytes);
      regulate();
    } catch (error) {
      call.emit('error', asRefusal(error));
    }
  });
  call.on('end', () => {
    unfinished.forgetAll();
    endWhenAnswered();
  });
  const unwatch = log.watch(undefined, regulate);
  call.on('cancelled', () => {
    unfinished.forgetAll();
    unwatch();
  });
}

/** The unary Append: its options, then its events, then one answer. */
export function serveAppend(
  call: ServerReadableStream<Buffer, Buffer>,
  answer: sendUnaryData<Buffer>,
  log: Log,
): void {
  let append: Append | undefined;
  let isOver = false;
  const refuse = (error: unknown): void => {
    isOver = true;
    answer(asRefusal(error));
  };
  const finish = async (): Promise<void> => {
    if (!append) throw new MalformedMessage('An append begins with its options.');
    requireRoom(log);
    const outcome = await append.finish(log);
    if (!outcome.ok && outcome.reason !== 'wrong-expected-version')
      throw writeRefusal(append.options, outcome);
    answer(null, appendAnswer(append.options, outcome));
  };
  call.on('data', (bytes: Buffer) => {
    // Of one that was refused the rest is let go as it comes.
    if (isOver) return;
    try {
      const { options, proposal } = decodeWrite(bytes);
      if (options) append = new Append({ ...options, deadlineMs: Number(call.getDeadline()) });
      if (proposal) append?.add(proposal);
      if (append?.refused) throw writeRefusal(append.options, append.refused);
    } catch (error) {
      refuse(error);
    }
  });
  call.on('end', () => {
    if (!isOver) finish().catch(refuse);
  });
}

/**
 * Delete, which hides the events until the stream is appended to, and Tombstone, which is for ever.
 */
export async function serveDelete(
  kind: 'delete' | 'tombstone',
  call: ServerUnaryCall<Buffer, Buffer>,
  answer: sendUnaryData<Buffer>,
  log: Log,
): Promise<void> {
  try {
    const { options } = decodeWrite(call.request);
    if (!options) throw new MalformedMessage('A delete has options.');
    if (kind === 'delete' && options.expected === EXPECT.streamExists)
      throw refusal(status.INTERNAL, 'EventStoreDB knows no delete of a stream that exists.');
    const refused = refusedFor(options.stream);
    if (refused) throw writeRefusal(options, refused);
    requireRoom(log);
    const deadlineMs = Number(call.getDeadline());
    const outcome = await log.write({ kind, ...options, deadlineMs, events: [] });
    if (!outcome.ok) throw writeRefusal(options, outcome);
    answer(null, deleteAnswer(outcome.position!));
  } catch (error) {
    answer(asRefusal(error));
  }
}

/**
 * A call that carries one write cannot be paused, so it is refused while too much waits for the
 * disk.
 */
function requireRoom(log: Log): void {
  if (!log.hasRoom) throw refusal(status.RESOURCE_EXHAUSTED, 'Too many writes are waiting.');
}
