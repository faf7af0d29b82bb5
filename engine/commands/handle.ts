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
import { positionTokens } from '../position.ts';
import { CommandQueue } from './command-queue.ts';
import { emptyOf, remember, type Folded, type Remembered } from './folded.ts';
import { StreamCache } from './stream-cache.ts';
import { NO_REVISION } from '../../platform/appends.ts';
import type { EventMetadata } from '../../platform/event-store.ts';

/** How often a decision is made anew because another process appended first. */
const MAX_ATTEMPTS = 10;

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
export function createHandler(client: EventStore, log: Logger, now: () => Date = () => new Date()) {
  const cache = new StreamCache(client, log);
  const queue = new CommandQueue<Waiting<never>>();

  /** The state of a stream: what this process last saw of it, or read now if `fresh` or unseen. */
  async function load<State, C extends Message, E extends Message>(
    decider: Decider<State, C, E>,
    id: string,
    { fresh }: { fresh: boolean },
  ): Promise<State> {
    const stream = streamOf(decider, id);
    const any = decider as unknown as AnyDecider<State>;
    const known = cache.get(any, stream);
    if (known && !fresh) return known.state;
    return (await cache.refresh(any, stream)).state;
  }

  /**
   * Decides a batch on top of `folded` and appends it. Returns how to answer it, or undefined when
   * that state is not, or not surely, the stream's: an append proves that it is, a decision
   * without an event does not.
   */
  async function attempt<State>(
    decider: AnyDecider<State>,
    stream: string,
    folded: Folded<State>,
    batch: Waiting<State>[],
    current: boolean,
  ): Promise<(() => void)[] | undefined> {
    const { state, events, accepted, answers } = decideAll(decider, stream, folded, batch, now);
    let { position } = folded;
    if (events.length === 0 && !current) return undefined;
    if (events.length > 0) {
      const { commands, revision } = folded;
      const appended = await append(client, stream, events, revision);
      if (appended === undefined) return undefined;
      position = appended;
      for (const [id, fingerprint] of accepted) remember(commands, id, fingerprint);
      const last = revision + BigInt(events.length);
      cache.set(decider, stream, { state, revision: last, position, commands });
    }
    return answers.map((answer) => () => answer(position));
  }

  async function handleBatch<State>(
    decider: AnyDecider<State>,
    stream: string,
    batch: Waiting<State>[],
  ): Promise<void> {
    try {
      const known = cache.get(decider, stream);
      const isNew = !known && mayBegin(decider, batch);
      let folded = known ?? (isNew ? emptyOf(decider) : await cache.catchUp(decider, stream));
      let current = !known && !isNew;
      for (let tries = 1; tries <= MAX_ATTEMPTS; tries++) {
        const answers = await attempt(decider, stream, folded, batch, current);
        if (answers) {
          answers.forEach((answer) => answer());
          const appended = cache.get(decider, stream) ?? folded;
          return await cache.keepSnapshot(decider, stream, folded.revision, appended);
        }
        const isEmpty = folded.revision === NO_REVISION;
        folded = await cache.catchUp(decider, stream, isEmpty ? undefined : folded);
        current = true;
      }
      throw unavailable('CONTENDED', 'Too many changes at once: try again with the same key.');
    } catch (error) {
      // What was cached may lack an append whose answer was lost.
      cache.forget(decider, stream);
      for (const { reject } of batch) reject(error);
    }
  }

  /**
   * Decides one command on the stream of `id` and appends its events; resolves when they are on
   * disk. Throws the decider's `Refusal`, `AppendOutcomeUnknown`, or a `Problem`: 422 for another
   * command under a known id, 503 when too much waits.
   */
  function handle<State, C extends Message, E extends Message>(
    decider: Decider<State, C, E>,
    id: string,
    command: C,
    context: CommandContext,
  ): Promise<Outcome<State>> {
    const stream = streamOf(decider, id);
    const any = decider as unknown as AnyDecider<never>;
    return new Promise((resolve, reject) => {
      const waiting = { command, context, resolve, reject } as unknown as Waiting<never>;
      queue.add(stream, waiting, (batch) => handleBatch(any, stream, batch)).catch(reject);
    });
  }

  return { handle, load, tokenOf: positionTokens(client, log) };
}

type Decided<State> = {
  /** After all that was decided. */
  state: State;
  events: NewEvent[];
  /** The commands that caused them. */
  accepted: Remembered;
  /** How to answer each command once they are on disk. */
  answers: ((position: bigint) => void)[];
};

/** What a batch comes to on top of `folded`: each command sees what those before it decided. */
function decideAll<State>(
  decider: AnyDecider<State>,
  stream: string,
  folded: Folded<State>,
  batch: Waiting<State>[],
  now: () => Date,
): Decided<State> {
  let { state } = folded;
  const accepted: Remembered = new Map();
  const events: NewEvent[] = [];
  const answers: Decided<State>['answers'] = [];
  for (const { command, context, resolve, reject } of batch) {
    const { commandId, fingerprint, isCheck } = context;
    const seen = [accepted, folded.commands].find((known) => known.has(commandId));
    if (seen) {
      const same = seen.get(commandId) === fingerprint;
      const outcome = { state, events: [] };
      answers.push((position) =>
        same ? resolve({ ...outcome, position }) : reject(keyUsedBefore()),
      );
      continue;
    }
    try {
      const decided = decide(decider, state, command);
      const at = now().toISOString();
      // Whoever sent a key may send it again.
      const isMarked = decided.length === 0 && fingerprint !== undefined && !isCheck;
      const caused = isMarked ? [{ type: NOTHING_CHANGED, data: {} }] : decided;
      caused.forEach((event, index) => {
        const written = writtenAs(decider, event);
        state = evolve(decider, state, written.read);
        events.push(newEvent(stream, written, index, context, at));
      });
      if (caused.length > 0) accepted.set(commandId, fingerprint);
      const outcome = { state, events: decided.map(({ type }) => type) };
      answers.push((position) => resolve({ ...outcome, position }));
    } catch (error) {
      answers.push(() => reject(error));
    }
  }
  return { state, events, accepted, answers };
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

/** The id of the event that a command causes: a repeated append is recognised by it. */
export const eventId = (stream: string, commandId: string, index: number): string =>
  idFrom(stream, commandId, index);

function newEvent(
  stream: string,
  { data, schemaVersion, read: { type } }: Written,
  index: number,
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
  return { id: eventId(stream, commandId, index), type, data, metadata };
}

const keyUsedBefore = (): Problem =>
  new Problem(
    422,
    'IDEMPOTENCY_KEY_REUSED',
    'This Idempotency-Key came before with another request: use a new key for a new request.',
  );
