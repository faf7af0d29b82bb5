import { LRUCache } from 'lru-cache';
import { evolve, type AnyDecider, type Message } from '../decider.ts';
import { readStream, type EventStore } from '../../platform/event-store.ts';
import type { Logger } from '../../platform/log.ts';
import { emptyOf, remember, type Folded } from './folded.ts';
import { readSnapshot, writeSnapshot } from './snapshot.ts';

/** Streams whose folded state is kept. A cache, not state: the append proves that it is current. */
const MAX_CACHED_STREAMS = 20_000;
/** Of those that have snapshots: up to some 2 MiB each, and soon read again. */
const MAX_CACHED_LONG_STREAMS = 200;

/** What this process last saw of each stream, and how it sees more of it. */
export class StreamCache {
  readonly #client: EventStore;
  readonly #log: Logger;
  readonly #short = new LRUCache<string, Folded<unknown>>({ max: MAX_CACHED_STREAMS });
  readonly #long = new LRUCache<string, Folded<unknown>>({ max: MAX_CACHED_LONG_STREAMS });
  readonly #runningReads = new Map<string, Promise<unknown>>();
  readonly #nextReads = new Map<string, Promise<unknown>>();

  constructor(client: EventStore, log: Logger) {
    this.#client = client;
    this.#log = log;
  }

  #of<State>({ snapshot }: AnyDecider<State>): LRUCache<string, Folded<State>> {
    return (snapshot ? this.#long : this.#short) as LRUCache<string, Folded<State>>;
  }

  /** A stream as this process last saw it; undefined where it never did, or forgot. */
  get<State>(decider: AnyDecider<State>, stream: string): Folded<State> | undefined {
    return this.#of(decider).get(stream);
  }

  set<State>(decider: AnyDecider<State>, stream: string, folded: Folded<State>): void {
    this.#of(decider).set(stream, folded);
  }

  forget<State>(decider: AnyDecider<State>, stream: string): void {
    this.#of(decider).delete(stream);
  }

  /** Folds what the stream has beyond `known`; in place for the commands, which only ever grow. */
  async catchUp<State>(
    decider: AnyDecider<State>,
    stream: string,
    known?: Folded<State>,
  ): Promise<Folded<State>> {
    const folded = known ? { ...known } : await this.#coldStart(decider, stream);
    const { revision: before } = folded;
    for await (const event of readStream(this.#client, stream, folded.revision + 1n)) {
      folded.state = evolve(decider, folded.state, event as Message);
      folded.revision = event.revision;
      folded.position = event.position;
      remember(folded.commands, event.metadata.commandId, event.metadata.fingerprint);
    }
    this.set(decider, stream, folded);
    if (!known) await this.keepSnapshot(decider, stream, before, folded);
    return folded;
  }

  /**
   * Reads on from what is cached. Whoever asks while a read is under way shares the next one: the
   * first may have passed what was appended before he asked.
   */
  refresh<State>(decider: AnyDecider<State>, stream: string): Promise<Folded<State>> {
    const begin = () => {
      this.#nextReads.delete(stream);
      const reading = this.catchUp(decider, stream, this.get(decider, stream)).finally(() =>
        this.#runningReads.delete(stream),
      );
      this.#runningReads.set(stream, reading);
      return reading;
    };
    const next = this.#nextReads.get(stream) as Promise<Folded<State>> | undefined;
    if (next) return next;
    const running = this.#runningReads.get(stream);
    if (!running) return begin();
    const waiting = running.then(begin, begin);
    this.#nextReads.set(stream, waiting);
    return waiting;
  }

  /** Where the fold of a stream begins that this process has not seen: at its snapshot, if any. */
  async #coldStart<State>(decider: AnyDecider<State>, stream: string): Promise<Folded<State>> {
    const { snapshot } = decider;
    const kept = snapshot && (await readSnapshot(this.#client, this.#log, snapshot, stream));
    return kept ?? emptyOf(decider);
  }

  /** Writes a snapshot where the stream passed a multiple of so many events since `before`. */
  async keepSnapshot<State>(
    decider: AnyDecider<State>,
    stream: string,
    before: bigint,
    folded: Folded<State>,
  ): Promise<void> {
    if (!decider.snapshot) return;
    const every = BigInt(decider.snapshot.every);
    if ((folded.revision + 1n) / every === (before + 1n) / every) return;
    await writeSnapshot(this.#client, this.#log, decider.snapshot, stream, folded);
  }
}
