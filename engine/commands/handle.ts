import {
  NOTHING_CHANGED,
  evolve,
  type AnyDecider,
  type Decider,
  type Message,
} from '../decider.ts';
import { writtenAs, type Written } from '../upcast.ts';
import { append, type EventStore, type NewEvent } from '../../platform/event-store.ts';
import { Problem, unavailable } from '../../platform/http.ts';
import { idFrom } from '../../platform/ids.ts';
import type { Logger } from '../../platform/log.ts';
import { streamOf } from '../../platform/stream-name.ts';
import { ParkedEvents } from '../parking.ts';
import { positionTokens } from '../position.ts';
import { CommandQueue } from './command-queue.ts';
import { emptyOf, type Folded } from './folded.ts';
import { printOf, type Mark } from './remembered.ts';
import { noteCommand } from './request.ts';
import { StreamCache } from './stream-cache.ts';
import { StreamDamaged } from './stream-damaged.ts';
import { NO_REVISION } from '../../platform/appends.ts';
import type { EventMetadata } from '../../platform/event-store.ts';

/** How often a decision is made anew because another process appended first. */
const MAX_ATTEMPTS = 10;
/** EventStoreDB takes 1 MiB in an append: what goes beyond waits for the next one. */
const MAX_APPEND_BYTES = 1_000_000;
/** What an event takes beside its data and metadata, generously. */
const EVENT_OVERHEAD_BYTES = 256;

/** Who asks for what, on which grounds. */
export type CommandContext = {
  /** The same for every repeat of one command. */
  commandId: string;
  /** Digest of the request; undefined where the command's id says it all. */
  fingerprint?: string;
  /** Asked only to see whether it is refused: what follows under the same id is the command. */
  isCheck?: boolean;
  correlationId: string;
  causationId: string;
  actor: string;
};

export type Outcome<State> = {
  /** The stream after the command. */
  state: State;
  /** Log position of the stream's last event: what a read must have seen to show this outcome. */
  position: bigint;
  /** Types of the events that it caused: none when it changed nothing, or is known as a repeat. */
  events: string[];
};

type Waiting<State> = {
  command: Message;
  context: CommandContext;
  resolve: (outcome: Outcome<State>) => void;
  reject: (error: unknown) => void;
};

export type Handler = ReturnType<typeof createHandler>;

/**
 * The one way from a command to its events: fetch the stream's state, decide, append at the
 * revision that was read; who loses a race reads what it lacks and decides again. Commands to one
 * stream queue here and are appended as one batch.
 *
 * Two servers at one lamp that both saw switched off, at revision 4:
 *
 *     A  SwitchOn → SwitchedOn, which is appended at 4 and becomes revision 5: that proves that
 *        revision 4 was the newest.
 *     B  Dim → Dimmed, decided on revision 4. The append at 4 is refused; B reads revision 5,
 *        decides again, and appends at 5.
 *     B  SwitchOff, had it come instead: the lamp is off as far as B knows, so that there is no
 *        event, and no append that proves it. B reads first, sees that it is on, and decides
 *        SwitchedOff.
 */
