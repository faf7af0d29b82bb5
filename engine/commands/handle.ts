import { LRUCache } from 'lru-cache';
import { NOTHING_CHANGED, evolve, type Decider, type Message } from '../decider.ts';
import {
  NO_REVISION,
  append,
  readStream,
  type EventMetadata,
  type EventStore,
  type NewEvent,
} from '../../platform/event-store.ts';
import { Problem, unavailable } from '../../platform/http.ts';
import { idFrom } from '../../platform/ids.ts';
import type { Logger } from '../../platform/log.ts';
import { readSnapshot, writeSnapshot } from './snapshot.ts';

/** Streams whose folded state is kept. A cache, not state: the append proves that it is current. */
const MAX_CACHED_STREAMS = 20_000;
/** Of those that have snapshots: up to some 2 MiB each, and soon read again. */
const MAX_CACHED_LONG_STREAMS = 200;
/** Commands to one stream that wait for the append before theirs; more are refused. */
const MAX_QUEUED_COMMANDS = 1_000;
/** Commands to one stream that are appended together. */
const MAX_BATCH_COMMANDS = 100;
/** How often a decision is made anew because another process appended first. */
const MAX_ATTEMPTS = 10;
/** The newest commands of a stream that a repeat is recognised against. */
const MAX_REMEMBERED_COMMANDS = 1_000;
/** Version of the events' shapes that this code writes. */
const SCHEMA_VERSION = 1;

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

/** A stream as far as this process has read it. `commands`: id → fingerprint, oldest first. */
export type Folded<State> = {
  state: State;
  revision: bigint;
  position: bigint;
  commands: Map<string, string | undefined>;
};

type Waiting<State, Command> = {
  command: Command;
  context: CommandContext;
  resolve: (outcome: Outcome<State>) => void;
  reject: (error: unknown) => void;
};

type AnyDecider<State> = Decider<State, never, never>;

export type Handler = ReturnType<typeof createHandler>;

/**
 * The one way from a command to its events: fetch the stream's state, decide, append at the
 * revision that was read; who loses a race reads what it lacks and decides again. Commands to one
 * stream queue here and are appended as one batch.
 */
