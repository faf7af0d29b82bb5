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
import { MalformedMessage } from '../../platform/protobuf.ts';
import { frame, Frames } from './protobuf.ts';
import { asRefusal, refusal, writeRefusal } from './refusals.ts';
import {
  appendAnswer,
  batchAppendAnswer,
  decodeBatchAppend,
  decodeProposal,
  decodeWrite,
  deleteAnswer,
  type Outcome,
  type ProposedEvent,
  type Refused,
  type WriteOptions,
} from './wire.ts';

/** EventStoreDB's default. */
const MAX_APPEND_BYTES = 1024 * 1024;
/** A BatchAppend call is not read from while its client has this many answers to come. */
const MAX_UNANSWERED = 4_096;
/**
 * How many appends of a call may have begun and not ended. The client sends one after the other.
 */
const MAX_UNFINISHED = 64;

/** One append, as its messages arrive. It keeps no event once it is refused. */
class Append {
  readonly options: WriteOptions;
  refused: Refused | undefined;
  private events: ProposedEvent[] = [];
  private sizeBytes = 0;

  constructor(options: WriteOptions) {
    this.options = options;
    if (options.deadlineMs <= Date.now()) this.refuse({ ok: false, reason: 'timeout' });
    const message = options.stream ? whyReadOnly(options.stream) : 'An append names its stream.';
    if (message !== undefined) this.refuse({ ok: false, reason: 'bad-request', message });
  }

  add(proposal: Buffer): void {
    if (this.refused) return;
    try {
      const event = decodeProposal(proposal, this.options.stream);
      this.events.push(event);
      this.sizeBytes += event.sizeBytes;
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.refuse({ ok: false, reason: 'bad-request', message: error.message });
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

  private refuse(refused: Refused): void {
    this.refused = refused;
    this.events = [];
  }
}

/**
 * One call carries all appends of a client, in messages that name their append by a correlation id.
 */
export function serveBatchAppend(call: ServerDuplexStream<Buffer, Frames>, log: Log): void {
  const unfinished = new Map<string, Append>();
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
  const receive = (bytes: Buffer): void => {
    const { correlation, options, proposals, isFinal } = decodeBatchAppend(bytes);
    const key = correlation.toString('latin1');
    const append = options ? new Append(options) : unfinished.get(key);
    // Nothing is known of the later messages of an append that was refused at an earlier one.
    if (!append) return;
    for (const proposal of proposals) append.add(proposal);
    if (!isFinal && !append.refused) {
      unfinished.set(key, append);
      if (unfinished.size > MAX_UNFINISHED)
        throw new MalformedMessage('Too many unfinished appends.');
      return;
    }
    unfinished.delete(key);
    unanswered += 1;
    void finish(correlation, append);
  };

  call.on('data', (bytes: Buffer) => {
    try {
      receive(bytes);
      regulate();
    } catch (error) {
      call.emit('error', asRefusal(error));
    }
  });
  call.on('end', endWhenAnswered);
  call.on('cancelled', log.watch(undefined, regulate));
}

/** The unary Append: its options, then its events, then one answer. */
export function serveAppend(
  call: ServerReadableStream<Buffer, Buffer>,
  answer: sendUnaryData<Buffer>,
  log: Log,
): void {
  let append: Append | undefined;
  const finish = async (): Promise<void> => {
    if (!append) throw new MalformedMessage('An append begins with its options.');
    requireRoom(log);
    const outcome = await append.finish(log);
    if (!outcome.ok && outcome.reason !== 'wrong-expected-version')
      throw writeRefusal(append.options, outcome);
    answer(null, appendAnswer(append.options, outcome));
  };
  call.on('data', (bytes: Buffer) => {
    try {
      const { options, proposal } = decodeWrite(bytes);
      if (options) append = new Append({ ...options, deadlineMs: Number(call.getDeadline()) });
      if (proposal) append?.add(proposal);
    } catch (error) {
      call.destroy();
      answer(asRefusal(error));
    }
  });
  call.on('end', () => void finish().catch((error: unknown) => answer(asRefusal(error))));
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
    if (!options?.stream) throw new MalformedMessage('A delete names its stream.');
    const message = whyReadOnly(options.stream);
    if (message !== undefined) throw new MalformedMessage(message);
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