export function createHandler(
  client: EventStore,
  log: Logger,
  now: () => Date,
  parked = new ParkedEvents(client, log, 'commands'),
) {
  const cache = new StreamCache(client, log, now, parked);
  const queue = new CommandQueue<Waiting<never>>();

  /**
   * The state of a stream: what this process last saw of it, or read now if unseen or `fresh`, which
   * may look at what was seen: a stream that was not there then may be by now.
   */
  async function load<State, C extends Message, E extends Message>(
    decider: Decider<State, C, E>,
    id: string,
    { fresh }: { fresh: boolean | ((seen: State) => boolean) },
  ): Promise<State> {
    const stream = streamOf(decider, id);
    const any = decider as unknown as AnyDecider<State>;
    const known = cache.get(any, stream);
    const isOld = typeof fresh === 'function' ? known && fresh(known.state) : fresh;
    if (known && !isOld) return known.state;
    return (await cache.refresh(any, stream)).state;
  }

  /**
   * Decides a batch on top of `folded` and appends it, or as much of it as one append may hold.
   * Returns how to answer that, or undefined when `folded` is not, or not surely, the stream's: an
   * append proves that it is, a decision without an event does not.
   */
  async function attempt<State>(
    decider: AnyDecider<State>,
    stream: string,
    folded: Folded<State>,
    batch: Waiting<State>[],
    current: boolean,
  ): Promise<Attempt<State> | undefined> {
    const { state, events, bytes, accepted, answers } = decideAll(
      decider,
      stream,
      folded,
      batch,
      now,
    );
    const rest = batch.slice(answers.length);
    const answerAll = (position: bigint) => answers.forEach((answer) => answer(position));
    if (events.length === 0) {
      return current
        ? { after: folded, answer: () => answerAll(folded.position), rest }
        : undefined;
    }
    const { commands, revision } = folded;
    const position = await append(client, stream, events, revision);
    if (position === undefined) return undefined;
    const nowMs = now().getTime();
    for (const { commandId, fingerprint, atMs } of accepted) {
      commands.add(commandId, fingerprint, atMs, nowMs);
    }
    const last = revision + BigInt(events.length);
    const after = { state, revision: last, position, commands, bytes: folded.bytes + bytes };
    cache.set(decider, stream, after);
    return { after, answer: () => answerAll(position), rest };
  }

  /** Answers as many of a batch as one append takes. Resolves to the others. */
  async function handleSome<State>(
    decider: AnyDecider<State>,
    stream: string,
    batch: Waiting<State>[],
  ): Promise<Waiting<State>[]> {
    const known = cache.get(decider, stream);
    const isNew = !known && mayBegin(decider, batch);
    let folded = known ?? (isNew ? emptyOf(decider) : await cache.catchUp(decider, stream));
    let current = !known && !isNew;
    for (let tries = 1; tries <= MAX_ATTEMPTS; tries++) {
      const done = await attempt(decider, stream, folded, batch, current);
      if (done) {
        done.answer();
        await cache.keepSnapshot(decider, stream, folded.revision, done.after);
        return done.rest;
      }
      const isEmpty = folded.revision === NO_REVISION;
      folded = await cache.catchUp(decider, stream, isEmpty ? undefined : folded);
      current = true;
    }
    throw unavailable('CONTENDED', 'Too many changes at once: try again with the same key.');
  }

  async function handleBatch<State>(
    decider: AnyDecider<State>,
    stream: string,
    batch: Waiting<State>[],
  ): Promise<void> {
    let waiting = batch;
    try {
      while (waiting.length > 0) waiting = await handleSome(decider, stream, waiting);
    } catch (error) {
      // What was cached may lack an append whose answer was lost.
      if (!(error instanceof StreamDamaged)) cache.forget(decider, stream);
      for (const { reject } of waiting) reject(error);
    }
  }

  /**
   * Decides one command on the stream of `id` and appends its events; resolves when they are on
   * disk. Throws the decider's `Refusal`, `AppendOutcomeUnknown`, or a `Problem`: 422 for another
   * command under a known id, 413 for what no append can hold, 503 when too much waits, and
   * `StreamDamaged`.
   */
  async function handle<State, C extends Message, E extends Message>(
    decider: Decider<State, C, E>,
    id: string,
    command: C,
    context: CommandContext,
  ): Promise<Outcome<State>> {
    const stream = streamOf(decider, id);
    const any = decider as unknown as AnyDecider<never>;
    // It came before, whatever becomes of this repeat.
    const known = cache.get(any, stream)?.commands;
    if (known?.find(context.commandId, now().getTime())) noteCommand();
    const outcome = await new Promise<Outcome<State>>((resolve, reject) => {
      const waiting = { command, context, resolve, reject } as unknown as Waiting<never>;
      queue.add(stream, waiting, (batch) => handleBatch(any, stream, batch)).catch(reject);
    });
    noteCommand();
    return outcome;
  }

  return { handle, load, now, tokenOf: positionTokens(client, log) };
}

type Attempt<State> = { after: Folded<State>; answer: () => void; rest: Waiting<State>[] };

/** A command that caused events, to be remembered once they are on disk. */
type Accepted = Pick<CommandContext, 'commandId' | 'fingerprint'> & { atMs: number };

type Decided<State> = {
  /** After all that was decided. */
  state: State;
  events: NewEvent[];
  /** Of their data, as JSON. */
  bytes: number;
  accepted: Accepted[];
  /** How to answer each command once they are on disk: of the first of a batch, not always of all. */
  answers: ((position: bigint) => void)[];
};

/**
 * What a batch comes to on top of `folded`: each command sees what those before it decided. It ends
 * before the command with whose events an append would be too large.
 */