export function createHandler(client: EventStore, log: Logger, now: () => Date = () => new Date()) {
  const shortStreams = new LRUCache<string, Folded<unknown>>({ max: MAX_CACHED_STREAMS });
  const longStreams = new LRUCache<string, Folded<unknown>>({ max: MAX_CACHED_LONG_STREAMS });
  const cacheOf = <State>({ snapshot }: AnyDecider<State>) =>
    (snapshot ? longStreams : shortStreams) as LRUCache<string, Folded<State>>;
  const queues = new Map<string, Waiting<never, never>[]>();
  const runningReads = new Map<string, Promise<unknown>>();
  const nextReads = new Map<string, Promise<unknown>>();

  /** Folds what the stream has beyond `known`; in place for the commands, which only ever grow. */
  async function catchUp<State>(
    decider: AnyDecider<State>,
    stream: string,
    known?: Folded<State>,
  ): Promise<Folded<State>> {
    const folded = known ? { ...known } : await coldStart(decider, stream);
    const { revision: before } = folded;
    for await (const event of readStream(client, stream, folded.revision + 1n)) {
      folded.state = evolve(decider, folded.state, event as Message);
      folded.revision = event.revision;
      folded.position = event.position;
      remember(folded.commands, event.metadata.commandId, event.metadata.fingerprint);
    }
    cacheOf(decider).set(stream, folded);
    if (!known) await keepSnapshot(decider, stream, before, folded);
    return folded;
  }

  /**
   * Reads on from what is cached. Whoever asks while a read is under way shares the next one: the
   * first may have passed what was appended before he asked.
   */
  function refresh<State>(decider: AnyDecider<State>, stream: string): Promise<Folded<State>> {
    const begin = () => {
      nextReads.delete(stream);
      const reading = catchUp(decider, stream, cacheOf(decider).get(stream)).finally(() =>
        runningReads.delete(stream),
      );
      runningReads.set(stream, reading);
      return reading;
    };
    const next = nextReads.get(stream) as Promise<Folded<State>> | undefined;
    if (next) return next;
    const running = runningReads.get(stream);
    if (!running) return begin();
    const waiting = running.then(begin, begin);
    nextReads.set(stream, waiting);
    return waiting;
  }

  /** Where the fold of a stream begins that this process has not seen: at its snapshot, if any. */
  async function coldStart<State>(
    decider: AnyDecider<State>,
    stream: string,
  ): Promise<Folded<State>> {
    const { snapshot } = decider;
    const kept = snapshot && (await readSnapshot(client, log, snapshot, stream));
    return kept ?? emptyOf(decider);
  }

  /** Writes a snapshot where the stream passed a multiple of so many events since `before`. */
  async function keepSnapshot<State>(
    decider: AnyDecider<State>,
    stream: string,
    before: bigint,
    folded: Folded<State>,
  ): Promise<void> {
    if (!decider.snapshot) return;
    const every = BigInt(decider.snapshot.every);
    if ((folded.revision + 1n) / every === (before + 1n) / every) return;
    await writeSnapshot(client, log, decider.snapshot, stream, folded);
  }

  /** The state of a stream: what this process last saw of it, or read now if `fresh` or unseen. */
  async function load<State, C extends Message, E extends Message>(
    decider: Decider<State, C, E>,
    id: string,
    { fresh }: { fresh: boolean },
  ): Promise<State> {
    const stream = `${decider.category}-${id}`;
    const any = decider as unknown as AnyDecider<State>;
    const known = cacheOf(any).get(stream);
    if (known && !fresh) return known.state;
    return (await refresh(any, stream)).state;
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
    batch: Waiting<State, Message>[],
    current: boolean,
  ): Promise<(() => void)[] | undefined> {
    let { state, revision, position: end } = folded;
    const accepted = new Map<string, string | undefined>();
    const events: NewEvent[] = [];
    const answers: ((position: bigint) => void)[] = [];
    for (const { command, context, resolve, reject } of batch) {
      const seen = [accepted, folded.commands].find((known) => known.has(context.commandId));
      if (seen) {
        const same = seen.get(context.commandId) === context.fingerprint;
        const outcome = { state, events: [] };
        answers.push((position) =>
          same ? resolve({ ...outcome, position }) : reject(keyUsedBefore()),
        );
        continue;
      }
      try {
        const decided = decide(decider, state, command);
        const at = now().toISOString();
        const { fingerprint, isCheck } = context;
        // Whoever sent a key may send it again.
        const isMarked = decided.length === 0 && fingerprint !== undefined && !isCheck;
        const caused = isMarked ? [{ type: NOTHING_CHANGED, data: {} }] : decided;
        caused.forEach((event, index) => {
          state = evolve(decider, state, event);
          events.push(newEvent(stream, event as Message<string, object>, index, context, at));
        });
        if (caused.length > 0) accepted.set(context.commandId, fingerprint);
        const outcome = { state, events: decided.map(({ type }) => type) };
        answers.push((position) => resolve({ ...outcome, position }));
      } catch (error) {
        answers.push(() => reject(error));
      }
    }
    if (events.length === 0 && !current) return undefined;
    if (events.length > 0) {
      const appended = await append(client, stream, events, revision);
      if (appended === undefined) return undefined;
      end = appended;
      revision += BigInt(events.length);
      for (const [id, fingerprint] of accepted) remember(folded.commands, id, fingerprint);
      const { commands } = folded;
      cacheOf(decider).set(stream, { state, revision, position: end, commands });
    }
    return answers.map((answer) => () => answer(end));
  }

  async function handleBatch<State>(
    decider: AnyDecider<State>,
    stream: string,
    batch: Waiting<State, Message>[],
  ): Promise<void> {
    try {
      const known = cacheOf(decider).get(stream);
      const isNew = !known && mayBegin(decider, batch);
      let folded = known ?? (isNew ? emptyOf(decider) : await catchUp(decider, stream));
      let current = !known && !isNew;
      for (let tries = 1; tries <= MAX_ATTEMPTS; tries++) {
        const answers = await attempt(decider, stream, folded, batch, current);
        if (answers) {
          answers.forEach((answer) => answer());
          const appended = cacheOf(decider).get(stream) ?? folded;
          return await keepSnapshot(decider, stream, folded.revision, appended);
        }
        const isEmpty = folded.revision === NO_REVISION;
        folded = await catchUp(decider, stream, isEmpty ? undefined : folded);
        current = true;
      }
      throw unavailable('CONTENDED', 'Too many changes at once: try again with the same key.');
    } catch (error) {
      // What was cached may lack an append whose answer was lost.
      cacheOf(decider).delete(stream);
      for (const { reject } of batch) reject(error);
    }
  }

  async function drainQueue<State>(decider: AnyDecider<State>, stream: string): Promise<void> {
    for (;;) {
      const queue = queues.get(stream) as Waiting<State, Message>[] | undefined;
      if (!queue?.length) break;
      await handleBatch(decider, stream, queue.splice(0, MAX_BATCH_COMMANDS));
    }
    queues.delete(stream);
  }

  /**
   * Decides one command on the stream of `id` and appends its events; resolves when they are on
   * disk. Throws the decider's `Rejected`, `AppendOutcomeUnknown`, or a `Problem`: 422 for another
   * command under a known id, 503 when too much waits.
   */
  function handle<State, C extends Message, E extends Message>(
    decider: Decider<State, C, E>,
    id: string,
    command: C,
    context: CommandContext,
  ): Promise<Outcome<State>> {
    const stream = `${decider.category}-${id}`;
    return new Promise((resolve, reject) => {
      const waiting = { command, context, resolve, reject } as unknown as Waiting<never, never>;
      const queue = queues.get(stream);
      if (queue && queue.length >= MAX_QUEUED_COMMANDS) {
        return reject(unavailable('BUSY', 'Too much waits here: try again with the same key.'));
      }
      if (queue) return void queue.push(waiting);
      queues.set(stream, [waiting]);
      drainQueue(decider as unknown as AnyDecider<State>, stream).catch(reject);
    });
  }

  return { handle, load };
}

