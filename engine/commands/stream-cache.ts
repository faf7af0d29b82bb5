import { LRUCache } from 'lru-cache';
import type { AnyDecider } from '../decider.ts';
import { readStream, type EventStore, type StoredEvent } from '../../platform/event-store.ts';
import type { Logger } from '../../platform/log.ts';
import { refOf, type ParkedEvents } from '../parking.ts';
import { UnknownEventVersion } from '../upcast.ts';
import { emptyOf, foldNext, passOver, type Folded } from './folded.ts';
import { readSnapshot, writeSnapshot } from './snapshot.ts';
import { StreamDamaged } from './stream-damaged.ts';

/** Streams whose folded state is kept. A cache, not state: the append proves that it is current. */
const MAX_CACHED_STREAMS = 20_000;
/** What they may take as JSON; in memory it is some four times as much (measured). */
const MAX_CACHED_BYTES = 32 * 1024 * 1024;
/** Of those that have snapshots, and are soon read again. */
const MAX_CACHED_LONG_STREAMS = 200;
const MAX_CACHED_LONG_BYTES = 32 * 1024 * 1024;
/** What a stream takes beside its state, roughly. */
const ENTRY_OVERHEAD_BYTES = 256;

const cacheOf = (max: number, maxSize: number) =>
  new LRUCache<string, Folded<unknown>>({
    max,
    maxSize,
    sizeCalculation: ({ bytes, commands }) => bytes + commands.bytes + ENTRY_OVERHEAD_BYTES,
  });

/** What this process last saw of each stream, and how it sees more of it. */
export class StreamCache {
  readonly #client: EventStore;
  readonly #log: Logger;
  readonly #now: () => Date;
  readonly #parked: ParkedEvents;
  readonly #short = cacheOf(MAX_CACHED_STREAMS, MAX_CACHED_BYTES);
  readonly #long = cacheOf(MAX_CACHED_LONG_STREAMS, MAX_CACHED_LONG_BYTES);
  readonly #runningReads = new Map<string, Promise<unknown>>();
  readonly #nextReads = new Map<string, Promise<unknown>>();

  constructor(client: EventStore, log: Logger, now: () => Date, parked: ParkedEvents) {
    this.#client = client;
    this.#log = log;
    this.#now = now;
    this.#parked = parked;
  }

  #of<State>({ snapshot }: AnyDecider<State>): LRUCache<string, Folded<State>> {
    return (snapshot ? this.#long : this.#short) as LRUCache<string, Folded<State>>;
  }

  /** A stream as this process last saw it; undefined where it never did, forgot, or could not. */
  get<State>(decider: AnyDecider<State>, stream: string): Folded<State> | undefined {
    const folded = this.#of(decider).get(stream);
    return folded?.damage ? undefined : folded;
  }

  set<State>(decider: AnyDecider<State>, stream: string, folded: Folded<State>): void {
    this.#of(decider).set(stream, folded);
  }

  forget<State>(decider: AnyDecider<State>, stream: string): void {
    this.#of(decider).delete(stream);
  }

  /**
   * Folds what the stream has beyond `known`; in place for the commands. Throws `StreamDamaged`
   * where an event cannot be read, and keeps what was folded up to there.
   */
  async catchUp<State>(
    decider: AnyDecider<State>,
    stream: string,
    known?: Folded<State>,
  ): Promise<Folded<State>> {
    const held = known ?? this.#of(decider).peek(stream);
    const start = held ?? (await this.#coldStart(decider, stream));
    const { damage, ...folded }: Folded<State> = start;
    // Read no further for nothing: with each command of a damaged stream somebody would.
    if (damage && !(await this.#parked.park(damage.event, damage.cause))) throw damage;
    const { revision: before } = folded;
    const stopped = await this.#readOn(decider, stream, folded);
    this.set(decider, stream, folded);
    if (stopped) throw stopped;
    if (!held) await this.keepSnapshot(decider, stream, before, folded);
    return folded;
  }

  /** Reads to the end, in place. Resolves to why it could not fold what it read. */
  async #readOn<State>(
    decider: AnyDecider<State>,
    stream: string,
    folded: Folded<State>,
  ): Promise<StreamDamaged | UnknownEventVersion | undefined> {
    let stopped: StreamDamaged | UnknownEventVersion | undefined;
    for await (const event of readStream(this.#client, stream, folded.revision + 1n)) {
      if (stopped) continue;
      const isLeftOut = this.#parked.isLeftOut(event.id);
      const error = isLeftOut ? undefined : this.#tryFold(decider, folded, event);
      if (error instanceof UnknownEventVersion) stopped = error;
      else if (error !== undefined && !(await this.#parked.park(refOf(event), error))) {
        stopped = folded.damage = new StreamDamaged(refOf(event), error);
      } else if (isLeftOut || error !== undefined) passOver(folded, event);
    }
    return stopped;
  }

  #tryFold<State>(decider: AnyDecider<State>, folded: Folded<State>, event: StoredEvent): unknown {
    try {
      foldNext(decider, folded, event, this.#now().getTime());
      return undefined;
    } catch (error) {
      return error ?? new Error('its rule failed without a reason');
    }
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
    if (!snapshot) return emptyOf(decider);
    const nowMs = this.#now().getTime();
    const kept = await readSnapshot(this.#client, this.#log, snapshot, stream, nowMs);
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