function decideAll<State>(
  decider: AnyDecider<State>,
  stream: string,
  folded: Folded<State>,
  batch: Waiting<State>[],
  now: () => Date,
): Decided<State> {
  let { state } = folded;
  const marks = new Map<string, Mark>();
  const decided: Decided<State> = { state, events: [], bytes: 0, accepted: [], answers: [] };
  const { events, accepted, answers } = decided;
  let appendBytes = 0;
  for (const waiting of batch) {
    const { context, resolve, reject } = waiting;
    const { commandId, fingerprint } = context;
    const at = now();
    const seen = marks.get(commandId) ?? folded.commands.find(commandId, at.getTime());
    if (seen) {
      const isSame = seen.print === printOf(fingerprint);
      const outcome = { state, events: [] };
      answers.push((position) =>
        isSame ? resolve({ ...outcome, position }) : reject(keyUsedBefore()),
      );
      continue;
    }
    try {
      const caused = decideOne(decider, stream, state, waiting, at);
      if (caused.appendBytes > MAX_APPEND_BYTES) throw tooLarge();
      if (appendBytes + caused.appendBytes > MAX_APPEND_BYTES) break;
      appendBytes += caused.appendBytes;
      decided.bytes += caused.bytes;
      decided.state = state = caused.state;
      events.push(...caused.events);
      if (caused.events.length > 0) {
        const atMs = at.getTime();
        marks.set(commandId, { print: printOf(fingerprint), atMs });
        accepted.push({ commandId, fingerprint, atMs });
      }
      const outcome = { state, events: caused.types };
      answers.push((position) => resolve({ ...outcome, position }));
    } catch (error) {
      answers.push(() => reject(error));
    }
  }
  return decided;
}

/** What one command causes. Throws what the decider does. */
function decideOne<State>(
  decider: AnyDecider<State>,
  stream: string,
  before: State,
  { command, context }: Waiting<State>,
  now: Date,
) {
  const { commandId, fingerprint, isCheck } = context;
  const decided = decide(decider, before, command);
  const at = now.toISOString();
  // Whoever sent a key may send it again.
  const isMarked = decided.length === 0 && fingerprint !== undefined && !isCheck;
  const caused = isMarked ? [{ type: NOTHING_CHANGED, data: {} }] : decided;
  // Where an id is forgotten after its day, its next use is another event.
  const day = decider.snapshot ? [at.slice(0, 10)] : [];
  let [state, bytes, appendBytes] = [before, 0, 0];
  const events = caused.map((event, index): NewEvent => {
    const written = writtenAs(decider, event);
    state = evolve(decider, state, written.read);
    const id = eventId(stream, commandId, index, ...day);
    const made = newEvent(id, written, context, at);
    const dataBytes = Buffer.byteLength(JSON.stringify(made.data));
    bytes += dataBytes;
    appendBytes += dataBytes + Buffer.byteLength(JSON.stringify(made.metadata));
    appendBytes += EVENT_OVERHEAD_BYTES;
    return made;
  });
  return { state, events, bytes, appendBytes, types: decided.map(({ type }) => type) };
}

/**
 * Whether a stream that was never seen need not be read first, since it is most likely new: the
 * append proves that it was empty, or began with just this command. It could not tell another
 * request that came under the same key; and long streams are seldom new.
 */
const mayBegin = <State>(
  { snapshot }: AnyDecider<State>,
  [first, ...others]: Waiting<State>[],
): boolean => !snapshot && others.length === 0 && first!.context.fingerprint === undefined;

// The map is keyed by message type, which the compiler cannot follow through a lookup.
function decide(decider: object, state: unknown, { type, data }: Message): Message[] {
  const { decide: deciders } = decider as Decider<unknown, Message, Message>;
  return deciders[type]!(state, data);
}

/**
 * The id of the event that a command causes: a repeated append is recognised by it. Where the stream
 * forgets the command's key after a day, the id has the day (`2026-11-21`) as well.
 */
export const eventId = (
  stream: string,
  commandId: string,
  index: number,
  ...day: string[]
): string => idFrom(stream, commandId, index, ...day);

function newEvent(
  id: string,
  { data, schemaVersion, read: { type } }: Written,
  context: CommandContext,
  at: string,
): NewEvent {
  const { commandId, correlationId, causationId, actor, fingerprint } = context;
  const metadata: EventMetadata = {
    $correlationId: correlationId,
    $causationId: causationId,
    commandId,
    ...(fingerprint && { fingerprint }),
    actor,
    at,
    schemaVersion,
  };
  return { id, type, data, metadata };
}

const tooLarge = (): Problem =>
  new Problem(
    413,
    'COMMAND_TOO_LARGE',
    'This is more than one command can take, and nothing was done: send it in several.',
  );

const keyUsedBefore = (): Problem =>
  new Problem(
    422,
    'IDEMPOTENCY_KEY_REUSED',
    'This Idempotency-Key came before with another request: use a new key for a new request.',
  );