/**
 * Whether a stream that was never seen need not be read first, since it is most likely new: the
 * append proves that it was empty, or began with just this command. It could not tell another
 * request that came under the same key; and long streams are seldom new.
 */
const mayBegin = <State>(
  { snapshot }: AnyDecider<State>,
  [first, ...others]: Waiting<State, Message>[],
): boolean => !snapshot && others.length === 0 && first!.context.fingerprint === undefined;

/** A stream before its first event. */
const emptyOf = <State>({ initial }: AnyDecider<State>): Folded<State> => ({
  state: initial,
  revision: NO_REVISION,
  position: 0n,
  commands: new Map(),
});

// The map is keyed by message type, which the compiler cannot follow through a lookup.
function decide(decider: object, state: unknown, { type, data }: Message): Message[] {
  const { decide: deciders } = decider as Decider<unknown, Message, Message>;
  return deciders[type]!(state, data);
}

function remember(
  commands: Map<string, string | undefined>,
  commandId: string,
  fingerprint: string | undefined,
): void {
  commands.set(commandId, fingerprint);
  if (commands.size <= MAX_REMEMBERED_COMMANDS) return;
  const [oldest] = commands.keys();
  commands.delete(oldest!);
}

/** The id of the event that a command causes: a repeated append is recognised by it. */
export const eventId = (stream: string, commandId: string, index: number): string =>
  idFrom(stream, commandId, index);

function newEvent(
  stream: string,
  { type, data }: Message<string, object>,
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
    schemaVersion: SCHEMA_VERSION,
  };
  return { id: eventId(stream, commandId, index), type, data, metadata };
}

const keyUsedBefore = (): Problem =>
  new Problem(
    422,
    'IDEMPOTENCY_KEY_REUSED',
    'This Idempotency-Key came before with another request: use a new key for a new request.',
  );
